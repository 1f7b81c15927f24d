//! What the scores of a model mean: scores of different meaning are never averaged, compared or coloured alike.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::aggregate::Aggregate;
use super::decide::Decision;
use crate::trace::{ScoreError, Semantics, StepScore};

/// What a model's numbers mean and how its authors use them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Meaning {
    /// What a score is.
    pub semantics: Semantics,
    /// The closed range of the scores; infinite where it is open.
    #[serde(serialize_with = "open_range")]
    pub range: (f64, f64),
    /// A step with a score below it counts as wrong.
    pub threshold: f64,
    /// How the authors make one score of a solution.
    pub aggregate: Aggregate,
    /// The model judges whole solutions, no steps.
    pub outcome: bool,
    /// For an open range: how far from the threshold a score is clearly on one side of it.
    pub spread: f64,
}

/// Scores of two meanings were to be put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("scores of different meaning are never put together: {0} and {1}")]
pub struct Unlike(Semantics, Semantics);

/// The parts of a [`Meaning`] that a scorer may leave out.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Scale {
    /// The closed range of the scores, null for an open end; that of the semantics when left out.
    pub range: Option<(Option<f64>, Option<f64>)>,
    /// How its authors make one score of a solution; the lowest step when left out.
    pub aggregate: Option<Aggregate>,
    /// The model judges whole solutions, no steps.
    pub outcome: bool,
    /// For an open range: how far from the threshold a score is clearly on one side of it; 1 when left out.
    pub spread: Option<f64>,
}

impl Scale {
    /// Whether everything is left out.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// The whole meaning.
    pub fn meaning(&self, semantics: Semantics, threshold: f64) -> Meaning {
        let range =
            self.range.map_or(semantics.range(), |(low, high)| (low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY)));
        let (aggregate, spread) = (self.aggregate.unwrap_or(Aggregate::Min), self.spread.unwrap_or(1.0));
        Meaning { semantics, range, threshold, aggregate, outcome: self.outcome, spread }
    }
}

/// How scores are read that stand in a file: what they mean, and how they judge a solution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreRule {
    /// What a score is.
    pub semantics: Semantics,
    /// A step with a lower score is suspect; the usual one of the semantics when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// When given, solutions are judged by the first-error posterior with this tau ([`Decision::Posterior`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posterior: Option<f64>,
    /// Range, aggregation and the like.
    #[serde(default, skip_serializing_if = "Scale::is_usual")]
    pub scale: Scale,
}

impl ScoreRule {
    /// All that is known is what a score is: chances are parted in the middle, everything else at 0.
    pub fn usual(semantics: Semantics) -> Self {
        Self { semantics, threshold: None, posterior: None, scale: Scale::default() }
    }

    /// What the scores mean.
    pub fn meaning(&self) -> Meaning {
        let usual = match self.semantics {
            Semantics::Correctness | Semantics::Value => 0.5,
            Semantics::Advantage | Semantics::LogRatio => 0.0,
        };
        self.scale.meaning(self.semantics, self.threshold.unwrap_or(usual))
    }

    /// How whole solutions are judged.
    pub fn decision(&self) -> Decision {
        self.posterior.map_or(Decision::FirstBelow(self.meaning().threshold), |tau| Decision::Posterior { tau })
    }
}

impl Meaning {
    /// P(step correct), an error below 0.5, a solution as good as its worst step.
    pub const CORRECT: Self = Self {
        semantics: Semantics::Correctness,
        range: (0.0, 1.0),
        threshold: 0.5,
        aggregate: Aggregate::Min,
        outcome: false,
        spread: 1.0,
    };
    /// The chance that a rollout from here ends well.
    pub const VALUE: Self = Self { semantics: Semantics::Value, ..Self::CORRECT };

    /// The same with another solution score.
    #[must_use]
    pub const fn by(self, aggregate: Aggregate) -> Self {
        Self { aggregate, ..self }
    }

    /// The same on another scale.
    #[must_use]
    pub const fn within(self, low: f64, high: f64, threshold: f64) -> Self {
        Self { range: (low, high), threshold, ..self }
    }

    /// The same without borders.
    #[must_use]
    pub const fn open(self, threshold: f64, spread: f64) -> Self {
        Self { spread, ..self.within(f64::NEG_INFINITY, f64::INFINITY, threshold) }
    }

