//! Whose labels are written: those of one person, of everybody, or those on which everybody agrees.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};

use crate::formats::{Agreement, TREE_KEY};
use crate::labels::policy::Author;
use crate::labels::{Judged, Session};
use crate::query::{Facts, Query};
use crate::trace::{Label, RecordKey, Solution, SolutionLabels, StepKey, Trace};

/// The people of a store, and whose word counts.
pub(super) struct Voices {
    /// Everybody, in alphabetical order; the one who exports alone where nobody else counts.
    all: Vec<Session>,
    /// Time that the verdict on each solution took, in milliseconds, and the chance with which it was drawn, for each of them.
    times: Vec<HashMap<RecordKey, Taken>>,
    /// Name of the one who exports.
    own: Option<String>,
    author: Author,
    /// The groups of wrong steps by solution, where a filter speaks of them.
    groups: Option<HashMap<RecordKey, usize>>,
}

/// Time of a verdict, and the chance with which its solution was drawn.
type Taken = (Option<u64>, Option<f64>);

/// What is to be said of one solution.
pub(super) struct Said {
    /// Its index.
    pub(super) solution: usize,
    /// The labels.
    pub(super) labels: SolutionLabels,
    /// They differ from those in the file.
    pub(super) touched: bool,
    /// What somebody of the store says without the file.
    own: SolutionLabels,
}

/// A trace in the steps of those who speak.
pub(super) struct View<'a> {
    /// Who cut its steps by hand; `None` when nobody did.
    pub(super) cut: Option<(&'a Session, Trace)>,
    /// What is said of its solutions, in their order.
    pub(super) said: Vec<Said>,
}

impl View<'_> {
    /// The trace in steps that somebody cut by hand.
    pub(super) fn cut(&self) -> Option<&Trace> {
        self.cut.as_ref().map(|(_, trace)| trace)
    }
}

impl Voices {
    /// Without a store the files speak for themselves.
    pub(super) fn new(session: Option<Session>, author: Author) -> Self {
        let own = session.as_ref().map(|session| session.annotator().to_owned());
        let all = match (session, author) {
            (None, _) => Vec::new(),
            (Some(session), Author::One) => vec![session],
            (Some(session), _) => {
                let mut names: Vec<_> = session.annotators().map(str::to_owned).collect();
                if !names.iter().any(|name| name == session.annotator()) {
                    names.push(session.annotator().to_owned());
                    names.sort();
                }
                // Only the own session is asked what others sent back.
                let own = session.annotator();
                names.iter().map(|name| if name == own { session.clone() } else { session.voice(name) }).collect()
            }
        };
        let times = |session: &Session| {
            // Later verdicts stand behind earlier ones.
            let drawn = |verdict: &Judged<'_>| verdict.drawn.last().map(|draw| draw.chance);
            session.verdicts().map(|verdict| (verdict.record, (verdict.ms_spent, drawn(&verdict)))).collect()
        };
        Self { times: all.iter().map(times).collect(), all, own, author, groups: None }
    }

    /// The same with groups of wrong steps for filters.
    pub(super) fn with_groups(self, groups: Option<HashMap<RecordKey, usize>>) -> Self {
        Self { groups, ..self }
    }

    /// The group of a solution, also of one that was cut anew; 0 for none.
    fn group(&self, trace: &Trace, solution: &Solution) -> Option<usize> {
        let groups = self.groups.as_ref()?;
        Some(trace.names(solution.leaf).find_map(|record| groups.get(&record)).copied().unwrap_or(0))
    }

    /// Name of the one who exports.
    pub(super) fn own_name(&self) -> Option<&str> {
        self.own.as_deref()
    }

    /// The labels of the one who exports.
    pub(super) fn own(&self) -> Option<&Session> {
        self.all.iter().find(|session| Some(session.annotator()) == self.own.as_deref())
    }

    /// Whose labels are written.
    pub(super) fn author(&self) -> Author {
        self.author
    }

