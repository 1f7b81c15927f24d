//! One-line text inputs. While one is open it owns the keyboard.

use std::collections::HashMap;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::backend::crossterm::EventHandler;

use super::choice::{self, Question};
use super::commands::{self, words};
use super::search::Search;
use super::{App, Effect, Manuscript, queue, review, seek, tree};
use crate::query::{self, Names, QUANTITIES, STEP_QUANTITIES};
use crate::trace::{RecordKey, Writing};

/// Longest text that is taken in, in bytes: less than the store's limit.
const MAX_INPUT: usize = 60 * 1024;

/// What the text is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Regular expression to look for.
    Search,
    /// A command by name.
    Command,
    /// A filter.
    Filter,
    /// A filter of the steps of a tree.
    StepFilter,
    /// A note or tags, as they stood before.
    Write(Manuscript),
    /// A reason in own words, asked of this solution.
    Reason(Question, Option<RecordKey>),
    /// What those who judged this solution are to look at again.
    SendBack(Option<RecordKey>),
}

/// An open input.
#[derive(Debug)]
pub struct Input {
    /// What it is for.
    pub purpose: Purpose,
    /// The text and its caret.
    pub line: tui_input::Input,
    /// How many texts ago that was typed which stands here; 0 for the new one.
    ago: usize,
    /// What was typed before Tab went through what it can become.
    stem: Option<String>,
}

/// What was typed before, by what stood before it; the newest last.
pub(super) type Typed = HashMap<&'static str, Vec<String>>;

/// Texts of a kind that are kept.
const TYPED: usize = 100;

impl Input {
    /// An input with a text to start from.
    pub fn new(purpose: Purpose, text: impl Into<String>) -> Self {
        Self { purpose, line: tui_input::Input::new(text.into()), ago: 0, stem: None }
    }

    /// What stands before the text.
    pub fn prompt(&self) -> &'static str {
        match self.purpose {
            Purpose::Search => "/",
            Purpose::Command => ":",
            Purpose::Filter => "&",
            Purpose::StepFilter => "& steps: ",
            Purpose::Write(Manuscript { writing: Writing::Tags, .. }) => "tags: ",
            Purpose::Write(_) => "note: ",
            Purpose::Reason(..) => "reason: ",
            Purpose::SendBack(_) => "send back: ",
        }
    }

    /// What its keys do, but for those that write.
    pub fn keys(&self) -> &'static str {
        match self.purpose {
            Purpose::Search => "Enter finds  Up earlier ones  Esc leaves it",
            Purpose::Command => "Tab completes, then goes on  Up earlier ones  Enter runs it  Esc leaves it",
            Purpose::Filter | Purpose::StepFilter => "Tab completes  Up earlier ones  Enter takes it  Esc leaves it",
            Purpose::Write(Manuscript { writing: Writing::Tags, .. }) => {
                "Tab completes  Enter keeps them  Esc leaves them as they were"
            }
            Purpose::Write(_) => "Enter keeps it, an empty one takes it away  Esc leaves it as it was",
            Purpose::Reason(..) => "Enter gives it  Up earlier ones  Esc leaves it",
            Purpose::SendBack(_) => "Enter sends it back  Up earlier ones  Esc leaves it",
        }
    }

    /// The commands whose names begin with what was typed, while only a name is being typed.
    pub fn offers(&self) -> Vec<&'static commands::Command> {
        let typed = self.stem.as_deref().unwrap_or(self.line.value());
        let names = self.purpose == Purpose::Command && !typed.is_empty() && !typed.contains(char::is_whitespace);
        commands::COMMANDS.iter().filter(|command| names && command.name.starts_with(typed)).collect()
    }

    /// Takes in pasted text as far as there is room; line ends become spaces. Gives the bytes that found room.
    pub fn paste(&mut self, text: &str) -> usize {
        let old = self.line.value();
        let caret = self.line.cursor();
        let at = old.char_indices().nth(caret).map_or(old.len(), |(at, _)| at);
        let room = MAX_INPUT.saturating_sub(old.len());
        let end = (0..=room.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        let clean: String = text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let value = format!("{}{clean}{}", &old[..at], &old[at..]);
        self.line = tui_input::Input::new(value).with_cursor(caret + clean.chars().count());
        end
    }
}

/// A key while an input is open.
pub(super) fn key(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    match key.code {
        KeyCode::Esc => app.input = None,
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => app.input = None,
        KeyCode::Enter => {
            if let Some(input) = app.input.take() {
                return accept(app, &input);
            }
        }
        KeyCode::Tab => complete(app, true),
        KeyCode::BackTab => complete(app, false),
        KeyCode::Up => recall(app, true),
        KeyCode::Down => recall(app, false),
        _ => {
            if let Some(input) = &mut app.input
                && (input.line.value().len() < MAX_INPUT || !matches!(key.code, KeyCode::Char(_)))
            {
                input.line.handle_event(&Event::Key(key));
                input.stem = None;
            }
            preview(app);
        }
    }
    Vec::new()
}

/// Brings an earlier text of this kind back, or a later one; behind the last one the line is empty.
fn recall(app: &mut App, earlier: bool) {
    let Some(input) = &mut app.input else { return };
    let Some(typed) = app.typed.get(input.prompt()) else { return };
    let ago = if earlier { (input.ago + 1).min(typed.len()) } else { input.ago.saturating_sub(1) };
    if ago != input.ago {
        (input.ago, input.stem) = (ago, None);
        let text = if ago == 0 { "" } else { &typed[typed.len() - ago] };
        input.line = tui_input::Input::new(text.to_owned());
    }
    preview(app);
}

