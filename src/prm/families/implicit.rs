//! Implicit process rewards: `EurusPRM`, `ImplicitPRM`. The reward of a token is the difference of its log-probabilities under the model and
//! under a reference model, times beta; the reward of a step is the sum over its tokens.
//!
//! The reference has to be named, `"reference": "FOLDER"`, as seen from `stepscope.json`: the sources disagree on it (Qwen2.5-Math-7B-Instruct
//! on the cards, Qwen2.5-7B-Instruct in `process_eval.sh`), and so they do on beta (0.001 and 0.005). The solution is one assistant message
//! of `Step 1: ..` paragraphs. A step owns its label, its text and the empty line behind it, of which the last step of a solution has none;
//! the authors' index arithmetic puts the border one or two tokens later. Source: PRIME-RL/ImplicitPRM (arXiv:2412.01981) and the cards of EurusPRM-Stage1 and -Stage2.

use std::path::PathBuf;

use super::super::PrmError;
use super::super::checkpoint::Checkpoint;
use super::super::readout::Readout;
use super::super::request::{PrmNode, PrmRequest};
use super::super::tokenizer::{Part, Vocabulary};
use super::super::tokens::{NodeTokens, TokenTree};
use super::chat::{Chat, Frame};
use super::{Convention, Family, Fit, Meaning, Opening, Preset, causal_lm, filled, problem};
use crate::analysis::aggregate::Aggregate;
use crate::trace::{Rationale, Semantics};

/// Rewards of steps are of the size of beta, so that is the spread of their colours.
const MEANING: Meaning = Meaning { semantics: Semantics::LogRatio, ..Meaning::VALUE.open(0.0, 0.001) };
const SETTINGS: &[(&str, &str)] =
    &[("system", ""), ("label", "Step {i}: "), ("glue", "\n\n"), ("beta", "0.001"), ("reference", "")];

pub(super) const FAMILY: Family = Family {
    name: "implicit",
    about: "two language models: beta times the sum of log-probability differences over the tokens of a step",
    looks_for: "architectures \"*ForCausalLM\" and a name with eurusprm or implicitprm",
    presets: &[
        Preset { name: "eurus-1", models: "EurusPRM-Stage1, ImplicitPRM", meaning: MEANING, settings: SETTINGS },
        Preset { name: "eurus-2", models: "EurusPRM-Stage2", meaning: MEANING.by(Aggregate::Sum), settings: SETTINGS },
    ],
    fingerprint,
    open,
};

fn fingerprint(checkpoint: &Checkpoint) -> Option<Fit> {
    causal_lm(checkpoint, &[("eurus-2", &["eurusprm-stage2"]), ("eurus-1", &["eurusprm", "implicitprm"])])
}

struct Implicit {
    vocabulary: Vocabulary,
    /// Places: the problem, the steps.
    frame: Frame,
    label: String,
    glue: String,
    beta: f64,
    reference: PathBuf,
}

fn open(at: &Opening<'_>) -> Result<Box<dyn Convention>, PrmError> {
    let mut vocabulary = at.vocabulary()?;
    let frame = Chat::of(at.checkpoint, &vocabulary)?.dialogue(&mut vocabulary, at.settings.text("system"))?;
    let text = |key: &str| at.settings.text(key).to_owned();
    let (beta, reference) = (at.settings.number("beta")?, at.settings.place("reference")?);
    Ok(Box::new(Implicit { vocabulary, frame, label: text("label"), glue: text("glue"), beta, reference }))
}

impl Implicit {
    /// The tokens of a text that begins a step; `role` are those before the first one.
    fn tokens(&self, role: &[u32], number: usize, text: String) -> Result<Vec<u32>, String> {
        if number > 1 {
            return self.vocabulary.encode_behind(&self.glue, &text);
        }
        let start = self.frame.cut(1).1;
        let all = self.vocabulary.ids(start.iter().chain([&Part::Text(text)]))?;
        Ok(all.strip_prefix(role).ok_or("the tokenizer joins the step with the role before it")?.to_vec())
    }

    /// The tokens of a step, and those of the empty line that the steps behind it begin with. `line` are those that it begins with itself:
    /// where a solution ended before it, they are no part of any step.
    fn step(&self, role: &[u32], number: usize, node: &PrmNode, line: Vec<u32>) -> Result<(NodeTokens, Vec<u32>), String> {
        let own = node.text.starts_with("Step") || node.text.starts_with("step");
        let label = if own { String::new() } else { filled(&self.label, &[("{i}", &number.to_string())]) };
        let text = format!("{label}{}", node.text);
        let mut followed = self.tokens(role, number, format!("{text}{}", self.glue))?;
        let (mut tail, mut behind) = (Vec::new(), Vec::new());
        if node.ends {
            tail = self.tokens(role, number, text)?;
            let alike = tail.iter().zip(&followed).take_while(|(a, b)| a == b).count();
            behind = followed.split_off(alike);
            tail.drain(..alike);
        }
        let (before, count) = (line.len().cast_signed(), (followed.len() + tail.len()).cast_signed());
        // The state before a token says how likely the token is.
        let read = (before - 1..before + count - 1).collect();
        Ok((NodeTokens { ids: [line, followed].concat(), tail, read }, behind))
    }
}

impl Convention for Implicit {
    fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        let (mut prefix, role) = self.frame.opening(&request.problem);
        prefix.extend(role.iter().cloned());
        let role = problem(self.vocabulary.ids(role))?;
        // Numbers of the steps, and the tokens that the steps behind them begin with.
        let mut before: Vec<(usize, Vec<u32>)> = Vec::with_capacity(request.nodes.len());
        let mut nodes = Vec::with_capacity(request.nodes.len());
        for node in &request.nodes {
            let parent = node.parent.and_then(|parent| before.get(parent));
            let (number, line) = parent.map_or((1, Vec::new()), |(number, line)| (number + 1, line.clone()));
            let (tokens, behind) =
                self.step(&role, number, node, line).map_or_else(|e| (Err(e), Vec::new()), |(t, b)| (Ok(t), b));
            before.push((number, behind));
            nodes.push(tokens);
        }
        Ok(TokenTree { prefix: problem(self.vocabulary.ids(&prefix))?, nodes })
    }

    fn readout(&self) -> Readout {
        Readout::LogRatio
    }

    fn score(&self, rewards: &[f32]) -> f64 {
        self.beta * rewards.iter().map(|r| f64::from(*r)).sum::<f64>()
    }

    fn rationale(&self, tokens: &[u32], rewards: &[f32]) -> Option<Rationale> {
        let shares = rewards.iter().map(|r| self.beta * f64::from(*r));
        Some(Rationale::Tokens(self.vocabulary.pieces(tokens).into_iter().zip(shares).collect()))
    }

    fn reference(&self) -> Option<PathBuf> {
        Some(self.reference.clone())
    }

    /// In the first, the last step of a solution had an empty line behind it.
    fn revision(&self) -> u32 {
        2
    }
}
