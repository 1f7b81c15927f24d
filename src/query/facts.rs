//! What can be asked of a solution: one row a name.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::{AtStep, Kind, Value};
use crate::analysis::decide::{Decision, decide};
use crate::analysis::dispute::Dispute;
use crate::analysis::label_errors::Doubt;
use crate::analysis::meaning::Meaning;
use crate::checks::answer;
use crate::checks::arithmetic::Verdict;
use crate::text::fnv1a;
use crate::trace::{FirstError, Label, NodeId, Solution, SolutionLabels, Trace, Writing};

/// What another model says of a solution.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    /// Its step scores, as places between wrong (0) and right (1).
    pub scores: Vec<Option<f64>>,
    /// The first error that they predict.
    pub first_error: FirstError,
}

/// One solution and all that is known of it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each one is a truth that questions ask for by its name")]
pub struct Facts<'a> {
    /// The trace.
    pub trace: &'a Trace,
    /// Index of the solution in it.
    pub solution: usize,
    /// Its steps.
    pub path: &'a [NodeId],
    /// Step scores in the numbers of the model, as the screen shows them, one a step of the path.
    pub scores: &'a [Option<f64>],
    /// The same as places between wrong (0) and right (1): what is compared with other models and with checks.
    pub places: &'a [Option<f64>],
    /// The threshold, in the numbers of the model.
    pub threshold: f64,
    /// Score of the solution as a whole, in the numbers of its form.
    pub whole: Option<f64>,
    /// Lowest and highest score of a whole solution among those of the same problem.
    pub spread: Option<(f64, f64)>,
    /// Where the share of right answers among all solutions of the problem is kept once it was worked out: comparing answers takes long.
    pub solved: Option<&'a OnceCell<Option<f64>>>,
    /// The first error that the scores predict.
    pub predicted: FirstError,
    /// What other models say.
    pub others: &'a [Opinion],
    /// Own labels.
    pub own: &'a SolutionLabels,
    /// Flagged as unsure by oneself.
    pub flagged: bool,
    /// Put off by oneself.
    pub later: bool,
    /// An adjudicator sent it back to oneself.
    pub returned: bool,
    /// Oneself sent it back to those who judged it.
    pub sent: bool,
    /// It falls to oneself; `None` where nothing says who gets what.
    pub assigned: Option<bool>,
    /// How other annotators lie apart; `None` where none of them said anything, or they are not to be seen.
    pub panel: Option<Dispute>,
    /// How far the label is to be doubted, by a model of all other problems; `None` before that was worked out.
    pub doubt: Option<Doubt>,
    /// How much a step of it is like the one that others are looked for, 0 to 1.
    pub alike: Option<f64>,
    /// Number of the group in which its wrong step is, from 1; 0 for none, `None` before groups were made.
    pub cluster: Option<usize>,
    /// The step that is asked about, where it is not the solution.
    pub step: Option<AtStep>,
}

/// What a record says of a solution by itself: known of every trace, and of some records without making one.
///
/// A text is empty and a truth or number `None` where it is not known.
pub trait Told {
    /// Steps.
    fn step_count(&self) -> usize;
    /// What they say.
    fn steps(&self) -> Vec<Cow<'_, str>>;
    /// The problem.
    fn problem(&self) -> Cow<'_, str>;
    /// The answer that the solution arrives at.
    fn answer(&self) -> Option<Cow<'_, str>>;
    /// Its identifier.
    fn id(&self) -> Option<Cow<'_, str>>;
    /// Who or what wrote it.
    fn generator(&self) -> Option<Cow<'_, str>>;
    /// The recorded first error.
    fn recorded(&self) -> FirstError;
    /// The answer is right.
    fn right(&self) -> Option<bool>;
    /// Solutions of the same problem.
    fn samples(&self) -> usize;
}

