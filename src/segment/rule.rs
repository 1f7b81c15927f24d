//! The rules by which texts are cut: names, parameters and what people read of them.

use std::fmt;
use std::str::FromStr;

/// Version of the rules: another one wherever some text is cut in another way than before.
pub const VERSION: u32 = 4;

/// How a text is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// At blank lines (spaces on them are allowed).
    Blank,
    /// At line ends; blank lines make no steps.
    Line,
    /// Before lines that begin with `Step k:` or `k.`, in increasing order.
    Numbered,
    /// Behind each sentence: not after abbreviations, initials and numbers of lists, not inside of brackets, quotes and formulas.
    Sentence,
    /// Before lines and sentences with which a long chain of thought changes its course: `Wait`, `Alternatively`, `Let me check`.
    Thought,
    /// Around `<step>` and its end, which stay in the text, and at the tags that step labels refer to
    /// ([`STEP_TAGS`](crate::trace::STEP_TAGS)), which do not.
    Tag,
    /// [`Rule::Tag`] or [`Rule::Numbered`] when one finds two steps or more, else [`Rule::Blank`] when that does, else [`Rule::Line`].
    /// Bare numbers do not count when one of their steps has more than two paragraphs: they are a list in the midst of the solution.
    Auto,
    /// At a text of one's own, which stays: before it where it only begins lines, around it and its end where it is a tag that has one,
    /// else behind it.
    Marker(Marker),
    /// Into pieces of at most so many characters (1 or more), at the last end of a sentence in reach, else between words. A formula,
    /// code or a word that is longer stays whole.
    Length(u32),
    /// By another rule, with each step of fewer characters (1 to [`SHORT_MOST`]) joined to the next one, the last to the one before.
    Merged(&'static Rule, u16),
}

/// A rule with the name and the explanation that people see.
pub type Row = (Rule, &'static str, &'static str);

/// The rules that look for the steps that a text has.
pub const RULES: &[Row] = &[
    (
        Rule::Auto,
        "auto",
        "tagged steps, `Step k:` or a list `k.` of short items if there are two or more, else blank lines, else lines",
    ),
    (Rule::Blank, "blank", "blank lines"),
    (Rule::Line, "line", "every line a step"),
    (Rule::Numbered, "numbered", "lines that begin with `Step k:` or `k.`"),
    (Rule::Sentence, "sentence", "every sentence a step"),
    (Rule::Thought, "thought", "before words like `Wait` and `Alternatively` that begin a new thought"),
    (
        Rule::Tag,
        "tag",
        "around `<step>` and `</step>`, at `ки`, `<extra_0>` and `<prm>`, which go; `tag:TEXT` at a text of your own, which stays",
    ),
];

/// What asks only how much stands in a step: readers that look for the rule of a file do not try it.
static BY_SIZE: [Row; 1] = [(
    Rule::Length(400),
    "length",
    "at most 400 characters a step, cut behind a sentence, else between words; `length:N` at most N",
)];

/// Fewest characters of a step that are offered where short ones are joined; it happens only where it is asked for.
pub const SHORT: u16 = 20;
/// Most that can be asked for.
pub const SHORT_MOST: u16 = 1000;

/// What is to be said of joining short steps.
pub const SHORT_HELP: &str = "`+M` behind a rule joins a step of fewer than M characters to the next one, as in `sentence+20`";

/// All rules that have a name, in the order in which people see them.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    RULES.iter().chain(&BY_SIZE)
}

impl Rule {
    /// The name of its row, without parameters.
    pub fn name(self) -> &'static str {
        let row = match self {
            Self::Marker(_) => Self::Tag,
            Self::Length(_) => BY_SIZE[0].0,
            Self::Merged(rule, _) => *rule,
            rule => rule,
        };
        rows().find(|(rule, ..)| *rule == row).map_or("", |(_, name, _)| name)
    }

    /// The same rule with steps of fewer characters joined to the next ones; 0 joins none. What goes by size or by a text of one's own
    /// makes the steps that were asked for.
    #[must_use]
    pub fn merging(self, under: u16) -> Self {
        match self {
            Self::Merged(rule, _) => rule.merging(under),
            rule if under == 0 => rule,
            rule => RULES.iter().find(|(known, ..)| *known == rule).map_or(rule, |(known, ..)| Self::Merged(known, under)),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Marker(marker) => write!(f, ":{}", marker.as_str()),
            Self::Length(most) if *self != BY_SIZE[0].0 => write!(f, ":{most}"),
            Self::Merged(_, under) => write!(f, "+{under}"),
            _ => Ok(()),
        }
    }
}

