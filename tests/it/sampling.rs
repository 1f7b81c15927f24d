//! Alternatives of a step that a language model writes on request.

use std::io::Write;
use std::ops::ControlFlow;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use stepscope::app::log::Entry;
use stepscope::app::sampling::{Heard, Sampling};
use stepscope::app::{Effect, Focus, Message};
use stepscope::labels::{Action, Body, Event, Store};
use stepscope::prm::{Beginning, CheckpointSource, Device, Sampler};
use stepscope::scoring::SampleRequest;

use super::desk::Desk;
use super::families;

const FILE: &[u8] = br#"{"id":"t-1","generator":"m","problem":"How many?","steps":["One.","Two.","Three."],"label":1,"final_answer_correct":false}"#;

fn desk() -> Desk {
    let mut desk = Desk::new(&[("one.jsonl", FILE)], (120, 40));
    desk.app.sampling = Box::new(Sampling::new(true));
    desk
}

fn asked(desk: &mut Desk) -> Option<SampleRequest> {
    let at = desk.left.iter().position(|effect| matches!(effect, Effect::Sample(_)))?;
    if let Effect::Sample(request) = desk.left.remove(at) { Some(request) } else { None }
}

fn hear(desk: &mut Desk, heard: &[Heard]) {
    for heard in heard {
        desk.tell(Message::Sampler(heard.clone()));
    }
}

fn step(request: u64, number: u64, text: &str) -> Heard {
    Heard::Step(request, number, text.to_owned())
}

fn text(desk: &Desk) -> String {
    desk.app.trace().unwrap().node(desk.app.cursor.node).text.clone()
}

fn last(desk: &Desk) -> Event {
    Store::events(desk.store.path(), "mira").unwrap().pop().unwrap()
}

#[test]
fn without_a_language_model_one_line_says_how_to_have_alternatives() {
    let mut desk = Desk::demo();
    desk.keys("ge");
    assert!(desk.screen().contains("start with --sampler DIR"), "{}", desk.screen());
    assert_eq!(asked(&mut desk), None);
}

#[test]
fn alternatives_stand_beside_the_step_and_are_rated_and_chosen_like_others() {
    let mut desk = desk();
    desk.keys("2G4ge");
    let request = asked(&mut desk).unwrap();
    assert_eq!((request.steps.as_slice(), request.first, request.count), (&["One.".to_owned()][..], 0, 4));
    hear(&mut desk, &[Heard::Ready("tiny@abc".into()), Heard::Growing(1, 0, 12)]);
    assert!(desk.screen().contains("0 of 4 alternatives written, 12 characters"), "{}", desk.screen());
    hear(
        &mut desk,
        &[step(1, 0, "Zwei."), step(1, 1, "Two."), step(1, 2, "Due \u{1b}[31m!"), step(9, 3, "late"), Heard::Done(1)],
    );
    let said = desk.app.notice.clone().unwrap();
    assert!(said.starts_with("2 new alternatives of step 2, 1 said what stands here already or nothing"), "{said}");
    let screen = desk.screen();
    assert!(screen.contains("3 alternatives here") && screen.contains("model: Zwei."), "{screen}");
    assert!(!screen.contains('\u{1b}') && !screen.contains("late"), "{screen}");
    assert_eq!((text(&desk).as_str(), desk.app.focus, desk.app.show_tree), ("Two.", Focus::Steps, false), "everything stays");
    desk.keys("J=");
    assert_eq!(text(&desk), "Zwei.", "who compares stays there: {}", desk.screen());
    let event = last(&desk);
    let sampled = &event.saw.context.sampled[..];
    assert_eq!((sampled.len(), sampled[0].text.as_str(), sampled[0].by.as_str()), (1, "Zwei.", "tiny@abc"));
    assert!(matches!(event.body, Body::Act(Action::Rate { step, .. }) if step == sampled[0].step));
    for verdict in ["x", "a", "s"] {
        desk.keys(verdict);
        assert!(desk.screen().contains("was written by a model"), "{verdict}: {}", desk.screen());
    }
    desk.keys("gB");
    assert_eq!(last(&desk).saw.context.sampled.len(), 2, "what it was better than is kept, too");
    desk.keys("K2ge");
    assert_eq!(asked(&mut desk).unwrap().first, 3, "other numbers, other texts");
    desk.keys("<Esc>");
    assert!(desk.left.contains(&Effect::CancelSample(2)) && desk.screen().contains("stopped; 0 new"), "{}", desk.screen());
    // Of the next session they are a part as well; the file's own solution is as it was.
    let mut desk = desk.restart();
    desk.keys("2G");
    assert!(desk.screen().contains("best: model: Zwei."), "{}", desk.screen());
    desk.keys("3x");
    assert_eq!(desk.app.standing().done, 1, "{}", desk.screen());
}

#[test]
fn a_model_that_fails_costs_alternatives_and_nothing_else() {
    let mut desk = desk();
    desk.keys(":sample 2 9<Enter>");
    assert!(desk.screen().contains("a temperature from 0 to 5"), "{}", desk.screen());
    desk.keys("gg:sample 2 1.5<Enter>");
    let request = asked(&mut desk).unwrap();
    assert_eq!((request.count, request.temperature, request.steps.len()), (2, 1.5, 0));
    desk.keys("ge");
    assert!(desk.screen().contains("being written"), "{}", desk.screen());
    hear(&mut desk, &[step(1, 0, "Uno."), Heard::Failed(None, "out of memory".into())]);
    assert!(desk.screen().contains("no more alternatives: out of memory"), "{}", desk.screen());
    desk.keys("J");
    assert_eq!(text(&desk), "Uno.", "what was done is kept");
}

