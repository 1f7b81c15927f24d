//! What makes labels worth believing: who saw what when, own solutions served again, solutions whose answer is known, and a calm word about
//! marks that came faster than anybody reads.
//!
//! All chances are hashes of content: the same file gives the same shares to everybody, every day.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use sha2::{Digest, Sha256};

mod exam;
mod report;

use super::items::ItemId;
use super::ratings::Decision;
use super::{App, Effect, clusters};
use crate::labels::{Action, Body, EventId, Judged, Mode, Order, Served, Session, Spent};
use crate::text::hex;
use crate::trace::{FirstError, NodeId, Outcome, PromptKey, RecordKey, Solution, Trace};

/// A verdict in less time, in milliseconds ...
const FAST_MS: u64 = 1500;
/// ... on more words than this was hardly read.
const FAST_WORDS: usize = 60;
/// An own solution comes again after this many verdicts at the earliest, and up to as many more.
const REPEAT_AFTER: u64 = 15;
/// So many verdicts lie between two solutions that the annotator did not choose.
const APART: u64 = 4;
/// A solution with a known answer comes after this many verdicts at the earliest, and up to as many more.
const GOLD_AFTER: u64 = 8;

/// What a session of labels agrees to.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Terms {
    /// How scores and reference are on show; `None` is [`Mode::Assist`].
    pub mode: Option<Mode>,
    /// Share of the problems that are judged blind first, 0 to 1.
    pub blind_share: f64,
    /// Share of the judged solutions that come once more, 0 to 1.
    pub repeat_share: f64,
    /// Share of the solutions of an ordered queue that are drawn at random, 0 to 1: what is said of them is true of all.
    #[serde(default)]
    pub random_share: f64,
    /// Solutions of the exam; the open files are its questions.
    pub exam: Option<usize>,
    /// Share of its questions that are to be answered rightly, 0 to 1.
    #[serde(default)]
    pub required: Option<f64>,
    /// What the annotators were told to do.
    pub guide: Option<Guide>,
}

/// The guideline page.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Guide {
    /// Its text, Markdown.
    pub text: String,
    /// The beginning of its SHA-256: what every label names.
    pub version: String,
}

impl Guide {
    /// A guideline with this text.
    pub fn new(text: String) -> Self {
        let version = hex(&Sha256::digest(text.as_bytes())[..6]);
        Self { text, version }
    }
}

/// A solution that the annotator did not choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serving {
    /// Why it is there.
    pub served: Served,
    /// Where it is.
    pub item: ItemId,
    /// Where one goes on behind it.
    pub back: (ItemId, usize),
    /// The newest own event when it came.
    pub since: Option<Order>,
}

/// A solution with a known answer that was put before the annotator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Question {
    item: ItemId,
    /// The solution and its answer, once something was said of it.
    truth: Option<(RecordKey, FirstError)>,
    said: Option<FirstError>,
}

impl Question {
    fn is_right(&self) -> bool {
        self.said.is_some() && self.truth.map(|(_, truth)| truth) == self.said
    }
}

/// An own solution that comes again.
#[derive(Debug, Clone)]
struct Due {
    file: String,
    problem: usize,
    record: RecordKey,
    /// Number of the verdict behind which it comes.
    at: u64,
}

/// The state of all this.
#[derive(Debug, Default)]
pub struct Trust {
    /// What was agreed.
    pub terms: Terms,
    /// How scores and reference are on show.
    pub mode: Mode,
    /// What is being served.
    pub serving: Option<Serving>,
    /// Verdicts faster than anybody reads, in this session.
    pub fast: usize,
    /// What these said: no error, an error at the first step, at another one; and how many of them said what the scores say.
    quick: ([usize; 3], usize),
    /// Verdicts in this session, and the time they took in milliseconds.
    pub verdicts: (u64, u64),
    /// Time of what was said of solutions that nothing decides yet.
    spent: Spent,
    /// Verdicts of the sessions before.
    past: u64,
    due: Vec<Due>,
    /// Number of verdicts when something was last served.
    last_served: u64,
    gold: Vec<Question>,
    next_gold: (u64, usize),
    exam: VecDeque<ItemId>,
    in_exam: bool,
    /// The question of the exam that is being asked.
    asked: Option<ItemId>,
    /// All questions were asked: what is said now counts no more.
    exam_over: bool,
    /// Problems of the blind share whose scores were on the screen: what was seen cannot be hidden again.
    seen: HashSet<PromptKey>,
    /// Solutions whose scores were on the screen: a label that hides them again later is not blind.
    peeked: HashSet<RecordKey>,
    /// Helps that were on the screen with a solution, by their names in labels.
    pub(super) looked: HashMap<RecordKey, BTreeSet<&'static str>>,
}

