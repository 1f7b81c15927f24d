//! R-PRM: the model analyses the last step in five aspects and is asked whether it is correct; P(Yes) is read behind the question, the mean over
//! ten analyses. Source: NJUNLP/R-PRM `src/prompts` and `src/evaluate` (arXiv:2503.21295). How its authors put earlier steps into one text is
//! not written there: they are lines here.

use super::super::PrmError;
use super::super::checkpoint::Checkpoint;
use super::super::critic::{Critic, Desk, Habits, Piece, Verdict};
use super::super::tokenizer::Part;
use super::chat::{Chat, Frame, ends};
use super::{Convention, Family, Fit, Meaning, Opening, Preset, causal_lm, filled};

/// Word for word as in training.
const PROMPT: &str = "You are an excellent math teacher. Please verify the correctness of the Now Step.\n\nYou first need to analyze the Now \
Step and the Previous Steps and then summarize based on your analysis.\nAnalysis:\nYou need to analyze the following aspects.\n**Previous \
Steps Analysis**: You need to analyze the Previous Steps step by step. For each step, you need to first explain what the current step is doing, \
then you try to find any error in the current step.\n**Now Step Analysis**: You first need to explain what the Now Step is doing, and then point \
out which part of the Question it is trying to solve or which part of the information it states.\n**Data Source Analysis**: First you need to \
find out what data are used in the Now Step, and then you need to determine whether the source of the data is reasonable and correct. When you \
judge whether the source of a data is reasonable and correct, you need to specify the specific source of this data: such as which part of the \
question, or which content of the previous step; and then determine the source and current use is consistent, the Now Step is used correctly.\n\
**Consistency Analysis**: You need to check that the Now Step is consistent with the contents of the Previous Steps, and then you need to check \
that all the information inside the Now Step is consistent.\n**Calculation Analysis**: If the Now Step involves any calculations, such as \
addition, subtraction, multiplication, division, equations, modulo operations, etc., you will first need to perform a check on the calculation, \
such as a reverse operation, to see if the calculation was done correctly, and then analyze the results of your check to see if there was an \
error in the calculation.\nConclusion: \nPlease verify the correctness of the Now Step based on your analysis, if there is any error in the Now \
Step then the Now Step is wrong and vice versa the Now Step is correct. At the end of the Conclusion, when you give your final answer, write it \
in the form \"Verification: Is the step correct (Yes/No)? X\", where X is either Yes or No.\n\nQuestion: {q}\nPrevious Steps: {p}\nNow Step: \
{s}\nPlease carefully analyze the correctness of the Now Step.\nReply: ";

pub(super) const FAMILY: Family = Family {
    name: "r-prm",
    about: "the model analyses each step, then is asked whether it is correct: P(Yes), mean over samples",
    looks_for: "architectures \"*ForCausalLM\" and a name with r-prm-7b",
    presets: &[Preset {
        name: "r-prm",
        models: "R-PRM-7B-SFT, R-PRM-7B-DPO",
        meaning: Meaning::CORRECT,
        settings: &[
            ("system", "You are a helpful assistant."),
            ("prompt", PROMPT),
            ("glue", "\n"),
            ("question", "Is the step correct (Yes/No)?"),
            ("otherwise", "\nBased on your analysis. Is the answer correct (Yes/No)?"),
            ("good", " Yes"),
            ("bad", " No"),
            ("samples", "10"),
            ("temperature", "0.95"),
            ("top-p", "0.95"),
            ("top-k", "0"),
            ("max-tokens", "8192"),
            ("seed", "0"),
        ],
    }],
    fingerprint,
    open,
};

fn fingerprint(checkpoint: &Checkpoint) -> Option<Fit> {
    causal_lm(checkpoint, &[("r-prm", &["r-prm-7b"])])
}

struct RPrm {
    desk: Desk,
    /// One place, for the user's message.
    frame: Frame,
    prompt: String,
    glue: String,
    question: String,
}

fn open(at: &Opening<'_>) -> Result<Box<dyn Convention>, PrmError> {
    let mut vocabulary = at.vocabulary()?;
    let text = |key: &str| at.settings.text(key).to_owned();
    let system = at.settings.text("system");
    let turns: Vec<_> =
        Some(("system", Some(system))).filter(|_| !system.is_empty()).into_iter().chain([("user", None)]).collect();
    let frame = Chat::of(at.checkpoint, &vocabulary)?.frame(&mut vocabulary, &turns, true)?;
    let ends = ends(at.checkpoint, &mut vocabulary)?;
    let verdict = Verdict::Asked {
        cut: vec![text("question")],
        question: text("question"),
        otherwise: text("otherwise"),
        answers: vocabulary.answers([at.settings.text("good"), at.settings.text("bad")])?,
    };
    let desk = Desk { vocabulary, ends, verdict, habits: Habits::of(at.settings)? };
    Ok(Box::new(RPrm { desk, frame, prompt: text("prompt"), glue: text("glue"), question: text("question") }))
}

impl Critic for RPrm {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn prompt(&self, problem: &str, steps: &[&str], _earlier: &[&str]) -> Vec<Part> {
        let (last, before) = steps.split_last().map_or(("", &[][..]), |(last, before)| (last, before));
        let before = before.join(&self.glue);
        self.frame.around(filled(&self.prompt, &[("{q}", problem), ("{p}", &before), ("{s}", last)]))
    }

    fn pieces(&self, _number: usize) -> Vec<Piece> {
        vec![Piece { stops: vec![self.question.clone()], ..Piece::default() }]
    }
}
