//! Which words differ between two texts.
//!
//! The shortest edit script of Myers (1986, "An O(ND) Difference Algorithm and Its Variations") over words: runs of letters and
//! digits, commands of LaTeX, and every other sign by itself, so that `3x+1` and `3x-1` differ in one sign.

use std::collections::HashSet;
use std::ops::Range;

/// More edits than this are no small difference: everything between the first and the last one counts as changed.
const EDITS: usize = 400;

/// Byte ranges that stand in only one of two texts, ascending and disjoint; white space does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// In the first text.
    pub old: Vec<Range<usize>>,
    /// In the second text.
    pub new: Vec<Range<usize>>,
}

/// The words of `old` and `new` that differ. Time and space are linear in the length and quadratic in the number of edits, which is
/// bounded.
pub fn changed_words(old: &str, new: &str) -> Changed {
    let (olds, news) = (words(old), words(new));
    let same = |a: &Range<usize>, b: &Range<usize>| old.get(a.clone()) == new.get(b.clone());
    let start = olds.iter().zip(&news).take_while(|(a, b)| same(a, b)).count();
    let rest = olds.len().min(news.len()) - start;
    let end = olds.iter().rev().zip(news.iter().rev()).take(rest).take_while(|(a, b)| same(a, b)).count();
    let (olds, news) = (inner(&olds, start, end), inner(&news, start, end));
    let (kept_old, kept_new) = kept(olds, news, same);
    Changed { old: left_over(old, olds, &kept_old), new: left_over(new, news, &kept_new) }
}

/// The different words of a text, to be compared with those of many others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(HashSet<String>);

impl Words {
    /// Those of a text.
    pub fn of(text: &str) -> Self {
        Self(set(text).into_iter().map(str::to_owned).collect())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many of their words two texts share, 0 to 1 (Jaccard index).
    pub fn similarity(&self, text: &str) -> f64 {
        let other = set(text);
        let shared = other.iter().filter(|word| self.0.contains(**word)).count();
        let all = self.0.len() + other.len() - shared;
        if all == 0 { 1.0 } else { shared as f64 / all as f64 }
    }
}

/// The different words of a text that is compared with few others, beside them in memory.
pub(super) struct Shared<'a>(HashSet<&'a str>);

impl Shared<'_> {
    /// As [`Words::similarity`].
    pub(super) fn similarity(&self, other: &Self) -> f64 {
        let shared = self.0.intersection(&other.0).count();
        let all = self.0.len() + other.0.len() - shared;
        if all == 0 { 1.0 } else { shared as f64 / all as f64 }
    }
}

/// The different words of a text.
pub(super) fn shared(text: &str) -> Shared<'_> {
    Shared(set(text))
}

fn set(text: &str) -> HashSet<&str> {
    words(text).into_iter().filter_map(|word| text.get(word)).collect()
}

fn inner(words: &[Range<usize>], start: usize, end: usize) -> &[Range<usize>] {
    words.get(start..words.len() - end).unwrap_or_default()
}

fn words(text: &str) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    let mut joins = false;
    for (at, c) in text.char_indices() {
        let letter = c.is_alphanumeric();
        if c.is_whitespace() {
            joins = false;
            continue;
        }
        match words.last_mut() {
            Some(word) if joins && letter => word.end = at + c.len_utf8(),
            _ => words.push(at..at + c.len_utf8()),
        }
        joins = letter || c == '\\';
    }
    words
}

