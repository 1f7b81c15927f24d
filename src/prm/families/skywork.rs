//! Skywork-o1-Open-PRM-Qwen-2.5-1.5B and -7B (`Qwen2ForPrmModel`).
//!
//! `<|endoftext|>`, the problem and a line break, then the lines of the solution, each tokenised alone and followed by one line break;
//! `v_head.summary` at the line break of a line gives, through the logistic function, the value of that line. A step of several lines
//! takes the score of its last one. Source: SkyworkAI/skywork-o1-prm-inference; the mean over steps is that of the EurusPRM cards.

use super::super::PrmError;
use super::super::checkpoint::Checkpoint;
use super::super::readout::{Readout, sigmoid};
use super::super::request::PrmRequest;
use super::super::tokenizer::{Part, Vocabulary};
use super::super::tokens::{NodeTokens, TokenTree};
use super::{Convention, Family, Fit, Meaning, Opening, Preset, plan, problem};
use crate::analysis::aggregate::Aggregate;

pub(super) const FAMILY: Family = Family {
    name: "skywork",
    about: "a line break after each step, one linear layer: logistic function of 1 value",
    looks_for: "architectures \"Qwen2ForPrmModel\", or model_type \"qwen2\" with tensor v_head.summary.weight",
    presets: &[Preset {
        name: "skywork",
        models: "Skywork-o1-Open-PRM-Qwen-2.5-1.5B, -7B, converted to safetensors",
        meaning: Meaning::VALUE.by(Aggregate::Mean),
        settings: &[("bos", "<|endoftext|>"), ("inner-line-breaks", "keep")],
    }],
    fingerprint,
    open,
};

fn fingerprint(checkpoint: &Checkpoint) -> Option<Fit> {
    if checkpoint.architecture() == "Qwen2ForPrmModel" {
        return Some(Fit::new("skywork", "architectures is Qwen2ForPrmModel"));
    }
    let qwen2 = checkpoint.config.get("model_type").and_then(|v| v.as_str()) == Some("qwen2");
    let head = checkpoint.tensor("v_head.summary.weight").is_some();
    (qwen2 && head).then(|| Fit::new("skywork", "a qwen2 decoder with tensor v_head.summary.weight"))
}

struct Skywork {
    vocabulary: Vocabulary,
    bos: Option<u32>,
    line_break: u32,
    /// Lines of a step are joined by spaces, as FoVer does it, so that every line is a step.
    join: bool,
}

fn open(at: &Opening<'_>) -> Result<Box<dyn Convention>, PrmError> {
    let mut vocabulary = at.vocabulary()?;
    let bos = at.bos(&mut vocabulary)?;
    let line_break = match vocabulary.encode("\n").as_deref() {
        Ok([id]) => *id,
        _ => return Err(vocabulary.bad_token("\n", "must be a single token")),
    };
    let join = at.settings.one_of("inner-line-breaks", &["keep", "space"])? == "space";
    Ok(Box::new(Skywork { vocabulary, bos, line_break, join }))
}

impl Convention for Skywork {
    fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        let bos = self.bos.map(Part::Control);
        let prefix = problem(self.vocabulary.ids(bos.iter().chain([&Part::Text(format!("{}\n", request.problem))])))?;
        let node = |text: &str, _| {
            let joined = self.join.then(|| text.replace('\n', " "));
            let mut ids = Vec::new();
            for line in joined.as_deref().unwrap_or(text).split('\n') {
                ids.extend(self.vocabulary.encode(line)?);
                ids.push(self.line_break);
            }
            Ok(NodeTokens::read_last(ids))
        };
        Ok(plan(request, prefix, node))
    }

    fn readout(&self) -> Readout {
        Readout::linear("v_head.summary.weight", Some("v_head.summary.bias"), 1)
    }

    fn score(&self, logits: &[f32]) -> f64 {
        logits.first().map_or(f64::NAN, |z| sigmoid(*z))
    }
}
