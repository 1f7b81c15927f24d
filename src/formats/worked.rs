//! Sets of problems with worked solutions: GSM8K (Cobbe et al., arXiv:2110.14168), MATH (Hendrycks et al., arXiv:2103.03874), AQuA
//! (Ling et al., arXiv:1705.04146) and SVAMP (Patel et al., arXiv:2103.07191). Nobody labelled their steps.

use serde_json::Value;

use super::fields::{Fault, Fields};
use super::flat::Flat;
use super::mapping::Mapping;
use crate::segment::Rule;
use crate::trace::TraceBuilder;

/// What stands before the answer on the last line of a GSM8K solution.
const GSM8K_ANSWER: &str = "#### ";

/// GSM8K as it is trained on.
pub(super) static GSM8K: Flat = Flat {
    fits: |value| value.get("answer").and_then(Value::as_str).is_some_and(|answer| answer.contains(GSM8K_ANSWER)),
    finish: Some(gsm8k_answer),
    ..Flat::new(
        "gsm8k",
        "GSM8K: question, answer (a step a line, the last one `#### N`)",
        &["question", "answer"],
        Mapping { split: Rule::Line, ..Mapping::new("question", "answer") },
    )
};

/// MATH.
pub(super) static MATH: Flat = Flat::new(
    "math",
    "MATH: problem, level, type, solution with the answer in \\boxed{}",
    &["problem", "level", "type", "solution"],
    Mapping { id: Some("idx"), ..Mapping::new("problem", "solution") },
);

/// AQuA.
pub(super) static AQUA: Flat = Flat {
    prepare: Some(options),
    ..Flat::new(
        "aqua",
        "AQuA: question, options, rationale (one text), correct (a letter)",
        &["question", "options", "rationale", "correct"],
        Mapping { split: Rule::Line, reference_answer: Some("correct"), ..Mapping::new("question", "rationale") },
    )
};

/// SVAMP.
pub(super) static SVAMP: Flat = Flat {
    prepare: Some(question),
    ..Flat::new(
        "svamp",
        "SVAMP: Body, Question, Equation (the only step), Answer",
        &["Body", "Question", "Equation", "Answer"],
        Mapping { id: Some("ID"), reference_answer: Some("Answer"), split: Rule::Line, ..Mapping::new("Question", "Equation") },
    )
};

/// A reference as answer and solution: of a worked one, the answer is what stands behind its mark.
pub(super) fn reference(text: Option<String>) -> (Option<String>, Option<String>) {
    let answer = text.as_ref().and_then(|text| text.rsplit_once(GSM8K_ANSWER)).map(|(_, answer)| answer.trim().to_owned());
    if answer.is_some() { (answer, text) } else { (text, None) }
}

fn gsm8k_answer(builder: &mut TraceBuilder) {
    let Some(solution) = builder.trace().solutions.first() else { return };
    let last = &builder.trace().node(solution.leaf).text;
    let answer = last.strip_prefix(GSM8K_ANSWER).map(|answer| answer.trim().to_owned());
    if let Some(solution) = builder.last_solution() {
        solution.final_answer = answer;
    }
}

/// The options are part of what is asked.
fn options(fields: &mut Fields) -> Result<Vec<String>, Fault> {
    let (question, options) = (fields.text("question")?, fields.texts("options")?);
    fields.put("question", format!("{question}\n{}", options.join("\n")).into());
    Ok(Vec::new())
}

fn question(fields: &mut Fields) -> Result<Vec<String>, Fault> {
    let (body, question) = (fields.text("Body")?, fields.text("Question")?);
    let body = body.trim_end();
    let stop = if body.ends_with(['.', '?', '!', ',']) { "" } else { "." };
    fields.put("Question", format!("{body}{stop} {question}").into());
    Ok(Vec::new())
}
