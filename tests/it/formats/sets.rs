//! Every real set opens as a corpus and holds as many records, problems and bytes as the note beside it says, as many steps as its fields
//! list, and as many labels as were counted by hand.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stepscope::cli::info::info;
use stepscope::corpus::{Corpus, Source};
use stepscope::formats::{Labelled, target};
use stepscope::labels::policy::Policy;
use stepscope::trace::FirstError;

use super::stepscope::assert_lossless;
use super::{foreign, written};

/// What a file holds.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    records: usize,
    bad: usize,
    solutions: usize,
    /// First errors at a step, verdicts of no error.
    labels: [usize; 2],
    warnings: usize,
}

fn count(path: &Path) -> (&'static str, Counts) {
    let corpus = Corpus::open(Source::Path(path.to_owned()), None).unwrap();
    corpus.wait();
    let mut counts = Counts { records: corpus.unit_count(), ..Counts::default() };
    for unit in (0..corpus.unit_count()).map(|unit| corpus.unit(unit)) {
        counts.bad += unit.errors.len();
        let Some(trace) = unit.trace else { continue };
        counts.solutions += trace.solutions.len();
        counts.warnings += trace.warnings.len();
        for solution in &trace.solutions {
            match solution.first_error {
                FirstError::At(_) => counts.labels[0] += 1,
                FirstError::NoError => counts.labels[1] += 1,
                FirstError::Unknown | FirstError::Unlabelable => {}
            }
        }
    }
    (corpus.format().name(), counts)
}

/// The folder of the real sets; `None`, with a line that says so, when it is not there.
pub(super) fn sets() -> Option<PathBuf> {
    crate::support::data("")
}

pub(super) type Row = (&'static str, &'static str, usize, usize, [usize; 2], usize);

/// File, format, records, solutions, labels (first errors, no errors), records with a warning. Records are also in the note of the set;
/// the rest was counted with a few lines of Python over the fields that the note names.
pub(super) const FILES: &[Row] = &[
    ("aqua-text/dev.jsonl", "aqua", 254, 254, [0, 0], 0),
    ("aqua-text/test.jsonl", "aqua", 254, 254, [0, 0], 0),
    ("autorace/cosmos.jsonl", "autorace", 136, 136, [0, 20], 0),
    ("autorace/gsm8k.jsonl", "autorace", 150, 150, [0, 77], 0),
    ("autorace/strategyqa.jsonl", "autorace", 157, 157, [0, 56], 0),
    ("gsm8k-solutions/example_model_solutions.jsonl", "gsm8k-samples", 991, 3964, [0, 0], 0),
    ("gsm8k-train-text/train.jsonl", "gsm8k", 7325, 7325, [0, 0], 0),
    ("lats-humaneval-dfs/humaneval_dfs.jsonl", "lats", 116, 231, [0, 0], 1),
    ("math-text/math_test.jsonl", "math", 4689, 4689, [0, 0], 0),
    ("mr-ben/biology.json", "mr-ben", 786, 786, [320, 466], 0),
    ("mr-ben/chemistry.json", "mr-ben", 624, 624, [333, 291], 0),
    ("mr-ben/coding.json", "mr-ben", 190, 190, [116, 63], 17),
    ("mr-ben/math.json", "mr-ben", 675, 675, [560, 115], 1),
    ("mr-ben/medicine.json", "mr-ben", 634, 634, [441, 193], 0),
    ("mr-ben/physics.json", "mr-ben", 517, 517, [271, 246], 0),
    ("mr-gsm8k/mr-gsm8k-subset.json", "mr-gsm8k", 439, 439, [439, 0], 0),
    ("prmbench/injected_circular.jsonl", "prmbench", 578, 578, [578, 0], 5),
    ("prmbench/injected_confidence.jsonl", "prmbench", 578, 578, [573, 0], 13),
    ("prmbench/injected_counterfactual.jsonl", "prmbench", 577, 577, [576, 0], 11),
    ("prmbench/injected_deception.jsonl", "prmbench", 574, 574, [574, 0], 13),
    ("prmbench/injected_domain_inconsistency.jsonl", "prmbench", 578, 578, [578, 0], 2),
    ("prmbench/injected_missing_condition.jsonl", "prmbench", 577, 577, [571, 0], 27),
    ("prmbench/injected_redundency.jsonl", "prmbench", 578, 578, [578, 0], 6),
    ("prmbench/injected_step_contradiction.jsonl", "prmbench", 578, 578, [578, 0], 4),
    ("prmbench/qwq_annotations.jsonl", "prmbench", 130, 130, [0, 122], 0),
    ("prmbench/qwq_multi_solutions.jsonl", "prmbench", 122, 122, [0, 122], 0),
    ("processbench/gsm8k.json", "processbench", 303, 303, [150, 153], 0),
    ("processbench/math.json", "processbench", 772, 772, [456, 316], 0),
    ("processbench/olympiadbench.json", "processbench", 751, 751, [506, 245], 0),
    ("processbench/omnimath.json", "processbench", 749, 749, [566, 183], 7),
    ("qwen-math-bestof8/math_cot_100.jsonl", "qwen-samples", 76, 608, [0, 0], 0),
    ("svamp-text/SVAMP.json", "svamp", 1000, 1000, [0, 0], 0),
    ("swe-agent-traj/BabyEncryption.traj", "swe-agent", 1, 1, [0, 0], 1),
    ("swe-agent-traj/eps.traj", "swe-agent", 1, 1, [0, 0], 1),
    ("swe-agent-traj/function_calling_simple.traj", "swe-agent", 1, 1, [0, 0], 0),
    ("swe-agent-traj/humanevalfix-python-0.traj", "swe-agent", 1, 1, [0, 0], 1),
    ("swe-agent-traj/marshmallow-code__marshmallow-1867.traj", "swe-agent", 1, 1, [0, 0], 1),
    ("swe-agent-traj/networking_1.traj", "swe-agent", 1, 1, [0, 0], 1),
    ("swe-agent-traj/pydicom__pydicom-1458.traj", "swe-agent", 1, 1, [0, 0], 1),
    ("swe-agent-traj/warmup.traj", "swe-agent", 1, 1, [0, 0], 1),
    ("tot-logs/crosswords_dfs_prune.json", "tot-dfs", 20, 1180, [0, 0], 20),
    ("tot-logs/crosswords_puzzles.json", "tot-dfs", 20, 0, [0, 0], 0),
    ("tot-logs/game24_bfs.json", "tot", 74, 370, [0, 0], 0),
    ("tot-logs/game24_cot_100samples.json", "tot", 74, 7400, [0, 0], 74),
    ("tot-logs/text_bfs.json", "tot", 72, 72, [0, 0], 0),
    ("tora-gsm8k/tora-70b-v1.0.jsonl", "tora", 991, 991, [0, 0], 0),
    ("tora-gsm8k/tora-code-34b-v1.0.jsonl", "tora", 991, 991, [0, 0], 0),
    ("verify-then-generate/dataset.json", "verify-then-generate", 732, 732, [732, 0], 0),
];

