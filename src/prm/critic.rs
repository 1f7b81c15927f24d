//! Critics: models that write about a step and end with a verdict. The score is P(correct) by the verdict, the mean over several samples.
//!
//! Each sample has a seed that follows from the tokens before it, so that the same step of the same solution is written about in the same
//! words whenever it is asked for. Nothing that a model writes is ever run: a program in a critique is text.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sha2::{Digest, Sha256};

use super::PrmError;
use super::families::Settings;
use super::generate::{Generated, Sampling, Stop, generate};
use super::head::LmHead;
use super::model::Prm;
use super::reader::Reader;
use super::readout::softmax;
use super::request::{NodeScore, PrmRequest, ScoreStats};
use super::tokenizer::{Part, Vocabulary};
use super::tokens::{NodeTokens, Plan, TokenTree};
use crate::trace::{Critique, Rationale};

/// Tokens between two looks at what is being written.
const LOOK: usize = 32;
/// Tokens of the context that are kept for the verdict.
const RESERVE: usize = 64;
/// Steps whose critiques are remembered from request to request.
const REMEMBERED: usize = 512;

/// A model that writes.
pub(super) trait Critic {
    /// What all critics have.
    fn desk(&self) -> &Desk;
    /// What stands before its words about the last of some steps. `earlier` are its words about the steps before, none where it does not
    /// look back.
    fn prompt(&self, problem: &str, steps: &[&str], earlier: &[&str]) -> Vec<Part>;
    /// The pieces that it writes, one after another, about the step of this number (from 1).
    fn pieces(&self, number: usize) -> Vec<Piece>;
    /// Whether it sees what it wrote of the steps before.
    fn looks_back(&self) -> bool {
        false
    }
}

/// What all critics have.
pub(super) struct Desk {
    pub(super) vocabulary: Vocabulary,
    /// Tokens that end whatever it writes.
    pub(super) ends: Vec<u32>,
    pub(super) verdict: Verdict,
    pub(super) habits: Habits,
}

/// How often and how freely it writes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    samples: usize,
    sampling: Sampling,
}

/// A piece of a critique.
#[derive(Debug, Clone, Default)]
pub(super) struct Piece {
    /// Words that are put before it.
    pub(super) lead: String,
    /// Texts that end it, and are part of it.
    pub(super) stops: Vec<String>,
    /// What is put behind it when it ended otherwise.
    pub(super) close: &'static str,
    /// Tokens at most, where that is less than the setting.
    pub(super) most: Option<usize>,
}

