//! The problem statement, pinned above the steps.

use ratatui::layout::Rect;

use crate::app::steps::problem_body;
use crate::app::{App, layout};
use crate::trace::Outcome;
use crate::ui::pen::Pen;
use crate::ui::text::{mark_runs, styled};

/// Draws as many rows of the problem as there are; the last one says how many are hidden.
pub(in crate::ui) fn draw(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    if rect.height == 0 {
        return;
    }
    let Some(trace) = app.trace() else {
        pen.text(rect.x + 1, rect.y, rect.width - 1, waiting(app), pen.look.dim());
        return;
    };
    pen.text(rect.x + 1, rect.y, 2, "Q", pen.look.strong());
    let body = problem_body(trace, layout::problem_width(rect));
    let rows = body.wrapped.rows();
    let marks = mark_runs(&body.text, pen.look.replaced());
    for (index, row) in rows.iter().take(usize::from(rect.height)).enumerate() {
        let line = styled(&body.text, row, &[&marks]);
        let indent = u16::try_from(row.indent).unwrap_or(0);
        pen.line(rect.x + 4 + indent, rect.y + u16::try_from(index).unwrap_or(0), rect.width - 4, &line);
    }
    let last = rect.bottom() - 1;
    let hidden = rows.len().saturating_sub(usize::from(rect.height));
    let mut facts = Vec::new();
    if hidden > 0 {
        facts.push(format!("+{hidden} lines gQ"));
    }
    if app.show_reference {
        if let Some(reference) = &trace.problem.reference_answer {
            facts.push(format!("ref {}", short(reference)));
        }
        if let Some(answer) = app.solution().and_then(|solution| solution.final_answer.as_ref()) {
            facts.push(format!("got {}", short(answer)));
        }
        match app.solution().map(|solution| solution.outcome) {
            Some(Outcome::Wrong) => facts.push("WRONG".to_owned()),
            Some(Outcome::Correct) => facts.push("RIGHT".to_owned()),
            _ => {}
        }
    }
    if !facts.is_empty() {
        pen.right(rect, last, &format!("  {}", facts.join(" | ")), pen.look.accent());
    }
}

fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() > 18 { line.chars().take(17).chain(['\u{2026}']).collect() } else { line.to_owned() }
}

fn waiting(app: &App) -> &'static str {
    if app.items.get(app.cursor.item).is_some() {
        "this record cannot be read"
    } else if app.items.total() == 0 && app.items.complete() {
        "there is no record in this file"
    } else {
        "reading\u{2026}"
    }
}
