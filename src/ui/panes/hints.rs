//! The keys below the panes: those that are typed most, what the keys typed so far can become, or those of what owns the keyboard. What
//! there is to say stands above them, and takes as many rows as it needs.

use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::app::input::Input;
use crate::app::views::{self, ViewKeys};
use crate::app::{App, Focus};
use crate::labels::Digits;
use crate::typeset::Page;
use crate::ui::pen::Pen;
use crate::ui::styled::styled;

/// Names of commands that are shown at once while one is typed.
const OFFERS: usize = 8;

/// Draws keys and messages; `rect` is their place as long as there is little to say.
pub(super) fn draw(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    if app.hint_due {
        return which_key(app, pen, rect);
    }
    let width = usize::from(rect.width.saturating_sub(2));
    let keys = rows_of(&keys(app), "  ", width);
    let said = message(app).map(|said| Page::plain(&said, width));
    let lines: Vec<Line<'_>> = said.iter().flat_map(|page| lines(pen, page)).collect();
    // A message may take rows from the keys, but never the one with those that are typed most; a longer one stands over the panes.
    let height = usize::from(rect.height);
    let fits = lines.len() < height;
    let most = if fits { height - lines.len() } else { height };
    let shown = u16::try_from(keys.len().min(most)).unwrap_or(1);
    let bottom = rect.bottom() - shown;
    for (y, keys) in (bottom..rect.bottom()).rev().zip(&keys) {
        pen.text(rect.x + 1, y, rect.width - 1, keys, pen.look.dim());
    }
    let top = if fits { rect.y } else { over_panes(pen, rect, lines.len()) };
    let end = if fits { bottom } else { rect.y.saturating_sub(1) };
    for (y, line) in (top..end).zip(&lines) {
        pen.line(rect.x + 1, y, rect.width - 1, line);
    }
    offers(app, pen, Rect { height: bottom - top.min(rect.y), y: top.min(rect.y), ..rect });
}

/// Makes room for so many rows over the panes, above the line that says why the solution is there; gives the first of them.
fn over_panes(pen: &mut Pen<'_>, rect: Rect, rows: usize) -> u16 {
    let why = rect.y.saturating_sub(1);
    let top = why.saturating_sub(u16::try_from(rows).unwrap_or(u16::MAX)).max(1);
    pen.clear(Rect { y: top, height: why.saturating_sub(top), ..rect });
    top
}

/// Makes room for so many rows above `bottom`, over the panes where the place of the keys is too small; gives the first of them.
fn above(pen: &mut Pen<'_>, rect: Rect, bottom: u16, rows: usize) -> u16 {
    let top = bottom.saturating_sub(u16::try_from(rows).unwrap_or(u16::MAX)).max(1);
    if top < rect.y {
        pen.clear(Rect { y: top, height: rect.y - top, ..rect });
        top
    } else {
        rect.y
    }
}

fn lines<'a>(pen: &Pen<'_>, page: &'a Page) -> Vec<Line<'a>> {
    let accent = [(0..page.text.len(), pen.look.accent())];
    page.wrapped.window(0, page.rows()).iter().map(|row| styled(&page.text, row, &[&accent])).collect()
}

/// What there is to say.
fn message(app: &App) -> Option<String> {
    let looking = || app.seek.is_some().then(|| "looking... any key stops".to_owned());
    looking().or_else(|| app.notice.clone()).or_else(|| app.range_line())
}

