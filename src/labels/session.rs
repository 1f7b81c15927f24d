//! The session: what holds now, and how it lies over what a file recorded.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::fold::{Book, Judged, Past};
use super::{Action, Event, EventId, Mark, Order, Sampled, Verdict, WriterId};
use crate::trace::{
    Cut, Earlier, EndState, FirstError, Label, Rating, RecordKey, Remark, Solution, SolutionLabels, StepKey, Trace, Writing,
};

/// Solutions of one file that decisions speak of: the problem that was on the screen, and how many decisions.
pub type Given = HashMap<RecordKey, (u64, usize)>;

/// All labels of a store as one annotator sees them: own labels count, those of others are kept beside them.
#[derive(Debug, Clone, Default)]
pub struct Session {
    annotator: String,
    pub(super) books: BTreeMap<String, Book>,
}

impl Session {
    /// An empty session of this annotator.
    pub fn new(annotator: &str) -> Self {
        let annotator = annotator.to_owned();
        Self { books: BTreeMap::from([(annotator.clone(), Book::default())]), annotator }
    }

    /// Whose labels these are.
    pub fn annotator(&self) -> &str {
        &self.annotator
    }

    /// Everybody who left an event here, in alphabetical order.
    pub fn annotators(&self) -> impl Iterator<Item = &str> {
        self.books.iter().filter(|(_, book)| book.len() > 0).map(|(name, _)| name.as_str())
    }

    /// The files that were open when own labels were given, as they were named then, in alphabetical order.
    pub fn files(&self) -> BTreeSet<&str> {
        self.book().into_iter().flat_map(Book::files).collect()
    }

    /// Solutions that own decisions in force speak of, by the file that was open: for each the number of the problem that was on the screen,
    /// and how many decisions.
    pub fn given(&self) -> HashMap<String, Given> {
        let mut given: HashMap<String, Given> = HashMap::new();
        for (file, item, record) in self.book().into_iter().flat_map(Book::given) {
            if !given.contains_key(file) {
                given.insert(file.to_owned(), Given::new());
            }
            let Some(records) = given.get_mut(file) else { continue };
            let (_, times) = records.entry(record).or_insert((item, 0));
            *times += 1;
        }
        given
    }

    /// Writers that gave one number to two events: a store was put back as it was before, and labelled again.
    pub fn forks(&self) -> BTreeSet<WriterId> {
        let mut seen = HashSet::new();
        let twice = |number: &(WriterId, u64)| !seen.insert(*number);
        self.books.values().flat_map(Book::numbers).filter(twice).map(|(writer, _)| writer).collect()
    }

    /// The same labels as `annotator` sees them.
    #[must_use]
    pub fn seen_by(mut self, annotator: &str) -> Self {
        annotator.clone_into(&mut self.annotator);
        self.books.entry(annotator.to_owned()).or_default();
        self
    }

    /// Takes an event in. Events may come in any order; one that is known already changes nothing.
    pub fn apply(&mut self, event: &Event) {
        if let Some(book) = self.books.get_mut(&event.annotator) {
            book.apply(event);
        } else {
            self.books.entry(event.annotator.clone()).or_default().apply(event);
        }
    }

    fn book(&self) -> Option<&Book> {
        self.books.get(&self.annotator)
    }

    /// Some own label of this solution, in force or not, says that scores had been shown before it.
    pub fn was_revealed(&self, record: RecordKey) -> bool {
        self.book().is_some_and(|book| book.was_revealed(record))
    }

    /// Number of events taken in, of all annotators.
    pub fn len(&self) -> usize {
        self.books.values().map(Book::len).sum()
    }

    /// True without any event.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of own decisions that hold.
    pub fn decisions(&self) -> usize {
        self.book().map_or(0, Book::live)
    }

    /// The own decision that undo would take back: name it in the next [`super::Draft::undo`].
    pub fn undo_target(&self) -> Option<EventId> {
        self.undo_target_but(&HashSet::new())
    }

