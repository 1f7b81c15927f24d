//! Several models beside one another: columns, the next one colours, order by what they do not agree on.

use std::collections::HashMap;

use stepscope::analysis::meaning::{Scale, ScoreRule};
use stepscope::app::Message;
use stepscope::app::judge::Judge;
use stepscope::trace::{Semantics, StepKey, StepScore};

use super::desk::{Desk, SOLUTIONS};

/// A desk at which two models are known: both give .9 everywhere, the second one .1 at the third step of the third solution.
fn desk(size: (u16, u16)) -> Desk {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], size);
    let high = StepScore::new(0.9, Semantics::Correctness).unwrap();
    let (mut first, mut second): (HashMap<StepKey, StepScore>, _) = (HashMap::new(), HashMap::new());
    for number in 0..35 {
        let trace = desk.app.trace().unwrap().clone();
        for (step, id) in trace.steps().enumerate() {
            let key = trace.node(id).key;
            first.insert(key, high);
            let low = StepScore::new(0.1, Semantics::Correctness).unwrap();
            second.insert(key, if (number, step) == (2, 2) { low } else { high });
        }
        desk.keys("}");
    }
    desk.keys("gg1go");
    *desk.app.scoring.scores = first;
    desk.tell(Message::Judge(Box::new(Judge::recorded(
        "other@1234".to_owned(),
        &ScoreRule::usual(Semantics::Correctness),
        second,
    ))));
    desk
}

#[test]
fn the_order_of_the_committee_begins_with_what_models_do_not_agree_on() {
    let mut desk = desk((120, 40));
    desk.keys("om");
    assert_eq!(desk.app.items.rank(desk.app.cursor.item), 2, "{}", desk.screen());
    assert!(desk.app.why().contains("committee .80"), "{}", desk.app.why());
    desk.keys("of&divided<Enter>");
    assert_eq!(desk.app.queue.places().len(), 1, "{}", desk.screen());
}

/// Brought along or computed now: a score of whole solutions is none of their last steps.
#[test]
fn a_score_file_of_whole_solutions_says_nothing_of_steps() {
    let scale = Scale { outcome: true, ..Scale::default() };
    let rule = ScoreRule { scale, ..ScoreRule::usual(Semantics::Correctness) };
    let desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    let (trace, path) = (desk.app.trace().unwrap(), &desk.app.cursor.path);
    let last = trace.node(*path.last().unwrap()).key;
    let low = StepScore::new(0.1, Semantics::Correctness).unwrap();
    let judge = Judge::recorded("orm@1234".to_owned(), &rule, HashMap::from([(last, low)]));
    assert_eq!(judge.first_error(trace, path), None);
    assert_eq!(judge.solution_score(trace, path), Some(0.1));
    assert!(judge.opinion(trace, path).scores.iter().all(Option::is_none) && judge.known(last) == Some(low));
}

#[test]
fn an_order_of_several_models_says_what_it_lacks_beside_one() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.keys("om");
    assert!(desk.app.why().contains("committee: not known without --beside"), "{}", desk.app.why());
}

#[test]
fn a_model_that_was_brought_along_is_named_and_tells_how_much_it_knows() {
    let mut desk = desk((120, 40));
    desk.keys("P");
    let steps = desk.app.cursor.path.len();
    assert_eq!(desk.app.scoring_line(), format!("other {steps} of {steps} steps here"));
    desk.keys("P");
    desk.tell(Message::Judge(Box::new(Judge::recorded(
        "elsewhere@1".to_owned(),
        &ScoreRule::usual(Semantics::Correctness),
        HashMap::new(),
    ))));
    desk.keys("PP");
    let said = desk.app.notice.clone().unwrap();
    assert!(said.contains("elsewhere") && said.contains(&format!("0 of {steps} steps here")), "{said}");
}

#[test]
fn models_have_columns_and_the_next_one_colours() {
    let mut desk = desk((120, 40));
    desk.keys("3go3G");
    let screen = desk.screen();
    let both = |line: &&str| {
        line.contains('>') && line.contains(" 3 ") && line.contains(".90") && line.contains(".10") && line.contains(".80")
    };
    assert!(screen.lines().any(|line| both(&line)), "{screen}");
    assert!(screen.contains("B other .10, below its threshold; .80 apart"), "{screen}");
    assert_eq!(desk.app.predicted_first_error(), None);
    desk.keys("P");
    assert_eq!(desk.app.predicted_first_error(), Some(2));
    assert!(desk.app.notice.as_deref().unwrap().starts_with("B: other"), "{:?}", desk.app.notice);
    // What comes from the worker is said of its own model.
    assert_eq!(desk.app.scoring.key(), Some("other@1234"));
    desk.keys("x(");
    let event = stepscope::labels::Store::events(desk.store.path(), "mira").unwrap().pop().unwrap();
    assert_eq!((event.saw.prm.as_deref(), event.saw.score), (Some("other@1234"), Some(0.1)));
    desk.keys("P");
    assert_eq!(desk.app.predicted_first_error(), None);
}

