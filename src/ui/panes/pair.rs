//! Two solutions side by side over the screen.

use ratatui::layout::Rect;

use crate::app::App;
use crate::app::blocks::Part;
use crate::app::describe::short;
use crate::app::pair::{GUTTER, Pair, VIEW};
use crate::ui::pen::Pen;
use crate::ui::styled::{Run, styled};

use super::hints::heading;

/// Draws the rows from the first one on the screen on.
pub(in crate::ui) fn draw(app: &App, pair: &Pair, pen: &mut Pen<'_>, area: Rect) {
    pen.clear(area);
    pen.rule(Rect { height: 1, ..area });
    pen.rule(Rect { y: area.bottom().saturating_sub(1), height: 1, ..area });
    heading(app, &VIEW, "side by side", pen, area);
    let half = area.width.saturating_sub(1) / 2;
    let sides = [area.x, area.x + half + 1].map(|x| Rect { x, width: half, ..area });
    for (rect, solution) in sides.iter().zip(pair.sides) {
        pen.text(rect.x + 1, area.y + 1, rect.width.saturating_sub(1), &app.solution_in_short(solution), pen.look.accent());
    }
    let rows = Rect { y: area.y + 2, height: area.height.saturating_sub(3), ..area };
    for part in &pair.visible {
        let y = rows.y + u16::try_from(part.y).unwrap_or(u16::MAX);
        if y >= rows.bottom() {
            break;
        }
        let body = Rect { y, height: u16::try_from(part.rows).unwrap_or(u16::MAX).min(rows.bottom() - y), ..rows };
        let folds = pair.rows().get(part.block) == Some(&[None; 2]);
        if folds {
            let said = format!("{} {} that both begin with (z)", pair.shared, if pair.shared == 1 { "step" } else { "steps" });
            pen.text(area.x + GUTTER, y, area.width.saturating_sub(GUTTER), &said, pen.look.dim());
        }
        for (side, rect) in sides.iter().enumerate() {
            draw_side(app, pair, pen, *part, side, Rect { x: rect.x, width: rect.width, ..body });
        }
        for y in (body.y..body.bottom()).filter(|_| !folds) {
            pen.text(area.x + half, y, 1, pen.look.glyphs.border, pen.look.dim());
        }
        if part.block == pair.chosen {
            let sign = |y: u16| if part.first == 0 && y == body.y { pen.look.glyphs.pointer } else { pen.look.glyphs.border };
            let signs: Vec<_> = (body.y..body.bottom()).map(|y| (y, sign(y))).collect();
            for (y, sign) in signs {
                pen.text(area.x, y, 1, sign, pen.look.strong());
            }
        }
    }
}

/// The part that is in sight of one side of a row: number and score where the step begins, its text, its own words marked.
fn draw_side(app: &App, pair: &Pair, pen: &mut Pen<'_>, part: Part, side: usize, rect: Rect) {
    let Some((row, laid)) = pair.rows().get(part.block).zip(pair.laid(part.block)) else { return };
    let Some((step, page)) = row[side].zip(laid.pages[side].as_ref()) else { return };
    if part.first == 0 {
        pen.text(rect.x + 1, rect.y, 3, &format!("{:>3}", step + 1), pen.look.plain());
        let key = app.trace().zip(pair.paths[side].get(step)).map(|(trace, id)| trace.node(*id).key);
        if let Some(score) = key.and_then(|key| app.shown_score(key)) {
            let style = pen.look.score(app.scoring.place(score.value()));
            pen.text(rect.x + 5, rect.y, 4, &short(score.value()), style);
        }
    }
    let inks: Vec<Run> = page.inks.iter().map(|(range, ink)| (range.clone(), pen.look.ink(*ink))).collect();
    let own = if side == 0 { &laid.changed.old } else { &laid.changed.new };
    let changed: Vec<Run> = own.iter().map(|range| (range.clone(), pen.look.changed())).collect();
    let rows = page.wrapped.rows().iter().skip(part.first);
    for (y, wrapped) in (rect.y..rect.bottom()).zip(rows) {
        let x = rect.x + GUTTER + u16::try_from(wrapped.indent).unwrap_or(0);
        pen.line(x, y, rect.right().saturating_sub(x), &styled(&page.text, wrapped, &[&inks, &changed]));
    }
    let hidden = page.rows().saturating_sub(part.first + part.rows);
    if hidden > 0 {
        pen.right(
            rect,
            rect.bottom() - 1,
            &format!(" +{hidden} {}, Space ", if hidden == 1 { "row" } else { "rows" }),
            pen.look.accent(),
        );
    }
}
