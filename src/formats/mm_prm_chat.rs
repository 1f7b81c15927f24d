//! What ModalMinds/MM-PRM trains on: a conversation whose user says the problem and the solution with `<prm>` behind each step, and whose
//! answer is a list of estimates instead of a text.

use serde_json::{Value, json};

use super::detect::Detection;
use super::fields::{self, Fault, Fields};
use super::{Format, RawRecord, RecordError, tree};
use crate::trace::{NodeId, Problem, Trace, TraceBuilder};

const TAG: &str = "<prm>";
/// What may stand between the problem and the steps.
const MARKS: [&str; 3] = ["Process:", "Solution:", "Step 1"];

/// The format.
pub(super) struct MmPrmChat;

impl Format for MmPrmChat {
    fn name(&self) -> &'static str {
        "mm-prm-chat"
    }

    fn doc(&self) -> &'static str {
        "MM-PRM training data: conversations, <prm> behind each step of the human turn, a list of estimates as the gpt turn"
    }

    fn detect(&self, value: &Value) -> Detection {
        let turns = value["conversations"].as_array().map(Vec::as_slice).unwrap_or_default();
        let tagged = turns.iter().any(|turn| turn["value"].as_str().is_some_and(|text| text.contains(TAG)));
        Detection::sure_if(tagged && are_estimates(value), "`conversations` with <prm> and a list of numbers as the answer")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }
}

/// Whether an answer is a list: such conversations are no chat.
pub(super) fn are_estimates(value: &Value) -> bool {
    value["conversations"].as_array().is_some_and(|turns| turns.iter().any(|turn| turn["value"].is_array()))
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let id = fields.optional_name("id")?;
    let (mut asked, mut estimates) = (None, None);
    for (index, value) in fields.list("conversations")?.into_iter().enumerate() {
        let mut turn = Fields::of(value, format!("conversations[{index}]"))?;
        if turn.peek("value").is_some_and(Value::is_array) {
            estimates = Some((turn.at("value"), turn.list("value")?));
        } else {
            asked = Some((turn.at("value"), turn.text("value")?));
        }
    }
    let (field, text) = asked.ok_or_else(|| Fault::new("conversations", "expected a turn with the solution, found none"))?;
    let (path, estimates) =
        estimates.ok_or_else(|| Fault::new("conversations", "expected a turn with a list of estimates, found none"))?;
    let first = text.find(TAG).ok_or_else(|| Fault::new(field, format!("expected {TAG} behind each step, found none")))?;
    let (start, end, marked) = border(&text[..first]);
    let mut steps: Vec<&str> = text[end..].split(TAG).map(str::trim).collect();
    let behind = steps.pop().filter(|rest| !rest.is_empty());
    fields::one_each(&path, (estimates.len(), "numbers"), (steps.len(), "tags"))?;
    let mut builder = TraceBuilder::new(Problem { text: text[..start].trim().to_owned(), ..Problem::default() });
    if !marked {
        builder.warn("the border between the problem and the first step is a guess");
    }
    let nodes = builder.path(steps.iter().copied().chain(behind));
    for (index, (&node, estimate)) in nodes.iter().zip(&estimates).enumerate() {
        let share = estimate.as_f64().filter(|share| (0.0..=1.0).contains(share));
        if share.is_none() && !estimate.is_null() {
            return Err(Fault::expected(format!("{path}[{index}]"), "a number from 0 to 1", estimate));
        }
        builder.node_mut(node).stats.mc = share;
    }
    builder.solution(nodes.last().copied().unwrap_or(NodeId::ROOT)).source_id = id;
    let mut extra = fields.rest();
    tree::ranges(&mut extra, json!({"mc": [0, 1]}));
    builder.extra(extra);
    Ok(builder)
}

/// End of the problem and begin of the first step in what stands before the first tag, and whether a mark says so: else the last blank
/// line does, or the end of the last line but one.
fn border(text: &str) -> (usize, usize, bool) {
    for mark in MARKS {
        if let Some(at) = text.rfind(mark) {
            // `Step 1` is part of the step.
            return (at, if mark.ends_with(':') { at + mark.len() } else { at }, true);
        }
    }
    let line = text.trim_end().rfind("\n\n").or_else(|| text.trim_end().rfind('\n')).map_or(0, |at| at + 1);
    (line, line, false)
}
