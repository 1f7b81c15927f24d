//! What a step looks like in numbers, and the boosted trees that read them: the process reward model that is built in.
//!
//! [`Reader`] turns a problem and its steps, one after another, into rows of [`names`] many numbers. A row depends on the problem and on
//! the steps up to its own, never on later ones. Deterministic; linear in the text, of which [`MAX_PROBLEM`] and [`MAX_STEP`] bytes are
//! read. Each group of features is one file: a list of names and a function that gives as many values; behind
//! them stand differences to the steps before (`trend.rs`).

mod bindings;
mod equations;
mod head;
mod model;
mod numbers;
mod relations;
mod shape;
mod trees;
mod trend;
mod words;

use std::collections::VecDeque;
use std::rc::Rc;

use crate::checks::arithmetic::{Rational, Reading, Verdict, read};
use crate::checks::provenance::{Ledger, Role, Sighting};
use bindings::{Bindings, Sentence};
use trend::Trend;
use words::Words;

pub use head::{Example, Head, HeldOut};
pub use model::{FeatureModel, MAX_BAD, walk};
pub use trees::{TableError, Trees};

/// Changes when a feature is computed in another way under the same name.
pub const VERSION: u32 = 5;

/// Bytes of a problem that are read.
pub const MAX_PROBLEM: usize = 16 << 10;
/// Bytes of a step that are read.
pub const MAX_STEP: usize = 8 << 10;

/// Earlier steps that a step is compared with.
const MAX_EARLIER: usize = 32;
/// Earlier equations that are remembered.
const MAX_EQUATIONS: usize = 64;

struct Group {
    names: &'static [&'static str],
    values: fn(&Seen) -> Vec<f32>,
}

const GROUPS: [Group; 6] = [
    Group { names: shape::NAMES, values: shape::values },
    Group { names: equations::NAMES, values: equations::values },
    Group { names: numbers::NAMES, values: numbers::values },
    Group { names: words::NAMES, values: words::values },
    Group { names: relations::NAMES, values: relations::values },
    Group { names: bindings::NAMES, values: bindings::values },
];

/// The names of the features, in the order of their values.
pub fn names() -> impl Iterator<Item = &'static str> {
    of_groups().chain(trend::names())
}

/// Those of a step by itself.
fn of_groups() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(|group| group.names.iter().copied())
}

/// The features of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// One value for each name.
    pub values: Vec<f32>,
    /// An equality of the step does not hold.
    pub has_bad_equation: bool,
    /// Tokens that were read.
    pub tokens: usize,
}

/// Reads the steps of one solution in order. A clone continues from the same place: that is how trees are read.
#[derive(Debug, Clone)]
pub struct Reader {
    problem: Rc<Problem>,
    before: Before,
}

/// What is known of the problem.
#[derive(Debug)]
struct Problem {
    words: Words,
    /// Words of its last sentence.
    question: Vec<u64>,
    sentences: Vec<Sentence>,
}

/// What is known of the steps so far.
#[derive(Debug, Clone)]
struct Before {
    steps: usize,
    equations: usize,
    bad_equations: usize,
    unknown_numbers: usize,
    /// Words of the latest steps.
    words: VecDeque<Rc<[u64]>>,
    /// Value and operations of the latest equations.
    expressions: VecDeque<(Rational, [bool; 4])>,
    last_result: Option<Rational>,
    ledger: Ledger,
    bindings: Bindings,
    trend: Trend,
}

/// All that the features of one step are made of.
struct Seen<'a> {
    problem: &'a Problem,
    /// The state before the step, but for the ledger.
    before: &'a Before,
    /// The ledger behind the step.
    ledger: &'a Ledger,
    text: &'a str,
    words: Words,
    reading: Reading,
    sightings: Vec<Sighting>,
}

impl Reader {
    /// Reads the problem.
    pub fn new(problem: &str) -> Self {
        let clipped = clip(problem, MAX_PROBLEM);
        let question = Words::of(words::last_sentence(clipped)).set.to_vec();
        let before = Before {
            steps: 0,
            equations: 0,
            bad_equations: 0,
            unknown_numbers: 0,
            words: VecDeque::new(),
            expressions: VecDeque::new(),
            last_result: None,
            ledger: Ledger::new(clipped),
            bindings: Bindings::of_problem(clipped),
            trend: Trend::default(),
        };
        let sentences = bindings::sentences(clipped);
        Self { problem: Rc::new(Problem { words: Words::of(clipped), question, sentences }), before }
    }

    /// Reads the next step.
    pub fn step(&mut self, text: &str) -> Row {
        let text = clip(text, MAX_STEP);
        let reading = read(text);
        let mut ledger = self.before.ledger.clone();
        let sightings = ledger.read(&reading);
        let words = Words::of(text);
        let seen = Seen { problem: &self.problem, before: &self.before, ledger: &ledger, text, words, reading, sightings };
        let mut values: Vec<f32> = GROUPS.iter().flat_map(|group| (group.values)(&seen)).collect();
        let has_bad_equation = seen.verdicts(Verdict::Bad) > 0;
        let Seen { words, reading, sightings, .. } = seen;
        let tokens = reading.tokens.len();
        self.before.bindings.advance(text, &sightings, &words.set, &self.problem.sentences);
        self.before.advance(&words, &reading, &sightings, ledger);
        values.extend(self.before.trend.next(&values));
        Row { values, has_bad_equation, tokens }
    }
}

impl Before {
    fn advance(&mut self, words: &Words, reading: &Reading, sightings: &[Sighting], ledger: Ledger) {
        self.steps += 1;
        self.equations += reading.equations.len();
        self.bad_equations += reading.equations.iter().filter(|equation| equation.finding.verdict == Verdict::Bad).count();
        self.unknown_numbers += sightings.iter().filter(|seen| numbers::is_unknown(seen)).count();
        self.words.push_back(Rc::clone(&words.set));
        if self.words.len() > MAX_EARLIER {
            self.words.pop_front();
        }
        for equation in &reading.equations {
            self.expressions.push_back(equations::expression(reading, equation));
        }
        while self.expressions.len() > MAX_EQUATIONS {
            self.expressions.pop_front();
        }
        let outcome = sightings.iter().rfind(|seen| seen.role == Role::Outcome || numbers::is_found(seen));
        self.last_result = outcome.map(|seen| seen.value).or(self.last_result);
        self.ledger = ledger;
    }
}

impl Seen<'_> {
    fn verdicts(&self, verdict: Verdict) -> usize {
        self.reading.equations.iter().filter(|equation| equation.finding.verdict == verdict).count()
    }
}

/// At most so many bytes, cut between characters.
fn clip(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A count as a feature.
fn count(n: usize) -> f32 {
    n as f32
}

fn flag(is: bool) -> f32 {
    f32::from(u8::from(is))
}

/// A share; 0 of nothing.
fn share(part: usize, whole: usize) -> f32 {
    part as f32 / whole.max(1) as f32
}
