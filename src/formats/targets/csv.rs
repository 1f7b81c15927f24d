//! A table with one row a step. Spreadsheets run cells that begin with `= + - @` (or a tab or carriage return) as formulas, so texts that
//! begin so get an apostrophe before them; columns of numbers hold numbers alone.

use serde_json::Value;

use super::super::export::{Feature, Framing, Keeps, Labelled, LabelledTrace, Loss, Writer, each_solution};
use super::Target;
use crate::labels::policy::{Policy, Skipped, Switch};
use crate::trace::{FirstError, Label, Node, Outcome, Writing};

pub(super) const CSV: Target = Target {
    name: "csv",
    doc: "CSV: one row a step with text, rating, first error, search statistics and scores (safe to open in a spreadsheet)",
    writer: &Csv,
};

struct Csv;

const HEADER: &str = "trace,id,record,step,index,text,label,rating,first_error,unsure,outcome,annotator,error_kind,critique,correction,\
prm,mc,mc_k,mc_hits,q,value,prior,visits,note,tags,end,end_reason,drawn\n";

impl Writer for Csv {
    fn framing(&self) -> Framing {
        Framing::Text { start: HEADER, between: "\n", end: "\n" }
    }

    fn keeps(&self) -> &'static Keeps {
        use Feature::{Annotators, BehindError, FirstError, Ids, Neutral, Outcomes, Ratings, Remarks, Scores, Unsure};
        &Keeps {
            all: &[FirstError, Ratings, Neutral, BehindError, Unsure, Scores, Annotators, Ids, Outcomes],
            partly: &[Remarks],
        }
    }

    fn asks(&self) -> &'static [Switch] {
        &[]
    }

    /// Every solution, labelled or not.
    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        let before = out.len();
        each_solution(self, unit, policy, out, loss, |item, rows, loss| {
            if item.labels.steps.is_empty() {
                return Err(Skipped::Unwritable("a solution without steps has no row".to_owned()));
            }
            // A row is a step: what is said of the whole solution has no cell.
            let homeless = item.labels.remarks.iter().filter(|remark| remark.step.is_none()).count();
            loss.lose(Feature::Remarks.name(), homeless as u64);
            rows.extend(item.path().enumerate().map(|(index, node)| row(item, index, node)));
            Ok(())
        });
        loss.lose("texts of problems", u64::from(out.len() > before));
    }
}

fn row(item: &Labelled<'_>, index: usize, node: &Node) -> Vec<u8> {
    let (solution, labels) = (item.of(), &item.labels);
    let label = labels.steps.get(index).copied().unwrap_or(Label::Unseen);
    let rating = match label {
        Label::Good => "1",
        Label::Neutral => "0",
        Label::Bad => "-1",
        Label::AfterError | Label::Unseen => "",
    };
    let remark = |writing| text(labels.remark(writing, Some(index)).unwrap_or_default());
    let stats = &node.stats;
    let recorded = solution.scores.get(index).copied().flatten();
    let cells = [
        item.trace.record_key(solution.leaf).to_string(),
        text(solution.source_id.as_deref().unwrap_or_default()),
        solution.record.to_string(),
        (index + 1).to_string(),
        index.to_string(),
        text(&node.text),
        word(&label),
        rating.to_owned(),
        u8::from(labels.first_error == FirstError::At(index)).to_string(),
        u8::from(labels.unsure).to_string(),
        match solution.outcome {
            Outcome::Correct => "correct".to_owned(),
            Outcome::Wrong => "wrong".to_owned(),
            Outcome::Unknown => String::new(),
        },
        text(labels.annotator.as_deref().unwrap_or_default()),
        text(if labels.first_error == FirstError::At(index) { &labels.error_kind } else { "" }),
        remark(Writing::Critique),
        remark(Writing::Correction),
        number(stats.prm.or(recorded)),
        number(stats.mc),
        count(stats.mc_k),
        count(stats.mc_hits),
        number(stats.q),
        number(stats.value),
        number(stats.prior),
        count(stats.visits),
        remark(Writing::Note),
        remark(Writing::Tags),
        word(&labels.end_state),
        text(&labels.end_reason),
        number(labels.drawn),
    ];
    cells.join(",").into_bytes()
}

/// The name of a label or an end.
fn word(named: &impl serde::Serialize) -> String {
    serde_json::to_value(named).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A text as a cell: guarded against formulas, quoted where it must be.
fn text(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if text.contains([',', '"', '\n', '\r', '\'']) || !guard.is_empty() {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn number(number: Option<f64>) -> String {
    number.map(|number| Value::from(number).to_string()).unwrap_or_default()
}

fn count(count: Option<u64>) -> String {
    count.map(|count| count.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn cells_are_no_formulas() {
        for (cell, written) in [
            ("plain", "plain"),
            ("", ""),
            ("=1+1", "\"'=1+1\""),
            ("-", "\"'-\""),
            ("+", "\"'+\""),
            ("@x", "\"'@x\""),
            ("\tx", "\"'\tx\""),
            ("a,\"b\"\nc", "\"a,\"\"b\"\"\nc\""),
        ] {
            assert_eq!(super::text(cell), written);
        }
    }
}
