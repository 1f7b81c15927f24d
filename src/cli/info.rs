//! `stepscope info`: what is in a file of traces, as JSON or as text.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::notes::{self, Notes};
use super::out;
use super::reading::Reading;
use crate::corpus::{Corpus, OpenError, Source, Way, escaped, sources};
use crate::formats::RecordError;
use crate::trace::{FirstError, Trace};

/// Most errors listed for one file; all are counted.
const ERRORS: usize = 10_000;

/// Reads every file to its end and counts what is in it:
/// `{"files":[{"path","format","evidence","records","lines","bad_records","problems","traces","steps","solution_steps","labelled","errors":[{"record","line","place","field","message"}],"notes":[{"path","note","count","record","line"}]}]}`.
///
/// `records` counts records (trees, where a tree takes several lines), `lines` what they are made of (as many, where none takes several),
/// `bad_records` those of these lines that cannot be read, `problems` the different problems, `traces` solutions, `steps` the distinct steps of each record, `solution_steps` those of all solutions, `labelled`
/// the solutions with a recorded verdict, also "cannot be labelled".
/// `notes` are what was repaired, dropped or guessed, one entry a kind, with the first record (from 0) and its line (from 1).
/// A file that cannot be opened has the format `null` and one error without record. `evidence` says why the format was taken.
pub fn info(paths: &[PathBuf], way: impl Into<Way>) -> Value {
    let way = way.into();
    let files: Vec<Value> = sources(paths, &mut |note| out::note(note)).into_iter().map(|source| file(source, way)).collect();
    json!({ "files": files })
}

/// Exit code for a report: 1 when some file could not be opened or no record of it could be read, else 0.
pub fn exit_code(report: &Value) -> u8 {
    let useless = |file: &Value| {
        file["format"].is_null() || (file["traces"] == 0 && file["bad_records"].as_u64().is_some_and(|bad| bad > 0))
    };
    u8::from(files(report).any(useless))
}

/// The report for people: a line a file and a line an error. Holds no control characters but line ends.
pub fn text(report: &Value) -> String {
    let mut out = String::new();
    for file in files(report) {
        let path = escaped(file["path"].as_str().unwrap_or_default());
        // Writing to a string cannot fail.
        let _ = match file["format"].as_str() {
            None => writeln!(out, "{path}: cannot be opened"),
            Some(format) => writeln!(
                out,
                "{path}: {format}, {}, {}, {}{}, {} labelled",
                counted(&file["records"], "record"),
                counted(&file["traces"], "solution"),
                counted(&file["steps"], "step"),
                // Where solutions share their beginnings, other commands count more.
                if file["steps"] == file["solution_steps"] {
                    String::new()
                } else {
                    format!(" ({} in all solutions)", file["solution_steps"])
                },
                file["labelled"]
            ),
        };
        if let Some(evidence) = file["evidence"].as_str() {
            let _ = writeln!(out, "  format: {}", escaped(evidence));
        }
        for error in file["errors"].as_array().into_iter().flatten() {
            let place = error["place"].as_str().map(|place| format!("{place}: ")).unwrap_or_default();
            let field = error["field"].as_str().map(|field| format!("{}: ", escaped(field))).unwrap_or_default();
            let _ = writeln!(out, "  {place}{field}{}", escaped(error["message"].as_str().unwrap_or_default()));
        }
        if let Some(bad) = file["bad_records"].as_u64().filter(|&bad| bad > 0) {
            // Of a tree of many lines each may be bad, and the others stay.
            let trees = file["lines"].as_u64() > file["records"].as_u64();
            let bad = if trees { format!("{} of", counted(&file["bad_records"], "line")) } else { format!("{bad} of") };
            let _ = writeln!(out, "  {bad} {} cannot be read", counted(&file["records"], "record"));
        }
        for note in file["notes"].as_array().into_iter().flatten() {
            let number = |key: &str| note[key].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
            let _ = writeln!(
                out,
                "  {}",
                notes::line(note["note"].as_str().unwrap_or_default(), number("count"), "", number("line"))
            );
        }
    }
    out
}

fn files(report: &Value) -> impl Iterator<Item = &Value> {
    report["files"].as_array().into_iter().flatten()
}

