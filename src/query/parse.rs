//! From the text of a question to its tree. Precedence, loosest first: `or`, `and`, `!`, comparison, `+ -`, `* /`, sign.

use super::{Comparison, Expr, Function, Kind, Names, Quantity, QueryError};

/// Brackets and signs inside one another.
const DEPTH: usize = 100;
/// Names, numbers, brackets and signs of a question and of all that it names: a chain of them is as deep as it is long, and a name that stands in
/// several places is written out in each.
const PARTS: usize = 2_500;
/// Named questions inside one another: one that uses itself ends here.
const NAMED: usize = 16;
/// Words that can be no names.
pub(super) const WORDS: [&str; 6] = ["and", "or", "not", "min", "max", "abs"];
/// Longest question, in bytes.
const LENGTH: usize = 10_000;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A number, and how it is spelt.
    Number(f64, String),
    Name(String),
    Text(String),
    Sign(&'static str),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Number(_, spelt) => spelt.clone(),
            Self::Name(name) => name.clone(),
            Self::Text(text) => format!("{text:?}"),
            Self::Sign(sign) => (*sign).to_owned(),
        }
    }
}

/// Longer signs first.
const SIGNS: [&str; 20] =
    ["<=", ">=", "==", "!=", "!~", "&&", "||", "<", ">", "=", "~", "!", "&", "|", "(", ")", "+", "-", "*", "/"];

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, QueryError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let run = |wanted: fn(char) -> bool| rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        let (token, length) = if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        } else if c.is_ascii_digit() || c == '.' {
            let length = run(|c| c.is_ascii_digit() || c == '.');
            let number = rest[..length].parse().map_err(|_| error(at, format!("{:?} is no number", &rest[..length])))?;
            (Token::Number(number, rest[..length].to_owned()), length)
        } else if c.is_alphabetic() || c == '_' {
            let length = run(|c| c.is_alphanumeric() || c == '_');
            (Token::Name(rest[..length].to_owned()), length)
        } else if c == '"' || c == '\'' {
            let end = rest[1..].find(c).ok_or_else(|| error(at, format!("a text without its end; {c} is missing")))?;
            (Token::Text(rest[1..=end].to_owned()), end + 2)
        } else if c == ',' {
            (Token::Sign(","), 1)
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Token::Sign(sign), sign.len())
        } else {
            return Err(error(at, format!("{c:?} means nothing here")));
        };
        tokens.push((at, token));
        at += length;
    }
    Ok(tokens)
}

fn error(at: usize, what: impl Into<String>) -> QueryError {
    QueryError { at, what: what.into() }
}

/// The tree of a question and what it is.
pub(super) fn parse(text: &str, table: &'static [Quantity], names: &Names, uses: &mut Names) -> Result<(Expr, Kind), QueryError> {
    inner(text, &mut Question { table, names, uses, inside: 0, depth: 0, parts: 0 })
}

fn inner(text: &str, question: &mut Question<'_>) -> Result<(Expr, Kind), QueryError> {
    if text.len() > LENGTH {
        return Err(error(LENGTH, format!("longer than {LENGTH} bytes")));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, end: text.len(), question };
    let found = parser.either()?;
    match parser.peek() {
        None => Ok(found),
        Some(token) => {
            let what = format!("{} is one too many; `and`, `or` or a comparison is expected", token.shown());
            Err(error(parser.at(), what))
        }
    }
}

/// A question with all questions that it names.
struct Question<'a> {
    /// What can be asked.
    table: &'static [Quantity],
    /// Questions with a name, and those of them that were used.
    names: &'a Names,
    uses: &'a mut Names,
    /// Names that are being read inside one another.
    inside: usize,
    /// Brackets and signs that are.
    depth: usize,
    /// Parts so far: see [`PARTS`].
    parts: usize,
}

struct Parser<'p, 'a> {
    tokens: Vec<(usize, Token)>,
    next: usize,
    end: usize,
    question: &'p mut Question<'a>,
}

