//! Place, length and looks of a step.

use super::{Seen, count};
use crate::checks::arithmetic::Kind;

pub(super) const NAMES: &[&str] =
    &["place", "bytes", "tokens", "lines", "equals_signs", "variables", "backslashes", "question_marks", "approximations"];

pub(super) fn values(seen: &Seen) -> Vec<f32> {
    let signs = |sign: char| seen.text.chars().filter(|c| *c == sign).count();
    let variables = seen.reading.tokens.iter().filter(|token| token.kind == Kind::Variable).count();
    let approximations = seen.text.matches("approx").count() + signs('≈');
    vec![
        count(seen.before.steps),
        count(seen.text.len()),
        count(seen.reading.tokens.len()),
        count(signs('\n')),
        count(signs('=')),
        count(variables),
        count(signs('\\')),
        count(signs('?')),
        count(approximations),
    ]
}
