//! Steps that are compared without a terminal: the same steps, measures and groups as on the screen.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::out;
use super::queue::{Place, Questions};
use super::scorer::ScorerArgs;
use crate::analysis::likeness::{Ask, Found, Group, Measure};
use crate::app::items::ItemId;
use crate::app::likeness::{Answered, Row, Steps, Work};
use crate::corpus::Corpus;
use crate::query::FirstWrong;
use crate::scoring::WorkerSpec;
use crate::scoring::batch::{Answers, Batch};
use crate::scoring::request::on_solutions;
use crate::scoring::vectors::Vectors;
use crate::trace::RecordKey;

/// How likeness is measured.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct MeasureChoice {
    /// Measure how alike steps are by vectors of the decoder in this folder (`embedded:decoder`: the built-in one) [default: by their words]
    #[arg(long, value_name = "DIR")]
    pub vectors: Option<PathBuf>,
}

/// Where a solution stands.
pub(super) fn place(corpora: &[Corpus], row: &Row) -> Place {
    let file = corpora.get(row.item.file).map_or_else(String::new, |corpus| corpus.name().to_owned());
    (file, row.item.problem, row.solution)
}

impl MeasureChoice {
    /// Groups of these steps, and what they were measured by.
    pub(super) async fn groups(
        &self,
        steps: &Steps,
        count: Option<usize>,
        scorer: &ScorerArgs,
    ) -> anyhow::Result<(String, Vec<Group>)> {
        let Answered { by, found } = self.answer(Ask::Groups(count), steps, scorer).await?;
        Ok((by, if let Found::Groups(groups) = found { groups } else { Vec::new() }))
    }

    /// How much solutions have a step like this one.
    pub(super) async fn alike(
        &self,
        like: &str,
        questions: &Questions,
        corpora: &[Corpus],
        scorer: &ScorerArgs,
    ) -> anyhow::Result<HashMap<Place, f64>> {
        let mut steps = Steps::default();
        for (item, corpus) in problems(corpora) {
            if steps.is_full() {
                steps.left_out.problems += 1;
            } else if let Some(trace) = questions.cut(&corpus.problem(item.problem)) {
                steps.all_of(item, &trace);
            }
        }
        if steps.left_out.problems > 0 {
            out::note(format_args!("stepscope: {}", steps.missing()));
        }
        let Answered { found, .. } = self.answer(Ask::Like(like.to_owned()), &steps, scorer).await?;
        let Found::Like(numbers) = found else { return Ok(HashMap::new()) };
        Ok(steps.rows.iter().filter_map(|row| Some((place(corpora, row), row.alike(&numbers)?))).collect())
    }

    async fn answer(&self, ask: Ask, steps: &Steps, scorer: &ScorerArgs) -> anyhow::Result<Answered> {
        let work = Work { ask, texts: steps.texts.clone() };
        let none = || anyhow::anyhow!("the comparing was stopped");
        let Some(place) = &self.vectors else {
            let found = work.answer(Measure::Words, &|| false).ok_or_else(none)?;
            return Ok(Answered { by: "words".to_owned(), found });
        };
        let spec = WorkerSpec::vectors(place).context("finding the own program file")?;
        let mut process = Vectors::start(&spec, scorer.cache.open()?).await?;
        process.take_notice().into_iter().for_each(out::note);
        let texts = work.texts();
        let read = work.ask.read(&texts);
        let bar = ProgressBar::with_draw_target(Some(read.len() as u64), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} vectors, {eta} left");
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let vectors = process.of(&read, &mut |done| bar.set_position(done as u64)).await?;
        bar.finish_and_clear();
        let without = vectors.iter().filter(|vector| vector.is_none()).count();
        if without > 0 {
            out::note(format_args!("stepscope: {without} steps have no vector: too long, or without a token"));
        }
        let found = work.answer(Measure::Vectors(&vectors), &|| false).ok_or_else(none)?;
        Ok(Answered { by: process.name().to_owned(), found })
    }
}

