//! Traces of `ToRA` (Gou et al., arXiv:2309.17452) that use a tool: text, blocks of Python and blocks of output, one after another.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{self, Fault, Fields};
use super::trail::Trail;
use super::{Format, RawRecord, RecordError};
use crate::segment::Rule;
use crate::trace::{Outcome, Problem, Trace, TraceBuilder};

/// The format.
pub(super) struct Tora;

impl Format for Tora {
    fn name(&self) -> &'static str {
        "tora"
    }

    fn doc(&self) -> &'static str {
        "ToRA outputs: question, code (texts with ```python and ```output blocks), pred, gt"
    }

    fn detect(&self, value: &Value) -> Detection {
        // Evaluations of other models have the same keys, and `score` beside them.
        if value.get("score").is_some() {
            return Detection::NO;
        }
        Detection::by_keys(value, &["question", "gt", "code", "pred", "report"])
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["question"]
    }
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let text = fields.text("question")?;
    let reference_answer = fields.reference("gt")?;
    let reference_solution = fields.optional_text("gt_cot")?;
    let texts = fields.texts("code")?;
    let answers = fields.list("pred")?;
    fields::one_each("pred", (answers.len(), "answers"), (texts.len(), "texts in `code`"))?;
    let id = fields.optional_name("idx")?;
    let mut builder = TraceBuilder::new(Problem { text, reference_solution, reference_answer: reference_answer.clone() });
    for (text, answer) in texts.iter().zip(answers) {
        let mut trail = Trail::new(&mut builder);
        trail.fenced(text, Rule::Auto);
        let solution = trail.end();
        solution.source_id.clone_from(&id);
        if let Value::String(answer) = answer {
            // Equal texts are equal answers; of others only a grader could say whether they are.
            if reference_answer.as_ref() == Some(&answer) {
                solution.outcome = Outcome::Correct;
            }
            solution.final_answer = Some(answer);
        }
    }
    builder.extra(fields.rest());
    Ok(builder)
}