fn counted(number: &Value, noun: &str) -> String {
    let plural = if number.as_u64() == Some(1) { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// What is counted over a file.
#[derive(Debug, Default)]
struct Counts {
    traces: usize,
    steps: usize,
    solution_steps: usize,
    labelled: usize,
    bad: usize,
    errors: Vec<RecordError>,
    notes: Notes,
}

impl Counts {
    fn trace(&mut self, trace: &Trace) {
        self.traces += trace.solutions.len();
        self.steps += trace.steps().count();
        self.solution_steps += trace.solutions.iter().map(|solution| trace.node(solution.leaf).depth).sum::<usize>();
        self.labelled += trace.solutions.iter().filter(|solution| solution.first_error != FirstError::Unknown).count();
    }

    fn errors(&mut self, errors: Vec<RecordError>) {
        self.bad += errors.iter().map(|error| error.record).collect::<BTreeSet<_>>().len();
        let room = ERRORS.saturating_sub(self.errors.len());
        self.errors.extend(errors.into_iter().take(room));
    }
}

fn file(source: Result<Source, OpenError>, way: Way) -> Value {
    let corpus = match source.and_then(|source| Corpus::open(source, way)) {
        Ok(corpus) => corpus,
        Err(error) => return refused(&error.path.to_string_lossy(), &error.reason.to_string()),
    };
    corpus.wait();
    let mut counts = Counts::default();
    for index in 0..corpus.unit_count() {
        let unit = corpus.unit(index);
        if let Some(trace) = &unit.trace {
            counts.trace(trace);
            counts.notes.read(&corpus, index, trace);
        }
        counts.errors(unit.errors);
    }
    let errors: Vec<Value> = counts
        .errors
        .iter()
        .map(|error| json!({"record": error.record, "line": error.line, "place": error.at(), "field": error.field, "message": error.message}))
        .collect();
    json!({
        "path": corpus.name(),
        "format": corpus.format().name(),
        "evidence": corpus.evidence(),
        "records": corpus.unit_count(),
        "lines": corpus.record_count(),
        "bad_records": counts.bad,
        "problems": corpus.problem_count(),
        "traces": counts.traces,
        "steps": counts.steps,
        "solution_steps": counts.solution_steps,
        "labelled": counts.labelled,
        "errors": errors,
        "notes": counts.notes.json(),
    })
}

fn refused(path: &str, message: &str) -> Value {
    json!({
        "path": path,
        "format": null,
        "evidence": null,
        "records": 0,
        "lines": 0,
        "bad_records": 0,
        "problems": 0,
        "traces": 0,
        "steps": 0,
        "solution_steps": 0,
        "labelled": 0,
        "errors": [{"record": null, "line": null, "place": null, "field": null, "message": message}],
        "notes": [],
    })
}

/// Options of `info`.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "--json prints {\"files\":[{\"path\",\"format\",\"evidence\",\"records\",\"lines\",\"bad_records\",\"problems\",\"traces\",\"steps\",\"solution_steps\",\"labelled\",\
\"errors\":[{\"record\",\"line\",\"place\",\"field\",\"message\"}],\"notes\":[{\"path\",\"note\",\"count\",\"record\",\"line\"}]}]}: records counts records (trees, where a tree takes several lines), lines what they are made of, \
bad_records those of these lines that cannot be read, problems the different problems, traces solutions, steps the distinct steps of each record, solution_steps those of all solutions, labelled solutions with a \
recorded verdict, also 'cannot be labelled', notes what was repaired, dropped or guessed, one entry a kind, with the first record (from 0) and its line. A file that cannot be opened has format null and one error; the exit code is then 1."
)]
pub struct InfoArgs {
    /// Files of traces, folders of them, or - for standard input
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// How the files are read
    #[command(flatten)]
    pub reading: Reading,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Exit with 3 when records cannot be read
    #[arg(long)]
    pub strict: bool,
}

