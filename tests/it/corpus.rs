//! Files as they are found: every framing, every kind of bad input, growth in the background.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde::Deserialize;
use stepscope::corpus::{Corpus, Framing, OpenError, Source};
use stepscope::formats::{self, Confidence, Detection, Format, Glance, RawRecord, RecordError};
use stepscope::query::Told as _;
use stepscope::trace::{FirstError, Problem, Trace, TraceBuilder};

/// A format for these tests alone: `{"problem","steps","tree"}`, where records of one `tree` form one unit.
struct Plain;

static PLAIN: Plain = Plain;

#[derive(Deserialize)]
struct Row {
    problem: Option<String>,
    #[serde(default)]
    steps: Vec<String>,
    tree: Option<u64>,
}

impl Format for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn doc(&self) -> &'static str {
        "for tests"
    }

    fn detect(&self, _value: &serde_json::Value) -> Detection {
        Detection { confidence: Confidence::No, evidence: "".into() }
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        let error = |message: String| RecordError { record: record.index, line: record.line, place: None, field: None, message };
        let value = formats::parse_json(record.bytes).map_err(|failure| error(failure.to_string()))?;
        let row: Row = serde_json::from_value(value).map_err(|failure| error(failure.to_string()))?;
        assert!(!row.steps.iter().any(|step| step == "defect"), "a defect of the reader");
        // The rows of a tree without a problem text belong to the problem of the tree.
        let text = row.problem.unwrap_or_else(|| "tree".to_owned());
        let mut builder = TraceBuilder::new(Problem { text, ..Problem::default() });
        let leaf = builder.path(&row.steps).last().copied().unwrap_or(stepscope::trace::NodeId::ROOT);
        builder.solution(leaf).record = record.index;
        Ok(builder.finish())
    }

    fn unit_key(&self, record: &[u8]) -> Option<u64> {
        serde_json::from_slice::<Row>(record).ok()?.tree
    }

    fn problem_hash(&self, record: &[u8]) -> Option<u64> {
        let problem = serde_json::from_slice::<Row>(record).ok()?.problem?;
        // A hash with collisions: "same hash 1" and "same hash 2" differ and meet.
        let problem = problem.strip_prefix("same hash").map_or(problem.as_str(), |_| "same hash");
        Some(problem.bytes().fold(7, |hash: u64, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte))))
    }
}

fn row(problem: &str, steps: &[&str]) -> String {
    serde_json::json!({"problem": problem, "steps": steps}).to_string()
}

fn file(dir: &tempfile::TempDir, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join("traces.jsonl");
    fs::write(&path, bytes).unwrap();
    path
}

fn open(path: &Path) -> Corpus {
    let corpus = Corpus::open(Source::Path(path.to_owned()), Some(&PLAIN as &dyn Format)).unwrap();
    corpus.wait();
    corpus
}

fn refusal(path: &Path) -> OpenError {
    Corpus::open(Source::Path(path.to_owned()), None).unwrap_err()
}

/// Problem text and line of every record, or its error.
fn listing(corpus: &Corpus) -> Vec<String> {
    (0..corpus.record_count())
        .map(|record| {
            let unit = corpus.unit(record);
            match unit.trace {
                Some(trace) => trace.problem.text,
                None => unit.errors.iter().map(ToString::to_string).collect(),
            }
        })
        .collect()
}

fn listing_of(bytes: impl AsRef<[u8]>) -> (Framing, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let corpus = open(&file(&dir, bytes));
    (corpus.framing(), listing(&corpus))
}

#[test]
fn all_framings_hold_the_same_records() {
    let rows: Vec<String> = ["a\\n[", "b\"{}", "c"].iter().map(|problem| row(problem, &["s1", "s2"])).collect();
    let pretty: Vec<String> = rows
        .iter()
        .map(|row| serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(row).unwrap()).unwrap())
        .collect();
    let files = [
        (rows.join("\n"), Framing::Lines),
        (format!("\u{feff}{}\r\n", rows.join("\r\n\r\n")), Framing::Lines),
        (format!("\n \n{}\n\n", rows.join("\n\t\n")), Framing::Lines),
        (format!("[{}]", rows.join(",")), Framing::Array),
        (format!("\u{feff}[\n{},\n]\n", rows.join(",\n")), Framing::Array),
        (format!("[\n{}\n]\n", pretty.join(",\n")), Framing::Array),
        (pretty.join("\n"), Framing::Stream),
        (pretty.concat(), Framing::Stream),
        (format!("{}\r\n", pretty.join("\r\n\r\n")), Framing::Stream),
    ];
    for (text, framing) in files {
        let (found, listing) = listing_of(&text);
        assert_eq!((found, listing), (framing, ["a\\n[", "b\"{}", "c"].map(str::to_owned).to_vec()), "{text:?}");
    }
    assert_eq!(listing_of(&pretty[0]), (Framing::Stream, vec!["a\\n[".to_owned()]));
    assert_eq!(listing_of(&rows[0]), (Framing::Lines, vec!["a\\n[".to_owned()]));
}

