//! The steps that a rule would make of a solution, in place of those that it has.

use ratatui::layout::Rect;

use crate::app::segmenting::Segmenting;
use crate::text::safe_line;
use crate::typeset::Page;
use crate::ui::pen::Pen;
use crate::ui::styled::styled;

/// Draws the pane.
pub(in crate::ui) fn draw(open: &Segmenting, pen: &mut Pen<'_>, rect: Rect) {
    let width = rect.width.saturating_sub(2);
    let warning = open.warning().map_or(String::new(), |warning| format!("; {warning} by this one"));
    let title = format!(" steps by another rule, now {}{warning} ", open.now);
    pen.text(rect.x + 1, rect.y, width, &title, pen.look.strong());
    let mut y = rules(open, pen, Rect { y: rect.y + 1, ..rect }) + 1;
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

/// The rules with the number of steps that each makes, the one on show in its own colour, in as many rows as they need. Gives the row
/// below them.
fn rules(open: &Segmenting, pen: &mut Pen<'_>, rect: Rect) -> u16 {
    let (mut x, mut y) = (rect.x + 1, rect.y);
    for (index, offer) in open.offers.iter().enumerate() {
        let chosen = index == open.at;
        let cell = format!("{} {}", offer.name(), offer.starts.len());
        let cell = if chosen { format!("[{cell}]") } else { format!(" {cell} ") };
        let style = if chosen { pen.look.strong() } else { pen.look.dim() };
        let cells = u16::try_from(pen.ambiguous().text(&safe_line(&cell))).unwrap_or(u16::MAX);
        if x > rect.x + 1 && cells > rect.right().saturating_sub(x) {
            (x, y) = (rect.x + 1, y + 1);
        }
        if y >= rect.bottom() {
            break;
        }
        x = pen.text(x, y, rect.right().saturating_sub(x), &cell, style);
    }
    y + 1
}
