//! `stepscope review`: what several annotators do not agree on, and the decisions of the one who adjudicates.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use serde::Serialize;

use super::open::{self, OpenArgs};
use super::out;
use super::scorer::{BadRecords, open_but};
use crate::analysis::dispute::Kind;
use crate::analysis::quality::quality;
use crate::app::quality::{SAMPLES, called, page};
use crate::app::review::{told, verdict};
use crate::corpus::{Corpus, escaped};
use crate::labels::{Panel, Said, Session, Shown, Store, StoreError};
use crate::trace::{FirstError, RecordKey, Solution, SolutionLabels};

/// Adjudicate what several annotators do not agree on
///
/// Opens the label stores among the paths read-only, beside the traces; without traces, those that the labels name. One's own
/// decisions (`--as`) go to one's own store (`--store`). The queue is what they do not agree on, those whose first errors lie
/// farthest apart first; `Ta` takes the verdict of annotator A, `3x` decides otherwise, `S` sends back with a note. Names are
/// hidden until `gN` shows them, which is noted. What annotators said stays as it is.
///
/// With --json, or --list, the disagreements are listed without a terminal, one object a line:
///
///   {"file","problem","solution","id","kind","gap","state","decided","sent_back","said":[{"by","verdict","first_error",
///    "unsure","in_other_steps","remarks":[{"writing","step","text"}]}]}
///
/// `problem`, `solution`, steps and first errors count from 1; `first_error` is 0 for a solution without error and null where
/// there is none to name; what was said in steps that an annotator cut by hand follows to the first step on show that it may
/// be about. A solution that stands in several files is listed and counted once. With --stats instead:
///
///   {"solutions","several","alpha":{"value","interval"},"pairs":[{"a","b","solutions","exact","within_one","error_or_none",
///    "kappa","weighted"}],"annotators":[{"name","solutions","counted","accuracy","finds","spares","confusion","kinds"}]}
///
/// `alpha` is Krippendorff's over step ratings, `kappa` Cohen's over first errors ("no error" a category), `weighted` by the
/// square of their distance. `accuracy`, `finds` (bad steps called bad), `spares` (good ones called good) and `confusion` (true
/// state, answer; good, neutral, bad, after the error, no mark) are those of the model of Dawid and Skene over steps. `kinds`
/// gives solutions and exact first errors by kind of error. All of these are of the `counted` solutions: those that somebody else
/// judged too, or that --as decided, whose word is the truth then. Intervals are 95 %, bootstrap over solutions; null where undefined.
///
/// In a list, `decided` is the verdict of --as in words, null while there is none; `state` is "decided", "waiting" for what was sent
/// back until one of its annotators has changed a label of it, "settled" where they agree by now, and "open"; `kind` is "error or none",
/// "far", "off by one", "reason" (also: the same in other steps), "unsure", or "agreed" for what was sent back and is no disagreement any more; `gap` counts the steps between first errors, "no error" behind the last step.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[expect(clippy::struct_excessive_bools, reason = "each one is a flag of the command line")]
pub struct ReviewArgs {
    /// Everything that opening files takes; label stores stand among the paths
    #[command(flatten)]
    pub open: OpenArgs,
    /// List the disagreements instead of opening the program
    #[arg(long)]
    pub list: bool,
    /// List them as JSON, one object a line
    #[arg(long)]
    pub json: bool,
    /// How far the annotators agree and how good each of them is, instead of the disagreements; with --json as JSON
    #[arg(long)]
    pub stats: bool,
    /// Say who the annotators are
    #[arg(long)]
    pub names: bool,
}

/// One disagreement.
#[derive(Debug, Serialize)]
struct Row {
    file: String,
    problem: usize,
    solution: usize,
    id: Option<String>,
    kind: &'static str,
    gap: usize,
    state: &'static str,
    decided: Option<String>,
    sent_back: Option<String>,
    /// How that stands, in words.
    #[serde(skip)]
    standing: String,
    said: Vec<Voice>,
}

/// What one annotator says.
#[derive(Debug, Serialize)]
struct Voice {
    by: String,
    verdict: String,
    first_error: Option<usize>,
    unsure: bool,
    /// It was said in other steps than those on show.
    in_other_steps: bool,
    remarks: Vec<Written>,
}

/// A text of an annotator.
#[derive(Debug, Serialize)]
struct Written {
    writing: &'static str,
    step: Option<usize>,
    text: String,
}

