//! Bad records are items with an error that names the field, what was expected and what was found. Nothing panics.

use proptest::prelude::*;
use serde_json::{Value, json};
use stepscope::formats::{FORMATS, RawRecord, parse_json, targets};
use stepscope::labels::policy::Policy;

use super::glance::is_seen;
use super::{fixture, foreign, format, written};

fn error(name: &str, record: &[u8]) -> String {
    match format(name).read(&RawRecord { index: 2, line: 3, bytes: record }) {
        Ok(_) => "no error".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// The first fixture record of a format with one field replaced (or removed) by raw JSON.
fn with(name: &str, field: &str, json: Option<&str>) -> Vec<u8> {
    let mut value = parse_json(&fixture(name)[0]).unwrap();
    let map = value.as_object_mut().unwrap();
    match json {
        None => drop(map.shift_remove(field)),
        Some(_) => drop(map.insert(field.to_owned(), "@@".into())),
    }
    value.to_string().replace("\"@@\"", json.unwrap_or_default()).into_bytes()
}

#[test]
fn labels_that_are_no_step_of_the_solution() {
    for (label, expected) in [
        ("3", "expected an integer from -1 to 2, found 3"),
        ("-2", "expected an integer from -1 to 2, found -2"),
        ("9223372036854775808", "expected an integer from -1 to 2, found 9223372036854775808"),
        ("18446744073709551616", "from -1 to 2"),
        ("1e999", "found 1e+999"),
        ("1.5", "found 1.5"),
        ("\"1\"", "found the string \"1\""),
        ("true", "found true"),
        ("null", "found null"),
        ("[0]", "found a list of 1"),
        ("NaN", "found null (1 bare NaN or Infinity read as null)"),
        ("Infinity", "read as null"),
        ("01", "expected a JSON number, found `01`"),
        ("+1", "no plus sign"),
        ("0x1", "found `0x1`"),
    ] {
        let message = error("processbench", &with("processbench", "label", Some(label)));
        assert!(message.starts_with("line 3: label: ") && message.contains(expected), "{label}: {message}");
        assert!(message.ends_with("; record skipped"));
    }
    // A whole number that a table wrote as a float is that number.
    assert_eq!(error("processbench", &with("processbench", "label", Some("1.0"))), "no error");
    let twice = br#"{"id":"a","problem":"q","steps":["x"],"final_answer_correct":true,"label":0,"l\u0061bel":-1}"#;
    assert!(error("processbench", twice).contains("\"label\" stands twice"));
    let none = br#"{"id":"a","problem":"q","steps":[],"final_answer_correct":true,"label":0}"#;
    assert!(error("processbench", none).contains("label: expected -1 (there are no steps), found 0"));
}

#[test]
fn fields_of_the_wrong_kind() {
    let cases: &[(&str, &str, Option<&str>, &str)] = &[
        ("processbench", "steps", None, "steps: expected a list of strings, found no such field"),
        ("processbench", "steps", Some("null"), "steps: expected a list of strings, found null"),
        ("processbench", "steps", Some("\"a\""), "steps: expected a list of strings, found the string \"a\""),
        ("processbench", "steps", Some("{}"), "steps: expected a list of strings, found an object"),
        ("processbench", "steps", Some("[\"a\", null]"), "steps[1]: expected a string, found null"),
        ("processbench", "steps", Some("[[\"a\"]]"), "steps[0]: expected a string, found a list of 1"),
        ("processbench", "id", None, "id: expected a string, found no such field"),
        ("processbench", "id", Some("7"), "id: expected a string, found 7"),
        (
            "processbench",
            "final_answer_correct",
            Some("\"false\""),
            "final_answer_correct: expected true or false, found the string",
        ),
        ("processbench", "problem", Some("\"\\sqrt\""), "problem: `\\sqrt` is no JSON escape: unescaped LaTeX?"),
        ("processbench", "problem", Some("'a'"), "problem: expected a JSON value, found `\\'a\\'"),
        ("trl", "labels", Some("[true]"), "labels: expected 2 labels for 2 completions, found 1"),
        ("trl", "labels", Some("[true,true,false]"), "labels: expected 2 labels for 2 completions, found 3"),
        ("trl", "labels", Some("[true,\"false\"]"), "labels[1]: expected true or false, found the string \"false\""),
        ("trl", "labels", Some("[0.9,true]"), "labels[0]: expected true or false, found 0.9"),
        ("trl", "labels", Some("[true,null]"), "labels[1]: expected true or false, found null"),
        ("trl", "prompt", None, "prompt: expected a string, found no such field"),
        ("math-shepherd", "label", Some("\"+\""), "label: expected 102 code points"),
        ("math-shepherd", "input", Some("\"no border ки\""), "label: expected"),
        (
            "prm800k",
            "label",
            Some("{\"steps\":[{\"completions\":[{\"text\":\"a\",\"rating\":2}]}]}"),
            "label.steps[0].completions[0].rating",
        ),
        (
            "prm800k",
            "label",
            Some("{\"steps\":[{\"completions\":[],\"chosen_completion\":0}]}"),
            "label.steps[0].chosen_completion",
        ),
        ("prm800k", "question", Some("{}"), "question.problem: expected a string, found no such field"),
        (
            "openr",
            "reasoning_steps",
            Some("{\"text\":\"a\",\"mc_value\":2}"),
            "reasoning_steps.mc_value: expected a number from 0 to 1",
        ),
        ("qwen-samples", "pred", Some("[]"), "pred: expected 2 entries for 2 texts in `code`"),
        (
            "versaprm",
            "chain_of_thoughts",
            Some("[{\"steps\":[\"a\"],\"labels\":[]}]"),
            "chain_of_thoughts[0].labels: expected 1 labels",
        ),
        (
            "versaprm",
            "chain_of_thoughts",
            Some("[{\"steps\":[],\"labels\":[],\"augs\":[{\"aug_step\":\"a\",\"aug_idx\":1,\"aug_type\":1}]}]"),
            "augs[0].aug_idx: expected an index from 0 to 0, found 1",
        ),
        ("gsm8k-samples", "6b_finetuning", Some("{\"solution\":\"a\",\"is_correct\":\"no\"}"), "6b_finetuning.is_correct"),
        ("chat", "messages", Some("[]"), "expected an answer of the assistant, found none"),
        ("prmbench", "error_steps", Some("3"), "error_steps: expected a list, found 3"),
        (
            "mr-gsm8k",
            "model_output_solution_first_error_step",
            Some("4"),
            "expected a step from 1 to 3, or N/A for no error, found 4",
        ),
        ("mr-gsm8k", "model_output_solution_first_error_step", Some("0"), "expected a step from 1 to 3"),
        ("bigbench-mistake", "mistake_index", Some("3"), "expected a step from 0 to 2, or null for no error, found 3"),
        ("fover", "error_labels", Some("[true]"), "error_labels: expected 2 labels for 2 steps, found 1"),
        ("fover", "error_labels", Some("[true,2]"), "error_labels[1]: expected true or false, found 2"),
        ("openrlhf", "value", Some("[\"+\"]"), "value: expected 2 labels for 2 tags, found 1"),
        ("rlhflow", "conversations", Some("[{\"role\":\"assistant\",\"content\":\"+\"}]"), "expected a step before each + or -"),
        ("lm-eval", "resps", Some("[[[-1.5,false]]]"), "found log-likelihoods"),
        ("inspect", "messages", None, "messages: expected a list, found no such field"),
        ("tora", "pred", Some("[]"), "pred: expected 1 answers for 1 texts in `code`"),
        ("stepscope", "parent", Some("{}"), "parent: expected an id, a list of ids or null, found an object"),
    ];
    for (name, field, json, expected) in cases {
        let message = error(name, &with(name, field, *json));
        assert!(message.contains(expected), "{name} {field} {json:?}: {message}");
    }
}

#[test]
fn what_is_no_record() {
    for format in FORMATS {
        let name = format.name();
        for (bytes, expected) in [
            (&b"\"text\""[..], "a record must be an object, found the string \"text\""),
            (b"null", "a record must be an object, found null"),
            (b"[1,2]", "a record must be an object, found a list of 2"),
            (b"<<<<<<< ours", "a git conflict marker"),
            (b"<!DOCTYPE html>", "an HTML page"),
            (b"\0\0\0\0", "4 NUL bytes (file was not closed cleanly?)"),
            (b"{\"a\": \"\xe2\x82\"}", "not UTF-8"),
            (b"{\"a\": 1} {\"b\": 2}", "text after the end of the record"),
            (b"{\"a\": [1,2", "found the end of the record"),
        ] {
            // Its records are lists.
            let expected = if name == "tot-dfs" && expected.starts_with("a record must") { "found" } else { expected };
            let message = error(name, bytes);
            assert!(message.starts_with("line 3: ") && message.contains(expected), "{name}: {message}");
        }
        let deep = format!("{{\"x\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(error(name, deep.as_bytes()).contains("deeper than 128"), "{name}");
    }
}

#[test]
fn an_answer_without_a_step_is_no_step_that_is_right_or_wrong() {
    let prefix = "initial_reason_steps";
    let record = format!(r#"{{"prompt":"q","{prefix}":"Step 1: a\nStep 2: b\n","chosen":"c","rejected":"\n "}}"#);
    let expected = "rejected: expected a step behind the common ones, found nothing but white space";
    assert!(error("preference", record.as_bytes()).contains(expected), "{}", error("preference", record.as_bytes()));
    assert_eq!(error("preference", record.replace("\\n \"", "d\"").as_bytes()), "no error");
}

#[test]
fn text_from_a_file_is_harmless_in_messages() {
    let message = error("processbench", "{\"a\": \u{202e}x\u{1b}[31m".as_bytes());
    assert!(message.is_ascii(), "{message}");
    let message = error("processbench", &with("processbench", "label", Some("\"\\u001b]0;x\"")));
    assert!(message.contains("\\u{1b}"), "{message}");
}

#[test]
fn a_byte_order_mark_and_half_a_surrogate_are_no_reason_to_skip_a_record() {
    let mut record = b"\xEF\xBB\xBF".to_vec();
    record.extend(with("processbench", "problem", Some("\"half \\ud83d\"")));
    let trace = format("processbench").read(&RawRecord { index: 0, line: 1, bytes: &record }).unwrap();
    assert_eq!(trace.problem.text, "half \u{fffd}");
    assert_eq!(trace.warnings.len(), 2);
    assert!(format("processbench").problem_hash(&record).is_some());
}

/// Everything that can be done with bytes.
fn touch_all(bytes: &[u8]) {
    for format in FORMATS {
        let record = RawRecord { index: 0, line: 1, bytes };
        let _ = (format.unit_key(bytes), format.problem_hash(bytes));
        if let Ok(value) = parse_json(bytes) {
            let _ = format.detect(&value);
        }
        let _ = format.read(&record);
        is_seen(*format, bytes);
        if let Some(trace) = format.read_unit(&[record, record]).trace {
            for target in targets() {
                let items = foreign(&trace).into_iter().map(|mut item| {
                    item.raw = (target.name == format.name()).then_some(bytes);
                    item.touched = true;
                    item
                });
                let _ = written(target.name, &items.collect::<Vec<_>>(), Policy::default());
            }
        }
    }
}

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        Just(json!(0.5)),
        prop_oneof![
            Just("ки"),
            Just("Step 1: a ки"),
            Just("+"),
            Just("a\n\nb"),
            Just("</think>"),
            Just("user"),
            Just("assistant"),
            Just("none"),
            Just("section1:\nsection2:"),
            Just("step 0"),
            Just("```\na```"),
            Just("solution"),
            Just(""),
            Just("é")
        ]
        .prop_map(Value::from),
    ];
    let keys = prop_oneof![
        Just("id"),
        Just("parent"),
        Just("tree"),
        Just("text"),
        Just("prefix"),
        Just("problem"),
        Just("steps"),
        Just("label"),
        Just("labels"),
        Just("final_answer_correct"),
        Just("prompt"),
        Just("completions"),
        Just("input"),
        Just("question"),
        Just("reasoning_steps"),
        Just("mc_value"),
        Just("children"),
        Just("solution_prefix"),
        Just("chosen_completion"),
        Just("human_completion"),
        Just("rating"),
        Just("pre_generated_steps"),
        Just("finish_reason"),
        Just("messages"),
        Just("role"),
        Just("content"),
        Just("choices"),
        Just("message"),
        Just("first_error"),
        Just("solutions"),
        Just("ratings"),
        Just("chain_of_thoughts"),
        Just("augs"),
        Just("code"),
        Just("pred"),
        Just("score"),
        Just("solution"),
        Just("is_correct"),
        Just("ground_truth"),
        Just("modified_process"),
        Just("error_steps"),
        Just("mistake_index"),
        Just("conversations"),
        Just("from"),
        Just("value"),
        Just("resps"),
        Just("filtered_resps"),
        Just("doc_id"),
        Just("epoch"),
        Just("output"),
        Just("generations"),
        Just("rows"),
        Just("type"),
        Just("trajectory"),
        Just("history"),
        Just("sections_content"),
        Just("reason_error_section_numbers")
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((keys.clone().prop_map(str::to_owned), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        touch_all(&bytes);
    }

    #[test]
    fn arbitrary_json_does_not_panic(value in arbitrary_json()) {
        touch_all(value.to_string().as_bytes());
    }

    #[test]
    fn broken_fixtures_do_not_panic(which in 0..FORMATS.len(), record in any::<prop::sample::Index>(), field in any::<prop::sample::Index>(),
                                    place in any::<prop::sample::Index>(), byte in any::<u8>(), value in arbitrary_json()) {
        let records = fixture(FORMATS[which].name());
        let mut bytes = records[record.index(records.len())].clone();
        let mut changed = parse_json(&bytes).unwrap();
        let at = place.index(bytes.len());
        bytes[at] = byte;
        touch_all(&bytes);
        bytes.truncate(at);
        touch_all(&bytes);
        if let Some(map) = changed.as_object_mut() {
            let key = map.keys().nth(field.index(map.len())).unwrap().clone();
            map.insert(key, value);
        }
        touch_all(changed.to_string().as_bytes());
    }
}
