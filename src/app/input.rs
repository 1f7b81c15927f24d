//! One-line text inputs. While one is open it owns the keyboard.

use crossterm::event::{Event, KeyCode, KeyEvent};
use tui_input::backend::crossterm::EventHandler;

use super::choice::{self, Question};
use super::commands::{self, COMMANDS};
use super::{App, Effect, Manuscript, seek};
use crate::trace::Writing;

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
    /// A note or tags, as they stood before.
    Write(Manuscript),
    /// A reason in own words.
    Reason(Question),
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
            Purpose::Write(Manuscript { writing: Writing::Tags, .. }) => "tags: ",
            Purpose::Write(_) => "note: ",
            Purpose::Reason(_) => "reason: ",
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
        Purpose::Write(manuscript) => {
            let tags = manuscript.writing == Writing::Tags;
            // Commas between tags are what people type.
            let words = || text.split([' ', ',']).filter(|tag| !tag.is_empty()).collect::<Vec<_>>().join(" ");
            manuscript.clone().keep(app, &if tags { words() } else { text.to_owned() })
        }
        Purpose::Reason(question) => choice::answer(app, *question, text.trim()),
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

/// Completes the name of a command, or the tag behind the last space, as far as it is unambiguous.
fn complete(app: &mut App) {
    let Some(input) = &mut app.input else { return };
    let value = input.line.value();
    let (before, typed, known): (&str, &str, Vec<&str>) = match &input.purpose {
        Purpose::Command => ("", value, COMMANDS.iter().map(|command| command.name).collect()),
        Purpose::Write(Manuscript { writing: Writing::Tags, .. }) => {
            let at = value.rfind([' ', ',']).map_or(0, |at| at + 1);
            (&value[..at], &value[at..], app.session.tags().into_keys().collect())
        }
        _ => return,
    };
    let names: Vec<&str> = known.into_iter().filter(|name| name.starts_with(typed)).collect();
    let Some(first) = names.first() else { return };
    let common = names.iter().fold(*first, |common, name| {
        let same = common.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
        &common[..same]
    });
    if common.len() > typed.len() {
        let completed = format!("{before}{common}");
        input.line = tui_input::Input::new(completed);
    } else if names.len() > 1 {
        app.notice = Some(names.iter().take(12).copied().collect::<Vec<_>>().join("  "));
    }
}