#[test]
fn every_set_holds_what_its_note_says_and_what_was_counted() {
    let Some(folder) = sets() else { return };
    let mut files = 0;
    for set in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(note) = std::fs::read_to_string(set.join("SOURCE.md")) else { continue };
        for row in note.lines().filter(|line| line.starts_with("| ")) {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let path = set.join(cells[1]);
            let name = path.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
            if !path.is_file() {
                continue;
            }
            let (format, counts) = count(&path);
            if let Ok(records) = cells[2].parse::<usize>() {
                assert_eq!(counts.records, records, "{name} as {format}");
            }
            if let Some(&(_, expected, records, solutions, labels, warnings)) = FILES.iter().find(|row| row.0 == name) {
                assert_eq!((format, counts), (expected, Counts { records, bad: 0, solutions, labels, warnings }), "{name}");
            } else {
                assert_eq!(counts.bad, 0, "{name} as {format}");
            }
            files += 1;
        }
    }
    assert!(files > 30, "{files}");
}

/// Steps of all solutions of a file, as the fields list them that the note of its set names; `None` where the note leaves the cutting of
/// a text to its reader.
fn listed(file: &str, text: &str) -> Option<usize> {
    let (set, _) = file.split_once('/')?;
    let len = |value: &Value| value.as_array().map_or(0, Vec::len);
    let lines = |value: &Value| value.as_str().map_or(0, |text| text.lines().filter(|line| !line.trim().is_empty()).count());
    let in_record = |record: &Value| match set {
        "processbench" => Some(len(&record["steps"])),
        "mr-gsm8k" => Some(len(&record["model_output_steps"])),
        "mr-ben" => Some(len(&record["Model_Solution_Steps"]) + lines(&record["Model_Solution_Steps"])),
        "prmbench" => Some(len(record.get("custom").unwrap_or(record).get("modified_process")?)),
        "verify-then-generate" => Some(len(&record["student_incorrect_solution"])),
        "versaprm-prm800k" => {
            Some(record["chain_of_thoughts"].as_array()?.iter().map(|chain| len(&chain["steps"])).sum::<usize>())
        }
        "gsm8k-train-text" => Some(lines(&record["answer"])),
        "gsm8k-solutions" => {
            let keys = ["6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"];
            Some(keys.iter().map(|key| lines(&record[*key]["solution"])).sum())
        }
        "svamp-text" => Some(1),
        "openr-samples" if file.ends_with("math-shepherd.jsonl") => Some(record["input"].as_str()?.matches("ки").count()),
        _ => None,
    };
    if set == "fover-scored" {
        // A row of the sheet a step: data_idx, id, type, value and two scores.
        let mut sheet = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let kind = |row: csv::StringRecord| row.get(2).is_some_and(|kind| kind.starts_with("step "));
        return Some(sheet.records().map(|row| kind(row.unwrap())).filter(|step| *step).count());
    }
    values(set, text).iter().map(in_record).sum()
}

