//! Samples of the lm-evaluation-harness (`--log_samples`). A line is one document under one filter, so that the same texts repeat:
//! lines with the same document and the same texts are one unit, whose answers are right when any filter says so.

use serde_json::{Value, json};

use super::detect::Detection;
use super::fields::{self, Fault, Fields};
use super::mapping::verdict;
use super::trail::Trail;
use super::{Format, RawRecord, RecordError, Unit, span, worked};
use crate::segment::Rule;
use crate::trace::{Outcome, Problem, Trace, TraceBuilder};

/// The format.
pub(super) struct LmEval;

/// Metrics that judge the answer, in the order in which they are believed; others are tried behind them.
const METRICS: [&str; 3] = ["exact_match", "math_verify", "acc"];

/// Keys under which tasks keep what is asked.
const ASKED: [&str; 5] = ["problem", "question", "input", "prompt", "query"];

impl Format for LmEval {
    fn name(&self) -> &'static str {
        "lm-eval"
    }

    fn doc(&self) -> &'static str {
        "lm-evaluation-harness --log_samples: doc, resps (texts), filtered_resps, metrics"
    }

    fn detect(&self, value: &Value) -> Detection {
        Detection::by_keys(value, &["doc_id", "resps", "filtered_resps"])
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn unit_key(&self, record: &[u8]) -> Option<u64> {
        let part = |key: &str| span::find(record, &[key]).and_then(|range| std::str::from_utf8(&record[range]).ok());
        Some(span::hash(&format!("{} {}", part("doc_id")?, part("resps")?)))
    }

    fn read_unit(&self, records: &[RawRecord<'_>]) -> Unit {
        let mut unit = Unit::default();
        for record in records {
            match (self.read(record), &mut unit.trace) {
                (Ok(trace), none @ None) => *none = Some(trace),
                (Ok(trace), Some(first)) => merge(first, trace),
                (Err(error), _) => unit.errors.push(error),
            }
        }
        unit
    }
}

/// Adds what another filter says of the same texts.
fn merge(first: &mut Trace, other: Trace) {
    for (mine, theirs) in first.solutions.iter_mut().zip(other.solutions) {
        let said = json!({"filter": other.extra.get("filter"), "correct": theirs.outcome == Outcome::Correct});
        if theirs.outcome == Outcome::Correct || mine.outcome == Outcome::Unknown {
            mine.outcome = theirs.outcome;
            mine.final_answer = theirs.final_answer.or(mine.final_answer.take());
        }
        if let Value::Array(list) = mine.extra.entry("filters").or_insert_with(|| Value::Array(Vec::new())) {
            list.push(said);
        }
    }
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let text = asked(&fields)?;
    let (reference_answer, reference_solution) = worked::reference(fields.reference("target")?);
    let id = fields.optional_name("doc_id")?;
    let texts = texts(fields.list("resps")?)?;
    let answers: Vec<Value> = fields.optional_list("filtered_resps")?.unwrap_or_default();
    let outcome = outcome(&fields);
    let mut builder = TraceBuilder::new(Problem { text, reference_solution, reference_answer });
    for (index, text) in texts.iter().enumerate() {
        let mut trail = Trail::new(&mut builder);
        trail.answer(text, Rule::Auto);
        let solution = trail.end();
        solution.source_id = id.as_ref().map(|id| if texts.len() > 1 { format!("{id}-{index}") } else { id.clone() });
        // With several texts a filter may have chosen or voted: the metric is about one of them, nobody knows which.
        if texts.len() == 1 {
            solution.outcome = outcome.unwrap_or_default();
        }
        let answer = answers.get(index).filter(|_| answers.len() == texts.len());
        let answer = answer.map(|answer| answer.get(0).unwrap_or(answer)).and_then(Value::as_str);
        solution.final_answer = answer.map(str::to_owned).or(solution.final_answer.take());
    }
    builder.extra(fields.rest());
    Ok(builder)
}

/// The problem in the document, else the prompt that was made of it.
fn asked(fields: &Fields) -> Result<String, Fault> {
    let document = fields.map().get("doc");
    let own = ASKED.iter().find_map(|key| document?.get(key)?.as_str());
    let argument = |path: &str| fields.map().get("arguments").and_then(|given| given.pointer(path)).and_then(Value::as_str);
    let text = own.or_else(|| argument("/gen_args_0/arg_0")).or_else(|| argument("/0/0"));
    text.map(str::to_owned)
        .ok_or_else(|| Fault::new("doc", format!("expected one of {}, or a prompt in `arguments`, found none", ASKED.join(", "))))
}

/// All generations, of all repeats.
fn texts(resps: Vec<Value>) -> Result<Vec<String>, Fault> {
    let mut texts = Vec::new();
    for (index, repeats) in resps.into_iter().enumerate() {
        let repeats = match repeats {
            Value::Array(repeats) => repeats,
            one => vec![one],
        };
        for (at, text) in repeats.into_iter().enumerate() {
            if !text.is_string() {
                return Err(Fault::new("resps", "expected texts, found log-likelihoods: this task holds no traces"));
            }
            texts.push(fields::text(text, || format!("resps[{index}][{at}]"))?);
        }
    }
    Ok(texts)
}

/// Whether the answer is right: each metric is a field of the record.
fn outcome(fields: &Fields) -> Option<Outcome> {
    let named = fields.map().get("metrics").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    METRICS.into_iter().chain(named).find_map(|metric| verdict(fields.peek(metric)?))
}
