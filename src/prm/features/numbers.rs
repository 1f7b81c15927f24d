//! Where the numbers of a step come from, and which numbers are left to use.

use super::{Seen, count, flag, share};
use crate::checks::arithmetic::Kind;
use crate::checks::provenance::{Operation, Origin, Role, Sighting};

pub(super) const NAMES: &[&str] = &[
    "numbers_from_problem",
    "numbers_from_results",
    "numbers_constant",
    "numbers_derived",
    "numbers_unknown",
    "operands_from_problem",
    "operands_from_results",
    "operands_constant",
    "operands_derived",
    "operands_unknown",
    "share_unknown",
    "numbers",
    "outcomes",
    "outcomes_known_as_results",
    "outcomes_known_from_problem",
    "first_uses",
    "broken_numbers",
    "longest_number",
    "derived_by_plus",
    "derived_by_minus",
    "derived_by_times",
    "derived_by_over",
    "unknown_before",
    "problem_numbers_used",
    "unused_results",
    "names_last_result",
    "last_number_origin",
    "unused_in_answer",
];

pub(super) fn is_unknown(seen: &Sighting) -> bool {
    seen.role != Role::Outcome && seen.origin == Origin::Unknown
}

/// A number that the step brings without an equality.
pub(super) fn is_found(seen: &Sighting) -> bool {
    matches!(seen.origin, Origin::Derived(_) | Origin::Unknown)
}

pub(super) fn values(seen: &Seen) -> Vec<f32> {
    let all = &seen.sightings;
    let sightings = |test: &dyn Fn(&Sighting) -> bool| all.iter().filter(|seen| test(seen)).count();
    let outcome = |seen: &Sighting| seen.role == Role::Outcome;
    let numbers = seen.reading.tokens.iter().filter(|token| token.kind == Kind::Number);
    let total = numbers.clone().count();
    let longest = numbers.map(|token| token.text.len()).max().unwrap_or(0);
    let derived = |operation| count(sightings(&|seen| !outcome(seen) && seen.origin == Origin::Derived(operation)));
    let covered = share(seen.ledger.used_numbers(), seen.ledger.given_numbers());
    let last = seen.before.last_result;
    let mut values = Vec::with_capacity(NAMES.len());
    for operands_only in [false, true] {
        let wanted = |seen: &Sighting| if operands_only { seen.role == Role::Operand } else { !outcome(seen) };
        values.extend((0..5).map(|kind| count(sightings(&|seen| wanted(seen) && rank(seen.origin) == kind))));
    }
    values.extend([
        share(sightings(&is_unknown), total),
        count(total),
        count(sightings(&outcome)),
        count(sightings(&|seen| outcome(seen) && seen.origin == Origin::Result)),
        count(sightings(&|seen| outcome(seen) && seen.origin == Origin::Problem)),
        count(sightings(&|seen| seen.first_use)),
        count(sightings(&|seen| seen.value.whole().is_none())),
        count(longest),
        derived(Operation::Add),
        derived(Operation::Subtract),
        derived(Operation::Multiply),
        derived(Operation::Divide),
        count(seen.before.unknown_numbers),
        covered,
        count(seen.ledger.unused_results()),
        flag(last.is_some() && all.iter().any(|seen| Some(seen.value) == last)),
        all.last().map_or(-1.0, |seen| count(rank(seen.origin))),
        (1.0 - covered) * flag(seen.words.gives_answer),
    ]);
    values
}

fn rank(origin: Origin) -> usize {
    match origin {
        Origin::Problem => 0,
        Origin::Result => 1,
        Origin::Constant => 2,
        Origin::Derived(_) => 3,
        Origin::Unknown => 4,
    }
}