    /// The same, passing over events of `others`: what another program on the store has done meanwhile.
    pub fn undo_target_but(&self, others: &HashSet<EventId>) -> Option<EventId> {
        self.book()?.undo_target(others)
    }

    /// The own undo that redo would take back: name it in the next [`super::Draft::undo`].
    pub fn redo_target(&self) -> Option<EventId> {
        self.redo_target_but(&HashSet::new())
    }

    /// The same, passing over events of `others`.
    pub fn redo_target_but(&self, others: &HashSet<EventId>) -> Option<EventId> {
        self.book()?.redo_target(others)
    }

    /// The own decision that this event is, takes back or puts back, to say what happened and to go there.
    pub fn action(&self, id: EventId) -> Option<&Action> {
        self.book()?.action(id)
    }

    /// The solution that the own decision behind this event speaks of, or that was on the screen.
    pub fn record(&self, id: EventId) -> Option<RecordKey> {
        self.book()?.record(id)
    }

    /// This own event is a decision, and takes nothing back.
    pub fn is_action(&self, id: EventId) -> bool {
        self.book().is_some_and(|book| book.is_action(id))
    }

    /// File and problem number that were on the screen when the decision behind this event was made: a hint, not an identity. No number where
    /// the file was replaced and the problem not found in it again.
    pub fn place(&self, id: EventId) -> Option<(&str, Option<u64>)> {
        self.book()?.place(id)
    }

    /// Problem numbers that were on the screen when the own decisions were made, with their files.
    pub fn places(&self) -> impl Iterator<Item = (&str, u64)> {
        self.book().into_iter().flat_map(Book::places)
    }

    /// The problems of a file have other numbers now, or are no longer in it: what places hint at follows. Events in a store stay as they are.
    pub fn renumber(&mut self, file: &str, number: impl Fn(u64) -> Option<u64>) {
        self.books.values_mut().for_each(|book| book.renumber(file, &number));
    }

    /// The own mark on this step.
    pub fn mark(&self, step: StepKey) -> Option<Mark> {
        self.book()?.mark(step).map(|(_, mark)| mark)
    }

    /// Place of the newest own event among all.
    pub fn newest(&self) -> Option<Order> {
        self.book()?.newest()
    }

    /// The own verdict on this solution.
    pub fn verdict(&self, record: RecordKey) -> Option<&Verdict> {
        self.book()?.verdict(record).map(|(_, verdict)| verdict)
    }

    /// An own text on this step, or on the whole solution.
    pub fn text(&self, writing: Writing, step: Option<StepKey>, record: RecordKey) -> Option<&str> {
        self.book()?.text(writing, step, record)
    }

