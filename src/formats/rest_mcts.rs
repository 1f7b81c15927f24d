//! Results of THUDM/ReST-MCTS: sampled solutions with prefixes and their values, or one best path.
//!
//! Prefixes are cumulative texts: a prefix belongs where its own text leads. Values lie in `0..=1` and say how far the way is, not how
//! probably it is right; no tree is ever written, so the tree is that of the texts.

use serde_json::{Value, json};

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::tree::{self, End, Node};
use super::{Format, RawRecord, RecordError, numbers};
use crate::segment::Rule;
use crate::trace::{Extra, NodeStats, Outcome, Problem, Trace, TraceBuilder};

const NAME: &str = "rest-mcts";

/// The format.
pub(super) struct RestMcts;

impl Format for RestMcts {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "ReST-MCTS*: content with policy_samples and value_samples, or with one solution and accurate"
    }

    fn detect(&self, value: &Value) -> Detection {
        let has = |key: &str| value.get(key).is_some();
        let samples =
            |key: &str, part: &str| value[key].as_array().is_some_and(|list| list.iter().all(|item| item.get(part).is_some()));
        let full = samples("value_samples", "steps") || samples("policy_samples", "solution");
        if has("content") && full {
            Detection::sure("`content` with `policy_samples` or `value_samples`")
        } else {
            Detection::sure_if(
                has("content") && has("solution") && has("accurate") && has("real_answer"),
                "`content`, `solution`, `accurate` and `real_answer`",
            )
        }
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["content"]
    }
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let text = fields.text("content")?;
    let reference_answer = fields.reference("real_answer")?;
    let mut builder = TraceBuilder::new(Problem { text, reference_answer, reference_solution: None });
    let mut nodes = Vec::new();
    // Values first: a solution's last step then keeps the value of its whole text.
    for (index, item) in fields.optional_list("value_samples")?.unwrap_or_default().into_iter().enumerate() {
        let mut sample = Fields::of(item, format!("value_samples[{index}]"))?;
        let text = sample.text("steps")?;
        let stats = NodeStats { value: numbers::share(&sample, "value")?, ..NodeStats::default() };
        nodes.push(Node { id: format!("v{index}"), text, stats, rest: sample.rest(), ..Node::default() });
    }
    for (index, item) in fields.optional_list("policy_samples")?.unwrap_or_default().into_iter().enumerate() {
        nodes.push(solution(Fields::of(item, format!("policy_samples[{index}]"))?, "correct", format!("p{index}"))?);
    }
    if fields.peek("solution").is_some_and(|value| !value.is_null()) {
        let mut best = Extra::new();
        for key in ["solution", "summary", "accurate"] {
            best.extend(fields.take(key).map(|value| (key.to_owned(), value)));
        }
        nodes.push(solution(Fields::of(Value::Object(best), "")?, "accurate", "best".to_owned())?);
    }
    if nodes.is_empty() {
        return Err(Fault::record("expected samples or a solution, found none"));
    }
    tree::grow(&mut builder, NAME, nodes, Some(Rule::Line))?;
    let mut extra = fields.rest();
    tree::ranges(&mut extra, json!({"value": [0, 1]}));
    builder.extra(extra);
    Ok(builder)
}

fn solution(mut fields: Fields, verdict: &str, id: String) -> Result<Node, Fault> {
    let text = fields.text("solution")?;
    let answer = fields.optional_name("summary")?;
    let outcome = fields.optional_boolean(verdict)?.map_or(Outcome::Unknown, Outcome::from);
    Ok(Node { id, text, end: Some(End { answer, outcome, extra: fields.rest() }), ..Node::default() })
}
