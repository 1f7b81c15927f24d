//! Steps that the source cut badly: merged and split. The source's own steps and their labels stay; the new ones get theirs.

use std::sync::Arc;

use crate::app::split::Split;
use crate::app::{App, Effect};
use crate::labels::{Action, Body};
use crate::trace::{Cut, RecordKey, Solution, Trace};

/// A solution as the source cuts it, and where its steps begin now.
struct Source {
    trace: Arc<Trace>,
    solution: Solution,
    record: RecordKey,
    starts: Vec<Cut>,
}

/// The source of the path on show; a path that is no solution has none.
fn source(app: &mut App) -> Option<Source> {
    let source = app.items.source(app.cursor.item).cloned().and_then(|trace| {
        let shown = app.solution()?;
        let solution = trace.solutions.get(app.cursor.solution).filter(|_| Some(&shown.leaf) == app.cursor.path.last())?.clone();
        let record = trace.record_key(solution.leaf);
        let own = app.session.starts(record);
        let starts = if own.is_empty() { trace.own_starts(&solution) } else { own.to_vec() };
        Some(Source { trace, solution, record, starts })
    });
    if source.is_none() {
        app.notice = Some("only the steps of a solution are merged and split".to_owned());
    }
    source
}

fn cut(app: &mut App, source: &Source, starts: Vec<Cut>, said: String) -> Vec<Effect> {
    // The source's own steps are no cut.
    let starts = if starts == source.trace.own_starts(&source.solution) { Vec::new() } else { starts };
    app.notice = Some(said);
    app.record(Body::Act(Action::Segment { record: source.record, starts }), None)
}

/// Merges this step with the next one.
pub(super) fn merge(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let Some(source) = source(app) else { return Vec::new() };
    let at = app.cursor.step();
    let mut starts = source.starts.clone();
    if at + 1 >= starts.len() {
        app.notice = Some("there is no step behind this one to merge it with".to_owned());
        return Vec::new();
    }
    starts.remove(at + 1);
    cut(app, &source, starts, format!("steps {} and {} merged; gS splits, u undoes", at + 1, at + 2))
}

/// Opens the choice of the place where this step is split.
pub(super) fn split(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    if source(app).is_none() {
        return Vec::new();
    }
    let Some(trace) = app.trace().cloned() else { return Vec::new() };
    app.split = Split::of(app.cursor.step(), &trace.node(app.cursor.node).text);
    if app.split.is_none() {
        app.notice = Some("a single word is not split".to_owned());
    }
    Vec::new()
}

/// Splits the step of this index before the byte of its text.
pub(crate) fn split_at(app: &mut App, step: usize, byte: usize) -> Vec<Effect> {
    let Some(source) = source(app) else { return Vec::new() };
    let Some(place) = source.trace.cut_at(&source.solution, &source.starts, step, byte) else { return Vec::new() };
    let mut starts = source.starts.clone();
    if let Err(at) = starts.binary_search(&place) {
        starts.insert(at, place);
    }
    cut(app, &source, starts, format!("step {} split; gm merges, u undoes", step + 1))
}
