//! Labels on the steps of a file, in the steps of a rule and in those that somebody cut by hand.

use serde_json::Value;
use stepscope::corpus::{Corpus, Source};
use stepscope::labels::{Action, Draft, Store};
use stepscope::segment::{Rule, resplit};
use tempfile::TempDir;

use super::export::stepscope;

const SOURCE: &str = r#"{"problem":"same","completions":["One pen. Two cost 6.\n\nb","Three pens. Two cost 7.\n\nc"],"scores":[[0.1,0.2],[0.2,0.3]]}"#;
const APART: &str = r#"{"id":"a","problem":"same","steps":["One pen. Two cost 6.","b"],"final_answer_correct":true,"label":-1}
{"id":"b","problem":"same","steps":["Three pens. Two cost 7.","c"],"final_answer_correct":true,"label":-1}
"#;

#[test]
fn a_rule_costs_no_labels_also_where_a_step_is_cut_by_hand() {
    let folder = TempDir::new().unwrap();
    let [one, two] = ["one.jsonl", "two.jsonl"].map(|name| folder.path().join(name));
    std::fs::write(&one, SOURCE).unwrap();
    std::fs::write(&two, APART).unwrap();
    let corpus = Corpus::open(Source::Path(one.clone()), None).unwrap();
    corpus.wait();
    let trace = corpus.unit(0).trace.unwrap();
    let (mut store, mut session) = Store::open(&folder.path().join("labels.db"), "mira").unwrap();
    let mut say = |action: Action| session.apply(&store.append(Draft::of(action)).unwrap());
    let steps = |solution: usize| trace.solution_path(&trace.solutions[solution]);
    for solution in [0, 1] {
        let record = trace.record_key(trace.solutions[solution].leaf);
        let step = trace.node(steps(solution)[0]).key;
        say(Action::FirstError { step, index: 0, record, clears: Vec::new(), kind: String::new() });
    }
    let judged = |file: &str| {
        let words =
            ["queue", file, "--store", "labels.db", "--as", "mira", "--segment", "sentence", "--filter", "labelled", "--json"];
        String::from_utf8(stepscope(&folder, &words).stdout).unwrap().lines().count()
    };
    assert_eq!([judged("one.jsonl"), judged("two.jsonl")], [2, 2], "records of one problem are one tree");
    let by_rule = resplit(&trace, Rule::Sentence).unwrap();
    let solution = &by_rule.solutions[0];
    let mut starts = by_rule.own_starts(solution);
    starts.remove(1);
    say(Action::Segment { record: by_rule.record_key(solution.leaf), starts });
    let words = "export one.jsonl --to trl --neutral positive --after-error drop --unlabelled drop --unsure keep \
                 --segment sentence --store labels.db --as mira -o out.jsonl --json";
    let output = stepscope(&folder, &words.split_whitespace().collect::<Vec<_>>());
    let manifest: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&manifest["written"], &manifest["skipped"]), (&2.into(), &serde_json::json!({})), "{manifest}");
}
