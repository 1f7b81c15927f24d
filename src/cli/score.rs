//! `stepscope score`: step scores for whole files.

use std::collections::{BTreeMap, HashSet};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::out;
use super::reading::Reading;
use super::score_known::Known;
use super::score_out::{Evidence, Output, ScoredSolution, ScoredStep};
use super::scorer::{BadRecords, ScorersArgs, open_counted, shown, until_stopped};
use super::shard::Shard;
use crate::analysis::meaning::Meaning;
use crate::checks::{self, arithmetic::Verdict};
use crate::corpus::{Corpus, ProblemView};
use crate::scoring::batch::{Answers, Batch};
use crate::scoring::request::on_solutions;
use crate::scoring::{Cost, WorkerModel};
use crate::trace::{Node, NodeId, Semantics, Solution, StepScore, Trace};

/// Why a step before the last has no score of an outcome model; nothing is wrong then.
const NO_STEPS: &str = "the model judges whole solutions, at the last step";

/// Score every step of every solution with a process reward model
///
/// Writes one JSON object a line, one line a solution and scorer, in the order of the input:
///
///   {"record_key","source_id","scorer","semantics","threshold","solution":{..},"steps":[{"step_key","score"}]}
///
/// `solution` holds one score of the solution for each way to make it of the steps ("min",
/// "prod", "last", "mean", "geo", "soft-min", "sum"), or the "outcome" of a model that judges
/// no steps; it is left out when a step has no score.
///
/// A step can have a `rationale` too: {"tokens":[["So",-0.2],..]}, the share of each token in
/// the score, or {"critiques":[{"text","score"}]}, what a critic wrote, one entry a sample
/// (`score` is null where it gave no verdict).
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
/// (Ctrl-C, kill -9), run it again to go on: what is in OUT.partial, in an OUT of the same
/// scorers, or in the score cache is not computed again.
///
/// With --shard 2/5 the second of five parts of the problems is scored, so that a cluster runs
/// five of these commands; `stepscope gather` puts their outputs together.
///
/// With --json, standard output gets one object:
/// {"out","scorers","solutions","steps","not_scored","reason","computed","cached","tokens",
/// "seconds","bad_records"}; `steps`, `computed` and `cached` count each scorer's steps,
/// `reason` says why most of the `not_scored` steps were not, `seconds` is the time that the
/// models took.
///
/// With --stats, the last line of standard error is an object with the work of all scorers:
/// {"solutions","nodes","tokens_naive","tokens_unique","tokens_forward","seconds","tokens_per_s",
/// "load_seconds","first_score_seconds","peak_rss_mb","threads","dtype"}. naive counts every
/// solution alone, unique every token of a tree once, forward what was really computed.
///
/// Exit status: 0 done, 1 failed or no step scored, 2 wrong usage, 3 done, but records or steps
/// were passed over and --strict was given. A signal that stops the command is also its end.
#[expect(clippy::doc_markdown, reason = "help text for the terminal, where backticks would stand as they are")]
#[derive(Debug, Clone, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
#[command(verbatim_doc_comment)]
pub struct ScoreArgs {
    /// Files of traces
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Which scorers to use.
    #[command(flatten)]
    pub scorer: ScorersArgs,
    /// File to write
    #[arg(short, long, value_name = "OUT")]
    pub out: PathBuf,
    /// Score part I of N of the problems
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Replace whatever OUT and OUT.partial hold
    #[arg(long)]
    pub force: bool,
    /// How the files are read
    #[command(flatten)]
    pub reading: Reading,
    /// End with status 3 when a record could not be read or a step not be scored
    #[arg(long)]
    pub strict: bool,
    /// Write a summary as JSON to standard output
    #[arg(long)]
    pub json: bool,
    /// Write the work that was done as JSON to standard error
    #[arg(long)]
    pub stats: bool,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Summary {
    out: String,
    scorers: Vec<String>,
    solutions: usize,
    steps: usize,
    not_scored: usize,
    /// Why most of those were not.
    reason: Option<String>,
    computed: u64,
    cached: u64,
    tokens: u64,
    seconds: f64,
    bad_records: usize,
}

/// The work that was done.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Stats {
    solutions: usize,
    nodes: u64,
    tokens_naive: u64,
    tokens_unique: u64,
    tokens_forward: u64,
    seconds: f64,
    tokens_per_s: Option<f64>,
    load_seconds: f64,
    first_score_seconds: Option<f64>,
    peak_rss_mb: u64,
    threads: u64,
    dtype: String,
}

