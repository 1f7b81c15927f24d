//! Carries effects out: reads problems, plans score requests, talks to the worker, hands labels to the saver.

use std::collections::HashMap;
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::analysis::quality::quality;
use crate::app::items::{FileState, ItemId};
use crate::app::progress::COUNTED;
use crate::app::quality::SAMPLES;
use crate::app::refit::Fitted;
use crate::app::sampling::Heard;
use crate::app::scoring::Known;
use crate::app::search::Wanted;
use crate::app::{App, Effect, Manuscript, Message};
use crate::corpus::{Change, Corpus, escaped};
use crate::labels::{Draft, StoreError};
use crate::query::Query;
use crate::scoring::request::{Limits, asked_about, plan};
use crate::scoring::{ScoreCache, Worker, WorkerEvent, WorkerModel, WorkerSpec};
use crate::trace::{Rationale, RecordKey, Solution, StepKey, Trace};
use crate::ui::code::highlight_step;
use crate::ui::picture::Canvas;

use super::likeness::Likeness;
use super::loading::Loading;
use super::looking::Looking;
use super::reopening::Reopening;
use super::replay::KeyLog;
use super::sampler::Sampler;
use super::{Saver, editor, picture, sieve};

/// Scores are written to the cache in groups of this size, and at the end of each request.
const CACHE_GROUP: usize = 64;
/// Files that are looked at in one round.
const LOOKS: usize = 1000;
/// No generation of a corpus.
const NEVER: u64 = u64::MAX;

/// Fits the scores to the saved labels of these files: takes its time, and says in one line why there is no fit.
pub type Refit = Arc<dyn Fn(&[Corpus]) -> Result<Fitted, String> + Send + Sync>;

/// What the outside works with.
pub struct Resources {
    /// The open files.
    pub corpora: Vec<Corpus>,
    /// The label store's own thread.
    pub saver: Saver,
    /// How to start the worker.
    pub worker: WorkerSpec,
    /// How to start the language model that writes alternatives, where there is one.
    pub sampler: Option<WorkerSpec>,
    /// How to start the process whose vectors measure likeness, where that is not measured by words.
    pub vectors: Option<WorkerSpec>,
    /// How to fit the scores to labels, where the model can be corrected.
    pub refit: Option<Refit>,
    /// Scores of earlier sessions.
    pub cache: ScoreCache,
    /// What they look like.
    pub files: Vec<FileState>,
    /// Where every message is noted, if anywhere.
    pub log: Option<KeyLog>,
    /// What the terminal draws pictures on.
    pub canvas: Canvas,
}

/// The world outside of the program.
pub struct Outside {
    corpora: Vec<Corpus>,
    /// What they looked like last.
    files: Vec<FileState>,
    generations: Vec<u64>,
    saver: Saver,
    /// How to start the worker with the model of the start.
    first_spec: WorkerSpec,
    spec: WorkerSpec,
    sampler: Sampler,
    likeness: Likeness,
    refit: Option<Refit>,
    generation: Arc<AtomicU64>,
    worker: Option<Worker>,
    model: Option<WorkerModel>,
    cache: Arc<Mutex<ScoreCache>>,
    request_ids: Arc<Mutex<u64>>,
    loading: Loading,
    log: Option<KeyLog>,
    canvas: Canvas,
    messages: UnboundedSender<Message>,
    /// Answers about items of the files: exchanged with the files, so that none comes about a file as it was.
    answers: (UnboundedSender<Message>, UnboundedReceiver<Message>),
    reopening: Reopening,
    looking: Looking,
    /// The file that is looked at next.
    look_at: usize,
}

impl Outside {
    /// An outside that reports to `messages`.
    pub fn new(resources: Resources, messages: UnboundedSender<Message>) -> Self {
        Self {
            generations: vec![NEVER; resources.corpora.len()],
            files: resources.files,
            corpora: resources.corpora,
            saver: resources.saver,
            first_spec: resources.worker.clone(),
            spec: resources.worker,
            sampler: Sampler::new(resources.sampler),
            likeness: Likeness::new(resources.vectors, resources.cache.place()),
            refit: resources.refit,
            generation: Arc::default(),
            worker: None,
            model: None,
            cache: Arc::new(Mutex::new(resources.cache)),
            request_ids: Arc::new(Mutex::new(1)),
            loading: Loading::default(),
            log: resources.log,
            canvas: resources.canvas,
            messages,
            answers: unbounded_channel(),
            reopening: Reopening::default(),
            looking: Looking::default(),
            look_at: 0,
        }
    }

