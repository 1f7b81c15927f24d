//! The closed list of commands: what each one draws or does. What is not listed here is not drawn.

use super::names::SYMBOLS;

/// What a symbol does to its neighbours, after TeX's atoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A letter or another ordinary sign.
    Ord,
    /// Digits, with their point.
    Number,
    /// The name of a function.
    Name,
    /// A name whose scripts stand below: `lim`, `max`.
    Limit,
    /// A sign whose scripts stand below and above: `∑`.
    Large,
    /// An integral sign: scripts stay at its side.
    Integral,
    /// Between two operands.
    Bin,
    /// A relation or an arrow.
    Rel,
    /// An opening bracket.
    Open,
    /// A closing bracket.
    Close,
    /// A comma or a semicolon.
    Punct,
    /// Words, with spaces of their own.
    Text,
    /// A fraction, root or matrix.
    Inner,
}

/// Typefaces that change the meaning of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Font {
    /// As it stands.
    #[default]
    Plain,
    /// Bold, shown by the style.
    Bold,
    /// Double-struck: ℝ.
    Double,
    /// Script: ℒ.
    Script,
    /// Fraktur: 𝔤.
    Fraktur,
}

/// Signs over or under an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accent {
    /// A line over the whole expression.
    Overline,
    /// A line under the whole expression.
    Underline,
    /// A combining mark over one sign, or over the closing bracket of a longer expression.
    Mark(char),
    /// Struck out.
    Cancel,
}

/// What a command means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// A sign.
    Symbol(char, Class),
    /// Upright letters.
    Name(&'static str, Class),
    /// Empty cells.
    Space(usize),
    /// Changes sizes or places only.
    Ignored,
    /// Draws nothing, and neither do its arguments.
    Skip(usize),
    /// Its argument in a typeface.
    Font(Font),
    /// The rest of the group in a typeface.
    Switch(Font),
    /// Its argument as words.
    Words(Font),
    /// `\frac`.
    Fraction,
    /// `\binom`.
    Binomial,
    /// `\sqrt`.
    Root,
    /// `\root n \of x`.
    RootOf,
    /// `\of`.
    Of,
    /// An accent with one argument.
    Accent(Accent),
    /// `\boxed`.
    Boxed,
    /// `\overset` (true) or `\underset`: what stands over or under comes first.
    Stack(bool),
    /// `\overbrace` (true) or `\underbrace`.
    Brace(bool),
    /// `\left`.
    Left,
    /// `\right`.
    Right,
    /// `\middle`.
    Middle,
    /// `\begin`.
    Begin,
    /// `\end`.
    End,
    /// A row ends.
    NewRow,
    /// A line across an array.
    Rule,
    /// `\not`.
    Not,
    /// `a \over b` (true) and `a \choose b`.
    Infix(bool),
    /// `\operatorname`.
    OperatorName,
    /// `\pmod`.
    Pmod,
    /// `\tag`.
    Tag,
    /// `\substack`.
    Substack,
}

/// What the command of this name (without its backslash) means; `None` for one that is not on the list.
pub(super) fn command(name: &str) -> Option<Command> {
    SYMBOLS
        .binary_search_by(|(known, ..)| (*known).cmp(name))
        .ok()
        .and_then(|at| SYMBOLS.get(at))
        .map(|&(_, c, class)| Command::Symbol(c, class))
        .or_else(|| function(name))
        .or_else(|| structure(name))
}

