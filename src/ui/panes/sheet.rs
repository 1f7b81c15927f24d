//! A page of text over the screen.

use ratatui::layout::Rect;

use crate::app::App;
use crate::app::sheet::{Sheet, VIEW};
use crate::ui::pen::Pen;
use crate::ui::styled::{Run, styled};

use super::hints::heading;

/// Draws the page between two rules.
pub(in crate::ui) fn draw(app: &App, sheet: &Sheet, pen: &mut Pen<'_>, area: Rect) {
    pen.clear(area);
    pen.rule(Rect { height: 1, ..area });
    pen.rule(Rect { y: area.bottom().saturating_sub(1), height: 1, ..area });
    heading(app, &VIEW, sheet.title, pen, area);
    let Some(page) = sheet.page() else { return };
    let room = usize::from(area.height.saturating_sub(2)).max(1);
    let top = sheet.first_row(page.row_of(sheet.from), page.rows(), room);
    let inks: Vec<Run> = page.inks.iter().map(|(range, ink)| (range.clone(), pen.look.ink(*ink))).collect();
    for (y, row) in (area.y + 1..area.bottom().saturating_sub(1)).zip(page.wrapped.window(top, room)) {
        let x = area.x + 2 + u16::try_from(row.indent).unwrap_or(0);
        pen.line(x, y, area.right().saturating_sub(x), &styled(&page.text, row, &[&inks]));
    }
}