    /// All that the annotator ever said of a solution or one of its steps, also before it was cut anew, oldest first.
    pub fn history(&self, trace: &Trace, solution: &Solution) -> Vec<Past<'_>> {
        let records: Vec<RecordKey> = trace.names(solution.leaf).collect();
        let before =
            trace.origin(solution.leaf).into_iter().flat_map(|origin| (0..origin.steps.len()).map(|at| (origin.keys(at), at)));
        let mut steps: HashMap<StepKey, usize> =
            before.flat_map(|(keys, at)| keys.into_iter().map(move |key| (key, at))).collect();
        steps.extend(keys(trace, solution).into_iter().zip(0..));
        self.book().map_or_else(Vec::new, |book| book.history(&records, &steps))
    }

    /// The own verdicts in force and the ratings that decided a solution, oldest first; a solution may have several, and the last one counts.
    pub fn verdicts(&self) -> impl Iterator<Item = Judged<'_>> {
        self.book().into_iter().flat_map(Book::verdicts)
    }

    /// Version of the guideline in force and scorer on show at each own decision that holds.
    pub fn circumstances(&self) -> impl Iterator<Item = (Option<&str>, Option<&str>)> {
        self.book().into_iter().flat_map(Book::circumstances)
    }

    /// Kind of the own first error at this step; empty when none was given.
    pub fn error_kind(&self, step: StepKey) -> &str {
        self.book().map_or("", |book| book.error_kind(step))
    }

    /// How many own first errors are of each kind.
    pub fn error_kinds(&self) -> BTreeMap<&str, usize> {
        self.book().map(Book::error_kinds).unwrap_or_default()
    }

    /// How many steps and solutions carry each own tag.
    pub fn tags(&self) -> BTreeMap<&str, usize> {
        self.book().map(Book::tags).unwrap_or_default()
    }

    /// How far this solution had come when it went wrong, from 0 to 3.
    pub fn progress(&self, record: RecordKey) -> Option<u8> {
        self.book()?.progress(record)
    }

    /// The step that was called the best of those behind `parent` (the root's key for first steps).
    pub fn chosen(&self, parent: StepKey) -> Option<StepKey> {
        self.book()?.chosen(parent)
    }

    /// Own beginnings of the steps of a solution as the source cuts it; empty when the source's own stand.
    pub fn starts(&self, record: RecordKey) -> &[Cut] {
        self.book().map_or(&[], |book| book.starts(record))
    }

    /// True when any solution was cut anew.
    pub fn has_cuts(&self) -> bool {
        self.book().is_some_and(Book::has_segments)
    }

    /// The trace with own cuts instead of the source's, and with the steps that a language model wrote as far as something is said of them;
    /// `None` when there are none in it.
    pub fn recut(&self, trace: &Trace) -> Option<Trace> {
        let book = self.book()?;
        let cuts = |book: &Book| trace.recut(|solution| book.starts(trace.record_key(solution.leaf)));
        let cut = Some(book).filter(|book| book.has_segments()).and_then(cuts);
        let said = |sampled: &&Sampled| book.mark(sampled.step).is_some() || book.chosen(sampled.parent).is_some();
        let samples = book.samples().filter(said).map(|sampled| (sampled.parent, sampled.text.as_str()));
        cut.as_ref().unwrap_or(trace).with_samples(samples).or(cut)
    }

    /// Steps that a language model wrote and that own decisions speak of, in force or not.
    pub fn samples(&self) -> impl Iterator<Item = &Sampled> {
        self.book().into_iter().flat_map(Book::samples)
    }

    /// The one of this key.
    pub fn sampled(&self, step: StepKey) -> Option<&Sampled> {
        self.book()?.sampled(step)
    }

    /// True when the annotator called this solution unsure.
    pub fn flagged(&self, record: RecordKey) -> bool {
        self.book().and_then(|book| book.flagged(record)).unwrap_or(false)
    }

    /// True when the solution was put off and not judged since.
    pub fn skipped(&self, record: RecordKey) -> bool {
        self.book().is_some_and(|book| book.skipped(record))
    }

    /// "The first error of this solution is at `index`", with what that takes away: bad marks of earlier steps, and what was called the
    /// first error behind it. Steps behind it that were rated bad stay so. `None` behind its end.
    pub fn first_error(&self, trace: &Trace, solution: &Solution, index: usize) -> Option<Action> {
        let keys = keys(trace, solution);
        let step = *keys.get(index)?;
        let moved = |key: &&StepKey| self.mark(**key).is_some_and(|mark| mark.first_error);
        let mut clears = self.bad(&keys[..index]);
        clears.extend(keys[index + 1..].iter().filter(moved));
        Some(Action::FirstError { record: trace.record_key(solution.leaf), step, index, clears, kind: String::new() })
    }

    /// "All steps of this solution are right", with the bad marks that this takes away.
    pub fn all_good(&self, trace: &Trace, solution: &Solution) -> Action {
        Action::AllGood { record: trace.record_key(solution.leaf), clears: self.bad(&keys(trace, solution)) }
    }

    fn bad(&self, keys: &[StepKey]) -> Vec<StepKey> {
        let is_bad = |key: &StepKey| self.mark(*key).is_some_and(|mark| mark.rating == Rating::Bad);
        keys.iter().copied().filter(is_bad).collect()
    }

    /// The own labels of a solution; unseen when there are none.
    pub fn labels(&self, trace: &Trace, solution: &Solution) -> SolutionLabels {
        self.own(trace, solution).unwrap_or_else(|| {
            let unsure = self.flag(trace, solution).unwrap_or(false);
            let labels = SolutionLabels { unsure, ..SolutionLabels::unseen(trace.node(solution.leaf).depth) };
            self.with_words(labels, trace, solution)
        })
    }

    /// The own labels of a solution laid over the recorded ones, and whether they say something that the source does not.
    pub fn overlay(&self, trace: &Trace, solution: &Solution) -> (SolutionLabels, bool) {
        let own = self.labels(trace, solution);
        self.overlay_of(own, trace, solution)
    }

    /// The same of own labels that are known ([`Session::labels`]).
    pub fn overlay_of(&self, own: SolutionLabels, trace: &Trace, solution: &Solution) -> (SolutionLabels, bool) {
        let recorded = trace.recorded_labels(solution);
        let labels = match own.annotator {
            Some(_) if own.is_labelled() => filled(own, &trace.recorded_ratings(solution)),
            Some(_) => completed(own, &recorded, &trace.recorded_ratings(solution)),
            None => {
                let unsure = self.flag(trace, solution).unwrap_or(recorded.unsure);
                let labels = SolutionLabels { unsure, remarks: Vec::new(), ..recorded.clone() };
                self.with_words(labels, trace, solution)
            }
        };
        let labels = labels.with_words_of(&recorded);
        let touched = differs(&labels, &recorded);
        (labels, touched)
    }

    /// The own marks on the steps of a solution, each with its place among all events. What was said before the solution was cut anew
    /// follows as far as nothing else was said since.
    pub fn marks(&self, trace: &Trace, solution: &Solution) -> Vec<Option<(Order, Mark)>> {
        let keys = keys(trace, solution);
        let Some(book) = self.book() else { return vec![None; keys.len()] };
        let steps = trace.origin(solution.leaf).map_or(&[][..], |origin| &origin.steps);
        let judged: Vec<bool> = trace.names(solution.leaf).map(|record| book.verdict(record).is_some()).collect();
        let before = |index: usize| steps.get(index).map_or(&[][..], Vec::as_slice);
        keys.into_iter().enumerate().map(|(index, key)| mark(book, key, before(index), &judged)).collect()
    }

    /// The same with the verdict; `None` where nothing was said.
    fn said(&self, trace: &Trace, solution: &Solution) -> Option<Said<'_>> {
        let book = self.book()?;
        let verdict = trace.names(solution.leaf).find_map(|record| book.verdict(record));
        let marks = self.marks(trace, solution);
        (verdict.is_some() || marks.iter().any(Option::is_some)).then_some(Said { marks, verdict })
    }

    /// True when own verdict and marks judge a solution: it has a first error, none, or cannot have one.
    pub fn judges(&self, trace: &Trace, solution: &Solution) -> bool {
        self.said(trace, solution).is_some_and(|said| end(&said.marks, said.verdict).0 != FirstError::Unknown)
    }

    /// The same of a solution that is known by its names alone; without its steps a verdict is all that there is to go by.
    pub fn judges_named(&self, record: RecordKey, steps: &[StepKey]) -> bool {
        self.book().is_some_and(|book| {
            let (marks, verdict) = (steps.iter().map(|step| book.mark(*step)).collect::<Vec<_>>(), book.verdict(record));
            end(&marks, verdict).0 != FirstError::Unknown || (steps.is_empty() && verdict.is_some())
        })
    }

    /// Own labels of the steps of a solution alone, without verdict and words.
    pub fn step_labels(&self, trace: &Trace, solution: &Solution) -> Vec<Label> {
        let said = self.said(trace, solution).map(|said| read(&said.marks, said.verdict).steps);
        said.unwrap_or_else(|| vec![Label::Unseen; trace.node(solution.leaf).depth])
    }

    /// Own labels, when any own mark or verdict touches the solution.
    fn own(&self, trace: &Trace, solution: &Solution) -> Option<SolutionLabels> {
        let Said { marks, verdict } = self.said(trace, solution)?;
        let mut labels = read(&marks, verdict);
        labels.unsure = self.flag(trace, solution).unwrap_or(false);
        labels.annotator = Some(self.annotator.clone());
        Some(self.with_words(labels, trace, solution))
    }

    /// The mark of a solution as unsure, also from before it was cut anew.
    fn flag(&self, trace: &Trace, solution: &Solution) -> Option<bool> {
        trace.names(solution.leaf).find_map(|record| self.book()?.flagged(record))
    }

    /// The same with own kinds, reasons and texts.
    fn with_words(&self, mut labels: SolutionLabels, trace: &Trace, solution: &Solution) -> SolutionLabels {
        let Some(book) = self.book() else { return labels };
        let origin = trace.origin(solution.leaf);
        // By the names of now, then by those of the source.
        let records: Vec<RecordKey> = trace.names(solution.leaf).collect();
        let keys = keys(trace, solution);
        let names = |index: usize| {
            let before = origin.map(|origin| origin.keys(index)).unwrap_or_default();
            keys.get(index).copied().into_iter().chain(before)
        };
        if let FirstError::At(k) = labels.first_error {
            names(k)
                .map(|key| book.error_kind(key))
                .find(|kind| !kind.is_empty())
                .unwrap_or("")
                .clone_into(&mut labels.error_kind);
            labels.progress = records.iter().find_map(|record| book.progress(*record));
        }
        if let (FirstError::Unlabelable, Some((_, Verdict::BadProblem(reason) | Verdict::GiveUp(reason)))) =
            (labels.first_error, records.iter().find_map(|record| book.verdict(*record)))
        {
            labels.end_reason.clone_from(reason);
        }
        for step in std::iter::once(None).chain((0..keys.len()).map(Some)) {
            for writing in [Writing::Note, Writing::Critique, Writing::Correction, Writing::Tags] {
                let text = match step {
                    Some(index) => names(index).find_map(|key| book.text(writing, Some(key), records[0])),
                    None => records.iter().find_map(|record| book.text(writing, None, *record)),
                };
                labels.remarks.extend(text.map(|text| Remark { writing, step, text: text.to_owned() }));
            }
        }
        labels
    }

    /// True when both hold the same, whatever the order in which they took their events in.
    pub fn agrees(&self, other: &Self) -> bool {
        let empty = Book::default();
        let names = self.books.keys().chain(other.books.keys());
        names.into_iter().all(|name| {
            let [mine, theirs] = [self, other].map(|session| session.books.get(name).unwrap_or(&empty));
            mine.agrees(theirs)
        })
    }
}

