//! Files as they come broken: every class of bad input, with what loads and what is said. Numbers are those of the table of bad inputs.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;
use stepscope::corpus::{Corpus, Source};

/// A good row.
fn row(number: usize) -> String {
    row_with(number, "@", "@")
}

/// A good row with one piece of its JSON replaced.
fn row_with(number: usize, piece: &str, by: &str) -> String {
    let row = format!(
        r#"{{"id":"r{number}","generator":"g","problem":"q{number}","steps":["a","b"],"final_answer_correct":true,"label":-1}}"#
    );
    row.replace(piece, by)
}

fn lines(lines: &[String]) -> Vec<u8> {
    let mut text = lines.join("\n");
    text.push('\n');
    text.into_bytes()
}

/// What comes of a file.
enum Comes {
    /// So many solutions, and no error.
    Loads(usize),
    /// So many solutions, and errors that stand in these lines and say this.
    Skips(usize, &'static [usize], &'static str),
    /// Nothing, for this reason.
    Refused(&'static str),
}
use Comes::{Loads, Refused, Skips};

fn check(name: &str, bytes: &[u8], expected: &Comes, path: &Path) {
    std::fs::write(path, bytes).unwrap();
    let corpus = match (Corpus::open(Source::Path(path.to_owned()), None), expected) {
        (Err(error), Refused(reason)) => {
            let said = error.to_string();
            assert!(said.starts_with(&path.display().to_string()) && said.contains(reason), "{name}: {said}");
            assert!(!said.chars().any(char::is_control) && said.len() < 1200, "{name}: {said:?}");
            return;
        }
        (Err(error), _) => panic!("{name}: {error}"),
        (Ok(_), Refused(reason)) => panic!("{name}: opened, expected {reason}"),
        (Ok(corpus), _) => corpus,
    };
    corpus.wait();
    let units: Vec<_> = (0..corpus.unit_count()).map(|unit| corpus.unit(unit)).collect();
    let solutions: usize = units.iter().filter_map(|unit| unit.trace.as_ref()).map(|trace| trace.solutions.len()).sum();
    let errors: Vec<_> = units.iter().flat_map(|unit| &unit.errors).collect();
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let (count, places, says) = match expected {
        Loads(count) => (*count, &[][..], ""),
        Skips(count, places, says) => (*count, *places, *says),
        Refused(_) => return,
    };
    assert_eq!(
        (solutions, errors.iter().map(|error| error.line).collect::<Vec<_>>()),
        (count, places.to_vec()),
        "{name}: {said:?}"
    );
    for text in &said {
        assert!(text.contains(says) && text.ends_with("; record skipped"), "{name}: {text}");
        assert!(!text.chars().any(char::is_control) && text.len() < 600, "{name}: {text:?}");
    }
}

fn all(cases: Vec<(&str, Vec<u8>, Comes)>) {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes, expected) in cases {
        check(name, &bytes, &expected, &dir.path().join("file"));
    }
}

/// A file of three rows with something in the middle.
fn between(middle: impl AsRef<[u8]>) -> Vec<u8> {
    [&lines(&[row(0)]), middle.as_ref(), b"\n", &lines(&[row(1)])].concat()
}

#[test]
fn bytes_and_line_ends() {
    let rows = lines(&[row(0), row(1)]);
    let text = String::from_utf8(rows.clone()).unwrap();
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let bad = |bytes: &[u8]| {
        let whole = row_with(9, "q9", "@");
        let (before, behind) = whole.split_once('@').unwrap();
        between([before.as_bytes(), bytes, behind.as_bytes()].concat())
    };
    let mut cases = vec![
        ("1 mark at the start", [b"\xef\xbb\xbf", rows.as_slice()].concat(), Loads(2)),
        ("2 mark in the middle", between(format!("\u{feff}{}", row(5))), Loads(3)),
        ("3 CRLF", text.replace('\n', "\r\n").into_bytes(), Loads(2)),
        ("3 lone CR", text.replace('\n', "\r").into_bytes(), Refused("text after the end of the record")),
        ("4 blank lines", between("\n\n\noops"), Skips(2, &[5], "expected a JSON value, found `oops`")),
        (
            "7 UTF-16 with mark",
            [b"\xff\xfe", wide(&text).as_slice()].concat(),
            Refused("is UTF-16LE text; expected UTF-8 (convert it with `iconv"),
        ),
        ("7 UTF-16 without mark", wide(&text), Refused("is UTF-16LE text")),
        (
            "8 NUL behind the last",
            [rows.as_slice(), &[0; 512]].concat(),
            Skips(2, &[3], "512 NUL bytes (file was not closed cleanly?)"),
        ),
        ("8 hole", between([0; 512]), Skips(2, &[2], "512 NUL bytes")),
        ("10 separators of Unicode", lines(&[row_with(1, "q1", "a\u{2028}b\u{2029}c\u{85}d")]), Loads(1)),
        ("11 both spellings", lines(&[row_with(1, "q1", "é"), row_with(2, "q2", "e\u{301}")]), Loads(2)),
        ("14 no line end", text.trim_end().as_bytes().to_vec(), Loads(2)),
        ("24 empty", Vec::new(), Refused("no records: the file is empty")),
        ("24 line ends", b"\n\n\n".to_vec(), Refused("only blank lines")),
        ("24 mark alone", b"\xef\xbb\xbf".to_vec(), Refused("only a byte order mark")),
    ];
    for bytes in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80\xed\xb0\x80", b"caf\xe9 x", b"\xe2\x82"] {
        cases.push(("5 no UTF-8", bad(bytes), Skips(2, &[2], "not UTF-8: found the byte 0x")));
    }
    for half in ["\\ud83d", "\\ude00", "\\ude00\\ud83d"] {
        cases.push(("6 half of a pair", between(row_with(9, "q9", half)), Loads(3)));
    }
    all(cases);
}

