//! `stepscope eval`: how well a scorer finds the first wrong step.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use serde::Serialize;

use super::reading::Reading;
use super::score::answered;
use super::scorer::{BadRecords, ScorerArgs, open_counted, until_stopped};
use super::{eval_out, out};
use crate::analysis::calibration::{Bin, auc, calibration};
use crate::analysis::decide::{Decision, decide};
use crate::analysis::meaning::Meaning;
use crate::analysis::process::{Flawed, Judged, Lowest, Notch, sweep};
use crate::analysis::processbench::{Case, Offsets, Subset, judged, mean_f1};
use crate::analysis::signals::{Signal, Worth, f1_interval};
use crate::checks::arithmetic::{self, Verdict};
use crate::checks::{answer, findings};
use crate::corpus::Corpus;
use crate::scoring::WorkerModel;
use crate::scoring::batch::{Answers, Batch};
use crate::scoring::request::on_solutions;
use crate::trace::{FirstError, PromptKey, Solution, StepKey, StepScore, Trace};

/// Threshold for recorded scores, of which nothing is known but that they lie in `0..=1`.
const RECORDED_THRESHOLD: f64 = 0.5;

/// Measure how well a scorer finds the first wrong step
///
/// The measure is that of ProcessBench. The first step with a score below the threshold counts
/// as the first error; when there is none, the solution counts as free of errors. The gold
/// label is the first error that the file records; solutions without one are skipped and
/// counted. Each file is one subset, named by its file name without extension. Writes a table,
/// or with --json:
///
///   {"scorer","threshold","posterior","subsets":[{"name","n_error","n_correct","acc_error","acc_correct","f1",
///    "problems","f1_interval":[..],"offsets":{"early","exact","late","missed"},"step_auc","solution_auc":{..},"ece",
///    "reliability":[{"steps","score","right"}],"signals":[{"signal","precision","recall","f1","f1_interval":[..]}],
///    "sweep":[{"at","acc_error","acc_correct","f1"}],"lowest":{"solutions","last","tenths":[..]},
///    "flawed":{"right","flawed","excused"},"skipped","unscored","bad_records"}],"mean_f1"}
///
/// `acc_error` is the share of the `n_error` wrong solutions whose first error was named
/// exactly, `acc_correct` the share of the `n_correct` right ones that were called free of
/// errors, `f1` their harmonic mean, all in percent; 0 when both are 0, null when there are no
/// solutions of one kind. `mean_f1` is the plain mean over the subsets that have one.
/// `step_auc` (0 to 1, null without scores) is the chance that a right step scores above a
/// wrong one, over the steps up to the first error; `solution_auc` that a solution free of errors
/// scores above another one, for each way to make one score of the steps. A step that solutions share counts once.
/// Intervals are 95 %, bootstrap over `problems`. `offsets` counts the wrong solutions by where their first error was
/// named: before it, at it, behind it or nowhere. `ece` and `reliability` (ten bins) say whether scores, from 0 to 1 of their range, are
/// probabilities; null and empty for scores that are none (advantages, log-ratios). `signals` are the ways to find the first error, each by itself: `checks` (exact
/// arithmetic and algebra), `score` (first step below the threshold), `suspicion` (both; not of scores that are no
/// chances), `posterior`; `precision` is the share of the named first errors that are right. `sweep` has the figures at other thresholds
/// (of tau where solutions are judged by a posterior). `lowest` counts where the lowest score of a solution stands: at its last step or in
/// which tenth of the way there. `flawed` counts solutions with a right answer, those of them with a recorded first error, and of these
/// the ones in which the scorer called no step wrong. `skipped` counts solutions
/// without gold label (with --recorded: or without scores; with `prediction`: or without a prediction), `unscored`
/// solutions of which some step got no score: such a step is passed over, and where no other one is wrong the solution
/// gets no verdict, which counts as wrong. `threshold` is that of a step, null for baselines; with a `posterior` it is
/// that one by which whole solutions are judged.
///
/// Baselines: `no-error` calls every solution free of errors; `arithmetic` names the first step
/// with an equation that does not hold; `random` calls half of the solutions free of errors and
/// names a random step of the others (the same in every run); `prediction` is what a critic
/// said, as ProcessBench result files record it; null counts as wrong.
///
/// Exit status: 0 done, 1 failed or nothing to measure, 2 wrong usage, 3 done, but records were
/// skipped and --strict was given. A signal that stops the command is also its end.
#[expect(clippy::doc_markdown, reason = "help text for the terminal, where backticks would stand as they are")]
#[expect(clippy::struct_excessive_bools, reason = "one field for each switch of the command line")]
#[derive(Debug, Clone, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct EvalArgs {
    /// Files of traces with recorded first errors
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Which scorer to use.
    #[command(flatten)]
    pub scorer: ScorerArgs,
    /// Use the step scores that the files record
    #[arg(long, conflicts_with_all = ["prm", "scorer_cmd", "baseline"])]
    pub recorded: bool,
    /// Use no scorer but a simple rule
    #[arg(long, value_name = "RULE", conflicts_with_all = ["prm", "scorer_cmd"])]
    pub baseline: Option<Baseline>,
    /// A step with a score below this counts as wrong [default: the threshold of the model, 0.5 for recorded scores]
    #[arg(long, value_name = "T", allow_negative_numbers = true, conflicts_with = "baseline")]
    pub threshold: Option<f64>,
    /// Show what each signal is worth, and how reliable the scores are
    #[arg(long, conflicts_with = "baseline")]
    pub signals: bool,
    /// How the files are read
    #[command(flatten)]
    pub reading: Reading,
    /// End with status 3 when a record could not be read
    #[arg(long)]
    pub strict: bool,
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Rules that need no scorer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Baseline {
    /// Every solution is free of errors.
    NoError,
    /// The first step with an equation that does not hold.
    Arithmetic,
    /// Chance.
    Random,
    /// The verdict of a critic that a ProcessBench result file records (`prediction`).
    Prediction,
}