impl Parser<'_, '_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    /// Where the next token stands.
    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    /// Takes one of these signs or words.
    fn take(&mut self, wanted: &[&'static str]) -> Option<&'static str> {
        let found = match self.peek()? {
            Token::Sign(sign) => wanted.iter().find(|wanted| *wanted == sign),
            Token::Name(name) => wanted.iter().find(|wanted| *wanted == name),
            _ => None,
        }?;
        self.next += 1;
        Some(found)
    }

    /// Two truths on both sides of these words.
    fn joined(
        &mut self,
        words: &[&'static str],
        side: fn(&mut Self) -> Result<(Expr, Kind), QueryError>,
        join: fn(Box<(Expr, Expr)>) -> Expr,
    ) -> Result<(Expr, Kind), QueryError> {
        let start = self.at();
        let (mut left, mut kind) = side(self)?;
        while let Some(word) = self.take(words) {
            must_be(kind, Kind::Truth, start, word)?;
            let at = self.at();
            let (right, right_kind) = side(self)?;
            must_be(right_kind, Kind::Truth, at, word)?;
            (left, kind) = (join(Box::new((left, right))), Kind::Truth);
        }
        Ok((left, kind))
    }

    fn either(&mut self) -> Result<(Expr, Kind), QueryError> {
        self.joined(&["or", "||", "|"], Self::both, Expr::Or)
    }

    fn both(&mut self) -> Result<(Expr, Kind), QueryError> {
        self.joined(&["and", "&&", "&"], Self::negation, Expr::And)
    }

    fn negation(&mut self) -> Result<(Expr, Kind), QueryError> {
        let Some(word) = self.take(&["!", "not"]) else { return self.comparison() };
        self.deeper()?;
        let at = self.at();
        let (inner, kind) = self.negation()?;
        self.question.depth -= 1;
        must_be(kind, Kind::Truth, at, word)?;
        Ok((Expr::Not(Box::new(inner)), Kind::Truth))
    }

    fn comparison(&mut self) -> Result<(Expr, Kind), QueryError> {
        let start = self.at();
        let (left, kind) = self.sum()?;
        if let Some(sign) = self.take(&["~", "!~"]) {
            must_be(kind, Kind::Text, start, sign)?;
            return self.pattern(left, sign == "~");
        }
        let Some(sign) = self.take(&["<=", ">=", "==", "!=", "<", ">", "="]) else { return Ok((left, kind)) };
        must_count(kind, start, sign)?;
        let at = self.at();
        let (right, right_kind) = self.sum()?;
        must_count(right_kind, at, sign)?;
        let comparison = match sign {
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::More,
            ">=" => Comparison::MoreOrEqual,
            "!=" => Comparison::Unequal,
            _ => Comparison::Equal,
        };
        Ok((Expr::Compare(comparison, Box::new((left, right))), Kind::Truth))
    }

    /// The regular expression behind `~`: in quotes, or a bare word. Without capitals their case does not count.
    fn pattern(&mut self, text: Expr, wanted: bool) -> Result<(Expr, Kind), QueryError> {
        let at = self.at();
        let found = match self.peek() {
            Some(Token::Text(text) | Token::Name(text) | Token::Number(_, text)) => text.clone(),
            _ => return Err(error(at, "a pattern is expected behind ~, as in text ~ \"sqrt\"")),
        };
        self.next += 1;
        let exact = found.chars().any(char::is_uppercase);
        let pattern = regex::RegexBuilder::new(&found).case_insensitive(!exact).size_limit(1 << 20).build();
        let pattern = pattern
            .map_err(|wrong| error(at, format!("no pattern: {}", wrong.to_string().lines().last().unwrap_or_default())))?;
        Ok((Expr::Fits(Box::new(text), pattern, wanted), Kind::Truth))
    }

    /// Numbers on both sides of these signs.
    fn chain(
        &mut self,
        signs: &[&'static str],
        side: fn(&mut Self) -> Result<(Expr, Kind), QueryError>,
    ) -> Result<(Expr, Kind), QueryError> {
        let start = self.at();
        let (mut left, mut kind) = side(self)?;
        while let Some(sign) = self.take(signs) {
            must_count(kind, start, sign)?;
            let at = self.at();
            let (right, right_kind) = side(self)?;
            must_count(right_kind, at, sign)?;
            let sign = sign.chars().next().unwrap_or('+');
            (left, kind) = (Expr::Arithmetic(sign, Box::new((left, right))), Kind::Number);
        }
        Ok((left, kind))
    }

    fn sum(&mut self) -> Result<(Expr, Kind), QueryError> {
        self.chain(&["+", "-"], Self::product)
    }

    fn product(&mut self) -> Result<(Expr, Kind), QueryError> {
        self.chain(&["*", "/"], Self::signed)
    }

    fn signed(&mut self) -> Result<(Expr, Kind), QueryError> {
        let Some(sign) = self.take(&["-"]) else { return self.atom() };
        self.deeper()?;
        let at = self.at();
        let (inner, kind) = self.signed()?;
        self.question.depth -= 1;
        must_count(kind, at, sign)?;
        Ok((Expr::Negative(Box::new(inner)), Kind::Number))
    }

    fn atom(&mut self) -> Result<(Expr, Kind), QueryError> {
        let at = self.at();
        let Some(token) = self.peek().cloned() else {
            return Err(error(at, "a name, a number or a bracket is expected at the end"));
        };
        self.next += 1;
        self.more()?;
        match token {
            Token::Number(number, _) => Ok((Expr::Number(number), Kind::Number)),
            Token::Sign("(") => {
                self.deeper()?;
                let inner = self.either()?;
                self.question.depth -= 1;
                self.close(at)?;
                Ok(inner)
            }
            Token::Name(name) => self.named(&name, at),
            other => Err(error(at, format!("{} is not expected here; a name, a number or a bracket is", other.shown()))),
        }
    }

    fn close(&mut self, opened: usize) -> Result<(), QueryError> {
        match self.take(&[")"]) {
            Some(_) => Ok(()),
            None => Err(error(opened, "this bracket is not closed")),
        }
    }

    fn named(&mut self, name: &str, at: usize) -> Result<(Expr, Kind), QueryError> {
        let function = match name {
            "min" => Some(Function::Min),
            "max" => Some(Function::Max),
            "abs" => Some(Function::Abs),
            _ => None,
        };
        if let Some(function) = function {
            if self.take(&["("]).is_none() {
                return Err(error(self.at(), format!("{name} takes numbers in brackets, as in {name}(drop, .5)")));
            }
            return self.call(function, at);
        }
        if let Some(quantity) = self.question.table.iter().find(|quantity| quantity.name == name) {
            return Ok((Expr::Quantity(quantity), quantity.kind));
        }
        let names = self.question.names;
        if let Some(meaning) = names.get(name) {
            if self.question.inside == NAMED {
                return Err(error(at, format!("{name} uses itself, or lies more than {NAMED} names deep")));
            }
            self.question.uses.insert(name.to_owned(), meaning.clone());
            self.question.inside += 1;
            let found = inner(meaning, self.question);
            self.question.inside -= 1;
            return found.map_err(|wrong| error(at, format!("{name} is {}", wrong.in_line(meaning))));
        }
        let alike = |other: &str| name.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
        let best = self.question.table.iter().map(|quantity| quantity.name).max_by_key(|other| alike(other));
        let hint = best.filter(|best| alike(best) >= 2).map_or_else(String::new, |best| format!("; is it {best}?"));
        Err(error(at, format!("nothing is called {name}{hint}")))
    }

    fn call(&mut self, function: Function, opened: usize) -> Result<(Expr, Kind), QueryError> {
        self.deeper()?;
        let mut arguments = Vec::new();
        loop {
            let at = self.at();
            let (argument, kind) = self.sum()?;
            must_count(kind, at, "a function")?;
            arguments.push(argument);
            if self.take(&[","]).is_none() {
                break;
            }
        }
        self.question.depth -= 1;
        self.close(opened)?;
        Ok((Expr::Call(function, arguments), Kind::Number))
    }

    fn deeper(&mut self) -> Result<(), QueryError> {
        self.question.depth += 1;
        if self.question.depth > DEPTH {
            return Err(error(self.at(), format!("more than {DEPTH} brackets and signs inside one another")));
        }
        self.more()
    }

    /// One more part.
    fn more(&mut self) -> Result<(), QueryError> {
        self.question.parts += 1;
        if self.question.parts > PARTS {
            return Err(error(self.at(), format!("more than {PARTS} parts, those of the names in it counted as well")));
        }
        Ok(())
    }
}

fn must_be(found: Kind, wanted: Kind, at: usize, sign: &str) -> Result<(), QueryError> {
    if found == wanted {
        return Ok(());
    }
    Err(error(at, format!("{sign} takes {}, and this is {}", wanted.name(), found.name())))
}

fn must_count(found: Kind, at: usize, sign: &str) -> Result<(), QueryError> {
    if found != Kind::Text {
        return Ok(());
    }
    Err(error(at, format!("{sign} takes numbers, and this is a text; texts are looked into with ~")))
}
