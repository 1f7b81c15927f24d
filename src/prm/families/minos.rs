//! MATH-Minos (`MistralForTokenClassification` with one label): the raw logit at a tag behind each step, whose sign is the verdict.
//!
//! Source: ssmisya/PRMBench `mr_eval/models/mathminos_mistral.py`; the model is that of arXiv:2406.14024.

use super::super::PrmError;
use super::super::checkpoint::Checkpoint;
use super::super::readout::Readout;
use super::super::request::PrmRequest;
use super::super::tokens::TokenTree;
use super::tagged::Tagged;
use super::{Convention, Family, Fit, Meaning, Opening, Preset};
use crate::trace::Semantics;

pub(super) const FAMILY: Family = Family {
    name: "minos",
    about: "a tag after each step, one linear layer: the raw logit, an error below 0",
    looks_for: "architectures \"*ForTokenClassification\" with tensor score.weight of 1 row",
    presets: &[Preset {
        name: "minos",
        models: "MATH-Minos",
        meaning: Meaning { semantics: Semantics::LogRatio, ..Meaning::CORRECT.open(0.0, 1.0) },
        settings: &[
            ("pieces", "text"),
            ("bos", "auto"),
            ("system", ""),
            ("lead", "Human: {q}\n\nAssistant:"),
            ("label", "Step {i}: "),
            ("tag", " и"),
            ("glue", "\n"),
        ],
    }],
    fingerprint,
    open,
};

fn fingerprint(checkpoint: &Checkpoint) -> Option<Fit> {
    let one = checkpoint.tensor("score.weight").is_some_and(|(t, _)| t.shape.first() == Some(&1));
    let class = checkpoint.architecture();
    (one && class.ends_with("ForTokenClassification"))
        .then(|| Fit::new("minos", format!("architectures is {class} with 1 label")))
}

struct Minos {
    prompt: Tagged,
    bias: bool,
}

fn open(at: &Opening<'_>) -> Result<Box<dyn Convention>, PrmError> {
    Ok(Box::new(Minos { prompt: Tagged::open(at)?, bias: at.checkpoint.tensor("score.bias").is_some() }))
}

impl Convention for Minos {
    fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        self.prompt.plan(request)
    }

    fn readout(&self) -> Readout {
        Readout::linear("score.weight", self.bias.then_some("score.bias"), 1)
    }

    fn score(&self, logits: &[f32]) -> f64 {
        logits.first().map_or(f64::NAN, |z| f64::from(*z))
    }
}
