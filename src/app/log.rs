//! The key log: every message that can change what is labelled, in the order in which the program took it in, so that a session can be
//! played again. Times and names of events come from the log; what the events say must come out of the keys once more.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crossterm::event::Event as TerminalEvent;
use serde::{Deserialize, Serialize};

use super::items::{FileState, ItemId};
use super::judge::Judge;
use super::keymap::Keymap;
use super::likeness::Answered;
use super::refit::Fitted;
use super::sampling::Heard;
use super::scoring::Known;
use super::trust::Terms;
use super::{App, Manuscript, Message, Place, Setup, Sifted};
use crate::analysis::meaning::ScoreRule;
use crate::corpus::ProblemView;
use crate::formats;
use crate::labels::{Event, Project, Session};
use crate::query::Names;
use crate::scoring::{Cost, ScoreRequest, WorkerEvent, WorkerModel};
use crate::text::{Ambiguous, Glyphs};
use crate::trace::{Semantics, StepKey, StepScore};
use crate::ui::look::Look;

/// Version of the log. It changes when an old log can no longer be played.
pub const VERSION: u32 = 6;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Entry {
    /// The first line: what the program was started with.
    Start(Box<Start>),
    /// A label that was there before, in the order of the store.
    Before(Box<Event>),
    /// [`Message::Clock`].
    Clock(u64),
    /// [`Message::Terminal`].
    Terminal(TerminalEvent),
    /// [`Message::Loaded`]; what was read stands in the file.
    Loaded(ItemId),
    /// [`Message::Sifted`]: round, file, problems, those that are left, those that fit.
    Sifted(u64, usize, Range<usize>, Vec<usize>, #[serde(default)] Vec<(usize, Option<f64>)>),
    /// [`Message::Found`]: round, file, problems, the one that has it.
    Found(u64, usize, Range<usize>, Option<usize>),
    /// [`Message::Thought`], by its round; what was thought comes out once more.
    Thought(u64),
    /// [`Message::Files`].
    Files(Vec<File>),
    /// [`Message::Reloaded`]; what was read of the file before is played with what it is now.
    Reloaded(Vec<File>, Vec<(usize, Vec<(usize, usize)>)>),
    /// The model is there.
    Model(Box<WorkerModel>),
    /// Scores that came, and steps that will have none.
    Scores {
        /// The item that was prepared; `None` when the worker sent them.
        item: Option<ItemId>,
        /// Step and score.
        scores: Vec<(StepKey, f64)>,
        /// What they mean.
        semantics: Option<Semantics>,
        /// Step and reason.
        refused: Vec<(StepKey, String)>,
        /// Numbers of the requests that the worker got for the rest of the item.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        asked: Vec<u64>,
    },
    /// The worker is through with a request: the queue looks at an item when it has all its scores, not before.
    Done(u64),
    /// The worker failed; with a request, only that is over.
    Failed(Option<u64>, String),
    /// [`Message::Continue`].
    Continue,
    /// [`Message::Saved`].
    Saved(Box<Event>),
    /// [`Message::SaveFailed`].
    SaveFailed(String),
    /// [`Message::Retry`].
    Retry,
    /// [`Message::Foreign`].
    Foreign(Vec<Event>),
    /// Scores of another model that were brought along.
    Judge {
        /// Name of the scorer.
        scorer: String,
        /// How its scores are read.
        rule: ScoreRule,
        /// Step and score, in the order of the keys.
        scores: BTreeMap<StepKey, f64>,
    },
    /// [`Message::Sampler`]: what was written is not written again.
    Sampler(Heard),
    /// [`Message::Refitted`].
    Refitted(Result<Fitted, String>),
    /// Steps were compared.
    Likened(u64, Result<Answered, String>),
    /// [`Message::Edited`].
    Edited(Manuscript, Result<String, String>),
}

/// What the program was started with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each one is a part of the program that is there or not")]
pub struct Start {
    /// [`VERSION`].
    pub version: u32,
    /// The open files.
    pub files: Vec<File>,
    /// Why other files could not be opened.
    #[serde(default)]
    pub unopened: Vec<String>,
    /// Name of the annotator.
    pub annotator: String,
    /// Name of the label store, as shown.
    pub store: String,
    /// Where the session began.
    pub place: Option<Place>,
    /// A worker was started.
    pub scoring: bool,
    /// A language model could be asked for alternatives.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sampler: bool,
    /// Likeness was measured by vectors of a model.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vectors: bool,
    /// Modes, shares, exam, guideline.
    pub terms: Terms,
    /// Kinds of errors, reasons.
    pub project: Project,
    /// The keys of every command.
    pub keys: Vec<(String, Vec<String>)>,
    /// Filters with a name.
    pub filters: Names,
    /// The labels of the others that stood before are adjudicated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub review: bool,
    /// Columns and rows of the screen.
    pub size: (u16, u16),
    /// What texts were set with; logs that do not say it are played with what the environment of the player says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signs: Option<Signs>,
}

/// Signs and widths that texts are set with: they decide where a page ends, and so which step a key leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signs {
    /// Without signs beyond ASCII.
    pub ascii: bool,
    /// Characters of ambiguous width take two cells.
    pub wide: bool,
    /// The program draws pictures of problems, and panes leave room for them; older logs do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pictures: Option<bool>,
}

