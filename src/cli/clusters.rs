//! `stepscope clusters`: which kinds of mistakes files hold, without a terminal.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::compared::{MeasureChoice, place, wrong_steps};
use super::queue::Questions;
use super::reading::Reading;
use super::scorer::{ScorerArgs, open, until_stopped};
use super::{StoreChoice, With, out};
use crate::analysis::clusters::MOST;
use crate::analysis::likeness::Group;
use crate::app::likeness::{Row, Steps};
use crate::corpus::{Corpus, escaped};

/// Group steps that go wrong alike
///
/// The first wrong step of each solution (by your label, else the file's, else as the scores
/// predict it; where nothing is wrong, the step with the lowest score) is put into a group with
/// those that are like it: by their words, or with --vectors by the states of a decoder. The same
/// input always gives the same groups. Writes a few lines a group, the largest group first, or
/// with --json one object a line:
///
///   {"cluster","size","share","said":{"own","file","scores"},"tightness","words":[..],
///    "by","medoid":{"file","problem","solution","step","text"},
///    "members":[{"file","problem","solution","step"},..]}
///
/// `problem`, `solution` and `step` count from 1; `said` counts who named the steps wrong;
/// `tightness` is the mean cosine to the middle of the group, from 0 to 1; `medoid` is the step
/// nearest to it. `stepscope queue FILE --clusters K --filter 'cluster == 3'` lists the solutions
/// of a group. What stands in no group is counted on standard error.
#[derive(Debug, Clone, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct ClustersArgs {
    /// Files of traces
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// At most so many groups [default: the square root of half the number of steps, at most 12]
    #[arg(long, value_name = "K", value_parser = count)]
    pub clusters: Option<usize>,
    /// How likeness is measured
    #[command(flatten)]
    pub measure: MeasureChoice,
    /// Which scorer to use where labels do not say which step is wrong.
    #[command(flatten)]
    pub scorer: ScorerArgs,
    /// Whose labels count as one's own
    #[command(flatten)]
    pub store: StoreChoice,
    /// Whose labels are read beside one's own
    #[command(flatten)]
    pub with: With,
    /// How the files are read
    #[command(flatten)]
    pub reading: Reading,
    /// Write JSON, one object a line
    #[arg(long)]
    pub json: bool,
}

/// A number of groups.
pub(super) fn count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| (1..=MOST).contains(count)).ok_or_else(|| format!("a number from 1 to {MOST}"))
}

#[derive(Debug, Serialize)]
struct At {
    file: String,
    problem: usize,
    solution: usize,
    step: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

#[derive(Debug, Serialize)]
struct Said {
    own: usize,
    file: usize,
    scores: usize,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    cluster: usize,
    size: usize,
    share: f64,
    said: Said,
    tightness: f64,
    words: &'a [String],
    by: &'a str,
    medoid: At,
    members: Vec<At>,
}

/// Runs the command.
pub fn run(args: &ClustersArgs) -> anyhow::Result<ExitCode> {
    let (questions, _) = Questions::of(&args.paths, &args.store, &args.with)?;
    let corpora = open(&args.paths, args.reading.format()?)?;
    let grouped = async {
        let steps = wrong_steps(&questions, &corpora, &args.scorer, &mut None).await?;
        let (by, groups) = args.measure.groups(&steps, args.clusters, &args.scorer).await?;
        Ok((steps, by, groups))
    };
    let (steps, by, groups) = until_stopped(grouped, args.scorer.cache.kept())?;
    for (group, number) in groups.iter().zip(1..) {
        let line = line(&corpora, &steps, &by, group, number);
        if args.json {
            out::print(&out::json_line(&line)?)?;
        } else {
            out::print_safe(&line.lines())?;
        }
    }
    let sources = if steps.rows.is_empty() { "no step is known to be wrong".to_owned() } else { steps.sources() };
    let missing = steps.missing();
    let missing = if missing.is_empty() { missing } else { format!("; not in it: {missing}") };
    out::note(format_args!("stepscope: {} steps by {by}: {sources}{missing}", steps.rows.len()));
    Ok(ExitCode::SUCCESS)
}

fn at(corpora: &[Corpus], row: &Row, text: Option<String>) -> At {
    let (file, problem, solution) = place(corpora, row);
    let step = row.wrong.map_or(0, |(step, _)| step + 1);
    At { file, problem: problem + 1, solution: solution + 1, step, text }
}

fn line<'a>(corpora: &[Corpus], steps: &Steps, by: &'a str, group: &'a Group, number: usize) -> Line<'a> {
    let [own, file, scores] = steps.said(group.members.iter().copied());
    let medoid = &steps.rows[group.medoid];
    let text = medoid.texts.first().and_then(|&text| steps.texts.get(text)).cloned();
    Line {
        cluster: number,
        size: group.members.len(),
        share: group.members.len() as f64 / steps.rows.len().max(1) as f64,
        said: Said { own, file, scores },
        tightness: group.tightness,
        words: &group.words,
        by,
        medoid: at(corpora, medoid, Some(text.unwrap_or_default())),
        members: group.members.iter().map(|&row| at(corpora, &steps.rows[row], None)).collect(),
    }
}

impl Line<'_> {
    /// For people: the words, and the typical step on one line.
    fn lines(&self) -> String {
        /// Characters of the typical step.
        const SHOWN: usize = 200;
        let At { file, problem, solution, step, text } = &self.medoid;
        let file = escaped(file);
        let text = text.as_deref().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        let shown: String = text.chars().take(SHOWN).collect();
        let more = if shown.len() < text.len() { "..." } else { "" };
        let (share, words) = (100.0 * self.share, self.words.join(", "));
        format!(
            "{:>3}  {:>5} {share:>4.0}%  {words}\n                 {file}:{problem}.{solution} step {step}: {shown}{more}\n",
            self.cluster, self.size
        )
    }
}
