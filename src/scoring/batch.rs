//! Scores whole traces one after another, for the headless commands: cache first, then the scorer; a scorer that dies is started again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::request::{Limits, asked_about, plan};
use super::{Cost, ScoreCache, ScoreRequest, Worker, WorkerEvent, WorkerModel, WorkerSpec};
use crate::trace::{NodeId, Rationale, StepKey, StepScore, Trace};

/// Starts of a dying scorer without a finished request in between before it is given up.
const MAX_STARTS: u32 = 3;

/// Computed scores go into the cache at least so often.
const KEEP_EVERY: Duration = Duration::from_millis(100);

/// Why there is no score from a process that gives vectors.
pub(crate) const NO_SCORER: &str = "this scorer measures how alike steps are and judges none";

/// The scorer cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The program could not be started.
    #[error("cannot start the scorer {program}: {error}")]
    Spawn {
        /// The program.
        program: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The model could not be loaded, or the scorer died again and again.
    #[error("{0}")]
    Scorer(String),
}

/// What has been done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Steps whose score was computed.
    pub scored: u64,
    /// Steps whose score stood in the cache.
    pub cached: u64,
    /// Steps without a score.
    pub not_scored: u64,
    /// Tokens that the model read, tokens of all trees with every step once, and of every solution alone.
    pub cost: Cost,
    /// Time the model took, in seconds.
    pub seconds: f64,
    /// Seconds from the start of the process until the model was loaded.
    pub load_seconds: f64,
    /// Seconds from the start of the process until the first score; `None` while there is none.
    pub first_score_seconds: Option<f64>,
}

/// A scorer process with a cache before it.
#[derive(Debug)]
pub struct Batch {
    spec: WorkerSpec,
    worker: Worker,
    events: UnboundedReceiver<WorkerEvent>,
    model: WorkerModel,
    cache: ScoreCache,
    limits: Limits,
    next_id: u64,
    started: Instant,
    starts: u32,
    notices: Vec<String>,
    totals: Totals,
}

/// What is known of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Its score, or why there is none.
    pub score: Result<StepScore, String>,
    /// What the model gives beside it.
    pub rationale: Option<Rationale>,
}

impl Answer {
    fn refused(reason: &str) -> Self {
        Self { score: Err(reason.to_owned()), rationale: None }
    }
}

/// What is known of steps.
pub type Answers = HashMap<StepKey, Answer>;

impl Batch {
    /// Starts the scorer and waits until its model is loaded. Needs a tokio runtime.
    pub async fn start(spec: WorkerSpec, mut cache: ScoreCache) -> Result<Self, BatchError> {
        let started = Instant::now();
        let (worker, events, model) = launch(&spec).await?;
        let notices = cache.take_notice().into_iter().collect();
        let totals = Totals { load_seconds: started.elapsed().as_secs_f64(), ..Totals::default() };
        let limits = Limits::default();
        Ok(Self { spec, worker, events, model, cache, limits, next_id: 0, started, starts: 1, notices, totals })
    }

    /// The model that scores.
    pub fn model(&self) -> &WorkerModel {
        &self.model
    }

    /// What has been done so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Things that the user should know, each told once.
    pub fn take_notices(&mut self) -> Vec<String> {
        self.notices.extend(self.cache.take_notice());
        std::mem::take(&mut self.notices)
    }

    /// Scores the steps with a mark in `wanted` (by [`NodeId::index`]) that `answers` does not hold yet, and adds them to it; a model that
    /// judges whole solutions is asked about their last steps alone. `on_step` is called for each as it becomes known.
    pub async fn score(
        &mut self,
        trace: &Trace,
        wanted: &[bool],
        answers: &mut Answers,
        on_step: &mut dyn FnMut(),
    ) -> Result<(), BatchError> {
        let asked = asked_about(trace, &self.model.meaning());
        let is_wanted = |id: NodeId, answers: &Answers| {
            let wanted = wanted.get(id.index()).is_some_and(|wanted| *wanted);
            wanted && asked[id.index()] && !answers.contains_key(&trace.node(id).key)
        };
        let keys: Vec<StepKey> = trace.steps().filter(|id| is_wanted(*id, answers)).map(|id| trace.node(id).key).collect();
        let cached = self.cached(&keys);
        self.totals.cached += cached.len() as u64;
        for _ in &cached {
            on_step();
        }
        answers.extend(cached);
        let plan = plan(trace, &self.limits, &mut self.next_id, |id| is_wanted(id, answers));
        for (key, reason) in plan.left_out {
            answers.insert(key, Answer::refused(&reason));
            self.totals.not_scored += 1;
            on_step();
        }
        for request in plan.requests {
            self.request(request, answers, on_step).await?;
        }
        Ok(())
    }

    fn cached(&mut self, keys: &[StepKey]) -> Answers {
        let meaning = self.model.meaning();
        let found = self.cache.get_many(&self.model.key, keys);
        let mut rationales = self.cache.rationales(&self.model.key, keys);
        // A stored number that is no score is computed again.
        let mut answer = |key: StepKey, value: f64| {
            let score = meaning.score(value).ok()?;
            Some((key, Answer { score: Ok(score), rationale: rationales.remove(&key) }))
        };
        found.into_iter().filter_map(|(key, value)| answer(key, value)).collect()
    }

