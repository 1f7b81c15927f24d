//! `train-head`: from one's own labels to a model that loads like any other.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use stepscope::corpus::{Corpus, Source};
use stepscope::labels::{Draft, Session, Store};

use crate::support::Folder;

/// A folder with a file of solutions and a label store.
pub(crate) struct Place {
    folder: Folder,
}

impl Place {
    /// `count` problems with one solution each: a step that says "surely" is wrong, whatever the built-in model thinks of it.
    pub(crate) fn new(count: usize) -> Self {
        let place = Self { folder: Folder::new() };
        let record = |n: usize| {
            let apples = n + 3;
            let last =
                if n.is_multiple_of(2) { "So surely all of them are left for him" } else { "So all of them are left for him" };
            json!({"id": n.to_string(), "generator": "", "problem": format!("Ann has {apples} apples and gives 2 away. How many are left?"),
                   "steps": [format!("Ann has {apples} apples."), format!("{last}.")], "final_answer_correct": true, "label": -1})
        };
        let lines: Vec<String> = (0..count).map(|n| record(n).to_string()).collect();
        std::fs::write(place.path("in.jsonl"), lines.join("\n")).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path(name)
    }

    /// Labels by a rule: the first wrong step of each problem by its number.
    pub(crate) fn label(&self, wrong: impl Fn(usize) -> Option<usize>) {
        let corpus = Corpus::open(Source::Path(self.path("in.jsonl")), None).unwrap();
        corpus.wait();
        let (mut store, mut session): (Store, Session) = Store::open(&self.path("labels.db"), "mira").unwrap();
        for problem in 0..corpus.problem_count() {
            let trace = corpus.problem(problem).trace.clone().unwrap();
            let solution = &trace.solutions[0];
            let action = match wrong(problem) {
                Some(step) => session.first_error(&trace, solution, step).unwrap(),
                None => session.all_good(&trace, solution),
            };
            let mut draft = Draft::of(action);
            draft.saw.file = Some("in.jsonl".into());
            draft.saw.item = Some(problem as u64);
            session.apply(&store.append(draft).unwrap());
        }
    }

    fn run(&self, args: &[&str]) -> Output {
        self.folder.run(args)
    }

    fn train(&self, more: &[&str]) -> Output {
        self.run(&[&["train-head", "--labels", "labels.db", "--as", "mira", "-o", "mine"], more].concat())
    }

    fn scores(&self, prm: &[&str]) -> Vec<f64> {
        let output = self.run(&[&["score", "in.jsonl", "-o", "scores.jsonl", "--force"], prm].concat());
        assert!(output.status.success(), "{}", said(&output));
        let text = std::fs::read_to_string(self.path("scores.jsonl")).unwrap();
        let last = |line: &str| serde_json::from_str::<Value>(line).unwrap()["steps"][1]["score"].as_f64().unwrap();
        text.lines().map(last).collect()
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn labels_become_a_model_that_loads_like_any_other() {
    let place = Place::new(60);
    place.label(|n| (n % 2 == 0).then_some(1));
    let output = place.train(&["--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["solutions"], &report["problems"], &report["steps"], &report["wrong"]),
        (&json!(60), &json!(60), &json!(120), &json!(30))
    );
    assert!(report["gain"]["interval"][0].as_f64().unwrap() > 0.0, "{report}");
    assert!(report["after"]["log_loss"].as_f64().unwrap() < report["before"]["log_loss"].as_f64().unwrap());
    // The thresholds come from the data: by them the first errors are found that the model's own scores miss.
    let f1 = |when: &str| report[when]["f1"].as_f64().unwrap();
    assert!(report["judged"] == 60 && f1("after") > f1("before") && report["gain"]["f1"].as_f64().unwrap() > 0.0, "{report}");
    let head: Value = serde_json::from_slice(&std::fs::read(place.path("mine").join("head.json")).unwrap()).unwrap();
    assert_eq!((&head["threshold"], &head["posterior"]), (&report["threshold"], &report["posterior"]));

    let after = place.scores(&["--prm", "mine"]);
    assert!(after.iter().enumerate().all(|(n, score)| (*score < 0.5) == (n % 2 == 0)), "{after:?}");
    // Twice is refused, with --force it is replaced; the folder of another model is never written into.
    assert!(said(&place.train(&[])).contains("--force"));
    assert!(place.train(&["--force"]).status.success());
    assert_eq!(place.scores(&["--prm", "mine"]), after, "the same labels give the same head");
    let other = place.run(&["train-head", "--labels", "labels.db", "--as", "mira", "-o", "cache"]);
    assert!(!other.status.success() && said(&other).contains("is no folder of a head"), "{}", said(&other));
}

#[test]
fn a_head_of_another_model_or_a_broken_one_is_refused() {
    let place = Place::new(60);
    place.label(|n| (n % 2 == 0).then_some(1));
    assert!(place.train(&[]).status.success());
    let file = place.path("mine").join("head.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut value = value.clone();
        change(&mut value);
        std::fs::write(&file, value.to_string()).unwrap();
        let output = place.run(&["score", "in.jsonl", "-o", "never.jsonl", "--prm", "mine"]);
        assert!(!output.status.success());
        said(&output)
    };
    assert!(broken(&|v| v["base_key"] = json!("0")).contains("has changed since"));
    assert!(broken(&|v| v["format"] = json!(9)).contains("format 9"));
    assert!(broken(&|v| v["head"]["features"] = json!(0)).contains("fit it again"));
    assert!(broken(&|v| v["head"]["columns"] = json!([])).contains("fit it again"));
    assert!(broken(&|v| v["threshold"] = json!(2)).contains("between 0 and 1"));
    assert!(broken(&|v| v["base"] = json!(Path::new("mine"))).contains("has a head already"));
    assert!(broken(&|v| *v = json!([])).contains("head.json"));
}

/// A head fits the scores of one device alone.
#[test]
#[cfg(all(feature = "candle", not(feature = "cuda")))]
fn a_head_is_fitted_where_its_model_runs() {
    let place = Place::new(20);
    place.label(|n| (n % 2 == 0).then_some(1));
    let output = place.train(&["--prm", "embedded:decoder", "--device", "cuda"]);
    assert!(!output.status.success() && said(&output).contains("cuda"), "{}", said(&output));
}

#[test]
fn labels_that_tell_nothing_give_no_model() {
    let few = Place::new(12);
    few.label(|n| (n % 2 == 0).then_some(1));
    let output = few.train(&[]);
    assert!(
        !output.status.success() && said(&output).contains("6 problems with a step that is wrong, expected at least 10"),
        "{}",
        said(&output)
    );

    // Labels by a rule that no feature sees, as often right as the model is sure.
    let chance = Place::new(60);
    let thousandths: Vec<usize> =
        chance.scores(&[]).iter().map(|score| (0..1000).filter(|n| f64::from(*n) < score * 1000.0).count()).collect();
    chance.label(|n| (n * 2_654_435_761 % 1000 > thousandths[n]).then_some(1));
    let output = chance.train(&[]);
    assert!(!output.status.success() && said(&output).contains("too few labels"), "{}", said(&output));
    assert!(!chance.path("mine").exists());
}

#[test]
fn without_labels_there_is_nothing_to_learn() {
    let place = Place::new(3);
    assert!(said(&place.train(&[])).contains("there is no label store"));
    place.label(|_| None);
    let output = place.run(&["train-head", "--labels", "labels.db", "--as", "noor", "-o", "mine"]);
    assert!(said(&output).contains("has no labels of noor"), "{}", said(&output));
}