#[test]
fn the_chosen_alternative_is_exported_as_a_pair() {
    let mut desk = desk();
    desk.keys("2Gge");
    hear(&mut desk, &[Heard::Ready("tiny@abc".into()), step(1, 0, "Zwei."), Heard::Done(1)]);
    desk.keys("JgB");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.jsonl");
    std::fs::write(&file, FILE).unwrap();
    let export = |to: &str, out: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepscope"));
        command.arg("export").arg(&file).args(["--to", to, "--as", "mira", "--store"]).arg(desk.store.path()).args(more);
        let output = command.arg("-o").arg(folder.path().join(out)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::read_to_string(folder.path().join(out)).unwrap()
    };
    let policy = ["--neutral", "positive", "--after-error", "drop", "--unlabelled", "keep-unset", "--unsure", "keep"];
    let pairs = export("step-dpo", "pairs.jsonl", &[&policy[..], &["--pairs", "best-worst"]].concat());
    let pair: Value = serde_json::from_str(pairs.lines().next().unwrap()).unwrap();
    assert_eq!((&pair["chosen"], &pair["rejected"]), (&json!(" Zwei."), &json!(" Two.")), "{pairs}");
    let own = export("stepscope", "own.jsonl", &[]);
    assert!(own.contains("Zwei."), "the own form loses nothing: {own}");
}

#[test]
fn what_was_written_is_played_again_from_the_log() {
    let entry = Entry::of(&Message::Sampler(step(1, 0, "Zwei."))).unwrap();
    let line = serde_json::to_string(&entry).unwrap();
    let again: Entry = serde_json::from_str(&line).unwrap();
    assert_eq!(again, entry);
    assert!(matches!(&again.messages(|_| None)[..], [Message::Sampler(Heard::Step(1, 0, text))] if text == "Zwei."));
    assert_eq!(Entry::of(&Message::Sampler(Heard::Growing(1, 0, 5))), None);
}

/// A tiny causal language model of random weights.
fn tiny(root: &std::path::Path) -> std::path::PathBuf {
    families::critic_folder(root)
}

fn write(sampler: &mut Sampler, of: &Beginning) -> Vec<String> {
    let mut texts = Vec::new();
    sampler
        .sample(of, &mut |sample| {
            texts.extend(sample.is_whole.then_some(sample.text));
            ControlFlow::Continue(())
        })
        .unwrap();
    texts
}

#[test]
fn a_number_of_a_beginning_is_always_the_same_text() {
    let root = tempfile::tempdir().unwrap();
    let mut sampler = Sampler::load(&CheckpointSource::Dir(tiny(root.path())), Device::Cpu).unwrap();
    let of = Beginning { problem: "How many?".into(), steps: vec!["One.".into()], first: 0, count: 2, temperature: 1.0, seed: 0 };
    let texts = write(&mut sampler, &of);
    assert_eq!(texts.len(), 2);
    assert!(texts[0] != texts[1] && texts.iter().all(|text| !text.contains("\n\n")), "{texts:?}");
    assert_eq!(write(&mut sampler, &Beginning { first: 1, count: 1, ..of.clone() }), texts[1..]);
    assert_ne!(write(&mut sampler, &Beginning { seed: 1, ..of.clone() }), texts);
    assert_ne!(write(&mut sampler, &Beginning { steps: Vec::new(), ..of.clone() }), texts);
    let greedy = write(&mut sampler, &Beginning { temperature: 0.0, count: 2, ..of.clone() });
    assert_eq!(greedy[0], greedy[1]);
    let mut heard = 0;
    let stop = sampler.sample(&of, &mut |_| {
        heard += 1;
        ControlFlow::Break(())
    });
    assert!(stop.is_ok() && heard == 1, "{heard}");
    let long = Beginning { problem: "word ".repeat(5000), ..of };
    assert!(sampler.sample(&long, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string().contains("leave no room"));
}

#[test]
fn the_worker_writes_steps_and_says_what_it_cannot_do() {
    let root = tempfile::tempdir().unwrap();
    let talk = |arguments: &[&str], lines: &[Value]| -> Vec<Value> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepscope"));
        command.arg("worker").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let text: String = lines.iter().map(|line| line.to_string() + "\n").collect();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let folder = tiny(root.path());
    let ask =
        json!({"type": "sample", "id": 7, "problem": "How many?", "steps": ["One."], "first": 0, "count": 2, "temperature": 0.8});
    let said = talk(&["--sampler", folder.to_str().unwrap()], std::slice::from_ref(&ask));
    let whole: Vec<&Value> = said.iter().filter(|line| line["type"] == "sample" && line["whole"] == true).collect();
    assert_eq!(whole.iter().map(|line| line["number"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1], "{said:?}");
    assert_eq!((&said.last().unwrap()["type"], &said.last().unwrap()["id"]), (&json!("done"), &json!(7)));
    #[cfg(not(feature = "cuda"))]
    {
        let said = talk(&["--sampler", folder.to_str().unwrap(), "--sampler-device", "cuda"], &[]);
        assert!(said.last().unwrap()["message"].as_str().unwrap().contains("cuda"), "{said:?}");
    }
    let said = talk(&[], &[ask]);
    assert!(said.last().unwrap()["message"].as_str().unwrap().contains("judges steps and writes none"), "{said:?}");
}