/// The records of a file, as its whole text says them.
fn values(set: &str, text: &str) -> Vec<Value> {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(records)) => records,
        Ok(Value::Object(lists)) if set == "mr-ben" => {
            lists.values().flat_map(|list| list.as_array().cloned().unwrap_or_default()).collect()
        }
        Ok(other) => vec![other],
        Err(_) => text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
    }
}

/// Problems that are different here and one in the count of a note, which looks at one field of them: questions of MR-Ben with other
/// options, questions of `PRMBench` that were changed in another way.
fn told_apart(file: &str, text: &str) -> Option<usize> {
    let (set, name) = file.split_once('/')?;
    let of = |record: &Value| match set {
        "mr-ben" => Some((record["Question"].to_string(), record["Options"].to_string())),
        "prmbench" if name.starts_with("injected_") => Some((record["modified_question"].to_string(), String::new())),
        _ => None,
    };
    values(set, text).iter().map(of).collect::<Option<BTreeSet<_>>>().map(|problems| problems.len()).filter(|&count| count > 0)
}

/// What a note says of a file that it counts as a whole, in words: records.
const IN_WORDS: &[(&str, usize)] = &[
    ("inspect-logs/theory-of-mind_scout.eval", 100),
    ("tot-logs/crosswords_dfs_prune.json", 20),
    ("tot-logs/crosswords_puzzles.json", 20),
];

#[test]
fn info_counts_what_the_notes_state_and_the_fields_list() {
    let Some(folder) = sets() else { return };
    let (mut files, mut steps) = (0, 0);
    for set in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(note) = std::fs::read_to_string(set.join("SOURCE.md")) else { continue };
        let columns = "| file | records here | records in the source | distinct problems here | bytes |";
        assert!(note.contains(columns), "{}", set.display());
        let rows = note.lines().skip_while(|line| *line != columns).skip(2).take_while(|line| line.starts_with('|'));
        for row in rows {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let path = set.join(cells[1]);
            let name = path.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(cells[5].parse(), Ok(bytes.len()), "{name} is not the file that the note speaks of");
            let report = info(std::slice::from_ref(&path), None)["files"][0].clone();
            let stated = |cell: &str| cell.parse::<usize>().ok();
            let in_words = IN_WORDS.iter().find(|(file, _)| *file == name).map(|&(_, records)| records);
            if let Some(records) = stated(cells[2]).or(in_words) {
                assert_eq!(report["records"], records, "{name}: records");
            }
            let text = std::str::from_utf8(&bytes).ok();
            let apart = text.and_then(|text| told_apart(&name, text));
            if let Some(problems) = apart.or(stated(cells[4])) {
                assert_eq!(report["problems"], problems, "{name}: problems");
            }
            if let Some((apart, stated)) = apart.zip(stated(cells[4])).filter(|(apart, stated)| apart != stated) {
                println!("{name}: {apart} problems, the note counts {stated} by one field of them");
            }
            assert_eq!((&report["bad_records"], &report["errors"]), (&json!(0), &json!([])), "{name}");
            if let Some(listed) = text.and_then(|text| listed(&name, text)) {
                assert_eq!(report["solution_steps"], listed, "{name}: steps");
                steps += 1;
            }
            if let Some((.., labels, _)) = FILES.iter().find(|row| row.0 == name) {
                assert_eq!(report["labelled"], labels.iter().sum::<usize>(), "{name}: labels");
            }
            files += 1;
        }
    }
    assert!(files >= 70 && steps >= 40, "{files} files, the steps of {steps}");
}

/// Records of each file that go both ways; reading is cheap, comparing whole trees is not.
const BOTH_WAYS: usize = 40;

#[test]
fn real_records_come_back_byte_for_byte_in_their_own_format_and_without_loss_through_the_archive() {
    let Some(folder) = sets() else { return };
    let mut kept = BTreeSet::new();
    for &(file, name, ..) in FILES {
        let corpus = Corpus::open(Source::Path(folder.join(file)), None).unwrap();
        corpus.wait();
        for index in 0..corpus.unit_count().min(BOTH_WAYS) {
            let Some(trace) = corpus.unit(index).trace else { continue };
            // What holds no solution is no line of any format.
            if trace.solutions.is_empty() {
                println!("{file}, unit {index}: no solution");
                continue;
            }
            assert_lossless(&trace);
            let records = corpus.unit_records(index);
            if let (Some(_), [record]) = (target(name), records.as_slice()) {
                let raw = corpus.raw(*record).unwrap();
                let items: Vec<_> = foreign(&trace).into_iter().map(|item| Labelled { raw: Some(&raw), ..item }).collect();
                let include = Policy { quality_control: "include".parse().unwrap(), ..Policy::default() };
                let (out, loss) = written(name, &items, include);
                assert!(!out.is_empty() && out.iter().all(|row| *row == raw), "{file}, unit {index}");
                assert_eq!((loss.changed, loss.counts.len()), (0, 0), "{file}, unit {index}: {:?}", loss.counts);
                kept.insert(name);
            }
        }
    }
    // Samples of the other formats that go both ways stand in `formats::real`.
    assert!(kept.contains("processbench"), "{kept:?}");
}
