//! `GenPRM`: a conversation in which the user says one paragraph after another and the model writes about each, then a boxed Yes or No.
//!
//! The prompt is the chat template without the end of the last user message; the model's turn begins behind it with fixed words. Each sample
//! is a conversation of its own, in which the model sees what it wrote about the paragraphs before. Its authors also have it write Python and
//! run that; here it analyses and judges, and nothing that it writes is run. Source: RyanLiu112/GenPRM `prm_evaluation` (arXiv:2504.00891).

use super::super::PrmError;
use super::super::checkpoint::Checkpoint;
use super::super::critic::{Critic, Desk, Habits, Piece, Verdict};
use super::super::tokenizer::Part;
use super::chat::{Chat, Frame, ends};
use super::{Convention, Family, Fit, Meaning, Opening, Preset, causal_lm, filled};
use crate::analysis::aggregate::Aggregate;

pub(super) const FAMILY: Family = Family {
    name: "genprm",
    about: "the model writes an analysis of each step in a conversation, then a boxed Yes or No: P(Yes), mean over samples",
    looks_for: "architectures \"*ForCausalLM\" and a name with genprm",
    presets: &[Preset {
        name: "genprm",
        models: "GenPRM-1.5B, -7B, -32B",
        meaning: Meaning::CORRECT.by(Aggregate::Min),
        settings: &[
            ("system", "You are a math teacher. Your task is to review and critique the paragraphs in solution step by step."),
            ("first", "Question: {q}\n\n{s}"),
            ("analyze", "<analyze>\nLet's analyze the Paragraph {i} step by step: "),
            ("output", "<output>\n**Judgement**: $\\boxed"),
            ("good", "Yes"),
            ("bad", "No"),
            ("samples", "8"),
            ("temperature", "0.6"),
            ("top-p", "0.95"),
            ("top-k", "20"),
            ("max-tokens", "2048"),
            ("seed", "0"),
        ],
    }],
    fingerprint,
    open,
};

/// Tokens for the boxed word.
const VERDICT_TOKENS: usize = 20;

fn fingerprint(checkpoint: &Checkpoint) -> Option<Fit> {
    causal_lm(checkpoint, &[("genprm", &["genprm"])])
}

struct GenPrm {
    desk: Desk,
    /// Places: step, critique, next step. The template repeats from then on.
    frame: Frame,
    first: String,
    analyze: String,
    output: String,
    /// Ends the last user message in the template, and is left out at the end of a prompt.
    eos: Option<u32>,
}

fn open(at: &Opening<'_>) -> Result<Box<dyn Convention>, PrmError> {
    let mut vocabulary = at.vocabulary()?;
    let text = |key: &str| at.settings.text(key).to_owned();
    let (system, words) = (text("system"), [text("good"), text("bad")]);
    let turns = [("system", Some(system.as_str())), ("user", None), ("assistant", None), ("user", None)];
    let frame = Chat::of(at.checkpoint, &vocabulary)?.frame(&mut vocabulary, &turns, false)?;
    let eos = at.checkpoint.special_token("eos_token").map(|token| vocabulary.control(&token)).transpose()?;
    let answers = [vocabulary.word(&words[0])?, vocabulary.word(&words[1])?];
    let ends = ends(at.checkpoint, &mut vocabulary)?;
    let verdict = Verdict::Chosen { words, close: "}", answers };
    let desk = Desk { vocabulary, ends, verdict, habits: Habits::of(at.settings)? };
    Ok(Box::new(GenPrm { desk, frame, first: text("first"), analyze: text("analyze"), output: text("output"), eos }))
}

impl GenPrm {
    /// What stands behind the last user message, up to the token that would end it.
    fn end(&self) -> &[Part] {
        let piece = self.frame.piece(3);
        let is_end = |part: &Part| matches!(part, Part::Control(id) if Some(*id) == self.eos);
        match piece {
            [rest @ .., end] if is_end(end) => rest,
            [rest @ .., end, Part::Text(line)] if is_end(end) && line == "\n" => rest,
            all => all,
        }
    }
}

impl Critic for GenPrm {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn prompt(&self, problem: &str, steps: &[&str], earlier: &[&str]) -> Vec<Part> {
        let mut parts = self.frame.piece(0).to_vec();
        for (i, step) in steps.iter().enumerate() {
            if let Some(written) = i.checked_sub(1).and_then(|before| earlier.get(before)) {
                parts.extend_from_slice(self.frame.piece(1));
                parts.push(Part::text(*written));
                parts.extend_from_slice(self.frame.piece(2));
            }
            let step = if i == 0 { filled(&self.first, &[("{q}", problem), ("{s}", step)]) } else { (*step).to_owned() };
            parts.push(Part::Text(step));
        }
        parts.extend_from_slice(self.end());
        parts
    }

    fn pieces(&self, number: usize) -> Vec<Piece> {
        let stop = |text: &str| vec![text.to_owned()];
        let (analysis, verdict) = ("</analyze>\n", "</output>\n");
        vec![
            Piece {
                lead: filled(&self.analyze, &[("{i}", &number.to_string())]),
                stops: stop(analysis),
                close: analysis,
                most: None,
            },
            Piece { lead: self.output.clone(), stops: stop(verdict), close: "", most: Some(VERDICT_TOKENS) },
        ]
    }

    fn looks_back(&self) -> bool {
        true
    }
}