/// Runs the command.
pub fn run(mut args: ReviewArgs) -> anyhow::Result<ExitCode> {
    if let Some(gone) = args.open.paths.iter().find(|path| path.as_os_str() != "-" && !path.exists()) {
        bail!("{}: no such file", gone.display());
    }
    let (stores, files): (Vec<PathBuf>, Vec<PathBuf>) =
        std::mem::take(&mut args.open.paths).into_iter().partition(|path| is_store(path));
    args.open.with.with.splice(0..0, stores);
    let own = args.open.store.path()?;
    let session = session(&args.open, &own)?;
    let panel = Panel::of(&session);
    if panel.is_empty() {
        let none = if args.open.with.with.is_empty() { "none of the paths is a label store; there are " } else { "" };
        bail!("{none}no labels of anybody but {}: name the label stores of the annotators", session.annotator());
    }
    let asked_for = files.clone();
    args.open.paths = if files.is_empty() { named(&panel)? } else { files };
    if args.stats || args.list || args.json {
        // What labels name and cannot be opened is told of, as with files of a folder; what the user names has to be there.
        let corpora = open_but(&args.open.paths, &asked_for, args.open.reading.format()?)?;
        return if args.stats { stats(&args, &corpora, &session, &panel) } else { list(&args, &corpora, &session, &panel) };
    }
    // Who adjudicates sees all there is, and is not tested.
    (args.open.blind_share, args.open.repeat_share) = (0.0, 0.0);
    open::start(&args.open, true)
}

/// A database and no traces.
fn is_store(path: &Path) -> bool {
    let mut head = [0; 16];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && &head == b"SQLite format 3\0"
}

/// Own labels and those of all stores, for looking.
fn session(args: &OpenArgs, own: &Path) -> anyhow::Result<Session> {
    let name = args.store.name();
    let mut session = match Store::view(own, &name) {
        Err(StoreError::Missing { .. }) => Session::new(&name),
        opened => opened?.1,
    };
    args.with.read_into(&mut session, own)?;
    Ok(session)
}

/// The files that were open when the labels were given.
fn named(panel: &Panel) -> anyhow::Result<Vec<PathBuf>> {
    let names: BTreeSet<&str> = panel.voices().iter().flat_map(Session::files).collect();
    let (there, gone): (Vec<PathBuf>, Vec<PathBuf>) = names.into_iter().map(PathBuf::from).partition(|path| path.exists());
    // Labels may name a file by several paths.
    let mut files = BTreeMap::new();
    for path in there {
        files.entry(path.canonicalize().unwrap_or_else(|_| path.clone())).or_insert(path);
    }
    let there: Vec<PathBuf> = files.into_values().collect();
    for path in &gone {
        out::note(format_args!("note: {} is labelled and not there; name it where it is now", path.display()));
    }
    if there.is_empty() {
        bail!("none of the labelled files is where it was; name them behind the stores");
    }
    Ok(there)
}

/// Solutions that were met already: a file may be given under two paths.
type Met = HashSet<RecordKey>;

/// The solutions of a trace that were not met before, with their places in it.
fn new<'a>(shown: Shown<'a>, met: &mut Met) -> Vec<(usize, &'a Solution)> {
    // In both they stand in the same order.
    let first = |(index, _): &(usize, &Solution)| {
        shown.source.solutions.get(*index).is_none_or(|solution| met.insert(shown.source.record_key(solution.leaf)))
    };
    shown.trace.solutions.iter().enumerate().filter(first).collect()
}