impl Stats {
    /// Sums over the scorers; times until loaded and first score are those of the slowest.
    fn new(scorers: &[Batch], solutions: usize) -> Self {
        let (mut cost, mut seconds, mut nodes, mut load, mut first) = (Cost::default(), 0.0, 0, 0.0_f64, None::<f64>);
        for totals in scorers.iter().map(Batch::totals) {
            cost += totals.cost;
            seconds += totals.seconds;
            nodes += totals.scored;
            load = load.max(totals.load_seconds);
            first = first.into_iter().chain(totals.first_score_seconds).reduce(f64::max);
        }
        let mut dtypes: Vec<&str> = scorers.iter().map(|scorer| scorer.model().dtype.as_str()).collect();
        dtypes.dedup();
        Self {
            solutions,
            nodes,
            tokens_naive: cost.naive,
            tokens_unique: cost.unique,
            tokens_forward: cost.tokens,
            seconds,
            tokens_per_s: (seconds > 0.0).then(|| cost.tokens as f64 / seconds),
            load_seconds: load,
            first_score_seconds: first,
            peak_rss_mb: cost.peak_rss_mb,
            threads: scorers.iter().map(|scorer| scorer.model().threads).max().unwrap_or(0),
            dtype: dtypes.join("+"),
        }
    }
}

