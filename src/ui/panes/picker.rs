//! The picker of problems over the screen.

use ratatui::layout::Rect;

use crate::app::App;
use crate::app::lists::Window;
use crate::app::picker::{Picker, VIEW};
use crate::ui::pen::Pen;

use super::hints::heading;

/// Draws what was typed and what fits.
pub(in crate::ui) fn draw(app: &App, picker: &Picker, pen: &mut Pen<'_>, area: Rect) {
    pen.clear(area);
    pen.rule(Rect { height: 1, ..area });
    pen.rule(Rect { y: area.bottom().saturating_sub(1), height: 1, ..area });
    let (looked, total) = (picker.looked(), app.items.total());
    let progress = if looked < total { format!(" of {looked} of {total} looked at") } else { String::new() };
    let title = format!("{} problems{progress}, type to find", picker.count);
    heading(app, &VIEW, &title, pen, area);
    let width = area.width.saturating_sub(4);
    pen.text(area.x + 2, area.y + 1, width, &format!("go to: {}", picker.line.value()), pen.look.accent());
    let Window { y: first, top, rows } = picker.window(area.height);
    for (index, (item, text)) in picker.found().enumerate().skip(top).take(rows) {
        let y = area.y + first + u16::try_from(index - top).unwrap_or(0);
        let x = pen.text(area.x + 2, y, 8, &format!("{:>6}  ", app.items.rank(item) + 1), pen.look.dim());
        let line = app.items.trace(item).map_or(text, |trace| app.problem_line(trace));
        // What is drawn says less of the answers than what is looked through; without formulas both are the same.
        let line = if line.contains(text) || text.contains(['\\', '$']) { line } else { text };
        pen.text(x, y, area.right().saturating_sub(x + 2), &super::one_line(line, 300), pen.look.plain());
        if index == picker.chosen {
            pen.restyle(Rect { y, height: 1, ..area }, pen.look.selected());
        }
    }
    if picker.listed() == 0 && !picker.is_weighing() {
        pen.text(area.x + 2, area.y + 2, width, "no problem fits", pen.look.dim());
    }
}
