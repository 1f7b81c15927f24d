//! Fitting the scores to the labels of the session, and going back. The labels themselves are only read.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::scoring::WorkerState;
use super::{App, Effect, scoring};

/// A correction that was fitted and found to help on problems that were left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fitted {
    /// The folder of the corrected model.
    pub folder: PathBuf,
    /// What it is worth, in a few words.
    pub says: String,
}

/// The fits of this session.
#[derive(Debug, Default)]
pub struct Refit {
    /// One is being computed.
    running: bool,
    /// Those that were taken, the one in force last.
    taken: Vec<Fitted>,
}

/// Asks for a fit to the labels that are saved.
pub(super) fn start(app: &mut App) -> Vec<Effect> {
    let refused = if app.refit.running {
        Some("the scores are being fitted already")
    } else if !app.saving.queue.is_empty() {
        Some("labels are still being saved; fit again in a moment")
    } else if app.scoring.running().meaning.outcome {
        Some("this model judges whole solutions, no steps: there is nothing to fit")
    } else if app.scoring.state != WorkerState::Running {
        Some("there is no running model to fit")
    } else {
        None
    };
    if let Some(reason) = refused {
        app.notice = Some(reason.to_owned());
        return Vec::new();
    }
    app.refit.running = true;
    app.notice = Some("fitting the scores to your labels; go on meanwhile".to_owned());
    vec![Effect::Refit]
}

/// A fit came out well, or there is none, for this reason.
pub(super) fn done(app: &mut App, outcome: Result<Fitted, String>) -> Vec<Effect> {
    app.refit.running = false;
    match outcome {
        Ok(fitted) => {
            app.notice = Some(format!("{}; {} goes back", fitted.says, app.key("refit-undo")));
            let folder = fitted.folder.clone();
            app.refit.taken.push(fitted);
            use_model(app, Some(folder))
        }
        Err(reason) => {
            app.notice = Some(format!("the scores stay as they are: {reason}"));
            Vec::new()
        }
    }
}

/// Goes back to the model before the last fit.
pub(super) fn undo(app: &mut App) -> Vec<Effect> {
    if app.refit.taken.pop().is_none() {
        app.notice = Some(format!("nothing was fitted; {} fits the scores to your labels", app.key("refit")));
        return Vec::new();
    }
    let before = app.refit.taken.last().map(|fitted| fitted.folder.clone());
    let which = if before.is_some() { "those of the fit before" } else { "the model's own" };
    app.notice = Some(format!("the scores are {which} again"));
    use_model(app, before)
}

fn use_model(app: &mut App, folder: Option<PathBuf>) -> Vec<Effect> {
    scoring::forget_model(app);
    app.queue.rank_anew();
    vec![Effect::UseModel(folder)]
}
