//! A language model that goes on with a solution: other ways to take a step, for people to compare. It is asked by its own chat template
//! where it has one, else with problem and steps as plain paragraphs, and judges nothing. What it writes is text, and never run.

use std::ops::ControlFlow;

use super::super::PrmError;
use super::super::bare::{Bare, BareFiles};
use super::super::critic::seed;
use super::super::generate::{Sampling, Stop, generate};
use super::super::head::LmHead;
use super::super::request::{Beginning, CheckpointSource, Device, Sample, ScoreStats};
use super::super::tokenizer::{Part, Vocabulary};
use super::chat::{Chat, Frame, ends};

/// What stands between two steps, and ends one.
const SEPARATOR: &str = "\n\n";
/// Longest step, in tokens.
const MAX_TOKENS: usize = 512;
/// Tokens between two looks at what is being written.
const LOOK: usize = 16;
/// Only the most probable tokens that together reach this probability: what hardly anybody would write is no alternative.
const TOP_P: f64 = 0.95;

/// A language model in memory.
pub struct Sampler {
    decoder: Bare,
    vocabulary: Vocabulary,
    /// Places: the problem, the steps. Without one the text is plain.
    frame: Option<Frame>,
    /// Stands before plain text.
    first: Option<u32>,
    ends: Vec<u32>,
    head: LmHead,
}

impl std::fmt::Debug for Sampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sampler").field("name", &self.decoder.name()).finish_non_exhaustive()
    }
}

impl Sampler {
    /// Loads the causal language model of a checkpoint.
    pub fn load(source: &CheckpointSource, device: Device) -> Result<Self, PrmError> {
        let mut files = BareFiles::open(source, device)?;
        let BareFiles { checkpoint, vocabulary, .. } = &mut files;
        let chat = Chat::of(checkpoint, vocabulary).ok();
        let frame = chat.map(|chat| chat.dialogue(vocabulary, "")).transpose()?;
        let first = checkpoint.special_token("bos_token").filter(|_| frame.is_none());
        let first = first.map(|token| vocabulary.control(&token)).transpose()?;
        let ends = ends(checkpoint, vocabulary)?;
        let (decoder, vocabulary, head) = files.load("sampler 1", LmHead::layout, LmHead::load)?;
        Ok(Self { decoder, vocabulary, frame, first, ends, head })
    }

    /// What is known about the decoder.
    pub fn decoder(&self) -> &Bare {
        &self.decoder
    }

    /// The tokens before a step.
    fn prompt(&self, of: &Beginning) -> Result<Vec<u32>, String> {
        let steps = of.steps.iter().fold(String::new(), |text, step| text + step + SEPARATOR);
        let Some(frame) = &self.frame else {
            let text = Part::Text(format!("{}{SEPARATOR}{steps}", of.problem));
            return self.vocabulary.ids(self.first.map(Part::Control).iter().chain([&text]));
        };
        let (before, role) = frame.opening(&of.problem);
        self.vocabulary.ids(before.iter().chain(role).chain([&Part::Text(steps)]))
    }

    /// Writes steps behind a beginning, one after another. `on` hears of each as it grows, and once more when it is whole;
    /// [`ControlFlow::Break`] ends the work there. The same number of the same beginning, temperature and seed is always the same text.
    pub fn sample(&mut self, of: &Beginning, on: &mut dyn FnMut(Sample) -> ControlFlow<()>) -> Result<ScoreStats, PrmError> {
        let ids = self.prompt(of).map_err(PrmError::Compute)?;
        let Self { decoder: Bare { context, reader, .. }, vocabulary, ends, head, .. } = self;
        let room = context.saturating_sub(ids.len() + 1).min(MAX_TOKENS);
        let Some(&last) = ids.last().filter(|_| room > 0) else {
            return Err(PrmError::Compute(format!("{} tokens leave no room for a step in a context of {context}", ids.len())));
        };
        let decode = |ids: &[u32]| vocabulary.decode(ids);
        let stop = Stop { ids: ends, texts: &[SEPARATOR], decode: &decode };
        let mut tokens = 0;
        for number in of.first..of.first.saturating_add(of.count) {
            let seed = seed(of.seed, number, &ids);
            let sampling = Sampling { temperature: of.temperature, top_p: TOP_P, top_k: 0, seed, max_tokens: room };
            let mut stopped = false;
            let (decoder, read) = reader.before_last(&ids)?;
            let written = generate(decoder, head, last, sampling, &stop, &[], &mut |new| {
                let look = new.len() % LOOK == 0;
                stopped = look && on(Sample { number, text: decode(new), is_whole: false }).is_break();
                if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            tokens += read + written.ids.len() + 1;
            reader.went_on(&ids, &written.ids);
            let text = written.text.split(SEPARATOR).next().unwrap_or_default().trim().to_owned();
            if stopped || on(Sample { number, text, is_whole: true }).is_break() {
                break;
            }
        }
        Ok(ScoreStats { tokens, unique_tokens: tokens, naive_tokens: tokens })
    }
}
