//! What a filter asks of the solutions of a trace.

use std::cell::OnceCell;

use super::voices::{Said, Voices};
use crate::analysis::dispute::Dispute;
use crate::labels::{Session, Shown};
use crate::query::{Facts, Query};
use crate::trace::{Solution, Trace};

/// A filter, and what is worked out once for all solutions of a trace.
pub(super) struct Question<'a> {
    voices: &'a Voices,
    filter: Option<&'a Query>,
    /// The trace in the steps of its source.
    source: &'a Trace,
    /// The same as the one who exports cut it, where the filter asks what others say.
    cut: Option<Trace>,
    /// See [`Facts::solved`].
    solved: OnceCell<Option<f64>>,
}

impl<'a> Question<'a> {
    pub(super) fn new(voices: &'a Voices, filter: Option<&'a Query>, source: &'a Trace) -> Self {
        let asks = filter.is_some_and(Query::needs_panel);
        let cut = voices.own().filter(|_| asks).and_then(|own| own.recut(source));
        Self { voices, filter, source, cut, solved: OnceCell::new() }
    }

    /// Whether the filter is true of a solution of `trace`, which has the same solutions in other steps; `None` where that is not known. Labels
    /// are one's own when they are those of the store that are written.
    pub(super) fn holds(&self, trace: &Trace, said: &Said) -> Option<bool> {
        let Some(filter) = self.filter else { return Some(true) };
        let solution = &trace.solutions[said.solution];
        let path = trace.solution_path(solution);
        let scores = vec![None; path.len()];
        let own = self.voices.own();
        let facts = Facts {
            flagged: said.labels.unsure,
            later: own.is_some_and(|session| session.skipped(trace.record_key(solution.leaf))),
            returned: own.is_some_and(|session| session.returned(trace, solution).is_some()),
            sent: own.is_some_and(|session| session.has_sent_back(trace, solution)),
            assigned: self.voices.plan.as_ref().map(|(plan, name)| plan.assigned(trace.prompt_key).contains(&name.as_str())),
            panel: self.dispute(filter, said.solution),
            cluster: self.group(trace, solution),
            solved: Some(&self.solved),
            ..Facts::bare(trace, said.solution, &path, &scores, &said.own)
        };
        filter.holds(&facts)
    }

    /// How the others lie apart, as the one who exports sees it.
    fn dispute(&self, filter: &Query, index: usize) -> Option<Dispute> {
        let panel = Some(&self.voices.panel).filter(|panel| filter.needs_panel() && !panel.is_empty())?;
        let nobody = Session::default();
        let trace = self.cut.as_ref().unwrap_or(self.source);
        let shown = Shown { trace, source: self.source, reader: self.voices.own().unwrap_or(&nobody) };
        // Of what no annotator judged it is known that nobody disputes it.
        Some(trace.solutions.get(index).and_then(|solution| panel.dispute(shown, solution)).unwrap_or_default())
    }

    /// The group of a solution, also of one that was cut anew; 0 for none.
    fn group(&self, trace: &Trace, solution: &Solution) -> Option<usize> {
        let groups = self.voices.groups.as_ref()?;
        Some(trace.names(solution.leaf).find_map(|record| groups.get(&record)).copied().unwrap_or(0))
    }
}