    /// Sends a message to the program.
    pub fn tell(&self, message: Message) {
        // The receiver goes away only when the program leaves.
        let _ = self.messages.send(message);
    }

    /// What the files look like now. What they are is looked up on the disk, so keep it.
    pub fn files(corpora: &[Corpus]) -> Vec<FileState> {
        corpora.iter().map(state).collect()
    }

    /// The next answer about an item, once there is one.
    pub(super) async fn answer(&mut self) -> Option<Message> {
        self.answers.1.recv().await
    }

    /// An answer about an item, if there is one.
    pub(super) fn try_answer(&mut self) -> Option<Message> {
        self.answers.1.try_recv().ok()
    }

    /// Follows the files. Gives their state if any of them grew since the last call; or, where the program `may_reload` them, those that have
    /// become others.
    pub(super) fn files_changed(&mut self, app: &App, may_reload: bool) -> Option<Message> {
        for (file, change) in self.looking.found() {
            let (state, name) = (&self.files[file], escaped(self.files[file].short_name()));
            match change {
                Change::Replaced => self.reopening.begin(file, &self.corpora[file]),
                Change::Gone => {
                    let told =
                        format!("{name}: the file is gone; what was read of it stays, and it is read anew when it is back");
                    self.tell(Message::Alarm(state.gone(), told));
                }
                Change::Lost(error) => {
                    self.tell(Message::Alarm(format!("{name} has changed"), format!("{name}: cannot be followed: {error}")));
                }
            }
        }
        let room = self.reopening.room();
        if !self.looking.is_busy() && room > 0 {
            let files = self.corpora.len();
            let round = (self.look_at..self.look_at + LOOKS.min(files)).map(|file| file % files);
            let round = round.filter(|file| !self.reopening.reads(*file)).map(|file| (file, self.corpora[file].clone()));
            self.looking.begin(round.collect(), room);
            self.look_at = (self.look_at + LOOKS) % files.max(1);
        }
        let reopened = if may_reload { self.reopening.take() } else { Vec::new() };
        let mut moved = Vec::new();
        for (file, corpus) in reopened {
            match corpus {
                Ok(corpus) => moved.push((file, self.exchange(file, corpus, app))),
                Err(error) => self.tell(Message::Notice(format!("{error}; what was read of the file before stays"))),
            }
        }
        if !moved.is_empty() {
            // Nothing that is still being read of the old files is told any more.
            (self.answers, self.loading) = (unbounded_channel(), Loading::default());
            return Some(Message::Reloaded { files: self.files.clone(), moved });
        }
        let now: Vec<u64> = self.corpora.iter().map(Corpus::generation).collect();
        if now == self.generations {
            return None;
        }
        self.generations = now;
        self.files.iter_mut().zip(&self.corpora).for_each(|(file, corpus)| grown(file, corpus));
        Some(Message::Files(self.files.clone()))
    }

    /// Takes another corpus in place of one, and says where problems whose numbers are remembered stand in it.
    fn exchange(&mut self, file: usize, corpus: Corpus, app: &App) -> Vec<(usize, usize)> {
        let old = std::mem::replace(&mut self.corpora[file], corpus);
        let corpus = &self.corpora[file];
        // A link may lead elsewhere now: to the session it is the file that it was.
        let FileState { id, hidden, .. } = std::mem::take(&mut self.files[file]);
        self.files[file] = FileState { id, hidden, ..state(corpus) };
        self.generations[file] = NEVER;
        corpus.find_again(&old, &app.rows_in(file))
    }

    /// Keeps book of what passes by.
    pub(super) fn note(&mut self, message: &Message) {
        if let Some(Err(error)) = self.log.as_mut().map(|log| log.note(message)) {
            self.log = None;
            self.tell(Message::Notice(error));
        }
        match message {
            Message::Loaded { item, view } => {
                let now = self.corpora.get(item.file).map(|corpus| corpus.problem_units(item.problem).len());
                if self.loading.end(*item) || now.is_some_and(|now| now > view.units.len()) {
                    self.load(*item);
                }
            }
            Message::Worker(WorkerEvent::Ready(model)) => self.model = Some(model.clone()),
            Message::Worker(WorkerEvent::Exited { .. }) => self.worker = None,
            Message::Sampler(Heard::Failed(None, _)) => self.sampler.is_gone(),
            _ => {}
        }
    }

