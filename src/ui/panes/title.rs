//! Program, file, position, annotator, blind or not.

use std::fmt::Write;

use ratatui::layout::Rect;

use crate::app::App;
use crate::labels::{Mode, Verdict};
use crate::ui::pen::Pen;

/// Cells that the name of the file has at least.
const NAME: u16 = 8;

/// Draws the title line.
pub(in crate::ui) fn draw(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    let item = app.position();
    let file = app.items.files.get(item.file);
    let name = file.map_or("", |file| file.name.rsplit('/').next().unwrap_or(&file.name));
    let total = app.items.total();
    let more = if app.items.complete() { "" } else { "+" };
    let mut at = pen.text(rect.x + 1, rect.y, 12, "stepscope  ", pen.look.strong());
    let right = right_side(app);
    let room = rect.width.saturating_sub(at + u16::try_from(right.len()).unwrap_or(0) + 2);
    let mut position = match app.trust.question() {
        Some((at, all)) => format!("  question {at} of {all}"),
        None => format!("  {}/{total}{more}", app.items.rank(item) + 1),
    };
    let solutions = app.trace().map_or(0, |trace| trace.solutions.len());
    let mut place = if solutions > 1 { format!("  solution {}/{solutions}", app.cursor.solution + 1) } else { String::new() };
    if !app.cursor.path.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(place, "  step {}/{}", app.cursor.step() + 1, app.cursor.path.len());
    }
    let state = state(app);
    // The filter takes what the place leaves.
    let taken = position.len() + place.len() + state.len() + usize::from(NAME);
    position.push_str(&queue(app, usize::from(room).saturating_sub(taken)));
    let tail = u16::try_from(position.len() + place.len() + state.len()).unwrap_or(0);
    at = pen.text(at, rect.y, room.saturating_sub(tail).max(NAME), name, pen.look.accent());
    at = pen.text(at, rect.y, rect.right().saturating_sub(at), &position, pen.look.plain());
    at = pen.text(at, rect.y, rect.right().saturating_sub(at), &place, pen.look.plain());
    pen.text(at, rect.y, rect.right().saturating_sub(at), &state, pen.look.error());
    pen.right(rect, rect.y, &right, pen.look.dim());
}

/// Filter and order with what they found: place / fitting of those looked at, and how many are not known yet.
fn queue(app: &App, room: usize) -> String {
    if !app.queue.active() {
        return String::new();
    }
    let (looked, fitting, unknown) = app.queue.looked;
    let at = app.place_in_queue().map_or("-".to_owned(), |at| (at + 1).to_string());
    let unknown = if unknown > 0 { format!(", {unknown} not known") } else { String::new() };
    let filter = app.queue.filter_text();
    let found = format!(": {at} of {fitting} / {looked}{unknown}]");
    let named = format!("  [{}", app.queue.order_name());
    if filter.is_empty() {
        return named + &found;
    }
    let room = room.saturating_sub(named.len() + found.len() + 2);
    let cut = filter.chars().count() > room;
    let filter: String = filter.chars().take(if cut { room.saturating_sub(2) } else { room }).collect();
    format!("{named} &{filter}{}{found}", if cut { ".." } else { "" })
}

fn right_side(app: &App) -> String {
    let blind = match app.trust.mode {
        _ if app.show_prm => "",
        Mode::Blind => "BLIND  ",
        Mode::RevealAfter => "REVEAL  ",
        Mode::Assist => "BLIND SHARE  ",
    };
    let bad = app.items.files.iter().filter(|file| !file.complete).count();
    let indexing = if bad > 0 {
        let (done, total) = app.items.files.iter().fold((0, 0), |sum, file| (sum.0 + file.progress.0, sum.1 + file.progress.1));
        let percent = (done * 100).checked_div(total).unwrap_or(0);
        format!("indexing {percent}%  ")
    } else {
        String::new()
    };
    let skipped = app.items.bad();
    let skipped = if skipped > 0 { format!("{skipped} bad records  ") } else { String::new() };
    let unopened = match app.unopened.len() {
        0 => String::new(),
        1 => "1 file NOT OPENED  ".to_owned(),
        count => format!("{count} files NOT OPENED  "),
    };
    format!("{unopened}{skipped}{indexing}{blind}{}  {}help ", app.annotator, app.key("help"))
}

/// What was said of the solution as a whole.
fn state(app: &App) -> String {
    let Some((record, session)) = app.record_key().zip(app.own()) else { return String::new() };
    let mut state = String::new();
    match session.verdict(record) {
        Some(Verdict::BadProblem(_)) => state.push_str("  BAD PROBLEM"),
        Some(Verdict::GiveUp(_)) => state.push_str("  GIVEN UP"),
        _ => {}
    }
    if session.flagged(record) {
        state.push_str("  UNSURE");
    }
    if session.skipped(record) {
        state.push_str("  LATER");
    }
    state
}
