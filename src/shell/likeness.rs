//! Comparing texts beside the screen: by their words, or by vectors from a process that is started for it and ends with it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::analysis::alike::Vector;
use crate::analysis::likeness::Measure;
use crate::app::Message;
use crate::app::likeness::{Answered, Work};
use crate::scoring::vectors::Vectors;
use crate::scoring::{ScoreCache, WorkerSpec};

/// How often somebody who waits for a process looks whether its answer is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// What likeness is measured by, and whether the last question is still asked.
#[derive(Debug)]
pub(super) struct Likeness {
    spec: Option<WorkerSpec>,
    cache: Option<PathBuf>,
    /// The question that waits for an answer; 0 for none.
    current: Arc<AtomicU64>,
}

impl Likeness {
    /// By words, unless there is a process to start; vectors are kept in the file of the score cache.
    pub(super) fn new(spec: Option<WorkerSpec>, cache: Option<PathBuf>) -> Self {
        Self { spec, cache, current: Arc::default() }
    }

    /// Answers a question on another thread; the one before it is no longer answered.
    pub(super) fn ask(&self, round: u64, work: Work, messages: UnboundedSender<Message>) {
        self.current.store(round, Ordering::Relaxed);
        let (spec, cache, current) = (self.spec.clone(), self.cache.clone(), Arc::clone(&self.current));
        tokio::task::spawn_blocking(move || {
            let stop = || current.load(Ordering::Relaxed) != round;
            let tell = |done, of| drop(messages.send(Message::Likening { round, done, of }));
            let answer = match spec {
                None => Ok(by_words(&work, &stop)),
                Some(spec) => by_vectors(&work, &spec, cache, &stop, &tell),
            };
            let answer = answer.transpose();
            if let Some(answer) = answer.filter(|_| !stop()) {
                // Nobody waits for it any more when the program has ended.
                let _ = messages.send(Message::Likened { round, answer });
            }
        });
    }

    /// Nothing is asked any more.
    pub(super) fn stop(&self) {
        self.current.store(0, Ordering::Relaxed);
    }
}

fn by_words(work: &Work, stop: &dyn Fn() -> bool) -> Option<Answered> {
    Some(Answered { by: "words".to_owned(), found: work.answer(Measure::Words, stop)? })
}

/// `None` when the answer is no longer wanted.
fn by_vectors(
    work: &Work,
    spec: &WorkerSpec,
    cache: Option<PathBuf>,
    stop: &dyn Fn() -> bool,
    tell: &dyn Fn(usize, usize),
) -> Result<Option<Answered>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let texts = work.texts();
    let read = work.ask.read(&texts);
    let unwanted = async {
        while !stop() {
            tokio::time::sleep(LOOK).await;
        }
    };
    let given = runtime.block_on(async {
        tokio::select! {
            given = vectors(&read, spec, cache, tell) => given.map(Some),
            () = unwanted => Ok(None),
        }
    })?;
    let Some((by, vectors)) = given else { return Ok(None) };
    Ok(work.answer(Measure::Vectors(&vectors), stop).map(|found| Answered { by, found }))
}

/// The name of the model with the vectors of these texts.
async fn vectors(
    texts: &[&str],
    spec: &WorkerSpec,
    cache: Option<PathBuf>,
    tell: &dyn Fn(usize, usize),
) -> Result<(String, Vec<Option<Vector>>), String> {
    tell(0, texts.len());
    let cache = cache.map_or_else(ScoreCache::off, |path| ScoreCache::open(&path));
    let mut process = Vectors::start(spec, cache).await.map_err(|error| error.to_string())?;
    let vectors = process.of(texts, &mut |done| tell(done, texts.len())).await.map_err(|error| error.to_string())?;
    Ok((process.name().to_owned(), vectors))
}
