//! The label store lives on a thread of its own: labels are committed one by one, and the screen never waits for the disk.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::sync::mpsc::UnboundedSender;

use crate::app::jumps::Spot;
use crate::app::{Message, Place};
use crate::labels::{Draft, Store, StoreError};
use crate::query::Names;

/// Name under which the store keeps an annotator's filters. No file is called so.
const FILTERS: &str = "\nfilters";

/// The annotator's own filters, as an earlier session left them.
pub fn kept_filters(store: &mut Store) -> Result<Names, StoreError> {
    Ok(store.place(FILTERS)?.unwrap_or_default())
}

/// Changes the filters of these names, and no others: `None` takes one away.
pub fn keep_filters(store: &mut Store, filters: &BTreeMap<String, Option<String>>) -> Result<(), StoreError> {
    store.change_place(FILTERS, |kept: Option<Names>| {
        let mut kept = kept.unwrap_or_default();
        for (name, text) in filters {
            match text {
                Some(text) => kept.insert(name.clone(), text.clone()),
                None => kept.remove(name),
            };
        }
        kept
    })
}

/// Keeps where an annotator is at a desk; marks stay as they are.
pub fn keep_place(store: &mut Store, desk: &str, place: &Place) -> Result<(), StoreError> {
    let mut now = serde_json::to_value(place).unwrap_or_default();
    store.change_place(desk, |kept: Option<Value>| {
        let marks = kept.and_then(|mut kept| Some(kept.get_mut(MARKS)?.take()));
        if let Some((now, marks)) = now.as_object_mut().zip(marks) {
            now.insert(MARKS.to_owned(), marks);
        }
        now
    })
}

/// Keeps marks of a desk, beside those that are there.
pub fn keep_marks(store: &mut Store, desk: &str, marks: &BTreeMap<char, Spot>) -> Result<(), StoreError> {
    store.change_place(desk, |kept: Option<Map<String, Value>>| {
        let mut kept = kept.unwrap_or_default();
        let known = kept.entry(MARKS).or_insert_with(|| Map::new().into());
        if let Value::Object(known) = known {
            known.extend(marks.iter().map(|(letter, spot)| (letter.to_string(), serde_json::to_value(spot).unwrap_or_default())));
        }
        kept
    })
}

/// The field of [`Place`] that has them.
const MARKS: &str = "marks";

/// How often labels of other sessions are looked for.
const LOOK_AROUND: Duration = Duration::from_millis(500);

/// A place is written after a pause of this length.
const PAUSE: Duration = Duration::from_millis(200);

/// Labels are moved from the log of the store into its file after a pause of this length.
const SETTLE: Duration = Duration::from_secs(1);

enum Job {
    Save(Box<Draft>),
    Place(Place),
    Filter(String, Option<String>),
    Mark(char, Spot),
    /// The session is over: these labels are not known to be saved, and so many are.
    Rescue(Vec<Draft>, usize),
}

/// Labels that could not be saved, and the path of the store of their own that they are in.
type Rescued = (usize, Result<PathBuf, StoreError>);

/// The way to the store.
pub struct Saver {
    jobs: Sender<Job>,
    messages: UnboundedSender<Message>,
    thread: Option<JoinHandle<Option<Rescued>>>,
}

impl Saver {
    /// Takes the store to its thread. `desk` names the place that is remembered: the files that are open together.
    pub fn start(store: Store, desk: String, messages: UnboundedSender<Message>) -> std::io::Result<Self> {
        let (jobs, received) = channel();
        let clerk = Clerk {
            store,
            desk,
            place: None,
            kept_back: None,
            filters: BTreeMap::new(),
            marks: BTreeMap::new(),
            complains: true,
            looked: Instant::now(),
            saved: 0,
            rescued: None,
            unsettled: None,
            messages: messages.clone(),
        };
        let thread = std::thread::Builder::new().name("label store".into()).spawn(move || clerk.work(&received))?;
        Ok(Self { jobs, messages, thread: Some(thread) })
    }

    /// Writes a label; the answer is [`Message::Saved`] or [`Message::SaveFailed`].
    pub fn save(&self, draft: Box<Draft>) {
        if self.jobs.send(Job::Save(draft)).is_err() {
            // The thread ends before this sender only by a bug of ours: the label stays in memory and the user is told.
            let _ = self.messages.send(Message::SaveFailed("the label store's thread has ended".to_owned()));
        }
    }

    /// Remembers where the annotator is.
    pub fn place(&self, place: Place) {
        let _ = self.jobs.send(Job::Place(place));
    }

    /// Remembers a filter of the annotator by its name, or forgets it.
    pub fn filter(&self, name: String, text: Option<String>) {
        let _ = self.jobs.send(Job::Filter(name, text));
    }

    /// Remembers a mark.
    pub fn mark(&self, letter: char, spot: Spot) {
        let _ = self.jobs.send(Job::Mark(letter, spot));
    }

    /// Waits until everything handed over is written. Of the labels that are not known to be saved, those that were not go into a store of their
    /// own: gives how many, and its path.
    pub fn close(self, unsaved: Vec<Draft>, confirmed: usize) -> Option<Rescued> {
        let _ = self.jobs.send(Job::Rescue(unsaved, confirmed));
        drop(self.jobs);
        self.thread.and_then(|thread| thread.join().ok()).flatten()
    }
}

