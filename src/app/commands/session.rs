//! The model, the store, the program.

use crate::app::{App, Effect, scoring};

/// Says which threshold is in force.
pub(super) fn threshold_shown(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.notice = Some(format!("threshold {}; :threshold 0.4 changes it", app.scoring.threshold));
    Vec::new()
}

/// Sets the score below which a step counts as a predicted error.
pub(super) fn set_threshold(app: &mut App, text: &str) -> Vec<Effect> {
    match text.parse::<f64>() {
        Ok(threshold) if threshold.is_finite() => {
            app.scoring.threshold = threshold;
            app.notice = Some(format!("threshold {threshold}"));
        }
        _ => app.notice = Some(format!("{text:?} is not a number; :threshold 0.4")),
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
    let failed = std::mem::take(&mut app.saving.failed);
    if failed.is_empty() {
        app.notice = Some("every label is saved".to_owned());
    }
    app.saving.pending += failed.len();
    failed.into_iter().map(|(ticket, draft)| Effect::Save { ticket, draft: Box::new(draft) }).collect()
}

/// Stops the program until the shell continues it.
pub(super) fn suspend(_app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    vec![Effect::Suspend]
}

/// Leaves.
pub(super) fn quit(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    crate::app::quit(app)
}
