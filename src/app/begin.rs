//! Where the cursor comes to rest in a solution that nobody has moved it in yet.

use super::items::ItemId;
use super::{App, Focus, layout};
use crate::labels::Rules;
use crate::trace::{NodeId, StepKey};

/// Where the cursor goes by itself.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each one is set and taken back by itself")]
pub(super) struct Walk {
    /// It came to a solution and has not been moved since: it may go where the scores point.
    pub(super) suggest: bool,
    /// It has just gone there.
    pub(super) glance: bool,
    /// Steps are rated one by one: solutions begin at their first step without a rating.
    pub(super) rates: bool,
    /// A mark on this step has just judged all solutions through it.
    pub(super) covers: Option<StepKey>,
    /// It was led to its step by a search or a jump, which no score outweighs.
    pub(super) led: bool,
    /// Solutions that were judged elsewhere are being passed over: how many so far, and where the last one was judged.
    pub(super) passing: Option<(usize, String)>,
    /// Where it came to rest by itself: on which step of which path.
    pub(super) rest: Option<(ItemId, NodeId, usize)>,
    /// The tree, or the steps without it, was asked for: every problem opens like that.
    pub(super) tree: Option<bool>,
    /// How the project wants solutions to be gone through, whatever was asked for since.
    pub(super) asked: Rules,
}

impl Default for Walk {
    fn default() -> Self {
        let asked = Rules::default();
        Self {
            suggest: true,
            glance: false,
            rates: false,
            covers: None,
            led: false,
            passing: None,
            rest: None,
            tree: None,
            asked,
        }
    }
}

impl App {
    /// Puts the cursor where the scores point, once they are known and may be seen. It is no label: a key says yes or no to it.
    pub(super) fn suggest(&mut self) {
        if !self.walk.suggest || self.focus != Focus::Steps {
            return;
        }
        if let Some(step) = self.first_unrated() {
            self.walk.suggest = false;
            self.cursor.go_to_step(step);
        }
        if !self.walk.suggest || !self.show_prm {
            return;
        }
        let Some(trace) = self.trace().cloned() else { return };
        let known = |id: &NodeId| {
            let key = trace.node(*id).key;
            self.scoring.scores.contains_key(&key) || self.scoring.refused.contains_key(&key)
        };
        if self.cursor.path.is_empty() || !self.cursor.path.iter().all(known) {
            return;
        }
        self.walk.suggest = false;
        let labelled = self.labels_here(&trace).1.contains(&true);
        if labelled {
            return;
        }
        self.walk.glance = true;
        if let Some(step) = self.predicted_first_error().or_else(|| self.outlook().suspects.first().copied()) {
            self.cursor.go_to_step(step);
        }
        self.walk.rest = self.cursor.path.last().map(|&leaf| (self.cursor.item, leaf, self.cursor.step()));
    }

    /// A solution begins with its beginning: where that and the step most worth a look are not in sight together, who reads from the top
    /// need not scroll back first. The predicted error is under the cursor as soon as it is in sight ([`layout::scroll`]).
    pub(super) fn glance(&mut self) {
        let begins = self.steps.visible.first().is_some_and(|slice| (slice.step, slice.first) == (0, 0));
        if std::mem::take(&mut self.walk.glance) && !begins {
            self.cursor.go_to_step(0);
            if self.predicted_first_error().is_none() {
                self.walk.rest = self.walk.rest.map(|(item, leaf, _)| (item, leaf, 0));
            }
            layout::arrange(self);
        }
    }

    /// Who rates step by step begins a solution at its first step without a rating, and not at the suspect; so does who is shown one step
    /// after the other, and who comes back to what is rated in part. `None` for everybody else.
    pub(super) fn first_unrated(&self) -> Option<usize> {
        let (trace, solution) = self.trace().zip(self.solution())?;
        let ratings = self.ratings();
        let open = ratings.iter().position(Option::is_none);
        let begun = open.is_some() && ratings.iter().any(Option::is_some) && !self.session.judges(trace, solution);
        (begun || self.walk.rates || self.project.every || self.project.guided).then_some(open.unwrap_or(0))
    }

    /// The cursor goes where solutions begin now, unless this one is judged.
    pub(crate) fn begin_again(&mut self) {
        let judged = |app: &Self| Some(app.session.judges(app.trace()?, app.solution()?));
        self.walk.suggest = judged(self) == Some(false);
    }
}
