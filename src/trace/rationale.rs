//! What a model gives beside the score of a step: the words that lead to it, or the share of each token.

use serde::{Deserialize, Serialize};

/// Why a step has its score, as far as the model shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rationale {
    /// The tokens of the step in order, each with its text and its share; the shares add up to the score. A token that ends inside of a
    /// character has no text, the token that completes the character has all of it.
    Tokens(Vec<(String, f64)>),
    /// What a critic wrote about the step, one entry a sample.
    Critiques(Vec<Critique>),
}

/// What a critic wrote about a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Critique {
    /// Its words.
    pub text: String,
    /// P(correct) of its verdict, `0..=1`; `None` where no verdict is found in its words: it counts as invalid, not as wrong.
    pub score: Option<f64>,
}

impl Rationale {
    /// Longest text of all critiques of a step together, in bytes: what a scorer may write in one line is bounded.
    const MOST: usize = 128 << 10;

    /// Critiques, each cut to its share of the longest text.
    pub fn critiques(mut critiques: Vec<Critique>) -> Self {
        let share = Self::MOST / critiques.len().max(1);
        for critique in &mut critiques {
            if critique.text.len() > share {
                let end = (0..=share).rev().find(|at| critique.text.is_char_boundary(*at)).unwrap_or(0);
                critique.text.truncate(end);
                critique.text.push('…');
            }
        }
        Self::Critiques(critiques)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_survive_json_and_long_critiques_are_cut() {
        let long = Critique { text: "ä".repeat(Rationale::MOST), score: None };
        let cut = Rationale::critiques(vec![long, Critique { text: "Good.".into(), score: Some(0.75) }]);
        let tokens = Rationale::Tokens(vec![("So".into(), -0.001), (String::new(), 0.25)]);
        for rationale in [&cut, &tokens] {
            let text = serde_json::to_string(rationale).unwrap();
            assert_eq!(&serde_json::from_str::<Rationale>(&text).unwrap(), rationale);
            assert!(text.len() < Rationale::MOST);
        }
        assert_eq!(serde_json::to_string(&tokens).unwrap(), r#"{"tokens":[["So",-0.001],["",0.25]]}"#);
    }
}
