//! MR-Ben (Zeng et al., arXiv:2406.13975): the number of the first wrong step as a string, from 1, or `N/A`.
//!
//! Solutions of the subject `coding` are one program, whose first error is named by the text of its line. The same line can stand in
//! several places; then the first one is taken. A file is one object that holds a list of records for each question.

use serde_json::Value;

use super::fields::{self, Fault, Fields};
use super::flat::Flat;
use super::json::excerpt;
use super::mapping::{Mapping, Verdict};
use super::reasons::Reasons;
use crate::trace::{StepKind, TraceBuilder};

const STEPS: &str = "Model_Solution_Steps";
const ERROR: &str = "Model_Solution_First_Error_Step";
/// Most records have two of each, of two people.
const REASONS: Reasons = Reasons {
    kind: None,
    critique: Some("Model_Solution_Error_Reason"),
    correction: Some("Model_Solution_Rectified_First_Error_Step"),
};

/// The format.
pub(super) static FORMAT: Flat = Flat {
    prepare: Some(number),
    finish: Some(programs),
    ..Flat::new(
        "mr-ben",
        "MR-Ben: Model_Solution_Steps, Model_Solution_First_Error_Step from 1, N/A, or a line of the program",
        &[STEPS, ERROR],
        Mapping {
            label: Some(Verdict::first_error(ERROR, 1, "N/A")),
            reference_answer: Some("Ground_Truth_Answer"),
            reference_solution: Some("Ground_Truth_Analysis"),
            id: Some("Question_UUID"),
            generator: Some("Sampled_Model"),
            ..Mapping::new("Question", STEPS)
        },
    )
};

/// Puts the options behind the question, cuts a program into its lines, and makes the label a number of one of the steps.
fn number(fields: &mut Fields) -> Result<Vec<String>, Fault> {
    let (mut question, options) = (fields.text("Question")?, fields.optional_text("Options")?);
    if let Some(options) = options.filter(|options| !options.trim().is_empty()) {
        question = format!("{question}\n{options}");
    }
    fields.put("Question", question.into());
    let label = fields.optional_name(ERROR)?.unwrap_or_default();
    let (steps, found) = match fields.need(STEPS, "a list of strings or a program")? {
        Value::String(program) => {
            // Not by a rule for prose: brackets and dollar signs of a program are no formulas.
            let lines: Vec<String> =
                program.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect();
            let found = line(&lines, &label);
            (lines, found)
        }
        value => {
            let steps = fields::texts(fields::list(value, || STEPS.to_owned())?, STEPS)?;
            let index = label.trim().parse().ok().filter(|index| (1..=steps.len()).contains(index));
            let found =
                index.ok_or_else(|| format!("expected a step from 1 to {}, found `{}`", steps.len(), excerpt(&label, 40)));
            (steps, found.map(|index| (index, None)))
        }
    };
    fields.put(STEPS, steps.into());
    if label == "N/A" {
        fields.put(ERROR, label.into());
        return Ok(Vec::new());
    }
    let (value, warning) = match found {
        Ok((index, warning)) => (Value::from(index), warning),
        Err(warning) => {
            fields.put("stepscope.unplaced_label", label.into());
            (Value::Null, Some(warning))
        }
    };
    fields.put(ERROR, value);
    Ok(warning.map(|warning| format!("{ERROR}: {warning}")).into_iter().collect())
}

/// The number, from 1, of a program's line; lines that are only indented otherwise count when there is no better one.
fn line(lines: &[String], wanted: &str) -> Result<(usize, Option<String>), String> {
    let wanted = wanted.trim_end();
    if wanted.trim().is_empty() {
        return Err("expected a line of the program, found none".to_owned());
    }
    let places =
        |same: &dyn Fn(&str) -> bool| (1..).zip(lines).filter(|(_, line)| same(line)).map(|(at, _)| at).collect::<Vec<_>>();
    let exact = places(&|line| line.trim_end() == wanted);
    let found = if exact.is_empty() { places(&|line| line.trim() == wanted.trim()) } else { exact };
    match found[..] {
        [] => Err(format!("expected a line of the program, found `{}`", excerpt(wanted, 40))),
        [only] => Ok((only, None)),
        [first, ..] => Ok((first, Some(format!("the line stands {} times, the first one is taken", found.len())))),
    }
}

fn programs(builder: &mut TraceBuilder) {
    let coding =
        builder.last_solution().is_some_and(|solution| solution.extra.get("Subject").is_some_and(|subject| subject == "coding"));
    if coding {
        builder.paint(0, StepKind::Code);
    }
    builder.last_solution().into_iter().for_each(|solution| REASONS.take(solution));
}