/// A number from 0 up to but not including 1 that belongs to this content and purpose.
pub(super) fn chance(purpose: &str, content: &[u8]) -> f64 {
    let mut hasher = Sha256::new();
    hasher.update(purpose.as_bytes());
    hasher.update(content);
    let digest = hasher.finalize();
    let number = digest.iter().take(6).fold(0u64, |number, &byte| number << 8 | u64::from(byte));
    number as f64 / (1u64 << 48) as f64
}

fn spread(purpose: &str, content: &[u8], range: u64) -> u64 {
    // In 0..range: the chance is below 1.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
    let at = (chance(purpose, content) * range as f64) as u64;
    range + at
}

impl Trust {
    /// The beginning of a session. What earlier ones left to be judged once more still comes.
    pub fn new(terms: Terms, session: &Session) -> Self {
        let mut trust = Self {
            mode: terms.mode.unwrap_or_default(),
            next_gold: (GOLD_AFTER, 0),
            in_exam: terms.exam.is_some(),
            terms,
            ..Self::default()
        };
        for Judged { record, place, served, .. } in session.verdicts() {
            trust.past += 1;
            match (served, place) {
                (Some(Served::Gold), _) => {}
                (Some(Served::Repeat), _) => trust.due.retain(|due| due.record != record),
                (_, Some((file, problem))) => {
                    let problem = usize::try_from(problem).unwrap_or(usize::MAX);
                    trust.may_repeat(record, (file, problem));
                }
                _ => {}
            }
        }
        trust.last_served = trust.past;
        trust
    }

    /// The problems of a file have other numbers now: what is no longer there cannot come once more. All that is to come was judged, so that
    /// the session knows the same places.
    pub(super) fn renumber(&mut self, file: &str, number: impl Fn(usize) -> Option<usize>) {
        self.due.retain_mut(|due| {
            let now = if due.file == file { number(due.problem) } else { Some(due.problem) };
            due.problem = now.unwrap_or(due.problem);
            now.is_some()
        });
    }

    /// Number of the last verdict, over all sessions.
    fn number(&self) -> u64 {
        self.past + self.verdicts.0
    }

    /// A solution was judged: its content says whether it comes once more, and when.
    fn may_repeat(&mut self, record: RecordKey, (file, problem): (&str, usize)) {
        self.due.retain(|due| due.record != record);
        if chance("repeat", record.as_bytes()) < self.terms.repeat_share {
            let at = self.number() + spread("when", record.as_bytes(), REPEAT_AFTER);
            self.due.push(Due { file: file.to_owned(), problem, record, at });
        }
    }

    /// Solutions with known answers: those judged rightly, and all that count. In an exam what was left open counts too.
    pub fn score(&self) -> (usize, usize) {
        let counted = self.gold.iter().filter(|question| self.in_exam || question.said.is_some());
        counted.fold((0, 0), |(right, all), question| (right + usize::from(question.is_right()), all + 1))
    }

    /// The question of the exam that is being asked, from 1, and how many there are.
    pub fn question(&self) -> Option<(usize, usize)> {
        self.in_exam.then(|| (self.gold.len(), self.gold.len() + self.exam.len()))
    }

    /// Questions that were answered.
    pub(super) fn answered(&self) -> usize {
        self.gold.iter().filter(|question| question.said.is_some()).count()
    }

    /// A label on this solution was taken back.
    pub(super) fn unsay(&mut self, record: RecordKey) {
        let of = |question: &&mut Question| question.truth.is_some_and(|(of, _)| of == record);
        self.gold.iter_mut().filter(of).for_each(|question| question.said = None);
        self.due.retain(|due| due.record != record);
    }

