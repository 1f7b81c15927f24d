//! What helps to judge a step besides its text: exact checks, the largest drop of the score, and what differs from another text.

use std::collections::HashMap;
use std::ops::Range;

use crate::checks::arithmetic::{Finding, Verdict};
use crate::checks::provenance::{Ledger, Sighting};
use crate::checks::{findings, suspicion};
use crate::math::{Form, draw};
use crate::text::{Safe, safe};
use crate::trace::{Critique, NodeId, Outcome, Rationale, Semantics, StepKey, Trace, Writing};
use crate::typeset::View;
use crate::typeset::diff::{Changed, Words, changed_words};

use super::App;

/// A smaller drop of the score is not pointed out.
const DROP: f64 = 0.15;
/// Steps whose checks are kept.
const KEPT: usize = 4096;

/// Steps before the current one whose numbers are known.
const MAX_BEFORE: usize = 300;

/// What a step is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// The next of the steps that follow the same prefix.
    Sibling,
    /// The most similar step of the best other solution.
    Best,
    /// The most similar part of the reference solution.
    Reference,
    /// The annotator's own version of the step.
    Version,
    /// What a critic wrote about the step.
    Critique,
    /// The most similar step of the solution with this number, from 0.
    Solution(usize),
}

impl Against {
    /// All of them in the order of the key, but for those that are named by a number.
    pub const ALL: [Self; 5] = [Self::Sibling, Self::Best, Self::Reference, Self::Version, Self::Critique];

    /// Its name in commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sibling => "sibling",
            Self::Best => "best",
            Self::Reference => "reference",
            Self::Version => "version",
            Self::Critique => "critique",
            Self::Solution(_) => "solution",
        }
    }
}

/// The current step beside another text.
#[derive(Debug)]
pub struct Comparison {
    /// The step.
    pub key: StepKey,
    /// What it is compared with.
    pub against: Against,
    /// Where the other text stands.
    pub place: String,
    /// The other text.
    pub other: Safe,
    /// Words that differ: `old` in the other text, `new` in the step.
    pub changed: Changed,
}

/// An equality of a step that could be computed.
#[derive(Debug, PartialEq, Eq)]
pub struct Checked {
    /// What the check says.
    pub finding: Finding,
    /// The equality, as it is read on one line.
    pub text: String,
}

/// What was computed for reading. Nothing here is computed while a frame is drawn.
#[derive(Debug, Default)]
pub struct Reading {
    /// Checks of the steps that were on the screen.
    findings: HashMap<StepKey, Vec<Checked>>,
    /// Where the numbers of the steps under the cursor come from.
    origins: HashMap<StepKey, Vec<Sighting>>,
    /// All numbers that are known behind the step that was read last.
    ledger: Option<(StepKey, Ledger)>,
    /// What the user wants to compare with.
    pub against: Option<Against>,
    comparison: Option<Comparison>,
}

impl Reading {
    /// The other text may be another one now than what is shown.
    pub(super) fn read_again(&mut self, against: Against) {
        self.comparison = self.comparison.take().filter(|comparison| comparison.against != against);
    }

    /// Reads where the numbers of the last step of a path come from: from where the ledger stands, or from the problem on.
    fn trace_numbers(&mut self, trace: &Trace, path: &[NodeId]) {
        let Some((here, before)) = path.split_last() else { return };
        let node = trace.node(*here);
        if self.origins.contains_key(&node.key) {
            return;
        }
        if self.origins.len() > KEPT {
            self.origins.clear();
        }
        let parent = before.last().map(|parent| trace.node(*parent).key);
        let known = self.ledger.take().filter(|(key, _)| Some(*key) == parent).map(|(_, ledger)| ledger);
        let mut ledger = known.unwrap_or_else(|| {
            let mut ledger = Ledger::new(&trace.problem.text);
            for step in &before[before.len().saturating_sub(MAX_BEFORE)..] {
                ledger.step(&trace.node(*step).text);
            }
            ledger
        });
        self.origins.insert(node.key, ledger.step(&node.text));
        self.ledger = Some((node.key, ledger));
    }

