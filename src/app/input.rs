//! One-line text inputs. While one is open it owns the keyboard.

use crossterm::event::{Event, KeyCode, KeyEvent};
use tui_input::backend::crossterm::EventHandler;

use super::commands::{self, COMMANDS};
use super::{App, Effect, seek};
use crate::labels::{Action, Body};
use crate::trace::{RecordKey, StepKey, Writing};

/// Longest text that is taken in, in bytes: less than the store's limit.
const MAX_INPUT: usize = 60 * 1024;

/// What the text is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Regular expression to look for; `forward` or not.
    Search {
        /// Towards the end.
        forward: bool,
    },
    /// A command by name.
    Command,
    /// A note on a step.
    Note {
        /// The solution.
        record: RecordKey,
        /// The step; `None` for the whole solution.
        step: Option<StepKey>,
    },
}

/// An open input.
#[derive(Debug)]
pub struct Input {
    /// What it is for.
    pub purpose: Purpose,
    /// The text and its caret.
    pub line: tui_input::Input,
}

impl Input {
    /// An input with a text to start from.
    pub fn new(purpose: Purpose, text: impl Into<String>) -> Self {
        Self { purpose, line: tui_input::Input::new(text.into()) }
    }

    /// What stands before the text.
    pub fn prompt(&self) -> &'static str {
        match self.purpose {
            Purpose::Search { forward: true } => "/",
            Purpose::Search { forward: false } => "?",
            Purpose::Command => ":",
            Purpose::Note { .. } => "note: ",
        }
    }

    /// Takes in pasted text as far as there is room; line ends become spaces.
    pub fn paste(&mut self, text: &str) {
        let old = self.line.value();
        let caret = self.line.cursor();
        let at = old.char_indices().nth(caret).map_or(old.len(), |(at, _)| at);
        let room = MAX_INPUT.saturating_sub(old.len());
        let end = (0..=room.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        let clean: String = text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let value = format!("{}{clean}{}", &old[..at], &old[at..]);
        self.line = tui_input::Input::new(value).with_cursor(caret + clean.chars().count());
    }
}

/// A key while an input is open.
pub(super) fn key(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    match key.code {
        KeyCode::Esc => app.input = None,
        KeyCode::Enter => {
            if let Some(input) = app.input.take() {
                return accept(app, &input);
            }
        }
        KeyCode::Tab => complete(app),
        _ => {
            if let Some(input) = &mut app.input
                && (input.line.value().len() < MAX_INPUT || !matches!(key.code, KeyCode::Char(_)))
            {
                input.line.handle_event(&Event::Key(key));
            }
        }
    }
    Vec::new()
}

fn accept(app: &mut App, input: &Input) -> Vec<Effect> {
    let text = input.line.value();
    match &input.purpose {
        Purpose::Search { forward } => search(app, text, *forward),
        Purpose::Command => {
            app.notice = None;
            commands::run_line(app, text)
        }
        Purpose::Note { record, step } => {
            let action = Action::Write { writing: Writing::Note, step: *step, record: *record, text: text.to_owned() };
            app.record(Body::Act(action), *step)
        }
    }
}

fn search(app: &mut App, text: &str, forward: bool) -> Vec<Effect> {
    if text.is_empty() {
        return if app.search.is_some() { seek::start(app, seek::Target::Match, forward) } else { Vec::new() };
    }
    // Smart case: a capital letter asks for exact case.
    let exact = text.chars().any(char::is_uppercase);
    let build = |pattern: &str| regex::RegexBuilder::new(pattern).case_insensitive(!exact).size_limit(1 << 20).build();
    // LaTeX is full of backslashes and braces: a text is also looked for as it stands, not only as a regular expression.
    let literal = regex::escape(text);
    match build(&format!("(?:{text})|(?:{literal})")).or_else(|_| build(&literal)) {
        Ok(pattern) => {
            app.search = Some(pattern);
            seek::start(app, seek::Target::Match, forward)
        }
        Err(error) => {
            app.notice = Some(format!("this cannot be searched for: {}", error.to_string().lines().next().unwrap_or_default()));
            Vec::new()
        }
    }
}

/// Completes the name of a command as far as it is unambiguous.
fn complete(app: &mut App) {
    let Some(input) = &mut app.input else { return };
    if input.purpose != Purpose::Command {
        return;
    }
    let typed = input.line.value().to_owned();
    let names: Vec<&str> = COMMANDS.iter().map(|command| command.name).filter(|name| name.starts_with(&typed)).collect();
    let Some(first) = names.first() else { return };
    let common = names.iter().fold(*first, |common, name| {
        let same = common.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
        &common[..same]
    });
    if common.len() > typed.len() {
        input.line = tui_input::Input::new(common.to_owned());
    } else if names.len() > 1 {
        app.notice = Some(names.iter().take(12).copied().collect::<Vec<_>>().join("  "));
    }
}
