//! The help sheet: the command table, searchable; Enter runs the chosen command.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{COMMANDS, Command, Group};
use crate::app::keymap::Keymap;
use crate::app::{self, App, Effect, Focus};

/// The open sheet.
#[derive(Debug, Default)]
pub struct HelpSheet {
    /// Text that the rows must contain.
    pub filter: String,
    /// The chosen row among the matching ones.
    pub chosen: usize,
}

impl HelpSheet {
    /// The rows that match: what belongs to this pane first, then in table order.
    pub fn rows(&self, map: &Keymap, focus: Focus) -> Vec<&'static Command> {
        // Whoever is used to `/` may type it here.
        let words: Vec<String> =
            self.filter.trim_start_matches('/').to_lowercase().split_whitespace().map(str::to_owned).collect();
        let home = match focus {
            Focus::Steps => Group::Label,
            Focus::Tree => Group::Tree,
            Focus::List => Group::Motion,
        };
        let mut rows: Vec<&'static Command> = COMMANDS
            .iter()
            .filter(|command| {
                let text = format!("{} {} {}", command.name, command.doc, command.group.title()).to_lowercase();
                words.iter().all(|word| {
                    text.contains(word) || map.keys(command).iter().any(|keys| keys.replace(' ', "") == self.filter.trim())
                })
            })
            .collect();
        rows.sort_by_key(|command| command.group != home);
        rows
    }
}

/// Opens the sheet.
pub(super) fn open(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.help = Some(HelpSheet::default());
    Vec::new()
}

/// Opens the sheet at what speaks of this.
pub(super) fn about(app: &mut App, word: &str) -> Vec<Effect> {
    app.help = Some(HelpSheet { filter: word.to_owned(), ..HelpSheet::default() });
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
            if let Some(command) = rows.get(sheet.chosen).copied() {
                app.help = None;
                return app::run(app, command, None);
            }
        }
        KeyCode::Down => sheet.chosen = (sheet.chosen + 1).min(last),
        KeyCode::Up => sheet.chosen = sheet.chosen.saturating_sub(1),
        KeyCode::PageDown => sheet.chosen = (sheet.chosen + 10).min(last),
        KeyCode::PageUp => sheet.chosen = sheet.chosen.saturating_sub(10),
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
