//! What `score` and `eval` share: which scorer to run, where scores are kept, which files to read.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::out;
use crate::corpus::{Corpus, OpenError, Source, Way, sources};
use crate::formats::RecordError;
use crate::scoring::batch::Batch;
use crate::scoring::{RunsOn, ScoreCache, WorkerSpec};

/// Where scores are kept.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct CacheArgs {
    /// File in which scores are kept across runs [default: stepscope/scores.sqlite in the user's cache folder]
    #[arg(long, value_name = "FILE")]
    pub cache: Option<PathBuf>,
    /// Compute every score anew and keep none
    #[arg(long, conflicts_with = "cache")]
    pub no_cache: bool,
}

impl CacheArgs {
    /// Where scores and vectors are kept. A file that was named and is something else is an error.
    pub(super) fn open(&self) -> anyhow::Result<ScoreCache> {
        Ok(match &self.cache {
            _ if self.no_cache => ScoreCache::off(),
            Some(path) => ScoreCache::open_named(path).context("--cache")?,
            None => ScoreCache::open_default(),
        })
    }

    /// What is left of a run that is stopped.
    pub(super) fn kept(&self) -> &'static str {
        if self.no_cache { "with --no-cache no score is kept" } else { "scores computed so far are kept in the cache" }
    }
}

/// Which scorer, and where its scores are kept.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ScorerArgs {
    /// Score with the model in this folder (config.json, tokenizer.json, *.safetensors), with the built-in feature model as `embedded`, or with
    /// the small built-in decoder as `embedded:decoder` [default: embedded]
    #[arg(long, value_name = "DIR", conflicts_with = "scorer_cmd")]
    pub prm: Option<PathBuf>,
    /// Where the model runs.
    #[command(flatten)]
    pub runs_on: RunsOn,
    /// Score with a program of your own: a command line for the shell that speaks the protocol of `stepscope worker`
    #[arg(long, value_name = "COMMAND")]
    pub scorer_cmd: Option<String>,
    /// Where its scores are kept.
    #[command(flatten)]
    pub cache: CacheArgs,
}

impl ScorerArgs {
    /// Starts the scorer and waits for its model.
    pub async fn start(&self) -> anyhow::Result<Batch> {
        let spec = match &self.scorer_cmd {
            Some(command) => WorkerSpec::command(command),
            None => own(self.prm.as_deref(), &self.runs_on)?,
        };
        Ok(Batch::start(spec, self.cache.open()?).await?)
    }
}

/// Which scorers, and where their scores are kept.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ScorersArgs {
    /// Score with the model in this folder (config.json, tokenizer.json, *.safetensors), with the built-in feature model as `embedded`, or with
    /// the small built-in decoder as `embedded:decoder`; may be given several times [default: embedded]
    #[arg(long, value_name = "DIR")]
    pub prm: Vec<PathBuf>,
    /// Where the model runs.
    #[command(flatten)]
    pub runs_on: RunsOn,
    /// Score with a program of your own: a command line for the shell that speaks the protocol of `stepscope worker`; may be given
    /// several times
    #[arg(long, value_name = "COMMAND")]
    pub scorer_cmd: Vec<String>,
    /// Where their scores are kept.
    #[command(flatten)]
    pub cache: CacheArgs,
}

impl ScorersArgs {
    /// Starts all scorers, which must have different names and keys, and waits for their models.
    pub async fn start_all(&self) -> anyhow::Result<Vec<Batch>> {
        let mut scorers: Vec<Batch> = Vec::new();
        for spec in self.specs()? {
            let scorer = Batch::start(spec, self.cache.open()?).await?;
            let label = scorer.model().label();
            if scorers.iter().any(|other| other.model().label() == label) {
                bail!("the scorer {label} was given twice");
            }
            scorers.push(scorer);
        }
        Ok(scorers)
    }

    fn specs(&self) -> anyhow::Result<Vec<WorkerSpec>> {
        let named = self.prm.iter().map(|prm| own(Some(prm), &self.runs_on));
        let mut specs: Vec<WorkerSpec> = named.collect::<anyhow::Result<_>>()?;
        specs.extend(self.scorer_cmd.iter().map(|command| WorkerSpec::command(command)));
        if specs.is_empty() {
            specs.push(own(None, &self.runs_on)?);
        }
        Ok(specs)
    }
}

