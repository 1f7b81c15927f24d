//! Problems, and the solutions of the current one.

use ratatui::layout::Rect;

use crate::app::describe::short;
use crate::app::items::ItemId;
use crate::app::{App, Focus, layout};
use crate::trace::{Label, Outcome, Solution, Trace};
use crate::ui::pen::Pen;

use super::{one_line, verdict};

/// Labelled solutions are counted in every frame, so only where they are few; a search tree has tens of thousands.
const COUNTED: usize = 64;

/// Draws the visible rows.
pub(in crate::ui) fn draw(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    let rows = usize::from(rect.height.saturating_sub(1)).max(1);
    if app.queue.active() {
        return queue(app, pen, rect, rows);
    }
    let total = app.items.total();
    pen.text(rect.x + 1, rect.y, rect.width - 1, "problems", pen.look.dim());
    let mut y = rect.y + 1;
    for rank in app.list_top..total.min(app.list_top + rows) {
        let Some(item) = app.items.at_rank(rank) else { break };
        if y >= rect.bottom() {
            break;
        }
        problem_row(app, pen, Rect { y, height: 1, ..rect }, rank, item);
        y += 1;
        if item == app.position()
            && let Some(trace) = app.items.trace(item)
        {
            for solution in layout::list_solutions(app, rows) {
                if y >= rect.bottom() {
                    break;
                }
                solution_row(app, pen, Rect { y, height: 1, ..rect }, trace, solution);
                y += 1;
            }
        }
    }
}

/// The solutions of the queue: number in the order (`?` where it is hidden or not known), own verdict, problem.
fn queue(app: &App, pen: &mut Pen<'_>, rect: Rect, rows: usize) {
    let kinds = app.kinds_in_queue(usize::from(rect.width.saturating_sub(1)));
    let heading = kinds.unwrap_or_else(|| format!("{}  {}", app.queue.order_name(), app.queue.filter_text()));
    pen.text(rect.x + 1, rect.y, rect.width - 1, &heading, pen.look.dim());
    let in_sight = || app.queue.places().iter().enumerate().skip(app.queue.top).take(rows);
    let whole = in_sight().all(|(_, place)| place.number.is_none_or(|number| number.fract() == 0.0));
    for (index, place) in in_sight() {
        let y = rect.y + 1 + u16::try_from(index - app.queue.top).unwrap_or(0);
        let left = |x: u16| rect.right().saturating_sub(x);
        let shown = place.number.filter(|_| app.review.is_some() || app.shows_number_of(place.item));
        let number = match shown {
            Some(number) => app.number_in_queue(number, whole),
            // Numbers of problems and of the order do not stand in one column.
            None if app.queue.order_name() == "file" => (app.items.rank(place.item) + 1).to_string(),
            None => "?".to_owned(),
        };
        let wide = u16::try_from(number.len().max(4) + 1).unwrap_or(u16::MAX);
        let mut x = pen.text(rect.x + 1, y, wide, &format!("{number:>4} "), pen.look.dim());
        let here = place.item == app.cursor.item && place.solution == app.cursor.solution;
        match app.items.trace(place.item).and_then(|trace| Some((trace, trace.solutions.get(place.solution)?))) {
            None => {
                pen.text(x, y, left(x), pen.look.glyphs.ellipsis, pen.look.dim());
            }
            Some((trace, solution)) => {
                x = mark(app, pen, x, y, (place.item, trace), solution.leaf);
                if trace.solutions.len() > 1 {
                    x = pen.text(x, y, left(x), &format!("{}/{} ", place.solution + 1, trace.solutions.len()), pen.look.dim());
                }
                let style = if here { pen.look.strong() } else { pen.look.plain() };
                pen.text(x, y, left(x), &one_line(app.problem_line(trace), 80), style);
            }
        }
        if here {
            select(app, pen, Rect { y, height: 1, ..rect }, true);
        }
    }
}