    /// Something was said of a solution with a known answer.
    fn answer(&mut self, item: ItemId, record: RecordKey, truth: FirstError, said: FirstError) {
        if self.exam_over {
            return;
        }
        let of = |question: &Question| question.item == item && question.truth.is_none_or(|(of, _)| of == record);
        // A solution whose answer nobody recorded is no question.
        if truth == FirstError::Unknown {
            self.gold.retain(|question| !of(question));
            return;
        }
        let answered = Question { item, truth: Some((record, truth)), said: Some(said) };
        match self.gold.iter_mut().find(|question| of(question)) {
            Some(question) => *question = answered,
            None => self.gold.push(answered),
        }
        self.due.retain(|due| due.record != record);
    }
}

impl App {
    /// Where the annotator thinks to be: what is served comes in between and has no place of its own.
    pub fn position(&self) -> ItemId {
        self.trust.serving.map_or(self.cursor.item, |serving| serving.back.0)
    }

    /// The solution of [`App::position`].
    pub fn listed_solution(&self) -> usize {
        self.trust.serving.map_or(self.cursor.solution, |serving| serving.back.1)
    }

    /// The item under the cursor has answers that nobody may see.
    pub fn is_gold(&self) -> bool {
        self.trust.in_exam || self.items.files.get(self.cursor.item.file).is_some_and(|file| file.hidden)
    }

    /// Solutions with a known answer come between the others.
    pub fn has_gold(&self) -> bool {
        // Invariant: hidden files stand behind all others.
        self.items.files.last().is_some_and(|file| file.hidden)
    }

    /// Own earlier labels are out of sight.
    pub fn own_hidden(&self) -> bool {
        self.trust.serving.is_some_and(|serving| serving.served == Served::Repeat)
    }

    /// This problem is one of the share that is judged before scores and reference are seen.
    pub fn in_blind_share(&self) -> bool {
        self.trace().is_some_and(|trace| self.shares_blindly(trace))
    }

    fn shares_blindly(&self, trace: &Trace) -> bool {
        chance("blind", trace.prompt_key.as_bytes()) < self.trust.terms.blind_share
    }

    /// Scores of this problem, which may be any, are not to be seen yet.
    pub(super) fn conceals(&self, trace: &Trace) -> bool {
        let open = || trace.solutions.iter().any(|solution| !self.judged(trace, solution.leaf));
        match self.trust.mode {
            Mode::Blind => true,
            Mode::RevealAfter => open(),
            // Solutions of a problem share steps: what one of them shows is seen of all.
            Mode::Assist => self.shares_blindly(trace) && !self.was_revealed(trace) && open(),
        }
    }

    /// The number by which solutions of this item stand in an order may be seen: it gives away what the scores say.
    pub fn shows_number_of(&self, item: ItemId) -> bool {
        /// Of more solutions it is not asked, in every frame, whether all are judged.
        const ASKED: usize = 64;
        let shown = |trace: &Arc<Trace>| match self.trust.mode {
            Mode::Assist if trace.solutions.len() > ASKED => !self.shares_blindly(trace),
            _ => !self.conceals(trace),
        };
        self.show_prm && self.items.trace(item).is_some_and(shown)
    }

    /// This solution has a label, and none that is just being taken back.
    fn judged(&self, trace: &Trace, leaf: NodeId) -> bool {
        let record = trace.record_key(leaf);
        let taken_back = |body: &Body| match body {
            Body::Undo(target) => self.unsaid_by(*target) == Some(record),
            Body::Act(_) => false,
        };
        self.own_labels(trace, leaf).is_labelled() && !self.saving.queue.iter().any(|draft| taken_back(&draft.body))
    }

    /// The solution that is open again when this label is taken back. While a verdict stands, a rating that is taken back unsays nothing.
    pub(crate) fn unsaid_by(&self, target: EventId) -> Option<RecordKey> {
        let (action, record) = self.session.action(target).zip(self.session.record(target))?;
        self.opens_again(action, record).then_some(record)
    }

    /// Without this label of it the solution is open.
    pub(super) fn opens_again(&self, action: &Action, record: RecordKey) -> bool {
        action.verdict().is_some() || (action.rates() && self.session.verdict(record).is_none())
    }