#[test]
fn a_bad_record_never_hides_a_good_one() {
    let good = |name: &str| row(name, &[]);
    let nested = format!("{{\"problem\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let lines = [
        good("first"),
        String::new(),
        "{\"problem\": \"cut".to_owned(),
        nested,
        "\0\0\0\0".to_owned(),
        row("x", &["defect"]),
        "[1, 2]".to_owned(),
        good("last"),
    ];
    let (_, listing) = listing_of(lines.join("\n"));
    assert_eq!(listing.len(), 7);
    assert_eq!((listing[0].as_str(), listing[6].as_str()), ("first", "last"));
    for (at, line, part) in [
        (1, 3, ""),
        (2, 4, ""),
        (3, 5, "4 NUL bytes (file was not closed cleanly?)"),
        (4, 6, "internal error in the plain reader, please report it: a defect of the reader"),
        (5, 7, ""),
    ] {
        assert!(listing[at].starts_with(&format!("line {line}: ")) && listing[at].contains(part), "{}", listing[at]);
        assert!(listing[at].len() < 600, "one clear line: {}", listing[at]);
    }
}

#[test]
fn a_file_cut_at_its_end_keeps_its_whole_records() {
    let good = row("good", &[]);
    let incomplete = "incomplete last record";
    for (text, records, error) in [
        (format!("{good}\n{{\"problem\": \"cut, with a }} inside"), 2, incomplete),
        (format!("{good}\n{good}"), 2, "good"),
        (format!("{good}\noops"), 2, "oops"),
        (format!("[\n {good},\n {{\"problem\": \"cut\", \"steps\": [\"a\"\n"), 2, incomplete),
        (format!("[\n {good},\n"), 2, "found the end of the file (cut?)"),
        ("{\n\"problem\": \"good\"\n}\n{\n\"problem\": [\n".to_owned(), 2, incomplete),
    ] {
        let (_, listing) = listing_of(&text);
        assert_eq!((listing.len(), listing[0].as_str()), (records, "good"), "{text}");
        if error != "oops" {
            assert!(listing[1].contains(error), "{text}: {}", listing[1]);
        }
    }
}

#[test]
fn a_record_without_an_end_does_not_swallow_the_rest_of_an_array() {
    let element = |name: &str| format!(" {{\n  \"problem\": \"{name}\",\n  \"steps\": [\n   \"x\"\n  ]\n }}");
    let no_bracket = " {\n  \"problem\": \"bad\",\n  \"steps\": [\n   \"x\"";
    let no_quote = " {\n  \"problem\": \"bad,\n  \"steps\": [\n   \"x\"\n  ]\n }";
    for bad in [no_bracket, no_quote] {
        let elements = [element("one"), element("two"), bad.to_owned(), element("three"), bad.to_owned(), element("four")];
        let (framing, listing) = listing_of(format!("[\n{}\n]\n", elements.join(",\n")));
        assert_eq!(framing, Framing::Array);
        let good: Vec<&String> = listing.iter().filter(|text| !text.contains(' ')).collect();
        assert_eq!(good, ["one", "two", "three", "four"], "{listing:#?}");
        assert!(listing[2].starts_with("line 14: "), "{listing:#?}");
    }
    // Where nested objects begin in the same column as records, nothing can be told from a column.
    let flat = "[\n{\"problem\": \"one\", \"more\": [\n{},\n{}]},\n{\"problem\": \"two\", \"more\": [\n{},\n{}]}\n]";
    assert_eq!(listing_of(flat).1, ["one", "two"]);
}

