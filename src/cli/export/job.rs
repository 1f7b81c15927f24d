//! Every unit of a file in the steps and with the labels that hold, to the writer of the target.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::layout::{Output, Part};
use super::voices::{Said, View, Voices};
use crate::corpus::Corpus;
use crate::formats::{self, Feature, Framing, Kept, Labelled, LabelledTrace, Loss, Target};
use crate::labels::policy::{Alternatives, Author, Policy, Repeats, Skipped};
use crate::query::Query;
use crate::segment::{self, Rule};
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
    /// Files of folders that could not be opened, with the reasons.
    pub(super) unopened: Vec<Value>,
    /// Solutions of which the filter is not true.
    pub(super) passed_over: u64,
    /// Rows that are the same as another and were not written.
    pub(super) repeated: u64,
    /// Hashes of the rows of solutions that somebody judged here.
    judged: HashSet<[u8; 32]>,
}

impl Counts {
    /// The rows that are not there yet. Those of one trace are compared with each other; those of solutions that somebody judged here also
    /// with all such rows before, because a label of a step holds wherever the step stands.
    fn once(&mut self, mut rows: Vec<Vec<u8>>, judged: bool) -> Vec<Vec<u8>> {
        let (before, mut here) = (rows.len(), HashSet::new());
        rows.retain(|row| {
            let hash: [u8; 32] = Sha256::digest(row).into();
            here.insert(hash) && (!judged || self.judged.insert(hash))
        });
        let repeated = (before - rows.len()) as u64;
        self.repeated += repeated;
        self.loss.records -= repeated;
        rows
    }
}

/// Adds a record and counts the mark before it, if there is one: it stays behind.
fn put(part: &mut Part, record: &[u8], loss: &mut Loss) -> anyhow::Result<()> {
    loss.lose(Framing::MARKS, u64::from(Framing::is_marked(record)));
    part.record(record)
}

