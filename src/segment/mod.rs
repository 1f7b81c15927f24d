//! Splitting one text into steps, by rules that are data. A split never loses a byte: lead, texts and separators re-join to the
//! text. Formulas, code blocks and LaTeX environments are never cut.

mod cuts;
mod protect;
mod sentence;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::LazyLock;

use regex::Regex;

pub use cuts::{resplit, starts};

/// Version of the rules, to be kept beside the name of the rule that was used.
pub const VERSION: u32 = 2;

/// Name under which traces keep the rule that split them.
pub const EXTRA_KEY: &str = "stepscope.segmentation";

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
    /// Around `<step>` and its end, and behind the tags that step labels refer to (`ки`, `<extra_0>`, `<prm>`). Tags stay in the text.
    Tag,
    /// [`Rule::Tag`] or [`Rule::Numbered`] when one finds two steps or more, else [`Rule::Blank`] when that does, else [`Rule::Line`].
    Auto,
}

/// All rules with the names and explanations that people see.
pub const RULES: &[(Rule, &str, &str)] = &[
    (
        Rule::Auto,
        "auto",
        "tagged or numbered steps if there are two or more, else blank lines if they give two or more, else lines",
    ),
    (Rule::Blank, "blank", "blank lines"),
    (Rule::Line, "line", "every line a step"),
    (Rule::Numbered, "numbered", "lines that begin with `Step k:` or `k.`"),
    (Rule::Sentence, "sentence", "every sentence a step"),
    (Rule::Thought, "thought", "before words like `Wait` and `Alternatively` that begin a new thought"),
    (Rule::Tag, "tag", "around `<step>` and `</step>`, behind `ки`, `<extra_0>` and `<prm>`"),
];

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = RULES.iter().find(|(rule, ..)| rule == self).map_or("", |(_, name, _)| name);
        f.write_str(name)
    }
}

/// A name that no rule has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a splitting rule ({rules}), found {0:?}", rules = names())]
pub struct UnknownRule(String);

/// Parts of a text that no rule cuts: formulas, code, environments; in ascending order.
pub fn whole_parts(text: &str) -> Vec<Range<usize>> {
    protect::regions(text)
}

fn names() -> String {
    RULES.iter().map(|(_, name, _)| *name).collect::<Vec<_>>().join(", ")
}

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(name: &str) -> Result<Self, UnknownRule> {
        let rule = RULES.iter().find(|(_, known, _)| *known == name);
        rule.map(|(rule, ..)| *rule).ok_or_else(|| UnknownRule(name.chars().take(40).collect()))
    }
}

/// One step and what stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The step: never empty, never only white space.
    pub text: &'a str,
    /// The exact white space up to the next step or the end.
    pub sep: &'a str,
}

/// A text in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pieces<'a> {
    /// White space before the first step; the whole text when there is none.
    pub lead: &'a str,
    /// The steps.
    pub pieces: Vec<Piece<'a>>,
    /// The rule that cut them; never [`Rule::Auto`].
    pub rule: Rule,
}

impl<'a> Pieces<'a> {
    /// The texts of the steps.
    pub fn texts(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.pieces.iter().map(|piece| piece.text)
    }
}

/// Cuts a text into steps.
pub fn split(text: &str, rule: Rule) -> Pieces<'_> {
    match rule {
        Rule::Blank => assemble(text, at_line_ends(text, 2), rule),
        Rule::Line => assemble(text, at_line_ends(text, 1), rule),
        Rule::Numbered => assemble(text, before_numbers(text), rule),
        Rule::Sentence => assemble(text, sentence::gaps(text), rule),
        Rule::Thought => assemble(text, sentence::thoughts(text), rule),
        Rule::Tag => assemble(text, at_tags(text), rule),
        Rule::Auto => {
            let tags = split(text, Rule::Tag);
            if tags.pieces.len() >= 2 {
                return tags;
            }
            let numbers = before_numbers(text);
            if numbers.len() >= 2 || (numbers.len() == 1 && begins_with_number(text)) {
                return assemble(text, numbers, Rule::Numbered);
            }
            let blank = split(text, Rule::Blank);
            if blank.pieces.len() >= 2 { blank } else { split(text, Rule::Line) }
        }
    }
}

