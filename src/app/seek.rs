//! Walking to the next place of some kind: a search hit, a suspect step, an unlabelled solution. The walk goes item by item, waits
//! for items that are not in memory or not found yet, goes around the end once, and ends at any key. For search hits the files are
//! looked through outside, many problems at a time, and only those with a hit are read.

use std::ops::Range;
use std::sync::Arc;

use crate::trace::{FirstError, NodeId, Trace};

use super::items::ItemId;
use super::{App, Effect};

/// Items that a walk has read for it at a time.
const READ_AHEAD: usize = 64;
/// Problems that are looked through at first and at most before there is an answer: what is near is shown at once, and who stops a walk
/// through a large file leaves little to be done for nothing.
const LOOKED_THROUGH: (usize, usize) = (256, 1 << 16);

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A step whose text matches the search.
    Match,
    /// The predicted first error of a solution.
    Suspect,
    /// A solution without a label of one's own.
    Unlabelled,
    /// A solution that was flagged as unsure.
    Flagged,
    /// A solution of which the prediction, the file and oneself do not say the same first error; in a review, one on which annotators do
    /// not agree and that is not decided.
    Disagreement,
    /// A step of which the search and the model think differently: its search value says right and its score wrong, or the other way
    /// round.
    Split,
}

/// A walk that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seek {
    target: Target,
    forward: bool,
    /// Where it began.
    start: ItemId,
    /// The item to look at next; its file may have none such yet.
    at: ItemId,
    /// It went around the end of the list.
    around: bool,
    /// There is nothing else to look at.
    over: bool,
    /// Problems to look through the next time.
    span: usize,
    /// What is being found out about the item.
    asked: Asked,
}

/// What a walk knows of an item that is not in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Nothing was asked.
    Not,
    /// Problems from this one on are being looked through: the number of the question.
    Through(u64),
    /// It has what is looked for and is being read.
    Hit,
}

impl Seek {
    /// Steps over an item.
    fn pass(&mut self) {
        self.asked = Asked::Not;
        match (self.forward, self.at.problem) {
            (true, problem) => self.at.problem = problem + 1,
            (false, 0) => self.next_file(),
            (false, problem) => self.at.problem = problem - 1,
        }
    }

    /// The end of a file is reached: the next one begins.
    fn next_file(&mut self) {
        let next = if self.forward { self.at.file.checked_add(1) } else { self.at.file.checked_sub(1) };
        let problem = if self.forward { 0 } else { usize::MAX };
        self.at = ItemId { file: next.unwrap_or(usize::MAX), problem };
    }

    /// It came back to where it began and looked at that, too. Where it began may be gone, when a file was replaced.
    fn is_over(&self) -> bool {
        let beyond = if self.forward { self.at > self.start } else { self.at < self.start };
        self.over || (self.around && beyond)
    }
}

/// Starts a walk from the cursor.
pub(crate) fn start(app: &mut App, target: Target, forward: bool) -> Vec<Effect> {
    app.leave_spot();
    let from = (app.cursor.item, app.cursor.node);
    if let Some(search) = app.search.as_mut().filter(|_| target == Target::Match) {
        search.sets_out(from, forward);
    }
    if let Some(trace) = app.trace().cloned()
        && let Some(place) = within(app, &trace, app.cursor.item, target, forward, true)
    {
        arrive(app, app.cursor.item, place);
        return Vec::new();
    }
    let start = app.position();
    let mut seek =
        Seek { target, forward, start, at: start, around: false, over: false, span: LOOKED_THROUGH.0, asked: Asked::Not };
    seek.pass();
    app.seek = Some(seek);
    advance(app)
}

/// Goes on with a walk that waited for this item.
pub(super) fn continue_with(app: &mut App, item: ItemId) -> Vec<Effect> {
    if app.seek.as_ref().is_some_and(|seek| seek.at == item) { advance(app) } else { Vec::new() }
}

/// Goes on with a walk that waited for more problems to be found.
pub(super) fn go_on(app: &mut App) -> Vec<Effect> {
    advance(app)
}

