//! The problem statement, pinned above the steps.

use ratatui::layout::Rect;

use crate::app::{App, layout};
use crate::text::Row;
use crate::ui::pen::Pen;
use crate::ui::styled::{mark_runs, styled};

/// Draws as many rows of the problem as there is room for: its beginning and its last one, and how many are hidden in between.
pub(in crate::ui) fn draw(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    if rect.height == 0 {
        return;
    }
    if app.trace().is_none() {
        pen.text(rect.x + 1, rect.y, rect.width - 1, waiting(app), pen.look.dim());
        return;
    }
    let (rect, place) = layout::problem_parts(app, rect);
    if let Some(place) = place {
        picture(app, pen, place);
    }
    pen.text(rect.x + 1, rect.y, 2, "Q", pen.look.strong());
    let Some(body) = app.problem_page(layout::problem_width(rect)) else { return };
    let rows = body.wrapped.rows();
    let marks = mark_runs(&body.text, pen.look.replaced());
    let shown = usize::from(rect.height).min(rows.len());
    let hidden = rows.len() - shown;
    // The question stands at the end of most problems, and one row is often the end of it: what is hidden is hidden before.
    let end = if hidden > 0 { [0, 0, 1, 1].get(shown).copied().unwrap_or(2) } else { 0 };
    let first = shown - end;
    let more = match hidden {
        0 => String::new(),
        1 => format!("+1 line, {}", app.key("whole-problem")),
        _ => format!("+{hidden} lines, {}", app.key("whole-problem")),
    };
    let facts = if layout::facts_on_rule(app, rect) { "" } else { app.facts() };
    let tails = |y: u16| {
        let (gap, last) = (hidden > 0 && y + 1 == rect.y + u16::try_from(first).unwrap_or(u16::MAX), y + 1 == rect.bottom());
        let parts = [more.as_str()].into_iter().filter(|_| gap).chain(Some(facts).filter(|facts| last && !facts.is_empty()));
        parts.collect::<Vec<_>>().join(" | ")
    };
    // Nor does it stand in an empty line, or in one that only closes something.
    let says = |row: &&Row| {
        let words = body.text[row.range.clone()].trim();
        !(words.is_empty() || words.starts_with("[/") || words.starts_with("\\end") || words == "```")
    };
    let mut last: Vec<&Row> = rows[first..].iter().rev().filter(says).take(end).collect();
    last.reverse();
    let visible = rows[..first].iter().chain(last);
    for (y, row) in (rect.y..rect.bottom()).zip(visible.map(Some).chain(std::iter::repeat(None))) {
        let tail = tails(y);
        let edge = if tail.is_empty() { rect.right() } else { pen.right(rect, y, &tail, pen.look.accent()).saturating_sub(2) };
        let Some(row) = row else { continue };
        let x = rect.x + 4 + u16::try_from(row.indent).unwrap_or(0);
        let room = edge.saturating_sub(x);
        pen.line(x, y, room, &styled(&body.text, row, &[&marks]));
        if usize::from(room) < row.width {
            // Nothing is cut without a sign.
            pen.text(edge, y, 1, pen.look.glyphs.ellipsis, pen.look.accent());
        }
    }
}

/// Draws the picture of the problem, or says why there is none.
fn picture(app: &App, pen: &mut Pen<'_>, place: Rect) {
    let said = match app.picture_made((place.width, place.height)) {
        None => "the picture is being read".to_owned(),
        Some(Err(why)) => format!("the picture {why}"),
        Some(Ok(drawn)) => match pen.picture(place, drawn) {
            Ok(()) => return,
            Err(why) => format!("the picture {why}"),
        },
    };
    pen.text(place.x, place.y, place.width, &said, pen.look.dim());
}

fn waiting(app: &App) -> &'static str {
    if app.items.get(app.cursor.item).is_some() {
        "this record cannot be read"
    } else if app.items.total() == 0 && app.items.complete() {
        "there is no record in this file"
    } else {
        "reading..."
    }
}
