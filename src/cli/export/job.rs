//! Every unit of a file in the steps and with the labels that hold, to the writer of the target: as the file has them one after the other, or,
//! for targets that compare samples, all those of a problem at once.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::layout::Output;
use super::voices::{Choice, Said, View, Voices};
use crate::cli::notes::Notes;
use crate::corpus::Corpus;
use crate::formats::{self, Exploded, Framing, Labelled, LabelledTrace, Loss, Target};
use crate::labels::Given;
use crate::labels::policy::{Alternatives, Author, Policy, Repeats, Skipped};
use crate::query::Query;
use crate::segment::{self, Rule};
use crate::shell::identity;
use crate::shell::strays::{found, is_a_place};
use crate::trace::{NodeId, Solution, Trace};

/// What is done with every file.
pub(super) struct Job<'a> {
    pub(super) target: &'a Target,
    pub(super) policy: &'a Policy,
    pub(super) voices: &'a Voices,
    /// The rule whose steps stand in place of the file's.
    pub(super) segment: Option<Rule>,
    /// Only solutions of which this is true.
    pub(super) filter: Option<&'a Query>,
}

/// What an export counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) loss: Loss,
    /// Records that could not be read.
    pub(super) bad: usize,
    /// What was repaired, dropped or guessed where the files were read.
    pub(super) notes: Notes,
    /// Files of folders that could not be opened, with the reasons.
    pub(super) unopened: Vec<Value>,
    /// What the filter chose.
    pub(super) choice: Choice,
    /// Rows that are the same as another and were not written.
    pub(super) repeated: u64,
    /// Solutions of the file on its way that somebody judged in it, as far as they were not found yet.
    sought: Given,
    /// Decisions on solutions that files do not hold any more.
    pub(super) strays: usize,
    /// Rows of solutions that somebody judged here.
    judged: Rows,
}

/// Rows of which nothing but hashes is kept.
type Rows = HashSet<[u8; 16]>;

/// A trace that was read, and what is said of it.
struct Heard<'a> {
    trace: Trace,
    /// The same in the steps of a rule.
    by_rule: Option<Trace>,
    told: Vec<View<'a>>,
}

impl Heard<'_> {
    /// The trace in the steps of the rule, where there is one.
    fn base(&self) -> &Trace {
        self.by_rule.as_ref().unwrap_or(&self.trace)
    }

    /// The trace in other steps than those of its source.
    fn cut<'b>(&'b self, told: &'b View<'_>) -> Option<&'b Trace> {
        told.cut().or(self.by_rule.as_ref())
    }
}

/// One file on its way.
struct Run<'a> {
    corpus: &'a Corpus,
    out: &'a mut Output,
    counts: &'a mut Counts,
}

impl Run<'_> {
    /// Puts records of a trace into the draft. A byte order mark before one stays behind, and is counted.
    fn put(&mut self, unit: &LabelledTrace<'_>, records: &[Vec<u8>]) -> anyhow::Result<()> {
        let draft = self.out.of(unit.trace.prompt_key);
        records.iter().try_for_each(|record| {
            self.counts.loss.lose(Framing::MARKS, u64::from(Framing::is_marked(record)));
            draft.record(record)
        })
    }
}

