//! Keys of a list that stands over the work.

use crossterm::event::KeyCode;

use super::views::{ViewKey, key};

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
const PAGE: usize = 10;

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
