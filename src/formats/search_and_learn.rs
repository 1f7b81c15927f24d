//! Completions of huggingface/search-and-learn (best of n, beam search, DVTS): texts with the scores that a process reward model gave their
//! pieces. The tree of the search is not stored; equal beginnings meet.
//!
//! Beam search pads to n by copying finished beams: a text that comes again is one solution, with the number of its copies.

use std::collections::HashMap;

use serde_json::Value;

use super::detect::Detection;
use super::fields::{self, Fault, Fields, boxed};
use super::{Format, RawRecord, RecordError, place};
use crate::segment::{self, Rule};
use crate::trace::{Problem, Trace, TraceBuilder};

/// The format.
pub(super) struct SearchAndLearn;

impl Format for SearchAndLearn {
    fn name(&self) -> &'static str {
        "search-and-learn"
    }

    fn doc(&self) -> &'static str {
        "search-and-learn completions: problem, completions and scores, a list of step scores for each"
    }

    fn detect(&self, value: &Value) -> Detection {
        let nested = value["scores"].as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_array));
        let texts = value["completions"].as_array().is_some_and(|list| list.iter().all(Value::is_string));
        Detection::sure_if(nested && texts && value.get("problem").is_some(), "`completions` and lists of `scores`")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["problem"]
    }
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let text = fields.text("problem")?;
    let (reference_answer, reference_solution) = (fields.optional_name("answer")?, fields.optional_text("solution")?);
    let completions = fields.texts("completions")?;
    let scores = fields.list("scores")?;
    fields::one_each("scores", (scores.len(), "lists"), (completions.len(), "completions"))?;
    let mut builder = TraceBuilder::new(Problem { text, reference_solution, reference_answer });
    let mut copies: HashMap<&str, usize> = HashMap::new();
    for text in &completions {
        *copies.entry(text).or_default() += 1;
    }
    for (index, (text, scores)) in completions.iter().zip(scores).enumerate() {
        // Taken out with the first copy.
        let Some(copies) = copies.remove(text.as_str()) else { continue };
        let scores = step_scores(&scores, index)?;
        let leaf = place(&mut builder, &segment::split(text, Rule::Blank));
        let steps = builder.trace().node(leaf).depth;
        // A blank line at the end gives one score more.
        if scores.len() != steps && !(scores.len() == steps + 1 && text.ends_with("\n\n")) {
            builder
                .warn(format!("completions[{index}]: {} scores for {steps} steps, laid on from the first step on", scores.len()));
        }
        let solution = builder.solution(leaf);
        solution.final_answer = boxed(text);
        solution.source_id = Some(index.to_string());
        if scores.len() > steps {
            solution.extra.insert("scores_left".to_owned(), scores[steps..].iter().map(|score| Value::from(*score)).collect());
        }
        solution.scores = scores.into_iter().take(steps).collect();
        if copies > 1 {
            solution.extra.insert("copies".to_owned(), copies.into());
        }
    }
    let mut extra = fields.rest();
    extra.insert(segment::EXTRA_KEY.to_owned(), Rule::Blank.to_string().into());
    builder.extra(extra);
    Ok(builder)
}

fn step_scores(scores: &Value, index: usize) -> Result<Vec<Option<f64>>, Fault> {
    let items = scores.as_array().into_iter().flatten().enumerate();
    items
        .map(|(step, score)| match score {
            Value::Null => Ok(None),
            score => score
                .as_f64()
                .map(Some)
                .ok_or_else(|| Fault::expected(format!("scores[{index}][{step}]"), "a number or null", score)),
        })
        .collect()
}
