//! The panel: what several annotators say of the same solution, side by side, and what an adjudicator sends back to them.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::elsewhere::Elsewhere;
use super::{Event, EventId, Past, Session};
use crate::analysis::dispute::{Dispute, dispute};
use crate::analysis::quality::Case;
use crate::trace::{RecordKey, Solution, SolutionLabels, StepKey, Trace};

/// The annotators of one or several stores but for the one who looks at them.
#[derive(Debug, Clone, Default)]
pub struct Panel {
    reader: String,
    voices: Vec<Session>,
}

/// A trace as somebody sees it, beside its source.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The steps on show.
    pub trace: &'a Trace,
    /// Those of the source; the same trace where they are on show.
    pub source: &'a Trace,
    /// Whose cuts are on show.
    pub reader: &'a Session,
}

/// What one of them says of a solution.
#[derive(Debug, Clone)]
pub struct Said {
    /// Who says it.
    pub name: String,
    /// The labels, of the steps on show.
    pub labels: SolutionLabels,
    /// The decision in force that they rest on, else the doubt.
    pub basis: Option<EventId>,
    /// They were given in other steps than those on show: the steps on show that the first error may stand in; empty without one.
    pub in_other_steps: Option<Range<usize>>,
    /// The end of the solution in steps of their own.
    cut: Option<StepKey>,
}

impl Panel {
    /// Everybody in this session but its own annotator.
    pub fn of(session: &Session) -> Self {
        let reader = session.annotator().to_owned();
        let voices = session.annotators().filter(|name| *name != reader).map(|name| session.voice(name)).collect();
        Self { reader, voices }
    }

    /// Takes in an event that was written meanwhile; those of the reader are none of the panel's.
    pub fn apply(&mut self, event: &Event) {
        if event.annotator == self.reader {
            return;
        }
        let at = self.voices.binary_search_by(|voice| voice.annotator().cmp(&event.annotator)).unwrap_or_else(|at| {
            self.voices.insert(at, Session::new(&event.annotator));
            at
        });
        self.voices[at].apply(event);
    }

    /// Nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.voices.is_empty()
    }

    /// The annotators, each as a session of its own, in alphabetical order.
    pub fn voices(&self) -> &[Session] {
        &self.voices
    }

    /// What those who said anything say of a solution. Their order is another one for each solution, by its content, so that it tells
    /// nobody who they are.
    pub fn say(&self, shown: Shown<'_>, solution: &Solution) -> Vec<Said> {
        let record = shown.trace.record_key(solution.leaf);
        let mut said: Vec<Said> = self.voices.iter().filter_map(|voice| said(voice, shown, solution)).collect();
        said.sort_by_cached_key(|said| {
            let mut hasher = Sha256::new();
            hasher.update(record.as_bytes());
            hasher.update(said.name.as_bytes());
            hasher.finalize()
        });
        said
    }

    /// Everything that is said of a solution, in the order of [`Panel::voices`], and what the reader decided.
    pub fn case(&self, shown: Shown<'_>, solution: &Solution) -> Case {
        let judged = |voice: &Session| Some(said(voice, shown, solution)?.labels).filter(SolutionLabels::is_labelled);
        let own = shown.reader.labels(shown.trace, solution);
        Case { said: self.voices.iter().map(judged).collect(), decided: Some(own).filter(SolutionLabels::is_labelled) }
    }

    /// All that the one of this name ever said of a solution, oldest first.
    pub fn history(&self, name: &str, shown: Shown<'_>, solution: &Solution) -> Vec<Past<'_>> {
        let Some(voice) = self.voices.iter().find(|voice| voice.annotator() == name) else { return Vec::new() };
        match Elsewhere::of(voice, shown, solution) {
            Some(there) => voice.history(&there.trace, there.solution()),
            None => voice.history(shown.trace, solution),
        }
    }

    /// A number for each annotator, from 0, by a hash of the names: it stays the same and is none of the alphabet.
    pub fn numbers(&self) -> Vec<usize> {
        let hash = |voice: &Session| Sha256::digest(voice.annotator().as_bytes());
        let mut order: Vec<_> = self.voices.iter().map(hash).collect();
        order.sort_unstable();
        self.voices.iter().map(|voice| order.binary_search(&hash(voice)).unwrap_or(0)).collect()
    }

    /// How far they lie apart; `None` when nobody judged the solution.
    pub fn dispute(&self, shown: Shown<'_>, solution: &Solution) -> Option<Dispute> {
        let said: Vec<Said> = self.voices.iter().filter_map(|voice| said(voice, shown, solution)).collect();
        let mut cuts = said.iter().filter(|said| said.labels.is_labelled()).map(|said| said.cut);
        let first = cuts.next();
        let same_steps = cuts.all(|cut| Some(cut) == first);
        dispute(&said.into_iter().map(|said| said.labels).collect::<Vec<_>>(), same_steps)
    }
}

