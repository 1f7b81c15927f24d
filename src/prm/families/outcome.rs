//! Models that judge a whole solution: Qwen2.5-Math-RM-72B and the llemma outcome models, shown as a badge and never as steps; and
//! Universal-PRM-7B, which judges every prefix as if it were the whole.
//!
//! Qwen2.5-Math-RM: `ChatML` with the system prompt of the policy, two-layer head with one output at the last token, any number.
//! Universal-PRM: the steps are tokenised apart from a chat prompt that names the reference answer, an end-of-text token follows the
//! prefix, the logistic function of the same head is the score. Sources: the model cards; the reading of Universal-PRM is taken from
//! copies of its card.

use super::super::PrmError;
use super::super::checkpoint::Checkpoint;
use super::super::config::DecoderConfig;
use super::super::readout::{Readout, sigmoid};
use super::super::request::PrmRequest;
use super::super::tokenizer::{Part, Vocabulary};
use super::super::tokens::{NodeTokens, TokenTree};
use super::chat::{Chat, Frame};
use super::joint::Joint;
use super::{Convention, Family, Fit, Meaning, Opening, Preset, causal_lm, filled, named, plan, problem};
use crate::analysis::aggregate::Aggregate;

const OUTCOME: Meaning = Meaning { outcome: true, ..Meaning::VALUE.by(Aggregate::Last) };
const CORRECT: Meaning = Meaning { outcome: true, ..Meaning::CORRECT.by(Aggregate::Last) };

pub(super) const FAMILY: Family = Family {
    name: "outcome",
    about: "the end of the text, one value of a solution (universal: of every prefix)",
    looks_for: "architectures \"Qwen2ForRewardModel\" with tensor score.2.weight of 1 row, or \"*ForCausalLM\" and a name with llemma and orm",
    presets: &[
        Preset {
            name: "qwen-rm",
            models: "Qwen2.5-Math-RM-72B",
            meaning: OUTCOME.open(0.0, 1.0),
            settings: &[
                ("system", "Please reason step by step, and put your final answer within \\boxed{}."),
                ("glue", "\n\n"),
                ("reading", "chat"),
            ],
        },
        Preset {
            name: "llemma-orm",
            models: "llemma-7b-orm, llemma-34b-orm",
            meaning: CORRECT,
            settings: &[
                ("bos", "auto"),
                ("eos", "</s>"),
                ("lead", "# Question\n\n{q}\n\n# Solution\n\n"),
                ("glue", "\n\n"),
                ("reading", "text"),
            ],
        },
        Preset {
            name: "universal",
            models: "Universal-PRM-7B",
            meaning: Meaning::VALUE.by(Aggregate::Last),
            settings: &[
                ("system", "You are a helpful assistant."),
                ("user", "{q}\n\n###\n\n{reference}"),
                ("reference", "There is no reference answer for this question."),
                ("eos", "auto"),
                ("reading", "prefixes"),
            ],
        },
    ],
    fingerprint,
    open,
};

fn fingerprint(checkpoint: &Checkpoint) -> Option<Fit> {
    let one = checkpoint.tensor("score.2.weight").is_some_and(|(t, _)| t.shape.first() == Some(&1));
    if checkpoint.architecture() == "Qwen2ForRewardModel" && one {
        return Some(reward_model(checkpoint));
    }
    causal_lm(checkpoint, &[("llemma-orm", &["llemma-7b-orm", "llemma_7b_orm", "llemma-34b-orm"])])
}

/// Two models have this class. Their names tell them apart, or else the rotary base with the context that each was published with.
fn reward_model(checkpoint: &Checkpoint) -> Fit {
    let by = |evidence: String| format!("architectures is Qwen2ForRewardModel with 1 output, {evidence}");
    if let Some(name) = named(checkpoint, &["universal-prm"]) {
        return Fit::new("universal", by(name));
    }
    if let Some(name) = named(checkpoint, &["math-rm"]) {
        return Fit::new("qwen-rm", by(name));
    }
    let config = DecoderConfig::read(&checkpoint.config, &checkpoint.config_file);
    match config.map(|config| (config.rope_theta, config.context)) {
        Ok((1e6, context @ 32_768)) => Fit::new("universal", by(format!("rope_theta 1000000 and {context} positions"))),
        Ok((1e4, context @ 4096)) => Fit::new("qwen-rm", by(format!("rope_theta 10000 and {context} positions"))),
        _ => Fit {
            or: Some("universal"),
            ..Fit::new("qwen-rm", by("neither name nor rope_theta and positions of one".to_owned()))
        },
    }
}

