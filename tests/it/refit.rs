//! The key that fits the scores to the labels, and the one that goes back; `pty.rs` has the whole of it in the real program.

use std::collections::HashMap;
use std::path::PathBuf;

use stepscope::analysis::meaning::{Scale, ScoreRule};
use stepscope::app::judge::Judge;
use stepscope::app::refit::Fitted;
use stepscope::app::scoring::WorkerState;
use stepscope::app::{Effect, Message};
use stepscope::scoring::{WorkerEvent, WorkerModel};
use stepscope::trace::{Semantics, StepKey, StepScore};

use super::desk::Desk;

fn model(name: &str) -> Message {
    Message::Worker(WorkerEvent::Ready(WorkerModel { name: name.to_owned(), key: name.to_owned(), ..super::scoring::model() }))
}

fn first_key(desk: &Desk) -> StepKey {
    let trace = desk.app.trace().unwrap();
    trace.node(desk.app.cursor.path[0]).key
}

fn score(desk: &Desk, value: f64) -> Message {
    let score = StepScore::new(value, Semantics::Correctness).unwrap();
    Message::Worker(WorkerEvent::Score { request: 1, key: first_key(desk), score })
}

/// A desk with a running model and one score.
fn scored() -> Desk {
    let mut desk = Desk::demo();
    desk.keys("gK");
    desk.tell(model("plain"));
    let first = score(&desk, 0.25);
    desk.tell(first);
    desk.left.clear();
    desk
}

fn fitted(folder: &str) -> Message {
    Message::Refitted(Ok(Fitted { folder: PathBuf::from(folder), says: "fitted to 99 judged steps".to_owned() }))
}

#[test]
fn a_fit_takes_the_place_of_the_model_and_leaves_the_labels_alone() {
    let mut desk = scored();
    desk.keys("ja");
    let decisions = desk.app.session.decisions();
    desk.keys("gR");
    assert!(desk.left.contains(&Effect::Refit) && desk.screen().contains("go on meanwhile"), "{}", desk.screen());
    desk.left.clear();
    desk.keys("gR");
    assert!(!desk.left.contains(&Effect::Refit), "one at a time");
    desk.tell(fitted("heads/mira-1"));
    assert!(desk.left.contains(&Effect::UseModel(Some(PathBuf::from("heads/mira-1")))));
    assert!(desk.screen().contains("fitted to 99 judged steps; gU goes back"), "{}", desk.screen());
    assert_eq!((desk.app.scoring.scores.len(), &desk.app.scoring.state), (0, &WorkerState::Starting));
    // What the worker before still says counts no longer.
    let late = score(&desk, 0.75);
    desk.tell(late);
    assert!(desk.app.scoring.scores.is_empty());
    desk.tell(model("mira-1"));
    let fresh = score(&desk, 0.5);
    desk.tell(fresh);
    assert_eq!(desk.app.scoring.scores.len(), 1);
    assert_eq!(desk.app.session.decisions(), decisions);
    // A second fit, and back twice.
    desk.keys("gR");
    desk.tell(fitted("heads/mira-2"));
    desk.tell(model("mira-2"));
    for (back, folder) in [(true, Some("heads/mira-1")), (true, None), (false, None)] {
        desk.left.clear();
        desk.keys("gU");
        assert_eq!(desk.left.contains(&Effect::UseModel(folder.map(PathBuf::from))), back, "{:?}", desk.left);
        desk.tell(model("back"));
    }
    assert!(desk.screen().contains("nothing was fitted"), "{}", desk.screen());
}

#[test]
fn a_fit_is_refused_with_a_reason() {
    let mut desk = Desk::demo();
    desk.keys("gR");
    assert!(desk.screen().contains("no running model"), "{}", desk.screen());
    let mut desk = scored();
    desk.keys("gR");
    desk.tell(Message::Refitted(Err("too few labels to tell anything".to_owned())));
    assert!(desk.screen().contains("the scores stay as they are: too few labels"), "{}", desk.screen());
    assert_eq!((desk.app.scoring.scores.len(), &desk.app.scoring.state), (1, &WorkerState::Running));
    assert!(!desk.left.iter().any(|effect| matches!(effect, Effect::UseModel(_))));
    desk.left.clear();
    desk.keys("gR");
    assert!(desk.left.contains(&Effect::Refit), "it can be tried again");
}

#[test]
fn the_queue_is_ranked_anew_by_the_scores_of_the_fit() {
    let mut desk = scored();
    let give = |desk: &mut Desk, value: &dyn Fn(usize) -> f64| {
        for problem in 0..desk.app.items.total() {
            let item = desk.app.items.at_rank(problem).unwrap();
            let Some(trace) = desk.app.items.trace(item).cloned() else { continue };
            let scores =
                trace.steps().map(|id| (trace.node(id).key, StepScore::new(value(problem), Semantics::Correctness).unwrap()));
            desk.scores.extend(scores);
        }
    };
    desk.keys(":order suspicion<Enter>");
    // Every problem is read for the order: now their scores can be given.
    give(&mut desk, &|problem| 1.0 - problem as f64 / 100.0);
    desk.keys("gR");
    desk.tell(fitted("heads/mira-1"));
    desk.tell(model("mira-1"));
    let last = desk.app.items.total() - 1;
    assert_eq!(desk.app.queue.places().first().map(|place| desk.app.items.rank(place.item)), Some(last), "{}", desk.screen());
    give(&mut desk, &|problem| problem as f64 / 100.0);
    desk.keys("gU");
    desk.tell(model("plain"));
    assert_eq!(desk.app.queue.places().first().map(|place| desk.app.items.rank(place.item)), Some(0), "{}", desk.screen());
}

#[test]
fn scoring_that_was_stopped_goes_on_with_its_worker_whichever_model_is_on_show() {
    let mut desk = scored();
    let rule = ScoreRule { scale: Scale { outcome: true, ..Scale::default() }, ..ScoreRule::usual(Semantics::Correctness) };
    desk.tell(Message::Judge(Box::new(Judge::recorded("other@1".to_owned(), &rule, HashMap::new()))));
    desk.keys("P");
    assert_eq!(desk.app.scoring.name(), "other");
    desk.keys("gRgk");
    assert!(desk.left.contains(&Effect::Refit), "the model that runs judges steps: {:?}", desk.app.notice);
    desk.left.clear();
    desk.keys("gK");
    assert_eq!((&desk.app.scoring.state, desk.left.contains(&Effect::StartWorker)), (&WorkerState::Running, false));
}
