//! Looking at the steps of all solutions to compare them: which are like one of them, and which go wrong alike. Problems are looked at a few between
//! two frames; the comparing itself is done beside the screen ([`Effect::Liken`]), where vectors of a model may be needed first.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clusters::Clusters;
use super::items::ItemId;
use super::queue::{self, Likeness};
use super::{App, Effect, clusters};
use crate::analysis::likeness::{Ask, Found, Measure};
use crate::labels::Mode;
use crate::query::{FirstWrong, Said};
use crate::trace::{NodeId, Trace};

/// Problems that are looked at between two frames.
const AT_ONCE: usize = 32;
/// Solutions of one problem that are looked at.
const SOLUTIONS: usize = 2000;
/// Texts that are compared, and their bytes: what one waits for ends, and what is kept of each is bounded.
const MOST: (usize, usize) = (50_000, 64 << 20);

/// A solution and what of it is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The problem.
    pub item: ItemId,
    /// The solution.
    pub solution: usize,
    /// Its texts among all.
    pub texts: Vec<usize>,
    /// The step that is wrong, and who says so, where that is compared.
    pub wrong: Option<(usize, Said)>,
}

/// What is being compared, and what came of it.
#[derive(Debug)]
pub struct Alike {
    /// Likeness is measured by vectors of a model, else by words.
    pub(super) by_vectors: bool,
    /// How often steps were gathered.
    rounds: u64,
    /// Steps that are being gathered and compared.
    gather: Option<Gather>,
    /// Groups of steps that go wrong alike.
    pub clusters: Option<Clusters>,
}

impl Alike {
    /// Nothing is compared yet.
    pub(super) fn new(by_vectors: bool) -> Self {
        Self { by_vectors, rounds: 0, gather: None, clusters: None }
    }
}

impl Row {
    /// How much the text that is most alike is so.
    pub fn alike(&self, numbers: &[f64]) -> Option<f64> {
        self.texts.iter().filter_map(|&text| numbers.get(text).copied()).reduce(f64::max)
    }
}

/// What was not compared, in numbers of solutions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Their steps are said to be right.
    pub right: usize,
    /// Nobody says which step is wrong: no label, and not all scores.
    pub unknown: usize,
    /// Their problem is broken, or they were given up.
    pub not_judged: usize,
    /// What file and scores say is not to be seen yet.
    pub hidden: usize,
    /// Problems that were not looked at: there are too many texts.
    pub problems: usize,
}

/// Steps to compare, and the solutions that they stand in.
#[derive(Debug, Clone, Default)]
pub struct Steps {
    /// The solutions.
    pub rows: Vec<Row>,
    /// The texts; shared once all are there.
    pub texts: Arc<Vec<String>>,
    bytes: usize,
    /// What is not compared.
    pub left_out: LeftOut,
    /// No step is known to be wrong: these are the steps with the lowest scores.
    pub lowest: bool,
    /// Lowest steps of solutions that are right.
    right: Vec<(Row, String)>,
}

/// Steps that are being gathered and compared.
#[derive(Debug)]
pub struct Gather {
    /// The question.
    ask: Ask,
    /// Names this gathering: an answer to an earlier one is of no use.
    round: u64,
    /// Place in the list of the problem to look at next.
    next: usize,
    /// Place up to which problems were asked for.
    ahead: usize,
    steps: Steps,
    /// All were looked at, and the answer is worked out.
    asked: bool,
    /// Keys that had been typed when it began: who has typed on since is not interrupted.
    keys: u64,
    /// How far it has come, as it was said last.
    said: String,
}

impl Gather {
    /// Says how far it has come, unless there is something else to read.
    fn tell(&mut self, notice: &mut Option<String>, text: String) {
        if notice.as_ref().is_none_or(|notice| *notice == self.said) {
            notice.clone_from(&Some(text.clone()));
        }
        self.said = text;
    }
}

/// Texts and what is asked of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// The question.
    pub ask: Ask,
    /// The texts.
    pub texts: Arc<Vec<String>>,
}

impl Work {
    /// Answers by words, or by vectors of the texts and of what the question names ([`Ask::read`]). Without an answer when `stop` says so.
    pub fn answer(&self, by: Measure<'_>, stop: &dyn Fn() -> bool) -> Option<Found> {
        self.ask.answer(&self.texts(), by, stop)
    }

    /// The texts.
    pub fn texts(&self) -> Vec<&str> {
        self.texts.iter().map(String::as_str).collect()
    }
}

/// An answer, and what it was measured by: the name of a model, or `words`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// The measure.
    pub by: String,
    /// The answer.
    pub found: Found,
}

