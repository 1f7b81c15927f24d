//! The lines below the panes: why this is shown, the hot keys, saving and scoring, or an open input.

use ratatui::layout::{Position, Rect};

use crate::app::layout::{self, Panes};
use crate::app::{App, Focus};
use crate::labels::Digits;
use crate::typeset::Page;
use crate::ui::pen::Pen;
use crate::ui::styled::styled;

/// Draws the three parts.
pub(in crate::ui) fn draw(app: &App, pen: &mut Pen<'_>, panes: &Panes) {
    let why = panes.why;
    let x = pen.text(why.x + 1, why.y, 5, "why: ", pen.look.dim());
    let room = why.right().saturating_sub(x);
    pen.text(x, why.y, room, &app.why_in(usize::from(room)), pen.look.plain());
    hints(app, pen, panes.hints);
    match &app.input {
        Some(input) => {
            let x = pen.text(panes.status.x, panes.status.y, panes.status.width, input.prompt(), pen.look.strong());
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
    let looking = || app.seek.is_some().then(|| "looking... any key stops".to_owned());
    if let Some(said) = looking().or_else(|| app.notice.clone()).or_else(|| app.range_line()) {
        let body = Page::plain(&said, usize::from(rect.width.saturating_sub(2)));
        let rows = body.wrapped.window(0, usize::from(rect.height));
        let accent = [(0..body.text.len(), pen.look.accent())];
        for (y, row) in (rect.y..).zip(rows) {
            pen.line(rect.x + 1, y, rect.width - 1, &styled(&body.text, row, &[&accent]));
        }
        let used = u16::try_from(rows.len()).unwrap_or(rect.height);
        rect = Rect { y: rect.y + used, height: rect.height - used, ..rect };
    }
    let count_marks = app.project.digits == Digits::Mark;
    let hot = match app.focus {
        Focus::Steps if app.review.is_some() => REVIEW,
        Focus::Steps if !app.show_prm => [hot_keys(Focus::Steps)[0], BLIND],
        focus => hot_keys(focus),
    };
    for (index, hints) in hot.into_iter().take(usize::from(rect.height)).enumerate() {
        // Where digits are marks, nothing has to follow them.
        let hint = |hint: &Hint| {
            let counted = count_marks && hint.1 == "4";
            if counted { Some(format!("4 {}", hint.2)) } else { shown(app, *hint) }
        };
        let line: Vec<String> = hints.iter().filter_map(hint).collect();
        pen.text(rect.x + 1, rect.y + u16::try_from(index).unwrap_or(0), rect.width - 1, &line.join("  "), pen.look.dim());
    }
}

/// Commands with a key each, what stands before the first key (a count), and what they do in a word.
type Hint = (&'static [&'static str], &'static str, &'static str);

/// What is typed most in a review, in two lines.
const REVIEW: [&[Hint]; 2] = [
    &[
        (&["take"], "", "take a verdict"),
        (&["first-error"], "3", "decide 3"),
        (&["all-right"], "", "all right"),
        (&["send-back"], "", "send back"),
        (&["bad-problem"], "", "broken"),
    ],
    &[
        (&["next-disagreement", "previous-disagreement"], "", "undecided"),
        (&["group"], "", "group"),
        (&["names"], "", "names"),
        (&["undo"], "", "undo"),
        (&["note"], "", "note"),
        (&["diff"], "", "compare"),
        (&["hide-prm"], "", "PRM"),
    ],
];

/// What is typed besides by who judges blind: nothing is suspected there.
const BLIND: &[Hint] = &[
    (&["good"], "", "good"),
    (&["neutral"], "", "neutral"),
    (&["bad"], "", "bad"),
    (&["undo"], "", "undo"),
    (&["note"], "", "note"),
    (&["page-down"], "", "page"),
    (&["previous-solution", "next-solution"], "", "prev/next"),
    (&["later"], "", "later"),
];

/// What is typed most beside the steps, in two lines.
const STEPS: [&[Hint]; 2] = [
    &[
        (&["all-right"], "", "all right"),
        (&["first-error"], "", "error here"),
        (&["first-error"], "4", "at 4"),
        (&["first-error-at"], "", "by letter"),
        (&["first-error-kind"], "", "+ kind"),
        (&["unsure"], "", "unsure"),
        (&["bad-problem"], "", "broken"),
    ],
    &[
        (&["good"], "", "good"),
        (&["neutral"], "", "neutral"),
        (&["bad"], "", "bad"),
        (&["undo"], "", "undo"),
        (&["note"], "", "note"),
        (&["previous-solution", "next-solution"], "", "prev/next"),
        (&["next-suspect"], "", "suspect"),
        (&["hide-prm"], "", "PRM"),
    ],
];

/// The same in the tree.
const TREE: [&[Hint]; 2] = [
    &[
        (&["fold-or-parent", "unfold-or-child"], "", "fold"),
        (&["next-sibling", "previous-sibling"], "", "sibling"),
        (&["parent"], "", "parent"),
        (&["best-child"], "", "best"),
        (&["worst-child"], "", "worst"),
        (&["most-visited-child"], "", "visited"),
        (&["steps"], "", "steps"),
    ],
    &[
        (&["first-error"], "", "first error"),
        (&["good"], "", "good"),
        (&["neutral"], "", "neutral"),
        (&["bad"], "", "bad"),
        (&["all-right"], "", "all right"),
        (&["undo"], "", "undo"),
        (&["next-suspect"], "", "suspect"),
    ],
];

/// The same in the list.
const LIST: [&[Hint]; 2] = [
    &[
        (&["down", "up"], "", "solution"),
        (&["previous-problem", "next-problem"], "", "problem"),
        (&["toggle-fold"], "", "back to the steps"),
        (&["next-pane"], "", "next pane"),
    ],
    &[
        (&["all-right"], "", "all right"),
        (&["unsure"], "", "unsure"),
        (&["later"], "", "later"),
        (&["next-unlabelled"], "", "unlabelled"),
        (&["goto"], "37", "problem 37"),
        (&["search"], "", "search"),
    ],
];

fn hot_keys(focus: Focus) -> [&'static [Hint]; 2] {
    match focus {
        Focus::Steps => STEPS,
        Focus::Tree => TREE,
        Focus::List => LIST,
    }
}

/// A hint with the keys that are in force; nothing where a command has none.
fn shown(app: &App, (commands, count, what): (&[&str], &str, &str)) -> Option<String> {
    let keys: Vec<String> = commands.iter().map(|command| app.key(command)).filter(|key| !key.starts_with(':')).collect();
    (keys.len() == commands.len()).then(|| format!("{count}{} {what}", keys.join(" ")))
}

/// What the keys typed so far can become.
fn which_key(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    let typed = format!("{}{}", app.keys.count.map_or(String::new(), |count| count.to_string()), app.keys.pending.join(""));
    let mut line = format!("{typed} ... ");
    let rows = app.keys.continuations();
    // Every key can follow a count; the label keys are the ones that matter.
    let shown: Vec<String> = if app.keys.pending.is_empty() {
        let targets =
            [("first-error", "first error at this step"), ("bottom", "go to this step"), ("goto", "go to this problem")];
        targets.iter().filter_map(|(command, what)| shown(app, (&[command], "", what))).collect()
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
    let style = if app.saving.error.is_some() { pen.look.error() } else { pen.look.plain() };
    let x = pen.text(rect.x + 1, rect.y, rect.width - 1, &app.saving_line(), style);
    let typed = format!("{}{}", app.keys.count.map_or(String::new(), |count| count.to_string()), app.keys.pending.join(""));
    let x = pen.text(x + 2, rect.y, rect.right().saturating_sub(x + 3), &typed, pen.look.accent());
    let left = Rect { x: x + 1, width: rect.right().saturating_sub(x + 2), ..rect };
    pen.right(left, rect.y, &work(app, usize::from(left.width)), pen.look.dim());
}
