//! The steps that a rule would make of a solution, in place of those that it has.

use ratatui::layout::Rect;

use crate::app::segmenting::Segmenting;
use crate::typeset::Page;
use crate::ui::pen::Pen;
use crate::ui::styled::styled;

/// Draws the pane.
pub(in crate::ui) fn draw(open: &Segmenting, pen: &mut Pen<'_>, rect: Rect) {
    let width = rect.width.saturating_sub(2);
    let title = format!(" steps by another rule, now {} ", open.now);
    pen.text(rect.x + 1, rect.y, width, &title, pen.look.strong());
    rules(open, pen, Rect { y: rect.y + 1, height: 1, ..rect });
    let mut y = rect.y + 3;
    for (index, text) in open.texts.iter().enumerate().skip(open.top) {
        let page = Page::plain(text, usize::from(rect.width.saturating_sub(8)).max(10));
        for (line, row) in page.wrapped.window(0, page.rows()).iter().enumerate() {
            if y >= rect.bottom() {
                return;
            }
            if line == 0 {
                pen.text(rect.x + 1, y, 5, &format!("{:>4}", index + 1), pen.look.accent());
            }
            let x = rect.x + 7 + u16::try_from(row.indent).unwrap_or(0);
            pen.line(x, y, rect.right().saturating_sub(x), &styled(&page.text, row, &[]));
            y += 1;
        }
    }
}

/// The rules with the number of steps that each makes, the one on show in its own colour.
fn rules(open: &Segmenting, pen: &mut Pen<'_>, rect: Rect) {
    let mut x = rect.x + 1;
    for (index, offer) in open.offers.iter().enumerate() {
        let chosen = index == open.at;
        let cell = format!("{} {}", offer.name(), offer.starts.len());
        let cell = if chosen { format!("[{cell}]") } else { format!(" {cell} ") };
        let style = if chosen { pen.look.strong() } else { pen.look.dim() };
        pen.text(x, rect.y, rect.right().saturating_sub(x), &cell, style);
        x = (x + u16::try_from(cell.len()).unwrap_or(u16::MAX)).min(rect.right());
    }
}