impl Signs {
    fn of(look: &Look) -> Self {
        Self { ascii: look.glyphs == Glyphs::ASCII, wide: look.ambiguous == Ambiguous::Wide, pictures: Some(look.pictures) }
    }

    fn look(self, look: Look) -> Look {
        let glyphs = if self.ascii { Glyphs::ASCII } else { Glyphs::UNICODE };
        let ambiguous = if self.wide { Ambiguous::Wide } else { Ambiguous::Narrow };
        Look { glyphs, ambiguous, pictures: self.pictures.unwrap_or(look.pictures), ..look }
    }
}

/// What is remembered of an open file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The path as given.
    pub name: String,
    /// The path that labels name.
    pub id: String,
    /// Name of its format.
    pub format: String,
    /// Name of the rule that cut its solutions, if it was not the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// What its keys mean, if it was read by a mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    /// Problems found so far.
    pub problems: usize,
    /// Records found so far.
    pub records: usize,
    /// The whole file was indexed.
    pub complete: bool,
    /// Its problems stand in no list.
    pub hidden: bool,
}

impl File {
    fn of(state: &FileState) -> Self {
        let FileState { name, id, segment, map, problems, records, complete, hidden, .. } = state.clone();
        let segment = segment.map(|rule| rule.to_string());
        Self { name, id, format: state.format.to_owned(), segment, map, problems, records, complete, hidden }
    }

    fn state(self) -> FileState {
        let format = formats::by_name(&self.format).map_or("", formats::Format::name);
        let segment = self.segment.and_then(|name| name.parse().ok());
        let Self { name, id, map, problems, records, complete, hidden, .. } = self;
        FileState { name, id, format, segment, map, problems, records, complete, hidden, ..FileState::default() }
    }
}

impl Start {
    /// What a session is about to be started with.
    pub fn of(setup: &Setup, size: (u16, u16)) -> Self {
        Self {
            version: VERSION,
            files: setup.files.iter().map(File::of).collect(),
            unopened: setup.unopened.clone(),
            annotator: setup.annotator.clone(),
            store: setup.store.clone(),
            place: setup.place.clone(),
            scoring: setup.scoring,
            sampler: setup.sampler,
            vectors: setup.vectors,
            terms: setup.terms.clone(),
            project: setup.project.clone(),
            keys: setup.keymap.bound(),
            filters: setup.filters.clone(),
            review: setup.review,
            size,
            signs: Some(Signs::of(&setup.look)),
        }
    }

