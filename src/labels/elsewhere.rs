//! What an annotator said in steps of their own, as somebody sees it who reads the solution in other ones.

use std::ops::Range;

use super::Session;
use super::panel::Shown;
use crate::trace::{Cut, FirstError, Label, Solution, SolutionLabels, StepKey, Trace};

/// A solution in the steps of an annotator who cut it by hand.
pub(super) struct Elsewhere {
    /// The source with this one solution cut anew.
    pub(super) trace: Trace,
    index: usize,
    /// Which steps on show they are; `None` where they are the same.
    pub(super) steps: Option<Steps>,
}

/// For each step of a cut, the steps on show that hold any of it.
pub(super) struct Steps {
    held: Vec<Range<usize>>,
    /// Steps on show.
    shown: usize,
}

impl Elsewhere {
    /// `None` where the annotator keeps the steps of the source.
    pub(super) fn of(voice: &Session, shown: Shown<'_>, solution: &Solution) -> Option<Self> {
        if !voice.has_cuts() {
            return None;
        }
        let Shown { trace, source, reader } = shown;
        let own_cut = |record| Some((record, voice.starts(record))).filter(|(_, starts)| !starts.is_empty());
        let (record, starts) = trace.names(solution.leaf).find_map(own_cut)?;
        let index = source.solutions.iter().position(|solution| source.record_key(solution.leaf) == record)?;
        let of_source = &source.solutions[index];
        let cut = source.recut(|solution| if solution.leaf == of_source.leaf { starts } else { &[] })?;
        let on_show = trace.node(solution.leaf);
        let mut there = Self { trace: cut, index, steps: None };
        if there.end() != on_show.key {
            let is_source = on_show.key == source.node(of_source.leaf).key;
            let shown = if is_source { source.own_starts(of_source) } else { reader.starts(record).to_vec() };
            // Other cuts than those on show would put labels on other steps.
            let known = shown.len() == on_show.depth && starts.len() == there.trace.node(there.solution().leaf).depth;
            there.steps = Some(known.then(|| Steps::of(starts, &shown))?);
        }
        Some(there)
    }

    /// The solution in these steps.
    pub(super) fn solution(&self) -> &Solution {
        &self.trace.solutions[self.index]
    }

    /// Its last step, which names all before it.
    pub(super) fn end(&self) -> StepKey {
        self.trace.node(self.solution().leaf).key
    }
}

impl Steps {
    /// Both in the places of the source, beginning at its beginning.
    fn of(cut: &[Cut], shown: &[Cut]) -> Self {
        let held = |(step, from): (usize, &Cut)| {
            let first = shown.partition_point(|start| start <= from).saturating_sub(1);
            let end = cut.get(step + 1).map_or(shown.len(), |to| shown.partition_point(|start| start < to));
            first..end.max(first + 1)
        };
        Self { held: cut.iter().enumerate().map(held).collect(), shown: shown.len() }
    }

    /// Labels of the cut as labels of the steps on show, and which of those the first error may stand in. A wrong step makes the first step
    /// wrong that holds any of it: the error stands there or behind that.
    pub(super) fn follow(&self, labels: SolutionLabels) -> (SolutionLabels, Range<usize>) {
        let behind = if matches!(labels.first_error, FirstError::At(_)) { Label::AfterError } else { Label::Unseen };
        let mut steps = vec![None; self.shown];
        for (label, held) in labels.steps.iter().zip(&self.held) {
            for step in held.clone() {
                let label = if *label == Label::Bad && step > held.start { behind } else { *label };
                steps[step] = Some(steps[step].map_or(label, |other| worse(label, other)));
            }
        }
        let place = |step: usize| self.held.get(step).map(|held| held.start);
        let (first_error, errors) = match labels.first_error {
            FirstError::At(step) => (place(step).map_or(FirstError::Unknown, FirstError::At), self.held.get(step).cloned()),
            other => (other, None),
        };
        let mut remarks = labels.remarks;
        for remark in &mut remarks {
            remark.step = remark.step.and_then(place);
        }
        let steps = steps.into_iter().map(|label| label.unwrap_or(Label::Unseen)).collect();
        (SolutionLabels { steps, first_error, remarks, ..labels }, errors.unwrap_or_default())
    }
}

/// Of two labels on parts of a step the one that holds for all of it.
fn worse(one: Label, other: Label) -> Label {
    let rank = |label: Label| match label {
        Label::Bad => 0,
        Label::Unseen => 1,
        Label::AfterError => 2,
        Label::Neutral => 3,
        Label::Good => 4,
    };
    if rank(one) <= rank(other) { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_merged_and_split_steps_follow_to_those_on_show() {
        use Label::{AfterError, Bad, Good, Neutral, Unseen};
        let cut = |starts: &[(usize, usize)]| starts.iter().copied().map(Cut::from).collect::<Vec<_>>();
        let source = cut(&[(0, 0), (1, 0), (2, 0), (3, 0)]);
        let follow = |starts: &[(usize, usize)], steps: &[Label], first_error| {
            let labels = SolutionLabels { steps: steps.to_vec(), first_error, ..SolutionLabels::default() };
            let (labels, errors) = Steps::of(&cut(starts), &source).follow(labels);
            (labels.steps, labels.first_error, errors)
        };
        // Steps 1 and 2 merged.
        let merged = [(0, 0), (2, 0), (3, 0)];
        assert_eq!(
            follow(&merged, &[Bad, AfterError, AfterError], FirstError::At(0)),
            (vec![Bad, AfterError, AfterError, AfterError], FirstError::At(0), 0..2)
        );
        assert_eq!(
            follow(&merged, &[Good, Bad, AfterError], FirstError::At(1)),
            (vec![Good, Good, Bad, AfterError], FirstError::At(2), 2..3)
        );
        // Step 2 split, step 3 with its end: what is right in part is not right.
        let split = [(0, 0), (1, 0), (1, 4), (3, 0)];
        assert_eq!(
            follow(&split, &[Good, Good, Bad, AfterError], FirstError::At(2)),
            (vec![Good, Bad, AfterError, AfterError], FirstError::At(1), 1..3)
        );
        assert_eq!(
            follow(&split, &[Neutral, Good, Unseen, Unseen], FirstError::Unknown),
            (vec![Neutral, Unseen, Unseen, Unseen], FirstError::Unknown, 0..0)
        );
    }
}
