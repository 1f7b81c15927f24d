//! What a process reward model says of the steps: the one that runs, one whose scores were brought along in a score file, or one whose
//! scores the file of the traces records.

use std::collections::HashMap;

use super::path::Outlook;
use super::stamped::Stamped;
use crate::analysis::aggregate::Aggregate;
use crate::analysis::decide::{Decision, decide, first_error_odds};
use crate::analysis::meaning::{Meaning, ScoreRule};
use crate::query::{Opinion, Ruler};
use crate::scoring::WorkerModel;
use crate::trace::{FirstError, NodeId, Rationale, Semantics, StepKey, StepScore, Trace};

/// The scorer of the scores that stand in the files of traces themselves.
pub const FILE: &str = "file";

/// Scores and how they are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Judge {
    /// The scorer, as score files name it; `None` for the model that runs.
    pub scorer: Option<String>,
    /// Known scores.
    pub scores: Stamped<HashMap<StepKey, StepScore>>,
    /// Steps that cannot be scored, with the reason.
    pub refused: HashMap<StepKey, String>,
    /// What the model gives beside the scores.
    pub rationales: HashMap<StepKey, Rationale>,
    /// The model, once it has been loaded.
    pub model: Option<WorkerModel>,
    /// Scores of whole solutions, by the key of their last step, from a model that judges no steps.
    pub outcomes: HashMap<StepKey, StepScore>,
    /// What the scores mean.
    pub meaning: Meaning,
    /// How they become one score of a solution.
    pub aggregate: Aggregate,
    /// A step with a lower score is suspect.
    pub threshold: f64,
    /// How the first error of a whole solution is predicted.
    pub decision: Decision,
}

impl Default for Judge {
    fn default() -> Self {
        Self {
            scorer: None,
            scores: Stamped::default(),
            refused: HashMap::new(),
            rationales: HashMap::new(),
            model: None,
            outcomes: HashMap::new(),
            meaning: Meaning::CORRECT,
            aggregate: Aggregate::Min,
            threshold: 0.5,
            decision: Decision::FirstBelow(0.5),
        }
    }
}

impl Judge {
    /// Scores that were brought along.
    pub fn recorded(name: String, rule: &ScoreRule, scores: HashMap<StepKey, StepScore>) -> Self {
        let (meaning, decision) = (rule.meaning(), rule.decision());
        let Meaning { threshold, aggregate, .. } = meaning;
        let mut judge = Self { scorer: Some(name), meaning, aggregate, threshold, decision, ..Self::default() };
        judge.add(scores);
        judge
    }

    /// Scores that files record. Of them nothing is known but that they lie in `0..=1`.
    pub fn of_files(scores: impl IntoIterator<Item = (StepKey, StepScore)>) -> Self {
        let mut judge = Self::recorded(FILE.to_owned(), &ScoreRule::usual(Semantics::Correctness), HashMap::new());
        judge.read(scores);
        judge
    }

    /// Takes in scores that a file records. Where it says two things of one step, the first one stands.
    pub(super) fn read(&mut self, scores: impl IntoIterator<Item = (StepKey, StepScore)>) {
        for (key, score) in scores {
            self.scores.entry(key).or_insert(score);
        }
    }

    /// How the scores are read, for a file.
    pub fn rule(&self) -> ScoreRule {
        let posterior = match self.decision {
            Decision::Posterior { tau } => Some(tau),
            Decision::FirstBelow(_) => None,
        };
        let Meaning { semantics, threshold, .. } = self.meaning;
        ScoreRule { semantics, threshold: Some(threshold), posterior, scale: self.meaning.scale() }
    }

    /// The model that gives the scores is this one.
    pub(super) fn is(&mut self, model: WorkerModel) {
        self.threshold = model.threshold;
        self.decision = model.decision();
        self.meaning = model.meaning();
        self.aggregate = self.meaning.aggregate;
        self.model = Some(model);
    }

    /// A step has no score, for this reason. That an outcome model judges no steps is no news at each of them.
    pub(super) fn refuse(&mut self, key: StepKey, reason: String) {
        if !self.meaning.outcome {
            self.refused.insert(key, reason);
        }
    }

    /// Nothing that was said holds any longer.
    pub(super) fn forget(&mut self) {
        self.scores.clear();
        self.outcomes.clear();
        self.refused.clear();
        self.rationales.clear();
        self.model = None;
    }

    /// Name for people.
    pub fn name(&self) -> &str {
        let recorded = self.scorer.as_deref().map(|scorer| scorer.split('@').next().unwrap_or(scorer));
        recorded.or(self.model.as_ref().map(|model| model.name.as_str())).unwrap_or("no model")
    }

    /// Identity of the model, as label events name it.
    pub fn key(&self) -> Option<&str> {
        self.scorer.as_deref().or(self.model.as_ref().map(|model| model.key.as_str()))
    }

    /// It has a score of some of these steps.
    pub fn knows(&self, trace: &Trace, path: &[NodeId]) -> bool {
        path.iter().any(|id| self.scores.contains_key(&trace.node(*id).key))
    }

