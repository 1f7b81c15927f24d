//! The signs of a formula, read straight from its source: what a faithful drawing shows, each exactly once.
//!
//! This reader knows nothing of trees and layout. A drawing whose signs differ from its result is not shown.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::parse::{command_name, group_len};
use super::symbols::{Command, Font, command, lettered, negated, subscript, superscript};

/// What stands for a letter or digit in another form.
static PLAIN: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let signs: Vec<char> = (' '..='~').chain(['\u{2032}', '\u{2218}']).collect();
    let mut plain = HashMap::new();
    for c in signs.iter().copied() {
        let fonts = [Font::Double, Font::Script, Font::Fraktur].into_iter().filter_map(|font| lettered(c, font));
        plain.extend(fonts.chain(superscript(c)).chain(subscript(c)).map(|form| (form, c)));
    }
    // Pieces of tall brackets; floors and ceilings share theirs with square brackets.
    let pieces =
        [('(', "⎛⎜⎝"), (')', "⎞⎟⎠"), ('[', "⎡⎢⎣⌊⌈"), (']', "⎤⎥⎦⌋⌉"), ('{', "⎧⎩⎨"), ('}', "⎫⎬⎭"), ('|', "│∣"), ('‖', "║")];
    plain.extend(pieces.into_iter().flat_map(|(sign, pieces)| pieces.chars().map(move |piece| (piece, sign))));
    plain.extend([('\'', '\u{2032}'), ('\u{27e8}', '<'), ('\u{27e9}', '>'), ('∛', '3'), ('∜', '4')]);
    plain
});

/// A drawn or written sign in its plain form.
pub(super) fn plain(c: char, out: &mut Vec<char>) {
    match c {
        '≟' => out.extend(['?', '=']),
        c => out.push(PLAIN.get(&c).copied().unwrap_or(c)),
    }
}

/// The signs of a source, in its order.
pub(super) fn signs(source: &str) -> Vec<char> {
    let mut out = Vec::new();
    read(source, &mut out);
    out
}

fn read(source: &str, out: &mut Vec<char>) {
    let mut at = 0;
    while let Some(c) = source.get(at..).and_then(|rest| rest.chars().next()) {
        at += c.len_utf8();
        let rest = source.get(at..).unwrap_or_default();
        match c {
            '\\' => {
                let (name, len) = command_name(rest);
                at += len;
                at += read_command(name, rest.get(len..).unwrap_or_default(), out);
            }
            '{' | '}' | '^' | '_' | '&' | '$' | '~' => {}
            c if c.is_whitespace() => {}
            c => plain(c, out),
        }
    }
}

/// Reads what belongs to a command only; returns how many bytes of `rest` that are.
fn read_command(name: &str, rest: &str, out: &mut Vec<char>) -> usize {
    let optional =
        |rest: &str| if rest.starts_with('[') { rest.find(']').filter(|end| *end < 12).map_or(0, |end| end + 1) } else { 0 };
    let Some(command) = command(name) else { return 0 };
    match command {
        Command::Symbol(c, _) => plain(c, out),
        Command::Name(text, _) => text.chars().for_each(|c| plain(c, out)),
        Command::Skip(n) => {
            return (0..n).fold(0, |at, _| at + rest.get(at..).and_then(group_len).unwrap_or(0));
        }
        Command::Fraction | Command::NewRow => return optional(rest),
        Command::Root => {
            let lead = rest.len() - rest.trim_start().len();
            let inside = rest.get(lead..).unwrap_or_default();
            if inside.starts_with('[')
                && let Some(end) = closing_bracket(inside)
            {
                read(inside.get(1..end).unwrap_or_default(), out);
                return lead + end + 1;
            }
        }
        Command::Left | Command::Right => {
            let lead = rest.len() - rest.trim_start().len();
            return if rest.get(lead..).is_some_and(|rest| rest.starts_with('.')) { lead + 1 } else { 0 };
        }
        Command::Begin | Command::End => {
            let name = group_len(rest).unwrap_or(0);
            if command == Command::End {
                return name;
            }
            let len = name + optional(rest.get(name..).unwrap_or_default());
            let spec = rest.get(..name) == Some("{array}");
            return len + if spec { rest.get(len..).and_then(group_len).unwrap_or(0) } else { 0 };
        }
        Command::Not => {
            let lead = rest.len() - rest.trim_start_matches(['{', ' ']).len();
            let inside = rest.get(lead..).unwrap_or_default();
            let (sign, len) = match inside.strip_prefix('\\') {
                Some(more) => {
                    let (name, len) = command_name(more);
                    let sign = match super::symbols::command(name) {
                        Some(Command::Symbol(c, _)) => Some(c),
                        _ => None,
                    };
                    (sign, len + 1)
                }
                None => (inside.chars().next(), inside.chars().next().map_or(0, char::len_utf8)),
            };
            if let Some(sign) = sign.and_then(negated) {
                plain(sign, out);
            }
            return lead + len;
        }
        Command::Pmod => "mod".chars().for_each(|c| out.push(c)),
        _ => {}
    }
    0
}

/// Where the bracket that opens `text` closes.
fn closing_bracket(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.checked_sub(1)?,
            b']' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}
