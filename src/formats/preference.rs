//! Preference pairs: two answers to one prompt as two solutions; and those of Step-DPO (Lai et al., arXiv:2406.18629), where both go on
//! from the same right steps and the rejected one goes wrong at once.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::trail::Trail;
use super::{Format, RawRecord, RecordError};
use crate::segment::Rule;
use crate::trace::{FirstError, Problem, Rating, StepKind, Trace, TraceBuilder};

/// The format.
pub(super) struct Preference;

/// The right steps before both answers, in Step-DPO.
const PREFIX: &str = "initial_reason_steps";

/// Both answers and what a pair with a common prefix says of the step that they begin with.
const ANSWERS: [(&str, Rating); 2] = [("chosen", Rating::Good), ("rejected", Rating::Bad)];

impl Format for Preference {
    fn name(&self) -> &'static str {
        "preference"
    }

    fn doc(&self) -> &'static str {
        "preference pairs: prompt, chosen, rejected; Step-DPO with initial_reason_steps"
    }

    fn detect(&self, value: &Value) -> Detection {
        Detection::by_keys(value, &["chosen", "rejected"])
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }
}

/// A text, a message, or the last message of a conversation.
fn said(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(messages) => said(messages.last()?),
        message => message.get("content").or_else(|| message.get("value")).and_then(Value::as_str),
    }
}

fn text(fields: &mut Fields, key: &str) -> Result<String, Fault> {
    let value = fields.need(key, "a text or messages")?;
    said(&value).map(str::to_owned).ok_or_else(|| Fault::expected(key, "a text or messages", &value))
}

/// What was asked: a field of its own, or the messages before the answer.
fn asked(fields: &mut Fields) -> Result<String, Fault> {
    for key in ["prompt", "question", "problem", "input", "conversations"] {
        if fields.peek(key).is_some_and(|value| !value.is_null()) {
            return text(fields, key);
        }
    }
    let messages = fields.peek("chosen").and_then(Value::as_array).and_then(|messages| messages.split_last());
    Ok(messages.and_then(|(_, before)| said(before.last()?)).unwrap_or_default().to_owned())
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let problem = asked(&mut fields)?;
    let prefix = fields.optional_text(PREFIX)?;
    let reference_answer = fields.reference("answer")?;
    let mut builder = TraceBuilder::new(Problem { text: problem, reference_answer, reference_solution: None });
    for (key, rating) in ANSWERS {
        let answer = text(&mut fields, key)?;
        let mut trail = Trail::new(&mut builder);
        if let Some(prefix) = &prefix {
            // The prefix ends with the number of the step that comes next.
            let end =
                prefix.trim_end().rfind('\n').filter(|&at| prefix[at..].trim().ends_with(':')).map_or(prefix.len(), |at| at + 1);
            trail.text(&prefix[..end], StepKind::Text, Rule::Line);
            let known = trail.depth();
            trail.step(&format!("{}{answer}", &prefix[end..]), StepKind::Text);
            if trail.depth() == known {
                return Err(Fault::new(key, "expected a step behind the common ones, found nothing but white space"));
            }
            let solution = trail.end();
            solution.ratings = std::iter::repeat_n(Some(Rating::Good), known).chain([Some(rating)]).collect();
            // Nobody has said anything of what would follow the chosen step.
            solution.first_error = if rating == Rating::Bad { FirstError::At(known) } else { FirstError::Unknown };
            solution.source_id = Some(key.to_owned());
        } else {
            trail.answer(&answer, Rule::Auto);
            trail.end().source_id = Some(key.to_owned());
        }
    }
    builder.extra(fields.rest());
    Ok(builder)
}
