//! Key logs: written while a session runs, and played again.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::app::log::{Entry, Start, VERSION};
use crate::app::queue::Work;
use crate::app::{Effect, Message, update};
use crate::corpus::Corpus;
use crate::labels::{Draft, Event};
use crate::ui::look::Look;

/// A log that is being written, one line a message.
#[derive(Debug)]
pub struct KeyLog {
    path: PathBuf,
    out: BufWriter<File>,
}

impl KeyLog {
    /// Begins a log. A file that is there is not written over.
    pub fn create(path: &Path, start: Start, before: Vec<Event>) -> std::io::Result<Self> {
        let out = BufWriter::new(File::create_new(path)?);
        let mut log = Self { path: path.to_owned(), out };
        log.line(&Entry::Start(Box::new(start)))?;
        for event in before {
            log.line(&Entry::Before(Box::new(event)))?;
        }
        log.out.flush()?;
        Ok(log)
    }

    fn line(&mut self, entry: &Entry) -> std::io::Result<()> {
        serde_json::to_writer(&mut self.out, entry)?;
        self.out.write_all(b"\n")
    }

    /// Notes a message; the error says which log ends here.
    pub(super) fn note(&mut self, message: &Message) -> Result<(), String> {
        let Some(entry) = Entry::of(message) else { return Ok(()) };
        // What was labelled is with the system when it counts, whatever becomes of this program.
        let flush = matches!(entry, Entry::Saved(_) | Entry::SaveFailed(_));
        let written = self.line(&entry).and_then(|()| if flush { self.out.flush() } else { Ok(()) });
        written.map_err(|error| format!("the key log {} ends here: {error}", self.path.display()))
    }
}

/// A log that cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Io(#[from] std::io::Error),
    /// A line is no entry.
    #[error("line {line} of the log is none: {error}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// It does not begin with a start.
    #[error("the log does not say what the session was started with")]
    NoStart,
    /// It was written by another version.
    #[error("the log has version {0}; this program plays version {VERSION}")]
    Version(u32),
}

/// What came out of a log.
#[derive(Debug, Default)]
pub struct Replayed {
    /// Keys, pastes and other events of the terminal.
    pub keys: usize,
    /// The events that the keys led to.
    pub events: Vec<Event>,
    /// Where they are not those of the log, in words.
    pub differences: Vec<String>,
    /// Labels that were on their way when the log ended.
    pub in_flight: usize,
}

/// The entries of a log: first what the session was started with. A last line that was cut in the middle is left out.
pub fn read(log: impl BufRead) -> Result<(Start, Vec<Entry>), ReplayError> {
    let lines: Vec<Vec<u8>> = log.split(b'\n').collect::<Result<_, _>>()?;
    let mut entries = VecDeque::new();
    let count = lines.len();
    for (index, line) in lines.into_iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        match serde_json::from_slice::<Entry>(&line) {
            Ok(entry) => entries.push_back(entry),
            Err(error) if error.is_eof() && index + 1 == count => break,
            Err(error) => return Err(ReplayError::Line { line: index + 1, error }),
        }
    }
    match entries.pop_front() {
        Some(Entry::Start(start)) if start.version == VERSION => Ok((*start, entries.into())),
        Some(Entry::Start(start)) => Err(ReplayError::Version(start.version)),
        _ => Err(ReplayError::NoStart),
    }
}

/// Plays a log on its files, which stand in the order of its start.
pub fn replay(start: Start, entries: Vec<Entry>, corpora: &[Corpus], look: Look) -> Replayed {
    let mut replayed = Replayed::default();
    let before: Vec<Event> = entries
        .iter()
        .filter_map(|entry| if let Entry::Before(event) = entry { Some((**event).clone()) } else { None })
        .collect();
    let (mut app, first) = start.app(&before, look);
    let mut open = Open::default();
    open.take(first);
    for entry in entries {
        replayed.keys += usize::from(matches!(entry, Entry::Terminal(_)));
        match &entry {
            Entry::Saved(logged) => {
                let event = saved(open.drafts.pop_front(), (**logged).clone(), &mut replayed);
                open.take(update(&mut app, Message::Saved { event: Box::new(event), at: String::new() }));
            }
            Entry::Thought(round) => {
                if let Some(work) = open.works.remove(round) {
                    open.take(update(&mut app, Message::Thought { round: *round, thought: Box::new(work.think()) }));
                }
            }
            Entry::SaveFailed(_) => {
                open.drafts.pop_front();
            }
            _ => {}
        }
        let load = |item: crate::app::items::ItemId| corpora.get(item.file).map(|corpus| corpus.problem(item.problem));
        for message in entry.messages(load) {
            open.take(update(&mut app, message));
        }
    }
    replayed.in_flight = open.drafts.len();
    replayed
}

/// What the keys led to and the log has not answered yet.
#[derive(Default)]
struct Open {
    drafts: VecDeque<Draft>,
    /// What is to be worked out, by its round.
    works: BTreeMap<u64, Work>,
}

impl Open {
    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Save(draft) => self.drafts.push_back(*draft),
                Effect::Think { round, work } => {
                    self.works.insert(round, work);
                }
                _ => {}
            }
        }
    }
}

/// The event that a draft becomes with the number and times of the logged one. When it is another event, the logged one counts on, so that
/// one difference is not a hundred.
fn saved(draft: Option<Draft>, logged: Event, replayed: &mut Replayed) -> Event {
    let number = replayed.events.len() + 1;
    let Some(draft) = draft else {
        replayed.differences.push(format!("event {number}: the keys led to no label here"));
        return logged;
    };
    let mut event = Event { body: draft.body, saw: draft.saw, ms_spent: draft.ms_spent, ..logged.clone() };
    event.saw.score = event.saw.score.filter(|score| score.is_finite());
    event.id = event.hash();
    replayed.events.push(event.clone());
    if event.id == logged.id {
        return event;
    }
    let json = |event: &Event| serde_json::to_string(event).unwrap_or_default();
    replayed.differences.push(format!("event {number}:\n  log    {}\n  replay {}", json(&logged), json(&event)));
    logged
}