/// The whole result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    pub(super) scorer: String,
    /// That of a step.
    pub(super) threshold: Option<f64>,
    /// That of a solution, where one decides.
    pub(super) posterior: Option<f64>,
    pub(super) subsets: Vec<Measured>,
    pub(super) mean_f1: Option<f64>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Measured {
    #[serde(flatten)]
    pub(super) subset: Subset,
    /// Problems of the measured solutions.
    pub(super) problems: usize,
    pub(super) f1_interval: Option<(f64, f64)>,
    pub(super) offsets: Offsets,
    pub(super) step_auc: Option<f64>,
    solution_auc: BTreeMap<&'static str, f64>,
    pub(super) ece: Option<f64>,
    pub(super) reliability: Vec<Bin>,
    pub(super) signals: Vec<Worth>,
    pub(super) sweep: Vec<Notch>,
    pub(super) lowest: Lowest,
    pub(super) flawed: Flawed,
    pub(super) skipped: usize,
    pub(super) unscored: usize,
    bad_records: usize,
}

/// Where verdicts come from.
enum Judge {
    Scorer(Box<Batch>),
    Recorded,
    Baseline(Baseline),
}

impl Judge {
    fn model(&self) -> Option<&WorkerModel> {
        match self {
            Self::Scorer(batch) => Some(batch.model()),
            Self::Recorded | Self::Baseline(_) => None,
        }
    }

    /// What its scores mean; recorded ones are taken for chances.
    fn meaning(&self) -> Meaning {
        self.model().map_or(Meaning { threshold: RECORDED_THRESHOLD, ..Meaning::CORRECT }, WorkerModel::meaning)
    }

    /// A step with a lower score counts as wrong.
    fn threshold(&self, decision: Decision) -> f64 {
        match decision {
            Decision::FirstBelow(threshold) => threshold,
            Decision::Posterior { .. } => self.meaning().threshold,
        }
    }
}