struct Outcome {
    vocabulary: Vocabulary,
    reading: Reading,
    glue: String,
    context: usize,
}

enum Reading {
    /// Places: problem and solution.
    Chat(Frame),
    /// Running text between two tokens.
    Text { bos: Option<u32>, lead: String, eos: Part },
    /// Place: the user's message; steps are tokenised alone.
    Prefixes { frame: Frame, user: String, reference: String, eos: u32 },
}

fn open(at: &Opening<'_>) -> Result<Box<dyn Convention>, PrmError> {
    let mut vocabulary = at.vocabulary()?;
    let text = |key: &str| at.settings.text(key).to_owned();
    let system = at.settings.text("system");
    let chat = |vocabulary: &Vocabulary| Chat::of(at.checkpoint, vocabulary);
    let eos = |vocabulary: &mut Vocabulary| {
        let own = at.checkpoint.special_token("eos_token").filter(|_| at.settings.text("eos") == "auto");
        vocabulary.control(own.as_deref().unwrap_or(at.settings.text("eos")))
    };
    let reading = match at.settings.one_of("reading", &["chat", "text", "prefixes"])? {
        "chat" => Reading::Chat(chat(&vocabulary)?.dialogue(&mut vocabulary, system)?),
        "text" => {
            let bos = at.bos(&mut vocabulary)?;
            Reading::Text { bos, lead: text("lead"), eos: Part::Control(eos(&mut vocabulary)?) }
        }
        _ => {
            let messages = [("system", Some(system)), ("user", None)];
            let frame = chat(&vocabulary)?.frame(&mut vocabulary, &messages, true)?;
            let eos = eos(&mut vocabulary)?;
            Reading::Prefixes { frame, user: text("user"), reference: text("reference"), eos }
        }
    };
    Ok(Box::new(Outcome { vocabulary, reading, glue: text("glue"), context: at.config.context }))
}

impl Outcome {
    /// One text whose end is read where a solution ends.
    fn whole(&self, request: &PrmRequest, prefix: Vec<u32>, lead: String, end: &[Part]) -> TokenTree {
        let Self { vocabulary, glue, context, .. } = self;
        let joint = Joint { vocabulary, prefix, lead, glue, end, context: *context };
        joint.plan(request, |node| request.nodes[node].ends)
    }
}

impl Convention for Outcome {
    fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        let v = &self.vocabulary;
        Ok(match &self.reading {
            Reading::Chat(frame) => {
                let (prefix, role) = frame.opening(&request.problem);
                let lead = role.iter().map(|part| if let Part::Text(text) = part { text.as_str() } else { "" }).collect();
                self.whole(request, problem(v.ids(&prefix))?, lead, frame.piece(2))
            }
            Reading::Text { bos, lead, eos } => {
                let lead = filled(lead, &[("{q}", &request.problem)]);
                self.whole(request, bos.iter().copied().collect(), lead, std::slice::from_ref(eos))
            }
            Reading::Prefixes { frame, user, reference, eos } => {
                let user = Part::Text(filled(user, &[("{q}", &request.problem), ("{reference}", reference)]));
                let prefix = v.ids(frame.piece(0).iter().chain([&user]).chain(frame.piece(1)));
                plan(request, problem(prefix)?, |text, _| {
                    let ids = v.encode(&format!("{text}\n\n"))?;
                    Ok(NodeTokens { read: vec![ids.len().cast_signed()], ids, tail: vec![*eos] })
                })
            }
        })
    }

    fn readout(&self) -> Readout {
        match self.reading {
            Reading::Text { .. } => Readout::VocabularyMean,
            Reading::Chat(_) | Reading::Prefixes { .. } => Readout::Mlp { outputs: 1 },
        }
    }

    fn score(&self, logits: &[f32]) -> f64 {
        let z = logits.first().copied().unwrap_or(f32::NAN);
        if matches!(self.reading, Reading::Chat(_)) { f64::from(z) } else { sigmoid(z) }
    }
}
