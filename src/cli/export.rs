//! `stepscope export`: labelled traces in the format of a trainer or a benchmark, with an account of what was lost.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{StoreChoice, out};
use crate::corpus::{Corpus, Source};
use crate::formats::{self, Format, Framing, Labelled, Loss, Writer};
use crate::labels::policy::{AfterError, Neutral, Policy, Unlabelled, Unsure};
use crate::labels::{Session, Store};
use crate::trace::Trace;

/// Options of `export`.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "The labels of the store are laid over those in the file; solutions that nobody labelled keep what the file says.\n\n\
Beside OUT stands OUT.manifest.json: {\"format\",\"policy\",\"annotator\",\"sources\":[{\"path\",\"sha256\",\"format\"}],\
\"read\",\"written\",\"changed\",\"skipped\":{reason: n},\"lost\":{feature: n},\"sha256\"}. --json prints the same."
)]
pub struct ExportArgs {
    /// Files of traces
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Target format: `stepscope formats` lists the ones that can be written
    #[arg(long, value_name = "FORMAT", value_parser = super::writable_formats())]
    pub to: String,
    /// What becomes of neutral steps (rating 0)
    #[arg(long)]
    pub neutral: Neutral,
    /// What becomes of steps behind the first error
    #[arg(long)]
    pub after_error: AfterError,
    /// What becomes of steps and solutions that nobody labelled
    #[arg(long)]
    pub unlabelled: Unlabelled,
    /// What becomes of solutions that were flagged as unsure
    #[arg(long, default_value_t = Unsure::SkipTrace)]
    pub unsure: Unsure,
    /// File to write
    #[arg(short, long, value_name = "OUT")]
    pub out: PathBuf,
    /// Replace OUT if it exists
    #[arg(long)]
    pub force: bool,
    /// Which labels are laid over the files
    #[command(flatten)]
    pub store: StoreChoice,
    /// Read the files as this format instead of looking at their content
    #[arg(long, value_name = "NAME", value_parser = super::format_names())]
    pub format: Option<String>,
    /// Exit with 3 when records or solutions were left out
    #[arg(long)]
    pub strict: bool,
    /// Print the manifest as JSON
    #[arg(long)]
    pub json: bool,
}

/// Writes the export and its manifest.
pub fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let target =
        formats::by_name(&args.to).with_context(|| format!("no format {:?}; `stepscope formats` lists them", args.to))?;
    let Some(writer) = target.writer() else { bail!("{} can be read but not written", target.name()) };
    check_target(args)?;
    let policy =
        Policy { neutral: args.neutral, after_error: args.after_error, unlabelled: args.unlabelled, unsure: args.unsure };
    let session = session(args)?;
    let mut file = Draft::create(&args.out)?;
    let mut loss = Loss::default();
    let mut sources = Vec::new();
    let mut bad = 0;
    let format =
        args.format.as_deref().map(|name| formats::by_name(name).with_context(|| format!("no format {name:?}"))).transpose()?;
    for path in &args.paths {
        let corpus = Corpus::open(Source::Path(path.clone()), format)?;
        corpus.wait();
        let job = Job { corpus: &corpus, target, writer, policy: &policy, session: session.as_ref() };
        bad += job.write(&mut file, &mut loss)?;
        sources.push(json!({"path": path.to_string_lossy(), "sha256": sha256_of(path)?, "format": corpus.format().name()}));
    }
    if loss.read == 0 && bad > 0 {
        bail!("no record could be read; `stepscope info` says why");
    }
    let sha256 = file.finish(writer.framing(), args.force)?;
    let manifest = json!({
        "format": target.name(),
        "policy": {
            "neutral": policy.neutral.to_string(),
            "after_error": policy.after_error.to_string(),
            "unlabelled": policy.unlabelled.to_string(),
            "unsure": policy.unsure.to_string(),
        },
        "annotator": session.as_ref().map(|session| session.annotator().to_owned()),
        "sources": sources,
        "read": loss.read,
        "written": loss.written,
        "changed": loss.changed,
        "bad_records": bad,
        "skipped": loss.skipped,
        "lost": loss.counts,
        "sha256": sha256,
        "program": concat!("stepscope ", env!("CARGO_PKG_VERSION")),
    });
    let mut beside = Draft::create(&manifest_path(&args.out))?;
    beside.bytes(format!("{manifest:#}\n").as_bytes())?;
    beside.finish_plain(true)?;
    if args.json {
        out::print_json(&manifest)?;
    } else {
        report(args, &loss, bad);
    }
    let left_out = bad > 0 || !loss.skipped.is_empty();
    Ok(if args.strict && left_out { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

/// Refuses targets that must not be written to.
fn check_target(args: &ExportArgs) -> anyhow::Result<()> {
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
    let same = |path: &PathBuf| path.canonicalize().ok().zip(args.out.canonicalize().ok()).is_some_and(|(a, b)| a == b);
    if args.paths.iter().any(same) {
        bail!("{shown} is one of the sources; an export never replaces what it reads");
    }
    for path in [args.out.clone(), manifest_path(&args.out)] {
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
    Ok(Some(session))
}

/// One file to export.
struct Job<'a> {
    corpus: &'a Corpus,
    target: &'static dyn Format,
    writer: &'static dyn Writer,
    policy: &'a Policy,
    session: Option<&'a Session>,
}

impl Job<'_> {
    /// Writes every unit; gives the number of records that could not be read.
    fn write(&self, file: &mut Draft, loss: &mut Loss) -> anyhow::Result<usize> {
        let same = self.corpus.format().name() == self.target.name();
        let mut bad = 0;
        for index in 0..self.corpus.unit_count() {
            let unit = self.corpus.unit(index);
            bad += unit.errors.len();
            let Some(trace) = &unit.trace else { continue };
            let records = if same && unit.errors.is_empty() { self.corpus.unit_records(index) } else { Vec::new() };
            let raws = records.iter().map(|&record| self.corpus.raw(record)).collect::<Result<Vec<_>, _>>()?;
            // Only a record that stands alone has bytes that belong to one unit.
            let raw = if let [raw] = raws.as_slice() { Some(raw.as_slice()) } else { None };
            let items: Vec<Labelled<'_>> =
                (0..trace.solutions.len()).map(|solution| self.labelled(trace, solution, raw)).collect();
            // A tree of several records is copied as it stands when nobody touched it.
            if raws.len() > 1 && items.iter().all(|item| !item.touched && !item.confirmed()) {
                for raw in &raws {
                    file.record(self.writer.framing(), raw)?;
                }
                loss.read += items.len() as u64;
                loss.written += items.len() as u64;
                continue;
            }
            let mut lines = Vec::new();
            self.writer.write_unit(&items, self.policy, &mut lines, loss);
            for row in lines {
                file.record(self.writer.framing(), &row)?;
            }
        }
        Ok(bad)
    }
}

impl Job<'_> {
    /// A solution with the labels that hold: those of the store over those of the file.
    fn labelled<'a>(&self, trace: &'a Trace, solution: usize, raw: Option<&'a [u8]>) -> Labelled<'a> {
        let of = &trace.solutions[solution];
        let (labels, touched) =
            self.session.map_or_else(|| (trace.recorded_labels(of), false), |session| session.overlay(trace, of));
        Labelled { trace, solution, labels, raw, touched }
    }
}