/// The store on its thread.
struct Clerk {
    store: Store,
    /// Name under which the place is kept: the files that are open.
    desk: String,
    place: Option<Place>,
    /// A place that could not be written.
    kept_back: Option<Place>,
    /// Filters and marks that are not written yet.
    filters: BTreeMap<String, Option<String>>,
    marks: BTreeMap<char, Spot>,
    /// A place that cannot be written is news: no label waits, and nothing was said of a place since the last one was written.
    complains: bool,
    /// When labels of other sessions were last looked for.
    looked: Instant,
    /// Labels that were saved.
    saved: usize,
    rescued: Option<Rescued>,
    /// When the last label was written that is still in the log of the store.
    unsettled: Option<Instant>,
    messages: UnboundedSender<Message>,
}

impl Clerk {
    fn work(mut self, jobs: &Receiver<Job>) -> Option<Rescued> {
        loop {
            // Of many places only the last one counts.
            let job = match jobs.try_recv() {
                Ok(job) => Ok(job),
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => jobs.recv_timeout(PAUSE).or_else(|_| {
                    self.remember();
                    jobs.recv_timeout(LOOK_AROUND.saturating_sub(self.looked.elapsed()))
                }),
            };
            match job {
                Ok(Job::Place(place)) => self.place = Some(place),
                Ok(Job::Save(draft)) => self.save(*draft),
                Ok(Job::Rescue(unsaved, confirmed)) => self.rescue(&unsaved, confirmed),
                Ok(Job::Filter(name, text)) => {
                    self.filters.insert(name, text);
                    if let Err(error) = self.keep_filters() {
                        self.complain("the filter", &error);
                    }
                }
                Ok(Job::Mark(letter, spot)) => {
                    self.marks.insert(letter, spot);
                    // Marks stand beside a place.
                    self.remember();
                    if let Err(error) = self.keep_marks() {
                        self.complain("the mark", &error);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.back_up(false);
                    self.settle();
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.looked.elapsed() >= LOOK_AROUND {
                self.look_around();
            }
        }
        self.bring_forward();
        self.remember();
        if self.saved > 0 {
            self.back_up(true);
        }
        self.rescued
    }

    /// The oldest of the labels that are not known to be saved may have been, since.
    fn rescue(&mut self, unsaved: &[Draft], confirmed: usize) {
        let mut unsaved = unsaved.get(self.saved.saturating_sub(confirmed)..).unwrap_or_default();
        // Those that waited for the one before them may have a place in the store after all.
        while let [first, rest @ ..] = unsaved
            && self.store.append(first.clone()).is_ok()
        {
            unsaved = rest;
        }
        if !unsaved.is_empty() {
            self.rescued = Some((unsaved.len(), self.store.rescue(unsaved)));
        }
    }

    fn save(&mut self, draft: Draft) {
        let answer = match self.store.append(draft) {
            Ok(event) => {
                self.unsettled = Some(Instant::now());
                self.saved += 1;
                self.complains = true;
                self.bring_forward();
                let at = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
                Message::Saved { event: Box::new(event), at }
            }
            Err(error) => {
                self.complains = false;
                Message::SaveFailed(error.to_string())
            }
        };
        self.tell(answer);
    }

    fn remember(&mut self) {
        let Some(place) = self.place.take() else { return };
        let kept = keep_place(&mut self.store, &self.desk, &place);
        self.kept_back = kept.is_err().then_some(place);
        match kept {
            Ok(()) => self.complains = true,
            // Of a store that cannot be written at all that was said at the start.
            Err(error) if std::mem::take(&mut self.complains) && !self.store.read_only() => self.complain("the place", &error),
            Err(_) => {}
        }
    }

    fn keep_filters(&mut self) -> Result<(), StoreError> {
        keep_filters(&mut self.store, &self.filters)?;
        self.filters.clear();
        Ok(())
    }

    fn keep_marks(&mut self) -> Result<(), StoreError> {
        keep_marks(&mut self.store, &self.desk, &self.marks)?;
        self.marks.clear();
        Ok(())
    }

    /// What could not be written before gets its turn, unless something newer has come.
    fn bring_forward(&mut self) {
        let place = self.kept_back.take();
        self.place = self.place.take().or(place);
        // That they are not written was said when they were set.
        if !self.filters.is_empty() {
            let _ = self.keep_filters();
        }
        if !self.marks.is_empty() {
            let _ = self.keep_marks();
        }
    }

    fn complain(&self, what: &str, error: &StoreError) {
        self.tell(Message::Notice(format!("{what} could not be remembered: {error}")));
    }

    /// Once the hands are free, a copy of the day is laid beside the store.
    fn back_up(&mut self, leaving: bool) {
        let said = match self.store.back_up(leaving) {
            Ok(()) => return,
            Err(error @ StoreError::Damaged { .. }) => Message::Alarm(
                "the store is DAMAGED".to_owned(),
                format!("no label is saved in it any more, and no copy of it is made or removed: {error}"),
            ),
            Err(error) => Message::Notice(format!("no copy of the store could be made today: {error}")),
        };
        self.tell(said);
    }

    /// A log that cannot be moved now is moved after the next label, or at the end.
    fn settle(&mut self) {
        if self.unsettled.take_if(|written| written.elapsed() >= SETTLE).is_some() {
            let _ = self.store.settle();
        }
    }

    /// Looks for labels that another session wrote to the same store.
    fn look_around(&mut self) {
        self.looked = Instant::now();
        if let Ok(events) = self.store.catch_up()
            && !events.is_empty()
        {
            self.tell(Message::Foreign(events));
        }
    }

    fn tell(&self, message: Message) {
        // The receiver goes away only when the program leaves.
        let _ = self.messages.send(message);
    }
}