    /// Scores of this problem of the blind share have been seen: by all its labels, or as its labels tell.
    fn was_revealed(&self, trace: &Trace) -> bool {
        let mut solutions = trace.solutions.iter();
        self.trust.seen.contains(&trace.prompt_key)
            || solutions.any(|solution| self.session.was_revealed(trace.record_key(solution.leaf)))
    }

    /// Works out whether scores and reference may be seen now.
    pub(super) fn conceal(&mut self) {
        let share = self.in_blind_share();
        let leaf = self.leaf();
        let hidden = match self.trust.mode {
            Mode::Blind => true,
            Mode::RevealAfter => self.own_hidden() || !self.trace().is_some_and(|trace| self.judged(trace, leaf)),
            Mode::Assist => share && (self.own_hidden() || self.trace().is_none_or(|trace| self.conceals(trace))),
        };
        self.show_prm = !hidden;
        if share && !hidden {
            self.trust.seen.extend(self.trace().map(|trace| trace.prompt_key));
        }
        if !hidden {
            self.trust.peeked.extend(self.record_key());
        }
        let helps = [
            ("reference", self.reference_shown() && self.tells_reference()),
            ("pair", self.pair.is_some()),
            ("answers", self.answers.is_some()),
        ];
        if let Some(record) = self.record_key() {
            let seen = helps.into_iter().filter(|(_, open)| *open).map(|(what, _)| what);
            let mut seen = seen.peekable();
            if seen.peek().is_some() {
                self.trust.looked.entry(record).or_default().extend(seen);
            }
        }
    }

    /// There is something that the reference tells of the solution on show.
    fn tells_reference(&self) -> bool {
        let Some((trace, solution)) = self.trace().zip(self.solution()) else { return false };
        let problem = &trace.problem;
        problem.reference_answer.is_some()
            || problem.reference_solution.is_some()
            || solution.first_error != FirstError::Unknown
            || solution.outcome != Outcome::Unknown
    }

    /// Scores of the solution on show were on the screen, now or before.
    pub fn scores_seen(&self) -> bool {
        self.show_prm || self.record_key().is_some_and(|record| self.trust.peeked.contains(&record))
    }

    /// The score of a whole solution of this problem may be seen.
    pub fn shows_score_of(&self, trace: &Trace, leaf: NodeId) -> bool {
        self.show_prm && (self.trust.mode != Mode::RevealAfter || self.judged(trace, leaf))
    }

    /// What model, search and file say of this step of the trace on show may be seen, where any of it may.
    pub fn shows_numbers_of(&self, node: NodeId) -> bool {
        self.trust.mode != Mode::RevealAfter || self.cursor.step_of(node).is_some()
    }

    /// What a label says of the circumstances.
    pub(super) fn circumstances(&self) -> (Mode, Option<Served>) {
        let mode = match self.trust.mode {
            Mode::Assist if self.in_blind_share() => {
                if self.show_prm {
                    Mode::RevealAfter
                } else {
                    Mode::Blind
                }
            }
            Mode::Blind if self.scores_seen() => Mode::RevealAfter,
            mode => mode,
        };
        let share = self.trust.mode == Mode::Assist && self.in_blind_share();
        let served = self.trust.serving.map(|serving| serving.served).or(self.is_gold().then_some(Served::Gold));
        (mode, served.or(share.then_some(Served::BlindShare)))
    }

