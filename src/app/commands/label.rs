//! Labels. One key a solution: `x` at the first error, `a` when all is right.

use std::sync::Arc;

use crate::app::choice::{Open, PROGRESS, Question};
use crate::app::items::ItemId;
use crate::app::saving::what;
use crate::app::{App, Effect, review, seek};
use crate::corpus::escaped;
use crate::labels::{Action, Body, EventId, Mode};
use crate::trace::{FirstError, NodeId, Rating, RecordKey, Solution, StepKey, Trace};

use super::{Command, motion, rate};

/// What a label is put on: the trace, and the path on show as a solution.
pub(super) struct Aim {
    pub(super) trace: Arc<Trace>,
    pub(super) solution: Solution,
    pub(super) record: RecordKey,
}

/// What is said where labels have nothing to stand on.
const NOTHING: &str = "there is no solution here to label";

pub(super) fn aim(app: &mut App) -> Option<Aim> {
    let aim = app.trace().cloned().map(|trace| {
        let leaf = app.leaf();
        Aim { record: trace.record_key(leaf), solution: Solution::new(leaf), trace }
    });
    if aim.is_none() {
        app.notice = Some(NOTHING.to_owned());
    }
    aim
}

/// "one mark covers all": says on how many other solutions a mark on this step has its effect.
pub(super) fn covered(trace: &Trace, node: NodeId) -> String {
    match trace.solutions_through(node) {
        0 | 1 => String::new(),
        n => format!("; covers all {n} solutions through this step"),
    }
}

/// Says which other steps are no longer called wrong, and what that or a first error at `node` does to verdicts on other solutions.
pub(super) fn changes(app: &App, aim: &Aim, action: Option<&Action>, node: Option<NodeId>) -> String {
    /// Of so many solutions it is looked up.
    const MOST: usize = 500;
    let trace = &aim.trace;
    let (Some(Action::FirstError { clears, .. } | Action::AllGood { clears, .. }), path) = (action, &app.cursor.path) else {
        return turned(app, aim, node.filter(|_| trace.solutions.len() <= MOST));
    };
    let cleared: Vec<NodeId> = path.iter().copied().filter(|&id| clears.contains(&trace.node(id).key)).collect();
    let numbers: Vec<String> = cleared.iter().map(|&id| trace.node(id).depth.to_string()).collect();
    let said = match numbers.as_slice() {
        [] => String::new(),
        [one] => format!("; step {one} is wrong no more"),
        many => format!("; steps {} are wrong no more", many.join(", ")),
    };
    if trace.solutions.len() > MOST {
        return said;
    }
    // What stood behind the new first error was on solutions that have that one now.
    let depth = node.map_or(usize::MAX, |node| trace.node(node).depth);
    let cleared: Vec<NodeId> = cleared.into_iter().filter(|&id| trace.node(id).depth < depth).collect();
    let opened = |solution: &&Solution| {
        let FirstError::At(step) = app.own_labels(trace, solution.leaf).first_error else { return false };
        solution.leaf != aim.solution.leaf && cleared.iter().any(|&id| trace.ancestor_at(solution.leaf, step + 1) == Some(id))
    };
    let opened = match if cleared.is_empty() { 0 } else { trace.solutions.iter().filter(opened).count() } {
        0 => String::new(),
        1 => "; another solution is open again".to_owned(),
        many => format!("; {many} other solutions are open again"),
    };
    format!("{said}{opened}{}", turned(app, aim, node))
}

/// How many verdicts on other solutions a first error at `node` changes.
fn turned(app: &App, aim: &Aim, node: Option<NodeId>) -> String {
    let Some(node) = node else { return String::new() };
    let (trace, depth) = (&aim.trace, aim.trace.node(node).depth);
    let turned = |solution: &&Solution| match app.own_labels(trace, solution.leaf).first_error {
        FirstError::NoError => true,
        FirstError::At(step) => step + 1 > depth,
        FirstError::Unknown | FirstError::Unlabelable => false,
    };
    let through =
        |solution: &&Solution| solution.leaf != aim.solution.leaf && trace.ancestor_at(solution.leaf, depth) == Some(node);
    match trace.solutions.iter().filter(through).filter(turned).count() {
        0 => String::new(),
        1 => "; your verdict on another one changes".to_owned(),
        many => format!("; your verdicts on {many} others change"),
    }
}