/// What questions are asked of.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// Everything.
    Whole(&'a Facts<'a>),
    /// The record alone: the rest is not known.
    Record(&'a dyn Told),
}

/// Where the answer to a name comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    /// The record.
    Record(for<'a> fn(&'a dyn Told) -> Value<'a>),
    /// The trace, scores, one's own labels.
    Facts(for<'a> fn(&'a Facts<'a>) -> Value<'a>),
}

/// What has to be worked out, or brought along, before a name has an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// A model of all labels ([`Facts::doubt`]).
    Doubt,
    /// Other models beside the first one ([`Facts::others`]).
    Others,
    /// Groups of wrong steps ([`Facts::cluster`]).
    Clusters,
    /// A step with which others are compared ([`Facts::alike`]).
    Likeness,
    /// What annotators say ([`Facts::panel`]).
    Panel,
    /// Who gets which problems ([`Facts::assigned`]).
    Plan,
    /// Numbers of the search at a step.
    Search,
    /// What was said of a step.
    Labels,
}

/// A name that questions can use.
#[derive(Debug)]
pub struct Quantity {
    /// The name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// It changes with scores.
    pub scored: bool,
    /// What it takes beside trace, scores and labels.
    pub(super) needs: Option<Needs>,
    /// It tells what the file says of a solution: a blind session hides that.
    pub(super) tells_of_file: bool,
    /// What it says, in one line.
    pub doc: &'static str,
    pub(super) of: Of,
}

impl Quantity {
    pub(super) fn is_of_record(&self) -> bool {
        matches!(self.of, Of::Record(_))
    }

    /// That it says nothing is known: nobody wrote anything. Of a record it may be that it only leaves something out.
    pub(super) fn is_complete(&self, subject: Subject<'_>) -> bool {
        matches!((self.of, subject), (Of::Facts(_), Subject::Whole(_)))
    }

    pub(super) fn value<'a>(&self, subject: Subject<'a>) -> Value<'a> {
        match (self.of, subject) {
            (Of::Record(of), Subject::Whole(facts)) => of(facts),
            (Of::Record(of), Subject::Record(told)) => of(told),
            (Of::Facts(of), Subject::Whole(facts)) => of(facts),
            (Of::Facts(_), Subject::Record(_)) => match self.kind {
                Kind::Number => Value::Number(None),
                Kind::Truth => Value::Truth(None),
                Kind::Text => Value::Text(Vec::new()),
            },
        }
    }

    const fn new(name: &'static str, kind: Kind, doc: &'static str, of: Of) -> Self {
        Self { name, kind, scored: false, needs: None, tells_of_file: false, doc, of }
    }

    /// The same, changing with scores.
    const fn scored(self) -> Self {
        Self { scored: true, ..self }
    }

    /// The same, known only once this is.
    pub(super) const fn needing(self, needs: Needs) -> Self {
        Self { needs: Some(needs), ..self }
    }

    /// The same, telling what the file says.
    const fn of_file(self) -> Self {
        Self { tells_of_file: true, ..self }
    }
}

pub(super) const fn number(name: &'static str, doc: &'static str, of: for<'a> fn(&'a Facts<'a>) -> Value<'a>) -> Quantity {
    Quantity::new(name, Kind::Number, doc, Of::Facts(of))
}

pub(super) const fn score(name: &'static str, doc: &'static str, of: for<'a> fn(&'a Facts<'a>) -> Value<'a>) -> Quantity {
    number(name, doc, of).scored()
}

pub(super) const fn truth(name: &'static str, doc: &'static str, of: for<'a> fn(&'a Facts<'a>) -> Value<'a>) -> Quantity {
    Quantity::new(name, Kind::Truth, doc, Of::Facts(of))
}

/// A truth that changes with scores.
pub(super) const fn verdict(name: &'static str, doc: &'static str, of: for<'a> fn(&'a Facts<'a>) -> Value<'a>) -> Quantity {
    truth(name, doc, of).scored()
}

