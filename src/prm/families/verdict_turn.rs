//! `RLHFlow`'s Llama3.1-8B-PRM and `FoVer`: a chat in which the user brings one step a turn and the assistant answers with a verdict.
//!
//! Every verdict in the text is the same fixed word; the score of a step is the softmax over two rows of the `lm_head` at the token
//! before the verdict. Sources: RLHFlow/RLHF-Reward-Modeling `math-rm`, psunlpgroup/FoVer `src/prm/preprocessing.py`.

use super::super::PrmError;
use super::super::checkpoint::Checkpoint;
use super::super::readout::{Readout, softmax};
use super::super::request::PrmRequest;
use super::super::tokenizer::{Part, Vocabulary};
use super::super::tokens::{NodeTokens, TokenTree};
use super::chat::{Chat, Frame};
use super::{Convention, Family, Fit, Meaning, Opening, Preset, causal_lm, filled, plan, problem};
use crate::analysis::aggregate::Aggregate;

/// Word for word as in training, with its typing error.
const FOVER: &str = "** Problem **\n{q}\n\n** Task **\nYour task is to evaluate the accuracy of each step in the provided solution to \
the above question. For each step, respond with \"correct\" if the reasoning is logically valid and mathematically sound, or if the \
step is a general statement or transition that does not contain reasoning. Respond with \"incorrect\" if the step includes any errors \
or flawed logic.\n\n** Sotluion **\n{s}";

pub(super) const FAMILY: Family = Family {
    name: "verdict-turn",
    about: "a chat turn for each step, two rows of the lm_head read before the fixed verdict: softmax of 2 logits",
    looks_for: "architectures \"*ForCausalLM\" and a name with rlhflow, llama3.1-8b-prm or fover-prm",
    presets: &[
        Preset {
            name: "rlhflow",
            models: "Llama3.1-8B-PRM-Deepseek-Data, -Mistral-Data",
            meaning: Meaning::VALUE.by(Aggregate::Mean),
            settings: &[("first", "{q} {s}"), ("good", "+"), ("bad", "-"), ("system", ""), ("strip", "true")],
        },
        Preset {
            name: "fover",
            models: "Llama-3.1-8B-FoVer-PRM, Qwen-2.5-7B-FoVer-PRM",
            meaning: Meaning::CORRECT,
            settings: &[("first", FOVER), ("good", "correct"), ("bad", "incorrect"), ("system", ""), ("strip", "false")],
        },
    ],
    fingerprint,
    open,
};

fn fingerprint(checkpoint: &Checkpoint) -> Option<Fit> {
    causal_lm(
        checkpoint,
        &[("rlhflow", &["rlhflow", "llama3.1-8b-prm-deepseek", "llama3.1-8b-prm-mistral"]), ("fover", &["fover-prm"])],
    )
}

struct VerdictTurn {
    vocabulary: Vocabulary,
    /// Places: step, verdict, next step, verdict. The template repeats from then on.
    frame: Frame,
    first: String,
    verdict: String,
    strip: bool,
    /// First tokens of a good and a bad verdict.
    candidates: [u32; 2],
}

fn open(at: &Opening<'_>) -> Result<Box<dyn Convention>, PrmError> {
    let mut vocabulary = at.vocabulary()?;
    let system = at.settings.text("system");
    let turns = [("user", None), ("assistant", None), ("user", None), ("assistant", None)];
    let messages: Vec<_> = Some(("system", Some(system))).filter(|_| !system.is_empty()).into_iter().chain(turns).collect();
    let frame = Chat::of(at.checkpoint, &vocabulary)?.frame(&mut vocabulary, &messages, false)?;
    let candidate = |key: &str| {
        let (before, after) = answer(&vocabulary, &frame, 1, at.settings.text(key));
        after?.get(before?.len()).copied().ok_or_else(|| "must be at least one token".to_owned())
    };
    let candidate = |key: &str| candidate(key).map_err(|message| vocabulary.bad_token(at.settings.text(key), &message));
    let candidates = [candidate("good")?, candidate("bad")?];
    if candidates[0] == candidates[1] {
        return Err(vocabulary.bad_token(at.settings.text("good"), "begins with the same token as the other verdict"));
    }
    let (first, verdict) = (at.settings.text("first").to_owned(), at.settings.text("good").to_owned());
    let strip = at.settings.one_of("strip", &["true", "false"])? == "true";
    Ok(Box::new(VerdictTurn { vocabulary, frame, first, verdict, strip, candidates }))
}

type Ids = Result<Vec<u32>, String>;

/// The tokens between a step and its verdict behind the last control token, without and with the verdict.
fn answer(vocabulary: &Vocabulary, frame: &Frame, place: usize, verdict: &str) -> (Ids, Ids) {
    let role = frame.cut(place).1;
    (vocabulary.ids(role), vocabulary.ids(role.iter().chain([&Part::text(verdict)])))
}

impl VerdictTurn {
    fn node(&self, problem: &str, text: &str, number: usize) -> Result<NodeTokens, String> {
        let text = if self.strip { text.trim() } else { text };
        let first = number == 1;
        let content = if first { filled(&self.first, &[("{q}", problem), ("{s}", text)]) } else { text.to_owned() };
        // The first turn begins behind the last control token of the prefix, a later one behind the verdict before it.
        let (before, place) = if first { (self.frame.cut(0).1, 1) } else { (self.frame.piece(2), 3) };
        let controls = self.frame.cut(place).0;
        let mut ids = self.vocabulary.ids(before.iter().chain([&Part::Text(content)]).chain(controls))?;
        let (role, answered) = answer(&self.vocabulary, &self.frame, place, &self.verdict);
        let (role, answered) = (role?, answered?);
        if role.is_empty() && controls.is_empty() || !answered.starts_with(&role) {
            return Err("the tokenizer joins the verdict with what stands before it".to_owned());
        }
        // Read at the token before the verdict.
        let read = vec![(ids.len() + role.len()).cast_signed() - 1];
        ids.extend(answered);
        Ok(NodeTokens { ids, tail: Vec::new(), read })
    }
}

impl Convention for VerdictTurn {
    fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        let prefix = problem(self.vocabulary.ids(self.frame.cut(0).0))?;
        Ok(plan(request, prefix, |text, number| self.node(&request.problem, text, number)))
    }

    fn readout(&self) -> Readout {
        Readout::Tokens(self.candidates.to_vec())
    }

    fn score(&self, logits: &[f32]) -> f64 {
        softmax(logits, 0)
    }
}
