//! Scored samples of openai/prm800k, as its best-of-N evaluation reads them: one sample a record with the scores of two reward models.
//! Nobody labelled the steps; the scores are of whole solutions and stay beside them.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::trail::Trail;
use super::{Format, RawRecord, RecordError};
use crate::segment::Rule;
use crate::trace::{Outcome, Problem, StepKind, Trace, TraceBuilder};

/// Where the text of a sample may stand.
const TEXTS: [&str; 4] = ["steps", "solution", "answer", "given_answer"];
/// The line before the final answer.
const ANSWER: &str = "# Answer";

/// The format.
pub(super) struct Prm800kSamples;

impl Format for Prm800kSamples {
    fn name(&self) -> &'static str {
        "prm800k-samples"
    }

    fn doc(&self) -> &'static str {
        "PRM800K scored samples: problem, answer or given_answer, prm_score, orm_score, is_correct"
    }

    fn detect(&self, value: &Value) -> Detection {
        let has = |key: &str| value.get(key).is_some();
        let fits = has("problem") && has("prm_score") && has("orm_score") && TEXTS.iter().any(|key| has(key));
        Detection::sure_if(fits, "`problem`, `prm_score` and `orm_score`")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["problem"]
    }
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let text = fields.text("problem")?;
    let reference_answer = fields.reference("ground_truth_answer")?;
    let key = TEXTS.into_iter().find(|key| fields.peek(key).is_some_and(|value| !value.is_null())).unwrap_or(TEXTS[2]);
    let steps = match fields.peek(key) {
        Some(Value::Array(_)) => fields.texts(key)?,
        _ => vec![fields.text(key)?],
    };
    let given = if key == "given_answer" { steps.last().cloned() } else { fields.optional_name("given_answer")? };
    let outcome = fields.optional_boolean("is_correct")?.map_or(Outcome::Unknown, Outcome::from);
    let mut builder = TraceBuilder::new(Problem { text, reference_answer, reference_solution: None });
    let mut trail = Trail::new(&mut builder);
    let mut answer = None;
    if let [text] = steps.as_slice() {
        // The answer stands below its own headline, in one step with it.
        let (lines, last) = text.split_at(text.rfind(ANSWER).unwrap_or(text.len()));
        trail.text(lines, StepKind::Text, Rule::Line);
        trail.step(last, StepKind::Text);
        answer = last.strip_prefix(ANSWER).map(|answer| answer.trim().to_owned());
    } else {
        for step in &steps {
            trail.step(step, StepKind::Text);
        }
    }
    let solution = trail.end();
    solution.final_answer = given.or(answer).or(solution.final_answer.take());
    solution.outcome = outcome;
    solution.extra = fields.rest();
    Ok(builder)
}
