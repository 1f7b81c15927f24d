//! Splitting one text into steps, by rules that are data. A split never loses a byte: lead, texts and separators re-join to the
//! text. Formulas, code blocks and LaTeX environments are never cut, tables only where a reader cuts. Tags that only mark the end of a step
//! are separators.

mod cuts;
mod kept;
mod length;
mod protect;
mod rule;
mod sentence;
mod tags;
mod thought;

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

pub use cuts::{MANY, resplit, starts};
pub use kept::{EXTRA_KEY, recall, stamp};
pub use rule::{Marker, RULES, Row, Rule, RuleError, SHORT, SHORT_HELP, SHORT_MOST, VERSION, rows};
pub use thought::{Turn, turn};

/// White space around steps.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// Finds the parts of a text that are not cut, in ascending order.
type Whole = fn(&str) -> Vec<Range<usize>>;

/// Parts of a text of which a half is no step: formulas, code, environments; in ascending order.
pub fn whole_parts(text: &str) -> Vec<Range<usize>> {
    protect::closed(text)
}

/// One step and what stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The step: never empty, never only white space.
    pub text: &'a str,
    /// What stands up to the next step or the end: white space, and the tags of [`Rule::Tag`].
    pub sep: &'a str,
}

/// A text in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pieces<'a> {
    /// What stands before the first step, white space or tags; the whole text when there is none.
    pub lead: &'a str,
    /// The steps.
    pub pieces: Vec<Piece<'a>>,
    /// The rule that cut them; never [`Rule::Auto`], nor that with short steps joined.
    pub rule: Rule,
}

impl<'a> Pieces<'a> {
    /// The texts of the steps.
    pub fn texts(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.pieces.iter().map(|piece| piece.text)
    }
}

/// Cuts a text into steps, as readers do. Labels are found by the steps, so a text keeps its pieces of earlier versions: those cut tables.
pub fn split(text: &str, rule: Rule) -> Pieces<'_> {
    cut(text, rule, protect::closed)
}

/// Cuts a text by a rule that somebody chose: tables stay whole as well.
fn split_anew(text: &str, rule: Rule) -> Pieces<'_> {
    cut(text, rule, protect::regions)
}

fn cut(text: &str, rule: Rule, whole: Whole) -> Pieces<'_> {
    match rule {
        Rule::Blank => assemble(text, at_line_ends(text, 2, whole), rule),
        Rule::Line => assemble(text, at_line_ends(text, 1, whole), rule),
        Rule::Numbered => assemble(text, before_numbers(text, whole).1, rule),
        Rule::Sentence => assemble(text, sentence::gaps(text, whole), rule),
        Rule::Thought => assemble(text, thought::gaps(text, whole), rule),
        Rule::Tag => assemble(text, tags::gaps(text), rule),
        Rule::Marker(marker) => assemble(text, tags::at(text, marker.as_str(), whole), rule),
        Rule::Length(most) => assemble(text, length::gaps(text, most as usize, whole), rule),
        Rule::Merged(by, under) => {
            let fine = cut(text, *by, whole);
            Pieces { pieces: length::merged(text, &fine, under.into()), rule: fine.rule.merging(under), ..fine }
        }
        Rule::Auto => auto(text, whole),
    }
}

/// Paragraphs of one item of a list whose items are the steps: more of them stand behind a list, not in it.
const PARAGRAPHS: usize = 2;

fn auto(text: &str, whole: Whole) -> Pieces<'_> {
    let tags = cut(text, Rule::Tag, whole);
    if tags.pieces.len() >= 2 {
        return tags;
    }
    let (numbers, gaps) = before_numbers(text, whole);
    if gaps.len() >= 2 || (gaps.len() == 1 && begins_with_number(text, whole)) {
        let items = assemble(text, gaps, Rule::Numbered);
        let short = |item: &str| cut(item, Rule::Blank, whole).pieces.len() <= PARAGRAPHS;
        if numbers == Numbers::Steps || items.texts().all(short) {
            return items;
        }
    }
    let several =
        [Rule::Blank, Rule::Line].into_iter().map(|rule| cut(text, rule, whole)).find(|pieces| pieces.pieces.len() >= 2);
    several.unwrap_or_else(|| {
        let tagged = tags.pieces.iter().any(|piece| !piece.sep.trim().is_empty()) || !tags.lead.trim().is_empty();
        if tagged { tags } else { cut(text, Rule::Line, whole) }
    })
}

