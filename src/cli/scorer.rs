//! What `score` and `eval` share: which scorer to run, where scores are kept, which files to read.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use super::out;
use crate::corpus::{Corpus, Source};
use crate::formats::{self, RecordError};
use crate::scoring::batch::Batch;
use crate::scoring::{ScoreCache, WorkerSpec};

/// Which scorer, and where its scores are kept.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ScorerArgs {
    /// Score with the model in this folder (config.json, tokenizer.json, *.safetensors), or with the small built-in decoder as
    /// `embedded:decoder` [default: the built-in feature model]
    #[arg(long, value_name = "DIR")]
    pub prm: Option<PathBuf>,
    /// Score with a program of your own: a command line for the shell that speaks the protocol of `stepscope worker`
    #[arg(long, value_name = "COMMAND", conflicts_with = "prm")]
    pub scorer: Option<String>,
    /// File in which scores are kept across runs [default: stepscope/scores.sqlite in the user's cache folder]
    #[arg(long, value_name = "FILE")]
    pub cache: Option<PathBuf>,
    /// Compute every score anew and keep none
    #[arg(long, conflicts_with = "cache")]
    pub no_cache: bool,
}

impl ScorerArgs {
    /// Starts the scorer and waits for its model.
    pub async fn start(&self) -> anyhow::Result<Batch> {
        let spec = match &self.scorer {
            Some(command) => WorkerSpec::command(command),
            None => WorkerSpec::own(self.prm.as_deref()).context("cannot find the program itself")?,
        };
        let cache = match &self.cache {
            _ if self.no_cache => ScoreCache::off(),
            Some(path) => ScoreCache::open(path),
            None => ScoreCache::open_default(),
        };
        Ok(Batch::start(spec, cache).await?)
    }
}

/// The runtime on which a command waits for its scorer.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Resolves when the user or the system asks this process to stop.
pub(super) async fn stop_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}

/// Opens every file and waits until it is indexed, so that a bad one is known before work begins.
pub(super) fn open(paths: &[PathBuf], format: Option<&str>) -> anyhow::Result<Vec<Corpus>> {
    let format = match format {
        Some(name) => Some(formats::by_name(name).ok_or_else(|| unknown_format(name))?),
        None => None,
    };
    let open = |path: &PathBuf| {
        let corpus = Corpus::open(Source::Path(path.clone()), format)?;
        corpus.wait();
        Ok(corpus)
    };
    paths.iter().map(open).collect()
}

fn unknown_format(name: &str) -> anyhow::Error {
    let known: Vec<&str> = formats::FORMATS.iter().map(|format| format.name()).collect();
    anyhow!("unknown format {name:?}; expected one of {}", known.join(", "))
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
