//! Keys and other events of the terminal: who gets them, and which command they run.

use crossterm::event::{Event as TerminalEvent, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::commands::{Command, Takes};
use super::keys::{self, Press};
use super::layout::bounded;
use super::{
    App, Effect, Focus, answers, choice, clusters, commands, input, layout, mouse, pair, picker, replay, rewrite, saving,
    segmenting, sheet, split, views,
};
use crate::labels::Digits;

pub(super) fn terminal(app: &mut App, event: TerminalEvent) -> Vec<Effect> {
    app.heard += 1;
    match event {
        TerminalEvent::Key(key) if key.kind != KeyEventKind::Release => {
            app.progress.keys += 1;
            // Nothing is bound to Alt: terminals send the same bytes for Alt-q and for Esc followed by q.
            let split = matches!(key.code, KeyCode::Char(_))
                && key.modifiers.contains(KeyModifiers::ALT)
                && app.input.is_none()
                && app.rewrite.is_none();
            let keys = if split {
                vec![KeyEvent::from(KeyCode::Esc), KeyEvent::new(key.code, key.modifiers - KeyModifiers::ALT)]
            } else {
                vec![key]
            };
            keys.into_iter().flat_map(|key| saving::key_or_hold(app, key)).collect()
        }
        TerminalEvent::Paste(text) => {
            if let Some(input) = &mut app.input {
                let taken = input.paste(&text);
                if taken < text.len() {
                    app.notice = Some(format!("the pasted text is cut: {taken} of {} bytes have room here", text.len()));
                }
            }
            app.paste_into_rewrite(&text)
        }
        TerminalEvent::Mouse(event) => {
            if !app.mouse || app.input.is_some() || app.rewrite.is_some() || app.choice.is_some() {
                return Vec::new();
            }
            mouse::event(app, event)
        }
        TerminalEvent::Resize(columns, rows) => {
            app.size = bounded((columns, rows));
            app.steps.pinned = None;
            Vec::new()
        }
        _ => Vec::new(),
    }
}

pub(super) fn key_press(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    app.hint_due = false;
    app.walk.suggest = false;
    app.away = None;
    // A spoilt screen is drawn anew whatever is open; a sign alone may be meant for what is.
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    if control && app.keys.single(key).is_some_and(|command| command.name == "redraw") {
        return vec![Effect::Redraw];
    }
    if app.input.is_some() {
        return input::key(app, key);
    }
    if app.rewrite.is_some() {
        return rewrite::key(app, key);
    }
    if app.choice.is_some() {
        return choice::key(app, key);
    }
    if app.help.is_some() {
        return commands::help::key(app, key);
    }
    if views::owner(app).is_some() && views::asks(app, key) {
        return commands::help::open(app, None);
    }
    if app.split.is_some() {
        return split::key(app, key);
    }
    if app.segmenting.is_some() {
        return segmenting::key(app, key);
    }
    if app.picker.is_some() {
        return picker::key(app, key);
    }
    if app.answers.is_some() {
        return answers::key(app, key);
    }
    if app.alike.clusters.as_ref().is_some_and(|clusters| clusters.open) {
        return clusters::key(app, key);
    }
    if app.pair.is_some() {
        return pair::key(app, key);
    }
    if app.sheet.is_some() {
        return sheet::key(app, key);
    }
    app.notice = None;
    app.seek = None;
    if replay::key(app, key) {
        return Vec::new();
    }
    let Some(token) = keys::token(key) else { return Vec::new() };
    match app.keys.press(token) {
        Press::Run(command, count) => run(app, command, count),
        Press::Pending => digits(app),
        Press::Cancelled => Vec::new(),
        Press::Unknown(typed) => {
            app.notice = Some(format!("{typed} is not bound; {} shows the keys", app.key("help")));
            Vec::new()
        }
    }
}

/// Where digits are marks, a number that no further digit can make another step of this solution marks it; `1` of twelve steps waits for its
/// second digit, or for `x`.
fn digits(app: &mut App) -> Vec<Effect> {
    let marks = app.project.digits == Digits::Mark && app.focus == Focus::Steps && app.keys.pending.is_empty();
    let Some(number) = app.keys.count.filter(|number| marks && number * 10 > app.cursor.path.len()) else { return Vec::new() };
    app.keys.clear();
    commands::by_name("first-error").map_or_else(Vec::new, |command| run(app, command, Some(number)))
}

/// What a command is run with.
#[derive(Debug, Clone)]
pub(crate) enum Given {
    /// The count before its keys.
    Count(Option<usize>),
    /// What was typed behind its name.
    Argument(String),
}

/// Runs one command of the table.
pub(crate) fn run(app: &mut App, command: &'static Command, count: Option<usize>) -> Vec<Effect> {
    run_given(app, command, Given::Count(count))
}

/// Runs it with a count or an argument.
pub(crate) fn run_given(app: &mut App, command: &'static Command, given: Given) -> Vec<Effect> {
    if !saving::leaves(app, command) {
        saving::stay(app);
    }
    let blind_label = command.group == commands::Group::Label && !matches!(command.name, "undo" | "redo");
    if blind_label && layout::panes(app).is_none_or(|panes| panes.steps.is_none()) {
        app.notice = Some("labels are set where the steps can be seen: Enter goes there".to_owned());
        return Vec::new();
    }
    if command.group == commands::Group::Label
        && let Some(why) = app.exam_refuses()
    {
        app.notice = Some(why.to_owned());
        return Vec::new();
    }
    // Who goes somewhere by themselves wants to see what is there.
    app.walk.passing.take_if(|_| command.group != commands::Group::Label);
    // Whoever looks around leaves what was served, and is where they believed to be.
    let elsewhere =
        matches!(command.name, "next-problem" | "previous-problem" | "goto") || command.group == commands::Group::Search;
    if (elsewhere || app.focus == Focus::List) && app.back_from_serving() {
        app.label_nodes();
    }
    if saving::put_off(app, command, &given) {
        return Vec::new();
    }
    if commands::label::REPEATED.contains(&command.name) {
        app.last_label = Some(commands::label::Again::Command(command));
    }
    match (given, command.takes) {
        (Given::Count(count), _) => (command.run)(app, count),
        (Given::Argument(argument), Takes::Argument(takes)) => (takes.run)(app, &argument),
        (Given::Argument(argument), Takes::Answer { question, .. }) => choice::say(app, command, question, &argument),
        (Given::Argument(_), Takes::Nothing | Takes::Count) => Vec::new(),
    }
}