/// These problems were looked through.
pub(super) fn found(app: &mut App, round: u64, file: usize, problems: &Range<usize>, hit: Option<usize>) -> Vec<Effect> {
    let Some(seek) = app.seek.as_mut().filter(|seek| seek.asked == Asked::Through(round)) else { return Vec::new() };
    seek.span = (seek.span * 4).min(LOOKED_THROUGH.1);
    if let Some(problem) = hit {
        (seek.at, seek.asked) = (ItemId { file, problem }, Asked::Hit);
    } else {
        seek.at = ItemId { file, problem: if seek.forward { problems.end - 1 } else { problems.start } };
        seek.pass();
    }
    advance(app)
}

fn advance(app: &mut App) -> Vec<Effect> {
    while let Some(mut seek) = app.seek.take() {
        if !reach(app, &mut seek) {
            app.seek = Some(seek);
            break;
        }
        if seek.is_over() {
            app.notice = Some(nothing(app, seek.target));
            break;
        }
        if app.items.get(seek.at).is_none() {
            let effects = ask(app, &mut seek);
            app.seek = Some(seek);
            return effects;
        }
        // Back at the start, the part of the item that was skipped at first counts too.
        if let Some(trace) = app.items.trace(seek.at).cloned()
            && let Some(place) = within(app, &trace, seek.at, seek.target, seek.forward, false)
        {
            if seek.around {
                app.notice = Some("went around the end of the list".to_owned());
                if let Some(search) = app.search.as_mut().filter(|_| seek.target == Target::Match) {
                    search.goes_around();
                }
            }
            arrive(app, seek.at, place);
            break;
        }
        seek.pass();
        app.seek = Some(seek);
    }
    Vec::new()
}

/// Comes to the next item that there is, around the end of a file and of the list; false while it may still be found.
fn reach(app: &App, seek: &mut Seek) -> bool {
    loop {
        if seek.is_over() {
            return true;
        }
        // Files that stand in no list are behind all others.
        let Some(file) = app.items.files.get(seek.at.file).filter(|file| !file.hidden) else {
            // Twice around: where it began is no longer there.
            let files = app.items.listed().count();
            seek.over = seek.around || files == 0;
            seek.around = true;
            seek.at.file = if seek.forward { 0 } else { files.saturating_sub(1) };
            continue;
        };
        if seek.at.problem < file.problems {
            return true;
        }
        if !file.complete {
            return false;
        }
        match file.problems.checked_sub(1) {
            Some(end) if !seek.forward => seek.at.problem = end,
            _ => seek.next_file(),
        }
    }
}

/// Has the item read, or the file looked through from there on.
fn ask(app: &mut App, seek: &mut Seek) -> Vec<Effect> {
    let search = app.search.as_ref().filter(|_| seek.target == Target::Match && !app.session.has_cuts());
    match (seek.asked, search) {
        (Asked::Through(_), _) => Vec::new(),
        (Asked::Not, Some(search)) => {
            app.searches += 1;
            seek.asked = Asked::Through(app.searches);
            let (file, at) = (seek.at.file, seek.at.problem);
            let problems = app.items.files.get(file).map_or(0, |file| file.problems);
            let mut range =
                if seek.forward { at..problems.min(at + seek.span) } else { (at + 1).saturating_sub(seek.span)..at + 1 };
            if seek.around && file == seek.start.file {
                let start = seek.start.problem;
                range = if seek.forward { at..range.end.min(start + 1) } else { range.start.max(start)..at + 1 };
            }
            let wanted = Arc::clone(search.wanted());
            vec![Effect::Find { round: app.searches, file, problems: range, forward: seek.forward, wanted }]
        }
        (Asked::Hit, _) => vec![Effect::Load(seek.at)],
        (Asked::Not, None) => read_ahead(app, seek),
    }
}