    /// What the one who exports says of a solution, else the file.
    pub(super) fn own_word(&self, trace: &Trace, solution: usize) -> Said {
        let at = self.all.iter().position(|session| Some(session.annotator()) == self.own.as_deref());
        let own = at.map(|at| Voice { session: &self.all[at], times: &self.times[at], cut: None }.said(trace, solution));
        own.unwrap_or_else(|| recorded(trace, solution))
    }

    /// Whether a filter is true of a solution. Labels are one's own when they are those of the store that are written.
    /// `solved` is that of the trace: see [`Facts::solved`].
    pub(super) fn fits(&self, filter: &Query, trace: &Trace, said: &Said, solved: &OnceCell<Option<f64>>) -> bool {
        let solution = &trace.solutions[said.solution];
        let path = trace.solution_path(solution);
        let scores = vec![None; path.len()];
        let facts = Facts {
            flagged: said.labels.unsure,
            later: self.own().is_some_and(|session| session.skipped(trace.record_key(solution.leaf))),
            returned: self.own().is_some_and(|session| session.returned(trace, solution).is_some()),
            sent: self.own().is_some_and(|session| session.has_sent_back(trace, solution)),
            cluster: self.group(trace, solution),
            solved: Some(solved),
            ..Facts::bare(trace, said.solution, &path, &scores, &said.own)
        };
        filter.holds(&facts) == Some(true)
    }

    /// Versions of the guideline and scorers on show under which these people gave their labels.
    pub(super) fn circumstances(&self, names: &BTreeSet<String>) -> (BTreeSet<&str>, BTreeSet<&str>) {
        let written = |session: &&Session| names.iter().flat_map(|name| name.split(", ")).any(|name| name == session.annotator());
        let (guidelines, scorers): (Vec<_>, Vec<_>) = self.all.iter().filter(written).flat_map(Session::circumstances).unzip();
        (guidelines.into_iter().flatten().collect(), scorers.into_iter().flatten().collect())
    }

    fn voices(&self, trace: &Trace) -> impl Iterator<Item = Voice<'_>> {
        let each = self.all.iter().zip(&self.times);
        each.map(|(session, times)| Voice { session, times, cut: session.recut(trace) })
    }

    /// What is written of a trace; counts solutions that several people judged.
    pub(super) fn views(&self, trace: &Trace, agreement: &mut Agreement) -> Vec<View<'_>> {
        let mut voices: Vec<_> = self.voices(trace).collect();
        let mut table: Vec<Vec<Said>> = (0..=voices.len()).map(|_| Vec::new()).collect();
        for index in 0..trace.solutions.len() {
            for (voice, said) in self.say(trace, index, &voices, agreement) {
                // Everybody who keeps the source's steps speaks of the same trace.
                let place = voice.filter(|&voice| voices[voice].cut.is_some()).map_or(0, |voice| voice + 1);
                table[place].push(said);
            }
        }
        let cuts = std::iter::once(None).chain(voices.iter_mut().map(|voice| Some((voice.session, voice.cut.take()?))));
        let views = cuts.zip(table).filter(|(_, said)| !said.is_empty()).map(|(cut, said)| View { cut, said }.named(self.author));
        views.collect()
    }

    /// What is said of a solution, and by whom (an index of `voices`); `None` for what the file says.
    fn say(&self, trace: &Trace, index: usize, voices: &[Voice<'_>], agreement: &mut Agreement) -> Vec<(Option<usize>, Said)> {
        let recorded = || (None, recorded(trace, index));
        if self.author == Author::One {
            let said = |voice: &Voice<'_>| voice.said(trace, index);
            return vec![voices.first().map_or_else(recorded, |voice| (Some(0), said(voice)))];
        }
        let spoken: Vec<_> = voices
            .iter()
            .enumerate()
            .map(|(at, voice)| (at, voice.said(trace, index)))
            .filter(|(_, said)| said.own.annotator.is_some())
            .collect();
        let verdicts: Vec<_> =
            spoken.iter().filter(|(_, said)| said.own.is_labelled()).map(|(_, said)| said.own.first_error).collect();
        agreement.count(&verdicts);
        let own = spoken.iter().position(|(at, said)| self.is_own(&voices[*at]) && said.own.is_labelled());
        match (self.author, spoken.len()) {
            (_, 0) => vec![recorded()],
            (Author::Adjudicated, _) if own.is_some() => {
                spoken.into_iter().nth(own.unwrap_or_default()).map(|(at, said)| (Some(at), said)).into_iter().collect()
            }
            (Author::Each | Author::One, _) => spoken.into_iter().map(|(at, said)| (Some(at), said)).collect(),
            (Author::Consensus | Author::Adjudicated, _) => {
                // A word without a verdict, such as that of who sends a solution back, stands in nobody's way.
                let mut spoken = spoken;
                if !verdicts.is_empty() {
                    spoken.retain(|(_, said)| said.own.is_labelled());
                }
                let keys = spoken.iter().map(|(at, _)| voices[*at].key(trace, index));
                let agreed =
                    agreed(spoken.iter().map(|(at, said)| (*at, said)).zip(keys).map(|((at, said), key)| (at, said, key)));
                agreement.left_out += u64::from(agreed.is_none());
                agreed.map(|(at, said)| (Some(at), said)).into_iter().collect()
            }
        }
    }

    fn is_own(&self, voice: &Voice<'_>) -> bool {
        Some(voice.session.annotator()) == self.own.as_deref()
    }
}

