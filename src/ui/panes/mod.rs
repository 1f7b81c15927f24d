//! One file a pane.

pub(super) mod bottom;
pub(super) mod choice;
pub(super) mod detail;
pub(super) mod help;
pub(super) mod list;
pub(super) mod mapping;
pub(super) mod problem;
pub(super) mod rewrite;
pub(super) mod segmenting;
pub(super) mod sheet;
pub(super) mod split;
pub(super) mod steps;
pub(super) mod strip;
pub(super) mod title;
pub(super) mod tree;

use crate::app::App;
use crate::text::Glyphs;
use crate::trace::{FirstError, Label, SolutionLabels};
use crate::typeset::{View, line};

/// The verdict on a whole solution in at most three cells: `+`, `x4`, `?`.
fn verdict(labels: &SolutionLabels, glyphs: &Glyphs) -> (String, Label) {
    match labels.first_error {
        FirstError::At(step) => (format!("x{}", step + 1), Label::Bad),
        FirstError::NoError => ("+".to_owned(), Label::Good),
        FirstError::Unlabelable => ("!".to_owned(), Label::Neutral),
        FirstError::Unknown => (glyphs.unseen.to_owned(), Label::Unseen),
    }
}

/// The beginning of a text on one line, its formulas drawn as those of the steps are.
fn one_line(app: &App, text: &str, characters: usize) -> String {
    line(text, characters, app.steps.view == View::Drawn)
}