/// A file that appears under its name only when it is whole and on the disk.
struct Draft {
    target: PathBuf,
    path: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    records: u64,
}

impl Draft {
    fn create(target: &Path) -> anyhow::Result<Self> {
        let name = target.file_name().context("the file to write has no name")?;
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}.part", std::process::id()));
        let path = target.with_file_name(temporary);
        remove_orphans(target, name);
        let shown = crate::corpus::escaped(&path.to_string_lossy());
        let file = File::options().write(true).create_new(true).open(&path).with_context(|| format!("creating {shown}"))?;
        Ok(Self { target: target.to_owned(), path, file: BufWriter::new(file), hash: Sha256::new(), records: 0 })
    }

    fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.hash.update(bytes);
        self.file.write_all(bytes).context("writing the export")
    }

    fn record(&mut self, framing: Framing, bytes: &[u8]) -> anyhow::Result<()> {
        self.bytes(if self.records == 0 { framing.start() } else { framing.between() }.as_bytes())?;
        self.records += 1;
        self.bytes(&framing.record(bytes))
    }

    /// Ends the framing and puts the file in its place. Gives its SHA-256.
    fn finish(mut self, framing: Framing, replace: bool) -> anyhow::Result<String> {
        if self.records == 0 {
            self.bytes(framing.start().as_bytes())?;
        }
        if self.records > 0 || !framing.start().is_empty() {
            self.bytes(framing.end().as_bytes())?;
        }
        self.finish_plain(replace)
    }

    /// Flushes, syncs, renames, syncs the folder.
    fn finish_plain(mut self, replace: bool) -> anyhow::Result<String> {
        let sha256 = hex(&self.hash.clone().finalize());
        self.file.flush().context("writing the export")?;
        self.file.get_ref().sync_all().context("writing the export to the disk")?;
        if replace {
            std::fs::rename(&self.path, &self.target)?;
        } else {
            // A hard link refuses to replace a file that appeared in the meantime.
            std::fs::hard_link(&self.path, &self.target).context("putting the export in its place")?;
        }
        let folder = self.target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        File::open(folder)?.sync_all()?;
        Ok(sha256)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing left under this name.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Removes drafts of earlier exports to the same target whose process is gone.
fn remove_orphans(target: &Path, name: &std::ffi::OsStr) {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let (prefix, name) =
        (format!(".{}.", name.to_string_lossy()), |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned());
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let file = name(&entry);
        let process =
            file.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".part")).and_then(|id| id.parse::<u32>().ok());
        if process.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn manifest_path(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".manifest.json");
    target.with_file_name(name)
}

fn sha256_of(path: &Path) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut block = vec![0; 1 << 20];
    loop {
        let read = std::io::Read::read(&mut file, &mut block)?;
        if read == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&block[..read]);
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn report(args: &ExportArgs, loss: &Loss, bad: usize) {
    let target = crate::corpus::escaped(&args.out.to_string_lossy());
    out::note(format_args!(
        "{target}: {} of {} solutions written as {}, {} changed",
        loss.written, loss.read, args.to, loss.changed
    ));
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
