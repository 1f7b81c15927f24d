//! What can stand around records: compression, archives, tables, folders.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stepscope::corpus::{Corpus, Framing, Source, sources};
use stepscope::formats::{Format, by_name, parse_json};
#[cfg(feature = "parquet")]
use stepscope::trace::FirstError;
use zip::CompressionMethod::{Deflated, Stored, Zstd};

/// The format for records whose own format is not the point.
pub(crate) fn any() -> Option<&'static dyn Format> {
    by_name("trl")
}

fn open(path: &Path) -> Corpus {
    let corpus = Corpus::open(Source::Path(path.to_owned()), any()).unwrap();
    corpus.wait();
    corpus
}

fn refusal(path: &Path) -> String {
    let message = match Corpus::open(Source::Path(path.to_owned()), any()) {
        Err(error) => error.reason.to_string(),
        Ok(corpus) => panic!("{} opens with {} records", path.display(), corpus.record_count()),
    };
    assert!(!message.chars().any(char::is_control) && message.len() < 400, "{message:?}");
    message
}

/// Every record as JSON, or its error.
pub(crate) fn records(corpus: &Corpus) -> Vec<Value> {
    (0..corpus.record_count())
        .map(|record| match corpus.raw(record) {
            Ok(bytes) => parse_json(&bytes).unwrap_or_else(|failure| failure.to_string().into()),
            Err(error) => error.message.into(),
        })
        .collect()
}

pub(crate) fn row(number: usize) -> String {
    json!({"prompt": format!("p{number}"), "completions": ["a"], "labels": [true]}).to_string()
}

pub(crate) fn rows(count: usize) -> String {
    (0..count).map(|number| row(number) + "\n").collect()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/containers").join(name)
}

pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).unwrap()
}

