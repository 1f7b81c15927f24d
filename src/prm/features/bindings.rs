//! What the numbers of a step count: the words around a number here, and the words around it where it came from.

use std::rc::Rc;

use super::relations::{RELATIONS, relation};
use super::words::{common, hash};
use super::{Seen, count, share};
use crate::checks::arithmetic::{Kind, Rational, Token, tokens};
use crate::checks::provenance::{Role, Sighting};

pub(super) const NAMES: &[&str] = &[
    "bound_numbers",
    "context_shared",
    "least_context_shared",
    "contexts_without_a_word",
    "same_nouns",
    "other_nouns",
    "added_alike",
    "multiplied_alike",
    "added_same_noun",
    "added_other_noun",
    "outcome_noun_new",
    "like_previous_step",
    "sentence_covered",
    "sentence_numbers_used",
    "sentence_numbers_left",
    "numbers_outside_sentence",
    "sentence_place",
    "sentence_steps_back",
    "sentences_begun",
    "sentence_more",
    "sentence_less",
    "sentence_times",
    "sentence_twice",
    "sentence_half",
    "sentence_each",
    "sentence_per",
    "sentence_left",
    "sentence_total",
    "sentence_percent",
    "sentence_difference",
    "sentence_average",
    "sentence_than",
    "sentence_share",
    "sentence_cost",
    "sentence_spent",
    "sentence_profit",
    "sentence_ratio",
    "sentence_time",
];

/// Content words on each side of a number that belong to it.
const NEAR: usize = 5;
/// Sentences of a problem that are told apart.
const MAX_SENTENCES: usize = 32;
/// Numbers whose words are remembered.
const MAX_BOUND: usize = 88;
/// Numbers of a text that get words at all.
const MAX_NUMBERS: usize = 60;
/// Operands of an equation that are compared in pairs.
const MAX_OPERANDS: usize = 6;

/// The words that belong to a number.
#[derive(Debug, Clone)]
struct Context {
    /// The word right behind it.
    noun: Option<u64>,
    /// The content words around it, sorted.
    words: Rc<[u64]>,
}

/// A sentence of the problem.
#[derive(Debug)]
pub(super) struct Sentence {
    words: Vec<u64>,
    numbers: Vec<Rational>,
    relations: [usize; RELATIONS],
}

/// Which words belong to the numbers so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Bindings {
    known: Vec<(Rational, Context)>,
    /// Words of the step before.
    previous: Rc<[u64]>,
    /// The sentence of the problem that the step before is about.
    sentence: Option<usize>,
    /// Bit set of the sentences that steps were about.
    begun: u32,
}

impl Bindings {
    /// Of a problem.
    pub(super) fn of_problem(problem: &str) -> Self {
        let text = Content::of(problem);
        let mut bindings = Self::default();
        for token in tokens(problem).iter().filter(|token| token.kind == Kind::Number).take(MAX_NUMBERS) {
            if let Some(value) = Rational::decimal(&token.text) {
                bindings.bind(value, text.around(token.span.start, token.span.end));
            }
        }
        bindings
    }

    fn bind(&mut self, value: Rational, context: Context) {
        if self.known.len() < MAX_BOUND && !context.words.is_empty() && self.of(value).is_none() {
            self.known.push((value, context));
        }
    }

    fn of(&self, value: Rational) -> Option<&Context> {
        self.known.iter().find(|(known, _)| *known == value).map(|(_, context)| context)
    }

    /// Remembers what a step found and what it was about.
    pub(super) fn advance(&mut self, text: &str, sightings: &[Sighting], words: &Rc<[u64]>, sentences: &[Sentence]) {
        let content = Content::of(text);
        for seen in sightings.iter().take(MAX_NUMBERS).filter(|seen| seen.role != Role::Operand) {
            self.bind(seen.value, content.around(seen.span.start, seen.span.end));
        }
        self.previous = Rc::clone(words);
        if let Some((best, _)) = nearest(words, sentences) {
            self.sentence = Some(best);
            self.begun |= 1 << best;
        }
    }
}

