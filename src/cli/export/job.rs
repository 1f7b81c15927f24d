//! One file to export: every unit of it in the steps and with the labels that hold, to the writer of the target.

use std::collections::{BTreeSet, HashMap};

use super::layout::Output;
use super::voices::{Agreement, View, Voices};
use crate::corpus::Corpus;
use crate::formats::{self, Labelled, LabelledTrace, Loss, Target};
use crate::labels::policy::{Alternatives, Policy, Skipped};
use crate::segment::{self, Rule};
use crate::trace::{NodeId, Solution, Trace};

/// One file to export.
pub(super) struct Job<'a> {
    pub(super) corpus: &'a Corpus,
    pub(super) target: &'a Target,
    pub(super) policy: &'a Policy,
    pub(super) voices: &'a Voices,
    /// The rule whose steps stand in place of the file's.
    pub(super) segment: Option<Rule>,
}

/// What an export counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) loss: Loss,
    pub(super) agreement: Agreement,
    /// Records that could not be read.
    pub(super) bad: usize,
}

impl Job<'_> {
    /// Writes every unit.
    pub(super) fn write(&self, out: &mut Output, counts: &mut Counts) -> anyhow::Result<()> {
        for index in 0..self.corpus.unit_count() {
            let unit = self.corpus.unit(index);
            counts.bad += unit.errors.len();
            if let Some(trace) = &unit.trace {
                let records = if unit.errors.is_empty() { self.corpus.unit_records(index) } else { Vec::new() };
                self.unit(trace, &records, out, counts)?;
            }
        }
        Ok(())
    }

    /// Writes one trace, which was read from these records.
    fn unit(&self, trace: &Trace, records: &[usize], out: &mut Output, counts: &mut Counts) -> anyhow::Result<()> {
        let by_rule = self.segment.and_then(|rule| segment::resplit(trace, rule));
        let base = by_rule.as_ref().unwrap_or(trace);
        let before = counts.agreement.left_out;
        let views = self.voices.views(base, &mut counts.agreement);
        for _ in before..counts.agreement.left_out {
            counts.loss.read += 1;
            counts.loss.skip(&Skipped::Disagreement);
        }
        let draft = out.of(trace.prompt_key);
        for view in &views {
            let cut = view.cut().or(by_rule.as_ref());
            let same = self.corpus.format().name() == self.target.name && cut.is_none();
            let raws = records.iter().filter(|_| same).map(|&record| self.corpus.raw(record)).collect::<Result<Vec<_>, _>>()?;
            // Only a record that stands alone has bytes that belong to one unit.
            let raw = if let [raw] = raws.as_slice() { Some(raw.as_slice()) } else { None };
            let labelled = self.labelled(cut.unwrap_or(trace), cut.map(|_| trace), view, raw);
            // A tree of several records is copied as it stands when nobody touched it.
            let untouched = |item: &Labelled<'_>| !item.touched && !item.confirmed();
            if raws.len() > 1 && labelled.marks.is_empty() && labelled.solutions.iter().all(untouched) {
                for raw in &raws {
                    draft.record(raw)?;
                }
                counts.loss.copied(&labelled, raws.len());
                continue;
            }
            let mut written = Vec::new();
            let writer = self.target.writer;
            match self.policy.alternatives {
                Alternatives::ExplodeRows if self.corpus.format().name() != self.target.name => {
                    let exploded = formats::exploded(&labelled);
                    writer.write(&self.exploded(&exploded, &labelled), self.policy, &mut written, &mut counts.loss);
                }
                _ => writer.write(&labelled, self.policy, &mut written, &mut counts.loss),
            }
            for row in written {
                draft.record(&row)?;
            }
        }
        Ok(())
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
        let item = |said: &super::voices::Said| Labelled {
            trace,
            solution: said.solution,
            labels: said.labels.clone(),
            raw,
            touched: said.touched,
            source: cut(said.solution),
        };
        let on_path: BTreeSet<_> = trace.solutions.iter().flat_map(|solution| trace.solution_path(solution)).collect();
        let mark = |id: NodeId| Some((id, self.voices.own()?.mark(trace.node(id).key)?.rating));
        let marks: HashMap<_, _> = trace.steps().filter(|id| !on_path.contains(id)).filter_map(mark).collect();
        LabelledTrace { marks, ..LabelledTrace::new(trace, view.said.iter().map(item).collect()) }
    }

    /// The same with one more solution for each rated step beside the solutions.
    fn exploded<'a>(&self, trace: &'a Trace, unit: &LabelledTrace<'a>) -> LabelledTrace<'a> {
        let known = unit.solutions.iter().map(|item| Labelled { trace, raw: None, ..item.clone() });
        let more = (unit.trace.solutions.len()..trace.solutions.len()).map(|solution| {
            let of = &trace.solutions[solution];
            let own = self.voices.own().map(|session| session.overlay(trace, of));
            let (labels, touched) = own.unwrap_or_else(|| (trace.recorded_labels(of), false));
            Labelled { trace, solution, labels, raw: None, touched, source: None }
        });
        LabelledTrace::new(trace, known.chain(more).collect())
    }
}
