//! Files that have become others while they were open: each is opened anew and read to its end beside the screen, which shows the old one until
//! then.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::corpus::{Corpus, OpenError};

/// Files that are read anew at a time.
const AT_ONCE: usize = 4;
/// And those that were read and are not taken yet: two of each are open.
const WAITING: usize = 64;
/// Time between two takings: with each the session begins anew.
const PAUSE: Duration = Duration::from_secs(1);

/// A file, by its index, and what it is now.
type Reopened = (usize, Result<Corpus, OpenError>);

/// The files that are being read anew.
pub(super) struct Reopening {
    sender: UnboundedSender<Reopened>,
    done: UnboundedReceiver<Reopened>,
    busy: HashSet<usize>,
    taken: Option<Instant>,
}

impl Default for Reopening {
    fn default() -> Self {
        let (sender, done) = unbounded_channel();
        Self { sender, done, busy: HashSet::new(), taken: None }
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

    /// Files of which the reading may begin now.
    pub(super) fn room(&self) -> usize {
        let reading = self.busy.len().saturating_sub(self.done.len());
        AT_ONCE.saturating_sub(reading).min(WAITING.saturating_sub(self.busy.len()))
    }

    /// All files that were read anew, but for those of a moment ago.
    pub(super) fn take(&mut self) -> Vec<Reopened> {
        if self.done.is_empty() || self.taken.is_some_and(|taken| taken.elapsed() < PAUSE) {
            return Vec::new();
        }
        self.taken = Some(Instant::now());
        let taken: Vec<Reopened> = std::iter::from_fn(|| self.done.try_recv().ok()).collect();
        for (file, _) in &taken {
            self.busy.remove(file);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{Source, Way};

    #[test]
    fn few_files_are_read_anew_at_a_time_and_all_that_were_are_taken_together() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, "{\"prompt\":\"p\",\"completions\":[\"a\"],\"labels\":[true]}\n").unwrap();
        let corpus = Corpus::follow(Source::Path(path), Way::default()).unwrap();
        let (mut reopening, start) = (Reopening::default(), Instant::now());
        let begin = |reopening: &mut Reopening, files: std::ops::Range<usize>| {
            files.for_each(|file| reopening.begin(file, &corpus));
            while reopening.busy.len() > reopening.done.len() {
                std::thread::sleep(Duration::from_millis(5));
                assert!(reopening.room() <= AT_ONCE && start.elapsed() < Duration::from_secs(60));
            }
        };
        assert_eq!(reopening.room(), AT_ONCE);
        reopening.busy.extend(100..103);
        assert_eq!(reopening.room(), AT_ONCE - 3, "that many are being read");
        reopening.busy.clear();
        begin(&mut reopening, 0..4);
        begin(&mut reopening, 4..7);
        let taken = reopening.take().into_iter().filter(|(_, opened)| opened.is_ok());
        let mut taken: Vec<usize> = taken.map(|(file, _)| file).collect();
        taken.sort_unstable();
        assert_eq!((taken, reopening.reads(3)), ((0..7).collect(), false));
        // So soon nothing is taken again, and what waits for it takes up room.
        begin(&mut reopening, 0..WAITING);
        assert!(reopening.take().is_empty() && reopening.reads(3));
        assert_eq!(reopening.room(), 0);
    }
}
