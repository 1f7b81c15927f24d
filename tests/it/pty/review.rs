//! Reviews in a real terminal: played again from their keys, and what is sent back until somebody answers.

use serde_json::Value;
use stepscope::labels::{Action, Body, Event, Store};

use super::{Duration, Signal, Terminal, played_again, type_like_people};
use crate::export::judge;

#[test]
fn a_review_of_three_stores_that_is_played_again_gives_the_same_decisions_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let text = |name: &str| at(name).to_str().unwrap().to_owned();
    let problem = |n: usize| {
        let sum = 2 * n + n % 3;
        format!(
            r#"{{"id":"r-{n}","generator":"m","problem":"What is {n} + {n}?","steps":["We add.","{n} + {n} = {sum}.","So {sum}.","Check: {sum} - {n} = {n}.","Done."],"final_answer_correct":true,"label":-1}}"#
        )
    };
    let problems: Vec<String> = (0..28).map(problem).collect();
    std::fs::write(at("traces.json"), format!("[{}]", problems.join(","))).unwrap();
    for (who, step) in [("mira", 1), ("ito", 2), ("ruth", 5)] {
        // First errors by a stride for each of them; behind the last step there is none.
        let verdicts: Vec<Option<usize>> = (0..28).map(|n| Some((n * step + step) % 6).filter(|first| *first < 5)).collect();
        judge(&at(&format!("{who}.db")), &at("traces.json"), who, &verdicts);
    }
    let mut command = Terminal::program(folder.path());
    command.args(["review", &text("mira.db"), &text("ito.db"), &text("ruth.db"), &text("traces.json")]);
    command.args(["--as", "lena", "--store", &text("lena.db"), "--log", &text("keys.jsonl")]);
    let mut terminal = Terminal::run(command, (120, 40));
    terminal.wait("every score", |screen| screen.contains("all scored"));
    let keys = "TaTb3xTcuu\x12\x12aSlook at the sum\rgNTagNTb2xgd]d[dTc4xcsee above\raTagd]dTb1xXsTcaS again\r5xuTaTb]d]d2xaTc3x";
    type_like_people(&mut terminal, keys);
    terminal.wait("everything saved", |screen| !screen.contains("saving"));
    std::thread::sleep(Duration::from_millis(100));
    terminal.signal(Signal::TERM);
    terminal.wait_for_exit();
    played_again(&text("keys.jsonl"));
    let events = Store::events(&at("lena.db"), "lena").unwrap();
    let count = |wanted: &dyn Fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count();
    let verdict = |event: &Event| matches!(event.body, Body::Act(Action::FirstError { .. } | Action::AllGood { .. }));
    assert!(count(&verdict) >= 20, "{} verdicts", count(&verdict));
    assert!(count(&|event| event.saw.context.took.is_some()) >= 8);
    assert_eq!(count(&|event| matches!(event.body, Body::Act(Action::SendBack { .. }))), 2);
    assert_eq!(count(&|event| matches!(event.body, Body::Act(Action::Names { .. }))), 2);
}

#[test]
fn what_is_sent_back_waits_until_one_of_its_annotators_has_changed_a_label() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let text = |name: &str| at(name).to_str().unwrap().to_owned();
    let problem = |n: usize| {
        format!(
            r#"{{"id":"r-{n}","generator":"m","problem":"Problem {n}?","steps":["One.","Two.","Three.","Four."],"final_answer_correct":true,"label":-1}}"#
        )
    };
    std::fs::write(at("traces.json"), format!("[{}]", (0..3).map(problem).collect::<Vec<_>>().join(","))).unwrap();
    judge(&at("mira.db"), &at("traces.json"), "mira", &[Some(0), Some(1), None]);
    judge(&at("ito.db"), &at("traces.json"), "ito", &[Some(3), Some(2), None]);
    let given =
        [text("mira.db"), text("ito.db"), text("traces.json"), "--as".into(), "lena".into(), "--store".into(), text("lena.db")];
    let open = || {
        let mut command = Terminal::program(folder.path());
        command.arg("review");
        command.args(&given);
        Terminal::run(command, (120, 40))
    };
    let states = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_stepscope"));
        let output = command.arg("review").args(&given).args(["--list", "--json"]).output().unwrap();
        let rows = String::from_utf8(output.stdout).unwrap();
        let rows = rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut states: Vec<(String, String)> =
            rows.map(|row| (row["id"].as_str().unwrap().to_owned(), row["state"].as_str().unwrap().to_owned())).collect();
        states.sort_unstable();
        (states, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let are = |states: &[(String, String)], wanted: [&str; 2]| states.iter().map(|(_, state)| state.as_str()).eq(wanted);
    let mut terminal = open();
    terminal.wait_for("far, 3 apart");
    terminal.keys("Ssee the sum\r");
    terminal.wait_for("0 of 2 judged, 1 sent back");
    terminal.wait_for("off by one");
    terminal.keys("q");
    terminal.wait_for_exit();
    let (found, said) = states();
    assert!(are(&found, ["waiting", "open"]) && said.contains("1 sent back and waiting"), "{found:?} {said}");
    // The next start goes on with what is open, and the walk finds nothing else.
    let mut terminal = open();
    terminal.wait_for("off by one");
    terminal.keys("gg]d");
    terminal.wait_for("nothing else is left to decide");
    terminal.keys("q");
    terminal.wait_for_exit();
    judge(&at("mira.db"), &at("traces.json"), "mira", &[Some(2), Some(1), None]);
    let (found, said) = states();
    assert!(are(&found, ["open", "open"]) && !said.contains("waiting"), "{found:?} {said}");
    let mut terminal = open();
    terminal.wait_for("0 of 2 judged");
    terminal.keys("]d");
    terminal.wait_for("answered by 1 of 2: see the sum");
    terminal.keys("q");
    terminal.wait_for_exit();
}
