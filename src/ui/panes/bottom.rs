//! The lines below the panes: why this is shown, the hot keys, saving and scoring, or an open input.

use ratatui::layout::{Position, Rect};

use crate::app::App;
use crate::app::input::Input;
use crate::app::layout::{self, Panes};
use crate::text::safe_line;
use crate::ui::pen::Pen;

use super::{hints, steps};

/// Draws the three parts.
pub(in crate::ui) fn draw(app: &App, pen: &mut Pen<'_>, panes: &Panes) {
    let why = panes.why;
    let x = pen.text(why.x + 1, why.y, 6, " why: ", pen.look.dim());
    // What is not in sight yet stands at the end of the rule, where no other pane is below the steps.
    let last = panes.steps.is_some_and(|steps| steps.bottom() == why.y);
    let unseen = if last { steps::unseen(app).len() } else { 0 };
    let end = u16::try_from(if unseen > 0 { unseen + 5 } else { 1 }).unwrap_or(u16::MAX);
    let end = panes.steps.map_or(why.right(), Rect::right).min(why.right()).saturating_sub(end);
    let room = end.saturating_sub(x);
    pen.text(x, why.y, room, &format!("{} ", app.why_in(usize::from(room.saturating_sub(1)))), pen.look.plain());
    hints::draw(app, pen, panes.hints);
    match &app.input {
        Some(input) => {
            let x = pen.text(panes.status.x, panes.status.y, panes.status.width, input.prompt(), pen.look.strong());
            let room = panes.status.right().saturating_sub(x + 1);
            let (skipped, _) = scrolled(app, input, usize::from(room));
            let typed = safe_line(input.line.value());
            if skipped == 0 {
                pen.safe(x, panes.status.y, room, &typed, pen.look.plain());
            } else {
                let ellipsis = pen.look.glyphs.ellipsis;
                let (from, _) = pen.ambiguous().skip(&typed, skipped + pen.ambiguous().text(ellipsis));
                pen.text(x, panes.status.y, room, &format!("{ellipsis}{}", &typed[from..]), pen.look.plain());
            }
        }
        None => status(app, pen, panes.status),
    }
}

/// On the rule below a view that covers the screen: why the solution is there, and what became of the labels.
pub(in crate::ui) fn below_all(app: &App, pen: &mut Pen<'_>, area: Rect) {
    let y = area.bottom().saturating_sub(1);
    let saving = format!(" {} ", app.saving_line());
    let end = Rect { width: area.width.saturating_sub(2), ..area };
    pen.right(end, y, &saving, pen.look.dim());
    let room = usize::from(end.width).saturating_sub(saving.chars().count() + 12);
    let why = app.why_in(room);
    if !why.is_empty() && room > 10 {
        let x = pen.text(area.x + 2, y, 6, " why: ", pen.look.dim());
        pen.text(x, y, u16::try_from(room).unwrap_or(u16::MAX), &format!("{why} "), pen.look.plain());
    }
}

/// Where the caret of an open input stands.
pub(in crate::ui) fn caret(app: &App, area: Rect) -> Option<Position> {
    let panes = layout::panes(app)?;
    if let Some(rewrite) = &app.rewrite {
        return super::rewrite::caret(app, rewrite, panes.steps?);
    }
    let input = app.input.as_ref()?;
    let prompt = u16::try_from(input.prompt().len()).ok()?;
    let room = panes.status.width.checked_sub(prompt + 1)?;
    let (_, caret) = scrolled(app, input, usize::from(room));
    let x = panes.status.x + prompt + u16::try_from(caret).ok()?;
    (x < area.right()).then_some(Position { x, y: panes.status.y })
}

/// Cells of what was typed that are out of sight on the left, and of those that are left the one of the caret. They are counted as they are
/// drawn: signs that cannot be seen are written out.
fn scrolled(app: &App, input: &Input, room: usize) -> (usize, usize) {
    let typed = input.line.value();
    let end = typed.char_indices().nth(input.line.cursor()).map_or(typed.len(), |(at, _)| at);
    let caret = app.look.ambiguous.text(&safe_line(&typed[..end]));
    let skipped = (caret + 1).saturating_sub(room);
    (skipped, caret - skipped)
}

/// How far the annotator has come and what the model is doing. A model that died is news; one that works is not, and gives way.
fn work(app: &App, room: usize) -> String {
    const GAP: &str = "   ";
    let beside = |scoring: &str| room.saturating_sub(scoring.chars().count() + GAP.len());
    if let Some(sampling) = app.sampling_line() {
        return sampling;
    }
    let progress = app.progress_line(usize::MAX);
    let scoring = [app.scoring_line(), app.scoring_short(), String::new()];
    let fits = |scoring: &&String| progress.chars().count() <= beside(scoring);
    let scoring = scoring.iter().find(|scoring| app.scoring.failed() || fits(scoring)).map_or("", String::as_str);
    let parts = [app.progress_line(beside(scoring)), scoring.to_owned()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(GAP)
}

/// What became of the labels stands first and is never cut short by anything else.
fn status(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    let style = if app.saving.error.is_some() || app.is_alarmed() { pen.look.error() } else { pen.look.plain() };
    let x = pen.text(rect.x + 1, rect.y, rect.width - 1, &app.saving_line(), style);
    let typed = format!("{}{}", app.keys.count.map_or(String::new(), |count| count.to_string()), app.keys.pending.join(""));
    let x = pen.text(x + 2, rect.y, rect.right().saturating_sub(x + 3), &typed, pen.look.accent());
    let left = Rect { x: x + 1, width: rect.right().saturating_sub(x + 2), ..rect };
    pen.right(left, rect.y, &work(app, usize::from(left.width)), pen.look.dim());
}
