//! The help sheet: the command table, searchable; Enter runs the chosen command.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{COMMANDS, Command, Group};
use crate::app::keymap::Keymap;
use crate::app::lists::{PAGE, Window};
use crate::app::views::{self, ViewKey, ViewKeys};
use crate::app::{self, App, Effect, Focus};
use crate::typeset::Page;

/// Rows that the whole text of the chosen row takes at most.
pub const SAID: usize = 3;

/// The open sheet.
#[derive(Debug, Default)]
pub struct HelpSheet {
    /// Text that the rows must contain.
    pub filter: String,
    /// The chosen row among the matching ones.
    pub chosen: usize,
    /// The view with keys of its own over which it was opened.
    pub view: Option<&'static ViewKeys>,
}

/// One row of the sheet.
#[derive(Debug, Clone, Copy)]
pub enum Row {
    /// A key of the view: Enter types it there.
    Key(&'static ViewKey, &'static ViewKeys),
    /// A command: Enter runs it, where the view has the keyboard once that is closed.
    Command(&'static Command),
}

impl Row {
    /// Its keys.
    pub fn keys(self, map: &Keymap) -> Vec<String> {
        match self {
            Self::Key(key, _) => key.keys.iter().map(|&key| key.to_owned()).collect(),
            Self::Command(command) => map.keys(command).iter().map(|keys| keys.replace(' ', "")).collect(),
        }
    }

    /// What it does.
    pub fn doc(self) -> &'static str {
        match self {
            Self::Key(key, _) => key.doc,
            Self::Command(command) => command.doc,
        }
    }

    /// How it is called: a command as it is typed, a key by its view.
    pub fn name(self) -> String {
        match self {
            Self::Key(_, view) => format!("({})", view.name),
            Self::Command(command) => format!(":{}", command.usage()),
        }
    }

    fn matches(self, words: &[String], typed: &str, map: &Keymap) -> bool {
        let text = match self {
            Self::Key(key, view) => format!("{} {}", key.doc, view.name),
            Self::Command(command) => format!("{} {} {}", command.name, command.doc, command.group.title()),
        };
        let text = text.to_lowercase();
        words.iter().all(|word| text.contains(word) || self.keys(map).iter().any(|keys| keys == typed))
    }
}

impl HelpSheet {
    fn over(app: &App, filter: &str) -> Self {
        Self { filter: filter.to_owned(), chosen: 0, view: views::here(app) }
    }

    /// The whole text of the chosen row, which stands below the list: there it may be cut.
    pub fn said(&self, app: &App) -> Option<Page> {
        let width = usize::from(app.size.0.saturating_sub(6)).max(1);
        let rows = self.rows(&app.keys.map, app.focus);
        rows.get(self.chosen).map(|row| Page::plain(&format!("{}  {}", row.name(), row.doc()), width))
    }

    /// The rows on the screen.
    pub fn window(&self, app: &App) -> Window {
        let below = self.said(app).map_or(0, |said| said.rows().min(SAID));
        let all = self.rows(&app.keys.map, app.focus).len();
        Window::around(self.chosen, all, 3, usize::from(app.size.1.saturating_sub(6)).saturating_sub(below))
    }

    /// The rows that match: keys of the view, commands that are at home in it, what belongs to this pane, then in table order.
    pub fn rows(&self, map: &Keymap, focus: Focus) -> Vec<Row> {
        // Whoever is used to `/` may type it here.
        let words: Vec<String> =
            self.filter.trim_start_matches('/').to_lowercase().split_whitespace().map(str::to_owned).collect();
        let home = match focus {
            Focus::Steps => Group::Label,
            Focus::Tree => Group::Tree,
            Focus::List => Group::Motion,
        };
        let at_home =
            |command: &Command| self.view.is_some_and(|view| view.commands.iter().any(|(name, _)| *name == command.name));
        let mut commands: Vec<&'static Command> = COMMANDS.iter().collect();
        commands.sort_by_key(|command| (!at_home(command), command.group != home));
        let keys = self.view.into_iter().flat_map(|view| view.rows().map(move |key| Row::Key(key, view)));
        let rows = keys.chain(commands.into_iter().map(Row::Command));
        rows.filter(|row| row.matches(&words, self.filter.trim(), map)).collect()
    }
}

/// Opens the sheet.
pub(crate) fn open(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    about(app, "")
}

/// Opens the sheet at what speaks of this.
pub(super) fn about(app: &mut App, word: &str) -> Vec<Effect> {
    app.help = Some(HelpSheet::over(app, word));
    Vec::new()
}

/// A key while the sheet is open.
pub(crate) fn key(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    let Some(sheet) = &mut app.help else { return Vec::new() };
    let rows = sheet.rows(&app.keys.map, app.focus);
    let last = rows.len().saturating_sub(1);
    match key.code {
        KeyCode::Esc => app.help = None,
        KeyCode::Enter => {
            if let Some(row) = rows.get(sheet.chosen).copied() {
                app.help = None;
                return run(app, row);
            }
        }
        KeyCode::Down => sheet.chosen = (sheet.chosen + 1).min(last),
        KeyCode::Up => sheet.chosen = sheet.chosen.saturating_sub(1),
        KeyCode::PageDown => sheet.chosen = (sheet.chosen + PAGE).min(last),
        KeyCode::PageUp => sheet.chosen = sheet.chosen.saturating_sub(PAGE),
        KeyCode::Backspace => {
            sheet.filter.pop();
            sheet.chosen = 0;
        }
        KeyCode::Char(c) if key.modifiers.contains(KeyModifiers::CONTROL) => match c {
            'n' => sheet.chosen = (sheet.chosen + 1).min(last),
            'p' => sheet.chosen = sheet.chosen.saturating_sub(1),
            'c' => app.help = None,
            _ => {}
        },
        KeyCode::Char(c) if !c.is_control() && sheet.filter.len() < 200 => {
            sheet.filter.push(c);
            sheet.chosen = 0;
        }
        _ => {}
    }
    Vec::new()
}

/// Types a key into its view, or runs a command.
fn run(app: &mut App, row: Row) -> Vec<Effect> {
    match row {
        Row::Key(key, _) => key.event().map_or_else(Vec::new, |event| app::key_press(app, event)),
        Row::Command(command) => {
            views::close(app);
            app::run(app, command, None)
        }
    }
}
