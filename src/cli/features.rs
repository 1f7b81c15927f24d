//! `stepscope features`: what the built-in model reads of every step, for its training.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::reading::Reading;
use super::scorer::{BadRecords, open};
use crate::prm::features::{Reader, names};
use crate::trace::{FirstError, Solution, Trace};

/// Write the step features of solutions with recorded first errors, as tab-separated values
///
/// The columns are `solution` (its id in the file), `step` (from 0), `first_error` (-1: none), `bad_equation` (0 or 1) and one for each
/// feature. Solutions without a recorded first error are left out. The recipe of the built-in model is in assets/prm-features/recipe.
#[derive(Debug, Clone, clap::Args)]
pub struct FeaturesArgs {
    /// Files of traces with recorded first errors
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// How the files are read
    #[command(flatten)]
    pub reading: Reading,
}

/// Runs the command.
pub fn run(args: &FeaturesArgs) -> anyhow::Result<ExitCode> {
    let corpora = open(&args.paths, args.reading.format()?)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let columns: Vec<&str> = ["solution", "step", "first_error", "bad_equation"].into_iter().chain(names()).collect();
    writeln!(out, "{}", columns.join("\t"))?;
    for corpus in &corpora {
        let mut bad = BadRecords::default();
        for problem in 0..corpus.problem_count() {
            let view = corpus.problem(problem);
            bad.add(corpus.name(), &view.errors);
            let Some(trace) = &view.trace else { continue };
            for solution in &trace.solutions {
                out.write_all(rows(trace, solution).as_bytes())?;
            }
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn rows(trace: &Trace, solution: &Solution) -> String {
    let first_error = match solution.first_error {
        FirstError::At(step) => step.to_string(),
        FirstError::NoError => "-1".to_owned(),
        FirstError::Unknown | FirstError::Unlabelable => return String::new(),
    };
    let id = crate::corpus::escaped(solution.source_id.as_deref().unwrap_or(""));
    let mut reader = Reader::new(&trace.problem.text);
    let mut text = String::new();
    for (step, node) in trace.solution_path(solution).into_iter().enumerate() {
        let row = reader.step(&trace.node(node).text);
        // Writing to a string cannot fail.
        let _ = write!(text, "{id}\t{step}\t{first_error}\t{}", u8::from(row.has_bad_equation));
        for value in row.values {
            let _ = write!(text, "\t{value}");
        }
        text.push('\n');
    }
    text
}