impl Job<'_> {
    /// Writes every unit.
    pub(super) fn write(&self, corpus: &Corpus, out: &mut Output, counts: &mut Counts) -> anyhow::Result<()> {
        for index in 0..corpus.unit_count() {
            let unit = corpus.unit(index);
            counts.bad += unit.errors.len();
            if let Some(trace) = &unit.trace {
                let records = if unit.errors.is_empty() { corpus.unit_records(index) } else { Vec::new() };
                self.unit(corpus, trace, &records, out, counts)?;
            }
        }
        Ok(())
    }

    /// Writes one trace, which was read from these records.
    fn unit(
        &self,
        corpus: &Corpus,
        trace: &Trace,
        records: &[usize],
        out: &mut Output,
        counts: &mut Counts,
    ) -> anyhow::Result<()> {
        let by_rule = self.segment.and_then(|rule| segment::resplit(trace, rule));
        let base = by_rule.as_ref().unwrap_or(trace);
        let before = counts.loss.agreement.left_out;
        let views = self.voices.views(base, &mut counts.loss.agreement);
        for _ in before..counts.loss.agreement.left_out {
            counts.loss.read += 1;
            counts.loss.skip(&Skipped::Disagreement);
        }
        let draft = out.of(trace.prompt_key);
        for mut view in views {
            let told = view.said.len();
            self.choose(&mut view, base, counts);
            if view.said.is_empty() {
                continue;
            }
            let (view, whole) = (&view, view.said.len() == told);
            let cut = view.cut().or(by_rule.as_ref());
            // The record of a tree holds solutions that were not chosen.
            let same = whole && corpus.format().name() == self.target.name && cut.is_none();
            let raws = records.iter().filter(|_| same).map(|&record| corpus.raw(record)).collect::<Result<Vec<_>, _>>()?;
            // Only a record that stands alone has bytes that belong to one unit.
            let raw = if let [raw] = raws.as_slice() { Some(raw.as_slice()) } else { None };
            let labelled = self.labelled(cut.unwrap_or(trace), cut.map(|_| trace), view, raw);
            // A tree of several records is copied as it stands when nobody touched it.
            let untouched = |item: &Labelled<'_>| !item.touched && !item.confirmed();
            if raws.len() > 1 && labelled.marks.is_empty() && labelled.solutions.iter().all(untouched) {
                for raw in &raws {
                    put(draft, raw, &mut counts.loss)?;
                }
                counts.loss.copied(&labelled, raws.len());
                continue;
            }
            let mut written = Vec::new();
            let writer = self.target.writer;
            match self.policy.alternatives {
                Alternatives::ExplodeRows if corpus.format().name() != self.target.name => {
                    let exploded = formats::exploded(&labelled);
                    writer.write(&self.exploded(&exploded, &labelled), self.policy, &mut written, &mut counts.loss);
                }
                _ => writer.write(&labelled, self.policy, &mut written, &mut counts.loss),
            }
            if !same && self.policy.repeats == Repeats::Once && self.voices.author() != Author::Each {
                written = counts.once(written, labelled.solutions.iter().any(|item| item.touched));
            }
            for row in written {
                put(draft, &row, &mut counts.loss)?;
            }
        }
        Ok(())
    }

    /// Leaves out what the filter does not choose.
    fn choose(&self, view: &mut View<'_>, base: &Trace, counts: &mut Counts) {
        let Some(filter) = self.filter else { return };
        let told = view.said.len();
        let View { cut, said } = view;
        let trace = cut.as_ref().map_or(base, |(_, trace)| trace);
        said.retain(|said| self.voices.fits(filter, trace, said));
        counts.passed_over += (told - said.len()) as u64;
    }

    /// A trace with the labels that hold: those of the store over those of the file. `source` is the trace as the file cuts it, when
    /// `trace` has other steps.
    fn labelled<'a>(
        &self,
        trace: &'a Trace,
        source: Option<&'a Trace>,
        view: &View<'_>,
        raw: Option<&'a [u8]>,
    ) -> LabelledTrace<'a> {
        let key = |trace: &Trace, solution: &Solution| trace.node(solution.leaf).key;
        let cut = |index: usize| {
            let source = source?;
            (key(source, source.solutions.get(index)?) != key(trace, &trace.solutions[index])).then_some(source)
        };
        let keeps_words = self.target.writer.keeps().of(Feature::Remarks) != Kept::No;
        let item = |said: &Said| {
            let (labels, source) = (said.labels.clone(), cut(said.solution));
            let item = Labelled { trace, solution: said.solution, labels, raw, touched: said.touched, source };
            // Where texts have a place, a record with new ones is another record.
            Labelled { touched: item.touched || (keeps_words && item.words() > 0), ..item }
        };
        let on_path: BTreeSet<_> = trace.solutions.iter().flat_map(|solution| trace.solution_path(solution)).collect();
        let mark = |id: NodeId| Some((id, self.voices.own()?.mark(trace.node(id).key)?.rating));
        let marks: HashMap<_, _> = trace.steps().filter(|id| !on_path.contains(id)).filter_map(mark).collect();
        let best = |id: NodeId| {
            let node = trace.node(id);
            self.voices.own()?.chosen(trace.node(node.parent?).key).filter(|chosen| *chosen == node.key).map(|_| id)
        };
        let chosen = trace.steps().filter_map(best).collect();
        LabelledTrace { marks, chosen, ..LabelledTrace::new(trace, view.said.iter().map(item).collect()) }
    }

    /// The same with one more solution for each rated step beside the solutions.
    fn exploded<'a>(&self, trace: &'a Trace, unit: &LabelledTrace<'a>) -> LabelledTrace<'a> {
        let known = unit.solutions.iter().map(|item| Labelled { trace, raw: None, ..item.clone() });
        let more = (unit.trace.solutions.len()..trace.solutions.len()).filter_map(|solution| {
            let said = self.voices.own_word(trace, solution);
            if self.filter.is_some_and(|filter| !self.voices.fits(filter, trace, &said)) {
                return None;
            }
            let Said { labels, touched, .. } = said;
            Some(Labelled { trace, solution, labels, raw: None, touched, source: None })
        });
        LabelledTrace::new(trace, known.chain(more).collect())
    }
}