#[test]
fn broken_json() {
    let whole = row(9);
    let array = serde_json::to_string_pretty(&json!([{"a": 1}])).unwrap();
    let rows: Vec<serde_json::Value> = (0..4).map(|number| serde_json::from_str(&row(number)).unwrap()).collect();
    let pretty = serde_json::to_string_pretty(&rows).unwrap();
    let every_second: Vec<String> = (0..100).flat_map(|number| [row(number), format!("oops {number}")]).collect();
    let dir = tempfile::tempdir().unwrap();
    check(
        "26 every second line",
        &lines(&every_second),
        &Skips(100, (2..=200).step_by(2).collect::<Vec<_>>().leak(), "found `oops"),
        &dir.path().join("file"),
    );
    all(vec![
        ("9 raw escape", between(row_with(9, "q9", "a\u{1b}[31m")), Skips(2, &[2], "problem: a raw control character U+001B")),
        ("9 raw tab", between(row_with(9, "q9", "a\tb")), Skips(2, &[2], "problem: a raw control character U+0009")),
        ("12 cut in the middle", between(&whole[..40]), Skips(2, &[2], "problem: the record ends inside a string")),
        (
            "13 last line cut",
            [lines(&[row(0), row(1)]), whole.as_bytes()[..40].to_vec()].concat(),
            Skips(2, &[3], "incomplete last record"),
        ),
        (
            "15 comma too many",
            between(whole.replace("-1}", "-1,}")),
            Skips(2, &[2], "expected a key in double quotes, found `}`"),
        ),
        ("15 single quotes", between(whole.replace('"', "'")), Skips(2, &[2], "expected a key in double quotes")),
        (
            "15 True",
            between(whole.replace("true", "True")),
            Skips(2, &[2], "final_answer_correct: expected a JSON value, found `True"),
        ),
        ("15 comment", between(format!("{whole} // x")), Skips(2, &[2], "text after the end of the record: `// x`")),
        ("15 escape", between(row_with(9, "q9", "\\q")), Skips(2, &[2], "problem: `\\q` is no JSON escape")),
        ("16 LaTeX", between(row_with(9, "q9", "\\sqrt{2}")), Skips(2, &[2], "unescaped LaTeX?")),
        ("17 two on a line", between(format!("{whole}{whole}")), Skips(2, &[2], "text after the end of the record")),
        ("17 text behind", between(format!("{whole} x")), Skips(2, &[2], "text after the end of the record: `x`")),
        ("18 bare string", between("\"x\""), Skips(2, &[2], "a record must be an object, found the string")),
        ("18 null", between("null"), Skips(2, &[2], "a record must be an object, found null")),
        ("18 list", between("[1,2]"), Skips(2, &[2], "a record must be an object, found a list of 2")),
        ("19 conflict", between("<<<<<<< ours"), Skips(2, &[2], "a git conflict marker")),
        ("19 page", between("<html><body>502</body></html>"), Skips(2, &[2], "an HTML page instead of JSON")),
        (
            "19 nothing but a page",
            b"<!DOCTYPE html>\n<html>\n".to_vec(),
            Refused("an HTML page instead of JSON (a failed download?)"),
        ),
        (
            "20 pointer",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n".to_vec(),
            Refused("is a Git LFS pointer, not the data (3 bytes); fetch the data with `git lfs pull`"),
        ),
        (
            "21 a key twice",
            between(whole.replace("-1}", "-1,\"l\\u0061bel\":0}")),
            Skips(2, &[2], "the key \"label\" stands twice"),
        ),
        ("22 pretty list", pretty.clone().into_bytes(), Loads(4)),
        ("22 list on a line", between(format!("[{whole}]")), Skips(2, &[2], "a record must be an object, found a list of 1")),
        ("22 other list", array.into_bytes(), Refused("no known format")),
        ("23 list cut at 70 %", pretty.as_bytes()[..pretty.len() * 7 / 10].to_vec(), Skips(2, &[24], "incomplete last record")),
        ("25 nothing good", "bad line\n".repeat(500).into_bytes(), Refused("no record can be read; line 1")),
    ]);
}

