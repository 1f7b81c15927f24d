//! Results of LiveCodeBench: several programs for one task, with what the model said around each and whether its tests passed.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{self, Fault, Fields};
use super::mapping::verdict;
use super::trail::Trail;
use super::{Format, RawRecord, RecordError};
use crate::segment::Rule;
use crate::trace::{Problem, StepKind, Trace, TraceBuilder};

/// The format.
pub(super) struct LiveCodeBench;

impl Format for LiveCodeBench {
    fn name(&self) -> &'static str {
        "livecodebench"
    }

    fn doc(&self) -> &'static str {
        "LiveCodeBench results: question_content, code_list (programs), output_list, graded_list"
    }

    fn detect(&self, value: &Value) -> Detection {
        let list = |key: &str| value.get(key).is_some_and(Value::is_array);
        Detection::sure_if(list("code_list") && list("output_list"), "the lists `code_list` and `output_list`")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let id = fields.optional_name("question_id")?;
    let asked = match fields.optional_text("question_content")? {
        Some(text) => Some(text),
        None => fields.optional_text("question_title")?,
    };
    // Files of results alone name the task and do not repeat it.
    let text = asked.or_else(|| id.clone()).unwrap_or_default();
    let programs = fields.texts("code_list")?;
    let mut said = parallel(&mut fields, "output_list", programs.len())?;
    let mut graded = parallel(&mut fields, "graded_list", programs.len())?;
    let mut builder = TraceBuilder::new(Problem { text, ..Problem::default() });
    for (index, program) in programs.iter().enumerate() {
        let mut trail = Trail::new(&mut builder);
        trail.text(program, StepKind::Code, Rule::Line);
        let solution = trail.end();
        solution.source_id = Some(id.as_ref().map_or(index.to_string(), |id| format!("{id}-{index}")));
        solution.outcome = graded.next().as_ref().and_then(verdict).unwrap_or_default();
        solution.extra.extend(said.next().filter(|text| !text.is_null()).map(|text| ("output".to_owned(), text)));
    }
    builder.extra(fields.rest());
    Ok(builder)
}

/// The entries of a list that goes along with the programs; nothing when the record has none.
fn parallel(fields: &mut Fields, key: &str, programs: usize) -> Result<std::vec::IntoIter<Value>, Fault> {
    let list = fields.optional_list(key)?.unwrap_or_default();
    if !list.is_empty() {
        fields::one_each(key, (list.len(), "entries"), (programs, "programs in `code_list`"))?;
    }
    Ok(list.into_iter())
}
