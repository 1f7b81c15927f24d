//! LaTeX mathematics as a tree. Whatever is not understood in full is an error: the formula is then shown as its source.

use super::Reason;
use super::environment::Grid;
use super::symbols::{Accent, Class, Command, Font, class_of, command, lettered, negated};

/// Groups inside of groups. Real formulas stay below ten.
const DEPTH: usize = 32;

/// A part of a formula.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// Signs that stand together.
    Atom {
        /// What is drawn.
        text: String,
        /// What it does to its neighbours.
        class: Class,
        /// Bold face.
        bold: bool,
    },
    /// Empty cells.
    Space(usize),
    /// `{...}`.
    Group(Vec<Node>),
    /// A fraction, or a binomial when there is no bar.
    Fraction { top: Vec<Node>, bottom: Vec<Node>, bar: bool },
    /// A root.
    Root { index: Vec<Node>, body: Vec<Node> },
    /// Scripts in the order of the source: true stands above.
    Script { base: Box<Node>, parts: Vec<(bool, Vec<Node>)> },
    /// A sign over, under or through the body.
    Accent { accent: Accent, body: Vec<Node> },
    /// `\left` to `\right`; an empty string for an invisible bracket. The brackets of `\pmod` and `\tag` are added.
    Fenced { open: String, close: String, body: Vec<Node>, added: bool },
    /// Rows and columns.
    Grid(Grid),
    /// `\boxed`.
    Boxed(Vec<Node>),
    /// Something over (true) or under a base; written in front of it or (brace) behind it.
    Stack { base: Vec<Node>, label: Vec<Node>, over: bool, brace: bool },
}

/// What ended a row of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    Source,
    Brace,
    Bracket,
    Right,
    Cell,
    NewRow,
    End,
    Of,
}

/// Reads a formula without its delimiters.
pub(super) fn parse(source: &str) -> Result<Vec<Node>, Reason> {
    let mut parser = Parser { source, at: 0, depth: 0, font: Font::Plain };
    let mut rows = vec![vec![Vec::new()]];
    // Rows and columns also stand outside of environments, in `$$a \\ b$$`.
    loop {
        let (nodes, stop) = parser.row(false)?;
        if let Some(cell) = rows.last_mut().and_then(|row| row.last_mut()) {
            *cell = nodes;
        }
        match stop {
            Stop::Source => break,
            Stop::NewRow => rows.push(vec![Vec::new()]),
            Stop::Cell => rows.last_mut().into_iter().for_each(|row| row.push(Vec::new())),
            _ => return Err(Reason::Unbalanced),
        }
    }
    let single = rows.len() == 1 && rows.first().is_some_and(|row| row.len() == 1);
    if single {
        return Ok(rows.pop().and_then(|mut row| row.pop()).unwrap_or_default());
    }
    Ok(vec![Node::Grid(Grid::lines(rows))])
}

#[derive(Clone, Copy)]
pub(super) struct Parser<'a> {
    source: &'a str,
    /// Byte of the source that comes next.
    pub(super) at: usize,
    depth: usize,
    font: Font,
}

impl<'a> Parser<'a> {
    pub(super) fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    pub(super) fn skip_space(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
        self.at > start
    }

