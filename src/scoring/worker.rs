//! The scoring side: what `stepscope worker` runs.
//!
//! One thread reads requests, the caller's thread computes. Cancelling takes effect between two nodes. When the input ends, what was
//! asked is finished first; when the output is closed, the next answer finds out and the worker ends.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::framing::{Framed, LineSplitter};
use super::protocol::{FromScorer, MAX_REQUEST_LINE, ToScorer, VERSION, one_line};
use super::{Cost, SampleRequest, ScoreRequest, Scored, Scorer};

/// Why a worker ended early.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The model could not be loaded; this has been reported to the asker.
    #[error("{0}")]
    Load(String),
    /// The model panicked; this has been reported to the asker.
    #[error("the model panicked: {0}")]
    Panic(String),
    /// The asker is gone.
    #[error("cannot write an answer: {0}")]
    Output(#[from] io::Error),
}

/// Loads a scorer and answers requests from `input` until it ends.
pub fn serve(
    input: impl Read + Send + 'static,
    output: &mut impl Write,
    load: impl FnOnce() -> Result<Box<dyn Scorer>, String>,
) -> Result<(), WorkerError> {
    write(output, &FromScorer::Hello { protocol: VERSION })?;
    let inbox = Inbox::default();
    let reader = inbox.clone();
    std::thread::Builder::new().name("requests".into()).spawn(move || reader.fill(input)).map_err(WorkerError::Output)?;
    let mut scorer = match catch_unwind(AssertUnwindSafe(load)) {
        Ok(Ok(scorer)) => scorer,
        Ok(Err(message)) => {
            write(output, &FromScorer::Failed { id: None, message: one_line(&message) })?;
            return Err(WorkerError::Load(message));
        }
        Err(payload) => return Err(panicked(output, None, payload.as_ref())?),
    };
    write(output, &FromScorer::Ready(scorer.model()))?;
    while let Some(task) = inbox.next() {
        match task {
            Task::Score(request) => answer(scorer.as_mut(), &request, &inbox, output)?,
            Task::Sample(request) => write_steps(scorer.as_mut(), &request, &inbox, output)?,
            Task::Cancelled(id) => write(output, &FromScorer::Done { id, cost: Cost::default(), seconds: 0.0, cancelled: true })?,
            Task::NotUnderstood(message) => write(output, &FromScorer::Failed { id: None, message })?,
        }
    }
    Ok(())
}

fn answer(scorer: &mut dyn Scorer, request: &ScoreRequest, inbox: &Inbox, output: &mut impl Write) -> Result<(), WorkerError> {
    let id = request.id;
    work(id, inbox, output, |tell| {
        scorer.score(request, &mut |node, scored| {
            let node = request.nodes.get(node).filter(|node| !node.known);
            let message = node.map(|node| match scored {
                Scored::Score(score) => FromScorer::Score { id, key: node.key, score: Ok(score.value()) },
                Scored::Vector(vector) => FromScorer::Vector { id, key: node.key, vector },
                Scored::NotScored(reason) => FromScorer::NotScored { id, key: node.key, reason: one_line(&reason) },
                Scored::Rationale(rationale) => FromScorer::Rationale { id, key: node.key, rationale },
            });
            tell(message)
        })
    })
}

fn write_steps(
    scorer: &mut dyn Scorer,
    request: &SampleRequest,
    inbox: &Inbox,
    output: &mut impl Write,
) -> Result<(), WorkerError> {
    let id = request.id;
    work(id, inbox, output, |tell| scorer.sample(request, &mut |sample| tell(Some(FromScorer::Sample { id, sample }))))
}

/// Carries out one request and says how it ended. What is told on the way is written at once; the answer says whether to go on.
fn work(
    id: u64,
    inbox: &Inbox,
    output: &mut impl Write,
    compute: impl FnOnce(&mut dyn FnMut(Option<FromScorer>) -> ControlFlow<()>) -> Result<Cost, String>,
) -> Result<(), WorkerError> {
    let start = Instant::now();
    let mut broken = None;
    let mut tell = |message: Option<FromScorer>| {
        if let Some(Err(error)) = message.map(|message| write(output, &message)) {
            broken = Some(error);
            return ControlFlow::Break(());
        }
        if inbox.is_cancelled(id) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let result = if inbox.is_cancelled(id) {
        Ok(Ok(Cost::default()))
    } else {
        // The scorer is not used again after a panic.
        catch_unwind(AssertUnwindSafe(|| compute(&mut tell)))
    };
    if let Some(error) = broken {
        return Err(error.into());
    }
    match result {
        Ok(Ok(cost)) => {
            let cost = Cost { peak_rss_mb: peak_memory(), ..cost };
            let seconds = start.elapsed().as_secs_f64();
            let cancelled = inbox.finish(id);
            write(output, &FromScorer::Done { id, cost, seconds, cancelled })?;
        }
        Ok(Err(message)) => {
            inbox.finish(id);
            write(output, &FromScorer::Failed { id: Some(id), message: one_line(&message) })?;
        }
        Err(payload) => return Err(panicked(output, Some(id), payload.as_ref())?),
    }
    Ok(())
}

/// The most memory that this process has held, in MiB, where the system says so.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.map_or(0, |kib| kib / 1024)
}