/// In order; of gaps that overlap or begin together the first one.
fn apart(mut gaps: Vec<Range<usize>>) -> Vec<Range<usize>> {
    gaps.sort_by_key(|gap| (gap.start, gap.end));
    gaps.dedup_by(|next, gap| next.start < gap.end || next.start == gap.start);
    gaps
}

/// Runs of white space with at least `ends` line ends, outside of protected regions. Indentation of the next line is no part of them.
fn at_line_ends(text: &str, ends: usize, whole: Whole) -> Vec<Range<usize>> {
    let protected = whole(text);
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

/// What numbers the steps of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbers {
    /// `Step k:`.
    Steps,
    /// `k.`, as in any list.
    Bare,
}

/// Starts of the lines that number a step, each one higher than the last: a list inside a step starts again at one or is indented.
fn numbered_lines(text: &str, whole: Whole) -> (Numbers, Vec<usize>) {
    let protected = whole(text);
    for (numbers, marker) in [(Numbers::Steps, &STEP_WORD), (Numbers::Bare, &BARE_NUMBER)] {
        let Some(marker) = LazyLock::force(marker) else { continue };
        let (mut starts, mut expected, mut indent) = (Vec::new(), None, "");
        for found in marker.captures_iter(text) {
            let (Some(line), Some(spaces), Some(number)) = (found.get(0), found.get(1), found.get(2)) else { continue };
            let Ok(number) = number.as_str().parse::<u32>() else { continue };
            let fits = match expected {
                None => number <= 1,
                Some(expected) => number == expected && spaces.as_str() == indent,
            };
            if fits && !protect::covers(&protected, line.start()) {
                starts.push(line.start());
                expected = Some(number + 1);
                indent = spaces.as_str();
            }
        }
        if starts.len() >= 2 {
            return (numbers, starts);
        }
    }
    (Numbers::Bare, Vec::new())
}

fn begins_with_number(text: &str, whole: Whole) -> bool {
    numbered_lines(text, whole).1.first().is_some_and(|&start| text[..start].trim().is_empty())
}

/// The white space before each numbered line but one at the very start.
fn before_numbers(text: &str, whole: Whole) -> (Numbers, Vec<Range<usize>>) {
    let before = |start: usize| text[..start].trim_end_matches(BLANKS).len();
    let (numbers, starts) = numbered_lines(text, whole);
    (numbers, starts.into_iter().map(|start| before(start)..start).filter(|gap| gap.start > 0).collect())
}

