//! One file a pane.

pub(super) mod answers;
pub(super) mod bottom;
pub(super) mod choice;
pub(super) mod clusters;
pub(super) mod detail;
pub(super) mod help;
mod hints;
pub(super) mod list;
pub(super) mod mapping;
pub(super) mod pair;
pub(super) mod picker;
pub(super) mod problem;
pub(super) mod rewrite;
pub(super) mod segmenting;
pub(super) mod sheet;
pub(super) mod split;
pub(super) mod steps;
pub(super) mod strip;
pub(super) mod title;
pub(super) mod tree;

use crate::text::Glyphs;
use crate::trace::{FirstError, Label, SolutionLabels};

/// The verdict on a whole solution in at most three cells: `+`, `x4`, `?`.
fn verdict(labels: &SolutionLabels, glyphs: &Glyphs) -> (String, Label) {
    match labels.first_error {
        FirstError::At(step) => (format!("x{}", step + 1), Label::Bad),
        FirstError::NoError => ("+".to_owned(), Label::Good),
        FirstError::Unlabelable => ("!".to_owned(), Label::Neutral),
        FirstError::Unknown => (glyphs.unseen.to_owned(), Label::Unseen),
    }
}

/// The beginning of a text on one line: white space of any kind becomes one space. Reads no more of the text than it gives.
fn one_line(text: &str, characters: usize) -> String {
    let mut line = String::new();
    let mut count = 0;
    for word in text.split_whitespace() {
        if count >= characters {
            return line;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().take(characters));
        count += word.chars().take(characters).count() + 1;
    }
    if line.is_empty() {
        line.push_str("(empty)");
    }
    line
}

/// Bytes up to a word with which a text begins like the one beside it, where they are so many that what differs might be out of sight.
fn alike(here: &str, other: &str) -> usize {
    const LONG: usize = 20;
    let pairs = here.chars().zip(other.char_indices());
    let same = pairs.take_while(|(a, (_, b))| a == b).last().map_or(0, |(_, (at, sign))| at + sign.len_utf8());
    let word = other[..same].rfind(' ').map_or(0, |space| space + 1);
    if word < LONG { 0 } else { word }
}
