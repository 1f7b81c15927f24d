//! A text of a file as it is read: mathematics drawn ([`crate::math`]) or left as its source with a mark, Markdown as it is meant, in
//! rows of a given width.
//!
//! A [`Page`] is made once for a text and a width, kept, and drawn from. It remembers which bytes of the source each piece of the
//! drawn text stands for, so that search hits, code colours and changed words find their place in every view.

pub mod align;
pub mod diff;
mod fences;
mod flow;
mod invisible;
mod markdown;

use std::ops::Range;

pub use fences::{Fence, fences};

use crate::math::{Form, Reason};
use crate::text::{Safe, WrapOptions, Wrapped, safe, wrap};

/// What the steps pane shows of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// Mathematics and Markdown drawn.
    #[default]
    Drawn,
    /// The text as it stands in the file.
    Plain,
    /// The same with spaces, tabs and line ends made visible.
    Raw,
}

impl View {
    /// The next one in the circle.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Drawn => Self::Plain,
            Self::Plain => Self::Raw,
            Self::Raw => Self::Drawn,
        }
    }

    /// Its name in commands and in label events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drawn => "math",
            Self::Plain => "plain",
            Self::Raw => "raw",
        }
    }
}

/// How a text is set: all that its rows depend on but the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Setting {
    /// What is shown.
    pub view: View,
    /// Formulas may take several rows.
    pub tall: bool,
    /// Cells of a row, and how rows break.
    pub wrap: WrapOptions,
}

impl Setting {
    /// A text as it stands, `width` cells wide.
    pub fn plain(width: usize) -> Self {
        Self { view: View::Plain, tall: false, wrap: WrapOptions::new(width) }
    }

    fn form(self) -> Form {
        if self.tall { Form::Tall } else { Form::Line }
    }
}

/// What a part of the drawn text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// A formula that could not be drawn: its source.
    Source,
    /// Something that stands for no sign of the source: brackets of a fraction.
    Added,
    /// Bold: by Markdown, or a bold letter of a formula.
    Strong,
    /// Italics.
    Emphasis,
    /// Code in a line.
    Code,
    /// Markup that stays: backquotes and fences around code, marks of a calculator.
    Syntax,
}

/// A piece of the drawn text and the source that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    drawn: Range<usize>,
    source: Range<usize>,
    /// Byte for byte the same; otherwise the piece stands for its source as a whole.
    verbatim: bool,
}

/// A text set in rows.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Page {
    /// The text as it may be shown: what all positions from outside refer to.
    pub source: Safe,
    /// What is drawn.
    pub text: Safe,
    /// Its rows.
    pub wrapped: Wrapped,
    /// What is not ordinary text, as ascending and disjoint ranges of the drawn text.
    pub inks: Vec<(Range<usize>, Ink)>,
    /// Ascending in the drawn text; empty when source and drawn text are the same.
    pieces: Vec<Piece>,
    /// Why formulas were left as they stand, one entry a formula.
    pub left_out: Vec<Reason>,
}

impl Page {
    /// A text as it stands, wrapped to a width.
    pub fn plain(text: &str, width: usize) -> Self {
        Self::new(text, Setting::plain(width))
    }

    /// A text in rows.
    pub fn new(text: &str, setting: Setting) -> Self {
        if text.trim().is_empty() && setting.view != View::Raw {
            return Self::verbatim(safe("(empty)"), setting);
        }
        match setting.view {
            View::Drawn => flow::page(safe(text), setting),
            View::Plain => Self::verbatim(safe(text), setting),
            View::Raw => Self::verbatim(invisible::shown(text), setting),
        }
    }

    fn verbatim(text: Safe, setting: Setting) -> Self {
        let wrapped = wrap(&text, setting.wrap);
        Self { source: text.clone(), text, wrapped, ..Self::default() }
    }

    /// Number of rows, at least 1.
    pub fn rows(&self) -> usize {
        self.wrapped.height()
    }

    /// The row in which a byte of the source is drawn, or what comes behind it where it is not.
    pub fn row_of(&self, source: usize) -> usize {
        let at = self.pieces.partition_point(|piece| piece.source.end <= source);
        let drawn = match self.pieces.get(at) {
            Some(piece) if piece.verbatim => piece.drawn.start + source.saturating_sub(piece.source.start),
            Some(piece) => piece.drawn.start,
            None if self.pieces.is_empty() => source,
            None => self.text.len(),
        };
        self.wrapped.row_at(drawn)
    }

    /// The source that stands in a part of the drawn text; formulas in it are covered as a whole, words as far as they stand in it.
    pub fn source_of(&self, drawn: Range<usize>) -> Range<usize> {
        if self.pieces.is_empty() {
            return drawn;
        }
        let source = |piece: &Piece| {
            let (before, behind) = (drawn.start.max(piece.drawn.start), drawn.end.min(piece.drawn.end));
            let inside = before - piece.drawn.start + piece.source.start..behind - piece.drawn.start + piece.source.start;
            if piece.verbatim { inside } else { piece.source.clone() }
        };
        let ranges = || self.pieces_in(&drawn).iter().map(source);
        let (start, end) = (ranges().map(|range| range.start).min(), ranges().map(|range| range.end).max());
        start.unwrap_or(0)..end.unwrap_or(0)
    }

    fn pieces_in(&self, drawn: &Range<usize>) -> &[Piece] {
        let from = self.pieces.partition_point(|piece| piece.drawn.end <= drawn.start);
        let until = self.pieces.partition_point(|piece| piece.drawn.start < drawn.end);
        self.pieces.get(from..until).unwrap_or_default()
    }

    /// Where runs over the source (ascending, disjoint) stand in the part `drawn` of the drawn text: ascending and disjoint again.
    pub fn places<T: Clone>(&self, drawn: &Range<usize>, runs: &[(Range<usize>, T)]) -> Vec<(Range<usize>, T)> {
        let touching = |range: &Range<usize>| {
            let from = runs.partition_point(|(run, _)| run.end <= range.start);
            let until = runs.partition_point(|(run, _)| run.start < range.end);
            runs.get(from..until).unwrap_or_default()
        };
        if self.pieces.is_empty() {
            return touching(drawn).to_vec();
        }
        let mut found = Vec::new();
        for piece in self.pieces_in(drawn) {
            let runs = touching(&piece.source);
            if piece.verbatim {
                found.extend(runs.iter().map(|(run, value)| {
                    let at =
                        |byte: usize| byte.clamp(piece.source.start, piece.source.end) - piece.source.start + piece.drawn.start;
                    (at(run.start)..at(run.end), value.clone())
                }));
            } else {
                found.extend(runs.first().map(|(_, value)| (piece.drawn.clone(), value.clone())));
            }
        }
        found
    }
}