/// Goes on, and says which solution the message speaks of.
pub(crate) fn on_to_the_next(app: &mut App) -> Vec<Effect> {
    // Who has said something goes on from there, also when the queue is still being put in order.
    app.queue.entered();
    let covers = app.walk.covers.take();
    let solutions = app.trace().map_or(0, |trace| trace.solutions.len());
    let number = app.items.rank(app.position()) + 1;
    let place = if solutions > 1 { format!("{number}, solution {}", app.cursor.solution + 1) } else { number.to_string() };
    let said = app.notice.take().map(|said| format!("problem {place}: {said}"));
    // What a reveal shows comes after the verdict: there the annotator stays, and goes on when all was seen.
    if app.trust.mode == Mode::RevealAfter && !app.show_prm {
        app.notice = said.map(|said| format!("{said}; now shown, ) goes on"));
        return Vec::new();
    }
    if app.like().is_some() {
        let effects = seek::start(app, seek::Target::Match, true);
        app.notice = said.into_iter().chain(app.notice.take()).reduce(|said, found| format!("{said}; {found}"));
        return effects;
    }
    if app.is_exam() || !app.back_from_serving() {
        app.trust.serving = None;
        if app.review.is_some() && app.queue.active() {
            let more = review::next(app, true);
            app.notice = said.map(|said| if more { said } else { format!("{said}; nothing else is left to decide") });
            return Vec::new();
        }
        // In a tree with a filter one goes from row to row, and past none of them.
        if !app.is_exam() && beyond(app, covers) && !app.filters_tree() {
            app.walk.passing = Some(Default::default());
        }
    }
    app.notice = said;
    app.pass_over();
    app.serve();
    Vec::new()
}

/// Goes to the next solution; behind a mark on a step that judges several, to the next one that does not go through this step.
fn beyond(app: &mut App, covers: Option<StepKey>) -> bool {
    if app.filters_tree() {
        return next_row(app, covers);
    }
    let found = app.trace().cloned().and_then(|trace| Some((trace.find(covers?)?, trace)));
    let Some((node, trace)) = found else { return motion::solution(app, true) };
    let (item, depth) = (app.cursor.item, trace.node(node).depth);
    let covered = |solution: usize| {
        trace.solutions.get(solution).is_some_and(|solution| trace.ancestor_at(solution.leaf, depth) == Some(node))
    };
    if app.queue.active() {
        let mut along = (1..).map_while(|ahead| app.along_queue(ahead, true));
        let next = along.find(|place| place.item != item || !covered(place.solution));
        if let Some(place) = next {
            app.go_to(place.item, place.solution);
        }
        return next.is_some();
    }
    let from = app.cursor.solution;
    if let Some(next) = (from + 1..trace.solutions.len()).find(|solution| !covered(*solution)) {
        app.cursor.go_to_solution(&trace, next);
        return true;
    }
    let next = app.items.neighbour(item, true);
    if let Some(next) = next {
        app.go_to_item(next);
    }
    next.is_some()
}

/// The same in a tree with a filter: to the next step that fits and is not judged by the same label, or to the next problem.
fn next_row(app: &mut App, covers: Option<StepKey>) -> bool {
    let Some(trace) = app.trace().cloned() else { return false };
    let node = covers.and_then(|covers| trace.find(covers));
    let judged = |id: NodeId| match node {
        Some(node) => trace.ancestor_at(id, trace.node(node).depth) == Some(node),
        None => app.cursor.step_of(id).is_some(),
    };
    if let Some(next) = app.next_fitting(judged) {
        app.cursor.go_to_node(&trace, next);
        return true;
    }
    let item = app.cursor.item;
    let next = if app.queue.active() {
        (1..).map_while(|ahead| app.along_queue(ahead, true)).map(|place| place.item).find(|next| *next != item)
    } else {
        app.items.neighbour(item, true)
    };
    if let Some(next) = next {
        app.go_to_item(next);
    }
    next.is_some()
}

