//! Where the numbers of a solution come from: the problem, an earlier result, everyday knowledge, one operation on known numbers, or nowhere.
//!
//! A [`Ledger`] reads the problem and then one step after another, so what it says of a number depends on nothing that stands behind it.
//! A number from nowhere is a hint and no proof: people leave out easy steps. Memory and work are bounded: 48 numbers of the problem, the
//! last 40 results, 200 numbers a step.

use std::ops::Range;

use super::arithmetic::{Kind, Rational, Reading, Token, read, tokens};

const MAX_GIVEN: usize = 48;
const MAX_RECENT: usize = 40;
const MAX_SIGHTINGS: usize = 200;
/// Known numbers that are tried as operands of a derived one.
const OPERANDS: usize = 20;

/// Where a number comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// It stands in the problem, as digits or as a word.
    Problem,
    /// An earlier step found it.
    Result,
    /// Everybody knows it: 7 days, 60 minutes, 100 percent.
    Constant,
    /// One operation makes it from two known numbers.
    Derived(Operation),
    /// None of these.
    Unknown,
}

/// An operation on two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

/// What a number does in its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It stands on the left side of an equality.
    Operand,
    /// It is what an equality comes to.
    Outcome,
    /// Anything else.
    Mention,
}

/// One number in a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Bytes in the step.
    pub span: Range<usize>,
    /// Its value.
    pub value: Rational,
    /// What it does.
    pub role: Role,
    /// Where it comes from. For an outcome: as what its value was known before, `Unknown` when it is new.
    pub origin: Origin,
    /// A number of the problem that no step used before.
    pub first_use: bool,
    /// The two known numbers that a derived one is made of.
    pub operands: Option<(Rational, Rational)>,
}

impl Operation {
    /// Its sign.
    pub fn sign(self) -> char {
        match self {
            Self::Add => '+',
            Self::Subtract => '-',
            Self::Multiply => '*',
            Self::Divide => '/',
        }
    }
}

/// Everything that is known at some place of a solution.
#[derive(Debug, Clone)]
pub struct Ledger {
    given: Vec<Given>,
    /// Values that steps found, the latest last.
    results: Vec<Rational>,
    /// All known values, the latest last, with their approximations.
    recent: Vec<(Rational, f64)>,
    /// Results that no operation used yet.
    unused: Vec<Rational>,
}

#[derive(Debug, Clone, Copy)]
struct Given {
    value: Rational,
    /// Written with digits.
    plain: bool,
    used: bool,
}

impl Ledger {
    /// Reads the problem.
    pub fn new(problem: &str) -> Self {
        let mut ledger = Self { given: Vec::new(), results: Vec::new(), recent: Vec::new(), unused: Vec::new() };
        let tokens = tokens(problem);
        for (at, token) in tokens.iter().enumerate() {
            if token.kind == Kind::Number {
                if let Some(value) = Rational::decimal(&token.text) {
                    ledger.give(value, true);
                    ledger.give_relatives(value, &tokens[at + 1..]);
                }
            } else if let Some((over, under)) = number_word(&token.text.to_ascii_lowercase())
                && let Some(value) = Rational::integer(over).div(Rational::integer(under))
            {
                ledger.give(value, false);
            }
        }
        ledger
    }

    /// 20 % also gives 0.2, 0.8 and 1.2; 3/4 gives 0.75.
    fn give_relatives(&mut self, value: Rational, behind: &[Token]) {
        let hundred = Rational::integer(100);
        let one = Rational::integer(1);
        match behind {
            [sign, ..] if sign.kind == Kind::Percent => {
                let Some(share) = value.div(hundred) else { return };
                for relative in [Some(share), one.sub(share), one.add(share)].into_iter().flatten() {
                    self.give(relative, false);
                }
            }
            [sign, under, ..] if sign.is(Kind::Operator, "/") && under.kind == Kind::Number => {
                if let Some(ratio) = Rational::decimal(&under.text).and_then(|under| value.div(under)) {
                    self.give(ratio, false);
                }
            }
            _ => {}
        }
    }

    fn give(&mut self, value: Rational, plain: bool) {
        if let Some(given) = self.given.iter_mut().find(|given| given.value == value) {
            given.plain |= plain;
        } else if self.given.len() < MAX_GIVEN {
            self.given.push(Given { value, plain, used: false });
            self.recent.push((value, value.approximate()));
        }
    }