/// Says what a half-typed order would bring first.
fn preview(app: &mut App) {
    let typed = app.input.as_ref().filter(|input| input.purpose == Purpose::Command).map(|input| input.line.value());
    let Some(text) = typed.and_then(|line| line.strip_prefix("order ")).map(|text| text.trim().to_owned()) else { return };
    app.notice = (!text.is_empty()).then(|| queue::preview(app, &text));
}

fn accept(app: &mut App, input: &Input) -> Vec<Effect> {
    let text = input.line.value();
    if !text.is_empty() && !matches!(input.purpose, Purpose::Write(_)) {
        let typed = app.typed.entry(input.prompt()).or_default();
        typed.retain(|known| known != text);
        typed.push(text.to_owned());
        typed.drain(..typed.len().saturating_sub(TYPED));
    }
    match &input.purpose {
        Purpose::Search => search(app, text),
        Purpose::Filter => {
            queue::set_filter(app, text);
            Vec::new()
        }
        Purpose::StepFilter => {
            tree::set_filter(app, text);
            Vec::new()
        }
        Purpose::Command => {
            app.notice = None;
            commands::run_line(app, text)
        }
        Purpose::Write(manuscript) => {
            let tags = manuscript.writing == Writing::Tags;
            manuscript.clone().keep(app, &if tags { words::tags_of(text) } else { text.to_owned() })
        }
        Purpose::Reason(question, of) => choice::answer(app, *question, *of, text.trim()),
        Purpose::SendBack(of) if choice::is_on_show(app, *of) => review::send_back(app, text.trim()),
        Purpose::SendBack(_) => Vec::new(),
    }
}

/// Searches for a text; an empty one goes on with the last search.
pub(super) fn search(app: &mut App, text: &str) -> Vec<Effect> {
    if text.is_empty() {
        return if app.search.is_some() { seek::start(app, seek::Target::Match, true) } else { Vec::new() };
    }
    match Search::typed(text) {
        Ok(search) => {
            app.search = Some(search);
            seek::start(app, seek::Target::Match, true)
        }
        Err(error) => {
            app.notice = Some(format!("this cannot be searched for: {}", error.to_string().lines().next().unwrap_or_default()));
            Vec::new()
        }
    }
}

/// Completes the last word of a command line, or the tag behind the last space, as far as it is unambiguous. From there on each key brings
/// the next of what it can become; what that is has been listed before.
fn complete(app: &mut App, forward: bool) {
    let Some(input) = &app.input else { return };
    let shown = input.line.value();
    let typed = input.stem.clone().unwrap_or_else(|| shown.to_owned());
    let (at, known) = candidates(app, &input.purpose, &typed);
    let Some(first) = known.first() else { return };
    let common = known.iter().fold(first.as_str(), |common, other| {
        let same = common.char_indices().zip(other.chars()).take_while(|((_, a), b)| a == b);
        &common[..same.last().map_or(0, |((at, c), _)| at + c.len_utf8())]
    });
    let listed = input.stem.is_some() || !input.offers().is_empty();
    if input.stem.is_none() && common.len() > typed.len() - at {
        let line = format!("{}{common}", &typed[..at]);
        put(app, line, None);
    } else if known.len() > 1 {
        let n = known.len();
        let now = shown.get(at..).and_then(|word| known.iter().position(|known| known == word));
        let next = match (now, forward) {
            (Some(now), true) => (now + 1) % n,
            (Some(now), false) => (now + n - 1) % n,
            (None, true) => 0,
            (None, false) => n - 1,
        };
        let line = if listed { format!("{}{}", &typed[..at], known[next]) } else { typed.clone() };
        put(app, line, Some(typed));
        // What is listed tells more than what a half-typed order would bring.
        if app.input.as_ref().is_some_and(|input| input.offers().is_empty()) {
            app.notice = Some(known.iter().take(12).map(String::as_str).collect::<Vec<_>>().join("  "));
        }
    }
}

/// The line becomes this text, completed from `stem`.
fn put(app: &mut App, line: String, stem: Option<String>) {
    if let Some(input) = &mut app.input {
        input.line = tui_input::Input::new(line);
        input.stem = stem;
    }
    preview(app);
}

/// What the last word of a half-typed text can become, and where it begins.
fn candidates(app: &App, purpose: &Purpose, typed: &str) -> (usize, Vec<String>) {
    match purpose {
        Purpose::Command => commands::completions(app, typed),
        Purpose::Filter => (typed.len() - query::last_word(typed).len(), query::completions(typed, QUANTITIES, &app.names())),
        Purpose::StepFilter => {
            (typed.len() - query::last_word(typed).len(), query::completions(typed, STEP_QUANTITIES, &Names::new()))
        }
        Purpose::Write(Manuscript { writing: Writing::Tags, .. }) => {
            let at = typed.rfind([' ', ',']).map_or(0, |at| at + 1);
            let tags = words::tags_in_use(app).into_iter().filter(|tag| tag.starts_with(&typed[at..]));
            (at, tags.collect())
        }
        _ => (typed.len(), Vec::new()),
    }
}
