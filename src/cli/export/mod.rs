//! `stepscope export`: labelled traces in the format of a trainer or a benchmark, with an account of what was lost.

mod choices;
mod draft;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::json;

use super::reading::Reading;
use super::{StoreChoice, out};
pub use choices::PolicyArgs;
#[cfg(feature = "candle")]
pub(crate) use choices::unescaped;
use draft::{Draft, hash_of, hash_of_content};

use crate::corpus::{Corpus, Source, sources};
use crate::formats::{self, Labelled, LabelledTrace, Loss, Target};
use crate::labels::policy::{Alternatives, Policy};
use crate::labels::{Session, Store};
use crate::segment::{self, Rule};
use crate::trace::{Solution, Trace};

/// Options of `export`.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "The labels of the store are laid over those in the file; solutions that nobody labelled keep what the file says.\n\n\
Beside OUT stands OUT.manifest.json: {\"format\",\"policy\",\"annotator\",\"annotators\",\"sources\":[{\"path\",\"sha256\",\"format\"}],\
\"read\",\"written\",\"records\",\"changed\",\"recut\",\"segment\",\"skipped\":{reason: n},\"lost\":{feature: n},\"sha256\",\"beside\"}. --json prints the same. \
The hash of standard input is that of its content, unpacked if it came packed."
)]
pub struct ExportArgs {
    /// Files of traces, folders of them, or - for standard input
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Target format: `stepscope formats` lists the ones that can be written
    #[arg(long, value_name = "FORMAT", value_parser = super::writable_formats())]
    pub to: String,
    /// File to write
    #[arg(short, long, value_name = "OUT")]
    pub out: PathBuf,
    /// The decisions that change what is written
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Replace OUT if it exists
    #[arg(long)]
    pub force: bool,
    /// Which labels are laid over the files
    #[command(flatten)]
    pub store: StoreChoice,
    /// How the files are read
    #[command(flatten)]
    pub reading: Reading,
    /// Exit with 3 when records or solutions were left out
    #[arg(long)]
    pub strict: bool,
    /// Print the manifest as JSON
    #[arg(long)]
    pub json: bool,
}

