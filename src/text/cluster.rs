//! Text as grapheme clusters, the things that a terminal cell holds.
//!
//! The borders are those of UAX #29. Most text is letters that never join their neighbours; those are told apart by a range
//! check, so that the general algorithm runs only where it matters.

use unicode_segmentation::UnicodeSegmentation;

/// The grapheme clusters of `text`, each with the byte where it starts.
pub fn clusters(text: &str) -> Clusters<'_> {
    Clusters { text, at: 0 }
}

/// Iterator over the grapheme clusters of a text: byte offset and cluster.
#[derive(Debug, Clone)]
pub struct Clusters<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Clusters<'a> {
    type Item = (usize, &'a str);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let len = first_cluster(self.text.get(start..)?)?;
        self.at = start + len;
        Some((start, self.text.get(start..self.at)?))
    }
}

/// Bytes of the first grapheme cluster of `tail`; `None` at the end. `tail` must start at a border of clusters.
#[inline]
pub(super) fn first_cluster(tail: &str) -> Option<usize> {
    let bytes = tail.as_bytes();
    let &first = bytes.first()?;
    // Two printable ASCII bytes (or one and a newline) never join.
    if is_plain_ascii(first) && bytes.get(1).is_none_or(|&next| is_plain_ascii(next) || next == b'\n') {
        return Some(1);
    }
    let mut chars = tail.chars();
    let head = chars.next()?;
    if stands_alone(head) && chars.next().is_none_or(|next| next == '\n' || stands_alone(next)) {
        return Some(head.len_utf8());
    }
    tail.graphemes(true).next().map(str::len)
}

#[inline]
fn is_plain_ascii(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte)
}

/// True for a character that is visible, has one fixed width, and joins no other character of this set. Such characters need
/// neither replacing nor the general cluster algorithm. The set leaves out what is rare, not only what is dangerous.
#[inline]
pub(super) fn stands_alone(c: char) -> bool {
    matches!(c,
        '\u{20}'..='\u{7e}'
        // Latin; without the soft hyphen.
        | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{2ff}'
        // Greek and Cyrillic letters; without the combining Cyrillic signs.
        | '\u{391}'..='\u{3a1}' | '\u{3a3}'..='\u{3ff}' | '\u{400}'..='\u{482}' | '\u{48a}'..='\u{52f}'
        // Dashes, quotes, dots; primes; super- and subscript digits.
        | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{2070}'..='\u{2071}' | '\u{2074}'..='\u{208e}'
        // Letterlike symbols, number forms, arrows, mathematical operators.
        | '\u{2100}'..='\u{218b}' | '\u{2190}'..='\u{23ff}' | '\u{2500}'..='\u{25ff}' | '\u{27c0}'..='\u{27ff}' | '\u{2a00}'..='\u{2aff}'
        // Ideographic comma and brackets, kana, ideographs, full-width forms.
        | '\u{3001}'..='\u{3029}' | '\u{3041}'..='\u{3096}' | '\u{30a0}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ff01}'..='\u{ff60}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthChar;

    #[test]
    fn characters_that_stand_alone_have_a_width_and_join_nothing() {
        let set: Vec<char> = ('\0'..='\u{ffff}').filter(|&c| stands_alone(c)).collect();
        for &c in &set {
            assert!(matches!(c.width(), Some(1 | 2)), "{c:?}");
            for other in ['a', '漢', c] {
                let pair: String = [c, other].iter().collect();
                assert_eq!(pair.graphemes(true).count(), 2, "{pair:?}");
                let pair: String = [other, c].iter().collect();
                assert_eq!(pair.graphemes(true).count(), 2, "{pair:?}");
            }
        }
    }

    #[test]
    fn clusters_equal_those_of_the_general_algorithm() {
        for text in ["", "ab\ncd", "e\u{301}é\n\u{301}x", "👩\u{200d}👩\u{200d}👧 🇩🇪🇫🇷🇮", "क्षि각각", "漢\u{fe00}字ｶﾞ"]
        {
            let ours: Vec<_> = clusters(text).collect();
            assert_eq!(ours, text.grapheme_indices(true).collect::<Vec<_>>(), "{text:?}");
        }
    }
}
