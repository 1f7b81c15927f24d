//! What several people do not agree on when they judge the same solution, and how far their first errors lie apart.

use crate::trace::{FirstError, SolutionLabels};

/// What they do not agree on, from the least to the gravest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The same verdict, but somebody is unsure.
    Unsure,
    /// The same first error for other reasons or in steps that are cut otherwise, or whether it can be judged at all.
    Reason,
    /// First errors one step apart.
    NextTo,
    /// First errors further apart.
    Far,
    /// Whether there is an error.
    ErrorOrNone,
}

impl Kind {
    /// All kinds, the gravest first.
    pub const ALL: [Self; 5] = [Self::ErrorOrNone, Self::Far, Self::NextTo, Self::Reason, Self::Unsure];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unsure => "unsure",
            Self::Reason => "reason",
            Self::NextTo => "off by one",
            Self::Far => "far",
            Self::ErrorOrNone => "error or none",
        }
    }

    /// As a number: 1 for the least, 5 for the gravest.
    pub fn rank(self) -> usize {
        Self::ALL.len() - Self::ALL.iter().position(|kind| *kind == self).unwrap_or(0)
    }
}

/// How those who judged a solution lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dispute {
    /// People who judged it.
    pub judges: usize,
    /// Steps between the first and the last of their first errors; "no error" stands behind the last step.
    pub gap: usize,
    /// The gravest thing they do not agree on.
    pub kind: Option<Kind>,
}

/// Compares what people say of one solution, each with a label a step; `None` when nobody judged it or is unsure of it. Whether those who judged
/// it did so in the `same_steps` stands beside that: what they say of others cannot be put together.
pub fn dispute(said: &[SolutionLabels], same_steps: bool) -> Option<Dispute> {
    let judged: Vec<&SolutionLabels> = said.iter().filter(|labels| labels.is_labelled()).collect();
    let unsure = said.iter().any(|labels| labels.unsure);
    if judged.is_empty() && !unsure {
        return None;
    }
    let places = || judged.iter().filter_map(|labels| labels.place());
    let gap = places().max().unwrap_or(0) - places().min().unwrap_or(0);
    let any = |wanted: &dyn Fn(FirstError) -> bool| judged.iter().any(|labels| wanted(labels.first_error));
    let error = any(&|found| matches!(found, FirstError::At(_)));
    let kind = if error && any(&|found| found == FirstError::NoError) {
        Some(Kind::ErrorOrNone)
    } else if gap > 0 {
        Some(if gap == 1 { Kind::NextTo } else { Kind::Far })
    } else if !same_steps || reasons_differ(&judged) {
        Some(Kind::Reason)
    } else {
        unsure.then_some(Kind::Unsure)
    };
    Some(Dispute { judges: judged.len(), gap, kind })
}

/// Some could judge it and others could not, or they name other kinds or reasons. Who names none does not contradict.
fn reasons_differ(judged: &[&SolutionLabels]) -> bool {
    let named = |name: fn(&SolutionLabels) -> &str| {
        let mut names: Vec<&str> = judged.iter().map(|labels| name(labels)).filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        names.dedup();
        names.len() > 1
    };
    let first = judged.first().map(|labels| (labels.first_error, labels.end_state));
    judged.iter().any(|labels| Some((labels.first_error, labels.end_state)) != first)
        || named(|labels| &labels.error_kind)
        || named(|labels| &labels.end_reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::EndState;

    fn said(first_error: FirstError) -> SolutionLabels {
        SolutionLabels { first_error, ..SolutionLabels::unseen(5) }
    }

    #[test]
    fn the_gravest_difference_gives_the_kind_and_first_errors_give_the_gap() {
        use FirstError::{At, NoError, Unknown, Unlabelable};
        for (first_errors, gap, kind) in [
            (&[At(2), At(2)][..], 0, None),
            (&[At(2), At(6 - 3)], 1, Some(Kind::NextTo)),
            (&[At(0), At(2), At(4)], 4, Some(Kind::Far)),
            (&[At(1), NoError], 4, Some(Kind::ErrorOrNone)),
            (&[At(4), NoError], 1, Some(Kind::ErrorOrNone)),
            (&[At(1), Unlabelable], 0, Some(Kind::Reason)),
            (&[NoError, Unknown], 0, None),
        ] {
            let labels: Vec<SolutionLabels> = first_errors.iter().map(|found| said(*found)).collect();
            let found = dispute(&labels, true).unwrap();
            assert_eq!((found.gap, found.kind), (gap, kind), "{first_errors:?}");
        }
        assert_eq!(dispute(&[said(Unknown)], true), None);
        let apart = dispute(&[said(At(2)), said(At(2))], false).unwrap();
        assert_eq!((apart.gap, apart.kind), (0, Some(Kind::Reason)));
    }

    #[test]
    fn kinds_and_reasons_differ_where_both_are_named() {
        let named = |kind: &str| SolutionLabels { error_kind: kind.to_owned(), ..said(FirstError::At(1)) };
        let kind = |labels: &[SolutionLabels]| dispute(labels, true).unwrap().kind;
        assert_eq!(kind(&[named("sign"), named("")]), None);
        assert_eq!(kind(&[named("sign"), named("copy")]), Some(Kind::Reason));
        let ended = |end_state| SolutionLabels { end_state, ..said(FirstError::Unlabelable) };
        assert_eq!(kind(&[ended(EndState::BadProblem), ended(EndState::GiveUp)]), Some(Kind::Reason));
        let unsure = SolutionLabels { unsure: true, ..named("sign") };
        assert_eq!(kind(&[named("sign"), unsure]), Some(Kind::Unsure));
        assert!(Kind::ALL.windows(2).all(|pair| pair[0] > pair[1] && pair[0].rank() == pair[1].rank() + 1));
    }
}