/// Agreement and quality over all that is labelled.
fn stats(args: &ReviewArgs, corpora: &[Corpus], session: &Session, panel: &Panel) -> anyhow::Result<ExitCode> {
    let (mut cases, mut met) = (Vec::new(), Met::new());
    for corpus in corpora {
        for problem in 0..corpus.problem_count() {
            let view = corpus.problem(problem);
            let Some(source) = &view.trace else { continue };
            let cut = session.recut(source);
            let shown = Shown { trace: cut.as_ref().unwrap_or(source), source, reader: session };
            cases.extend(new(shown, &mut met).into_iter().map(|(_, solution)| panel.case(shown, solution)));
        }
    }
    let found = quality(&called(panel, args.names), &cases, SAMPLES);
    if args.json {
        out::print_json(&found)?;
    } else {
        out::print_safe(&page(&found))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list(args: &ReviewArgs, corpora: &[Corpus], session: &Session, panel: &Panel) -> anyhow::Result<ExitCode> {
    let (mut rows, mut met) = (Vec::new(), Met::new());
    for corpus in corpora {
        let mut bad = BadRecords::default();
        for problem in 0..corpus.problem_count() {
            let view = corpus.problem(problem);
            bad.add(corpus.name(), &view.errors);
            let Some(source) = &view.trace else { continue };
            let cut = session.recut(source);
            let shown = Shown { trace: cut.as_ref().unwrap_or(source), source, reader: session };
            rows.extend(disputes((corpus, problem), shown, &mut met, panel, args.names));
        }
    }
    // Stable: equals stay as the files have them.
    rows.sort_by_key(|row: &Row| std::cmp::Reverse(row.gap));
    let mut text = String::new();
    for row in &rows {
        text += &if args.json { out::json_line(row)? } else { row.line() };
    }
    if args.json {
        out::print(&text)?;
    } else {
        out::print_safe(&text)?;
    }
    let count = |state: &str| rows.iter().filter(|row| row.state == state).count();
    let decided = rows.iter().filter(|row| row.state == "decided" && row.kind != "agreed").count();
    let waiting = count("waiting");
    let also = |count: usize, what: &str| if count > 0 { format!(", {count} sent back and {what}") } else { String::new() };
    let (waiting, agreed) = (also(waiting, "waiting"), also(count("settled"), "settled"));
    let disputes = rows.iter().filter(|row| row.kind != "agreed").count();
    out::note(format_args!("{disputes} disagreements, {decided} of them decided by {}{waiting}{agreed}", session.annotator()));
    Ok(ExitCode::SUCCESS)
}

/// The disagreements on the solutions of a problem.
fn disputes((corpus, problem): (&Corpus, usize), shown: Shown<'_>, met: &mut Met, panel: &Panel, names: bool) -> Vec<Row> {
    let session = shown.reader;
    let row = |(index, solution): (usize, &Solution)| {
        let dispute = panel.dispute(shown, solution)?;
        let sent = session.sent_back(shown, solution, panel);
        // What was sent back stays in the list when its annotators agree by now.
        let kind = dispute.kind.map(Kind::name).or(sent.map(|_| "agreed"))?;
        let said = panel.say(shown, solution);
        let own = session.labels(shown.trace, solution);
        let waits = sent.is_some_and(|sent| sent.waits());
        Some(Row {
            file: corpus.name().to_owned(),
            problem: problem + 1,
            solution: index + 1,
            id: solution.source_id.clone(),
            kind,
            gap: dispute.gap,
            state: if own.is_labelled() {
                "decided"
            } else if waits {
                "waiting"
            } else if dispute.kind.is_none() {
                "settled"
            } else {
                "open"
            },
            decided: own.is_labelled().then(|| verdict(&own)),
            sent_back: sent.map(|sent| sent.text.to_owned()),
            standing: sent.map_or(String::new(), |sent| sent.standing()),
            said: ('A'..).zip(&said).map(|(letter, said)| voice(letter, said, names)).collect(),
        })
    };
    new(shown, met).into_iter().filter_map(row).collect()
}

fn voice(letter: char, said: &Said, names: bool) -> Voice {
    let SolutionLabels { first_error, unsure, remarks, .. } = &said.labels;
    let remarks = remarks.iter().map(|remark| Written {
        writing: remark.writing.name(),
        step: remark.step.map(|step| step + 1),
        text: remark.text.clone(),
    });
    Voice {
        by: if names { said.name.clone() } else { letter.to_string() },
        verdict: told(said),
        first_error: match first_error {
            FirstError::At(step) => Some(step + 1),
            FirstError::NoError => Some(0),
            FirstError::Unknown | FirstError::Unlabelable => None,
        },
        unsure: *unsure,
        in_other_steps: said.in_other_steps.is_some(),
        remarks: remarks.collect(),
    }
}

impl Row {
    fn line(&self) -> String {
        let said: Vec<String> = self.said.iter().map(|voice| format!("{} {}", voice.by, voice.verdict)).collect();
        let decided = self.decided.as_ref().map_or(String::new(), |decided| format!("   decided: {decided}"));
        let back = self.sent_back.as_ref().map_or(String::new(), |text| format!("   {}: {text}", self.standing));
        let place = format!("{}:{}.{}", self.file, self.problem, self.solution);
        let id = self.id.as_deref().unwrap_or("");
        let line = format!("{:<13} {:>3}  {place}  {id}   {}{decided}{back}", self.kind, self.gap, said.join(" | "));
        escaped(&line) + "\n"
    }
}