    /// Reads the next step.
    pub fn step(&mut self, text: &str) -> Vec<Sighting> {
        self.read(&read(text))
    }

    /// Reads the next step from its tokens.
    pub(crate) fn read(&mut self, step: &Reading) -> Vec<Sighting> {
        let numbers = step.tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Number).take(MAX_SIGHTINGS);
        let sight = |(at, token): (usize, &Token)| {
            let value = Rational::decimal(&token.text)?;
            // A currency sign or a bracket may stand between the sign and the number.
            let outcome = step.equations.iter().any(|equation| equation.right.contains(&at) && at <= equation.right.start + 1);
            let operand = step.equations.iter().any(|equation| equation.left.contains(&at));
            let role = match (outcome, operand) {
                (true, _) => Role::Outcome,
                (_, true) => Role::Operand,
                _ => Role::Mention,
            };
            Some(self.sight(token.span.clone(), value, role))
        };
        numbers.filter_map(sight).collect()
    }

    fn sight(&mut self, span: Range<usize>, value: Rational, role: Role) -> Sighting {
        let known = self.known(value);
        if role == Role::Outcome {
            self.found(value);
            if !self.unused.contains(&value) && self.unused.len() < MAX_RECENT {
                self.unused.push(value);
            }
            return Sighting { span, value, role, origin: known.unwrap_or(Origin::Unknown), first_use: false, operands: None };
        }
        let (origin, operands) = known.map_or_else(|| self.guess(value), |known| (known, None));
        let given = self.given.iter_mut().find(|given| given.value == value);
        let first_use = given.is_some_and(|given| !std::mem::replace(&mut given.used, true));
        if role == Role::Operand {
            self.unused.retain(|unused| *unused != value);
        }
        if matches!(origin, Origin::Derived(_) | Origin::Unknown) {
            self.found(value);
        }
        Sighting { span, value, role, origin, first_use, operands }
    }

    fn known(&self, value: Rational) -> Option<Origin> {
        if self.results.contains(&value) {
            return Some(Origin::Result);
        }
        self.given.iter().any(|given| given.value == value).then_some(Origin::Problem)
    }

    fn guess(&self, value: Rational) -> (Origin, Option<(Rational, Rational)>) {
        if is_constant(value) {
            return (Origin::Constant, None);
        }
        match self.derived(value) {
            Some((operation, operands)) => (Origin::Derived(operation), Some(operands)),
            None => (Origin::Unknown, None),
        }
    }

    fn found(&mut self, value: Rational) {
        self.results.retain(|result| *result != value);
        self.results.push(value);
        if self.results.len() > MAX_RECENT {
            self.results.remove(0);
        }
        self.recent.retain(|(recent, _)| *recent != value);
        self.recent.push((value, value.approximate()));
        if self.recent.len() > MAX_GIVEN + MAX_RECENT {
            self.recent.remove(0);
        }
    }

    /// The operation that makes the value from two of the latest known ones. In floating point: a hint needs no exact fractions.
    fn derived(&self, value: Rational) -> Option<(Operation, (Rational, Rational))> {
        let x = value.approximate();
        let start = self.recent.len().saturating_sub(OPERANDS);
        let operands = &self.recent[start..];
        let equal = |a: f64, b: f64| (a - b).abs() <= 1e-12 * a.abs().max(b.abs());
        let nonzero = |a: f64| a.abs() > 0.0;
        let makes = |a: f64, b: f64| {
            if !nonzero(a) || !nonzero(b) {
                None
            } else if equal(a + b, x) {
                Some(Operation::Add)
            } else if equal(a - b, x) {
                Some(Operation::Subtract)
            } else if equal(a * b, x) && !equal(a, 1.0) && !equal(b, 1.0) {
                Some(Operation::Multiply)
            } else if equal(a / b, x) && !equal(b, 1.0) {
                Some(Operation::Divide)
            } else {
                None
            }
        };
        let with = |(a, x): &(Rational, f64)| operands.iter().rev().find_map(|(b, y)| Some((makes(*x, *y)?, (*a, *b))));
        operands.iter().rev().find_map(with)
    }

    /// How many different numbers the problem writes with digits.
    pub fn given_numbers(&self) -> usize {
        self.given.iter().filter(|given| given.plain).count()
    }

    /// How many of them the steps have used.
    pub fn used_numbers(&self) -> usize {
        self.given.iter().filter(|given| given.plain && given.used).count()
    }

    /// How many results no later operation has used.
    pub fn unused_results(&self) -> usize {
        self.unused.len()
    }
}

