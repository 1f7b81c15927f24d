//! The help sheet over the screen.

use ratatui::layout::Rect;

use crate::app::App;
use crate::app::commands::help::{HelpSheet, Row, SAID};
use crate::app::lists::Window;
use crate::ui::pen::Pen;
use crate::ui::styled::styled;

/// Draws the matching commands with the chosen one marked.
pub(in crate::ui) fn draw(app: &App, sheet: &HelpSheet, pen: &mut Pen<'_>, area: Rect) {
    let rect = Rect { x: area.x + 1, y: area.y + 1, width: area.width.saturating_sub(2), height: area.height.saturating_sub(2) };
    pen.clear(area);
    pen.rule(rect);
    pen.rule(Rect { y: rect.bottom() - 1, height: 1, ..rect });
    let view = sheet.view.map_or(String::new(), |view| format!("{}, then ", view.name));
    let title = format!(" {view}all keys ({}): type to find, Enter runs, Esc closes ", app.keys.map.preset);
    pen.text(rect.x + 2, rect.y, rect.width.saturating_sub(4), &title, pen.look.strong());
    let prompt = format!("find: {}", sheet.filter);
    pen.text(rect.x + 2, rect.y + 1, rect.width.saturating_sub(4), &prompt, pen.look.accent());
    let rows = sheet.rows(&app.keys.map, app.focus);
    let said = sheet.said(app);
    let said_rows = said.as_ref().map_or(0, |said| said.rows().min(SAID));
    let below = u16::try_from(said_rows).unwrap_or(0);
    let y = rect.bottom().saturating_sub(1 + below);
    if let Some(said) = &said {
        pen.rule(Rect { y: y.saturating_sub(1), height: 1, ..rect });
        for (y, row) in (y..).zip(said.wrapped.window(0, said_rows)) {
            pen.line(rect.x + 2, y, rect.width.saturating_sub(4), &styled(&said.text, row, &[]));
        }
    }
    let Window { y: first, top, rows: room } = sheet.window(app);
    let keys = |row: &Row| row.keys(&app.keys.map).join(" ");
    let wide = u16::try_from(rows.iter().map(|row| keys(row).chars().count()).max().unwrap_or(0)).unwrap_or(16).min(16);
    for (index, row) in rows.iter().skip(top).take(room).enumerate() {
        let y = area.y + first + u16::try_from(index).unwrap_or(0);
        pen.text(rect.x + 2, y, wide, &keys(row), pen.look.strong());
        let (at, name) = (rect.x + 4 + wide, format!("  {}", row.name()));
        let x = pen.text(at, y, rect.right().saturating_sub(at + 1), row.doc(), pen.look.plain());
        // The name is what one types; of the chosen row it stands below, too.
        let left = rect.right().saturating_sub(x + 1);
        if name.chars().count() <= usize::from(left) {
            pen.text(x, y, left, &name, pen.look.dim());
        }
        if top + index == sheet.chosen {
            pen.restyle(Rect { y, height: 1, ..rect }, pen.look.selected());
        }
    }
    if rows.is_empty() {
        pen.text(rect.x + 2, rect.y + 2, rect.width, "no command matches", pen.look.dim());
    }
}
