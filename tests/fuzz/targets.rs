//! What a fuzzer calls: one target for each reader of a format and for each container. The fuzz targets of cargo-fuzz (`fuzz_targets`), the
//! replay of the corpus in the tests and the mutation runner all call [`run`].
//!
//! A target fails by a panic. Panics that the program itself catches come back as errors of a known wording, which are failures here.

use std::collections::BTreeSet;
use std::path::Path;

use stepscope::corpus::{Corpus, Source};
use stepscope::formats::{FORMATS, RawRecord, by_name, detect, parse_json};
use stepscope::trace::Trace;

/// Kinds of files that are no format: framings of JSON, and everything that can stand around records.
pub(super) const CONTAINERS: &[&str] =
    &["json", "gzip", "zstd", "bzip2", "zip", "parquet", "arrow", "csv", "dialogue", "tree-dump", "any"];

/// Most units of a file that are read.
const UNITS: usize = 200;

/// The names of all targets.
pub(super) fn names() -> impl Iterator<Item = String> {
    let formats = FORMATS.iter().map(|format| format!("format-{}", format.name()));
    formats.chain(CONTAINERS.iter().map(|name| format!("file-{name}")))
}

/// What a run came to: the errors and shapes it met, numbers left out. An input with new ones is worth keeping.
pub(super) type Outcome = BTreeSet<String>;

/// Runs one target on one input. `scratch` is a file of the caller that is written anew each time.
pub(super) fn run(target: &str, data: &[u8], scratch: &Path) -> Outcome {
    match target.split_once('-') {
        Some(("format", name)) => format(name, data),
        _ => file(data, scratch),
    }
}

/// Lines of a file as the records of one format, each alone and all together.
fn format(name: &str, data: &[u8]) -> Outcome {
    let mut outcome = Outcome::new();
    let format = by_name(name).expect("a format of this name");
    let lines = data.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let records: Vec<RawRecord<'_>> =
        lines.enumerate().map(|(index, bytes)| RawRecord { index, line: index + 1, bytes }).collect();
    let values: Vec<_> = records.iter().filter_map(|record| parse_json(record.bytes).ok()).collect();
    let _ = detect(&values);
    for record in &records {
        let _ = (format.unit_key(record.bytes), format.problem_hash(record.bytes));
        let (seen, read) = (format.glance(record.bytes).is_some(), format.read(record));
        assert!(!seen || read.is_ok(), "seen at a glance and not read");
        match read {
            Ok(trace) => shape(&trace, &mut outcome),
            Err(error) => note(&format!("{:?} {}", error.field, error.message), &mut outcome),
        }
    }
    let unit = format.read_unit(&records);
    unit.errors.iter().for_each(|error| note(&error.message, &mut outcome));
    outcome
}

/// Everything that is asked of a trace when it is shown.
fn shape(trace: &Trace, outcome: &mut Outcome) {
    for solution in &trace.solutions {
        let (_, labels) = (trace.record_key(solution.leaf), trace.recorded_labels(solution));
        outcome.insert(format!("{:?} {}", std::mem::discriminant(&labels.first_error), labels.steps.len().min(3)));
    }
    trace.warnings.iter().for_each(|warning| note(warning, outcome));
}

/// Notes a message without what differs from record to record.
fn note(message: &str, outcome: &mut Outcome) {
    let message = message.split(['`', '"']).next().unwrap_or_default();
    let known: String = message.chars().filter(|c| !c.is_ascii_digit()).take(60).collect();
    outcome.insert(known);
}

/// A file as the program opens it: known by its content, read to its end.
fn file(data: &[u8], scratch: &Path) -> Outcome {
    let mut outcome = Outcome::new();
    std::fs::write(scratch, data).expect("the scratch file can be written");
    let corpus = match Corpus::open(Source::Path(scratch.to_owned()), None) {
        Ok(corpus) => corpus,
        Err(error) => {
            ours(&error.reason.to_string());
            note(&error.reason.to_string(), &mut outcome);
            return outcome;
        }
    };
    corpus.wait();
    outcome.insert(format!("{} {:?}", corpus.format().name(), corpus.framing()));
    for unit in (0..corpus.unit_count().min(UNITS)).map(|unit| corpus.unit(unit)) {
        for error in &unit.errors {
            ours(&error.message);
            note(&error.message, &mut outcome);
        }
    }
    for problem in (0..corpus.problem_count().min(UNITS)).map(|problem| corpus.problem(problem)) {
        problem.errors.iter().for_each(|error| ours(&error.message));
        problem.trace.iter().for_each(|trace| shape(trace, &mut outcome));
    }
    outcome
}

/// An error that is the program's own fault.
fn ours(message: &str) {
    assert!(!message.contains("internal error") && !message.contains("panicked"), "{message}");
}
