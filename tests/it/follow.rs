//! Files that grow, are replaced, cut, removed and written anew while they are open.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use stepscope::corpus::{Change, Corpus, Source};

use super::containers::{any, gzip, records, row, rows, written};

/// Asks until the condition holds, as the screen does.
fn until(corpus: &Corpus, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert_eq!(corpus.refresh(), None);
        assert!(start.elapsed() < Duration::from_secs(60), "{corpus:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn records_that_are_added_to_a_followed_file_appear() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(&dir, format!("{}{}", rows(2), &row(2)[..10]));
    let corpus = Corpus::follow(Source::Path(path.clone()), any()).unwrap();
    corpus.wait();
    // The last line waits for its rest; it is no error.
    assert_eq!((corpus.record_count(), corpus.problem_count()), (2, 2));
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    write!(file, "{}\n{}", &row(2)[10..], row(3)).unwrap();
    until(&corpus, || corpus.problem_count() == 4 && corpus.is_complete());
    write!(file, "\n\n{}\n", row(1)).unwrap();
    until(&corpus, || corpus.record_count() == 5 && corpus.is_complete());
    let prompts: Vec<Value> = records(&corpus).iter().map(|record| record["prompt"].clone()).collect();
    assert_eq!(prompts, ["p0", "p1", "p2", "p3", "p1"]);
    assert_eq!((corpus.problem_count(), corpus.problem(1).units.clone(), corpus.line(4)), (4, vec![1, 4], 6));
}

/// What becomes of a followed file.
fn change(corpus: &Corpus) -> Change {
    let start = Instant::now();
    loop {
        if let Some(change) = corpus.refresh() {
            return change;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{corpus:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Nothing is told for longer than a look takes.
fn is_quiet(corpus: &Corpus) -> bool {
    (0..60).all(|_| {
        std::thread::sleep(Duration::from_millis(20));
        corpus.refresh().is_none()
    })
}

fn follow(path: &Path) -> Corpus {
    let corpus = Corpus::follow(Source::Path(path.to_owned()), any()).unwrap();
    corpus.wait();
    corpus
}

fn reopened(corpus: &Corpus) -> Corpus {
    let corpus = corpus.reopen().unwrap().unwrap();
    corpus.wait();
    corpus
}

/// What is done to a file, and how many records it has then.
type Case<'a> = (usize, &'a dyn Fn(&Path));

#[test]
fn a_followed_file_that_is_cut_or_replaced_says_so_once_and_is_opened_anew() {
    let dir = tempfile::tempdir().unwrap();
    let cases: [Case<'_>; 4] = [
        (1, &|path| {
            let file = fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(row(0).len() as u64 + 1).unwrap();
        }),
        (9, &|path| {
            fs::write(path.with_extension("new"), rows(9)).unwrap();
            fs::rename(path.with_extension("new"), path).unwrap();
        }),
        (9, &|path| fs::write(path, rows(9).replace('p', "q")).unwrap()),
        // In place and of equal length, far from the end.
        (3, &|path| fs::write(path, rows(3).replacen("p0", "q0", 1)).unwrap()),
    ];
    for (count, make) in cases {
        let path = written(&dir, rows(3));
        let corpus = follow(&path);
        make(&path);
        assert_eq!(change(&corpus), Change::Replaced);
        assert!(is_quiet(&corpus) && corpus.record_count() == 3, "the old one stays what it was");
        let new = reopened(&corpus);
        assert_eq!(new.record_count(), count);
        assert_eq!(new.format().name(), "trl", "it is read the same way");
        // The new one is followed in turn.
        writeln!(fs::OpenOptions::new().append(true).open(&path).unwrap(), "{}", row(77)).unwrap();
        until(&new, || new.record_count() == count + 1);
    }
}

#[test]
fn whatever_is_not_lines_is_opened_anew_when_it_is_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    for (before, after) in [
        (format!("[{}]", row(0)).into_bytes(), format!("[{},{}]", row(0), row(1)).into_bytes()),
        (gzip(rows(1).as_bytes()), gzip(rows(2).as_bytes())),
    ] {
        let path = written(&dir, before);
        let corpus = follow(&path);
        assert!(is_quiet(&corpus));
        fs::write(&path, after).unwrap();
        assert_eq!(change(&corpus), Change::Replaced);
        let new = reopened(&corpus);
        assert_eq!((new.record_count(), corpus.record_count()), (2, 1));
    }
}

#[test]
fn a_file_that_is_gone_or_has_only_been_begun_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(&dir, rows(3));
    let corpus = follow(&path);
    fs::remove_file(&path).unwrap();
    assert_eq!(change(&corpus), Change::Gone);
    assert!(is_quiet(&corpus) && corpus.problem(2).trace.is_some(), "what was read stays");
    fs::write(&path, "").unwrap();
    assert!(is_quiet(&corpus));
    // Somebody writes it little by little.
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    for number in 0..8 {
        writeln!(file, "{}", row(7 - number)).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        assert!(corpus.refresh().is_none(), "{number}");
    }
    assert_eq!(change(&corpus), Change::Replaced);
    let new = reopened(&corpus);
    let mut found = new.find_again(&corpus, &BTreeSet::from([0, 2]));
    found.sort_unstable();
    assert_eq!((new.record_count(), found), (8, vec![(0, 7), (2, 5)]));
    assert_eq!(corpus.find_again(&new, &BTreeSet::from([0])), [], "p7 was not in it");
}
