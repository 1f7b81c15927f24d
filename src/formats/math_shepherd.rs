//! Math-Shepherd (Wang et al., arXiv:2312.08935): the solution with a tag behind each step, and a copy in which each tag is a sign.
//!
//! The k-th tag (from 0), at code point `i` of `input`, stands as one sign at code point `i - k` of `label`. Looking for signs by
//! pattern would find those of the mathematics. Labels are hard Monte Carlo estimates, so they may turn from - back to +.
//!
//! TRL's converter (`examples/datasets/math_shepherd.py`) sets the demands on what is written: `Step 1:` stands once before the
//! second step, where the problem ends, and `task` is there. Where the source has no `task`, a backslash in the text (LaTeX) makes it `MATH`, no
//! backslash `GSM8K`.

use serde_json::{Map, Value};

use super::detect::Detection;
use super::export::{Feature, Keeps, Labelled, LabelledTrace, Loss, Writer, decided, each_solution, record_with, set_field};
use super::fields::{Fault, Fields};
use super::json::excerpt;
use super::{Format, RawRecord, RecordError, span};
use crate::labels::policy::{Policy, Skipped, Switch};
use crate::trace::{FirstError, NodeId, Problem, Rating, Trace, TraceBuilder};

/// The step tag: Cyrillic ka and i, two code points, four bytes.
pub(super) const TAG: &str = "ки";

/// What stands before the first step.
const FIRST: &str = "Step 1:";

/// What stands before the final answer in the last step.
const ANSWER: &str = "The answer is:";

/// The format.
pub(super) struct MathShepherd;

impl Format for MathShepherd {
    fn name(&self) -> &'static str {
        "math-shepherd"
    }

    fn doc(&self) -> &'static str {
        "Math-Shepherd: input with a step tag, label with + or - in its place"
    }

    fn detect(&self, value: &Value) -> Detection {
        let tagged = value.get("input").and_then(Value::as_str).is_some_and(|input| input.contains(TAG));
        Detection::sure_if(
            tagged && value.get("label").is_some_and(Value::is_string),
            "`input` with the step tag and a text `label`",
        )
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_hash(&self, record: &[u8]) -> Option<u64> {
        let input = span::text(record, &["input"])?;
        let border = border(&input)?;
        Some(span::hash(input[..border].trim_end()))
    }

    fn writer(&self) -> Option<&'static dyn Writer> {
        Some(&MathShepherd)
    }
}

/// Where the steps begin: the rule of TRL's converter.
pub(super) fn border(input: &str) -> Option<usize> {
    let marked = input.find(FIRST).or_else(|| input.find("step 1:"));
    marked.or_else(|| input.find('?').map(|at| at + 1))
}

/// A stretch of `input` up to a tag, or up to its end.
struct Stretch<'a> {
    /// Byte offset in `input`.
    start: usize,
    text: &'a str,
    /// `None` for what stands behind the last tag.
    sign: Option<Rating>,
}

/// The text behind a tag; a question mark between the tag and the line end belongs to the tag.
fn behind_tag(text: &str) -> &str {
    let rest = text.trim_start_matches([' ', '?']);
    if rest.is_empty() || rest.starts_with(['\n', '\r']) { rest } else { text }
}

/// Cuts `input` at its tags and finds the sign of each in `label`.
fn stretches<'a>(input: &'a str, label: &str) -> Result<Vec<Stretch<'a>>, Fault> {
    let tags = input.matches(TAG).count();
    let expected = input.chars().count() - tags;
    let found = label.chars().count();
    if expected != found {
        let message =
            format!("expected {expected} code points (`input` with one sign for each of its {tags} tags), found {found}");
        return Err(Fault::new("label", message));
    }
    let mut signs = label.chars();
    let mut out = Vec::with_capacity(tags + 1);
    let mut start = 0;
    for (index, text) in input.split(TAG).enumerate() {
        let sign = if index < tags {
            match signs.nth(text.chars().count()) {
                Some('+') => Some(Rating::Good),
                Some('-') => Some(Rating::Bad),
                other => {
                    let other = other.map(|sign| excerpt(&sign.to_string(), 1)).unwrap_or_default();
                    let message = format!("expected + or - at the place of tag {}, found `{other}`", index + 1);
                    return Err(Fault::new("label", message));
                }
            }
        } else {
            None
        };
        out.push(Stretch { start, text, sign });
        start += text.len() + TAG.len();
    }
    Ok(out)
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let input = fields.text("input")?;
    let label = fields.text("label")?;
    let stretches = stretches(&input, &label)?;
    let Some(border) = border(&input) else {
        return Err(Fault::new("input", "expected `Step 1:` or a question mark between problem and steps, found neither"));
    };
    let text = input[..border].trim_end().to_owned();
    let mut builder = TraceBuilder::new(Problem { text, ..Problem::default() });

    let (mut at, mut ratings, mut stray, mut untagged) = (NodeId::ROOT, Vec::new(), 0, false);
    for Stretch { start, text, sign } in stretches {
        if start + text.len() <= border {
            // About a dozen rows of the data set carry a tag inside the problem.
            stray += usize::from(sign.is_some());
            continue;
        }
        let step = if start < border { &text[border - start..] } else { behind_tag(text) }.trim();
        if step.is_empty() && sign.is_none() {
            continue;
        }
        builder.node_mut(at).sep_after = if at == NodeId::ROOT { String::new() } else { "\n".to_owned() };
        at = builder.child(at, step);
        untagged |= sign.is_none();
        ratings.push(sign);
    }
    if stray > 0 {
        builder.warn(format!("{stray} step tags inside the problem, their signs were dropped"));
    }
    if untagged {
        builder.warn("text behind the last step tag, an unlabelled step");
    }
    let last = builder.trace().node(at).text.clone();
    let solution = builder.solution(at);
    solution.final_answer = last.rsplit_once(ANSWER).map(|(_, answer)| answer.trim().to_owned());
    solution.first_error = match ratings.iter().position(|&rating| rating == Some(Rating::Bad)) {
        Some(index) => FirstError::At(index),
        None if ratings.contains(&None) => FirstError::Unknown,
        None => FirstError::NoError,
    };
    solution.ratings = ratings;
    solution.extra = fields.rest();
    Ok(builder)
}

