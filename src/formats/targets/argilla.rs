//! Records for Argilla 2 (`Dataset.records.from_json`), with the settings of the data set beside the file. The first error is one question, the
//! ratings of steps are three: which are good, neutral and bad. So the number of questions does not hang on that of the steps.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::super::export::{Feature, Framing, Keeps, Labelled, LabelledTrace, Loss, Writer, Written, each_solution, json_bytes};
use super::Target;
use crate::labels::policy::{Policy, Switch};
use crate::trace::{FirstError, Label, SolutionLabels, Writing};

pub(super) const ARGILLA: Target = Target {
    name: "argilla",
    doc: "Argilla 2 records: problem and steps as fields, first error and ratings as responses or suggestions, with settings",
    writer: &Argilla,
};

struct Argilla;

impl Writer for Argilla {
    fn framing(&self) -> Framing {
        Framing::Array
    }

    fn keeps(&self) -> &'static Keeps {
        use Feature::{Annotators, BehindError, FirstError, Generators, Ids, Neutral, Ratings, Remarks, Scores};
        // Ratings without a verdict are suggestions, of which a question has one.
        &Keeps { all: &[FirstError, Neutral, BehindError, Annotators, Ids, Generators], partly: &[Ratings, Scores, Remarks] }
    }

    fn asks(&self) -> &'static [Switch] {
        &[]
    }

    /// A record is a solution; each annotator who judged it gives a response.
    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        each_solution(self, unit, policy, out, loss, |item, rows, loss| {
            let told = answers(&item.labels).into_iter().filter(|(question, _)| ABOUT_THE_ERROR.contains(question)).count();
            loss.lose(Feature::Remarks.name(), (Feature::Remarks.present(item) - told) as u64);
            rows.extend(unit.together(item).map(|all| json_bytes(&record(item, all, loss))));
            Ok(())
        });
    }

    fn beside(&self, files: Written<'_>, loss: &Loss) -> Vec<(String, String)> {
        vec![(format!("{}.settings.json", files.name), format!("{:#}\n", settings(loss.most_steps)))]
    }
}

/// Questions about the first error that are answered by a text.
const ABOUT_THE_ERROR: [&str; 3] = ["reason", "correction", "kind"];

/// Questions about steps, with the label that they ask for.
const RATINGS: [(&str, &str, Label); 3] = [
    ("good_steps", "Good steps", Label::Good),
    ("neutral_steps", "Neutral steps", Label::Neutral),
    ("bad_steps", "Bad steps", Label::Bad),
];

fn record(item: &Labelled<'_>, all: &[Labelled<'_>], loss: &mut Loss) -> Value {
    let solution = item.of();
    let steps: Vec<_> = item.path().enumerate().map(|(index, node)| format!("[{index}] {}", node.text)).collect();
    let mut responses = Map::new();
    let mut suggestions = suggestion(item);
    for item in all {
        let name = item.labels.annotator.as_deref();
        for (question, value) in answers(&item.labels) {
            let of_source = is_of_source(item, question);
            // No response lacks the first error, which is required; whose labels those of a file are, nobody knows.
            if let Some(name) = name.filter(|_| !of_source && verdict(item.labels.first_error).is_some()) {
                let list = responses.entry(question).or_insert_with(|| json!([]));
                list.as_array_mut().into_iter().for_each(|list| list.push(json!({"value": value, "user_id": user_id(name)})));
                continue;
            }
            let agent = name.filter(|_| !of_source).unwrap_or("file");
            let before = suggestions.insert(question.to_owned(), json!({"value": value, "agent": agent}));
            let ratings = before.and_then(|before| before["value"].as_array().map(Vec::len));
            loss.lose(Feature::Ratings.name(), ratings.unwrap_or(0) as u64);
        }
    }
    let told = [("source_id", &solution.source_id), ("generator", &solution.generator)];
    let metadata: Map<_, _> = told.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?.into()))).collect();
    json!({
        "id": format!("{}-{}", item.trace.record_key(solution.leaf), solution.record),
        "fields": {"problem": item.trace.problem.text, "steps": steps.join("\n")},
        "metadata": metadata,
        "suggestions": suggestions,
        "responses": responses,
        "vectors": {},
    })
}

