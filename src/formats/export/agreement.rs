//! How far people agree who judged the same solutions.

use std::collections::{BTreeMap, HashMap};

use crate::trace::{FirstError, Label, StepKey};

/// What one person says of a solution.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Where it goes wrong first, in the steps of this person.
    pub first_error: FirstError,
    /// Names that step: others may have cut the steps otherwise.
    pub step: Option<StepKey>,
    /// Names all steps.
    pub leaf: StepKey,
    /// What is said of each.
    pub steps: Vec<Label>,
}

impl Verdict {
    /// Whether both name the same first error.
    fn is_that_of(&self, other: &Self) -> bool {
        match (self.first_error, other.first_error) {
            (FirstError::At(_), FirstError::At(_)) => self.step == other.step,
            (own, theirs) => own == theirs,
        }
    }
}

/// Answers of several people to the same question, sorted, with the number of questions that were answered so.
pub type Units = BTreeMap<Vec<i64>, u64>;

/// How far people agree who judged the same solutions.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Solutions with verdicts of several people.
    pub several: u64,
    /// Those on which all of them name the same first error.
    pub same: u64,
    /// Solutions left out because they do not.
    pub left_out: u64,
    /// First errors, by [`category`]; one entry for each group of people who judged the same steps.
    pub first_errors: Units,
    /// Ratings of single steps (-1, 0, 1), of those who rated the step.
    pub ratings: Units,
}

impl Agreement {
    /// Counts the verdicts on one solution, one a person.
    pub fn count(&mut self, verdicts: &[Verdict]) {
        let [first, rest @ ..] = verdicts else { return };
        if rest.is_empty() {
            return;
        }
        self.several += 1;
        self.same += u64::from(rest.iter().all(|other| other.is_that_of(first)));
        // Those who cut alike, together: indices of steps mean the same to them.
        let mut alike: HashMap<StepKey, Vec<&Verdict>> = HashMap::new();
        for verdict in verdicts {
            alike.entry(verdict.leaf).or_default().push(verdict);
        }
        for verdicts in alike.values() {
            add(&mut self.first_errors, verdicts.iter().map(|verdict| category(verdict.first_error)).collect());
            for index in 0..verdicts[0].steps.len() {
                let ratings =
                    verdicts.iter().filter_map(|verdict| verdict.steps.get(index)?.rating().map(|rating| rating.value().into()));
                add(&mut self.ratings, ratings.collect());
            }
        }
    }

    /// Adds the counts of another part of the same export.
    pub(super) fn add(&mut self, other: &Self) {
        self.several += other.several;
        self.same += other.same;
        self.left_out += other.left_out;
        for (all, part) in [(&mut self.first_errors, &other.first_errors), (&mut self.ratings, &other.ratings)] {
            for (unit, times) in part {
                *all.entry(unit.clone()).or_default() += times;
            }
        }
    }
}

/// One answer alone says nothing of agreement.
fn add(units: &mut Units, mut unit: Vec<i64>) {
    if unit.len() > 1 {
        unit.sort_unstable();
        *units.entry(unit).or_default() += 1;
    }
}

/// A first error as an answer among others: the index of the step, -1 for none, -2 for a solution that cannot be labelled, -3 for no answer.
pub fn category(first_error: FirstError) -> i64 {
    match first_error {
        FirstError::At(index) => i64::try_from(index).unwrap_or(i64::MAX),
        FirstError::NoError => -1,
        FirstError::Unlabelable => -2,
        FirstError::Unknown => -3,
    }
}

/// The way back from [`category`].
pub(in super::super) fn first_error(category: i64) -> FirstError {
    match category {
        -1 => FirstError::NoError,
        -2 => FirstError::Unlabelable,
        other => usize::try_from(other).map_or(FirstError::Unknown, FirstError::At),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::PromptKey;

    #[test]
    fn people_are_compared_step_by_step_where_they_judge_the_same_steps() {
        use Label::{AfterError, Bad, Good, Neutral};
        let key = |text: &str| PromptKey::of("q").step(text);
        let verdict = |first_error, step: &str, steps: &[Label], leaf: &str| Verdict {
            first_error,
            step: Some(key(step)),
            leaf: key(leaf),
            steps: steps.into(),
        };
        let one = verdict(FirstError::At(1), "b", &[Good, Bad, AfterError], "c");
        let two = verdict(FirstError::At(2), "c", &[Neutral, Good, Bad], "c");
        // The same error as that of the first, in steps that were merged.
        let merged = verdict(FirstError::At(0), "b", &[Bad, AfterError], "b c");
        let mut agreement = Agreement::default();
        agreement.count(std::slice::from_ref(&one));
        assert_eq!(agreement, Agreement::default(), "one person agrees with nobody");
        // It does not matter who comes first.
        agreement.count(&[merged.clone(), two.clone(), one.clone()]);
        agreement.count(&[one, merged]);
        let units = |units: &[(&[i64], u64)]| units.iter().map(|(unit, times)| (unit.to_vec(), *times)).collect::<Units>();
        // Only two rated the first two steps, and one the last.
        let expected = Agreement {
            several: 2,
            same: 1,
            left_out: 0,
            first_errors: units(&[(&[1, 2], 1)]),
            ratings: units(&[(&[0, 1], 1), (&[-1, 1], 1)]),
        };
        assert_eq!(agreement, expected);
        let mut sum = expected.clone();
        sum.add(&expected);
        assert_eq!((sum.several, sum.ratings[&vec![-1, 1]]), (4, 2));
    }

    #[test]
    fn categories_lead_back_to_their_first_errors() {
        for found in [FirstError::At(7), FirstError::NoError, FirstError::Unlabelable, FirstError::Unknown] {
            assert_eq!(first_error(category(found)), found);
        }
    }
}
