//! What several people say alike of one solution.

use std::collections::BTreeSet;

use super::voices::Said;
use crate::formats::Loss;
use crate::trace::{Label, Remark, SolutionLabels, StepKey, Writing};

/// What one of them says.
pub(super) struct Voted {
    /// Who, by place among the voices.
    pub(super) at: usize,
    /// Names the steps in which it is said.
    pub(super) key: StepKey,
    pub(super) said: Said,
}

/// What they say beside the verdict, and what could not be put together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Differences {
    /// Kinds of errors, reasons and progress on which they differ.
    reasons: u64,
    /// Corrections of one step that differ: the first one is written.
    corrections: u64,
    /// Texts on steps that their author cut otherwise.
    elsewhere: u64,
}

impl Differences {
    /// Counts what is lost by that.
    pub(super) fn count(self, loss: &mut Loss) {
        loss.lose("kinds and reasons on which people differ", self.reasons);
        loss.lose("corrections beside another one of the step", self.corrections);
        loss.lose("remarks on steps that are cut otherwise", self.elsewhere);
    }
}

/// The labels of all `voters`, when they name the same first error in the same steps, or the same reason why there is none to name. Ratings, kinds
/// and reasons on which they differ are left open. Remarks are those of all, also of those who leave nothing but `texts`; where nobody says
/// anything, the words of the file stay, `recorded` in the steps of the first voter.
pub(super) fn agreed(voters: &[Voted], texts: &[Voted], recorded: &SolutionLabels) -> Option<(usize, Said)> {
    let (first, others) = voters.split_first()?;
    let mut labels = first.said.labels.clone();
    let mut lost = Differences::default();
    for Voted { key, said, .. } in others {
        let ended = (said.labels.first_error, said.labels.end_state);
        if *key != first.key || ended != (labels.first_error, labels.end_state) {
            return None;
        }
        for (label, theirs) in labels.steps.iter_mut().zip(&said.labels.steps) {
            *label = both(*label, *theirs);
        }
        labels.unsure |= said.labels.unsure;
    }
    let own = || voters.iter().map(|voted| &voted.said.own);
    let kind = one(own().map(|own| own.error_kind.clone()).filter(|kind| !kind.is_empty()));
    let reason = one(own().map(|own| own.end_reason.clone()).filter(|why| !why.is_empty()));
    let progress = one(own().filter_map(|own| own.progress));
    lost.reasons = [kind.is_err(), reason.is_err(), progress.is_err()].into_iter().map(u64::from).sum();
    labels.error_kind = kind.clone().ok().flatten().unwrap_or_default();
    labels.end_reason = reason.clone().ok().flatten().unwrap_or_default();
    labels.progress = progress.ok().flatten();
    labels.remarks.clone_from(&first.said.own.remarks);
    let mut remarks: Vec<&Remark> = others.iter().flat_map(|voted| &voted.said.own.remarks).collect();
    for Voted { key, said, .. } in texts {
        if *key == first.key {
            remarks.extend(&said.own.remarks);
        } else {
            lost.elsewhere += said.own.remarks.len() as u64;
        }
    }
    lost.corrections = join(&mut labels.remarks, &remarks);
    labels = labels.with_words_of(recorded);
    // Where people differ the file does not decide.
    if kind.is_err() {
        labels.error_kind.clear();
    }
    if reason.is_err() {
        labels.end_reason.clear();
    }
    if progress.is_err() {
        labels.progress = None;
    }
    let names: Vec<String> = voters.iter().filter_map(|voted| voted.said.labels.annotator.clone()).collect();
    if names.len() > 1 {
        labels.annotator = Some(names.join(", "));
        labels.annotators = names;
    }
    let touched = voters.iter().any(|voted| voted.said.touched);
    let own = if first.said.own.annotator.is_some() { labels.clone() } else { first.said.own.clone() };
    Some((first.at, Said { solution: first.said.solution, own, labels, touched, lost }))
}

/// What two people say of a step. That it is right follows from a verdict as well, and whoever calls it neutral does not say that it is wrong.
fn both(one: Label, other: Label) -> Label {
    match (one, other) {
        (one, other) if one == other => one,
        (Label::Good, Label::Neutral) | (Label::Neutral, Label::Good) => Label::Neutral,
        _ => Label::Unseen,
    }
}

/// They say more than one thing.
#[derive(Debug, Clone, Copy)]
struct Differ;

/// The only one of these values, if there is any.
fn one<T: Ord>(values: impl Iterator<Item = T>) -> Result<Option<T>, Differ> {
    let mut values: BTreeSet<T> = values.collect();
    let first = values.pop_first();
    if values.is_empty() { Ok(first) } else { Err(Differ) }
}

