//! Qwen2.5-Math-PRM-7B and -72B, Qwen2.5-Math-7B-PRM800K, ReasonFlux-PRM-7B and re-trains of them (`Qwen2ForProcessRewardModel`).
//!
//! The solution is one assistant message in which each step is followed by `<extra_0>`; its state after a two-layer head gives
//! P(step correct) as the softmax over two logits, index 1. Source: the model card (Quick Start) and arXiv:2501.07301, which ranks
//! solutions by the product of their steps.

use super::super::PrmError;
use super::super::checkpoint::Checkpoint;
use super::super::readout::{Readout, softmax};
use super::super::request::PrmRequest;
use super::super::tokenizer::{Part, Vocabulary};
use super::super::tokens::{NodeTokens, TokenTree};
use super::chat::{Chat, Frame};
use super::{Convention, Family, Fit, Meaning, Opening, Preset, named, plan, problem};
use crate::analysis::aggregate::Aggregate;

const MEANING: Meaning = Meaning::CORRECT.by(Aggregate::Product);

pub(super) const FAMILY: Family = Family {
    name: "qwen-prm",
    about: "<extra_0> after each step, two-layer head: softmax of 2 labels, index 1",
    looks_for: "architectures \"Qwen2ForProcessRewardModel\", or model_type \"qwen2\" with tensors score.0.* and score.2.* of 2 rows",
    presets: &[
        Preset {
            name: "qwen-prm",
            models: "Qwen2.5-Math-PRM-7B, -72B, Qwen2.5-Math-7B-PRM800K and their re-trains",
            meaning: MEANING,
            // One real backslash.
            settings: &[
                ("system", "Please reason step by step, and put your final answer within \\boxed{}."),
                ("separator", "<extra_0>"),
            ],
        },
        Preset {
            name: "reasonflux",
            models: "ReasonFlux-PRM-7B",
            meaning: MEANING,
            // No system message is given: the template's own, if it has one, applies.
            settings: &[("system", ""), ("separator", "<extra_0>")],
        },
    ],
    fingerprint,
    open,
};

fn fingerprint(checkpoint: &Checkpoint) -> Option<Fit> {
    let preset = if named(checkpoint, &["reasonflux"]).is_some() { "reasonflux" } else { "qwen-prm" };
    if checkpoint.architecture() == "Qwen2ForProcessRewardModel" {
        return Some(Fit::new(preset, "architectures is Qwen2ForProcessRewardModel"));
    }
    let names = ["score.0.weight", "score.0.bias", "score.2.weight", "score.2.bias"];
    let qwen2 = checkpoint.config.get("model_type").and_then(|v| v.as_str()) == Some("qwen2");
    let two = checkpoint.tensor("score.2.weight").is_some_and(|(t, _)| t.shape.first() == Some(&2));
    let all = names.iter().all(|n| checkpoint.tensor(n).is_some());
    (qwen2 && two && all).then(|| Fit::new(preset, "a qwen2 decoder with tensors score.0 and score.2 of 2 rows"))
}

struct QwenPrm {
    vocabulary: Vocabulary,
    /// Places: the problem, the steps.
    frame: Frame,
    separator: u32,
}

fn open(at: &Opening<'_>) -> Result<Box<dyn Convention>, PrmError> {
    let mut vocabulary = at.vocabulary()?;
    let separator = vocabulary.control(at.settings.text("separator"))?;
    let frame = Chat::of(at.checkpoint, &vocabulary)?.dialogue(&mut vocabulary, at.settings.text("system"))?;
    Ok(Box::new(QwenPrm { vocabulary, frame, separator }))
}

impl Convention for QwenPrm {
    fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        let (prefix, role) = self.frame.opening(&request.problem);
        let node = |text: &str, number: usize| {
            let role = if number == 1 { role } else { &[] };
            let separator = Part::Control(self.separator);
            let ids = self.vocabulary.ids(role.iter().chain([&Part::text(text), &separator]))?;
            Ok(NodeTokens::read_last(ids))
        };
        Ok(plan(request, problem(self.vocabulary.ids(&prefix))?, node))
    }

    fn readout(&self) -> Readout {
        Readout::Mlp { outputs: 2 }
    }

    fn score(&self, logits: &[f32]) -> f64 {
        softmax(logits, 1)
    }
}
