//! A page of text over the screen: guideline, history, what is known of one's own labels.

use crossterm::event::{KeyCode, KeyEvent};

use super::views::{ViewKeys, key as key_row, plain};
use super::{App, Effect, steps};
use crate::typeset::{Page, Setting, View};

/// Its keys.
pub(crate) static VIEW: ViewKeys = ViewKeys {
    name: "a page",
    command: "",
    keys: &[&[
        key_row(&["j", "Down"], "scroll", "a row down"),
        key_row(&["k", "Up"], "scroll", "a row up"),
        key_row(&["Esc", "Enter", "q", "Ctrl-c"], "closes", "close the page"),
        key_row(&["Space", "PageDown", "Ctrl-d"], "", "half a page down"),
        key_row(&["PageUp", "Ctrl-u"], "", "half a page up"),
        key_row(&["g", "Home"], "", "to its beginning"),
        key_row(&["G", "End"], "", "to its end"),
    ]],
    commands: &[],
};

/// An open page.
#[derive(Debug, PartialEq, Eq)]
pub struct Sheet {
    /// What it is.
    pub title: &'static str,
    /// Its text.
    pub text: String,
    /// Byte of the text at which it is opened.
    pub from: usize,
    /// It is Markdown, and drawn as that.
    markdown: bool,
    /// The page in rows, once the width is known.
    laid: Option<(Setting, Page)>,
    /// Rows down from there (up, below 0); the page ends where it ends, so one behind its ends shows them.
    pub top: isize,
}

impl Sheet {
    /// Number of the line at which it is opened, from 0.
    pub fn first_line(&self) -> usize {
        self.text.get(..self.from).map_or(0, |before| before.matches('\n').count())
    }

    /// The first of `rows` rows that is shown where `room` of them have room and the page was opened at the row `from`.
    pub fn first_row(&self, from: usize, rows: usize, room: usize) -> usize {
        from.saturating_add_signed(self.top).min(rows.saturating_sub(room))
    }
}

impl Sheet {
    /// The page in rows.
    pub fn page(&self) -> Option<&Page> {
        self.laid.as_ref().map(|(_, page)| page)
    }
}

impl App {
    /// Opens a page.
    pub(crate) fn show_sheet(&mut self, title: &'static str, text: String) {
        self.sheet = Some(Sheet { title, text, from: 0, markdown: false, laid: None, top: 0 });
    }

    /// Opens a page of Markdown at this byte of its text.
    pub(crate) fn show_markdown(&mut self, title: &'static str, text: String, from: usize) {
        self.sheet = Some(Sheet { title, text, from, markdown: true, laid: None, top: 0 });
    }

    /// Wraps the page unless that was done already.
    pub(super) fn lay_sheet(&mut self) {
        let Some(sheet) = &mut self.sheet else { return };
        let view = if sheet.markdown { View::Drawn } else { View::Plain };
        let setting = steps::setting(&self.look, view, usize::from(self.size.0.saturating_sub(4)).max(10), false);
        if sheet.laid.as_ref().is_none_or(|(laid, _)| *laid != setting) {
            sheet.laid = Some((setting, Page::new(&sheet.text, setting)));
        }
    }
}

/// A key while a page is open.
pub(super) fn key(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    let Some(sheet) = &mut app.sheet else { return Vec::new() };
    let page = isize::try_from(app.size.1 / 2).unwrap_or(1).max(1);
    // A row more than the text has lines and bytes is behind its end at any width.
    let end = isize::try_from(sheet.text.len() + sheet.text.lines().count()).unwrap_or(isize::MAX);
    let down = |rows: isize| (sheet.top + rows).clamp(-end, end);
    sheet.top = match plain(key) {
        KeyCode::Null if key.code == KeyCode::Char('d') => down(page),
        KeyCode::Null if key.code == KeyCode::Char('u') => down(-page),
        KeyCode::Char('j') | KeyCode::Down => down(1),
        KeyCode::Char('k') | KeyCode::Up => down(-1),
        KeyCode::Char(' ') | KeyCode::PageDown => down(page),
        KeyCode::PageUp => down(-page),
        KeyCode::Char('g') | KeyCode::Home => -end,
        KeyCode::Char('G') | KeyCode::End => end,
        KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q') => {
            app.sheet = None;
            return Vec::new();
        }
        _ => sheet.top,
    };
    Vec::new()
}