fn panicked(output: &mut impl Write, id: Option<u64>, payload: &(dyn std::any::Any + Send)) -> io::Result<WorkerError> {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string).or_else(|| payload.downcast_ref::<String>().cloned());
    let text = one_line(text.as_deref().unwrap_or("no message"));
    write(output, &FromScorer::Failed { id, message: format!("the model panicked: {text}") })?;
    Ok(WorkerError::Panic(text))
}

fn write(output: &mut impl Write, message: &FromScorer) -> io::Result<()> {
    output.write_all(message.to_line().as_bytes())?;
    output.flush()
}

/// Requests in order of arrival, filled by the reading thread.
#[derive(Clone, Default)]
struct Inbox(Arc<(Mutex<Waiting>, Condvar)>);

#[derive(Default)]
struct Waiting {
    tasks: VecDeque<Task>,
    // The request that is being computed, and whether it was taken back meanwhile.
    running: Option<(u64, bool)>,
    closed: bool,
}

enum Task {
    Score(ScoreRequest),
    Sample(SampleRequest),
    Cancelled(u64),
    NotUnderstood(String),
}

impl Task {
    /// The request that is to be carried out.
    fn id(&self) -> Option<u64> {
        match self {
            Self::Score(request) => Some(request.id),
            Self::Sample(request) => Some(request.id),
            Self::Cancelled(_) | Self::NotUnderstood(_) => None,
        }
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it holds the lock, and a half-done change of a queue is not possible.
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, mut input: impl Read) {
        let mut splitter = LineSplitter::new(MAX_REQUEST_LINE);
        let mut buffer = vec![0; 64 << 10];
        loop {
            match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => splitter.push(&buffer[..count], |line| self.line(&line)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        splitter.finish(|line| self.line(&line));
        self.lock().closed = true;
        self.0.1.notify_all();
    }

    fn line(&self, line: &Framed) {
        let task = match line {
            Framed::TooLong => Task::NotUnderstood(format!("a request line is longer than {MAX_REQUEST_LINE} bytes")),
            Framed::Line(line) if line.iter().all(u8::is_ascii_whitespace) => return,
            Framed::Line(line) => match ToScorer::parse(line) {
                Ok(ToScorer::Score(request)) => Task::Score(request),
                Ok(ToScorer::Sample(request)) => Task::Sample(request),
                Ok(ToScorer::Cancel { id }) => return self.cancel(id),
                Ok(ToScorer::Hello { .. } | ToScorer::Other(_)) => return,
                Err(error) => Task::NotUnderstood(error.to_string()),
            },
        };
        self.lock().tasks.push_back(task);
        self.0.1.notify_all();
    }

    fn cancel(&self, id: u64) {
        let mut waiting = self.lock();
        if let Some((running, cancelled)) = &mut waiting.running
            && *running == id
        {
            *cancelled = true;
        }
        for task in &mut waiting.tasks {
            if task.id() == Some(id) {
                *task = Task::Cancelled(id);
            }
        }
    }

    /// Waits for the next task; `None` when the input has ended.
    fn next(&self) -> Option<Task> {
        let mut waiting = self.lock();
        loop {
            if let Some(task) = waiting.tasks.pop_front() {
                waiting.running = task.id().map(|id| (id, false)).or(waiting.running);
                return Some(task);
            }
            if waiting.closed {
                return None;
            }
            waiting = self.0.1.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_cancelled(&self, id: u64) -> bool {
        self.lock().running == Some((id, true))
    }

    /// Ends the running request and says whether it was taken back.
    fn finish(&self, id: u64) -> bool {
        self.lock().running.take() == Some((id, true))
    }
}
