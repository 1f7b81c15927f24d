//! Files that have become others while they were open: each is opened anew and read to its end beside the screen, which shows the old one until
//! then.

use std::collections::HashSet;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::corpus::{Corpus, OpenError};

/// A file, by its index, and what it is now.
type Reopened = (usize, Result<Corpus, OpenError>);

/// The files that are being read anew.
pub(super) struct Reopening {
    sender: UnboundedSender<Reopened>,
    done: UnboundedReceiver<Reopened>,
    busy: HashSet<usize>,
}

impl Default for Reopening {
    fn default() -> Self {
        let (sender, done) = unbounded_channel();
        Self { sender, done, busy: HashSet::new() }
    }
}

impl Reopening {
    /// A file is being read anew, or was and is not taken yet.
    pub(super) fn reads(&self, file: usize) -> bool {
        self.busy.contains(&file)
    }

    /// Reads a file anew. Whether it has changed since, its own corpus tells once it is taken.
    pub(super) fn begin(&mut self, file: usize, corpus: &Corpus) {
        let (corpus, sender) = (corpus.clone(), self.sender.clone());
        let read = move || {
            if let Some(opened) = corpus.reopen() {
                opened.iter().for_each(Corpus::wait);
                // Nobody waits for it any more when the program has ended.
                let _ = sender.send((file, opened));
            }
        };
        // A thread of its own: it may take long, and reading for the screen must not wait behind it. Without it the old file stays.
        if std::thread::Builder::new().name("reopening".to_owned()).spawn(read).is_ok() {
            self.busy.insert(file);
        }
    }

    /// A file that was read anew.
    pub(super) fn take(&mut self) -> Option<Reopened> {
        let (file, opened) = self.done.try_recv().ok()?;
        self.busy.remove(&file);
        Some((file, opened))
    }
}