/// For each word whether it stands in the longest common subsequence.
fn kept<'a>(
    olds: &'a [Range<usize>],
    news: &'a [Range<usize>],
    same: impl Fn(&'a Range<usize>, &'a Range<usize>) -> bool,
) -> (Vec<bool>, Vec<bool>) {
    let (n, m) = (olds.len(), news.len());
    let mut kept = (vec![false; n], vec![false; m]);
    let most = (n + m).min(EDITS);
    // The furthest word of `olds` on each diagonal, `most` stands for diagonal 0; and what it was before each edit.
    let mut reach = vec![0_usize; 2 * most + 3];
    let mut history: Vec<Vec<usize>> = Vec::new();
    let at = |reach: &[usize], place: usize| reach.get(place).copied().unwrap_or(0);
    for edits in 0..=most {
        history.push(reach.clone());
        for step in 0..=edits {
            // Diagonal `2 * step - edits`, shifted by `most + 1` to be an index.
            let place = most + 1 + 2 * step - edits;
            let down = step == 0 || (step < edits && at(&reach, place - 1) < at(&reach, place + 1));
            let mut x = if down { at(&reach, place + 1) } else { at(&reach, place - 1) + 1 };
            let y_of = |x: usize| (x + most + 1).checked_sub(place);
            while let (Some(old), Some(new)) = (olds.get(x), y_of(x).and_then(|y| news.get(y)))
                && same(old, new)
            {
                x += 1;
            }
            if let Some(slot) = reach.get_mut(place) {
                *slot = x;
            }
            if x >= n && y_of(x).is_some_and(|y| y >= m) {
                trace_back(&history, (n, m), most, &mut kept);
                return kept;
            }
        }
    }
    kept
}

/// Walks the edits back from the end and notes the words in between.
fn trace_back(history: &[Vec<usize>], end: (usize, usize), most: usize, kept: &mut (Vec<bool>, Vec<bool>)) {
    let (mut x, mut y) = end;
    for (edits, reach) in history.iter().enumerate().rev() {
        let place = most + 1 + x - y;
        let at = |place: usize| reach.get(place).copied().unwrap_or(0);
        let first = most + 1 - edits;
        let last = most + 1 + edits;
        let down = place == first || (place != last && at(place - 1) < at(place + 1));
        let before = if down { place + 1 } else { place - 1 };
        let (from_x, from_y) = if edits == 0 { (0, 0) } else { (at(before), at(before) + most + 1 - before) };
        let (start_x, start_y) = match (edits, down) {
            (0, _) => (0, 0),
            (_, true) => (from_x, from_y + 1),
            (_, false) => (from_x + 1, from_y),
        };
        while x > start_x && y > start_y {
            x -= 1;
            y -= 1;
            if let (Some(old), Some(new)) = (kept.0.get_mut(x), kept.1.get_mut(y)) {
                (*old, *new) = (true, true);
            }
        }
        (x, y) = (from_x, from_y);
    }
}

/// The words that were not kept, neighbours joined over the space between them.
fn left_over(text: &str, words: &[Range<usize>], kept: &[bool]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (word, _) in words.iter().zip(kept).filter(|(_, kept)| !**kept) {
        match ranges.last_mut() {
            Some(last) if text.get(last.end..word.start).is_some_and(|between| between.trim().is_empty()) => last.end = word.end,
            _ => ranges.push(word.clone()),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts<'a>(text: &'a str, ranges: &[Range<usize>]) -> Vec<&'a str> {
        ranges.iter().map(|range| &text[range.clone()]).collect()
    }

    #[test]
    fn one_changed_sign_is_one_changed_sign() {
        let (old, new) = (r"So $(n-7)(n+1) = \frac{1}{2}$ holds.", r"So $(n-7)(n-1) = \frac{1}{3}$ holds now.");
        let changed = changed_words(old, new);
        assert_eq!(parts(old, &changed.old), ["+", "2"]);
        assert_eq!(parts(new, &changed.new), ["-", "3", "now"]);
    }

    proptest! {
        #[test]
        fn what_is_left_is_the_same_in_both(old in "[ab +]{0,30}", new in "[ab +]{0,30}") {
            let changed = changed_words(&old, &new);
            let rest = |text: &str, ranges: &[Range<usize>]| {
                let outside = |word: &Range<usize>| !ranges.iter().any(|range| range.start <= word.start && word.end <= range.end);
                words(text).into_iter().filter(outside).map(|word| text[word].to_owned()).collect::<Vec<_>>()
            };
            prop_assert_eq!(rest(&old, &changed.old), rest(&new, &changed.new));
            let edits = |text: &str, ranges: &[Range<usize>]| words(text).len() - rest(text, ranges).len();
            // Nothing is changed where nothing differs.
            prop_assert_eq!(words(&old).iter().map(|w| &old[w.clone()]).eq(words(&new).iter().map(|w| &new[w.clone()])),
                edits(&old, &changed.old) + edits(&new, &changed.new) == 0);
        }
    }
}
