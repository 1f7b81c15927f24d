//! `stepscope train-head`: a model that has learned from one's own labels.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde::Serialize;

use super::out;
use super::reading::Reading;
use super::scorer::{CacheArgs, ScorerArgs, open, runtime, until_stopped};
use crate::analysis::bootstrap::{interval, interval_of_groups};
use crate::analysis::calibration::{auc, calibration};
use crate::analysis::decide::{Decision, decide};
use crate::analysis::logistic::log_loss;
use crate::analysis::meaning::Meaning;
use crate::analysis::processbench::{Case, Subset};
use crate::analysis::tau::{Trial, choose};
use crate::app::refit::Fitted;
use crate::corpus::Corpus;
use crate::labels::{Session, Store};
use crate::prm::Device;
use crate::prm::features::{Example, Head, HeldOut, Reader};
use crate::scoring::RunsOn;
use crate::scoring::batch::{Answers, Batch};
use crate::scoring::head::{FILE, HeadFile};
use crate::scoring::local::{self, DECODER};
use crate::scoring::request::on_solutions;
use crate::shell::Refit;
use crate::trace::{FirstError, Label, NodeId, Solution, SolutionLabels, StepKey, Trace};

/// Problems with a wrong step, and problems with a right one, below which nothing can be told.
const NEEDED: usize = 10;

/// Correct a model's scores by your own labels
///
/// Fits a logistic regression on the model's step score and the features of the built-in model, on the steps that you judged, up to the first
/// error. Before it is written, it is tried on problems that were left out of the fit, a fifth at a time; so is the threshold that judges solutions,
/// which stays that of the model where no other one finds more first errors. It is refused when the labels are too few
/// to tell whether it helps, and when the F1 of ProcessBench falls. The folder DIR is a model like any other: `stepscope FILE --prm DIR`. It names the model below it, which must
/// stay where it is. Delete the folder to undo it.
#[derive(Debug, Clone, clap::Args)]
pub struct TrainHeadArgs {
    /// Files with the labelled solutions [default: those that the labels name]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Label store; the default is labels.db in the user's data folder
    #[arg(long, value_name = "STORE")]
    pub labels: Option<PathBuf>,
    /// Name of the annotator; the default is git's user name
    #[arg(long = "as", value_name = "NAME")]
    pub annotator: Option<String>,
    /// Model to correct [default: the built-in feature model]
    #[arg(long, value_name = "DIR")]
    pub prm: Option<PathBuf>,
    /// Compute it on cpu, cuda or metal; the head is for this device alone
    #[arg(long, value_name = "DEVICE", default_value_t, hide_default_value = true, requires = "prm")]
    pub device: Device,
    /// Folder to write
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
    /// Replace the head in DIR if there is one
    #[arg(long)]
    pub force: bool,
    /// Write it although it cannot be told whether it helps, or does not
    #[arg(long)]
    pub anyway: bool,
    /// How the files are read
    #[command(flatten)]
    pub reading: Reading,
    /// Print JSON (`out` is null where the head was refused): {"out","scorer","annotator","solutions","judged","problems","steps","wrong","before":{"log_loss","step_auc","ece","f1"},
    /// "after":{..},"gain":{"log_loss","interval":[..],"f1","f1_interval":[..]},"threshold","posterior"}; f1 is that of the "judged" solutions with a
    /// first error or none
    #[arg(long)]
    pub json: bool,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Report {
    scorer: String,
    annotator: String,
    solutions: usize,
    /// Solutions with a verdict and all scores: those that the F1 is of.
    judged: usize,
    problems: usize,
    steps: usize,
    wrong: usize,
    before: Quality,
    after: Quality,
    gain: Gain,
    /// A step with a lower corrected score counts as wrong.
    threshold: f64,
    /// A solution with a lower first-error posterior counts as wrong, where that is the rule.
    posterior: Option<f64>,
}

/// How good scores are on the labelled steps, and how good the verdicts on whole solutions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Quality {
    log_loss: f64,
    step_auc: Option<f64>,
    ece: Option<f64>,
    f1: Option<f64>,
}

