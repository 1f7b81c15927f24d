//! What an editor shows below a text that is written in it, and how that is cut off again: behind a line with scissors, as the messages of
//! commits have it.

use crate::text::safe;

/// The line from which on everything is cut off.
const SCISSORS: &str = "# ------------------------ >8 ------------------------";

/// What is appended to the text: the line with the scissors, and what the text is about, commented out.
pub fn below(about: &str) -> String {
    let lines = safe(about).lines().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect::<String>();
    // Editors look for settings in the first and in the last lines of a file: none of a trace stands there.
    format!(
        "\n{SCISSORS}\n# What stands from this line on is cut off.\n#\n#\n{lines}#\n#\n# Above the scissors stands what is wrong with this step.\n\
         # An empty text takes it away.\n#\n"
    )
}

/// The text above the scissors; all of it where there are none.
pub fn cut(text: &str) -> &str {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_end() == SCISSORS {
            return &text[..at];
        }
        at += line.len();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_cut_off_whatever_it_says() {
        for about in
            ["", "a step\n\nof two paragraphs", "------------------------ >8 ------------------------\nvim: set x", "\u{1b}[2J"]
        {
            let below = below(about);
            for text in ["", "The sign is lost.", "Two\nlines\n"] {
                assert_eq!(cut(&format!("{text}{below}")).trim(), text.trim());
            }
            assert!(below.lines().skip(1).all(|line| line.starts_with('#')) && !below.contains('\u{1b}'), "{below}");
            assert!(below.lines().take(5).chain(below.lines().rev().take(5)).all(|line| !line.contains("vim:")), "{below}");
        }
        assert_eq!(cut("no scissors\n"), "no scissors\n");
        assert_eq!(cut("Windows\r\n# ------------------------ >8 ------------------------\r\n# x"), "Windows\r\n");
    }
}
