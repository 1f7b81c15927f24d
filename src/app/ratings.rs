//! Which steps of the path on show are rated, and when that decides the solution.

use super::App;
use super::path::Path;
use crate::labels::{Action, Body, Draft, Mark, Mode, Order, Scope, overruled};
use crate::trace::{FirstError, NodeId, Rating, Solution, StepKey, Trace};

/// What a label makes of a solution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Where it goes wrong first.
    pub(crate) verdict: FirstError,
    /// It was open before: who changes one of all ratings has not come to the end of the solution by that.
    pub(crate) first: bool,
}

/// What ratings hang on: the path, the events so far, the labels on their way, and the event behind which they count.
pub(super) type RatedFrom = (Path, usize, u64, Option<Order>);

impl App {
    /// Own ratings of the steps on show that may be known of: those in force, and those on their way to the store. What was said before a
    /// solution came once more is out of sight.
    pub(crate) fn ratings(&self) -> Vec<Option<Rating>> {
        let Some((path, trace)) = self.path() else { return Vec::new() };
        let since = self.trust.serving.filter(|_| self.own_hidden()).and_then(|serving| serving.since);
        let from = (path, self.session.len(), self.saving.queue.stamp(), since);
        self.known.ratings.of(from, || self.read_ratings(trace, since))
    }

    fn read_ratings(&self, trace: &Trace, since: Option<Order>) -> Vec<Option<Rating>> {
        let seen = |(order, _): &(Order, Mark)| since.is_none_or(|since| *order > since);
        let on_its_way = |step: StepKey| {
            let rates = |draft: &Draft| match &draft.body {
                Body::Act(action) => action.ratings().filter(|(steps, _)| steps.contains(&step)).map(|(_, rating)| rating),
                Body::Undo(_) => None,
            };
            self.saving.queue.iter().rev().find_map(rates)
        };
        let marks = self.session.marks(trace, &Solution::new(self.leaf()));
        let rating = |(id, mark): (&NodeId, Option<(Order, Mark)>)| {
            on_its_way(trace.node(*id).key).unwrap_or_else(|| mark.filter(seen).map(|(_, mark)| mark.rating))
        };
        self.cursor.path.iter().zip(marks).map(rating).collect()
    }

    /// What a label makes of the solution on show where it decides it: a verdict, the rating behind which none is missing, or the bad one that
    /// ends a solution ([`Scope::FirstError`]). Work goes on behind such a label, and the solution counts as judged. Ratings of steps beside all
    /// solutions decide none.
    pub(crate) fn decided_by(&self, action: &Action) -> Option<Decision> {
        let Some((steps, rating)) = action.ratings() else {
            return action.verdict().map(|verdict| Decision { verdict, first: true });
        };
        let trace = self.trace().filter(|_| rating.is_some() && self.solution_on_show().is_some())?;
        let mut ratings = self.ratings();
        let complete = |ratings: &[Option<Rating>]| ratings.iter().all(Option::is_some);
        let before = complete(&ratings);
        for (id, known) in self.cursor.path.iter().zip(&mut ratings) {
            if steps.contains(&trace.node(*id).key) {
                *known = rating;
            }
        }
        let ends = self.project.scope == Scope::FirstError && rating == Some(Rating::Bad);
        let first = ratings.iter().position(|rating| *rating == Some(Rating::Bad));
        (ends || complete(&ratings))
            .then(|| Decision { verdict: first.map_or(FirstError::NoError, FirstError::At), first: ends || !before })
            .or_else(|| self.decided_over_file(trace, &ratings))
    }

    /// The same where own ratings overrule what the file says and its other ratings are on show: they need not be given again.
    fn decided_over_file(&self, trace: &Trace, own: &[Option<Rating>]) -> Option<Decision> {
        let solution = self.solution_on_show().filter(|_| self.reference_shown())?;
        let (_, verdict, _) = overruled(own, solution.first_error, &trace.recorded_ratings(solution))?;
        (verdict != FirstError::Unknown).then_some(Decision { verdict, first: false })
    }

    /// Own ratings of the steps on show and, where those are shown, the file's of steps without one.
    pub(crate) fn ratings_shown(&self, trace: &Trace) -> Vec<Option<Rating>> {
        let file = self.solution_on_show().filter(|_| self.reference_shown()).map(|solution| trace.recorded_ratings(solution));
        let file = file.unwrap_or_default().into_iter().chain(std::iter::repeat(None));
        self.ratings().into_iter().zip(file).map(|(own, file)| own.or(file)).collect()
    }

    /// The step of this index on the path on show stands beside all solutions: none runs through it.
    pub(crate) fn is_alternative(&self, index: usize) -> bool {
        let beside = |id: &NodeId| self.solution_on_show().is_none() && self.tree.through(*id) == 0;
        self.cursor.path.get(index).is_some_and(beside)
    }

    /// Where the path on show parts from all solutions: which of its alternatives it is, from 1, and how many there are.
    pub fn alternative_on_show(&self) -> Option<(usize, usize)> {
        let trace = self.trace()?;
        let parts = (0..self.cursor.path.len()).find(|index| self.is_alternative(*index))?;
        let id = self.cursor.path[parts];
        let siblings = &trace.node(trace.node(id).parent?).children;
        Some((siblings.iter().position(|sibling| *sibling == id)? + 1, siblings.len()))
    }

    /// After a reveal the same verdict once more says nothing new, and goes on. `kind` is that of the error; empty where there is none.
    pub(crate) fn says_again(&mut self, verdict: FirstError, kind: &str) -> bool {
        let revealed = self.trust.mode == Mode::RevealAfter && self.show_prm && !self.own_hidden();
        let Some(trace) = self.trace().filter(|_| revealed) else { return false };
        let said = self.own_labels(trace, self.leaf());
        let again = said.first_error == verdict && said.error_kind == kind;
        if again {
            self.notice = Some("as you have said before it was shown".to_owned());
        }
        again
    }
}
