//! From the text of a step (prose, LaTeX or both) to tokens of arithmetic, with their places in the text.

use std::ops::Range;

use super::words::{BREAKS, CAPITAL_UNITS, GLUED_UNITS, INVISIBLE, SHORT_WORDS, VULGAR, WRAPPERS};

/// Steps are read up to this many bytes.
const MAX_BYTES: usize = 6_000;
const MAX_TOKENS: usize = 1_500;
// Nested groups (`\frac{\frac{..`) that are followed.
const MAX_DEPTH: usize = 12;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number.
    Number,
    /// A word that may be a unit or a name for what is counted.
    Word,
    /// `%` or "percent".
    Percent,
    /// A currency sign.
    Currency,
    /// `+ - * / ^`.
    Operator,
    /// Any opening bracket.
    Open,
    /// Any closing bracket.
    Close,
    /// `=`.
    Equals,
    /// `≈`.
    Approximately,
    /// `\sqrt`; its argument follows in brackets.
    Root,
    /// `!`.
    Bang,
    /// A comma that does not group digits.
    Comma,
    /// "of", which multiplies after a fraction or a percentage.
    Of,
    /// A name of a variable: what touches it is no arithmetic of numbers.
    Variable,
    /// Anything that no operand reaches across.
    Boundary,
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub kind: Kind,
    /// Normalised text: a number without grouping commas, an operator as one ASCII sign, a word as written.
    pub text: String,
    /// Bytes in the step.
    pub span: Range<usize>,
}

impl Token {
    pub(crate) fn is(&self, kind: Kind, text: &str) -> bool {
        self.kind == kind && self.text == text
    }
}

/// The tokens of a step, in order of their places.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut end = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut lexer = Lexer { text: &text[..end], tokens: Vec::new(), bold: false };
    let start = lexer.bullet(0, end).unwrap_or(0);
    lexer.run(start, end, 0);
    lexer.tokens
}

struct Lexer<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    /// Inside of bold text.
    bold: bool,
}

