//! Math-Shepherd, SPARE, VersaPRM, Math-PSA: language models that judge at a tag behind each step.
//!
//! The state of the tag's last token goes through two rows of the `lm_head`; the softmax over these two logits is the score. Sources:
//! the cards of peiyi9979/math-shepherd-mistral-7b-prm (arXiv:2312.08935) and openreasoner/Math-psa, UKPLab/arxiv2025-spare-prm,
//! UW-Madison-Lee-Lab/VersaPRM (arXiv:2502.06737).

use super::super::PrmError;
use super::super::checkpoint::Checkpoint;
use super::super::readout::{Readout, softmax};
use super::super::request::PrmRequest;
use super::super::tokens::TokenTree;
use super::tagged::Tagged;
use super::{Convention, Family, Fit, Meaning, Opening, Preset, causal_lm};

/// Required word for word.
const SPARE: &str = "You are an expert at solving challenging math problems spanning across various categories and difficulties such as \
Algebra, Number Theory, Geometry, Counting and Probability, Precalculus etc. For a given math problem, your task is to generate a \
step-by-step reasoning-based solution providing an answer to the question. Identify the correct concepts, formulas and heuristics \
that needs to be applied and then derive the contents of the reasoning steps from the given contexts and accurate calculations from \
the previous reasoning steps.";

pub(super) const FAMILY: Family = Family {
    name: "step-tag",
    about: "a tag after each step, two rows of the lm_head read at the tag: softmax of 2 logits",
    looks_for: "architectures \"*ForCausalLM\" and a name with math-shepherd, spare-prm, versaprm, llama-prm800k, qwen-prm800k or math-psa",
    presets: &[
        Preset {
            name: "math-shepherd",
            models: "math-shepherd-mistral-7b-prm",
            meaning: Meaning::VALUE,
            settings: &[
                ("pieces", "text"),
                ("bos", "auto"),
                ("system", ""),
                ("lead", "{q} "),
                ("label", "Step {i}: "),
                ("tag", " ки"),
                ("glue", "\n"),
                ("good", " +"),
                ("bad", " -"),
            ],
        },
        Preset {
            name: "spare",
            models: "Llama-3-8b-spare-prm-math, Qwen2.5-3b-spare-prm-math",
            meaning: Meaning::CORRECT,
            settings: &[
                ("pieces", "chat"),
                ("bos", "none"),
                ("system", SPARE),
                ("lead", "Let's think step by step.\n"),
                ("label", ""),
                ("tag", " ки"),
                ("glue", "\n"),
                ("good", "+"),
                ("bad", "-"),
            ],
        },
        Preset {
            name: "versaprm",
            models: "VersaPRM, VersaPRM-Base-8B, -Aug, Llama-PRM800K, Qwen-PRM800K",
            meaning: Meaning::CORRECT,
            settings: &[
                ("pieces", "alone"),
                ("bos", "auto"),
                ("system", ""),
                ("lead", "{q} \n\n"),
                ("label", ""),
                ("tag", " \n\n\n\n"),
                ("glue", ""),
                ("good", "+"),
                ("bad", "-"),
            ],
        },
        Preset {
            name: "math-psa",
            models: "openreasoner Math-psa",
            meaning: Meaning::VALUE,
            settings: &[
                ("pieces", "text"),
                ("bos", "none"),
                ("system", ""),
                ("lead", "{q} "),
                ("label", ""),
                ("tag", " \n\n\n\n\n"),
                ("glue", ""),
                ("good", " +"),
                ("bad", " -"),
            ],
        },
    ],
    fingerprint,
    open,
};

fn fingerprint(checkpoint: &Checkpoint) -> Option<Fit> {
    causal_lm(
        checkpoint,
        &[
            ("math-shepherd", &["math-shepherd"]),
            ("spare", &["spare-prm"]),
            ("versaprm", &["versaprm", "llama-prm800k", "qwen-prm800k"]),
            ("math-psa", &["math-psa"]),
        ],
    )
}

struct StepTag {
    prompt: Tagged,
    /// Good, then bad.
    candidates: [u32; 2],
}

fn open(at: &Opening<'_>) -> Result<Box<dyn Convention>, PrmError> {
    let prompt = Tagged::open(at)?;
    let candidate = |key: &str| prompt.vocabulary.word(at.settings.text(key));
    let candidates = [candidate("good")?, candidate("bad")?];
    Ok(Box::new(StepTag { prompt, candidates }))
}

impl Convention for StepTag {
    fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        self.prompt.plan(request)
    }

    fn readout(&self) -> Readout {
        Readout::Tokens(self.candidates.to_vec())
    }

    fn score(&self, logits: &[f32]) -> f64 {
        softmax(logits, 0)
    }
}
