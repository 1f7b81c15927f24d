//! Vectors of texts from a process that measures likeness ([`super::local::load_vectors`]), with the cache before it. Each text is read alone: its
//! vector is that of its words, whatever problem it stands in.

use tokio::sync::mpsc::UnboundedReceiver;

use super::batch::{BatchError, launch};
use super::{RequestNode, ScoreCache, ScoreRequest, Worker, WorkerEvent, WorkerModel, WorkerSpec};
use crate::analysis::alike::Vector;
use crate::trace::{PromptKey, StepKey};

/// Texts of one request, and their bytes: after so much there is progress to tell, and a cancelled process is heard of no more.
const AT_ONCE: (usize, usize) = (128, 32 << 10);
/// Bytes of a text that are read: what goes on for longer says what it is about before.
const READ: usize = 4 << 10;

/// The process.
#[derive(Debug)]
pub struct Vectors {
    worker: Worker,
    events: UnboundedReceiver<WorkerEvent>,
    model: WorkerModel,
    cache: ScoreCache,
    next_id: u64,
}

/// Names a text that stands alone.
fn key(text: &str) -> StepKey {
    PromptKey::of("").step(text)
}

/// The beginning of a text that is read.
fn beginning(text: &str) -> &str {
    let end = (0..=READ.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    &text[..end]
}

impl Vectors {
    /// Starts the process and waits until its model is loaded. Needs a tokio runtime.
    pub async fn start(spec: &WorkerSpec, cache: ScoreCache) -> Result<Self, BatchError> {
        let (worker, events, model) = launch(spec).await?;
        Ok(Self { worker, events, model, cache, next_id: 0 })
    }

    /// The name of the model.
    pub fn name(&self) -> &str {
        &self.model.name
    }

    /// What the user should know, once.
    pub fn take_notice(&mut self) -> Option<String> {
        self.cache.take_notice()
    }

    /// The vectors of these texts, in their order; `None` for a text that has none. `on` hears how many are done. Dropping the future ends the
    /// work; what was computed is in the cache.
    pub async fn of(&mut self, texts: &[&str], on: &mut dyn FnMut(usize)) -> Result<Vec<Option<Vector>>, BatchError> {
        let keys: Vec<StepKey> = texts.iter().map(|text| key(beginning(text))).collect();
        let mut known = self.cache.vectors(&self.model.key, &keys);
        let mut open: Vec<RequestNode> = Vec::new();
        let mut asked = std::collections::HashSet::new();
        for (key, text) in keys.iter().zip(texts) {
            if !known.contains_key(key) && asked.insert(*key) {
                open.push(RequestNode { parent: None, key: *key, text: beginning(text).to_owned(), ends: false, known: false });
            }
        }
        let (mut left, cached) = (open.len(), texts.len().saturating_sub(open.len()));
        on(cached);
        while !open.is_empty() {
            let mut bytes = 0;
            let count = open.iter().take_while(|node| {
                let first = bytes == 0;
                bytes += node.text.len() + 1;
                first || bytes <= AT_ONCE.1
            });
            let count = count.take(AT_ONCE.0).count();
            let nodes = open.drain(..count).collect();
            let found = self.ask(nodes).await?;
            self.cache.put_vectors(&self.model.key, &found);
            known.extend(found);
            left -= count;
            on(texts.len() - left);
        }
        Ok(keys.iter().map(|key| known.get(key).cloned()).collect())
    }

    async fn ask(&mut self, nodes: Vec<RequestNode>) -> Result<Vec<(StepKey, Vector)>, BatchError> {
        let id = self.next_id;
        self.next_id += 1;
        self.worker.send(ScoreRequest { id, problem: String::new(), nodes });
        let mut found = Vec::new();
        loop {
            match self.events.recv().await {
                Some(WorkerEvent::Vector { request, key, vector }) if request == id => found.push((key, vector)),
                Some(WorkerEvent::Done { request, .. }) if request == id => return Ok(found),
                Some(WorkerEvent::Failed { message, .. } | WorkerEvent::Exited { message }) => {
                    return Err(BatchError::Scorer(message));
                }
                Some(_) => {}
                None => return Err(BatchError::Scorer("the process of the vectors is gone".to_owned())),
            }
        }
    }
}