/// First error at the cursor, or at the step whose number is the count.
pub(super) fn first_error(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    let index = count.map_or(app.cursor.step(), |count| count.saturating_sub(1));
    first_error_of(app, index, "")
}

/// First error at the step that is suspected next.
pub(super) fn first_error_second(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    first_error_suspect(app, 0, "first-error-second")
}

/// First error at the step that is suspected after that.
pub(super) fn first_error_third(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    first_error_suspect(app, 1, "first-error-third")
}

fn first_error_suspect(app: &mut App, place: usize, command: &str) -> Vec<Effect> {
    if let Some(step) = app.other_suspects().nth(place) {
        return first_error_of(app, step, "");
    }
    let key = app.key(command);
    app.notice = Some(format!("no step has a {key} before its number: that takes scores on show and no label yet"));
    Vec::new()
}

/// First error at a step in sight, by the letter that comes up beside it.
pub(super) fn first_error_at(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    if aim(app).is_some() {
        app.ask(Question::FirstErrorAt);
        app.notice = app.choice.as_ref().map(Open::title);
    }
    Vec::new()
}

/// The same with its kind, which one more letter names.
pub(super) fn first_error_kind(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    let step = count.map_or(app.cursor.step(), |count| count.saturating_sub(1));
    if aim(app).is_some() && there_is(app, step) && has_kind(app, step) {
        app.cursor.go_to_step(step);
        app.ask(Question::ErrorKind { step });
    }
    Vec::new()
}

/// True when the steps on show are those of a solution of the file; else it is said what can be said of them.
pub(crate) fn is_of_a_solution(app: &mut App) -> bool {
    let of_a_solution = app.solution_on_show().is_some();
    if !of_a_solution && app.cursor.path.is_empty() {
        app.notice = Some(NOTHING.to_owned());
    } else if !of_a_solution {
        let [good, neutral, bad, best] = ["good", "neutral", "bad", "best-alternative"].map(|command| app.key(command));
        let why = if app.on_sampled() { "this step was written by a model" } else { "no solution takes these steps" };
        app.notice = Some(format!(
            "{why}: {good} {neutral} {bad} rate one, {best} calls it the best; a verdict is on a solution of the file"
        ));
    }
    of_a_solution
}

/// What a label of a solution is put on; else it is said why there is none.
pub(super) fn aim_at_solution(app: &mut App) -> Option<Aim> {
    aim(app).filter(|_| is_of_a_solution(app))
}

/// True when the path has a step of this index; else that is said.
pub(super) fn there_is(app: &mut App, index: usize) -> bool {
    let steps = app.open_steps();
    if index >= steps {
        let all = app.cursor.path.len();
        app.notice = Some(if index < all {
            format!("step {} comes when the steps before it are rated", index + 1)
        } else {
            format!("there is no step {}; this solution has {all}", index + 1)
        });
    }
    index < steps
}

/// True when the step of this index may be the first error of a solution, which has a kind; else that is said.
fn has_kind(app: &mut App, index: usize) -> bool {
    let alternative = app.is_alternative(index);
    if alternative {
        let mark = app.key("first-error");
        app.notice =
            Some(format!("a kind is that of a solution's first error, and no solution takes this step: {mark} marks it"));
    }
    !alternative
}

