//! The whole solution in one row: a cell a step, or a cell for several steps where there are many.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::app::App;
use crate::app::describe::short;
use crate::app::layout::{self, strip_cells};
use crate::trace::Label;
use crate::ui::pen::Pen;

/// A step as the strip shows it.
#[derive(Clone, Copy)]
struct Cell {
    /// Where its score stands between wrong (0) and right (1).
    place: Option<f64>,
    label: Label,
    current: bool,
}

/// Draws the strip over the rule above the texts of the steps, and the largest drop of the score behind it. Blind sessions see their own marks.
pub(in crate::ui) fn draw(app: &App, pen: &mut Pen<'_>, rule: Rect) {
    let Some(trace) = app.trace().filter(|_| app.cursor.path.len() > 1) else { return };
    let own = app.own().map_or_else(Vec::new, |_| app.own_labels(trace, app.leaf()).steps);
    let outlook = app.outlook();
    // What is not shown yet says nothing here either.
    let open = app.open_steps();
    let steps: Vec<Cell> = app
        .cursor
        .path
        .iter()
        .take(open)
        .enumerate()
        .map(|(step, &id)| Cell {
            place: outlook.scores.get(step).copied().flatten().filter(|_| app.show_prm).map(|score| app.scoring.place(score)),
            label: own.get(step).copied().unwrap_or(Label::Unseen),
            current: id == app.cursor.node,
        })
        .collect();
    let (mut x, each) = strip_cells(app, rule, steps.len());
    pen.text(x - 1, rule.y, 1, " ", pen.look.plain());
    for cells in steps.chunks(each) {
        let (sign, style) = sign(app, pen, &merged(cells));
        x = pen.text(x, rule.y, 1, &sign, style);
    }
    let mut tail = if each > 1 { format!(" {each} steps a cell") } else { " ".to_owned() };
    if let Some((step, drop)) = app.score_drop().filter(|(step, _)| *step < open) {
        tail = format!("{tail}{}{} at {} ", pen.look.glyphs.more[1], short(drop), step + 1);
    }
    pen.text(x, rule.y, rule.right().saturating_sub(x), &tail, pen.look.dim());
}

/// Reference, answer and verdict at the end of the rule, where they have room.
pub(in crate::ui) fn facts(app: &App, pen: &mut Pen<'_>, rule: Rect) {
    if layout::facts_on_rule(app, rule) && !app.facts().is_empty() {
        let end = Rect { width: rule.width - 2, ..rule };
        pen.right(end, rule.y, &format!(" {} ", app.facts()), pen.look.accent());
    }
}

/// Several steps as one: the lowest score, the worst mark.
fn merged(cells: &[Cell]) -> Cell {
    let worst = |a: Label, b: Label| if a == Label::Bad || b == Label::Unseen { a } else { b };
    cells
        .iter()
        .copied()
        .reduce(|a, b| Cell {
            place: a.place.into_iter().chain(b.place).reduce(f64::min),
            label: worst(a.label, b.label),
            current: a.current || b.current,
        })
        .unwrap_or(Cell { place: None, label: Label::Unseen, current: false })
}

fn sign(app: &App, pen: &Pen<'_>, cell: &Cell) -> (String, Style) {
    let (sign, style) = match cell.place {
        Some(place) => (pen.look.level(place).to_owned(), pen.look.score(place)),
        None if app.show_prm => (pen.look.narrow().dot.to_owned(), pen.look.dim()),
        None => (crate::ui::theme::label_mark(cell.label).to_string(), pen.look.dim()),
    };
    (sign, if cell.current { style.add_modifier(Modifier::REVERSED) } else { style })
}
