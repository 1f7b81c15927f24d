//! The equalities of a step: do they hold, and what do they compute.

use super::{Seen, count};
use crate::checks::arithmetic::{Closeness, Equation, Kind, Rational, Reading, Token, Verdict};

pub(super) const NAMES: &[&str] = &[
    "holding",
    "failing",
    "doubtful",
    "equations",
    "equations_before",
    "failing_before",
    "plus_equations",
    "minus_equations",
    "times_equations",
    "over_equations",
    "plus_signs",
    "minus_signs",
    "times_signs",
    "over_signs",
    "power_signs",
    "negative_results",
    "broken_results",
    "most_operands",
    "smallest_result",
    "repeated_equations",
    "operand_with_itself",
];

/// The four operations that an equation may hold, in this order everywhere.
const SIGNS: [&str; 4] = ["+", "-", "*", "/"];

pub(super) fn values(seen: &Seen) -> Vec<f32> {
    let reading = &seen.reading;
    let signs = |sign: &str| count(reading.tokens.iter().filter(|token| token.is(Kind::Operator, sign)).count());
    let equations = |test: &dyn Fn(&Equation) -> bool| count(reading.equations.iter().filter(|e| test(e)).count());
    let with = with_operation(reading);
    let results = || reading.equations.iter().map(|equation| equation.finding.right);
    let smallest = results().map(|value| value.approximate().abs()).filter(|size| *size < 1e12).reduce(f64::min);
    #[expect(clippy::cast_possible_truncation, reason = "a feature needs no more digits")]
    let smallest = smallest.unwrap_or(-1.0) as f32;
    let most = reading.equations.iter().map(|equation| operands(reading, equation).count()).max().unwrap_or(0);
    let repeated = |equation: &Equation| seen.before.expressions.contains(&expression(reading, equation));
    let itself = |equation: &Equation| {
        let operands: Vec<&Token> = operands(reading, equation).take(3).collect();
        matches!(operands.as_slice(), [a, b] if a.text == b.text)
    };
    let apart = |closeness| equations(&|equation| equation.closeness == closeness);
    vec![
        // To the trees an equality that misses by one in its last digit holds.
        apart(Closeness::Holds) + apart(Closeness::LastDigit),
        count(seen.verdicts(Verdict::Bad)),
        apart(Closeness::Explained),
        count(reading.equations.len()),
        count(seen.before.equations),
        count(seen.before.bad_equations),
        with[0],
        with[1],
        with[2],
        with[3],
        signs("+"),
        signs("-"),
        signs("*"),
        signs("/"),
        signs("^"),
        equations(&|equation| equation.finding.right.approximate() < 0.0),
        equations(&|equation| equation.finding.right.whole().is_none()),
        count(most),
        smallest,
        equations(&repeated),
        equations(&itself),
    ]
}

/// How many equations hold each of the four operations.
pub(super) fn with_operation(reading: &Reading) -> [f32; 4] {
    let mut with = [0.0; 4];
    for equation in &reading.equations {
        for (total, has) in with.iter_mut().zip(operations(reading, equation)) {
            *total += super::flag(has);
        }
    }
    with
}

/// What an equation computes, to be recognised again.
pub(super) fn expression(reading: &Reading, equation: &Equation) -> (Rational, [bool; 4]) {
    (equation.finding.left, operations(reading, equation))
}

fn operations(reading: &Reading, equation: &Equation) -> [bool; 4] {
    let left = &reading.tokens[equation.left.clone()];
    SIGNS.map(|sign| left.iter().any(|token| token.is(Kind::Operator, sign)))
}

fn operands<'a>(reading: &'a Reading, equation: &Equation) -> impl Iterator<Item = &'a Token> {
    reading.tokens[equation.left.clone()].iter().filter(|token| token.kind == Kind::Number)
}