    /// Checks a step that came onto the screen.
    pub(super) fn look_at(&mut self, key: StepKey, text: &str) {
        if self.findings.len() > KEPT {
            self.findings.clear();
        }
        self.findings.entry(key).or_insert_with(|| {
            let checked = |finding: Finding| {
                let source = text.get(finding.span.clone()).unwrap_or_default();
                // Words would run together in a formula.
                let drawn = source.contains('\\').then(|| draw(source, Form::Line).ok()).flatten();
                let text = drawn.and_then(|drawing| drawing.rows.into_iter().next()).map_or(source.to_owned(), |row| row.text);
                Checked { finding, text }
            };
            findings(text).into_iter().map(checked).collect()
        });
    }
}

impl App {
    /// The model gives the share of each token of the step under the cursor in its score.
    pub(super) fn shares_shown(&self) -> bool {
        let node = self.trace().map(|trace| trace.node(self.cursor.node).key).filter(|_| self.show_prm);
        node.is_some_and(|key| matches!(self.scoring.rationales.get(&key), Some(Rationale::Tokens(_))))
    }

    /// The equalities of a step that could be computed; none while the session is blind.
    pub fn findings(&self, key: StepKey) -> &[Checked] {
        self.reading.findings.get(&key).filter(|_| self.show_prm).map_or(&[], |findings| findings)
    }

    /// Where the numbers of a step under the cursor come from; none while the session is blind.
    pub fn origins(&self, key: StepKey) -> &[Sighting] {
        self.reading.origins.get(&key).filter(|_| self.show_prm).map_or(&[], |origins| origins)
    }

    /// The first equality of a step that does not hold.
    pub fn wrong_equality(&self, key: StepKey) -> Option<&Finding> {
        self.findings(key).iter().map(|checked| &checked.finding).find(|finding| finding.verdict == Verdict::Bad)
    }

    /// How suspicious a step is by score and checks together; only of a score that is a chance.
    pub fn suspicion(&self, key: StepKey) -> Option<f64> {
        let score = self.shown_score(key).filter(|score| score.semantics() == Semantics::Correctness)?;
        Some(suspicion(self.scoring.place(score.value()), self.wrong_equality(key).is_some()))
    }

    /// The step at which the score falls most below that of the step before, as an index on the path, and by how much of its scale.
    pub fn score_drop(&self) -> Option<(usize, f64)> {
        let outlook = self.outlook();
        let open = outlook.scores.iter().take(if self.show_prm { self.open_steps() } else { 0 });
        let mut drop: Option<(usize, f64)> = None;
        let mut before: Option<f64> = None;
        for (step, score) in open.map(|score| score.map(|score| self.scoring.place(score))).enumerate() {
            if let (Some(before), Some(score)) = (before, score)
                && before - score >= drop.map_or(DROP, |(_, most)| most)
            {
                drop = Some((step, before - score));
            }
            before = score;
        }
        drop
    }

    /// What helps are on the screen, for the record of a label: `reference`, `checks`, `diff:best`, and the view of texts unless
    /// formulas are drawn.
    pub fn on_show(&self) -> String {
        let mut shown = Vec::new();
        if self.reference_shown() {
            shown.push("reference".to_owned());
        }
        // What was looked at before it was hidden was seen all the same.
        let looked = self.record_key().and_then(|record| self.trust.looked.get(&record));
        let hidden = looked.into_iter().flatten().filter(|what| **what != "reference" || !self.reference_shown());
        shown.extend(hidden.map(|what| format!("{what}:before")));
        let here = self.trace().map(|trace| trace.node(self.cursor.node).key);
        if here.is_some_and(|key| !self.findings(key).is_empty()) {
            shown.push("checks".to_owned());
        }
        if self.show_prm {
            shown.extend(
                self.scoring
                    .others()
                    .filter(|(_, judge)| self.trace().is_some_and(|trace| judge.knows(trace, &self.cursor.path)))
                    .map(|(_, judge)| format!("beside:{}", judge.name())),
            );
        }
        if self.answers_beside() {
            shown.push("answers".to_owned());
        }
        if let Some(review) = &self.review {
            shown.push(if review.names { "annotators by name" } else { "annotators" }.to_owned());
        }
        shown.extend(self.comparison().map(|comparison| format!("diff:{}", comparison.against.name())));
        if self.steps.view != View::default() {
            shown.push(self.steps.view.name().to_owned());
        }
        shown.join(" ")
    }

