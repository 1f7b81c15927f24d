//! Several annotators over many solutions: how far they agree, and how good each of them is.
//!
//! Agreement: kappa of each pair on the first error (nominal, and by distance), alpha of all on step ratings. Quality: Dawid and Skene over
//! the five states of each step. Intervals are 95 %, by bootstrap over solutions.

use std::collections::BTreeMap;

use serde::Serialize;

use super::agreement::{Scale, alpha, kappa, weighted_kappa};
use super::bootstrap::{between, draws};
use super::dawid_skene::{Fit, Vote};
use crate::trace::{FirstError, Label, SolutionLabels};

/// The states of a step, in the order of the confusions.
pub const STATES: [Label; 5] = [Label::Good, Label::Neutral, Label::Bad, Label::AfterError, Label::Unseen];
const GOOD: usize = 0;
const BAD: usize = 2;

/// What was said of one solution.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Case {
    /// What each annotator says, in the order of their names; `None` without a verdict.
    pub said: Vec<Option<SolutionLabels>>,
    /// What was decided by an adjudicator.
    pub decided: Option<SolutionLabels>,
}

/// A figure and its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// From 0 to 1, kappa and alpha also below; null where it is not defined.
    pub value: Option<f64>,
    /// 95 %; null where there is none.
    pub interval: Option<(f64, f64)>,
}

/// How two annotators agree on the first error of the solutions that both judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// One of them.
    pub a: String,
    /// The other one.
    pub b: String,
    /// Solutions that both could judge.
    pub solutions: usize,
    /// Share with the same first error.
    pub exact: f64,
    /// Share with first errors at most one step apart, both naming one, or both none.
    pub within_one: f64,
    /// Share on which they agree whether there is an error.
    pub error_or_none: f64,
    /// Kappa of the first error, chance taken away.
    pub kappa: Figure,
    /// The same, by the square of the distance; no error stands behind the last step.
    pub weighted: Figure,
}

/// How good an annotator is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Annotator {
    /// Who.
    pub name: String,
    /// Solutions judged.
    pub solutions: usize,
    /// Those that the figures are of: somebody else judged them too, or an adjudicator decided them.
    pub counted: usize,
    /// Chance that a step gets its true state.
    pub accuracy: Figure,
    /// Chance that a first error is called bad.
    pub finds: Figure,
    /// Chance that a right step is called right.
    pub spares: Figure,
    /// For each true state the chance of each answer, in the order good, neutral, bad, after the error, no mark; empty where nothing counts.
    pub confusion: Vec<Vec<f64>>,
    /// By kind of error: solutions, and how many first errors were named exactly.
    pub kinds: BTreeMap<String, (usize, usize)>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quality {
    /// Solutions that somebody judged.
    pub solutions: usize,
    /// Those that several judged.
    pub several: usize,
    /// Alpha of step ratings (bad, neutral, good; ordinal) of all.
    pub alpha: Figure,
    /// Each two who share solutions.
    pub pairs: Vec<Pair>,
    /// Each one.
    pub annotators: Vec<Annotator>,
}

fn place(labels: &SolutionLabels) -> Option<i64> {
    i64::try_from(labels.place()?).ok()
}

/// Works it out for annotators of these names; `samples` draws for the intervals, 0 for none.
pub fn quality(names: &[String], cases: &[Case], samples: usize) -> Quality {
    let cases: Vec<&Case> = cases.iter().filter(|case| judges(case) > 0).collect();
    Quality {
        solutions: cases.len(),
        several: cases.iter().filter(|case| judges(case) > 1).count(),
        alpha: steps_alpha(&cases, samples),
        pairs: pairs(names, &cases, samples),
        annotators: annotators(names, &cases, samples),
    }
}

/// Alpha over steps, whose draws are those of solutions.
fn steps_alpha(cases: &[&Case], samples: usize) -> Figure {
    let rating = |label: &Label| label.rating().map(|rating| i64::from(rating.value()));
    let units = |case: &&Case| -> Vec<Vec<i64>> {
        let most = case.said.iter().flatten().map(|labels| labels.steps.len()).max().unwrap_or(0);
        let of = |step: usize| case.said.iter().flatten().filter_map(|labels| rating(labels.steps.get(step)?)).collect();
        (0..most).map(of).collect()
    };
    let all: Vec<Vec<Vec<i64>>> = cases.iter().map(units).collect();
    let over = |sample: &[usize]| {
        let units: Vec<Vec<i64>> = sample.iter().flat_map(|case| all[*case].iter().cloned()).collect();
        alpha(&units, Scale::Ordinal)
    };
    figure(all.len(), samples, over)
}