pub(super) fn sentences(problem: &str) -> Vec<Sentence> {
    let sentence = |text: &str| {
        let numbers = tokens(text);
        let numbers = numbers.iter().filter(|token| token.kind == Kind::Number).take(MAX_NUMBERS);
        let words = super::words::Words::of(text);
        Sentence {
            words: words.set.to_vec(),
            numbers: numbers.filter_map(|token| Rational::decimal(&token.text)).collect(),
            relations: words.relations,
        }
    };
    let mut parts = Vec::new();
    let (mut start, mut ended) = (0, false);
    for (at, c) in problem.char_indices() {
        if (ended && c.is_whitespace()) || c == '\n' {
            parts.push(&problem[start..at]);
            start = at;
        }
        ended = matches!(c, '.' | '?' | '!');
    }
    parts.push(&problem[start..]);
    parts.into_iter().filter(|part| !part.trim().is_empty()).take(MAX_SENTENCES).map(sentence).collect()
}

/// The sentence with the largest share of its words in a step.
fn nearest(words: &[u64], sentences: &[Sentence]) -> Option<(usize, f32)> {
    let covered = |sentence: &Sentence| share(common(words, &sentence.words), sentence.words.len().max(3));
    let all = sentences.iter().map(covered).enumerate().filter(|(_, covered)| *covered > 0.0);
    all.fold(
        None,
        |best: Option<(usize, f32)>, (index, covered)| {
            if best.is_some_and(|(_, most)| most >= covered) { best } else { Some((index, covered)) }
        },
    )
}

pub(super) fn values(seen: &Seen) -> Vec<f32> {
    let bindings = &seen.before.bindings;
    let content = Content::of(seen.text);
    let mut shares = Vec::new();
    let (mut same, mut other) = (0, 0);
    for sighting in seen.sightings.iter().take(MAX_NUMBERS).filter(|seen| seen.role != Role::Outcome) {
        let Some(from) = bindings.of(sighting.value) else { continue };
        shares.push(share(common(&from.words, &content.set), from.words.len()));
        if let (Some(before), Some(here)) = (from.noun, content.noun(sighting.span.end)) {
            same += usize::from(before == here);
            other += usize::from(before != here);
        }
    }
    let mean = if shares.is_empty() { -1.0 } else { shares.iter().sum::<f32>() / shares.len() as f32 };
    let least = shares.iter().copied().reduce(f32::min).unwrap_or(-1.0);
    let pairs = Pairs::of(seen);
    let outcomes = seen.sightings.iter().filter(|seen| seen.role == Role::Outcome).take(MAX_NUMBERS);
    let problem = &seen.problem.words.set;
    let strange = outcomes.filter_map(|seen| content.noun(seen.span.end)).filter(|noun| problem.binary_search(noun).is_err());
    let own = &seen.words.set;
    let both = common(own, &bindings.previous);
    let mut values = vec![
        count(shares.len()),
        mean,
        least,
        count(shares.iter().filter(|share| **share <= 0.0).count()),
        count(same),
        count(other),
        mean_or_none(&pairs.added),
        mean_or_none(&pairs.multiplied),
        count(pairs.added_same),
        count(pairs.added_other),
        count(strange.count()),
        share(both, own.len() + bindings.previous.len() - both),
    ];
    values.extend(about_a_sentence(seen));
    values
}