fn problems(corpora: &[Corpus]) -> impl Iterator<Item = (ItemId, &Corpus)> {
    let of = |(file, corpus): (usize, &'_ Corpus)| (0..corpus.problem_count()).map(move |problem| ItemId { file, problem });
    corpora.iter().enumerate().flat_map(move |(file, corpus)| of((file, corpus)).map(move |item| (item, corpus)))
}

/// The groups of the wrong steps that labels name, by solution: no model is asked.
pub(super) fn labelled_groups(questions: &Questions, corpora: &[Corpus], count: usize) -> HashMap<RecordKey, usize> {
    let (mut steps, mut keys) = (Steps::default(), HashMap::new());
    for (item, corpus) in problems(corpora) {
        let view = corpus.problem(item.problem);
        let Some((source, trace)) = view.trace.as_ref().zip(questions.cut(&view)).filter(|_| !steps.is_full()) else { continue };
        steps.wrong_of(item, &trace, &questions.first_wrong(&trace, &Answers::new(), None), |_| false);
        let leaves = source.solutions.iter().map(|solution| solution.leaf).enumerate();
        keys.extend(leaves.map(|(solution, leaf)| ((item, solution), source.record_key(leaf))));
    }
    let work = Work { ask: Ask::Groups(Some(count)), texts: steps.texts.clone() };
    let Some(Found::Groups(groups)) = work.answer(Measure::Words, &|| false) else { return HashMap::new() };
    let numbered = groups.iter().zip(1..).flat_map(|(group, number)| group.members.iter().map(move |&row| (row, number)));
    let of = |(row, number): (usize, usize)| {
        let row = steps.rows.get(row)?;
        Some((*keys.get(&(row.item, row.solution))?, number))
    };
    numbered.filter_map(of).collect()
}

/// The wrong step of each solution. Where labels do not say which that is, the scorer is started and asked; and, where they say that nothing is
/// wrong, which steps have the lowest scores.
pub(super) async fn wrong_steps(
    questions: &Questions,
    corpora: &[Corpus],
    scorer: &ScorerArgs,
    batch: &mut Option<Box<Batch>>,
) -> anyhow::Result<Steps> {
    let unknown = |first: &FirstWrong| *first == FirstWrong::Unknown;
    let mut steps = look(questions, corpora, scorer, batch, &unknown).await?;
    if steps.rows.is_empty() && steps.left_out.right > 0 {
        let lowest = |first: &FirstWrong| unknown(first) || matches!(first, FirstWrong::Nowhere(None, _));
        steps = look(questions, corpora, scorer, batch, &lowest).await?;
    }
    steps.end();
    Ok(steps)
}

/// Looks at all problems; those with a solution of which it is `open` what it is are scored first.
async fn look(
    questions: &Questions,
    corpora: &[Corpus],
    scorer: &ScorerArgs,
    batch: &mut Option<Box<Batch>>,
    open: &dyn Fn(&FirstWrong) -> bool,
) -> anyhow::Result<Steps> {
    let mut steps = Steps::default();
    for (item, corpus) in problems(corpora) {
        tokio::task::yield_now().await;
        if steps.is_full() {
            steps.left_out.problems += 1;
            continue;
        }
        let view = corpus.problem(item.problem);
        let Some(trace) = questions.cut(&view) else { continue };
        let mut first = questions.first_wrong(&trace, &Answers::new(), None);
        if first.iter().any(open) {
            if batch.is_none() {
                *batch = Some(Box::new(scorer.start().await?));
            }
            let Some(batch) = batch.as_mut() else { continue };
            let mut answers = Answers::new();
            batch.score(&trace, &on_solutions(&trace, trace.solutions.iter()), &mut answers, &mut || ()).await?;
            batch.take_notices().into_iter().for_each(out::note);
            first = questions.first_wrong(&trace, &answers, Some(batch));
        }
        steps.wrong_of(item, &trace, &first, |_| false);
    }
    Ok(steps)
}
