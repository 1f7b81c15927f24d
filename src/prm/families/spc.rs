//! SPC: a critic of the last step, which ends with `<Answer>Correct</Answer>` or `<Answer>Incorrect</Answer>`. With one greedy sample the score
//! is 1 or 0. Source: chen-judge/SPC `eval/infer_batch.py` (arXiv:2504.19162).

use super::super::PrmError;
use super::super::checkpoint::Checkpoint;
use super::super::critic::{Critic, Desk, Habits, Piece, Verdict};
use super::super::tokenizer::Part;
use super::chat::{Chat, Frame, ends};
use super::{Convention, Family, Fit, Meaning, Opening, Preset, causal_lm, filled};

/// Word for word as in training.
const SYSTEM: &str = "You are a helpful critic. Given a math Problem, a Partial Solution, the current Last Step of the solution, You need to \
provide a critique for the correctness of the Last Step.\n\nYou need to response a step-by-step analysis:\n1. Analyzing the general thought of \
the Partial Solution. \n2. Critique. You should write a brief critique here. This part should also maintain logical coherence with the summary \
of the general thought of the Partial Solution.\n3. Conclusion. At the end of the response, output <Answer>Correct</Answer> or \
<Answer>Incorrect</Answer> to represent the correctness of the Last Step.";

pub(super) const FAMILY: Family = Family {
    name: "spc",
    about: "the model writes a critique of each step that ends with Correct or Incorrect: the share of Correct",
    looks_for: "architectures \"*ForCausalLM\" and a name with spc-critic",
    presets: &[Preset {
        name: "spc",
        models: "SPC-Critic-0, SPC-Critic-2",
        meaning: Meaning::CORRECT,
        settings: &[
            ("system", SYSTEM),
            ("prompt", "## Problem\n{q}\n\n## Partial Solution\n{p}\n\n## Last Step\n{s}"),
            ("empty", "Let's solve this problem."),
            ("glue", "\n\n"),
            ("samples", "1"),
            ("temperature", "0"),
            ("top-p", "1"),
            ("top-k", "0"),
            ("max-tokens", "2048"),
            ("seed", "0"),
        ],
    }],
    fingerprint,
    open,
};

fn fingerprint(checkpoint: &Checkpoint) -> Option<Fit> {
    causal_lm(checkpoint, &[("spc", &["spc-critic"])])
}

struct Spc {
    desk: Desk,
    /// One place, for the user's message.
    frame: Frame,
    prompt: String,
    empty: String,
    glue: String,
}

fn open(at: &Opening<'_>) -> Result<Box<dyn Convention>, PrmError> {
    let mut vocabulary = at.vocabulary()?;
    let text = |key: &str| at.settings.text(key).to_owned();
    let turns = [("system", Some(at.settings.text("system"))), ("user", None)];
    let frame = Chat::of(at.checkpoint, &vocabulary)?.frame(&mut vocabulary, &turns, true)?;
    let ends = ends(at.checkpoint, &mut vocabulary)?;
    let verdict = Verdict::Marked { marks: ["<Answer>", "</Answer>"], words: ["Correct", "Incorrect"] };
    let desk = Desk { vocabulary, ends, verdict, habits: Habits::of(at.settings)? };
    Ok(Box::new(Spc { desk, frame, prompt: text("prompt"), empty: text("empty"), glue: text("glue") }))
}

impl Critic for Spc {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn prompt(&self, problem: &str, steps: &[&str], _earlier: &[&str]) -> Vec<Part> {
        let (last, before) = steps.split_last().map_or(("", &[][..]), |(last, before)| (last, before));
        let before = if before.is_empty() { self.empty.clone() } else { before.join(&self.glue) };
        self.frame.around(filled(&self.prompt, &[("{q}", problem), ("{p}", &before), ("{s}", last)]))
    }

    fn pieces(&self, _number: usize) -> Vec<Piece> {
        vec![Piece { stops: vec!["</Answer>".to_owned()], ..Piece::default() }]
    }
}
