//! The beginning of a text on one line, for lists and trees.

use crate::math::{Form, draw, find};

/// Bytes of the source that are looked at for each character of the line: formulas are longer in their source than as they are drawn.
const SOURCE: usize = 6;

/// The beginning of a text on one line, about so many characters: white space of any kind becomes one space. Reads no more of the text than
/// it needs. Where `drawn` is set, formulas are drawn, or stand as their source.
pub fn line(text: &str, characters: usize, drawn: bool) -> String {
    let flat = flat(text, if drawn { characters.saturating_mul(SOURCE) } else { characters });
    if !drawn || !flat.contains(['$', '\\']) {
        return if drawn { cut(flat, characters) } else { flat };
    }
    let mut line = String::with_capacity(flat.len());
    let mut at = 0;
    for formula in find(&flat, &[]) {
        if line.len() >= characters.saturating_mul(4) {
            break;
        }
        let drawing = flat.get(formula.source.clone()).and_then(|source| draw(source, Form::Line).ok());
        let Some(row) = drawing.as_ref().and_then(|drawing| drawing.rows.first()) else { continue };
        line.push_str(flat.get(at..formula.range.start).unwrap_or_default());
        line.push_str(row.text.trim());
        at = formula.range.end;
    }
    line.push_str(flat.get(at..).unwrap_or_default());
    cut(line, characters)
}

/// A final answer: LaTeX, mostly without delimiters, drawn where it can be.
pub fn answer(text: &str) -> String {
    let bare = text.contains('\\') && !text.contains('$');
    let drawing = bare.then(|| draw(text, Form::Line).ok()).flatten();
    match drawing.as_ref().and_then(|drawing| drawing.rows.first()) {
        Some(row) => row.text.trim().to_owned(),
        None => line(text, text.len().min(200), true),
    }
}

fn cut(mut line: String, characters: usize) -> String {
    if let Some((end, _)) = line.char_indices().nth(characters.saturating_add(1)) {
        line.truncate(end);
    }
    line
}

fn flat(text: &str, characters: usize) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_drawn_where_they_can_be() {
        assert_eq!(line("What is\n $\\pi \\cdot r^2$?", 80, true), "What is π · r²?");
        assert_eq!(line("What is\n $\\pi$?", 80, false), "What is $\\pi$?");
        assert_eq!(line(r"left $\unknowncommand{x}$ as it is", 80, true), r"left $\unknowncommand{x}$ as it is");
        assert_eq!(line(" \n", 80, true), "(empty)");
    }

    #[test]
    fn answers_need_no_dollars() {
        assert_eq!(answer(r"\frac{3\pi}{4}"), line(r"$\frac{3\pi}{4}$", 40, true));
        assert_eq!(answer("150 dollars"), "150 dollars");
        assert_eq!(answer(r"\unknowncommand"), r"\unknowncommand");
    }

    #[test]
    fn only_the_beginning_is_read() {
        let long = r"$\frac{1}{2}$ and ".repeat(100_000);
        assert!(line(&long, 40, true).chars().count() <= 41);
        assert!(line(&"x".repeat(1 << 20), 40, false).chars().count() <= 41);
    }
}
