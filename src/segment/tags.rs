//! Cuts at tags and at texts of one's own.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::{BLANKS, Whole, apart, protect};
use crate::trace::STEP_TAGS;

/// A tag with the white space around it; letters right beside `ки` make another word of it.
static TAG: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(r"\s*(?:<step>|</step>\s*|(?:\b{}\b|{}|{})\s*)", STEP_TAGS[0], STEP_TAGS[1], STEP_TAGS[2])).ok()
});

/// Each tag that step labels refer to, with the white space around it; the white space before each opening tag and behind each closing one.
pub(super) fn gaps(text: &str) -> Vec<Range<usize>> {
    let found = LazyLock::force(&TAG).iter().flat_map(|tag| tag.find_iter(text));
    let gaps = found.map(|tag| match tag.as_str().trim() {
        "<step>" => tag.start()..tag.end() - "<step>".len(),
        "</step>" => tag.start() + tag.as_str().trim_end().len()..tag.end(),
        _ => tag.range(),
    });
    gaps.collect()
}

/// The white space at which a text of one's own cuts, which itself stays: before it where it only begins lines; around it and its end
/// where it is a tag (`<p>`) that has one; else behind it. Letters right beside one that is a word make another word of it, where words
/// have spaces between them.
pub(super) fn at(text: &str, marker: &str, whole: Whole) -> Vec<Range<usize>> {
    let protected = whole(text);
    let places = |marker: &str| -> Vec<Range<usize>> {
        let found = text.match_indices(marker).map(|(at, found)| at..at + found.len());
        found.filter(|place| stands_alone(text, place) && !protect::covers(&protected, place.start)).collect()
    };
    let before = |place: &Range<usize>| text[..place.start].trim_end_matches(BLANKS).len()..place.start;
    let behind = |place: &Range<usize>| place.end..text.len() - text[place.end..].trim_start_matches(BLANKS).len();
    let marks = places(marker);
    let end = marker.strip_prefix('<').filter(|name| !name.starts_with('/')).map(|name| format!("</{name}"));
    let ends = end.map_or_else(Vec::new, |end| places(&end));
    let begins = |place: &Range<usize>| {
        let ahead = text[..place.start].trim_end_matches([' ', '\t']);
        ahead.is_empty() || ahead.ends_with('\n')
    };
    let gaps = if ends.is_empty() && !marks.iter().all(begins) {
        marks.iter().map(behind).collect()
    } else {
        marks.iter().map(before).chain(ends.iter().map(behind)).collect()
    };
    // White space between an end and a beginning was found twice.
    apart(gaps)
}

/// True where no word goes on over the ends of a place.
fn stands_alone(text: &str, place: &Range<usize>) -> bool {
    // Chinese and Japanese have no spaces between words, and Korean writes particles right behind them.
    let unspaced = |c: char| {
        matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}')
            || ('\u{20000}'..='\u{3ffff}').contains(&c)
    };
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && !unspaced(c));
    let inner = &text[place.clone()];
    let joined = |inside: Option<char>, outside: Option<char>| word(inside) && word(outside);
    !joined(inner.chars().next(), text[..place.start].chars().next_back())
        && !joined(inner.chars().next_back(), text[place.end..].chars().next())
}

#[cfg(test)]
mod tests {
    use crate::segment::{Pieces, Rule, split};

    fn texts<'a>(text: &'a str, rule: &str) -> Vec<&'a str> {
        split(text, rule.parse::<Rule>().unwrap()).texts().collect()
    }

    #[test]
    fn tags_stand_in_the_step_that_they_end() {
        let text = "Plan.\n<step>\n<p>Add.</p>\n\n<code>1+1</code>\n</step>\n<step>Two.</step><step>End.</step>";
        let steps = ["Plan.", "<step>\n<p>Add.</p>\n\n<code>1+1</code>\n</step>", "<step>Two.</step>", "<step>End.</step>"];
        assert_eq!(texts(text, "tag"), steps);
        assert_eq!(split(text, Rule::Auto).rule, Rule::Tag);
    }

    #[test]
    fn tags_that_only_end_a_step_are_separators() {
        let parts = |text| {
            let Pieces { lead, pieces, .. } = split(text, Rule::Tag);
            (lead, pieces.into_iter().map(|piece| (piece.text, piece.sep)).collect::<Vec<_>>())
        };
        assert_eq!(parts("Step 1: a ки\nStep 2: b ки\n"), ("", vec![("Step 1: a", " ки\n"), ("Step 2: b", " ки\n")]));
        assert_eq!(parts("<prm> a<extra_0>b<prm><prm>"), ("<prm> ", vec![("a", "<extra_0>"), ("b", "<prm><prm>")]));
        assert_eq!(parts("a <prm> <prm>\n"), ("", vec![("a", " <prm> <prm>\n")]));
        assert_eq!(parts("<prm>\n"), ("<prm>\n", vec![]));
        assert_eq!(parts("\n<prm> a <prm> b").1[0].0, "a");
        assert_eq!(texts("руки и книги", "tag"), ["руки и книги"]);
    }

    #[test]
    fn a_text_of_ones_own_cuts_where_it_begins_lines_encloses_or_ends_a_step() {
        for (text, rule, steps) in [
            ("a [S] b [S]\nc", "tag:[S]", &["a [S]", "b [S]", "c"][..]),
            ("Plan\n### One\na ###\n", "tag:###", &["Plan\n###", "One\na ###"]),
            ("Plan\n### One\na\n\n### Two\nb", "tag:###", &["Plan", "### One\na", "### Two\nb"]),
            ("x <p>a</p> <p>b</p>c<p>d", "tag:<p>", &["x", "<p>a</p>", "<p>b</p>", "c", "<p>d"]),
            // Words are words, and formulas and code stay whole.
            ("Act: a\nActs: b\nAct: c", "tag:Act", &["Act: a\nActs: b", "Act: c"]),
            ("步骤1：甲\n步骤2：乙", "tag:步骤", &["步骤1：甲", "步骤2：乙"]),
            ("甲得Act一。\nActs", "tag:Act", &["甲得Act", "一。\nActs"]),
            ("руки\nки: b\nк", "tag:ки", &["руки", "ки: b\nк"]),
            ("a ;; b\n```\nc ;; d\n```\n", "tag:;;", &["a ;;", "b\n```\nc ;; d\n```"]),
            ("no mark", "tag:[S]", &["no mark"]),
            ("[S][S]", "tag:[S]", &["[S]", "[S]"]),
        ] {
            assert_eq!(texts(text, rule), steps, "{text:?}");
        }
    }
}
