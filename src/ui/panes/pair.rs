//! Two solutions side by side over the screen.

use ratatui::layout::Rect;

use crate::app::App;
use crate::app::describe::short;
use crate::app::pair::{GUTTER, Laid, Pair};
use crate::ui::pen::Pen;
use crate::ui::styled::{Run, styled};

/// Draws the rows from the first one on the screen on.
pub(in crate::ui) fn draw(app: &App, pair: &Pair, pen: &mut Pen<'_>, area: Rect) {
    pen.clear(area);
    pen.rule(Rect { height: 1, ..area });
    pen.rule(Rect { y: area.bottom().saturating_sub(1), height: 1, ..area });
    let title = " side by side: Enter goes to the step, o to that on the right, n p other solutions, z folds, Esc closes ";
    pen.text(area.x + 2, area.y, area.width.saturating_sub(4), title, pen.look.strong());
    let half = area.width.saturating_sub(1) / 2;
    let sides = [area.x, area.x + half + 1].map(|x| Rect { x, width: half, ..area });
    for (rect, solution) in sides.iter().zip(pair.sides) {
        pen.text(rect.x + 1, area.y + 1, rect.width.saturating_sub(1), &app.solution_in_short(solution), pen.look.accent());
    }
    let mut y = area.y + 2;
    let end = area.bottom().saturating_sub(1);
    for (index, row) in pair.laid().iter().enumerate().skip(pair.top) {
        if y >= end {
            break;
        }
        let room = usize::from(end - y);
        if row.steps == [None; 2] {
            let said = format!("{} steps that both begin with (z)", pair.shared);
            pen.text(area.x + GUTTER, y, area.width.saturating_sub(GUTTER), &said, pen.look.dim());
        }
        for (side, rect) in sides.iter().enumerate() {
            draw_side(app, pair, pen, row, side, Rect { y, height: u16::try_from(room).unwrap_or(u16::MAX), ..*rect });
        }
        if index == pair.chosen {
            pen.text(area.x, y, 1, pen.look.glyphs.pointer, pen.look.strong());
        }
        let height = row.height().min(room);
        for y in (y..end).take(height) {
            pen.text(area.x + half, y, 1, pen.look.glyphs.border, pen.look.dim());
        }
        y += u16::try_from(height).unwrap_or(u16::MAX);
    }
}

/// Number, score and text of the step of a row on one side, its own words marked.
fn draw_side(app: &App, pair: &Pair, pen: &mut Pen<'_>, row: &Laid, side: usize, rect: Rect) {
    let Some((step, page)) = row.steps[side].zip(row.pages[side].as_ref()) else { return };
    pen.text(rect.x + 1, rect.y, 3, &format!("{:>3}", step + 1), pen.look.plain());
    let key = app.trace().zip(pair.paths[side].get(step)).map(|(trace, id)| trace.node(*id).key);
    if let Some(score) = key.and_then(|key| app.shown_score(key)) {
        let style = pen.look.score(app.scoring.place(score.value()));
        pen.text(rect.x + 5, rect.y, 4, &short(score.value()), style);
    }
    let inks: Vec<Run> = page.inks.iter().map(|(range, ink)| (range.clone(), pen.look.ink(*ink))).collect();
    let own = if side == 0 { &row.changed.old } else { &row.changed.new };
    let changed: Vec<Run> = own.iter().map(|range| (range.clone(), pen.look.changed())).collect();
    let rows = page.wrapped.rows();
    let room = usize::from(rect.height);
    for (y, wrapped) in (rect.y..).zip(rows.iter().take(room)) {
        let x = rect.x + GUTTER + u16::try_from(wrapped.indent).unwrap_or(0);
        pen.line(x, y, rect.right().saturating_sub(x), &styled(&page.text, wrapped, &[&inks, &changed]));
    }
    if rows.len() > room {
        let more = format!(" +{} rows ", rows.len() - room);
        pen.right(rect, rect.y + rect.height - 1, &more, pen.look.accent());
    }
}