    /// Carries out one effect; answers come back as messages.
    pub(super) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Load(item) => self.load(item),
            Effect::Sift { round, file, problems, filter, order } => self.sift(round, file, problems, filter, order),
            Effect::Find { round, file, problems, forward, wanted } => self.find(round, file, problems, forward, wanted),
            Effect::Prepare(item) => self.prepare(item),
            Effect::Score(request) => {
                if let Some(worker) = &self.worker {
                    worker.send(request);
                }
            }
            Effect::CancelScore(id) => {
                if let Some(worker) = &self.worker {
                    worker.cancel(id);
                }
            }
            Effect::Colour(key, text) => self.beside(move || Message::Coloured { key, tokens: highlight_step(&text) }),
            Effect::Measure { file, picture: path } => {
                let beside = self.name_of(file);
                self.beside(move || Message::Measured { file, said: picture::look_at(&path, &beside), picture: path });
            }
            Effect::Picture { file, picture: path, cells } => {
                let (canvas, beside) = (self.canvas, self.name_of(file));
                self.beside(move || Message::Pictured {
                    file,
                    cells,
                    made: picture::make(&path, &beside, cells, canvas),
                    picture: path,
                });
            }
            Effect::Think { round, work } => self.beside(move || Message::Thought { round, thought: Box::new(work.think()) }),
            Effect::Liken { round, work } => self.likeness.ask(round, work, self.answers.0.clone()),
            Effect::StopLiken => self.likeness.stop(),
            Effect::Forget(old) => {
                tokio::task::spawn_blocking(move || drop(old));
            }
            Effect::Rate { names, cases } => {
                self.apart(move || Message::Rated(Box::new(quality(&names, &cases, SAMPLES))));
            }
            Effect::Sample(request) => self.sampler.ask(request, &self.messages),
            Effect::CancelSample(id) => self.sampler.cancel(id),
            Effect::StartWorker => self.start_worker(),
            Effect::Refit => self.refit(),
            Effect::UseModel(folder) => self.use_model(folder.as_deref()),
            Effect::Save(draft) => self.saver.save(draft),
            Effect::SavePlace(place) => self.saver.place(place),
            Effect::SaveFilter(name, text) => self.saver.filter(name, text),
            Effect::SaveMark(letter, spot) => self.saver.mark(letter, spot),
            Effect::CopyToFile(text) => self.tell(Message::Notice(keep_copy(&text))),
            Effect::Continue => self.tell(Message::Continue),
            // The screen's and the loop's own.
            Effect::Copy(_) | Effect::Edit(..) | Effect::Mouse(_) | Effect::Suspend | Effect::Redraw | Effect::Quit => {}
        }
    }

    /// Works something out about items on another thread, and sends what came of it.
    fn beside(&self, work: impl FnOnce() -> Message + Send + 'static) {
        send_beside(self.answers.0.clone(), work);
    }

    /// The same of what is not of the files as they are now.
    fn apart(&self, work: impl FnOnce() -> Message + Send + 'static) {
        send_beside(self.messages.clone(), work);
    }

    /// The path of a file as it was given.
    fn name_of(&self, file: usize) -> String {
        self.corpora.get(file).map_or(String::new(), |corpus| corpus.name().to_owned())
    }

    /// Runs the user's editor on a text with something below it.
    pub(super) fn edit(&self, manuscript: Manuscript, below: String) {
        self.apart(move || {
            let written = editor::edit(&manuscript.text, &below);
            Message::Edited(manuscript, written)
        });
    }

    fn load(&mut self, item: ItemId) {
        let Some(corpus) = self.corpora.get(item.file).cloned() else { return };
        if !self.loading.begin(item) {
            return;
        }
        self.beside(move || Message::Loaded { item, view: corpus.problem(item.problem) });
    }

    fn sift(&self, round: u64, file: usize, problems: Range<usize>, filter: Option<Box<Query>>, order: Option<Box<Query>>) {
        let Some(corpus) = self.corpora.get(file).cloned() else { return };
        self.beside(move || {
            let sifted = sieve::sift(&corpus, problems.clone(), filter.as_deref(), order.as_deref());
            Message::Sifted { round, file, problems, sifted }
        });
    }

    fn find(&self, round: u64, file: usize, problems: Range<usize>, forward: bool, wanted: Arc<Wanted>) {
        let Some(corpus) = self.corpora.get(file).cloned() else { return };
        self.beside(move || {
            let hit = sieve::find(&corpus, problems.clone(), forward, &wanted);
            Message::Found { round, file, problems, hit }
        });
    }

    fn prepare(&self, item: ItemId) {
        let (Some(corpus), Some(model)) = (self.corpora.get(item.file).cloned(), self.model.clone()) else { return };
        let (cache, ids, messages) = (Arc::clone(&self.cache), Arc::clone(&self.request_ids), self.answers.0.clone());
        let (current, own) = (Arc::clone(&self.generation), self.generation.load(Ordering::Relaxed));
        tokio::task::spawn_blocking(move || {
            let view = corpus.problem(item.problem);
            let mut known = Known { bad: view.errors.len(), ..Known::default() };
            let mut requests = Vec::new();
            if let Some(trace) = &view.trace {
                known.solutions = trace.solutions.len();
                known.each = each(trace);
                let asked = asked_about(trace, &model.meaning());
                let steps = trace.steps().filter(|id| asked[id.index()]);
                let keys: Vec<StepKey> = steps.map(|id| trace.node(id).key).collect();
                let found = lock(&cache).get_many(&model.key, &keys);
                known.rationales = lock(&cache).rationales(&model.key, &keys).into_iter().collect();
                known.scores =
                    found.iter().filter_map(|(key, value)| Some((*key, model.meaning().score(*value).ok()?))).collect();
                let plan = plan(trace, &Limits::default(), &mut lock(&ids), |id| {
                    asked[id.index()] && !found.contains_key(&trace.node(id).key)
                });
                known.refused = plan.left_out;
                requests = plan.requests;
            }
            // What another model was going to be asked is no longer wanted.
            if current.load(Ordering::Relaxed) == own {
                let _ = messages.send(Message::Prepared { item, known, requests });
            }
        });
    }

    fn refit(&self) {
        let (fit, corpora) = (self.refit.clone(), self.corpora.clone());
        self.apart(move || {
            let none = || Err("this scorer cannot be corrected; the built-in model and --prm folders can".to_owned());
            Message::Refitted(fit.map_or_else(none, |fit| fit(&corpora)))
        });
    }

    fn use_model(&mut self, folder: Option<&Path>) {
        self.spec = folder.map_or_else(|| self.first_spec.clone(), |folder| self.first_spec.with_model(folder));
        self.model = None;
        self.start_worker();
    }

    fn start_worker(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.kill();
        }
        let (events, received) = unbounded_channel();
        let generation = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
        match Worker::spawn(self.spec.clone(), events) {
            Ok(worker) => {
                self.worker = Some(worker);
                let current = (Arc::clone(&self.generation), generation);
                tokio::spawn(forward(received, current, self.messages.clone(), Arc::clone(&self.cache)));
            }
            Err(error) => {
                let message = format!("the worker could not be started: {error}");
                self.tell(Message::Worker(WorkerEvent::Exited { message }));
            }
        }
    }

    /// Ends everything: the worker is killed, the saver writes what it holds. Labels that are not saved, but for those that were saved since
    /// `confirmed` of them were known to be, go into a store of their own; gives how many that are, and its path.
    pub fn close(self, unsaved: Vec<Draft>, confirmed: usize) -> Option<(usize, Result<PathBuf, StoreError>)> {
        if let Some(worker) = self.worker {
            worker.kill();
        }
        self.sampler.kill();
        self.likeness.stop();
        self.saver.close(unsaved, confirmed)
    }
}

