//! Solutions cut anew by a rule: what it would make of them is seen before it is taken, and files keep which one it was.

use serde_json::{Value, json};
use stepscope::segment::VERSION;
use stepscope::trace::FirstError;
use tempfile::TempDir;

use super::desk::Desk;
use super::export::stepscope;

fn texts(desk: &Desk) -> Vec<String> {
    let trace = desk.app.trace().unwrap();
    desk.app.cursor.path.iter().map(|&id| trace.node(id).text.clone()).collect()
}

const PARAGRAPHS: &[u8] = br#"{"problem":"2+3+4?","steps":["First 2+3. That is 5.","Then 5+4. That is 8.","So 8."],"final_answer_correct":false,"label":1,"id":"p-0","generator":"toy"}
"#;

#[test]
fn a_rule_cuts_the_solution_anew_after_a_look_at_what_it_makes_of_it() {
    let mut desk = Desk::new(&[("paragraphs.jsonl", PARAGRAPHS)], (100, 30));
    let source = texts(&desk);
    let decisions = desk.app.session.decisions();
    desk.keys(":segment sentence<Enter>");
    let open = desk.app.segmenting.clone().unwrap();
    assert!(open.texts.len() > source.len(), "{:?}", open.texts);
    let cell = format!("[sentence {}]", open.texts.len());
    assert!(desk.screen().contains(&cell), "{cell}:\n{}", desk.screen());
    assert_eq!((texts(&desk), desk.app.session.decisions()), (source.clone(), decisions), "nothing is cut yet");
    // Another rule, further down, and back.
    desk.keys("h");
    assert_ne!(desk.app.segmenting.as_ref().unwrap().texts, open.texts);
    desk.keys("ljjk");
    assert_eq!(desk.app.segmenting.as_ref().unwrap().top, 1);
    desk.keys("<Esc>");
    assert_eq!((texts(&desk), desk.app.session.decisions()), (source.clone(), decisions));
    desk.keys(":segment sentence<Enter><Enter>");
    assert_eq!(texts(&desk), open.texts);
    desk.keys("2x(");
    assert_eq!(
        desk.app.own_labels(desk.app.trace().unwrap(), *desk.app.cursor.path.last().unwrap()).first_error,
        FirstError::At(1)
    );
    let desk = desk.restart();
    assert_eq!(texts(&desk), open.texts, "after a restart");
    let mut desk = desk;
    desk.keys(":segment<Enter><Enter>");
    assert_eq!(texts(&desk), source, "the steps of the source are an offer like the others");
    desk.keys("u");
    assert_eq!(texts(&desk), open.texts);
    desk.keys("uu");
    assert_eq!(texts(&desk), source);
    desk.keys(":segment verse<Enter>");
    assert!(desk.app.notice.as_deref().is_some_and(|said| said.contains("auto, blank, line, numbered")), "{:?}", desk.app.notice);
    desk.keys(":segment<Enter>l");
    desk.keys("<Esc>");
    assert!(desk.app.segmenting.is_none());
}

#[test]
fn rules_of_ones_own_and_short_steps_joined_are_seen_before_they_are_taken() {
    let mut desk = Desk::new(&[("paragraphs.jsonl", PARAGRAPHS)], (80, 24));
    let shown = |desk: &Desk| desk.app.segmenting.as_ref().unwrap().texts.clone();
    desk.keys(":segment length:12<Enter>");
    assert_eq!(shown(&desk), ["First 2+3.", "That is 5.", "Then 5+4.", "That is 8.", "So 8."]);
    // All of them are in sight, the one that was asked for in place of the usual one.
    let screen = desk.screen();
    assert!(["source 3", "auto 3", "sentence 5", "tag 1", "[length:12 5]"].iter().all(|cell| screen.contains(cell)), "{screen}");
    desk.keys("<Esc>:segment tag:That<Enter>");
    assert_eq!(shown(&desk)[..2], ["First 2+3. That", "is 5.\nThen 5+4. That"]);
    desk.keys("<Esc>:segment sentence<Enter>m");
    assert_eq!(shown(&desk), ["First 2+3. That is 5.", "Then 5+4. That is 8.\nSo 8."]);
    assert!(desk.screen().contains("[sentence+20 2]"), "{}", desk.screen());
    desk.keys("m");
    assert_eq!(shown(&desk).len(), 5);
    desk.keys("<Esc>:segment sentence+6<Enter>");
    assert_eq!(shown(&desk).len(), 4);
    desk.keys("<Enter>");
    assert_eq!(texts(&desk), ["First 2+3.", "That is 5.", "Then 5+4.", "That is 8.\nSo 8."]);
    desk.keys(":segment length:none<Enter>");
    let said = ":segment takes a number of characters from 1 to 4294967295 behind length:, not \"none\"";
    assert_eq!(desk.app.notice.as_deref(), Some(said));
}

#[test]
fn a_rule_that_makes_very_many_steps_says_so_before_it_is_taken() {
    let line = format!(
        r#"{{"problem":"p","steps":["{}"],"final_answer_correct":true,"label":-1,"id":"p","generator":"toy"}}"#,
        "a\\n".repeat(201)
    );
    let mut desk = Desk::new(&[("lines.jsonl", line.into_bytes().leak())], (100, 30));
    desk.keys(":segment blank<Enter>");
    assert!(!desk.screen().contains("more than 200"), "{}", desk.screen());
    desk.keys("l");
    assert!(desk.screen().contains("now 1; more than 200 steps by this one"), "{}", desk.screen());
    desk.keys("<Enter>");
    assert_eq!(desk.app.notice.as_deref(), Some("201 steps by line, more than 200 steps, 1 before; u undoes"));
}