impl Job<'_> {
    /// Writes every unit.
    pub(super) fn write(&self, corpus: &Corpus, out: &mut Output, counts: &mut Counts) -> anyhow::Result<()> {
        counts.sought = if is_a_place(corpus) { self.voices.given(&identity(corpus.name())) } else { Given::new() };
        let mut run = Run { corpus, out, counts };
        if self.target.writer.compares() {
            self.by_problem(&mut run)?;
        } else {
            self.in_order(&mut run)?;
        }
        counts.strays += std::mem::take(&mut counts.sought).values().map(|(_, times)| times).sum::<usize>();
        Ok(())
    }

    /// Writes one unit after the other.
    fn in_order(&self, run: &mut Run<'_>) -> anyhow::Result<()> {
        let problems = run.corpus.problems_of_units();
        let mut left = vec![0_u32; run.corpus.problem_count()];
        for &problem in &problems {
            left[problem] += 1;
        }
        // Of problems of which more is still to come.
        let mut open: HashMap<usize, Rows> = HashMap::new();
        for (index, problem) in problems.into_iter().enumerate() {
            let unit = run.corpus.unit(index);
            run.counts.bad += unit.errors.len();
            let mut seen = open.remove(&problem).unwrap_or_default();
            if let Some(trace) = unit.trace {
                let records = if unit.errors.is_empty() { run.corpus.unit_records(index) } else { Vec::new() };
                let heard = self.hear(trace, run.counts);
                run.counts.notes.read(run.corpus, index, heard.base());
                for told in &heard.told {
                    self.unit(run, &heard, told, &records, &mut seen)?;
                }
            }
            left[problem] -= 1;
            if left[problem] > 0 && !seen.is_empty() {
                open.insert(problem, seen);
            }
        }
        Ok(())
    }

    /// Writes one problem after the other, each with all units of it.
    fn by_problem(&self, run: &mut Run<'_>) -> anyhow::Result<()> {
        for problem in 0..run.corpus.problem_count() {
            let mut heard = Vec::new();
            for index in run.corpus.problem_units(problem) {
                let unit = run.corpus.unit(index);
                run.counts.bad += unit.errors.len();
                if let Some(trace) = unit.trace {
                    let one = self.hear(trace, run.counts);
                    run.counts.notes.read(run.corpus, index, one.base());
                    heard.push(one);
                }
            }
            let told = heard.iter().flat_map(|heard| heard.told.iter().map(move |told| (heard, told)));
            let parts: Vec<_> = told.map(|(heard, told)| self.labelled(heard, told, None)).collect();
            let mut seen = Rows::new();
            // Two problems can have the same hash.
            for parts in parts.chunk_by(|a, b| a.trace.prompt_key == b.trace.prompt_key) {
                self.together(run, parts, &mut seen)?;
            }
        }
        Ok(())
    }

    /// Writes what was said of one problem.
    fn together(&self, run: &mut Run<'_>, parts: &[LabelledTrace<'_>], seen: &mut Rows) -> anyhow::Result<()> {
        let counted = |item: &Labelled<'_>| self.policy.refuses(&item.of().extra, &item.labels).is_none();
        // What stands beside refused solutions must not come to stand beside others.
        let (parts, refused): (Vec<_>, Vec<_>) = parts.iter().partition(|part| part.solutions.iter().any(counted));
        let trace = if parts.len() > 1 { formats::gathered(&parts) } else { None };
        let whole = trace.as_ref().map(|trace| LabelledTrace::of_parts(trace, &parts));
        let alone = if whole.is_none() { parts } else { Vec::new() };
        for unit in whole.iter().chain(alone).chain(refused) {
            let mut rows = self.rows(run, unit);
            self.once(run, unit, &mut rows, seen);
            run.put(unit, &rows)?;
        }
        Ok(())
    }

    /// A trace with what is said of it and chosen by the filter.
    fn hear(&self, trace: Trace, counts: &mut Counts) -> Heard<'_> {
        let by_rule = self.segment.and_then(|rule| segment::resplit(&trace, rule));
        let base = by_rule.as_ref().unwrap_or(&trace);
        let before = counts.loss.agreement.left_out;
        let told = self.voices.views(base, self.filter, &mut counts.choice, &mut counts.loss);
        for _ in before..counts.loss.agreement.left_out {
            counts.loss.read += 1;
            counts.loss.skip(&Skipped::Disagreement);
        }
        if !counts.sought.is_empty() {
            let cuts: Vec<Trace> = self.voices.cuts(base).collect();
            cuts.iter().chain([&trace, base]).for_each(|trace| found(&mut counts.sought, trace));
        }
        Heard { trace, by_rule, told }
    }

    /// Writes one trace, which was read from these records, as one view shows it.
    fn unit(
        &self,
        run: &mut Run<'_>,
        heard: &Heard<'_>,
        told: &View<'_>,
        records: &[usize],
        seen: &mut Rows,
    ) -> anyhow::Result<()> {
        let corpus = run.corpus;
        // The record of a tree holds solutions that were not chosen.
        let same = told.whole && corpus.format().name() == self.target.name && heard.cut(told).is_none();
        let copies = records.iter().filter(|_| same).map(|&record| corpus.raw(record)).collect::<Result<Vec<_>, _>>()?;
        // Only a record that stands alone has bytes that belong to one unit.
        let raw = if let [raw] = copies.as_slice() { Some(raw.as_slice()) } else { None };
        let labelled = self.labelled(heard, told, raw);
        // A tree of several records is copied as it stands when nobody touched it.
        let untouched = |item: &Labelled<'_>| !item.touched && !item.confirmed();
        if copies.len() > 1 && labelled.marks.is_empty() && labelled.solutions.iter().all(untouched) {
            run.counts.loss.copied(&labelled, copies.len());
            return run.put(&labelled, &copies);
        }
        let mut rows = self.rows(run, &labelled);
        if !same {
            self.once(run, &labelled, &mut rows, seen);
        }
        run.put(&labelled, &rows)
    }

    /// The records of a labelled trace.
    fn rows(&self, run: &mut Run<'_>, unit: &LabelledTrace<'_>) -> Vec<Vec<u8>> {
        let mut written = Vec::new();
        let (writer, loss) = (self.target.writer, &mut run.counts.loss);
        match self.policy.alternatives {
            Alternatives::ExplodeRows if run.corpus.format().name() != self.target.name => {
                let exploded = formats::exploded(unit, self.policy);
                writer.write(&self.exploded(&exploded, unit), self.policy, &mut written, loss);
            }
            _ => writer.write(unit, self.policy, &mut written, loss),
        }
        written
    }

    /// Leaves out rows that are there already, where the policy says so. They are compared with those `seen` of the same problem in the same
    /// file; those of solutions that somebody judged here also with all such rows before, because a label of a step holds wherever the step
    /// stands.
    fn once(&self, run: &mut Run<'_>, unit: &LabelledTrace<'_>, rows: &mut Vec<Vec<u8>>, seen: &mut Rows) {
        if self.policy.repeats == Repeats::Keep || self.voices.author() == Author::Each {
            return;
        }
        let judged = unit.solutions.iter().any(|item| item.touched);
        let (counts, before) = (&mut *run.counts, rows.len());
        rows.retain(|row| {
            let digest = Sha256::digest(row);
            let hash = std::array::from_fn(|at| digest[at]);
            seen.insert(hash) && (!judged || counts.judged.insert(hash))
        });
        let repeated = (before - rows.len()) as u64;
        counts.repeated += repeated;
        counts.loss.records -= repeated;
    }

    /// A trace with the labels that hold: those of the store over those of the file.
    fn labelled<'a>(&self, heard: &'a Heard<'_>, told: &'a View<'_>, raw: Option<&'a [u8]>) -> LabelledTrace<'a> {
        let recut = heard.cut(told);
        // `source` is the trace as the file cuts it, when `trace` has other steps.
        let (trace, source) = (recut.unwrap_or(&heard.trace), recut.map(|_| &heard.trace));
        let key = |trace: &Trace, solution: &Solution| trace.node(solution.leaf).key;
        let cut = |index: usize| {
            let source = source?;
            (key(source, source.solutions.get(index)?) != key(trace, &trace.solutions[index])).then_some(source)
        };
        let item = |said: &Said| {
            let (labels, source) = (said.labels.clone(), cut(said.solution));
            let item = Labelled { trace, solution: said.solution, labels, raw, touched: said.touched, source };
            // Where texts have a place, a record with new ones is another record.
            Labelled { touched: item.touched || self.target.writer.takes_words(&item), ..item }
        };
        let on_path: BTreeSet<_> = trace.solutions.iter().flat_map(|solution| trace.solution_path(solution)).collect();
        let mark = |id: NodeId| Some((id, self.voices.own()?.mark(trace.node(id).key)?.rating));
        let marks: HashMap<_, _> = trace.steps().filter(|id| !on_path.contains(id)).filter_map(mark).collect();
        let best = |id: NodeId| {
            let node = trace.node(id);
            self.voices.own()?.chosen(trace.node(node.parent?).key).filter(|chosen| *chosen == node.key).map(|_| id)
        };
        let chosen = trace.steps().filter_map(best).collect();
        LabelledTrace { marks, chosen, ..LabelledTrace::new(trace, told.said.iter().map(item).collect()) }
    }

    /// The same with one more solution for each rated step beside the solutions.
    fn exploded<'a>(&self, exploded: &'a Exploded, unit: &LabelledTrace<'a>) -> LabelledTrace<'a> {
        let trace = &exploded.trace;
        let known = unit.solutions.iter().map(|item| Labelled { trace, raw: None, ..item.clone() });
        let question = self.voices.question(self.filter, trace);
        let more = exploded.beside.iter().zip(unit.trace.solutions.len()..).filter_map(|(&beside, solution)| {
            let said = self.voices.own_word(trace, solution);
            if question.holds(trace, &said) != Some(true) {
                return None;
            }
            let labels = Exploded::doubted(said.labels, &unit.solutions[beside].labels);
            Some(Labelled { trace, solution, labels, raw: None, touched: said.touched, source: None })
        });
        LabelledTrace { chosen: unit.chosen.clone(), ..LabelledTrace::new(trace, known.chain(more).collect()) }
    }
}