/// Passes the events of one worker on, as long as it is the current one, and keeps their scores.
async fn forward(
    mut events: UnboundedReceiver<WorkerEvent>,
    (current, own): (Arc<AtomicU64>, u64),
    messages: UnboundedSender<Message>,
    cache: Arc<Mutex<ScoreCache>>,
) {
    let mut model = String::new();
    let mut fresh: Vec<(StepKey, f64)> = Vec::new();
    let mut rationales: HashMap<StepKey, Rationale> = HashMap::new();
    while let Some(event) = events.recv().await {
        let mut flush = false;
        match &event {
            WorkerEvent::Ready(ready) => model.clone_from(&ready.key),
            WorkerEvent::Rationale { key, rationale, .. } => {
                rationales.insert(*key, rationale.clone());
            }
            WorkerEvent::Score { key, score, .. } => {
                fresh.push((*key, score.value()));
                if let Some(rationale) = rationales.remove(key) {
                    let (cache, model, key) = (Arc::clone(&cache), model.clone(), *key);
                    tokio::task::spawn_blocking(move || lock(&cache).put_rationale(&model, key, Some(&rationale)));
                }
            }
            _ => flush = true,
        }
        if flush || fresh.len() >= CACHE_GROUP {
            keep(&cache, &model, std::mem::take(&mut fresh));
        }
        // A worker that was replaced has nothing more to say; what it computed is kept.
        if current.load(Ordering::Relaxed) == own && messages.send(Message::Worker(event)).is_err() {
            break;
        }
    }
    keep(&cache, &model, fresh);
}

