//! The problem statement, pinned above the steps.

use ratatui::layout::Rect;

use crate::app::{App, layout};
use crate::ui::pen::Pen;
use crate::ui::styled::{mark_runs, styled};

/// Draws as many rows of the problem as there are; the last one says how many are hidden.
pub(in crate::ui) fn draw(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    if rect.height == 0 {
        return;
    }
    if app.trace().is_none() {
        pen.text(rect.x + 1, rect.y, rect.width - 1, waiting(app), pen.look.dim());
        return;
    }
    pen.text(rect.x + 1, rect.y, 2, "Q", pen.look.strong());
    let Some(body) = app.problem_page(layout::problem_width(rect)) else { return };
    let rows = body.wrapped.rows();
    let marks = mark_runs(&body.text, pen.look.replaced());
    let shown = usize::from(rect.height).min(rows.len());
    let hidden = rows.len() - shown;
    let mut tail = app.facts().to_owned();
    if hidden > 0 {
        let more = format!("+{hidden} line{}, {}", if hidden == 1 { "" } else { "s" }, app.key("whole-problem"));
        tail = if tail.is_empty() { more } else { format!("{more} | {tail}") };
    }
    let last = rect.bottom() - 1;
    let start = if tail.is_empty() { rect.right() } else { pen.right(rect, last, &tail, pen.look.accent()) };
    for (y, row) in (rect.y..).zip(rows.iter().take(shown)) {
        let line = styled(&body.text, row, &[&marks]);
        let x = rect.x + 4 + u16::try_from(row.indent).unwrap_or(0);
        let end = if y == last { start.saturating_sub(2) } else { rect.right() };
        let room = end.saturating_sub(x);
        pen.line(x, y, room, &line);
        if usize::from(room) < row.width {
            // Nothing is cut without a sign.
            pen.text(end, y, 1, pen.look.glyphs.ellipsis, pen.look.accent());
        }
    }
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
