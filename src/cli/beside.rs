//! `--beside FILE`: scores of other models, from files that `stepscope score -o` wrote, to be seen beside those of the model that runs.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::score_out::ScoredSolution;
use super::scorer::shown;
use crate::analysis::meaning::ScoreRule;
use crate::app::judge::Judge;
use crate::trace::{StepKey, StepScore};

/// Models that can be told apart by a letter and have a column each.
const MOST: usize = 8;

/// Which other models are seen.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Beside {
    /// Scores of another model, from `stepscope score -o FILE`, beside those of the one that runs; may be given several times
    #[arg(long, value_name = "FILE")]
    pub beside: Vec<PathBuf>,
}

impl Beside {
    /// One judge for each scorer of each file, in the order in which they come.
    pub fn judges(&self) -> anyhow::Result<Vec<Judge>> {
        let mut judges: Vec<Recorded> = Vec::new();
        for path in &self.beside {
            read(path, &mut judges)?;
        }
        if judges.len() > MOST {
            bail!("--beside: {} scorers; at most {MOST} can be seen beside one another", judges.len());
        }
        Ok(judges.into_iter().map(|(scorer, rule, scores)| Judge::recorded(scorer, &rule, scores)).collect())
    }
}

/// A scorer, how its scores are read, and the scores.
type Recorded = (String, ScoreRule, HashMap<StepKey, StepScore>);

fn read(path: &Path, judges: &mut Vec<Recorded>) -> anyhow::Result<()> {
    let file = File::open(path).with_context(|| format!("opening {}", shown(path)))?;
    let mut lines = BufReader::with_capacity(1 << 20, file).split(b'\n').enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let line = line.with_context(|| shown(path))?;
        let solution: ScoredSolution = match serde_json::from_slice(&line) {
            Ok(solution) => solution,
            // Half a line at the end is what a run left that goes on, or was killed.
            Err(error) if error.is_eof() && lines.peek().is_none() => break,
            Err(_) => bail!("{}, line {}: expected a line of `stepscope score -o`, found something else", shown(path), index + 1),
        };
        let at = judges.iter().position(|(scorer, ..)| *scorer == solution.scorer).unwrap_or_else(|| {
            judges.push((solution.scorer.clone(), solution.rule(), HashMap::new()));
            judges.len() - 1
        });
        let meaning = judges[at].1.meaning();
        for step in solution.steps {
            let score = step.score.and_then(|score| meaning.score(score).ok());
            judges[at].2.extend(score.map(|score| (step.step_key, score)));
        }
    }
    Ok(())
}
