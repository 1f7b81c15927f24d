//! `stepscope replay LOG`: plays a key log and prints or compares the labels that come out.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};

use super::open::DEMO;
use super::out;
use crate::app::log;
use crate::corpus::{Corpus, Source, Way};
use crate::formats::mapping::Spec;
use crate::formats::{self, mapping};
use crate::segment::Rule;
use crate::shell::replay;
use crate::ui::look::Look;

/// Options of the command.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// A log that `stepscope --log FILE` wrote
    pub log: PathBuf,
    /// Compare the labels with those of the log, byte for byte; exit code 1 when they differ
    #[arg(long)]
    pub check: bool,
}

/// Runs the command.
pub fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let name = args.log.display();
    let file = std::fs::File::open(&args.log).with_context(|| format!("opening {name}"))?;
    let (start, entries) = replay::read(BufReader::new(file)).with_context(|| name.to_string())?;
    let corpora = start.files.iter().map(|file| open(file, &args.log)).collect::<anyhow::Result<Vec<_>>>()?;
    let replayed = replay::replay(start, entries, &corpora, Look::detect(|name| std::env::var(name).ok()));
    if !args.check {
        for event in &replayed.events {
            out::print(&out::json_line(event)?)?;
        }
    }
    for difference in replayed.differences.iter().take(20) {
        out::note(format_args!("{difference}"));
    }
    let (keys, events, differences) = (replayed.keys, replayed.events.len(), replayed.differences.len());
    let flight = if replayed.in_flight > 0 { format!(", {} on their way at the end", replayed.in_flight) } else { String::new() };
    out::note(format_args!("{name}: {keys} keys, {events} labels{flight}, {differences} differ from the log"));
    Ok(if args.check && differences > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Opens a file of the log: by its path as it was given, from here or from where the log lies.
fn open(file: &log::File, log: &Path) -> anyhow::Result<Corpus> {
    let segment = file.segment.as_deref().map(str::parse::<Rule>).transpose()?;
    let format = match &file.map {
        Some(map) => Some(Spec::from_toml(map).and_then(mapping::format).context("the mapping of the log")?),
        None => formats::by_name(&file.format),
    };
    let way = Way { format, segment, remembered: None };
    let source = if let Some(&(name, bytes)) = DEMO.iter().find(|(name, _)| *name == file.name) {
        Source::Memory { name, bytes }
    } else {
        let beside = log.parent().unwrap_or(Path::new("")).join(&file.name);
        let path = PathBuf::from(&file.name);
        Source::Path(if path.exists() { path } else { beside })
    };
    let corpus = Corpus::open(source, way)?;
    corpus.wait();
    ensure!(
        corpus.problem_count() >= file.problems,
        "{} has {} problems, the session had {}",
        file.name,
        corpus.problem_count(),
        file.problems
    );
    Ok(corpus)
}