impl<'a> Extend<&'a Event> for Session {
    fn extend<T: IntoIterator<Item = &'a Event>>(&mut self, events: T) {
        for event in events {
            self.apply(event);
        }
    }
}

/// What oneself said of a solution: marks on its steps, a verdict on the whole.
struct Said<'a> {
    marks: Vec<Option<(Order, Mark)>>,
    verdict: Option<&'a (Order, Verdict)>,
}

/// The mark on a step, else what follows from the source's steps that it is made of. Whether a verdict names the solution by these steps, by those
/// of its source and by those of that one's source, says `judged`.
fn mark(book: &Book, key: StepKey, before: &[Earlier], judged: &[bool]) -> Option<(Order, Mark)> {
    if before.is_empty() || book.speaks_of(key) {
        return book.mark(key);
    }
    let (now, earlier) = judged.split_first().unwrap_or((&false, &[]));
    // A verdict of now speaks of all steps that were called wrong before.
    followed(book, before, earlier).filter(|(_, mark)| !now || mark.rating != Rating::Bad)
}

/// What was said of the source's steps that a step is made of: the worst, unless nobody rated one of them.
fn followed(book: &Book, steps: &[Earlier], judged: &[bool]) -> Option<(Order, Mark)> {
    let marks: Vec<_> = steps.iter().map(|step| mark(book, step.key, &step.before, judged)).collect();
    let worst = marks.iter().flatten().copied().min_by_key(|(_, mark)| mark.rating)?;
    (worst.1.rating == Rating::Bad || marks.iter().all(Option::is_some)).then_some(worst)
}