/// First error at the step of this index (from 0), of this kind; an empty kind is none. A step beside all solutions is rated bad by itself.
pub(crate) fn first_error_of(app: &mut App, index: usize, said: &str) -> Vec<Effect> {
    let Some(trace) = aim(app).map(|aim| aim.trace).filter(|_| there_is(app, index)) else { return Vec::new() };
    if !app.on_sampled() && app.is_alternative(index) {
        return if said.is_empty() || has_kind(app, index) { wrong_alternative(app, index) } else { Vec::new() };
    }
    if app.solution_on_show().is_none() && !app.on_sampled() {
        // The beginning of an alternative is that of solutions as well.
        let node = app.cursor.path[index];
        app.cursor.go_to_node(&trace, node);
    }
    let Some(aim) = aim_at_solution(app) else { return Vec::new() };
    let Some(mut action) = app.session.first_error(&aim.trace, &aim.solution, index) else { return Vec::new() };
    if let Action::FirstError { kind, .. } = &mut action {
        said.clone_into(kind);
    }
    let node = app.cursor.path[index];
    if app.says_again(FirstError::At(index), said) {
        return on_to_the_next(app);
    }
    app.cursor.go_to_step(index);
    let kind = if said.is_empty() { String::new() } else { format!(": {said}") };
    let changes = changes(app, &aim, Some(&action), Some(node));
    app.notice = Some(format!("first error at step {}{kind}{}{changes}", index + 1, covered(&aim.trace, node)));
    let Some(mut effects) = app.record(Body::Act(action), Some(aim.trace.node(node).key)) else { return Vec::new() };
    (app.walk.rates, app.walk.covers) = (false, Some(aim.trace.node(node).key));
    app.note_mistake(index);
    if app.project.progress {
        app.ask(Question::Progress { record: aim.record, go_on: true });
    } else {
        effects.extend(on_to_the_next(app));
    }
    effects
}

/// A step that no solution takes is wrong: that judges none, so the cursor stays.
fn wrong_alternative(app: &mut App, index: usize) -> Vec<Effect> {
    app.range = None;
    app.cursor.go_to_step(index);
    // What comes again is the command that was given.
    let again = app.last_label.clone();
    let effects = rate::bad(app, None);
    app.last_label = again;
    app.cursor.go_to_step(index);
    effects
}

/// Asks how far the solution had come.
pub(super) fn progress(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let Some(aim) = aim_at_solution(app) else { return Vec::new() };
    let labels = app.own_labels(&aim.trace, aim.solution.leaf);
    if let FirstError::At(_) = labels.first_error {
        app.ask(Question::Progress { record: aim.record, go_on: false });
    } else {
        app.notice = Some("progress is that of a solution with a first error; x marks one".to_owned());
    }
    Vec::new()
}

/// How far it had come; `None` takes the answer away.
pub(crate) fn progress_was(app: &mut App, record: RecordKey, progress: Option<u8>, go_on: bool) -> Vec<Effect> {
    let said = progress.map_or("progress taken away", |progress| PROGRESS[usize::from(progress).min(PROGRESS.len() - 1)]);
    let before = app.notice.take().filter(|_| go_on).map_or(String::new(), |notice| format!("{notice}; "));
    app.notice = Some(format!("{before}{said}"));
    let mut effects = app.record(Body::Act(Action::Progress { record, progress }), None).unwrap_or_default();
    if go_on {
        effects.extend(on_to_the_next(app));
    }
    effects
}

/// This step is the best of those that follow the same prefix, or no longer is.
pub(super) fn best_alternative(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let Some(aim) = aim(app) else { return Vec::new() };
    let node = aim.trace.node(app.cursor.node);
    let Some(parent) = node.parent else { return Vec::new() };
    let alternatives = aim.trace.node(parent).children.len();
    if alternatives < 2 {
        app.notice = Some("this step has no alternatives".to_owned());
        return Vec::new();
    }
    let parent = aim.trace.node(parent).key;
    let chosen = (app.session.chosen(parent) != Some(node.key)).then_some(node.key);
    app.notice = Some(match chosen {
        Some(_) => format!("best of {alternatives} alternatives"),
        None => "no longer the best of its alternatives".to_owned(),
    });
    app.record(Body::Act(Action::Choose { parent, chosen }), Some(node.key)).unwrap_or_default()
}