fn figure(units: usize, samples: usize, over: impl Fn(&[usize]) -> Option<f64>) -> Figure {
    let value = over(&(0..units).collect::<Vec<_>>());
    let drawn = || between(draws(units, samples).filter_map(|sample| over(&sample)).collect());
    Figure { value, interval: value.and_then(|_| drawn()) }
}

fn said(case: &Case, judge: usize) -> Option<&SolutionLabels> {
    case.said.get(judge)?.as_ref()
}

fn pairs(names: &[String], cases: &[&Case], samples: usize) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (a, first) in names.iter().enumerate() {
        for (b, second) in names.iter().enumerate().skip(a + 1) {
            let both: Vec<_> = cases.iter().filter_map(|case| said(case, a).zip(said(case, b))).collect();
            let places: Vec<(i64, i64)> = both.iter().filter_map(|(a, b)| place(a).zip(place(b))).collect();
            if places.is_empty() {
                continue;
            }
            let wrong = |labels: &SolutionLabels| match labels.first_error {
                FirstError::At(_) => Some(true),
                FirstError::NoError => Some(false),
                _ => None,
            };
            let errors: Vec<(bool, bool)> = both.iter().filter_map(|(a, b)| wrong(a).zip(wrong(b))).collect();
            let share = |count: usize| count as f64 / places.len() as f64;
            let alike = |((a, b), (x, y)): &((i64, i64), (bool, bool))| x == y && (a - b).abs() <= 1;
            // "No error" is a category of its own, wherever the solution ends.
            let firsts: Vec<(i64, i64)> =
                places.iter().zip(&errors).map(|((a, b), (x, y))| (if *x { *a } else { -1 }, if *y { *b } else { -1 })).collect();
            let of = |sample: &[usize], from: &[(i64, i64)]| sample.iter().map(|at| from[*at]).collect::<Vec<_>>();
            pairs.push(Pair {
                a: first.clone(),
                b: second.clone(),
                solutions: places.len(),
                exact: share(firsts.iter().filter(|(a, b)| a == b).count()),
                within_one: share(places.iter().copied().zip(errors.iter().copied()).filter(alike).count()),
                error_or_none: share(errors.iter().filter(|(a, b)| a == b).count()),
                kappa: figure(places.len(), samples, |sample| kappa(&of(sample, &firsts))),
                weighted: figure(places.len(), samples, |sample| weighted_kappa(&of(sample, &places))),
            });
        }
    }
    pairs
}

/// The votes on all steps of some solutions.
struct Votes {
    given: Vec<Vote>,
    /// The first item of each solution.
    starts: Vec<usize>,
    /// The solution of each item.
    of: Vec<usize>,
    /// The state of each item where an adjudicator says which.
    known: Vec<Option<usize>>,
}

fn state(label: Label) -> usize {
    STATES.iter().position(|state| *state == label).unwrap_or(STATES.len() - 1)
}

impl Votes {
    fn on(cases: &[&Case]) -> Self {
        let mut all = Self { given: Vec::new(), starts: Vec::new(), of: Vec::new(), known: Vec::new() };
        for (index, case) in cases.iter().enumerate() {
            let start = all.of.len();
            all.starts.push(start);
            for (judge, labels) in case.said.iter().enumerate() {
                let steps =
                    labels.iter().filter(|labels| place(labels).is_some()).flat_map(|labels| labels.steps.iter().enumerate());
                for (step, label) in steps {
                    all.given.push(Vote { item: start + step, judge, class: state(*label) });
                    all.of.resize(all.of.len().max(start + step + 1), index);
                }
            }
            let decided = case.decided.as_ref().filter(|labels| place(labels).is_some());
            all.known.extend((start..all.of.len()).map(|item| Some(state(*decided?.steps.get(item - start)?))));
        }
        all
    }

    /// Dawid and Skene, each solution counted as often as this says.
    fn fit(&self, judges: usize, times: &[f64]) -> Fit {
        Fit::new(&self.given, (judges, STATES.len()), &self.known, &self.of.iter().map(|case| times[*case]).collect::<Vec<_>>())
    }
}