    /// Carries one request through, over deaths of the scorer. What was answered before a death is kept.
    async fn request(
        &mut self,
        mut request: ScoreRequest,
        answers: &mut Answers,
        on_step: &mut dyn FnMut(),
    ) -> Result<(), BatchError> {
        let mut deaths = 0;
        loop {
            self.worker.send(request.clone());
            let end = self.listen(&request, answers, on_step).await;
            for node in &mut request.nodes {
                node.known = node.known || answers.contains_key(&node.key);
            }
            match end {
                End::Done => {
                    self.starts = 0;
                    return Ok(());
                }
                End::Failed(message) => {
                    self.give_up(&request, &message, answers, on_step);
                    return Ok(());
                }
                End::Died(message) => {
                    deaths += 1;
                    self.notices.push(message.clone());
                    if deaths == 2 {
                        // The same steps were under work both times: they are the likely cause.
                        self.give_up(&request, &message, answers, on_step);
                    }
                    self.restart(&message).await?;
                    if deaths == 2 {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn listen(&mut self, request: &ScoreRequest, answers: &mut Answers, on_step: &mut dyn FnMut()) -> End {
        let mut fresh = Vec::new();
        let mut rationales: HashMap<StepKey, Rationale> = HashMap::new();
        let mut kept = Instant::now();
        let end = loop {
            // Not at the end alone: a kill of this process must not cost a long request.
            if kept.elapsed() > KEEP_EVERY {
                self.cache.put_many(&self.model.key, &std::mem::take(&mut fresh));
                kept = Instant::now();
            }
            let Some(event) = self.events.recv().await else { break End::Died("the scorer is gone".into()) };
            match event {
                WorkerEvent::Rationale { request: id, key, rationale } if id == request.id => {
                    rationales.insert(key, rationale);
                }
                WorkerEvent::Score { request: id, key, score } if id == request.id => {
                    let rationale = rationales.remove(&key);
                    self.cache.put_rationale(&self.model.key, key, rationale.as_ref());
                    fresh.push((key, score.value()));
                    answers.insert(key, Answer { score: Ok(score), rationale });
                    self.totals.scored += 1;
                    let started = self.started;
                    self.totals.first_score_seconds.get_or_insert_with(|| started.elapsed().as_secs_f64());
                    on_step();
                }
                WorkerEvent::NotScored { request: id, key, reason } if id == request.id => {
                    answers.insert(key, Answer { score: Err(reason), rationale: rationales.remove(&key) });
                    self.totals.not_scored += 1;
                    on_step();
                }
                WorkerEvent::Vector { request: id, key, .. } if id == request.id => {
                    answers.insert(key, Answer::refused(NO_SCORER));
                    self.totals.not_scored += 1;
                    on_step();
                }
                WorkerEvent::Done { request: id, cost, seconds } if id == request.id => {
                    self.totals.cost += cost;
                    self.totals.seconds += seconds;
                    break End::Done;
                }
                WorkerEvent::Failed { request: Some(id), message } if id == request.id => break End::Failed(message),
                WorkerEvent::Failed { message, .. } | WorkerEvent::Notice { message } => self.notices.push(message),
                WorkerEvent::Exited { message } => break End::Died(message),
                // Late answers to requests that are over.
                _ => {}
            }
        };
        self.cache.put_many(&self.model.key, &fresh);
        end
    }

    fn give_up(&mut self, request: &ScoreRequest, message: &str, answers: &mut Answers, on_step: &mut dyn FnMut()) {
        for node in request.nodes.iter().filter(|node| !node.known) {
            if answers.insert(node.key, Answer::refused(message)).is_none() {
                self.totals.not_scored += 1;
                on_step();
            }
        }
    }

    async fn restart(&mut self, message: &str) -> Result<(), BatchError> {
        if self.starts >= MAX_STARTS {
            return Err(BatchError::Scorer(format!("gave up after {MAX_STARTS} tries: {message}")));
        }
        tokio::time::sleep(Duration::from_millis(200) * 2_u32.pow(self.starts)).await;
        self.starts += 1;
        let (worker, events, model) = launch(&self.spec).await?;
        if model.key != self.model.key {
            return Err(BatchError::Scorer("the scorer came back with another model".into()));
        }
        self.worker = worker;
        self.events = events;
        Ok(())
    }
}

enum End {
    Done,
    Failed(String),
    Died(String),
}

pub(super) async fn launch(spec: &WorkerSpec) -> Result<(Worker, UnboundedReceiver<WorkerEvent>, WorkerModel), BatchError> {
    let (sender, mut events) = unbounded_channel();
    let spawned = Worker::spawn(spec.clone(), sender);
    let worker = spawned.map_err(|error| BatchError::Spawn { program: spec.program.display().to_string(), error })?;
    let started = Instant::now();
    let mut trouble = None;
    while let Some(event) = events.recv().await {
        match event {
            WorkerEvent::Ready(model) => return Ok((worker, events, model)),
            WorkerEvent::Failed { message, .. } => trouble = Some(message),
            WorkerEvent::Exited { message } => trouble = trouble.or(Some(message)),
            _ => {}
        }
    }
    let message =
        trouble.unwrap_or_else(|| format!("the scorer ended after {:.1} s without a model", started.elapsed().as_secs_f32()));
    Err(BatchError::Scorer(message))
}