/// Prints what is in the files.
pub fn run(args: &InfoArgs) -> anyhow::Result<ExitCode> {
    let report = info(&args.paths, args.reading.format()?);
    if args.json {
        out::print_json(&report)?;
    } else {
        out::print(&text(&report))?;
    }
    let skipped = files(&report).any(|file| file["bad_records"].as_u64().is_some_and(|bad| bad > 0));
    Ok(match exit_code(&report) {
        0 if args.strict && skipped => ExitCode::from(3),
        code => ExitCode::from(code),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats;

    fn row(id: usize, label: i64) -> String {
        json!({
            "id": format!("r{id}"), "generator": "g", "problem": "1 + 1?", "steps": ["1 + 1 = 2", format!("so {id}")],
            "final_answer_correct": true, "label": label,
        })
        .to_string()
    }

    #[test]
    fn a_report_has_exactly_the_documented_fields() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        std::fs::write(&path, [row(1, -1), row(2, 9), row(3, 1)].join("\n")).unwrap();
        let missing = dir.path().join("missing\n.jsonl");
        let report = info(&[path.clone(), missing.clone()], None);
        let message = report["files"][0]["errors"][0]["message"].clone();
        let evidence = "`problem`, `steps`, `label` and `final_answer_correct`: sure, 3 of 3 sampled records";
        let expected = json!({"files": [
            {
                "path": path, "format": "processbench", "evidence": evidence, "records": 3, "lines": 3, "bad_records": 1, "problems": 1, "traces": 2, "steps": 4, "solution_steps": 4, "labelled": 2,
                "errors": [{"record": 1, "line": 2, "place": "line 2", "field": "label", "message": message}], "notes": [],
            },
            {
                "path": missing, "format": null, "evidence": null, "records": 0, "lines": 0, "bad_records": 0, "problems": 0, "traces": 0, "steps": 0, "solution_steps": 0, "labelled": 0,
                "errors": [{"record": null, "line": null, "place": null, "field": null, "message": "no such file"}], "notes": [],
            },
        ]});
        assert_eq!(report, expected);
        assert_eq!(exit_code(&report), 1);
        let text = text(&report);
        assert!(
            text.contains("a.jsonl: processbench, 3 records, 2 solutions, 4 steps, 2 labelled\n  format: `problem`"),
            "{text}"
        );
        assert!(text.contains("missing\\n.jsonl: cannot be opened\n  no such file\n"), "{text}");
    }

    #[test]
    fn a_tree_of_several_lines_is_one_record() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trees.jsonl");
        let lines = [
            r#"{"tree":"t1","id":0,"parent":null,"text":"","problem":"3*4+2?","gold":"14"}"#,
            r#"{"tree":"t2","id":0,"parent":null,"text":"","problem":"1+1?"}"#,
            r#"{"tree":"t1","id":1,"parent":0,"text":"3*4=12."}"#,
            r#"{"tree":"t2","id":1,"parent":0,"text":"2.","terminal":true,"first_error":"none"}"#,
            "oops",
            r#"{"tree":"t1","id":2,"parent":1,"text":"12+2=14.","terminal":true,"correct":true}"#,
            r#"{"tree":"t1","id":3,"parent":1,"text":"12+2=15.","terminal":true,"correct":false,"first_error":1}"#,
        ];
        std::fs::write(&path, lines.join("\n")).unwrap();
        let report = info(&[path], None);
        let file = &report["files"][0];
        let counts = ["records", "bad_records", "traces", "steps", "labelled"].map(|name| file[name].as_u64().unwrap());
        assert_eq!((file["format"].as_str(), counts), (Some("stepscope"), [3, 1, 3, 4, 2]), "{report:#}");
        assert_eq!((&file["errors"][0]["line"], &file["lines"]), (&json!(5), &json!(7)));
        assert!(text(&report).ends_with("  1 line of 3 records cannot be read\n"), "{}", text(&report));
    }

    #[test]
    fn notes_of_readers_are_counted_by_kind_with_the_first_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ms.jsonl");
        let line = |problem: &str| {
            let [input, label] =
                ["\u{43a}\u{438}", "+"].map(|tag| format!("{} Step 1: A. {tag}\nStep 2: B. {tag}", problem.replace("TAG", tag)));
            json!({"input": input, "label": label, "task": "GSM8K"}).to_string()
        };
        std::fs::write(&path, [line("P?"), line("stray TAG in it?"), line("two TAG of TAG them?")].join("\n")).unwrap();
        let report = info(std::slice::from_ref(&path), None);
        let note = "1 step tags inside the problem, their signs were dropped";
        let expected = json!([{"path": path, "note": note, "count": 2, "record": 1, "line": 2}]);
        assert_eq!(report["files"][0]["notes"], expected, "{report:#}");
        assert!(text(&report).contains(&format!("\n  2 notes like (line 2): {note}\n")), "{}", text(&report));
    }

    #[test]
    fn solutions_that_cannot_be_labelled_count_as_labelled_and_the_help_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tree.jsonl");
        let lines = [
            r#"{"tree":"t","id":0,"parent":null,"problem":"1+1?"}"#,
            r#"{"tree":"t","id":1,"parent":0,"text":"2.","terminal":true,"first_error":"unlabelable","end_state":"give_up"}"#,
            r#"{"tree":"t","id":2,"parent":0,"text":"3.","terminal":true}"#,
        ];
        std::fs::write(&path, lines.join("\n")).unwrap();
        assert_eq!(info(&[path], None)["files"][0]["labelled"], 1);
        let help = <InfoArgs as clap::Args>::augment_args(clap::Command::new("info")).render_long_help().to_string();
        let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("also 'cannot be labelled'"), "{help}");
    }

    #[test]
    fn the_format_is_shown_with_what_it_is_known_by() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        std::fs::write(&path, row(1, -1)).unwrap();
        let report = info(&[path], None);
        assert_eq!(
            report["files"][0]["evidence"],
            "`problem`, `steps`, `label` and `final_answer_correct`: sure, 1 of 1 sampled records"
        );
        assert!(text(&report).contains("\n  format: `problem`, `steps`"), "{}", text(&report));
        assert_eq!(info(&[], formats::by_name("trl")), json!({"files": []}));
    }
}
