//! The words of a step: what it shares with the problem, its question and earlier steps, and words of doubt and of conclusion.

use std::rc::Rc;

use super::relations::{RELATIONS, relation};
use super::{Seen, count, flag, share};

pub(super) const NAMES: &[&str] =
    &["like_an_earlier_step", "words_from_problem", "question_words", "new_words", "doubts", "conclusions", "gives_answer"];

/// What the words of a text say.
#[derive(Debug)]
pub(super) struct Words {
    /// Hashes of the different words of three letters and more, sorted.
    pub set: Rc<[u64]>,
    /// How often each kind of relation is named.
    pub relations: [usize; RELATIONS],
    /// Words and phrases of doubt.
    pub doubts: usize,
    /// Words and phrases that conclude.
    pub conclusions: usize,
    /// It names an answer.
    pub gives_answer: bool,
}

impl Words {
    pub(super) fn of(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let words: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty()).collect();
        let mut set: Vec<u64> = words.iter().filter(|word| word.len() >= 3).map(|word| hash(word)).collect();
        set.sort_unstable();
        set.dedup();
        let mut relations = [0; RELATIONS];
        let (mut doubts, mut conclusions) = (0, 0);
        for (at, word) in words.iter().enumerate() {
            let next = |ahead: usize| words.get(at + ahead).copied().unwrap_or("");
            if let Some(kind) = relation(word, next(1), next(2)) {
                relations[kind] += 1;
            }
            doubts += usize::from(is_doubt(word, next(1), next(2)));
            conclusions += usize::from(is_conclusion(word, next(1)));
        }
        super::relations::count_signs(text, &mut relations);
        let gives_answer = lower.contains("boxed") || lower.contains("####") || lower.contains("answer");
        Self { set: set.into(), relations, doubts, conclusions, gives_answer }
    }
}

pub(super) fn values(seen: &Seen) -> Vec<f32> {
    let own = &seen.words.set;
    let problem = &seen.problem.words.set;
    let alike = |other: &Rc<[u64]>| {
        let both = common(own, other);
        share(both, own.len() + other.len() - both)
    };
    let shared = common(own, problem);
    vec![
        seen.before.words.iter().map(alike).fold(0.0, f32::max),
        share(shared, own.len()),
        share(common(own, &seen.problem.question), seen.problem.question.len()),
        count(own.len() - shared),
        count(seen.words.doubts),
        count(seen.words.conclusions),
        flag(seen.words.gives_answer),
    ]
}

/// The last sentence of a problem: mostly its question.
pub(super) fn last_sentence(text: &str) -> &str {
    let text = text.trim();
    let mut start = 0;
    let mut ended = false;
    for (at, c) in text.char_indices() {
        if ended && c.is_whitespace() {
            start = at;
        }
        ended = matches!(c, '.' | '?' | '!');
    }
    text[start..].trim()
}

fn is_doubt(word: &str, next: &str, after: &str) -> bool {
    match word {
        "however" | "wait" | "mistake" | "actually" | "assume" | "assuming" | "suppose" | "cannot" | "impossible"
        | "contradict" | "incorrect" | "error" | "recheck" | "approximately" | "interpret" | "unknown" => true,
        "let" => next == "s" && after == "say",
        "not" => next == "enough",
        "since" => next == "we" && after == "don",
        _ => false,
    }
}

fn is_conclusion(word: &str, next: &str) -> bool {
    matches!(word, "therefore" | "thus" | "so" | "hence" | "finally" | "answer" | "conclusion")
        || (word == "in" && next == "total")
}

/// Size of the intersection of two sorted sets.
pub(super) fn common(a: &[u64], b: &[u64]) -> usize {
    let (mut i, mut j, mut both) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        i += usize::from(x <= y);
        j += usize::from(y <= x);
        both += usize::from(x == y);
    }
    both
}

/// FNV-1a: the same on every machine.
pub(super) fn hash(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sentence_is_the_question() {
        assert_eq!(last_sentence("Ann has 3.5 kg. She eats 1. How much is left?  "), "How much is left?");
        assert_eq!(last_sentence(""), "");
        assert_eq!(last_sentence("no end"), "no end");
    }

    #[test]
    fn phrases_count_once() {
        let words = Words::of("However, let's say there is not enough. So, in total, the answer is 3.");
        assert_eq!((words.doubts, words.conclusions, words.gives_answer), (3, 3, true));
    }
}
