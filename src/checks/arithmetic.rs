//! Exact check of the equalities that a step writes down: `3 \times 4 = 12`, `$3.50 * 4 = $14`, `20% of 50 = 10`, `a = b = c`.
//!
//! It reads prose and LaTeX, computes both sides as exact fractions and compares them, with patience for rounding. It is built to raise no
//! false alarm: what it does not understand in full (variables, functions, remainders, units that change) it leaves alone. Hence it finds few
//! errors, and those it finds are errors. Work is bounded: the first 6,000 bytes of a step, 60 equalities, 60 tokens a side.

mod expression;
mod lexer;
mod rational;

use std::ops::Range;

pub(in crate::checks) use expression::{Evaluated, Percent, evaluate, evaluate_at};
pub(crate) use lexer::{Kind, Token, tokens};
pub use rational::Rational;

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

/// How far the two sides of an equality lie apart, nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Closeness {
    /// They are equal, or equal after rounding or cutting off to the digits written.
    Holds,
    /// They differ by at most one in the last digit written, which no rounding of the left side explains.
    LastDigit,
    /// They differ, but rounding before, units or words nearby may explain it.
    Explained,
    /// They differ.
    Off,
}

impl Closeness {
    fn verdict(self) -> Verdict {
        match self {
            Self::Holds => Verdict::Ok,
            Self::LastDigit | Self::Explained => Verdict::Soft,
            Self::Off => Verdict::Bad,
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
    let r = evaluate(&tokens[right.clone()], Percent::Hundredth)?;
    if l.operations == 0 && !chained {
        // "total = 12", "x = 4 = ...": a name or a lone number claims nothing that can be computed.
        return None;
    }
    let approximately = tokens[sign].kind == Kind::Approximately;
    let closeness = closest(tokens, &left, &right, approximately)?;
    let verdict = closeness.verdict();
    let span = tokens[left.start].span.start..tokens[right.end - 1].span.end;
    Some(Equation {
        finding: Finding { verdict, span, left: l.value, right: r.value, claim: Claim::Numbers },
        closeness,
        left,
        right,
    })
}

/// The longest expression that ends right before the sign, unless something before it binds to it.
fn left_side(tokens: &[Token], segment: Range<usize>) -> Option<Range<usize>> {
    let first = segment.start.max(segment.end.saturating_sub(MAX_SIDE));
    (first..segment.end)
        .filter(|start| begins(&tokens[*start..segment.end]))
        .filter(|start| *start == segment.start || !binds_forward(&tokens[*start - 1], &tokens[*start]))
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

/// What is to be said of two sides; `approximately`: the sign between them says no more.
pub(in crate::checks) fn compare(
    tokens: &[Token],
    left: &Range<usize>,
    right: &Range<usize>,
    approximately: bool,
) -> Option<Verdict> {
    closest(tokens, left, right, approximately).map(Closeness::verdict)
}

/// Compares under every reading of the percent signs; the kindest one counts.
fn closest(tokens: &[Token], left: &Range<usize>, right: &Range<usize>, approximately: bool) -> Option<Closeness> {
    let readings = |side: &Range<usize>| -> Vec<Evaluated> {
        [Percent::Hundredth, Percent::Unit].iter().filter_map(|percent| evaluate(&tokens[side.clone()], *percent)).collect()
    };
    let whole = left.start..right.end;
    let percent = tokens[whole.clone()].iter().any(|token| token.kind == Kind::Percent);
    let places = (decimals(&tokens[left.clone()]), decimals(&tokens[right.clone()]));
    let excused = has_excuse(tokens, &whole);
    let units_change = unit_kinds(&tokens[whole.start..(whole.end + 3).min(tokens.len())], &tokens[whole]) >= 2;
    let mut best: Option<Closeness> = None;
    for l in readings(left) {
        for r in readings(right) {
            let hundred = Rational::integer(100);
            let mut pairs = vec![(l.value, r.value)];
            if percent {
                pairs.extend(l.value.mul(hundred).map(|l| (l, r.value)));
                pairs.extend(r.value.mul(hundred).map(|r| (l.value, r)));
            }
            for (l, r) in pairs {
                // Out of bounds: nothing can be said.
                let mut closeness = compare_values(l, r, places, approximately)?;
                if closeness == Closeness::Off && (excused || (units_change && is_conversion(l, r))) {
                    closeness = Closeness::Explained;
                }
                best = Some(best.map_or(closeness, |best| best.min(closeness)));
            }
        }
    }
    best
}

/// `places`: digits behind the point that each side writes.
fn compare_values(left: Rational, right: Rational, places: (usize, usize), approximately: bool) -> Option<Closeness> {
    let error = left.sub(right)?.abs()?;
    if error == Rational::ZERO {
        return Some(Closeness::Holds);
    }
    let size = left.abs()?;
    let within = |digits: usize| Rational::unit_of(digits).is_some_and(|unit| error.at_most(unit));
    let share = |percent: i64| {
        size.mul(Rational::integer(percent))
            .and_then(|part| part.div(Rational::integer(100)))
            .is_some_and(|part| error.at_most(part))
    };
    let (left_places, right_places) = places;
    let last_digit = right_places > 0 && within(right_places);
    let close = approximately && (within(right_places) || share(3));
    if close || (last_digit && is_rounded(left, right, right_places)) {
        return Some(Closeness::Holds);
    }
    if last_digit {
        return Some(Closeness::LastDigit);
    }
    let from_rounded = left_places > 0 && within(left_places);
    // Rounded to a whole number without saying so.
    let to_whole = right.whole().is_some() && left.whole().is_none() && !Rational::integer(1).at_most(error);
    let carried = left_places.max(right_places) >= 2 && share(1);
    Some(if from_rounded || to_whole || carried { Closeness::Explained } else { Closeness::Off })
}

/// The right side is the left one with so many digits behind the point, rounded or cut off. A value that needs no more digits is neither.
fn is_rounded(exact: Rational, written: Rational, places: usize) -> bool {
    let rounded = || {
        let unit = Rational::unit_of(places)?;
        if exact.div(unit)?.whole().is_some() {
            return None;
        }
        let (exact_size, written_size) = (exact.abs()?, written.abs()?);
        let error = exact.sub(written)?.abs()?;
        let cut_off = written_size.at_most(exact_size) && error.at_most(unit);
        Some(cut_off || error.add(error)?.at_most(unit))
    };
    rounded().unwrap_or(false)
}

fn decimals(tokens: &[Token]) -> usize {
    let places = |token: &Token| token.text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    tokens.iter().filter(|token| token.kind == Kind::Number).map(places).max().unwrap_or(0)
}

/// Words nearby that give `=` another meaning, or a mixed number written with `\frac`.
pub(in crate::checks) fn has_excuse(tokens: &[Token], whole: &Range<usize>) -> bool {
    const WORDS: &[&str] =
        &["remainder", "digit", "binary", "base", "modul", "≡", "quotient", "divisible", "round", "about", "approx", "nearest"];
    const AROUND: usize = 6;
    let near = &tokens[whole.start.saturating_sub(AROUND)..(whole.end + AROUND).min(tokens.len())];
    let says = |token: &Token| {
        let text = token.text.to_ascii_lowercase();
        text == "mod" || WORDS.iter().any(|word| text.contains(word))
    };
    // 3\frac{4}{5}
    let mixed = |window: &[Token]| {
        const SHAPE: [Kind; 9] = [
            Kind::Number,
            Kind::Open,
            Kind::Open,
            Kind::Number,
            Kind::Close,
            Kind::Operator,
            Kind::Open,
            Kind::Number,
            Kind::Close,
        ];
        window.iter().map(|token| token.kind).eq(SHAPE) && window[5].text == "/"
    };
    near.iter().any(says) || near.windows(9).any(mixed)
}

/// Units that convert into each other, by a part of the word.
const UNITS: &[&str] = &[
    "cent", "dollar", "hour", "minute", "second", "day", "week", "month", "year", "inch", "feet", "foot", "yard", "mile",
    "meter", "cm", "mm", "km", "kg", "ml", "gram", "ounce", "pound", "lb", "liter", "dozen", "million", "thousand", "billion",
    "pair", "quarter", "dime", "nickel", "gallon", "quart", "pint", "cup", "am", "pm", "degree",
];

/// Number of different units that are named.
fn unit_kinds(named: &[Token], claim: &[Token]) -> usize {
    let unit = |token: &Token| {
        let word = token.text.to_ascii_lowercase();
        UNITS.iter().copied().find(|unit| word.contains(unit))
    };
    let mut kinds: Vec<&str> = named.iter().filter(|token| token.kind == Kind::Word).filter_map(unit).collect();
    if claim.iter().any(|token| token.kind == Kind::Currency) {
        kinds.push("dollar");
    }
    kinds.sort_unstable();
    kinds.dedup();
    kinds.len()
}

/// The sides differ by a factor that turns one unit into another.
pub(in crate::checks) fn is_conversion(left: Rational, right: Rational) -> bool {
    const FACTORS: &[i64] = &[
        60, 3600, 24, 7, 12, 100, 1000, 16, 3, 36, 10, 52, 365, 30, 4, 2, 8, 14, 20, 5, 25, 1_000_000, 144, 9, 1440, 5280, 31,
        28, 48,
    ];
    let ratio = |a: Rational, b: Rational| a.div(b).and_then(Rational::abs).and_then(Rational::whole);
    [ratio(left, right), ratio(right, left)]
        .into_iter()
        .flatten()
        .any(|ratio| FACTORS.iter().any(|factor| i128::from(*factor) == ratio))
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
        ] {
            assert!(!verdicts(step).contains(&Verdict::Bad), "{step}: {:?}", check(step));
        }
    }

    #[test]
    fn words_nearby_make_a_mismatch_soft() {
        for step in ["17 / 5 = 3 remainder 2", "10 / 4 = 2 (rounded)", "2 * 30 minutes = 1 hour", "17 mod 5 = 2"] {
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