pub(super) const fn text(name: &'static str, doc: &'static str, of: for<'a> fn(&'a Facts<'a>) -> Value<'a>) -> Quantity {
    Quantity::new(name, Kind::Text, doc, Of::Facts(of))
}

/// What the record itself says.
const fn told(name: &'static str, kind: Kind, doc: &'static str, of: for<'a> fn(&'a dyn Told) -> Value<'a>) -> Quantity {
    Quantity::new(name, kind, doc, Of::Record(of))
}

/// All names.
pub static QUANTITIES: &[Quantity] = &[
    told("len", Kind::Number, "number of steps", |t| count(t.step_count())),
    told("words", Kind::Number, "words of all steps", |t| {
        count(t.steps().iter().map(|step| step.split_whitespace().count()).sum())
    }),
    number("solved", "share of the solutions of the same problem with a right answer, of those where that is known", |f| {
        Value::Number(f.right_share())
    })
    .of_file(),
    told("samples", Kind::Number, "solutions of the same problem", |t| count(t.samples())),
    told("error", Kind::Number, "number of the recorded first error; 0 for none", |t| first_error(t.recorded())).of_file(),
    number("mine", "number of your first error; 0 for none", |f| first_error(f.own.first_error)),
    told("findings", Kind::Number, "equalities of the steps that do not hold", |t| {
        let bad =
            |step: &Cow<'_, str>| crate::checks::findings(step).iter().filter(|found| found.verdict == Verdict::Bad).count();
        count(t.steps().iter().map(bad).sum())
    }),
    number("similar", "how much a step is like the one at which :similar was asked (or --like), from 0 to 1", |f| {
        Value::Number(f.alike)
    })
    .needing(Needs::Likeness),
    number(
        "cluster",
        "number of the group of its wrong step (:clusters, or --clusters); 0 where no step is known to be wrong",
        |f| Value::Number(f.cluster.map(|number| number as f64)),
    )
    .needing(Needs::Clusters),
    number("random", "from 0 to 1, by what the solution says", |f| Value::Number(Some(f.random()))),
    score("first_prm", "score at the predicted first error, else the lowest", |f| Value::Number(f.at_first_error())),
    score("min_prm", "lowest step score", |f| Value::Number(f.reduce(f64::min))),
    score("min_place", "lowest step score on the way from wrong (0) to right (1), whatever the numbers of the model", |f| {
        Value::Number(reduced(f.places, f64::min))
    }),
    score("suspicion", "highest suspicion of a step, by score and checks together", |f| Value::Number(f.suspicion())),
    score("max_prm", "highest step score", |f| Value::Number(f.reduce(f64::max))),
    score("last_prm", "score of the last step", |f| Value::Number(f.scores.last().copied().flatten())),
    score("prm", "score of the solution as a whole", |f| Value::Number(f.whole)),
    score("at", "number of the predicted first error; 0 for none", |f| first_error(f.predicted)),
    score("margin", "how far first_prm is from the threshold", |f| {
        Value::Number(f.at_first_error().map(|score| (score - f.threshold).abs()))
    }),
    score("drop", "largest fall from one step to the next", |f| Value::Number(f.drop())),
    score("spread", "highest less lowest score of a solution of this problem", |f| {
        Value::Number(f.spread.map(|(low, high)| high - low))
    }),
    score(
        "dissent",
        "how far models lie apart at a first error that one of them predicts; needs --beside or scores in the file",
        |f| Value::Number(f.dissent()),
    )
    .needing(Needs::Others),
    verdict("divided", "models do not predict the same first error; needs --beside or scores in the file", |f| {
        Value::Truth(f.divided())
    })
    .needing(Needs::Others),
    verdict("disagree", "the prediction is not the recorded first error", |f| Value::Truth(differ(f.predicted, f.recorded())))
        .of_file(),
    score("label_p", "chance of the label (yours, else the file's), by a model fitted to other problems", |f| {
        Value::Number(f.doubt.map(|doubt| doubt.chance))
    })
    .needing(Needs::Doubt),
    score("doubt", "how much likelier than the label another first error is, by the same model", |f| {
        Value::Number(f.doubt.map(|doubt| doubt.margin))
    })
    .needing(Needs::Doubt),
    number("min_file", "lowest step score that the file records", |f| {
        Value::Number(f.in_file().into_iter().flatten().reduce(f64::min))
    })
    .of_file(),
    number("last_file", "score of the last step that the file records", |f| Value::Number(f.in_file().last().copied().flatten()))
        .of_file(),
    number("at_file", "number of the first step that the file scores below 0.5; 0 for none", |f| {
        let scores = f.in_file();
        let unsure = scores.iter().flatten().any(|score| !(0.0..=1.0).contains(score));
        let found = decide(&scores, Decision::FirstBelow(Meaning::CORRECT.threshold));
        first_error(if found == FirstError::NoError && unsure { FirstError::Unknown } else { found })
    })
    .of_file(),
    told("wrong", Kind::Truth, "the answer is wrong, as recorded or as compared with the reference", |t| {
        Value::Truth(t.right().map(|right| !right))
    })
    .of_file(),
    told("right", Kind::Truth, "the answer is right", |t| Value::Truth(t.right())).of_file(),
    truth("labelled", "you have judged it", |f| Value::Truth(Some(f.own.is_labelled()))),
    truth("begun", "you have rated some of its steps, and not judged it", |f| {
        let rated = f.own.steps.iter().any(|label| *label != Label::Unseen);
        Value::Truth(Some(rated && !f.own.is_labelled()))
    }),
    truth("flagged", "you are unsure", |f| Value::Truth(Some(f.flagged))),
    truth("later", "you have put it off", |f| Value::Truth(Some(f.later))),
    truth("assigned", "it falls to you ([overlap] of the project file, or --overlap)", |f| Value::Truth(f.assigned))
        .needing(Needs::Plan),
    truth("returned", "an adjudicator sent it back to you", |f| Value::Truth(Some(f.returned))),
    truth("sent", "you sent it back to its annotators in a review", |f| Value::Truth(Some(f.sent))),
    truth("disputed", "annotators (in a review, or of the stores of queue and export) do not agree on it", |f| {
        Value::Truth(f.panel.map(|panel| panel.kind.is_some()))
    })
    .needing(Needs::Panel),
    number("judges", "annotators who judged it", |f| Value::Number(f.panel.map(|panel| panel.judges as f64)))
        .needing(Needs::Panel),
    number("gap", "steps between their first errors; no error stands behind the last step", |f| {
        Value::Number(f.panel.map(|panel| panel.gap as f64))
    })
    .needing(Needs::Panel),
    number(
        "conflict",
        "5 error or none, 4 first errors far apart, 3 one step apart, 2 other reasons or other steps, 1 unsure, 0 nothing",
        |f| Value::Number(f.panel.map(|panel| panel.kind.map_or(0.0, |kind| kind.rank() as f64))),
    )
    .needing(Needs::Panel),
    told("recorded", Kind::Truth, "the file has a label of it", |t| Value::Truth(Some(t.recorded() != FirstError::Unknown)))
        .of_file(),
    told("text", Kind::Text, "the steps", |t| Value::Text(t.steps())),
    told("problem", Kind::Text, "the problem", |t| Value::Text(vec![t.problem()])),
    told("answer", Kind::Text, "the answer that the solution arrives at", |t| Value::Text(t.answer().into_iter().collect()))
        .of_file(),
    told("id", Kind::Text, "its id in the file", |t| Value::Text(t.id().into_iter().collect())),
    told("by", Kind::Text, "who or what wrote it", |t| Value::Text(t.generator().into_iter().collect())).of_file(),
    text("notes", "your notes and critiques", |f| Value::Text(f.written(&[Writing::Note, Writing::Critique]))),
    text("tags", "your tags", |f| Value::Text(f.written(&[Writing::Tags]))),
    text("kind", "the kind of error that you named", |f| {
        Value::Text(Some(Cow::from(&f.own.error_kind)).filter(|kind| !kind.is_empty()).into_iter().collect())
    }),
];