#[test]
fn fields_and_labels() {
    let trl = |labels: &str| format!(r#"{{"prompt":"q","completions":["a","b"],"labels":{labels}}}"#);
    let label = |text: &str| between(row_with(9, "\"label\":-1", &format!("\"label\":{text}")));
    let mut cases = vec![
        ("29 whole float", label("1.0"), Loads(3)),
        ("30 one bad item", between(row_with(9, "\"b\"", "null")), Skips(2, &[2], "steps[1]: expected a string, found null")),
        (
            "30 no steps",
            between(row_with(9, "\"steps\":[\"a\",\"b\"],", "")),
            Skips(2, &[2], "steps: expected a list of strings, found no such field"),
        ),
        ("31 empty, no error", between(row_with(9, "\"a\",\"b\"", "")), Loads(3)),
        ("32 white steps", between(row_with(9, "\"a\",\"b\"", "\"  \",\"\\n\"")), Loads(3)),
        ("33 no id", between(row_with(9, "\"id\":\"r9\",", "")), Skips(2, &[2], "id: expected a string, found no such field")),
        ("33 number as id", between(row_with(9, "\"r9\"", "7")), Skips(2, &[2], "id: expected a string, found 7")),
        (
            "33 text as truth",
            between(row_with(9, "true", "\"false\"")),
            Skips(2, &[2], "expected true or false, found the string"),
        ),
        ("34 one id", lines(&[row_with(1, "q1", "A"), row_with(1, "q1", "B")]), Loads(2)),
        ("35 the same twice", lines(&[row(1), row(1), row(1)]), Loads(3)),
        ("36 odd keys", between(row_with(9, "-1}", "-1,\"\":1,\"__proto__\":{}}")), Loads(3)),
        (
            "37 long numbers",
            between(row_with(9, "-1}", "-1,\"n\":18446744073709551617,\"f\":0.1234567890123456789012345678901234}")),
            Loads(3),
        ),
        (
            "38 too few",
            lines(&[trl("[true,false]"), trl("[true]"), trl("[true,false]")]),
            Skips(2, &[2], "labels: expected 2 labels for 2 completions, found 1"),
        ),
        (
            "38 floats",
            lines(&[trl("[true,false]"), trl("[0.9,0.1]"), trl("[true,false]")]),
            Skips(2, &[2], "labels[0]: expected true or false, found 0.9"),
        ),
        (
            "38 null",
            lines(&[trl("[true,false]"), trl("[true,null]"), trl("[true,false]")]),
            Skips(2, &[2], "labels[1]: expected true or false, found null"),
        ),
        (
            "40 mixed",
            lines(&[trl("[true,false]"), trl("[true,false]"), row(1), row(2)]),
            Refused("mixed formats: processbench fits 2, trl fits 2"),
        ),
    ];
    for text in ["NaN", "Infinity", "1e999", "1.5", "\"1\"", "true", "null", "[0]", "01", "+1", "0x1"] {
        cases.push(("27 no step", label(text), Skips(2, &[2], "label: ")));
    }
    for text in ["2", "-2", "9223372036854775808", "18446744073709551616", "1e100"] {
        cases.push(("28 beyond the steps", label(text), Skips(2, &[2], "label: expected an integer from -1 to 1")));
    }
    all(cases);
}

#[test]
fn sizes_and_depths() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    let mut keys = row(9);
    keys.pop();
    for number in 0..20_000 {
        write!(keys, ",\"k{number}\":{number}").unwrap();
    }
    let long = |length: usize| row_with(9, "q9", &"x".repeat(length));
    let over = long(65 << 20);
    all(vec![
        ("36 many keys", between(keys + "}"), Loads(3)),
        ("59 deep lists", between(deep("[", "]")), Skips(2, &[2], "nested deeper than 128 levels")),
        ("59 deep objects, open", between(deep("{\"a\":", "")), Skips(2, &[2], "nested deeper than 128 levels")),
        (
            "60 deep in a field",
            between(row_with(9, "-1}", &format!("-1,\"x\":{}}}", deep("[", "]")))),
            Skips(2, &[2], "nested deeper than 128 levels"),
        ),
        ("61 8 MB", between(long(8 << 20)), Loads(3)),
        ("61 over the limit", between(&over), Skips(2, &[2], "limit 64 MiB")),
        ("61 over the limit, first", [over.as_bytes(), b"\n", &lines(&[row(1)])].concat(), Skips(1, &[1], "limit 64 MiB")),
        ("62 no line end at all", vec![b'x'; 66 << 20], Refused("no record ends within the first")),
        ("63 50,000 steps", between(row_with(9, "\"a\",\"b\"", &vec!["\"s\""; 50_000].join(","))), Loads(3)),
        (
            "64 long number",
            between(row_with(9, "-1}", &format!("{}}}", "7".repeat(200_000)))),
            Skips(2, &[2], "label: expected an integer from -1 to 1"),
        ),
        ("64 line ends in a text", between(row_with(9, "q9", &"\\n".repeat(100_000))), Loads(3)),
        ("64 long word", between(long(200_000)), Loads(3)),
    ]);
}