fn keys(trace: &Trace, solution: &Solution) -> Vec<StepKey> {
    trace.solution_path(solution).into_iter().map(|id| trace.node(id).key).collect()
}

/// An own verdict, with the ratings that the source gave to steps of which it says nothing.
fn filled(mut own: SolutionLabels, ratings: &[Option<Rating>]) -> SolutionLabels {
    // A bad step before the first error would be another first error.
    let fits = |rating: &Rating| *rating != Rating::Bad || own.first_error == FirstError::Unlabelable;
    for (label, rating) in own.steps.iter_mut().zip(ratings).filter(|(label, _)| **label == Label::Unseen) {
        *label = rating.filter(fits).map_or(Label::Unseen, Label::from);
    }
    own
}

/// Own ratings of some steps without a verdict, with what the source says of the rest: a rating of one step takes back nothing
/// else. The recorded verdict stands unless an own rating contradicts it; `ratings` that the source gave to single steps stand even then.
fn completed(own: SolutionLabels, recorded: &SolutionLabels, ratings: &[Option<Rating>]) -> SolutionLabels {
    let said: Vec<Option<Rating>> = own.steps.iter().map(|label| label.rating()).collect();
    if let Some((steps, first_error, end_state)) = overruled(&said, recorded.first_error, ratings) {
        let steps = steps.into_iter().map(|rating| rating.map_or(Label::Unseen, Label::from)).collect();
        return SolutionLabels { steps, first_error, end_state, ..own };
    }
    let steps = own.steps.iter().zip(&recorded.steps).map(|(own, recorded)| if *own == Label::Unseen { *recorded } else { *own });
    let steps = steps.collect();
    let SolutionLabels { first_error, end_state, .. } = *recorded;
    // Who rates a step has not said what the file says of the others.
    let annotator = if recorded.is_labelled() { recorded.annotator.clone() } else { own.annotator };
    SolutionLabels { steps, first_error, end_state, annotator, ..own }
}