fn is_constant(value: Rational) -> bool {
    const WHOLE: &[i128] = &[0, 1, 2, 3, 4, 7, 10, 12, 24, 30, 31, 52, 60, 100, 365, 1000, 3600];
    match value.whole() {
        Some(whole) => WHOLE.contains(&whole),
        None => Rational::integer(1).div(Rational::integer(2)) == Some(value),
    }
}

/// What a word stands for, as a fraction.
fn number_word(word: &str) -> Option<(i64, i64)> {
    let whole = match word {
        "zero" => 0,
        "one" => 1,
        "two" | "twice" | "double" | "doubles" | "doubled" | "couple" | "pair" => 2,
        "three" | "triple" | "tripled" | "thrice" => 3,
        "four" => 4,
        "five" => 5,
        "six" => 6,
        "seven" | "week" | "weeks" => 7,
        "eight" => 8,
        "nine" => 9,
        "ten" => 10,
        "eleven" => 11,
        "twelve" | "dozen" | "dozens" | "year" => 12,
        "thirteen" => 13,
        "fourteen" => 14,
        "fifteen" => 15,
        "sixteen" => 16,
        "seventeen" => 17,
        "eighteen" => 18,
        "nineteen" => 19,
        "twenty" => 20,
        "day" => 24,
        "twenty-five" => 25,
        "thirty" => 30,
        "forty" => 40,
        "fifty" => 50,
        "sixty" | "hour" => 60,
        "seventy" => 70,
        "eighty" => 80,
        "ninety" => 90,
        "hundred" => 100,
        "thousand" => 1000,
        "half" => return Some((1, 2)),
        "third" => return Some((1, 3)),
        "quarter" => return Some((1, 4)),
        _ => return None,
    };
    Some((whole, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(ledger: &mut Ledger, step: &str) -> Vec<(String, Role, Origin)> {
        ledger.step(step).into_iter().map(|seen| (seen.value.to_string(), seen.role, seen.origin)).collect()
    }

    #[test]
    fn numbers_come_from_problem_results_constants_and_operations() {
        let mut ledger = Ledger::new("A baker fills 6 trays with 12 rolls each and sells half of 45 rolls.");
        let number = |text: &str, role, origin| (text.to_owned(), role, origin);
        assert_eq!(
            origins(&mut ledger, "The baker makes 6 * 12 = 72 rolls."),
            [
                number("6", Role::Operand, Origin::Problem),
                number("12", Role::Operand, Origin::Problem),
                number("72", Role::Outcome, Origin::Unknown),
            ]
        );
        assert_eq!(
            origins(&mut ledger, "With 72 of them, 27 are left after an hour of 60 minutes; 811 is new."),
            [
                number("72", Role::Mention, Origin::Result),
                number("27", Role::Mention, Origin::Derived(Operation::Subtract)),
                number("60", Role::Mention, Origin::Constant),
                number("811", Role::Mention, Origin::Unknown),
            ]
        );
        assert_eq!((ledger.given_numbers(), ledger.used_numbers(), ledger.unused_results()), (3, 2, 1));
    }

    #[test]
    fn percentages_and_fractions_of_the_problem_are_known() {
        let mut ledger = Ledger::new("20% off, then 3/8 of the rest, and a third.");
        for step in ["0.2", "0.8", "1.2", "0.375"] {
            assert_eq!(origins(&mut ledger, step)[0].2, Origin::Problem, "{step}");
        }
    }

    #[test]
    fn many_and_huge_numbers_stay_bounded() {
        let many: Vec<String> = (0..5_000).map(|n| format!("{n}.{n}")).collect();
        let mut ledger = Ledger::new(&many.join(" "));
        for _ in 0..20 {
            assert!(ledger.step(&many.join(" + ")).len() <= MAX_SIGHTINGS);
            assert!(ledger.recent.len() <= MAX_GIVEN + MAX_RECENT && ledger.results.len() <= MAX_RECENT);
        }
        assert_eq!(ledger.step(&"9".repeat(5_000)), []);
    }
}
