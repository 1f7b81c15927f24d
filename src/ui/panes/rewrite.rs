//! A step being written: the text, what changed against the source, and the scores as they would be beside those that are.

use ratatui::layout::{Position, Rect};

use crate::app::App;
use crate::app::describe::short;
use crate::app::rewrite::Rewrite;
use crate::text::safe;
use crate::trace::StepKey;
use crate::typeset::Page;
use crate::ui::pen::Pen;
use crate::ui::styled::{Run, styled};

use super::one_line;

/// Rows of the text, and the first of them that is shown.
fn window(page: &Page, caret: usize, rect: Rect) -> (usize, usize) {
    let rows = page.rows().min(usize::from(rect.height / 2)).max(1);
    (caret.saturating_sub(rows - 1), rows)
}

fn width(rect: Rect) -> usize {
    usize::from(rect.width.saturating_sub(4)).max(10)
}

/// The byte of the shown text that the caret stands before.
fn caret_byte(rewrite: &Rewrite) -> usize {
    let cursor = rewrite.area.cursor();
    let lines = rewrite.area.lines();
    let mut before: String = lines.iter().take(cursor.0).flat_map(|line| [line.as_str(), "\n"]).collect();
    before.extend(lines.get(cursor.0).into_iter().flat_map(|line| line.chars().take(cursor.1)));
    safe(&before).len()
}

/// Draws the pane.
pub(in crate::ui) fn draw(app: &App, rewrite: &Rewrite, pen: &mut Pen<'_>, rect: Rect) {
    let title = format!(" step {} of {}, written anew ", rewrite.step + 1, app.cursor.path.len());
    pen.text(rect.x + 1, rect.y, rect.width.saturating_sub(1), &title, pen.look.strong());
    let page = Page::plain(&rewrite.text(), width(rect));
    let (first, rows) = window(&page, page.wrapped.row_at(caret_byte(rewrite)), rect);
    let changed: Vec<Run> = rewrite.changed.new.iter().map(|range| (range.clone(), pen.look.changed())).collect();
    let mut y = rect.y + 1;
    for row in page.wrapped.window(first, rows) {
        let x = rect.x + 2 + u16::try_from(row.indent).unwrap_or(0);
        pen.line(x, y, rect.right().saturating_sub(x), &styled(&page.text, row, &[&changed]));
        y += 1;
    }
    y = source(rewrite, pen, Rect { y, height: rect.bottom().saturating_sub(y), ..rect });
    scores(app, rewrite, pen, Rect { y, height: rect.bottom().saturating_sub(y), ..rect });
}

/// What the source says, with the words that are gone marked; gives the row behind it.
fn source(rewrite: &Rewrite, pen: &mut Pen<'_>, rect: Rect) -> u16 {
    if rewrite.changed.old.is_empty() && rewrite.changed.new.is_empty() {
        pen.text(rect.x + 1, rect.y, rect.width.saturating_sub(1), "as the source has it", pen.look.dim());
        return rect.y + 1;
    }
    pen.text(rect.x + 1, rect.y, rect.width.saturating_sub(1), "the source:", pen.look.dim());
    let page = Page::plain(&rewrite.source, width(rect));
    let gone: Vec<Run> = rewrite.changed.old.iter().map(|range| (range.clone(), pen.look.changed())).collect();
    let rows = page.wrapped.window(0, usize::from(rect.height.saturating_sub(1) / 2));
    let mut y = rect.y + 1;
    for row in rows {
        let x = rect.x + 2 + u16::try_from(row.indent).unwrap_or(0);
        pen.line(x, y, rect.right().saturating_sub(x), &styled(&page.text, row, &[&gone]));
        y += 1;
    }
    y
}

/// Scores from this step on: the source's, and those of the step as it is written. Hidden ones stay hidden.
fn scores(app: &App, rewrite: &Rewrite, pen: &mut Pen<'_>, rect: Rect) {
    let Some(trace) = app.trace() else { return };
    if !app.show_prm || rect.height < 2 {
        return;
    }
    let whole =
        rewrite.solution_scores(app).map_or(String::new(), |(new, old)| format!("   solution {} > {}", short(old), short(new)));
    pen.text(rect.x + 1, rect.y, rect.width.saturating_sub(1), &format!("PRM  was  now{whole}"), pen.look.dim());
    let score = |key: StepKey| app.scoring.scores.get(&key).map(|score| score.value());
    let rows = app.cursor.path.iter().enumerate().skip(rewrite.step).zip(rewrite.keys());
    for (y, ((step, &id), key)) in (rect.y + 1..rect.bottom()).zip(rows) {
        let node = trace.node(id);
        pen.text(rect.x + 1, y, 4, &format!("{:>3}", step + 1), pen.look.plain());
        for (x, value) in [(6, score(node.key)), (11, score(key))] {
            let style = value.map_or(pen.look.dim(), |value| pen.look.score(app.scoring.place(value)));
            let text = value.map_or("...".to_owned(), short);
            pen.text(rect.x + x, y, 4, &format!("{text:>3}"), style);
        }
        let text = if step == rewrite.step { &*rewrite.shown } else { node.text.as_str() };
        let x = rect.x + 16;
        pen.text(x, y, rect.right().saturating_sub(x), &one_line(text, 200), pen.look.plain());
    }
}

/// Where the caret stands.
pub(in crate::ui) fn caret(app: &App, rewrite: &Rewrite, rect: Rect) -> Option<Position> {
    let page = Page::plain(&rewrite.text(), width(rect));
    let byte = caret_byte(rewrite);
    let at = page.wrapped.row_at(byte);
    let (first, rows) = window(&page, at, rect);
    let row = page.wrapped.rows().get(at)?;
    // A caret behind the spaces that a break swallowed stands at the end of its row.
    let cells = app.look.ambiguous.text(page.text.get(row.range.start..byte.clamp(row.range.start, row.range.end))?);
    let x = rect.x + 2 + u16::try_from(row.indent + cells).ok()?;
    let y = rect.y + 1 + u16::try_from(at - first).ok()?;
    (at < first + rows && x < rect.right() && y < rect.bottom()).then_some(Position { x, y })
}
