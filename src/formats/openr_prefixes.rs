//! Estimates of openreasoner/openr for the beginnings of solutions, one beginning a record: the older form (`partial_answer`, cut at a
//! space in the middle of the text) and the flat list of the newer one without its frame (`solution_prefix`).
//!
//! All beginnings of one question form one tree: each hangs below the longest one that it begins with. Where a text was cut anywhere, the
//! nodes are spans of characters and no steps.

use serde_json::{Value, json};

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::tree::{self, Node};
use super::{Format, RawRecord, RecordError, Unit, numbers, span};
use crate::segment::Rule;
use crate::trace::{NodeStats, Problem, Trace, TraceBuilder};

/// A form of such records.
pub(super) struct Prefixes {
    name: &'static str,
    doc: &'static str,
    /// The question, where it does not stand at the beginning of the text.
    question: Option<&'static str>,
    text: &'static str,
    estimate: &'static str,
    rule: Option<Rule>,
    warning: &'static str,
}

/// The older form.
pub(super) static PARTIAL: Prefixes = Prefixes {
    name: "openr-partial",
    doc: "openr v1 OmegaPRM: question, partial_answer (cut at any space), mc_score",
    question: Some("question"),
    text: "partial_answer",
    estimate: "mc_score",
    rule: None,
    warning: "the texts were cut at a space in their middle: they are spans of characters, no steps",
};

/// A list of prefixes without its question.
pub(super) static BARE: Prefixes = Prefixes {
    name: "openr-prefixes",
    doc: "openr OmegaPRM, the flat list alone: solution_prefix (from the question on), mc_value",
    question: None,
    text: "solution_prefix",
    estimate: "mc_value",
    rule: Some(Rule::Blank),
    warning: "the end of the question is a guess: the first blank line",
};

impl Prefixes {
    fn add(&self, mut fields: Fields, builder: &mut Option<TraceBuilder>, nodes: &mut Vec<(String, Node)>) -> Result<(), Fault> {
        let question = self.question.map(|key| fields.text(key)).transpose()?;
        let text = fields.text(self.text)?;
        let mc = numbers::share(&fields, self.estimate)?;
        let (problem, own) = parts(question.as_deref(), &text);
        let builder =
            builder.get_or_insert_with(|| TraceBuilder::new(Problem { text: problem.to_owned(), ..Problem::default() }));
        if builder.trace().problem.text != problem {
            return Err(Fault::other_problem());
        }
        let id = nodes.len().to_string();
        let stats = NodeStats { mc, ..NodeStats::default() };
        nodes.push((own.to_owned(), Node { id, stats, rest: fields.rest(), ..Node::default() }));
        Ok(())
    }
}

/// Question and solution of a record.
fn parts<'a>(question: Option<&'a str>, text: &'a str) -> (&'a str, &'a str) {
    match question {
        Some(question) => (question, text),
        None => text.split_once("\n\n").unwrap_or((text, "")),
    }
}

/// Hangs every text below the longest one that it begins with. In the order of their bytes a text stands behind its beginnings, so that
/// the open ones are a stack.
fn nested(mut texts: Vec<(String, Node)>) -> Vec<Node> {
    texts.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut nodes: Vec<Node> = Vec::with_capacity(texts.len());
    for index in 0..texts.len() {
        let (text, _) = &texts[index];
        while open.last().is_some_and(|&(place, len)| !text.starts_with(&texts[place].0[..len])) {
            open.pop();
        }
        let (parents, shared) = open.last().map_or((Vec::new(), 0), |&(place, len)| (vec![place], len));
        let own = text[shared..].to_owned();
        open.push((index, text.len()));
        nodes.push(Node { parents, text: own, ..std::mem::take(&mut texts[index].1) });
    }
    nodes
}

impl Format for Prefixes {
    fn name(&self) -> &'static str {
        self.name
    }

    fn doc(&self) -> &'static str {
        self.doc
    }

    fn detect(&self, value: &Value) -> Detection {
        let text = |key: &str| value.get(key).is_some_and(Value::is_string);
        let estimate = value.get(self.estimate).is_some_and(|value| value.is_number() || value.is_null());
        let fits = text(self.text) && estimate && self.question.is_none_or(text);
        Detection::sure_if(fits, "the beginning of a solution and its estimate")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        self.read_unit(&[*record]).of_one(record)
    }

    fn unit_key(&self, record: &[u8]) -> Option<u64> {
        self.problem_hash(record)
    }

    fn read_unit(&self, records: &[RawRecord<'_>]) -> Unit {
        let (mut builder, mut nodes, mut errors, mut warnings) = (None, Vec::new(), Vec::new(), Vec::new());
        for record in records {
            let added = record.fields().and_then(|(fields, repaired)| {
                warnings.extend(repaired);
                self.add(fields, &mut builder, &mut nodes).map_err(|fault| record.error(fault))
            });
            errors.extend(added.err());
        }
        let Some(mut builder) = builder else { return Unit { trace: None, errors } };
        for warning in warnings.into_iter().chain([self.warning.to_owned()]) {
            builder.warn(warning);
        }
        if let (Err(fault), Some(record)) = (tree::grow(&mut builder, self.name, nested(nodes), self.rule), records.first()) {
            errors.push(record.error(fault));
            return Unit { trace: None, errors };
        }
        let mut extra = crate::trace::Extra::new();
        tree::ranges(&mut extra, json!({"mc": [0, 1]}));
        builder.extra(extra);
        let mut trace = builder.finish();
        for solution in &mut trace.solutions {
            solution.record = records.first().map_or(0, |record| record.index);
        }
        Unit { trace: Some(trace), errors }
    }

    fn problem_hash(&self, record: &[u8]) -> Option<u64> {
        let text = span::text(record, &[self.question.unwrap_or(self.text)])?;
        Some(span::hash(parts(self.question.map(|_| &*text), &text).0))
    }
}
