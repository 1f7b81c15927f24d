//! What Super_MARIO trains its value model on: the answer is a text that holds a JSON list of steps, each with its value Q in `-1..=1`. The
//! last Q is 1 or -1 and says whether the answer is right.

use serde_json::{Value, json};

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::{Format, RawRecord, RecordError, numbers, parse_json, tree};
use crate::trace::{NodeId, Outcome, Problem, Trace, TraceBuilder};

const ASKED: [&str; 4] = ["query", "question", "prompt", "instruction"];

/// The format.
pub(super) struct MarioValues;

impl Format for MarioValues {
    fn name(&self) -> &'static str {
        "mario-values"
    }

    fn doc(&self) -> &'static str {
        "Super_MARIO value training: query or question, response = a JSON list of steps with Q from -1 to 1"
    }

    fn detect(&self, value: &Value) -> Detection {
        let fits = value["response"].as_str().and_then(steps).is_some() && ASKED.iter().any(|key| value.get(key).is_some());
        Detection::sure_if(fits, "a `response` that is a list of `step` and `Q`")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }
}

/// The list inside of the text.
fn steps(text: &str) -> Option<Vec<Value>> {
    let text = text.trim();
    // Most texts are none, and need not be parsed to see it.
    let Value::Array(list) = text.starts_with('[').then(|| parse_json(text.as_bytes()).ok())?? else { return None };
    let fits = !list.is_empty() && list.iter().all(|item| item.get("step").is_some() && item.get("Q").is_some());
    fits.then_some(list)
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let key = ASKED.into_iter().find(|key| fields.peek(key).is_some()).unwrap_or(ASKED[0]);
    let problem = fields.text(key)?;
    let reference_answer = fields.reference("answer")?;
    let response = fields.text("response")?;
    let items = steps(&response).ok_or_else(|| Fault::new("response", "expected a JSON list of steps with Q, found a text"))?;
    let mut builder = TraceBuilder::new(Problem { text: problem, reference_answer, reference_solution: None });
    let (mut at, mut last) = (NodeId::ROOT, None);
    for (index, value) in items.into_iter().enumerate() {
        let mut step = Fields::of(value, format!("response[{index}]"))?;
        let text = step.text("step")?;
        last = numbers::within(&step, "Q", -1.0, 1.0)?;
        at = builder.child(at, text.trim_end());
        let node = builder.node_mut(at);
        text[text.trim_end().len()..].clone_into(&mut node.sep_after);
        node.stats.q = last;
    }
    let solution = builder.solution(at);
    solution.outcome = match last {
        Some(q) if q >= 1.0 => Outcome::Correct,
        Some(q) if q <= -1.0 => Outcome::Wrong,
        _ => Outcome::Unknown,
    };
    solution.extra = fields.rest();
    let mut extra = crate::trace::Extra::new();
    tree::ranges(&mut extra, json!({"q": [-1, 1]}));
    builder.extra(extra);
    Ok(builder)
}
