//! What the labels of a problem say of each of its steps, so that steps behind the same beginning can be compared.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::super::export::{Labelled, LabelledTrace};
use crate::labels::policy::{AfterError, Fate, Policy, Skipped, StepTarget, Unlabelled, apply, fates};
use crate::trace::{FirstError, Label, NodeId, Writing};

/// What is known of every step, to compare those with the same parent.
pub(super) struct Siblings<'a> {
    pub(super) unit: &'a LabelledTrace<'a>,
    policy: &'a Policy,
    words: HashMap<NodeId, Word>,
    /// Which steps count, by index: those on or behind the path of a solution that counts.
    usable: Vec<bool>,
    /// The solutions that count, by the steps on their paths.
    through: HashMap<NodeId, Vec<&'a Labelled<'a>>>,
    /// What annotators wrote in place of first errors.
    corrections: HashMap<NodeId, Vec<&'a str>>,
}

/// What is said of a step under the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Right,
    Wrong,
    /// The policy takes it out of the text.
    LeftOut,
    /// The text ends before it.
    Ended,
    /// Solutions that share it say different things.
    Disputed,
}

impl Word {
    /// `None` where nobody rated the step.
    fn of(fate: Fate, label: Label) -> Option<Self> {
        match fate {
            Fate::Keep(StepTarget::Positive) => Some(Self::Right),
            Fate::Keep(StepTarget::Negative) => Some(Self::Wrong),
            Fate::Keep(StepTarget::Unset) => None,
            Fate::Leave => Some(Self::LeftOut),
            Fate::Stop => (!matches!(label, Label::Unseen | Label::AfterError)).then_some(Self::Ended),
        }
    }
}

impl<'a> Siblings<'a> {
    pub(super) fn of(unit: &'a LabelledTrace<'a>, policy: &'a Policy) -> Self {
        let counted: Vec<_> = unit.solutions.iter().filter(|item| counts(item, policy)).collect();
        let (on_path, usable) = reach(unit, &counted);
        let mut words = words(unit, policy, &counted);
        for id in unit.trace.steps().filter(|id| usable[id.index()] && !on_path[id.index()]) {
            let rating = unit.marks.get(&id).copied().or(unit.trace.node(id).rating);
            let word = rating.map(Label::from).and_then(|label| Word::of(policy.fate(label), label));
            words.extend(word.map(|word| (id, word)));
        }
        let (mut through, mut corrections) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for item in counted {
            let path = unit.trace.solution_path(item.of());
            if let FirstError::At(at) = item.labels.first_error
                && let Some((wrong, text)) = path.get(at).zip(item.labels.remark(Writing::Correction, Some(at)))
            {
                corrections.entry(*wrong).or_default().push(text);
            }
            for id in path {
                through.entry(id).or_default().push(item);
            }
        }
        Self { unit, policy, words, usable, through, corrections }
    }

    /// Why the labels of a solution make no pairs.
    pub(super) fn refused(&self, item: &Labelled<'_>) -> Option<Skipped> {
        let policy = self.policy;
        match policy.refuses(&item.of().extra, &item.labels).or_else(|| apply(policy, &item.labels).err()) {
            // Steps that nobody rated can still have values.
            Some(Skipped::Unlabelled) if policy.unlabelled == Unlabelled::KeepUnset => None,
            refused => refused,
        }
    }

    /// True for right, false for wrong, `None` for neither.
    pub(super) fn target(&self, id: NodeId) -> Option<bool> {
        match self.words.get(&id)? {
            Word::Right => Some(true),
            Word::Wrong => Some(false),
            Word::LeftOut | Word::Ended | Word::Disputed => None,
        }
    }

    /// Nobody said anything of the step.
    pub(super) fn is_unrated(&self, id: NodeId) -> bool {
        !self.words.contains_key(&id)
    }

    /// The steps behind `parent` that can be compared.
    pub(super) fn behind(&self, parent: NodeId) -> Vec<NodeId> {
        let stays = |id: &NodeId| !matches!(self.words.get(id), Some(Word::LeftOut | Word::Ended));
        let children = self.unit.trace.node(parent).children.iter().copied();
        children.filter(|id| self.usable[id.index()] && stays(id)).collect()
    }

