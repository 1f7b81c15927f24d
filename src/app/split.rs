//! Choosing the place where a step is split: before a word, with long strides from line to line or sentence to sentence.

use crossterm::event::{KeyCode, KeyEvent};

use super::commands::cuts;
use super::views::{ViewKeys, key as key_row, plain};
use super::{App, Effect, saving};
use crate::segment::whole_parts;
use crate::trace::RecordKey;

/// Its keys.
pub(super) static VIEW: ViewKeys = ViewKeys {
    name: "split",
    command: "split",
    keys: &[&[
        key_row(&["h", "Left"], "a word", "a word back"),
        key_row(&["l", "Right"], "a word", "a word on"),
        key_row(&["j", "Down"], "a line or sentence", "on to the next line or sentence"),
        key_row(&["k", "Up"], "a line or sentence", "back to the line or sentence before"),
        key_row(&["Enter"], "splits", "split the step here"),
        key_row(&["Esc", "Ctrl-c"], "leaves it", "leave the step whole"),
    ]],
    commands: &[],
};

/// An open choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The solution of the source that it is a step of.
    pub(crate) of: RecordKey,
    /// Index of the step, from 0.
    pub step: usize,
    /// Its text.
    text: String,
    /// Beginnings of words behind the first one, as bytes of the text, and whether a line or a sentence begins there.
    places: Vec<(usize, bool)>,
    at: usize,
}

impl Split {
    /// The places of a text, with the first line or sentence chosen; `None` when there are none.
    pub fn of(of: RecordKey, step: usize, text: &str) -> Option<Self> {
        let mut places = Vec::new();
        let whole = whole_parts(text);
        let mut before: Option<(usize, char)> = None;
        for (byte, c) in text.char_indices() {
            if c.is_whitespace() {
                continue;
            }
            if let Some((end, last)) = before
                && end < byte
            {
                let strong = text[end..byte].contains('\n') || matches!(last, '.' | '!' | '?' | ':' | ';' | '\u{3002}');
                // Half a formula is no step.
                if !whole.iter().any(|part| part.start < byte && byte < part.end) {
                    places.push((byte, strong));
                }
            }
            before = Some((byte + c.len_utf8(), c));
        }
        let at = places.iter().position(|(_, strong)| *strong).unwrap_or(0);
        (!places.is_empty()).then(|| Self { of, step, text: text.to_owned(), places, at })
    }

    /// The text before and behind the chosen place.
    pub fn parts(&self) -> (&str, &str) {
        let (before, after) = self.text.split_at(self.places[self.at].0);
        (before.trim_end(), after)
    }

    fn go(&mut self, forward: bool, strong: bool) {
        let fits = |&at: &usize| !strong || self.places[at].1;
        let found = if forward { (self.at + 1..self.places.len()).find(fits) } else { (0..self.at).rev().find(fits) };
        self.at = found.unwrap_or(self.at);
    }
}

/// A key while the choice is open.
pub(super) fn key(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    if saving::hold_key(app, key) {
        return Vec::new();
    }
    let Some(mut split) = app.split.take() else { return Vec::new() };
    match plain(key) {
        KeyCode::Esc => {
            app.notice = Some("not split".to_owned());
            return Vec::new();
        }
        KeyCode::Enter => return cuts::split_at(app, split.of, split.step, split.places[split.at].0),
        KeyCode::Char('l') | KeyCode::Right => split.go(true, false),
        KeyCode::Char('h') | KeyCode::Left => split.go(false, false),
        KeyCode::Char('j') | KeyCode::Down => split.go(true, true),
        KeyCode::Char('k') | KeyCode::Up => split.go(false, true),
        _ => {}
    }
    app.split = Some(split);
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::PromptKey;

    fn key() -> RecordKey {
        PromptKey::of("").record()
    }

    #[test]
    fn places_are_beginnings_of_words_and_lines_are_strides() {
        let mut split = Split::of(key(), 0, "So x = 7. Then\ny = \u{3b1} now").unwrap();
        assert_eq!(split.parts(), ("So x = 7.", "Then\ny = \u{3b1} now"));
        split.go(true, true);
        assert_eq!(split.parts().1, "y = \u{3b1} now");
        split.go(true, false);
        split.go(true, false);
        assert_eq!(split.parts(), ("So x = 7. Then\ny =", "\u{3b1} now"));
        split.go(false, true);
        split.go(false, true);
        split.go(false, true);
        assert_eq!(split.parts().0, "So x = 7.");
        assert_eq!(Split::of(key(), 0, " word "), None);
        assert_eq!(Split::of(key(), 0, "$$a = b$$"), None);
        // What no rule cuts a person may: the rows of a table.
        assert_eq!(Split::of(key(), 0, "|n|f|\n|-|-|\n|1|2|").unwrap().parts(), ("|n|f|", "|-|-|\n|1|2|"));
    }
}