    /// A label is on its way: counts it, and remembers what it says of a question or a repeat. Gives a calm word when it came fast.
    pub(super) fn heard_label(&mut self, action: &Action, decided: Option<Decision>, ms: Option<u64>) -> Option<String> {
        let record = action.record().or_else(|| self.record_key())?;
        let ms = self.trust.spent.add(record, ms, decided.is_some());
        let said = decided?.verdict;
        self.trust.verdicts.0 += 1;
        self.trust.verdicts.1 += ms.unwrap_or(0);
        self.progress.took(ms);
        let trace = self.trace()?.clone();
        if self.is_gold() {
            let source = self.items.source(self.cursor.item)?;
            let truth = source.recorded_labels(source.solutions.get(self.cursor.solution)?).first_error;
            self.trust.answer(self.cursor.item, record, truth, said);
        } else if !self.own_hidden()
            && let Some(file) = self.items.files.get(self.cursor.item.file)
        {
            self.trust.may_repeat(record, (&file.id, self.cursor.item.problem));
        }
        let trace_leaf = self.leaf();
        let read = match said {
            FirstError::At(index) => index + 1,
            _ => self.cursor.path.len(),
        };
        let words: usize = self.cursor.path.iter().take(read).map(|&id| trace.node(id).text.split_whitespace().count()).sum();
        // The same verdict once more is how one goes on after a reveal.
        let again = self.session.labels(&trace, &Solution::new(trace_leaf)).first_error == said;
        let fast = !again && ms.is_some_and(|ms| ms < FAST_MS) && words > FAST_WORDS;
        self.trust.fast += usize::from(fast);
        if fast {
            let kind = match said {
                FirstError::At(0) => 1,
                FirstError::At(_) => 2,
                _ => 0,
            };
            let predicted = self.predicted_first_error().map_or(FirstError::NoError, FirstError::At);
            self.trust.quick.0[kind] += 1;
            self.trust.quick.1 += usize::from(self.show_prm && predicted == said);
        }
        // A word now and then, not at every verdict of the day.
        let due = self.trust.fast == 1 || self.trust.fast.is_multiple_of(10);
        (fast && due).then(|| format!("quick: {} so far under 1.5 s on {FAST_WORDS}+ words", self.trust.fast))
    }

    /// What is served is left: back to where one was.
    pub(crate) fn back_from_serving(&mut self) -> bool {
        let Some(serving) = self.trust.serving.take() else { return false };
        self.go_to(serving.back.0, serving.back.1);
        true
    }

    /// Puts what is due before the annotator, silently.
    pub(crate) fn serve(&mut self) {
        if self.trust.in_exam {
            return self.next_question();
        }
        let back = (self.cursor.item, self.cursor.solution);
        let number = self.trust.number();
        if number < self.trust.last_served + APART {
            return;
        }
        let here = |due: &Due| {
            let item = ItemId { file: self.file(&due.file)?, problem: due.problem };
            (due.at <= number && item != back.0 && self.items.is_known(item)).then_some(item)
        };
        if let Some((at, item)) = self.trust.due.iter().enumerate().find_map(|(at, due)| Some((at, here(due)?))) {
            let Due { record, .. } = self.trust.due.remove(at);
            self.return_to(item, Some(record), None);
            return self.serves(Served::Repeat, item, back);
        }
        let verdicts = self.trust.verdicts.0;
        let (at, next) = self.trust.next_gold;
        let hidden = self.items.files.iter().enumerate().filter(|(_, file)| file.hidden);
        let mut questions = hidden.flat_map(|(file, state)| (0..state.problems).map(move |problem| ItemId { file, problem }));
        if verdicts >= at
            && let Some(item) = questions.nth(next)
        {
            let gap = spread("gold", &(next as u64).to_le_bytes(), GOLD_AFTER);
            self.trust.next_gold = (verdicts + gap, next + 1);
            self.go_to(item, 0);
            self.serves(Served::Gold, item, back);
        }
    }

    fn serves(&mut self, served: Served, item: ItemId, back: (ItemId, usize)) {
        self.trust.last_served = self.trust.number();
        self.trust.serving = Some(Serving { served, item, back, since: self.session.newest() });
        self.label_nodes();
    }
}

/// Takes another mode.
pub(crate) fn set_mode(app: &mut App, mode: Mode) -> Vec<Effect> {
    if app.exam_runs() {
        app.notice = Some("an exam is judged as it began: its modes come back with its result".to_owned());
        return Vec::new();
    }
    let effects = if app.trust.mode == mode { Vec::new() } else { clusters::forget(app) };
    app.trust.mode = mode;
    app.conceal();
    app.notice = Some(
        match mode {
            Mode::Assist if !app.show_prm => {
                "scores shown, but this problem is in the blind share: judge it first (:blind-share 0 turns that off)"
            }
            Mode::Assist => "scores shown",
            Mode::Blind => "blind: scores, reference and recorded labels hidden",
            Mode::RevealAfter => "scores are shown once a solution is judged",
        }
        .to_owned(),
    );
    effects
}