/// How much better the corrected scores are on problems that were left out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Gain {
    log_loss: f64,
    interval: (f64, f64),
    f1: Option<f64>,
    f1_interval: Option<(f64, f64)>,
}

impl Report {
    /// Why the head is not to be used, if it is not.
    fn refusal(&self) -> Option<String> {
        let Gain { log_loss, interval: (low, high), f1, f1_interval } = self.gain;
        if low <= 0.0 {
            let steps = self.steps;
            return Some(format!(
                "too few labels to tell whether it helps: {steps} judged steps, log loss lower by {log_loss:.3} [{low:.3}, {high:.3}]"
            ));
        }
        let fallen = f1.filter(|f1| *f1 < 0.0)?;
        let span = f1_interval.map_or(String::new(), |(low, high)| format!(" [{low:+.1}, {high:+.1}]"));
        Some(format!("fewer first errors would be found on problems left out: F1 {fallen:+.1}{span}"))
    }
}

/// Runs the command.
pub fn run(args: &TrainHeadArgs) -> anyhow::Result<ExitCode> {
    check_out(args)?;
    let choice = super::StoreChoice { store: args.labels.clone(), annotator: args.annotator.clone() };
    let store = choice.path()?;
    if !store.exists() {
        bail!("there is no label store {}", crate::corpus::escaped(&store.to_string_lossy()));
    }
    let (_, session) = Store::view(&store, &choice.name())?;
    let named = || session.files().into_iter().map(PathBuf::from).collect();
    let paths = if args.paths.is_empty() { named() } else { args.paths.clone() };
    choice.tell_of_others(&session);
    if paths.is_empty() {
        bail!("{} has no labels of {}", crate::corpus::escaped(&store.to_string_lossy()), session.annotator());
    }
    let corpora = open(&paths, args.reading.format()?)?;
    let mut note = |line: &str| out::note(line);
    let runs_on = RunsOn { server: None, device: args.device };
    let collected = Labelled::collect((args.prm.as_deref(), &runs_on), &corpora, &session, &mut note);
    let labelled = until_stopped(collected, CacheArgs::default().kept())?;
    labelled.enough()?;
    let report = labelled.estimate(session.annotator())?;
    if let Some(reason) = report.refusal().filter(|_| !args.anyway) {
        if args.json {
            let mut shown = serde_json::to_value(&report)?;
            shown["out"] = serde_json::Value::Null;
            out::print_json(&shown)?;
        } else {
            out::print_safe(&text(&report))?;
        }
        bail!("{reason}; nothing was written (--anyway writes it)");
    }
    let file = labelled.head(args.prm.as_deref(), &report)?;
    write(&args.out, &file).with_context(|| format!("cannot write {}", args.out.display()))?;
    if args.json {
        let mut shown = serde_json::to_value(&report)?;
        shown["out"] = args.out.to_string_lossy().into();
        out::print_json(&shown)?;
    } else {
        let (place, device) = (args.out.display(), args.device);
        let on = if device == Device::Cpu { String::new() } else { format!(" --device {device}") };
        out::print_safe(&format!("{}written to {place}; use it with --prm {place}{on}\n", text(&report)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How the interactive program fits the scores of a model, where it runs, to the saved labels of an annotator.
pub(super) fn refit(store: &Path, annotator: &str, model: (Option<PathBuf>, RunsOn)) -> Refit {
    let (store, annotator, (prm, runs_on)) = (store.to_owned(), annotator.to_owned(), model);
    Arc::new(move |corpora| {
        let fitted = refit_once(&store, &annotator, (prm.as_deref(), &runs_on), corpora);
        fitted.map_err(|error| format!("{error:#}"))
    })
}

fn refit_once(store: &Path, annotator: &str, model: (Option<&Path>, &RunsOn), corpora: &[Corpus]) -> anyhow::Result<Fitted> {
    let (_, session) = Store::view(store, annotator)?;
    let labelled = runtime()?.block_on(Labelled::collect(model, corpora, &session, &mut |_| ()))?;
    labelled.enough()?;
    let report = labelled.estimate(annotator)?;
    if let Some(reason) = report.refusal() {
        bail!("{reason}");
    }
    let f1 =
        report.before.f1.zip(report.after.f1).map_or(String::new(), |(before, after)| format!(", F1 {before:.1} to {after:.1}"));
    let says = format!(
        "fitted to {} judged steps: log loss {:.3} to {:.3}{f1} on problems left out",
        report.steps, report.before.log_loss, report.after.log_loss
    );
    let file = labelled.head(model.0, &report)?;
    let folder = new_folder(store, annotator)?;
    write(&folder, &file).with_context(|| format!("cannot write {}", folder.display()))?;
    Ok(Fitted { folder, says })
}

/// A new folder beside the label store: `heads/NAME-1`, `heads/NAME-2`.
fn new_folder(store: &Path, annotator: &str) -> anyhow::Result<PathBuf> {
    let heads = std::path::absolute(store)?.with_file_name("heads");
    std::fs::create_dir_all(&heads).with_context(|| format!("cannot make {}", heads.display()))?;
    let name: String = annotator.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
    for number in 1_u32.. {
        let folder = heads.join(format!("{name}-{number}"));
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot make {}", folder.display())),
        }
    }
    bail!("{} is full", heads.display())
}

/// Refuses to write where something else is.
fn check_out(args: &TrainHeadArgs) -> anyhow::Result<()> {
    let place = args.out.display();
    if HeadFile::find(&args.out).is_some() {
        if !args.force {
            bail!("{place} has a head already; --force replaces it");
        }
    } else if args.out.read_dir().map_or(args.out.exists(), |mut entries| entries.next().is_some()) {
        bail!("{place} is there and is no folder of a head");
    }
    Ok(())
}

/// The model below as the file names it: found from any folder.
fn kept_path(prm: &Path) -> anyhow::Result<PathBuf> {
    Ok(if prm.as_os_str() == DECODER { prm.to_owned() } else { std::path::absolute(prm)? })
}

/// Writes the file under another name first, so that the folder never holds half a head.
fn write(folder: &Path, file: &HeadFile) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let partial = folder.join(format!("{FILE}.partial"));
    std::fs::write(&partial, serde_json::to_vec(file)?)?;
    std::fs::rename(&partial, folder.join(FILE))?;
    Ok(())
}

/// The labelled steps.
#[derive(Debug)]
struct Labelled {
    scorer: String,
    /// The key of the model.
    key: String,
    /// What its scores mean.
    meaning: Meaning,
    /// How it judges solutions.
    decision: Decision,
    examples: Vec<Example>,
    judged: Vec<Judged>,
    solutions: usize,
}

/// A solution with a verdict and all scores.
#[derive(Debug)]
struct Judged {
    problem: u64,
    gold: FirstError,
    /// Score and features of each step, also of those behind the first error: a rule looks at all.
    steps: Vec<(f64, Vec<f32>)>,
}

impl Judged {
    fn scores(&self) -> Vec<Option<f64>> {
        self.steps.iter().map(|(score, _)| Some(*score)).collect()
    }
}

/// Thresholds for corrected scores, and what they say of each judged solution.
struct Rule {
    threshold: f64,
    posterior: Option<f64>,
    predicted: Vec<FirstError>,
}

impl Labelled {
    async fn collect(
        (prm, runs_on): (Option<&Path>, &RunsOn),
        corpora: &[Corpus],
        session: &Session,
        note: &mut dyn FnMut(&str),
    ) -> anyhow::Result<Self> {
        // A head fits the scores of one device alone: the key of the model says which.
        let scorer = ScorerArgs { prm: prm.map(Path::to_owned), runs_on: runs_on.clone(), ..ScorerArgs::default() };
        let mut batch = scorer.start().await?;
        let model = batch.model();
        let (scorer, key, meaning, decision) = (model.label(), model.key.clone(), model.meaning(), model.decision());
        let mut labelled = Self { scorer, key, meaning, decision, examples: Vec::new(), judged: Vec::new(), solutions: 0 };
        if meaning.outcome {
            bail!("{} judges whole solutions, no steps: there is nothing to correct", labelled.scorer);
        }
        for corpus in corpora {
            for problem in 0..corpus.problem_count() {
                let view = corpus.problem(problem);
                view.errors.iter().take(1).for_each(|error| note(&format!("{}: {error}", corpus.name())));
                let Some(trace) = &view.trace else { continue };
                let recut = session.recut(trace);
                labelled.trace(recut.as_ref().unwrap_or(trace), session, &mut batch).await?;
                batch.take_notices().iter().for_each(|notice| note(notice));
            }
        }
        Ok(labelled)
    }

    async fn trace(&mut self, trace: &Trace, session: &Session, batch: &mut Batch) -> anyhow::Result<()> {
        let judged: Vec<(&Solution, SolutionLabels)> = trace
            .solutions
            .iter()
            .map(|solution| (solution, session.labels(trace, solution)))
            .filter(|(_, labels)| !judged(&labels.steps).is_empty())
            .collect();
        let wanted = on_solutions(trace, judged.iter().map(|(solution, _)| *solution));
        let mut answers = Answers::new();
        batch.score(trace, &wanted, &mut answers, &mut || ()).await?;
        let mut seen = HashSet::new();
        for (solution, labels) in judged {
            self.solutions += 1;
            self.solution(trace, solution, &labels, &answers, &mut seen);
        }
        Ok(())
    }

    /// A step that solutions share is one example: `seen` holds those that there are.
    fn solution(
        &mut self,
        trace: &Trace,
        solution: &Solution,
        labels: &SolutionLabels,
        answers: &Answers,
        seen: &mut HashSet<(StepKey, bool)>,
    ) {
        // The key is a cryptographic hash: its first bytes number the problem.
        let bytes = trace.prompt_key.as_bytes();
        let problem = bytes.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte));
        let mut reader = Reader::new(&trace.problem.text);
        let path = trace.solution_path(solution);
        let row = |node: &NodeId| {
            let node = trace.node(*node);
            let row = reader.step(&node.text).values;
            let score = answers.get(&node.key).and_then(|answer| answer.score.as_ref().ok());
            score.map(|score| (node.key, score.value(), row))
        };
        let steps: Vec<Option<(StepKey, f64, Vec<f32>)>> = path.iter().map(row).collect();
        for (step, right) in steps.iter().zip(judged(&labels.steps)) {
            if let Some((_, score, row)) = step.as_ref().filter(|(key, ..)| seen.insert((*key, right))) {
                self.examples.push(Example { problem, place: self.meaning.position(*score), row: row.clone(), right });
            }
        }
        let gold = labels.first_error;
        let whole: Option<Vec<_>> = steps.into_iter().map(|step| step.map(|(_, score, row)| (score, row))).collect();
        if let Some(steps) = whole.filter(|_| matches!(gold, FirstError::At(_) | FirstError::NoError)) {
            self.judged.push(Judged { problem, gold, steps });
        }
    }

    /// The steps of each problem, by their numbers.
    fn problems(&self, of: impl Fn(&Example) -> bool) -> BTreeMap<u64, Vec<usize>> {
        let mut problems: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (index, example) in self.examples.iter().enumerate().filter(|(_, example)| of(example)) {
            problems.entry(example.problem).or_default().push(index);
        }
        problems
    }

    /// Refuses labels of which one kind is missing or rare.
    fn enough(&self) -> anyhow::Result<()> {
        for (what, right) in [("wrong", false), ("right", true)] {
            let found = self.problems(|example| example.right == right).len();
            if found < NEEDED {
                bail!("too few labels to tell anything: {found} problems with a step that is {what}, expected at least {NEEDED}");
            }
        }
        Ok(())
    }

    fn estimate(&self, annotator: &str) -> anyhow::Result<Report> {
        let before: Vec<f64> = self.examples.iter().map(|example| example.place).collect();
        let heads = Head::held_out(&self.examples);
        let after = self.examples.iter().map(|e| heads.probability(e.problem, e.place, &e.row)).collect::<Vec<_>>();
        let said: Vec<FirstError> = self.judged.iter().map(|judged| decide(&judged.scores(), self.decision)).collect();
        let rule = self.rule(&heads);
        let gains: Vec<f64> = self
            .examples
            .iter()
            .zip(before.iter().zip(&after))
            .map(|(example, (before, after))| log_loss(*before, example.right) - log_loss(*after, example.right))
            .collect();
        let problems: Vec<Vec<usize>> = self.problems(|_| true).into_values().collect();
        // Steps of one problem go together: they are not independent of each other.
        let interval = interval(problems.len(), |sample| {
            let steps = || sample.iter().flat_map(|problem| &problems[*problem]);
            Some(steps().map(|step| gains[*step]).sum::<f64>() / steps().count().max(1) as f64)
        });
        let (f1, f1_interval) = self.f1_gain(&said, &rule.predicted);
        Ok(Report {
            scorer: self.scorer.clone(),
            annotator: annotator.to_owned(),
            solutions: self.solutions,
            judged: self.judged.len(),
            problems: problems.len(),
            steps: self.examples.len(),
            wrong: self.examples.iter().filter(|example| !example.right).count(),
            before: self.quality(&self.meaning, &before, &said),
            // What a head gives are chances, whatever it corrects.
            after: self.quality(&Meaning::CORRECT, &after, &rule.predicted),
            gain: Gain {
                log_loss: gains.iter().sum::<f64>() / gains.len().max(1) as f64,
                interval: interval.context("there are no labelled steps")?,
                f1,
                f1_interval,
            },
            threshold: rule.threshold,
            posterior: rule.posterior,
        })
    }

    /// How corrected scores judge solutions: by the model's rule, its thresholds chosen anew where that helps.
    fn rule(&self, heads: &HeldOut) -> Rule {
        let trial = |Judged { problem, gold, steps }: &Judged| {
            let chance = |(score, row): &(f64, Vec<f32>)| Some(heads.probability(*problem, self.meaning.position(*score), row));
            Trial { problem: *problem, gold: *gold, scores: steps.iter().map(chance).collect() }
        };
        let trials: Vec<Trial> = self.judged.iter().map(trial).collect();
        let below = choose(&trials, self.meaning.position(self.meaning.threshold), Decision::FirstBelow);
        let tau = if let Decision::Posterior { tau } = self.decision { tau } else { 0.5 };
        let posterior = choose(&trials, tau, |tau| Decision::Posterior { tau });
        // A model without a tau gets one where its own rule finds less.
        if matches!(self.decision, Decision::Posterior { .. }) || posterior.f1 > below.f1 {
            return Rule { threshold: below.value, posterior: Some(posterior.value), predicted: posterior.predicted };
        }
        Rule { threshold: below.value, posterior: None, predicted: below.predicted }
    }

    /// By how much the F1 of the verdicts `after` is above that of `before`, and its 95 % interval: bootstrap over problems.
    fn f1_gain(&self, before: &[FirstError], after: &[FirstError]) -> (Option<f64>, Option<(f64, f64)>) {
        let problems: Vec<u64> = self.judged.iter().map(|judged| judged.problem).collect();
        let gain = |sample: &[usize]| {
            let [before, after] = [before, after].map(|said| self.f1(sample.iter().map(|&at| (at, said[at]))));
            Some(after? - before?)
        };
        let all: Vec<usize> = (0..self.judged.len()).collect();
        (gain(&all), interval_of_groups(&problems, gain))
    }

    /// F1 of verdicts on judged solutions, by their numbers.
    fn f1(&self, said: impl Iterator<Item = (usize, FirstError)>) -> Option<f64> {
        let cases: Vec<Case> = said.map(|(at, predicted)| Case { gold: self.judged[at].gold, predicted }).collect();
        Subset::of("", &cases).f1
    }

    fn quality(&self, meaning: &Meaning, scores: &[f64], said: &[FirstError]) -> Quality {
        let steps: Vec<(f64, bool)> = scores.iter().copied().zip(self.examples.iter().map(|example| example.right)).collect();
        let loss: f64 = steps.iter().map(|(score, right)| log_loss(*score, *right)).sum();
        Quality {
            log_loss: loss / steps.len().max(1) as f64,
            step_auc: auc(&steps),
            ece: calibration(meaning, &steps).map(|found| found.error),
            f1: self.f1(said.iter().copied().enumerate()),
        }
    }

    /// The head of all labels, for the model that was named.
    fn head(&self, prm: Option<&Path>, report: &Report) -> anyhow::Result<HeadFile> {
        let base = local::named(prm).map(kept_path).transpose()?;
        let head = Head::fit(&self.examples.iter().collect::<Vec<_>>());
        let rule = (report.threshold, report.posterior);
        Ok(HeadFile::new((base, self.key.clone()), head, rule, serde_json::to_value(report)?))
    }
}