impl View<'_> {
    /// Trees of several people stand in one file: each has its own name.
    fn named(mut self, author: Author) -> Self {
        if let (Author::Each, Some((session, trace))) = (author, &mut self.cut) {
            let record = trace.solutions.first().map_or(0, |solution| solution.record);
            let key = trace.prompt_key.to_string();
            trace.extra.insert(TREE_KEY.to_owned(), format!("{}-{record}-{}", &key[..12], session.annotator()).into());
        }
        self
    }
}

/// What the file says of a solution.
fn recorded(trace: &Trace, solution: usize) -> Said {
    let labels = trace.recorded_labels(&trace.solutions[solution]);
    Said { solution, own: SolutionLabels::unseen(labels.steps.len()), labels, touched: false }
}

/// One person, and the trace at hand as that person cut it.
struct Voice<'a> {
    session: &'a Session,
    times: &'a HashMap<RecordKey, Taken>,
    cut: Option<Trace>,
}

impl Voice<'_> {
    fn said(&self, trace: &Trace, index: usize) -> Said {
        let shown = self.cut.as_ref().unwrap_or(trace);
        let solution = &shown.solutions[index];
        let own = self.session.labels(shown, solution);
        let (mut labels, touched) = self.session.overlay_of(own.clone(), shown, solution);
        let mut taken = shown.names(solution.leaf).filter_map(|record| self.times.get(&record)).copied();
        (labels.ms_spent, labels.drawn) = taken.next().unwrap_or_default();
        // A solution that was cut anew is the one that was drawn.
        labels.drawn = labels.drawn.or_else(|| taken.find_map(|(_, drawn)| drawn));
        Said { solution: index, labels, touched, own }
    }

    /// Names the steps of a solution as this person cut them.
    fn key(&self, trace: &Trace, index: usize) -> StepKey {
        let shown = self.cut.as_ref().unwrap_or(trace);
        shown.node(shown.solutions[index].leaf).key
    }
}

/// The labels of all, when they name the same first error in the same steps: ratings on which they differ are left open.
fn agreed<'a>(mut spoken: impl Iterator<Item = (usize, &'a Said, StepKey)>) -> Option<(usize, Said)> {
    let (at, first, key) = spoken.next()?;
    let mut labels = first.labels.clone();
    let mut names: Vec<_> = labels.annotator.take().into_iter().collect();
    for (_, said, other) in spoken {
        if other != key || said.labels.first_error != labels.first_error {
            return None;
        }
        for (label, theirs) in labels.steps.iter_mut().zip(&said.labels.steps) {
            if label != theirs {
                *label = Label::Unseen;
            }
        }
        labels.unsure |= said.labels.unsure;
        names.extend(said.labels.annotator.clone());
    }
    labels.annotator = Some(names.join(", "));
    Some((at, Said { solution: first.solution, own: labels.clone(), labels, touched: first.touched }))
}
