//! Spaces, tabs and line ends as signs.

use std::fmt::Write;

use crate::text::{Safe, safe};

/// A text with every invisible sign shown. Line ends keep breaking the line behind their sign.
pub(super) fn shown(text: &str) -> Safe {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for c in text.chars() {
        match c {
            ' ' => out.push('\u{b7}'),
            '\t' => out.push_str("\u{2192}   "),
            '\r' => out.push('\u{240d}'),
            '\n' => out.push_str("\u{21b5}\n"),
            '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "<U+{:04X}>", u32::from(c));
            }
            c => out.push(c),
        }
    }
    safe(&out)
}