impl MathShepherd {
    /// The label text of a record with the given signs in place of the tags of its steps.
    fn relabel(raw: &[u8], signs: &[bool]) -> Result<Vec<u8>, Skipped> {
        let unwritable = || Skipped::Unwritable("its record in the source cannot be read again".to_owned());
        let input = span::text(raw, &["input"]).ok_or_else(unwritable)?;
        let border = border(&input).ok_or_else(unwritable)?;
        let old = span::text(raw, &["label"]).ok_or_else(unwritable)?;
        let old = stretches(&input, &old).map_err(|_| unwritable())?;
        let mut label = String::with_capacity(input.len());
        let mut signs = signs.iter();
        for Stretch { start, text, sign } in old {
            label.push_str(text);
            let Some(sign) = sign else { continue };
            let stray = start + text.len() <= border;
            let positive = if stray { sign == Rating::Good } else { *signs.next().ok_or_else(unwritable)? };
            label.push(if positive { '+' } else { '-' });
        }
        if signs.next().is_some() {
            return Err(unwritable());
        }
        set_field(raw, &["label"], &label.into())
    }
}

impl Writer for MathShepherd {
    fn keeps(&self) -> &'static Keeps {
        // `decided` counts the ratings that do not stay.
        &Keeps { all: &[Feature::Answers], partly: &[Feature::FirstError, Feature::Ratings, Feature::BehindError] }
    }

    fn asks(&self) -> &'static [Switch] {
        Switch::LABELS
    }

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        each_solution(self, unit, policy, out, loss, |item, rows, loss| {
            rows.push(Self::record(item, policy, loss)?);
            Ok(())
        });
    }
}

impl MathShepherd {
    fn record(item: &Labelled<'_>, policy: &Policy, loss: &mut Loss) -> Result<Vec<u8>, Skipped> {
        let targets = decided(policy, &item.labels, loss)?;
        if targets.is_empty() {
            return Err(Skipped::Unwritable("a solution without steps has no place for a label".to_owned()));
        }
        let texts: Vec<_> = item.path().map(|node| node.text.as_str()).collect();
        if let Some(raw) = item.raw.filter(|_| targets.len() == texts.len()) {
            let signs: Vec<_> = targets.iter().map(|&(_, positive)| positive).collect();
            return Self::relabel(raw, &signs);
        }
        let kept: Vec<_> = targets.iter().map(|&(index, _)| texts[index]).collect();
        let input = tagged(&item.trace.problem.text, &kept, loss)?;
        let mut signs = targets.iter().map(|&(_, right)| if right { "+" } else { "-" });
        let label: String = input.split(TAG).flat_map(|text| [text, signs.next().unwrap_or_default()]).collect();
        let latex = input.contains('\\');
        let mut record = Map::new();
        record.insert("input".into(), input.into());
        record.insert("label".into(), label.into());
        if item.raw.is_none() || !item.of().extra.contains_key("task") {
            let known = [&item.of().extra, &item.trace.extra].into_iter().find_map(|extra| extra.get("task")?.as_str());
            record.insert("task".into(), known.unwrap_or(if latex { "MATH" } else { "GSM8K" }).into());
        }
        record_with(item.raw, record)
    }
}

/// Problem and steps as one text with the tag behind each step.
pub(super) fn tagged(problem: &str, steps: &[&str], loss: &mut Loss) -> Result<String, Skipped> {
    if problem.contains(TAG) || problem.contains(FIRST) || problem.contains("step 1:") {
        return Err(Skipped::Unwritable("its problem holds the step tag or `Step 1:`".to_owned()));
    }
    let mut text = problem.to_owned();
    for (position, step) in steps.iter().enumerate() {
        let line = step_line(step, position, loss)?;
        text.push_str(&["\n", &line, " ", TAG].concat());
    }
    Ok(text)
}

/// A step on one line with its number before it.
fn step_line(text: &str, position: usize, loss: &mut Loss) -> Result<String, Skipped> {
    if text.contains(TAG) {
        return Err(Skipped::Unwritable("a step holds the step tag".to_owned()));
    }
    let mut line = text.trim().to_owned();
    loss.lose("outer white space of steps", u64::from(line.len() < text.len()));
    if line.contains(['\n', '\r']) {
        loss.lose("line ends inside of steps (now spaces)", 1);
        line = line.split(['\n', '\r']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    }
    let number = format!("Step {}:", position + 1);
    if !line.starts_with(&number) {
        loss.lose("steps without a number (`Step k:` put before them)", 1);
        line = format!("{number} {line}");
    }
    // TRL's converter cuts the text up to the second step there, and stops with an error at a second place.
    if position == 0 && line.matches(FIRST).count() > 1 {
        return Err(Skipped::Unwritable("its first step holds `Step 1:`, which marks the end of the problem".to_owned()));
    }
    Ok(line)
}
