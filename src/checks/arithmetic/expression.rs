//! Values of arithmetic expressions over tokens: recursive descent, bounded depth, exact.

use super::lexer::{Kind, Token};
use super::rational::Rational;
use super::units::{DOLLAR, Unit, unit_of};

const MAX_DEPTH: usize = 40;
const MAX_EXPONENT: i128 = 64;

/// How a percent sign is read: people write 20% of 50 = 10, 3/4 = 75% and 80 + 25% = 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::checks) enum Percent {
    /// As a hundredth.
    Hundredth,
    /// As a unit like any other.
    Unit,
    /// As a hundredth, and behind a plus or minus sign as so many of what stands before it.
    Share,
}

/// What an expression is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::checks) struct Evaluated {
    pub value: Rational,
    /// Number of operations.
    pub operations: usize,
    /// A percent sign stands in it.
    pub percent: bool,
}

/// The value of all of these tokens; `None` when they are not one expression, or when it is out of bounds.
pub(in crate::checks) fn evaluate(tokens: &[Token], percent: Percent) -> Option<Evaluated> {
    run(tokens, percent, Units::Names, None)
}

/// The same with the words behind numbers read as this says.
pub(super) fn evaluate_in_units(tokens: &[Token], percent: Percent, units: Units) -> Option<Evaluated> {
    run(tokens, percent, units, None)
}

/// The same where variables have these values: names of one letter, which multiply what they touch.
pub(in crate::checks) fn evaluate_at(tokens: &[Token], values: &dyn Fn(char) -> Option<Rational>) -> Option<Evaluated> {
    run(tokens, Percent::Hundredth, Units::Names, Some(values))
}

/// How the words behind a number are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Units {
    /// As names of what is counted.
    Names,
    /// Words like "dozen" as what they are worth, units as names: `3 dozen` is 36.
    Counts,
    /// Units, too, in the smallest of their kind: `$1` is 100, `2 feet` 24.
    Sizes,
}

type Values<'a> = Option<&'a dyn Fn(char) -> Option<Rational>>;

fn run(tokens: &[Token], percent: Percent, units: Units, values: Values<'_>) -> Option<Evaluated> {
    let mut parser = Parser { tokens, at: 0, percent, units, values, operations: 0, depth: 0, saw_percent: false };
    let value = parser.sum()?;
    (parser.at == tokens.len()).then_some(Evaluated { value, operations: parser.operations, percent: parser.saw_percent })
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    percent: Percent,
    units: Units,
    values: Values<'a>,
    operations: usize,
    depth: usize,
    saw_percent: bool,
}