    /// Starts the program like that, on labels that were there before.
    pub fn app(self, before: &[Event], look: Look) -> (App, Vec<super::Effect>) {
        let mut session = Session::new(&self.annotator);
        session.extend(before);
        let look = match self.signs {
            Some(signs) => signs.look(look),
            None => look,
        };
        let setup = Setup {
            files: self.files.into_iter().map(File::state).collect(),
            unopened: self.unopened,
            session,
            annotator: self.annotator,
            // Where it lay says nothing of what was labelled.
            stores: Box::default(),
            store: self.store,
            look,
            place: self.place,
            scoring: self.scoring,
            sampler: self.sampler,
            vectors: self.vectors,
            terms: self.terms,
            project: self.project,
            keymap: Keymap::rebound(&self.keys),
            filters: self.filters,
            review: self.review,
        };
        App::new(setup, self.size)
    }
}

fn scores<'a>(scores: impl Iterator<Item = &'a (StepKey, StepScore)>) -> (Vec<(StepKey, f64)>, Option<Semantics>) {
    let scores: Vec<&(StepKey, StepScore)> = scores.collect();
    let semantics = scores.first().map(|(_, score)| score.semantics());
    (scores.into_iter().map(|(key, score)| (*key, score.value())).collect(), semantics)
}

impl Entry {
    /// The line for a message; `None` for what changes nothing but the picture.
    pub fn of(message: &Message) -> Option<Self> {
        Some(match message {
            Message::Clock(now) => Self::Clock(*now),
            Message::Terminal(event) => Self::Terminal(event.clone()),
            Message::Loaded { item, .. } => Self::Loaded(*item),
            Message::Sifted { round, file, problems, sifted: Sifted { left, fit } } => {
                Self::Sifted(*round, *file, problems.clone(), left.clone(), fit.clone())
            }
            Message::Found { round, file, problems, hit } => Self::Found(*round, *file, problems.clone(), *hit),
            Message::Thought { round, .. } => Self::Thought(*round),
            Message::Files(files) => Self::Files(files.iter().map(File::of).collect()),
            Message::Reloaded { files, moved } => Self::Reloaded(files.iter().map(File::of).collect(), moved.clone()),
            Message::Worker(WorkerEvent::Ready(model)) => Self::Model(Box::new(model.clone())),
            Message::Worker(WorkerEvent::Score { key, score, .. }) => {
                let (scores, semantics) = scores([(*key, *score)].iter());
                Self::Scores { item: None, scores, semantics, refused: Vec::new(), asked: Vec::new() }
            }
            Message::Worker(WorkerEvent::NotScored { key, reason, .. }) => {
                let refused = vec![(*key, reason.clone())];
                Self::Scores { item: None, scores: Vec::new(), semantics: None, refused, asked: Vec::new() }
            }
            Message::Worker(WorkerEvent::Done { request, .. }) => Self::Done(*request),
            Message::Worker(WorkerEvent::Failed { request, message }) => Self::Failed(*request, message.clone()),
            Message::Worker(WorkerEvent::Exited { message }) => Self::Failed(None, message.clone()),
            Message::Prepared { item, known, requests } => {
                let (scores, semantics) = scores(known.scores.iter());
                let asked = requests.iter().map(|request| request.id).collect();
                Self::Scores { item: Some(*item), scores, semantics, refused: known.refused.clone(), asked }
            }
            Message::Saved { event, .. } => Self::Saved(event.clone()),
            Message::Continue => Self::Continue,
            Message::SaveFailed(error) => Self::SaveFailed(error.clone()),
            Message::Retry => Self::Retry,
            Message::Foreign(events) => Self::Foreign(events.clone()),
            Message::Judge(judge) => Self::Judge {
                scorer: judge.scorer.clone().unwrap_or_default(),
                rule: judge.rule(),
                scores: judge.scores.iter().map(|(key, score)| (*key, score.value())).collect(),
            },
            Message::Sampler(heard) if !matches!(heard, Heard::Growing(..)) => Self::Sampler(heard.clone()),
            Message::Refitted(outcome) => Self::Refitted(outcome.clone()),
            Message::Likened { round, answer } => Self::Likened(*round, answer.clone()),
            Message::Edited(manuscript, written) => Self::Edited(manuscript.clone(), written.clone()),
            Message::Worker(_)
            | Message::Sampler(_)
            | Message::Coloured { .. }
            | Message::Likening { .. }
            | Message::Measured { .. }
            | Message::Pictured { .. }
            | Message::Rated(_)
            | Message::Notice(_)
            | Message::Alarm(..)
            | Message::Background(_)
            | Message::Tick
            | Message::Stop
            | Message::Continued
            | Message::Terminate => return None,
        })
    }