/// Whether each step is right, from the first one to the first error or to the first that nobody has judged.
fn judged(labels: &[Label]) -> Vec<bool> {
    let mut verdicts = Vec::new();
    for label in labels {
        match label {
            Label::Good | Label::Neutral => verdicts.push(true),
            Label::Bad => {
                verdicts.push(false);
                break;
            }
            Label::AfterError | Label::Unseen => break,
        }
    }
    verdicts
}

/// The report for people.
fn text(report: &Report) -> String {
    let Report { scorer, annotator, solutions, judged, problems, steps, wrong, before, after, gain, threshold, posterior } =
        report;
    let number = |value: Option<f64>, digits: usize| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"));
    let mut text = format!(
        "{scorer}, labels of {annotator}: {solutions} solutions of {problems} problems, {steps} judged steps, {wrong} of them wrong\n\
         on problems that were left out of the fit:\n        log loss  step AUC    ECE     F1\n"
    );
    for (name, quality) in [("before", before), ("after", after)] {
        let Quality { log_loss, step_auc, ece, f1 } = *quality;
        let (auc, ece, f1) = (number(step_auc, 3), number(ece, 3), number(f1, 1));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<7} {log_loss:>8.3}  {auc:>8} {ece:>6} {f1:>6}");
    }
    let (low, high) = gain.interval;
    let _ = writeln!(text, "log loss lower by {:.3} [{low:.3}, {high:.3}] (95 %, bootstrap over problems)", gain.log_loss);
    let span = gain.f1_interval.map_or(String::new(), |(low, high)| format!(" [{low:+.1}, {high:+.1}]"));
    let by = gain.f1.map_or("-".to_owned(), |gain| format!("{gain:+.1}"));
    let rule = posterior.map_or(format!("a step below {threshold:.3}"), |tau| format!("a first-error posterior below {tau:.3}"));
    let _ = writeln!(text, "F1 {by}{span} on the {judged} solutions with a verdict; wrong is {rule}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(interval: (f64, f64), f1: Option<f64>) -> Report {
        let quality = Quality { log_loss: 0.5, step_auc: Some(0.7), ece: Some(0.1), f1: Some(50.0) };
        let gain = Gain { log_loss: 0.02, interval, f1, f1_interval: f1.map(|f1| (f1 - 5.0, f1 + 5.0)) };
        Report {
            scorer: "m@1".to_owned(),
            annotator: "mira".to_owned(),
            solutions: 40,
            judged: 38,
            problems: 40,
            steps: 160,
            wrong: 20,
            before: quality,
            after: quality,
            gain,
            threshold: 0.8,
            posterior: Some(0.7),
        }
    }

    #[test]
    fn a_head_by_which_fewer_first_errors_are_found_is_refused() {
        let refusal = |interval, f1| report(interval, f1).refusal();
        assert!(refusal((-0.01, 0.05), Some(3.0)).is_some_and(|reason| reason.contains("too few labels")));
        let fallen = refusal((0.01, 0.05), Some(-8.7)).unwrap();
        assert!(fallen.contains("F1 -8.7 [-13.7, -3.7]"), "{fallen}");
        assert_eq!((refusal((0.01, 0.05), Some(0.0)), refusal((0.01, 0.05), None)), (None, None));
        let told = text(&report((0.01, 0.05), Some(4.0)));
        assert!(told.contains("F1 +4.0 [-1.0, +9.0] on the 38 solutions") && told.contains("below 0.700"), "{told}");
    }
}