    /// What a scorer has to say beside semantics and threshold.
    pub fn scale(&self) -> Scale {
        let end = |x: f64| Some(x).filter(|x| x.is_finite());
        let range = (self.range != self.semantics.range()).then(|| (end(self.range.0), end(self.range.1)));
        Scale {
            range,
            aggregate: Some(self.aggregate).filter(|a| *a != Aggregate::Min),
            outcome: self.outcome,
            spread: Some(self.spread).filter(|s| s.total_cmp(&1.0).is_ne()),
        }
    }

    /// The scores say how likely something is: that a step is right, or that a solution ends well.
    pub const fn is_chance(&self) -> bool {
        matches!(self.semantics, Semantics::Correctness | Semantics::Value)
    }

    /// Both ends of the range are finite.
    pub fn is_closed(&self) -> bool {
        self.range.0.is_finite() && self.range.1.is_finite()
    }

    /// A number of the model as a score; refuses NaN, infinities and numbers out of range.
    pub fn score(&self, value: f64) -> Result<StepScore, ScoreError> {
        StepScore::within(value, self.semantics, self.range)
    }

    /// Where a score stands between wrong (0) and right (1), for colours and bars: a closed range is stretched, an open one goes through
    /// the logistic function around the threshold.
    pub fn position(&self, value: f64) -> f64 {
        let (low, high) = self.range;
        if self.is_closed() { (value - low) / (high - low) } else { 1.0 / (1.0 + ((self.threshold - value) / self.spread).exp()) }
    }

    /// Where a scale begins on which thresholds are moved, and how far apart its notches are: a twentieth of a closed range, a fifth of the
    /// spread around the authors' threshold in an open one, where that is a twentieth of what colours tell apart. Both are finite.
    pub fn notches(&self) -> (f64, f64) {
        let (low, high) = self.range;
        if self.is_closed() { (low, (high - low) / 20.0) } else { (self.threshold, self.spread / 5.0) }
    }

    /// The solution score by some form of scores of this meaning; `None` where the form has no sense or there is no step. Scores of another
    /// meaning are refused: their mean would mean nothing.
    pub fn solution(&self, form: Aggregate, scores: &[StepScore]) -> Result<Option<f64>, Unlike> {
        match scores.iter().find(|score| score.semantics() != self.semantics) {
            Some(other) => Err(Unlike(self.semantics, other.semantics())),
            None => Ok(self.aggregate(form, &scores.iter().map(|score| score.value()).collect::<Vec<_>>())),
        }
    }

    /// The forms that have sense; at least three.
    pub fn forms(&self) -> impl Iterator<Item = Aggregate> + use<'_> {
        Aggregate::ALL.into_iter().filter(|form| self.aggregate(*form, &[self.threshold]).is_some())
    }

    /// What a solution score of some form weighs beside others, `0..=1` from certainly wrong to certainly right; `None` where the range is
    /// open, so that nothing says how much more one score is than another. An outcome has no form.
    pub fn weight(&self, form: Option<Aggregate>, score: f64) -> Option<f64> {
        let weight = match form {
            // These are made of places in the range.
            Some(Aggregate::Product | Aggregate::GeometricMean) => score,
            Some(Aggregate::SoftMin) => f64::midpoint(score, 1.0),
            None | Some(Aggregate::Min | Aggregate::Last | Aggregate::Mean) => self.position(score),
            Some(Aggregate::Sum) => return None,
        };
        self.is_closed().then(|| weight.clamp(0.0, 1.0))
    }

    /// The solution scores by every form that has sense.
    pub fn side_by_side(&self, scores: &[StepScore]) -> Result<Vec<(Aggregate, f64)>, Unlike> {
        let mut all = Vec::new();
        for form in Aggregate::ALL {
            all.extend(self.solution(form, scores)?.map(|score| (form, score)));
        }
        Ok(all)
    }

    /// The solution score by some form, in the authors' numbers. Forms that multiply or weigh rewards need numbers in `0..=1` and
    /// take the place of each score in a closed range; an open range has none of them. Only open ranges have a sum.
    fn aggregate(&self, form: Aggregate, scores: &[f64]) -> Option<f64> {
        let closed = self.is_closed();
        match form {
            Aggregate::Min | Aggregate::Last | Aggregate::Mean => form.of(scores),
            Aggregate::Sum if !closed => form.of(scores),
            Aggregate::Sum => None,
            Aggregate::Product | Aggregate::GeometricMean | Aggregate::SoftMin if !closed => None,
            _ => form.of(&scores.iter().map(|s| self.position(*s)).collect::<Vec<_>>()),
        }
    }
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.range;
        let range = match (low.is_finite(), high.is_finite()) {
            (true, true) => format!("{low}..{high}"),
            _ => "any number".to_owned(),
        };
        if self.outcome {
            return write!(f, "{} of a solution, {range}", self.semantics);
        }
        let threshold = (self.threshold * 1e3).round() / 1e3;
        write!(f, "{}, {range}, an error below {threshold}, solution: {}", self.semantics, self.aggregate.name())
    }
}

