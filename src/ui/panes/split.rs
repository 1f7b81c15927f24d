//! The two parts of a step that is about to be split, above the hot keys.

use ratatui::layout::Rect;

use crate::app::layout::Panes;
use crate::app::split::Split;
use crate::typeset::Page;
use crate::ui::pen::Pen;
use crate::ui::styled::styled;

/// Rows of each part that are shown: its end and its beginning.
const ROWS: usize = 4;

/// Draws both parts over the lower end of the panes.
pub(in crate::ui) fn draw(split: &Split, pen: &mut Pen<'_>, panes: &Panes) {
    let foot = panes.why;
    let width = usize::from(foot.width.saturating_sub(8)).max(10);
    let (before, after) = split.parts();
    let texts = [Page::plain(before, width), Page::plain(after, width)];
    let rows = texts.each_ref().map(|page| page.rows().clamp(1, ROWS));
    let top = foot.y.saturating_sub(u16::try_from(rows[0] + rows[1] + 1).unwrap_or(u16::MAX)).max(1);
    let area = Rect { x: foot.x, y: top, width: foot.width, height: foot.y - top };
    pen.clear(area);
    pen.rule(Rect { height: 1, ..area });
    let title = format!(" split step {} ", split.step + 1);
    pen.text(area.x + 2, area.y, area.width.saturating_sub(4), &title, pen.look.strong());
    let mut y = area.y + 1;
    for (part, page) in texts.iter().enumerate() {
        let first = if part == 0 { page.rows().saturating_sub(ROWS) } else { 0 };
        if first > 0 {
            let above = format!(" +{first} {} above ", if first == 1 { "row" } else { "rows" });
            let rule = Rect { width: area.width.saturating_sub(2), ..area };
            pen.right(rule, area.y, &above, pen.look.accent());
        }
        let number = format!("{:>4}", split.step + 1 + part);
        pen.text(area.x + 1, y, 5, &number, pen.look.accent());
        for row in page.wrapped.window(first, rows[part]) {
            let x = area.x + 7 + u16::try_from(row.indent).unwrap_or(0);
            pen.line(x, y, area.right().saturating_sub(x), &styled(&page.text, row, &[]));
            y += 1;
        }
    }
}