/// Runs the command.
pub fn run(args: &EvalArgs) -> anyhow::Result<ExitCode> {
    if args.threshold.is_some_and(|threshold| !threshold.is_finite()) {
        bail!("expected a finite number for --threshold");
    }
    let (corpora, left_out) = open_counted(&args.paths, args.reading.format()?)?;
    let no_model = args.recorded || args.baseline.is_some();
    let kept = if no_model { "no score was computed" } else { args.scorer.cache.kept() };
    let report = until_stopped(evaluate(args, &corpora), kept)?;
    if args.json {
        out::print_json(&report)?;
    } else {
        out::print(&eval_out::table(&report))?;
        if args.signals {
            out::print(&eval_out::signals(&report))?;
        }
    }
    if report.subsets.iter().all(|measured| measured.subset.n_error + measured.subset.n_correct == 0) {
        return Ok(ExitCode::FAILURE);
    }
    let bad: usize = report.subsets.iter().map(|subset| subset.bad_records).sum();
    Ok(if args.strict && bad + left_out > 0 { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

async fn evaluate(args: &EvalArgs, corpora: &[Corpus]) -> anyhow::Result<Report> {
    let mut judge = match args.baseline {
        Some(baseline) => Judge::Baseline(baseline),
        None if args.recorded => Judge::Recorded,
        None => Judge::Scorer(Box::new(args.scorer.start().await?)),
    };
    if judge.meaning().outcome {
        bail!(
            "{} judges whole solutions, no steps: it finds no first error",
            judge.model().map_or_else(String::new, WorkerModel::label)
        );
    }
    let given = args.threshold.map(Decision::FirstBelow);
    let (scorer, decision) = match &judge {
        Judge::Scorer(batch) => (batch.model().label(), given.unwrap_or(batch.model().decision())),
        Judge::Recorded => ("recorded".to_owned(), given.unwrap_or(Decision::FirstBelow(RECORDED_THRESHOLD))),
        // A rule gives verdicts and no scores: nothing is left to decide.
        Judge::Baseline(baseline) => (baseline.name().to_owned(), Decision::FirstBelow(f64::NEG_INFINITY)),
    };
    let mut subsets = Vec::new();
    for corpus in corpora {
        subsets.push(file(&name(Path::new(corpus.name())), corpus, &mut judge, decision).await?);
    }
    let measured: Vec<Subset> = subsets.iter().map(|measured| measured.subset.clone()).collect();
    let posterior = if let Decision::Posterior { tau } = decision { Some(tau) } else { None };
    let threshold = Some(judge.threshold(decision)).filter(|threshold| threshold.is_finite());
    Ok(Report { scorer, threshold, posterior, subsets, mean_f1: mean_f1(&measured) })
}

/// A file as its subset is called.
pub(super) fn name(path: &Path) -> String {
    path.file_stem().map_or_else(|| path.to_string_lossy().into_owned(), |stem| stem.to_string_lossy().into_owned())
}

async fn file(name: &str, corpus: &Corpus, judge: &mut Judge, decision: Decision) -> anyhow::Result<Measured> {
    let mut bad = BadRecords::default();
    let mut tally = Tally::default();
    for problem in 0..corpus.problem_count() {
        tokio::task::yield_now().await;
        let view = corpus.problem(problem);
        bad.add(corpus.name(), &view.errors);
        if let Some(trace) = &view.trace {
            tally.trace(trace, judge, decision).await?;
        }
        if let Judge::Scorer(batch) = judge {
            batch.take_notices().into_iter().for_each(out::note);
        }
    }
    if tally.scoreless.0 > 0 && tally.scoreless.0 == tally.cases.len() {
        let reason = tally.scoreless.1.as_deref().unwrap_or("the scorer gave no answer");
        bail!("{}: no step got a score: {}", corpus.name(), crate::corpus::escaped(reason));
    }
    if tally.cases.is_empty() && tally.skipped > 0 {
        if matches!(judge, Judge::Baseline(Baseline::Prediction)) && tally.unpredicted == tally.skipped {
            bail!("{}: no record has a prediction", corpus.name());
        }
        let what = match judge {
            Judge::Recorded => "first error and step scores",
            Judge::Baseline(Baseline::Prediction) => "first error and prediction",
            Judge::Scorer(_) | Judge::Baseline(_) => "first error",
        };
        out::note(format_args!("{}: none of {} solutions has a recorded {what} to compare with", corpus.name(), tally.skipped));
    }
    if tally.unscored > 0 {
        let what = "where no other step is wrong they get no verdict, which counts as wrong";
        out::note(format_args!("{}: {} solutions have steps without a score; {what}", corpus.name(), tally.unscored));
    }
    Ok(tally.measured(name, &judge.meaning(), decision, bad.count))
}

#[derive(Default)]
struct Tally {
    cases: Vec<Case>,
    /// The problem of each case.
    problems: Vec<PromptKey>,
    steps: Vec<(f64, bool)>,
    /// Steps that count already: solutions share them, and so do records of one problem.
    counted: HashSet<(StepKey, bool, u64)>,
    /// Solution scores by the way they were made, and whether the solution is free of errors.
    whole: BTreeMap<&'static str, Vec<(f64, bool)>>,
    /// The verdicts of each signal that the scorer has.
    signals: Vec<(Signal, Vec<Case>)>,
    /// The solutions that have scores.
    judged: Vec<Judged>,
    skipped: usize,
    /// Those of them that a critic said nothing of.
    unpredicted: usize,
    unscored: usize,
    /// Solutions without a score at any step, and what the scorer said of such a step.
    scoreless: (usize, Option<String>),
}

impl Tally {
    async fn trace(&mut self, trace: &Trace, judge: &mut Judge, decision: Decision) -> anyhow::Result<()> {
        let has_gold = |solution: &&Solution| matches!(solution.first_error, FirstError::At(_) | FirstError::NoError);
        let solutions: Vec<&Solution> = trace.solutions.iter().filter(has_gold).collect();
        self.skipped += trace.solutions.len() - solutions.len();
        let mut answers = Answers::new();
        if let Judge::Scorer(batch) = judge {
            let wanted = on_solutions(trace, solutions.iter().copied());
            batch.score(trace, &wanted, &mut answers, &mut || ()).await?;
        }
        for solution in solutions {
            let scores = match judge {
                Judge::Scorer(_) => {
                    let path = trace.solution_path(solution);
                    Some(answered(trace, &path, &answers).into_iter().map(|score| score.map(StepScore::value)).collect())
                }
                Judge::Recorded => recorded(trace, solution),
                Judge::Baseline(baseline) => {
                    if let Some(predicted) = baseline.predict(trace, solution) {
                        self.case(trace, solution, predicted);
                    } else {
                        self.skipped += 1;
                        self.unpredicted += 1;
                    }
                    continue;
                }
            };
            let Some(scores) = scores else {
                self.skipped += 1;
                continue;
            };
            self.unscored += usize::from(scores.iter().any(Option::is_none));
            if scores.iter().all(Option::is_none) {
                self.scoreless.0 += 1;
                self.scoreless.1 =
                    answers.values().find_map(|answer| answer.score.as_ref().err().cloned()).or(self.scoreless.1.take());
            }
            self.case(trace, solution, decide(&scores, decision));
            self.steps(trace, solution, &scores);
            self.signals(trace, solution, &scores, judge, decision);
            let meaning = judge.meaning();
            let all: Option<Vec<_>> = scores.iter().map(|score| meaning.score((*score)?).ok()).collect();
            self.judged.push(Judged { gold: solution.first_error, right: answer::is_right(trace, solution), scores });
            for (form, score) in all.and_then(|all| meaning.side_by_side(&all).ok()).unwrap_or_default() {
                self.whole.entry(form.name()).or_default().push((score, solution.first_error == FirstError::NoError));
            }
        }
        Ok(())
    }

    fn case(&mut self, trace: &Trace, solution: &Solution, predicted: FirstError) {
        self.cases.push(Case { gold: solution.first_error, predicted });
        self.problems.push(trace.prompt_key);
    }

    /// The judged steps of a solution. One that others share counts once, unless they give it another score or verdict.
    fn steps(&mut self, trace: &Trace, solution: &Solution, scores: &[Option<f64>]) {
        let path = trace.solution_path(solution);
        for (step, right) in judged(solution.first_error, scores.len().min(path.len())) {
            let Some(score) = scores[step] else { continue };
            if self.counted.insert((trace.node(path[step]).key, right, score.to_bits())) {
                self.steps.push((score, right));
            }
        }
    }

    fn signals(&mut self, trace: &Trace, solution: &Solution, scores: &[Option<f64>], judge: &Judge, decision: Decision) {
        let (meaning, threshold) = (judge.meaning(), judge.threshold(decision));
        let whole = judge.model().filter(|model| model.posterior.is_some()).map(WorkerModel::decision);
        let fails = |text: &str| findings(text).iter().any(|finding| finding.verdict == Verdict::Bad);
        let failing: Vec<bool> = trace.solution_path(solution).into_iter().map(|id| fails(&trace.node(id).text)).collect();
        for signal in Signal::ALL {
            let Some(predicted) = signal.verdict(scores, &failing, &meaning, threshold, whole) else { continue };
            let case = Case { gold: solution.first_error, predicted };
            match self.signals.iter_mut().find(|(known, _)| *known == signal) {
                Some((_, cases)) => cases.push(case),
                None => self.signals.push((signal, vec![case])),
            }
        }
    }

    /// The figures of a file.
    fn measured(self, name: &str, meaning: &Meaning, decision: Decision, bad_records: usize) -> Measured {
        let Self { cases, problems, steps, whole, signals, judged, skipped, unscored, .. } = self;
        let places: Vec<(f64, bool)> = steps.iter().map(|(score, right)| (meaning.position(*score), *right)).collect();
        let (ece, reliability) =
            calibration(meaning, &places).map_or((None, Vec::new()), |found| (Some(found.error), found.bins));
        Measured {
            subset: Subset::of(name, &cases),
            problems: problems.iter().collect::<HashSet<_>>().len(),
            f1_interval: f1_interval(&cases, &problems),
            offsets: Offsets::of(&cases),
            step_auc: auc(&steps),
            solution_auc: whole.iter().filter_map(|(form, scores)| Some((*form, auc(scores)?))).collect(),
            ece,
            reliability,
            signals: signals.iter().map(|(signal, cases)| Worth::of(*signal, cases, &problems)).collect(),
            sweep: sweep(&judged, meaning, decision),
            lowest: Lowest::of(&judged),
            flawed: Flawed::of(&judged, decision),
            skipped,
            unscored,
            bad_records,
        }
    }
}

/// Scores that the source gives the solution, else those that it gives the nodes; `None` when there are none.
fn recorded(trace: &Trace, solution: &Solution) -> Option<Vec<Option<f64>>> {
    let scores = trace.recorded_scores(solution);
    scores.iter().any(Option::is_some).then_some(scores)
}

impl Baseline {
    fn name(self) -> &'static str {
        match self {
            Self::NoError => "no-error",
            Self::Arithmetic => "arithmetic",
            Self::Random => "random",
            Self::Prediction => "prediction",
        }
    }

    /// What the rule says; `None` where a critic was not asked.
    fn predict(self, trace: &Trace, solution: &Solution) -> Option<FirstError> {
        let path = trace.solution_path(solution);
        Some(match self {
            Self::NoError => FirstError::NoError,
            Self::Arithmetic => {
                let first = path.iter().position(|id| arithmetic::has_error(&trace.node(*id).text));
                first.map_or(FirstError::NoError, FirstError::At)
            }
            Self::Random => {
                // The key is a cryptographic hash: its bytes are as good as dice, and the same in every run.
                let key = trace.record_key(solution.leaf);
                let dice = key.as_bytes().iter().take(8).fold(0_usize, |dice, byte| (dice << 8) | usize::from(*byte));
                if dice % 2 == 0 || path.is_empty() { FirstError::NoError } else { FirstError::At((dice / 2) % path.len()) }
            }
            Self::Prediction => predicted(solution.extra.get("prediction")?),
        })
    }
}

/// What a critic said: a whole number, however it is written. Null, or anything else, is no verdict, which counts as wrong.
fn predicted(said: &serde_json::Value) -> FirstError {
    let number = said.as_f64().or_else(|| said.as_str()?.trim().parse().ok());
    match number.filter(|number| number.fract() == 0.0 && (-1.0..=1e9).contains(number)) {
        Some(-1.0) => FirstError::NoError,
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number of this range")]
        Some(step) => FirstError::At(step as usize),
        None => FirstError::Unknown,
    }
}