/// A text at which steps are cut: no white space around it, no control characters, at most [`Marker::MOST`] bytes. It lies in place, so
/// that rules can be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Marker {
    bytes: [u8; Self::MOST],
    len: usize,
}

impl Marker {
    /// Most bytes.
    pub const MOST: usize = 40;

    fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut bytes = [0; Self::MOST];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        let fits = !text.is_empty() && !text.contains(char::is_control);
        fits.then_some(Self { bytes, len: text.len() })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

/// What is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct RuleError {
    /// What can stand there.
    pub expected: String,
    /// The beginning of what does.
    pub found: String,
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let error = |expected: String, found: &str| RuleError { expected, found: found.chars().take(Marker::MOST).collect() };
        if let Some(literal) = text.strip_prefix("tag:") {
            let expected = || format!("a text of 1 to {} bytes behind tag:", Marker::MOST);
            return Marker::new(literal).map(Self::Marker).ok_or_else(|| error(expected(), literal));
        }
        if let Some(number) = text.strip_prefix("length:") {
            let most = number.parse().ok().filter(|&most: &u32| most > 0).map(Self::Length);
            return most.ok_or_else(|| error(format!("a number of characters from 1 to {} behind length:", u32::MAX), number));
        }
        if let Some((name, number)) = text.rsplit_once('+')
            && let Some((rule, ..)) = RULES.iter().find(|(_, known, _)| *known == name)
        {
            let under = number.parse().ok().filter(|under| *under <= SHORT_MOST);
            let expected = || format!("a number of characters from 0 to {SHORT_MOST} behind {name}+");
            return under.map(|under| rule.merging(under)).ok_or_else(|| error(expected(), number));
        }
        let found = rows().find(|(_, name, _)| *name == text).map(|(rule, ..)| *rule);
        found.ok_or_else(|| {
            let known: Vec<_> = rows().map(|(_, name, _)| *name).collect();
            error(format!("{}, tag:TEXT, length:N or, of all but these two, RULE+M", known.join(", ")), text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rule_is_called_reads_as_that_rule() {
        for (rule, name, _) in rows() {
            assert_eq!((name.parse::<Rule>().unwrap(), rule.to_string().as_str()), (*rule, *name));
        }
        for text in ["tag:<|step|>", "tag:a+20", "tag:###", "length:7", "sentence+20", "auto+1"] {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
        }
        assert_eq!("blank+0".parse::<Rule>().unwrap(), Rule::Blank);
        assert_eq!("length:400".parse::<Rule>().unwrap().to_string(), "length");
        assert_eq!("sentence+20".parse::<Rule>().unwrap().merging(0), Rule::Sentence);
    }

    #[test]
    fn what_is_no_rule_is_told_what_could_stand_there() {
        for (text, said) in [
            (
                "verse",
                "expected auto, blank, line, numbered, sentence, thought, tag, length, tag:TEXT, length:N or, of all but these two, \
                 RULE+M, found \"verse\"",
            ),
            ("tag: ", "expected a text of 1 to 40 bytes behind tag:, found \" \""),
            ("tag:a\u{1b}[2J", "expected a text of 1 to 40 bytes behind tag:, found \"a\\u{1b}[2J\""),
            ("length:0", "expected a number of characters from 1 to 4294967295 behind length:, found \"0\""),
            ("length:5+20", "expected a number of characters from 1 to 4294967295 behind length:, found \"5+20\""),
            ("line+1001", "expected a number of characters from 0 to 1000 behind line+, found \"1001\""),
        ] {
            assert_eq!(text.parse::<Rule>().unwrap_err().to_string(), said);
        }
        for text in ["length+20", "sentence+20+20", "+20", ""] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
        assert!(format!("tag:{}", "é".repeat(21)).parse::<Rule>().is_err());
    }
}