impl Lexer<'_> {
    fn run(&mut self, mut at: usize, end: usize, depth: usize) {
        while at < end && self.tokens.len() < MAX_TOKENS {
            let c = self.char_at(at, end);
            at = match c {
                '\\' => self.command(at, end, depth),
                '\n' => self.newline(at, end),
                '0'..='9' => self.number(at, end),
                '.' if self.char_at(at + 1, end).is_ascii_digit() => self.number(at, end),
                'a'..='z' | 'A'..='Z' => self.word(at, end),
                '<' => self.calculator_note(at, end),
                '^' => self.caret(at, end, depth),
                '_' => self.subscript(at, end),
                '$' => self.dollar(at, end),
                _ => self.sign(c, at),
            };
        }
    }

    /// The character at a place; a space behind the end.
    fn char_at(&self, at: usize, end: usize) -> char {
        if at >= end { ' ' } else { self.text[at..end].chars().next().unwrap_or(' ') }
    }

    fn push(&mut self, kind: Kind, text: &str, span: Range<usize>) {
        self.tokens.push(Token { kind, text: text.to_owned(), span });
    }

    fn boundary(&mut self, span: Range<usize>) {
        self.push(Kind::Boundary, ";", span);
    }

    fn skip_spaces(&self, mut at: usize, end: usize) -> usize {
        while at < end && self.text.as_bytes()[at].is_ascii_whitespace() {
            at += 1;
        }
        at
    }

    /// A line end separates, except beside an operator or before a LaTeX command; so does a bullet, which is no minus.
    fn newline(&mut self, at: usize, end: usize) -> usize {
        if let Some(after) = self.bullet(at, end) {
            self.boundary(at..after);
            return after;
        }
        let next = self.skip_spaces(at, end);
        let c = self.char_at(next, end);
        let before = self.tokens.last();
        let runs_on = before.is_some_and(|token| matches!(token.kind, Kind::Equals | Kind::Operator))
            || matches!(c, '=' | '+' | '*' | '/' | '\\');
        if !runs_on {
            self.boundary(at..next);
        }
        next
    }

    /// The place behind the bullet that a line starts with.
    fn bullet(&self, at: usize, end: usize) -> Option<usize> {
        let start = self.skip_spaces(at, end);
        let c = self.char_at(start, end);
        let after = start + c.len_utf8();
        (start < end && matches!(c, '-' | '*' | '•') && self.char_at(after, end).is_whitespace()).then_some(after)
    }

    fn number(&mut self, start: usize, end: usize) -> usize {
        let bytes = &self.text.as_bytes()[..end];
        let digits = |mut at: usize| {
            while at < end && bytes[at].is_ascii_digit() {
                at += 1;
            }
            at
        };
        let mut text = String::new();
        let mut at = digits(start);
        text.push_str(&self.text[start..at]);
        // Thousands: a comma (in LaTeX `{,}` or `,\!`) with three digits and no fourth one behind it.
        while !text.is_empty() {
            let comma = [",\\!", "{,}", ","].into_iter().find(|comma| self.text[at..end].starts_with(comma));
            let Some(comma) = comma else { break };
            let next = digits(at + comma.len());
            if next - (at + comma.len()) != 3 {
                break;
            }
            text.push_str(&self.text[at + comma.len()..next]);
            at = next;
        }
        if at < end && bytes[at] == b'.' && digits(at + 1) > at + 1 {
            let next = digits(at + 1);
            text.push_str(&self.text[at..next]);
            at = next;
        }
        self.push(Kind::Number, &text, start..at);
        at
    }

    fn word(&mut self, start: usize, end: usize) -> usize {
        let mut at = start;
        while at < end {
            let c = self.char_at(at, end);
            let joins = c == '-' && self.char_at(at + 1, end).is_ascii_alphabetic();
            if !(c.is_ascii_alphabetic() || c == '\'' || c == '’' || joins) {
                break;
            }
            at += c.len_utf8();
        }
        let word = self.text[start..at].to_owned();
        if matches!(word.as_str(), "x" | "X") && self.is_times_x(start, at, end) {
            self.push(Kind::Operator, "*", start..at);
        } else {
            // a(b + c): a name that is applied or multiplied.
            let applied = word.len() == 1 && matches!(self.char_at(at, end), '(' | '^' | '_');
            let kind = if applied { Kind::Variable } else { self.word_kind(&word, start) };
            match kind {
                Kind::Operator => self.push(kind, "*", start..at),
                _ => self.push(kind, &word, start..at),
            }
        }
        at
    }

    /// `3 x 4`: a cross between numbers.
    fn is_times_x(&self, start: usize, after: usize, end: usize) -> bool {
        let before = self.tokens.last().is_some_and(|token| {
            let spaced = token.span.end < start;
            matches!(token.kind, Kind::Number | Kind::Close | Kind::Currency)
                || (spaced && matches!(token.kind, Kind::Word | Kind::Percent))
        });
        let next = self.char_at(self.skip_spaces(after, end), end);
        before && (next.is_ascii_digit() || matches!(next, '(' | '$'))
    }

    fn word_kind(&self, word: &str, start: usize) -> Kind {
        let lower = word.to_ascii_lowercase();
        let lower = lower.as_str();
        let before = self.tokens.last();
        let glued_to_number = before.is_some_and(|token| token.kind == Kind::Number && token.span.end == start);
        let before_kind = before.map(|token| token.kind);
        let after = |kinds: &[Kind]| before_kind.is_some_and(|kind| kinds.contains(&kind));
        match lower {
            "percent" => return Kind::Percent,
            "times" => return Kind::Operator,
            "of" => return Kind::Of,
            _ => {}
        }
        let capital = word.len() > 1 && word.starts_with(|c: char| c.is_ascii_uppercase());
        let single = word.chars().count() == 1;
        if glued_to_number && single && !GLUED_UNITS.contains(&lower) {
            // 3x, 20i
            Kind::Variable
        } else if BREAKS.contains(&lower) {
            Kind::Boundary
        } else if glued_to_number && matches!(lower, "st" | "nd" | "rd" | "th") {
            // An ordinal counts nothing.
            Kind::Variable
        } else if capital && after(&[Kind::Number, Kind::Word, Kind::Bang]) && !CAPITAL_UNITS.contains(&word) {
            // "27 The GCD of": a new sentence.
            Kind::Boundary
        } else if (word.len() == 2 && !SHORT_WORDS.contains(&lower))
            || (word == "a" && before.is_some_and(|token| token.kind == Kind::Close && token.span.end == start))
            || (word == "a" && after(&[Kind::Number, Kind::Operator, Kind::Equals, Kind::Open, Kind::Variable]))
            || (single && !matches!(word, "a" | "A" | "I"))
            || (glued_to_number && word.len() <= 2 && !GLUED_UNITS.contains(&lower))
        {
            Kind::Variable
        } else {
            Kind::Word
        }
    }

    /// `<<3*4=12>>`, the calculator notes of GSM8K, repeat what stands beside them.
    fn calculator_note(&mut self, at: usize, end: usize) -> usize {
        if self.text[at..end].starts_with("<<") {
            let close = self.text[at + 2..end].find(['<', '>']).map(|offset| at + 2 + offset);
            if let Some(close) = close.filter(|close| self.text[*close..end].starts_with(">>")) {
                return close + 2;
            }
        }
        self.push(Kind::Boundary, "<", at..at + 1);
        at + 1
    }

    fn dollar(&mut self, at: usize, end: usize) -> usize {
        let next = self.char_at(self.skip_spaces(at + 1, end), end);
        if next.is_ascii_digit() {
            self.push(Kind::Currency, "$", at..at + 1);
        }
        at + 1
    }

    fn caret(&mut self, at: usize, end: usize, depth: usize) -> usize {
        let next = self.skip_spaces(at + 1, end);
        for degrees in ["{\\circ}", "\\circ"] {
            if self.text[next..end].starts_with(degrees) {
                let after = next + degrees.len();
                self.push(Kind::Word, "deg", at..after);
                return after;
            }
        }
        self.push(Kind::Operator, "^", at..at + 1);
        match self.group(next, end) {
            Some(inner) => {
                let after = inner.end + 1;
                self.bracketed(next, inner, depth);
                after
            }
            None => at + 1,
        }
    }

    fn subscript(&mut self, at: usize, end: usize) -> usize {
        let next = self.skip_spaces(at + 1, end);
        let after = self.group(next, end).map_or(at + 1, |inner| inner.end + 1);
        self.push(Kind::Variable, "_", at..after);
        after
    }

    /// The inside of the braces that open at `at`; short ones only.
    fn group(&self, at: usize, end: usize) -> Option<Range<usize>> {
        const MAX: usize = 400;
        if at >= end || self.text.as_bytes()[at] != b'{' {
            return None;
        }
        let mut depth = 0_usize;
        for (offset, byte) in self.text.as_bytes()[at..end].iter().enumerate().take(MAX) {
            match byte {
                b'{' => depth += 1,
                b'}' => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at + 1..at + offset);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// The content of a group between brackets.
    fn bracketed(&mut self, open: usize, inner: Range<usize>, depth: usize) {
        self.push(Kind::Open, "(", open..inner.start);
        self.inside(inner.clone(), depth);
        self.push(Kind::Close, ")", inner.end..inner.end + 1);
    }

    fn inside(&mut self, inner: Range<usize>, depth: usize) {
        if depth < MAX_DEPTH {
            self.run(inner.start, inner.end, depth + 1);
        } else {
            self.boundary(inner);
        }
    }

    fn command(&mut self, at: usize, end: usize, depth: usize) -> usize {
        let mut after = at + 1;
        while after < end && self.text.as_bytes()[after].is_ascii_alphabetic() {
            after += 1;
        }
        if after == at + 1 {
            return self.escaped_sign(at, end);
        }
        let name = self.text[at + 1..after].to_owned();
        let span = at..after;
        match name.as_str() {
            "frac" | "dfrac" | "tfrac" | "cfrac" => return self.fraction(at, after, end, depth),
            "sqrt" => {
                let open = self.skip_spaces(after, end);
                if let Some(inner) = self.group(open, end) {
                    let next = inner.end + 1;
                    self.push(Kind::Root, "√", span);
                    self.bracketed(open, inner, depth);
                    return next;
                }
                self.push(Kind::Variable, "?", span);
            }
            "quad" | "qquad" => self.boundary(span),
            "begin" | "end" => {
                let inner = self.group(after, end);
                let next = inner.map_or(after, |inner| inner.end + 1);
                self.boundary(at..next);
                return next;
            }
            "times" | "cdot" => self.push(Kind::Operator, "*", span),
            "div" => self.push(Kind::Operator, "/", span),
            "approx" | "simeq" => self.push(Kind::Approximately, "~", span),
            name if INVISIBLE.contains(&name) => {}
            name if WRAPPERS.contains(&name) => {
                let open = self.skip_spaces(after, end);
                if let Some(inner) = self.group(open, end) {
                    let next = inner.end + 1;
                    self.inside(inner, depth);
                    return next;
                }
            }
            // Names of functions, Greek letters and relations: what stands beside them is not decided here.
            _ => self.push(Kind::Boundary, "?", span),
        }
        after
    }

    fn fraction(&mut self, at: usize, after: usize, end: usize, depth: usize) -> usize {
        let first = self.skip_spaces(after, end);
        let numerator = self.group(first, end).or_else(|| self.digit(first, end));
        let second = numerator.as_ref().map_or(first, |inner| self.skip_spaces(self.past(inner, end), end));
        let denominator = self.group(second, end).or_else(|| self.digit(second, end));
        let (Some(numerator), Some(denominator)) = (numerator, denominator) else {
            self.push(Kind::Boundary, "?", at..after);
            return after;
        };
        let next = self.past(&denominator, end);
        self.push(Kind::Open, "(", at..at + 1);
        self.push(Kind::Open, "(", at + 1..numerator.start);
        self.inside(numerator.clone(), depth);
        self.push(Kind::Close, ")", numerator.end..numerator.end);
        self.push(Kind::Operator, "/", numerator.end..denominator.start);
        self.push(Kind::Open, "(", denominator.start..denominator.start);
        self.inside(denominator.clone(), depth);
        self.push(Kind::Close, ")", denominator.end..denominator.end);
        self.push(Kind::Close, ")", denominator.end..next);
        next
    }

    /// `\frac12`: a digit without braces.
    fn digit(&self, at: usize, end: usize) -> Option<Range<usize>> {
        self.char_at(at, end).is_ascii_digit().then(|| at..at + 1)
    }

    /// The place behind a group or a bare digit.
    fn past(&self, inner: &Range<usize>, end: usize) -> usize {
        if self.char_at(inner.end, end) == '}' { inner.end + 1 } else { inner.end }
    }

    /// A backslash with something that is no letter.
    fn escaped_sign(&mut self, at: usize, end: usize) -> usize {
        let c = self.char_at(at + 1, end);
        let after = (at + 1 + c.len_utf8()).min(end);
        match c {
            '$' => self.push(Kind::Currency, "$", at..after),
            '%' => self.push(Kind::Percent, "%", at..after),
            // A line of a formula, or the border of a formula on a line of its own.
            '\\' | '[' | ']' => self.boundary(at..after),
            // Spaces, and the borders of a formula inside of a sentence.
            '!' | ',' | ';' | ' ' | '(' | ')' => {}
            _ => self.push(Kind::Boundary, "?", at..after),
        }
        after
    }

    fn sign(&mut self, c: char, at: usize) -> usize {
        let after = at + c.len_utf8();
        if let Some((_, numerator, denominator)) = VULGAR.iter().find(|(sign, ..)| *sign == c) {
            self.vulgar_fraction(numerator, denominator, at..after);
            return after;
        }
        let rest = &self.text[at..];
        let (kind, text, after) = match c {
            '&' | '~' if rest.starts_with("~=") => (Kind::Approximately, "~", after + 1),
            '&' | '~' => return after,
            _ if c.is_whitespace() => return after,
            '*' if rest.starts_with("**") && (self.bold || !self.is_power(at)) => {
                self.bold = !self.bold;
                return after + 1;
            }
            '*' if rest.starts_with("**") => (Kind::Operator, "^", after + 1),
            '!' if rest.starts_with("!=") && !self.is_touched(at) => (Kind::Boundary, "≠", after + 1),
            '*' | '×' | '·' | '⋅' => (Kind::Operator, "*", after),
            '/' | '÷' => (Kind::Operator, "/", after),
            '-' | '−' | '–' => (Kind::Operator, "-", after),
            '+' => (Kind::Operator, "+", after),
            '=' if rest.starts_with("==") => (Kind::Equals, "=", after + 1),
            '=' => (Kind::Equals, "=", after),
            '≈' | '≅' => (Kind::Approximately, "~", after),
            '%' => (Kind::Percent, "%", after),
            '€' | '£' | '¤' => (Kind::Currency, "$", after),
            '(' | '[' | '{' => (Kind::Open, "(", after),
            ')' | ']' | '}' => (Kind::Close, ")", after),
            '!' if self.is_touched(at) => (Kind::Bang, "!", after),
            ',' => (Kind::Comma, ",", after),
            '²' | '³' => {
                self.push(Kind::Operator, "^", at..after);
                (Kind::Number, if c == '²' { "2" } else { "3" }, after)
            }
            // As its LaTeX command, unless it is part of a word.
            _ if is_greek(c) && !self.text[..at].ends_with(is_greek) && !self.text[after..].starts_with(is_greek) => {
                (Kind::Boundary, "?", after)
            }
            other => {
                let text = other.to_string();
                self.push(Kind::Boundary, &text, at..after);
                return after;
            }
        };
        self.push(kind, text, at..after);
        after
    }

    /// A fraction of one character; behind a whole number, `3½`, with it one number.
    fn vulgar_fraction(&mut self, numerator: &str, denominator: &str, span: Range<usize>) {
        let glued = |token: &mut Token| token.kind == Kind::Number && token.span.end == span.start && !token.text.contains('.');
        let whole = self.tokens.pop_if(glued);
        let start = whole.as_ref().map_or(span.start, |whole| whole.span.start);
        if let Some(whole) = whole {
            self.push(Kind::Open, "(", start..start);
            self.tokens.push(whole);
            self.push(Kind::Operator, "+", span.start..span.start);
        }
        let parts = [(Kind::Open, "("), (Kind::Number, numerator), (Kind::Operator, "/"), (Kind::Number, denominator)];
        for (kind, text) in parts {
            self.push(kind, text, span.clone());
        }
        self.push(Kind::Close, ")", span.clone());
        if start < span.start {
            self.push(Kind::Close, ")", span);
        }
    }

    /// An operand ends right before this place.
    fn is_touched(&self, at: usize) -> bool {
        let ends = |token: &Token| token.span.end == at && matches!(token.kind, Kind::Number | Kind::Close | Kind::Variable);
        self.tokens.last().is_some_and(ends)
    }

    /// `**` raises to a power between two operands, with the same space on both sides; else it is the border of bold text.
    fn is_power(&self, at: usize) -> bool {
        let operand = |c: char| c.is_alphanumeric() || matches!(c, '(' | '[' | '{' | '-' | '$' | '\\');
        let behind = &self.text[at + "**".len()..];
        let space = |c: Option<char>| c.is_none_or(char::is_whitespace);
        let before = self.tokens.last().is_some_and(|token| matches!(token.kind, Kind::Number | Kind::Close | Kind::Variable));
        let spaced = (space(self.text[..at].chars().next_back()), space(behind.chars().next()));
        before && spaced.0 == spaced.1 && behind.trim_start().chars().next().is_some_and(operand)
    }
}

fn is_greek(c: char) -> bool {
    matches!(c, 'α'..='ω' | 'Α'..='Ω' | 'ϕ' | 'ϵ' | 'ϑ')
}
