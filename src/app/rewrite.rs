//! A step written anew: what the model would say of it, and of the steps behind it, while it is being written. Leaving forgets it; keeping
//! makes it a correction.
//!
//! A step is named by what it says and all that stands before it, so the scores of what is written here never meet those of the source.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui_textarea::{CursorMove, TextArea};

use super::{App, Effect, Manuscript, saving, scoring};
use crate::text::{Safe, safe};
use crate::trace::{NodeId, StepKey, Trace, TraceBuilder};
use crate::typeset::diff::{Changed, changed_words};

/// Longest step that is written here, in bytes: less than the store's limit.
const MAX_TEXT: usize = 60 * 1024;

/// An open step.
#[derive(Debug)]
pub struct Rewrite {
    /// What it becomes when it is kept; its text is the correction so far.
    manuscript: Manuscript,
    /// Index of the step on the path, from 0.
    pub step: usize,
    /// The text of the source.
    pub source: Safe,
    original: String,
    /// The text being written, with its caret.
    pub area: TextArea<'static>,
    /// What is written, as it may be shown.
    pub shown: Safe,
    /// Words that differ: `old` in the source, `new` in what is shown.
    pub changed: Changed,
    /// The solution as it would be.
    trace: Trace,
    path: Vec<NodeId>,
    requests: Vec<u64>,
}

impl Rewrite {
    /// What is written.
    pub fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    /// Keys of the written step and of the steps behind it, as they would be.
    pub fn keys(&self) -> impl Iterator<Item = StepKey> + '_ {
        self.path.iter().skip(self.step).map(|&id| self.trace.node(id).key)
    }

    /// Score of the whole solution as it would be, and as it is.
    pub fn solution_scores(&self, app: &App) -> Option<(f64, f64)> {
        let source = app.trace()?;
        Some((app.scoring.solution_score(&self.trace, &self.path)?, app.scoring.solution_score(source, &app.cursor.path)?))
    }

    /// Takes in what is written now: the words that differ, and the solution as it would be.
    fn look(&mut self, source: &Trace, path: &[NodeId]) {
        let text = self.text();
        self.shown = safe(&text);
        self.changed = changed_words(&self.source, &self.shown);
        let mut builder = TraceBuilder::new(source.problem.clone());
        let texts = path.iter().enumerate().map(|(at, &id)| if at == self.step { &text } else { &source.node(id).text });
        self.path = builder.path(texts);
        if let Some(&end) = self.path.last() {
            builder.solution(end);
        }
        self.trace = builder.finish();
    }
}

impl App {
    /// Opens a step for writing.
    pub(super) fn rewrite(&mut self, manuscript: Manuscript) -> Vec<Effect> {
        let Some(trace) = self.trace().cloned() else { return Vec::new() };
        let original = trace.node(self.cursor.node).text.clone();
        let start = if manuscript.text.is_empty() { &original } else { &manuscript.text };
        let mut area = TextArea::new(start.split('\n').map(str::to_owned).collect());
        // What is wrong stands behind what is right.
        area.move_cursor(CursorMove::Bottom);
        area.move_cursor(CursorMove::End);
        self.rewrite = Some(Rewrite {
            manuscript,
            step: self.cursor.step(),
            source: safe(&original),
            original,
            area,
            shown: safe(""),
            changed: Changed::default(),
            trace: TraceBuilder::new(trace.problem.clone()).finish(),
            path: Vec::new(),
            requests: Vec::new(),
        });
        let mut effects = scoring::give_way(self);
        effects.extend(self.look_again());
        effects
    }

    /// The text changed: what is not needed any more is not computed, what is new is.
    fn look_again(&mut self) -> Vec<Effect> {
        let Some(trace) = self.trace().cloned() else { return Vec::new() };
        let Some(rewrite) = &mut self.rewrite else { return Vec::new() };
        rewrite.look(&trace, &self.cursor.path);
        let old = std::mem::take(&mut rewrite.requests);
        rewrite.requests = self.scoring.ask_for(&rewrite.trace, |_| true);
        self.scoring.cancel(old)
    }

    /// Pasted text.
    pub(super) fn paste_into_rewrite(&mut self, text: &str) -> Vec<Effect> {
        let Some(rewrite) = &mut self.rewrite else { return Vec::new() };
        if rewrite.text().len() + text.len() > MAX_TEXT {
            self.notice = Some(format!("a step is no longer than {MAX_TEXT} bytes"));
            return Vec::new();
        }
        rewrite.area.insert_str(text.replace("\r\n", "\n").replace('\r', "\n"));
        self.look_again()
    }
}

/// A key while a step is being written.
pub(super) fn key(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Esc => leave(app, "left as it was"),
        KeyCode::Char('s') if control => keep(app, key),
        // The keyboard is the text's, but for the ways out of the program.
        KeyCode::Char('c') if control => leave(app, "left as it was"),
        KeyCode::Char('z') if control => vec![Effect::Suspend],
        _ => {
            let Some(rewrite) = &mut app.rewrite else { return Vec::new() };
            let grows = matches!(key.code, KeyCode::Char(_) | KeyCode::Enter | KeyCode::Tab) && !control;
            if grows && rewrite.text().len() >= MAX_TEXT {
                return Vec::new();
            }
            if rewrite.area.input(key) { app.look_again() } else { Vec::new() }
        }
    }
}

fn leave(app: &mut App, said: &str) -> Vec<Effect> {
    app.notice = Some(said.to_owned());
    let requests = app.rewrite.take().map(|rewrite| rewrite.requests).unwrap_or_default();
    app.scoring.cancel(requests)
}

fn keep(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    if saving::hold_key(app, key) {
        return Vec::new();
    }
    let Some(rewrite) = &app.rewrite else { return Vec::new() };
    let text = rewrite.text();
    // A correction that says what the source says is none, and takes an earlier one away.
    let text = if text == rewrite.original { String::new() } else { text };
    let manuscript = rewrite.manuscript.clone();
    let said =
        if text.is_empty() { "the step stays as the source has it" } else { "correction kept; d shows it beside the source" };
    let mut effects = leave(app, said);
    if text != manuscript.text {
        effects.extend(manuscript.keep(app, &text));
        app.notice = Some(said.to_owned());
    }
    effects
}
