//! `stepscope export`: labelled traces in the format of a trainer or a benchmark, with an account of what was lost.

mod agreed;
mod choices;
#[cfg(feature = "parquet")]
mod columns;
mod draft;
#[cfg(feature = "parquet")]
mod hub;
mod job;
mod layout;
mod question;
mod voices;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use serde_json::{Value, json};

use super::compared::labelled_groups;
use super::queue::Questions;
use super::reading::Reading;
use super::scorer::{leave_out, open, shown};
use super::{Sharing, StoreChoice, With, clusters, out};
pub use choices::PolicyArgs;
#[cfg(feature = "candle")]
pub(crate) use choices::unescaped;
use draft::{Draft, hash_of, hash_of_content};
#[cfg(feature = "parquet")]
pub use hub::Lists;
use job::{Counts, Job};
use layout::{Folders, Layout, Output, Part};
use voices::Voices;

use crate::cli::score::same_file;
use crate::corpus::{Corpus, Source, Way, escaped, sources};
use crate::formats::{self, Framing, Loss, Target, Written};
use crate::labels::policy::Author;
use crate::labels::{Overlap, Session, Store};
use crate::query::{Names, Query};
use crate::segment;
use crate::shell::kept_filters;
use crate::shell::strays::told;
use crate::trace::RecordKey;

/// Options of `export`.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "The labels of the store are laid over those in the file; solutions that nobody labelled keep what the file says.\n\n\
Beside OUT stands OUT.manifest.json: {\"format\",\"policy\",\"annotator\",\"annotators\",\"guidelines\",\"prms\",\"stores\":[{\"path\",\"annotators\"}],\"filter\":{\"question\",\"left_out\",\"not_known\"},\"author\",\"step_separator\":{\"choice\",\"found\":{text: n}},\"agreement\":{\"solutions\",\"same_first_error\"},\"sources\":[{\"path\",\"sha256\",\"format\",\"map\"}],\
\"read\",\"written\",\"records\",\"repeated\",\"changed\",\"recut\",\"segment\",\"test_share\",\"bad_records\",\"labels_of_other_texts\",\"left_out_files\":[{\"path\",\"reason\"}],\"skipped\":{reason: n},\"lost\":{feature: n},\"notes\":[{\"path\",\"note\",\"count\",\"record\",\"line\"}],\"sha256\",\"files\":[{\"path\",\"records\",\"sha256\"}],\"beside\",\"program\"}. --json prints the same. labels_of_other_texts counts labels given on these files whose solutions they no longer hold; \
step_separator, for targets whose trainer puts a text between steps itself, is what to give it (TRL: step_separator) and what parted the steps where they come from; \
notes are what was repaired, dropped or guessed where the files were read, one entry a kind, with its first record (from 0) and line; map is the mapping by which a file of no known format was read; guidelines and prms are the versions of the guideline and the scorers on show when the people named gave the labels of the stores; stores are those that labels were looked for in, one's own first, with all who labelled there. \
The hash of standard input is that of its content, unpacked if it came packed."
)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub struct ExportArgs {
    /// Files of traces, folders of them, or - for standard input
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Target format: `stepscope formats` lists the ones that can be written
    #[arg(long, value_name = "FORMAT", value_parser = super::writable_formats())]
    pub to: String,
    /// File to write (one record a line where a list would be usual and the name ends in .jsonl); with --hub, a folder
    #[arg(short, long, value_name = "OUT")]
    pub out: PathBuf,
    /// Write a data set for the Hugging Face hub: OUT/data/train-00000-of-00001.parquet and OUT/README.md, the card
    #[cfg(feature = "parquet")]
    #[arg(long)]
    pub hub: bool,
    /// What to use and share the data set under, for its card: an identifier such as mit or cc-by-4.0
    #[cfg(feature = "parquet")]
    #[arg(long, value_name = "NAME", requires = "hub")]
    pub licence: Option<String>,
    /// How the card writes lists: sequence, as all versions of `datasets` read it, or list
    #[cfg(feature = "parquet")]
    #[arg(long, value_name = "WORD", requires = "hub", default_value = "sequence")]
    pub lists: Lists,
    /// Percent of the problems whose records go into a second file, to test with: OUT with .test before its ending
    #[arg(long, value_name = "PERCENT", value_parser = super::open::percent)]
    pub test_share: Option<f64>,
    /// The decisions that change what is written
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Whose labels are written, when several people labelled in the stores
    #[arg(long)]
    pub author: Option<Author>,
    /// Label store of others, which is read and never written, for --author each, consensus or adjudicated; may be given several times. After
    /// a review: --store and --as are those of the adjudicator
    #[arg(long, value_name = "STORE", requires = "author")]
    pub with: Vec<PathBuf>,
    /// Only solutions of which this is true, as on the screen and in `queue`: labelled, 'wrong and len > 3'
    #[arg(long, value_name = "QUESTION")]
    pub filter: Option<String>,
    /// Put the wrong steps that labels name into at most so many groups, by their words: `cluster` in --filter is the number of the group. The
    /// same groups as those of `stepscope clusters` where every solution has a label; else that also groups what scores predict
    #[arg(long, value_name = "K", value_parser = clusters::count, requires = "filter")]
    pub clusters: Option<usize>,
    /// Who gets which problems, for `assigned` in --filter
    #[command(flatten)]
    pub sharing: Sharing,
    /// Replace OUT if it exists; what an earlier export set apart beside it to test with goes, too
    #[arg(long)]
    pub force: bool,
    /// Which labels are laid over the files
    #[command(flatten)]
    pub store: StoreChoice,
    /// How the files are read
    #[command(flatten)]
    pub reading: Reading,
    /// Exit with 3 when records, solutions or labels were left out
    #[arg(long)]
    pub strict: bool,
    /// Print the manifest as JSON
    #[arg(long)]
    pub json: bool,
}

