//! Models of TRL's `PRMTrainer` and PURE-PRM-7B (`*ForTokenClassification` with two labels).
//!
//! The problem and each step are tokenised alone, and the separator, also alone, stands behind every step but not behind the problem;
//! the state of its last token gives P(step correct) as the softmax over two labels, index 1. The separator is not saved with a
//! model. Sources: huggingface/trl `prm_trainer.py` (`tokenize_row`), CJReinforce/PURE (arXiv:2504.15275), whose reward is
//! P(correct) - P(wrong) with a soft minimum over the steps.

use super::super::PrmError;
use super::super::checkpoint::Checkpoint;
use super::super::readout::{Readout, softmax};
use super::super::request::PrmRequest;
use super::super::tokenizer::{Part, Vocabulary};
use super::super::tokens::{NodeTokens, TokenTree};
use super::{Convention, Family, Fit, Meaning, Opening, Preset, named, plan, problem};
use crate::analysis::aggregate::Aggregate;

pub(super) const FAMILY: Family = Family {
    name: "token-class",
    about: "a separator (line break) after each step, tokenised apart, one linear layer: softmax of 2 labels, index 1",
    looks_for: "architectures \"*ForTokenClassification\" with tensor score.weight of 2 rows",
    presets: &[
        Preset {
            name: "trl",
            models: "anything trained by TRL's PRMTrainer",
            meaning: Meaning::CORRECT,
            settings: &[("separator", "\n"), ("bos", "auto"), ("score", "probability")],
        },
        Preset {
            name: "pure",
            models: "PURE-PRM-7B",
            meaning: Meaning::CORRECT.within(-1.0, 1.0, 0.0).by(Aggregate::SoftMin),
            settings: &[("separator", "\n"), ("bos", "none"), ("score", "difference")],
        },
    ],
    fingerprint,
    open,
};

fn fingerprint(checkpoint: &Checkpoint) -> Option<Fit> {
    let two = checkpoint.tensor("score.weight").is_some_and(|(t, _)| t.shape.first() == Some(&2));
    if !checkpoint.architecture().ends_with("ForTokenClassification") || !two {
        return None;
    }
    let class = format!("architectures is {} with 2 labels", checkpoint.architecture());
    Some(match named(checkpoint, &["pure-prm", "jinachris"]) {
        Some(name) => Fit::new("pure", format!("{class}, {name}")),
        None => Fit::new("trl", class),
    })
}

struct TokenClass {
    vocabulary: Vocabulary,
    bos: Option<u32>,
    separator: Vec<u32>,
    difference: bool,
    bias: bool,
}

fn open(at: &Opening<'_>) -> Result<Box<dyn Convention>, PrmError> {
    let mut vocabulary = at.vocabulary()?;
    let bos = at.bos(&mut vocabulary)?;
    let text = at.settings.text("separator");
    // A separator can be a control token or plain text.
    let separator = match vocabulary.control(text) {
        Ok(id) => vec![id],
        Err(_) => vocabulary.encode(text).map_err(|message| vocabulary.bad_token(text, &message))?,
    };
    if separator.is_empty() {
        return Err(vocabulary.bad_token(text, "must be at least one token"));
    }
    let difference = at.settings.one_of("score", &["probability", "difference"])? == "difference";
    let bias = at.checkpoint.tensor("score.bias").is_some();
    Ok(Box::new(TokenClass { vocabulary, bos, separator, difference, bias }))
}

impl Convention for TokenClass {
    fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        let bos = self.bos.map(Part::Control);
        let prefix = problem(self.vocabulary.ids(bos.iter().chain([&Part::text(&request.problem)])))?;
        let node = |text: &str, _| {
            let mut ids = self.vocabulary.encode(text)?;
            ids.extend(&self.separator);
            Ok(NodeTokens::read_last(ids))
        };
        Ok(plan(request, prefix, node))
    }

    fn readout(&self) -> Readout {
        Readout::linear("score.weight", self.bias.then_some("score.bias"), 2)
    }

    fn score(&self, logits: &[f32]) -> f64 {
        let right = softmax(logits, 1);
        if self.difference { right - softmax(logits, 0) } else { right }
    }
}
