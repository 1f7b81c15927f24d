//! `stepscope train-head`: a model that has learned from one's own labels.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde::Serialize;

use super::out;
use super::reading::Reading;
use super::scorer::{CacheArgs, ScorerArgs, open, runtime, until_stopped};
use crate::analysis::bootstrap::interval;
use crate::analysis::calibration::{auc, calibration};
use crate::analysis::logistic::log_loss;
use crate::analysis::meaning::Meaning;
use crate::app::refit::Fitted;
use crate::corpus::Corpus;
use crate::labels::{Session, Store};
use crate::prm::Device;
use crate::prm::features::{Example, Head, Reader};
use crate::scoring::RunsOn;
use crate::scoring::batch::{Answers, Batch};
use crate::scoring::head::{FILE, HeadFile};
use crate::scoring::local::{self, DECODER};
use crate::scoring::request::on_solutions;
use crate::shell::Refit;
use crate::trace::{Label, Solution, Trace};

/// Problems with a wrong step, and problems with a right one, below which nothing can be told.
const NEEDED: usize = 10;

/// Correct a model's scores by your own labels
///
/// Fits a logistic regression on the model's step score and the features of the built-in model, on the steps that you judged, up to the first
/// error. Before it is written, it is tried on problems that were left out of the fit, a fifth at a time. It is refused when the labels are too few
/// to tell whether it helps. The folder DIR is a model like any other: `stepscope FILE --prm DIR`. It names the model below it, which must
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
    /// Write it although it cannot be told whether it helps
    #[arg(long)]
    pub anyway: bool,
    /// How the files are read
    #[command(flatten)]
    pub reading: Reading,
    /// Print JSON: {"out","scorer","annotator","solutions","problems","steps","wrong","before":{"log_loss","step_auc","ece"},"after":{..},
    /// "gain":{"log_loss","interval":[..]}}
    #[arg(long)]
    pub json: bool,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Report {
    scorer: String,
    annotator: String,
    solutions: usize,
    problems: usize,
    steps: usize,
    wrong: usize,
    before: Quality,
    after: Quality,
    gain: Gain,
}

/// How good scores are on the labelled steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Quality {
    log_loss: f64,
    step_auc: Option<f64>,
    ece: Option<f64>,
}

/// How much better the corrected scores are on problems that were left out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Gain {
    log_loss: f64,
    interval: (f64, f64),
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
    if report.gain.interval.0 <= 0.0 && !args.anyway {
        out::print_safe(&text(&report))?;
        bail!("too few labels to tell whether it helps; nothing was written (--anyway writes it)");
    }
    let base = local::named(args.prm.as_deref()).map(kept_path).transpose()?;
    let head = Head::fit(&labelled.examples.iter().collect::<Vec<_>>());
    let file = HeadFile::new(base, labelled.key, head, serde_json::to_value(&report)?);
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
pub(super) fn refit(store: &Path, annotator: &str, model: (Option<PathBuf>, RunsOn), corpora: Vec<Corpus>) -> Refit {
    let (store, annotator, (prm, runs_on)) = (store.to_owned(), annotator.to_owned(), model);
    Arc::new(move || {
        let fitted = refit_once(&store, &annotator, (prm.as_deref(), &runs_on), &corpora);
        fitted.map_err(|error| format!("{error:#}"))
    })
}