pub(crate) fn written(dir: &tempfile::TempDir, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join("file");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn compressed_files_hold_what_was_compressed() {
    let dir = tempfile::tempdir().unwrap();
    let text = rows(5000);
    let plain = records(&open(&written(&dir, &text)));
    let halves = text.split_at(text.len() / 2);
    let members = [gzip(halves.0.as_bytes()), gzip(halves.1.as_bytes())].concat();
    let twice = zstd(&gzip(text.as_bytes()));
    for packed in [gzip(text.as_bytes()), zstd(text.as_bytes()), bzip2(text.as_bytes()), members, twice] {
        let corpus = open(&written(&dir, packed));
        assert_eq!((corpus.framing(), corpus.record_count()), (Framing::Lines, 5000));
        assert_eq!(records(&corpus), plain);
        let (done, total) = corpus.progress();
        assert_eq!((done, total), (text.len() as u64, text.len() as u64));
    }
}

#[test]
fn a_cut_archive_keeps_the_records_before_the_cut() {
    let dir = tempfile::tempdir().unwrap();
    let text: String = (0..20_000).map(|number| row(number * 7919) + "\n").collect();
    for packed in [gzip(text.as_bytes()), zstd(text.as_bytes())] {
        let corpus = open(&written(&dir, &packed[..packed.len() / 2]));
        let records = records(&corpus);
        assert!(records.len() > 1000 && records.len() < 20_000, "{}", records.len());
        assert_eq!(records[0]["prompt"], "p0");
        let last = records.last().unwrap().as_str().unwrap();
        assert!(last.contains("the file is cut") || last.contains("cannot be unpacked"), "{last}");
    }
}

#[test]
fn a_decompression_bomb_ends_at_the_ratio() {
    let dir = tempfile::tempdir().unwrap();
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(rows(1).as_bytes()).unwrap();
    for _ in 0..64 {
        out.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let corpus = open(&written(&dir, out.finish().unwrap()));
    let records = records(&corpus);
    assert_eq!((records.len(), records[0]["prompt"].as_str()), (2, Some("p0")));
    assert!(records[1].as_str().unwrap().contains("a decompression bomb? (limit 200 to 1)"), "{records:?}");
}

type Member<'a> = (&'a str, &'a str, zip::CompressionMethod);

fn archive(members: &[Member<'_>]) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text, method) in members {
        out.start_file(*name, zip::write::SimpleFileOptions::default().compression_method(*method)).unwrap();
        out.write_all(text.as_bytes()).unwrap();
    }
    out.finish().unwrap().into_inner()
}

#[test]
fn samples_of_an_inspect_log_are_records_in_both_layouts() {
    let dir = tempfile::tempdir().unwrap();
    let sample = |id: &str| json!({"id": id, "epoch": 1, "messages": [{"role": "user", "content": "a\nb"}]});
    let pretty = serde_json::to_string_pretty(&sample("one")).unwrap();
    let whole = sample("two").to_string();
    let members: &[Member<'_>] = &[
        ("_journal/start.json", "{}", Deflated),
        ("samples/one_epoch_1.json", &pretty, Deflated),
        ("samples/three_epoch_2/messages/1.json", r#"[{"role":"assistant","content":"attachment://1"}]"#, Zstd),
        ("samples/three_epoch_2/sample.json", r#"{"id":"three","epoch":2,"messages":null}"#, Zstd),
        ("samples/three_epoch_2/messages/0.json", r#"[{"role":"user","content":"q"}]"#, Deflated),
        ("samples/three_epoch_2/attachments/0.json", r#"["x","y"]"#, Stored),
        ("samples/three_epoch_2/events/0.json", "[1]", Stored),
        ("samples/../../two_epoch_1.json", "{}", Stored),
        ("samples/two_epoch_1.json", &whole, Zstd),
        ("header.json", "{}", Deflated),
    ];
    let corpus = open(&written(&dir, archive(members)));
    let chunked = json!({"id": "three", "epoch": 2, "messages": [{"role": "user", "content": "q"},
        {"role": "assistant", "content": "attachment://1"}], "attachments": {"0": "x", "1": "y"}});
    assert_eq!(records(&corpus), [sample("one"), chunked, sample("two")]);
    assert_eq!((corpus.framing(), corpus.line(2)), (Framing::Lines, 3));
}

#[test]
fn ids_of_samples_may_hold_slashes() {
    let dir = tempfile::tempdir().unwrap();
    let sample = |id: &str| json!({"id": id}).to_string();
    let (plain, chunked) = (sample("HumanEval/0"), sample("HumanEval/1"));
    let members: &[Member<'_>] = &[
        ("header.json", "{}", Stored),
        ("samples/HumanEval/0_epoch_1.json", &plain, Stored),
        ("samples/HumanEval/1_epoch_1/sample.json", &chunked, Stored),
        ("samples/HumanEval/1_epoch_1/messages/0.json", "[]", Stored),
        ("samples/HumanEval/1_epoch_1/calls/0_epoch_1.json", "[]", Stored),
        ("samples/2_epoch_1/events/0.json", "[]", Stored),
    ];
    let corpus = open(&written(&dir, archive(members)));
    let ids: Vec<_> = records(&corpus).into_iter().map(|record| record["id"].clone()).collect();
    assert_eq!(ids, ["HumanEval/0", "HumanEval/1"]);
}

#[test]
fn errors_name_the_member_or_the_record_where_the_line_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let log: &[Member<'_>] = &[("header.json", "{}", Stored), ("samples/a/1_epoch_1.json", "{\"id\":1}", Stored)];
    let error = |bytes: Vec<u8>, record: usize| {
        let corpus = open(&written(&dir, bytes));
        corpus.unit(record).errors[0].to_string()
    };
    assert!(error(archive(log), 0).starts_with("member samples/a/1_epoch_1.json: prompt: "), "{}", error(archive(log), 0));
    let array = br#"[{"prompt":"q","completions":["a"],"labels":[true]}, {"prompt":1}]"#;
    assert!(error(array.to_vec(), 1).starts_with("line 1, record 2: prompt: "), "{}", error(array.to_vec(), 1));
}

#[test]
fn members_that_lie_or_are_damaged_are_left_out_alone() {
    let dir = tempfile::tempdir().unwrap();
    let good = json!({"id": 1}).to_string();
    let long = format!("{{\"id\": \"{}\"}}", "x".repeat(3 << 20));
    let members: &[Member<'_>] = &[
        ("header.json", "{}", Stored),
        ("samples/1_epoch_1.json", &good, Stored),
        ("samples/2_epoch_1.json", &long, Deflated),
        ("samples/3_epoch_1.json", &good, Stored),
    ];
    let mut bytes = archive(members);
    // One bit of the first sample: its checksum no longer fits.
    let at = memchr::memmem::find(&bytes, b"{\"id\":1}").unwrap();
    bytes[at + 6] ^= 1;
    let records = records(&open(&written(&dir, &bytes)));
    assert!(records[0].as_str().unwrap().starts_with("member samples/1_epoch_1.json: "), "{records:?}");
    assert!(records[1].as_str().unwrap().contains("200 to 1"), "{}", records[1]);
    assert_eq!(records[2], json!({"id": 1}));
}

#[test]
fn members_that_are_links_or_encrypted_are_left_out_alone() {
    let dir = tempfile::tempdir().unwrap();
    let options = zip::write::SimpleFileOptions::default().compression_method(Stored);
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in [("header.json", "{}"), ("samples/1_epoch_1.json", "{\"id\":1}")] {
        out.start_file(name, options).unwrap();
        out.write_all(text.as_bytes()).unwrap();
    }
    // A link whose end would be a sample.
    fs::write(dir.path().join("other.json"), "{\"id\":\"of the disk\"}").unwrap();
    out.add_symlink("samples/2_epoch_1.json", dir.path().join("other.json").to_str().unwrap(), options).unwrap();
    out.start_file("samples/3_epoch_1.json", options).unwrap();
    out.write_all(b"{\"id\":3}").unwrap();
    let mut bytes = out.finish().unwrap().into_inner();
    // The flag of encryption, in the member's own head and in the directory.
    for (head, flags) in [(&b"PK\x03\x04"[..], 6), (b"PK\x01\x02", 8)] {
        let last = memchr::memmem::find_iter(&bytes, head).last().unwrap();
        bytes[last + flags] |= 1;
    }
    let records = records(&open(&written(&dir, &bytes)));
    assert_eq!((records.len(), &records[0]), (3, &json!({"id": 1})), "{records:?}");
    let said = |record: usize, of: &str| records[record].as_str().is_some_and(|said| said.contains(of));
    assert!(!records[1].is_object() && !records[1].to_string().contains("of the disk"), "{records:?}");
    assert!(said(2, "member samples/3_epoch_1.json: ") && said(2, "assword"), "{records:?}");
}

#[test]
fn an_archive_of_too_many_members_is_refused_by_their_number() {
    let dir = tempfile::tempdir().unwrap();
    let options = zip::write::SimpleFileOptions::default().compression_method(Stored);
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for member in 0..120_000 {
        out.start_file(format!("samples/{member}_epoch_1.json"), options).unwrap();
    }
    let bytes = out.finish().unwrap().into_inner();
    assert_eq!(refusal(&written(&dir, bytes)), "is a Zip archive of 120000 members (limit 100000)");
}

#[test]
fn archives_that_are_no_logs_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let plain = archive(&[("a.jsonl", "{}", Stored)]);
    assert_eq!(refusal(&written(&dir, &plain)), "is a Zip archive but no Inspect log; unpack it first");
    let log = archive(&[("header.json", "{}", Stored), ("samples/1_epoch_1.json", "{\"id\":1}", Stored)]);
    assert!(refusal(&written(&dir, &log[..log.len() - 30])).starts_with("is a Zip archive that is cut or damaged: "));
    let empty = archive(&[("header.json", "{}", Stored)]);
    assert_eq!(refusal(&written(&dir, &empty)), "no records: the Inspect log has no samples");
    // The second entry of the directory is made to point at the member of the first.
    let names: &[Member<'_>] = &[
        ("header.json", "{}", Stored),
        ("samples/1_epoch_1.json", "{\"id\":1}", Stored),
        ("samples/2_epoch_1.json", "{\"id\":2}", Stored),
    ];
    let mut bytes = archive(names);
    let entries: Vec<usize> = memchr::memmem::find_iter(&bytes, b"PK\x01\x02").collect();
    let first: [u8; 4] = bytes[entries[1] + 42..entries[1] + 46].try_into().unwrap();
    bytes[entries[2] + 42..entries[2] + 46].copy_from_slice(&first);
    assert!(refusal(&written(&dir, &bytes)).contains("share bytes"), "{}", refusal(&written(&dir, &bytes)));
    let mut bytes = archive(names);
    let at: Vec<usize> = memchr::memmem::find_iter(&bytes, b"samples/2").collect();
    for at in at {
        bytes[at + 8] = b'1';
    }
    assert!(refusal(&written(&dir, &bytes)).contains("two members of one name"));
}

#[test]
fn rows_of_tables_are_objects_of_their_cells() {
    let dir = tempfile::tempdir().unwrap();
    for (text, expected) in [
        ("a,b\n1,\"x, \"\"y\"\"\nz\"\n,\n", vec![json!({"a": 1, "b": "x, \"y\"\nz"}), json!({"a": null, "b": ""})]),
        ("\u{feff}a\tb\r\n1\t2\r\n\r\n3\t4", vec![json!({"a": 1, "b": 2}), json!({"a": 3, "b": 4})]),
        (",a,a\n0,é,\\\n", vec![json!({"column 1": 0, "a": "é", "a (2)": "\\"})]),
        ("a,b\n1,2\n1,2,3\n4\n", vec![json!({"a": 1, "b": 2}), json!({"a": 1, "b": 2, "column 3": "3"}), json!({"a": 4})]),
        (
            "no,id,kind,text\n1,x,,\n,,q,Q\n,,s,S\n2,y,,\n,,q,R\n,,s,T\n,,s,U\n",
            vec![
                json!({"no": "1", "id": "x", "kind": "", "text": "", "rows":
                    [{"no": "", "id": "", "kind": "q", "text": "Q"}, {"no": "", "id": "", "kind": "s", "text": "S"}]}),
                json!({"no": "2", "id": "y", "kind": "", "text": "", "rows":
                    [{"no": "", "id": "", "kind": "q", "text": "R"}, {"no": "", "id": "", "kind": "s", "text": "T"},
                     {"no": "", "id": "", "kind": "s", "text": "U"}]}),
            ],
        ),
    ] {
        assert_eq!(records(&open(&written(&dir, text))), expected, "{text:?}");
    }
    let bad = records(&open(&written(&dir, b"a,b\n1,\xff\n2,3\n")));
    assert!(bad[0].as_str().unwrap().contains("not UTF-8: found the byte 0xFF"), "{bad:?}");
    assert_eq!(bad[1], json!({"a": 2, "b": "3"}));
}

#[test]
fn columns_of_a_table_are_lists_numbers_and_truths_where_all_their_cells_are() {
    let dir = tempfile::tempdir().unwrap();
    for (text, expected) in [
        // As pandas writes them, and with a list that goes over lines.
        (
            "right,n\nTrue,-1\nFalse,2.50\n",
            vec![json!({"right": true, "n": -1}), parse_json(br#"{"right":false,"n":2.50}"#).unwrap()],
        ),
        ("t,l,m\nx,\"[1,\n 2]\",\"{\"\"a\"\": []}\"\n", vec![json!({"t": "x", "l": [1, 2], "m": {"a": []}})]),
        // One cell that is none makes the column a text; identifiers are names; numbers of other tools are no JSON.
        (
            "n,id,code\n1,5,007\nx,6,008\n",
            vec![json!({"n": "1", "id": "5", "code": "007"}), json!({"n": "x", "id": "6", "code": "008"})],
        ),
        ("b\tl\nyes\t['a', 'b']\n", vec![json!({"b": "yes", "l": ["a", "b"]})]),
    ] {
        assert_eq!(records(&open(&written(&dir, text))), expected, "{text:?}");
    }
    // Behind what was looked at, a cell of another kind stays as it is.
    let long: String = std::iter::once("n,text\n".to_owned()).chain((0..9000).map(|n| format!("{n},t\n"))).collect();
    let rows = records(&open(&written(&dir, long + "none,t\n,t\n")));
    assert_eq!((&rows[8999]["n"], &rows[9000]["n"], &rows[9001]["n"]), (&json!(8999), &json!("none"), &json!(null)));

    let solutions = "id,generator,problem,steps,final_answer_correct,label\n7,g,\"1+1?\",\"[\"\"2\"\", \"\"so 2\"\"]\",True,-1\n";
    let trl = "prompt,completions,labels\n\"1+1?\",\"[\"\"2\"\"]\",\"[true]\"\n";
    let printed = "prompt,completions,labels\n\"1+1?\",\"['2', \"\"it's\"\"]\",\"[True, False]\"\n";
    let array = "prompt,completions,labels\n\"1+1?\",['2' 'a'],[ True False]\n";
    for (text, format, errors) in
        [(solutions, "processbench", None), (trl, "trl", None), (printed, "trl", None), (array, "trl", Some("json.dumps"))]
    {
        let corpus = Corpus::open(Source::Path(written(&dir, text)), None).unwrap();
        corpus.wait();
        let unit = corpus.unit(0);
        assert_eq!((corpus.format().name(), unit.trace.is_some()), (format, errors.is_none()), "{:?}", unit.errors);
        assert!(errors.is_none_or(|expected| unit.errors[0].message.contains(expected)), "{:?}", unit.errors);
    }
}

#[test]
fn long_tables_are_read_in_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let table: String = std::iter::once("name,text\n".to_owned())
        .chain((0..20_000).map(|number| format!("r{number},\"line one\nline {number} {}\"\n", "x".repeat(number % 90))))
        .collect();
    for bytes in [table.clone().into_bytes(), zstd(table.as_bytes())] {
        let corpus = open(&written(&dir, bytes));
        assert_eq!(corpus.record_count(), 20_000);
        for record in [19_999, 0, 12_345, 7] {
            let value = parse_json(&corpus.raw(record).unwrap()).unwrap();
            assert_eq!(value["name"], format!("r{record}"));
        }
    }
    let unclosed = format!("name,text\nr1,ok\nr2,\"{}", "x\n".repeat(40 << 20));
    let records = records(&open(&written(&dir, unclosed)));
    assert_eq!((records.len(), records[0]["name"].as_str()), (2, Some("r1")));
    assert!(records.last().unwrap().as_str().unwrap().contains("a row of more than 64 MiB"), "{}", records.len());
}

#[cfg(feature = "parquet")]
fn hub_row(number: usize) -> Value {
    let tags = vec![json!({"name": "a", "weight": 0.5}); number % 3];
    json!({
        "prompt": format!("What is {number} + {number}?"),
        "completions": [format!("{number} + {number} = {}.", 2 * number), format!("So the answer is \"{}\".\n", 2 * number)],
        "labels": [true, number.is_multiple_of(2)], "soft": [0.1, null], "meta": {"id": number, "tags": tags},
    })
}

#[cfg(feature = "parquet")]
#[test]
fn tables_of_the_hub_are_rows_whatever_they_are_written_as() {
    let all: Vec<Value> = (0..10).map(hub_row).collect();
    for name in ["hub.parquet", "file.arrow"] {
        let corpus = Corpus::open(Source::Path(fixture(name)), None).unwrap();
        corpus.wait();
        assert_eq!((corpus.format().name(), records(&corpus)), ("trl", all.clone()), "{name}");
    }
    let shards: Vec<_> = sources(&[fixture("saved")], &mut |_| ())
        .into_iter()
        .map(|source| Corpus::open(source.unwrap(), None).unwrap())
        .collect();
    shards.iter().for_each(Corpus::wait);
    assert_eq!(shards.iter().map(records).collect::<Vec<_>>(), [all[..6].to_vec(), all[6..].to_vec()]);
    assert!(shards[0].name().ends_with("saved/train/data-00000-of-00001.arrow"));
}

#[cfg(feature = "parquet")]
#[test]
fn columns_of_every_kind_are_written_as_json() {
    let corpus = open(&fixture("groups.parquet"));
    assert_eq!(corpus.record_count(), 900);
    let [first, second, third] = [0, 1, 2].map(|record| String::from_utf8(corpus.raw(record).unwrap()).unwrap());
    assert_eq!(first, r#"{"prompt":"a","completions":["x"],"labels":[true],"number":1,"single":0.1,"day":1,"raw":"2 bytes"}"#);
    assert_eq!(
        second,
        r#"{"prompt":"b","completions":["y","z"],"labels":[false,true],"number":null,"single":NaN,"day":2,"raw":"0 bytes"}"#
    );
    assert_eq!(third, r#"{"prompt":"a","completions":[],"labels":[],"number":-3,"single":1e+30,"day":null,"raw":null}"#);
    // A row in the middle of a row group, read before its neighbours.
    let number = |record| parse_json(&corpus.raw(record).unwrap()).unwrap()["number"].clone();
    assert_eq!([number(899), number(600), number(301)], [json!(-3), json!(1), Value::Null]);
}

#[cfg(feature = "parquet")]
#[test]
fn turns_of_which_a_table_makes_a_list_for_each_field_are_turns() {
    let corpus = Corpus::open(Source::Path(fixture("turns.parquet")), None).unwrap();
    corpus.wait();
    let turns = json!([{"role": "user", "content": "What is 4*5? 4*5=20."}, {"role": "assistant", "content": "+"}]);
    let choices = json!({"label": ["A", "B"], "text": ["6", "7"]});
    assert_eq!(records(&corpus)[1], json!({"conversations": turns, "choices": choices}));
    assert_eq!(corpus.format().name(), "rlhflow");
    let trace = corpus.unit(0).trace.unwrap();
    assert_eq!(trace.solutions[0].first_error, FirstError::At(1));
}

#[cfg(feature = "parquet")]
#[test]
fn damaged_tables_never_end_the_program() {
    let dir = tempfile::tempdir().unwrap();
    for (name, step) in
        [("hub.parquet", 61), ("groups.parquet", 97), ("file.arrow", 73), ("saved/train/data-00000-of-00001.arrow", 43)]
    {
        let good = fs::read(fixture(name)).unwrap();
        for at in (0..good.len()).step_by(step) {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[at] ^= change;
                let path = written(&dir, &bytes);
                if let Ok(corpus) = Corpus::open(Source::Path(path), any()) {
                    corpus.wait();
                    let _ = records(&corpus);
                }
            }
        }
        for end in [4, 12, good.len() / 3, good.len() - 9, good.len() - 1] {
            let path = written(&dir, &good[..end]);
            if let Ok(corpus) = Corpus::open(Source::Path(path), any()) {
                corpus.wait();
                assert!(records(&corpus).len() <= 900);
            }
        }
    }
    for (bytes, expected) in [
        (&b"PAR1PAR1"[..], "is a Parquet file that is cut or damaged"),
        (b"PAR1\xff\xff\xff\xffPAR1", "a footer of 4294967295 bytes in a file of 12 (limit 67108864)"),
        (b"PAR1\0\0\0\0PARE", "is an encrypted Parquet file"),
        (b"PAR1 and nothing more", "it does not end with PAR1"),
        (b"ARROW1\0\0", "is an Arrow file that is cut or damaged"),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7fxxxx", "limit 67108864"),
    ] {
        let message = refusal(&written(&dir, bytes));
        assert!(message.contains(expected), "{message}");
    }
}

/// A list without bytes of its own may have any length.
#[cfg(feature = "parquet")]
#[test]
fn a_list_of_two_billion_entries_costs_its_batch_and_no_memory() {
    use arrow_array::{ArrayRef, ListArray, NullArray, RecordBatch, StringArray};
    use arrow_buffer::OffsetBuffer;
    use arrow_schema::{DataType, Field};
    use std::sync::Arc;
    let dir = tempfile::tempdir().unwrap();
    let item = Arc::new(Field::new("item", DataType::Null, true));
    let path = dir.path().join("file");
    let write = |entries: i32| {
        let offsets = OffsetBuffer::new(vec![0, 1, entries].into());
        let list = ListArray::new(item.clone(), offsets, Arc::new(NullArray::new(usize::try_from(entries).unwrap())), None);
        let prompts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        let batch = RecordBatch::try_from_iter([("prompt", prompts), ("labels", Arc::new(list) as ArrayRef)]).unwrap();
        let mut out = arrow_ipc::writer::FileWriter::try_new(fs::File::create(&path).unwrap(), &batch.schema()).unwrap();
        out.write(&batch).unwrap();
        out.finish().unwrap();
        records(&open(&path))
    };
    let few = [json!({"prompt": "a", "labels": [null]}), json!({"prompt": "b", "labels": [null, null]})];
    assert_eq!(write(3), few);
    let records = write(i32::MAX);
    assert!(fs::metadata(&path).unwrap().len() < 4096);
    assert_eq!(records.len(), 1, "{records:?}");
    assert!(records[0].as_str().unwrap().contains("lists claim more entries than it has bits"), "{records:?}");
}

#[test]
fn real_logs_and_tables_open_with_all_their_records() {
    let mut checked = 0;
    for (name, count, framing) in [
        ("inspect-logs/theory-of-mind_scout.eval", 100, Framing::Lines),
        ("inspect-logs/popularity_scout.eval", 100, Framing::Lines),
        ("inspect-logs/log_read_sample.eval", 1, Framing::Lines),
        ("inspect-logs/popularity.json", 3, Framing::Member("samples")),
        ("mr-ben/math.json", 675, Framing::Lists),
        ("mr-ben/coding.json", 190, Framing::Lists),
        ("fover-scored/llama_anli_baseline_correct.csv", 11, Framing::Lines),
    ] {
        let Some(path) = super::support::data(name) else { continue };
        let corpus = open(&path);
        assert_eq!((corpus.record_count(), corpus.framing()), (count, framing), "{name}");
        assert!(records(&corpus).iter().all(Value::is_object), "{name}");
        checked += 1;
    }
    assert!(checked == 0 || checked == 7, "{checked}");
}
