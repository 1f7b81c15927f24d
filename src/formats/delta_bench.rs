//! `DeltaBench` (He et al., arXiv:2502.19361): long chains of thought in sections, with the numbers, from 1, of those that are wrong and of
//! those that are of no use. What was written beside a section says why it is wrong and how it should read.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::detect::Detection;
use super::fields::{self, Fault, Fields};
use super::reasons;
use super::{Format, RawRecord, RecordError, mapping};
use crate::trace::{NodeId, Outcome, Problem, Rating, Remark, Solution, StepKind, Trace, TraceBuilder, Words, Writing};

/// The format.
pub(super) struct DeltaBench;

const ERRORS: &str = "reason_error_section_numbers";
const UNUSEFUL: &str = "reason_unuseful_section_numbers";
const BESIDE: &str = "sections_labeled_info";

impl Format for DeltaBench {
    fn name(&self) -> &'static str {
        "deltabench"
    }

    fn doc(&self) -> &'static str {
        "DeltaBench: sections_content, reason_error_section_numbers and reason_unuseful_section_numbers from 1"
    }

    fn detect(&self, value: &Value) -> Detection {
        Detection::by_keys(value, &["question", ERRORS])
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
    let reference_answer = fields.reference("answer")?;
    let id = fields.optional_name("id")?;
    let generator = fields.optional_text("origin")?;
    let correct = fields.take_some("final_correct");
    let mut builder = TraceBuilder::new(Problem { text, reference_answer, reference_solution: None });
    let leaf = sections(&mut fields, &mut builder)?;
    let steps = builder.trace().node(leaf).depth;
    let (mut said, mut outside) = mapping::errors(&numbers(&mut fields, ERRORS)?, 1, steps);
    let (useless, beyond) = mapping::errors(&numbers(&mut fields, UNUSEFUL)?, 1, steps);
    outside.extend(beyond);
    if !outside.is_empty() {
        builder.warn(format!("expected sections from 1 to {steps}, found {}", outside.join(", ")));
    }
    // A wrong section stays wrong if it is of no use too.
    for (rating, useless) in said.ratings.iter_mut().zip(useless.ratings) {
        if useless == Some(Rating::Bad) && *rating == Some(Rating::Good) {
            *rating = Some(Rating::Neutral);
        }
    }
    builder.paint(0, StepKind::Thought);
    let solution = builder.solution(leaf);
    solution.source_id = id;
    solution.generator = generator;
    solution.outcome = correct.as_ref().and_then(mapping::verdict).unwrap_or(Outcome::Unknown);
    solution.first_error = said.first_error;
    solution.ratings = said.ratings;
    solution.extra = fields.rest();
    words(solution);
    Ok(builder)
}

/// Makes words of the labels of what stands beside the sections. Of a section that is not wrong an explanation is a note.
fn words(solution: &mut Solution) {
    let Some(Value::Array(list)) = solution.extra.get_mut(BESIDE) else { return };
    let mut remarks = Vec::new();
    for section in list.iter_mut().filter_map(Value::as_object_mut) {
        let number = section.get("section_number").and_then(fields::integer);
        let step = number.and_then(|number| usize::try_from(number.checked_sub(1)?).ok());
        let Some((step, rating)) = step.and_then(|step| Some((step, *solution.ratings.get(step)?))) else { continue };
        let wrong = rating == Some(Rating::Bad);
        let mut say = |key: &str, writing: Writing| {
            remarks.extend(reasons::text(section, key).map(|text| Remark { writing, step: Some(step), text }));
        };
        say("explanation", if wrong { Writing::Critique } else { Writing::Note });
        if wrong {
            say("correction", Writing::Correction);
        }
    }
    reasons::say(solution, Words { remarks, ..Words::default() });
}

static HEADER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?m)^[ \t]*section[ \t]*(\d+)[ \t]*:[ \t]*\n?").ok());

/// Lays the sections below the root: a list of them, or one text in which each has a header.
fn sections(fields: &mut Fields, builder: &mut TraceBuilder) -> Result<NodeId, Fault> {
    if let Some(list) = fields.optional_list("sections")? {
        let mut steps = Vec::with_capacity(list.len());
        for (index, section) in list.into_iter().enumerate() {
            steps.push(Fields::of(section, format!("sections[{index}]"))?.text("content")?);
        }
        return Ok(builder.path(&steps).last().copied().unwrap_or(NodeId::ROOT));
    }
    let key = if fields.peek("sections_content").is_some() { "sections_content" } else { "section_content" };
    let text = fields.text(key)?;
    let headers = LazyLock::force(&HEADER).iter().flat_map(|header| header.find_iter(&text));
    let mut headers: Vec<_> = headers.map(|header| header.range()).collect();
    if headers.is_empty() {
        headers.push(0..0);
    }
    let mut at = NodeId::ROOT;
    text[..headers[0].end].clone_into(&mut builder.node_mut(at).sep_after);
    headers.push(text.len()..text.len());
    for (header, next) in headers.iter().zip(&headers[1..]) {
        let body = text[header.end..next.start].trim_end();
        at = builder.child(at, body);
        text[header.end + body.len()..next.end].clone_into(&mut builder.node_mut(at).sep_after);
    }
    Ok(at)
}

/// Numbers of sections; tables write the list as a text.
fn numbers(fields: &mut Fields, key: &str) -> Result<Vec<Value>, Fault> {
    let value = match fields.take_some(key) {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => {
            super::parse_json(text.as_bytes()).map_err(|_| Fault::expected(key, "a list of numbers", &text.into()))?
        }
        Some(value) => value,
    };
    fields::list(value, || key.to_owned())
}
