//! `FoVer` (Kamoi et al., arXiv:2505.15960): step labels found by formal tools, and the sheets in which people looked at solutions that
//! two reward models had chosen.
//!
//! In `error_labels` true means, against its name, that the step is right. A record of a sheet is a block of rows; each step has the
//! scores of both models, which are no labels.

use serde_json::{Value, json};

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::flat::Flat;
use super::mapping::{Mapping, Meaning, Verdict};
use super::{Format, RawRecord, RecordError};
use crate::trace::{NodeId, Problem, Trace, TraceBuilder};

/// The training data.
pub(super) static FORMAT: Flat = Flat::new(
    "fover",
    "FoVer: solution_steps, error_labels (true means right, null unknown)",
    &["solution_steps", "error_labels"],
    Mapping {
        label: Some(Verdict::each("error_labels", Meaning::Correct)),
        id: Some("id"),
        reference_answer: Some("y_true"),
        ..Mapping::new("problem", "solution_steps")
    },
);

/// The sheets.
pub(super) struct Sheet;

impl Format for Sheet {
    fn name(&self) -> &'static str {
        "fover-sheet"
    }

    fn doc(&self) -> &'static str {
        "FoVer annotation sheets (CSV): question, y_true, two solutions with the step scores of two models"
    }

    fn detect(&self, value: &Value) -> Detection {
        let question = |row: &Value| row.get("type").is_some_and(|kind| kind == "question");
        let rows = value.get("rows").and_then(Value::as_array).is_some_and(|rows| rows.iter().any(question));
        Detection::sure_if(rows && value.get("data_idx").is_some(), "`data_idx` and rows of the type question")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }
}

/// The models, by the names of their columns; the second is the one that the set is about.
const SCORERS: [&str; 2] = ["baseline", "finetuned"];

/// What stands before the name of the model that chose a solution.
const CHOSEN: &str = "solution selected by ";

#[derive(Default)]
struct Chosen {
    by: String,
    steps: Vec<(String, [Option<f64>; 2])>,
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let id = fields.optional_name("id")?;
    let (mut problem, mut annotation, mut chosen) = (Problem::default(), None, Vec::<Chosen>::new());
    for (index, row) in fields.list("rows")?.into_iter().enumerate() {
        let mut row = Fields::of(row, format!("rows[{index}]"))?;
        let kind = row.optional_text("type")?.unwrap_or_default();
        let value = row.optional_text("value")?.unwrap_or_default();
        if let Some(by) = kind.strip_prefix(CHOSEN) {
            chosen.push(Chosen { by: by.to_owned(), steps: Vec::new() });
        } else if kind.starts_with("step ") {
            let scores = [score(&mut row, SCORERS[0])?, score(&mut row, SCORERS[1])?];
            let none = || Fault::new(row.at("type"), format!("expected a row `{CHOSEN}..` before the steps, found {kind}"));
            let solution = chosen.last_mut().ok_or_else(none)?;
            solution.steps.push((value, scores));
        } else {
            match kind.as_str() {
                "question" => problem.text = value,
                "y_true" => problem.reference_answer = Some(value),
                "annotation" => annotation = Some(value).filter(|said| !said.is_empty()),
                _ => {}
            }
        }
    }
    let mut builder = TraceBuilder::new(problem);
    for solution in chosen {
        add(&mut builder, solution, id.as_deref());
    }
    if let Some(annotation) = annotation {
        builder.note("annotation", annotation);
    }
    builder.extra(fields.rest().into_iter().filter(|(_, value)| value.as_str() != Some("")).collect());
    Ok(builder)
}

/// The score in a cell; an empty one has none.
fn score(row: &mut Fields, column: &str) -> Result<Option<f64>, Fault> {
    let path = row.at(column);
    let Some(cell) = row.optional_name(column)?.filter(|cell| !cell.trim().is_empty()) else { return Ok(None) };
    let score = cell.trim().parse().ok().filter(|score| (0.0..=1.0).contains(score));
    score.map(Some).ok_or_else(|| Fault::expected(path, "a number from 0 to 1", &cell.into()))
}

fn add(builder: &mut TraceBuilder, chosen: Chosen, id: Option<&str>) {
    let mut at = NodeId::ROOT;
    for (text, [baseline, finetuned]) in &chosen.steps {
        at = builder.child(at, text);
        let node = builder.node_mut(at);
        node.stats.prm = *finetuned;
        node.extra.insert("prm".to_owned(), json!({SCORERS[0]: baseline, SCORERS[1]: finetuned}));
    }
    let solution = builder.solution(at);
    solution.source_id = id.map(|id| format!("{id}-{}", chosen.by));
    solution.scores = chosen.steps.iter().map(|(_, [_, finetuned])| *finetuned).collect();
    solution.extra.insert("selected_by".to_owned(), chosen.by.into());
}