fn own(prm: Option<&Path>, runs_on: &RunsOn) -> anyhow::Result<WorkerSpec> {
    WorkerSpec::own(prm, runs_on).context("cannot find the program itself")
}

/// The runtime on which a command waits for its scorer.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Works until it is done, or until the user or the system asks this process to stop: then it says what is `kept`, and leaves the way the
/// signal would have made it leave, so that the script which called it stops as well.
pub(super) fn until_stopped<T>(work: impl Future<Output = anyhow::Result<T>>, kept: &str) -> anyhow::Result<T> {
    let done = runtime()?.block_on(async {
        tokio::select! {
            result = work => result.map(Ok),
            signal = stop_signal() => Ok(Err(signal?)),
        }
    })?;
    // The work is dropped by now, and with it the process of the model.
    done.or_else(|signal| {
        out::note(format_args!("stepscope: stopped; {kept}"));
        signal_hook::low_level::emulate_default_handler(signal)?;
        bail!("stopped")
    })
}

/// The signal by which the user or the system asks this process to stop.
async fn stop_signal() -> std::io::Result<i32> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |number| signal(SignalKind::from_raw(number));
    let (mut interrupt, mut terminate, mut hang_up) = (listen(SIGINT)?, listen(SIGTERM)?, listen(SIGHUP)?);
    tokio::select! {
        _ = interrupt.recv() => Ok(SIGINT),
        _ = terminate.recv() => Ok(SIGTERM),
        _ = hang_up.recv() => Ok(SIGHUP),
    }
}

/// Opens every file and waits until it is indexed, so that a bad one is known before work begins.
pub(super) fn open(paths: &[PathBuf], way: Way) -> anyhow::Result<Vec<Corpus>> {
    open_but(paths, paths, way)
}

/// The same, where only the paths in `named` have to be there.
pub(super) fn open_but(paths: &[PathBuf], named: &[PathBuf], way: Way) -> anyhow::Result<Vec<Corpus>> {
    opened(paths, named, |source| Corpus::open(source, way)).map(|(corpora, _)| corpora)
}

/// As [`open`], by a way of one's own to open a file.
pub(super) fn open_by(paths: &[PathBuf], open: impl FnMut(Source) -> Result<Corpus, OpenError>) -> anyhow::Result<Vec<Corpus>> {
    opened(paths, paths, open).map(|(corpora, _)| corpora)
}

/// As [`open`], with the number of files of folders that were left out.
pub(super) fn open_counted(paths: &[PathBuf], way: Way) -> anyhow::Result<(Vec<Corpus>, usize)> {
    opened(paths, paths, |source| Corpus::open(source, way))
}

fn opened(
    paths: &[PathBuf],
    named: &[PathBuf],
    mut open: impl FnMut(Source) -> Result<Corpus, OpenError>,
) -> anyhow::Result<(Vec<Corpus>, usize)> {
    let (mut corpora, mut left_out) = (Vec::new(), 0);
    for source in sources(paths, &mut |note| out::note(note)) {
        match source.and_then(&mut open) {
            Ok(corpus) => {
                corpus.wait();
                corpora.push(corpus);
            }
            Err(error) => {
                leave_out(error, named)?;
                left_out += 1;
            }
        }
    }
    if corpora.is_empty() && !paths.is_empty() {
        bail!("no file could be opened");
    }
    Ok((corpora, left_out))
}

/// A file that cannot be opened: one of a folder is told of and left out, one that was named ends the run.
pub(super) fn leave_out(error: OpenError, named: &[PathBuf]) -> Result<(), OpenError> {
    if named.contains(&error.path) {
        return Err(error);
    }
    out::note(format_args!("{error}; left out"));
    Ok(())
}

/// Reports records that cannot be read: the first few by name, all of them by number.
#[derive(Debug, Default)]
pub(super) struct BadRecords {
    /// How many there were.
    pub count: usize,
}

impl BadRecords {
    const SHOWN: usize = 20;

    /// Counts these errors and tells of them.
    pub(super) fn add(&mut self, file: &str, errors: &[RecordError]) {
        for error in errors {
            self.count += 1;
            if self.count <= Self::SHOWN {
                out::note(format_args!("{file}: {error}"));
            } else if self.count == Self::SHOWN + 1 {
                out::note("more bad records follow and are not shown");
            }
        }
    }
}

/// A path as it was given, for messages.
pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