impl Steps {
    /// There are as many as are compared at once.
    pub fn is_full(&self) -> bool {
        self.texts.len().max(self.right.len()) >= MOST.0 || self.bytes >= MOST.1
    }

    fn learn(&mut self, text: &str) -> usize {
        self.bytes += text.len();
        Arc::make_mut(&mut self.texts).push(text.to_owned());
        self.texts.len() - 1
    }

    /// Takes all steps of a trace; what solutions share stands there once.
    pub fn all_of(&mut self, item: ItemId, trace: &Trace) {
        let mut known: HashMap<NodeId, usize> = HashMap::new();
        for (solution, leaf) in trace.solutions.iter().map(|solution| solution.leaf).enumerate().take(SOLUTIONS) {
            let mut texts = Vec::new();
            for id in trace.path(leaf) {
                let text = known.get(&id).copied().unwrap_or_else(|| self.learn(&trace.node(id).text));
                known.insert(id, text);
                texts.push(text);
            }
            self.rows.push(Row { item, solution, texts, wrong: None });
        }
    }

    /// Takes the wrong step of each solution of a trace. Where `hidden`, what is said counts for nothing.
    pub fn wrong_of(&mut self, item: ItemId, trace: &Trace, first: &[FirstWrong], hidden: impl Fn(Said) -> bool) {
        for (solution, first) in first.iter().enumerate() {
            let text = |step: usize| {
                let path = trace.path(trace.solutions.get(solution)?.leaf);
                path.get(step).map(|&id| trace.node(id).text.as_str())
            };
            match *first {
                FirstWrong::At(_, said) | FirstWrong::Nowhere(_, said) if hidden(said) => self.left_out.hidden += 1,
                FirstWrong::At(step, said) => {
                    // Invariant: the row and its text have the same number, so that groups of texts are groups of rows.
                    if let Some(text) = text(step) {
                        let texts = vec![self.learn(text)];
                        self.rows.push(Row { item, solution, texts, wrong: Some((step, said)) });
                        // Something is wrong: what is right is not asked any more.
                        self.bytes -= self.right.drain(..).map(|(_, text)| text.len()).sum::<usize>();
                    }
                }
                FirstWrong::Nowhere(lowest, said) => {
                    self.left_out.right += 1;
                    let lowest = lowest.filter(|_| self.rows.is_empty()).and_then(|step| Some((step, text(step)?)));
                    if let Some((step, text)) = lowest {
                        self.bytes += text.len();
                        self.right.push((Row { item, solution, texts: Vec::new(), wrong: Some((step, said)) }, text.to_owned()));
                    }
                }
                FirstWrong::NotJudged => self.left_out.not_judged += 1,
                FirstWrong::Unknown => self.left_out.unknown += 1,
            }
        }
    }

    /// How many of these steps are named wrong by the annotator, by the file and by the scores.
    pub fn said(&self, members: impl Iterator<Item = usize>) -> [usize; 3] {
        let mut said = [0; 3];
        for (_, who) in members.filter_map(|row| self.rows.get(row)?.wrong) {
            said[who as usize] += 1;
        }
        said
    }

