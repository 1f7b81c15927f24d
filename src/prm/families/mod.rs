//! Scoring families: how text is put together for a model, where its states are read, and how they become scores.
//!
//! A family is one file and one row of [`FAMILIES`]; the models of a family differ in settings only ([`Preset`]). It is found by what
//! the checkpoint says about itself, never by its `model_type`, which several families share. Everything but [`Opened::load`] works
//! without weights.

mod chat;
mod genprm;
mod implicit;
mod joint;
mod minos;
mod outcome;
mod qwen_prm;
mod reasoneval;
mod rprm;
pub(super) mod sampler;
mod settings;
mod skywork;
mod spc;
mod step_tag;
mod tagged;
mod thinkprm;
mod token_class;
mod value_head;
mod verdict_turn;
mod vocab_mean;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use candle_core::Tensor;

use super::PrmError;
use super::checkpoint::{Checkpoint, Layout, Weights};
use super::config::DecoderConfig;
use super::critic::{self, Critic};
use super::head::{LmHead, finite_rows};
use super::matrices;
use super::readout::{Head, Readout, softmax};
use super::request::{CheckpointSource, PrmRequest};
use super::tokenizer::Vocabulary;
use super::tokens::{NodeTokens, TokenTree};
use crate::analysis::meaning::Meaning;
use crate::trace::{Rationale, StepScore};

pub(super) use settings::{Preset, Settings};

/// All known families, in the order in which they are listed.
pub(super) static FAMILIES: &[Family] = &[
    qwen_prm::FAMILY,
    skywork::FAMILY,
    token_class::FAMILY,
    minos::FAMILY,
    reasoneval::FAMILY,
    step_tag::FAMILY,
    verdict_turn::FAMILY,
    vocab_mean::FAMILY,
    implicit::FAMILY,
    outcome::FAMILY,
    value_head::FAMILY,
    genprm::FAMILY,
    thinkprm::FAMILY,
    spc::FAMILY,
    rprm::FAMILY,
];

/// Why a step has no score of an outcome model.
const WHOLE: &str = "this model judges whole solutions, no steps";

/// The score of one step, or why there is none.
pub(super) type RowScore = Result<StepScore, String>;

/// The score of one step with what explains it.
pub(super) type Explained = (RowScore, Option<Rationale>);

/// One way of turning steps into scores.
pub(super) struct Family {
    /// Short stable name.
    pub(super) name: &'static str,
    /// One line for people: how steps are read.
    pub(super) about: &'static str,
    /// What [`Self::fingerprint`] looks at, for the message that nothing fits.
    pub(super) looks_for: &'static str,
    /// Its models.
    pub(super) presets: &'static [Preset],
    /// The model that a checkpoint is, if it is of this family.
    pub(super) fingerprint: fn(&Checkpoint) -> Option<Fit>,
    /// Builds the convention: looks tokens up, reads settings.
    pub(super) open: fn(&Opening<'_>) -> Result<Box<dyn Convention>, PrmError>,
}

/// A recognised model.
#[derive(Debug)]
pub(super) struct Fit {
    /// Name of the [`Preset`].
    pub(super) preset: &'static str,
    /// Why.
    pub(super) evidence: String,
    /// Another preset that fits as well: the user has to say which.
    pub(super) or: Option<&'static str>,
}

impl Fit {
    fn new(preset: &'static str, evidence: impl Into<String>) -> Self {
        Self { preset, evidence: evidence.into(), or: None }
    }
}

/// What a family is built from.
pub(super) struct Opening<'a> {
    pub(super) checkpoint: &'a Checkpoint,
    pub(super) config: &'a DecoderConfig,
    pub(super) settings: &'a Settings,
}

