//! How alike two texts are, without a model: words, pairs of neighbouring words and beginnings of words as hashes with weights, and the
//! cosine between two such bags.

use std::collections::BTreeMap;

use crate::text::fnv1a;

/// A word of fewer letters says little.
const SHORT: usize = 4;
/// Letters of the beginning that forms of a word share.
const STEM: usize = 5;

/// What a text is made of; of length 1 unless it has no words.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bag(Vec<(u64, f64)>);

impl Bag {
    /// The bag of a text. All numbers are one: what is done with them counts.
    pub fn of(text: &str) -> Self {
        let mut counts: BTreeMap<u64, f64> = BTreeMap::new();
        let mut before = String::new();
        let lower = text.to_lowercase();
        let words = lower.split(|sign: char| !sign.is_alphanumeric() && !"+-*/=^".contains(sign)).filter(|word| !word.is_empty());
        for word in words {
            let word = if word.chars().all(|sign| sign.is_ascii_digit()) { "0" } else { word };
            let letters = word.chars().count();
            let weight = if letters < SHORT { 0.3 } else { 1.0 };
            *counts.entry(hash("word", word)).or_default() += weight;
            if letters > STEM {
                let stem: String = word.chars().take(STEM).collect();
                *counts.entry(hash("stem", &stem)).or_default() += 0.5;
            }
            if !before.is_empty() {
                *counts.entry(hash("pair", &format!("{before} {word}"))).or_default() += 0.5;
            }
            word.clone_into(&mut before);
        }
        // The tenth time that a word stands there says less than the first.
        let mut weights: Vec<(u64, f64)> = counts.into_iter().map(|(key, count)| (key, count.sqrt())).collect();
        let length = weights.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
        for (_, weight) in &mut weights {
            *weight /= length.max(f64::MIN_POSITIVE);
        }
        Self(weights)
    }

    /// How alike two texts are, from 0 to 1.
    pub fn cosine(&self, other: &Self) -> f64 {
        let (mut a, mut b, mut sum) = (self.0.iter().peekable(), other.0.iter().peekable(), 0.0);
        while let (Some(&&(left, x)), Some(&&(right, y))) = (a.peek(), b.peek()) {
            if left == right {
                sum += x * y;
            }
            if left <= right {
                a.next();
            }
            if right <= left {
                b.next();
            }
        }
        f64::clamp(sum, 0.0, 1.0)
    }
}

/// The same on every machine, so that a session is played again as it was.
fn hash(kind: &str, text: &str) -> u64 {
    fnv1a(kind.bytes().chain([0]).chain(text.bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_do_the_same_with_other_numbers_are_alike() {
        let of = |text: &str| Bag::of(text);
        let step = of("Multiply the number of boxes by 4 to get the pencils.");
        assert!((step.cosine(&step) - 1.0).abs() < 1e-9);
        let same = step.cosine(&of("Multiplying the number of boxes by 17 we get the pencils."));
        let other = step.cosine(&of("The derivative of the function vanishes at the origin."));
        assert!(same > 0.5 && other < 0.3 && same > 2.0 * other, "{same} {other}");
        assert!(step.cosine(&of("")).abs() < 1e-12 && of("").cosine(&of("")).abs() < 1e-12);
    }
}
