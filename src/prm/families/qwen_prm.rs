//! Qwen2.5-Math-PRM-7B and -72B, Qwen2.5-Math-7B-PRM800K and re-trains of them (`Qwen2ForProcessRewardModel`).
//!
//! `ChatML` with a fixed system prompt; each step is followed by `<extra_0>`, whose state after a two-layer head gives
//! P(step correct) as the softmax over two logits, index 1. Source: the model card (Quick Start) and arXiv:2501.07301.

use candle_core::Tensor;

use super::super::PrmError;
use super::super::checkpoint::{Checkpoint, Layout, Weights};
use super::super::config::DecoderConfig;
use super::super::head::{MlpHead, finite_rows, second_of_two};
use super::super::request::PrmRequest;
use super::super::tokenizer::Vocabulary;
use super::super::tokens::{NodeTokens, TokenTree};
use super::{Convention, Family, RowScore};
use crate::trace::{Semantics, StepScore};

/// The system message of the model card; one real backslash.
const SYSTEM: &str = "Please reason step by step, and put your final answer within \\boxed{}.";
const START: &str = "<|im_start|>";
const END: &str = "<|im_end|>";
const SEPARATOR: &str = "<extra_0>";
const SPECIALS: &[&str] = &[START, END, SEPARATOR];

pub(super) struct QwenPrm;

struct Loaded {
    vocabulary: Vocabulary,
    head: MlpHead,
}

impl QwenPrm {
    fn vocabulary(checkpoint: &Checkpoint, config: &DecoderConfig) -> Result<Vocabulary, PrmError> {
        Vocabulary::load(&checkpoint.tokenizer_bytes, &checkpoint.tokenizer_file, SPECIALS, config.vocab)
    }
}

impl Family for QwenPrm {
    fn name(&self) -> &'static str {
        "qwen-prm"
    }

    fn doc(&self) -> &'static str {
        "Qwen2.5-Math-PRM and its re-trains: P(step correct), read at <extra_0> after each step"
    }

    fn looks_for(&self) -> &'static str {
        "architectures \"Qwen2ForProcessRewardModel\", or model_type \"qwen2\" with tensors score.0.* and score.2.* of 2 rows"
    }

    fn fingerprint(&self, checkpoint: &Checkpoint) -> Option<String> {
        if checkpoint.architecture() == "Qwen2ForProcessRewardModel" {
            return Some("architectures is Qwen2ForProcessRewardModel".to_owned());
        }
        let names = ["score.0.weight", "score.0.bias", "score.2.weight", "score.2.bias"];
        let qwen2 = checkpoint.config.get("model_type").and_then(|v| v.as_str()) == Some("qwen2");
        let two = checkpoint.tensor("score.2.weight").is_some_and(|(t, _)| t.shape.first() == Some(&2));
        let all = names.iter().all(|n| checkpoint.tensor(n).is_some());
        (qwen2 && two && all).then(|| "a qwen2 decoder with tensors score.0 and score.2 of 2 rows".to_owned())
    }

    fn semantics(&self) -> Semantics {
        Semantics::Correctness
    }

    fn threshold(&self) -> f64 {
        0.5
    }

    fn head(&self, config: &DecoderConfig) -> Layout {
        MlpHead::layout(config.hidden)
    }

    fn check(&self, checkpoint: &Checkpoint, config: &DecoderConfig) -> Result<(), PrmError> {
        Self::vocabulary(checkpoint, config).map(|_| ())
    }

    fn load(
        &self,
        checkpoint: &Checkpoint,
        weights: &mut Weights,
        config: &DecoderConfig,
    ) -> Result<Box<dyn Convention>, PrmError> {
        Ok(Box::new(Loaded { vocabulary: Self::vocabulary(checkpoint, config)?, head: MlpHead::load(weights)? }))
    }
}

impl Loaded {
    /// `<|im_start|>system⏎..<|im_end|>⏎<|im_start|>user⏎..<|im_end|>⏎<|im_start|>`; what follows is encoded with the first step.
    fn prefix(&self, problem: &str) -> Result<Vec<u32>, String> {
        let v = &self.vocabulary;
        let line = v.encode("\n")?;
        let mut ids = vec![v.special(START)];
        ids.extend(v.encode(&format!("system\n{SYSTEM}"))?);
        ids.push(v.special(END));
        ids.extend(&line);
        ids.push(v.special(START));
        ids.extend(v.encode(&format!("user\n{problem}"))?);
        ids.push(v.special(END));
        ids.extend(&line);
        ids.push(v.special(START));
        Ok(ids)
    }

    /// A step and its separator. The role line and a first step are one text to the tokenizer, as in the whole rendered
    /// conversation: a step that starts with a line break joins it.
    fn node(&self, text: &str, first: bool) -> Result<NodeTokens, String> {
        let mut ids =
            if first { self.vocabulary.encode(&format!("assistant\n{text}"))? } else { self.vocabulary.encode(text)? };
        let separator = self.vocabulary.special(SEPARATOR);
        ids.push(separator);
        // Invariant: one separator a step, so that a score can never move to another step.
        match ids.iter().filter(|&&id| id == separator).count() {
            1 => Ok(NodeTokens::read_last(ids)),
            n => Err(format!("the step has {n} separators, 1 was expected")),
        }
    }
}

impl Convention for Loaded {
    fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        let prefix = self.prefix(&request.problem).map_err(|e| PrmError::Request(format!("problem text: {e}")))?;
        let nodes = request.nodes.iter().map(|n| self.node(&n.text, n.parent.is_none())).collect();
        Ok(TokenTree { prefix, nodes })
    }

    fn readout(&self, _nodes: &[&NodeTokens], states: &[Tensor]) -> Result<Vec<RowScore>, PrmError> {
        // One read position a step, so rows are steps.
        let score = |hidden: &Tensor| -> Result<Vec<RowScore>, PrmError> {
            let finite = finite_rows(hidden)?.into_iter();
            let logits = self.head.logits(hidden)?;
            let score =
                |logits| StepScore::new(f64::from(second_of_two(logits)), Semantics::Correctness).map_err(|e| e.to_string());
            Ok(finite.zip(logits).map(|(finite, logits)| finite.and_then(|()| score(logits))).collect())
        };
        states.first().map_or(Ok(Vec::new()), score)
    }
}