    /// Who says that the steps are wrong, in words.
    pub fn sources(&self) -> String {
        if self.lowest {
            return "the lowest step of each, nothing is known to be wrong".to_owned();
        }
        let names = ["by you", "by the file", "by the scores"];
        let said = self.said(0..self.rows.len()).into_iter().zip(names).filter(|(count, _)| *count > 0);
        said.map(|(count, name)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
    }

    /// What is not among them, in words; empty where that is nothing.
    pub fn missing(&self) -> String {
        let LeftOut { right, unknown, not_judged, hidden, problems } = self.left_out;
        let parts = [
            (right, "right"),
            (unknown, "without label and scores"),
            (not_judged, "broken or given up"),
            (hidden, "with hidden ones"),
            (problems, "problems beyond what is compared at once"),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        parts.collect::<Vec<_>>().join(", ")
    }

    /// All were taken. Where nothing is wrong, the steps with the lowest scores are compared in its place.
    pub fn end(&mut self) {
        let right = std::mem::take(&mut self.right);
        if self.rows.is_empty() && !right.is_empty() {
            self.lowest = true;
            self.left_out.right -= right.len();
            self.bytes = 0;
            for (row, text) in right {
                let texts = vec![self.learn(&text)];
                self.rows.push(Row { texts, ..row });
            }
        }
    }
}

/// Begins to look at all steps.
pub(super) fn begin(app: &mut App, ask: Ask) -> Vec<Effect> {
    app.alike.rounds += 1;
    app.alike.gather = Some(Gather {
        ask,
        round: app.alike.rounds,
        next: 0,
        ahead: 0,
        steps: Steps::default(),
        asked: false,
        keys: app.progress.keys,
        said: String::new(),
    });
    app.notice = None;
    feed(app)
}

/// Gives up what is being compared; `None` where nothing is.
pub(super) fn stop(app: &mut App) -> Option<Vec<Effect>> {
    app.alike.gather.take()?;
    app.notice = Some("the steps are no longer compared; what was computed is kept".to_owned());
    Some(vec![Effect::StopLiken])
}

/// Looks at what has been read, asks for what has not. Called after every message.
pub(super) fn feed(app: &mut App) -> Vec<Effect> {
    let Some(mut gather) = app.alike.gather.take_if(|gather| !gather.asked && !app.quitting) else { return Vec::new() };
    let (mut effects, total, from) = (Vec::new(), app.items.total(), gather.next);
    while gather.next < total && gather.next < from + AT_ONCE && !gather.steps.is_full() {
        let Some(item) = app.items.at_rank(gather.next) else { break };
        if app.items.get(item).is_none() {
            // Only the one that is waited for is asked for again: it may have been let go of meanwhile.
            let end = if gather.next < gather.ahead { gather.next + 1 } else { total.min(gather.next + AT_ONCE) };
            let ahead = (gather.next..end).filter_map(|rank| app.items.at_rank(rank));
            effects.extend(ahead.filter(|&item| app.items.get(item).is_none()).map(Effect::Load));
            gather.ahead = gather.ahead.max(end);
            break;
        }
        app.look_at_steps(item, &gather.ask, &mut gather.steps);
        gather.next += 1;
    }
    if gather.next < total && !gather.steps.is_full() {
        let text = format!("looking at all steps: problem {} of {total}; {} stops", gather.next, app.key("cancel"));
        gather.tell(&mut app.notice, text);
        if effects.is_empty() {
            effects.push(Effect::Continue);
        }
    } else if app.items.complete() || gather.steps.is_full() {
        gather.steps.left_out.problems = total.saturating_sub(gather.next);
        gather.steps.end();
        gather.asked = true;
        let work = Work { ask: gather.ask.clone(), texts: Arc::clone(&gather.steps.texts) };
        effects.push(Effect::Liken { round: gather.round, work });
    }
    app.alike.gather = Some(gather);
    effects
}

impl App {
    fn look_at_steps(&self, item: ItemId, ask: &Ask, steps: &mut Steps) {
        let Some(trace) = self.items.trace(item) else { return };
        if matches!(ask, Ask::Like(_)) {
            steps.all_of(item, trace);
            return;
        }
        let first = self.survey(item, trace, |survey| survey.first_wrong(trace, SOLUTIONS));
        let conceals = self.conceals(trace);
        let shows_file = self.show_reference && self.trust.mode != Mode::Blind && !self.has_gold();
        steps.wrong_of(item, trace, &first, |said| match said {
            Said::Own => false,
            Said::File => conceals || !shows_file,
            Said::Scores => conceals,
        });
    }
}

/// How far the comparing has come.
pub(super) fn progress(app: &mut App, round: u64, done: usize, of: usize) {
    let text = format!("vectors of steps: {done} of {of}; {} stops", app.key("cancel"));
    if let Some(gather) = app.alike.gather.as_mut().filter(|gather| gather.round == round) {
        gather.tell(&mut app.notice, text);
    }
}

/// Takes in an answer; one to an earlier question is of no use.
pub(super) fn answered(app: &mut App, round: u64, answer: Result<Answered, String>) {
    let Some(gather) = app.alike.gather.take_if(|gather| gather.round == round && gather.asked) else { return };
    let Gather { steps, ask, keys, said, .. } = gather;
    app.notice.take_if(|notice| *notice == said);
    let typed_on = app.progress.keys > keys;
    match answer {
        Ok(Answered { by, found: Found::Like(numbers) }) => {
            let of = steps.rows.iter().filter_map(|row| Some(((row.item, row.solution), row.alike(&numbers)?))).collect();
            queue::order_by_likeness(app, Likeness { by, of }, steps.left_out.problems);
            if typed_on {
                app.queue.entered();
            }
        }
        Ok(Answered { by, found: Found::Groups(groups) }) => clusters::found(app, by, groups, steps, typed_on),
        Err(why) => {
            let what = if matches!(ask, Ask::Like(_)) { "the order stays as it is" } else { "there are no groups" };
            app.notice = Some(format!("{what}: {why}"));
        }
    }
}