fn count(count: usize) -> Value<'static> {
    Value::Number(Some(count as f64))
}

/// The number of a first error as people count: 0 for none.
fn first_error(found: FirstError) -> Value<'static> {
    Value::Number(match found {
        FirstError::At(step) => Some(step as f64 + 1.0),
        FirstError::NoError => Some(0.0),
        FirstError::Unknown | FirstError::Unlabelable => None,
    })
}

fn is_known(found: FirstError) -> bool {
    matches!(found, FirstError::At(_) | FirstError::NoError)
}

/// All of these as one; nothing before every step has one.
fn reduced(scores: &[Option<f64>], join: fn(f64, f64) -> f64) -> Option<f64> {
    let scores: Option<Vec<f64>> = scores.iter().copied().collect();
    scores?.into_iter().reduce(join)
}

fn differ(a: FirstError, b: FirstError) -> Option<bool> {
    (is_known(a) && is_known(b)).then_some(a != b)
}

impl<'a> Facts<'a> {
    /// Of a solution nothing but its steps, their scores, which are taken for places too, and one's own labels is known.
    pub fn bare(
        trace: &'a Trace,
        solution: usize,
        path: &'a [NodeId],
        scores: &'a [Option<f64>],
        own: &'a SolutionLabels,
    ) -> Self {
        Self {
            trace,
            solution,
            path,
            scores,
            places: scores,
            threshold: 0.5,
            whole: None,
            spread: None,
            solved: None,
            predicted: FirstError::Unknown,
            others: &[],
            own,
            flagged: false,
            later: false,
            returned: false,
            sent: false,
            assigned: None,
            panel: None,
            doubt: None,
            alike: None,
            cluster: None,
            step: None,
        }
    }
}

