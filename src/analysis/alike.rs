//! How alike two texts are: without a model by words, pairs of neighbouring words and beginnings of words as hashes with weights ([`Bag`]), or
//! by the direction in which a model's states point ([`Vector`]). Either way it is a cosine.

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

    /// Hashes of what the text is made of, ascending, with their weights.
    pub fn weights(&self) -> &[(u64, f64)] {
        &self.0
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

/// The direction of a model's states over a text, in steps of a 127th of its largest number: a byte a number, since many are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vector(Vec<i8>);

impl Vector {
    /// Most numbers of a vector; real ones have some thousands.
    pub const MOST: usize = 1 << 16;

    /// The direction of these numbers; `None` without one (no numbers, too many, all zero, or some not finite).
    pub fn of(numbers: &[f64]) -> Option<Self> {
        let largest = numbers.iter().fold(0.0_f64, |largest, number| largest.max(number.abs()));
        let is_one = !numbers.is_empty() && numbers.len() <= Self::MOST && numbers.iter().all(|number| number.is_finite());
        #[expect(clippy::cast_possible_truncation, reason = "at most 127 either way")]
        let step = |number: &f64| (number / largest * 127.0).round() as i8;
        (is_one && largest > 0.0).then(|| Self(numbers.iter().map(step).collect()))
    }

    /// The steps, -127 to 127.
    pub fn steps(&self) -> &[i8] {
        &self.0
    }

    /// The steps as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().map(|step| step.cast_unsigned()).collect()
    }

    /// What [`Self::to_bytes`] gave; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let steps: Vec<i8> = bytes.iter().map(|byte| byte.cast_signed()).collect();
        let largest = steps.iter().map(|step| step.unsigned_abs()).max();
        (steps.len() <= Self::MOST && largest == Some(127)).then_some(Self(steps))
    }

    /// The direction as a vector of length 1.
    pub fn unit(&self) -> Vec<f64> {
        let length = self.0.iter().map(|&step| f64::from(step).powi(2)).sum::<f64>().sqrt();
        self.0.iter().map(|&step| f64::from(step) / length.max(1.0)).collect()
    }
}

/// The middle of a set of vectors: states of a language model have most of their direction in common, which says nothing, so that likeness is that
/// of the directions from there.
#[derive(Debug)]
pub struct Middle(Vec<f64>);

impl Middle {
    /// The middle of these vectors; those with another number of numbers than the first one do not count.
    pub fn of(vectors: &[Option<Vector>]) -> Self {
        let width = vectors.iter().flatten().next().map_or(0, |vector| vector.0.len());
        let fitting = || vectors.iter().flatten().filter(|vector| vector.0.len() == width);
        let count = fitting().count().max(1) as f64;
        let mut middle = vec![0.0; width];
        for vector in fitting() {
            for (sum, number) in middle.iter_mut().zip(vector.unit()) {
                *sum += number / count;
            }
        }
        Self(middle)
    }

    /// The direction of a vector from here, of length 1; `None` for one that lies here, or has another number of numbers.
    pub fn direction(&self, vector: &Vector) -> Option<Vec<f64>> {
        if vector.0.len() != self.0.len() {
            return None;
        }
        let apart: Vec<f64> = vector.unit().iter().zip(&self.0).map(|(number, middle)| number - middle).collect();
        let length = apart.iter().map(|number| number * number).sum::<f64>().sqrt();
        // Less than a step of a byte is rounding.
        (length > 1e-3).then(|| apart.into_iter().map(|number| number / length).collect())
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