/// How many judged it.
fn judges(case: &Case) -> usize {
    case.said.iter().flatten().filter(|labels| place(labels).is_some()).count()
}

/// What is said of it can be measured: by what others say, or by what was decided. The only word on a thing would be its own truth.
fn counts(case: &Case) -> bool {
    judges(case) > 1 || case.decided.as_ref().is_some_and(|labels| place(labels).is_some())
}

fn annotators(names: &[String], cases: &[&Case], samples: usize) -> Vec<Annotator> {
    let counted: Vec<&Case> = cases.iter().copied().filter(|case| counts(case)).collect();
    let votes = Votes::on(&counted);
    let fit = votes.fit(names.len(), &vec![1.0; counted.len()]);
    let drawn: Vec<Fit> = draws(counted.len(), if counted.is_empty() { 0 } else { samples })
        .map(|sample| {
            let mut times = vec![0.0; counted.len()];
            for case in sample {
                times[case] += 1.0;
            }
            votes.fit(names.len(), &times)
        })
        .collect();
    let figure = |value: &dyn Fn(&Fit) -> Option<f64>| {
        let shown = value(&fit);
        Figure { value: shown, interval: shown.and_then(|_| between(drawn.iter().filter_map(value).collect())) }
    };
    let annotator = |(judge, name): (usize, &String)| {
        let of =
            |cases: &[&Case]| cases.iter().filter(|case| said(case, judge).is_some_and(|labels| place(labels).is_some())).count();
        let (solutions, counted_of) = (of(cases), of(&counted));
        (solutions > 0).then(|| Annotator {
            name: name.clone(),
            solutions,
            counted: counted_of,
            accuracy: figure(&|fit| (counted_of > 0).then(|| fit.accuracy(judge))),
            finds: figure(&|fit| fit.names(judge, BAD)),
            spares: figure(&|fit| fit.names(judge, GOOD)),
            confusion: if counted_of > 0 { fit.confusion[judge].clone() } else { Vec::new() },
            kinds: kinds(judge, &counted, &votes.starts, &fit),
        })
    };
    names.iter().enumerate().filter_map(annotator).collect()
}