impl Facts<'_> {
    fn of(&self) -> Option<&Solution> {
        self.trace.solutions.get(self.solution)
    }

    /// One's own texts of these kinds, on the solution and on its steps.
    fn written(&self, kinds: &[Writing]) -> Vec<Cow<'_, str>> {
        self.own
            .remarks
            .iter()
            .filter(|remark| kinds.contains(&remark.writing))
            .map(|remark| remark.text.as_str().into())
            .collect()
    }
}

impl Told for Facts<'_> {
    fn step_count(&self) -> usize {
        self.path.len()
    }

    fn steps(&self) -> Vec<Cow<'_, str>> {
        self.path.iter().map(|&id| Cow::from(&self.trace.node(id).text)).collect()
    }

    fn problem(&self) -> Cow<'_, str> {
        Cow::from(&self.trace.problem.text)
    }

    fn answer(&self) -> Option<Cow<'_, str>> {
        answer::of_solution(self.trace, self.of()?).map(Cow::from)
    }

    fn id(&self) -> Option<Cow<'_, str>> {
        self.of()?.source_id.as_deref().map(Cow::from)
    }

    fn generator(&self) -> Option<Cow<'_, str>> {
        self.of()?.generator.as_deref().map(Cow::from)
    }

    fn recorded(&self) -> FirstError {
        self.of().map_or(FirstError::Unknown, |solution| self.trace.recorded_labels(solution).first_error)
    }

    fn right(&self) -> Option<bool> {
        answer::is_right(self.trace, self.of()?)
    }

    fn samples(&self) -> usize {
        self.trace.solutions.len()
    }
}

