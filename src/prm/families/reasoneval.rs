//! ReasonEval-7B and -34B: three labels (negative, neutral, positive) at the last token of each step.
//!
//! Steps follow each other without any separator, each tokenised alone. Validity is p1 + p2; p1 alone is redundancy, here as
//! `score = not-redundant` (1 - p1, an error below 0.85), so that a low score is a bad one everywhere. Source: GAIR-NLP/ReasonEval
//! (arXiv:2404.05692).

use super::super::PrmError;
use super::super::checkpoint::Checkpoint;
use super::super::readout::{Readout, softmax};
use super::super::request::PrmRequest;
use super::super::tokenizer::{Part, Vocabulary};
use super::super::tokens::{NodeTokens, TokenTree};
use super::{Convention, Family, Fit, Meaning, Opening, Preset, filled, plan, problem};

const LEAD: (&str, &str) = ("lead", "Question:\n{q}\nAnswer:\nLet's think step by step.\n");

pub(super) const FAMILY: Family = Family {
    name: "reasoneval",
    about: "steps without separator, one linear layer at the last token: softmax of 3 labels, index 1 + index 2",
    looks_for: "tensor score_head.weight of 3 rows",
    presets: &[
        Preset {
            name: "reasoneval-7b",
            models: "ReasonEval-7B",
            meaning: Meaning::CORRECT,
            settings: &[("bos", "<s>"), LEAD, ("score", "validity")],
        },
        Preset {
            name: "reasoneval-34b",
            models: "ReasonEval-34B",
            meaning: Meaning::CORRECT,
            settings: &[("bos", "none"), LEAD, ("score", "validity")],
        },
    ],
    fingerprint,
    open,
};

fn fingerprint(checkpoint: &Checkpoint) -> Option<Fit> {
    let three = checkpoint.tensor("score_head.weight").is_some_and(|(t, _)| t.shape.first() == Some(&3));
    let preset = if checkpoint.config.contains_key("score_dim") { "reasoneval-34b" } else { "reasoneval-7b" };
    three.then(|| Fit::new(preset, "tensor score_head.weight of 3 rows"))
}

struct ReasonEval {
    vocabulary: Vocabulary,
    bos: Option<u32>,
    lead: String,
    validity: bool,
    bias: bool,
}

fn open(at: &Opening<'_>) -> Result<Box<dyn Convention>, PrmError> {
    let mut vocabulary = at.vocabulary()?;
    let bos = at.bos(&mut vocabulary)?;
    let validity = at.settings.one_of("score", &["validity", "not-redundant"])? == "validity";
    let bias = at.checkpoint.tensor("score_head.bias").is_some();
    Ok(Box::new(ReasonEval { vocabulary, bos, lead: at.settings.text("lead").to_owned(), validity, bias }))
}

impl Convention for ReasonEval {
    fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        let lead = Part::Text(filled(&self.lead, &[("{q}", &request.problem)]));
        let prefix = problem(self.vocabulary.ids(self.bos.map(Part::Control).iter().chain([&lead])))?;
        let node = |text: &str, _| match self.vocabulary.encode(text)? {
            ids if ids.is_empty() => Err("the step has no token at which it could be judged".to_owned()),
            ids => Ok(NodeTokens::read_last(ids)),
        };
        Ok(plan(request, prefix, node))
    }

    fn readout(&self) -> Readout {
        Readout::linear("score_head.weight", self.bias.then_some("score_head.bias"), 3)
    }

    fn score(&self, logits: &[f32]) -> f64 {
        if self.validity { softmax(logits, 1) + softmax(logits, 2) } else { 1.0 - softmax(logits, 1) }
    }
}
