//! Ends of sentences.

use std::ops::Range;

use super::{Whole, protect};
use crate::trace::CLOSERS;

/// Words that end in a full stop inside of a sentence, in lower case, without that stop.
const ABBREVIATIONS: &[&str] = &[
    "e.g", "i.e", "cf", "vs", "eq", "eqs", "fig", "figs", "thm", "approx", "resp", "mr", "mrs", "dr", "prof", "w.r.t", "w.l.o.g",
    "al",
];

/// Deepest nesting of brackets and quotes that is followed; what opens below it protects nothing.
const DEPTH: usize = 64;

/// The white space behind each sentence, in order. A blank line ends a sentence as well.
pub(super) fn gaps(text: &str, whole: Whole) -> Vec<Range<usize>> {
    let protected = whole(text);
    let mut gaps = Vec::new();
    for (start, paragraph, blank) in paragraphs(text, whole) {
        in_paragraph(paragraph, start, &protected, &mut gaps);
        gaps.push(blank);
    }
    gaps.pop();
    gaps
}

/// Each paragraph with the byte at which it begins and the blank lines behind it; behind the last one is nothing.
fn paragraphs(text: &str, whole: Whole) -> impl Iterator<Item = (usize, &str, Range<usize>)> {
    let mut start = 0;
    super::at_line_ends(text, 2, whole).into_iter().chain(std::iter::once(text.len()..text.len())).map(move |blank| {
        let begin = std::mem::replace(&mut start, blank.end);
        (begin, &text[begin..blank.start], blank)
    })
}

/// Code between backticks, in order.
pub(super) fn code_spans(text: &str, whole: Whole) -> Vec<Range<usize>> {
    let spans = |(start, paragraph, _): (usize, &str, Range<usize>)| {
        enclosed(paragraph, &['`']).into_iter().map(move |span| start + span.start..start + span.end)
    };
    paragraphs(text, whole).flat_map(spans).collect()
}

/// Ends of sentences in a paragraph that begins at byte `base` of the text.
fn in_paragraph(text: &str, base: usize, protected: &[Range<usize>], gaps: &mut Vec<Range<usize>>) {
    let enclosed = enclosed(text, &OPENERS);
    let mut at = 0;
    while let Some(found) = text[at..].find(['.', '?', '!', '。', '？', '！']) {
        let first = at + found;
        let marks = text[first..].trim_start_matches(['.', '?', '!', '。', '？', '！']);
        let run = &text[first..text.len() - marks.len()];
        let behind = marks.trim_start_matches(CLOSERS);
        let end = text.len() - behind.len();
        let next = behind.trim_start_matches([' ', '\t', '\r', '\n']);
        let space = &behind[..behind.len() - next.len()];
        at = text.len() - marks.len();
        let wide = run.ends_with(['。', '？', '！']);
        if next.is_empty() || (space.is_empty() && !wide) {
            continue;
        }
        let inside = protect::covers(&enclosed, end) || protect::covers(protected, base + end);
        if inside || next.starts_with(char::is_lowercase) || (run.bytes().all(|byte| byte == b'.') && goes_on(text, first, run)) {
            continue;
        }
        // The indentation of the next line belongs to it.
        let space = space.rfind('\n').map_or(space.len(), |line| line + 1);
        gaps.push(base + end..base + end + space);
    }
}

/// True when the stops at `first` end no sentence: an ellipsis, an abbreviation, an initial, the number of a list.
fn goes_on(text: &str, first: usize, run: &str) -> bool {
    if run.len() > 1 {
        return true;
    }
    let before = &text[..first];
    let word = before.rsplit(|c: char| c.is_whitespace() || "([{\"“".contains(c)).next().unwrap_or_default();
    let mut chars = word.chars();
    let initial = matches!((chars.next(), chars.next()), (Some(c), None) if c.is_uppercase() && c != 'I');
    // The line is not looked for: it may be all of a long text.
    let ahead = before[..before.len() - word.len()].trim_end_matches([' ', '\t']);
    let first_of_line = ahead.is_empty() || ahead.ends_with('\n');
    let number = first_of_line && !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    // Longer words are none of the list, and need not be copied.
    initial || number || (word.len() <= 8 && ABBREVIATIONS.contains(&word.to_lowercase().as_str()))
}

