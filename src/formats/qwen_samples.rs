//! Best-of-8 samples of QwenLM/Qwen2.5-Math (`evaluation/data/eval_rm_maj_example`): the texts under `code`, their answers under
//! `pred`, whether these are right under `score`, and an unbounded reward score of each whole solution under `pred_score`.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{self, Fault, Fields};
use super::{Format, RawRecord, RecordError, place};
use crate::segment::{self, Rule};
use crate::trace::{Outcome, Problem, Trace, TraceBuilder};

/// The format.
pub(super) struct QwenSamples;

impl Format for QwenSamples {
    fn name(&self) -> &'static str {
        "qwen-samples"
    }

    fn doc(&self) -> &'static str {
        "Qwen2.5-Math evaluation samples: question, code (texts), pred (answers), score (right or wrong)"
    }

    fn detect(&self, value: &Value) -> Detection {
        let list = |key: &str| value.get(key).is_some_and(Value::is_array);
        Detection::sure_if(
            value.get("question").is_some() && list("code") && list("pred") && list("score"),
            "`question` and the lists `code`, `pred` and `score`",
        )
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["question"]
    }
}

/// Fields with one entry a sample that have no place of their own.
const PER_SAMPLE: &[&str] = &["report", "pred_score"];

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let text = fields.text("question")?;
    let texts = fields.texts("code")?;
    let answers = same_length(fields.list("pred")?, texts.len(), "pred")?;
    let correct = same_length(fields.list("score")?, texts.len(), "score")?;
    let reference_answer = fields.reference("gt")?;
    let reference_solution = fields.optional_text("solution")?;
    let mut builder = TraceBuilder::new(Problem { text, reference_solution, reference_answer });
    // A list of another length belongs to the record as a whole.
    let fits =
        |fields: &Fields, key: &str| fields.peek(key).and_then(Value::as_array).is_some_and(|list| list.len() == texts.len());
    let keys: Vec<_> = PER_SAMPLE.iter().filter(|key| fits(&fields, key)).collect();
    let mut kept: Vec<_> =
        keys.into_iter().filter_map(|&key| Some((key, fields.optional_list(key).ok().flatten()?.into_iter()))).collect();
    for (index, ((text, answer), correct)) in texts.iter().zip(answers).zip(correct).enumerate() {
        let leaf = place(&mut builder, &segment::split(text, Rule::Blank));
        let correct = fields::boolean(&correct, || format!("score[{index}]"))?;
        let solution = builder.solution(leaf);
        solution.source_id = Some(index.to_string());
        solution.final_answer = match answer {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        };
        solution.outcome = Outcome::from(correct);
        for (key, values) in &mut kept {
            solution.extra.extend(values.next().filter(|value| !value.is_null()).map(|value| ((*key).to_owned(), value)));
        }
    }
    let mut extra = fields.rest();
    extra.insert(segment::EXTRA_KEY.to_owned(), Rule::Blank.to_string().into());
    builder.extra(extra);
    Ok(builder)
}

fn same_length(list: Vec<Value>, expected: usize, field: &str) -> Result<Vec<Value>, Fault> {
    fields::one_each(field, (list.len(), "entries"), (expected, "texts in `code`")).map(|()| list)
}
