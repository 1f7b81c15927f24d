//! What goes in and what comes out of the pure program.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crossterm::event::Event as TerminalEvent;

use super::App;
use super::items::{FileState, ItemId};
use super::judge::Judge;
use super::jumps::Spot;
use super::likeness::{self as liken, Answered};
use super::place::Place;
use super::queue::{Forgotten, Thought, Work};
use super::refit::Fitted;
use super::sampling::Heard;
use super::scoring::Known;
use super::search::Wanted;
use crate::analysis::quality::{Case, Quality};
use crate::corpus::ProblemView;
use crate::labels::{Action, Body, Draft, Event};
use crate::query::Query;
use crate::scoring::{SampleRequest, ScoreRequest, WorkerEvent};
use crate::text::Safe;
use crate::trace::{RecordKey, StepKey, Writing};
use crate::ui::code::Tokens;
use crate::ui::picture::Drawn;
use crate::ui::theme::Background;

/// What happened outside.
#[derive(Debug)]
pub enum Message {
    /// A key, a resize, a paste.
    Terminal(TerminalEvent),
    /// A problem was read.
    Loaded {
        /// Which one.
        item: ItemId,
        /// What is in it.
        view: Arc<ProblemView>,
    },
    /// The answer to [`Effect::Sift`].
    Sifted {
        /// That of the effect.
        round: u64,
        /// Index of the file.
        file: usize,
        /// The problems.
        problems: Range<usize>,
        /// What their records say.
        sifted: Sifted,
    },
    /// The answer to [`Effect::Find`].
    Found {
        /// That of the effect.
        round: u64,
        /// Index of the file.
        file: usize,
        /// The problems.
        problems: Range<usize>,
        /// The nearest problem with a step that is looked for.
        hit: Option<usize>,
    },
    /// A file's index grew.
    Files(Vec<FileState>),
    /// Files are others now, and read to their ends: answers about the files as they were come no more.
    Reloaded {
        /// All files as they are now.
        files: Vec<FileState>,
        /// For each that is another one its index; and of the problems that [`App::rows_in`] names those that are still in it, each with its
        /// number now.
        moved: Vec<(usize, Vec<(usize, usize)>)>,
    },
    /// Something came from the worker.
    Worker(WorkerEvent),
    /// An item is ready to be scored: what the cache knew, and what is left to ask.
    Prepared {
        /// Which one.
        item: ItemId,
        /// What needs no worker.
        known: Known,
        /// What the worker is to be asked; empty when all is known.
        requests: Vec<ScoreRequest>,
    },
    /// The colours of the code in a step.
    Coloured {
        /// The step.
        key: StepKey,
        /// What stands where in its safe text.
        tokens: Tokens,
    },
    /// The process of a language model said something.
    Sampler(Heard),
    /// The label store committed this event.
    Saved {
        /// The event as it stands in the store.
        event: Box<Event>,
        /// Local time, as shown.
        at: String,
    },
    /// The label store could not write, for this reason; the label is still in memory.
    SaveFailed(String),
    /// The time has come to try those labels again that could not be written.
    Retry,
    /// Events that another session wrote to the same store.
    Foreign(Vec<Event>),
    /// An editor was left: the text as it stands now, or why there is none.
    Edited(Manuscript, Result<String, String>),
    /// Scores of another model were brought along.
    Judge(Box<Judge>),
    /// The answer to [`Effect::Measure`]: the size of a picture, or why that is not known.
    Measured {
        /// Index of the file that names it.
        file: usize,
        /// Its path, as named there.
        picture: String,
        /// What there is to say.
        said: String,
    },
    /// The answer to [`Effect::Picture`].
    Pictured {
        /// Index of the file that names it.
        file: usize,
        /// Its path, as named there.
        picture: String,
        /// Columns and rows that it was made for.
        cells: (u16, u16),
        /// The picture, or why there is none.
        made: Result<Drawn, String>,
    },
    /// The answer to [`Effect::Think`].
    Thought {
        /// That of the effect.
        round: u64,
        /// What came out.
        thought: Box<Thought>,
    },
    /// The answer to [`Effect::Liken`], or why there is none.
    Likened {
        /// That of the effect.
        round: u64,
        /// What came out.
        answer: Result<Answered, String>,
    },
    /// How far the vectors for [`Effect::Liken`] have come.
    Likening {
        /// That of the effect.
        round: u64,
        /// Texts that have one.
        done: usize,
        /// All texts.
        of: usize,
    },
    /// The answer to [`Effect::Rate`].
    Rated(Box<Quality>),
    /// The answer to [`Effect::Refit`].
    Refitted(Result<Fitted, String>),
    /// The time, in milliseconds since any moment before: comes before every key.
    Clock(u64),
    /// A line for the status bar.
    Notice(String),
    /// Something is wrong that stays so: a few words that stay on the screen, and all that is to be said now.
    Alarm(String, String),
    /// The terminal says, later than it was waited for, what it draws text upon.
    Background(Background),
    /// A wait is over: half-typed keys get their hint.
    Tick,
    /// Work that was cut into pieces goes on.
    Continue,
    /// The terminal asked the program to stop for a while.
    Stop,
    /// The program was continued.
    Continued,
    /// The program must end (signal, lost terminal).
    Terminate,
}

