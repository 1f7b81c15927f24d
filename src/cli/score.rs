//! `stepscope score`: step scores for whole files.

use std::collections::{BTreeMap, HashSet};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::out;
use super::score_out::{Output, ScoredSolution, ScoredStep};
use super::scorer::{BadRecords, ScorerArgs, open, runtime, shown, stop_signal};
use crate::checks::answer;
use crate::corpus::{Corpus, ProblemView};
use crate::scoring::batch::{Answers, Batch};
use crate::scoring::request::on_solutions;
use crate::scoring::{Scored, WorkerModel};
use crate::trace::{Solution, StepKey, Trace};

/// Score every step of every solution with a process reward model
///
/// Writes one JSON object a line, one line a solution, in the order of the input:
///
///   {"record_key","source_id","scorer","steps":[{"step_key","score"}]}
///
/// `score` is a finite number whose meaning the model defines (P(correct), 0 to 1, for the
/// built-in one); it is null, with a `reason` beside it, where a step was not scored.
/// `step_key` names a step by its text and by everything before it, `record_key` a whole
/// solution. `scorer` is the name of the model and the start of its key.
///
/// Solutions of one problem are scored together, so that the steps they share are computed
/// once.
///
/// Scores go to OUT.partial, which becomes OUT when it is whole. When the command is stopped
/// (Ctrl-C), run it again to go on: what is in OUT.partial, in an OUT of the same scorer, or in
/// the score cache is not computed again.
///
/// With --json, standard output gets one object:
/// {"out","scorer","solutions","steps","not_scored","computed","cached","tokens",
/// "seconds","bad_records"}; `computed` and `cached` count steps, `seconds` is the time that
/// the model took.
///
/// Exit status: 0 done, 1 failed or stopped, 2 wrong usage, 3 done, but records were skipped
/// and --strict was given.
#[expect(clippy::doc_markdown, reason = "help text for the terminal, where backticks would stand as they are")]
#[derive(Debug, Clone, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct ScoreArgs {
    /// Files of traces
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Which scorer to use.
    #[command(flatten)]
    pub scorer: ScorerArgs,
    /// File to write
    #[arg(short, long, value_name = "OUT")]
    pub out: PathBuf,
    /// Replace whatever OUT and OUT.partial hold
    #[arg(long)]
    pub force: bool,
    /// Read the files in this format instead of finding out
    #[arg(long, value_name = "FORMAT", value_parser = super::format_names())]
    pub format: Option<String>,
    /// End with status 3 when a record could not be read
    #[arg(long)]
    pub strict: bool,
    /// Write a summary as JSON to standard output
    #[arg(long)]
    pub json: bool,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Summary {
    out: String,
    scorer: String,
    solutions: usize,
    steps: usize,
    not_scored: usize,
    computed: u64,
    cached: u64,
    tokens: u64,
    seconds: f64,
    bad_records: usize,
}

