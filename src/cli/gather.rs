//! `stepscope gather`: one score file from those of the shards.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde::Serialize;

use super::out;
use super::reading::Reading;
use super::score::same_file;
use super::score_known::Known;
use super::score_out::Output;
use super::scorer::{BadRecords, open, shown};
use crate::corpus::Corpus;

/// Put the score files of shards together, in the order of the input
///
/// Takes the files of traces that were scored and, with --scores, the outputs of `stepscope score --shard`. The
/// result is byte for byte what one run without --shard writes. A solution without a line is an error.
#[derive(Debug, Clone, clap::Args)]
pub struct GatherArgs {
    /// Files of traces
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Score files of the shards
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub scores: Vec<PathBuf>,
    /// File to write
    #[arg(short, long, value_name = "OUT")]
    pub out: PathBuf,
    /// Replace whatever OUT and OUT.partial hold
    #[arg(long)]
    pub force: bool,
    /// How the files are read
    #[command(flatten)]
    pub reading: Reading,
    /// Write a summary as JSON to standard output: {"out","scorers","solutions"}
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Summary {
    out: String,
    scorers: Vec<String>,
    solutions: usize,
}

/// Runs the command.
pub fn run(args: &GatherArgs) -> anyhow::Result<ExitCode> {
    if args.paths.iter().chain(&args.scores).any(|path| same_file(path, &args.out)) {
        bail!("{}: is an input; expected another file to write", shown(&args.out));
    }
    super::spare_store(&args.out)?;
    let mut known = Known::default();
    for path in &args.scores {
        known.add(path, std::fs::File::open(path).with_context(|| shown(path))?, None)?;
    }
    let scorers = known.scorers().to_vec();
    let mut output = Output::open(&args.out, args.force, &scorers, &mut known)?;
    let mut solutions = 0;
    for corpus in open(&args.paths, args.reading.format()?)? {
        solutions += file(&corpus, &scorers, &known, &mut output)?;
    }
    output.finish()?;
    if args.json {
        out::print_json(&Summary { out: shown(&args.out), scorers, solutions })?;
    } else {
        out::note(format_args!("{}: {solutions} solutions by {}", shown(&args.out), scorers.join(", ")));
    }
    Ok(ExitCode::SUCCESS)
}

fn file(corpus: &Corpus, scorers: &[String], known: &Known, output: &mut Output) -> anyhow::Result<usize> {
    let mut bad = BadRecords::default();
    let mut solutions = 0;
    for unit in 0..corpus.unit_count() {
        let unit = corpus.unit(unit);
        bad.add(corpus.name(), &unit.errors);
        let Some(trace) = unit.trace else { continue };
        for solution in &trace.solutions {
            let key = trace.record_key(solution.leaf);
            output.found(key);
            for scorer in scorers {
                let Some(place) = known.find(scorer, key) else {
                    bail!("{}: record {} has no line by {scorer} in the score files", corpus.name(), solution.record + 1);
                };
                output.add(&known.text(place)?, known)?;
            }
            solutions += 1;
        }
    }
    Ok(solutions)
}