    /// What it says of a solution, its scores as places between wrong and right.
    pub fn opinion(&self, trace: &Trace, path: &[NodeId]) -> Opinion {
        let scores = self.along(trace, path);
        let first_error = decide(&scores, self.decision);
        Opinion { scores: scores.into_iter().map(|score| score.map(|score| self.place(score))).collect(), first_error }
    }

    /// Takes in scores that were known already.
    pub fn add(&mut self, scores: impl IntoIterator<Item = (StepKey, StepScore)>) {
        if self.meaning.outcome {
            self.outcomes.extend(scores);
        } else {
            self.scores.extend(scores);
        }
    }

    /// The score that the model gave at this step: of the step, or of the solution that ends with it.
    pub fn known(&self, key: StepKey) -> Option<StepScore> {
        if self.meaning.outcome { self.outcomes.get(&key).copied() } else { self.scores.get(&key).copied() }
    }

    /// How the scores are read.
    pub fn ruler(&self) -> Ruler {
        let Self { meaning, aggregate, threshold, decision, .. } = *self;
        Ruler { meaning, aggregate, threshold, decision }
    }

    /// Where a score stands between wrong (0) and right (1).
    pub fn place(&self, score: f64) -> f64 {
        self.meaning.position(score)
    }

    /// The scores of a solution by every form that has sense; nothing before its last step is scored.
    pub fn solution_scores(&self, trace: &Trace, path: &[NodeId]) -> Vec<(Aggregate, f64)> {
        let scores: Option<Vec<StepScore>> = path.iter().map(|id| self.scores.get(&trace.node(*id).key).copied()).collect();
        scores.and_then(|scores| self.meaning.side_by_side(&scores).ok()).unwrap_or_default()
    }

    /// The score of a solution: that of an outcome model, else the steps put together in the chosen way.
    pub fn solution_score(&self, trace: &Trace, path: &[NodeId]) -> Option<f64> {
        let outcome = path.last().and_then(|id| self.outcomes.get(&trace.node(*id).key));
        let all = || self.solution_scores(trace, path).into_iter().find(|(form, _)| *form == self.aggregate);
        outcome.map(|score| score.value()).or_else(|| all().map(|(_, score)| score))
    }

    /// What the scores of these steps say of the solution; unknown as long as a score is missing that may decide it.
    pub fn verdict(&self, trace: &Trace, path: &[NodeId]) -> FirstError {
        decide(&self.along(trace, path), self.decision)
    }

    /// The predicted first error of these steps, as an index from 0.
    pub fn first_error(&self, trace: &Trace, path: &[NodeId]) -> Option<usize> {
        step_of(self.verdict(trace, path))
    }

    /// All of it together.
    pub fn outlook(&self, trace: &Trace, path: &[NodeId]) -> Outlook {
        let scores = self.along(trace, path);
        Outlook {
            first_error: step_of(decide(&scores, self.decision)),
            suspects: self.suspects(&scores),
            forms: self.solution_scores(trace, path),
            scores,
        }
    }

    /// The scores of these steps.
    fn along(&self, trace: &Trace, path: &[NodeId]) -> Vec<Option<f64>> {
        path.iter().map(|id| self.scores.get(&trace.node(*id).key).map(|score| score.value())).collect()
    }

    /// The steps, the one that is most likely wrong first before the others, whether or not the scores say that anything is wrong.
    fn suspects(&self, scores: &[Option<f64>]) -> Vec<usize> {
        let suspicion = match self.decision {
            Decision::Posterior { .. } => first_error_odds(scores),
            Decision::FirstBelow(_) => scores.iter().map(|score| score.map(|score| -score)).collect(),
        };
        let mut steps: Vec<(usize, f64)> =
            suspicion.into_iter().enumerate().filter_map(|(step, suspicion)| Some((step, suspicion?))).collect();
        steps.sort_by(|a, b| b.1.total_cmp(&a.1));
        steps.into_iter().map(|(step, _)| step).collect()
    }
}

/// The step of a first error.
fn step_of(verdict: FirstError) -> Option<usize> {
    match verdict {
        FirstError::At(step) => Some(step),
        FirstError::NoError | FirstError::Unknown | FirstError::Unlabelable => None,
    }
}

/// The scores that the file of a trace records of its steps; more than one of a step where solutions that share it have scores of their own.
pub fn recorded_scores(trace: &Trace) -> Vec<(StepKey, StepScore)> {
    let score =
        |(id, score): (NodeId, Option<f64>)| Some((trace.node(id).key, StepScore::new(score?, Semantics::Correctness).ok()?));
    let own = trace.solutions.iter().filter(|solution| !solution.scores.is_empty());
    let own = own.flat_map(|solution| trace.solution_path(solution).into_iter().zip(trace.recorded_scores(solution)));
    own.chain(trace.steps().map(|id| (id, trace.node(id).stats.prm))).filter_map(score).collect()
}