/// What own ratings, one a step, come to together with those of the source where they contradict its verdict or give it one; `None` where
/// what the source says stands.
pub(crate) fn overruled(
    own: &[Option<Rating>],
    recorded: FirstError,
    ratings: &[Option<Rating>],
) -> Option<(Vec<Option<Rating>>, FirstError, EndState)> {
    let bad = |steps: &[Option<Rating>]| steps.contains(&Some(Rating::Bad));
    let stands = match recorded {
        FirstError::At(k) => {
            own.get(k).is_none_or(|rating| matches!(rating, None | Some(Rating::Bad))) && !own.get(..k).is_some_and(bad)
        }
        FirstError::NoError => !bad(own),
        FirstError::Unknown => false,
        FirstError::Unlabelable => true,
    };
    if stands {
        return None;
    }
    let theirs = ratings.iter().copied().chain(std::iter::repeat(None));
    let union: Vec<_> = own.iter().copied().zip(theirs).map(|(own, theirs)| own.or(theirs)).collect();
    // Nobody has vouched for what has no rating.
    let (first_error, end_state) = rated(&union, false, false);
    (first_error != recorded).then_some((union, first_error, end_state))
}

/// What ratings of the steps of a path make of it, where somebody has `vouched` for the steps without one as far as a bad one, or has
/// `read_through` all of them.
fn rated(ratings: &[Option<Rating>], vouched: bool, read_through: bool) -> (FirstError, EndState) {
    let all_rated = !ratings.is_empty() && ratings.iter().all(Option::is_some);
    match ratings.iter().position(|rating| *rating == Some(Rating::Bad)) {
        Some(k) if all_rated || vouched => (FirstError::At(k), EndState::FoundError),
        None if all_rated || read_through => (FirstError::NoError, EndState::Solution),
        _ => (FirstError::Unknown, EndState::Open),
    }
}