/// How often an annotator named the first error exactly, by the kind that was decided, else that anybody named. The first error is that of the
/// adjudicator, else the first step that is most likely bad.
fn kinds(judge: usize, cases: &[&Case], starts: &[usize], fit: &Fit) -> BTreeMap<String, (usize, usize)> {
    let mut kinds = BTreeMap::<String, (usize, usize)>::new();
    for (case, start) in cases.iter().zip(starts) {
        let Some(labels) = said(case, judge) else { continue };
        let likely = || (0..labels.steps.len()).find(|step| fit.class(start + step) == Some(BAD)).map(FirstError::At);
        let Some(truth) = case.decided.as_ref().map(|decided| decided.first_error).or_else(likely) else { continue };
        if !matches!(truth, FirstError::At(_)) {
            continue;
        }
        let named = case.decided.iter().chain(case.said.iter().flatten()).map(|labels| labels.error_kind.as_str());
        let kind = named.into_iter().find(|kind| !kind.is_empty()).unwrap_or("no kind");
        let (all, exact) = kinds.entry(kind.to_owned()).or_default();
        *all += 1;
        *exact += usize::from(labels.first_error == truth);
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(first_error: FirstError, steps: usize, kind: &str) -> Option<SolutionLabels> {
        let label = |step: usize| match first_error {
            FirstError::At(first) if step == first => Label::Bad,
            FirstError::At(first) if step > first => Label::AfterError,
            _ => Label::Good,
        };
        Some(SolutionLabels {
            steps: (0..steps).map(label).collect(),
            first_error,
            error_kind: kind.to_owned(),
            ..SolutionLabels::default()
        })
    }

    #[test]
    fn pairs_and_judges_are_told_apart() {
        use FirstError::{At, NoError};
        let names = ["a", "b", "c"].map(str::to_owned);
        // a and b agree but once, by one step; c always says that nothing is wrong and skips every third.
        let cases: Vec<Case> = (0..30)
            .map(|n| {
                let truth = if n % 2 == 0 { At(n % 4) } else { NoError };
                let b = if n == 2 { At(3) } else { truth };
                let c = (n % 3 != 0).then(|| said(NoError, 5, "")).flatten();
                Case { said: vec![said(truth, 5, "sign"), said(b, 5, ""), c], decided: None }
            })
            .collect();
        let found = quality(&names, &cases, 50);
        assert_eq!((found.solutions, found.several, found.pairs.len(), found.annotators.len()), (30, 30, 3, 3));
        let ab = &found.pairs[0];
        assert!((ab.exact - 29.0 / 30.0).abs() < 1e-9 && (ab.within_one - 1.0).abs() < 1e-9, "{ab:?}");
        assert!((ab.error_or_none - 1.0).abs() < 1e-9 && ab.kappa.value.unwrap() > 0.9, "{ab:?}");
        assert_eq!(found.pairs[1].solutions, 20);
        let [a, _, c] = found.annotators.as_slice() else { panic!("{found:?}") };
        assert!(a.accuracy.value > Some(0.95) && a.finds.value > Some(0.9), "{a:?}");
        assert!(c.finds.value < Some(0.1) && c.spares.value > Some(0.95), "{c:?}");
        let (low, high) = a.finds.interval.unwrap();
        assert!(low <= a.finds.value.unwrap() && a.finds.value.unwrap() <= high + 1e-9, "{a:?}");
        // Where the three name three first errors, none is likely.
        assert_eq!((a.kinds["sign"], c.kinds["sign"].1), ((14, 14), 0));
    }

    #[test]
    fn what_nobody_else_judged_says_nothing_of_its_judge() {
        use FirstError::{At, NoError};
        let names = ["a", "b"].map(str::to_owned);
        let both = |n: usize| {
            if n.is_multiple_of(2) {
                [said(At(1), 3, ""), said(At(2), 3, "")]
            } else {
                [said(NoError, 3, ""), said(At(0), 3, "")]
            }
        };
        let shared: Vec<Case> = (0..8).map(|n| Case { said: both(n).to_vec(), decided: None }).collect();
        let alone = Case { said: vec![said(At(1), 3, ""), None], decided: None };
        let all: Vec<Case> = shared.iter().cloned().chain(std::iter::repeat_n(alone.clone(), 28)).collect();
        let (few, many) = (quality(&names, &shared, 0), quality(&names, &all, 0));
        let [few, many] = [few, many].map(|found| found.annotators[0].clone());
        assert_eq!((many.solutions, many.counted, &many.kinds), (36, 8, &few.kinds));
        assert_eq!((many.accuracy, many.finds, &many.confusion), (few.accuracy, few.finds, &few.confusion));
        // With nobody to compare with there is nothing to say, until somebody decides what is true.
        let found = quality(&names, std::slice::from_ref(&alone), 10).annotators;
        assert_eq!((found[0].solutions, found[0].counted, found[0].accuracy), (1, 0, Figure { value: None, interval: None }));
        assert!(found[0].kinds.is_empty() && found[0].confusion.is_empty());
        let decided = Case { decided: said(At(1), 3, "sign"), ..alone };
        let found = quality(&names, &[decided], 0).annotators;
        assert!(found[0].counted == 1 && found[0].accuracy.value > Some(0.9) && found[0].kinds["sign"] == (1, 1), "{found:?}");
    }

    #[test]
    fn an_adjudicator_says_what_is_true() {
        let names = ["a".to_owned(), "b".to_owned()];
        let case = Case {
            said: vec![said(FirstError::At(1), 3, ""), said(FirstError::At(2), 3, "copy")],
            decided: said(FirstError::At(2), 3, "sign"),
        };
        let found = quality(&names, &[case], 0);
        assert_eq!(found.annotators[0].kinds, BTreeMap::from([("sign".to_owned(), (1, 0))]));
        assert_eq!(found.annotators[1].kinds["sign"], (1, 1));
        assert_eq!(found.annotators[0].accuracy.interval, None);
        assert!(found.alpha.value.is_some());
    }

    #[test]
    fn without_labels_there_are_no_figures() {
        let found = quality(&["a".to_owned()], &[Case::default()], 10);
        assert_eq!((found.solutions, found.pairs.len(), found.annotators.len()), (0, 0, 0));
        assert_eq!(found.alpha, Figure { value: None, interval: None });
    }
}