impl ExportArgs {
    /// Writes a folder for the hub.
    fn is_hub(&self) -> bool {
        #[cfg(feature = "parquet")]
        return self.hub;
        #[cfg(not(feature = "parquet"))]
        false
    }
}

/// Writes the export and its manifest.
pub fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let target = formats::target(&args.to).with_context(|| format!("no format {:?}; `stepscope formats` lists them", args.to))?;
    let from = sources(&args.paths, &mut |note| out::note(note)).into_iter().collect::<Result<Vec<_>, _>>()?;
    let layout = Layout::of(args);
    check_target(args, &target, &layout, &from)?;
    let old_test = layout.old_test()?;
    let policy = args.policy.policy(target.name, target.writer);
    let unused = args.policy.unused(target.writer);
    if !unused.is_empty() {
        out::note(format_args!("note: {} changes nothing in {}", unused.join(", "), target.name));
    }
    let Labels { session, names, overlap, stores } = labels(args)?;
    let plan = overlap.map(|overlap| (overlap, args.store.name()));
    let filter = args.filter.as_deref().map(|text| filter(text, &names)).transpose()?;
    let voices = Voices::new(session, args.author.unwrap_or_default()).knowing(groups(args, filter.as_ref())?, plan);
    if let Some((text, filter)) = args.filter.as_deref().zip(filter.as_ref()) {
        can_answer(text, filter, &voices)?;
    }
    let framing = framing(args, &target);
    // Outlives the drafts in it.
    let _folders = if args.is_hub() { Some(Folders::create(&args.out.join("data"))?) } else { None };
    let mut output = Output::create(&layout, framing, args.test_share)?;
    let mut counts = Counts::default();
    let job = Job { target: &target, policy: &policy, voices: &voices, segment: args.reading.segment, filter: filter.as_ref() };
    let sources = write(args, from, &job, &mut output, &mut counts)?;
    if let Some(completion) = target.writer.completion() {
        output = output.completed(completion, &counts.loss)?;
    }
    let mut files = Files::default();
    #[cfg(feature = "parquet")]
    if args.hub {
        files.columns = hub::columns(std::iter::once(&mut output.train).chain(&mut output.test), &mut counts.loss)?;
    }
    finish(args, &target, &layout, output, &counts.loss, &mut files)?;
    if let Some(path) = old_test {
        std::fs::remove_file(&path).with_context(|| format!("removing {}", escaped(&path.to_string_lossy())))?;
    }
    let told = Told { sources: &sources, stores: &stores };
    let manifest = manifest(args, &job, &counts, &told, &files);
    #[cfg(feature = "parquet")]
    if args.hub {
        let card = hub::card(args, &target, &manifest, &files.tables);
        let mut draft = Draft::create(&layout.beside("README.md"))?;
        draft.bytes(card.as_bytes())?;
        draft.finish_plain(args.force)?;
    }
    let mut draft = Draft::create(&layout.manifest)?;
    draft.bytes(format!("{manifest:#}\n").as_bytes())?;
    draft.finish_plain(true)?;
    if args.json {
        out::print_json(&manifest)?;
    } else {
        report(args, &counts);
    }
    let left_out = counts.bad > 0 || counts.strays > 0 || !counts.unopened.is_empty() || !counts.loss.skipped.is_empty();
    Ok(if args.strict && left_out { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

/// Reads every source and writes its records; gives what the manifest tells of the sources.
fn write(
    args: &ExportArgs,
    from: Vec<Source>,
    job: &Job<'_>,
    output: &mut Output,
    counts: &mut Counts,
) -> anyhow::Result<Vec<Value>> {
    // Labels may lie on the steps of the source, so those are read and cut afterwards.
    let way = Way { segment: None, ..args.reading.format()? };
    let mut told = Vec::new();
    for source in from {
        let corpus = match Corpus::open(source.clone(), way) {
            Ok(corpus) => corpus,
            Err(error) => {
                counts.unopened.push(json!({"path": shown(&error.path), "reason": error.reason.to_string()}));
                leave_out(error, &args.paths)?;
                continue;
            }
        };
        corpus.wait();
        job.write(&corpus, output, counts)?;
        let sha256 = if let Source::Path(path) = &source { hash_of(path)? } else { hash_of_content(&corpus)? };
        let (format, map) = (corpus.format().name(), corpus.format().mapping());
        told.push(json!({"path": corpus.name(), "sha256": sha256, "format": format, "map": map}));
    }
    if told.is_empty() {
        bail!("no file could be opened");
    }
    if counts.loss.read == 0 && counts.bad > 0 {
        bail!("no record could be read; `stepscope info` says why");
    }
    Ok(told)
}

/// What was put in its place.
#[derive(Default)]
struct Files {
    /// SHA-256 of the first file.
    sha256: String,
    /// Files of records: path, records, hash.
    records: Vec<Value>,
    /// Further files: path, hash.
    beside: Vec<Value>,
    #[cfg(feature = "parquet")]
    columns: Vec<(String, columns::Type)>,
    #[cfg(feature = "parquet")]
    tables: Vec<hub::Table>,
}

impl Files {
    /// Puts a file of records in its place. Gives its SHA-256.
    fn put(&mut self, args: &ExportArgs, part: Part, path: &Path, summary: &str) -> anyhow::Result<String> {
        let records = part.draft.records;
        #[cfg(feature = "parquet")]
        let sha256 = if args.hub {
            hub::table(part, path, args.force, &self.columns, &mut self.tables)?
        } else {
            part.finish(summary, args.force)?
        };
        #[cfg(not(feature = "parquet"))]
        let sha256 = part.finish(summary, args.force)?;
        let folder = args.out.parent().unwrap_or(&args.out);
        let shown = path.strip_prefix(folder).unwrap_or(path).to_string_lossy();
        self.records.push(json!({"path": shown, "records": records, "sha256": sha256}));
        Ok(sha256)
    }
}

/// Puts the records and the files that belong to them in their places.
fn finish(
    args: &ExportArgs,
    target: &Target,
    layout: &Layout,
    output: Output,
    loss: &Loss,
    files: &mut Files,
) -> anyhow::Result<()> {
    let summary = target.writer.summary(loss);
    for (part, path) in [Some(output.train), output.test].into_iter().zip([Some(&layout.train), layout.test.as_ref()]) {
        let Some((part, path)) = part.zip(path) else { continue };
        let sha256 = files.put(args, part, path, &summary)?;
        if files.sha256.is_empty() {
            files.sha256 = sha256;
        }
    }
    let written = Written { name: &layout.name(), records: &layout.records() };
    for (name, content) in target.writer.beside(written, loss) {
        let mut draft = Draft::create(&layout.beside(&name))?;
        draft.bytes(content.as_bytes())?;
        files.beside.push(json!({"path": name, "sha256": draft.finish_plain(true)?}));
    }
    Ok(())
}

/// What the manifest tells of what was read.
struct Told<'a> {
    sources: &'a [Value],
    stores: &'a [Value],
}

fn manifest(args: &ExportArgs, job: &Job<'_>, counts: &Counts, told: &Told<'_>, files: &Files) -> Value {
    let (loss, agreement) = (&counts.loss, &counts.loss.agreement);
    let (guidelines, scorers) = job.voices.circumstances(&loss.annotators);
    json!({
        "format": args.to,
        "policy": args.policy.told(job.policy),
        "annotator": job.voices.own_name(),
        "author": args.author.unwrap_or_default().to_string(),
        "annotators": loss.annotators,
        "guidelines": guidelines,
        "prms": scorers,
        "stores": told.stores,
        "filter": job.filter.map(|filter| {
            json!({"question": filter.spelled_out(), "left_out": counts.choice.left_out, "not_known": counts.choice.not_known})
        }),
        "step_separator": job.target.writer.parted_by_trainer().then(|| separator(loss)),
        "agreement": {"solutions": agreement.several, "same_first_error": agreement.same},
        "sources": told.sources,
        "read": loss.read,
        "written": loss.written,
        "records": loss.records,
        "repeated": counts.repeated,
        "changed": loss.changed,
        "recut": loss.recut,
        "segment": args.reading.segment.map(|rule| json!({"rule": rule.to_string(), "version": segment::VERSION})),
        "test_share": args.test_share,
        "bad_records": counts.bad,
        "labels_of_other_texts": counts.strays,
        "left_out_files": counts.unopened,
        "skipped": loss.skipped,
        "lost": loss.counts,
        "notes": counts.notes.json(),
        "sha256": files.sha256,
        "files": files.records,
        "beside": files.beside,
        "program": concat!("stepscope ", env!("CARGO_PKG_VERSION")),
    })
}

/// What to give the trainer as its separator of steps: what stood between more than half of them where they come from, else its own default.
fn separator(loss: &Loss) -> Value {
    let most = loss.separators.iter().find(|(_, times)| **times > loss.borders / 2);
    json!({"choice": most.map_or("\n", |(text, _)| text), "found": loss.separators})
}

/// How the file holds its records: what is called lines is lines, whatever is usual for the format.
fn framing(args: &ExportArgs, target: &Target) -> Framing {
    let lines = args.out.extension().is_some_and(|ending| ending == "jsonl" || ending == "ndjson");
    match target.writer.framing() {
        _ if args.is_hub() => Framing::Lines,
        Framing::Array if lines => Framing::Lines,
        usual => usual,
    }
}

/// Refuses targets that must not be written to.
fn check_target(args: &ExportArgs, target: &Target, layout: &Layout, from: &[Source]) -> anyhow::Result<()> {
    let shown = escaped(&args.out.to_string_lossy());
    if args.out.as_os_str() == "-" {
        bail!("an export goes to a file, never to standard output: it is put in its place whole; name one with -o");
    }
    if args.is_hub() {
        if !matches!(target.writer.framing(), Framing::Lines | Framing::Array) {
            bail!("{} is no table of records; the hub takes {} and its like", target.name, "trl, prm800k, stepscope");
        }
        if args.out.exists() && !args.out.is_dir() {
            bail!("{shown} is a file; --hub writes a folder");
        }
    } else {
        check_file(&args.out)?;
    }
    let mut paths = vec![layout.train.clone(), layout.manifest.clone()];
    paths.extend(layout.test.clone());
    paths.extend(args.is_hub().then(|| layout.beside("README.md")));
    let written = Written { name: &layout.name(), records: &layout.records() };
    paths.extend(target.writer.beside(written, &Loss::default()).iter().map(|(name, _)| layout.beside(name)));
    for path in &paths {
        crate::cli::spare_store(path)?;
        let same = |source: &Source| matches!(source, Source::Path(from) if same_file(from, path));
        if from.iter().any(same) {
            bail!("{shown} is one of the sources; an export never replaces what it reads");
        }
    }
    if let Some(path) = paths.iter().find(|path| path.exists() && !args.force) {
        bail!("{} exists; --force replaces it", escaped(&path.to_string_lossy()));
    }
    Ok(())
}

/// Refuses what no file of records can be written as.
fn check_file(path: &Path) -> anyhow::Result<()> {
    let shown = escaped(&path.to_string_lossy());
    if path.is_dir() {
        bail!("{shown} is a folder; name a file");
    }
    if std::fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        bail!("{shown} is no regular file; an export replaces files alone");
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        bail!("there is no folder {}", escaped(&folder.to_string_lossy()));
    }
    if let Some(ending) = path.extension().and_then(|ending| ending.to_str()).filter(|ending| PACKED.contains(ending)) {
        bail!(
            "{shown} would be no packed file: exports are written as they are; leave .{ending} away and pack the file afterwards"
        );
    }
    Ok(())
}

