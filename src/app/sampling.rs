//! Alternatives of a step, written by a language model on request: they stand beside the step as its siblings do, are scored, rated and
//! chosen like them, and are kept with the label that speaks of them. The trace of the file stays as it is.

use serde::{Deserialize, Serialize};

use super::items::ItemId;
use super::tree::TreeView;
use super::{App, Effect};
use crate::labels::Sampled;
use crate::scoring::SampleRequest;
use crate::trace::{NodeId, PromptKey, StepKey};

/// Alternatives that are written where no number is named, and the most at once.
const COUNT: usize = 4;
const MOST: usize = 64;
/// How freely they are written where nothing else is said.
const TEMPERATURE: f64 = 0.8;
/// Temperatures beyond this give noise.
const HOTTEST: f64 = 5.0;
/// Longest step that is kept, in bytes: less than the store's limit.
const MAX_TEXT: usize = 32 * 1024;

/// What the process of the language model says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heard {
    /// The model is there, and is called so.
    Ready(String),
    /// A step is being written: the request, its number, characters so far.
    Growing(u64, u64, usize),
    /// A step is there: the request, its number, what it says.
    Step(u64, u64, String),
    /// The request is over.
    Done(u64),
    /// Something went wrong; with a request, that is over, else the process is.
    Failed(Option<u64>, String),
}

/// The state of sampling.
#[derive(Debug, Default)]
pub struct Sampling {
    /// There is a language model to ask.
    available: bool,
    model: String,
    running: Option<Running>,
    /// What was written in this session.
    offered: Vec<Sampled>,
    requests: u64,
}

/// A request that is being answered.
#[derive(Debug)]
struct Running {
    request: u64,
    item: ItemId,
    prompt: PromptKey,
    parent: StepKey,
    /// Number of the step that others are written for.
    step: usize,
    temperature: f64,
    wanted: usize,
    /// Answered so far, and those of them that say something new.
    done: usize,
    new: usize,
    /// Characters of the one that is being written.
    growing: usize,
}

impl Sampling {
    /// With a language model to ask, or without.
    pub fn new(available: bool) -> Self {
        Self { available, ..Self::default() }
    }

    /// The alternative of this key that was written in this session.
    fn find(&self, step: StepKey) -> Option<&Sampled> {
        self.offered.iter().find(|sampled| sampled.step == step)
    }
}

impl App {
    /// How far the alternatives are that are being written.
    pub fn sampling_line(&self) -> Option<String> {
        let Running { step, wanted, done, growing, .. } = self.sampling.running.as_ref()?;
        let stop = self.key("cancel");
        Some(format!("step {step}: {done} of {wanted} alternatives written, {growing} characters; {stop} stops"))
    }

    /// The step under the cursor, or one before it, was written by a language model in place of one of the file.
    pub fn on_sampled(&self) -> bool {
        let sampled = |id: &NodeId| self.trace().is_some_and(|trace| trace.is_sampled(*id));
        self.cursor.path.iter().any(sampled)
    }

    /// What was written of these alternatives: of the step itself, or with `all` of every step behind the same beginning.
    pub(super) fn sampled_here(&self, step: StepKey, all: bool) -> Vec<Sampled> {
        let Some(trace) = self.trace() else { return Vec::new() };
        let Some(parent) = trace.find(step).and_then(|id| trace.node(id).parent) else { return Vec::new() };
        let keys = trace.node(parent).children.iter().map(|&id| trace.node(id).key).filter(|key| all || *key == step);
        keys.filter_map(|key| self.sampling.find(key).or_else(|| self.session.sampled(key)).cloned()).collect()
    }

    /// The steps that were written beside those of a file's trace, of earlier sessions too.
    pub(super) fn offered(&self) -> impl Iterator<Item = (StepKey, &str)> {
        self.session.samples().chain(&self.sampling.offered).map(|sampled| (sampled.parent, sampled.text.as_str()))
    }

    /// The trace on show has got more steps behind those it had: everything stays where it is.
    fn grew(&mut self) {
        let Some(trace) = self.trace().cloned() else { return };
        self.steps.grew((self.cursor.item, trace.prompt_key, trace.nodes.len()));
        *self.tree = TreeView::new(&trace);
        self.filter_tree();
        self.tree.reveal(&trace, self.cursor.node);
        self.label_nodes();
    }
}

