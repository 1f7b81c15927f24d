//! What any pipeline writes: a question and the text that a model answered, or several such texts. Nothing but the two names marks these
//! records, so that every other format goes first.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::mapping::verdict;
use super::trail::Trail;
use super::{Format, RawRecord, RecordError, unread};
use crate::segment::Rule;
use crate::trace::{Outcome, Problem, Trace, TraceBuilder};

const ASKED: [&str; 5] = ["problem", "question", "prompt", "query", "instruction"];
/// Names of one text. `answer` and `solution` are not among them: they name the right one as often.
const ONE: [&str; 6] = ["response", "completion", "generation", "output", "model_output", "generated_text"];
/// Names of several texts. `completions` is not among them: some sets keep the steps of one solution there.
const SEVERAL: [&str; 4] = ["responses", "generations", "outputs", "samples"];
/// Whether the answer is right.
const VERDICTS: [&str; 3] = ["correct", "is_correct", "passed"];

/// The format.
pub(super) struct Responses;

impl Format for Responses {
    fn name(&self) -> &'static str {
        "responses"
    }

    fn doc(&self) -> &'static str {
        "a question (problem, question, prompt ..) and what a model answered (response, completion, generations ..)"
    }

    fn detect(&self, value: &Value) -> Detection {
        let text = |key: &&str| value.get(key).is_some_and(Value::is_string);
        let asked = ASKED.iter().find(|key| text(key));
        let answered = ONE.iter().find(|key| text(key)).or_else(|| SEVERAL.iter().find(|key| are_texts(value, key)));
        match (asked, answered) {
            // What says more than is read here is to be asked about.
            (Some(_), Some(answered)) if unread::list(value, &answers(value, answered)).is_some() => Detection::NO,
            (Some(asked), Some(answered)) if super::alone(value, self.name()) => {
                Detection::maybe(40, format!("`{asked}` and `{answered}`"))
            }
            _ => Detection::NO,
        }
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }
}

/// The right answer beside a question.
pub(super) fn reference(fields: &mut Fields) -> Result<Option<String>, Fault> {
    match fields.reference("answer")? {
        Some(answer) => Ok(Some(answer)),
        None => fields.reference("target"),
    }
}

/// Whether the answer is right, where the record says it.
pub(super) fn outcome(fields: &Fields) -> Option<Outcome> {
    VERDICTS.into_iter().find_map(|key| fields.peek(key)).and_then(verdict)
}

/// The texts under a key.
fn answers<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    let list = value[key].as_array().map_or(std::slice::from_ref(&value[key]), Vec::as_slice);
    list.iter().filter_map(Value::as_str).collect()
}

fn are_texts(value: &Value, key: &str) -> bool {
    value[key].as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_string))
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let key = ASKED.into_iter().find(|key| fields.peek(key).is_some()).unwrap_or(ASKED[0]);
    let mut text = fields.text(key)?;
    // The input belongs to an instruction.
    if key == "instruction" {
        let input = fields.optional_text("input")?.filter(|input| !input.is_empty());
        text.extend(input.map(|input| format!("\n\n{input}")));
    }
    let answers = match ONE.into_iter().find(|key| fields.peek(key).is_some_and(|value| !value.is_null())) {
        Some(key) => vec![fields.text(key)?],
        None => fields.texts(SEVERAL.into_iter().find(|key| fields.peek(key).is_some()).unwrap_or(ONE[0]))?,
    };
    let reference_answer = reference(&mut fields)?;
    let id = fields.optional_name("id")?;
    let several = answers.len() > 1;
    let judged = outcome(&fields).filter(|_| !several);
    let mut builder = TraceBuilder::new(Problem { text, reference_answer, reference_solution: None });
    for (index, answer) in answers.iter().enumerate() {
        let mut trail = Trail::new(&mut builder);
        trail.answer(answer, Rule::Auto);
        let solution = trail.end();
        solution.source_id = id.clone().map(|id| if several { format!("{id}-{index}") } else { id });
        solution.outcome = judged.unwrap_or_default();
    }
    let extra = fields.rest();
    let extra = Value::Object(extra);
    if let Some(key) = unread::list(&extra, &answers.iter().map(String::as_str).collect::<Vec<_>>()) {
        builder.warn(unread::note(key));
    }
    if let Value::Object(extra) = extra {
        builder.extra(extra);
    }
    Ok(builder)
}
