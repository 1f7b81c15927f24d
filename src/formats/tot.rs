//! Logs of princeton-nlp/tree-of-thought-llm: levels of a breadth-first search, or samples without a search.
//!
//! Texts are cumulative and have no names: a candidate's parent is the longest text of the frontier that it begins with. Values are sums of
//! votes (up to 60 in game24) or their count and have no fixed range; a repeated candidate carries 0 in place of its value.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::detect::Detection;
use super::fields::{self, Fault, Fields, integer};
use super::tree::{self, End, Node};
use super::{Format, RawRecord, RecordError, span};
use crate::segment::Rule;
use crate::trace::{Extra, NodeStats, Outcome, Problem, Trace, TraceBuilder};

const NAME: &str = "tot";

/// The format.
pub(super) struct TreeOfThoughts;

impl Format for TreeOfThoughts {
    fn name(&self) -> &'static str {
        NAME
    }

    fn doc(&self) -> &'static str {
        "Tree-of-Thoughts logs: steps with ys, new_ys and values (BFS), or idx, ys and infos (samples)"
    }

    fn detect(&self, value: &Value) -> Detection {
        let first = &value["steps"][0];
        if first.get("new_ys").is_some() && first.get("ys").is_some() {
            return Detection::sure("`steps` with `ys` and `new_ys`");
        }
        let samples = ["idx", "ys", "infos", "usage_so_far"].iter().all(|key| value.get(key).is_some());
        Detection::sure_if(samples && value.get("steps").is_none(), "`idx`, `ys`, `infos` and `usage_so_far`")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_hash(&self, record: &[u8]) -> Option<u64> {
        // Each puzzle stands in one record; its text is deep inside.
        span::find(record, &["idx"]).map(|range| span::hash(&String::from_utf8_lossy(&record[range])))
    }
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let levels = fields.optional_list("steps")?.unwrap_or_default();
    let index = fields.peek("idx").and_then(integer);
    let text = levels.first().and_then(|level| level["x"].as_str()).filter(|text| !text.is_empty());
    let stated = text.is_some();
    // Logs of plain samples do not hold the text.
    let text = text.map_or_else(|| format!("problem {}", index.unwrap_or_default()), str::to_owned);
    let mut builder = TraceBuilder::new(Problem { text, ..Problem::default() });
    if !stated {
        builder.warn("the log does not hold the text of the problem");
    }
    let (mut nodes, mut beside) = (Vec::new(), Vec::with_capacity(levels.len()));
    // Places of nodes by their whole text, of the level at hand and of all.
    let mut known: HashMap<String, usize> = HashMap::new();
    for (at, level) in levels.into_iter().enumerate() {
        let from = nodes.len();
        let rest = read_level(Fields::of(level, format!("steps[{at}]"))?, &mut nodes, &mut known)?;
        // Each level repeats the problem.
        let other = |(key, value): &(String, Value)| key != "x" || *value != *builder.trace().problem.text;
        beside.push(rest.into_iter().filter(other).collect::<Extra>());
        // A level is what the search does at a time.
        for node in &mut nodes[from..] {
            node.history.push((at as u64 + 1, node.stats.value));
        }
    }
    let finals = fields.texts("ys")?;
    let infos = fields.optional_list("infos")?.unwrap_or_default();
    for (at, text) in finals.iter().enumerate() {
        let outcome = match infos.get(at).and_then(|info| info["r"].as_f64()) {
            Some(reward) if reward >= 1.0 => Outcome::Correct,
            Some(reward) if reward <= 0.0 => Outcome::Wrong,
            _ => Outcome::Unknown,
        };
        finish(&mut nodes, &known, text, End { answer: answer(text), outcome, ..End::default() }, at);
    }
    tree::grow(&mut builder, NAME, nodes, Some(Rule::Line))?;
    let mut extra = fields.rest();
    if !infos.is_empty() {
        extra.insert("infos".to_owned(), infos.into());
    }
    // What levels hold beside their texts, one entry a level.
    if beside.iter().any(|rest| !rest.is_empty()) {
        extra.insert("steps".to_owned(), beside.into());
    }
    tree::ranges(&mut extra, json!({"value": null}));
    builder.extra(extra);
    Ok(builder)
}