    /// The current step beside the text that it is compared with.
    pub fn comparison(&self) -> Option<&Comparison> {
        let comparison = self.reading.comparison.as_ref()?;
        let here = self.trace()?.node(self.cursor.node).key;
        let seen = match comparison.against {
            Against::Reference => self.reference_shown(),
            Against::Critique => self.show_prm,
            _ => true,
        };
        (seen && comparison.key == here && Some(comparison.against) == self.reading.against).then_some(comparison)
    }

    /// Compares the current step again if it is another one now.
    pub(super) fn compare(&mut self) {
        if let Some(trace) = self.trace().cloned() {
            let node = trace.node(self.cursor.node);
            self.reading.look_at(node.key, &node.text);
            if let Some(step) = self.cursor.step_of(self.cursor.node) {
                self.reading.trace_numbers(&trace, &self.cursor.path[..=step]);
            }
        }
        let Some(against) = self.reading.against else {
            self.reading.comparison = None;
            return;
        };
        let Some(trace) = self.trace().cloned() else { return };
        let id = self.cursor.node;
        if id == NodeId::ROOT || self.comparison().is_some() {
            return;
        }
        let node = trace.node(id);
        self.reading.comparison = self.other_text(&trace, id, against).map(|(place, other)| {
            let (step, other) = (safe(&node.text), safe(&other));
            // A critique is about the step: every word is another one.
            let changed = if against == Against::Critique { Changed::default() } else { changed_words(&other, &step) };
            Comparison { key: node.key, against, place, changed, other }
        });
    }

    /// The text to compare a step with, and where it stands.
    pub(super) fn other_text(&self, trace: &Trace, id: NodeId, against: Against) -> Option<(String, String)> {
        let node = trace.node(id);
        match against {
            Against::Sibling => {
                let siblings = &trace.node(node.parent?).children;
                let at = siblings.iter().position(|sibling| *sibling == id)?;
                let next = (at + 1) % siblings.len();
                let other = siblings.get(next).filter(|other| **other != id)?;
                Some((format!("alternative {} of {}", next + 1, siblings.len()), trace.node(*other).text.clone()))
            }
            Against::Best => {
                let (number, path) = self.best_other(trace, id)?;
                let texts = path.iter().map(|&id| trace.node(id).text.as_str());
                let (step, text) = most_similar(&node.text, texts)?;
                Some((format!("solution {}, step {}", number + 1, step + 1), text.to_owned()))
            }
            Against::Solution(number) => {
                let path = trace.path(trace.solutions.get(number)?.leaf);
                let (step, text) = most_similar(&node.text, path.iter().map(|&id| trace.node(id).text.as_str()))?;
                Some((format!("solution {}, step {}", number + 1, step + 1), text.to_owned()))
            }
            Against::Reference => {
                let solution = trace.problem.reference_solution.as_deref().filter(|_| self.reference_shown())?;
                let (line, text) = most_similar(&node.text, parts(solution).map(|part| &solution[part]))?;
                Some((format!("reference, part {}", line + 1), text.to_owned()))
            }
            Against::Version => {
                let text = self.session.text(Writing::Correction, Some(node.key), self.record_key_here())?;
                Some(("your correction".to_owned(), text.to_owned()))
            }
            Against::Critique => match self.scoring.rationales.get(&node.key).filter(|_| self.show_prm)? {
                Rationale::Critiques(critiques) => Some((verdicts(critiques), written(critiques))),
                Rationale::Tokens(_) => None,
            },
        }
    }

