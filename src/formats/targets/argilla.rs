//! Records for Argilla 2 (`Dataset.records.from_json`), with the settings of the data set beside the file: the first error is one question.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::export::{Feature, Framing, Keeps, Labelled, LabelledTrace, Loss, Writer, each_solution, json_bytes};
use super::Target;
use crate::labels::policy::{Policy, Switch};
use crate::trace::{FirstError, Writing};

pub(super) const ARGILLA: Target = Target {
    name: "argilla",
    doc: "Argilla 2 records: problem and steps as fields, the first error as response or suggestion, with settings",
    writer: &Argilla,
};

struct Argilla;

impl Writer for Argilla {
    fn framing(&self) -> Framing {
        Framing::Array
    }

    fn keeps(&self) -> &'static Keeps {
        use Feature::{Annotators, FirstError, Generators, Ids, Remarks, Scores};
        &Keeps { all: &[FirstError, Annotators, Ids, Generators], partly: &[Scores, Remarks] }
    }

    fn asks(&self) -> &'static [Switch] {
        &[]
    }

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        each_solution(self, unit, policy, out, loss, |item, rows, _| {
            rows.push(json_bytes(&record(item)));
            Ok(())
        });
    }

    fn beside(&self, file: &str, loss: &Loss) -> Vec<(String, String)> {
        vec![(format!("{file}.settings.json"), format!("{:#}\n", settings(loss.most_steps)))]
    }
}

fn record(item: &Labelled<'_>) -> Value {
    let (solution, labels) = (item.of(), &item.labels);
    let steps: Vec<_> = item.path().enumerate().map(|(index, node)| format!("[{index}] {}", node.text)).collect();
    let user = user_id(labels.annotator.as_deref().unwrap_or_default());
    let mut responses = serde_json::Map::new();
    if let Some(value) = verdict(labels.first_error) {
        responses.insert("first_error".into(), json!([{"value": value, "user_id": user}]));
        if let FirstError::At(index) = labels.first_error
            && let Some(reason) = labels.remark(Writing::Critique, Some(index))
        {
            responses.insert("reason".into(), json!([{"value": reason, "user_id": user}]));
        }
    }
    let scores: Option<Vec<_>> =
        item.path().enumerate().map(|(index, node)| node.stats.prm.or(solution.scores.get(index).copied().flatten())).collect();
    let suggestion = scores.filter(|scores| !scores.is_empty()).map(|scores| {
        let found = scores.iter().position(|&score| score < 0.5);
        let least = scores.iter().copied().fold(1.0, f64::min);
        let value = found.map_or_else(|| "none".to_owned(), |index| index.to_string());
        let score = if found.is_some() { 1.0 - least } else { least };
        json!({"first_error": {"value": value, "score": score, "agent": "recorded"}})
    });
    json!({
        "id": format!("{}-{}", item.trace.record_key(solution.leaf), solution.record),
        "fields": {"problem": item.trace.problem.text, "steps": steps.join("\n")},
        "metadata": {"source_id": solution.source_id, "generator": solution.generator},
        "suggestions": suggestion.unwrap_or_else(|| json!({})),
        "responses": responses,
        "vectors": {},
    })
}

fn verdict(first_error: FirstError) -> Option<String> {
    match first_error {
        FirstError::At(index) => Some(index.to_string()),
        FirstError::NoError => Some("none".to_owned()),
        FirstError::Unlabelable => Some("unlabelable".to_owned()),
        FirstError::Unknown => None,
    }
}

/// Argilla names users by UUID; the same name always gives the same.
fn user_id(name: &str) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(name.as_bytes());
    let mut id = String::with_capacity(36);
    for (index, byte) in digest.iter().take(16).enumerate() {
        // Version 8 (own scheme), variant 1.
        let byte = match index {
            6 => byte & 0x0f | 0x80,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        let dash = if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(id, "{dash}{byte:02x}");
    }
    id
}

fn settings(steps: usize) -> Value {
    let options: Vec<_> =
        ["none", "unlabelable"].iter().map(ToString::to_string).chain((0..steps).map(|index| index.to_string())).collect();
    let field =
        |name: &str| json!({"name": name, "title": name, "required": true, "settings": {"type": "text", "use_markdown": false}});
    let option = |value: &String| json!({"value": value, "text": value});
    json!({
        "guidelines": "Index of the first wrong step, counted from 0; none when every step is right.",
        "fields": [field("problem"), field("steps")],
        "questions": [
            {
                "name": "first_error", "title": "First error", "required": true,
                "settings": {"type": "label_selection", "options": options.iter().map(option).collect::<Vec<_>>()},
            },
            {"name": "reason", "title": "Reason", "required": false, "settings": {"type": "text", "use_markdown": false}},
        ],
    })
}