/// Pieces of `text` between the gaps, with white space at its ends moved out of the steps.
fn assemble(text: &str, gaps: Vec<Range<usize>>, rule: Rule) -> Pieces<'_> {
    let mut lead_end = {
        let body = text.trim_start_matches(BLANKS);
        // The indentation of the first line belongs to it, unless nothing else is there.
        let lead = text.len() - body.len();
        if body.is_empty() { lead } else { text[..lead].rfind('\n').map_or(0, |at| at + 1) }
    };
    let end = text.trim_end_matches(BLANKS).len();
    let mut pieces = Vec::with_capacity(gaps.len() + 1);
    let mut start = lead_end;
    let (first, mut sep) = (start, 0..0);
    // A gap before the first step is part of what leads to it; a tag that begins there is none of the step's either.
    let leads = |gap: &Range<usize>| gap.end <= first || (gap.start < first && text[gap.clone()].trim_matches(BLANKS).is_empty());
    for gap in gaps.into_iter().skip_while(leads) {
        if !text[start..gap.start.max(start)].trim_matches(BLANKS).is_empty() {
            pieces.push(Piece { text: &text[start..gap.start], sep: &text[gap.clone()] });
            sep = gap.clone();
        } else if let Some(last) = pieces.last_mut() {
            // One tag behind another.
            sep.end = gap.end;
            last.sep = &text[sep.clone()];
        } else {
            lead_end = gap.end;
        }
        start = gap.end;
    }
    if start < end {
        pieces.push(Piece { text: &text[start..end], sep: &text[end..] });
    } else if let Some(last) = pieces.last_mut() {
        last.sep = &text[sep.start..];
    } else {
        lead_end = text.len();
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
            // A list in the midst of a solution makes no step of all that stands behind it.
            ("To do:\n\n1. a\n2. b\n\nNow\n\nc\n\nd\n\ne", Rule::Blank),
            ("1. a\n\n  $$x$$\n\n2. b\n\nSo c", Rule::Numbered),
            ("Step 1: a\n\nb\n\nc\n\nd\n\nStep 2: e", Rule::Numbered),
            ("a <extra_0>", Rule::Tag),
        ] {
            assert_eq!(split(text, Rule::Auto).rule, rule, "{text:?}");
        }
    }

    #[test]
    fn a_table_is_cut_between_its_rows_by_readers_alone() {
        let anew = |text, rule| split_anew(text, rule).texts().collect::<Vec<_>>();
        let table = "| n | is. A |\n|---|:--:|\n| 1 | So. One |\nWait | x |";
        let (text, behind) = (format!("See.\n{table}\nEnd. It."), format!("{table}\nEnd."));
        for (rule, steps) in [
            (Rule::Line, vec!["See.", table, "End. It."]),
            (Rule::Sentence, vec!["See.", &behind, "It."]),
            (Rule::Thought, vec![text.as_str()]),
        ] {
            assert_eq!(anew(&text, rule), steps, "{rule}");
        }
        // Bars alone make no table.
        assert_eq!(anew("|x| = 2\n|y| = 3", Rule::Line).len(), 2);
        // Labels of before are found by these steps.
        for (rule, steps) in [
            (Rule::Line, text.split('\n').collect()),
            (Rule::Auto, text.split('\n').collect()),
            (Rule::Sentence, vec!["See.", "| n | is.", "A |\n|---|:--:|\n| 1 | So.", "One |\nWait | x |\nEnd.", "It."]),
            (Rule::Thought, vec![&text[..45], "Wait | x |\nEnd. It."]),
        ] {
            assert_eq!(texts(&text, rule), steps, "{rule}");
        }
        let numbered = "1. a\n\n| n |\n|---|\n1. | x\n2. | y";
        assert_eq!(texts(numbered, Rule::Numbered), ["1. a\n\n| n |\n|---|\n1. | x", "2. | y"]);
        assert_eq!(anew(numbered, Rule::Numbered), [numbered]);
    }

    proptest! {
        #[test]
        fn pieces_rejoin_byte_for_byte(text in r#"(?s)([ab\n \t\r]|\n\n|</?step>|ки|<prm>|Step [12]:|[12]\. |\$\$|```|\\\[|\\\]|\\begin\{a\}|\\end\{a\}|é|Wait|[.?!] |。|，|\| a \|\n|\|-\|\n|["($)]|.){0,40}"#) {
            let asked = ["length:9", "length:1", "tag:<step>", "tag:a", "sentence+5", "tag+2", "auto+3"].map(|rule| rule.parse::<Rule>().unwrap());
            for rule in RULES.iter().map(|(rule, ..)| *rule).chain(asked) {
                for pieces in [split(&text, rule), split_anew(&text, rule)] {
                    let mut joined = pieces.lead.to_owned();
                    for piece in &pieces.pieces {
                        prop_assert!(!piece.text.trim_matches(BLANKS).is_empty());
                        joined.push_str(piece.text);
                        joined.push_str(piece.sep);
                    }
                    prop_assert_eq!(&joined, &text);
                    prop_assert_ne!(pieces.rule, Rule::Auto);
                }
            }
        }
    }
}
