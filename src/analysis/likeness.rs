//! What can be asked of many texts at once: how much each is like one of them, and into which groups they fall; by their words, or by vectors that a
//! model gave. Plain functions of their input: the same question has the same answer everywhere.

use serde::{Deserialize, Serialize};

use super::alike::{Bag, Middle, Vector};
use super::clusters::{Points, clusters, telling_words, usual};

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// How much is each text like this one?
    Like(String),
    /// Into which groups do they fall, at most so many, or as many as is usual?
    Groups(Option<usize>),
}

/// What alikeness is measured by.
#[derive(Debug, Clone, Copy)]
pub enum Measure<'a> {
    /// Words.
    Words,
    /// The vectors of the texts, in their order, and behind them that of the text that they are compared with.
    Vectors(&'a [Option<Vector>]),
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Found {
    /// How much each text is like the one that was asked about, 0 to 1.
    Like(Vec<f64>),
    /// The groups, the largest first.
    Groups(Vec<Group>),
}

/// Texts that are alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The texts, as indices, ascending.
    pub members: Vec<usize>,
    /// The most typical one.
    pub medoid: usize,
    /// Words that tell them from the others, the most telling first.
    pub words: Vec<String>,
    /// How near they lie together: mean cosine to their middle, 0 to 1.
    pub tightness: f64,
}

impl Ask {
    /// The texts whose vectors are needed to answer: those that are asked about, and the one that they are compared with.
    pub fn read<'a>(&'a self, texts: &[&'a str]) -> Vec<&'a str> {
        let with = if let Self::Like(text) = self { Some(text.as_str()) } else { None };
        texts.iter().copied().chain(with).collect()
    }

    /// Answers. `stop` ends the work early, without an answer.
    pub fn answer(&self, texts: &[&str], by: Measure<'_>, stop: &dyn Fn() -> bool) -> Option<Found> {
        match (self, by) {
            (Self::Like(text), Measure::Words) => {
                let like = Bag::of(text);
                let each = texts.iter().map(|text| (!stop()).then(|| like.cosine(&Bag::of(text))));
                each.collect::<Option<Vec<f64>>>().map(Found::Like)
            }
            (Self::Like(_), Measure::Vectors(vectors)) => {
                let middle = Middle::of(vectors);
                let (like, vectors) = vectors.split_last()?;
                let like = like.as_ref().and_then(|like| middle.direction(like)).unwrap_or_default();
                let cosine = |vector: &Option<Vector>| {
                    let direction = vector.as_ref().and_then(|vector| middle.direction(vector)).unwrap_or_default();
                    direction.iter().zip(&like).map(|(a, b)| a * b).sum::<f64>().clamp(0.0, 1.0)
                };
                let each = vectors.iter().map(|vector| (!stop()).then(|| cosine(vector)));
                each.collect::<Option<Vec<f64>>>().map(Found::Like)
            }
            (Self::Groups(count), by) => {
                let points = match by {
                    Measure::Words => Points::of_bags(&texts.iter().map(|text| Bag::of(text)).collect::<Vec<_>>()),
                    Measure::Vectors(vectors) => Points::of_vectors(vectors),
                };
                let found = clusters(&points, count.unwrap_or_else(|| usual(texts.len())), stop)?;
                let words = telling_words(texts, &found);
                let groups = found.into_iter().zip(words).map(|(cluster, words)| Group {
                    members: cluster.members,
                    medoid: cluster.medoid,
                    words,
                    tightness: cluster.tightness.clamp(0.0, 1.0),
                });
                Some(Found::Groups(groups.collect()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 3] = ["Add 3 boxes of pens.", "Take the square root.", "Add 5 boxes of pens."];

    #[test]
    fn words_and_vectors_answer_the_same_questions() {
        let vectors: Vec<Option<Vector>> =
            [[1.0, 0.1], [0.9, -0.1], [1.0, 0.11], [1.0, 0.1]].iter().map(|n| Vector::of(n)).collect();
        let like = Ask::Like("Add 7 boxes of pens.".into());
        for by in [Measure::Words, Measure::Vectors(&vectors)] {
            let Some(Found::Like(numbers)) = like.answer(&TEXTS, by, &|| false) else { panic!("no numbers") };
            assert!(numbers.len() == 3 && numbers[0] > 0.8 && numbers[2] > 0.8 && numbers[1] < 0.3, "{numbers:?}");
        }
        assert_eq!(like.read(&TEXTS).len(), 4);
        for by in [Measure::Words, Measure::Vectors(&vectors[..3])] {
            let Some(Found::Groups(groups)) = Ask::Groups(Some(2)).answer(&TEXTS, by, &|| false) else { panic!("no groups") };
            let members: Vec<_> = groups.iter().map(|group| group.members.clone()).collect();
            assert_eq!(members, [vec![0, 2], vec![1]]);
            assert!(groups[0].words.contains(&"boxes".to_owned()), "{groups:?}");
        }
    }

    #[test]
    fn nothing_is_asked_about_without_trouble_and_work_can_be_stopped() {
        let like = Ask::Like(String::new());
        assert_eq!(like.answer(&[], Measure::Words, &|| false), Some(Found::Like(vec![])));
        assert_eq!(like.answer(&[], Measure::Vectors(&[None]), &|| false), Some(Found::Like(vec![])));
        assert_eq!(like.answer(&["a"], Measure::Vectors(&[None, None]), &|| false), Some(Found::Like(vec![0.0])));
        assert_eq!(Ask::Groups(None).answer(&[], Measure::Words, &|| false), Some(Found::Groups(vec![])));
        assert_eq!(Ask::Groups(Some(4)).answer(&TEXTS, Measure::Words, &|| true), None);
        let Some(Found::Groups(groups)) = Ask::Groups(Some(9)).answer(&["a"], Measure::Vectors(&[None]), &|| false) else {
            panic!("no groups")
        };
        assert_eq!(groups.len(), 1);
    }
}