/// The sentence of the problem that the step is about.
fn about_a_sentence(seen: &Seen) -> Vec<f32> {
    let (sentences, bindings) = (&seen.problem.sentences, &seen.before.bindings);
    let begun = count(usize::try_from(bindings.begun.count_ones()).unwrap_or(0));
    let Some((best, covered)) = nearest(&seen.words.set, sentences) else {
        let mut values = vec![0.0, 0.0, 0.0, 0.0, -1.0, 0.0, begun];
        values.extend([0.0; RELATIONS]);
        return values;
    };
    let sentence = &sentences[best];
    let numbers: Vec<Rational> = seen.sightings.iter().map(|seen| seen.value).collect();
    let used = sentence.numbers.iter().filter(|number| numbers.contains(number)).count();
    let given = |value: &Rational| sentences.iter().any(|sentence| sentence.numbers.contains(value));
    let outside = numbers.iter().filter(|number| !sentence.numbers.contains(number) && given(number)).count();
    let back = bindings.sentence.map_or(0, |before| before.saturating_sub(best));
    let mut values = vec![
        covered,
        count(used),
        count(sentence.numbers.len() - used),
        count(outside),
        share(best, sentences.len()),
        count(back),
        begun,
    ];
    values.extend(sentence.relations.iter().map(|n| count(*n)));
    values
}

/// How alike the operands of equations are in what they count.
#[derive(Default)]
struct Pairs {
    added: Vec<f32>,
    multiplied: Vec<f32>,
    added_same: usize,
    added_other: usize,
}

impl Pairs {
    fn of(seen: &Seen) -> Self {
        let mut pairs = Self::default();
        for equation in seen.reading.equations.iter().take(MAX_OPERANDS) {
            let left = &seen.reading.tokens[equation.left.clone()];
            let has =
                |signs: &[&str]| left.iter().any(|token| token.kind == Kind::Operator && signs.contains(&token.text.as_str()));
            let (adds, multiplies) = (has(&["+", "-"]), has(&["*", "/"]));
            if adds != multiplies {
                pairs.equation(seen, left, adds);
            }
        }
        pairs
    }

    fn equation(&mut self, seen: &Seen, left: &[Token], adds: bool) {
        let numbers = left.iter().filter(|token| token.kind == Kind::Number).filter_map(|token| Rational::decimal(&token.text));
        let operands: Vec<&Context> = numbers.filter_map(|value| seen.before.bindings.of(value)).take(MAX_OPERANDS).collect();
        for (n, a) in operands.iter().enumerate() {
            for b in &operands[n + 1..] {
                let alike = share(common(&a.words, &b.words), a.words.len().min(b.words.len()));
                if adds {
                    self.added.push(alike);
                    if let (Some(a), Some(b)) = (a.noun, b.noun) {
                        self.added_same += usize::from(a == b);
                        self.added_other += usize::from(a != b);
                    }
                } else {
                    self.multiplied.push(alike);
                }
            }
        }
    }
}

fn mean_or_none(values: &[f32]) -> f32 {
    if values.is_empty() { -1.0 } else { values.iter().sum::<f32>() / values.len() as f32 }
}

/// The content words of a text with their places.
struct Content {
    /// Start, end, hash; in order.
    words: Vec<(usize, usize, u64)>,
    /// Ends of sentences and lines, in order.
    borders: Vec<usize>,
    /// Hashes, sorted, each once.
    set: Vec<u64>,
}