/// Writes the export and its manifest.
pub fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let target = formats::target(&args.to).with_context(|| format!("no format {:?}; `stepscope formats` lists them", args.to))?;
    let from = sources(&args.paths).into_iter().collect::<Result<Vec<_>, _>>()?;
    check_target(args, &from)?;
    let policy = args.policy.policy(target.name, target.writer);
    let session = session(args)?;
    let mut file = Draft::create(&args.out)?;
    let mut loss = Loss::default();
    let mut told = Vec::new();
    let mut bad = 0;
    // Labels may lie on the steps of the source, so those are read and cut afterwards.
    let format = args.reading.format()?.format;
    for source in from {
        let corpus = Corpus::open(source.clone(), format)?;
        corpus.wait();
        let segment = args.reading.segment;
        let job = Job { corpus: &corpus, target: &target, policy: &policy, session: session.as_ref(), segment };
        bad += job.write(&mut file, &mut loss)?;
        let sha256 = if let Source::Path(path) = &source { hash_of(path)? } else { hash_of_content(&corpus)? };
        told.push(json!({"path": corpus.name(), "sha256": sha256, "format": corpus.format().name()}));
    }
    if loss.read == 0 && bad > 0 {
        bail!("no record could be read; `stepscope info` says why");
    }
    file.bytes(target.writer.summary(&loss).as_bytes())?;
    let sha256 = file.finish(target.writer.framing(), args.force)?;
    let mut beside = Vec::new();
    for (name, content) in companions(args, &target, &loss) {
        let mut draft = Draft::create(&args.out.with_file_name(&name))?;
        draft.bytes(content.as_bytes())?;
        beside.push(json!({"path": name, "sha256": draft.finish_plain(true)?}));
    }
    let manifest = json!({
        "format": target.name,
        "policy": args.policy.told(&policy),
        "annotator": session.as_ref().map(|session| session.annotator().to_owned()),
        "annotators": loss.annotators,
        "sources": told,
        "read": loss.read,
        "written": loss.written,
        "records": loss.records,
        "changed": loss.changed,
        "recut": loss.recut,
        "segment": args.reading.segment.map(|rule| json!({"rule": rule.to_string(), "version": segment::VERSION})),
        "bad_records": bad,
        "skipped": loss.skipped,
        "lost": loss.counts,
        "sha256": sha256,
        "beside": beside,
        "program": concat!("stepscope ", env!("CARGO_PKG_VERSION")),
    });
    let mut draft = Draft::create(&manifest_path(&args.out))?;
    draft.bytes(format!("{manifest:#}\n").as_bytes())?;
    draft.finish_plain(true)?;
    if args.json {
        out::print_json(&manifest)?;
    } else {
        report(args, &loss, bad);
    }
    let left_out = bad > 0 || !loss.skipped.is_empty();
    Ok(if args.strict && left_out { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

/// Further files that the target wants beside the export.
fn companions(args: &ExportArgs, target: &Target, loss: &Loss) -> Vec<(String, String)> {
    let file = args.out.file_name().unwrap_or_default().to_string_lossy();
    target.writer.beside(&file, loss)
}

/// Refuses targets that must not be written to.
fn check_target(args: &ExportArgs, from: &[Source]) -> anyhow::Result<()> {
    let shown = crate::corpus::escaped(&args.out.to_string_lossy());
    if args.out.is_dir() {
        bail!("{shown} is a folder; name a file");
    }
    if args.out.as_os_str() == "-" {
        bail!("an export goes to a file, never to standard output: it is put in its place whole; name one with -o");
    }
    if std::fs::symlink_metadata(&args.out).is_ok_and(|found| !found.is_file()) {
        bail!("{shown} is no regular file; an export replaces files alone");
    }
    let out = args.out.canonicalize().ok();
    let same = |source: &Source| matches!(source, Source::Path(path) if out.is_some() && path.canonicalize().ok() == out);
    if from.iter().any(same) {
        bail!("{shown} is one of the sources; an export never replaces what it reads");
    }
    let target = formats::target(&args.to);
    let beside = target.iter().flat_map(|target| companions(args, target, &Loss::default()));
    let beside = beside.map(|(name, _)| args.out.with_file_name(name));
    for path in [args.out.clone(), manifest_path(&args.out)].into_iter().chain(beside) {
        if path.exists() && !args.force {
            bail!("{} exists; --force replaces it", crate::corpus::escaped(&path.to_string_lossy()));
        }
    }
    Ok(())
}

/// The labels to lay over; `None` when there is no store yet.
fn session(args: &ExportArgs) -> anyhow::Result<Option<Session>> {
    let path = args.store.path()?;
    if !path.exists() {
        if args.store.store.is_some() {
            bail!("there is no label store {}", crate::corpus::escaped(&path.to_string_lossy()));
        }
        return Ok(None);
    }
    let (_, session) = Store::view(&path, &args.store.name())?;
    args.store.tell_of_others(&session);
    Ok(Some(session))
}

/// One file to export.
struct Job<'a> {
    corpus: &'a Corpus,
    target: &'a Target,
    policy: &'a Policy,
    session: Option<&'a Session>,
    /// The rule whose steps stand in place of the file's.
    segment: Option<Rule>,
}

impl Job<'_> {
    /// Writes every unit; gives the number of records that could not be read.
    fn write(&self, file: &mut Draft, loss: &mut Loss) -> anyhow::Result<usize> {
        let same = self.corpus.format().name() == self.target.name;
        let framing = self.target.writer.framing();
        let mut bad = 0;
        for index in 0..self.corpus.unit_count() {
            let unit = self.corpus.unit(index);
            bad += unit.errors.len();
            let Some(trace) = &unit.trace else { continue };
            let cut = self.cut(trace);
            let records =
                if same && cut.is_none() && unit.errors.is_empty() { self.corpus.unit_records(index) } else { Vec::new() };
            let raws = records.iter().map(|&record| self.corpus.raw(record)).collect::<Result<Vec<_>, _>>()?;
            // Only a record that stands alone has bytes that belong to one unit.
            let raw = if let [raw] = raws.as_slice() { Some(raw.as_slice()) } else { None };
            let (trace, source) = (cut.as_ref().unwrap_or(trace), cut.as_ref().and(unit.trace.as_ref()));
            let labelled = self.labelled(trace, source, raw);
            // A tree of several records is copied as it stands when nobody touched it.
            let untouched = |item: &Labelled<'_>| !item.touched && !item.confirmed();
            if raws.len() > 1 && labelled.marks.is_empty() && labelled.solutions.iter().all(untouched) {
                for raw in &raws {
                    file.record(framing, raw)?;
                }
                loss.copied(&labelled, raws.len());
                continue;
            }
            let mut written = Vec::new();
            match self.policy.alternatives {
                Alternatives::ExplodeRows if !same => {
                    let exploded = formats::exploded(&labelled);
                    self.target.writer.write(&self.labelled(&exploded, source, None), self.policy, &mut written, loss);
                }
                _ => self.target.writer.write(&labelled, self.policy, &mut written, loss),
            }
            for row in written {
                file.record(framing, &row)?;
            }
        }
        Ok(bad)
    }

    /// The trace in the steps that stand on the screen: those of the rule, and in their place those of the annotator. `None` when they
    /// are the file's own.
    fn cut(&self, trace: &Trace) -> Option<Trace> {
        let by_rule = self.segment.and_then(|rule| segment::resplit(trace, rule));
        let by_hand = self.session.and_then(|session| session.recut(by_rule.as_ref().unwrap_or(trace)));
        by_hand.or(by_rule)
    }

    /// A trace with the labels that hold: those of the store over those of the file. `source` is the trace as the file cuts it, when
    /// `trace` has other steps.
    fn labelled<'a>(&self, trace: &'a Trace, source: Option<&'a Trace>, raw: Option<&'a [u8]>) -> LabelledTrace<'a> {
        let key = |trace: &Trace, solution: &Solution| trace.node(solution.leaf).key;
        let cut = |index: usize, of| {
            let source = source?;
            (key(source, source.solutions.get(index)?) != key(trace, of)).then_some(source)
        };
        let item = |(solution, of)| {
            let (labels, touched) =
                self.session.map_or_else(|| (trace.recorded_labels(of), false), |session| session.overlay(trace, of));
            Labelled { trace, solution, labels, raw, touched, source: cut(solution, of) }
        };
        let solutions: Vec<_> = trace.solutions.iter().enumerate().map(item).collect();
        let on_path: BTreeSet<_> = trace.solutions.iter().flat_map(|solution| trace.solution_path(solution)).collect();
        let marks: HashMap<_, _> = trace
            .steps()
            .filter(|id| !on_path.contains(id))
            .filter_map(|id| Some((id, self.session?.mark(trace.node(id).key)?.rating)))
            .collect();
        LabelledTrace { marks, ..LabelledTrace::new(trace, solutions) }
    }
}

fn manifest_path(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".manifest.json");
    target.with_file_name(name)
}

fn report(args: &ExportArgs, loss: &Loss, bad: usize) {
    let target = crate::corpus::escaped(&args.out.to_string_lossy());
    out::note(format_args!(
        "{target}: {} of {} solutions written as {} ({} records), {} changed",
        loss.written, loss.read, args.to, loss.records, loss.changed
    ));
    if loss.recut > 0 {
        out::note(format_args!("  {} in other steps than those of the source", loss.recut));
    }
    for (reason, times) in &loss.skipped {
        out::note(format_args!("  left out {times}: {reason}"));
    }
    for (what, times) in &loss.counts {
        out::note(format_args!("  lost {times}: {what}"));
    }
    if bad > 0 {
        out::note(format_args!("  {bad} records could not be read; `stepscope info` says why"));
    }
}