    /// Name of the command that starts here, which is behind its backslash then.
    fn name(&mut self) -> &'a str {
        let (name, len) = command_name(self.rest());
        self.at += len;
        name
    }

    /// The command that starts here, looked at only.
    pub(super) fn command(&self) -> Option<Command> {
        self.rest().strip_prefix('\\').and_then(|rest| command(command_name(rest).0))
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Reason>) -> Result<T, Reason> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Reason::TooDeep);
        }
        let font = self.font;
        let value = read(self);
        self.font = font;
        self.depth -= 1;
        value
    }

    /// Nodes up to something that ends them, which is taken in.
    pub(super) fn row(&mut self, bracket: bool) -> Result<(Vec<Node>, Stop), Reason> {
        self.deeper(|parser| parser.row_here(bracket))
    }

    fn row_here(&mut self, bracket: bool) -> Result<(Vec<Node>, Stop), Reason> {
        let mut nodes = Vec::new();
        let mut infix: Option<(Vec<Node>, bool)> = None;
        let stop = loop {
            let spaced = self.skip_space();
            let Some(c) = self.peek() else { break Stop::Source };
            if spaced && matches!(nodes.last(), Some(Node::Atom { class: Class::Punct, .. })) {
                nodes.push(Node::Space(1));
            }
            match c {
                '}' => break self.taken(Stop::Brace),
                ']' if bracket => break self.taken(Stop::Bracket),
                '&' => break self.taken(Stop::Cell),
                '^' | '_' | '\'' => self.script(&mut nodes)?,
                '\\' => match self.command() {
                    Some(Command::Right) => break self.taken_command(Stop::Right),
                    Some(Command::End) => break self.taken_command(Stop::End),
                    Some(Command::Of) => break self.taken_command(Stop::Of),
                    Some(Command::NewRow) => {
                        let stop = self.taken_command(Stop::NewRow);
                        self.optional_argument();
                        break stop;
                    }
                    Some(Command::Infix(bar)) => {
                        self.taken_command(Stop::Source);
                        if infix.replace((std::mem::take(&mut nodes), bar)).is_some() {
                            return Err(Reason::Unbalanced);
                        }
                    }
                    Some(Command::Switch(font)) => {
                        self.taken_command(Stop::Source);
                        self.font = font;
                    }
                    _ => self.item(&mut nodes)?,
                },
                _ => self.item(&mut nodes)?,
            }
        };
        if let Some((top, bar)) = infix {
            nodes = vec![Node::Fraction { top, bottom: nodes, bar }];
        }
        Ok((nodes, stop))
    }

    fn taken(&mut self, stop: Stop) -> Stop {
        self.next();
        stop
    }

    pub(super) fn taken_command(&mut self, stop: Stop) -> Stop {
        self.next();
        self.name();
        stop
    }

    /// One thing that is no script; digits join the number before them.
    fn item(&mut self, nodes: &mut Vec<Node>) -> Result<(), Reason> {
        let Some(c) = self.peek() else { return Ok(()) };
        let glued = self.source.get(..self.at).is_some_and(|before| before.ends_with(|c: char| c.is_ascii_digit() || c == '.'));
        let decimal = c == '.' && self.rest().get(1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if (c.is_ascii_digit() || decimal) && self.font != Font::Double {
            self.next();
            match nodes.last_mut() {
                Some(Node::Atom { text, class: Class::Number, bold })
                    if (glued || decimal) && *bold == (self.font == Font::Bold) =>
                {
                    text.push(c);
                    return Ok(());
                }
                _ => {}
            }
            nodes.push(self.atom(c.to_string(), Class::Number));
            return Ok(());
        }
        nodes.extend(self.unit()?);
        Ok(())
    }

    fn atom(&self, text: String, class: Class) -> Node {
        Node::Atom { text, class, bold: self.font == Font::Bold }
    }

    /// A group, a command with its arguments, or one sign.
    fn unit(&mut self) -> Result<Option<Node>, Reason> {
        self.skip_space();
        let Some(c) = self.next() else { return Err(Reason::Unbalanced) };
        Ok(Some(match c {
            '{' => return self.group_here().map(Some),
            '\\' => return self.deeper(Self::command_here),
            '}' | '&' | '^' | '_' | '$' => return Err(Reason::Unbalanced),
            '~' => Node::Space(1),
            c if c.is_control() => return Err(Reason::Unbalanced),
            c => self.sign(c, class_of(c))?,
        }))
    }

    fn sign(&self, c: char, class: Class) -> Result<Node, Reason> {
        let letter = c.is_ascii_alphanumeric();
        let drawn = if letter { lettered(c, self.font).ok_or(Reason::NoSign(c))? } else { c };
        // A mark that combines with its neighbour cannot be placed.
        if unicode_width::UnicodeWidthChar::width(drawn).unwrap_or(0) == 0 {
            return Err(Reason::NoSign(c));
        }
        Ok(self.atom(drawn.to_string(), class))
    }

    /// The group whose opening brace was taken.
    fn group_here(&mut self) -> Result<Node, Reason> {
        match self.row(false)? {
            (nodes, Stop::Brace) => Ok(Node::Group(nodes)),
            _ => Err(Reason::Unbalanced),
        }
    }

    /// An argument: a group or a single thing.
    fn argument(&mut self) -> Result<Vec<Node>, Reason> {
        Ok(match self.unit()? {
            Some(Node::Group(nodes)) => nodes,
            other => other.into_iter().collect(),
        })
    }

    /// `[...]` that changes distances only.
    pub(super) fn optional_argument(&mut self) {
        if self.rest().starts_with('[')
            && let Some(end) = self.rest().find(']')
            && end < 12
        {
            self.at += end + 1;
        }
    }

    fn script(&mut self, nodes: &mut Vec<Node>) -> Result<(), Reason> {
        let Some(sign) = self.next() else { return Ok(()) };
        let above = sign != '_';
        let argument = if sign == '\'' { vec![self.atom("\u{2032}".to_owned(), Class::Ord)] } else { self.argument()? };
        let base = match nodes.pop() {
            Some(space @ Node::Space(_)) => {
                nodes.push(space);
                Node::Group(Vec::new())
            }
            Some(node) => node,
            None => Node::Group(Vec::new()),
        };
        let (base, mut parts) = match base {
            Node::Script { base, parts } => (base, parts),
            other => (Box::new(other), Vec::new()),
        };
        let primes = |nodes: &[Node]| nodes.iter().all(|n| matches!(n, Node::Atom { text, .. } if text == "\u{2032}"));
        match parts.iter_mut().find(|(up, _)| *up == above) {
            Some((_, known)) if above && primes(known) && parts_end_with_prime(known) => known.extend(argument),
            Some(_) => return Err(Reason::Unbalanced),
            None => parts.push((above, argument)),
        }
        nodes.push(Node::Script { base, parts });
        Ok(())
    }

    /// The command whose backslash was taken.
    fn command_here(&mut self) -> Result<Option<Node>, Reason> {
        let name = self.name();
        let unknown = || Reason::Unknown(name.chars().take(24).collect());
        Ok(Some(match command(name).ok_or_else(unknown)? {
            Command::Symbol(c, class) => self.atom(c.to_string(), class),
            Command::Name(text, class) => self.atom(text.to_owned(), class),
            Command::Space(cells) => Node::Space(cells),
            Command::Ignored => return Ok(None),
            Command::Skip(arguments) => {
                for _ in 0..arguments {
                    let len = group_len(self.rest()).ok_or(Reason::Unbalanced)?;
                    self.at += len;
                }
                Node::Space(0)
            }
            Command::Font(font) => self.with_font(font, |parser| parser.argument().map(Node::Group))?,
            Command::Words(font) => self.with_font(font, Self::words)?,
            Command::Fraction => {
                self.optional_argument();
                Node::Fraction { top: self.argument()?, bottom: self.argument()?, bar: true }
            }
            Command::Binomial => Node::Fraction { top: self.argument()?, bottom: self.argument()?, bar: false },
            Command::Root => self.root()?,
            Command::RootOf => match self.row(false)? {
                (index, Stop::Of) => Node::Root { index, body: self.argument()? },
                _ => return Err(Reason::Unbalanced),
            },
            Command::Accent(accent) => Node::Accent { accent, body: self.argument()? },
            Command::Boxed => Node::Boxed(self.argument()?),
            Command::Stack(over) => {
                let label = self.argument()?;
                Node::Stack { base: self.argument()?, label, over, brace: false }
            }
            Command::Brace(over) => self.brace(over)?,
            Command::Left => self.fenced()?,
            Command::Begin => self.environment()?,
            Command::Not => self.not()?,
            Command::OperatorName => match self.words()? {
                Node::Group(mut nodes) if nodes.len() <= 1 => match nodes.pop() {
                    Some(Node::Atom { text, bold, .. }) => Node::Atom { text, class: Class::Name, bold },
                    _ => return Err(unknown()),
                },
                _ => return Err(unknown()),
            },
            Command::Pmod => self.modulus()?,
            Command::Tag => {
                let body = self.words()?;
                Node::Group(vec![
                    Node::Space(2),
                    Node::Fenced { open: "(".into(), close: ")".into(), body: vec![body], added: true },
                ])
            }
            Command::Substack => self.substack()?,
            Command::Switch(_) | Command::Rule | Command::Middle => return Err(unknown()),
            Command::Right | Command::End | Command::NewRow | Command::Infix(_) | Command::Of => return Err(Reason::Unbalanced),
        }))
    }

    fn with_font(&mut self, font: Font, read: impl FnOnce(&mut Self) -> Result<Node, Reason>) -> Result<Node, Reason> {
        let before = std::mem::replace(&mut self.font, font);
        let node = read(self);
        self.font = before;
        node
    }

    fn root(&mut self) -> Result<Node, Reason> {
        self.skip_space();
        let index = if self.rest().starts_with('[') {
            self.next();
            match self.row(true)? {
                (index, Stop::Bracket) => index,
                _ => return Err(Reason::Unbalanced),
            }
        } else {
            Vec::new()
        };
        Ok(Node::Root { index, body: self.argument()? })
    }

    fn brace(&mut self, over: bool) -> Result<Node, Reason> {
        let base = self.argument()?;
        self.skip_space();
        let label = if self.rest().starts_with(if over { '^' } else { '_' }) {
            self.next();
            self.argument()?
        } else {
            Vec::new()
        };
        Ok(Node::Stack { base, label, over, brace: true })
    }

    /// A bracket behind `\left` or `\right`; empty for `.`.
    fn bracket(&mut self) -> Result<String, Reason> {
        self.skip_space();
        Ok(match self.next().ok_or(Reason::Unbalanced)? {
            '.' => String::new(),
            '<' => "\u{27e8}".to_owned(),
            '>' => "\u{27e9}".to_owned(),
            c @ ('(' | ')' | '[' | ']' | '|' | '/') => c.to_string(),
            '\\' => match command(self.name()) {
                Some(Command::Symbol(c, Class::Open | Class::Close | Class::Ord)) => c.to_string(),
                _ => return Err(Reason::Unbalanced),
            },
            _ => return Err(Reason::Unbalanced),
        })
    }

    fn fenced(&mut self) -> Result<Node, Reason> {
        let open = self.bracket()?;
        let (body, stop) = self.row(false)?;
        if stop != Stop::Right {
            return Err(Reason::Unbalanced);
        }
        Ok(Node::Fenced { open, close: self.bracket()?, body, added: false })
    }

    fn not(&mut self) -> Result<Node, Reason> {
        match self.argument()?.pop() {
            Some(Node::Atom { text, class, .. }) => {
                let mut chars = text.chars();
                let c = chars.next().filter(|_| chars.next().is_none()).and_then(negated).ok_or(Reason::Unknown("not".into()))?;
                Ok(self.atom(c.to_string(), class))
            }
            _ => Err(Reason::Unknown("not".into())),
        }
    }

    fn modulus(&mut self) -> Result<Node, Reason> {
        let word = self.atom("mod".to_owned(), Class::Name);
        let mut body = vec![word, Node::Space(1)];
        body.extend(self.argument()?);
        Ok(Node::Group(vec![Node::Space(1), Node::Fenced { open: "(".into(), close: ")".into(), body, added: true }]))
    }

    /// Words, with formulas between dollar signs.
    fn words(&mut self) -> Result<Node, Reason> {
        self.skip_space();
        if self.next() != Some('{') {
            return Err(Reason::Unbalanced);
        }
        self.deeper(Self::words_here)
    }

    fn words_here(&mut self) -> Result<Node, Reason> {
        let mut nodes: Vec<Node> = Vec::new();
        let mut words = String::new();
        loop {
            match self.next().ok_or(Reason::Unbalanced)? {
                '}' => break,
                '{' => {
                    nodes.extend(self.text(&mut words));
                    nodes.push(self.deeper(Self::words_here)?);
                }
                '$' => {
                    nodes.extend(self.text(&mut words));
                    let end = self.rest().find('$').ok_or(Reason::Unbalanced)?;
                    let mut inner =
                        Parser { source: self.source.get(..self.at + end).unwrap_or_default(), font: Font::Plain, ..*self };
                    let (inside, stop) = inner.row(false)?;
                    if stop != Stop::Source {
                        return Err(Reason::Unbalanced);
                    }
                    self.at += end + 1;
                    nodes.push(Node::Group(inside));
                }
                '\\' => match command(command_name(self.rest()).0) {
                    Some(Command::Space(cells)) => {
                        self.name();
                        words.extend(std::iter::repeat_n(' ', cells));
                    }
                    Some(Command::Symbol(c, _)) => {
                        self.name();
                        words.push(c);
                    }
                    Some(Command::Words(_) | Command::Fraction | Command::Root | Command::Ignored) => {
                        nodes.extend(self.text(&mut words));
                        nodes.extend(self.command_here()?);
                    }
                    _ => return Err(Reason::Unknown(self.name().chars().take(24).collect())),
                },
                '^' | '_' | '&' | '#' => return Err(Reason::Unbalanced),
                '~' => words.push(' '),
                c if c.is_whitespace() => words.push(' '),
                c if c.is_control() => return Err(Reason::Unbalanced),
                c => words.push(c),
            }
        }
        nodes.extend(self.text(&mut words));
        Ok(Node::Group(nodes))
    }

    fn text(&self, words: &mut String) -> Option<Node> {
        (!words.is_empty()).then(|| self.atom(std::mem::take(words), Class::Text))
    }
}

fn parts_end_with_prime(nodes: &[Node]) -> bool {
    matches!(nodes.last(), Some(Node::Atom { text, .. }) if text == "\u{2032}")
}

/// The name of the command behind a backslash: letters (with a star that belongs to it), or one other character. And its length
/// with the spaces that it swallows.
pub(super) fn command_name(rest: &str) -> (&str, usize) {
    let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    if letters == 0 {
        let len = rest.chars().next().map_or(0, char::len_utf8);
        return (rest.get(..len).unwrap_or_default(), len);
    }
    let name = rest.get(..letters).unwrap_or_default();
    if matches!(name, "operatorname" | "tag" | "hspace" | "vspace") && rest.get(letters..).is_some_and(|r| r.starts_with('*')) {
        return (rest.get(..=letters).unwrap_or_default(), letters + 1);
    }
    (name, letters)
}

/// Bytes of the group (with the spaces before it) that starts here.
pub(super) fn group_len(rest: &str) -> Option<usize> {
    let lead = rest.len() - rest.trim_start().len();
    let mut depth = 0_usize;
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(lead) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => depth += 1,
            b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}
