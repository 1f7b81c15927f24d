//! Exact check of the equalities that a step writes down: `3 \times 4 = 12`, `$3.50 * 4 = $14`, `20% of 50 = 10`, `a = b = c`.
//!
//! It reads prose and LaTeX, computes both sides as exact fractions and compares them, with patience for rounding. It is built to raise no
//! false alarm: what it does not understand in full (variables, functions, remainders, units that change) it leaves alone. Hence it finds few
//! errors, and those it finds are errors. Work is bounded: the first 6,000 bytes of a step, 60 equalities, 60 tokens a side.

mod closeness;
mod expression;
mod lexer;
mod rational;
mod units;
mod words;

use std::ops::Range;

pub(crate) use closeness::Closeness;
use closeness::closest;
pub(in crate::checks) use closeness::{compare, has_excuse, is_conversion};
pub(in crate::checks) use expression::{Evaluated, Percent, evaluate, evaluate_at};
pub(crate) use lexer::{Kind, Token, tokens};
pub use rational::Rational;
use units::is_second_part;

const MAX_EQUALITIES: usize = 60;
const MAX_SIDE: usize = 60;

/// What the check says about one equality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Both sides are equal, or equal after rounding to the digits written.
    Ok,
    /// Not equal, but rounding, units or words nearby may explain it.
    Soft,
    /// Not equal.
    Bad,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Two numbers are equal.
    Numbers,
    /// A letter has this value, or an equation has this root.
    Root {
        /// The letter.
        letter: char,
    },
    /// Two expressions are the same for every value of their letters; they were computed last at this point.
    Identity {
        /// Letters and their values, by the alphabet.
        point: Vec<(char, Rational)>,
    },
    /// A whole number is divided with a remainder.
    Division {
        /// What it is divided by.
        divisor: i64,
        /// How often that goes into it.
        quotient: i64,
        /// What is left.
        remainder: i64,
    },
}

/// One equality that could be computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether it holds.
    pub verdict: Verdict,
    /// Bytes of the whole equality in the step.
    pub span: Range<usize>,
    /// Value of the left side, percent signs read as hundredths.
    pub left: Rational,
    /// Value of the right side, likewise.
    pub right: Rational,
    /// What it is about.
    pub claim: Claim,
}

impl Finding {
    /// What the two sides come to, for people.
    pub fn sides(&self) -> String {
        let Self { left, right, claim, .. } = self;
        match claim {
            Claim::Numbers => format!("left side {left}, right side {right}"),
            Claim::Root { letter } if *right == Rational::ZERO && self.verdict == Verdict::Soft => {
                format!("{letter} misses the equation before by {left}")
            }
            Claim::Root { letter } => format!("{letter} is {left} by the equation before, {right} here"),
            Claim::Division { divisor, remainder, .. } if left == right => format!("{remainder} is not below {divisor}"),
            Claim::Division { divisor, quotient, remainder } => {
                format!("{divisor} · {quotient} + {remainder} is {right}, not {left}")
            }
            Claim::Identity { point } => {
                let at: Vec<String> = point.iter().map(|(letter, value)| format!("{letter} = {value}")).collect();
                format!("{left} and {right} at {}", at.join(", "))
            }
        }
    }
}

/// An equality that could be computed, with its place among the tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Equation {
    /// What the check says.
    pub(crate) finding: Finding,
    /// How far its sides lie apart.
    pub(crate) closeness: Closeness,
    /// Tokens of the left side.
    pub(crate) left: Range<usize>,
    /// Tokens of the right side.
    pub(crate) right: Range<usize>,
}

/// A step as the check reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The tokens, in order of their places.
    pub(crate) tokens: Vec<Token>,
    /// The equalities, in order of their signs.
    pub(crate) equations: Vec<Equation>,
}

/// Checks every equality of a step, in order.
pub fn check(step: &str) -> Vec<Finding> {
    read(step).equations.into_iter().map(|equation| equation.finding).collect()
}

/// Reads a step and checks its equalities.
pub(crate) fn read(step: &str) -> Reading {
    let tokens = tokens(step);
    let is_sign = |token: &Token| matches!(token.kind, Kind::Equals | Kind::Approximately);
    let signs: Vec<usize> = tokens.iter().enumerate().filter(|(_, token)| is_sign(token)).map(|(index, _)| index).collect();
    let mut equations = Vec::new();
    // The right side of the last equality when it reaches up to the next sign: the left side of the next link of a chain.
    let mut link: Option<Range<usize>> = None;
    for (n, sign) in signs.iter().copied().enumerate().take(MAX_EQUALITIES) {
        let start = if n == 0 { 0 } else { signs[n - 1] + 1 };
        let end = signs.get(n + 1).copied().unwrap_or(tokens.len());
        let chained = link.take();
        let left = chained.clone().or_else(|| left_side(&tokens, start..sign));
        let right = right_side(&tokens, sign + 1..end);
        link = right.clone().filter(|side| side.end == end && n + 1 < signs.len());
        if let (Some(left), Some(right)) = (left, right) {
            equations.extend(judge(&tokens, left, right, sign, chained.is_some()));
        }
    }
    Reading { tokens, equations }
}

