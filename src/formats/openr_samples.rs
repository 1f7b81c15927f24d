//! Runs of openreasoner/openr's evaluation (`record.jsonl`): several solutions of one problem with the scores of their steps.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::trail::Trail;
use super::{Format, RawRecord, RecordError};
use crate::segment::{Rule, split};
use crate::trace::{Problem, STEP_TAGS, StepKind, Trace, TraceBuilder};

/// The format.
pub(super) struct OpenrSamples;

impl Format for OpenrSamples {
    fn name(&self) -> &'static str {
        "openr-samples"
    }

    fn doc(&self) -> &'static str {
        "openr evaluation records: question, groundtruth, output with text and value (a score a step)"
    }

    fn detect(&self, value: &Value) -> Detection {
        let outputs = value["output"].as_array().is_some_and(|list| {
            !list.is_empty() && list.iter().all(|item| item.get("text").is_some() && item.get("value").is_some())
        });
        Detection::sure_if(outputs && value.get("question").is_some(), "`question` and `output` with `text` and `value`")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["question"]
    }
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let text = fields.text("question")?;
    let reference_answer = fields.reference("groundtruth")?;
    let mut builder = TraceBuilder::new(Problem { text, reference_answer, reference_solution: None });
    for (index, item) in fields.list("output")?.into_iter().enumerate() {
        let mut output = Fields::of(item, format!("output[{index}]"))?;
        let text = output.text("text")?;
        let scores = scores(&mut output)?;
        let id = output.optional_name("path_idx")?;
        let mut trail = Trail::new(&mut builder);
        let rule = rule(&text, scores.len());
        trail.text(&text, StepKind::Text, rule);
        let steps = trail.depth();
        let solution = trail.end();
        solution.source_id = id.or_else(|| Some(index.to_string()));
        solution.extra = output.rest();
        if scores.len() > steps {
            let left = scores[steps..].iter().map(|score| Value::from(*score)).collect();
            solution.extra.insert("scores_left".to_owned(), left);
        }
        let found = scores.len();
        solution.scores = scores.into_iter().take(steps).collect();
        if found != steps {
            builder.warn(format!("output[{index}]: {found} scores for {steps} steps, laid on from the first step on"));
        }
    }
    builder.extra(fields.rest());
    Ok(builder)
}

/// Where the run cut its text: at the step tags, if there are as many scores; at line ends, if there are as many scores as lines and not
/// as paragraphs.
fn rule(text: &str, scores: usize) -> Rule {
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    let pieces = |rule| split(text, rule).pieces.len();
    match scores {
        _ if STEP_TAGS.iter().any(|tag| text.contains(tag)) && scores == pieces(Rule::Tag) => Rule::Tag,
        _ if scores == lines && lines != pieces(Rule::Blank) => Rule::Line,
        _ => Rule::Blank,
    }
}

/// One score a step; a single number is the score of a single step.
fn scores(output: &mut Fields) -> Result<Vec<Option<f64>>, Fault> {
    let path = output.at("value");
    let list = match output.take_some("value") {
        None => Vec::new(),
        Some(Value::Array(list)) => list,
        Some(number) => vec![number],
    };
    list.iter()
        .enumerate()
        .map(|(index, score)| match score.as_f64() {
            None if !score.is_null() => Err(Fault::expected(format!("{path}[{index}]"), "a number or null", score)),
            score => Ok(score),
        })
        .collect()
}