fn open_range<S: serde::Serializer>(range: &(f64, f64), serializer: S) -> Result<S::Ok, S::Error> {
    let end = |x: f64| Some(x).filter(|x| x.is_finite());
    (end(range.0), end(range.1)).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_survives_the_way_to_the_asker() {
        let pure = Meaning::CORRECT.within(-1.0, 1.0, 0.0).by(Aggregate::SoftMin);
        let open = Meaning::VALUE.open(0.5, 0.25).by(Aggregate::Last);
        for meaning in [Meaning::CORRECT, Meaning::VALUE, pure, open] {
            let text = serde_json::to_string(&meaning.scale()).unwrap();
            let read: Scale = serde_json::from_str(&text).unwrap();
            assert_eq!(read.meaning(meaning.semantics, meaning.threshold), meaning, "{text}");
        }
        assert!(Meaning::CORRECT.scale().is_usual());
    }

    #[test]
    fn places_on_the_scale_by_hand() {
        let pure = Meaning::CORRECT.within(-1.0, 1.0, 0.0);
        assert!((pure.position(-0.5) - 0.25).abs() < 1e-12);
        assert!((Meaning::CORRECT.position(0.3) - 0.3).abs() < 1e-12);
        assert!((Meaning::VALUE.open(2.0, 0.5).position(2.0) - 0.5).abs() < 1e-12);
        assert!((Meaning::VALUE.open(0.0, 0.5).position(0.5) - 0.731_058_578_6).abs() < 1e-9);
        assert!(pure.score(-0.5).is_ok() && pure.score(-1.5).is_err() && Meaning::CORRECT.score(-0.5).is_err());
    }

    #[test]
    fn what_a_solution_score_weighs_by_its_form() {
        let pure = Meaning::CORRECT.within(-1.0, 1.0, 0.0);
        let weighs = |meaning: &Meaning, form, score: f64| meaning.weight(form, score).map(|weight| (weight * 1e6).round() / 1e6);
        assert_eq!(weighs(&pure, Some(Aggregate::Min), -0.5), Some(0.25));
        // Made of places, and not mapped twice.
        assert_eq!(weighs(&pure, Some(Aggregate::Product), 0.4), Some(0.4));
        // From -1 to 1 on every scale.
        assert_eq!(
            [-1.0, -0.2, 1.0].map(|score| weighs(&Meaning::CORRECT, Some(Aggregate::SoftMin), score)),
            [Some(0.0), Some(0.4), Some(1.0)]
        );
        assert_eq!(weighs(&Meaning::CORRECT, None, 0.7), Some(0.7));
        assert_eq!(weighs(&Meaning::CORRECT.open(0.0, 1.0), Some(Aggregate::Min), 0.7), None);
    }

    #[test]
    fn solution_scores_of_a_model_with_another_range() {
        let pure = Meaning::CORRECT.within(-1.0, 1.0, 0.0);
        let rewards = [0.9, 0.8, -0.2, 0.6];
        let of = |form| pure.aggregate(form, &rewards).unwrap();
        assert!((of(Aggregate::Min) + 0.2).abs() < 1e-12);
        // The same as of P = (r + 1) / 2: 0.95, 0.9, 0.4, 0.8.
        assert!((of(Aggregate::Product) - 0.2736).abs() < 1e-9);
        assert!((of(Aggregate::SoftMin) + 0.199_668).abs() < 1e-6);
        assert_eq!(Meaning::VALUE.open(0.0, 1.0).aggregate(Aggregate::Product, &rewards), None);
        assert!((Meaning::VALUE.open(0.0, 1.0).aggregate(Aggregate::Sum, &rewards).unwrap() - 2.1).abs() < 1e-12);
    }

    #[test]
    fn scores_of_different_meaning_are_not_put_together() {
        let (right, value) = (Meaning::CORRECT.score(0.5).unwrap(), Meaning::VALUE.score(0.7).unwrap());
        assert!(Meaning::CORRECT.side_by_side(&[right, value]).is_err());
        assert!(Meaning::VALUE.solution(Aggregate::Mean, &[right]).is_err());
        assert_eq!(Meaning::CORRECT.side_by_side(&[right, right]).unwrap().len(), 6);
        assert_eq!(Meaning::CORRECT.side_by_side(&[]).unwrap(), []);
    }
}