    /// The messages of a line; `load` reads a problem. A saved event and a thought are answered by whoever plays the log.
    pub fn messages(self, load: impl Fn(ItemId) -> Option<Arc<ProblemView>>) -> Vec<Message> {
        match self {
            Self::Start(_) | Self::Before(_) | Self::Saved(_) | Self::Thought(_) => Vec::new(),
            Self::Clock(now) => vec![Message::Clock(now)],
            Self::Terminal(event) => vec![Message::Terminal(event)],
            Self::Loaded(item) => load(item).map(|view| Message::Loaded { item, view }).into_iter().collect(),
            Self::Sifted(round, file, problems, left, fit) => {
                vec![Message::Sifted { round, file, problems, sifted: Sifted { left, fit } }]
            }
            Self::Found(round, file, problems, hit) => vec![Message::Found { round, file, problems, hit }],
            Self::Files(files) => vec![Message::Files(files.into_iter().map(File::state).collect())],
            Self::Reloaded(files, moved) => {
                vec![Message::Reloaded { files: files.into_iter().map(File::state).collect(), moved }]
            }
            Self::Model(model) => vec![Message::Worker(WorkerEvent::Ready(*model))],
            Self::Done(request) => {
                vec![Message::Worker(WorkerEvent::Done { request, cost: Cost::default(), seconds: 0.0 })]
            }
            Self::Failed(request, message) => vec![Message::Worker(WorkerEvent::Failed { request, message })],
            Self::Scores { item, scores, semantics, refused, asked } => {
                let score = |(key, value)| Some((key, StepScore::new(value, semantics?).ok()?));
                let scores: Vec<(StepKey, StepScore)> = scores.into_iter().filter_map(score).collect();
                if let Some(item) = item {
                    let known = Known { scores, refused, ..Known::default() };
                    // What was asked is not asked again: only the numbers count.
                    let request = |id| ScoreRequest { id, problem: String::new(), nodes: Vec::new() };
                    return vec![Message::Prepared { item, known, requests: asked.into_iter().map(request).collect() }];
                }
                let known = scores.into_iter().map(|(key, score)| WorkerEvent::Score { request: 0, key, score });
                let refused = refused.into_iter().map(|(key, reason)| WorkerEvent::NotScored { request: 0, key, reason });
                known.chain(refused).map(Message::Worker).collect()
            }
            Self::Continue => vec![Message::Continue],
            Self::SaveFailed(error) => vec![Message::SaveFailed(error)],
            Self::Retry => vec![Message::Retry],
            Self::Foreign(events) => vec![Message::Foreign(events)],
            Self::Judge { scorer, rule, scores } => {
                let meaning = rule.meaning();
                let score = |(key, value)| Some((key, meaning.score(value).ok()?));
                let judge = Judge::recorded(scorer, &rule, scores.into_iter().filter_map(score).collect());
                vec![Message::Judge(Box::new(judge))]
            }
            Self::Sampler(heard) => vec![Message::Sampler(heard)],
            Self::Refitted(outcome) => vec![Message::Refitted(outcome)],
            Self::Likened(round, answer) => vec![Message::Likened { round, answer }],
            Self::Edited(manuscript, written) => vec![Message::Edited(manuscript, written)],
        }
    }
}