#[test]
fn what_cannot_be_opened_says_why_in_one_line() {
    let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:1234\nsize 135\n".as_slice();
    let deep = "[".repeat(100_000);
    let zipped_pickle = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0archive/data.pkl".as_slice();
    let tar = [b"traces.jsonl".as_slice(), &[0; 245], b"ustar\x0000", &[0; 248], b"{\"a\": 1}\n"].concat();
    let cases: &[(&[u8], &str)] = &[
        (b"", "no records: the file is empty"),
        (b"\n\r\n \t\n", "no records: the file holds only blank lines"),
        (b"\xef\xbb\xbf\n", "no records: the file holds only a byte order mark"),
        (b"[ ]\n", "no records: the array is empty"),
        (lfs, "is a Git LFS pointer, not the data (135 bytes); fetch the data with `git lfs pull`"),
        (b"\x80\x04\x95\x10\0\0\0", "is a pickle; pickle files can run code and are never loaded"),
        (zipped_pickle, "is a pickle; pickle files can run code and are never loaded"),
        (b"PK\x03\x04\x14\0\0\0", "is a Zip archive that is cut or damaged"),
        (b"\x1f\x8b\x08\0", "cannot be read: gzip data: the file is cut"),
        (b"\x28\xb5\x2f\xfd\x04", "cannot be read: Zstandard data: the "),
        (b"PAR1\x15\x04", "is a Parquet file"),
        (&tar, "is a tar archive; not supported yet, unpack it first"),
        (b"\x89PNG\r\n\x1a\n", "is a PNG image"),
        (b"\x7fELF\x02\x01", "is an ELF program"),
        (b"\x40\0\0\0\0\0\0\0{\"a\":{}}", "is a safetensors model file"),
        (b"\xff\xfe{\0\"\0a\0", "is UTF-16LE text; expected UTF-8 (convert it with `iconv -f UTF-16LE -t UTF-8`)"),
        (b"\0{\0\"\0a\0\"", "is UTF-16BE text"),
        (b"{\"answer\": 42}\n", "`stepscope formats`"),
        (b"hello\nworld\n", "no record can be read; line 1: "),
        (b"\n{\"a\": \"\xff\"}\n", "no record can be read; line 2: "),
        (b"{\"a\": \"half", "no record can be read; line 1: "),
        (deep.as_bytes(), "no record can be read; line 1: "),
    ];
    let dir = tempfile::tempdir().unwrap();
    for (bytes, expected) in cases {
        let path = file(&dir, bytes);
        let message = refusal(&path).to_string();
        assert!(message.starts_with(&format!("{}: ", path.display())) && message.contains(expected), "{message}");
        assert!(!message.chars().any(char::is_control), "{message:?}");
        assert!(message.len() < 1000, "{message}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_not_a_regular_file_is_refused_without_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("no\nsuch\u{1b}[2J");
    assert!(refusal(&missing).to_string().ends_with("no\\nsuch<U+001B>[2J: no such file"));
    assert!(refusal(dir.path()).to_string().ends_with(": is a directory; expected a file of traces"));
    let pipe = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(refusal(&pipe).to_string().ends_with(": is a named pipe; expected a regular file"));
    let socket = dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert!(refusal(&socket).to_string().ends_with(": is a socket; expected a regular file"));
    assert!(refusal(Path::new("/dev/null")).to_string().ends_with(": is a device; expected a regular file"));
    let circle = dir.path().join("circle");
    std::os::unix::fs::symlink(&circle, &circle).unwrap();
    assert!(refusal(&circle).to_string().contains(": cannot be read: "));
}

#[test]
fn units_of_one_problem_are_shown_together() {
    let dir = tempfile::tempdir().unwrap();
    let rows = [
        row("p", &["a", "b"]),
        row("q", &["c"]),
        "bad".to_owned(),
        row("p", &["a", "d"]),
        row("same hash 1", &["x"]),
        row("same hash 2", &["y"]),
    ];
    let corpus = open(&file(&dir, rows.join("\n")));
    assert_eq!((corpus.record_count(), corpus.unit_count(), corpus.problem_count()), (6, 6, 4));
    let view = corpus.problem(0);
    let trace = view.trace.as_ref().unwrap();
    assert_eq!((view.units.as_slice(), trace.solutions.len(), trace.nodes.len()), ([0, 3].as_slice(), 2, 4));
    assert_eq!(trace.solutions.iter().map(|solution| solution.record).collect::<Vec<_>>(), [0, 3]);
    let bad = corpus.problem(2);
    assert!(bad.trace.is_none() && bad.errors.len() == 1 && bad.units == [2]);
    let collision = corpus.problem(3);
    assert_eq!(collision.trace.as_ref().unwrap().problem.text, "same hash 1");
    assert_eq!((collision.errors[0].record, collision.errors[0].line), (5, 6));
    // The same object again: it was kept.
    assert!(std::sync::Arc::ptr_eq(&view, &corpus.problem(0)));
    let nothing = corpus.problem(99);
    assert!(nothing.trace.is_none() && nothing.units.is_empty());
}

#[test]
fn records_of_one_tree_form_one_unit_wherever_they_stand() {
    let dir = tempfile::tempdir().unwrap();
    let row =
        |tree: u64, step: &str| serde_json::json!({"problem": format!("t{tree}"), "steps": [step], "tree": tree}).to_string();
    let rows = [row(1, "a"), row(2, "b"), row(1, "c"), "bad".to_owned(), row(2, "d"), row(1, "e")];
    let corpus = open(&file(&dir, rows.join("\n")));
    assert_eq!((corpus.record_count(), corpus.unit_count(), corpus.problem_count()), (6, 3, 3));
    assert_eq!((0..3).map(|unit| corpus.unit_records(unit)).collect::<Vec<_>>(), [vec![0, 2, 5], vec![1, 4], vec![3]]);
    assert_eq!(corpus.unit(0).trace.unwrap().solutions.len(), 3);
    assert_eq!(corpus.problem(1).trace.as_ref().unwrap().nodes.len(), 3);
}

#[test]
fn the_first_problems_are_there_before_the_file_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large.jsonl");
    let mut out = std::io::BufWriter::new(fs::File::create(&path).unwrap());
    let filler = "x".repeat(500);
    for number in 0..60_000 {
        writeln!(out, "{}", row(&format!("problem {number}"), &["step", &filler])).unwrap();
    }
    out.into_inner().unwrap();
    let start = Instant::now();
    let corpus = Corpus::open(Source::Path(path), Some(&PLAIN as &dyn Format)).unwrap();
    let (known, early) = (corpus.problem_count(), corpus.generation());
    assert!(known >= 60, "{known} problems at once");
    assert_eq!(corpus.problem(59).trace.as_ref().unwrap().problem.text, "problem 59");
    let first_screen = start.elapsed();
    // A few milliseconds on a quiet machine, whatever the size of the file; the bound leaves room for a very busy one.
    assert!(first_screen < Duration::from_secs(1), "{first_screen:?}");
    let mut last = known;
    while !corpus.is_complete() {
        let now = corpus.problem_count();
        assert!(now >= last);
        last = now;
        std::thread::yield_now();
    }
    assert_eq!((corpus.record_count(), corpus.unit_count(), corpus.problem_count()), (60_000, 60_000, 60_000));
    assert_ne!(corpus.generation(), early);
    let (done, total) = corpus.progress();
    assert_eq!(done, total);
    // Reading here and there gives what reading from the front gives.
    for record in [59_999, 3, 40_000, 4, 20_001] {
        let raw = corpus.raw(record).unwrap();
        assert_eq!(raw, row(&format!("problem {record}"), &["step", &filler]).as_bytes());
        assert_eq!(corpus.problem(record).trace.as_ref().unwrap().problem.text, format!("problem {record}"));
    }
}

#[test]
fn a_look_meets_every_record_once_and_changes_no_problem() {
    let record = |n: usize| match n % 50 {
        7 => "{\"id\": 1, \"problem\"".to_owned(),
        9 => String::from_utf8(vec![0; 40]).unwrap(),
        // What is wrong with it, only reading it says.
        11 => format!(r#"{{"id":"{n}","problem":"p{n}","steps":["a"],"final_answer_correct":true,"label":7}}"#),
        rest => {
            // A tenth of the records are solutions of problems that others show, too.
            let problem = if n.is_multiple_of(10) { n % 1000 } else { n };
            let label = i64::from(rest != 3) - 1;
            let fill = "x".repeat(300);
            format!(r#"{{"id":"{n}","problem":"p{problem}","steps":["{fill}","b"],"final_answer_correct":true,"label":{label}}}"#)
        }
    };
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, (0..20_000).map(record).collect::<Vec<_>>().join("\n"));
    let format = formats::by_name("processbench");
    let met = Arc::new(Mutex::new(vec![Vec::new(); 20_000]));
    let look = {
        let met = Arc::clone(&met);
        Box::new(move |record: usize, glance: Option<&Glance<'_>>| {
            met.lock().unwrap()[record].push(glance.map(|glance| (glance.id().map(Into::into), glance.recorded())));
        })
    };
    let corpus = Corpus::look(Source::Path(path.clone()), format, look).unwrap();
    let plain = Corpus::open(Source::Path(path), format).unwrap();
    corpus.wait();
    plain.wait();
    for (record, met) in met.lock().unwrap().iter().enumerate() {
        let told = match record % 50 {
            7 | 9 | 11 => None,
            3 => Some((Some(record.to_string()), FirstError::NoError)),
            _ => Some((Some(record.to_string()), FirstError::At(0))),
        };
        assert_eq!(*met, [told], "record {record}");
    }
    let count = plain.problem_count();
    assert_eq!(corpus.problem_count(), count);
    for (problem, only) in plain.only_records(0..count).into_iter().enumerate() {
        let units = plain.problem_units(problem);
        assert_eq!(corpus.problem_units(problem), units);
        assert_eq!(only, (units.len() == 1).then_some(units[0]), "problem {problem}");
    }
}

#[test]
fn a_file_that_shrinks_gives_errors_on_its_records() {
    let dir = tempfile::tempdir().unwrap();
    let rows: Vec<String> = (0..100).map(|number| row(&format!("problem {number}"), &[])).collect();
    let path = file(&dir, rows.join("\n"));
    let corpus = open(&path);
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(200).unwrap();
    assert_eq!(corpus.problem(0).trace.as_ref().unwrap().problem.text, "problem 0");
    let error = corpus.raw(99).unwrap_err();
    assert!(error.to_string().starts_with("line 100: expected ") && error.message.contains("the file became shorter"));
    assert!(corpus.problem(98).trace.is_none());
}

#[test]
fn a_record_over_the_limit_is_skipped_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, format!("{}\n", row("first", &[])));
    let mut out = fs::OpenOptions::new().write(true).open(&path).unwrap();
    // A hole in the file: 65 MiB that take no space.
    out.seek(SeekFrom::Start(65 << 20)).unwrap();
    write!(out, "\n{}\n", row("last", &[])).unwrap();
    let listing = listing(&open(&path));
    assert_eq!((listing.len(), listing[0].as_str(), listing[2].as_str()), (3, "first", "last"));
    assert!(listing[1].starts_with("line 2: record of 68157") && listing[1].contains("limit 64 MiB"), "{}", listing[1]);
}

