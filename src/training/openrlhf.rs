//! `ProcessRewardDataset` of OpenRLHF (up to 0.9, and forks): one text in which a placeholder token stands behind each step, and a list of
//! labels for the placeholders in order.
//!
//! The whole text is tokenised at once, so a placeholder that merges with its neighbours is not found and all later labels move.

use serde_json::Value;

use super::{Diagnosis, Mark, Sequence, Settings, Survey, Tokens, Trainer, Trap, encode, single, text};

/// The trainer.
pub(super) struct OpenRlhf;

/// Placeholder of the trainer's example.
const PLACEHOLDER: &str = "ки";

impl Trainer for OpenRlhf {
    fn name(&self) -> &'static str {
        "openrlhf"
    }

    fn doc(&self) -> &'static str {
        "OpenRLHF train_prm (up to 0.9): input with a placeholder token behind each step, value or label as a list"
    }

    fn max_length(&self) -> Option<usize> {
        Some(2048)
    }

    fn label_fields(&self) -> &'static [&'static str] {
        &["value", "label", "labels"]
    }

    fn read(&self, record: &Value, settings: &Settings, _: &Survey, tokens: &dyn Tokens) -> Diagnosis {
        read(self, record, settings, tokens).unwrap_or_else(Diagnosis::stops)
    }
}

fn read(trainer: &OpenRlhf, record: &Value, settings: &Settings, tokens: &dyn Tokens) -> Result<Diagnosis, Trap> {
    let placeholder = settings.separator.as_deref().unwrap_or(PLACEHOLDER);
    let input = text(record, "input")?;
    let labels = trainer.label_fields().iter().find_map(|field| record.get(field)?.as_array());
    let Some(labels) = labels else {
        return Err(Trap::record(
            "expected a list of labels under `value` or `label`: the text labels of Math-Shepherd are not read",
        ));
    };
    let mark_id = single(tokens, placeholder, "the placeholder")?;
    let ids = encode(tokens, input)?;
    let mut traps = Vec::new();
    let (written, found) = (input.matches(placeholder).count(), ids.iter().filter(|&&id| id == mark_id).count());
    if found < written {
        let message = format!(
            "{} of {written} placeholders {placeholder:?} merge with the text around them and are not found: put a space before each and a line end behind it",
            written - found
        );
        traps.push(Trap::record(message));
    }
    if labels.len() < found {
        traps.push(Trap::record(format!("{} labels for {found} placeholders: the trainer stops with an error", labels.len())));
        return Ok(Diagnosis { reading: None, traps });
    }
    if labels.len() > found {
        let message = format!(
            "{} labels for {found} placeholders: the last {} are dropped, or labels stand on other steps",
            labels.len(),
            labels.len() - found
        );
        traps.push(Trap::record(message));
    }
    let mut sequence = Sequence::default();
    sequence.push(&ids);
    let places = ids.iter().enumerate().filter(|&(_, &id)| id == mark_id).map(|(at, _)| at);
    let mut start = 0;
    for (index, (at, label)) in places.zip(labels).enumerate() {
        sequence.mark(start..at, at..at + 1, at, mark(index, label, tokens)?);
        start = at + 1;
    }
    let reading = sequence.finish(settings.max_length, &mut traps);
    Ok(Diagnosis { reading: Some(reading), traps })
}

/// Texts become the id of their token, numbers are soft labels.
fn mark(index: usize, label: &Value, tokens: &dyn Tokens) -> Result<Mark, Trap> {
    match label {
        Value::String(sign) => single(tokens, sign, "the label").map(|id| Mark::Class(i64::from(id))),
        Value::Number(number) => Ok(Mark::Share(number.as_f64().unwrap_or_default())),
        other => {
            Err(Trap::step(index, format!("expected \"+\", \"-\" or a number, found {other}: the trainer stops with an error")))
        }
    }
}