    /// Whether the steps up to here may stand before a pair.
    pub(super) fn may_precede(&self, parent: NodeId) -> bool {
        let may = |id: &NodeId| match self.words.get(id) {
            Some(Word::Right | Word::LeftOut) => true,
            Some(Word::Wrong) => self.policy.after_error != AfterError::Drop,
            Some(Word::Ended) => false,
            Some(Word::Disputed) | None => self.policy.unlabelled == Unlabelled::KeepUnset,
        };
        self.usable[parent.index()] && self.unit.trace.path(parent).iter().all(may)
    }

    /// The texts of these steps, without those that the policy takes out.
    pub(super) fn texts(&self, path: Vec<NodeId>) -> Vec<&'a str> {
        let trace = self.unit.trace;
        let stays = path.into_iter().filter(|id| self.words.get(id) != Some(&Word::LeftOut));
        stays.map(|id| trace.node(id).text.as_str()).collect()
    }

    /// What annotators wrote in place of a wrong step.
    pub(super) fn corrections(&self, wrong: NodeId) -> &[&'a str] {
        self.corrections.get(&wrong).map_or(&[], Vec::as_slice)
    }

    /// The solutions through a step that count.
    pub(super) fn through(&self, id: NodeId) -> &[&'a Labelled<'a>] {
        self.through.get(&id).map_or(&[], Vec::as_slice)
    }
}

fn counts(item: &Labelled<'_>, policy: &Policy) -> bool {
    policy.refuses(&item.of().extra, &item.labels).is_none()
}

/// Which nodes stand on the path of a solution, and which on or behind the path of one that counts; both by index.
fn reach(unit: &LabelledTrace<'_>, counted: &[&Labelled<'_>]) -> (Vec<bool>, Vec<bool>) {
    let trace = unit.trace;
    let counted: HashSet<usize> = counted.iter().map(|item| item.solution).collect();
    let mut state: Vec<Option<bool>> = vec![None; trace.nodes.len()];
    // Also those that were not chosen: what was read of them is theirs.
    for (index, solution) in trace.solutions.iter().enumerate() {
        for id in std::iter::once(NodeId::ROOT).chain(trace.solution_path(solution)) {
            let known = state[id.index()].unwrap_or_default();
            state[id.index()] = Some(known || counted.contains(&index));
        }
    }
    let on_path = state.iter().map(Option::is_some).collect();
    let mut usable: Vec<bool> = Vec::with_capacity(state.len());
    for (node, state) in trace.nodes.iter().zip(state) {
        // Parents stand before their children.
        usable.push(state.unwrap_or_else(|| node.parent.is_none_or(|parent| usable[parent.index()])));
    }
    (on_path, usable)
}

/// What the solutions say of the steps on their paths. Own labels count before those of the file; where equals contradict each other, the
/// step is neither right nor wrong.
fn words(unit: &LabelledTrace<'_>, policy: &Policy, counted: &[&Labelled<'_>]) -> HashMap<NodeId, Word> {
    let mut words: HashMap<NodeId, (bool, Word)> = HashMap::new();
    for item in counted {
        let own = item.touched || item.confirmed();
        let path = unit.trace.solution_path(item.of());
        for ((id, fate), &label) in path.into_iter().zip(fates(policy, &item.labels)).zip(&item.labels.steps) {
            let Some(word) = Word::of(fate, label) else { continue };
            match words.entry(id) {
                Entry::Vacant(place) => drop(place.insert((own, word))),
                Entry::Occupied(mut known) => match (known.get().0, own) {
                    (false, true) => drop(known.insert((own, word))),
                    (true, false) => {}
                    _ if known.get().1 == word => {}
                    _ => known.get_mut().1 = Word::Disputed,
                },
            }
        }
    }
    words.into_iter().map(|(id, (_, word))| (id, word)).collect()
}
