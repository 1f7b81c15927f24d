//! Steps that the source cut badly: merged and split. The source's own steps and their labels stay; the new ones get theirs.

use std::sync::Arc;

use crate::app::segmenting::Segmenting;
use crate::app::split::Split;
use crate::app::{App, Effect};
use crate::labels::{Action, Body};
use crate::segment::{self, Rule};
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
    app.record(Body::Act(Action::Segment { record: source.record, starts }), None).unwrap_or_default()
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
    let Some(source) = source(app) else { return Vec::new() };
    let Some(trace) = app.trace().cloned() else { return Vec::new() };
    app.split = Split::of(source.record, app.cursor.step(), &trace.node(app.cursor.node).text);
    if app.split.is_none() {
        app.notice = Some("a single word, formula or block of code is not split".to_owned());
    }
    Vec::new()
}

/// The same, where it is still the solution that a view was opened on.
fn source_of(app: &mut App, record: RecordKey) -> Option<Source> {
    let source = source(app)?;
    if source.record != record {
        app.notice = Some("another solution is on show by now; nothing was cut".to_owned());
        return None;
    }
    Some(source)
}

/// Splits the step of this index before the byte of its text, in this solution of the source.
pub(crate) fn split_at(app: &mut App, record: RecordKey, step: usize, byte: usize) -> Vec<Effect> {
    let Some(source) = source_of(app, record) else { return Vec::new() };
    let Some(place) = source.trace.cut_at(&source.solution, &source.starts, step, byte) else { return Vec::new() };
    let mut starts = source.starts.clone();
    if let Err(at) = starts.binary_search(&place) {
        starts.insert(at, place);
    }
    cut(app, &source, starts, format!("step {} split; gm merges, u undoes", step + 1))
}

/// Opens the choice of a rule that cuts this solution anew.
pub(super) fn segment(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    open(app, None)
}

/// The same with this rule on show.
pub(super) fn segment_by(app: &mut App, name: &str) -> Vec<Effect> {
    match name.parse::<Rule>() {
        Ok(rule) => return open(app, Some(rule)),
        Err(error) => app.notice = Some(format!(":segment takes {}, not {:?}", error.expected, error.found)),
    }
    Vec::new()
}

/// The names of the rules.
pub(super) fn rules(_app: &App) -> Vec<String> {
    segment::rows().map(|(_, name, _)| (*name).to_owned()).collect()
}

fn open(app: &mut App, rule: Option<Rule>) -> Vec<Effect> {
    let Some(source) = source(app) else { return Vec::new() };
    app.segmenting = Some(Segmenting::of(&source.trace, &source.solution, rule, source.starts.len()));
    Vec::new()
}

/// Shows the offer that stands so many places behind the one on show.
pub(crate) fn offer(app: &mut App, open: &mut Segmenting, by: usize) {
    let Some(source) = source_of(app, open.of) else { return };
    open.at = (open.at + by) % open.offers.len();
    open.show(&source.trace, &source.solution);
}

/// Joins short steps in all offers, or joins them no more.
pub(crate) fn join_short(app: &mut App, open: &mut Segmenting) {
    let Some(source) = source_of(app, open.of) else { return };
    open.join_short(&source.trace, &source.solution);
}

/// Cuts the solution as the offer on show does.
pub(crate) fn take(app: &mut App, open: &Segmenting) -> Vec<Effect> {
    let Some(source) = source_of(app, open.of) else { return Vec::new() };
    let offer = open.offer();
    if offer.starts == source.starts {
        app.notice = Some(format!("{} makes the steps that are there", offer.name()));
        return Vec::new();
    }
    let warning = open.warning().map_or(String::new(), |warning| format!(", {warning}"));
    let said = format!("{} steps by {}{warning}, {} before; u undoes", offer.starts.len(), offer.name(), source.starts.len());
    cut(app, &source, offer.starts.clone(), said)
}
