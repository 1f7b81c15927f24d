//! What stands around the solution on show, where the screen has room for it: the answers of the others, and what was said of this one.

use std::sync::{Arc, Weak};

use super::answers::Answers;
use super::describe::{Words, decision};
use super::path::Path;
use super::{App, layout};
use crate::trace::{NodeId, Solution, Trace};

/// Solutions of a problem whose answers are told whenever one goes to another; of more, only the table of answers tells.
const MOST: usize = 200;
/// Answers and decisions that are told.
const ROWS: usize = 6;

/// The lines, and what they are those of.
#[derive(Debug, Default)]
pub(super) struct Around {
    of: Option<(Path, usize, bool)>,
    lines: Vec<String>,
    /// The answers of a problem, worked out after so many events, as long as they may be told.
    answers: Option<(Weak<Trace>, usize, Answers)>,
}

impl App {
    /// What there is to tell, a line each; nothing where there is no room for it.
    pub fn around(&self) -> &[String] {
        &self.around.lines
    }

    /// The answers of other solutions are on the screen beside this one.
    pub(super) fn answers_beside(&self) -> bool {
        self.around.answers.is_some()
    }

    /// Reads it again where it is that of something else.
    pub(super) fn look_around(&mut self) {
        let column = layout::panes(self).and_then(|panes| Some((panes.detail?, panes.steps?)));
        let here = self.path().map(|(path, trace)| (path, Arc::clone(trace)));
        let Some((path, trace)) = here.filter(|_| column.is_some_and(|(detail, steps)| detail.x > steps.x)) else {
            *self.around = Around::default();
            return;
        };
        let leaf = self.leaf();
        // Who judges blind is not told what most solutions arrive at.
        let told = self.show_prm && self.reference_shown() && !self.project.guided;
        let events = self.session.len();
        let of = (path, events, told);
        if self.around.of.as_ref() == Some(&of) {
            return;
        }
        let known = |of: &(Weak<Trace>, usize, Answers)| of.0.ptr_eq(&Arc::downgrade(&trace)) && of.1 == events;
        let answers = self.around.answers.take().filter(|of| told && known(of)).or_else(|| {
            let few = told && (2..=MOST).contains(&trace.solutions.len());
            let answers = few.then(|| self.answers_of(&trace))?;
            let named = answers.groups.iter().any(|group| !group.answer.is_empty());
            named.then(|| (Arc::downgrade(&trace), events, answers))
        });
        let mut lines = answers.as_ref().map_or_else(Vec::new, |(.., answers)| self.answers_in_short(answers, &trace, leaf));
        if let Some(own) = self.own() {
            let past = own.history(&trace, &Solution::new(leaf));
            if !past.is_empty() {
                lines.push(format!("said of it ({} tells all)", self.key("history")));
                let words = Words::First(self.look.glyphs.ellipsis);
                lines.extend(past.iter().rev().take(ROWS).map(|past| format!("  {}", decision(past, words))));
            }
        }
        *self.around = Around { of: Some(of), lines, answers };
    }

    fn answers_in_short(&self, answers: &Answers, trace: &Trace, leaf: NodeId) -> Vec<String> {
        let mut lines = vec![format!("answers of {} solutions ({} compares)", answers.solutions, self.key("answers"))];
        for group in answers.groups.iter().take(ROWS) {
            let answer = if group.answer.is_empty() { "none" } else { &group.answer };
            let here = if group.solutions.iter().any(|&at| trace.solutions[at].leaf == leaf) { "  < this" } else { "" };
            let said = match (group.right, group.wrong) {
                (1.., 0) => "  RIGHT",
                (0, 1..) => "  WRONG",
                _ => "",
            };
            lines.push(format!("  x{:<3} {answer}{said}{here}", group.solutions.len()));
        }
        lines
    }
}
