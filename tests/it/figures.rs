//! What `eval`, `compare` and `queue` say in numbers, on solutions whose steps carry their scores: `[s=.4]`, or none.

use std::fs;

use serde_json::{Value, json};

use crate::support::Folder;

/// A scorer that reads the score of a step in it.
const SCORER: &str = r#"
echo '{"type":"hello","protocol":1,"server":"test"}'
READY
while IFS= read -r line; do
    case $line in '{"type":"score"'*) ;; *) continue ;; esac
    id=$(printf '%s\n' "$line" | sed 's/^{"type":"score","id":\([0-9]*\),.*/\1/')
    printf '%s\n' "$line" | awk -v id="$id" '{
        n = split($0, nodes, /\{"parent":/)
        for (i = 2; i <= n; i++) {
            if (nodes[i] ~ /"known":true\}/ || !match(nodes[i], /\[s=[-0-9.]+\]/)) continue
            score = substr(nodes[i], RSTART + 3, RLENGTH - 4)
            match(nodes[i], /"key":"[0-9a-f]+"/)
            printf "{\"type\":\"score\",\"id\":%s,\"key\":\"%s\",\"score\":%s}\n", id, substr(nodes[i], RSTART + 7, RLENGTH - 8), score
        }
    }'
    echo '{"type":"done","id":'"$id"',"tokens":1,"seconds":0.1}'
done
"#;
const CHANCE: &str = r#""semantics":"correctness","threshold":0.5"#;
const PURE: &str = r#""semantics":"correctness","threshold":0.0,"scale":{"range":[-1,1],"aggregate":"prod"}"#;

/// A line of a `ProcessBench` file: steps with these scores (none where the text is empty) and a label.
fn row(problem: &str, label: i64, scores: &[&str]) -> Value {
    let step = |(at, score): (usize, &&str)| {
        let zero = if score.starts_with('.') { "0" } else { "" };
        if score.is_empty() { format!("step {at}") } else { format!("step {at} [s={zero}{score}]") }
    };
    let steps: Vec<String> = scores.iter().enumerate().map(step).collect();
    json!({"id": problem, "generator": "g", "problem": problem, "steps": steps, "final_answer_correct": true, "label": label})
}

struct Place(Folder);

impl Place {
    fn new() -> Self {
        Self(Folder::new())
    }

    fn file(&self, name: &str, rows: &[Value]) {
        let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
        fs::write(self.0.path(name), lines.join("\n")).unwrap();
    }