#[test]
fn the_first_record_may_be_longer_than_what_is_looked_at() {
    let long = "x".repeat(300_000);
    for text in [row(&long, &[]), format!("[\n{},\n{}\n]", row(&long, &[]), row("q", &[]))] {
        let (_, listing) = listing_of(&text);
        assert_eq!(listing[0], long);
    }
}

#[test]
fn a_missing_record_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = open(&file(&dir, row("p", &[])));
    assert!(corpus.raw(1).unwrap_err().message.contains("there is no record 2"));
    assert!(corpus.unit(1).trace.is_none());
}

#[test]
fn a_file_in_memory_reads_like_a_file_on_disk() {
    let bytes = b"{\"problem\":\"p\",\"steps\":[\"a\"]}\n{\"problem\":\"q\"}";
    let corpus = Corpus::open(Source::Memory { name: "demo", bytes }, Some(&PLAIN as &dyn Format)).unwrap();
    // Small files are complete at once.
    assert!(corpus.is_complete());
    assert_eq!((corpus.name(), listing(&corpus)), ("demo", vec!["p".to_owned(), "q".to_owned()]));
}

/// Text that is nearly JSON, so that the scanners see every state.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        "\"",
        "\\",
        "\n",
        "\r\n",
        " ",
        "\t",
        ":",
        "1",
        "null",
        "\u{feff}",
        "\0",
        "{\"problem\":\"p\"}",
        "{\"problem\":\"p\"}\n",
        "\n {",
        "x",
    ]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(pieces, 0..80).prop_map(|pieces| pieces.concat().into_bytes()),
    ]
}