/// What an annotator says of a solution; `None` without a word on it.
fn said(voice: &Session, shown: Shown<'_>, solution: &Solution) -> Option<Said> {
    let name = voice.annotator().to_owned();
    let said = if let Some(there) = Elsewhere::of(voice, shown, solution) {
        let labels = voice.labels(&there.trace, there.solution());
        let basis = voice.word(&there.trace, there.solution());
        let cut = Some(there.end());
        match there.steps {
            // As the reader cuts it.
            None => Said { name, labels, basis, in_other_steps: None, cut },
            Some(ref steps) => {
                let (labels, errors) = steps.follow(labels);
                Said { name, labels, basis, in_other_steps: Some(errors), cut }
            }
        }
    } else {
        let (labels, basis) = (voice.labels(shown.trace, solution), voice.word(shown.trace, solution));
        Said { name, labels, basis, in_other_steps: None, cut: None }
    };
    let SolutionLabels { unsure, remarks, .. } = &said.labels;
    (said.labels.is_labelled() || *unsure || !remarks.is_empty()).then_some(said)
}

impl Session {
    /// What one annotator says, alone: the labels of the others are not in it.
    pub(crate) fn voice(&self, name: &str) -> Self {
        let mut voice = Self::new(name);
        voice.books.extend(self.books.get(name).map(|book| (name.to_owned(), book.clone())));
        voice
    }

    /// The newest own decision in force on a solution.
    pub fn basis(&self, trace: &Trace, solution: &Solution) -> Option<EventId> {
        let (records, steps) = names(trace, solution);
        let book = self.books.get(self.annotator())?;
        book.basis(&records, &steps).map(|(_, id)| id)
    }

    /// The same, or the newest word on whether oneself is unsure of it.
    fn word(&self, trace: &Trace, solution: &Solution) -> Option<EventId> {
        let (records, steps) = names(trace, solution);
        let book = self.books.get(self.annotator())?;
        book.word(&records, &steps).map(|(_, id)| id)
    }

    /// Who sent this solution back to oneself, and what is to be looked at again. It is answered by any new decision.
    pub fn returned(&self, trace: &Trace, solution: &Solution) -> Option<(&str, &str)> {
        let others = self.books.iter().filter(|(name, _)| *name != self.annotator());
        let sent = others.filter_map(|(name, book)| {
            let (decisions, text) = trace.names(solution.leaf).find_map(|record| book.sent_back(record))?;
            Some((name.as_str(), decisions, text.as_str()))
        });
        // Most solutions were not: what was said of their steps need not be looked for.
        let mut sent = sent.peekable();
        sent.peek()?;
        let basis = self.word(trace, solution)?;
        sent.find(|(_, decisions, _)| decisions.contains(&basis)).map(|(name, _, text)| (name, text))
    }

    /// How many solutions were sent back to oneself and not decided anew.
    pub fn returns(&self) -> usize {
        let Some(own) = self.books.get(self.annotator()) else { return 0 };
        let others = self.books.iter().filter(|(name, _)| *name != self.annotator());
        let sent = others.flat_map(|(_, book)| book.all_sent_back());
        // Without its steps, ratings that were given on another solution are not known to touch this one; one may be what was sent back.
        let newest = |record: RecordKey| own.word(&[record], &[]).map(|(order, _)| order);
        let open = sent.filter(|(record, decisions)| {
            let returned = decisions.iter().filter_map(|id| own.order(*id)).max();
            // What was said in steps of one's own has another name than what was sent back.
            let own_steps = || decisions.iter().filter_map(|id| own.record(*id)).filter_map(newest).max();
            returned.is_some() && returned >= newest(*record).or_else(own_steps)
        });
        open.map(|(record, _)| record).collect::<std::collections::HashSet<_>>().len()
    }

    /// Oneself sent this solution back, whatever its annotators have done since.
    pub fn has_sent_back(&self, trace: &Trace, solution: &Solution) -> bool {
        let Some(book) = self.books.get(self.annotator()) else { return false };
        trace.names(solution.leaf).any(|record| book.sent_back(record).is_some())
    }

    /// What oneself wrote when sending this solution back, and what its annotators have done since, as `panel` tells.
    pub fn sent_back(&self, shown: Shown<'_>, solution: &Solution, panel: &Panel) -> Option<SentBack<'_>> {
        let book = self.books.get(self.annotator())?;
        let (decisions, text) = shown.trace.names(solution.leaf).find_map(|record| book.sent_back(record))?;
        let said = panel.say(shown, solution);
        let stands = said.iter().filter_map(|said| said.basis).filter(|basis| decisions.contains(basis)).count();
        let new = said.iter().filter_map(|said| said.basis).any(|basis| !decisions.contains(&basis));
        Some(SentBack { text, to: decisions.len(), stands, new })
    }
}

/// What was sent back to annotators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentBack<'a> {
    /// What they are to look at again.
    pub text: &'a str,
    /// Decisions that were sent back.
    pub to: usize,
    /// Those of them that still stand.
    pub stands: usize,
    /// Somebody has decided since.
    new: bool,
}

impl SentBack<'_> {
    /// No annotator has changed a label since.
    pub fn waits(&self) -> bool {
        self.stands == self.to && !self.new
    }

    /// How it stands, in words.
    pub fn standing(&self) -> String {
        match (self.waits(), self.stands) {
            (true, _) => "sent back, waiting".to_owned(),
            (false, 0) => "sent back, decided anew".to_owned(),
            (false, _) => format!("sent back, answered by {} of {}", self.to - self.stands, self.to),
        }
    }
}

/// The names of a solution, in the steps of now and in those of its source, and of its steps.
fn names(trace: &Trace, solution: &Solution) -> (Vec<RecordKey>, Vec<StepKey>) {
    (trace.names(solution.leaf).collect(), trace.solution_path(solution).into_iter().map(|id| trace.node(id).key).collect())
}
