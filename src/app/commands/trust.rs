//! Modes, guideline and history: what labels rest on.

use crate::app::describe::{Words, decision};
use crate::app::guide;
use crate::app::trust::set_mode;
use crate::app::{App, Effect};
use crate::app::{quality, queue};
use crate::labels::{Digits, Mode, Scope};
use crate::trace::Solution;

/// Hides the scores, or shows them again.
pub(super) fn toggle_prm(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    set_mode(app, if app.trust.mode == Mode::Assist { Mode::Blind } else { Mode::Assist })
}

/// Goes on to the next mode.
pub(super) fn next_mode(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let next = match app.trust.mode {
        Mode::Assist => Mode::Blind,
        Mode::Blind => Mode::RevealAfter,
        Mode::RevealAfter => Mode::Assist,
    };
    set_mode(app, next)
}

const MODES: [(&str, Mode); 3] = [("assist", Mode::Assist), ("blind", Mode::Blind), ("reveal", Mode::RevealAfter)];

/// The names of the modes.
pub(super) fn mode_names(_app: &App) -> Vec<String> {
    MODES.map(|(name, _)| name.to_owned()).into()
}

/// Takes the mode of this name.
pub(super) fn named_mode(app: &mut App, name: &str) -> Vec<Effect> {
    MODES.into_iter().find(|(known, _)| *known == name).map_or_else(Vec::new, |(_, mode)| set_mode(app, mode))
}

/// Says how large the blind share is.
pub(super) fn blind_share_shown(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let percent = app.trust.terms.blind_share * 100.0;
    app.notice = Some(format!("{percent:.0} % of the problems are judged before scores are seen; :blind-share 0 to 100"));
    Vec::new()
}

/// Sets the blind share, in percent.
pub(super) fn set_blind_share(app: &mut App, text: &str) -> Vec<Effect> {
    if let Some(share) = share(app, "blind", text) {
        app.trust.terms.blind_share = share;
        app.conceal();
        return blind_share_shown(app, None);
    }
    Vec::new()
}

/// Says how large the random share is.
pub(super) fn random_share_shown(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let percent = app.trust.terms.random_share * 100.0;
    app.notice = Some(format!("{percent:.0} % of an ordered queue are drawn at random; :random-share 0 to 100"));
    Vec::new()
}

/// Sets the random share, in percent, and puts the queue in order with it.
pub(super) fn set_random_share(app: &mut App, text: &str) -> Vec<Effect> {
    if let Some(share) = share(app, "random", text) {
        app.trust.terms.random_share = share;
        queue::refresh(app);
        return random_share_shown(app, None);
    }
    Vec::new()
}

/// A share in percent as a number from 0 to 1; else it is said what it takes.
fn share(app: &mut App, what: &str, text: &str) -> Option<f64> {
    let percent = text.trim_end_matches('%').trim().parse::<f64>().ok().filter(|percent| (0.0..=100.0).contains(percent));
    if percent.is_none() {
        app.notice = Some(format!("the {what} share is a number from 0 to 100, not {text:?}"));
    }
    percent.map(|percent| percent / 100.0)
}

/// What [`Scope`]s are called, and what they mean.
const SCOPES: [(&str, Scope, &str); 2] = [
    ("all", Scope::All, "every step is rated, also behind the first error"),
    ("first-error", Scope::FirstError, "a solution is done at its first bad step"),
];

/// Ends solutions at their first bad step, or rates all their steps.
pub(super) fn toggle_scope(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let other = SCOPES.iter().find(|(_, scope, _)| *scope != app.project.scope).map_or("", |(name, ..)| name);
    set_scope(app, other)
}

/// The names of the scopes.
pub(super) fn scopes(_app: &App) -> Vec<String> {
    SCOPES.map(|(name, ..)| name.to_owned()).into()
}

/// Takes the scope of this name.
pub(super) fn set_scope(app: &mut App, name: &str) -> Vec<Effect> {
    if let Some((_, scope, said)) = SCOPES.into_iter().find(|(known, ..)| *known == name) {
        (app.project.scope, app.project.every) = (scope, scope == Scope::All);
        app.begin_again();
        app.notice = Some(said.to_owned());
    }
    Vec::new()
}

/// Digits are marks, or counts.
pub(super) fn toggle_digits(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let (digits, said) = match app.project.digits {
        Digits::Count => (Digits::Mark, "a number alone marks the first error; where it could still grow, x ends it"),
        Digits::Mark => (Digits::Count, "numbers are counts: 4x marks step 4"),
    };
    app.project.digits = digits;
    app.notice = Some(said.to_owned());
    Vec::new()
}

/// Shows a step once the one before it is rated, or all at once.
pub(super) fn toggle_guided(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.project.guided = !app.project.guided;
    app.notice = Some(
        if app.project.guided { "guided: a step is shown once the one before it is rated" } else { "all steps shown at once" }
            .to_owned(),
    );
    Vec::new()
}

/// Opens the guideline.
pub(super) fn guide(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    match app.trust.terms.guide.clone() {
        Some(guide) => {
            let words = guide::context(app);
            let text = format!("{}{}", guide.text.trim_end(), guide::examples(app));
            let (text, from) = guide::reflow(&text, guide::section(&guide.text, &words).unwrap_or(0));
            app.show_markdown("guideline", text, from);
        }
        None => app.notice = Some("no guideline; start with --guide FILE".to_owned()),
    }
    Vec::new()
}

/// Says how far the work has come.
pub(super) fn pace(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.notice = Some(app.pace_said());
    Vec::new()
}

/// Opens what the own verdicts say of the scores.
pub(super) fn numbers(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    quality::open(app)
}

/// Opens what is known of how far these labels can be believed.
pub(super) fn trust(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let report = app.trust_report();
    app.show_sheet("trust", report);
    Vec::new()
}

/// Opens all that was ever said of this solution and its steps.
pub(super) fn history(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let Some(trace) = app.trace().cloned().filter(|_| !app.own_hidden()) else {
        app.notice = Some("nothing was said of this solution".to_owned());
        return Vec::new();
    };
    let solution = Solution::new(app.leaf());
    let mut lines: Vec<String> = app.session.history(&trace, &solution).iter().map(|past| decision(past, Words::All)).collect();
    lines.extend(history_of_annotators(app));
    if lines.is_empty() {
        app.notice = Some("nothing was said of this solution".to_owned());
    } else {
        app.show_sheet("history", lines.join("\n"));
    }
    Vec::new()
}

/// All that the annotators of a review ever said of the path on show, one after the other, each line under their letter.
fn history_of_annotators(app: &App) -> Vec<String> {
    let mut lines = Vec::new();
    for (letter, said) in app.said_here() {
        let past = app.past_here(&said.name);
        lines.extend(past.iter().map(|past| format!("{}   {}", app.called(letter, &said), decision(past, Words::All))));
    }
    lines
}