/// The names that a half-typed command can become, above the place `rect`.
fn offers(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    let Some(input) = &app.input else { return };
    let offers = input.offers();
    if offers.is_empty() {
        return;
    }
    let chosen = offers.iter().position(|command| command.name == input.line.value());
    let rows = offers.len().min(OFFERS);
    let first = chosen.unwrap_or(0).saturating_sub(rows - 1);
    let height = u16::try_from(rows + 1).unwrap_or(u16::MAX).min(rect.y.saturating_sub(1));
    let area = Rect { y: rect.y - height, height, ..rect };
    pen.clear(area);
    pen.rule(Rect { height: 1, ..area });
    if offers.len() > rows {
        pen.text(area.x + 2, area.y, area.width - 2, &format!(" {} commands ", offers.len()), pen.look.dim());
    }
    let wide = offers.iter().map(|command| command.usage().len()).max().unwrap_or(0);
    for (y, (index, command)) in (area.y + 1..area.bottom()).zip(offers.iter().enumerate().skip(first)) {
        let x = pen.text(area.x + 1, y, area.width - 1, &format!("{:<wide$}  ", command.usage()), pen.look.strong());
        pen.text(x, y, area.right().saturating_sub(x), command.doc, pen.look.plain());
        if chosen == Some(index) {
            pen.restyle(Rect { y, height: 1, ..area }, pen.look.selected());
        }
    }
}

/// The keys to show, those that are typed most first.
fn keys(app: &App) -> Vec<String> {
    if let Some(keys) = keys_of_owner(app) {
        return keys;
    }
    let hints = match app.focus {
        Focus::Steps if app.review.is_some() => REVIEW,
        Focus::Steps => STEPS,
        Focus::Tree => TREE,
        Focus::List => LIST,
    };
    // Where digits are marks, nothing has to follow them.
    let count_marks = app.project.digits == Digits::Mark;
    let blind = app.focus == Focus::Steps && app.review.is_none() && !app.show_prm;
    let shown = |hint: &Hint| match hint {
        (.., "at 4") if count_marks => Some("4 at 4".to_owned()),
        // Nothing is suspected there.
        (["next-suspect"], ..) if blind => shown(app, (&["later"], "", "later")),
        (["hide-prm"], ..) if blind => shown(app, (&["page-down"], "", "page")),
        hint => shown(app, *hint),
    };
    let own = views::here(app).map_or_else(Vec::new, |view| view.hints(app));
    own.into_iter().chain(hints.iter().filter_map(shown)).collect()
}

/// The keys of an open input, choice or view.
fn keys_of_owner(app: &App) -> Option<Vec<String>> {
    let input = app.input.as_ref().map(Input::keys);
    input
        .or(app.rewrite.as_ref().map(|_| "Ctrl-s keeps it as a correction  Esc leaves no trace"))
        .or(app.choice.as_ref().map(|_| "a letter answers  Esc leaves it"))
        .map(|keys| keys.split("  ").map(str::to_owned).collect())
        .or_else(|| views::owner(app).map(|view| of_view(app, view)))
}

/// The keys of a view, and the one that shows all of them.
fn of_view(app: &App, view: &ViewKeys) -> Vec<String> {
    let mut keys = view.hints(app);
    keys.push(format!("{} keys", views::help_key(app)));
    keys
}

/// Draws on the first rule of a view that covers the screen what it is, and its keys as far as there is room.
pub(super) fn heading(app: &App, view: &ViewKeys, title: &str, pen: &mut Pen<'_>, area: Rect) {
    let mut keys = of_view(app, view);
    let line = |keys: &[String]| format!(" {title}: {} ", keys.join("  "));
    let room = area.width.saturating_sub(4);
    // Those that matter least stand before the one that shows all.
    while line(&keys).chars().count() > usize::from(room) && keys.len() > 1 {
        keys.remove(keys.len() - 2);
    }
    pen.text(area.x + 2, area.y, room, &line(&keys), pen.look.strong());
}

/// Entries in rows, broken between them.
fn rows_of(entries: &[String], gap: &str, width: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for entry in entries {
        match rows.last_mut() {
            Some(row) if row.chars().count() + gap.len() + entry.chars().count() <= width => {
                row.push_str(gap);
                row.push_str(entry);
            }
            _ => rows.push(entry.clone()),
        }
    }
    rows
}

/// Commands with a key each, what stands before the first key (a count), and what they do in a word.
type Hint = (&'static [&'static str], &'static str, &'static str);

