//! Mathematics of steps, drawn with the signs of Unicode: faithful, or not at all.
//!
//! [`find`] says where formulas stand in a text, [`draw`] turns one into rows of cells. Only a closed list of commands is known
//! (`symbols.rs`); a formula with anything else is an error, and is shown as its source with a mark. Before a drawing is handed out
//! its signs are compared with those that a second, much simpler reader (`ink.rs`) finds in the source: each sign exactly once, and
//! on one line also in the same order. So a mistake of parser or layout costs a picture, never a sign.

mod draw;
mod drawing;
mod environment;
mod find;
mod ink;
mod names;
mod parse;
mod shapes;
mod symbols;

use std::fmt;

pub use drawing::{Drawing, Strip};
pub use find::{FORMULA_LIMIT, Formula, find};

/// How a formula is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// On one line; derivations and matrices that stand alone keep their lines.
    Line,
    /// Over as many rows as it needs.
    Tall,
}

/// Why a formula is shown as its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A command that is not on the list.
    Unknown(String),
    /// A character that cannot be drawn in its place.
    NoSign(char),
    /// There is no such form for it, on one line.
    NoForm,
    /// Braces, brackets or environments do not match.
    Unbalanced,
    /// Groups inside of groups inside of groups.
    TooDeep,
    /// The source or the drawing is too large.
    TooLarge,
    /// The drawing would not show the signs of the source.
    Unfaithful,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "\\{name} is not drawn"),
            Self::NoSign(c) => write!(f, "{c:?} is not drawn here"),
            Self::NoForm => f.write_str("no form on one line"),
            Self::Unbalanced => f.write_str("braces or environments do not match"),
            Self::TooDeep => f.write_str("nested too deeply"),
            Self::TooLarge => f.write_str("too large"),
            Self::Unfaithful => f.write_str("would not show every sign once"),
        }
    }
}

/// Draws a formula from its source without delimiters.
pub fn draw(source: &str, form: Form) -> Result<Drawing, Reason> {
    if source.len() > FORMULA_LIMIT {
        return Err(Reason::TooLarge);
    }
    let drawing = draw::draw(&parse::parse(source)?, form == Form::Tall)?;
    if is_faithful(source, &drawing, form) { Ok(drawing) } else { Err(Reason::Unfaithful) }
}

/// True when a drawing shows the signs of the source, each once; on one line in their order.
pub fn is_faithful(source: &str, drawing: &Drawing, form: Form) -> bool {
    let mut wanted = ink::signs(source);
    let mut shown = Vec::new();
    drawing.rows.iter().flat_map(Strip::inked).for_each(|c| ink::plain(c, &mut shown));
    if form == Form::Tall {
        wanted.sort_unstable();
        shown.sort_unstable();
    }
    wanted == shown
}

/// The signs of a source in plain form, in its order: what [`is_faithful`] compares with.
pub fn signs(source: &str) -> Vec<char> {
    ink::signs(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_stand_in_the_order_of_their_names() {
        assert!(names::SYMBOLS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