    /// What the step under the cursor can be compared with: a letter, its name, where it stands.
    pub(super) fn partners(&self) -> Vec<(char, String, String)> {
        let Some(trace) = self.trace().cloned().filter(|_| self.cursor.node != NodeId::ROOT) else { return Vec::new() };
        let known = |against: Against| {
            let (place, _) = self.other_text(&trace, self.cursor.node, against)?;
            Some((against.name().chars().next()?, against.name().to_owned(), place))
        };
        Against::ALL.into_iter().filter_map(known).collect()
    }

    /// The best solution that does not go through a step: a right one where that is known, then the one with the highest minimum score.
    pub(super) fn best_other(&self, trace: &Trace, id: NodeId) -> Option<(usize, Vec<NodeId>)> {
        let rank = |path: &[NodeId], outcome: Outcome| {
            let right = match outcome {
                Outcome::Correct if self.reference_shown() => 2,
                Outcome::Wrong if self.reference_shown() => 0,
                _ => 1,
            };
            let scores = path
                .iter()
                .map(|&id| self.shown_score(trace.node(id).key).map_or(0.0, |score| self.scoring.place(score.value())));
            (right, scores.fold(f64::INFINITY, f64::min))
        };
        let others = trace.solutions.iter().take(1000).enumerate().filter_map(|(number, solution)| {
            let path = trace.path(solution.leaf);
            (!path.contains(&id) && !path.is_empty()).then(|| (number, rank(&path, solution.outcome), path))
        });
        let better = |a: (i32, f64), b: (i32, f64)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1));
        others.max_by(|a, b| better(a.1, b.1).then(b.0.cmp(&a.0))).map(|(number, _, path)| (number, path))
    }
}

/// How the verdicts of critiques fall: `5 right, 2 wrong, 1 invalid`.
pub fn verdicts(critiques: &[Critique]) -> String {
    let count = |is: fn(Option<f64>) -> bool| critiques.iter().filter(|critique| is(critique.score)).count();
    let bins = [
        (count(|p| p.is_some_and(|p| p >= 0.5)), "right"),
        (count(|p| p.is_some_and(|p| p < 0.5)), "wrong"),
        (count(|p| p.is_none()), "invalid"),
    ];
    let bins: Vec<String> = bins.into_iter().filter(|(n, _)| *n > 0).map(|(n, name)| format!("{n} {name}")).collect();
    bins.join(", ")
}

/// Critiques as one text, each below its number and verdict.
fn written(critiques: &[Critique]) -> String {
    let one = |(i, critique): (usize, &Critique)| {
        let verdict = critique.score.map_or("no verdict".to_owned(), |p| format!("P(correct) {p:.3}"));
        format!("[{} of {}: {verdict}]\n{}", i + 1, critiques.len(), critique.text.trim())
    };
    critiques.iter().enumerate().map(one).collect::<Vec<_>>().join("\n\n")
}

/// Lines of a solution, or its sentences where it has no lines.
fn parts(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let separator = if text.trim().contains('\n') { "\n" } else { ". " };
    let mut at = 0;
    text.split_inclusive(separator).filter_map(move |part| {
        let start = at;
        at += part.len();
        (!part.trim().is_empty()).then_some(start..at)
    })
}

/// The text that shares the most words with `text`, and its number.
fn most_similar<'a>(text: &str, others: impl Iterator<Item = &'a str>) -> Option<(usize, &'a str)> {
    let words = Words::of(text);
    let alike = others.enumerate().take(500).map(|(at, other)| (words.similarity(other), at, other));
    alike.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1))).map(|(_, at, other)| (at, other))
}