/// What labels answer to the questions of the data set.
fn answers(labels: &SolutionLabels) -> Vec<(&'static str, Value)> {
    let mut answers: Vec<_> = verdict(labels.first_error).map(|value| ("first_error", value.into())).into_iter().collect();
    for (question, _, label) in RATINGS {
        let steps = labels.steps.iter().enumerate().filter(|(_, said)| **said == label).map(|(index, _)| index.to_string());
        answers.push((question, steps.collect()));
    }
    if let FirstError::At(index) = labels.first_error {
        let remark = |writing| labels.remark(writing, Some(index)).unwrap_or_default();
        let texts = [remark(Writing::Critique), remark(Writing::Correction), labels.error_kind.as_str()];
        answers.extend(ABOUT_THE_ERROR.into_iter().zip(texts.map(Value::from)));
    }
    let is_empty = |value: &Value| value == "" || value.as_array().is_some_and(Vec::is_empty);
    answers.retain(|(_, value)| !is_empty(value));
    answers
}

/// Whether the answer of an annotator is a text of the source, which goes with the same first error.
fn is_of_source(item: &Labelled<'_>, question: &str) -> bool {
    let (Some(words), FirstError::At(index)) = (item.words_of_source(), item.labels.first_error) else { return false };
    let is_told = |writing| {
        let mut remarks = item.labels.remarks.iter().filter(|remark| (remark.writing, remark.step) == (writing, Some(index)));
        remarks.next().is_some_and(|remark| !item.is_new(remark))
    };
    match question {
        "reason" => is_told(Writing::Critique),
        "correction" => is_told(Writing::Correction),
        "kind" => words.error_kind == item.labels.error_kind,
        _ => false,
    }
}

/// What recorded step scores say.
fn suggestion(item: &Labelled<'_>) -> Map<String, Value> {
    let recorded = |index: usize| item.of().scores.get(index).copied().flatten();
    let scores: Option<Vec<_>> =
        item.path().enumerate().map(|(index, node)| node.stats.prm.or_else(|| recorded(index))).collect();
    let Some(scores) = scores.filter(|scores| !scores.is_empty()) else { return Map::new() };
    let found = scores.iter().position(|&score| score < 0.5);
    let least = scores.iter().copied().fold(1.0, f64::min);
    let value = found.map_or_else(|| "none".to_owned(), |index| index.to_string());
    let score = if found.is_some() { 1.0 - least } else { least };
    Map::from_iter([("first_error".to_owned(), json!({"value": value, "score": score, "agent": "recorded"}))])
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
    let indices = |count: usize| (0..count).map(|index| index.to_string());
    let options = |values: Vec<String>| values.iter().map(|value| json!({"value": value, "text": value})).collect::<Value>();
    let verdicts = ["none", "unlabelable"].iter().map(ToString::to_string).chain(indices(steps)).collect();
    let field =
        |name: &str| json!({"name": name, "title": name, "required": true, "settings": {"type": "text", "use_markdown": false}});
    let question = |name: &str, title: &str, settings: Value| json!({"name": name, "title": title, "required": name == "first_error", "settings": settings});
    let mut questions =
        vec![question("first_error", "First error", json!({"type": "label_selection", "options": options(verdicts)}))];
    // A question of this kind has two options at least.
    let all: Vec<_> = indices(steps.max(2)).collect();
    for (name, title, _) in RATINGS {
        questions.push(question(name, title, json!({"type": "multi_label_selection", "options": options(all.clone())})));
    }
    for (name, title) in ABOUT_THE_ERROR.into_iter().zip(["Reason", "Correction", "Kind of the error"]) {
        questions.push(question(name, title, json!({"type": "text", "use_markdown": false})));
    }
    json!({
        "guidelines": "Index of the first wrong step, counted from 0; none when every step is right. Ratings of steps by their indices.",
        // A record names its source and its generator where they are known.
        "allow_extra_metadata": true,
        "fields": [field("problem"), field("steps")],
        "questions": questions,
    })
}
