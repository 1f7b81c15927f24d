//! The lines below the panes: why this is shown, the hot keys, saving and scoring, or an open input.

use ratatui::layout::{Position, Rect};

use crate::app::layout::{self, Panes};
use crate::app::{App, Focus};
use crate::typeset::Page;
use crate::ui::pen::Pen;
use crate::ui::styled::styled;

/// Draws the three parts.
pub(in crate::ui) fn draw(app: &App, pen: &mut Pen<'_>, panes: &Panes) {
    let why = panes.why;
    let x = pen.text(why.x + 1, why.y, 5, "why: ", pen.look.dim());
    pen.text(x, why.y, why.right().saturating_sub(x), &app.why(), pen.look.plain());
    hints(app, pen, panes.hints);
    match &app.input {
        Some(input) => {
            let x = pen.text(panes.status.x, panes.status.y, 8, input.prompt(), pen.look.strong());
            let room = panes.status.right().saturating_sub(x + 1);
            let skip = input.line.visual_scroll(usize::from(room));
            let (from, _) = pen.ambiguous().skip(input.line.value(), skip);
            pen.text(x, panes.status.y, room, &input.line.value()[from..], pen.look.plain());
        }
        None => status(app, pen, panes.status),
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
    let caret = input.line.visual_cursor() - input.line.visual_scroll(usize::from(room));
    let x = panes.status.x + prompt + u16::try_from(caret).ok()?;
    (x < area.right()).then_some(Position { x, y: panes.status.y })
}

/// Keys, or what there is to say: a message takes the place of the first line.
fn hints(app: &App, pen: &mut Pen<'_>, mut rect: Rect) {
    if app.hint_due {
        return which_key(app, pen, rect);
    }
    let said = if app.seek.is_some() { Some("looking\u{2026} any key stops") } else { app.notice.as_deref() };
    if let Some(said) = said {
        let body = Page::plain(said, usize::from(rect.width.saturating_sub(2)));
        let rows = body.wrapped.window(0, usize::from(rect.height));
        let accent = [(0..body.text.len(), pen.look.accent())];
        for (y, row) in (rect.y..).zip(rows) {
            pen.line(rect.x + 1, y, rect.width - 1, &styled(&body.text, row, &[&accent]));
        }
        let used = u16::try_from(rows.len()).unwrap_or(rect.height);
        rect = Rect { y: rect.y + used, height: rect.height - used, ..rect };
    }
    let lines: [&str; 2] = match app.focus {
        Focus::Steps => [
            "a all right  x first error here  4x error at 4  X + kind  f unsure  ! broken",
            "= good  0 neutral  - bad  u undo  c note  ( ) prev/next  ]e suspect  p hide PRM",
        ],
        Focus::Tree => [
            "h l fold  J K sibling  gp parent  gb best  gw worst  gv visited  gs steps",
            "x first error  = good  0 neutral  - bad  a all right  u undo  ]e suspect",
        ],
        Focus::List => [
            "j k solution  { } problem  Enter back to the steps  Tab next pane",
            "a all right  f unsure  s later  ]u unlabelled  37go problem 37  / search",
        ],
    };
    for (index, line) in lines.iter().take(usize::from(rect.height)).enumerate() {
        pen.text(rect.x + 1, rect.y + u16::try_from(index).unwrap_or(0), rect.width - 1, line, pen.look.dim());
    }
}

/// What the keys typed so far can become.
fn which_key(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    let typed = format!("{}{}", app.keys.count.map_or(String::new(), |count| count.to_string()), app.keys.pending.join(""));
    let mut line = format!("{typed} \u{2026} ");
    let rows = app.keys.continuations();
    // Every key can follow a count; the label keys are the ones that matter.
    let shown: Vec<String> = if app.keys.pending.is_empty() {
        vec!["x first error at this step".to_owned(), "G go to this step".to_owned(), "go go to this problem".to_owned()]
    } else {
        rows.iter().map(|(keys, command)| format!("{keys} {}", command.name)).collect()
    };
    // As many rows as there are, cut between commands.
    let mut y = rect.y;
    for entry in shown {
        if line.len() + entry.len() + 4 > usize::from(rect.width) && y + 1 < rect.bottom() {
            pen.text(rect.x + 1, y, rect.width - 1, &line, pen.look.accent());
            line = String::from("   ");
            y += 1;
        }
        line.push_str(&entry);
        line.push_str("   ");
    }
    pen.text(rect.x + 1, y, rect.width - 1, &line, pen.look.accent());
}

/// What became of the labels stands first and is never cut short by anything else.
fn status(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    let style = if app.saving.error.is_some() { pen.look.error() } else { pen.look.plain() };
    let x = pen.text(rect.x + 1, rect.y, rect.width - 1, &app.saving_line(), style);
    let typed = format!("{}{}", app.keys.count.map_or(String::new(), |count| count.to_string()), app.keys.pending.join(""));
    let x = pen.text(x + 2, rect.y, rect.right().saturating_sub(x + 3), &typed, pen.look.accent());
    let left = Rect { x: x + 1, width: rect.right().saturating_sub(x + 2), ..rect };
    pen.right(left, rect.y, &app.scoring_line(), pen.look.dim());
}
