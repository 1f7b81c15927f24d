//! Tasks for Label Studio (its task format with predictions and annotations): one `Choices` control a step, two for the whole solution, and the
//! labelling configuration beside the file.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::super::export::{
    Completion, Feature, Framing, Keeps, Labelled, LabelledTrace, Loss, Writer, Written, each_solution, finish_reason, json_bytes,
};
use super::super::parse_json;
use super::Target;
use crate::labels::policy::{Policy, Switch};
use crate::trace::{Label, Remark, Writing};

pub(super) const LABEL_STUDIO: Target = Target {
    name: "label-studio",
    doc: "Label Studio tasks: one choice a step, recorded scores as predictions, with the labelling configuration",
    writer: &LabelStudio,
};

struct LabelStudio;

impl Writer for LabelStudio {
    fn framing(&self) -> Framing {
        Framing::Array
    }

    fn keeps(&self) -> &'static Keeps {
        use Feature::{Annotators, BehindError, FirstError, Generators, Ids, Neutral, Ratings, Remarks, Scores, Unsure};
        &Keeps {
            all: &[FirstError, Ratings, Neutral, BehindError, Annotators, Ids, Generators, Unsure],
            partly: &[Scores, Remarks],
        }
    }

    fn asks(&self) -> &'static [Switch] {
        &[]
    }

    /// A task is a solution; each annotator who judged it gives an annotation.
    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        each_solution(self, unit, policy, out, loss, |item, rows, loss| {
            let homeless = item.labels.remarks.iter().filter(|remark| written(remark).is_none()).count();
            loss.lose(Feature::Remarks.name(), homeless as u64);
            rows.extend(unit.together(item).map(|all| json_bytes(&task(item, all))));
            Ok(())
        });
    }

    /// An import refuses all tasks when one of them lacks a field that the configuration names.
    fn completion(&self) -> Option<Completion> {
        Some(|record, loss| {
            let Ok(mut task) = parse_json(record) else { return record.to_vec() };
            if let Some(Value::Object(data)) = task.get_mut("data") {
                for index in 0..loss.most_steps {
                    data.entry(format!("step_{index}")).or_insert_with(|| "".into());
                }
            }
            json_bytes(&task)
        })
    }

    fn beside(&self, files: Written<'_>, loss: &Loss) -> Vec<(String, String)> {
        vec![(format!("{}.config.xml", files.name), configuration(loss.most_steps))]
    }
}

fn task(item: &Labelled<'_>, all: &[Labelled<'_>]) -> Value {
    let solution = item.of();
    let said: Vec<_> = all.iter().filter_map(|item| Some((item.labels.annotator.as_deref(), annotation(item)?))).collect();
    let mut data = Map::from_iter([
        ("uid".to_owned(), item.trace.record_key(solution.leaf).to_string().into()),
        ("id".to_owned(), item.id().into()),
        ("problem".to_owned(), item.trace.problem.text.as_str().into()),
        // In the order of the annotations: a name that is no address of an account would be refused there.
        ("annotators".to_owned(), said.iter().map(|(name, _)| name.map(Value::from)).collect()),
        ("generator".to_owned(), solution.generator.clone().into()),
    ]);
    for (index, node) in item.path().enumerate() {
        data.insert(format!("step_{index}"), node.text.as_str().into());
    }
    let annotations: Vec<_> = said.into_iter().map(|(_, annotation)| annotation).collect();
    let predictions: Vec<_> = scored(item).into_iter().chain(told_by_source(all)).collect();
    json!({"data": data, "predictions": predictions, "annotations": annotations})
}

/// What one annotator says; `None` for nothing.
fn annotation(item: &Labelled<'_>) -> Option<Value> {
    let labels = &item.labels;
    let mut result: Vec<_> =
        labels.steps.iter().enumerate().filter_map(|(index, &label)| Some(rating(index, word(label)?))).collect();
    result.extend(finish_reason(labels).map(|end| choice("end", "problem", end)));
    result.extend(labels.unsure.then(|| choice("unsure", "problem", "unsure")));
    result.extend(texts(item, false));
    if result.is_empty() {
        return None;
    }
    let mut annotation = json!({
        "result": result,
        "was_cancelled": false,
        "ground_truth": false,
        // In seconds; PRM800K counts milliseconds.
        "lead_time": labels.ms_spent.map(|ms| ms as f64 / 1000.0),
    });
    if let Some(address) = labels.annotator.as_deref().filter(|name| name.contains('@')) {
        annotation["completed_by"] = json!({"email": address});
    }
    Some(annotation)
}

