//! Programs that a search with reflections tried on `HumanEval` (Zhou et al., arXiv:2310.04406): each try is a solution whose steps are
//! its lines, with what the tests said of it behind them.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::trail::Trail;
use super::{Format, RawRecord, RecordError};
use crate::segment::Rule;
use crate::trace::{NodeId, Outcome, Problem, StepKind, Trace, TraceBuilder};

/// The format.
pub(super) struct Lats;

impl Format for Lats {
    fn name(&self) -> &'static str {
        "lats"
    }

    fn doc(&self) -> &'static str {
        "LATS on HumanEval: prompt, solution, is_solved, implementations with test_feedback"
    }

    fn detect(&self, value: &Value) -> Detection {
        Detection::by_keys(value, &["prompt", "entry_point", "test", "acc"])
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["prompt"]
    }
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let text = fields.text("prompt")?;
    let id = fields.optional_name("name")?;
    let solution = fields.optional_text("solution")?;
    let solved = fields.optional_boolean("is_solved")?.map(Outcome::from).unwrap_or_default();
    let mut tries = match fields.take_some("implementations") {
        Some(Value::Array(items)) => super::fields::texts(items, "implementations")?,
        Some(other) => return Err(Fault::expected("implementations", "a list of strings", &other)),
        None => Vec::new(),
    };
    let feedback = fields.optional_list("test_feedback")?.unwrap_or_default();
    if let Some(solution) = &solution
        && !tries.contains(solution)
    {
        tries.push(solution.clone());
    }
    let mut builder = TraceBuilder::new(Problem { text, ..Problem::default() });
    for (index, program) in tries.iter().enumerate() {
        let mut trail = Trail::new(&mut builder);
        trail.text(program, StepKind::Code, Rule::Line);
        if let Some(Value::String(said)) = feedback.get(index) {
            trail.step(said, StepKind::Tool);
        }
        let last = trail.end();
        last.source_id = id.as_ref().map(|id| format!("{id}-{index}"));
        if solution.as_ref() == Some(program) {
            last.outcome = solved;
        }
    }
    if tries.is_empty() {
        builder.warn("no program was kept");
        builder.solution(NodeId::ROOT).source_id = id;
    }
    builder.extra(fields.rest());
    Ok(builder)
}