#[test]
fn who_judges_blind_sees_none_of_them() {
    let mut desk = desk((120, 40));
    desk.keys("3go3Gp");
    assert!(!desk.screen().contains(".10") && !desk.screen().contains("other"), "{}", desk.screen());
    desk.keys("P");
    assert!(desk.app.notice.as_deref().unwrap().contains("hidden"));
}

/// Solutions whose file records step scores: one by its steps, one by its solution, one not at all.
const SCORED: &[u8] = br#"{"tree":"a","id":0,"parent":null,"text":"","problem":"2+2?"}
{"tree":"a","id":1,"parent":0,"text":"2+2=4","prm":0.91}
{"tree":"a","id":2,"parent":1,"text":"so 5","prm":0.13,"terminal":true}
{"tree":"b","id":0,"parent":null,"text":"","problem":"3+3?"}
{"tree":"b","id":1,"parent":0,"text":"3+3=6","prm":0.72}
{"tree":"b","id":2,"parent":1,"text":"so 6","prm":0.83,"terminal":true}
{"tree":"c","id":0,"parent":null,"text":"","problem":"4+4?"}
{"tree":"c","id":1,"parent":0,"text":"4+4=8","terminal":true}
"#;

fn last_saw(desk: &Desk) -> stepscope::labels::Saw {
    stepscope::labels::Store::events(desk.store.path(), "mira").unwrap().pop().unwrap().saw
}

#[test]
fn what_a_file_records_of_steps_colours_where_no_model_runs() {
    let mut desk = Desk::new(&[("scored.jsonl", SCORED)], (120, 40));
    assert_eq!((desk.app.scoring.name(), desk.app.predicted_first_error()), ("file", Some(1)));
    let screen = desk.screen();
    assert!(screen.contains(".91") && screen.contains("0.130   threshold .50   file"), "{screen}");
    desk.keys("P");
    assert!(desk.app.notice.as_deref().unwrap().starts_with("there is one model"), "{:?}", desk.app.notice);
    desk.keys("x(");
    let saw = last_saw(&desk);
    assert_eq!((saw.prm.as_deref(), saw.score, saw.blind), (Some("file"), Some(0.13), false));
    assert_eq!(saw.context.scores, [Some(0.91), Some(0.13)]);
    // Filters and orders go by it, and can speak of it by name.
    desk.keys(":order -min_prm<Enter>");
    assert_eq!(desk.app.queue.places().iter().map(|place| place.item.problem).collect::<Vec<_>>(), [0, 1, 2]);
    for (filter, expected) in [
        (".5 > min_file", &[0][..]),
        ("last_file > .8", &[1]),
        ("at_file == 2", &[0]),
        ("at_file == 0", &[1]),
        ("!(2 > min_file)", &[]),
    ] {
        desk.keys(&format!(":filter {filter}<Enter>"));
        let found: Vec<usize> = desk.app.queue.places().iter().map(|place| place.item.problem).collect();
        assert_eq!(found, expected, "{filter}");
    }
}

#[test]
fn what_a_file_records_of_steps_stands_beside_a_model() {
    let mut desk = Desk::new(&[("scored.jsonl", SCORED)], (120, 40));
    let high = StepScore::new(0.55, Semantics::Correctness).unwrap();
    let scores = desk.app.trace().unwrap().steps().map(|id| (desk.app.trace().unwrap().node(id).key, high)).collect();
    desk.app.scoring = stepscope::app::scoring::Scoring::new(true);
    *desk.app.scoring.scores = scores;
    let view = desk.app.items.get(desk.app.cursor.item).unwrap().as_ref().clone();
    desk.tell(Message::Loaded { item: desk.app.cursor.item, view: std::sync::Arc::new(view) });
    desk.keys("gg2G");
    let screen = desk.screen();
    assert!(screen.contains("B file .13, below its threshold; .42 apart"), "{screen}");
    assert_eq!(desk.app.predicted_first_error(), None);
    desk.keys(":filter divided<Enter>");
    assert_eq!(desk.app.queue.places().len(), 1);
    desk.keys("P");
    assert_eq!(desk.app.predicted_first_error(), Some(1));
    desk.keys("P");
    desk.keys("2x(");
    let saw = last_saw(&desk);
    assert_eq!(saw.context.beside.get("file").map(Vec::as_slice), Some(&[Some(0.91), Some(0.13)][..]), "{saw:?}");
    assert!(saw.shown.contains("beside:file"), "{saw:?}");
}

#[test]
fn who_judges_blind_learns_nothing_of_what_a_file_records() {
    for (width, reveal) in [(80, false), (120, false), (200, false), (120, true)] {
        let mut desk = Desk::new(&[("scored.jsonl", SCORED)], (width, 40));
        // As it is for somebody who has never seen them.
        desk.keys(if reveal { ":mode reveal<Enter>" } else { ":mode blind<Enter>" });
        desk.keys("}");
        for keys in
            ["", "j", "gt", "gs", "gl", "gsPj", ":order last_file", "<Esc>:order at_file", "<Esc>:order error", "<Esc>]e", "gD"]
        {
            desk.keys(keys);
            let screen = desk.screen();
            assert!(![".72", ".83", "0.72", "0.83", "B file"].iter().any(|text| screen.contains(text)), "{keys}:\n{screen}");
        }
        desk.keys("<Esc>gs2go2x");
        let saw = last_saw(&desk);
        assert_eq!((saw.prm, saw.score, saw.blind), (None, None, true));
        assert!(saw.context.scores.is_empty() && saw.context.beside.is_empty() && !saw.shown.contains("file"));
        if reveal {
            assert!(desk.screen().contains(".83"), "{}", desk.screen());
        }
    }
}