/// Names of functions.
fn function(name: &str) -> Option<Command> {
    const NAMES: [&str; 25] = [
        "arccos", "arccot", "arcsin", "arctan", "arg", "cos", "cosh", "cot", "coth", "csc", "deg", "dim", "exp", "hom", "ker",
        "lcm", "lg", "ln", "log", "sec", "sin", "sinh", "tan", "tanh", "sgn",
    ];
    const LIMITS: [&str; 9] = ["det", "gcd", "inf", "lim", "liminf", "limsup", "max", "min", "sup"];
    if name == "Pr" {
        return Some(Command::Name("Pr", Class::Limit));
    }
    if name == "bmod" || name == "mod" {
        return Some(Command::Name("mod", Class::Bin));
    }
    let find =
        |names: &[&'static str], class| names.iter().find(|known| **known == name).map(|known| Command::Name(known, class));
    find(&NAMES, Class::Name).or_else(|| find(&LIMITS, Class::Limit))
}

fn structure(name: &str) -> Option<Command> {
    Some(match name {
        "," | ":" | ";" | ">" | " " | "\n" | "thinspace" | "enspace" | "space" | "medspace" | "thickspace" => Command::Space(1),
        "quad" => Command::Space(2),
        "qquad" => Command::Space(4),
        "!" | "/" | "displaystyle" | "textstyle" | "scriptstyle" | "scriptscriptstyle" | "limits" | "nolimits" | "big"
        | "Big" | "bigg" | "Bigg" | "bigl" | "bigr" | "bigm" | "Bigl" | "Bigr" | "Bigm" | "biggl" | "biggr" | "Biggl"
        | "Biggr" | "nonumber" | "notag" | "allowbreak" | "nobreak" | "noindent" | "mathop" | "mathrel" | "mathbin"
        | "mathord" | "mathopen" | "mathclose" | "mathpunct" | "mathinner" | "mathstrut" | "strut" | "normalsize" | "small"
        | "large" | "Large" | "tiny" | "scriptsize" | "footnotesize" | "centering" | "relax" | "-" | "smash" | "ensuremath" => {
            Command::Ignored
        }
        "phantom" | "hphantom" | "vphantom" | "hspace" | "vspace" | "color" | "label" | "hspace*" | "vspace*" => Command::Skip(1),
        "renewcommand" | "setlength" => Command::Skip(2),
        "mathbf" | "boldsymbol" | "bm" | "bold" | "pmb" => Command::Font(Font::Bold),
        "mathrm" | "mathit" | "mathsf" | "mathtt" | "mathnormal" => Command::Font(Font::Plain),
        "mathbb" | "Bbb" => Command::Font(Font::Double),
        "mathcal" | "mathscr" => Command::Font(Font::Script),
        "mathfrak" => Command::Font(Font::Fraktur),
        "bf" | "bfseries" => Command::Switch(Font::Bold),
        "rm" | "it" | "sf" | "tt" | "cal" | "em" => Command::Switch(Font::Plain),
        "text" | "mbox" | "hbox" | "textrm" | "textnormal" | "textit" | "textsf" | "texttt" | "textup" | "emph" | "textsc" => {
            Command::Words(Font::Plain)
        }
        "textbf" => Command::Words(Font::Bold),
        "frac" | "dfrac" | "tfrac" | "cfrac" => Command::Fraction,
        "binom" | "dbinom" | "tbinom" => Command::Binomial,
        "sqrt" => Command::Root,
        "root" => Command::RootOf,
        "of" => Command::Of,
        "overline" => Command::Accent(Accent::Overline),
        "underline" => Command::Accent(Accent::Underline),
        "bar" => Command::Accent(Accent::Mark('\u{304}')),
        "hat" | "widehat" => Command::Accent(Accent::Mark('\u{302}')),
        "tilde" | "widetilde" => Command::Accent(Accent::Mark('\u{303}')),
        "vec" | "overrightarrow" => Command::Accent(Accent::Mark('\u{20d7}')),
        "overleftarrow" => Command::Accent(Accent::Mark('\u{20d6}')),
        "overleftrightarrow" => Command::Accent(Accent::Mark('\u{20e1}')),
        "dot" => Command::Accent(Accent::Mark('\u{307}')),
        "ddot" => Command::Accent(Accent::Mark('\u{308}')),
        "check" => Command::Accent(Accent::Mark('\u{30c}')),
        "cancel" | "bcancel" | "xcancel" => Command::Accent(Accent::Cancel),
        "boxed" | "fbox" | "framebox" => Command::Boxed,
        "overset" | "stackrel" => Command::Stack(true),
        "underset" => Command::Stack(false),
        "overbrace" => Command::Brace(true),
        "underbrace" => Command::Brace(false),
        "left" => Command::Left,
        "right" => Command::Right,
        "middle" => Command::Middle,
        "begin" => Command::Begin,
        "end" => Command::End,
        "\\" | "cr" | "newline" | "tabularnewline" => Command::NewRow,
        "hline" => Command::Rule,
        "not" => Command::Not,
        "over" => Command::Infix(true),
        "choose" => Command::Infix(false),
        "operatorname" | "operatorname*" => Command::OperatorName,
        "pmod" => Command::Pmod,
        "tag" | "tag*" => Command::Tag,
        "substack" => Command::Substack,
        _ => return None,
    })
}

/// What a character of the source is when no command stands before it.
pub(super) fn class_of(c: char) -> Class {
    match c {
        '0'..='9' => Class::Number,
        '+' | '-' | '*' | '\u{b1}' | '\u{d7}' | '\u{f7}' | '\u{2212}' | '\u{b7}' | '\u{22c5}' | '\u{2213}' | '\u{2217}'
        | '\u{2295}' | '\u{2297}' | '\u{2229}' | '\u{222a}' | '\u{2227}' | '\u{2228}' => Class::Bin,
        '='
        | '<'
        | '>'
        | ':'
        | '\u{2190}'..='\u{21ff}'
        | '\u{2208}'..='\u{220d}'
        | '\u{2223}'..='\u{2226}'
        | '\u{2234}'..='\u{226f}'
        | '\u{2282}'..='\u{228b}'
        | '\u{22a2}'..='\u{22a5}'
        | '\u{27f5}'..='\u{27ff}' => Class::Rel,
        '(' | '[' => Class::Open,
        ')' | ']' | '!' | '?' => Class::Close,
        ',' | ';' | '.' => Class::Punct,
        '\u{2211}' | '\u{220f}' => Class::Large,
        '\u{222b}' => Class::Integral,
        _ => Class::Ord,
    }
}

/// The sign that `\not` makes of the sign behind it.
pub(super) fn negated(c: char) -> Option<char> {
    Some(match c {
        '=' => '\u{2260}',
        '<' => '\u{226e}',
        '>' => '\u{226f}',
        '\u{2264}' => '\u{2270}',
        '\u{2265}' => '\u{2271}',
        '\u{2208}' => '\u{2209}',
        '\u{2261}' => '\u{2262}',
        '|' | '\u{2223}' => '\u{2224}',
        '\u{2225}' => '\u{2226}',
        '\u{2282}' => '\u{2284}',
        '\u{2283}' => '\u{2285}',
        '\u{2286}' => '\u{2288}',
        '\u{2287}' => '\u{2289}',
        '\u{223c}' => '\u{2241}',
        '\u{2245}' => '\u{2247}',
        '\u{2248}' => '\u{2249}',
        '\u{2203}' => '\u{2204}',
        '\u{21d2}' => '\u{21cf}',
        '\u{2192}' => '\u{219b}',
        _ => return None,
    })
}

/// A letter in a typeface; `None` when Unicode has no such letter.
pub(super) fn lettered(c: char, font: Font) -> Option<char> {
    let (upper, lower, digit) = match font {
        Font::Plain | Font::Bold => return Some(c),
        Font::Double => (0x1d538, 0x1d552, Some(0x1d7d8)),
        Font::Script => (0x1d49c, 0x1d4b6, None),
        Font::Fraktur => (0x1d504, 0x1d51e, None),
    };
    // Letters that Unicode had before the others.
    let early = match (font, c) {
        (Font::Double, 'C') => Some('\u{2102}'),
        (Font::Double, 'H') => Some('\u{210d}'),
        (Font::Double, 'N') => Some('\u{2115}'),
        (Font::Double, 'P') => Some('\u{2119}'),
        (Font::Double, 'Q') => Some('\u{211a}'),
        (Font::Double, 'R') => Some('\u{211d}'),
        (Font::Double, 'Z') => Some('\u{2124}'),
        (Font::Script, 'B') => Some('\u{212c}'),
        (Font::Script, 'E') => Some('\u{2130}'),
        (Font::Script, 'F') => Some('\u{2131}'),
        (Font::Script, 'H') => Some('\u{210b}'),
        (Font::Script, 'I') => Some('\u{2110}'),
        (Font::Script, 'L') => Some('\u{2112}'),
        (Font::Script, 'M') => Some('\u{2133}'),
        (Font::Script, 'R') => Some('\u{211b}'),
        (Font::Script, 'e') => Some('\u{212f}'),
        (Font::Script, 'g') => Some('\u{210a}'),
        (Font::Script, 'o') => Some('\u{2134}'),
        (Font::Fraktur, 'C') => Some('\u{212d}'),
        (Font::Fraktur, 'H') => Some('\u{210c}'),
        (Font::Fraktur, 'I') => Some('\u{2111}'),
        (Font::Fraktur, 'R') => Some('\u{211c}'),
        (Font::Fraktur, 'Z') => Some('\u{2128}'),
        _ => None,
    };
    if early.is_some() {
        return early;
    }
    let offset = |base: u32, first: char| char::from_u32(base + u32::from(c) - u32::from(first));
    match c {
        'A'..='Z' => offset(upper, 'A'),
        'a'..='z' => offset(lower, 'a'),
        '0'..='9' => digit.and_then(|digit| offset(digit, '0')),
        _ => None,
    }
}

/// The superscript form of a character.
pub(super) fn superscript(c: char) -> Option<char> {
    const LETTERS: [(char, char); 43] = [
        ('a', 'ᵃ'),
        ('b', 'ᵇ'),
        ('c', 'ᶜ'),
        ('d', 'ᵈ'),
        ('e', 'ᵉ'),
        ('f', 'ᶠ'),
        ('g', 'ᵍ'),
        ('h', 'ʰ'),
        ('i', 'ⁱ'),
        ('j', 'ʲ'),
        ('k', 'ᵏ'),
        ('l', 'ˡ'),
        ('m', 'ᵐ'),
        ('n', 'ⁿ'),
        ('o', 'ᵒ'),
        ('p', 'ᵖ'),
        ('r', 'ʳ'),
        ('s', 'ˢ'),
        ('t', 'ᵗ'),
        ('u', 'ᵘ'),
        ('v', 'ᵛ'),
        ('w', 'ʷ'),
        ('x', 'ˣ'),
        ('y', 'ʸ'),
        ('z', 'ᶻ'),
        ('A', 'ᴬ'),
        ('B', 'ᴮ'),
        ('D', 'ᴰ'),
        ('E', 'ᴱ'),
        ('G', 'ᴳ'),
        ('H', 'ᴴ'),
        ('I', 'ᴵ'),
        ('J', 'ᴶ'),
        ('K', 'ᴷ'),
        ('L', 'ᴸ'),
        ('M', 'ᴹ'),
        ('N', 'ᴺ'),
        ('O', 'ᴼ'),
        ('P', 'ᴾ'),
        ('R', 'ᴿ'),
        ('T', 'ᵀ'),
        ('U', 'ᵁ'),
        ('W', 'ᵂ'),
    ];
    Some(match c {
        '1' => '\u{b9}',
        '2' => '\u{b2}',
        '3' => '\u{b3}',
        '0' | '4'..='9' => char::from_u32(0x2070 + u32::from(c) - 0x30)?,
        '+' => '\u{207a}',
        '-' => '\u{207b}',
        '=' => '\u{207c}',
        '(' => '\u{207d}',
        ')' => '\u{207e}',
        '\'' | '\u{2032}' => '\u{2032}',
        '\u{2218}' => '\u{b0}',
        _ => LETTERS.iter().find(|(from, _)| *from == c)?.1,
    })
}

/// The subscript form of a character.
pub(super) fn subscript(c: char) -> Option<char> {
    const LETTERS: [(char, char); 17] = [
        ('a', 'ₐ'),
        ('e', 'ₑ'),
        ('h', 'ₕ'),
        ('i', 'ᵢ'),
        ('j', 'ⱼ'),
        ('k', 'ₖ'),
        ('l', 'ₗ'),
        ('m', 'ₘ'),
        ('n', 'ₙ'),
        ('o', 'ₒ'),
        ('p', 'ₚ'),
        ('r', 'ᵣ'),
        ('s', 'ₛ'),
        ('t', 'ₜ'),
        ('u', 'ᵤ'),
        ('v', 'ᵥ'),
        ('x', 'ₓ'),
    ];
    Some(match c {
        '0'..='9' => char::from_u32(0x2080 + u32::from(c) - 0x30)?,
        '+' => '\u{208a}',
        '-' => '\u{208b}',
        '=' => '\u{208c}',
        '(' => '\u{208d}',
        ')' => '\u{208e}',
        _ => LETTERS.iter().find(|(from, _)| *from == c)?.1,
    })
}