fn word(label: Label) -> Option<&'static str> {
    match label {
        Label::Good => Some("good"),
        Label::Neutral => Some("neutral"),
        Label::Bad => Some("bad"),
        Label::AfterError | Label::Unseen => None,
    }
}

fn choice(name: &str, of: &str, chosen: &str) -> Value {
    json!({"id": name, "from_name": name, "to_name": of, "type": "choices", "value": {"choices": [chosen]}})
}

fn rating(index: usize, word: &str) -> Value {
    choice(&format!("rate_{index}"), &format!("text_{index}"), word)
}

fn text(name: &str, of: &str, written: &str) -> Value {
    json!({"id": name, "from_name": name, "to_name": of, "type": "textarea", "value": {"text": [written]}})
}

/// Texts about a step, by the names of their controls: other texts have no place.
const TEXTS: [(&str, Writing); 2] = [("reason", Writing::Critique), ("correction", Writing::Correction)];

fn written(remark: &Remark) -> Option<Value> {
    let (name, _) = TEXTS.into_iter().find(|(_, writing)| *writing == remark.writing)?;
    let step = remark.step?;
    Some(text(&format!("{name}_{step}"), &format!("text_{step}"), &remark.text))
}

/// Texts among the labels of an annotator: those `of_source`, or the others, which are the annotator's own.
fn texts(item: &Labelled<'_>, of_source: bool) -> Vec<Value> {
    let (labels, words) = (&item.labels, item.words_of_source());
    let remarks = labels.remarks.iter().filter(|remark| words.is_some_and(|words| words.remarks.contains(remark)) == of_source);
    let kind = Some(&labels.error_kind).filter(|kind| !kind.is_empty());
    let kind = kind.filter(|kind| words.is_some_and(|words| words.error_kind == **kind) == of_source);
    remarks.filter_map(written).chain(kind.map(|kind| text("kind", "problem", kind))).collect()
}

/// What the source says in words and annotators left as it is: no answer of theirs.
fn told_by_source(all: &[Labelled<'_>]) -> Option<Value> {
    let mut result: Vec<Value> = Vec::new();
    for told in all.iter().flat_map(|item| texts(item, true)) {
        if !result.contains(&told) {
            result.push(told);
        }
    }
    (!result.is_empty()).then(|| json!({"model_version": "file", "result": result}))
}

/// What a recorded process reward model says: below one half is bad.
fn scored(item: &Labelled<'_>) -> Option<Value> {
    let recorded = |index: usize| item.of().scores.get(index).copied().flatten();
    let scores: Vec<_> = item.path().enumerate().map(|(index, node)| node.stats.prm.or_else(|| recorded(index))).collect();
    let least = scores.iter().flatten().copied().reduce(f64::min)?;
    let known = scores.iter().enumerate().filter_map(|(index, score)| Some((index, (*score)?)));
    let result = known.map(|(index, score)| rating(index, if score < 0.5 { "bad" } else { "good" }));
    Some(json!({"model_version": "recorded", "score": least, "result": result.collect::<Vec<_>>()}))
}

fn configuration(steps: usize) -> String {
    let choices = |name: &str, of: &str, all: &[&str]| {
        let all = all.iter().map(|choice| format!("    <Choice value=\"{choice}\"/>\n")).collect::<Vec<_>>().concat();
        format!("  <Choices name=\"{name}\" toName=\"{of}\" choice=\"single\" showInline=\"true\">\n{all}  </Choices>\n")
    };
    let mut text = "<View>\n  <Header value=\"Problem\"/>\n  <Text name=\"problem\" value=\"$problem\"/>\n".to_owned();
    // Writing to a string cannot fail.
    for index in 0..steps {
        let (of, name) = (format!("text_{index}"), format!("rate_{index}"));
        let _ = writeln!(text, "  <Text name=\"{of}\" value=\"$step_{index}\"/>");
        text.push_str(&choices(&name, &of, &["good", "neutral", "bad"]));
        for (name, _) in TEXTS {
            let _ = writeln!(text, "  <TextArea name=\"{name}_{index}\" toName=\"{of}\" rows=\"1\" placeholder=\"{name}\"/>");
        }
    }
    text.push_str("  <Header value=\"The whole solution\"/>\n");
    text.push_str(&choices("end", "problem", &["solution", "found_error", "bad_problem", "give_up"]));
    text.push_str(&choices("unsure", "problem", &["unsure"]));
    text.push_str("  <TextArea name=\"kind\" toName=\"problem\" rows=\"1\" placeholder=\"kind of the error\"/>\n");
    text.push_str("</View>\n");
    text
}