/// Puts further remarks to those that are there: what is of one kind and place becomes one text. Gives how many corrections had no place.
fn join(remarks: &mut Vec<Remark>, further: &[&Remark]) -> u64 {
    let mut lost = 0;
    let known: Vec<Remark> = remarks.clone();
    let mut seen: Vec<&Remark> = known.iter().collect();
    for &remark in further {
        if seen.contains(&remark) {
            continue;
        }
        seen.push(remark);
        let there = remarks.iter_mut().find(|other| (other.writing, other.step) == (remark.writing, remark.step));
        match (there, remark.writing) {
            (None, _) => remarks.push(remark.clone()),
            (Some(_), Writing::Correction) => lost += 1,
            (Some(other), Writing::Tags) => {
                let new: Vec<&str> = remark
                    .text
                    .split_whitespace()
                    .filter(|tag| !other.text.split_whitespace().any(|known| known == *tag))
                    .collect();
                let all: Vec<&str> = std::iter::once(other.text.as_str()).chain(new).collect();
                other.text = all.join(" ");
            }
            (Some(other), Writing::Note | Writing::Critique) => {
                other.text.push_str("\n\n");
                other.text.push_str(&remark.text);
            }
        }
    }
    lost
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{EndState, FirstError, PromptKey};

    fn voted(name: &str, change: impl FnOnce(&mut SolutionLabels)) -> Voted {
        let mut labels = SolutionLabels {
            steps: vec![Label::Good, Label::Good, Label::Bad],
            first_error: FirstError::At(2),
            end_state: EndState::FoundError,
            annotator: Some(name.to_owned()),
            ..SolutionLabels::default()
        };
        change(&mut labels);
        let said = Said { solution: 0, own: labels.clone(), labels, touched: true, lost: Differences::default() };
        Voted { at: 0, key: PromptKey::of("q").step("s"), said }
    }

    impl Voted {
        fn with_own(mut self, own: SolutionLabels) -> Self {
            self.said.own = own;
            self
        }
    }

    fn remark(writing: Writing, text: &str) -> Remark {
        Remark { writing, step: Some(2), text: text.to_owned() }
    }

    #[test]
    fn a_neutral_step_stays_and_reasons_that_differ_are_left_open() {
        let one = voted("ito", |labels| {
            labels.steps[0] = Label::Neutral;
            labels.error_kind = "copying".to_owned();
            labels.remarks = vec![remark(Writing::Note, "a"), remark(Writing::Correction, "x"), remark(Writing::Tags, "t u")];
        });
        let other = voted("mira, the second", |labels| {
            labels.error_kind = "arithmetic".to_owned();
            labels.remarks = vec![remark(Writing::Note, "b"), remark(Writing::Correction, "y"), remark(Writing::Tags, "u v")];
        });
        let (_, Said { labels, lost, .. }) = agreed(&[one, other], &[], &SolutionLabels::default()).unwrap();
        assert_eq!((labels.steps[0], labels.error_kind.as_str()), (Label::Neutral, ""));
        assert_eq!(labels.annotators, ["ito", "mira, the second"]);
        let texts: Vec<&str> = labels.remarks.iter().map(|remark| remark.text.as_str()).collect();
        assert_eq!(texts, ["a\n\nb", "x", "t u v"]);
        assert_eq!(lost, Differences { reasons: 1, corrections: 1, elsewhere: 0 });
    }

    #[test]
    fn who_gives_up_does_not_say_that_the_problem_is_broken() {
        let ended =
            |name, end_state| voted(name, |labels| (labels.first_error, labels.end_state) = (FirstError::Unlabelable, end_state));
        let agreed = |one, other| agreed(&[ended("ito", one), ended("mira", other)], &[], &SolutionLabels::default());
        assert!(agreed(EndState::GiveUp, EndState::BadProblem).is_none());
        assert!(agreed(EndState::GiveUp, EndState::GiveUp).is_some());
    }

    #[test]
    fn words_of_the_file_stand_where_nobody_says_anything() {
        let file = |labels: &mut SolutionLabels| {
            labels.error_kind = "copying".to_owned();
            labels.remarks = vec![remark(Writing::Note, "of the file"), remark(Writing::Critique, "of the file")];
        };
        let recorded = voted("", file).said.labels;
        let said = |name, own: Voted| {
            // What one person says is laid over the file.
            let labels = own.said.own.clone().with_words_of(&recorded);
            voted(name, |all| *all = labels).with_own(own.said.own)
        };
        let mine = voted("mira", |labels| {
            labels.error_kind = "sign".to_owned();
            labels.remarks = vec![remark(Writing::Note, "mine")];
        });
        let (_, all) = agreed(&[said("ito", voted("ito", |_| ())), said("mira", mine)], &[], &recorded).unwrap();
        assert_eq!((all.labels.error_kind.as_str(), all.lost), ("sign", Differences::default()));
        let texts: Vec<&str> = all.labels.remarks.iter().map(|remark| remark.text.as_str()).collect();
        assert_eq!(texts, ["mine", "of the file"]);
    }

    #[test]
    fn a_note_without_a_verdict_comes_along() {
        let note = voted("ruth", |labels| {
            *labels = SolutionLabels { remarks: vec![remark(Writing::Note, "see step 3")], ..SolutionLabels::unseen(3) };
        });
        let (_, said) = agreed(&[voted("ito", |_| ())], &[note], &SolutionLabels::default()).unwrap();
        assert_eq!((said.labels.remarks.len(), said.labels.annotator.as_deref()), (1, Some("ito")));
    }
}