/// What marks on the steps of a path and the verdict on the whole make of it: the one rule by which a solution is judged or is not. Ratings
/// alone say nothing of it before every step has one, unless a bad one ends it.
fn end(marks: &[Option<(Order, Mark)>], verdict: Option<&(Order, Verdict)>) -> (FirstError, EndState) {
    let bad = |mark: &Option<(Order, Mark)>| mark.is_some_and(|(_, mark)| mark.rating == Rating::Bad);
    let newest_bad = marks.iter().filter(|mark| bad(mark)).filter_map(|mark| mark.map(|(order, _)| order)).max();
    // "All good" took away the bad marks it knew, so one that is there is newer. A broken problem takes no mark away: the later word counts.
    let unlabelable = match verdict {
        Some((order, Verdict::BadProblem(_))) if Some(*order) > newest_bad => Some(EndState::BadProblem),
        Some((order, Verdict::GiveUp(_))) if Some(*order) > newest_bad => Some(EndState::GiveUp),
        _ => None,
    };
    if let Some(end_state) = unlabelable {
        return (FirstError::Unlabelable, end_state);
    }
    // Who gave up, or called the problem broken, has vouched for no step. An end counts also where another step is rated bad since.
    let vouched =
        matches!(verdict, Some((_, Verdict::FoundError | Verdict::AllGood))) || marks.iter().flatten().any(|(_, mark)| mark.ends);
    let ratings: Vec<Option<Rating>> = marks.iter().map(|mark| mark.map(|(_, mark)| mark.rating)).collect();
    rated(&ratings, vouched, read_through(verdict))
}

fn read_through(verdict: Option<&(Order, Verdict)>) -> bool {
    matches!(verdict, Some((_, Verdict::AllGood)))
}

/// Reads marks on the steps of a path and the verdict on the whole as labels.
fn read(marks: &[Option<(Order, Mark)>], verdict: Option<&(Order, Verdict)>) -> SolutionLabels {
    let (first_error, end_state) = end(marks, verdict);
    // "First error here" says that every step before it is right, "all good" said so of every step; a bad rating of a single
    // step says nothing of the others.
    let vouched = marks.iter().rposition(|mark| mark.is_some_and(|(_, mark)| mark.first_error)).unwrap_or(0);
    let implied = |index: usize| match first_error {
        FirstError::At(k) if index > k => Label::AfterError,
        FirstError::At(_) if index < vouched || read_through(verdict) => Label::Good,
        FirstError::NoError => Label::Good,
        _ => Label::Unseen,
    };
    let label =
        |(index, mark): (usize, &Option<(Order, Mark)>)| mark.map_or_else(|| implied(index), |(_, mark)| mark.rating.into());
    SolutionLabels { steps: marks.iter().enumerate().map(label).collect(), first_error, end_state, ..SolutionLabels::default() }
}

/// True when labels say something else than the recorded ones. How a labelling ended counts only where the source has a word for it.
fn differs(labels: &SolutionLabels, recorded: &SolutionLabels) -> bool {
    labels.first_error != recorded.first_error
        || labels.steps != recorded.steps
        || labels.unsure != recorded.unsure
        || (recorded.end_state != EndState::Open && labels.end_state != recorded.end_state)
}

#[cfg(test)]
mod tests;