/// Runs of white space with at least `ends` line ends, outside of protected regions. Indentation of the next line is no part of them.
fn at_line_ends(text: &str, ends: usize) -> Vec<Range<usize>> {
    let protected = protect::regions(text);
    let mut gaps = Vec::new();
    let mut at = 0;
    let bytes = text.as_bytes();
    while let Some(next) = memchr::memchr(b'\n', &bytes[at..]) {
        let first = at + next;
        let (mut end, mut count) = (first + 1, 1);
        // Further line ends with nothing but spaces between.
        loop {
            let rest = &bytes[end..];
            let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
            if rest.get(blanks) != Some(&b'\n') {
                break;
            }
            end += blanks + 1;
            count += 1;
        }
        let spaces = bytes[at..first].iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
        if count >= ends && !protect::covers(&protected, first) {
            gaps.push(first - spaces..end);
        }
        at = end;
    }
    gaps
}

static STEP_WORD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?m)^([ \t]*)(?:#+[ \t]*)?(?:\*\*)?(?:Step|STEP|step)[ \t]*(\d{1,4})(?:\*\*)?[ \t]*[:.)]").ok()
});
static BARE_NUMBER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m)^([ \t]*)(?:#+[ \t]*)?(?:\*\*)?(\d{1,4})[.)](?:\*\*)?[ \t]").ok());

/// Starts of the lines that number a step, each one higher than the last: a list inside a step starts again at one or is indented.
fn numbered_lines(text: &str) -> Vec<usize> {
    let protected = protect::regions(text);
    for marker in [&STEP_WORD, &BARE_NUMBER] {
        let Some(marker) = LazyLock::force(marker) else { continue };
        let (mut starts, mut expected, mut indent) = (Vec::new(), None, "");
        for found in marker.captures_iter(text) {
            let (Some(whole), Some(spaces), Some(number)) = (found.get(0), found.get(1), found.get(2)) else { continue };
            let Ok(number) = number.as_str().parse::<u32>() else { continue };
            let fits = match expected {
                None => number <= 1,
                Some(expected) => number == expected && spaces.as_str() == indent,
            };
            if fits && !protect::covers(&protected, whole.start()) {
                starts.push(whole.start());
                expected = Some(number + 1);
                indent = spaces.as_str();
            }
        }
        if starts.len() >= 2 {
            return starts;
        }
    }
    Vec::new()
}

fn begins_with_number(text: &str) -> bool {
    numbered_lines(text).first().is_some_and(|&start| text[..start].trim().is_empty())
}

static TAG: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\s*<step>|(?:</step>|\bки\b|<extra_0>|<prm>)\s*").ok());

/// The white space before each opening tag and behind each other one; none where they touch the text.
fn at_tags(text: &str) -> Vec<Range<usize>> {
    let found = LazyLock::force(&TAG).iter().flat_map(|tag| tag.find_iter(text));
    let gaps = found.map(|tag| match tag.as_str().trim() {
        "<step>" => tag.start()..tag.end() - "<step>".len(),
        _ => tag.start() + tag.as_str().trim_end().len()..tag.end(),
    });
    gaps.collect()
}

/// The white space before each numbered line but one at the very start.
fn before_numbers(text: &str) -> Vec<Range<usize>> {
    let before = |start: usize| text[..start].trim_end_matches([' ', '\t', '\r', '\n']).len();
    numbered_lines(text).into_iter().map(|start| before(start)..start).filter(|gap| gap.start > 0).collect()
}

/// Pieces of `text` between the gaps, with white space at its ends moved out of the steps.
fn assemble(text: &str, gaps: Vec<Range<usize>>, rule: Rule) -> Pieces<'_> {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    let lead_end = {
        let body = text.trim_start_matches(blank);
        // The indentation of the first line belongs to it, unless nothing else is there.
        let lead = text.len() - body.len();
        if body.is_empty() { lead } else { text[..lead].rfind('\n').map_or(0, |at| at + 1) }
    };
    let end = text.trim_end_matches(blank).len();
    let mut pieces = Vec::with_capacity(gaps.len() + 1);
    let mut start = lead_end;
    for gap in gaps.into_iter().filter(|gap| gap.start > lead_end && gap.end <= end) {
        if !text[start..gap.start].trim_matches(blank).is_empty() {
            pieces.push(Piece { text: &text[start..gap.start], sep: &text[gap.clone()] });
            start = gap.end;
        }
    }
    if start < end {
        pieces.push(Piece { text: &text[start..end], sep: &text[end..] });
    }
    Pieces { lead: &text[..lead_end], pieces, rule }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str, rule: Rule) -> Vec<&str> {
        split(text, rule).texts().collect()
    }

    #[test]
    fn blank_lines_split_and_single_line_ends_do_not() {
        assert_eq!(texts("a\nb\n \n\nc\r\n\r\nd\n", Rule::Blank), ["a\nb", "c", "d"]);
        assert_eq!(texts("a\n\n    code", Rule::Blank), ["a", "    code"]);
        assert_eq!(texts(" \n\n", Rule::Blank), Vec::<&str>::new());
    }

    #[test]
    fn formulas_code_and_environments_stay_whole() {
        let text =
            "see\n\n$$\na\n\nb\n$$\n\n```py\nx = 1\n\ny = 2\n```\n\n\\[\n\nc\n\\]\n\n\\begin{align}\n\nd\n\\end{align}\n\nend";
        assert_eq!(
            texts(text, Rule::Blank),
            ["see", "$$\na\n\nb\n$$", "```py\nx = 1\n\ny = 2\n```", "\\[\n\nc\n\\]", "\\begin{align}\n\nd\n\\end{align}", "end"]
        );
        // What is never closed protects nothing.
        assert_eq!(texts("\\[ a\n\nb", Rule::Blank), ["\\[ a", "b"]);
    }

    #[test]
    fn lines() {
        assert_eq!(texts("a\n\nb\nA: 3", Rule::Line), ["a", "b", "A: 3"]);
    }

    #[test]
    fn numbers_split_where_they_increase() {
        let text = "Plan:\nStep 1: a\n1. x\n2. y\nStep 2: b\nStep 2: again\nStep 3: c";
        assert_eq!(texts(text, Rule::Numbered), ["Plan:", "Step 1: a\n1. x\n2. y", "Step 2: b\nStep 2: again", "Step 3: c"]);
        assert_eq!(texts("1. a\n   1. sub\n   2. sub\n2. b", Rule::Numbered), ["1. a\n   1. sub\n   2. sub", "2. b"]);
        assert_eq!(texts("**Step 1:** a\n\n**Step 2:** b", Rule::Numbered), ["**Step 1:** a", "**Step 2:** b"]);
    }

    #[test]
    fn auto_takes_the_first_rule_that_finds_two_steps() {
        for (text, rule) in [
            ("Step 1: a\n\nmore\n\nStep 2: b", Rule::Numbered),
            ("Intro\n\n1. a\n2. b", Rule::Numbered),
            ("a\nb\n\nc", Rule::Blank),
            ("a\nb", Rule::Line),
            ("a", Rule::Line),
        ] {
            assert_eq!(split(text, Rule::Auto).rule, rule, "{text:?}");
        }
    }

    #[test]
    fn tags_stand_in_the_step_that_they_end() {
        let text = "Plan.\n<step>\n<p>Add.</p>\n\n<code>1+1</code>\n</step>\n<step>Two.</step><step>End.</step>";
        let steps = ["Plan.", "<step>\n<p>Add.</p>\n\n<code>1+1</code>\n</step>", "<step>Two.</step>", "<step>End.</step>"];
        assert_eq!(texts(text, Rule::Tag), steps);
        assert_eq!(split(text, Rule::Auto).rule, Rule::Tag);
        assert_eq!(texts("Step 1: a ки\nStep 2: b ки\n", Rule::Tag), ["Step 1: a ки", "Step 2: b ки"]);
        assert_eq!(texts("a<extra_0>b<extra_0>", Rule::Tag), ["a<extra_0>", "b<extra_0>"]);
        assert_eq!(texts("руки и книги", Rule::Tag), ["руки и книги"]);
    }

    #[test]
    fn names_of_rules() {
        for (rule, name, _) in RULES {
            assert_eq!(name.parse::<Rule>().unwrap(), *rule);
            assert_eq!(rule.to_string(), *name);
        }
        let unknown = "verse".parse::<Rule>().unwrap_err().to_string();
        assert_eq!(unknown, "expected a splitting rule (auto, blank, line, numbered, sentence, thought, tag), found \"verse\"");
    }

    proptest! {
        #[test]
        fn pieces_rejoin_byte_for_byte(text in r#"(?s)([ab\n \t\r]|\n\n|</?step>|ки|<prm>|Step [12]:|[12]\. |\$\$|```|\\\[|\\\]|\\begin\{a\}|\\end\{a\}|é|Wait|[.?!] |。|["($)]|.){0,40}"#) {
            for (rule, ..) in RULES {
                let pieces = split(&text, *rule);
                let mut joined = pieces.lead.to_owned();
                for piece in &pieces.pieces {
                    prop_assert!(!piece.text.trim_matches([' ', '\t', '\r', '\n']).is_empty());
                    joined.push_str(piece.text);
                    joined.push_str(piece.sep);
                }
                prop_assert_eq!(&joined, &text);
                prop_assert_ne!(pieces.rule, Rule::Auto);
            }
        }
    }
}
