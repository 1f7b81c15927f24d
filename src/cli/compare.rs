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
use crate::analysis::paired::{Group, Pair, Paired, figures};
use crate::analysis::processbench::Subset;
use crate::app::judge::Judge;
use crate::corpus::Corpus;
use crate::trace::{FirstError, PromptKey};

/// Compare two scorers on recorded first errors, with a paired test
///
/// With --json: one object, {"solutions","skipped","unscored","files":[{"name","solutions","skipped","unscored","each":[{"name","n_error",
/// "n_correct","acc_error","acc_correct","f1"},..]},..],"each":[..],"f1_difference","f1_interval":[..],"only":[..],"p"}. The outer each has the
/// plain means over files, as ProcessBench prints them; the difference is that of the mean F1s, its interval a bootstrap over the problems of each
/// file. skipped solutions have no recorded first error, or no score by one of the two; of unscored ones a step has none: where no other
/// step is wrong they get no verdict, which counts as wrong, as in eval.
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
    #[serde(flatten)]
    counts: Counts,
    files: Vec<File>,
    #[serde(flatten)]
    paired: Paired,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Counts {
    solutions: usize,
    skipped: usize,
    unscored: usize,
}

/// Figures of one file.
#[derive(Debug, Serialize)]
struct File {
    name: String,
    #[serde(flatten)]
    counts: Counts,
    each: [Subset; 2],
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
    let judges: [&Judge; 2] = [first, second];
    let names = judges.map(Judge::name);
    let (mut groups, mut files) = (Vec::new(), Vec::new());
    for corpus in open(&args.paths, args.reading.format()?)? {
        let (group, counts) = paired(&corpus, judges);
        files.push(File { name: group.name.clone(), counts, each: figures(names, &group.pairs) });
        groups.push(group);
    }
    let sum = |of: fn(&Counts) -> usize| files.iter().map(|file| of(&file.counts)).sum();
    let counts = Counts { solutions: sum(|n| n.solutions), skipped: sum(|n| n.skipped), unscored: sum(|n| n.unscored) };
    if counts.solutions == 0 {
        bail!("none of {} solutions has a recorded first error and scores by both scorers", counts.skipped);
    }
    let report = Report { counts, files, paired: Paired::of(names, &groups) };
    if args.json {
        out::print(&out::json_line(&report)?)?;
    } else {
        out::print_safe(&told(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The solutions of a file that people and both scorers say something of.
fn paired(corpus: &Corpus, judges: [&Judge; 2]) -> (Group<PromptKey>, Counts) {
    let mut group = Group { name: corpus.name().to_owned(), pairs: Vec::new(), problems: Vec::new() };
    let mut counts = Counts::default();
    for view in (0..corpus.problem_count()).map(|problem| corpus.problem(problem)) {
        let Some(trace) = &view.trace else { continue };
        for solution in &trace.solutions {
            let path = trace.path(solution.leaf);
            let gold = trace.recorded_labels(solution).first_error;
            let some = judges.iter().all(|judge| judge.knows(trace, &path) || path.is_empty());
            if !matches!(gold, FirstError::At(_) | FirstError::NoError) || !some {
                counts.skipped += 1;
                continue;
            }
            let all = |judge: &&Judge| path.iter().all(|&id| judge.scores.contains_key(&trace.node(id).key));
            counts.solutions += 1;
            counts.unscored += usize::from(!judges.iter().all(all));
            group.pairs.push(Pair { gold, predicted: judges.map(|judge| judge.verdict(trace, &path)) });
            group.problems.push(trace.prompt_key);
        }
    }
    (group, counts)
}

fn told(report: &Report) -> String {
    let figure = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
    let line = |subset: &Subset| {
        let [error, right, f1] = [subset.acc_error, subset.acc_correct, subset.f1].map(figure);
        format!("{:<32} {error:>6} {right:>6} {f1:>6}\n", subset.name)
    };
    let table = |of: &str, counts: &Counts, each: &[Subset; 2]| {
        let Counts { solutions, skipped, unscored } = counts;
        let unscored = if *unscored > 0 { format!(", {unscored} with steps without a score") } else { String::new() };
        let head = format!("{of}{solutions} solutions, {skipped} skipped{unscored}");
        format!("{head:<32} {:>6} {:>6} {:>6}\n{}{}", "wrong", "right", "F1", line(&each[0]), line(&each[1]))
    };
    let Report { counts, files, paired } = report;
    let several = files.len() > 1;
    let each: String =
        files.iter().filter(|_| several).map(|file| table(&format!("{}: ", file.name), &file.counts, &file.each)).collect();
    let means = files.iter().filter(|file| file.each[0].f1.is_some()).count();
    let (of, less) =
        if several { (format!("mean of {means} of {} files: ", files.len()), "mean F1") } else { (String::new(), "F1") };
    let interval = paired.f1_interval.map_or(String::new(), |(low, high)| format!(" [{low:.1}, {high:.1}]"));
    let sign = paired.f1_difference.map_or("-".to_owned(), |value| format!("{value:+.1}"));
    format!(
        "{each}{}second less first: {less} {sign}{interval}\nexactly right: only the first {}, only the second {}; {} (McNemar, exact)\n",
        table(&of, counts, &paired.each),
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