impl Parser<'_> {
    fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead)
    }

    fn kind(&self, ahead: usize) -> Option<Kind> {
        self.peek(ahead).map(|token| token.kind)
    }

    /// Steps over the operator when it is one of these.
    fn operator(&mut self, wanted: &[&'static str]) -> Option<&'static str> {
        let token = self.peek(0).filter(|token| token.kind == Kind::Operator)?;
        let found = wanted.iter().find(|sign| token.text == **sign)?;
        self.at += 1;
        Some(found)
    }

    fn accept(&mut self, kind: Kind) -> bool {
        let found = self.kind(0) == Some(kind);
        self.at += usize::from(found);
        found
    }

    fn sum(&mut self) -> Option<Rational> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let first = self.at;
        let mut value = self.product()?;
        // Percentages add up to percentages.
        let shares =
            self.percent == Percent::Share && !self.tokens[first..self.at].iter().any(|token| token.kind == Kind::Percent);
        while let Some(sign) = self.operator(&["+", "-"]) {
            let start = self.at;
            let mut right = self.product()?;
            let lone = &self.tokens[start..self.at];
            if shares && matches!(lone, [n, sign] if n.kind == Kind::Number && sign.kind == Kind::Percent) {
                right = right.mul(value)?;
            }
            self.operations += 1;
            value = if sign == "+" { value.add(right)? } else { value.sub(right)? };
        }
        self.depth -= 1;
        Some(value)
    }

    fn product(&mut self) -> Option<Rational> {
        let mut value = self.signed()?;
        loop {
            if let Some(sign) = self.operator(&["*", "/"]) {
                let right = self.signed()?;
                value = if sign == "*" { value.mul(right)? } else { value.div(right)? };
            } else if self.kind(0) == Some(Kind::Of) {
                let before = self.at.checked_sub(1).map(|before| self.tokens[before].kind);
                if !matches!(before, Some(Kind::Number | Kind::Percent | Kind::Close)) {
                    // "3 boxes of 4": no multiplication, and not the end of a claim that we understand.
                    return Some(value);
                }
                self.at += 1;
                while self.peek(0).is_some_and(|token| token.kind == Kind::Word && is_article(&token.text)) {
                    self.at += 1;
                }
                value = value.mul(self.signed()?)?;
            } else if self.kind(0) == Some(Kind::Open) && self.tokens[self.at - 1].kind != Kind::Word {
                value = value.mul(self.signed()?)?;
            } else if self.values.is_some() && matches!(self.kind(0), Some(Kind::Variable | Kind::Root)) {
                value = value.mul(self.power()?)?;
            } else {
                return Some(value);
            }
            self.operations += 1;
        }
    }

    fn signed(&mut self) -> Option<Rational> {
        let mut negative = false;
        while let Some(sign) = self.operator(&["+", "-"]) {
            negative ^= sign == "-";
        }
        let value = self.power()?;
        if negative { value.neg() } else { Some(value) }
    }

    fn power(&mut self) -> Option<Rational> {
        let base = self.atom()?;
        if self.operator(&["^"]).is_none() {
            return Some(base);
        }
        let negative = self.operator(&["-"]).is_some();
        let size = self.atom()?.whole().filter(|exponent| exponent.abs() <= MAX_EXPONENT)?;
        self.operations += 1;
        let value = base.pow(if negative { -size } else { size })?;
        self.measured(value, false)
    }

    fn atom(&mut self) -> Option<Rational> {
        self.accept(Kind::Currency);
        if self.operator(&["-"]).is_some() {
            // `$-3`
            return self.unsigned_atom()?.neg();
        }
        self.unsigned_atom()
    }

    fn unsigned_atom(&mut self) -> Option<Rational> {
        self.accept(Kind::Currency);
        let money = self.at.checked_sub(1).is_some_and(|before| self.tokens[before].kind == Kind::Currency);
        let mut value = match self.kind(0)? {
            Kind::Number => self.number()?,
            Kind::Open => self.bracket()?,
            Kind::Root => {
                self.at += 1;
                self.operations += 1;
                self.bracket()?.sqrt()?
            }
            Kind::Variable => return self.variable(),
            _ => return None,
        };
        if self.accept(Kind::Bang) {
            value = factorial(value)?;
            self.operations += 1;
        }
        if self.accept(Kind::Percent) {
            self.saw_percent = true;
            if self.percent != Percent::Unit {
                value = value.div(Rational::integer(100))?;
            }
        }
        self.measured(value, money)
    }

    fn variable(&mut self) -> Option<Rational> {
        let mut letters = self.peek(0)?.text.chars();
        let (letter, values) = (letters.next()?, self.values?);
        if letters.next().is_some() {
            return None;
        }
        self.at += 1;
        values(letter)
    }

    fn bracket(&mut self) -> Option<Rational> {
        if !self.accept(Kind::Open) {
            return None;
        }
        let value = self.sum()?;
        self.accept(Kind::Close).then_some(value)
    }

    fn number(&mut self) -> Option<Rational> {
        let token = self.peek(0)?;
        let value = Rational::decimal(&token.text)?;
        let end = token.span.end;
        self.at += 1;
        if self.kind(0) != Some(Kind::Number) {
            return Some(value);
        }
        // A mixed number, 1 1/2. Any other two numbers side by side are no arithmetic.
        let spaced = self.peek(0).is_some_and(|next| next.span.start > end);
        let slash = self.peek(1).is_some_and(|sign| sign.is(Kind::Operator, "/"));
        if !(spaced && slash && value.whole().is_some()) {
            return None;
        }
        let numerator = Rational::decimal(&self.peek(0)?.text)?;
        let denominator = Rational::decimal(&self.peek(2).filter(|token| token.kind == Kind::Number)?.text)?;
        let proper = numerator.compare(Rational::ZERO)?.is_gt() && numerator.compare(denominator)?.is_lt();
        if !proper {
            return None;
        }
        self.at += 3;
        value.add(numerator.div(denominator)?)
    }

    /// Steps over the words behind an operand, and takes the value for so many of the unit that they name.
    fn measured(&mut self, value: Rational, money: bool) -> Option<Rational> {
        let start = self.at;
        self.units();
        if self.units == Units::Names {
            return Some(value);
        }
        let words = &self.tokens[start..self.at];
        let end = words.iter().position(|token| token.kind == Kind::Operator).unwrap_or(words.len());
        if self.units == Units::Sizes && words.get(end).is_some_and(|sign| sign.text == "^") {
            // An area or a volume.
            return None;
        }
        let named: Vec<&Unit> = words[..end].iter().filter_map(unit_of).collect();
        let measure = match self.units {
            Units::Sizes if money => Some(&DOLLAR),
            Units::Sizes => named.iter().copied().find(|unit| !unit.is_count()),
            Units::Counts | Units::Names => None,
        };
        let sizes = named.iter().copied().filter(|unit| unit.is_count()).chain(measure).map(|unit| unit.size);
        sizes.map(Rational::integer).try_fold(value, Rational::mul)
    }

    /// Steps over the words behind an operand: "3 apples", "5 miles/hour", "8 pounds (math and science)".
    fn units(&mut self) {
        const MAX_WORDS: usize = 5;
        let mut words = 0;
        loop {
            match self.kind(0) {
                Some(Kind::Word) if words < MAX_WORDS => {
                    self.at += 1;
                    self.unit_exponent();
                }
                Some(Kind::Operator)
                    if words > 0
                        && self.peek(0).is_some_and(|sign| matches!(sign.text.as_str(), "/" | "-"))
                        && self.kind(1) == Some(Kind::Word) =>
                {
                    self.at += 2;
                }
                Some(Kind::Operator) if words == 0 && self.is_rate() => self.at += 2,
                Some(Kind::Open) => match self.remark() {
                    Some(after) => self.at = after,
                    None => return,
                },
                _ => return,
            }
            words += 1;
        }
    }

    /// A number for each of a unit, `$15/student`, whose unit stands with another operand, `495 students`: any other word may be a quantity
    /// that divides.
    fn is_rate(&self) -> bool {
        let Some(unit) = self.peek(1).filter(|token| token.kind == Kind::Word) else { return false };
        let names =
            |at: usize, token: &Token| at != self.at + 1 && token.kind == Kind::Word && stem(&token.text) == stem(&unit.text);
        self.peek(0).is_some_and(|sign| sign.text == "/") && self.tokens.iter().enumerate().any(|(at, token)| names(at, token))
    }

    /// Steps over the exponent of a unit: "80 cm^3".
    fn unit_exponent(&mut self) {
        let kinds: Vec<Kind> = (1..4).map_while(|ahead| self.kind(ahead)).collect();
        let length = match kinds.as_slice() {
            [Kind::Number, ..] => 2,
            [Kind::Open, Kind::Number, Kind::Close] => 4,
            _ => return,
        };
        if self.peek(0).is_some_and(|token| token.is(Kind::Operator, "^")) {
            self.at += length;
        }
    }

    /// The place behind brackets that hold nothing but words.
    fn remark(&self) -> Option<usize> {
        const MAX_TOKENS: usize = 12;
        let mut words = 0;
        for (offset, token) in self.tokens[self.at + 1..].iter().take(MAX_TOKENS).enumerate() {
            match token.kind {
                Kind::Close => return (words > 0).then_some(self.at + offset + 2),
                Kind::Word | Kind::Of | Kind::Comma => words += 1,
                Kind::Boundary if token.text.chars().all(|c| c.is_alphabetic() || c == '\'') => {}
                _ => return None,
            }
        }
        None
    }
}

/// A word without the mark of its plural, in small letters.
pub(super) fn stem(word: &str) -> String {
    let word = word.to_ascii_lowercase();
    let short = word.strip_suffix("es").filter(|short| short.ends_with(['s', 'x', 'h'])).or_else(|| word.strip_suffix('s'));
    short.unwrap_or(&word).to_owned()
}

fn is_article(word: &str) -> bool {
    ["the", "a", "her", "his", "its", "their"].iter().any(|article| word.eq_ignore_ascii_case(article))
}

fn factorial(value: Rational) -> Option<Rational> {
    let n = value.whole().filter(|n| (0..=30).contains(n))?;
    (2..=n).try_fold(Rational::integer(1), |product, factor| product.mul(Rational::integer(i64::try_from(factor).ok()?)))
}
