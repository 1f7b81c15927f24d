//! `stepscope best-of`: what a score is worth for choosing among several solutions of a problem.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

use super::reading::Reading;
use super::score::{answered, whole};
use super::scorer::{BadRecords, ScorerArgs, open_counted, until_stopped};
use super::{eval, eval_out, out};
use crate::analysis::aggregate::Aggregate;
use crate::analysis::best_of::Samples;
use crate::analysis::bootstrap::interval;
use crate::analysis::meaning::Meaning;
use crate::checks::answer;
use crate::corpus::{Corpus, escaped};
use crate::scoring::batch::{Answers, Batch};
use crate::scoring::request::on_solutions;
use crate::trace::{Solution, Trace};

/// Measure how well a scorer chooses among the solutions of a problem
///
/// Draws n of the solutions of each problem and takes the one with the highest score: how often
/// is it right? Beside that stands what needs no scorer, chance and the majority vote, what both
/// give together, the weighted vote, and what no choice exceeds, some of them being right
/// (pass@n). A solution is right by the file's word, else as its answer compares with the
/// reference. Writes a table for each file, or with --json:
///
///   {"scorer","form","files":[{"name","problems","solutions","unknown","unscored","bad_records",
///    "rows":[{"n","problems","chance":S,"any":S,"vote":S,"best":{FORM:S,..},"weighted":{FORM:S,..}}]}]}
///
/// where S is {"share","interval":[..]} in percent, with a 95 % bootstrap over problems. FORM is a
/// way to make one score of the steps ("min", "prod", "last", "mean", "geo", "soft-min", "sum"),
/// the "outcome" of a model that judges whole solutions, or the name of --field; `form` is the one
/// that the authors of the model use. n is 1, 2, 4 and so on up to the most solutions that a
/// problem has; a row counts the `problems` that have so many. `best`, `chance` and `any` are
/// exact, votes of more than one and fewer than all are counted on 256 draws, the same in every
/// run. `weighted` is left out where the scores lie in no known range. `unknown` counts solutions
/// of which nothing tells whether they are right, `unscored` those without a score; both are left
/// out.
///
/// Exit status: 0 done, 1 failed or nothing to measure, 2 wrong usage, 3 done, but records were
/// skipped and --strict was given. A signal that stops the command is also its end.
#[derive(Debug, Clone, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct BestOfArgs {
    /// Files of traces with several solutions a problem
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Which scorer to use.
    #[command(flatten)]
    pub scorer: ScorerArgs,
    /// Use the step scores that the files record
    #[arg(long, conflicts_with_all = ["prm", "scorer_cmd", "field"])]
    pub recorded: bool,
    /// Use a number that the files record of each solution under this key; of a list the last one
    #[arg(long, value_name = "KEY", conflicts_with_all = ["prm", "scorer_cmd"])]
    pub field: Option<String>,
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

/// The whole result.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Report {
    scorer: String,
    form: Option<String>,
    files: Vec<Measured>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Measured {
    name: String,
    problems: usize,
    solutions: usize,
    unknown: usize,
    unscored: usize,
    bad_records: usize,
    rows: Vec<Row>,
}

/// What `n` samples give.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Row {
    n: usize,
    problems: usize,
    chance: Share,
    any: Share,
    vote: Share,
    best: BTreeMap<String, Share>,
    weighted: BTreeMap<String, Share>,
}

/// A share of problems in percent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Share {
    share: f64,
    interval: Option<(f64, f64)>,
}

impl Share {
    /// The mean of a value of each problem, from 0 to 1.
    fn of(values: &[f64]) -> Self {
        let mean = |sample: &[usize]| {
            let sum: f64 = sample.iter().map(|at| values[*at]).sum();
            (!sample.is_empty()).then(|| 100.0 * sum / sample.len() as f64)
        };
        let all: Vec<usize> = (0..values.len()).collect();
        Self { share: mean(&all).unwrap_or(0.0), interval: interval(values.len(), mean) }
    }
}

/// Where the scores of solutions come from.
enum Judge {
    Scorer(Box<Batch>),
    Recorded,
    Field(String),
}

impl Judge {
    /// What step scores mean, recorded ones being taken for chances; a field may mean anything.
    fn meaning(&self) -> Option<Meaning> {
        match self {
            Self::Scorer(batch) => Some(batch.model().meaning()),
            Self::Recorded => Some(Meaning::CORRECT),
            Self::Field(_) => None,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Scorer(batch) => batch.model().label(),
            Self::Recorded => "recorded".to_owned(),
            Self::Field(key) => key.clone(),
        }
    }

    /// The form by which a solution is judged where one was chosen for the scorer.
    fn form(&self) -> Option<String> {
        match self {
            Self::Scorer(batch) if batch.model().meaning().outcome => Some("outcome".to_owned()),
            Self::Scorer(batch) => Some(batch.model().meaning().aggregate.name().to_owned()),
            Self::Recorded => None,
            Self::Field(key) => Some(key.clone()),
        }
    }

