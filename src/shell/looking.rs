//! Looks at the files that are followed, on a thread of its own: each look asks the system, and a folder that does not answer must hold up no
//! key.

use std::sync::mpsc::{Receiver, Sender, channel};

use crate::corpus::{Change, Corpus};

/// Files that are looked at in one round, each by its index, and how many may be found that have become others.
type Round = (Vec<(usize, Corpus)>, usize);
/// What became of files, by their indices.
pub(super) type Found = Vec<(usize, Change)>;

/// A thread that looks, one round after the other.
pub(super) struct Looking {
    /// `None` where there can be no thread: the files stay as they are.
    rounds: Option<Sender<Round>>,
    found: Receiver<Found>,
    busy: bool,
}

impl Default for Looking {
    fn default() -> Self {
        let (rounds, asked) = channel::<Round>();
        let (sender, found) = channel();
        let work = move || {
            // Ends with the program, which drops the other end.
            asked.into_iter().map(|(files, room)| look(&files, room)).all(|found| sender.send(found).is_ok());
        };
        let thread = std::thread::Builder::new().name("looking".to_owned()).spawn(work);
        Self { rounds: thread.is_ok().then_some(rounds), found, busy: false }
    }
}

impl Looking {
    /// What the last round found, once. Nothing while it goes on.
    pub(super) fn found(&mut self) -> Found {
        let found = self.found.try_recv().ok();
        self.busy &= found.is_none();
        found.unwrap_or_default()
    }

    /// A round goes on.
    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Begins a round, which ends early when `room` files were found that have become others.
    pub(super) fn begin(&mut self, files: Vec<(usize, Corpus)>, room: usize) {
        self.busy = self.rounds.as_ref().is_some_and(|rounds| rounds.send((files, room)).is_ok());
    }
}

/// What a corpus tells it tells once: those without room are not asked.
fn look(files: &[(usize, Corpus)], mut room: usize) -> Found {
    let mut found = Found::new();
    for (file, corpus) in files {
        if room == 0 {
            break;
        }
        if let Some(change) = corpus.refresh() {
            room -= usize::from(change == Change::Replaced);
            found.push((*file, change));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::corpus::{Source, Way};

    #[test]
    fn of_many_files_that_are_replaced_at_once_a_round_tells_few_and_none_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = |file: usize| folder.path().join(format!("{file}.jsonl"));
        let record = |text: &str| format!("{{\"prompt\":\"{text}\",\"completions\":[\"a\"],\"labels\":[true]}}\n");
        let files: Vec<(usize, Corpus)> = (0..5)
            .map(|file| {
                std::fs::write(path(file), record("before")).unwrap();
                (file, Corpus::follow(Source::Path(path(file)), Way::default()).unwrap())
            })
            .collect();
        for (_, corpus) in &files {
            corpus.wait();
        }
        (0..5).for_each(|file| std::fs::write(path(file), record("what is there now")).unwrap());
        let (mut looking, mut told, start) = (Looking::default(), Vec::new(), Instant::now());
        while told.len() < 5 {
            let found = looking.found();
            assert!(found.len() <= 2, "{found:?}");
            told.extend(found);
            if !looking.is_busy() {
                looking.begin(files.clone(), 2);
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{told:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        told.sort_unstable_by_key(|(file, _)| *file);
        assert_eq!(told, (0..5).map(|file| (file, Change::Replaced)).collect::<Vec<_>>());
    }
}