/// Asks for the item that the walk waits for and for some behind it, so that files are read while others are looked at.
fn read_ahead(app: &App, seek: &Seek) -> Vec<Effect> {
    let (file, at) = (seek.at.file, seek.at.problem);
    let problems = if seek.forward { at..at + READ_AHEAD } else { (at + 1).saturating_sub(READ_AHEAD)..at + 1 };
    let items = problems.map(|problem| ItemId { file, problem });
    items.filter(|&item| app.items.get(item).is_none() && app.items.is_known(item)).map(Effect::Load).collect()
}

fn arrive(app: &mut App, item: ItemId, place: Found) {
    app.go_to_item(item);
    if let Some(trace) = app.trace().cloned() {
        app.walk.led = !matches!(place, Found::Solution(_));
        match place {
            Found::Solution(solution) => app.cursor.go_to_solution(&trace, solution),
            Found::Step(solution, node) => {
                app.cursor.go_to_solution(&trace, solution);
                app.cursor.go_to_node(&trace, node);
            }
            Found::Node(node) => {
                app.cursor.go_to_node(&trace, node);
                count_match(app, &trace, item, node);
            }
        }
        app.tree.reveal(&trace, app.cursor.node);
    }
}

/// Says which of the steps that a typed search finds this one is, and how many are known so far.
fn count_match(app: &mut App, trace: &Trace, item: ItemId, node: NodeId) {
    let Some(search) = app.search.as_mut().filter(|search| !search.typed.is_empty()) else { return };
    let (at, all, is_all) = search.meets(trace, item, node);
    let so_far = if is_all { "" } else { " so far" };
    let said = format!("match {at} of {all}{so_far}");
    app.notice = Some(app.notice.take().map_or(said.clone(), |before| format!("{said}; {before}")));
}

fn nothing(app: &App, target: Target) -> String {
    let said = match target {
        Target::Match if app.like().is_some() => "no step that may make the same mistake",
        Target::Match => {
            let typed = app.search.as_ref().map_or("", |search| search.typed.as_str());
            return if typed.is_empty() { "no match".to_owned() } else { format!("no match for {typed}") };
        }
        Target::Suspect => "no predicted error among the scored solutions",
        Target::Unlabelled => "everything is labelled",
        Target::Flagged => "nothing is flagged",
        Target::Disagreement if app.review.is_some() => "nothing is left to decide",
        Target::Disagreement => "prediction, file and your labels agree wherever two of them are known",
        Target::Split => "search values and scores agree wherever both are known",
    };
    said.to_owned()
}

/// A place inside an item.
#[derive(Debug, Clone, Copy)]
enum Found {
    Solution(usize),
    Step(usize, NodeId),
    Node(NodeId),
}

/// The nearest place inside one item; from the cursor when `beyond_cursor`, else from its near end.
fn within(app: &App, trace: &Trace, item: ItemId, target: Target, forward: bool, beyond_cursor: bool) -> Option<Found> {
    let from_cursor = item == app.cursor.item && beyond_cursor;
    let from = from_cursor.then_some(app.cursor.node);
    // That one stops here would tell what the scores say, and they are not to be seen yet.
    let by_scores = matches!(target, Target::Suspect | Target::Disagreement | Target::Split);
    let by_people = target == Target::Disagreement && app.review.is_some();
    if by_scores && !by_people && app.conceals(trace) {
        return None;
    }
    match target {
        Target::Match => return matching(app, trace, from, forward),
        Target::Split => return step(trace, from, forward, |id| splits(app, trace, id)),
        _ => {}
    }
    let here = (app.cursor.solution, app.cursor.step());
    let beyond =
        |solution: usize, step: usize| !from_cursor || if forward { (solution, step) > here } else { (solution, step) < here };
    let place = |solution: usize| {
        if !app.queue.has(item, solution) {
            return None;
        }
        let leaf = trace.solutions[solution].leaf;
        if target == Target::Suspect {
            let (step, node) = suspect(app, trace, leaf)?;
            return beyond(solution, step).then_some(Found::Step(solution, node));
        }
        let wanted = match target {
            Target::Unlabelled => {
                let returned = || app.session.returned(trace, &trace.solutions[solution]).is_some();
                app.own_labels(trace, leaf).first_error == FirstError::Unknown || returned()
            }
            Target::Disagreement if by_people => app.is_open_dispute(item, trace, &trace.solutions[solution]),
            Target::Disagreement => disagree(app, trace, solution),
            _ => app.session.flagged(trace.record_key(leaf)),
        };
        let elsewhere = !from_cursor || if forward { solution > here.0 } else { solution < here.0 };
        (wanted && elsewhere).then_some(Found::Solution(solution))
    };
    let n = trace.solutions.len();
    if forward { (0..n).find_map(place) } else { (0..n).rev().find_map(place) }
}