/// True when some equality of the step does not hold.
pub fn has_error(step: &str) -> bool {
    check(step).iter().any(|finding| finding.verdict == Verdict::Bad)
}

fn judge(tokens: &[Token], left: Range<usize>, right: Range<usize>, sign: usize, chained: bool) -> Option<Equation> {
    let l = evaluate(&tokens[left.clone()], Percent::Hundredth)?;
    if l.operations == 0 && !chained {
        // "total = 12", "x = 4 = ...": a name or a lone number claims nothing that can be computed.
        return None;
    }
    let approximately = tokens[sign].kind == Kind::Approximately;
    let (right, closeness) = kinder_end(tokens, &left, right, approximately)?;
    let r = evaluate(&tokens[right.clone()], Percent::Hundredth)?;
    let verdict = closeness.verdict();
    let span = tokens[left.start].span.start..tokens[right.end - 1].span.end;
    Some(Equation {
        finding: Finding { verdict, span, left: l.value, right: r.value, claim: Claim::Numbers },
        closeness,
        left,
        right,
    })
}

/// How far apart the sides are; a `!` at the end of the right one is a factorial only where that brings them closer.
fn kinder_end(
    tokens: &[Token],
    left: &Range<usize>,
    right: Range<usize>,
    approximately: bool,
) -> Option<(Range<usize>, Closeness)> {
    let closeness = closest(tokens, left, &right, approximately);
    let last = right.clone().rev().find(|at| tokens[*at].kind != Kind::Word).unwrap_or(right.start);
    if tokens[last].kind != Kind::Bang || last == right.start {
        return closeness.map(|closeness| (right, closeness));
    }
    let exclaimed = right.start..last;
    match (closeness, closest(tokens, left, &exclaimed, approximately)) {
        (Some(factorial), Some(exclaimed)) if factorial < exclaimed => Some((right, factorial)),
        (factorial, None) => factorial.map(|closeness| (right, closeness)),
        (_, Some(closeness)) => Some((exclaimed, closeness)),
    }
}

/// The longest expression that ends right before the sign, unless something before it binds to it.
fn left_side(tokens: &[Token], segment: Range<usize>) -> Option<Range<usize>> {
    let first = segment.start.max(segment.end.saturating_sub(MAX_SIDE));
    (first..segment.end)
        .filter(|start| begins(&tokens[*start..segment.end]))
        .filter(|start| *start == segment.start || !binds_forward(&tokens[*start - 1], &tokens[*start]))
        .filter(|start| !is_second_part(tokens, *start))
        .map(|start| start..segment.end)
        .find(|side| evaluate(&tokens[side.clone()], Percent::Hundredth).is_some())
}

fn begins(tokens: &[Token]) -> bool {
    match tokens {
        // With a space behind it, it may be a dash.
        [first, second, ..] if first.is(Kind::Operator, "-") => first.span.end == second.span.start,
        [first, ..] => matches!(first.kind, Kind::Number | Kind::Open | Kind::Currency | Kind::Root),
        [] => false,
    }
}

fn binds_forward(before: &Token, token: &Token) -> bool {
    let touches = before.span.end == token.span.start;
    match before.kind {
        Kind::Operator | Kind::Variable | Kind::Number | Kind::Bang | Kind::Of | Kind::Percent | Kind::Root | Kind::Close => true,
        // sqrt(16): a function that is applied.
        Kind::Word => touches && token.kind == Kind::Open,
        Kind::Boundary => {
            matches!(before.text.as_str(), "?" | "<" | ">") || (touches && matches!(before.text.as_str(), "|" | "\\" | ":"))
        }
        _ => false,
    }
}

/// The longest expression that starts right behind the sign, unless something behind it binds to it.
pub(in crate::checks) fn right_side(tokens: &[Token], segment: Range<usize>) -> Option<Range<usize>> {
    let colons = tokens[segment.clone()].iter().take_while(|token| token.is(Kind::Boundary, ":")).count();
    let start = segment.start + colons;
    let last = segment.end.min(start + MAX_SIDE);
    (start + 1..=last)
        .rev()
        .filter(|end| matches!(tokens[*end - 1].kind, Kind::Number | Kind::Close | Kind::Percent | Kind::Word | Kind::Bang))
        .filter(|end| !binds_backward(tokens, *end))
        .map(|end| start..end)
        .find(|side| evaluate(&tokens[side.clone()], Percent::Hundredth).is_some())
}