/// Puts scores into the cache, on another thread.
fn keep(cache: &Arc<Mutex<ScoreCache>>, model: &str, scores: Vec<(StepKey, f64)>) {
    if scores.is_empty() {
        return;
    }
    let (cache, model) = (Arc::clone(cache), model.to_owned());
    tokio::task::spawn_blocking(move || lock(&cache).put_many(&model, &scores));
}

/// Works something out on another thread for whoever listens there.
fn send_beside(to: UnboundedSender<Message>, work: impl FnOnce() -> Message + Send + 'static) {
    tokio::task::spawn_blocking(move || {
        // Nobody waits for it any more when the program has ended, or the file is another one.
        let _ = to.send(work());
    });
}

/// What a file looks like now.
fn state(corpus: &Corpus) -> FileState {
    let mut state = FileState {
        name: corpus.name().to_owned(),
        id: identity(corpus.name()),
        format: corpus.format().name(),
        evidence: corpus.evidence().to_owned(),
        segment: corpus.segment(),
        map: corpus.format().mapping().map(str::to_owned),
        ..FileState::default()
    };
    grown(&mut state, corpus);
    state
}

/// Takes in how far a file is indexed.
fn grown(state: &mut FileState, corpus: &Corpus) {
    // Completeness is read first: a count that is read after it cannot be too small.
    state.complete = corpus.is_complete();
    (state.problems, state.records) = (corpus.problem_count(), corpus.record_count());
    state.progress = corpus.progress();
}

/// What stays the same however a path is spelt; the name itself for what is no file.
pub(crate) fn identity(name: &str) -> String {
    std::fs::canonicalize(name).map_or_else(|_| name.to_owned(), |path| path.to_string_lossy().into_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic elsewhere leaves a cache or a counter usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The solutions that are counted one by one, each with its steps unless there are very many.
fn each(trace: &Trace) -> Vec<(RecordKey, Vec<StepKey>)> {
    /// Solutions of a problem whose ratings are asked for.
    const RATED: usize = 64;
    let few = trace.solutions.len() <= RATED;
    let steps = |leaf| trace.path(leaf).into_iter().map(|id| trace.node(id).key).collect();
    let counted = trace.solutions.iter().take(COUNTED);
    counted.map(|Solution { leaf, .. }| (trace.record_key(*leaf), if few { steps(*leaf) } else { Vec::new() })).collect()
}

/// Puts what is too long for a clipboard into a file, and says where it lies.
fn keep_copy(text: &str) -> String {
    let write = || {
        let mut file = tempfile::Builder::new().prefix("stepscope-copy-").suffix(".txt").tempfile()?;
        file.write_all(text.as_bytes())?;
        file.keep().map(|(_, path)| path).map_err(|error| error.error)
    };
    match write() {
        Ok(path) => format!("{} bytes are too many for the clipboard: they are in {}", text.len(), path.display()),
        Err(error) => format!("{} bytes are too many for the clipboard, and a file cannot be written: {error}", text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{PromptKey, Semantics, StepScore};

    #[test]
    fn scores_of_a_worker_that_was_replaced_are_kept_and_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Arc::new(Mutex::new(ScoreCache::open(&folder.path().join("scores.sqlite"))));
        let (events, received) = unbounded_channel();
        let (messages, mut told) = unbounded_channel();
        let keys = ["a", "b"].map(|text| PromptKey::of("q").step(text));
        let model: WorkerModel =
            serde_json::from_str(r#"{"name":"m","key":"k","family":"f","semantics":"correctness","threshold":0.5}"#).unwrap();
        events.send(WorkerEvent::Ready(model)).unwrap();
        for key in keys {
            let score = StepScore::new(0.5, Semantics::Correctness).unwrap();
            events.send(WorkerEvent::Score { request: 1, key, score }).unwrap();
        }
        drop(events);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(forward(received, (Arc::new(AtomicU64::new(2)), 1), messages, Arc::clone(&cache)));
        for _ in 0..1000 {
            if lock(&cache).get_many("k", &keys).len() == 2 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(lock(&cache).get_many("k", &keys).len(), 2);
        assert!(told.try_recv().is_err());
    }
}
