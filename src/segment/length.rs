//! Pieces of a length that is asked for, and short ones put together.

use std::ops::Range;

use super::{BLANKS, Piece, Pieces, Whole, protect, sentence};
use crate::math;

/// White space at which pieces of at most `most` characters end: each goes as far as a sentence in reach, else as far as a word.
pub(super) fn gaps(text: &str, most: usize, whole: Whole) -> Vec<Range<usize>> {
    let borders = borders(text, whole);
    let mut gaps = Vec::new();
    let mut start = text.len() - text.trim_start_matches(BLANKS).len();
    let mut next = borders.partition_point(|(gap, _)| gap.end <= start);
    while let Some(last) = reach(text, &borders, next, start, most).filter(|&last| last + 1 < borders.len()) {
        let gap = borders[last].0.clone();
        (start, next) = (gap.end, last + 1);
        gaps.push(gap);
    }
    gaps
}

/// The border, from index `next` on, at which the piece from `start` on ends. Where none is in reach, it is the first.
fn reach(text: &str, borders: &[(Range<usize>, bool)], next: usize, start: usize, most: usize) -> Option<usize> {
    let (mut length, mut from) = (0, start);
    let mut best: Option<(usize, bool)> = None;
    for (index, (gap, sentence)) in borders.iter().enumerate().skip(next) {
        length += text[from..gap.start].chars().count();
        from = gap.start;
        if length > most {
            return best.map(|(index, _)| index).or(Some(index));
        }
        if *sentence || best.is_none_or(|(_, sentence)| !sentence) {
            best = Some((index, *sentence));
        }
    }
    best.map(|(index, _)| index)
}

/// White space behind sentences (with true) and words, in order; then the end of the text. Chinese commas have no space behind them.
fn borders(text: &str, whole: Whole) -> Vec<(Range<usize>, bool)> {
    let protected = whole(text);
    let formulas: Vec<_> = math::find(text, &protected).into_iter().map(|formula| formula.range).collect();
    let code = sentence::code_spans(text, whole);
    let free = |at: usize| [&protected, &formulas, &code].iter().all(|regions| !protect::covers(regions, at));
    let mut all: Vec<_> = sentence::gaps(text, whole).into_iter().filter(|gap| free(gap.start)).map(|gap| (gap, true)).collect();
    let mut at = 0;
    while let Some(found) = text[at..].find([' ', '\t', '\r', '\n', '，', '；', '、', '：']) {
        let comma = text[at + found..].chars().next().filter(|c| !BLANKS.contains(c)).map_or(0, char::len_utf8);
        let start = at + found + comma;
        let rest = text[start..].trim_start_matches(BLANKS);
        let space = &text[start..text.len() - rest.len()];
        // The indentation of the next line belongs to it.
        let end = start + space.rfind('\n').map_or(space.len(), |line| line + 1);
        at = start + space.len();
        if free(start) {
            all.push((start..end, false));
        }
    }
    all.sort_by_key(|(gap, sentence)| (gap.start, !sentence));
    all.dedup_by(|(next, _), (gap, _)| next.start < gap.end || next.start == gap.start);
    let end = text.trim_end_matches(BLANKS).len();
    all.retain(|(gap, _)| gap.start < end);
    all.push((end..text.len(), true));
    all
}

/// The same pieces with each that has fewer than `under` characters joined to the next one, the last one to that before it. Tags
/// between two pieces keep them apart.
pub(super) fn merged<'a>(text: &'a str, pieces: &Pieces<'a>, under: usize) -> Vec<Piece<'a>> {
    let short = |piece: &Piece<'_>| piece.text.chars().take(under).count() < under;
    let joined = |start: usize, piece: &Piece<'a>, next: &Piece<'a>| {
        let end = start + piece.text.len() + piece.sep.len() + next.text.len();
        Piece { text: &text[start..end], sep: next.sep }
    };
    let mut out: Vec<(usize, Piece<'a>)> = Vec::with_capacity(pieces.pieces.len());
    let mut at = pieces.lead.len();
    for (index, piece) in pieces.pieces.iter().enumerate() {
        let last = index + 1 == pieces.pieces.len();
        let goes = |before: &Piece<'_>| before.sep.trim().is_empty() && (short(before) || (last && short(piece)));
        match out.last_mut() {
            Some((start, before)) if goes(before) => *before = joined(*start, before, piece),
            _ => out.push((at, *piece)),
        }
        at += piece.text.len() + piece.sep.len();
    }
    out.into_iter().map(|(_, piece)| piece).collect()
}

#[cfg(test)]
mod tests {
    use crate::segment::{Rule, split_anew};

    fn texts<'a>(text: &'a str, rule: &str) -> Vec<&'a str> {
        split_anew(text, rule.parse::<Rule>().unwrap()).texts().collect()
    }

    #[test]
    fn pieces_end_with_a_sentence_in_reach_else_with_a_word() {
        let text = "One pen. Two pens cost six. Three of them cost as much as nine and then some.\n\n  End";
        assert_eq!(
            texts(text, "length:30"),
            ["One pen. Two pens cost six.", "Three of them cost as much as", "nine and then some.\n\n  End"]
        );
        assert_eq!(texts(text, "length"), [text]);
        assert_eq!(texts("甲有三个，乙有两个。一共五个", "length:6"), ["甲有三个，", "乙有两个。", "一共五个"]);
        // Characters are counted, not bytes.
        assert_eq!(texts("éééé éééé", "length:9"), ["éééé éééé"]);
        assert_eq!(texts("  \n", "length:1"), Vec::<&str>::new());
    }

    #[test]
    fn formulas_code_and_words_that_are_longer_stay_whole() {
        assert_eq!(
            texts("so $a + b = c + d$ and (see `x = 1 + 2`) or $$u\n\nv w$$ incomprehensibly", "length:6"),
            ["so", "$a + b = c + d$", "and", "(see", "`x = 1 + 2`)", "or", "$$u\n\nv w$$", "incomprehensibly"]
        );
        assert_eq!(texts("\\(a b\\) c\n| a | b |\n|---|---|\n| 1 | 2 |\nd", "length:1").len(), 4);
    }

    #[test]
    fn short_steps_go_with_the_next_one_and_the_last_with_that_before_it() {
        assert_eq!(
            texts("So.\n\nTwo and two.\n\nA\n\nB\n\nC\n\nlast", "blank+5"),
            ["So.\n\nTwo and two.", "A\n\nB\n\nC\n\nlast"]
        );
        assert_eq!(texts("Two and two is four.\n\nYes", "blank+5"), ["Two and two is four.\n\nYes"]);
        assert_eq!(texts("ab\n\ncd", "blank+2"), ["ab", "cd"]);
        assert_eq!(texts("a\n\nb", "auto+9"), ["a\n\nb"]);
        // A tag says where a step ends, however short it is.
        assert_eq!(texts("a <prm> b <prm>", "tag+20"), ["a", "b"]);
    }
}