/// What is typed most in a review.
const REVIEW: &[Hint] = &[
    (&["take"], "", "take a verdict"),
    (&["first-error"], "3", "decide 3"),
    (&["all-right"], "", "all right"),
    (&["send-back"], "", "send back"),
    (&["bad-problem"], "", "broken"),
    (&["next-disagreement", "previous-disagreement"], "", "undecided"),
    (&["group"], "", "group"),
    (&["names"], "", "names"),
    (&["undo"], "", "undo"),
    (&["note"], "", "note"),
    (&["diff"], "", "compare"),
    (&["hide-prm"], "", "PRM"),
];

/// What is typed most beside the steps.
const STEPS: &[Hint] = &[
    (&["all-right"], "", "all right"),
    (&["first-error"], "", "error here"),
    (&["first-error"], "4", "at 4"),
    (&["good"], "", "good"),
    (&["neutral"], "", "neutral"),
    (&["bad"], "", "bad"),
    (&["undo"], "", "undo"),
    (&["note"], "", "note"),
    (&["first-error-at"], "", "by letter"),
    (&["first-error-kind"], "", "+ kind"),
    (&["unsure"], "", "unsure"),
    (&["bad-problem"], "", "broken"),
    (&["previous-solution", "next-solution"], "", "prev/next"),
    (&["next-suspect"], "", "suspect"),
    (&["hide-prm"], "", "PRM"),
];

/// The same in the tree.
const TREE: &[Hint] = &[
    (&["first-error"], "", "first error"),
    (&["good"], "", "good"),
    (&["neutral"], "", "neutral"),
    (&["bad"], "", "bad"),
    (&["all-right"], "", "all right"),
    (&["undo"], "", "undo"),
    (&["next-suspect"], "", "suspect"),
    (&["fold-or-parent", "unfold-or-child"], "", "fold"),
    (&["next-sibling", "previous-sibling"], "", "sibling"),
    (&["parent"], "", "parent"),
    (&["best-child"], "", "best"),
    (&["worst-child"], "", "worst"),
    (&["most-visited-child"], "", "visited"),
    (&["steps"], "", "steps"),
];

/// The same in the list.
const LIST: &[Hint] = &[
    (&["down", "up"], "", "solution"),
    (&["previous-problem", "next-problem"], "", "problem"),
    (&["toggle-fold"], "", "back to the steps"),
    (&["next-pane"], "", "next pane"),
    (&["next-unlabelled"], "", "unlabelled"),
    (&["goto"], "37", "problem 37"),
    (&["search"], "", "search"),
];

/// What follows a number.
const COUNTED: &[Hint] = &[
    (&["first-error"], "", "first error at this step"),
    (&["bottom"], "", "go to this step"),
    (&["goto"], "", "go to this problem"),
];

/// A hint with the keys that are in force; nothing where a command has none.
fn shown(app: &App, (commands, count, what): Hint) -> Option<String> {
    let keys: Vec<String> = commands.iter().map(|command| app.key(command)).filter(|key| !key.starts_with(':')).collect();
    (keys.len() == commands.len()).then(|| format!("{count}{} {what}", keys.join(" ")))
}

/// What the keys typed so far can become: all of it, over the panes where that takes more rows.
fn which_key(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    let typed = format!("{}{}", app.keys.count.map_or(String::new(), |count| count.to_string()), app.keys.pending.join(""));
    // Every key can follow a count; the label keys are the ones that matter.
    let entries: Vec<String> = if app.keys.pending.is_empty() {
        COUNTED.iter().filter_map(|hint| shown(app, *hint)).collect()
    } else {
        app.keys.continuations().iter().map(|(keys, command)| format!("{keys} {}", command.name)).collect()
    };
    let entries: Vec<String> = std::iter::once(format!("{typed} ...")).chain(entries).collect();
    let rows = rows_of(&entries, "   ", usize::from(rect.width.saturating_sub(2)));
    let top = above(pen, rect, rect.bottom(), rows.len());
    for (y, row) in (top..rect.bottom()).zip(&rows) {
        pen.text(rect.x + 1, y, rect.width - 1, row, pen.look.accent());
    }
}