/// Endings of packed files.
const PACKED: [&str; 5] = ["gz", "zst", "bz2", "xz", "zip"];

/// The groups of wrong steps, by solution, where the filter speaks of them.
fn groups(args: &ExportArgs, filter: Option<&Query>) -> anyhow::Result<Option<HashMap<RecordKey, usize>>> {
    match (filter.is_some_and(Query::needs_clusters), args.clusters) {
        (false, _) => Ok(None),
        (true, None) => bail!("--filter speaks of cluster: --clusters K makes groups"),
        (true, Some(count)) => {
            let with = With { with: args.with.clone() };
            let corpora = open(&args.paths, args.reading.format()?)?;
            Ok(Some(labelled_groups(&Questions::of(&args.paths, &args.store, &with)?.0, &corpora, count)))
        }
    }
}

/// A filter that needs no scores: an export asks no model.
fn filter(text: &str, names: &Names) -> anyhow::Result<Query> {
    let query = Query::filter(text, names).map_err(|error| anyhow!("--filter: {}", error.in_line(text)))?;
    if query.needs_scores() {
        bail!("--filter: {text} needs scores, and an export asks no model; `stepscope queue` answers such questions");
    }
    if query.needs_likeness() {
        bail!(
            "--filter: {text} compares steps with another one, and an export knows none; `stepscope queue` answers such questions"
        );
    }
    Ok(query)
}