proptest! {
    #[test]
    fn no_bytes_panic_and_no_records_overlap(bytes in nearly_json()) {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, &bytes);
        if let Ok(corpus) = Corpus::open(Source::Path(path.clone()), Some(&PLAIN as &dyn Format)) {
            corpus.wait();
            let mut end = 0;
            // The rows of a table are made, not found.
            let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).trim_ascii_start();
            let table = !text.starts_with(b"{") && !text.starts_with(b"[") && text.iter().any(|byte| b",\t".contains(byte));
            for record in 0..corpus.record_count() {
                let Some((start, len)) = corpus.span(record) else { continue };
                prop_assert!(start >= end && start + len <= corpus.progress().1);
                end = start + len;
                if let Ok(raw) = corpus.raw(record) && !table {
                    let (start, end) = (usize::try_from(start).unwrap(), usize::try_from(end).unwrap());
                    prop_assert_eq!(&raw, &bytes[start..end]);
                }
            }
            for problem in 0..corpus.problem_count() {
                let view = corpus.problem(problem);
                prop_assert!(view.trace.is_some() || !view.errors.is_empty());
            }
        }
        let _ = Corpus::open(Source::Path(path), None);
    }
}

#[test]
fn records_in_the_lists_of_one_object_are_records() {
    let dir = tempfile::tempdir().unwrap();
    let record = |id: usize| {
        let steps = ["2 = 2".repeat(40), "so it is".to_owned()];
        serde_json::json!({"id": format!("r{id}"), "problem": format!("{id}?"), "steps": steps, "final_answer_correct": true, "label": -1})
    };
    let records = |ids: std::ops::Range<usize>| ids.map(record).collect::<Vec<_>>();
    // As large as fits into the first look, and larger.
    for count in [3, 900] {
        let wrapped = serde_json::json!({"version": 1, "data": records(0..count), "about": {"authors": []}});
        let splits = serde_json::json!({"train": records(0..count - 1), "test": records(count - 1..count)});
        for object in [wrapped.to_string(), serde_json::to_string_pretty(&splits).unwrap()] {
            let corpus = Corpus::open(Source::Path(file(&dir, &object)), None).unwrap();
            corpus.wait();
            assert_eq!((corpus.format().name(), corpus.framing(), corpus.unit_count()), ("processbench", Framing::Lists, count));
            assert!(corpus.evidence().ends_with("in the lists of one object"), "{}", corpus.evidence());
            assert!((0..count).all(|unit| corpus.unit(unit).errors.is_empty()));
        }
    }
    // An object that is a record itself stays one, and what is unknown within lists is unknown.
    let chat = r#"{"messages": [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}]}"#;
    let corpus = Corpus::open(Source::Path(file(&dir, chat)), None).unwrap();
    assert_eq!((corpus.format().name(), corpus.unit_count()), ("chat", 1));
    for unknown in [r#"{"data": [{"a": 1}]}"#, "{\"a\": [{\"b\": 1}]}\n{\"a\": [{\"b\": 2}]}"] {
        assert!(refusal(&file(&dir, unknown)).to_string().contains("no known format"));
    }
}

#[test]
fn real_files_open_and_read_to_their_end() {
    let Some(data) = super::support::data("") else { return };
    for name in ["gsm8k", "math", "olympiadbench", "omnimath"] {
        let path = data.join("processbench").join(name).with_extension("json");
        // Parsed whole, which is what the corpus never does.
        let records = serde_json::from_slice::<Vec<serde_json::Value>>(&fs::read(&path).unwrap()).unwrap().len();
        let corpus = Corpus::open(Source::Path(path), None).unwrap();
        corpus.wait();
        let found = (corpus.format().name(), corpus.framing(), corpus.record_count());
        assert_eq!(found, ("processbench", Framing::Array, records), "{name}");
        let solutions = |problem| corpus.problem(problem).trace.as_ref().map_or(0, |trace| trace.solutions.len());
        assert_eq!((0..corpus.problem_count()).map(solutions).sum::<usize>(), records, "{name}");
    }
}