impl Opening<'_> {
    fn vocabulary(&self) -> Result<Vocabulary, PrmError> {
        Vocabulary::load(&self.checkpoint.tokenizer_bytes, &self.checkpoint.tokenizer_file, self.config.vocab)
    }

    /// The token that the setting `bos` asks for before the problem: `none`, a token, or `auto` for that of the tokenizer if it has one.
    fn bos(&self, vocabulary: &mut Vocabulary) -> Result<Option<u32>, PrmError> {
        let token = match self.settings.text("bos") {
            "" | "none" => None,
            "auto" => self.checkpoint.special_token("bos_token"),
            token => Some(token.to_owned()),
        };
        token.map(|token| vocabulary.control(&token)).transpose()
    }
}

/// The text side of a family for one checkpoint.
pub(super) trait Convention: Send {
    /// The tokens of a request and the positions at which states are read.
    fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError>;
    /// What is read there.
    fn readout(&self) -> Readout;
    /// The score of a step from the numbers that are read: logits of one position, or rewards of its tokens.
    fn score(&self, numbers: &[f32]) -> f64;
    /// What explains the score of a step, from the tokens behind its read positions and the numbers that are read of them.
    fn rationale(&self, _tokens: &[u32], _numbers: &[f32]) -> Option<Rationale> {
        None
    }
    /// The convention as one that has the model write ([`Readout::Written`]).
    fn critic(&self) -> Option<&dyn Critic> {
        None
    }
    /// The folder of the second model of a [`Readout::LogRatio`].
    fn reference(&self) -> Option<PathBuf> {
        None
    }
    /// Another number since the code gives other scores.
    fn revision(&self) -> u32 {
        1
    }
}

impl<C: Critic + Send> Convention for C {
    fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        Ok(critic::plan(self, request))
    }

    fn readout(&self) -> Readout {
        Readout::Written
    }

    fn score(&self, answers: &[f32]) -> f64 {
        softmax(answers, 0)
    }

    fn critic(&self) -> Option<&dyn Critic> {
        Some(self)
    }
}

/// The family of a checkpoint, without its weights.
pub(super) struct Opened {
    pub(super) family: &'static Family,
    pub(super) evidence: String,
    pub(super) settings: Settings,
    pub(super) config: DecoderConfig,
    pub(super) convention: Box<dyn Convention>,
    /// The second model, where the score is a ratio of two.
    pub(super) reference: Option<Reference>,
}

/// A language model that another one is compared with.
pub(super) struct Reference {
    pub(super) checkpoint: Checkpoint,
    pub(super) config: DecoderConfig,
    pub(super) layout: Layout,
}

/// A family with its head, ready to score.
pub(super) struct Judge {
    convention: Box<dyn Convention>,
    meaning: Meaning,
    head: Head,
}

impl Opened {
    /// Finds the family, reads its settings and looks up its tokens.
    pub(super) fn new(checkpoint: &Checkpoint) -> Result<Self, PrmError> {
        let (family, preset, evidence) = detect(checkpoint)?;
        let settings = Settings::new(preset, checkpoint)?;
        let mut config = DecoderConfig::read(&checkpoint.config, &checkpoint.config_file)?;
        config.context = settings.context(config.context)?;
        let convention = (family.open)(&Opening { checkpoint, config: &config, settings: &settings })?;
        let reference = convention.reference().map(|place| Reference::open(&place, &config)).transpose()?;
        Ok(Self { family, evidence, settings, config, convention, reference })
    }

    /// The tensors of the score head.
    pub(super) fn head(&self) -> Layout {
        self.convention.readout().layout(&self.config)
    }

    /// All tensors of the model: decoder and score head.
    pub(super) fn layout(&self) -> Layout {
        matrices::layout(&self.config).into_iter().chain(self.head()).collect()
    }

    /// Everything that decides the scores beside weights, configuration and tokenizer.
    pub(super) fn identity(&self) -> String {
        let mut text = format!("{} {} {}", self.family.name, self.settings.preset.name, self.convention.revision());
        for (key, value) in self.settings.listed() {
            let _ = write!(text, "\n{key}={value}");
        }
        text
    }