/// Runs the command.
pub fn run(args: &ScoreArgs) -> anyhow::Result<ExitCode> {
    refuse_to_overwrite_input(args)?;
    let corpora = open(&args.paths, args.format.as_deref())?;
    let result = runtime()?.block_on(async {
        tokio::select! {
            result = score(args, &corpora) => result.map(Some),
            stopped = stop_signal() => stopped.map(|()| None).map_err(Into::into),
        }
    });
    let Some(summary) = result? else {
        bail!("stopped; what is done is kept: run the same command again to go on");
    };
    if args.json {
        out::print_json(&summary)?;
    } else {
        let Summary { solutions, steps, not_scored, cached, out, .. } = &summary;
        out::note(format_args!("{out}: {solutions} solutions, {steps} steps ({not_scored} not scored, {cached} from the cache)"));
    }
    Ok(if args.strict && summary.bad_records > 0 { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

fn refuse_to_overwrite_input(args: &ScoreArgs) -> anyhow::Result<()> {
    let Ok(out) = args.out.canonicalize() else { return Ok(()) };
    if args.paths.iter().any(|path| path.canonicalize().is_ok_and(|path| path == out)) {
        bail!("{}: is an input; expected another file to write", shown(&args.out));
    }
    Ok(())
}

async fn score(args: &ScoreArgs, corpora: &[Corpus]) -> anyhow::Result<Summary> {
    let mut batch = args.scorer.start().await?;
    let model = batch.model().clone();
    let mut known = Answers::new();
    let output = Output::open(&args.out, args.force, &model.label(), model.semantics, &mut known)?;
    let mut run = Run { output, known, bar: bar(corpora), bad: BadRecords::default(), solutions: 0, steps: 0, not_scored: 0 };
    for corpus in corpora {
        run.file(corpus, &mut batch, &model).await?;
    }
    run.bar.finish_and_clear();
    run.output.finish()?;
    let totals = batch.totals();
    Ok(Summary {
        out: shown(&args.out),
        scorer: model.label(),
        solutions: run.solutions,
        steps: run.steps,
        not_scored: run.not_scored,
        computed: totals.scored,
        cached: totals.cached,
        tokens: totals.tokens,
        seconds: totals.seconds,
        bad_records: run.bad.count,
    })
}

struct Run {
    output: Output,
    known: Answers,
    bar: ProgressBar,
    bad: BadRecords,
    solutions: usize,
    steps: usize,
    not_scored: usize,
}

impl Run {
    /// Goes through the problems of a file in order of first appearance. Lines of units that come later in the file wait for their turn.
    async fn file(&mut self, corpus: &Corpus, batch: &mut Batch, model: &WorkerModel) -> anyhow::Result<()> {
        let mut waiting: BTreeMap<usize, Vec<ScoredSolution>> = BTreeMap::new();
        let mut next_unit = 0;
        for problem in 0..corpus.problem_count() {
            // Lets a signal through when every score is known already.
            tokio::task::yield_now().await;
            let view = corpus.problem(problem);
            self.bar.suspend(|| self.bad.add(corpus.name(), &view.errors));
            let lines = self.problem(corpus, &view, batch, model).await?;
            waiting.extend(lines);
            while let Some(solutions) = waiting.remove(&next_unit) {
                self.emit(&solutions)?;
                next_unit += 1;
            }
            self.output.flush()?;
            for notice in batch.take_notices() {
                self.bar.suspend(|| out::note(notice));
            }
        }
        for solutions in waiting.into_values() {
            self.emit(&solutions)?;
        }
        self.output.flush()
    }

    /// Scores a problem and gives the lines of each of its units.
    async fn problem(
        &mut self,
        corpus: &Corpus,
        view: &ProblemView,
        batch: &mut Batch,
        model: &WorkerModel,
    ) -> anyhow::Result<Vec<(usize, Vec<ScoredSolution>)>> {
        let Some(trace) = &view.trace else {
            return Ok(view.units.iter().map(|unit| (*unit, Vec::new())).collect());
        };
        let mut answers = Answers::new();
        if !self.known.is_empty() {
            let keys = trace.steps().map(|id| trace.node(id).key);
            answers.extend(keys.filter_map(|key| Some((key, self.known.get(&key)?.clone()))));
        }
        let wanted = on_solutions(trace, &trace.solutions);
        let bar = &self.bar;
        let mut steps = 0_u64;
        let mut on_step = || {
            steps += 1;
            bar.set_message(format!("{steps} steps of this problem"));
        };
        batch.score(trace, &wanted, &mut answers, &mut on_step).await?;
        let of_unit = |unit: usize| {
            let records: HashSet<usize> = corpus.unit_records(unit).into_iter().collect();
            let solutions = trace.solutions.iter().filter(|solution| records.contains(&solution.record));
            solutions.map(|solution| line(trace, solution, &answers, model)).collect()
        };
        Ok(view.units.iter().map(|unit| (*unit, of_unit(*unit))).collect())
    }

    fn emit(&mut self, solutions: &[ScoredSolution]) -> anyhow::Result<()> {
        for solution in solutions {
            self.output.add(solution)?;
            self.solutions += 1;
            self.steps += solution.steps.len();
            self.not_scored += solution.steps.iter().filter(|step| step.score.is_none()).count();
        }
        self.bar.inc(1);
        Ok(())
    }
}

fn line(trace: &Trace, solution: &Solution, answers: &Answers, model: &WorkerModel) -> ScoredSolution {
    let step = |key: StepKey| match answers.get(&key) {
        Some(Scored::Score(score)) => ScoredStep { step_key: key, score: Some(score.value()), reason: None },
        Some(Scored::NotScored(reason)) => ScoredStep { step_key: key, score: None, reason: Some(reason.clone()) },
        None => ScoredStep { step_key: key, score: None, reason: Some("the scorer gave no answer for this step".into()) },
    };
    ScoredSolution {
        record_key: trace.record_key(solution.leaf),
        source_id: solution.source_id.clone(),
        scorer: model.label(),
        answer: answer::against_reference(trace, solution),
        steps: trace.solution_path(solution).into_iter().map(|id| step(trace.node(id).key)).collect(),
    }
}

/// A bar over records on standard error, drawn only when that is a terminal.
fn bar(corpora: &[Corpus]) -> ProgressBar {
    let units: usize = corpora.iter().map(Corpus::unit_count).sum();
    let target = if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(units as u64), target);
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} records, {per_sec}, {eta} left, {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