    /// What a command says that works; with the scorer of this meaning, where one is given.
    fn says(&self, meaning: Option<&str>, args: &[&str]) -> (String, String) {
        let mut all = args.to_vec();
        if let Some(meaning) = meaning {
            let key = meaning.len();
            let ready = format!(r#"{{"type":"ready","model":{{"name":"read","key":"k{key}","family":"test",{meaning}}}}}"#);
            fs::write(self.0.path("scorer.sh"), SCORER.replace("READY", &format!("echo '{ready}'"))).unwrap();
            all.extend(["--scorer-cmd", "sh scorer.sh"]);
        }
        let output = self.0.run(&all);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{all:?}: {}", text(&output.stderr));
        (text(&output.stdout), text(&output.stderr))
    }

    fn json(&self, meaning: Option<&str>, args: &[&str]) -> Value {
        serde_json::from_str(&self.says(meaning, &[args, &["--json"]].concat()).0).unwrap()
    }

    /// Problems (from 1) and numbers of a queue.
    fn queue(&self, meaning: &str, args: &[&str]) -> Vec<(u64, Option<f64>)> {
        let all = [&["queue", "in.jsonl", "--json"], args].concat();
        let row = |line: &str| {
            let row: Value = serde_json::from_str(line).unwrap();
            (row["problem"].as_u64().unwrap(), row["number"].as_f64())
        };
        self.says(Some(meaning), &all).0.lines().map(row).collect()
    }
}

#[test]
fn a_solution_with_a_step_without_score_is_not_called_right() {
    let place = Place::new();
    // Left open: right ones with a gap, and an error that stands in one; found: an error beside a gap.
    let rows = [
        row("0", -1, &[".9", "", ".9"]),
        row("1", -1, &[".9", ".9"]),
        row("2", 1, &[".9", "", ".9"]),
        row("3", 1, &[".9", ".2", ".9"]),
        row("4", 1, &["", ".1"]),
    ];
    place.file("un.jsonl", &rows);
    let (_, noted) = place.says(Some(CHANCE), &["eval", "un.jsonl"]);
    assert!(noted.contains("un.jsonl: 3 solutions have steps without a score"), "{noted}");
    let eval = place.json(Some(CHANCE), &["eval", "un.jsonl"])["subsets"][0].clone();
    assert_eq!((&eval["unscored"], &eval["acc_correct"]), (&json!(3), &json!(50.0)));
    for out in ["a.out", "b.out"] {
        place.says(Some(CHANCE), &["score", "un.jsonl", "-o", out]);
    }
    let compared = place.json(None, &["compare", "a.out", "b.out", "un.jsonl"]);
    assert_eq!((&compared["solutions"], &compared["unscored"], &compared["skipped"]), (&json!(5), &json!(3), &json!(0)));
    assert_eq!(compared["each"][0]["f1"], eval["f1"]);
}

#[test]
fn what_a_critic_did_not_say_is_skipped_and_numbers_may_be_written_in_any_way() {
    let place = Place::new();
    let said = |label: i64, prediction: Option<Value>| {
        let mut row = row(&label.to_string(), label, &["", ""]);
        if let Some(prediction) = prediction {
            row["prediction"] = prediction;
        }
        row
    };
    let rows = [
        said(0, Some(json!(0.0))),
        said(-1, Some(json!("-1"))),
        said(1, Some(json!("1"))),
        said(1, Some(json!("nothing"))),
        said(-1, Some(json!(-1.0))),
        said(0, None),
    ];
    place.file("pr.jsonl", &rows);
    let found = place.json(None, &["eval", "pr.jsonl", "--baseline", "prediction"])["subsets"][0].clone();
    assert_eq!((&found["n_error"], &found["n_correct"], &found["skipped"]), (&json!(3), &json!(2), &json!(1)));
    assert!((found["acc_error"].as_f64().unwrap() - 200.0 / 3.0).abs() < 1e-9 && found["acc_correct"] == 100.0, "{found}");
    place.file("none.jsonl", &[said(0, None), said(-1, None)]);
    let output = place.0.run(&["eval", "none.jsonl", "--baseline", "prediction"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("no record has a prediction"), "{told}");
}

#[test]
fn files_count_alike_in_compare_and_eval() {
    let place = Place::new();
    let many = |name: &str, count: usize, label: i64, score: &str| -> Vec<Value> {
        (0..count).map(|n| row(&format!("{name} {n}"), label, &[score, ".9"])).collect()
    };
    // All errors of A are found and nothing is left alone, in B it is the other way round.
    place.file("A.jsonl", &[many("a", 20, 0, ".1"), many("b", 5, -1, ".1")].concat());
    place.file("B.jsonl", &[many("c", 5, 0, ".9"), many("d", 20, -1, ".9")].concat());
    place.file("C.jsonl", &many("e", 3, -1, ".9"));
    for out in ["a.out", "b.out"] {
        place.says(Some(CHANCE), &["score", "A.jsonl", "B.jsonl", "-o", out]);
    }
    let compared = place.json(None, &["compare", "a.out", "b.out", "A.jsonl", "B.jsonl"]);
    assert_eq!((&compared["each"][0]["f1"], &compared["f1_difference"]), (&json!(0.0), &json!(0.0)), "{compared}");
    assert_eq!(
        (&compared["files"][0]["each"][0]["acc_error"], &compared["files"][1]["name"]),
        (&json!(100.0), &json!("B.jsonl"))
    );
    let told = place.says(None, &["compare", "a.out", "b.out", "A.jsonl", "B.jsonl"]).0;
    assert!(told.contains("A.jsonl: 25 solutions") && told.contains("mean of 2 of 2 files"), "{told}");
    // A mean says of how many files it is.
    let told = place.says(Some(CHANCE), &["eval", "A.jsonl", "C.jsonl"]).0;
    assert!(told.contains("mean F1 of 1 of 2 subsets 0.0"), "{told}");
}

#[test]
fn steps_that_solutions_share_count_once_and_problems_are_drawn() {
    let place = Place::new();
    let shared = |n: usize| {
        let mut row = row("One?", 0, &[".2", ".9"]);
        row["steps"][1] = json!(format!("end {n} [s=0.9]"));
        row
    };
    let rows: Vec<Value> =
        (0..12).map(shared).chain([row("Two?", -1, &[".9", ".9"]), row("Three?", -1, &[".8", ".9"])]).collect();
    place.file("tree.jsonl", &rows);
    let found = place.json(Some(CHANCE), &["eval", "tree.jsonl"])["subsets"][0].clone();
    let steps: u64 = found["reliability"].as_array().unwrap().iter().map(|bin| bin["steps"].as_u64().unwrap()).sum();
    assert_eq!((steps, &found["problems"], &found["n_error"]), (5, &json!(3), &json!(12)));
    let told = place.says(Some(CHANCE), &["eval", "tree.jsonl"]).0;
    assert!(told.contains("tree: 14 solutions of 3 problems"), "{told}");
}

#[test]
fn a_model_is_as_suspicious_on_another_scale_and_its_step_threshold_is_told() {
    let place = Place::new();
    let steps = |half: bool| -> Vec<Value> {
        let score = |pure: f64| if half { f64::midpoint(pure, 1.0) } else { pure }.to_string();
        let row = |label: i64, texts: &[(&str, f64)]| {
            let mut row = row(texts[0].0, label, &[]);
            row["steps"] = texts.iter().map(|(text, pure)| format!("{text} [s={}]", score(*pure))).collect();
            row
        };
        vec![
            row(1, &[("a.", 0.9), ("So 2 + 2 = 5.", 0.5), ("c.", 0.9)]),
            row(-1, &[("x.", 0.9), ("y.", 0.5)]),
            row(0, &[("Then 3 * 3 = 7.", 0.7), ("b.", 0.5)]),
        ]
    };
    place.file("unit.jsonl", &steps(true));
    place.file("pure.jsonl", &steps(false));
    let f1 = |meaning: &str, file: &str| {
        let found = place.json(Some(meaning), &["eval", file]);
        let signals = found["subsets"][0]["signals"].as_array().unwrap().clone();
        signals.into_iter().find(|signal| signal["signal"] == "suspicion").map(|signal| signal["f1"].clone())
    };
    assert_eq!((f1(CHANCE, "unit.jsonl"), f1(PURE, "pure.jsonl")), (Some(json!(100.0)), Some(json!(100.0))));
    assert_eq!(f1(r#""semantics":"log-ratio","threshold":0.0"#, "pure.jsonl"), None);
    // With a rule for whole solutions the threshold of a step is told too.
    let posterior = r#""semantics":"correctness","threshold":0.75,"posterior":0.5"#;
    let found = place.json(Some(posterior), &["eval", "unit.jsonl"]);
    assert_eq!((&found["threshold"], &found["posterior"]), (&json!(0.75), &json!(0.5)));
    assert!(place.says(Some(posterior), &["eval", "unit.jsonl"]).0.contains("a step by itself below 0.750"));
}

#[test]
fn a_queue_asks_in_the_numbers_of_the_screen() {
    let place = Place::new();
    place.file("in.jsonl", &[row("0", -1, &["0.9", "0.5", "0.9"]), row("1", 1, &["0.9", "-0.5", "0.9"])]);
    assert_eq!(place.queue(PURE, &["--filter", "min_prm < 0"]), [(2, None)]);
    assert_eq!(place.queue(PURE, &["--filter", "first_prm > -.51 and first_prm < -.49 and margin > .49"]), [(2, None)]);
    // The solution score is the one that `score` writes.
    place.says(Some(PURE), &["score", "in.jsonl", "-o", "out.jsonl"]);
    let line = fs::read_to_string(place.0.path("out.jsonl")).unwrap();
    let written: Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    let (at, number) = place.queue(PURE, &["--order", "prm"])[0];
    assert_eq!((at, number.map(|n| (n * 1e4).round())), (1, written["solution"]["prod"].as_f64().map(|n| (n * 1e4).round())));
    // Places are the same on every scale.
    assert!((place.queue(PURE, &["--order", "suspicion"])[0].1.unwrap() - 0.75).abs() < 1e-9);
}

#[test]
fn a_queue_finds_the_first_errors_that_the_screen_and_eval_find() {
    let place = Place::new();
    place.file("in.jsonl", &[row("gap behind", 1, &[".9", ".2", ""]), row("gap alone", -1, &[".9", "", ".9"])]);
    assert_eq!(place.queue(CHANCE, &["--filter", "at == 2"]), [(1, None)]);
    assert_eq!(place.queue(CHANCE, &["--filter", "at == 0"]), [], "nobody says that the gap is right");
    assert_eq!(place.json(Some(CHANCE), &["eval", "in.jsonl"])["subsets"][0]["acc_error"], json!(100.0));
}

#[test]
fn the_gravest_disagreement_comes_first() {
    let place = Place::new();
    let scores = |low: Option<usize>| (0..10).map(|at| if Some(at) == low { ".1" } else { ".9" }).collect::<Vec<_>>();
    place.file(
        "in.jsonl",
        &[
            row("last step against none", -1, &scores(Some(9))),
            row("first step against none", -1, &scores(Some(0))),
            row("two apart", 1, &scores(Some(3))),
            row("none against the first step", 0, &scores(None)),
            row("agreed", 4, &scores(Some(4))),
        ],
    );
    let found = place.queue(CHANCE, &["--order", "disagreement"]);
    assert_eq!(found, [(2, Some(10.0)), (4, Some(10.0)), (3, Some(2.0)), (1, Some(1.0)), (5, Some(0.0))]);
}

#[test]
fn the_best_of_several_solutions_is_measured_beside_chance_and_votes() {
    let place = Place::new();
    let sample = |problem: &str, answer: u64, score: &str, right: bool| {
        let steps = [format!("We count. [s={score}]"), format!("[s={score}] The answer is {answer}.")];
        json!({"id": problem, "generator": "g", "problem": problem, "steps": steps, "final_answer_correct": right, "label": -1, "likes": [1, answer]})
    };
    place.file(
        "in.jsonl",
        &[
            sample("misled", 4, "0.2", true),
            sample("misled", 5, "0.9", false),
            sample("misled", 5, "0.3", false),
            sample("led", 7, "0.9", true),
            sample("led", 8, "0.1", false),
        ],
    );
    let round = |value: &Value| value["share"].as_f64().map(|share| (share * 10.0).round() / 10.0);
    let found = place.json(Some(CHANCE), &["best-of", "in.jsonl"]);
    assert_eq!(
        (&found["form"], &found["files"][0]["problems"], &found["files"][0]["solutions"]),
        (&json!("min"), &json!(2), &json!(5))
    );
    let rows = found["files"][0]["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| [&row["n"], &row["problems"]]).collect::<Vec<_>>(), [[1, 2], [2, 2], [3, 1]]);
    // Of two of the misled ones a right one is there in two of three draws, and never has the highest score.
    assert_eq!((round(&rows[0]["best"]["min"]), round(&rows[0]["chance"])), (Some(41.7), Some(41.7)));
    assert_eq!((round(&rows[1]["best"]["min"]), round(&rows[1]["any"])), (Some(50.0), Some(83.3)));
    let all = &rows[2];
    assert_eq!((round(&all["best"]["last"]), round(&all["vote"]), round(&all["any"])), (Some(0.0), Some(0.0), Some(100.0)));
    let told = place.says(Some(CHANCE), &["best-of", "in.jsonl"]).0;
    assert!(told.contains("2 problems, 5 solutions") && told.contains("weighted"), "{told}");
    // Numbers of the file: the higher answer is liked more, which is the wrong one each time.
    let liked = place.json(None, &["best-of", "in.jsonl", "--field", "likes"]);
    let rows = liked["files"][0]["rows"].as_array().unwrap();
    assert_eq!((round(&rows[1]["best"]["likes"]), &rows[1]["weighted"]), (Some(0.0), &json!({})));
}

#[test]
fn solutions_of_which_nothing_tells_whether_they_are_right_are_counted_and_left_out() {
    let place = Place::new();
    let steps = |text: &str| json!({"prompt": "p", "completions": [text], "labels": [true]});
    place.file("in.jsonl", &[steps("one"), steps("two")]);
    let output = place.0.run(&["best-of", "in.jsonl", "--recorded"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("of 2 solutions it is not known whether they are right"), "{said}");
}