impl Facts<'_> {
    /// All scores put together; nothing before every step has one.
    fn reduce(&self, join: fn(f64, f64) -> f64) -> Option<f64> {
        reduced(self.scores, join)
    }

    fn right_share(&self) -> Option<f64> {
        let share = || {
            let known: Vec<bool> =
                self.trace.solutions.iter().filter_map(|solution| answer::is_right(self.trace, solution)).collect();
            (!known.is_empty()).then(|| known.iter().filter(|right| **right).count() as f64 / known.len() as f64)
        };
        self.solved.map_or_else(share, |solved| *solved.get_or_init(share))
    }

    /// The scores that the file records, one a step.
    fn in_file(&self) -> Vec<Option<f64>> {
        self.of().map_or_else(Vec::new, |solution| self.trace.recorded_scores(solution))
    }

    fn at_first_error(&self) -> Option<f64> {
        match self.predicted {
            FirstError::At(step) => self.scores.get(step).copied().flatten(),
            _ => self.reduce(f64::min),
        }
    }

    /// Highest less lowest score of all models at the first errors that they predict, or at the lowest step where none predicts one; the
    /// largest of these.
    fn dissent(&self) -> Option<f64> {
        let models = || std::iter::once(self.places).chain(self.others.iter().map(|other| other.scores.as_slice()));
        if self.others.is_empty() || models().any(|scores| scores.iter().any(Option::is_none)) {
            return None;
        }
        let at = |step: usize| models().filter_map(move |scores| scores.get(step).copied().flatten());
        let apart = |step: usize| at(step).fold(f64::NEG_INFINITY, f64::max) - at(step).fold(f64::INFINITY, f64::min);
        let lowest = (0..self.places.len()).min_by(|&a, &b| at(a).fold(1.0, f64::min).total_cmp(&at(b).fold(1.0, f64::min)));
        let predicted = std::iter::once(self.predicted).chain(self.others.iter().map(|other| other.first_error));
        let steps: Vec<usize> =
            predicted.filter_map(|found| if let FirstError::At(step) = found { Some(step) } else { None }).collect();
        let steps = if steps.is_empty() { lowest.into_iter().collect() } else { steps };
        steps.into_iter().map(apart).reduce(f64::max)
    }

    /// Whether models predict different first errors: two that do are enough, also where another one says nothing yet.
    fn divided(&self) -> Option<bool> {
        let all = || std::iter::once(self.predicted).chain(self.others.iter().map(|other| other.first_error));
        let mut known = all().filter(|found| is_known(*found));
        let first = known.next()?;
        if known.any(|found| found != first) {
            return Some(true);
        }
        (!self.others.is_empty() && all().all(is_known)).then_some(false)
    }

    fn drop(&self) -> Option<f64> {
        let scores: Option<Vec<f64>> = self.scores.iter().copied().collect();
        let falls = scores?.windows(2).map(|pair| pair[0] - pair[1]).fold(0.0, f64::max);
        Some(falls)
    }

    fn suspicion(&self) -> Option<f64> {
        let failing = |text: &str| crate::checks::findings(text).iter().any(|finding| finding.verdict == Verdict::Bad);
        let steps = self.steps();
        let each = self.places.iter().zip(&steps);
        let all: Option<Vec<f64>> = each.map(|(place, text)| Some(crate::checks::suspicion((*place)?, failing(text)))).collect();
        all?.into_iter().reduce(f64::max)
    }

    /// The same for the same content, however files are named and ordered.
    fn random(&self) -> f64 {
        let steps = self.path.iter().map(|&id| self.trace.node(id).text.as_bytes());
        // A byte that is in no text of UTF-8 stands between the parts.
        let parts = std::iter::once(&self.trace.prompt_key.as_bytes()[..]).chain(steps);
        let hash = fnv1a(parts.flat_map(|part| part.iter().copied().chain([0xff])));
        // The last bytes move the low bits alone: once more over the bytes of that, and they move all.
        (fnv1a(hash.to_le_bytes()) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
