//! How a step differs from the steps before it in the same solution: what is long or dense for one writer is usual for another.

use std::sync::LazyLock;

/// The features that are compared, and the names of the differences.
const COMPARED: &[(&str, &str)] = &[
    ("bytes", "bytes_more"),
    ("tokens", "tokens_more"),
    ("numbers", "numbers_more"),
    ("numbers_unknown", "numbers_unknown_more"),
    ("share_unknown", "share_unknown_more"),
    ("words_from_problem", "words_from_problem_more"),
    ("question_words", "question_words_more"),
    ("new_words", "new_words_more"),
    ("like_an_earlier_step", "like_an_earlier_step_more"),
    ("equations", "equations_more"),
    ("outcomes", "outcomes_more"),
    ("equals_signs", "equals_signs_more"),
    ("variables", "variables_more"),
    ("backslashes", "backslashes_more"),
    ("plus_signs", "plus_signs_more"),
    ("minus_signs", "minus_signs_more"),
    ("times_signs", "times_signs_more"),
    ("over_signs", "over_signs_more"),
    ("numbers_from_problem", "numbers_from_problem_more"),
    ("numbers_from_results", "numbers_from_results_more"),
    ("numbers_derived", "numbers_derived_more"),
    ("context_shared", "context_shared_more"),
    ("longest_number", "longest_number_more"),
    ("power_signs", "power_signs_more"),
    ("like_previous_step", "like_previous_step_more"),
];

/// Where the compared features stand among all.
static COLUMNS: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let place = |name: &str| super::of_groups().position(|other| other == name);
    COMPARED.iter().filter_map(|(name, _)| place(name)).collect()
});

/// The names of the differences, in the order of their values.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    COMPARED.iter().map(|(_, name)| *name)
}

/// Sums over the steps so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Trend {
    steps: usize,
    sums: Vec<f64>,
}

impl Trend {
    /// Each compared value less its mean over the steps before; 0 in a first step. The step then counts as one of them.
    pub(super) fn next(&mut self, values: &[f32]) -> Vec<f32> {
        self.sums.resize(COLUMNS.len(), 0.0);
        let before = self.steps as f64;
        let differences = COLUMNS.iter().zip(&mut self.sums).map(|(column, sum)| {
            let value = values.get(*column).map_or(0.0, |value| f64::from(*value));
            let difference = if before > 0.0 { value - *sum / before } else { 0.0 };
            *sum += value;
            #[expect(clippy::cast_possible_truncation, reason = "a feature needs no more digits")]
            let difference = difference as f32;
            difference
        });
        let differences = differences.collect();
        self.steps += 1;
        differences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compared_feature_exists() {
        assert_eq!(COLUMNS.len(), COMPARED.len());
    }

    #[test]
    fn a_step_is_compared_with_the_mean_of_those_before() {
        let all = super::super::of_groups().count();
        let mut trend = Trend::default();
        let first: Vec<Vec<f32>> = [4.0, 8.0, 9.0].into_iter().map(|value| trend.next(&vec![value; all])).collect();
        assert!(first.iter().all(|row| row.len() == COMPARED.len()));
        let column: Vec<f32> = first.iter().map(|row| row[0]).collect();
        assert_eq!(column, [0.0, 4.0, 3.0]);
    }
}
