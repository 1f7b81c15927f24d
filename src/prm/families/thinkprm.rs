//! `ThinkPRM`: the model thinks about a whole solution up to some step, then is asked whether it is correct; the score of a step is that of the
//! solution up to it. Source: mukhal/ThinkPRM `utils/helper.py` and `prm/thinkprm_api.py` (arXiv:2504.16828).

use super::super::PrmError;
use super::super::checkpoint::Checkpoint;
use super::super::critic::{Critic, Desk, Habits, Piece, Verdict};
use super::super::tokenizer::Part;
use super::chat::{Chat, Frame, ends};
use super::{Convention, Family, Fit, Meaning, Opening, Preset, causal_lm, filled};

/// Word for word as in training.
const PROMPT: &str = "You are given a math problem and a proposed step-by-step solution:\n\n[Math Problem]\n\n{q}\n\n[Solution]\n\n{s}\n\nReview \
and critique each step in the proposed solution to determine whether each step is correct. If the solution is incomplete, only verify the \
provided steps.";

pub(super) const FAMILY: Family = Family {
    name: "thinkprm",
    about: "the model thinks about the solution up to each step, then is asked whether it is correct: P(yes), mean over samples",
    looks_for: "architectures \"*ForCausalLM\" and a name with thinkprm",
    presets: &[Preset {
        name: "thinkprm",
        models: "ThinkPRM-1.5B, -7B, -14B",
        meaning: Meaning::CORRECT,
        settings: &[
            ("prompt", PROMPT),
            ("label", "Step {i}: "),
            ("lead", "\nLet's verify step by step:"),
            ("question", "\nIs the solution correct?"),
            ("good", " yes"),
            ("bad", " no"),
            ("samples", "4"),
            ("temperature", "0.7"),
            ("top-p", "1"),
            ("top-k", "0"),
            ("max-tokens", "8172"),
            ("seed", "0"),
        ],
    }],
    fingerprint,
    open,
};

fn fingerprint(checkpoint: &Checkpoint) -> Option<Fit> {
    causal_lm(checkpoint, &[("thinkprm", &["thinkprm"])])
}

struct ThinkPrm {
    desk: Desk,
    /// One place, for the user's message.
    frame: Frame,
    prompt: String,
    label: String,
    lead: String,
}

fn open(at: &Opening<'_>) -> Result<Box<dyn Convention>, PrmError> {
    let mut vocabulary = at.vocabulary()?;
    let text = |key: &str| at.settings.text(key).to_owned();
    let frame = Chat::of(at.checkpoint, &vocabulary)?.frame(&mut vocabulary, &[("user", None)], true)?;
    let ends = ends(at.checkpoint, &mut vocabulary)?;
    let question = text("question");
    let verdict = Verdict::Asked {
        cut: stops(&question),
        otherwise: question.clone(),
        question,
        answers: vocabulary.answers([at.settings.text("good"), at.settings.text("bad")])?,
    };
    let desk = Desk { vocabulary, ends, verdict, habits: Habits::of(at.settings)? };
    Ok(Box::new(ThinkPrm { desk, frame, prompt: text("prompt"), label: text("label"), lead: text("lead") }))
}

/// Where its thoughts end.
fn stops(question: &str) -> Vec<String> {
    vec![question.trim().to_owned(), "</think>".to_owned()]
}

/// A step without a number of its own.
fn unnumbered(step: &str) -> &str {
    let rest = step.trim().strip_prefix("Step ").unwrap_or_default();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    match rest[digits..].strip_prefix(':') {
        Some(rest) if digits > 0 => rest.trim(),
        _ => step.trim(),
    }
}

impl Critic for ThinkPrm {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn prompt(&self, problem: &str, steps: &[&str], _earlier: &[&str]) -> Vec<Part> {
        let label = |n: usize| filled(&self.label, &[("{i}", &n.to_string())]);
        let steps = steps.iter().enumerate().map(|(i, step)| format!("{}{}", label(i + 1), unnumbered(step)));
        let steps = steps.collect::<Vec<_>>().join("\n");
        self.frame.around(filled(&self.prompt, &[("{q}", problem), ("{s}", &steps)]))
    }

    fn pieces(&self, number: usize) -> Vec<Piece> {
        // It must not go on to steps that are not there.
        let mut stops = match &self.desk.verdict {
            Verdict::Asked { cut, .. } => cut.clone(),
            _ => Vec::new(),
        };
        stops.push(format!("Step {}:", number + 1));
        vec![Piece { lead: self.lead.clone(), stops, ..Piece::default() }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_steps_are_written_anew() {
        assert_eq!(unnumbered(" Step 12: So 4. "), "So 4.");
        assert_eq!(unnumbered("Step by step."), "Step by step.");
        assert_eq!(unnumbered("Step 1 is done"), "Step 1 is done");
        assert_eq!(unnumbered("Step : x"), "Step : x");
    }
}
