//! Program, file, position, annotator, blind or not.

use std::fmt::Write;

use ratatui::layout::Rect;

use crate::app::App;
use crate::app::items::FileState;
use crate::labels::Mode;
use crate::trace::EndState;
use crate::ui::pen::Pen;

/// Cells that the name of the file has at least.
const NAME: usize = 8;

/// Draws the title line. The filter is never out of sight: before it is cut, everything beside it gives way.
pub(in crate::ui) fn draw(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    let item = app.position();
    let file = app.items.files.get(item.file);
    let name = file.map_or("", FileState::short_name);
    let (right, state, filter) = (right_side(app), state(app), filter(app));
    let room = usize::from(rect.width).saturating_sub(right.chars().count() + state.len() + 2);
    let whole = name.chars().count();
    let forms = [
        (11, whole, true, true, true),
        (11, whole, false, true, true),
        (11, NAME, false, true, true),
        (0, NAME, false, true, true),
        (0, NAME, false, false, true),
        (0, NAME, false, false, false),
    ];
    let parts = forms.map(|(program, name, word, steps, looked)| {
        (program, name.min(whole), position(app, word), found(app, looked), place(app, steps))
    });
    let taken = |(program, name, position, found, place): &(usize, usize, String, String, String)| {
        program + name + position.len() + found.len() + place.len()
    };
    let fits = |form: &&(usize, usize, String, String, String)| taken(form) + filter.chars().count() <= room;
    // Without a filter there is nothing that the rest would have to give way to.
    let least = if filter.is_empty() { 2 } else { forms.len() - 1 };
    let form = parts.iter().find(fits).unwrap_or(&parts[least]);
    let filter = cut(&filter, room.saturating_sub(taken(form)));
    let (program, name_room, position, found, place) = form;
    let mut at = rect.x + 1;
    let mut put = |text: &str, cells: usize, style| {
        let cells = u16::try_from(cells).unwrap_or(u16::MAX).min(rect.right().saturating_sub(at));
        at = pen.text(at, rect.y, cells, text, style);
    };
    let (strong, accent, plain, error, dim) =
        (app.look.strong(), app.look.accent(), app.look.plain(), app.look.error(), app.look.dim());
    put("stepscope  ", *program, strong);
    put(name, *name_room, accent);
    put(position, usize::MAX, plain);
    put(&filter, usize::MAX, accent);
    put(found, usize::MAX, plain);
    put(place, usize::MAX, plain);
    put(&state, usize::MAX, error);
    pen.right(rect, rect.y, &right, dim);
}

/// Where one is in the files, or in an exam; with the `word` that says what is counted, where there is room: solutions are more.
fn position(app: &App, word: bool) -> String {
    if let Some((at, all)) = app.trust.question() {
        return format!("  question {at} of {all}");
    }
    let more = if app.items.complete() { "" } else { "+" };
    format!("  {}{}/{}{more}", if word { "problem " } else { "" }, app.items.rank(app.position()) + 1, app.items.total())
}

/// Solution and step.
fn place(app: &App, steps: bool) -> String {
    let solutions = app.trace().map_or(0, |trace| trace.solutions.len());
    let beside = app.solution().is_some() && app.solution_on_show().is_none();
    let mut place = match solutions {
        _ if beside && steps => format!("  beside solution {}/{solutions}", app.cursor.solution + 1),
        _ if beside => "  beside".to_owned(),
        0 | 1 => String::new(),
        _ if steps => format!("  solution {}/{solutions}", app.cursor.solution + 1),
        _ => format!("  {}/{solutions}", app.cursor.solution + 1),
    };
    if steps && !app.cursor.path.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(place, "  step {}/{}", app.cursor.step() + 1, app.cursor.path.len());
    }
    place
}

/// Order and filter in force, as they were typed.
fn filter(app: &App) -> String {
    let filter = app.queue.filter_text();
    match app.queue.active() {
        false => String::new(),
        true if filter.is_empty() => format!("  [{}", app.queue.order_name()),
        true if app.queue.order_name() == "file" => format!("  [&{filter}"),
        true => format!("  [{} &{filter}", app.queue.order_name()),
    }
}

/// What filter and order found: place, those that fit, of those looked at, and how many are not known yet.
fn found(app: &App, looked_at: bool) -> String {
    if !app.queue.active() {
        return String::new();
    }
    let (looked, fitting, unknown) = app.queue.looked;
    let at = app.place_in_queue().map_or("-".to_owned(), |at| (at + 1).to_string());
    match (looked_at, unknown) {
        (false, _) => format!(": {at}/{fitting}]"),
        (true, 0) => format!(": {at} of {fitting} / {looked}]"),
        (true, unknown) => format!(": {at} of {fitting} / {looked}, {unknown} not known]"),
    }
}

/// As much of a text as there is room for.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(2)).chain("..".chars()).collect()
}

fn right_side(app: &App) -> String {
    let blind = match app.trust.mode {
        Mode::RevealAfter if app.show_prm => "REVEAL, shown  ",
        _ if app.show_prm => "",
        Mode::Blind if app.scores_seen() => "BLIND, was seen  ",
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
    let review = match &app.review {
        Some(review) if review.names => "REVIEW, names shown  ",
        Some(_) => "REVIEW  ",
        None => "",
    };
    let rules = app.project.rules().name();
    let gap = if rules.is_empty() { "" } else { "  " };
    format!("{unopened}{skipped}{indexing}{rules}{gap}{blind}{review}{}  {}help ", app.annotator, app.key("help"))
}

/// What was said of the solution as a whole.
fn state(app: &App) -> String {
    let Some((record, session)) = app.record_key().zip(app.own()) else { return String::new() };
    let mut state = String::new();
    match app.trace().map(|trace| app.own_labels(trace, app.leaf()).end_state) {
        Some(EndState::BadProblem) => state.push_str("  BAD PROBLEM"),
        Some(EndState::GiveUp) => state.push_str("  GIVEN UP"),
        _ => {}
    }
    if session.flagged(record) {
        state.push_str("  UNSURE");
    }
    let waits = || app.trace().zip(app.solution()).is_some_and(|(trace, solution)| app.waits(app.cursor.item, trace, solution));
    if session.skipped(record) {
        state.push_str(if waits() { "  SENT BACK" } else { "  LATER" });
    }
    state
}
