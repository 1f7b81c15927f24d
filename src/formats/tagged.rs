//! Solutions with a tag behind each step and a list of labels: the PRM data of `OpenRLHF` (up to v0.9) and of openr.
//!
//! Labels are `+` and `-`, true and false, 1 and 0, or shares of right rollouts between them, which are estimates and no verdicts. Where
//! -1 is among them it means wrong, and 0 neither right nor wrong.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{self, Fault, Fields, integer};
use super::mapping::{Said, correct};
use super::math_shepherd::border;
use super::{Format, RawRecord, RecordError, mm_prm, span};
use crate::trace::{NodeId, Problem, Rating, STEP_TAGS, Trace, TraceBuilder};

/// A format of such records.
pub(super) struct Tagged {
    name: &'static str,
    doc: &'static str,
    /// The problem, where it stands alone.
    problem: Option<&'static str>,
    text: &'static str,
    labels: &'static [&'static str],
}

/// `OpenRLHF`.
pub(super) static OPENRLHF: Tagged = Tagged {
    name: "openrlhf",
    doc: "OpenRLHF PRM data: input with a tag behind each step, label or value = one entry a step",
    problem: None,
    text: "input",
    labels: &["label", "value", "labels"],
};

/// openr.
pub(super) static OPENR: Tagged = Tagged {
    name: "openr-prm",
    doc: "openr PRM data: question, process with a tag behind each step, labels = one entry a step",
    problem: Some("question"),
    text: "process",
    labels: &["labels", "label"],
};

fn tag(text: &str) -> Option<&'static str> {
    STEP_TAGS.into_iter().find(|tag| text.contains(tag))
}

impl Tagged {
    fn read(&self, mut fields: Fields) -> Result<TraceBuilder, Fault> {
        let text = fields.text(self.text)?;
        let tag = tag(&text).ok_or_else(|| {
            Fault::new(self.text, format!("expected a tag ({}) behind each step, found none", STEP_TAGS.join(", ")))
        })?;
        let (problem, solution) = if let Some(key) = self.problem {
            (fields.text(key)?, text.as_str())
        } else {
            let border = border(&text);
            let border = border
                .ok_or_else(|| Fault::new(self.text, "expected `Step 1:` or a question mark before the steps, found neither"))?;
            (text[..border].trim_end().to_owned(), &text[border..])
        };
        let mut builder = TraceBuilder::new(Problem { text: problem, ..Problem::default() });
        let mut steps: Vec<&str> = solution.split(tag).map(str::trim).collect();
        let behind = steps.pop().filter(|rest| !rest.is_empty());
        let (key, labels) = self.labels(&mut fields)?;
        fields::one_each(key, (labels.len(), "labels"), (steps.len(), "tags"))?;
        if behind.is_some() {
            builder.warn("text behind the last step tag, an unlabelled step");
        }
        let path = builder.path(steps.iter().copied().chain(behind));
        for &id in &path {
            "\n".clone_into(&mut builder.node_mut(id).sep_after);
        }
        let said = judge(&mut builder, &path, key, &labels)?;
        let solution = builder.solution(path.last().copied().unwrap_or(NodeId::ROOT));
        solution.first_error = said.first_error;
        solution.ratings = said.ratings;
        solution.extra = fields.rest();
        Ok(builder)
    }

    fn labels(&self, fields: &mut Fields) -> Result<(&'static str, Vec<Value>), Fault> {
        let key = self.labels.iter().copied().find(|key| fields.peek(key).is_some_and(Value::is_array)).unwrap_or(self.labels[0]);
        Ok((key, fields.list(key)?))
    }
}

/// Verdicts, or estimates put on the steps when there is a share among them.
fn judge(builder: &mut TraceBuilder, path: &[NodeId], key: &str, labels: &[Value]) -> Result<Said, Fault> {
    let share = |label: &Value| label.as_f64().filter(|share| (0.0..=1.0).contains(share));
    if labels.iter().any(|label| share(label).is_some_and(|share| share > 0.0 && share < 1.0)) {
        for (index, (&id, label)) in path.iter().zip(labels).enumerate() {
            let share = share(label).ok_or_else(|| Fault::expected(format!("{key}[{index}]"), "a number from 0 to 1", label))?;
            builder.node_mut(id).stats.mc = Some(share);
        }
        return Ok(Said::default());
    }
    let signed = labels.iter().any(|label| integer(label) == Some(-1));
    let meaning = |label: &Value| if signed { integer(label).and_then(Rating::from_value) } else { correct(label) };
    let rating = |(index, label): (usize, &Value)| match meaning(label) {
        None if !label.is_null() => Err(Fault::expected(format!("{key}[{index}]"), "+, -, 1, 0 or -1", label)),
        rating => Ok(rating),
    };
    let mut ratings = labels.iter().enumerate().map(rating).collect::<Result<Vec<_>, _>>()?;
    ratings.resize(path.len(), None);
    Ok(Said::judged(ratings))
}

impl Format for Tagged {
    fn name(&self) -> &'static str {
        self.name
    }

    fn doc(&self) -> &'static str {
        self.doc
    }

    fn detect(&self, value: &Value) -> Detection {
        let tagged = value.get(self.text).and_then(Value::as_str).is_some_and(|text| tag(text).is_some());
        let labels = self.labels.iter().any(|key| value.get(key).is_some_and(Value::is_array));
        let asked = self.problem.is_none_or(|key| value.get(key).is_some());
        Detection::sure_if(tagged && labels && asked && !mm_prm::is_process(value), "a text with step tags and a list of labels")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(|fields| self.read(fields))
    }

    fn problem_hash(&self, record: &[u8]) -> Option<u64> {
        if let Some(key) = self.problem {
            return span::text(record, &[key]).map(|text| span::hash(&text));
        }
        let text = span::text(record, &[self.text])?;
        Some(span::hash(text[..border(&text)?].trim_end()))
    }
}
