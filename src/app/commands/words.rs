//! What an annotator writes about a step: note, critique, tags.

use crate::app::input::{Input, Purpose};
use crate::app::{App, Effect, Manuscript, sampling, scissors};
use crate::trace::{Node, Writing};

use super::label::aim;

/// The text of this kind on the current step (on the solution, where it has no steps), as it stands.
fn manuscript(app: &mut App, writing: Writing) -> Option<Manuscript> {
    let aim = aim(app)?;
    let node: Option<&Node> = app.cursor.path.get(app.cursor.step()).map(|&id| aim.trace.node(id));
    let step = node.map(|node| node.key);
    let text = app.session.text(writing, step, aim.record).unwrap_or_default().to_owned();
    Some(Manuscript { writing, step, record: aim.record, text })
}

fn line(app: &mut App, writing: Writing) -> Vec<Effect> {
    if let Some(manuscript) = manuscript(app, writing) {
        let text = manuscript.text.clone();
        app.input = Some(Input::new(Purpose::Write(manuscript), text));
    }
    Vec::new()
}

/// Opens the note of this step.
pub(super) fn note(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    line(app, Writing::Note)
}

/// Opens the tags of this step.
pub(super) fn tags(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    line(app, Writing::Tags)
}

fn write(app: &mut App, writing: Writing, text: &str) -> Vec<Effect> {
    manuscript(app, writing).map_or_else(Vec::new, |manuscript| manuscript.keep(app, text))
}

/// The note of this step is this text.
pub(super) fn note_as(app: &mut App, text: &str) -> Vec<Effect> {
    write(app, Writing::Note, text)
}

/// The critique of this step is this text.
pub(super) fn critique_as(app: &mut App, text: &str) -> Vec<Effect> {
    write(app, Writing::Critique, text)
}

/// The tags of this step are these.
pub(super) fn tags_as(app: &mut App, text: &str) -> Vec<Effect> {
    write(app, Writing::Tags, &tags_of(text))
}

/// All tags of the session.
pub(crate) fn tags_in_use(app: &App) -> Vec<String> {
    app.session.tags().into_keys().map(str::to_owned).collect()
}

/// Tags as they are kept: commas between them are what people type.
pub(crate) fn tags_of(text: &str) -> String {
    text.split([' ', ',']).filter(|tag| !tag.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Opens this step to be written anew, with its scores as they would be.
pub(super) fn rewrite(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    match manuscript(app, Writing::Correction) {
        Some(manuscript) if manuscript.step.is_some() => app.rewrite(manuscript),
        _ => Vec::new(),
    }
}

/// Has a language model write alternatives of this step, as many as the count.
pub(super) fn sample(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    sampling::start(app, count, None)
}

/// Gives the critique of this step to the editor, with the step below it.
pub(super) fn critique(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let Some(manuscript) = manuscript(app, Writing::Critique) else { return Vec::new() };
    vec![Effect::Edit(manuscript, scissors::below(&subject(app)))]
}

/// What a critique is about: the step, and how the problem begins.
fn subject(app: &App) -> String {
    let Some(trace) = app.trace() else { return String::new() };
    let problem = trace.problem.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let at = app.cursor.step();
    let step =
        app.cursor.path.get(at).map(|&id| format!("step {} of {}:\n{}\n\n", at + 1, app.cursor.path.len(), trace.node(id).text));
    format!("{}problem: {problem}", step.unwrap_or_default())
}