fn problem_row(app: &App, pen: &mut Pen<'_>, rect: Rect, rank: usize, item: ItemId) {
    let current = item == app.position();
    let mut x = pen.text(rect.x + 1, rect.y, 6, &format!("{:>4} ", rank + 1), pen.look.dim());
    let left = |x: u16| rect.right().saturating_sub(x);
    match app.items.get(item) {
        None => {
            pen.text(x, rect.y, left(x), pen.look.glyphs.ellipsis, pen.look.dim());
        }
        // What is served stands in this row as well: another text than the one that is judged would tell it apart.
        Some(view) => match if current { app.trace().or_else(|| app.items.trace(item)) } else { app.items.trace(item) } {
            None => {
                let error = view.errors.first().map_or(String::new(), ToString::to_string);
                pen.text(x, rect.y, left(x), &format!("! {error}"), pen.look.error());
            }
            Some(trace) => {
                if let [solution] = trace.solutions.as_slice() {
                    x = mark(app, pen, x, rect.y, (item, trace), solution.leaf);
                } else if trace.solutions.len() > COUNTED {
                    x = pen.text(x, rect.y, left(x), &format!("{} ", trace.solutions.len()), pen.look.dim());
                } else {
                    let done = trace.solutions.iter().filter(|s| app.own_labels(trace, s.leaf).is_labelled()).count();
                    x = pen.text(x, rect.y, left(x), &format!("{done}/{} ", trace.solutions.len()), pen.look.dim());
                }
                if !view.errors.is_empty() {
                    x = pen.text(x, rect.y, left(x), &format!("!{} ", view.errors.len()), pen.look.error());
                }
                let text = one_line(app.problem_line(trace), 80);
                let style = if current { pen.look.strong() } else { pen.look.plain() };
                pen.text(x, rect.y, left(x), &text, style);
            }
        },
    }
    if current {
        select(app, pen, rect, app.items.trace(item).is_none_or(|trace| trace.solutions.len() < 2));
    }
}

/// Own verdict on a solution; that one is unsure, has left it for later, or sent it back and waits, stands behind it.
fn mark(app: &App, pen: &mut Pen<'_>, x: u16, y: u16, (item, trace): (ItemId, &Trace), leaf: crate::trace::NodeId) -> u16 {
    let labels = app.own_labels(trace, leaf);
    let record = trace.record_key(leaf);
    let unsaved = app.save_state(record, None);
    let flagged = match app.own() {
        _ if unsaved.is_some() => unsaved.unwrap_or_default(),
        Some(own) if own.flagged(record) => "f",
        Some(own) if own.skipped(record) => {
            if app.waits(item, trace, &Solution::new(leaf)) {
                "S"
            } else {
                "s"
            }
        }
        _ => "",
    };
    let (mut text, label) = verdict(&labels, &pen.look.glyphs);
    if label == Label::Unseen && labels.steps.iter().any(|label| *label != Label::Unseen) {
        // Some of its steps are rated.
        "~".clone_into(&mut text);
    }
    let (_, style) = pen.look.label(label, true);
    pen.text(x, y, 4, &format!("{:<4}", format!("{text}{flagged}")), style)
}

fn solution_row(app: &App, pen: &mut Pen<'_>, rect: Rect, trace: &Trace, index: usize) {
    let solution = &trace.solutions[index];
    let left = |x: u16| rect.right().saturating_sub(x);
    let mut x = pen.text(rect.x + 1, rect.y, 8, &format!("   {:>3} ", index + 1), pen.look.dim());
    x = mark(app, pen, x, rect.y, (app.position(), trace), solution.leaf);
    if app.show_prm {
        let score = app.scoring.solution_score(trace, &trace.path(solution.leaf));
        if let Some(score) = score.filter(|_| app.shows_score_of(trace, solution.leaf)) {
            let style = pen.look.score(app.scoring.place(score));
            x = pen.text(x, rect.y, left(x), &format!("{:>3} ", short(score)), style);
        } else {
            x = pen.text(x, rect.y, left(x), "    ", pen.look.dim());
        }
    }
    let outcome = match solution.outcome {
        _ if !app.reference_shown() || !app.shows_score_of(trace, solution.leaf) => "",
        Outcome::Correct => pen.look.glyphs.check,
        Outcome::Wrong => pen.look.glyphs.cross,
        Outcome::Unknown => "",
    };
    x = pen.text(x, rect.y, left(x), &format!("{outcome} "), pen.look.plain());
    let name =
        solution.final_answer.as_deref().or(solution.generator.as_deref()).or(solution.source_id.as_deref()).unwrap_or_default();
    pen.text(x, rect.y, left(x), name, pen.look.plain());
    if index == app.listed_solution() {
        select(app, pen, rect, true);
    }
}

fn select(app: &App, pen: &mut Pen<'_>, rect: Rect, pointer: bool) {
    if pointer {
        let style = if app.focus == Focus::List { pen.look.selected() } else { pen.look.strong() };
        pen.restyle(rect, style);
        pen.text(rect.x, rect.y, 1, pen.look.glyphs.pointer, pen.look.strong());
    }
}