/// Refuses a filter that is true of nothing because what it asks for is nowhere.
fn can_answer(text: &str, filter: &Query, voices: &Voices) -> anyhow::Result<()> {
    if filter.needs_panel() && voices.panel.is_empty() {
        bail!(
            "--filter: {text} asks what annotators say, and there are no labels of others: --author and --with STORE bring them"
        );
    }
    if filter.needs_plan() && voices.plan.is_none() {
        bail!(
            "--filter: {text} asks who gets a problem, and nothing says so: --overlap PLAN, or section overlap of the project file"
        );
    }
    Ok(())
}

/// What is laid over the files.
struct Labels {
    /// `None` when there is no store.
    session: Option<Session>,
    /// Filters with a name.
    names: Names,
    /// Who gets which problems.
    overlap: Option<Overlap>,
    /// What the manifest tells of the stores.
    stores: Vec<Value>,
}

fn labels(args: &ExportArgs) -> anyhow::Result<Labels> {
    let project = super::open::project(None, &args.paths)?;
    let overlap = args.sharing.overlap.clone().or(project.overlap);
    let (path, name) = (args.store.path()?, args.store.name());
    let (mut session, mut names, mut stores) = (None, project.filters, Vec::new());
    if path.exists() {
        let (mut store, own) = Store::view(&path, &name)?;
        names.extend(kept_filters(&mut store)?);
        stores.push(store_told(&path, own.annotators()));
        session = Some(own);
    } else if args.store.store.is_some() {
        let path = escaped(&path.to_string_lossy());
        bail!("there is no label store {path}; without --store the labels of the files themselves are written");
    }
    if !args.with.is_empty() {
        let all = session.get_or_insert_with(|| Session::new(&name));
        for (path, people) in (With { with: args.with.clone() }).read_into(all, &path)? {
            stores.push(store_told(path, people.iter().map(String::as_str)));
        }
    }
    // Where others have labels there, these are named below.
    let is_blank = session.as_ref().is_none_or(|session| session.annotators().next().is_none());
    if let Some(name) = args.store.annotator.as_ref().filter(|_| is_blank) {
        out::note(format_args!(
            "note: {} holds no label of {name}: those of the files are written",
            escaped(&path.to_string_lossy())
        ));
    }
    if let Some(session) = &session {
        args.store.tell_of_others(session);
        let people: Vec<_> = session.annotators().collect();
        if args.author.is_none() && args.store.annotator.is_none() && people.len() > 1 {
            bail!(
                "{} people labelled in this store ({}): say whose labels are written, with --as NAME or --author each, consensus or adjudicated",
                people.len(),
                people.join(", ")
            );
        }
    }
    Ok(Labels { session, names, overlap, stores })
}