#[test]
fn the_own_archive_says_by_which_version_of_the_rules_it_was_cut() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("in.jsonl"), PARAGRAPHS).unwrap();
    let run = |line: &str| {
        let output = stepscope(&folder, &line.split_whitespace().collect::<Vec<_>>());
        (output.status.success(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    };
    let (done, said) = run("export in.jsonl --to stepscope --segment sentence+6 -o out.jsonl");
    assert!(done, "{said}");
    let text = std::fs::read_to_string(file("out.jsonl")).unwrap();
    let root: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(root["meta"]["stepscope.segmentation"], json!({"rule": "sentence+6", "version": VERSION}));
    assert!(!run("info out.jsonl").1.contains("of the rules"), "the rules are those of now");
    std::fs::write(file("out.jsonl"), text.replace(&format!("\"version\":{VERSION}"), "\"version\":1")).unwrap();
    let note = format!("cut by sentence+6, version 1 of the rules; this program has version {VERSION}");
    assert!(run("info out.jsonl").1.contains(&note));
}

#[test]
fn steps_between_which_nothing_stands_rejoin_to_the_text_also_behind_an_archive() {
    let folder = TempDir::new().unwrap();
    let line = r#"{"problem":"p","steps":["<p>One.</p><p>Two.</p>","End."],"final_answer_correct":true,"label":-1,"id":"p","generator":"toy"}"#;
    std::fs::write(folder.path().join("in.jsonl"), line).unwrap();
    let output =
        stepscope(&folder, &"export in.jsonl --to stepscope --segment tag:<p> -o out.jsonl".split(' ').collect::<Vec<_>>());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let archive = std::fs::read(folder.path().join("out.jsonl")).unwrap();
    let mut desk = Desk::new(&[("out.jsonl", archive.leak())], (100, 30));
    assert_eq!(texts(&desk), ["<p>One.</p>", "<p>Two.</p>", "End."]);
    desk.keys("gm");
    assert_eq!(texts(&desk), ["<p>One.</p><p>Two.</p>", "End."]);
    // A list of steps does not say what stands between them.
    desk.keys("gm");
    assert_eq!(texts(&desk), ["<p>One.</p><p>Two.</p>\nEnd."]);
}

#[test]
fn an_archive_that_a_rule_cuts_again_keeps_that_nothing_stood_between_its_steps() {
    let folder = TempDir::new().unwrap();
    let lines = [
        json!({"tree": "t", "id": 0, "problem": "q?"}),
        json!({"tree": "t", "id": 1, "parent": 0, "text": "a", "sep": ""}),
        json!({"tree": "t", "id": 2, "parent": 1, "text": "b"}),
        json!({"tree": "t", "id": 3, "parent": 2, "text": "c", "first_error": "none"}),
    ];
    std::fs::write(folder.path().join("in.jsonl"), lines.map(|line| line.to_string() + "\n").concat()).unwrap();
    let output = stepscope(&folder, &"export in.jsonl --to stepscope --segment line -o out.jsonl".split(' ').collect::<Vec<_>>());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[1..].iter().map(|line| &line["text"]).collect::<Vec<_>>(), ["ab", "c"]);
    let source = json!([{"text": "a", "sep": ""}, {"text": "b"}, {"text": "c"}]);
    assert_eq!(lines[2]["source_steps"], source, "{text}");
}

#[test]
fn a_rule_that_is_none_is_refused_with_what_could_stand_there() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("in.jsonl"), PARAGRAPHS).unwrap();
    for (rule, said) in [
        ("verse", "expected auto, blank, line, numbered, sentence, thought, tag, length, tag:TEXT, length:N"),
        ("length:0", "expected a number of characters from 1 to 4294967295 behind length:, found \"0\""),
    ] {
        let output = stepscope(&folder, &["info", "in.jsonl", "--segment", rule]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && error.contains(said), "{error}");
    }
    let output = stepscope(&folder, &["info", "in.jsonl", "--json", "--segment", "length:12"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["files"][0]["steps"], 5);
}

const CHAIN: &[u8] = br#"{"problem":"2+2?","steps":["2 and 2.","That is 5.","Wait, no.","It is 4.","Let me check: 2+2.","So the answer is 4."],"final_answer_correct":true,"label":-1,"id":"c","generator":"toy"}
"#;

#[test]
fn a_long_chain_of_thought_has_two_levels() {
    let mut desk = Desk::new(&[("chain.jsonl", CHAIN)], (100, 40));
    assert!(desk.screen().contains("step 1 of 6   thought 1 of 4 "), "{}", desk.screen());
    for (keys, step, said) in [
        ("]w", 2, "step 3 of 6   thought 2 of 4: backtrack"),
        ("j", 3, "step 4 of 6   thought 2 of 4: backtrack"),
        ("[w", 2, "thought 2 of 4: backtrack"),
        ("2]w", 5, "thought 4 of 4: conclude"),
        ("[w", 4, "thought 3 of 4: verify"),
        ("9[w", 0, "thought 1 of 4"),
    ] {
        desk.keys(keys);
        assert_eq!(desk.app.cursor.step(), step, "{keys}");
        assert!(desk.screen().contains(said), "{keys}:\n{}", desk.screen());
    }
    desk.keys("[w");
    assert_eq!(desk.app.notice.as_deref(), Some("no thought begins before this step"));
    desk.keys("G]w");
    assert_eq!(desk.app.notice.as_deref(), Some("no thought begins behind this step"));
    let mut short = Desk::new(&[("paragraphs.jsonl", PARAGRAPHS)], (100, 40));
    short.keys("]w");
    assert!(!short.screen().contains("thought 1"), "{}", short.screen());
}