/// Asks for alternatives of the step under the cursor.
pub(crate) fn start(app: &mut App, count: Option<usize>, temperature: Option<f64>) -> Vec<Effect> {
    if !app.sampling.available {
        app.notice = Some("no model to write alternatives: start with --sampler DIR, the folder of a language model".to_owned());
        return Vec::new();
    }
    if app.sampling.running.is_some() {
        app.notice = Some(format!("alternatives are being written; {} stops that", app.key("cancel")));
        return Vec::new();
    }
    let (item, step) = (app.cursor.item, app.cursor.step());
    let Some((trace, &node)) = app.trace().cloned().zip(app.cursor.path.get(step)) else {
        app.notice = Some("there is no step here to write alternatives for".to_owned());
        return Vec::new();
    };
    let parent = trace.node(node).parent.unwrap_or(NodeId::ROOT);
    let parent_key = trace.node(parent).key;
    let (count, temperature) = (count.unwrap_or(COUNT).clamp(1, MOST), temperature.unwrap_or(TEMPERATURE));
    // Further ones have further numbers, and so other seeds.
    let known = app.session.samples().chain(&app.sampling.offered);
    let first = known.filter(|sampled| sampled.parent == parent_key).map(|sampled| sampled.number + 1).max().unwrap_or(0);
    let sampling = &mut app.sampling;
    sampling.requests += 1;
    sampling.running = Some(Running {
        request: sampling.requests,
        item,
        prompt: trace.prompt_key,
        parent: parent_key,
        step: step + 1,
        temperature,
        wanted: count,
        done: 0,
        new: 0,
        growing: 0,
    });
    vec![Effect::Sample(SampleRequest {
        id: app.sampling.requests,
        problem: trace.problem.text.clone(),
        steps: trace.path(parent).into_iter().map(|id| trace.node(id).text.clone()).collect(),
        first,
        count: count as u64,
        temperature,
        seed: 0,
    })]
}

/// `:sample 4 1.2`: how many, and how freely.
pub(crate) fn with(app: &mut App, argument: &str) -> Vec<Effect> {
    let mut words = argument.split_whitespace();
    let count = words.next().and_then(|word| word.parse::<usize>().ok()).filter(|count| (1..=MOST).contains(count));
    let temperature = words.next().map(|word| word.parse::<f64>().ok().filter(|t| (0.0..=HOTTEST).contains(t)));
    match (count, temperature, words.next()) {
        (Some(count), None, None) => start(app, Some(count), None),
        (Some(count), Some(Some(temperature)), None) => start(app, Some(count), Some(temperature)),
        _ => {
            app.notice = Some(format!(":sample takes a number from 1 to {MOST} and a temperature from 0 to {HOTTEST}: 4 0.8"));
            Vec::new()
        }
    }
}

/// Stops what is being written; what is there stays. `None` where nothing is.
pub(crate) fn stop(app: &mut App) -> Option<Vec<Effect>> {
    let Running { request, new, .. } = app.sampling.running.take()?;
    app.notice = Some(format!("stopped; {new} new alternatives are there"));
    Some(vec![Effect::CancelSample(request)])
}

/// Takes in what the process of the language model says.
pub(super) fn heard(app: &mut App, heard: Heard) {
    match heard {
        Heard::Ready(model) => app.sampling.model = model,
        Heard::Growing(request, _, characters) => {
            if let Some(running) = app.sampling.running.as_mut().filter(|running| running.request == request) {
                running.growing = characters;
            }
        }
        Heard::Step(request, number, text) => written(app, request, number, text),
        Heard::Done(request) => {
            if let Some(running) = app.sampling.running.take_if(|running| running.request == request) {
                app.notice = Some(summary(app, &running));
            }
        }
        Heard::Failed(request, message) => {
            let concerns = |running: &mut Running| request.is_none_or(|request| running.request == request);
            if app.sampling.running.take_if(concerns).is_some() {
                app.notice = Some(format!("no more alternatives: {message}"));
            }
        }
    }
}

fn summary(app: &App, running: &Running) -> String {
    let Running { step, new, done, .. } = running;
    let same = if done > new { format!(", {} said what stands here already or nothing", done - new) } else { String::new() };
    let [next, best] = ["next-sibling", "best-alternative"].map(|command| app.key(command));
    format!("{new} new alternatives of step {step}{same}; {next} goes to them, {best} calls one the best")
}

/// An alternative is there: it is laid over the trace of the file unless one says the same.
fn written(app: &mut App, request: u64, number: u64, text: String) {
    let Some(running) = app.sampling.running.as_mut().filter(|running| running.request == request) else { return };
    running.done += 1;
    running.growing = 0;
    let first = running.parent == running.prompt.root();
    let step = if first { running.prompt.step(&text) } else { running.parent.step(&text) };
    let (item, parent, temperature) = (running.item, running.parent, running.temperature);
    let stands = app.items.trace(item).is_some_and(|trace| trace.find(step).is_some());
    if text.is_empty() || text.len() > MAX_TEXT || stands || app.sampling.find(step).is_some() {
        return;
    }
    if let Some(running) = &mut app.sampling.running {
        running.new += 1;
    }
    let by = app.sampling.model.clone();
    app.sampling.offered.push(Sampled { parent, step, text, by, number, temperature });
    app.lay_cuts(item);
    if item == app.cursor.item {
        app.grew();
    }
}
