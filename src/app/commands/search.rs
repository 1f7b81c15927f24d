//! Finding steps and solutions.

use crate::app::input::{Input, Purpose};
use crate::app::seek::{self, Target};
use crate::app::{App, Effect};

/// Opens the search line.
pub(super) fn forward(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.input = Some(Input::new(Purpose::Search { forward: true }, ""));
    Vec::new()
}

/// Opens the command line.
pub(super) fn command_line(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.input = Some(Input::new(Purpose::Command, ""));
    Vec::new()
}

fn again(app: &mut App, forward: bool) -> Vec<Effect> {
    if app.search.is_none() {
        app.notice = Some(format!("nothing was searched for yet; {} searches", app.key("search")));
        return Vec::new();
    }
    seek::start(app, Target::Match, forward)
}

/// Next match.
pub(super) fn next(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    again(app, true)
}

/// Previous match.
pub(super) fn previous(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    again(app, false)
}

/// Next predicted first error.
pub(super) fn next_suspect(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    suspect(app, true)
}

/// Previous predicted first error.
pub(super) fn previous_suspect(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    suspect(app, false)
}

fn suspect(app: &mut App, forward: bool) -> Vec<Effect> {
    if app.show_prm {
        return seek::start(app, Target::Suspect, forward);
    }
    // A jump would give the scores away.
    app.notice = Some(format!("scores are hidden; {} shows them", app.key("hide-prm")));
    Vec::new()
}

/// Next solution without a label.
pub(super) fn next_unlabelled(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    seek::start(app, Target::Unlabelled, true)
}

/// Previous solution without a label.
pub(super) fn previous_unlabelled(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    seek::start(app, Target::Unlabelled, false)
}

/// Next flagged solution.
pub(super) fn next_flagged(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    seek::start(app, Target::Flagged, true)
}

/// Previous flagged solution.
pub(super) fn previous_flagged(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    seek::start(app, Target::Flagged, false)
}