#[test]
fn a_queue_without_a_terminal_knows_what_files_record() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("scored.jsonl"), SCORED).unwrap();
    let queue = |args: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_stepscope"))
            .current_dir(folder.path())
            .env("XDG_CACHE_HOME", folder.path())
            .env("XDG_DATA_HOME", folder.path())
            .args([&["queue", "scored.jsonl", "--json"], args].concat())
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        let row = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        lines.lines().map(row).map(|row| (row["problem"].as_u64().unwrap(), row["number"].as_f64())).collect::<Vec<_>>()
    };
    assert_eq!(queue(&["--order=-min_file"]), [(1, Some(-0.13)), (2, Some(-0.72)), (3, None)]);
    assert_eq!(queue(&["--filter", "min_file < .5"]), [(1, None)]);
    assert!(!queue(&["--order", "dissent"]).is_empty());
}

#[test]
fn two_score_files_are_compared_on_what_people_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("traces.json"), SOLUTIONS).unwrap();
    let run = |args: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_stepscope"))
            .current_dir(folder.path())
            .env("XDG_CACHE_HOME", folder.path())
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["score", "traces.json", "-o", "a.jsonl"]);
    // The other scorer finds every first error and leaves right solutions alone.
    let lines = std::fs::read_to_string(path("a.jsonl")).unwrap();
    let mut other = String::new();
    let corpus =
        stepscope::corpus::Corpus::open(stepscope::corpus::Source::Memory { name: "traces.json", bytes: SOLUTIONS }, None)
            .unwrap();
    corpus.wait();
    let mut first = HashMap::new();
    for view in (0..corpus.problem_count()).map(|problem| corpus.problem(problem)) {
        let trace = view.trace.clone().unwrap();
        for solution in &trace.solutions {
            if let stepscope::trace::FirstError::At(step) = trace.recorded_labels(solution).first_error {
                first.insert(trace.record_key(solution.leaf).to_string(), step);
            }
        }
    }
    for line in lines.lines() {
        let mut solution: serde_json::Value = serde_json::from_str(line).unwrap();
        // Its file says how its scores are read.
        assert!(solution["posterior"].is_f64() && solution["threshold"].is_f64(), "{line}");
        solution.as_object_mut().unwrap().remove("posterior");
        solution["threshold"] = 0.3.into();
        solution["scorer"] = "seer@1".into();
        let wrong = first.get(solution["record_key"].as_str().unwrap()).copied();
        for (step, score) in solution["steps"].as_array_mut().unwrap().iter_mut().enumerate() {
            score["score"] = if Some(step) == wrong { 0.2 } else { 0.4 }.into();
        }
        other.push_str(&(solution.to_string() + "\n"));
    }
    std::fs::write(path("b.jsonl"), other).unwrap();
    let told = run(&["compare", "a.jsonl", "b.jsonl", "traces.json"]);
    assert!(told.contains("seer") && told.contains("only the first 0"), "{told}");
    let report: serde_json::Value =
        serde_json::from_str(&run(&["compare", "a.jsonl", "b.jsonl", "traces.json", "--json"])).unwrap();
    assert_eq!(report["each"][1]["f1"], 100.0, "{report}");
    let low = report["f1_interval"][0].as_f64().unwrap();
    assert!(low > 0.0 && report["f1_difference"].as_f64().unwrap() >= low, "{report}");
    assert!(report["p"].as_f64().unwrap() < 0.05, "{report}");
    // The built-in model is read as `eval` reads it, unless the command line says otherwise.
    let eval: serde_json::Value = serde_json::from_str(&run(&["eval", "traces.json", "--json"])).unwrap();
    assert_eq!(report["each"][0]["f1"], eval["subsets"][0]["f1"], "{eval}");
    let parted = run(&["compare", "a.jsonl", "b.jsonl", "traces.json", "--json", "--thresholds", "0", "0.3"]);
    let parted: serde_json::Value = serde_json::from_str(&parted).unwrap();
    assert_eq!((&parted["each"][0]["acc_error"], &parted["each"][1]["f1"]), (&0.0.into(), &100.0.into()), "{parted}");
    let below = run(&["compare", "a.jsonl", "b.jsonl", "traces.json", "--json", "--thresholds", "-0.1", "0.3"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&below).unwrap()["each"], parted["each"]);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_stepscope"));
    command.current_dir(folder.path()).args(["compare", "a.jsonl", "b.jsonl", "traces.json", "--thresholds", "nan", "0.3"]);
    let refused = command.output().unwrap();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("finite numbers for --thresholds"));
}
