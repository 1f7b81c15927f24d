//! A page of text over the screen: guideline, history, what is known of one's own labels.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{App, Effect};

/// An open page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// What it is.
    pub title: &'static str,
    /// Its text.
    pub text: String,
    /// First row that is shown; the page ends where it ends, so one behind its end shows the end.
    pub top: usize,
}

impl App {
    /// Opens a page.
    pub(crate) fn show_sheet(&mut self, title: &'static str, text: String) {
        self.sheet = Some(Sheet { title, text, top: 0 });
    }
}

/// A key while a page is open.
pub(super) fn key(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    let Some(sheet) = &mut app.sheet else { return Vec::new() };
    let page = usize::from(app.size.1 / 2).max(1);
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    // A row more than the text has lines and bytes is behind its end at any width.
    let end = sheet.text.len() + sheet.text.lines().count();
    let down = |rows: usize| (sheet.top + rows).min(end);
    sheet.top = match key.code {
        KeyCode::Char('d') if control => down(page),
        KeyCode::Char('u') if control => sheet.top.saturating_sub(page),
        KeyCode::Char('j') | KeyCode::Down => down(1),
        KeyCode::Char('k') | KeyCode::Up => sheet.top.saturating_sub(1),
        KeyCode::Char(' ') | KeyCode::PageDown => down(page),
        KeyCode::PageUp => sheet.top.saturating_sub(page),
        KeyCode::Char('g') | KeyCode::Home => 0,
        KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q') => {
            app.sheet = None;
            return Vec::new();
        }
        _ => sheet.top,
    };
    Vec::new()
}
