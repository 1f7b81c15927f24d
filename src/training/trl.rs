//! `PRMTrainer` of huggingface/trl (`tokenize_row`; `trl.experimental.prm`, last in 1.13).
//!
//! Prompt, each completion and the separator are tokenised apart, so a separator never merges with a step's last token in training
//! (it may in text that is joined before it is tokenised). The label, cast to an integer, stands on the last token of the separator.
//! Until February 2026 (huggingface/trl pull request 4963) `max_prompt_length`, 512 tokens, cut the beginning of longer prompts off.

use serde_json::Value;

use super::{Column, Diagnosis, Mark, Sequence, Settings, Survey, Tokens, Trainer, Trap, encode, text, texts};

/// The trainer.
pub(super) struct Trl;

impl Trainer for Trl {
    fn name(&self) -> &'static str {
        "trl"
    }

    fn doc(&self) -> &'static str {
        "TRL PRMTrainer (up to 1.13): prompt, completions, labels; label on the last token of the separator"
    }

    fn max_length(&self) -> Option<usize> {
        Some(1024)
    }

    fn max_prompt_length(&self) -> Option<usize> {
        Some(512)
    }

    fn label_fields(&self) -> &'static [&'static str] {
        &["labels"]
    }

    fn read(&self, record: &Value, settings: &Settings, survey: &Survey, tokens: &dyn Tokens) -> Diagnosis {
        let mut traps = Vec::new();
        let read = read(record, settings, survey, tokens, &mut traps);
        match read {
            Ok(sequence) => {
                let reading = sequence.finish(settings.max_length, &mut traps);
                Diagnosis { reading: Some(reading), traps }
            }
            Err(trap) => {
                traps.push(trap);
                Diagnosis { reading: None, traps }
            }
        }
    }
}

fn read(
    record: &Value,
    settings: &Settings,
    survey: &Survey,
    tokens: &dyn Tokens,
    traps: &mut Vec<Trap>,
) -> Result<Sequence, Trap> {
    let separator = settings.separator.as_deref().unwrap_or("\n");
    let (prompt, steps) = (text(record, "prompt")?, texts(record, "completions")?);
    let labels = record.get("labels").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if labels.len() != steps.len() {
        let message = format!("{} labels for {} completions: the trainer stops with an error", labels.len(), steps.len());
        return Err(Trap::record(message));
    }
    if survey.column() == Column::Mixed {
        let message =
            "the labels of the file are of several types: a boolean column turns -100 and other marks into true; write one type";
        traps.push(Trap::record(message));
    }
    turned_neutral(record, labels, traps);
    let separator_ids = encode(tokens, separator)?;
    if separator_ids.is_empty() {
        traps.push(Trap::record("the separator has no tokens: labels stand on the last token of the step's own text"));
    }
    let mut sequence = Sequence::default();
    let mut prompt_ids: Vec<u32> = tokens.bos().into_iter().collect();
    prompt_ids.extend(encode(tokens, prompt)?);
    sequence.push(kept(&prompt_ids, tokens.bos().is_some(), settings.max_prompt_length, traps));
    for (index, (step, label)) in steps.iter().zip(labels).enumerate() {
        let mark = mark(index, label, survey.column(), traps)?;
        let own = sequence.push(&encode(tokens, step)?);
        let behind = sequence.push(&separator_ids);
        if behind.end == own.start {
            let message = "an empty step and an empty separator give no token, but a label: all later labels stand one token off";
            return Err(Trap::step(index, message));
        }
        let at = behind.end - 1;
        sequence.mark(own, behind, at, mark);
        in_step(index, step, separator, traps);
    }
    Ok(sequence)
}

/// The last tokens of a prompt that is too long; what stands at its beginning, and a token that begins the text, are lost.
fn kept<'a>(prompt: &'a [u32], bos: bool, limit: Option<usize>, traps: &mut Vec<Trap>) -> &'a [u32] {
    let Some((limit, lost)) = limit.and_then(|limit| Some((limit, prompt.len().checked_sub(limit).filter(|&lost| lost > 0)?)))
    else {
        return prompt;
    };
    let first = if bos { ", the token at the beginning of the text among them" } else { "" };
    traps.push(Trap::record(format!(
        "the prompt has {} tokens: TRL before February 2026 keeps the last {limit} (max_prompt_length) and loses the first {lost}{first}; \
         later versions keep all of them (--max-prompt-length 0)",
        prompt.len()
    )));
    &prompt[lost..]
}

/// What Python's `int` makes of a label.
fn mark(index: usize, label: &Value, column: Column, traps: &mut Vec<Trap>) -> Result<Mark, Trap> {
    let mut trap = |message: String| traps.push(Trap::step(index, message));
    match label {
        Value::Bool(right) => Ok(Mark::Class(i64::from(*right))),
        Value::Number(number) => match number.as_i64() {
            Some(class @ (0 | 1)) => Ok(Mark::Class(class)),
            Some(-100) if column == Column::Integers => Ok(Mark::Ignored),
            Some(-100) => {
                trap("the ignore mark -100 in a column of booleans is read as true: this step would be trained as right".into());
                Ok(Mark::Class(1))
            }
            Some(class) => {
                trap(format!(
                    "the label {class} is no class of a head of two: the loss stops with an error, or reads it from the end"
                ));
                Ok(Mark::Class(class))
            }
            None => {
                let share = number.as_f64().unwrap_or_default();
                trap(format!("the label {share} is cut to the integer {}: write true or false", share.trunc()));
                #[expect(clippy::cast_possible_truncation, reason = "this is what the trainer does")]
                Ok(Mark::Class(share.trunc() as i64))
            }
        },
        Value::Null => {
            Err(Trap::step(index, "a label of null: the trainer stops with an error, and a file of booleans has no ignore mark"))
        }
        other => Err(Trap::step(index, format!("expected true or false, found {other}: the trainer stops with an error"))),
    }
}

/// Labels that a rating beside them contradicts: neutral became wrong, as in TRL's own converter of PRM800K.
fn turned_neutral(record: &Value, labels: &[Value], traps: &mut Vec<Trap>) {
    let Some(ratings) = ["ratings", "rating"].iter().find_map(|key| record.get(key)?.as_array()) else { return };
    for (index, (rating, label)) in ratings.iter().zip(labels).enumerate() {
        if rating.as_i64() == Some(0) && matches!(label.as_i64().or(label.as_bool().map(i64::from)), Some(0)) {
            traps.push(Trap::step(index, "a neutral step (rating 0) is labelled false: it would be trained as wrong"));
        }
    }
}

fn in_step(index: usize, step: &str, separator: &str, traps: &mut Vec<Trap>) {
    if !separator.is_empty() && step.contains(separator) {
        let message = format!(
            "the step contains the separator {separator:?}: at scoring it would be taken for several steps; choose another with --separator"
        );
        traps.push(Trap::step(index, message));
    }
}