/// What the records of some problems say of a filter and an order; of those that stand in neither list, that the filter does not hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sifted {
    /// Problems that have to be read.
    pub left: Vec<usize>,
    /// Problems whose only solution fits, each with its number in the order.
    pub fit: Vec<(usize, Option<f64>)>,
}

/// What is to be done outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Read a problem.
    Load(ItemId),
    /// Ask a filter and an order of these problems of a file, as far as their records can answer.
    Sift {
        /// To be given back.
        round: u64,
        /// Index of the file.
        file: usize,
        /// The problems.
        problems: Range<usize>,
        /// Without one, all fit.
        filter: Option<Box<Query>>,
        /// Without one, none has a number.
        order: Option<Box<Query>>,
    },
    /// Look for the nearest of these problems of a file that has a step with what is wanted.
    Find {
        /// To be given back.
        round: u64,
        /// Index of the file.
        file: usize,
        /// The problems.
        problems: Range<usize>,
        /// From the first problem to the last; else from the last to the first.
        forward: bool,
        /// What is looked for.
        wanted: Arc<Wanted>,
    },
    /// Work something out for the queue.
    Think {
        /// To be given back.
        round: u64,
        /// What it is.
        work: Work,
    },
    /// Compare texts; earlier ones are no longer compared.
    Liken {
        /// To be given back.
        round: u64,
        /// The texts and the question.
        work: liken::Work,
    },
    /// Compare none any more.
    StopLiken,
    /// Free this where nobody waits for it.
    Forget(Forgotten),
    /// Read a problem in order to score it.
    Prepare(ItemId),
    /// Compute the colours of the code in a step.
    Colour(StepKey, Safe),
    /// Look how large the picture of a problem is.
    Measure {
        /// Index of the file that names it.
        file: usize,
        /// Its path, as named there.
        picture: String,
    },
    /// Make the picture of a problem.
    Picture {
        /// Index of the file that names it.
        file: usize,
        /// Its path, as named there.
        picture: String,
        /// Columns and rows that there are.
        cells: (u16, u16),
    },
    /// Work out how far annotators agree and how good each is.
    Rate {
        /// What they are called.
        names: Vec<String>,
        /// What they say, of each solution.
        cases: Vec<Case>,
    },
    /// Ask the worker.
    Score(ScoreRequest),
    /// Tell the worker to stop a request.
    CancelScore(u64),
    /// Ask the language model for steps; it is started when it is first asked.
    Sample(SampleRequest),
    /// Tell it to stop a request.
    CancelSample(u64),
    /// Start the worker (again).
    StartWorker,
    /// Fit the scores to the saved labels, in the background; [`Message::Refitted`] answers.
    Refit,
    /// Start the worker with the model of this folder, or with that of the start.
    UseModel(Option<PathBuf>),
    /// Write a label. The next one comes only after the answer.
    Save(Box<Draft>),
    /// Remember where the annotator is.
    SavePlace(Place),
    /// Remember a filter of the annotator by its name, or forget it.
    SaveFilter(String, Option<String>),
    /// Remember a mark of the annotator.
    SaveMark(char, Spot),
    /// Let the user's editor have a text, with something below it that is cut off again; the screen is the editor's until
    /// [`Message::Edited`].
    Edit(Manuscript, String),
    /// Put text on the clipboard.
    Copy(String),
    /// Put text into a file: it is too long for the clipboard. [`Message::Notice`] says where it lies.
    CopyToFile(String),
    /// Hear of the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Stop the program until the shell continues it.
    Suspend,
    /// Send [`Message::Continue`] when there is nothing more urgent.
    Continue,
    /// Draw everything anew.
    Redraw,
    /// Leave.
    Quit,
}

/// A text that an annotator writes, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Manuscript {
    /// What it is for.
    pub writing: Writing,
    /// The step; `None` for the whole solution.
    pub step: Option<StepKey>,
    /// The solution in which it is written.
    pub record: RecordKey,
    /// How it stands so far.
    pub text: String,
}

impl Manuscript {
    /// Records what it says now, unless that is what it said before.
    pub(super) fn keep(self, app: &mut App, text: &str) -> Vec<Effect> {
        if text == self.text {
            app.notice = Some(format!("the {} stays as it was", self.writing.name()));
            return Vec::new();
        }
        let Self { writing, step, record, .. } = self;
        let done = if text.is_empty() { "taken away" } else { "kept" };
        let place = app.trace().and_then(|trace| app.cursor.path.iter().position(|id| Some(trace.node(*id).key) == step));
        let place = place.map_or(String::new(), |at| format!(" on step {}", at + 1));
        app.notice = Some(format!("{}{place} {done}", writing.name()));
        app.record(Body::Act(Action::Write { writing, step, record, text: text.to_owned() }), step).unwrap_or_default()
    }
}