/// What stands behind `Answer:` on the last line.
fn answer(text: &str) -> Option<String> {
    let last = text.trim_end().lines().last()?;
    last.trim().strip_prefix("Answer:").map(|answer| answer.trim().to_owned())
}

/// Adds the candidates of a level; gives what else the level holds.
fn read_level(mut level: Fields, nodes: &mut Vec<Node>, known: &mut HashMap<String, usize>) -> Result<Extra, Fault> {
    let step = level.optional_name("step")?.unwrap_or_default();
    let frontier = level.texts("ys")?;
    let candidates = level.texts("new_ys")?;
    let path = level.at("values");
    let values = level.optional_list("values")?.unwrap_or_default();
    if !values.is_empty() {
        fields::one_each(&path, (values.len(), "values"), (candidates.len(), "candidates"))?;
    }
    // How often each text was selected.
    let mut selected: HashMap<String, usize> = HashMap::new();
    if level.peek("select_new_ys").is_some() {
        level.texts("select_new_ys")?.into_iter().for_each(|text| *selected.entry(text).or_default() += 1);
    }
    let (mut fresh, mut seen) = (Vec::with_capacity(candidates.len()), HashSet::new());
    for (at, (text, parent)) in candidates.iter().zip(beginnings(&frontier, &candidates)).enumerate() {
        let (parents, own) = match parent.and_then(|entry| Some((*known.get(entry)?, entry.len()))) {
            Some((parent, shared)) => (vec![parent], text[shared..].to_owned()),
            None => (Vec::new(), text.clone()),
        };
        let value = match values.get(at) {
            None | Some(Value::Null) => None,
            Some(value) => Some(value.as_f64().ok_or_else(|| Fault::expected(format!("{path}[{at}]"), "a number", value))?),
        };
        let mut node = Node { id: format!("{step}/{at}"), parents, text: own, ..Node::default() };
        // A text that stands in its level already carries 0: its real value is that of the first.
        let repeated = !seen.insert(text);
        node.stats = NodeStats { value: value.filter(|_| !repeated), ..NodeStats::default() };
        node.rest.extend(value.map(|value| ("value".to_owned(), value.into())));
        if let Some(left) = selected.get_mut(text).filter(|left| **left > 0) {
            *left -= 1;
            node.rest.insert("selected".to_owned(), true.into());
        }
        fresh.push(nodes.len());
        nodes.push(node);
    }
    for (text, place) in candidates.into_iter().zip(fresh) {
        known.entry(text).or_insert(place);
    }
    Ok(level.rest())
}

/// For each candidate the longest text of the frontier that it begins with.
fn beginnings<'a>(frontier: &'a [String], candidates: &[String]) -> Vec<Option<&'a str>> {
    enum Text<'a> {
        Frontier(&'a str),
        Candidate(usize),
    }
    let known = frontier.iter().filter(|text| !text.is_empty()).map(|text| (text.as_str(), Text::Frontier(text)));
    let asked = candidates.iter().enumerate().map(|(at, text)| (text.as_str(), Text::Candidate(at)));
    let mut texts: Vec<_> = known.chain(asked).collect();
    // All texts that begin with one stand right behind it; the sort is stable, so the frontier comes before an equal candidate.
    texts.sort_by_key(|(text, _)| *text);
    let (mut open, mut found) = (Vec::<&str>::new(), vec![None; candidates.len()]);
    for (text, which) in texts {
        while open.last().is_some_and(|start| !text.starts_with(start)) {
            open.pop();
        }
        match which {
            Text::Frontier(text) => open.push(text),
            Text::Candidate(at) => found[at] = open.last().copied(),
        }
    }
    found
}

/// A final text ends where it was found as a candidate, or on a path of its own.
fn finish(nodes: &mut Vec<Node>, known: &HashMap<String, usize>, text: &str, end: End, at: usize) {
    let (parents, own) = match known.get(text) {
        Some(&place) => (vec![place], String::new()),
        None => (Vec::new(), text.to_owned()),
    };
    nodes.push(Node { id: format!("y/{at}"), parents, text: own, end: Some(end), ..Node::default() });
}