/// Where the verdict is read.
pub(super) enum Verdict {
    /// A question is put behind the words, cut before any of `cut`, and the first tokens of two answers are compared. Where nothing was
    /// cut, the question is `otherwise`.
    Asked { cut: Vec<String>, question: String, otherwise: String, answers: [u32; 2] },
    /// In the last piece one of two words stands before `close`; their tokens are compared in the place of the last of them.
    Chosen { words: [String; 2], close: &'static str, answers: [u32; 2] },
    /// One of two words stands between two marks. It counts as it stands.
    Marked { marks: [&'static str; 2], words: [&'static str; 2] },
}

impl Habits {
    /// The settings that every critic has.
    pub(super) fn of(settings: &Settings) -> Result<Self, PrmError> {
        let whole = |key: &str, most: usize| settings.whole(key, most);
        #[expect(clippy::cast_possible_truncation, reason = "a setting with few digits")]
        let temperature = settings.number("temperature")? as f32;
        Ok(Self {
            samples: whole("samples", 256)?.max(1),
            sampling: Sampling {
                temperature,
                top_p: settings.number("top-p")?,
                top_k: whole("top-k", 1_000_000)?,
                seed: whole("seed", usize::MAX)? as u64,
                max_tokens: whole("max-tokens", 1 << 20)?,
            },
        })
    }
}

/// For each node the tokens at whose end its critique begins, without what was written about the steps before it.
pub(super) fn plan(critic: &dyn Critic, request: &PrmRequest) -> TokenTree {
    let node = |node: usize| {
        let steps = request.steps_to(node);
        let prompt = critic.prompt(&request.problem, &steps, &vec![""; steps.len().saturating_sub(1)]);
        let lead = critic.pieces(steps.len()).into_iter().next().unwrap_or_default().lead;
        let tail = critic.desk().vocabulary.ids(prompt.iter().chain([&Part::Text(lead)]))?;
        Ok(NodeTokens { ids: Vec::new(), read: vec![tail.len().cast_signed() - 1], tail })
    };
    TokenTree { prefix: Vec::new(), nodes: (0..request.nodes.len()).map(node).collect() }
}

/// What was written about steps, by problem and steps.
#[derive(Debug, Default)]
pub(super) struct Memory(HashMap<Vec<u8>, Vec<Critique>>);

impl Memory {
    fn key(problem: &str, steps: &[&str]) -> Vec<u8> {
        let mut key = Sha256::new();
        for text in std::iter::once(&problem).chain(steps) {
            key.update((text.len() as u64).to_le_bytes());
            key.update(text);
        }
        key.finalize().to_vec()
    }
}

impl Prm {
    /// Has the model write about the nodes of a request that are not known, depth first.
    pub(super) fn criticise(
        &mut self,
        request: &PrmRequest,
        plan: &Plan,
        on: &mut dyn FnMut(usize, NodeScore) -> ControlFlow<()>,
    ) -> Result<ScoreStats, PrmError> {
        let Some((critic, head)) = self.judge.critic() else {
            return Err(PrmError::Compute("the model writes no critiques".to_owned()));
        };
        if self.critiques.0.len() > REMEMBERED {
            self.critiques.0.clear();
        }
        let mut writer = Writer { critic, head, reader: &mut self.reader, context: self.info.context, tokens: 0 };
        for &node in &plan.order {
            let is_known = request.nodes[node].known;
            if is_known && !critic.looks_back() {
                continue;
            }
            let steps = request.steps_to(node);
            let mut tell = |critiques: &[Critique]| {
                if is_known {
                    return ControlFlow::Continue(());
                }
                on(node, NodeScore::Rationale(Rationale::critiques(critiques.to_vec())))
            };
            let written = match &plan.blocked[node] {
                Some(reason) => Err(reason.clone()),
                None => match writer.critiques(&mut self.critiques, &request.problem, &steps, &mut tell)? {
                    Some(written) => written,
                    None => break,
                },
            };
            if is_known {
                continue;
            }
            let answer = written.and_then(|critiques| {
                let _ = tell(&critiques);
                self.judge.score(mean(&critiques)?)
            });
            if on(node, answer.map_or_else(NodeScore::NotScored, NodeScore::Score)).is_break() {
                break;
            }
        }
        let tokens = writer.tokens;
        Ok(ScoreStats { tokens, unique_tokens: tokens, naive_tokens: tokens })
    }
}

/// The mean over the critiques with a verdict.
fn mean(critiques: &[Critique]) -> Result<f64, String> {
    let valid: Vec<f64> = critiques.iter().filter_map(|critique| critique.score).collect();
    match valid.len() {
        0 => Err(format!("no verdict in what the model wrote ({} invalid)", critiques.len())),
        n => Ok(valid.iter().sum::<f64>() / n as f64),
    }
}

/// A critic at work.
struct Writer<'a> {
    critic: &'a dyn Critic,
    head: &'a LmHead,
    reader: &'a mut Reader,
    context: usize,
    /// Tokens that went through the decoder.
    tokens: usize,
}

/// What was written, or why nothing can be; `None` when somebody broke it off.
type Outcome<T> = Result<Option<Result<T, String>>, PrmError>;

