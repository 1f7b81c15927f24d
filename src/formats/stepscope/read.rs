//! From lines to a tree: find the root, put every line below its parent, say which lines have none.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::super::fields::Fault;
use super::super::json::excerpt;
use super::super::{RawRecord, RecordError, Unit};
use super::TREE_KEY;
use super::line::{Ending, Line, Text};
use crate::segment;
use crate::trace::{Extra, FirstError, NodeId, Problem, Rating, Solution, Trace, TraceBuilder};

/// Reads all lines of one tree.
pub(super) fn unit(records: &[RawRecord<'_>]) -> Unit {
    let mut errors = Vec::new();
    let mut lines: Vec<(RawRecord<'_>, Line)> = Vec::with_capacity(records.len());
    for record in records {
        let line =
            record.fields().and_then(|(fields, warnings)| Line::new(fields, warnings).map_err(|fault| record.error(fault)));
        match line {
            Ok(line) => lines.push((*record, line)),
            Err(error) => errors.push(error),
        }
    }
    if lines.is_empty() {
        return Unit { trace: None, errors };
    }
    link_prefixes(&mut lines);
    let trace = Placing::new(lines, &mut errors).run(&mut errors);
    errors.sort_by_key(|error| error.record);
    Unit { trace: Some(trace), errors }
}

/// Lines that give cumulative text and no parent stand below the line with the longest text that theirs begins with.
fn link_prefixes(lines: &mut [(RawRecord<'_>, Line)]) {
    let free = |line: &Line| line.parents.is_empty() && line.problem.is_none();
    let prefix = |line: &Line| match &line.text {
        Text::Prefix(prefix) => Some(prefix.clone()),
        Text::Step(_) => None,
    };
    let mut order: Vec<(String, usize)> =
        lines.iter().enumerate().filter_map(|(index, (_, line))| prefix(line).map(|prefix| (prefix, index))).collect();
    order.sort();
    // In sorted order all texts that begin with one stand right behind it.
    let mut open: Vec<(&str, usize)> = Vec::new();
    let mut found = Vec::new();
    for (text, index) in &order {
        while open.last().is_some_and(|(start, _)| !text.starts_with(start) || *start == text.as_str()) {
            open.pop();
        }
        if let Some(&(_, parent)) = open.last().filter(|_| free(&lines[*index].1)) {
            found.push((*index, parent));
        }
        open.push((text, *index));
    }
    for (index, parent) in found {
        let (id, value) = (lines[parent].1.id.clone(), lines[parent].1.id_value.clone());
        lines[index].1.parents.push(id);
        lines[index].1.parent_values.push(value);
    }
}

/// A solution with all that must wait until every line has its place.
struct Waiting {
    number: Option<u64>,
    place: usize,
    ratings: Option<Vec<Option<Rating>>>,
    first_error: Option<FirstError>,
    solution: Solution,
}

struct Placing<'a> {
    lines: Vec<Option<(RawRecord<'a>, Line)>>,
    by_id: HashMap<String, usize>,
    /// Node of each placed line.
    nodes: Vec<Option<NodeId>>,
    /// Cumulative text of placed lines that were given so.
    prefixes: HashMap<usize, String>,
    /// Lines that wait for the line of this index.
    children: HashMap<usize, Vec<usize>>,
    /// Number of parents that each line still waits for; a parent that never comes counts too.
    missing: Vec<usize>,
    orders: HashMap<NodeId, f64>,
    /// Record number of each line.
    records: Vec<usize>,
    waiting: Vec<Waiting>,
    says_solutions: bool,
    /// Some line stands for the problem itself.
    rooted: bool,
    builder: TraceBuilder,
    meta: Extra,
}

impl<'a> Placing<'a> {
    fn new(mut lines: Vec<(RawRecord<'a>, Line)>, errors: &mut Vec<RecordError>) -> Self {
        let mut by_id = HashMap::new();
        let mut first_lines = HashMap::new();
        lines.retain(|(record, line)| {
            if let Some(first) = first_lines.get(&line.id) {
                let message =
                    format!("expected an id of its own, found {}, which stands in line {first}", line.id.escape_debug());
                errors.push(record.error(Fault::new("id", message)));
                return false;
            }
            first_lines.insert(line.id.clone(), record.line);
            true
        });
        for (index, (_, line)) in lines.iter().enumerate() {
            by_id.insert(line.id.clone(), index);
        }
        let mut meta = Extra::new();
        let mut builder = TraceBuilder::new(problem(&mut lines, &mut meta));
        if lines.iter().all(|(_, line)| line.problem.is_none()) {
            builder.warn("no line of this tree has a problem");
        }
        let count = lines.len();
        Self {
            records: lines.iter().map(|(record, _)| record.index).collect(),
            lines: lines.into_iter().map(Some).collect(),
            by_id,
            nodes: vec![None; count],
            prefixes: HashMap::new(),
            children: HashMap::new(),
            missing: vec![0; count],
            orders: HashMap::new(),
            waiting: Vec::new(),
            says_solutions: false,
            rooted: false,
            builder,
            meta,
        }
    }

    fn run(mut self, errors: &mut Vec<RecordError>) -> Trace {
        for index in 0..self.lines.len() {
            let Some((_, line)) = &self.lines[index] else { continue };
            for parent in &line.parents {
                self.missing[index] += 1;
                if let Some(&parent) = self.by_id.get(parent) {
                    self.children.entry(parent).or_default().push(index);
                }
            }
        }
        for index in 0..self.lines.len() {
            let ready = self.missing[index] == 0 && self.nodes[index].is_none();
            // Lines are placed in file order as far as their parents allow: a stack of those that just became ready.
            let mut stack = if ready { vec![index] } else { Vec::new() };
            while let Some(at) = stack.pop() {
                let Some((record, line)) = self.lines[at].take() else { continue };
                if let Err(fault) = self.place(at, &record, line) {
                    errors.push(record.error(fault));
                    continue;
                }
                for child in self.children.remove(&at).unwrap_or_default().into_iter().rev() {
                    self.missing[child] -= 1;
                    // A child further down in the file waits for its turn.
                    if self.missing[child] == 0 && child <= index {
                        stack.push(child);
                    }
                }
            }
        }
        self.report_unplaced(errors);
        self.finish()
    }

    fn place(&mut self, index: usize, record: &RawRecord<'_>, mut line: Line) -> Result<(), Fault> {
        let is_root = line.parents.is_empty() && line.problem.is_some();
        self.keep_beside(&mut line)?;
        let parent = line.parents.first().and_then(|id| self.by_id.get(id)).and_then(|&at| self.nodes[at]);
        let parent = parent.unwrap_or(NodeId::ROOT);
        let text = self.step_text(index, &mut line, parent)?;
        let trace = self.builder.trace();
        let at_root = text.is_empty() && line.parents.is_empty() || is_root && text == trace.problem.text;
        let depth = if at_root { 0 } else { trace.node(parent).depth + 1 };
        for ending in line.ends.iter().flatten() {
            check_range(ending, depth)?;
        }
        let known = trace.nodes.len();
        let id = if at_root { NodeId::ROOT } else { self.builder.child(parent, &text) };
        self.nodes[index] = Some(id);
        if let Some(order) = line.order {
            self.orders.insert(id, order);
        }
        for warning in std::mem::take(&mut line.warnings) {
            self.builder.warn(format!("line {}: {warning}", record.line));
        }
        if line.parent_values.len() > 1 {
            let others = line.parent_values.split_off(1);
            self.builder.warn(format!("line {}: a step with {} parents, drawn under the first", record.line, others.len() + 1));
            line.extra.insert("other_parents".to_owned(), Value::Array(others));
        }
        let endings = line.ends.take();
        self.says_solutions |= endings.is_some();
        for ending in endings.into_iter().flatten() {
            let Ending { number, first_error, ratings, fill, rest, .. } = ending;
            let mut solution = Solution::new(id);
            solution.record = record.index;
            fill(&mut solution);
            solution.extra.extend(rest);
            self.waiting.push(Waiting { number, place: index, ratings, first_error, solution });
        }
        for (iteration, value) in std::mem::take(&mut line.history) {
            self.builder.touch(iteration, id, value);
        }
        let merged = if at_root { std::mem::replace(&mut self.rooted, true) } else { id.index() < known };
        self.fill_node(id, record, line, merged);
        Ok(())
    }

    /// What is said of the whole tree stays with a line that says something else than the first did. A problem of its own, however, is
    /// another tree.
    fn keep_beside(&mut self, line: &mut Line) -> Result<(), Fault> {
        let Problem { text, reference_answer, reference_solution } = &self.builder.trace().problem;
        let other = line.problem.take().filter(|problem| problem != text);
        if other.is_some() && line.parents.is_empty() {
            let hint = if line.tree.is_none() { " (lines without `tree` are all one tree)" } else { "" };
            return Err(Fault::new("problem", format!("expected the problem of its tree, found another one{hint}")));
        }
        let gold = line.gold.take().filter(|gold| Some(gold) != reference_answer.as_ref());
        let solution = line.reference_solution.take().filter(|solution| Some(solution) != reference_solution.as_ref());
        for (key, value) in [("problem", other), ("gold", gold), ("reference_solution", solution)] {
            line.extra.extend(value.map(|value| (key.to_owned(), value.into())));
        }
        let (mut known, mut clash) = (std::mem::take(&mut self.meta), Extra::new());
        for (key, value) in std::mem::take(&mut line.meta) {
            match known.get(&key) {
                None => drop(known.insert(key, value)),
                Some(first) if *first == value => {}
                Some(_) => drop(clash.insert(key, value)),
            }
        }
        self.meta = known;
        if !clash.is_empty() {
            line.extra.insert("meta".to_owned(), clash.into());
        }
        Ok(())
    }

    /// The text of the step alone.
    fn step_text(&mut self, index: usize, line: &mut Line, parent: NodeId) -> Result<String, Fault> {
        let prefix = match &mut line.text {
            Text::Step(text) => return Ok(std::mem::take(text)),
            Text::Prefix(prefix) => std::mem::take(prefix),
        };
        let before = line.parents.first().and_then(|id| self.by_id.get(id)).and_then(|at| self.prefixes.get(at));
        let rest = match before {
            Some(before) => prefix.strip_prefix(before.as_str()).ok_or_else(|| {
                let parent = line.parents.first().map(|id| id.escape_debug().to_string()).unwrap_or_default();
                let found = excerpt(&prefix, 24);
                Fault::new("prefix", format!("expected a text that begins with that of its parent {parent}, found `{found}`"))
            })?,
            None => prefix.strip_prefix(self.builder.trace().problem.text.as_str()).unwrap_or(&prefix),
        };
        let text = rest.trim_start_matches(['\n', '\r', ' ']).to_owned();
        let sep = rest[..rest.len() - text.len()].to_owned();
        let node = self.builder.node_mut(parent);
        if node.sep_after.is_empty() && !text.is_empty() {
            node.sep_after = sep;
        }
        self.prefixes.insert(index, prefix);
        Ok(text)
    }

    fn fill_node(&mut self, id: NodeId, record: &RawRecord<'_>, mut line: Line, merged: bool) {
        if line.id_value != id.index() {
            line.extra.insert("id".to_owned(), line.id_value);
        }
        if merged {
            let what = if id == NodeId::ROOT { "the problem" } else { "a step beside it" };
            self.builder.warn(format!("line {}: repeats {what} and is shown as one with it", record.line));
            let node = self.builder.node_mut(id);
            // The node keeps what its first line said; what this one said is kept beside it.
            node.rating = node.rating.or(line.rating);
            line.extra.append(&mut super::write::stats(&line.stats));
            let list = node.extra.entry("merged").or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(Value::Object(line.extra));
            }
            return;
        }
        let node = self.builder.node_mut(id);
        if let Some(sep) = line.sep {
            // That nothing stands there is known as well.
            node.glued = sep.is_empty();
            node.sep_after = sep;
        }
        node.kind = line.kind;
        node.rating = line.rating;
        node.stats = line.stats;
        node.extra.append(&mut line.extra);
    }

    /// Errors for lines that found no place: their parent is missing, was left out, or they form a cycle.
    fn report_unplaced(&self, errors: &mut Vec<RecordError>) {
        let shown = |id: &str| id.escape_debug().to_string();
        // The parent that keeps a line from being placed: an id that no line has, or the index of another line.
        let blocker = |index: usize| -> Option<Result<usize, String>> {
            let (_, line) = self.lines[index].as_ref()?;
            line.parents.iter().find_map(|id| match self.by_id.get(id) {
                None => Some(Err(id.clone())),
                Some(&at) => (self.nodes[at].is_none()).then_some(Ok(at)),
            })
        };
        let mut colour = vec![0_usize; self.lines.len()];
        let mut in_cycle: HashMap<usize, String> = HashMap::new();
        for start in 0..self.lines.len() {
            let (mut at, mut walk) = (start, Vec::new());
            while self.lines[at].is_some() && colour[at] == 0 {
                colour[at] = start + 1;
                walk.push(at);
                let Some(Ok(next)) = blocker(at) else { break };
                at = next;
            }
            // A walk that stopped at a line of its own came back to it, unless that line's parent does not exist.
            let closed = matches!(walk.last().and_then(|&last| blocker(last)), Some(Ok(next)) if next == at);
            if let Some(from) = walk.iter().position(|&seen| seen == at).filter(|_| closed) {
                let cycle = &walk[from..];
                let ids = cycle.iter().take(8).filter_map(|&index| self.lines[index].as_ref());
                let ids: Vec<_> = ids.map(|(_, line)| shown(&line.id)).collect();
                let more = if cycle.len() > 8 { ", …" } else { "" };
                let message = format!("the ids {}{more} form a cycle", ids.join(", "));
                in_cycle.extend(cycle.iter().map(|&index| (index, message.clone())));
            }
        }
        for (index, slot) in self.lines.iter().enumerate() {
            let Some((record, _)) = slot else { continue };
            let message = match (in_cycle.get(&index), blocker(index)) {
                (Some(message), _) => message.clone(),
                (None, Some(Err(id))) => format!("no usable line of this tree has the id {}", shown(&id)),
                (None, Some(Ok(_)) | None) => "the step before it was skipped".to_owned(),
            };
            errors.push(record.error(Fault::new("parent", message)));
        }
    }

    fn finish(mut self) -> Trace {
        self.sort_children();
        if let Some(other) = segment::recall(&mut self.meta) {
            self.builder.warn(other);
        }
        self.builder.extra(std::mem::take(&mut self.meta));
        if !self.says_solutions {
            let trace = self.builder.trace();
            let mut seen = HashSet::new();
            for (place, leaf) in self.nodes.iter().enumerate().filter_map(|(place, node)| Some((place, (*node)?))) {
                if leaf == NodeId::ROOT || !trace.node(leaf).children.is_empty() || !seen.insert(leaf) {
                    continue;
                }
                let mut solution = Solution::new(leaf);
                solution.record = self.records[place];
                self.waiting.push(Waiting { number: None, place, ratings: None, first_error: None, solution });
            }
        }
        self.waiting.sort_by_key(|waiting| (waiting.number.unwrap_or(u64::MAX), waiting.place));
        let rated = rated(self.builder.trace());
        for Waiting { ratings, first_error, mut solution, .. } in std::mem::take(&mut self.waiting) {
            let trace = self.builder.trace();
            // Without a rated step there is nothing to walk for: leaves can be many and deep.
            solution.ratings = match ratings {
                Some(ratings) => ratings,
                None if rated[solution.leaf.index()] => path_ratings(trace, solution.leaf, |id| trace.node(id).rating),
                None => Vec::new(),
            };
            solution.first_error =
                first_error.unwrap_or_else(|| derived_first_error(trace.node(solution.leaf).depth, &solution.ratings));
            let leaf = solution.leaf;
            *self.builder.solution(leaf) = solution;
        }
        self.builder.finish()
    }

    fn sort_children(&mut self) {
        if self.orders.is_empty() {
            return;
        }
        let parents: Vec<_> = std::iter::once(NodeId::ROOT).chain(self.builder.trace().steps()).collect();
        for parent in parents {
            let orders = &self.orders;
            let children = &mut self.builder.node_mut(parent).children;
            children.sort_by(|a, b| {
                let order = |id| orders.get(id).copied().unwrap_or(f64::INFINITY);
                order(a).total_cmp(&order(b))
            });
        }
    }
}

/// The problem of a tree, and what is said of the whole tree beside it: those of its root, or of the first line that has any.
fn problem(lines: &mut [(RawRecord<'_>, Line)], meta: &mut Extra) -> Problem {
    let tree = lines.iter().find_map(|(_, line)| line.tree.clone());
    meta.extend(tree.map(|tree| (TREE_KEY.to_owned(), tree)));
    let bare = |line: &Line| line.parents.is_empty() && matches!(&line.text, Text::Step(text) if text.is_empty());
    let find = |fits: &dyn Fn(&Line) -> bool| lines.iter().position(|(_, line)| fits(line));
    let root = find(&|line| line.problem.is_some() && line.parents.is_empty())
        .or_else(|| find(&|line| line.problem.is_some()))
        .or_else(|| find(&bare));
    let Some((_, line)) = root.map(|root| &mut lines[root]) else { return Problem::default() };
    meta.append(&mut line.meta);
    Problem {
        text: line.problem.clone().unwrap_or_default(),
        reference_answer: line.gold.take(),
        reference_solution: line.reference_solution.take(),
    }
}

/// What is said of single steps of a solution must be said of steps that it has.
fn check_range(ending: &Ending, depth: usize) -> Result<(), Fault> {
    for (field, length) in &ending.lists {
        if *length > depth {
            return Err(Fault::new(field, format!("expected at most {depth} entries (the steps up to here), found {length}")));
        }
    }
    match ending.first_error {
        Some(FirstError::At(index)) if index >= depth => {
            let message = format!("expected an index below {depth} (the steps up to here), found {index}");
            return Err(Fault::new("first_error", message));
        }
        _ => {}
    }
    match ending.remarked {
        Some(index) if index >= depth => {
            let message = format!("expected steps below {depth} (the steps up to here), found {index}");
            Err(Fault::new("said.remarks", message))
        }
        _ => Ok(()),
    }
}

/// For every node, whether a step on its path is rated.
fn rated(trace: &Trace) -> Vec<bool> {
    let mut rated = Vec::with_capacity(trace.nodes.len());
    for node in &trace.nodes {
        // Parents stand before their children.
        let before = node.parent.is_some_and(|parent| rated[parent.index()]);
        rated.push(before || node.rating.is_some());
    }
    rated
}

/// The ratings that the nodes of a path have, without the unrated end.
pub(super) fn path_ratings(trace: &Trace, leaf: NodeId, rating: impl Fn(NodeId) -> Option<Rating>) -> Vec<Option<Rating>> {
    let mut ratings: Vec<_> = trace.path(leaf).into_iter().map(rating).collect();
    while ratings.last() == Some(&None) {
        ratings.pop();
    }
    ratings
}

/// What the ratings of the steps say about the whole, where nothing else does.
pub(super) fn derived_first_error(steps: usize, ratings: &[Option<Rating>]) -> FirstError {
    if let Some(index) = ratings.iter().position(|&rating| rating == Some(Rating::Bad)) {
        return FirstError::At(index);
    }
    let all_rated = steps > 0 && ratings.len() == steps && ratings.iter().all(Option::is_some);
    if all_rated { FirstError::NoError } else { FirstError::Unknown }
}