    /// Takes the head out of the weights.
    pub(super) fn load(self, weights: &mut Weights, reference: Option<LmHead>) -> Result<Judge, PrmError> {
        let head = self.convention.readout().load(weights, &self.config, reference)?;
        Ok(Judge { convention: self.convention, meaning: self.settings.meaning, head })
    }
}

impl Reference {
    fn open(place: &Path, other: &DecoderConfig) -> Result<Self, PrmError> {
        let checkpoint = Checkpoint::open(&CheckpointSource::Dir(place.to_owned()))?;
        let config = DecoderConfig::read(&checkpoint.config, &checkpoint.config_file)?;
        if config.vocab < other.vocab {
            let message = format!("vocab_size: {}, the model that is compared with it has {}", config.vocab, other.vocab);
            return Err(PrmError::Config { file: checkpoint.config_file.clone(), message });
        }
        let layout: Layout = matrices::layout(&config).into_iter().chain(LmHead::layout(&config)).collect();
        checkpoint.check(&layout)?;
        Ok(Self { checkpoint, config, layout })
    }
}

impl Judge {
    /// The convention as one that has the model write, and the model's output projection.
    pub(super) fn critic(&self) -> Option<(&dyn Critic, &LmHead)> {
        match (&self.head, self.convention.critic()) {
            (Head::Written(head), Some(critic)) => Some((critic, head)),
            _ => None,
        }
    }

    /// A number of the model as a score.
    pub(super) fn score(&self, value: f64) -> RowScore {
        self.meaning.score(value).map_err(|e| e.to_string())
    }

    /// The tokens of a request and the positions at which states are read.
    pub(super) fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        self.convention.plan(request)
    }

    /// The scores of some nodes of a plan; a node without a finite score has a reason. `states` holds the hidden states of each decoder,
    /// `(rows, hidden)`, with one row for each read position of the nodes, in their order.
    pub(super) fn scores(&self, nodes: &[&NodeTokens], states: &[Tensor]) -> Result<Vec<Explained>, PrmError> {
        let finite = states.iter().map(finite_rows).collect::<Result<Vec<_>, _>>()?;
        let numbers = self.head.numbers(nodes, states)?;
        let mut row = 0;
        let mut score = |node: &NodeTokens, numbers: &[f32]| {
            let own = row..row + node.read.len();
            row = own.end;
            if own.is_empty() {
                return Err(if self.meaning.outcome { WHOLE } else { "this model gives no score to such a step" }.to_owned());
            }
            for states in &finite {
                states.get(own.clone()).unwrap_or_default().iter().cloned().collect::<Result<(), String>>()?;
            }
            self.meaning.score(self.convention.score(numbers)).map_err(|e| e.to_string())
        };
        let explained = |(node, numbers): (&&NodeTokens, Vec<f32>)| {
            let score = score(node, &numbers);
            let rationale = score.is_ok().then(|| self.convention.rationale(&node.read_next(), &numbers)).flatten();
            (score, rationale)
        };
        Ok(nodes.iter().zip(numbers).map(explained).collect())
    }
}

/// The family and model of a checkpoint, with the evidence: what the user says, else what fits.
fn detect(checkpoint: &Checkpoint) -> Result<(&'static Family, &'static Preset, String), PrmError> {
    let presets = || FAMILIES.iter().flat_map(|f| f.presets.iter().map(move |p| (f, p)));
    if let Some(name) = settings::asked(&checkpoint.settings) {
        let found = presets().find(|(_, preset)| preset.name == name);
        let (family, preset) = found.ok_or_else(|| {
            let known: Vec<&str> = presets().map(|(_, preset)| preset.name).collect();
            let message = format!("model: unknown model {name:?}; expected one of {}", known.join(", "));
            PrmError::Config { file: checkpoint.settings_file.clone(), message }
        })?;
        return Ok((family, preset, format!("{} says so", checkpoint.settings_file)));
    }
    let mut fits = FAMILIES.iter().filter_map(|family| {
        let fit = (family.fingerprint)(checkpoint)?;
        let preset = family.presets.iter().find(|preset| preset.name == fit.preset)?;
        Some((family, preset, fit))
    });
    let unknown = |also: &str| PrmError::UnknownFamily {
        place: checkpoint.place.clone(),
        looked: looked_for(),
        found: format!("{}{also}", found(checkpoint)),
    };
    let (family, preset, fit) = fits.next().ok_or_else(|| unknown(""))?;
    match fits.next().map(|(_, other, _)| other.name).or(fit.or) {
        Some(other) => {
            let (one, file) = (preset.name, &checkpoint.settings_file);
            Err(unknown(&format!("; {one} and {other} both fit, {file} can say which: {{\"model\": \"{other}\"}}")))
        }
        None => Ok((family, preset, fit.evidence)),
    }
}