impl Content {
    fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let (mut words, mut borders, mut at) = (Vec::new(), Vec::new(), 0);
        while at < bytes.len() {
            let start = at;
            while at < bytes.len() && bytes[at].is_ascii_alphabetic() {
                at += 1;
            }
            if at > start {
                let command = start > 0 && bytes[start - 1] == b'\\';
                if !command {
                    words.extend(content(&text[start..at]).map(|hash| (start, at, hash)));
                }
                continue;
            }
            let ends = matches!(bytes[at], b'.' | b'?' | b'!' | b';') && bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace);
            if ends || bytes[at] == b'\n' {
                borders.push(at);
            }
            at += 1;
        }
        let mut set: Vec<u64> = words.iter().map(|word| word.2).collect();
        set.sort_unstable();
        set.dedup();
        Self { words, borders, set }
    }

    /// The words that belong to a number at this place.
    fn around(&self, start: usize, end: usize) -> Context {
        let border = self.borders.partition_point(|border| *border < end);
        let low = border.checked_sub(1).map_or(0, |before| self.borders[before]);
        let high = self.borders.get(border).copied().unwrap_or(usize::MAX);
        let split = self.words.partition_point(|word| word.0 < start);
        let before = self.words[..split].iter().rev().take_while(|word| word.0 >= low).take(NEAR);
        let behind = self.words[split..].iter().take_while(|word| word.1 <= high).take(NEAR);
        let mut words: Vec<u64> = before.chain(behind).map(|word| word.2).collect();
        words.sort_unstable();
        words.dedup();
        Context { noun: self.noun(end), words: words.into() }
    }

    /// The content word that begins right behind a number: with a space, or wrapped as `\text{ ..}`.
    fn noun(&self, end: usize) -> Option<u64> {
        const REACH: usize = 8;
        let next = self.words.get(self.words.partition_point(|word| word.0 < end))?;
        (next.0 - end <= REACH).then_some(next.2)
    }
}

/// Words that say nothing about what is counted.
fn is_empty_word(word: &str) -> bool {
    matches!(
        word,
        "the"
            | "and"
            | "for"
            | "are"
            | "was"
            | "were"
            | "has"
            | "have"
            | "had"
            | "his"
            | "her"
            | "its"
            | "their"
            | "that"
            | "this"
            | "with"
            | "from"
            | "how"
            | "many"
            | "much"
            | "will"
            | "would"
            | "each"
            | "she"
            | "they"
            | "then"
            | "than"
            | "more"
            | "less"
            | "not"
            | "all"
            | "but"
            | "can"
            | "there"
            | "which"
            | "what"
            | "when"
            | "who"
            | "into"
            | "out"
            | "total"
            | "number"
            | "frac"
            | "text"
            | "times"
            | "cdot"
            | "div"
            | "boxed"
            | "left"
            | "right"
            | "answer"
            | "therefore"
            | "need"
            | "find"
            | "calculate"
            | "let"
            | "step"
            | "first"
            | "next"
            | "equal"
    )
}

/// The hash of a word without its plural, unless it says nothing about what is counted.
fn content(word: &str) -> Option<u64> {
    if word.len() < 3 {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    if is_empty_word(&lower) || relation(&lower, "", "").is_some_and(|_| lower.len() < 5) {
        return None;
    }
    let stem = if lower.len() > 3 { lower.strip_suffix('s').unwrap_or(&lower) } else { &lower };
    Some(hash(stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_words_around_it_up_to_the_end_of_the_sentence() {
        let text = "Ann sells 12 red apples. Bob buys 3 pears for $2.";
        let content = Content::of(text);
        let at = |number: &str| {
            let start = text.find(number).unwrap();
            content.around(start, start + number.len())
        };
        let hashes = |words: &[&str]| {
            let mut hashes: Vec<u64> = words.iter().map(|word| hash(word)).collect();
            hashes.sort_unstable();
            hashes
        };
        assert_eq!(*at("12").words, *hashes(&["ann", "sell", "red", "apple"]));
        assert_eq!(*at("3").words, *hashes(&["bob", "buy", "pear"]));
        assert_eq!(at("12").noun, Some(hash("red")));
        assert_eq!(at("2.").noun, None);
    }

    #[test]
    fn a_step_is_about_the_sentence_whose_words_it_repeats() {
        let sentences = sentences("Ann has 3 apples. Bob has twice as many pears. How many fruits do they have?");
        assert_eq!(sentences.len(), 3);
        let words = super::super::words::Words::of("Bob has 2 * 3 = 6 pears.");
        assert_eq!(nearest(&words.set, &sentences).map(|best| best.0), Some(1));
        assert_eq!(nearest(&[], &sentences), None);
    }
}