/// The next step of the tree that is found, in the order in which the steps stand in the trace.
fn matching(app: &App, trace: &Trace, from: Option<NodeId>, forward: bool) -> Option<Found> {
    let search = app.search.as_ref()?;
    // Who goes from mistake to mistake has no use for what is judged.
    let open = |id: NodeId| {
        let through = |leaf: NodeId| trace.ancestor_at(leaf, trace.node(id).depth) == Some(id);
        let mut solutions = trace.solutions.iter().map(|solution| solution.leaf).filter(|&leaf| through(leaf));
        let judged =
            |leaf| app.own_labels(trace, leaf).first_error != FirstError::Unknown || app.is_on_its_way(trace.record_key(leaf));
        solutions.any(|leaf| !judged(leaf))
    };
    step(trace, from, forward, |id| search.finds(&trace.node(id).text) && (app.like().is_none() || open(id)))
}

/// The nearest step of the tree that is wanted.
fn step(trace: &Trace, from: Option<NodeId>, forward: bool, wanted: impl Fn(NodeId) -> bool) -> Option<Found> {
    let found = if forward {
        trace.steps().filter(|id| from.is_none_or(|from| *id > from)).find(|&id| wanted(id))
    } else {
        let before: Vec<NodeId> = trace.steps().filter(|id| from.is_none_or(|from| *id < from)).collect();
        before.into_iter().rev().find(|&id| wanted(id))
    };
    found.map(Found::Node)
}

/// Two of prediction, file and own label are known and name different first errors.
fn disagree(app: &App, trace: &Trace, solution: usize) -> bool {
    let said = &trace.solutions[solution];
    let path = trace.path(said.leaf);
    let verdicts = [
        app.scoring.verdict(trace, &path),
        if app.has_gold() { FirstError::Unknown } else { trace.recorded_labels(said).first_error },
        app.own_labels(trace, said.leaf).first_error,
    ];
    let mut known = verdicts.into_iter().filter(|verdict| matches!(verdict, FirstError::At(_) | FirstError::NoError));
    known.next().is_some_and(|first| known.any(|other| other != first))
}

/// Search value and score of a step lie on different sides, and not by a hair.
fn splits(app: &App, trace: &Trace, id: NodeId) -> bool {
    const HAIR: f64 = 0.2;
    let node = trace.node(id);
    let stats = [("q", node.stats.q), ("value", node.stats.value), ("mc", node.stats.mc)];
    let value = stats.into_iter().find_map(|(name, value)| Some((name, value?))).and_then(|(name, value)| {
        let (low, high) = trace.value_range(name).filter(|(low, high)| (*low..=*high).contains(&value) && low < high)?;
        Some((value - low) / (high - low))
    });
    let score = app.shown_score(node.key).map(|score| app.scoring.place(score.value()));
    let threshold = app.scoring.place(app.scoring.threshold);
    value.zip(score).is_some_and(|(value, score)| (value < 0.5) != (score < threshold) && (value - score).abs() >= HAIR)
}

/// The predicted first error of a solution.
fn suspect(app: &App, trace: &Trace, leaf: NodeId) -> Option<(usize, NodeId)> {
    let path = trace.path(leaf);
    let step = app.scoring.first_error(trace, &path)?;
    Some((step, path[step]))
}
