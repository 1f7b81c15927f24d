//! The form of Qwen2.5-Math-PRM (model card): `ChatML` with the answer's steps parted by `<extra_0>`, which also stands behind the last; the
//! label of a step stands on its `<extra_0>`. The authors published no trainer, so a record is `messages` and `labels`, one a step.

use serde_json::Value;

use super::chat::Template;
use super::{Diagnosis, Mark, Sequence, Settings, Survey, Tokens, Trainer, Trap, encode, single};

/// The trainer.
pub(super) struct Qwen;

const SEPARATOR: &str = "<extra_0>";

/// The system message of the model card, which stands first unless the record has its own.
const SYSTEM: &str = "Please reason step by step, and put your final answer within \\boxed{}.";

impl Trainer for Qwen {
    fn name(&self) -> &'static str {
        "qwen"
    }

    fn doc(&self) -> &'static str {
        "Qwen2.5-Math-PRM form: messages with <extra_0> behind each step, labels as a list; label on <extra_0>"
    }

    fn max_length(&self) -> Option<usize> {
        Some(4096)
    }

    fn label_fields(&self) -> &'static [&'static str] {
        &["labels"]
    }

    fn read(&self, record: &Value, settings: &Settings, _: &Survey, tokens: &dyn Tokens) -> Diagnosis {
        read(record, settings, tokens).unwrap_or_else(Diagnosis::stops)
    }
}

fn read(record: &Value, settings: &Settings, tokens: &dyn Tokens) -> Result<Diagnosis, Trap> {
    let separator = settings.separator.as_deref().unwrap_or(SEPARATOR);
    let turns = record.get("messages").and_then(Value::as_array).ok_or_else(|| Trap::record("expected a list `messages`"))?;
    let labels = record.get("labels").and_then(Value::as_array).ok_or_else(|| Trap::record("expected a list `labels`"))?;
    let mark_id = single(tokens, separator, "the separator")?;
    let template = Template::of(tokens)?;
    let mut traps = Vec::new();
    let mut sequence = Sequence::default();
    let part = |turn: &Value, key: &str| turn.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut turns: Vec<_> = turns.iter().map(|turn| (part(turn, "role"), part(turn, "content"))).collect();
    if turns.first().is_none_or(|(role, _)| role != "system") {
        turns.insert(0, ("system".to_owned(), SYSTEM.to_owned()));
    }
    let mut marks = labels.iter();
    for (role, content) in &turns {
        sequence.push(&template.open(role, tokens)?);
        if role != "assistant" {
            if content.contains(separator) {
                traps.push(Trap::record(format!(
                    "the {role} message holds the separator {separator}: a score would be read there"
                )));
            }
            sequence.push(&encode(tokens, content)?);
        } else if let Some((last, rest)) = content.split(separator).collect::<Vec<_>>().split_last() {
            let steps = rest.len();
            for (index, step) in rest.iter().enumerate() {
                step_traps(index, step, template, &mut traps);
                let own = sequence.push(&encode(tokens, step)?);
                let behind = sequence.push(&[mark_id]);
                let at = behind.start;
                let label = marks.next().ok_or_else(|| {
                    Trap::step(
                        index,
                        format!("{} labels for {steps} separators: the label of this step is missing", labels.len()),
                    )
                })?;
                sequence.mark(own, behind, at, mark(index, label)?);
            }
            if !last.trim().is_empty() {
                traps.push(Trap::step(steps, format!("no {separator} behind the last step: it has no score and no label")));
            }
            sequence.push(&encode(tokens, last)?);
        }
        sequence.push(&template.close(tokens)?);
    }
    let unused = marks.len();
    if unused > 0 {
        let message = format!(
            "{} labels for {} separators: a step contains no separator of its own, or one label too many stands there",
            labels.len(),
            labels.len() - unused
        );
        traps.push(Trap::record(message));
    }
    let reading = sequence.finish(settings.max_length, &mut traps);
    Ok(Diagnosis { reading: Some(reading), traps })
}

fn step_traps(index: usize, step: &str, template: Template, traps: &mut Vec<Trap>) {
    if step.trim().is_empty() {
        traps.push(Trap::step(index, "an empty step: two separators stand side by side"));
    }
    if let Some(token) = template.control().iter().find(|token| step.contains(**token)) {
        traps.push(Trap::step(index, format!("the step holds the control token {token}: the turn would end there")));
    }
}

fn mark(index: usize, label: &Value) -> Result<Mark, Trap> {
    match (label, label.as_i64()) {
        (Value::Bool(right), _) => Ok(Mark::Class(i64::from(*right))),
        (_, Some(class @ (0 | 1))) => Ok(Mark::Class(class)),
        (_, Some(-100)) => Ok(Mark::Ignored),
        _ => Err(Trap::step(index, format!("expected 0, 1 or -100, found {label}"))),
    }
}