/// Every step is right.
pub(crate) fn all_right(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let Some(aim) = aim_at_solution(app) else { return Vec::new() };
    if app.open_steps() < app.cursor.path.len() {
        app.notice = Some("there are steps that you have not seen yet; = rates this one".to_owned());
        return Vec::new();
    }
    if app.says_again(FirstError::NoError, "") {
        return on_to_the_next(app);
    }
    let action = app.session.all_good(&aim.trace, &aim.solution);
    app.notice = Some(format!("all {} steps right{}", app.cursor.path.len(), changes(app, &aim, Some(&action), None)));
    let Some(mut effects) = app.record(Body::Act(action), None) else { return Vec::new() };
    effects.extend(on_to_the_next(app));
    effects
}

/// Labels that [`repeat`] gives again; what a letter answers is kept with its answer.
pub(crate) const REPEATED: [&str; 5] = ["first-error", "all-right", "unsure", "later", "rest-after-error"];

/// A label that can be given again.
#[derive(Debug, Clone)]
pub(crate) enum Again {
    /// By this command.
    Command(&'static Command),
    /// A rating of so many steps.
    Rating(Rating, usize),
    /// A first error of this kind.
    Kind(String),
    /// A broken problem, for this reason.
    BadProblem(String),
    /// Giving up, for this reason.
    GiveUp(String),
}

/// The last label once more, at the cursor.
pub(super) fn repeat(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    match app.last_label.clone() {
        Some(Again::Command(command)) => (command.run)(app, count),
        Some(Again::Rating(rating, steps)) => rate::rate(app, Some(rating), count.or(Some(steps))),
        Some(Again::Kind(kind)) => first_error_of(app, count.map_or(app.cursor.step(), |count| count.saturating_sub(1)), &kind),
        Some(Again::BadProblem(reason)) => bad_problem_because(app, &reason),
        Some(Again::GiveUp(reason)) => give_up_because(app, &reason),
        None => {
            app.notice = Some("no label was given yet".to_owned());
            Vec::new()
        }
    }
}

/// Begins to choose steps, or gives it up.
pub(super) fn range(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.toggle_range();
    if app.range.is_none() {
        app.notice = Some("no steps are chosen any more".to_owned());
    }
    Vec::new()
}

fn on_record(app: &mut App, said: &str, action: impl FnOnce(RecordKey) -> Action) -> Vec<Effect> {
    let Some(aim) = aim_at_solution(app) else { return Vec::new() };
    app.notice = Some(said.to_owned());
    let Some(mut effects) = app.record(Body::Act(action(aim.record)), None) else { return Vec::new() };
    effects.extend(on_to_the_next(app));
    effects
}

/// Flags the solution as unsure, or takes the flag away.
pub(super) fn unsure(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let on = !app.record_key().is_some_and(|record| app.session.flagged(record));
    let back = app.key("next-flagged");
    let said = if on { format!("flagged as unsure; {back} comes back to it") } else { "flag taken away".to_owned() };
    on_record(app, &said, |record| Action::Flag { record, on })
}

/// Leaves the solution for later.
pub(super) fn later(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    if aim_at_solution(app).is_none() {
        return Vec::new();
    }
    let judged =
        app.own().zip(app.trace().zip(app.solution())).is_some_and(|(own, (trace, solution))| own.judges(trace, solution));
    // What is judged is not passed through again as open.
    let back = if app.put_question_off() {
        "it is asked once more behind the others".to_owned()
    } else if judged {
        format!("it is judged, {}later lists it", app.key("filter"))
    } else {
        format!("{} comes back to it", app.key("next-unlabelled"))
    };
    let said = format!("left for later; {back}");
    on_record(app, &said, |record| Action::Skip { record })
}

/// The problem statement is broken: asks why.
pub(super) fn bad_problem(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    if aim_at_solution(app).is_some() {
        app.ask(Question::BadProblem);
    }
    Vec::new()
}

/// The problem statement is broken, for this reason; an empty one is none.
pub(crate) fn bad_problem_because(app: &mut App, reason: &str) -> Vec<Effect> {
    let said = because("marked as a bad problem", reason);
    on_record(app, &said, |record| Action::BadProblem { record, reason: reason.to_owned() })
}

/// The annotator cannot tell: asks why.
pub(super) fn give_up(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    if aim_at_solution(app).is_some() {
        app.ask(Question::GiveUp);
    }
    Vec::new()
}

/// The annotator cannot tell, for this reason; an empty one is none.
pub(crate) fn give_up_because(app: &mut App, reason: &str) -> Vec<Effect> {
    let said = because("given up", reason);
    on_record(app, &said, |record| Action::GiveUp { record, reason: reason.to_owned() })
}

fn because(said: &str, reason: &str) -> String {
    if reason.is_empty() { said.to_owned() } else { format!("{said}: {reason}") }
}

/// Takes the last label back.
pub(super) fn undo(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    if let Some(draft) = app.drop_unsaved() {
        let said = if let Body::Act(action) = &draft.body { what(action) } else { "undo" };
        app.notice = Some(format!("undo: {said}, which was never saved"));
        return Vec::new();
    }
    let target = app.session.undo_target_but(&app.others);
    if target.is_none() && app.session.undo_target().is_some() {
        app.notice = Some("nothing left to undo but labels of another session, which takes them back itself".to_owned());
        return Vec::new();
    }
    take_back(app, target, "undo", count)
}

/// Sets the label again that was taken back.
pub(super) fn redo(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    let target = app.session.redo_target_but(&app.others);
    take_back(app, target, "redo", count)
}

/// Takes one event back and goes to where it was made; the rest of a count waits until that is committed.
fn take_back(app: &mut App, target: Option<EventId>, command: &str, count: Option<usize>) -> Vec<Effect> {
    let Some(target) = target else {
        app.notice = Some(format!("nothing left to {command}"));
        return Vec::new();
    };
    let there = match place_of(app, target) {
        Ok(there) => there,
        Err(why) => {
            // What nobody sees is not taken back.
            app.notice = Some(why);
            return Vec::new();
        }
    };
    let said = app.session.action(target).map_or("a label", what);
    let step = app.session.action(target).and_then(Action::step);
    let record = app.session.record(target);
    if let Some(record) = app.unsaid_by(target) {
        app.trust.unsay(record);
    }
    if let Some((item, _, step)) = there {
        app.return_to(item, record, step);
    }
    let step = app.trace().and_then(|trace| app.cursor.path.iter().position(|id| Some(trace.node(*id).key) == step));
    let place = step.map_or(String::new(), |step| format!(" at step {}", step + 1));
    app.notice = Some(format!("{command}: {said}{place}"));
    if let (Some(step), "redo", true) = (step, command, app.session.action(target).is_some_and(Action::rates)) {
        // As after the rating itself.
        app.cursor.go_to_step(step + 1);
    }
    let effects = app.record(Body::Undo(target), None).unwrap_or_default();
    if let Some(left) = count.map(|count| count.saturating_sub(1)).filter(|&left| left > 0) {
        app.hold(command, left);
    }
    effects
}

/// Item, solution and step that a label was set on.
type There = (ItemId, Option<RecordKey>, Option<StepKey>);

/// Where a label was set, as far as the store knows; an error says why nobody can see it.
fn place_of(app: &App, target: EventId) -> Result<Option<There>, String> {
    let Some((file, problem)) = app.session.place(target) else { return Ok(None) };
    let Some(index) = app.file(file) else {
        return Err(format!("the last label was set in {file}, which is not open; open it to take the label back"));
    };
    let item = problem.and_then(|problem| usize::try_from(problem).ok()).map(|problem| ItemId { file: index, problem });
    let state = &app.items.files[index];
    if item.is_none_or(|item| state.complete && !app.items.is_known(item)) {
        let name = escaped(state.short_name());
        return Err(format!("the last label was set on a problem that is not found in {name} any more; it stays"));
    }
    Ok(item.zip(app.session.action(target)).map(|(item, action)| (item, app.session.record(target), action.step())))
}
