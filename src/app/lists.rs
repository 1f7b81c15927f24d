//! Lists that stand over the work: their keys, and where their rows are.

use crossterm::event::KeyCode;

use super::App;
use super::views::{ViewKey, key};

/// The rows of a list that are on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Row of the screen that the first of them stands in.
    pub y: u16,
    /// The first of them.
    pub top: usize,
    /// How many have room.
    pub rows: usize,
}

impl Window {
    /// So many rows from `y` on, around the chosen one of `all`.
    pub(super) fn around(chosen: usize, all: usize, y: u16, rows: usize) -> Self {
        let rows = rows.max(1);
        Self { y, top: chosen.saturating_sub(rows / 2).min(all.saturating_sub(rows)), rows }
    }

    /// The row of the list in this row of the screen.
    fn at(self, y: u16) -> Option<usize> {
        let below = usize::from(y.checked_sub(self.y)?);
        (below < self.rows).then_some(self.top + below)
    }
}

/// Chooses what stands in this row of the screen, of the list that is over the work.
pub(super) fn choose_at(app: &mut App, y: u16) {
    let (height, keys, focus) = (app.size.1, &app.keys.map, app.focus);
    let help = app.help.as_ref().map(|sheet| (sheet.window(app), sheet.rows(keys, focus).len()));
    let clusters = app.alike.clusters.as_mut().filter(|clusters| clusters.open);
    let (window, all, chosen) = if let Some((sheet, (window, all))) = app.help.as_mut().zip(help) {
        (window, all, &mut sheet.chosen)
    } else if let Some(picker) = &mut app.picker {
        (picker.window(height), picker.listed(), &mut picker.chosen)
    } else if let Some(answers) = &mut app.answers {
        (answers.window(height), answers.groups.len(), &mut answers.chosen)
    } else if let Some(clusters) = clusters {
        (clusters.window(height), clusters.groups.len(), &mut clusters.chosen)
    } else {
        return;
    };
    if let Some(row) = window.at(y).filter(|row| *row < all) {
        *chosen = row;
    }
}

/// What they do.
pub(super) const KEYS: &[ViewKey] = &[
    key(&["j", "n", "Down"], "row", "next row"),
    key(&["k", "p", "Up"], "row", "previous row"),
    key(&["Space", "PageDown"], "", "ten rows down"),
    key(&["PageUp"], "", "ten rows up"),
    key(&["g", "Home"], "", "first row"),
    key(&["G", "End"], "", "last row"),
];

/// Rows of a page.
pub(super) const PAGE: usize = 10;

/// Which row is chosen after a key, the last one being `last`; `None` for a key that chooses nothing.
pub(super) fn chosen_by(key: KeyCode, chosen: usize, last: usize) -> Option<usize> {
    Some(match key {
        KeyCode::Down | KeyCode::Char('j' | 'n') => (chosen + 1).min(last),
        KeyCode::Up | KeyCode::Char('k' | 'p') => chosen.saturating_sub(1),
        KeyCode::PageDown | KeyCode::Char(' ') => (chosen + PAGE).min(last),
        KeyCode::PageUp => chosen.saturating_sub(PAGE),
        KeyCode::Home | KeyCode::Char('g') => 0,
        KeyCode::End | KeyCode::Char('G') => last,
        _ => return None,
    })
}
