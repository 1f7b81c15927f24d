//! Where a long chain of thought changes its course, and how: thoughts are the upper level of its outline, steps the lower one.

use std::ops::Range;

use super::{Whole, apart, at_line_ends, sentence};

/// What a thought does with what stands before it, as far as the words with which it begins tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It tries another way.
    Explore,
    /// It checks what stands there.
    Verify,
    /// It doubts or drops what stands there.
    Backtrack,
    /// It gives the answer.
    Conclude,
}

impl Turn {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Explore => "explore",
            Self::Verify => "verify",
            Self::Backtrack => "backtrack",
            Self::Conclude => "conclude",
        }
    }
}

/// Beginnings of thoughts.
const MARKERS: &[(&str, Turn)] = &[
    ("Wait", Turn::Backtrack),
    ("But wait", Turn::Backtrack),
    ("Hold on", Turn::Backtrack),
    ("Hmm", Turn::Backtrack),
    ("Actually", Turn::Backtrack),
    ("Let me reconsider", Turn::Backtrack),
    ("On second thought", Turn::Backtrack),
    ("Going back", Turn::Backtrack),
    ("Oh", Turn::Backtrack),
    ("等等", Turn::Backtrack),
    ("等一下", Turn::Backtrack),
    ("不对", Turn::Backtrack),
    ("重新考虑", Turn::Backtrack),
    ("其实", Turn::Backtrack),
    ("Alternatively", Turn::Explore),
    ("Another approach", Turn::Explore),
    ("Another way", Turn::Explore),
    ("Let me try", Turn::Explore),
    ("换个思路", Turn::Explore),
    ("换一种方法", Turn::Explore),
    ("另一种方法", Turn::Explore),
    ("Let me check", Turn::Verify),
    ("Let me recheck", Turn::Verify),
    ("Let me re-check", Turn::Verify),
    ("Let me verify", Turn::Verify),
    ("Let me double-check", Turn::Verify),
    ("Let me double check", Turn::Verify),
    ("让我检查", Turn::Verify),
    ("让我验证", Turn::Verify),
    ("让我再", Turn::Verify),
    ("So the answer", Turn::Conclude),
    ("Therefore the answer", Turn::Conclude),
    ("Therefore, the answer", Turn::Conclude),
    ("所以答案", Turn::Conclude),
    ("因此答案", Turn::Conclude),
];

/// How a text begins a new thought, by its first words ([`Rule::Thought`](super::Rule::Thought) cuts before these); `None` where it goes on with the one before.
pub fn turn(text: &str) -> Option<Turn> {
    let text = text.trim_start_matches([' ', '\t', '*', '>']);
    let begins = |(marker, _): &&(&str, Turn)| {
        // `Oh` is no beginning of `Ohm`; Chinese has no spaces between words.
        text.strip_prefix(marker).is_some_and(|rest| !marker.is_ascii() || !rest.starts_with(char::is_alphanumeric))
    };
    MARKERS.iter().find(begins).map(|(_, turn)| *turn)
}

/// The white space before each line or sentence that begins with a marker.
pub(super) fn gaps(text: &str, whole: Whole) -> Vec<Range<usize>> {
    let mut all = sentence::gaps(text, whole);
    all.extend(at_line_ends(text, 1, whole));
    all.retain(|gap| turn(&text[gap.end..]).is_some());
    // A line end behind a full stop was found twice.
    apart(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{Rule, split};

    fn texts(text: &str, rule: Rule) -> Vec<&str> {
        split(text, rule).texts().collect()
    }

    #[test]
    fn thoughts_begin_with_a_marker_at_a_line_or_a_sentence() {
        let text = "Add 2. That is 5.\n\nSo 7. Wait, that is wrong. I wait. Alternatively\nwe try 4\nHmm, Ohm. Ohm's law. Oh no. 等等，不是。";
        assert_eq!(
            texts(text, Rule::Thought),
            [
                "Add 2. That is 5.\n\nSo 7.",
                "Wait, that is wrong. I wait.",
                "Alternatively\nwe try 4",
                "Hmm, Ohm. Ohm's law.",
                "Oh no.",
                "等等，不是。"
            ]
        );
        assert_eq!(texts("```\nWait\n```\n**But wait**, no", Rule::Thought), ["```\nWait\n```", "**But wait**, no"]);
    }

    #[test]
    fn the_first_words_tell_what_a_thought_does() {
        for (text, turn_) in [
            ("Alternatively, add 3.", Some(Turn::Explore)),
            ("**Let me check** this.", Some(Turn::Verify)),
            ("Let me double-check.", Some(Turn::Verify)),
            ("  Wait, no.", Some(Turn::Backtrack)),
            ("不对，是三。", Some(Turn::Backtrack)),
            ("So the answer is 3.", Some(Turn::Conclude)),
            ("Ohm's law. Wait.", None),
            ("", None),
        ] {
            assert_eq!(turn(text), turn_, "{text:?}");
        }
    }
}
