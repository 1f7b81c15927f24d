//! `stepscope compare A B FILES`: two scorers on the same recorded first errors, with a paired test.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use serde::Serialize;

use super::beside::Beside;
use super::out;
use super::reading::Reading;
use super::scorer::open;
use crate::analysis::decide::Decision;
use crate::analysis::paired::{Pair, Paired};
use crate::analysis::processbench::Subset;
use crate::trace::FirstError;

/// Compare two scorers on recorded first errors, with a paired test
///
/// With --json: one object, {"solutions","skipped","each":[{"name","n_error","n_correct","acc_error","acc_correct","f1"},..],
/// "f1_difference","f1_interval":[..],"only":[..],"p"}. `skipped` solutions have no recorded first error or not all scores of both.
#[derive(Debug, clap::Args)]
pub struct CompareArgs {
    /// Scores of the first scorer, from `stepscope score -o`
    pub first: PathBuf,
    /// Scores of the second scorer
    pub second: PathBuf,
    /// Files of traces with recorded first errors
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// The first step with a score below this is the first error, for the first and the second scorer [default: as the files say; those that
    /// say nothing are parted at 0.5 for chances, else at 0]
    #[arg(long, value_names = ["FIRST", "SECOND"], num_args = 2, allow_negative_numbers = true)]
    pub thresholds: Option<Vec<f64>>,
    /// How the files are read
    #[command(flatten)]
    pub reading: Reading,
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    solutions: usize,
    skipped: usize,
    #[serde(flatten)]
    paired: Paired,
}

/// Runs the command.
pub fn run(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    if args.thresholds.iter().flatten().any(|threshold| !threshold.is_finite()) {
        bail!("expected finite numbers for --thresholds");
    }
    let read = |path: &PathBuf| Beside { beside: vec![path.clone()] }.judges();
    let [mut judges, second] = [read(&args.first)?, read(&args.second)?];
    judges.extend(second);
    let [first, second] = judges.as_mut_slice() else {
        bail!("expected the scores of one scorer in each of the two files, found {} scorers", judges.len());
    };
    if let Some([a, b]) = args.thresholds.as_deref() {
        first.decision = Decision::FirstBelow(*a);
        second.decision = Decision::FirstBelow(*b);
    }
    let (mut pairs, mut skipped) = (Vec::new(), 0);
    for corpus in open(&args.paths, args.reading.format()?)? {
        for view in (0..corpus.problem_count()).map(|problem| corpus.problem(problem)) {
            for (trace, solution) in
                view.trace.iter().flat_map(|trace| trace.solutions.iter().map(move |solution| (trace, solution)))
            {
                let path = trace.path(solution.leaf);
                let scored =
                    |judge: &crate::app::judge::Judge| path.iter().all(|&id| judge.scores.contains_key(&trace.node(id).key));
                let gold = trace.recorded_labels(solution).first_error;
                if matches!(gold, FirstError::At(_) | FirstError::NoError) && scored(first) && scored(second) {
                    pairs.push(Pair { gold, predicted: [first.verdict(trace, &path), second.verdict(trace, &path)] });
                } else {
                    skipped += 1;
                }
            }
        }
    }
    if pairs.is_empty() {
        bail!("none of {skipped} solutions has a recorded first error and all scores by both scorers");
    }
    let paired = Paired::of([first.name(), second.name()], &pairs);
    let report = Report { solutions: pairs.len(), skipped, paired };
    if args.json {
        out::print(&(out::harmless(&serde_json::to_string(&report)?) + "\n"))?;
    } else {
        out::print_safe(&told(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn told(report: &Report) -> String {
    let figure = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
    let line = |subset: &Subset| {
        let [error, right, f1] = [subset.acc_error, subset.acc_correct, subset.f1].map(figure);
        format!("{:<32} {error:>6} {right:>6} {f1:>6}\n", subset.name)
    };
    let Report { solutions, skipped, paired } = report;
    let interval = paired.f1_interval.map_or(String::new(), |(low, high)| format!(" [{low:.1}, {high:.1}]"));
    let header =
        format!("{:<32} {:>6} {:>6} {:>6}\n", format!("{solutions} solutions, {skipped} skipped"), "wrong", "right", "F1");
    let sign = paired.f1_difference.map_or("-".to_owned(), |value| format!("{value:+.1}"));
    format!(
        "{header}{}{}second less first: F1 {sign}{interval}\nexactly right: only the first {}, only the second {}; {} (McNemar, exact)\n",
        line(&paired.each[0]),
        line(&paired.each[1]),
        paired.only[0],
        paired.only[1],
        p_value(paired.p)
    )
}

/// `p = 0.034`; what three digits cannot tell from nothing is said to be small.
fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_p_value_is_nothing() {
        assert_eq!([1.0, 0.0341, 0.001, 0.000_4].map(p_value), ["p = 1.000", "p = 0.034", "p = 0.001", "p < 0.001"]);
    }
}
