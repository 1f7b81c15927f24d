//! The process of the language model that writes alternatives: started when it is first asked, and again when it died.

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::app::Message;
use crate::app::sampling::Heard;
use crate::prm::Sample;
use crate::scoring::{SampleRequest, Worker, WorkerEvent, WorkerSpec};

/// The process, and how to start it.
#[derive(Debug)]
pub(super) struct Sampler {
    spec: Option<WorkerSpec>,
    worker: Option<Worker>,
}

impl Sampler {
    /// A process that is not started yet; without a specification none ever is.
    pub(super) fn new(spec: Option<WorkerSpec>) -> Self {
        Self { spec, worker: None }
    }

    /// Asks for steps.
    pub(super) fn ask(&mut self, request: SampleRequest, messages: &UnboundedSender<Message>) {
        if self.worker.is_none()
            && let Some(spec) = self.spec.clone()
        {
            let (events, mut received) = unbounded_channel();
            match Worker::spawn(spec, events) {
                Ok(worker) => self.worker = Some(worker),
                Err(error) => {
                    let heard = Heard::Failed(None, format!("the language model could not be started: {error}"));
                    // Nobody waits for it any more when the program has ended.
                    let _ = messages.send(Message::Sampler(heard));
                }
            }
            let messages = messages.clone();
            tokio::spawn(async move {
                while let Some(event) = received.recv().await {
                    if let Some(heard) = heard(event)
                        && messages.send(Message::Sampler(heard)).is_err()
                    {
                        return;
                    }
                }
            });
        }
        if let Some(worker) = &self.worker {
            worker.sample(request);
        }
    }

    /// Takes a request back.
    pub(super) fn cancel(&self, id: u64) {
        if let Some(worker) = &self.worker {
            worker.cancel(id);
        }
    }

    /// The process has ended, or is of no use any more.
    pub(super) fn is_gone(&mut self) {
        self.kill();
        self.worker = None;
    }

    /// Ends the process now.
    pub(super) fn kill(&self) {
        if let Some(worker) = &self.worker {
            worker.kill();
        }
    }
}

/// What the program hears of an event.
fn heard(event: WorkerEvent) -> Option<Heard> {
    Some(match event {
        WorkerEvent::Ready(model) => Heard::Ready(model.label()),
        WorkerEvent::Sampled { request, sample: Sample { number, text, is_whole: true } } => Heard::Step(request, number, text),
        WorkerEvent::Sampled { request, sample: Sample { number, text, .. } } => {
            Heard::Growing(request, number, text.chars().count())
        }
        WorkerEvent::Done { request, .. } => Heard::Done(request),
        WorkerEvent::Failed { request, message } => Heard::Failed(request, message),
        WorkerEvent::Exited { message } => Heard::Failed(None, message),
        WorkerEvent::Score { .. }
        | WorkerEvent::Vector { .. }
        | WorkerEvent::NotScored { .. }
        | WorkerEvent::Rationale { .. }
        | WorkerEvent::Notice { .. } => {
            return None;
        }
    })
}
