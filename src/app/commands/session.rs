//! The model, the store, the program.

use crate::analysis::decide::Decision;
use crate::app::describe::short;
use crate::app::{App, Effect, scoring};

/// Says which threshold is in force.
pub(super) fn threshold_shown(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let rule = match app.scoring.decision {
        Decision::FirstBelow(_) => String::new(),
        Decision::Posterior(tau) => format!(" for steps, first-error posterior {} for solutions", short(tau)),
    };
    app.notice = Some(format!("threshold {}{rule}; :threshold 0.4 changes it", app.scoring.threshold));
    Vec::new()
}

/// Sets the score below which a step counts as a predicted error.
pub(super) fn set_threshold(app: &mut App, text: &str) -> Vec<Effect> {
    let range = app.scoring.model.as_ref().map_or((0.0, 1.0), |model| model.semantics.range());
    match text.parse::<f64>() {
        Ok(threshold) if threshold >= range.0 && threshold <= range.1 => {
            app.scoring.threshold = threshold;
            app.scoring.decision = Decision::FirstBelow(threshold);
            app.notice = Some(format!("threshold {threshold}"));
        }
        _ => app.notice = Some(format!("the threshold is a number from {} to {}, not {text:?}", range.0, range.1)),
    }
    Vec::new()
}

/// Stops scoring.
pub(super) fn stop_scoring(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.notice = Some("scoring stopped; finished scores stay, gK goes on".to_owned());
    scoring::cancel(app)
}

/// Starts scoring again.
pub(super) fn start_scoring(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.notice = Some("scoring goes on".to_owned());
    scoring::restart(app)
}

/// Hands the labels to the store again that it could not write.
pub(super) fn retry_saving(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    if app.saving.queue.is_empty() {
        app.notice = Some("every label is saved".to_owned());
    }
    app.send()
}

/// Stops the program until the shell continues it.
pub(super) fn suspend(_app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    vec![Effect::Suspend]
}

/// Leaves.
pub(super) fn quit(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    crate::app::saving::quit(app)
}