/// Brackets, quotes, dollar signs and backticks: what stands between them and their ends is no end of a sentence.
const OPENERS: [char; 7] = ['(', '[', '{', '“', '"', '`', '$'];

/// Regions that begin with one of these signs and are closed in this paragraph: in order, without overlaps.
fn enclosed(text: &str, openers: &[char]) -> Vec<Range<usize>> {
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut out: Vec<Range<usize>> = Vec::new();
    let mut last = ' ';
    for (at, c) in text.char_indices() {
        let opener = match c {
            ')' => Some('('),
            ']' => Some('['),
            '}' => Some('{'),
            '”' => Some('“'),
            '"' | '`' => Some(c),
            // As in Markdown: a price is no formula.
            '$' if !last.is_whitespace() && !text[at + 1..].starts_with(|next: char| next.is_ascii_digit()) => Some(c),
            _ => None,
        };
        let pair = opener
            .filter(|opener| openers.contains(opener))
            .and_then(|opener| open.iter().rposition(|&(known, _)| known == opener));
        if let Some(pair) = pair {
            let start = open[pair].1;
            open.truncate(pair);
            let inner = out.partition_point(|region| region.start < start);
            out.truncate(inner);
            out.push(start..at + c.len_utf8());
        } else {
            let sum = c == '$' && text[at + 1..].starts_with(char::is_whitespace);
            if open.len() < DEPTH && openers.contains(&c) && !sum {
                open.push((c, at));
            }
        }
        last = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::segment::{Rule, split, split_anew};

    fn texts(text: &str, rule: Rule) -> Vec<&str> {
        split(text, rule).texts().collect()
    }

    #[test]
    fn sentences_end_where_a_reader_says_so() {
        let cases: &[(&str, &[&str])] = &[
            ("One. Two? Three! Four", &["One.", "Two?", "Three!", "Four"]),
            (
                "By Eq. 3 and Fig. 2, e.g. Here, J. Smith is right. Done.",
                &["By Eq. 3 and Fig. 2, e.g. Here, J. Smith is right.", "Done."],
            ),
            ("It is 3.14. So 2.5 is less... And more.", &["It is 3.14.", "So 2.5 is less... And more."]),
            (
                "He said \"No. Never. Yes\" twice. Then (see A. Then B.) he left.",
                &["He said \"No. Never. Yes\" twice.", "Then (see A. Then B.) he left."],
            ),
            ("It ends. and goes on. \"Quoted.\" Next.", &["It ends. and goes on.", "\"Quoted.\"", "Next."]),
            ("1. First\n2. Second", &["1. First\n2. Second"]),
            (
                "A pen costs $5. Two cost $10. Thus $x = 3. Y$ holds.",
                &["A pen costs $5.", "Two cost $10.", "Thus $x = 3. Y$ holds."],
            ),
            ("Open (and never closed. Still two.", &["Open (and never closed.", "Still two."]),
            ("甲有三个。乙有两个！一共？五个", &["甲有三个。", "乙有两个！", "一共？", "五个"]),
            ("Title\n\nText. $$a. B$$ End.\n    Code", &["Title", "Text.", "$$a. B$$ End.", "    Code"]),
        ];
        for (text, expected) in cases {
            assert_eq!(texts(text, Rule::Sentence), *expected, "{text:?}");
        }
    }

    #[test]
    fn long_hostile_texts_take_linear_time() {
        let pieces =
            ["(", "\"", "$a. B", "a. B ", "...", "`", "```", "$$", "\\[", "Wait. ", "())", "。", "\\begin{a}", "|-|\n", "a， "];
        // Names that stand but once cannot be remembered as ones that are never closed.
        let names = |open: &str| (0..40_000).map(|number| format!("{open}{{a{number}}}")).collect::<Vec<_>>().concat();
        let nested = names("\\begin") + &names("\\end");
        for text in pieces.map(|piece| piece.repeat(100_000)).into_iter().chain([names("\\begin"), nested]) {
            for rule in ["thought", "length:50", "line+20", "tag:a"].map(|rule| rule.parse::<Rule>().unwrap()) {
                let start = std::time::Instant::now();
                let _ = split_anew(&text, rule);
                let took = start.elapsed();
                assert!(took.as_secs() < 5, "{rule}: {:?} took {took:?}", text.chars().take(9).collect::<String>());
            }
        }
    }
}