fn looked_for() -> String {
    FAMILIES.iter().map(|f| format!("{} ({})", f.looks_for, f.name)).collect::<Vec<_>>().join("; ")
}

/// What a checkpoint says about itself: class, type, name, and the tensors that do not belong to the decoder.
fn found(checkpoint: &Checkpoint) -> String {
    let model_type = checkpoint.config.get("model_type").and_then(|v| v.as_str()).unwrap_or("");
    let tensors = checkpoint.shards.iter().flat_map(|s| &s.tensors);
    let heads: Vec<String> =
        tensors.filter(|t| !t.name.starts_with("model.")).take(8).map(|t| format!("{:?} {:?}", t.name, t.shape)).collect();
    let heads = if heads.is_empty() { "none".to_owned() } else { heads.join(", ") };
    format!(
        "architectures {:?}, model_type {model_type:?}, name {:?}, tensors beside the decoder: {heads}",
        checkpoint.architecture(),
        checkpoint.name
    )
}

/// The words that the name of a checkpoint or of what it was made from holds, if one of `words` is among them.
fn named(checkpoint: &Checkpoint, words: &[&str]) -> Option<String> {
    let configured = checkpoint.config.get("_name_or_path").and_then(|v| v.as_str()).unwrap_or("");
    let names = [checkpoint.name.as_str(), configured];
    let name = names.into_iter().find(|name| words.iter().any(|word| name.to_lowercase().contains(word)))?;
    Some(format!("the name {name:?}"))
}

/// The preset of a causal language model that only its name tells.
fn causal_lm(checkpoint: &Checkpoint, presets: &[(&'static str, &[&str])]) -> Option<Fit> {
    let causal = checkpoint.architecture().ends_with("ForCausalLM");
    let fit = |(preset, words): &(&'static str, &[&str])| Some(Fit::new(preset, named(checkpoint, words)?));
    presets.iter().filter(|_| causal).find_map(fit)
}

/// A template with its places filled; what is put in is not looked at again.
fn filled(template: &str, places: &[(&str, &str)]) -> String {
    let (mut text, mut rest) = (String::with_capacity(template.len()), template);
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let (name, value) = places.iter().find(|(name, _)| from.starts_with(name)).copied().unwrap_or(("{", "{"));
        text.push_str(value);
        rest = &from[name.len()..];
    }
    text + rest
}

/// The problem's tokens; a problem that cannot be encoded fails the whole request.
fn problem(ids: Result<Vec<u32>, String>) -> Result<Vec<u32>, PrmError> {
    ids.map_err(|message| PrmError::Request(format!("problem text: {message}")))
}

/// A plan from the tokens before the steps and a function from a node's text and its number on the path (from 1) to its tokens.
fn plan(request: &PrmRequest, prefix: Vec<u32>, node: impl Fn(&str, usize) -> Result<NodeTokens, String>) -> TokenTree {
    let mut depth = Vec::with_capacity(request.nodes.len());
    let nodes = request.nodes.iter().map(|n| {
        let number = n.parent.and_then(|parent| depth.get(parent)).map_or(1, |parent: &usize| parent + 1);
        depth.push(number);
        node(&n.text, number)
    });
    let nodes = nodes.collect();
    TokenTree { prefix, nodes }
}
