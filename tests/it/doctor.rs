//! What trainers read: equal to what TRL's own code makes of the same records, and every known trap is refused.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stepscope::prm::TrainerTokens;
use stepscope::training::{Column, Diagnosis, Mark, Settings, Survey, TRAINERS, trainer};
use tempfile::TempDir;

use super::export::stepscope as run;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn tiny() -> PathBuf {
    fixtures().join("prm/tiny-qwen2")
}

/// The tiny tokenizer with a beginning token.
fn with_bos() -> (TempDir, TrainerTokens) {
    let folder = TempDir::new().unwrap();
    std::fs::copy(tiny().join("tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
    let config = fixtures().join("training/tokenizer-bos/tokenizer_config.json");
    std::fs::copy(config, folder.path().join("tokenizer_config.json")).unwrap();
    let tokens = TrainerTokens::load(folder.path()).unwrap();
    (folder, tokens)
}

fn survey(records: &[&Value], fields: &[&str]) -> Survey {
    let mut survey = Survey::default();
    for record in records {
        survey.add(record, fields);
    }
    survey
}

fn read(name: &str, record: &Value, separator: Option<&str>) -> Diagnosis {
    let trainer = trainer(name).unwrap();
    let tokens = TrainerTokens::load(&tiny()).unwrap();
    let settings = Settings { separator: separator.map(str::to_owned), max_length: Some(512), max_prompt_length: None };
    trainer.read(record, &settings, &survey(&[record], trainer.label_fields()), &tokens)
}

fn traps(diagnosis: &Diagnosis) -> Vec<(Option<usize>, &str)> {
    diagnosis.traps.iter().map(|trap| (trap.step, trap.message.as_str())).collect()
}

#[track_caller]
fn one_trap(name: &str, record: &Value, step: Option<usize>, words: &str) -> Diagnosis {
    let diagnosis = read(name, record, None);
    let found = traps(&diagnosis);
    assert!(found.iter().any(|(at, message)| *at == step && message.contains(words)), "{name} {record}: {found:?}");
    diagnosis
}

#[test]
fn the_reading_of_trl_is_that_of_its_own_code() {
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(fixtures().join("training/trl.json")).unwrap()).unwrap();
    let (plain, (_folder, bos)) = (TrainerTokens::load(&tiny()).unwrap(), with_bos());
    let trl = trainer("trl").unwrap();
    for case in &cases {
        let settings = Settings {
            separator: case["separator"].as_str().map(str::to_owned),
            max_length: case["max_length"].as_u64().map(|length| usize::try_from(length).unwrap()),
            max_prompt_length: None,
        };
        let tokens = if case["bos"] == true { &bos } else { &plain };
        let record = &case["record"];
        let reading = trl.read(record, &settings, &survey(&[record], &["labels"]), tokens).reading.unwrap();
        assert_eq!(json!(reading.ids), case["input_ids"], "{case}");
        assert_eq!(reading.labels.iter().map(|mark| mark.value()).collect::<Value>(), case["labels"], "{case}");
    }
    assert_eq!(cases.len(), 192);
}

#[test]
fn a_sound_record_of_each_trainer_has_its_labels_where_they_belong() {
    for (name, record, marks) in [
        ("trl", json!({"prompt": "q", "completions": ["a", "b"], "labels": [true, false]}), [Mark::Class(1), Mark::Class(0)]),
        (
            "openrlhf",
            json!({"input": "q\na <extra_0>\nb <extra_0>", "value": [1.0, 0.25]}),
            [Mark::Share(1.0), Mark::Share(0.25)],
        ),
        (
            "qwen",
            json!({"messages": [
                {"role": "user", "content": "q"}, {"role": "assistant", "content": "a<extra_0>b<extra_0>"}
            ], "labels": [1, 0]}),
            [Mark::Class(1), Mark::Class(0)],
        ),
    ] {
        let separator = (name == "openrlhf").then_some("<extra_0>");
        let diagnosis = read(name, &record, separator);
        assert_eq!(traps(&diagnosis), [], "{name}");
        let reading = diagnosis.reading.unwrap();
        assert_eq!(reading.steps.iter().map(|step| step.mark).collect::<Vec<_>>(), marks, "{name}");
        for step in &reading.steps {
            assert_eq!(reading.labels[step.at], step.mark, "{name}");
            assert!(step.at + 1 == step.separator.end && step.tokens.end == step.separator.start, "{name}");
        }
        let labelled = reading.labels.iter().filter(|mark| **mark != Mark::Ignored).count();
        assert_eq!(labelled, 2, "{name}");
    }
    let record = json!({"conversations": [
        {"role": "user", "content": "q a"}, {"role": "assistant", "content": "+"},
        {"role": "user", "content": "b"}, {"role": "assistant", "content": "-"},
    ]});
    let diagnosis = read("rlhflow", &record, None);
    assert_eq!(traps(&diagnosis), []);
    let reading = diagnosis.reading.unwrap();
    let signs: Vec<_> = reading.steps.iter().map(|step| Mark::Class(i64::from(reading.ids[step.at]))).collect();
    assert_eq!(signs, reading.steps.iter().map(|step| step.mark).collect::<Vec<_>>());
    assert_ne!(signs[0], signs[1]);
}

#[test]
fn columns_of_booleans_swallow_ignore_marks() {
    let mixed = json!({"prompt": "q", "completions": ["a", "b"], "labels": [true, -100]});
    let diagnosis = one_trap("trl", &mixed, None, "several types");
    assert!(traps(&diagnosis).iter().any(|(step, message)| *step == Some(1) && message.contains("read as true")));
    assert_eq!(diagnosis.reading.unwrap().steps[1].mark, Mark::Class(1), "what the trainer does");
    let whole = json!({"prompt": "q", "completions": ["a", "b"], "labels": [1, -100]});
    assert_eq!(read("trl", &whole, None).reading.unwrap().steps[1].mark, Mark::Ignored);
    assert_eq!(survey(&[&whole], &["labels"]).column(), Column::Integers);
    let null = json!({"prompt": "q", "completions": ["a", "b"], "labels": [true, null]});
    assert_eq!(one_trap("trl", &null, Some(1), "null").reading, None);
}

#[test]
fn labels_that_turn_into_something_else_are_refused() {
    let labels = |labels: Value| json!({"prompt": "q", "completions": ["a", "b"], "labels": labels});
    one_trap("trl", &labels(json!([1.0, 0.9])), Some(1), "cut to the integer 0");
    one_trap("trl", &labels(json!([1, -1])), Some(1), "-1 is no class");
    one_trap("trl", &labels(json!([true])), None, "1 labels for 2 completions");
    one_trap("trl", &labels(json!(["+", "-"])), Some(0), "stops with an error");
    let mut neutral = labels(json!([true, false]));
    neutral["ratings"] = json!([1, 0]);
    one_trap("trl", &neutral, Some(1), "neutral");
    neutral["ratings"] = json!([1, -1]);
    assert_eq!(traps(&read("trl", &neutral, None)), []);
}

#[test]
fn separators_where_they_do_not_belong_are_refused() {
    let trl = json!({"prompt": "q", "completions": ["a\nb"], "labels": [true]});
    one_trap("trl", &trl, Some(0), "contains the separator");
    let chat = |answer: &str, labels: Value| json!({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": answer}], "labels": labels});
    one_trap("qwen", &chat("a<extra_0>b<extra_0>c<extra_0>", json!([1, 0])), Some(2), "2 labels for 3 separators");
    one_trap("qwen", &chat("a<extra_0>b", json!([1])), Some(1), "no <extra_0> behind the last step");
    one_trap("qwen", &chat("a<extra_0><extra_0>", json!([1, 0])), Some(1), "empty step");
    one_trap("qwen", &chat("a<|im_end|><extra_0>", json!([1])), Some(0), "<|im_end|>");
    one_trap("qwen", &chat("a<extra_0>", json!([1, 0])), None, "2 labels for 1 separators");
    // The tiny tokenizer writes the tag of Math-Shepherd as several tokens.
    let tagged = json!({"input": "q\na ки", "value": ["+"]});
    assert_eq!(one_trap("openrlhf", &tagged, None, "needs one").reading, None);
    one_trap("openrlhf", &json!({"input": "q\na ки", "label": "q\na +"}), None, "text labels of Math-Shepherd");
}

#[test]
fn a_placeholder_that_merges_with_its_neighbours_is_refused() {
    // "." is one token of its own, but not before a blank line.
    let merged = json!({"input": "q a.\n\nb.", "value": ["+", "-"]});
    let diagnosis = read("openrlhf", &merged, Some("."));
    assert!(traps(&diagnosis).iter().any(|(_, message)| message.contains("merge")), "{:?}", diagnosis.traps);
}

#[test]
fn sequences_that_are_cut_off_lose_labels() {
    let long = "a b c ".repeat(300);
    let record = json!({"prompt": "q", "completions": ["first", long, "last"], "labels": [true, true, false]});
    let reading = one_trap("trl", &record, Some(1), "2 of 3 labels are lost").reading.unwrap();
    assert_eq!(reading.ids.len(), 512);
    assert_eq!(reading.steps.iter().map(|step| step.cut).collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn a_prompt_that_is_too_long_loses_its_beginning_and_not_its_labels() {
    let (folder, tokens) = with_bos();
    let trl = trainer("trl").unwrap();
    let record = json!({"prompt": "a b c ".repeat(400), "completions": ["x", "y"], "labels": [true, false]});
    let read = |max_prompt_length| {
        let settings = Settings { separator: None, max_length: trl.max_length(), max_prompt_length };
        trl.read(&record, &settings, &survey(&[&record], trl.label_fields()), &tokens)
    };
    let (whole, cut) = (read(None), read(trl.max_prompt_length()));
    let long = whole.reading.as_ref().unwrap().steps[0].tokens.start;
    assert!(long > 1024 && traps(&whole).iter().any(|(_, message)| message.contains("2 of 2 labels are lost")), "{long}");
    let reading = cut.reading.as_ref().unwrap();
    assert_eq!((reading.steps[0].tokens.start, reading.steps[1].cut), (512, false));
    let said = format!("has {long} tokens: TRL before February 2026 keeps the last 512");
    assert!(
        traps(&cut).iter().all(|(step, told)| step.is_none() && told.contains(&said) && told.contains("beginning of the text"))
    );
    assert_eq!(cut.traps.len(), 1, "{:?}", cut.traps);
    let file = folder.path().join("long.jsonl");
    std::fs::write(&file, record.to_string()).unwrap();
    let at = folder.path().to_str().unwrap();
    let doctor = |more: &[&str]| {
        let args = [&["doctor", "long.jsonl", "--trainer", "trl", "--tokenizer", at], more].concat();
        String::from_utf8(run(&folder, &args).stdout).unwrap()
    };
    assert!(doctor(&[]).contains("keeps the last 512") && doctor(&["--max-prompt-length", "0"]).contains("labels are lost"));
}

#[test]
fn anything_can_be_read_without_a_panic() {
    for trainer in TRAINERS {
        for record in [
            json!(null),
            json!([]),
            json!({}),
            json!({"prompt": 1}),
            json!({"messages": [1], "labels": [1]}),
            json!({"input": "", "value": []}),
            json!({"conversations": [{"role": "user"}]}),
            json!({"prompt": "", "completions": [], "labels": []}),
        ] {
            let diagnosis = read(trainer.name(), &record, None);
            assert!(diagnosis.reading.is_some() || !diagnosis.traps.is_empty());
        }
        assert!(!trainer.doc().is_empty());
    }
}

#[test]
fn the_doctor_passes_what_export_wrote_and_refuses_a_trap() {
    let folder = TempDir::new().unwrap();
    let source = super::export::fixture("prm800k.jsonl");
    let (source, tokenizer) = (source.to_str().unwrap(), tiny());
    let tokenizer = tokenizer.to_str().unwrap();
    let labels = "--neutral positive --after-error drop --unlabelled drop --unsure keep";
    let words = format!("export {source} --to trl {labels} -o trl.jsonl");
    assert!(run(&folder, &words.split_whitespace().collect::<Vec<_>>()).status.success());
    let doctor = |file: &str, more: &[&str]| {
        run(&folder, &[&["doctor", file, "--trainer", "trl", "--tokenizer", tokenizer], more].concat())
    };
    let output = doctor("trl.jsonl", &["--separator", " ки"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("record 1\n") && text.contains("step 1: label 1 at token") && text.contains(" with traps\n"), "{text}");
    std::fs::write(folder.path().join("bad.jsonl"), r#"{"prompt":"q","completions":["a"],"labels":[0.9]}"#).unwrap();
    let output = doctor("bad.jsonl", &["--json"]);
    assert_eq!(output.status.code(), Some(3));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["trapped"], &told["details"][0]["traps"][0]["step"]), (&json!(1), &json!(0)));
    assert_eq!(doctor("bad.jsonl", &["--trainer", "nobody"]).status.code(), Some(2));
    assert_eq!(doctor("none.jsonl", &[]).status.code(), Some(1), "what cannot be looked at has no trap");
    // A record that cannot be read is one of its traps, and those behind it are looked at.
    let good = r#"{"prompt":"q","completions":["a"],"labels":[1]}"#;
    std::fs::write(folder.path().join("broken.jsonl"), format!("{good}\n{{\"prompt\": \u{202e}\n{good}\n")).unwrap();
    let output = doctor("broken.jsonl", &["--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let told: Value = serde_json::from_str(&text).unwrap();
    let traps = |record: usize| told["details"][record]["traps"].as_array().unwrap().len();
    assert_eq!((output.status.code(), &told["records"], &told["trapped"]), (Some(3), &json!(3), &json!(1)), "{text}");
    assert_eq!([traps(0), traps(1), traps(2)], [0, 1, 0], "{text}");
    let text = String::from_utf8(doctor("broken.jsonl", &[]).stdout).unwrap();
    assert!(text.contains("record 2\n  TRAP ") && text.ends_with("trl: 3 records, 1 with traps\n"), "{text}");
}
