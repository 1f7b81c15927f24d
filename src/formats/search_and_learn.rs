//! Completions of huggingface/search-and-learn (best of n, beam search, DVTS): texts with the scores that a process reward model gave their
//! pieces. The tree of the search is not stored; equal beginnings meet.
//!
//! Beam search pads to n by copying finished beams: a text that comes again is one solution, with the number of its copies.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::detect::Detection;
use super::fields::{self, Fault, Fields, boxed};
use super::{Format, RawRecord, RecordError, place};
use crate::segment::{self, Pieces, Rule};
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
    let (reference_answer, reference_solution) = (fields.reference("answer")?, fields.optional_text("solution")?);
    let completions = fields.texts("completions")?;
    let scores = fields.list("scores")?;
    fields::one_each("scores", (scores.len(), "lists"), (completions.len(), "completions"))?;
    let mut builder = TraceBuilder::new(Problem { text, reference_solution, reference_answer });
    let mut copies: HashMap<&str, usize> = HashMap::new();
    for text in &completions {
        *copies.entry(text).or_default() += 1;
    }
    let mut rules = BTreeSet::new();
    for (index, (text, scores)) in completions.iter().zip(scores).enumerate() {
        // Taken out with the first copy.
        let Some(copies) = copies.remove(text.as_str()) else { continue };
        let scores = step_scores(&scores, index)?;
        let laid = lay_on(text, scores);
        if let Some(found) = laid.unfit {
            let steps = laid.pieces.pieces.len();
            builder.warn(format!("completions[{index}]: {found} scores for {steps} steps, laid on from the first step on"));
        }
        let leaf = place(&mut builder, &laid.pieces);
        rules.insert(laid.pieces.rule.to_string());
        let solution = builder.solution(leaf);
        solution.final_answer = boxed(text);
        solution.source_id = Some(index.to_string());
        solution.scores = laid.scores;
        if !laid.left.is_empty() {
            solution.extra.insert("scores_left".to_owned(), laid.left.into_iter().map(Value::from).collect());
        }
        if copies > 1 {
            solution.extra.insert("copies".to_owned(), copies.into());
        }
    }
    let mut extra = fields.rest();
    if !rules.is_empty() {
        extra.insert(segment::EXTRA_KEY.to_owned(), rules.into_iter().collect::<Vec<_>>().join(",").into());
    }
    builder.extra(extra);
    Ok(builder)
}

/// A text with the scores of its steps.
struct Scored<'a> {
    pieces: Pieces<'a>,
    scores: Vec<Option<f64>>,
    /// Scores that belong to none of the steps.
    left: Vec<Option<f64>>,
    /// The number of scores, where it fits no way of cutting the text.
    unfit: Option<usize>,
}

/// The steps to which scores belong. Their number says where the model cut the text: at blank lines, or (Skywork) at every line end, where
/// an empty line has a score too.
fn lay_on(text: &str, mut scores: Vec<Option<f64>>) -> Scored<'_> {
    let (blank, found) = (segment::split(text, Rule::Blank), scores.len());
    let steps = blank.pieces.len();
    // A blank line at the end gives one score more.
    let fits = found == steps || (found == steps + 1 && text.ends_with("\n\n"));
    if !fits {
        for (rule, border, empty) in
            [(Rule::Blank, "\n\n", true), (Rule::Blank, "\n\n", false), (Rule::Line, "\n", true), (Rule::Line, "\n", false)]
        {
            let ends = ends(text, border, empty);
            if ends.len() == found {
                return by_place(segment::split(text, rule), &ends, &scores);
            }
        }
    }
    let left = scores.split_off(found.min(steps));
    Scored { pieces: blank, scores, left, unfit: (!fits).then_some(found) }
}

/// Where each part of a text ends that is cut at `border`; parts of white space count if `empty`.
fn ends(text: &str, border: &str, empty: bool) -> Vec<usize> {
    let mut at = 0;
    let parts = text.split(border).map(|part| {
        at += part.len() + border.len();
        (part, at - border.len())
    });
    parts.filter(|(part, _)| empty || !part.trim().is_empty()).map(|(_, end)| end).collect()
}

/// A step has the score of the part in which it ends: formulas over several lines are one step.
fn by_place<'a>(pieces: Pieces<'a>, ends: &[usize], scores: &[Option<f64>]) -> Scored<'a> {
    let (mut at, mut used, mut on_steps) = (pieces.lead.len(), 0, Vec::with_capacity(pieces.pieces.len()));
    let mut left = Vec::new();
    for piece in &pieces.pieces {
        let part = ends.partition_point(|&end| end < at + piece.text.len());
        left.extend(scores.get(used..part).unwrap_or_default());
        on_steps.push(scores.get(part).copied().flatten());
        used = part + 1;
        at += piece.text.len() + piece.sep.len();
    }
    left.extend(scores.get(used..).unwrap_or_default());
    Scored { pieces, scores: on_steps, left, unfit: None }
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
