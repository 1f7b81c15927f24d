//! The model, the store, the program.

use crate::analysis::aggregate::Aggregate;
use crate::analysis::decide::Decision;
use crate::app::describe::short;
use crate::app::{App, Effect, refit, replay, scoring, threshold};

use super::view;

/// The next model colours the steps and predicts errors.
pub(super) fn next_prm(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    if !app.show_prm {
        app.notice = Some(format!("scores are hidden; {} shows them", app.key("hide-prm")));
        return Vec::new();
    }
    let said = app
        .scoring
        .next_judge()
        .map(|(letter, judge)| format!("{letter}: {}, threshold {}", judge.name(), short(judge.threshold)));
    if said.is_some() {
        app.queue.judges_changed();
    }
    let said = said.map(|said| app.recorded_here().map_or(said.clone(), |known| format!("{said}, {known}")));
    app.notice = Some(said.unwrap_or_else(|| {
        "there is one model; --beside FILE brings scores of another along, and scores that a file records stand beside it"
            .to_owned()
    }));
    Vec::new()
}

/// Says which threshold is in force.
pub(super) fn threshold_shown(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let rule = match app.scoring.decision {
        Decision::FirstBelow(_) => String::new(),
        Decision::Posterior { tau, .. } => format!(" for steps, first-error posterior {} for solutions", short(tau)),
    };
    app.notice = Some(format!("threshold {}{rule}; :threshold 0.4 changes it", app.scoring.threshold));
    Vec::new()
}

/// Sets the score below which a step counts as a predicted error; `model` takes the rule of the model back.
pub(super) fn set_threshold(app: &mut App, text: &str) -> Vec<Effect> {
    let range = app.scoring.meaning.range;
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    let own = app.scoring.model.as_ref().map(|model| (model.threshold, model.decision()));
    match (number, own) {
        (None, Some((threshold, decision))) if text == "model" => threshold::set(app, threshold, decision),
        (Some(threshold), _) if threshold >= range.0 && threshold <= range.1 => {
            threshold::set(app, threshold, Decision::FirstBelow(threshold));
        }
        _ => app.notice = Some(format!("the threshold is a number from {} to {}, not {text:?}", range.0, range.1)),
    }
    Vec::new()
}

/// What the threshold can be, besides a number.
pub(super) fn thresholds(_app: &App) -> Vec<String> {
    vec!["model".to_owned()]
}

/// Lowers the threshold by a notch ([`crate::analysis::meaning::Meaning::notches`]), or as many as the count.
pub(super) fn lower_threshold(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    move_threshold(app, -(count.unwrap_or(1) as f64))
}

/// Raises it.
pub(super) fn raise_threshold(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    move_threshold(app, count.unwrap_or(1) as f64)
}

fn move_threshold(app: &mut App, notches: f64) -> Vec<Effect> {
    let meaning = app.scoring.meaning;
    let (low, high) = meaning.range;
    let (from, notch) = meaning.notches();
    // On whole notches, so that a way up and back ends where it began.
    let threshold = (from + ((app.scoring.threshold - from) / notch).round() * notch + notches * notch).clamp(low, high);
    threshold::set(app, threshold, Decision::FirstBelow(threshold));
    Vec::new()
}

/// Goes to the next way of making one score of a solution.
pub(super) fn next_aggregate(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let forms: Vec<Aggregate> = app.scoring.meaning.forms().collect();
    let here = forms.iter().position(|form| *form == app.scoring.aggregate).unwrap_or(0);
    use_aggregate(app, forms[(here + 1) % forms.len()])
}

/// The ways of making one score of a solution, by name.
pub(super) fn aggregates(app: &App) -> Vec<String> {
    app.scoring.meaning.forms().map(|form| form.name().to_owned()).collect()
}

/// Chooses how the steps become one score of a solution.
pub(super) fn set_aggregate(app: &mut App, name: &str) -> Vec<Effect> {
    let found = app.scoring.meaning.forms().find(|form| form.name() == name);
    found.map_or_else(Vec::new, |form| use_aggregate(app, form))
}

fn use_aggregate(app: &mut App, form: Aggregate) -> Vec<Effect> {
    app.scoring.aggregate = form;
    let own = if form == app.scoring.meaning.aggregate { " (as its authors do)" } else { "" };
    app.notice = Some(format!("solution score: {} of the steps{own}", form.name()));
    Vec::new()
}

/// Stops scoring.
pub(super) fn stop_scoring(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.notice = Some(format!("scoring stopped; finished scores stay, {} goes on", app.key("start-scoring")));
    scoring::cancel(app)
}

/// Starts scoring again.
pub(super) fn start_scoring(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.notice = Some("scoring goes on".to_owned());
    scoring::restart(app)
}

/// Fits the scores to the labels.
pub(super) fn refit(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    refit::start(app)
}

/// Takes the last fit back.
pub(super) fn undo_refit(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    refit::undo(app)
}

/// Hands the labels to the store again that it could not write.
pub(super) fn retry_saving(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    crate::app::saving::retry_now(app)
}

/// Says which format the file has, and why.
pub(super) fn format(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let file = app.items.files.get(app.cursor.item.file);
    app.notice = file.map(|file| {
        let steps = file.segment.map(|rule| format!("; steps by {rule}, not those of the file")).unwrap_or_default();
        format!("{}: {}{steps}", file.format, file.evidence)
    });
    Vec::new()
}

/// Stops the program until the shell continues it.
pub(super) fn suspend(_app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    vec![Effect::Suspend]
}

/// Closes what lies over the steps: the replay, then list and tree; leaves where nothing does.
pub(super) fn close(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    if app.replay.is_some() {
        replay::close(app);
        return Vec::new();
    }
    if app.closes_a_view() { view::steps(app, count) } else { quit(app, count) }
}

/// Leaves.
pub(super) fn quit(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    crate::app::saving::quit(app)
}