fn refit_once(store: &Path, annotator: &str, model: (Option<&Path>, &RunsOn), corpora: &[Corpus]) -> anyhow::Result<Fitted> {
    let (_, session) = Store::view(store, annotator)?;
    let labelled = runtime()?.block_on(Labelled::collect(model, corpora, &session, &mut |_| ()))?;
    labelled.enough()?;
    let report = labelled.estimate(annotator)?;
    let (low, high) = report.gain.interval;
    if low <= 0.0 {
        let gain = report.gain.log_loss;
        bail!(
            "{} judged steps are too few to tell whether it helps: log loss lower by {gain:.3} [{low:.3}, {high:.3}]",
            report.steps
        );
    }
    let says = format!(
        "fitted to {} judged steps: log loss {:.3} to {:.3} on problems left out",
        report.steps, report.before.log_loss, report.after.log_loss
    );
    let head = Head::fit(&labelled.examples.iter().collect::<Vec<_>>());
    let base = local::named(model.0).map(kept_path).transpose()?;
    let folder = new_folder(store, annotator)?;
    write(&folder, &HeadFile::new(base, labelled.key, head, serde_json::to_value(&report)?))
        .with_context(|| format!("cannot write {}", folder.display()))?;
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
    examples: Vec<Example>,
    solutions: usize,
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
        let (model, examples) = (batch.model(), Vec::new());
        let (scorer, key, meaning) = (model.label(), model.key.clone(), model.meaning());
        let mut labelled = Self { scorer, key, meaning, examples, solutions: 0 };
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
        let judged: Vec<(&Solution, Vec<bool>)> = trace
            .solutions
            .iter()
            .map(|solution| (solution, judged(&session.labels(trace, solution).steps)))
            .filter(|(_, judged)| !judged.is_empty())
            .collect();
        let wanted = on_solutions(trace, judged.iter().map(|(solution, _)| *solution));
        let mut answers = Answers::new();
        batch.score(trace, &wanted, &mut answers, &mut || ()).await?;
        for (solution, judged) in judged {
            self.solutions += 1;
            self.solution(trace, solution, &judged, &answers);
        }
        Ok(())
    }

    fn solution(&mut self, trace: &Trace, solution: &Solution, judged: &[bool], answers: &Answers) {
        // The key is a cryptographic hash: its first bytes number the problem.
        let bytes = trace.prompt_key.as_bytes();
        let problem = bytes.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte));
        let mut reader = Reader::new(&trace.problem.text);
        for (node, right) in trace.solution_path(solution).into_iter().zip(judged) {
            let node = trace.node(node);
            let row = reader.step(&node.text).values;
            if let Some(Ok(score)) = answers.get(&node.key).map(|answer| &answer.score) {
                self.examples.push(Example { problem, place: self.meaning.position(score.value()), row, right: *right });
            }
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
        let after = Head::held_out(&self.examples);
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
        Ok(Report {
            scorer: self.scorer.clone(),
            annotator: annotator.to_owned(),
            solutions: self.solutions,
            problems: problems.len(),
            steps: self.examples.len(),
            wrong: self.examples.iter().filter(|example| !example.right).count(),
            before: self.quality(&self.meaning, &before),
            // What a head gives are chances, whatever it corrects.
            after: self.quality(&Meaning::CORRECT, &after),
            gain: Gain {
                log_loss: gains.iter().sum::<f64>() / gains.len().max(1) as f64,
                interval: interval.context("there are no labelled steps")?,
            },
        })
    }

    fn quality(&self, meaning: &Meaning, scores: &[f64]) -> Quality {
        let steps: Vec<(f64, bool)> = scores.iter().copied().zip(self.examples.iter().map(|example| example.right)).collect();
        let loss: f64 = steps.iter().map(|(score, right)| log_loss(*score, *right)).sum();
        Quality {
            log_loss: loss / steps.len().max(1) as f64,
            step_auc: auc(&steps),
            ece: calibration(meaning, &steps).map(|found| found.error),
        }
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
    let Report { scorer, annotator, solutions, problems, steps, wrong, before, after, gain } = report;
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    let mut text = format!(
        "{scorer}, labels of {annotator}: {solutions} solutions of {problems} problems, {steps} judged steps, {wrong} of them wrong\n\
         on problems that were left out of the fit:\n        log loss  step AUC    ECE\n"
    );
    for (name, quality) in [("before", before), ("after", after)] {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<7} {:>8.3}  {:>8} {:>6}", quality.log_loss, number(quality.step_auc), number(quality.ece));
    }
    let (low, high) = gain.interval;
    let _ = writeln!(text, "log loss lower by {:.3} [{low:.3}, {high:.3}] (95 %, bootstrap over problems)", gain.log_loss);
    text
}