impl Writer<'_> {
    /// All samples about the last of some steps. `tell` hears of them as they grow.
    fn critiques(
        &mut self,
        memory: &mut Memory,
        problem: &str,
        steps: &[&str],
        tell: &mut dyn FnMut(&[Critique]) -> ControlFlow<()>,
    ) -> Outcome<Vec<Critique>> {
        let key = Memory::key(problem, steps);
        if let Some(known) = memory.0.get(&key) {
            return Ok(Some(Ok(known.clone())));
        }
        let mut before = Vec::new();
        for n in 1..steps.len() {
            match memory.0.get(&Memory::key(problem, &steps[..n])) {
                Some(critiques) => before.push(critiques),
                None if self.critic.looks_back() => return Ok(Some(Err("a step before it could not be judged".to_owned()))),
                None => {}
            }
        }
        let mut done = Vec::new();
        for sample in 0..self.critic.desk().habits.samples {
            let earlier: Vec<&str> = before.iter().filter_map(|c| c.get(sample)).map(|c| c.text.as_str()).collect();
            let prompt = self.critic.prompt(problem, steps, &earlier);
            let mut look = |text: String| {
                let so_far = done.iter().cloned().chain([Critique { text, score: None }]);
                tell(&so_far.collect::<Vec<_>>())
            };
            match self.critique(&prompt, steps.len(), sample, &mut look)? {
                Some(Ok(critique)) => done.push(critique),
                other => return Ok(other.map(|refused| refused.map(|_| Vec::new()))),
            }
        }
        memory.0.insert(key, done.clone());
        Ok(Some(Ok(done)))
    }

    /// One sample.
    fn critique(
        &mut self,
        prompt: &[Part],
        number: usize,
        sample: usize,
        look: &mut dyn FnMut(String) -> ControlFlow<()>,
    ) -> Outcome<Critique> {
        let desk = self.critic.desk();
        let (mut ids, mut text, mut last) = (Vec::new(), String::new(), Generated::default());
        for piece in self.critic.pieces(number) {
            let lead = Part::text(piece.lead.as_str());
            // The prompt and the first words are one text; later words follow tokens that are there.
            let before: &[Part] = if ids.is_empty() { prompt } else { &[] };
            match desk.vocabulary.ids(before.iter().chain([&lead])) {
                Ok(more) => ids.extend(more),
                Err(reason) => return Ok(Some(Err(reason))),
            }
            text.push_str(&piece.lead);
            let mut stopped = false;
            let before = text.len();
            let written = self.write(&ids, &piece, sample, &mut |new| {
                stopped = new.len() % LOOK == 0 && look(format!("{text}{}", desk.vocabulary.decode(new))).is_break();
                if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            if stopped {
                return Ok(None);
            }
            let Some(written) = written else {
                let reason = format!("{} tokens leave no room for a critique in a context of {}", ids.len(), self.context);
                return Ok(Some(Err(reason)));
            };
            ids.extend(&written.ids);
            text.push_str(&written.text);
            if !piece.stops.iter().any(|stop| text[before..].contains(stop)) && !piece.close.is_empty() {
                text.push_str(piece.close);
                ids.extend(desk.vocabulary.encode(piece.close).unwrap_or_default());
            }
            last = written;
        }
        let score = match &desk.verdict {
            Verdict::Chosen { words, close, answers } => chosen(&last, words, close, *answers),
            Verdict::Marked { marks, words } => marked(&text, *marks, *words),
            Verdict::Asked { cut, question, otherwise, answers } => {
                let end = cut.iter().filter_map(|mark| text.find(mark.as_str())).min();
                text.truncate(end.unwrap_or(text.len()));
                text.push_str(if end.is_some() { question } else { otherwise });
                match self.ask(prompt, &text, *answers)? {
                    Ok(p) => Some(p),
                    Err(reason) => return Ok(Some(Err(reason))),
                }
            }
        };
        Ok(Some(Ok(Critique { text, score })))
    }

    /// One piece behind some tokens; `None` without room for it.
    fn write(
        &mut self,
        ids: &[u32],
        piece: &Piece,
        sample: usize,
        on: &mut dyn FnMut(&[u32]) -> ControlFlow<()>,
    ) -> Result<Option<Generated>, PrmError> {
        let desk = self.critic.desk();
        let own = desk.habits.sampling;
        let room = self.context.saturating_sub(ids.len() + RESERVE);
        let max_tokens = piece.most.map_or(own.max_tokens, |most| most.min(own.max_tokens)).min(room);
        let Some(&last) = ids.last().filter(|_| max_tokens > 0) else { return Ok(None) };
        let sampling = Sampling { seed: seed(own.seed, sample as u64, ids), max_tokens, ..own };
        let texts: Vec<&str> = piece.stops.iter().map(String::as_str).collect();
        let decode = |ids: &[u32]| desk.vocabulary.decode(ids);
        let stop = Stop { ids: &desk.ends, texts: &texts, decode: &decode };
        let watch = match &desk.verdict {
            Verdict::Chosen { answers, .. } => &answers[..],
            _ => &[],
        };
        let (decoder, read) = self.reader.before_last(ids)?;
        let written = generate(decoder, self.head, last, sampling, &stop, watch, on)?;
        self.tokens += read + decoder.length() + 1 - ids.len();
        self.reader.went_on(ids, &written.ids);
        Ok(Some(written))
    }

    /// P of the first of two answers behind a text.
    fn ask(&mut self, prompt: &[Part], text: &str, answers: [u32; 2]) -> Result<Result<f64, String>, PrmError> {
        let ids = match self.critic.desk().vocabulary.ids(prompt.iter().chain([&Part::text(text)])) {
            Ok(ids) if ids.len() <= self.context => ids,
            Ok(ids) => return Ok(Err(format!("needs {} tokens, the context of this model is {}", ids.len(), self.context))),
            Err(reason) => return Ok(Err(reason)),
        };
        let Some(&last) = ids.last() else { return Ok(Err("the prompt is empty".to_owned())) };
        let (decoder, read) = self.reader.before_last(&ids)?;
        let state = decoder.forward(&[last], &[0])?;
        self.tokens += read + 1;
        self.reader.went_on(&ids, &[]);
        let logits: Vec<f32> = state.matmul(&self.head.rows(&answers)?.t()?)?.flatten_all()?.to_vec1()?;
        Ok(Ok(softmax(&logits, 0)))
    }
}

/// A seed for what follows some tokens.
pub(super) fn seed(own: u64, sample: u64, ids: &[u32]) -> u64 {
    let mut key = Sha256::new();
    key.update(own.to_le_bytes());
    key.update(sample.to_le_bytes());
    for id in ids {
        key.update(id.to_le_bytes());
    }
    key.finalize().iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

/// The verdict of a piece that ends with one of two words, from the probabilities of their tokens where the last of them stands.
fn chosen(piece: &Generated, words: &[String; 2], close: &str, answers: [u32; 2]) -> Option<f64> {
    let text = piece.text.to_lowercase();
    let at = |word: &String| text.find(&format!("{}{close}", word.to_lowercase()));
    let index = match words.each_ref().map(at) {
        [Some(good), Some(bad)] => usize::from(bad < good),
        [Some(_), None] => 0,
        [None, Some(_)] => 1,
        [None, None] => return None,
    };
    let place = piece.ids.iter().rposition(|id| *id == answers[index]);
    // The word in other letters has other tokens: it counts as it stands.
    let watched = place.and_then(|place| piece.watched.get(place));
    Some(watched.map_or(if index == 0 { 1.0 } else { 0.0 }, |log_p| softmax(log_p, 0)))
}

/// The verdict between two marks.
fn marked(text: &str, [open, close]: [&str; 2], [good, bad]: [&str; 2]) -> Option<f64> {
    let (_, behind) = text.split_once(open)?;
    let (word, _) = behind.split_once(close)?;
    match word.trim() {
        word if word.eq_ignore_ascii_case(good) => Some(1.0),
        word if word.eq_ignore_ascii_case(bad) => Some(0.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, ids: &[u32], watched: &[[f32; 2]]) -> Generated {
        Generated {
            ids: ids.to_vec(),
            text: text.to_owned(),
            watched: watched.iter().map(|w| w.to_vec()).collect(),
            is_complete: true,
        }
    }

    #[test]
    fn a_verdict_that_is_chosen_has_the_probability_of_its_token() {
        let words = ["Yes".to_owned(), "No".to_owned()];
        let of = |text: &str, ids: &[u32], watched: &[[f32; 2]]| chosen(&written(text, ids, watched), &words, "}", [7, 8]);
        let logs = [[0.0, 0.0], [0.75_f32.ln(), 0.25_f32.ln()], [0.0, 0.0]];
        assert!((of("{Yes}$", &[1, 7, 2], &logs).unwrap() - 0.75).abs() < 1e-6);
        assert!((of("{No}$", &[1, 8, 2], &logs).unwrap() - 0.75).abs() < 1e-6, "P(yes) where it says no");
        assert_eq!(of("{YES}$", &[1, 9, 2], &logs), Some(1.0), "other letters, other tokens");
        assert_eq!(of("{no} or {Yes}", &[1, 9, 2], &logs), Some(0.0), "the first verdict counts");
        assert_eq!(of("{Maybe}$ yes", &[1, 7, 2], &logs), None);
    }

    #[test]
    fn a_verdict_between_marks_counts_as_it_stands() {
        let of = |text: &str| marked(text, ["<Answer>", "</Answer>"], ["Correct", "Incorrect"]);
        assert_eq!(of("1. fine <Answer>Correct</Answer>"), Some(1.0));
        assert_eq!(of("<Answer> incorrect\n</Answer> <Answer>Correct</Answer>"), Some(0.0));
        assert_eq!(of("<Answer>Correct"), None);
        assert_eq!(of("<Answer>Perhaps</Answer>"), None);
    }

    #[test]
    fn critiques_without_a_verdict_are_left_out_of_the_mean() {
        let critique = |score| Critique { text: String::new(), score };
        assert_eq!(mean(&[critique(Some(1.0)), critique(None), critique(Some(0.5))]), Ok(0.75));
        assert!(mean(&[critique(None), critique(None)]).unwrap_err().contains("2 invalid"));
    }
}
