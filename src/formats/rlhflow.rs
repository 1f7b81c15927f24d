//! Step labels in the form of `RLHFlow` (RLHFlow/RLHF-Reward-Modeling, `math-rm`): conversations in which the user says a step and the
//! assistant answers `+` or `-`; and its test sets, several answers with one outcome each.
//!
//! The first turn holds the problem and the first step, glued with a blank line or a space. Unless `Step 1` stands there, the border is a guess: a
//! problem may hold a blank line of its own. The
//! beginning that all rows of a problem share would be a better one, but is not looked for: which rows belong together is not known before
//! the border is, and a border that hangs on the other rows of a file would give a step another key, and lose its labels, as soon as
//! somebody filters, shuffles or cuts that file. What a record says follows from the record.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{self, Fault, Fields};
use super::mapping::{Said, verdict};
use super::trail::Trail;
use super::{Format, RawRecord, RecordError};
use crate::segment::Rule;
use crate::trace::{NodeId, Problem, Rating, StepKind, Trace, TraceBuilder};

/// Conversations.
pub(super) struct Rlhflow;

/// Test sets.
pub(super) struct Answers;

impl Format for Rlhflow {
    fn name(&self) -> &'static str {
        "rlhflow"
    }

    fn doc(&self) -> &'static str {
        "RLHFlow PRM data: conversations whose answers are + or -"
    }

    fn detect(&self, value: &Value) -> Detection {
        Detection::sure_if(are_signs(value), "a conversation whose answers are + or -")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }
}

/// Who says what in a turn, under either pair of names.
fn turn(turn: &Value) -> Option<(&str, &str)> {
    let text = |key: &str| turn.get(key).and_then(Value::as_str);
    Some((text("role").or_else(|| text("from"))?, text("content").or_else(|| text("value"))?))
}

fn is_answer(role: &str) -> bool {
    matches!(role, "assistant" | "gpt")
}

/// Names of the turns: the one in use, and that of chat records.
pub(super) const TURNS: [&str; 2] = ["conversations", "messages"];

/// Conversations whose answers are all `+` or `-` are step labels, not chat.
pub(super) fn are_signs(value: &Value) -> bool {
    let turns = TURNS.into_iter().find_map(|key| value.get(key)?.as_array());
    let mut answers = turns.into_iter().flatten().filter_map(turn).filter(|(role, _)| is_answer(role)).peekable();
    answers.peek().is_some() && answers.all(|(_, text)| matches!(text.trim(), "+" | "-"))
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let (mut steps, mut ratings) = (Vec::<String>::new(), Vec::new());
    let key = TURNS.into_iter().find(|key| fields.peek(key).is_some_and(Value::is_array)).unwrap_or(TURNS[0]);
    for (index, item) in fields.list(key)?.iter().enumerate() {
        let path = || format!("{key}[{index}]");
        let (role, text) = turn(item).ok_or_else(|| Fault::expected(path(), "a turn with role and content", item))?;
        if !is_answer(role) {
            steps.push(text.to_owned());
            continue;
        }
        let rating = match text.trim() {
            "+" => Rating::Good,
            "-" => Rating::Bad,
            _ => return Err(Fault::expected(format!("{}.content", path()), "+ or -", &text.into())),
        };
        if steps.len() != ratings.len() + 1 {
            return Err(Fault::new(path(), "expected a step before each + or -, found another sign"));
        }
        ratings.push(Some(rating));
    }
    let Some(first) = steps.first().cloned() else {
        return Err(Fault::new(key, "expected a step, found none"));
    };
    let (border, sure) = border(&first);
    let mut builder = TraceBuilder::new(Problem { text: first[..border].trim().to_owned(), ..Problem::default() });
    if !sure {
        builder.warn("the border between the problem and the first step is a guess");
    }
    first[border..].trim().clone_into(&mut steps[0]);
    let leaf = builder.path(&steps).last().copied().unwrap_or(NodeId::ROOT);
    ratings.resize(steps.len(), None);
    let said = Said::judged(ratings);
    let solution = builder.solution(leaf);
    solution.first_error = said.first_error;
    solution.ratings = said.ratings;
    solution.extra = fields.rest();
    Ok(builder)
}

/// Where the first step begins, and whether that is more than a guess: at `Step 1`, else behind the last blank line (steps hold none),
/// else behind the last question mark; at the very start when there is none of them.
fn border(turn: &str) -> (usize, bool) {
    const FIRST: &str = "Step 1";
    let ends = |at: &usize| !turn[at + FIRST.len()..].starts_with(|c: char| c.is_ascii_digit());
    if let Some(at) = turn.match_indices(FIRST).map(|(at, _)| at).find(ends) {
        return (at, true);
    }
    if let Some(at) = turn.trim_end().rfind("\n\n") {
        return (at + 2, false);
    }
    (turn.rfind("? ").map_or(0, |at| at + 2), false)
}

impl Format for Answers {
    fn name(&self) -> &'static str {
        "rlhflow-answers"
    }

    fn doc(&self) -> &'static str {
        "RLHFlow test sets: prompt, answers (texts), label (1 or 0 an answer), step_scores"
    }

    fn detect(&self, value: &Value) -> Detection {
        let list = |key: &str| value.get(key).is_some_and(Value::is_array);
        let fits = value.get("prompt").is_some() && list("answers") && (list("label") || list("labels"));
        Detection::sure_if(fits, "`prompt` and the lists `answers` and `label`")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(answers)
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["prompt"]
    }
}

fn answers(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let text = fields.text("prompt")?;
    let texts = fields.texts("answers")?;
    let key = if fields.peek("label").is_some() { "label" } else { "labels" };
    let labels = fields.list(key)?;
    fields::one_each(key, (labels.len(), "labels"), (texts.len(), "answers"))?;
    let mut scores = fields.optional_list("step_scores")?.unwrap_or_default().into_iter();
    let mut builder = TraceBuilder::new(Problem { text, ..Problem::default() });
    for (index, (text, label)) in texts.iter().zip(&labels).enumerate() {
        let mut trail = Trail::new(&mut builder);
        trail.text(text, StepKind::Text, Rule::Blank);
        let steps = trail.depth();
        let solution = trail.end();
        solution.source_id = Some(index.to_string());
        solution.outcome = verdict(label).ok_or_else(|| Fault::expected(format!("{key}[{index}]"), "1 or 0", label))?;
        let Some(list) = scores.next() else { continue };
        let list = fields::list(list, || format!("step_scores[{index}]"))?;
        // Their scorer may have cut the text in other places; then a score belongs to none of these steps.
        if list.len() == steps {
            solution.scores = list.iter().map(|score| score.as_f64().filter(|score| (0.0..=1.0).contains(score))).collect();
        } else {
            solution.extra.insert("step_scores".to_owned(), list.into());
        }
    }
    builder.extra(fields.rest());
    Ok(builder)
}