fn store_told<'a>(path: &Path, annotators: impl Iterator<Item = &'a str>) -> Value {
    json!({"path": path.to_string_lossy(), "annotators": annotators.collect::<Vec<_>>()})
}

fn report(args: &ExportArgs, Counts { loss, bad, choice, repeated, notes, strays, .. }: &Counts) {
    let target = escaped(&args.out.to_string_lossy());
    out::note(format_args!(
        "{target}: {} record{} of {} written, with {} of {} solutions, {} changed",
        loss.records,
        if loss.records == 1 { "" } else { "s" },
        args.to,
        loss.written,
        loss.read,
        loss.changed
    ));
    if args.filter.is_some() {
        let not_known = choice.not_known;
        let unknown = if not_known > 0 { format!(", {not_known} of which it is not known") } else { String::new() };
        out::note(format_args!("  {} solutions do not fit the filter{unknown}", choice.left_out));
    }
    if *repeated > 0 {
        out::note(format_args!(
            "  {repeated} rows say the same as another one and are not written again; --repeats keep writes them"
        ));
    }
    if loss.recut > 0 {
        out::note(format_args!("  {} in other steps than those of the source", loss.recut));
    }
    for (reason, times) in &loss.skipped {
        out::note(format_args!("  left out {times}: {reason}"));
    }
    for (what, times) in &loss.counts {
        out::note(format_args!("  lost {times}: {what}"));
    }
    if *bad > 0 {
        let records = if *bad == 1 { "record" } else { "records" };
        out::note(format_args!("  {bad} {records} could not be read; `stepscope info` says why"));
    }
    if *strays > 0 {
        out::note(format_args!("  {}", told(*strays)));
    }
    notes.tell();
}
