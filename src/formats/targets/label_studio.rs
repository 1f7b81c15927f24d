//! Tasks for Label Studio (its task format with predictions and annotations): one `Choices` control a step, and the labelling
//! configuration beside the file.

use serde_json::{Map, Value, json};

use super::super::export::{Feature, Framing, Keeps, Labelled, LabelledTrace, Loss, Writer, each_solution, json_bytes};
use super::Target;
use crate::labels::policy::{Policy, Switch};
use crate::trace::{Label, Writing};

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

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        each_solution(self, unit, policy, out, loss, |item, rows, _| {
            rows.push(json_bytes(&task(item)));
            Ok(())
        });
    }

    fn beside(&self, file: &str, loss: &Loss) -> Vec<(String, String)> {
        vec![(format!("{file}.config.xml"), configuration(loss.most_steps))]
    }
}

fn task(item: &Labelled<'_>) -> Value {
    let (solution, labels) = (item.of(), &item.labels);
    let mut data = Map::from_iter([
        ("uid".to_owned(), item.trace.record_key(solution.leaf).to_string().into()),
        ("id".to_owned(), item.id().into()),
        ("problem".to_owned(), item.trace.problem.text.as_str().into()),
    ]);
    data.insert("generator".into(), solution.generator.clone().into());
    for (index, node) in item.path().enumerate() {
        data.insert(format!("step_{index}"), node.text.as_str().into());
    }
    let rated: Vec<_> = labels.steps.iter().enumerate().filter_map(|(index, &label)| choice(index, word(label)?)).collect();
    let mut annotations = Vec::new();
    if !rated.is_empty() {
        let mut result = rated;
        result.extend(labels.remarks.iter().filter_map(|remark| {
            let step = remark.step.filter(|_| remark.writing == Writing::Critique)?;
            let name = format!("reason_{step}");
            Some(json!({"id": name, "from_name": name, "to_name": format!("text_{step}"), "type": "textarea", "value": {"text": [remark.text]}}))
        }));
        annotations.push(json!({
            "result": result,
            "completed_by": {"email": labels.annotator},
            "was_cancelled": false,
            "ground_truth": false,
            // In seconds; PRM800K counts milliseconds.
            "lead_time": labels.ms_spent.map(|ms| ms as f64 / 1000.0),
            "meta": {"unsure": labels.unsure},
        }));
    }
    json!({"data": data, "predictions": predictions(item), "annotations": annotations})
}

fn word(label: Label) -> Option<&'static str> {
    match label {
        Label::Good => Some("good"),
        Label::Neutral => Some("neutral"),
        Label::Bad => Some("bad"),
        Label::AfterError | Label::Unseen => None,
    }
}

fn choice(index: usize, word: &str) -> Option<Value> {
    let name = format!("rate_{index}");
    Some(
        json!({"id": name, "from_name": name, "to_name": format!("text_{index}"), "type": "choices", "value": {"choices": [word]}}),
    )
}

/// What a recorded process reward model says: below one half is bad.
fn predictions(item: &Labelled<'_>) -> Vec<Value> {
    let recorded = |index: usize| item.of().scores.get(index).copied().flatten();
    let scores: Vec<_> = item.path().enumerate().map(|(index, node)| node.stats.prm.or_else(|| recorded(index))).collect();
    let Some(least) = scores.iter().flatten().copied().reduce(f64::min) else { return Vec::new() };
    let result =
        scores.iter().enumerate().filter_map(|(index, score)| choice(index, if (*score)? < 0.5 { "bad" } else { "good" }));
    vec![json!({"model_version": "recorded", "score": least, "result": result.collect::<Vec<_>>()})]
}

fn configuration(steps: usize) -> String {
    let mut text = "<View>\n  <Header value=\"Problem\"/>\n  <Text name=\"problem\" value=\"$problem\"/>\n".to_owned();
    for index in 0..steps {
        text.push_str(
            &[
                format!("  <Text name=\"text_{index}\" value=\"$step_{index}\"/>\n"),
                format!("  <Choices name=\"rate_{index}\" toName=\"text_{index}\" choice=\"single\" showInline=\"true\">\n"),
                "    <Choice value=\"good\"/>\n    <Choice value=\"neutral\"/>\n    <Choice value=\"bad\"/>\n  </Choices>\n"
                    .to_owned(),
                format!("  <TextArea name=\"reason_{index}\" toName=\"text_{index}\" rows=\"1\"/>\n"),
            ]
            .concat(),
        );
    }
    text.push_str("</View>\n");
    text
}
