//! Every real set opens as a corpus and holds as many records as the note beside it says, and as many labels as were counted by hand.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("STEPSCOPE_DATA").map_or_else(default, PathBuf::from);
    if !folder.is_dir() {
        eprintln!("{} is not there, nothing tested", folder.display());
        return None;
    }
    Some(folder)
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
    ("mr-ben/math.json", "mr-ben", 675, 675, [560, 115], 0),
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
    ("processbench/omnimath.json", "processbench", 749, 749, [566, 183], 5),
    ("qwen-math-bestof8/math_cot_100.jsonl", "qwen-samples", 76, 608, [0, 0], 0),
    ("svamp-text/SVAMP.json", "svamp", 1000, 1000, [0, 0], 0),
    ("swe-agent-traj/BabyEncryption.traj", "swe-agent", 1, 1, [0, 0], 0),
    ("swe-agent-traj/eps.traj", "swe-agent", 1, 1, [0, 0], 0),
    ("swe-agent-traj/function_calling_simple.traj", "swe-agent", 1, 1, [0, 0], 0),
    ("swe-agent-traj/humanevalfix-python-0.traj", "swe-agent", 1, 1, [0, 0], 0),
    ("swe-agent-traj/marshmallow-code__marshmallow-1867.traj", "swe-agent", 1, 1, [0, 0], 0),
    ("swe-agent-traj/networking_1.traj", "swe-agent", 1, 1, [0, 0], 0),
    ("swe-agent-traj/pydicom__pydicom-1458.traj", "swe-agent", 1, 1, [0, 0], 0),
    ("swe-agent-traj/warmup.traj", "swe-agent", 1, 1, [0, 0], 0),
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