fn binds_backward(tokens: &[Token], end: usize) -> bool {
    let Some(next) = tokens.get(end) else { return false };
    if goes_on_in_parts(tokens, end) {
        return true;
    }
    match next.kind {
        Kind::Operator
        | Kind::Variable
        | Kind::Number
        | Kind::Open
        | Kind::Bang
        | Kind::Percent
        | Kind::Close
        | Kind::Root
        | Kind::Of => true,
        // A ratio, 3:4.
        Kind::Boundary if next.text == ":" => tokens.get(end + 1).is_some_and(|token| token.kind == Kind::Number),
        Kind::Boundary => matches!(next.text.as_str(), "?" | "<" | ">" | "|" | "≡"),
        Kind::Word if tokens[end - 1].kind != Kind::Word => {
            matches!(next.text.to_ascii_lowercase().as_str(), "mod" | "r" | "remainder" | "or")
        }
        _ => false,
    }
}

/// Behind `end` stands what is left of a quantity in two units: `1| hour 20 minutes`, `1 hour| and 20 minutes`.
fn goes_on_in_parts(tokens: &[Token], end: usize) -> bool {
    const MAX_WORDS: usize = 3;
    let second = (end..tokens.len().min(end + MAX_WORDS)).find(|at| tokens[*at].kind == Kind::Number);
    second.is_some_and(|at| is_second_part(tokens, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(step: &str) -> Vec<Verdict> {
        check(step).into_iter().map(|finding| finding.verdict).collect()
    }

    #[test]
    fn equalities_that_hold() {
        for step in [
            r"2 \text{ books} \times 2 \text{ pounds/book} = 4 \text{ pounds}",
            "$3.5 * 4000 = $14,000.",
            r"\[ 3 \times 1{,}200 = 3{,}600 \]",
            "2/5 * 4000 = 1600 gallons",
            "2 trips * $2.20/trip = $4.40",
            r"\[ 8 \text{ pounds} \text{ (math and science)} + 4 \text{ pounds} \text{ (French)} + 9 \text{ pounds} = 21 \text{ pounds} \]",
            "20% of 50 = 10",
            "3/4 = 75%",
            r"\frac{3}{4} \times 12 = 9",
            r"\dfrac12 \cdot 8 = 4",
            "10/3 = 3.33",
            r"10 \div 3 \approx 3.3",
            "1 1/2 * 4 = 6",
            "1½ * 4 = 6",
            "2½ + 1 = 3½",
            "2¼ + 1 = 3.25",
            "7 / 2 = 3.5 = 3½",
            "⅔ * 9 = 6",
            "$1 - 35 cents = 65 cents",
            "1 hour - 20 minutes = 40 minutes",
            "2 * 30 minutes = 1 hour",
            "2 feet + 6 inches = 2.5 feet",
            "3 weeks + 2 days = 23 days",
            "3 dozen + 4 = 40",
            "1.5 million + 500,000 = 2 million",
            "1 million / 4 = 250,000",
            "80 + 25% = 100",
            "100 + 10% = 110",
            "100 - 10% = 90",
            "So the total is 4 * 5 = 20!",
            "2 + 3 = 5! Now go on.",
            "4! = 24!",
            "3! = 6",
            "So 4 * 5 = 20! now we add",
            "3 dozen * $2 = $72",
            "3 dozen * $2 = 72",
            "3 dozen eggs/day * 7 days = 252 eggs",
            "4 dozen / 2 days = 24 per day",
            "2 pairs * $15 = 60",
            "$1.5 million / 3 = 500,000",
            "5 days * 2 thousand people = 10,000 people",
            "$50 - 20% - 10% = $36",
            "100% - 20% = 80%",
            "Great! 3 * 4 = 12",
            "**3 * 4 = 12**",
            "**Total: 3 * 4 = 12** apples",
            "The total is 3 * 4 = **12**.",
            "2 ** 3 + 1 = 9",
            r"260 gallons divided by 20 gallons per second $\frac{260}{20} = 13 \text{ seconds}$",
            "2**3 + 1 = 9",
            "sold 2 * 45 = 90 books.",
            "5! = 120",
            "2(3+4) = 14",
            "2^{10} = 1024",
            r"\sqrt{16} + 1 = 5",
            "12 × 3 = 36 and 36 ÷ 4 = 9",
            "-3 + 5 = 2",
            "3 x 4 = 12",
        ] {
            let found = verdicts(step);
            assert!(!found.is_empty() && found.iter().all(|verdict| *verdict == Verdict::Ok), "{step}: {found:?}");
        }
    }

    #[test]
    fn equalities_that_do_not_hold() {
        for step in [
            r"\[ 8 + 4 + 3 + 6 = 20 \]",
            "2/5 * 4000 = 800 gallons",
            "$15.50 - $2.25 = $13.75.",
            "20% of 50 = 15",
            r"\frac{3}{4} \times 12 = 8",
            r"\boxed{7 \times 8 = 54}",
            "$194/meter × 490 meters = $94,860",
            "495 students * $15/student = $7455",
            "1,200 + 300 = 1,600",
            "**3 * 4 = 13**",
            "**Total: 3 * 4 = 13**",
            "3 * 4 = **13**",
            "So it is 4 * 5 = 21!",
            "2½ + 1 = 4½",
            "$1 - 35 cents = 75 cents",
            "3 dozen + 4 = 41",
            "1.5 million + 500,000 = 3 million",
            "$15/hour * 8 hours = $240",
            "The same 3 * 4 = 14 games",
            "80 + 25% = 90",
            "40% + 25% = 50%",
        ] {
            assert_eq!(verdicts(step), [Verdict::Bad], "{step}");
        }
    }

    #[test]
    fn a_sum_that_misses_in_its_last_digit_does_not_hold() {
        for step in ["Cost: $3.10 + $2.10 = $5.21", "1.25 + 1.25 = 2.51", "2.5 + 1.1 = 3.7", "1/3 = 0.34"] {
            assert_eq!(verdicts(step), [Verdict::Soft], "{step}");
        }
        for step in ["2/3 = 0.67", "2/3 = 0.66", "-2/3 = -0.66", "1/8 = 0.13", "1/8 = 0.12", "3.1 + 2.1 ≈ 5.3"] {
            assert_eq!(verdicts(step), [Verdict::Ok], "{step}");
        }
    }

    #[test]
    fn chains_are_checked_link_by_link() {
        assert_eq!(verdicts("2 + 3 = 5 = 6"), [Verdict::Ok, Verdict::Bad]);
        assert_eq!(verdicts("3 x 4 = 12, so 12 + 1 = 14"), [Verdict::Ok, Verdict::Bad]);
        assert_eq!(verdicts("2 * 3 * 4 = 6 * 4 = 24"), [Verdict::Ok, Verdict::Ok]);
    }

    #[test]
    fn what_is_not_understood_is_left_alone() {
        for step in [
            "x + 3 = 18",
            "2x = 18",
            "2^{10^9} = 4",
            "9^999999999 = 3",
            r"\sin(30) + 1 = 7",
            "total = 12",
            "12 = 13",
            r"a_1 + 2 = 4",
            "(4/3)π(2)^3 = 32π/3",
            "V = π (3)^2 * 4 = 36π",
            "2πr(3) + 1 = 5",
            "3 * 2 + 1 = 7π",
            "sqrt(16) + 1 = 5",
            "lcm(4, 6) = gcd(12) + 2 = 12",
            "There are 3 boxes of 4 = 12",
            "2 * 60/total = 5",
            "1/0 = 5",
            "Since 3 * 4 != 13, we go on",
            "3*4!=13",
            "**12**-5 = 7",
            "1 hour 20 minutes - 30 minutes = 50 minutes",
            "90 minutes - 10 minutes = 1 hour 20 minutes",
            "90 minutes - 10 minutes = 1 hour and 20 minutes",
            "11 AM + 3 hours = 2 PM",
        ] {
            assert!(!verdicts(step).contains(&Verdict::Bad), "{step}: {:?}", check(step));
        }
    }

    #[test]
    fn words_nearby_make_a_mismatch_soft() {
        for step in ["17 / 5 = 3 remainder 2", "10 / 4 = 2 (rounded)", "20 minutes/day * 7 days = 2.33 hours", "17 mod 5 = 2"] {
            assert!(!verdicts(step).contains(&Verdict::Bad), "{step}: {:?}", check(step));
        }
    }

    #[test]
    fn a_finding_says_where_and_what() {
        let step = "So 3 apples + 4 apples = 8 apples in all.";
        let finding = &check(step)[0];
        assert_eq!(&step[finding.span.clone()], "3 apples + 4 apples = 8 apples in all");
        assert_eq!((finding.left.to_string(), finding.right.to_string()), ("7".into(), "8".into()));
    }

    #[test]
    fn hostile_text_is_read_in_bounded_time() {
        for part in ["(", "{", r"\frac{", "1+", "=", "1=", r"\frac{1}{2}", "<<", "-", "^{", "√(", "1,000", "ⅽ", "\\"] {
            let text = part.repeat(200_000 / part.len());
            let start = std::time::Instant::now();
            check(&text);
            assert!(start.elapsed().as_secs() < 5, "{part}");
        }
    }
}
