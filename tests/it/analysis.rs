//! The commands `score` and `eval`, run as a user runs them, with a scorer of our own making.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use stepscope::trace::PromptKey;

use crate::support::Folder;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scoring").join(name)
}

/// A folder of its own for cache, log and output of one test.
struct Place {
    folder: Folder,
}

impl Place {
    fn new() -> Self {
        Self { folder: Folder::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.folder.command(args);
        command.env("LOG", self.path("log"));
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs with the test scorer and expects this exit status.
    fn scored(&self, args: &[&str], status: i32) -> Output {
        let scorer = format!("sh '{}'", fixture("scorer.sh").display());
        let mut all = args.to_vec();
        all.extend(["--scorer-cmd", &scorer]);
        let output = self.run(&all);
        assert_eq!(output.status.code(), Some(status), "{}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        fs::read_to_string(self.path(name)).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Steps that the scorer was asked for so far.
    fn asked(&self) -> usize {
        fs::read_to_string(self.path("log")).map_or(0, |log| log.lines().count())
    }
}

fn stdout(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn close(value: &Value, expected: f64) -> bool {
    (value.as_f64().unwrap() - expected).abs() < 1e-4
}

#[test]
fn score_writes_one_line_a_solution_in_input_order() {
    let place = Place::new();
    let toy = fixture("toy.jsonl");
    let toy = toy.to_str().unwrap();
    let summary = stdout(&place.scored(&["score", toy, "-o", "out.jsonl", "--json"], 0));
    assert_eq!(
        summary,
        json!({"out": "out.jsonl", "scorers": ["words@words-v1"], "solutions": 5, "steps": 18, "not_scored": 0, "reason": null, "computed": 16, "cached": 0,
               "tokens": 30, "seconds": 1.5, "bad_records": 0}),
        "three problems are three requests, and shared steps are scored once"
    );
    let lines = place.lines("out.jsonl");
    let ids: Vec<&str> = lines.iter().map(|line| line["source_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["toy-0", "toy-1", "toy-2", "toy-3", "toy-4"]);
    let prompt = PromptKey::of("Ann has 3 pens and buys 4. How many has she?");
    let first = prompt.step("Ann has 4 pens. WRONG");
    let second = first.step("She buys 4: 4 + 4 = 8.");
    let third = second.step("The answer is 8.");
    // 0.1, 0.9, 0.9 put together: lowest, product, last, mean.
    let solution = &lines[2]["solution"];
    for (form, expected) in [("min", 0.1), ("prod", 0.081), ("last", 0.9), ("mean", 1.9 / 3.0), ("geo", 0.081f64.cbrt())] {
        assert!((solution[form].as_f64().unwrap() - expected).abs() < 1e-9, "{form}: {solution}");
    }
    assert_eq!(
        lines[2],
        json!({"record_key": third.record(), "source_id": "toy-2", "scorer": "words@words-v1", "semantics": "correctness",
               "threshold": 0.5, "solution": solution, "steps": [
            {"step_key": first, "score": 0.1}, {"step_key": second, "score": 0.9}, {"step_key": third, "score": 0.9}]})
    );
    assert!(!place.path("out.jsonl.partial").exists());

    // Again: all there. Elsewhere: all in the cache.
    place.scored(&["score", toy, "-o", "out.jsonl"], 0);
    let summary = stdout(&place.scored(&["score", toy, "-o", "other.jsonl", "--json"], 0));
    assert_eq!((&summary["computed"], &summary["cached"]), (&json!(0), &json!(16)));
    assert_eq!(place.asked(), 16);
    assert_eq!(fs::read(place.path("out.jsonl")).unwrap(), fs::read(place.path("other.jsonl")).unwrap());
}

#[test]
fn a_step_without_answer_is_null_with_a_reason() {
    let place = Place::new();
    let text =
        r#"{"id":"a","generator":"g","problem":"q","steps":["one","SILENT","three"],"final_answer_correct":true,"label":-1}"#;
    fs::write(place.path("in.jsonl"), text).unwrap();
    place.scored(&["score", "in.jsonl", "-o", "out.jsonl"], 0);
    let steps = place.lines("out.jsonl")[0]["steps"].clone();
    assert_eq!(steps[1]["score"], Value::Null);
    assert_eq!(steps[1]["reason"], "the scorer gave no answer for this step");
    assert_eq!(steps[2]["score"], json!(0.9));
    let report = stdout(&place.scored(&["eval", "in.jsonl", "--json"], 0));
    assert_eq!(report["subsets"][0]["unscored"], 1);
}

#[test]
fn a_stopped_run_goes_on_where_it_was() {
    use std::time::{Duration, Instant};
    let place = Place::new();
    let toy = fixture("toy.jsonl");
    let scorer = format!("sh '{}'", fixture("scorer.sh").display());
    let args = ["score", toy.to_str().unwrap(), "-o", "out.jsonl", "--no-cache", "--scorer-cmd", &scorer];
    let mut child = place.command(&args).env("DELAY", "0.2").stderr(Stdio::piped()).spawn().unwrap();
    let partial = place.path("out.jsonl.partial");
    let start = Instant::now();
    while fs::read_to_string(&partial).map_or(0, |text| text.lines().count()) < 1 {
        assert!(start.elapsed() < Duration::from_secs(60), "no line in time");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(rustix::process::Signal::INT.as_raw()));
    assert!(!place.path("out.jsonl").exists());
    let before = place.asked();
    assert!(before < 16, "stopped in the middle");

    let output = place.run(&args);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(place.lines("out.jsonl").len(), 5);
    // What stood in the partial file was not asked for again; at most the problem under work was.
    assert!(place.asked() - before < 16, "{} of 16 again", place.asked() - before);
}

#[test]
fn a_run_that_is_killed_again_and_again_comes_to_its_end() {
    use std::time::{Duration, Instant};
    let place = Place::new();
    let toy = fixture("toy.jsonl");
    let scorer = format!("sh '{}'", fixture("scorer.sh").display());
    let args = ["score", toy.to_str().unwrap(), "-o", "out.jsonl", "--scorer-cmd", &scorer];
    let rounds = 4;
    for round in 0..rounds {
        let mut child = place.command(&args).env("DELAY", "0.05").stderr(Stdio::null()).spawn().unwrap();
        let before = place.asked();
        let start = Instant::now();
        while child.try_wait().unwrap().is_none() && place.asked() < before + 5 {
            assert!(start.elapsed() < Duration::from_secs(60), "nothing is scored in round {round}");
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // The scorer sees the closed pipe at its next answer.
        std::thread::sleep(Duration::from_millis(200));
    }
    place.scored(&["score", toy.to_str().unwrap(), "-o", "out.jsonl"], 0);
    // What was finished within the last moments before a kill is asked for again, and nothing else.
    assert!(place.asked() <= 16 + 3 * rounds, "{} steps asked for", place.asked());
    let whole = fs::read(place.path("out.jsonl")).unwrap();
    let other = Place::new();
    other.scored(&["score", toy.to_str().unwrap(), "-o", "out.jsonl"], 0);
    assert_eq!(whole, fs::read(other.path("out.jsonl")).unwrap());
}

#[test]
fn shards_gathered_are_the_whole_byte_for_byte() {
    let place = Place::new();
    let toy = fixture("toy.jsonl");
    let toy = toy.to_str().unwrap();
    place.scored(&["score", toy, "-o", "whole.jsonl", "--no-cache"], 0);
    let asked = place.asked();
    for shard in ["1", "2"] {
        place.scored(&["score", toy, "-o", &format!("{shard}.jsonl"), "--no-cache", "--shard", &format!("{shard}/2")], 0);
    }
    assert_eq!(place.asked(), 2 * asked, "every step once");
    assert!(place.lines("1.jsonl").len() + place.lines("2.jsonl").len() == 5 && !place.lines("2.jsonl").is_empty());
    let gathered = place.run(&["gather", toy, "--scores", "2.jsonl", "1.jsonl", "-o", "out.jsonl", "--json"]);
    assert_eq!(stdout(&gathered), json!({"out": "out.jsonl", "scorers": ["words@words-v1"], "solutions": 5}));
    assert_eq!(fs::read(place.path("whole.jsonl")).unwrap(), fs::read(place.path("out.jsonl")).unwrap());
    let part = place.run(&["gather", toy, "--scores", "2.jsonl", "-o", "part.jsonl"]);
    assert_eq!(part.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&part.stderr).contains("has no line by words@words-v1"), "{part:?}");
    assert!(!place.path("part.jsonl").exists());
}

#[cfg(feature = "candle")]
#[test]
fn stats_count_shared_beginnings_once() {
    let place = Place::new();
    let toy = fixture("toy.jsonl");
    let output =
        place.run(&["score", toy.to_str().unwrap(), "-o", "out.jsonl", "--no-cache", "--stats", "--prm", "embedded:decoder"]);
    let text = String::from_utf8_lossy(&output.stderr);
    let stats: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let number = |name: &str| stats[name].as_f64().unwrap_or_else(|| panic!("{name}: {text}"));
    assert_eq!((number("solutions"), number("nodes")), (5.0, 16.0));
    // Two of the problems have two solutions with the same first step.
    assert!(number("tokens_unique") < number("tokens_naive"));
    assert!(number("tokens_forward") <= 1.05 * number("tokens_unique"), "{text}");
    assert!(number("tokens_per_s") > 0.0 && number("first_score_seconds") >= number("load_seconds"));
    assert!(
        number("peak_rss_mb") > 1.0 && number("threads") >= 1.0 && stats["dtype"].as_str().is_some_and(|dtype| !dtype.is_empty())
    );
}

#[cfg(feature = "candle")]
#[test]
fn both_built_in_models_score_in_one_run() {
    let place = Place::new();
    let toy = fixture("toy.jsonl");
    let score = ["score", toy.to_str().unwrap(), "-o", "out.jsonl", "--no-cache", "--json", "--prm"];
    let both = stdout(&place.run(&[&score[..], &["embedded", "--prm", "embedded:decoder"]].concat()));
    let scorers: Vec<&str> = both["scorers"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(scorers.len() == 2 && scorers[0].starts_with("built-in@") && scorers[0] != scorers[1], "{scorers:?}");
    let named = place.lines("out.jsonl");
    place.run(&["score", toy.to_str().unwrap(), "-o", "default.jsonl", "--no-cache"]);
    assert_eq!(named.into_iter().step_by(2).collect::<Vec<_>>(), place.lines("default.jsonl"), "the default under its name");
}

#[test]
fn several_scorers_give_a_line_each() {
    let place = Place::new();
    let toy = fixture("toy.jsonl");
    let other = format!("sh -c \"$(sed -e s/words/echo/g '{}')\"", fixture("scorer.sh").display());
    let summary =
        stdout(&place.scored(&["score", toy.to_str().unwrap(), "-o", "out.jsonl", "--json", "--scorer-cmd", &other], 0));
    assert_eq!(summary["scorers"], json!(["echo@echo-v1", "words@words-v1"]));
    assert_eq!((&summary["solutions"], &summary["steps"], &summary["computed"]), (&json!(5), &json!(36), &json!(32)));
    let by: Vec<Value> = place.lines("out.jsonl").iter().map(|line| line["scorer"].clone()).collect();
    assert_eq!(by[..3], [json!("echo@echo-v1"), json!("words@words-v1"), json!("echo@echo-v1")]);
    place.scored(
        &[
            "score",
            toy.to_str().unwrap(),
            "-o",
            "twice.jsonl",
            "--scorer-cmd",
            &format!("sh '{}'", fixture("scorer.sh").display()),
        ],
        1,
    );
}

#[test]
fn eval_gives_the_figures_of_the_hand_made_vector() {
    let place = Place::new();
    let toy = fixture("toy.jsonl");
    let report = stdout(&place.scored(&["eval", toy.to_str().unwrap(), "--json"], 0));
    let subset = &report["subsets"][0];
    assert_eq!((&report["scorer"], &report["threshold"]), (&json!("words@words-v1"), &json!(0.5)));
    assert_eq!((&subset["name"], &subset["n_error"], &subset["n_correct"]), (&json!("toy"), &json!(3), &json!(2)));
    assert!(close(&subset["acc_error"], 66.6667) && close(&subset["acc_correct"], 50.0) && close(&subset["f1"], 57.142_857));
    assert_eq!(subset["f1"], report["mean_f1"]);
    let (low, high) = (subset["f1_interval"][0].as_f64().unwrap(), subset["f1_interval"][1].as_f64().unwrap());
    assert!(low <= 57.15 && 57.14 <= high, "{subset}");
    // 7 + 1 = 9 in toy-3 is the only sum that does not hold, and the scorer gives no posterior.
    let named: Vec<&Value> = subset["signals"].as_array().unwrap().iter().map(|signal| &signal["signal"]).collect();
    assert_eq!(named, ["checks", "score", "suspicion"]);
    assert!(close(&subset["signals"][0]["precision"], 100.0) && close(&subset["signals"][0]["recall"], 33.3333));
    let steps: u64 = subset["reliability"].as_array().unwrap().iter().map(|bin| bin["steps"].as_u64().unwrap()).sum();
    assert!(steps > 0 && subset["ece"].is_number());
    let shown = place.scored(&["eval", toy.to_str().unwrap(), "--signals"], 0);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    for figure in [
        "calibration error",
        "F1 at other thresholds, at best ",
        "lowest score at the last step in ",
        "solutions with a right answer",
    ] {
        assert!(shown.contains(figure), "{figure}: {shown}");
    }
    // At the notch of the threshold in use the sweep says what the table says.
    let notch = subset["sweep"].as_array().unwrap().iter().find(|notch| close(&notch["at"], 0.5)).unwrap();
    assert_eq!((subset["sweep"].as_array().unwrap().len(), &notch["f1"]), (19, &subset["f1"]));
    let counted = |field: &str| subset["lowest"][field].as_u64().unwrap();
    let way: u64 = subset["lowest"]["tenths"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum();
    assert!(counted("solutions") > 0 && counted("last") + way == counted("solutions"), "{subset}");
    // Below every score: nothing is wrong.
    let report = stdout(&place.scored(&["eval", toy.to_str().unwrap(), "--json", "--threshold", "0.05"], 0));
    assert_eq!((&report["subsets"][0]["acc_error"], &report["subsets"][0]["acc_correct"]), (&json!(0.0), &json!(100.0)));
    let by_score = &report["subsets"][0]["signals"][1];
    assert_eq!(
        (&by_score["signal"], &by_score["recall"]),
        (&json!("score"), &json!(0.0)),
        "the threshold is that of all figures"
    );
}

/// Differences of two chances are chances on another scale, logarithms are none, whatever numbers a file happens to hold.
#[test]
fn the_meaning_of_scores_decides_whether_they_are_probabilities() {
    let place = Place::new();
    let (scorer, toy) = (std::fs::read_to_string(fixture("scorer.sh")).unwrap(), fixture("toy.jsonl"));
    let ece = |semantics: &str, answer: &str| {
        let said = scorer.replace(r#""semantics":"correctness","#, semantics).replace("0.1", answer);
        std::fs::write(place.path("scorer.sh"), said).unwrap();
        let report = stdout(&place.run(&["eval", toy.to_str().unwrap(), "--json", "--no-cache", "--scorer-cmd", "sh scorer.sh"]));
        report["subsets"][0]["ece"].as_f64()
    };
    let plain = ece(r#""semantics":"correctness","#, "0.1").unwrap();
    // .9 stays .9 on a scale from -1 to 1 and is the place .95, above 0 as below it.
    let scaled = r#""semantics":"correctness","scale":{"range":[-1,1]},"#;
    let (positive, negative) = (ece(scaled, "0.1").unwrap(), ece(scaled, "-0.1").unwrap());
    assert!((positive - plain).abs() > 1e-3 && (negative - plain).abs() > 1e-3, "{plain} {positive} {negative}");
    assert_eq!(ece(r#""semantics":"log-ratio","#, "0.1"), None);
}

#[test]
fn baselines_need_no_scorer() {
    let place = Place::new();
    let toy = fixture("toy.jsonl");
    let eval = |rule: &str| stdout(&place.run(&["eval", toy.to_str().unwrap(), "--json", "--baseline", rule]));
    let none = eval("no-error");
    assert_eq!((&none["scorer"], &none["threshold"]), (&json!("no-error"), &Value::Null));
    assert_eq!((&none["subsets"][0]["acc_error"], &none["subsets"][0]["f1"]), (&json!(0.0), &json!(0.0)));
    // 7 + 1 = 9 in toy-3 is the only sum that does not hold.
    assert!(close(&eval("arithmetic")["subsets"][0]["acc_error"], 33.3333));
    assert_eq!(eval("random"), eval("random"));
}

#[test]
fn bad_records_are_named_and_strict_ends_with_status_three() {
    let place = Place::new();
    let good = fs::read_to_string(fixture("toy.jsonl")).unwrap();
    fs::write(place.path("in.jsonl"), good + "{\"id\":\"bad\",\"problem\":7}\n").unwrap();
    let output = place.scored(&["score", "in.jsonl", "-o", "out.jsonl"], 0);
    assert!(String::from_utf8_lossy(&output.stderr).contains("in.jsonl: line 6"), "{output:?}");
    place.scored(&["score", "in.jsonl", "-o", "out.jsonl", "--strict"], 3);
    place.scored(&["eval", "in.jsonl", "--strict"], 3);
    assert_eq!(place.lines("out.jsonl").len(), 5);
}

#[test]
fn a_processor_that_there_is_not_is_refused_by_name() {
    let place = Place::new();
    let toy = fixture("toy.jsonl");
    for (setting, status) in [("avx", 1), ("plain", 0), ("avx2", 0)] {
        let args = ["score", toy.to_str().unwrap(), "--prm", "embedded:decoder", "--no-cache", "-o", "out.jsonl", "--force"];
        let output = place.command(&args).env("STEPSCOPE_CPU", setting).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{setting}: {said}");
        assert_eq!(said.contains("STEPSCOPE_CPU: is \"avx\"; expected plain, avx2"), status == 1, "{said}");
    }
}

#[test]
fn a_file_of_a_folder_that_cannot_be_opened_is_named_and_left_out() {
    let place = Place::new();
    fs::create_dir(place.path("shards")).unwrap();
    fs::copy(fixture("toy.jsonl"), place.path("shards/a.jsonl")).unwrap();
    fs::write(place.path("shards/b.jsonl"), "").unwrap();
    let output = place.scored(&["score", "shards", "-o", "out.jsonl"], 0);
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("shards/b.jsonl: no records: the file is empty; left out"),
        "{output:?}"
    );
    assert_eq!(place.lines("out.jsonl").len(), 5);
    place.scored(&["eval", "shards", "--strict"], 3);
    let output = place.run(&["score", "shards", "shards/b.jsonl", "-o", "other.jsonl"]);
    assert!(!output.status.success(), "{output:?}");
    fs::remove_file(place.path("shards/a.jsonl")).unwrap();
    let output = place.run(&["queue", "shards"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no file could be opened"), "{output:?}");
}

#[test]
fn faults_are_one_line_and_status_one() {
    let place = Place::new();
    let toy = fixture("toy.jsonl");
    let toy = toy.to_str().unwrap();
    for (args, said) in [
        (vec!["score", "missing.jsonl", "-o", "out.jsonl"], "missing.jsonl: no such file"),
        (vec!["score", toy, "-o", "out.jsonl", "--scorer-cmd", "exit 7"], "ended with status 7"),
        (vec!["score", toy, "-o", "out.jsonl", "--scorer-cmd", "echo no weights here >&2; exit 1"], "no weights here"),
        (vec!["score", toy, "-o", toy, "--scorer-cmd", "true"], "is an input"),
        (vec!["eval", toy, "--format", "nonsense"], "possible values: prm800k"),
        (vec!["eval", toy, "--baseline", "no-error", "--format", "processbench", "--threshold", "x"], "invalid value"),
    ] {
        let output = place.run(&args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(1 | 2)) && text.contains(said), "{args:?}: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
    assert!(!place.path("out.jsonl").exists());
}

#[cfg(feature = "candle")]
#[test]
fn the_built_in_model_scores_a_file_from_end_to_end() {
    let place = Place::new();
    let toy = fixture("toy.jsonl");
    let toy = toy.to_str().unwrap();
    let output = place.run(&["score", toy, "-o", "out.jsonl", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((&stdout(&output)["steps"], &stdout(&output)["not_scored"]), (&json!(18), &json!(0)));
    for line in place.lines("out.jsonl") {
        for step in line["steps"].as_array().unwrap() {
            assert!((0.0..=1.0).contains(&step["score"].as_f64().unwrap()));
        }
    }
    let report = stdout(&place.run(&["eval", toy, "--json"]));
    assert_eq!(report["subsets"][0]["unscored"], 0);
    assert!(report["subsets"][0]["step_auc"].is_number());
}

#[test]
fn verdicts_of_a_critic_in_a_result_file_are_measured() {
    let place = Place::new();
    let row = |label: i64, prediction: &str| {
        format!(
            r#"{{"id":"r","generator":"g","problem":"q","steps":["a","b"],"final_answer_correct":true,"label":{label},"generated_critique":"c","prediction":{prediction},"match":false}}"#
        )
    };
    // Errors: one found, one missed, one without a verdict; right ones: one of two left alone.
    let rows = [row(1, "1"), row(0, "1"), row(0, "null"), row(-1, "-1"), row(-1, "0")];
    fs::write(place.path("math_error.jsonl"), rows.join("\n")).unwrap();
    let report = stdout(&place.run(&["eval", "math_error.jsonl", "--baseline", "prediction", "--json"]));
    let subset = &report["subsets"][0];
    assert!(close(&subset["acc_error"], 100.0 / 3.0) && close(&subset["acc_correct"], 50.0), "{report:#}");
    assert_eq!(report["scorer"], "prediction");
}