/// Runs the command.
pub fn run(args: &ScoreArgs) -> anyhow::Result<ExitCode> {
    if args.paths.iter().any(|path| same_file(path, &args.out)) {
        bail!("{}: is an input; expected another file to write", shown(&args.out));
    }
    super::spare_store(&args.out)?;
    let (corpora, left_out) = open_counted(&args.paths, args.reading.format()?)?;
    let (summary, stats) = until_stopped(score(args, &corpora), "what is done is kept: run the same command again to go on")?;
    if args.json {
        out::print_json(&summary)?;
    } else {
        let Summary { solutions, steps, not_scored, reason, cached, out, .. } = &summary;
        let why = reason.as_ref().map_or(String::new(), |reason| format!(": {}", crate::corpus::escaped(reason)));
        out::note(format_args!(
            "{out}: {solutions} solutions, {steps} steps ({cached} from the cache, {not_scored} not scored{why})"
        ));
    }
    if args.stats {
        out::note(serde_json::to_string(&stats)?);
    }
    if summary.steps > 0 && summary.not_scored == summary.steps {
        return Ok(ExitCode::FAILURE);
    }
    let passed_over = left_out + summary.bad_records + summary.not_scored;
    Ok(if args.strict && passed_over > 0 { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

/// True when both paths lead to one existing file.
pub(super) fn same_file(one: &std::path::Path, other: &std::path::Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

async fn score(args: &ScoreArgs, corpora: &[Corpus]) -> anyhow::Result<(Summary, Stats)> {
    let scorers = args.scorer.start_all().await?;
    let labels: Vec<String> = scorers.iter().map(|scorer| scorer.model().label()).collect();
    let mut known = Known::default();
    let shard = args.shard.unwrap_or_default();
    let mut output = Output::open(&args.out, args.force, &labels, &mut known)?;
    find_again(&mut output, corpora, shard).await?;
    let mut run = Run {
        scorers,
        shard,
        output,
        known,
        bar: bar(corpora),
        bad: BadRecords::default(),
        problems: 0,
        solutions: 0,
        steps: 0,
        not_scored: BTreeMap::new(),
    };
    for corpus in corpora {
        run.file(corpus).await?;
    }
    run.bar.finish_and_clear();
    run.output.finish()?;
    let totals: Vec<_> = run.scorers.iter().map(Batch::totals).collect();
    let stats = Stats::new(&run.scorers, run.solutions);
    let summary = Summary {
        out: shown(&args.out),
        scorers: labels,
        solutions: run.solutions,
        steps: run.steps,
        not_scored: run.not_scored.values().sum(),
        reason: run.not_scored.into_iter().max_by_key(|(_, count)| *count).map(|(reason, _)| reason),
        computed: totals.iter().map(|totals| totals.scored).sum(),
        cached: totals.iter().map(|totals| totals.cached).sum(),
        tokens: totals.iter().map(|totals| totals.cost.tokens).sum(),
        seconds: totals.iter().map(|totals| totals.seconds).sum(),
        bad_records: run.bad.count,
    };
    Ok((summary, stats))
}

/// Looks for the solutions of an output that is to be replaced, so that nobody computes for hours before hearing that the input lacks some.
async fn find_again(output: &mut Output, corpora: &[Corpus], shard: Shard) -> anyhow::Result<()> {
    let problems = corpora.iter().flat_map(|corpus| (0..corpus.problem_count()).map(move |problem| (corpus, problem)));
    for (number, (corpus, problem)) in problems.enumerate() {
        if !output.is_missing_some() {
            break;
        }
        tokio::task::yield_now().await;
        if shard.holds(number)
            && let Some(trace) = &corpus.problem(problem).trace
        {
            trace.solutions.iter().for_each(|solution| output.found(trace.record_key(solution.leaf)));
        }
    }
    output.check_input()
}

struct Run {
    scorers: Vec<Batch>,
    shard: Shard,
    output: Output,
    known: Known,
    bar: ProgressBar,
    bad: BadRecords,
    // Problems seen so far in all files, of this shard or not.
    problems: usize,
    solutions: usize,
    steps: usize,
    /// Steps without a score, by the reason.
    not_scored: BTreeMap<String, usize>,
}

/// The lines of one solution, one a scorer.
type Lines = Vec<ScoredSolution>;

impl Run {
    /// Goes through the problems of a file in order of first appearance. Lines of units that come later in the file wait for their turn.
    async fn file(&mut self, corpus: &Corpus) -> anyhow::Result<()> {
        let mut waiting: BTreeMap<usize, Vec<Lines>> = BTreeMap::new();
        let mut next_unit = 0;
        for problem in 0..corpus.problem_count() {
            // Lets a signal through when every score is known already.
            tokio::task::yield_now().await;
            if self.shard.holds(self.problems) {
                let view = corpus.problem(problem);
                self.bar.suspend(|| self.bad.add(corpus.name(), &view.errors));
                waiting.extend(self.problem(corpus, &view).await?);
            } else {
                waiting.extend(corpus.problem_units(problem).into_iter().map(|unit| (unit, Vec::new())));
            }
            self.problems += 1;
            while let Some(solutions) = waiting.remove(&next_unit) {
                self.emit(&solutions)?;
                next_unit += 1;
            }
            self.output.flush()?;
            for notice in self.scorers.iter_mut().flat_map(Batch::take_notices) {
                self.bar.suspend(|| out::note(notice));
            }
        }
        for solutions in waiting.into_values() {
            self.emit(&solutions)?;
        }
        self.output.flush()
    }

    /// Scores a problem and gives the lines of each of its units.
    async fn problem(&mut self, corpus: &Corpus, view: &ProblemView) -> anyhow::Result<Vec<(usize, Vec<Lines>)>> {
        let mut units: Vec<(usize, Vec<Lines>)> = view.units.iter().map(|unit| (*unit, Vec::new())).collect();
        let Some(trace) = &view.trace else { return Ok(units) };
        let mut answers = Vec::with_capacity(self.scorers.len());
        for scorer in &mut self.scorers {
            answers.push(score_problem(trace, scorer, &self.known, &self.bar).await?);
        }
        let of = |solution: &Solution| {
            let lines = self.scorers.iter().zip(&answers);
            lines.map(|(scorer, answers)| line(trace, solution, answers, scorer.model())).collect()
        };
        for (unit, lines) in &mut units {
            let records: HashSet<usize> = corpus.unit_records(*unit).into_iter().collect();
            let solutions = trace.solutions.iter().filter(|solution| records.contains(&solution.record));
            lines.extend(solutions.map(of));
        }
        Ok(units)
    }

    /// Tokens a second of the time that scoring took; nothing while no model has computed any.
    fn pace(&self) -> String {
        let totals = self.scorers.iter().map(Batch::totals);
        let (tokens, seconds) = totals.fold((0, 0.0), |sum, now| (sum.0 + now.cost.tokens, sum.1 + now.seconds));
        if tokens == 0 || seconds <= 0.0 { String::new() } else { format!("{:.0} tokens/s, ", tokens as f64 / seconds) }
    }

    fn emit(&mut self, solutions: &[Lines]) -> anyhow::Result<()> {
        for lines in solutions {
            for line in lines {
                self.output.add(&serde_json::to_string(line)?, &self.known)?;
                self.steps += line.steps.len();
                for reason in line.steps.iter().filter_map(|step| step.reason.as_deref()).filter(|reason| *reason != NO_STEPS) {
                    *self.not_scored.entry(reason.to_owned()).or_default() += 1;
                }
            }
            self.solutions += 1;
        }
        self.bar.set_prefix(self.pace());
        self.bar.inc(1);
        Ok(())
    }
}

/// What a scorer says of the steps of a problem: from an earlier output, from the cache, or computed now.
async fn score_problem(trace: &Trace, scorer: &mut Batch, known: &Known, bar: &ProgressBar) -> anyhow::Result<Answers> {
    let model = scorer.model();
    let (label, meaning) = (model.label(), model.meaning());
    let mut answers = Answers::new();
    for solution in &trace.solutions {
        known.learn(&label, trace.record_key(solution.leaf), &meaning, &mut answers)?;
    }
    let wanted = on_solutions(trace, &trace.solutions);
    let mut steps = 0_u64;
    let mut on_step = || {
        steps += 1;
        bar.set_message(format!("{steps} steps of this problem"));
    };
    scorer.score(trace, &wanted, &mut answers, &mut on_step).await?;
    Ok(answers)
}

fn line(trace: &Trace, solution: &Solution, answers: &Answers, model: &WorkerModel) -> ScoredSolution {
    let is_asked = |node: &Node| !model.meaning().outcome || node.key == trace.node(solution.leaf).key;
    let step = |node: &Node| {
        let answer = answers.get(&node.key).filter(|_| is_asked(node));
        let (score, reason) = match answer.map(|answer| &answer.score) {
            Some(Ok(score)) => (Some(score.value()), None),
            Some(Err(reason)) => (None, Some(reason.clone())),
            None if model.meaning().outcome => (None, Some(NO_STEPS.into())),
            None => (None, Some("the scorer gave no answer for this step".into())),
        };
        let found = checks::findings(&node.text);
        let failing = found.iter().any(|finding| finding.verdict == Verdict::Bad);
        let joined = score.filter(|_| failing && model.semantics == Semantics::Correctness);
        ScoredStep {
            step_key: node.key,
            score,
            reason,
            rationale: answer.and_then(|answer| answer.rationale.clone()),
            suspicion: joined.map(|score| checks::suspicion(model.meaning().position(score), true)),
            findings: found.iter().filter_map(Evidence::of).collect(),
        }
    };
    let path = trace.solution_path(solution);
    ScoredSolution {
        record_key: trace.record_key(solution.leaf),
        source_id: solution.source_id.clone(),
        scorer: model.label(),
        answer: checks::answer::against_reference(trace, solution),
        semantics: Some(model.semantics),
        threshold: Some(model.threshold),
        posterior: model.posterior,
        scale: *model.scale,
        solution: whole(&answered(trace, &path, answers), &model.meaning()),
        steps: path.into_iter().map(|id| step(trace.node(id))).collect(),
    }
}

/// What the scorer said of these steps.
pub(super) fn answered(trace: &Trace, path: &[NodeId], answers: &Answers) -> Vec<Option<StepScore>> {
    path.iter().map(|id| answers.get(&trace.node(*id).key)?.score.as_ref().ok().copied()).collect()
}

/// The scores of a solution: the steps put together in every way that has sense, or what an outcome model says at the last one.
pub(super) fn whole(steps: &[Option<StepScore>], meaning: &Meaning) -> BTreeMap<String, f64> {
    if meaning.outcome {
        return steps.last().copied().flatten().map(|score| ("outcome".to_owned(), score.value())).into_iter().collect();
    }
    let scores: Option<Vec<StepScore>> = steps.iter().copied().collect();
    let all = scores.and_then(|scores| meaning.side_by_side(&scores).ok()).unwrap_or_default();
    all.into_iter().map(|(form, score)| (form.name().to_owned(), score)).collect()
}

/// A bar over records on standard error, drawn only when that is a terminal.
fn bar(corpora: &[Corpus]) -> ProgressBar {
    let units: usize = corpora.iter().map(Corpus::unit_count).sum();
    let target = if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(units as u64), target);
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} records, {prefix}{eta} left, {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
