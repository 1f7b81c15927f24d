//! The formats, through the public registry: every one of them on its own fixture, on bad input and on real files.

mod bad_input;
mod contents;
mod conversations;
mod corrections;
mod dialects;
mod estimates;
mod glance;
mod linear;
mod real;
mod round_trip;
mod sets;
mod siblings;
mod stepscope;
mod switches;
mod targets;
mod trees;

use std::borrow::Borrow;
use std::path::PathBuf;

use ::stepscope::formats::{FORMATS, Format, Labelled, LabelledTrace, Loss, RawRecord, Unit, by_name, detect, parse_json};
use ::stepscope::labels::policy::Policy;
use ::stepscope::trace::{SolutionLabels, Trace};

/// The records of a fixture.
fn fixture(name: &str) -> Vec<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats").join(format!("{name}.jsonl"));
    lines(&std::fs::read(path).unwrap())
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

fn format(name: &str) -> &'static dyn Format {
    by_name(name).unwrap()
}

/// The units of a file: runs of records with the same key, in order of first appearance.
fn units(format: &dyn Format, records: &[Vec<u8>]) -> Vec<Unit> {
    grouped(format, records).into_iter().map(|indices| format.read_unit(&raw(records, &indices))).collect()
}

fn grouped(format: &dyn Format, records: &[Vec<u8>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<(Option<u64>, Vec<usize>)> = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let key = format.unit_key(record);
        match groups.iter_mut().find(|(known, _)| key.is_some() && *known == key) {
            Some((_, group)) => group.push(index),
            None => groups.push((key, vec![index])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn raw<'a>(records: &'a [Vec<u8>], indices: &[usize]) -> Vec<RawRecord<'a>> {
    indices.iter().map(|&index| RawRecord { index, line: index + 1, bytes: &records[index] }).collect()
}

/// All traces of a file in which nothing is wrong.
fn traces(format: &dyn Format, records: &[Vec<u8>]) -> Vec<Trace> {
    let units = units(format, records);
    units
        .into_iter()
        .map(|unit| {
            assert_eq!(unit.errors, Vec::new());
            unit.trace.unwrap()
        })
        .collect()
}

fn one(name: &str, record: &str) -> Trace {
    format(name).read(&RawRecord { index: 0, line: 1, bytes: record.as_bytes() }).unwrap()
}

fn steps(trace: &Trace, solution: usize) -> Vec<&str> {
    let path = trace.solution_path(&trace.solutions[solution]);
    path.into_iter().map(|id| trace.node(id).text.as_str()).collect()
}

/// The text of a solution with its separators.
fn joined(trace: &Trace, solution: usize) -> String {
    let path = trace.solution_path(&trace.solutions[solution]);
    path.into_iter().flat_map(|id| [trace.node(id).text.as_str(), trace.node(id).sep_after.as_str()]).collect()
}

fn recorded(trace: &Trace, solution: usize) -> SolutionLabels {
    trace.recorded_labels(&trace.solutions[solution])
}

/// All solutions of a trace with the labels of the file, as another file's.
fn foreign(trace: &Trace) -> Vec<Labelled<'_>> {
    let solutions = 0..trace.solutions.len();
    solutions
        .map(|solution| Labelled { trace, solution, labels: recorded(trace, solution), raw: None, touched: false, source: None })
        .collect()
}

fn written(target: &str, items: &[Labelled<'_>], policy: impl Borrow<Policy>) -> (Vec<Vec<u8>>, Loss) {
    let (mut out, mut loss) = (Vec::new(), Loss::default());
    if let Some(item) = items.first() {
        let unit = LabelledTrace::new(item.trace, items.to_vec());
        ::stepscope::formats::target(target).unwrap().writer.write(&unit, policy.borrow(), &mut out, &mut loss);
    }
    (out, loss)
}

#[test]
fn each_fixture_is_detected_as_itself_and_as_nothing_else() {
    for format in FORMATS {
        let records = fixture(format.name());
        let values: Vec<_> = records.iter().map(|record| parse_json(record).unwrap()).collect();
        let (found, evidence) = detect(&values).unwrap();
        assert_eq!(found.name(), format.name());
        assert_eq!(evidence.sampled, records.len());
        assert!(!evidence.to_string().is_empty() && !format.doc().is_empty());
        for other in FORMATS.iter().filter(|other| other.name() != format.name()) {
            for value in &values {
                let detection = other.detect(value);
                assert!(detection.evidence.is_empty(), "{} takes a {} record: {value}", other.name(), format.name());
            }
        }
    }
}

#[test]
fn records_with_one_problem_hash_have_one_problem() {
    for format in FORMATS {
        let records = fixture(format.name());
        let mut known = std::collections::HashMap::new();
        for (index, record) in records.iter().enumerate() {
            let Some(hash) = format.problem_hash(record) else { continue };
            let trace = format.read(&RawRecord { index, line: 1, bytes: record }).unwrap();
            let problem = known.entry(hash).or_insert_with(|| trace.problem.text.clone());
            assert_eq!(*problem, trace.problem.text, "{}", format.name());
        }
        // In these the problem is nowhere, or deep inside: each record is a problem of its own.
        assert!(!known.is_empty() || ["tree-log", "tot-dfs"].contains(&format.name()), "{}", format.name());
    }
}

#[test]
fn look_alikes_are_told_apart() {
    let found = |text: &str| detect(&[parse_json(text.as_bytes()).unwrap()]).map(|(format, _)| format.name()).ok();
    for (text, expected) in [
        // TRL's flat booleans against nested floats of beam searches.
        (r#"{"prompt":"q","completions":["a"],"labels":[true]}"#, Some("trl")),
        (r#"{"problem":"q","completions":["a"],"scores":[[0.5]]}"#, Some("search-and-learn")),
        (r#"{"problem":"q","completions":["a"],"scores":[0.5]}"#, None),
        (r#"{"prompt":"q","completions":["a"],"labels":[[0.5]]}"#, None),
        // A copy of ProcessBench in TRL's keys.
        (r#"{"prompt":"q","completions":["a"],"labels":[true],"label":-1}"#, Some("trl")),
        // BIG-Bench-Mistake has a mistake index.
        (r#"{"input":"q","steps":["a"],"mistake_index":0,"target":"x","answer":"y"}"#, Some("bigbench-mistake")),
        // Conversations of signs are labels, not chat.
        (r#"{"conversations":[{"from":"human","value":"q a"},{"from":"gpt","value":"+"}]}"#, Some("rlhflow")),
        (r#"{"messages":[{"role":"user","content":"q a"},{"role":"assistant","content":"+"}]}"#, Some("rlhflow")),
        (r#"{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}"#, Some("chat")),
        // OpenRLHF's step labels are a list where Math-Shepherd has a text.
        (r#"{"input":"q? Step 1: a ки","label":["+"]}"#, Some("openrlhf")),
        (r#"{"input":"q? Step 1: a ки","value":["+"]}"#, Some("openrlhf")),
        (r#"{"input":"q? Step 1: a ки","label":"q? Step 1: a +"}"#, Some("math-shepherd")),
        // The step of a training is no step of a solution, and a question with an answer is not yet GSM8K.
        (r#"{"input":"q","output":"a","score":1,"step":120}"#, Some("verl")),
        (r#"{"input":"q","output":"a","score":1,"step":"first"}"#, None),
        (r#"{"question":"q","answer":"a\n#### 3"}"#, Some("gsm8k")),
        (r#"{"question":"q","answer":"a"}"#, None),
        // Sets that carry messages beside what they are.
        (
            r#"{"problem":"q","generations":["a"],"correctness_math_verify":[true],"messages":[{"role":"user","content":"q"}]}"#,
            Some("openr1"),
        ),
        (r#"{"id":1,"epoch":1,"input":"q","output":{},"messages":[{"role":"user","content":"q"}]}"#, Some("inspect")),
        (r#"{"input":"a text","label":"positive"}"#, None),
        // Flat prefixes of openr, with their frame and without it.
        (r#"{"question":"q","reasoning_steps":[{"solution_prefix":"q","mc_value":1.0}]}"#, Some("openr")),
        (r#"{"solution_prefix":"q","mc_value":1.0}"#, Some("openr-prefixes")),
        (r#"{"solution_prefix":"q"}"#, None),
        (r#"{"question":"q","partial_answer":"a","mc_score":0.5}"#, Some("openr-partial")),
        (r#"{"content":"q","policy_samples":[{"solution":"a"}],"value_samples":[{"steps":"a","value":1}]}"#, Some("rest-mcts")),
        // A list of estimates where a text is expected is no chat.
        (r#"{"conversations":[{"from":"human","value":"q a <prm>"},{"from":"gpt","value":[0.5]}]}"#, Some("mm-prm-chat")),
        (r#"{"query":"q","response":"[{\"step\":\"a\",\"Q\":1}]"}"#, Some("mario-values")),
        // Any question with an answer, but only when nothing else fits.
        (r#"{"query":"q","response":"[1, 2]"}"#, Some("responses")),
        (r#"{"prompt":"q","response":"a"}"#, Some("responses")),
        (r#"{"prompt":"q","completions":["a","b"]}"#, None),
        (r#"{"task_id":"t","prompt":"q","completion":"a"}"#, Some("humaneval")),
        (r#"{"id":1,"parent":null,"prefix":"q"}"#, Some("stepscope")),
        (r#"{"id":1,"parent":null}"#, None),
    ] {
        assert_eq!(found(text), expected, "{text}");
    }
}

#[test]
fn a_file_of_no_known_format_says_what_was_seen() {
    let values = [parse_json(br#"{"alpha":1,"b\u202eta":2}"#).unwrap()];
    let message = detect(&values).err().unwrap().to_string();
    assert!(message.contains(r#"the keys "alpha", "b\u{202e}ta""#), "{message}");
    assert!(message.contains("`--map problem=KEY") && message.contains("`stepscope formats`"), "{message}");
    assert_eq!(detect(&[]).err().unwrap().to_string(), "no records");
    assert!(detect(&[parse_json(b"[1]").unwrap()]).err().unwrap().to_string().contains("a list of 1"));
}

#[test]
fn formats_that_are_mixed_half_and_half_are_not_guessed() {
    let mut values: Vec<_> = fixture("trl").iter().map(|record| parse_json(record).unwrap()).collect();
    values.extend(fixture("processbench").iter().map(|record| parse_json(record).unwrap()));
    let message = detect(&values).err().unwrap().to_string();
    assert!(message.contains("processbench fits 4, trl fits 4 of 8"), "{message}");
}

#[test]
fn broken_records_do_not_hide_the_format() {
    let mut values: Vec<_> = fixture("processbench").iter().map(|record| parse_json(record).unwrap()).collect();
    values.push(parse_json(b"null").unwrap());
    values.push(parse_json(br#"{"id":"x","generator":"g","problem":"q","steps":["a"],"label":0}"#).unwrap());
    let (format, evidence) = detect(&values).unwrap();
    assert_eq!((format.name(), evidence.agreed, evidence.sampled), ("processbench", 5, 6));
}

#[test]
fn names_are_short_distinct_and_in_the_readme() {
    let readme = include_str!("../../README.md");
    let mut seen = std::collections::BTreeSet::new();
    for format in FORMATS {
        let name = format.name();
        assert!(seen.insert(name), "{name} stands twice");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'), "{name}");
        let write = if ::stepscope::formats::target(name).is_some() { "yes" } else { "" };
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")))
            .unwrap_or_else(|| panic!("{name} is not in the README"));
        assert_eq!(row.split('|').nth(3).unwrap().trim(), write, "{row}");
    }
    assert!(by_name("nothing").is_none());
}