    /// The scores of a solution by their forms; none where a step has none.
    fn scores(&self, trace: &Trace, solution: &Solution, answers: &Answers) -> BTreeMap<String, f64> {
        match self {
            Self::Scorer(batch) => whole(&answered(trace, &trace.solution_path(solution), answers), &batch.model().meaning()),
            Self::Recorded => {
                let score = |score: Option<f64>| Meaning::CORRECT.score(score?).ok();
                whole(&trace.recorded_scores(solution).into_iter().map(score).collect::<Vec<_>>(), &Meaning::CORRECT)
            }
            Self::Field(key) => {
                let number = solution.extra.get(key).and_then(number).filter(|number| number.is_finite());
                number.map(|number| (key.clone(), number)).into_iter().collect()
            }
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_array()?.last()?.as_f64())
}

/// Runs the command.
pub fn run(args: &BestOfArgs) -> anyhow::Result<ExitCode> {
    let (corpora, left_out) = open_counted(&args.paths, args.reading.format()?)?;
    let no_model = args.recorded || args.field.is_some();
    let kept = if no_model { "no score was computed" } else { args.scorer.cache.kept() };
    let report = until_stopped(measure(args, &corpora), kept)?;
    if args.json {
        out::print_json(&report)?;
    } else {
        out::print(&table(&report))?;
    }
    if report.files.iter().all(|file| file.rows.is_empty()) {
        return Ok(ExitCode::FAILURE);
    }
    let bad: usize = report.files.iter().map(|file| file.bad_records).sum();
    Ok(if args.strict && bad + left_out > 0 { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

async fn measure(args: &BestOfArgs, corpora: &[Corpus]) -> anyhow::Result<Report> {
    let mut judge = match &args.field {
        Some(key) => Judge::Field(key.clone()),
        None if args.recorded => Judge::Recorded,
        None => Judge::Scorer(Box::new(args.scorer.start().await?)),
    };
    let mut files = Vec::new();
    for corpus in corpora {
        files.push(file(corpus, &mut judge).await?);
    }
    Ok(Report { scorer: judge.name(), form: judge.form(), files })
}

async fn file(corpus: &Corpus, judge: &mut Judge) -> anyhow::Result<Measured> {
    let (mut tally, mut bad) = (Tally::default(), BadRecords::default());
    for problem in 0..corpus.problem_count() {
        tokio::task::yield_now().await;
        let view = corpus.problem(problem);
        bad.add(corpus.name(), &view.errors);
        if let Some(trace) = &view.trace {
            tally.trace(trace, judge).await?;
        }
        if let Judge::Scorer(batch) = judge {
            batch.take_notices().into_iter().for_each(out::note);
        }
    }
    let name = eval::name(corpus.name().as_ref());
    if tally.problems.is_empty() && tally.unknown + tally.unscored > 0 {
        let (unknown, unscored) = (tally.unknown, tally.unscored);
        out::note(format_args!(
            "{}: nothing to measure: of {unknown} solutions it is not known whether they are right, {unscored} have no score",
            corpus.name()
        ));
    }
    if tally.most() == 1 {
        out::note(format_args!("{}: no problem has more than one solution to choose from", corpus.name()));
    }
    Ok(tally.measured(name, judge.meaning(), bad.count))
}

/// A problem: its samples, and their scores by form.
type Scored = (Samples, BTreeMap<String, Vec<f64>>);

#[derive(Default)]
struct Tally {
    problems: Vec<Scored>,
    unknown: usize,
    unscored: usize,
}

impl Tally {
    async fn trace(&mut self, trace: &Trace, judge: &mut Judge) -> anyhow::Result<()> {
        let known: Vec<(&Solution, bool)> =
            trace.solutions.iter().filter_map(|solution| Some((solution, answer::is_right(trace, solution)?))).collect();
        self.unknown += trace.solutions.len() - known.len();
        let mut answers = Answers::new();
        if let Judge::Scorer(batch) = judge {
            let wanted = on_solutions(trace, known.iter().map(|(solution, _)| *solution));
            batch.score(trace, &wanted, &mut answers, &mut || ()).await?;
        }
        let (mut right, mut texts, mut forms) = (Vec::new(), Vec::new(), BTreeMap::<String, Vec<f64>>::new());
        for (solution, is_right) in known {
            let scores = judge.scores(trace, solution, &answers);
            if scores.is_empty() {
                self.unscored += 1;
                continue;
            }
            right.push(is_right);
            texts.push(answer::of_solution(trace, solution));
            for (form, score) in scores {
                forms.entry(form).or_default().push(score);
            }
        }
        if !right.is_empty() {
            self.problems.push((Samples { right, answers: numbered(&texts) }, forms));
        }
        Ok(())
    }

    fn most(&self) -> usize {
        self.problems.iter().map(|(samples, _)| samples.right.len()).max().unwrap_or(0)
    }

    fn measured(self, name: String, meaning: Option<Meaning>, bad_records: usize) -> Measured {
        let most = self.most();
        let powers = std::iter::successors(Some(1), |n| Some(2 * n)).take_while(|n| *n < most);
        let rows = powers.chain((most > 0).then_some(most)).map(|n| row(n, &self.problems, meaning.as_ref())).collect();
        let solutions = self.problems.iter().map(|(samples, _)| samples.right.len()).sum();
        let Self { problems, unknown, unscored } = self;
        Measured { name, problems: problems.len(), solutions, unknown, unscored, bad_records, rows }
    }
}

/// The answers as numbers of groups of equal ones.
fn numbered(texts: &[Option<&str>]) -> Vec<Option<usize>> {
    let mut numbers = vec![None; texts.len()];
    for (number, group) in answer::alike(texts).into_iter().enumerate() {
        for at in group {
            numbers[at] = Some(number);
        }
    }
    numbers
}

/// The figure of a problem by a form and its scores.
type ByForm<'a> = dyn Fn(&str, &Samples, &[f64]) -> Option<f64> + 'a;

fn row(n: usize, problems: &[Scored], meaning: Option<&Meaning>) -> Row {
    let there: Vec<&Scored> = problems.iter().filter(|(samples, _)| samples.right.len() >= n).collect();
    let over = |value: &dyn Fn(&Samples) -> f64| Share::of(&there.iter().map(|(samples, _)| value(samples)).collect::<Vec<_>>());
    let forms: Vec<&String> = there.first().map(|(_, forms)| forms.keys().collect()).unwrap_or_default();
    // A form that says nothing of some problem has no figure.
    let by = |value: &ByForm<'_>| {
        let each =
            |form: &str| there.iter().map(|(samples, all)| value(form, samples, all.get(form)?)).collect::<Option<Vec<_>>>();
        forms.iter().filter_map(|form| Some(((*form).clone(), Share::of(&each(form)?)))).collect::<BTreeMap<_, _>>()
    };
    let weights = |form: &str, scores: &[f64]| {
        let form = Aggregate::by_name(form);
        scores.iter().map(|score| meaning?.weight(form, *score)).collect::<Option<Vec<f64>>>()
    };
    Row {
        n,
        problems: there.len(),
        chance: over(&Samples::chance),
        any: over(&|samples| samples.any(n)),
        vote: over(&|samples| samples.vote(None, n)),
        best: by(&|_, samples, scores| Some(samples.best(scores, n))),
        weighted: by(&|form, samples, scores| Some(samples.vote(Some(&weights(form, scores)?), n))),
    }
}

/// The report for people.
fn table(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}: share of problems that come out right, in percent", escaped(&report.scorer));
    for file in &report.files {
        let Measured { name, problems, solutions, unknown, unscored, rows, .. } = file;
        let _ = write!(text, "\n{}: {problems} problems, {solutions} solutions", escaped(name));
        let left_out = [(unknown, "of unknown outcome"), (unscored, "without a score")];
        for (count, what) in left_out.iter().filter(|(count, _)| **count > 0) {
            let _ = write!(text, ", {count} {what} left out");
        }
        text.push('\n');
        let Some(last) = rows.last() else { continue };
        let forms: Vec<&String> = last.best.keys().collect();
        let form = report.form.as_ref().or(forms.first().copied());
        let _ = write!(text, "{:>6} {:>8} {:>7} {:>7} {:>7}", "n", "problems", "chance", "pass@n", "vote");
        let weighted = form.filter(|form| last.weighted.contains_key(*form));
        if weighted.is_some() {
            let _ = write!(text, " {:>9}", "weighted");
        }
        let shown: Vec<_> = forms.iter().map(|form| escaped(form)).collect();
        let widths: Vec<usize> = shown.iter().map(|form| form.chars().count().max(8)).collect();
        for (form, width) in shown.iter().zip(&widths) {
            let _ = write!(text, " {form:>width$}");
        }
        let _ = writeln!(text, "  95 % of {}", escaped(form.map_or("", String::as_str)));
        for row in rows {
            let _ = write!(
                text,
                "{:>6} {:>8} {:>7.1} {:>7.1} {:>7.1}",
                row.n, row.problems, row.chance.share, row.any.share, row.vote.share
            );
            if let Some(weighted) = weighted.and_then(|form| row.weighted.get(form)) {
                let _ = write!(text, " {:>9.1}", weighted.share);
            }
            for (form, width) in forms.iter().zip(&widths) {
                let _ = write!(text, " {:>width$.1}", row.best.get(*form).map_or(0.0, |share| share.share));
            }
            let _ = writeln!(text, "  {}", eval_out::span(form.and_then(|form| row.best.get(form)?.interval)));
        }
    }
    text
}
