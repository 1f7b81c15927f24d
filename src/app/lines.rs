//! Texts on one line, for lists and trees: formulas drawn as in the steps, worked out once for what comes into sight.

use std::collections::HashMap;

use super::{App, layout};
use crate::trace::{NodeId, PromptKey, StepKey, Trace};
use crate::typeset::{Page, View};

/// Bytes of a text that one line can be made of.
const READ: usize = 400;
/// Lines that are kept.
const KEPT: usize = 4096;
/// Alternatives of a step that have a line.
const ALTERNATIVES: usize = 40;

/// Lines of steps and problems; `None` where the text says the same.
#[derive(Debug, Default)]
pub struct Lines {
    steps: HashMap<StepKey, Option<String>>,
    problems: HashMap<PromptKey, Option<String>>,
}

impl App {
    /// The step on one line: drawn, where formulas are drawn.
    pub fn step_line<'a>(&'a self, trace: &'a Trace, node: NodeId) -> &'a str {
        let node = trace.node(node);
        self.lines.steps.get(&node.key).filter(|_| self.draws()).and_then(Option::as_ref).unwrap_or(&node.text)
    }

    /// The same of a problem.
    pub fn problem_line<'a>(&'a self, trace: &'a Trace) -> &'a str {
        let line = self.lines.problems.get(&trace.prompt_key).filter(|_| self.draws());
        line.and_then(Option::as_ref).unwrap_or(&trace.problem.text)
    }

    fn draws(&self) -> bool {
        self.steps.view == View::Drawn
    }

    /// A formula without its signs on one line, drawn; `None` where formulas are not drawn, or this one takes more.
    pub fn formula_line(&self, formula: &str) -> Option<String> {
        let draws = self.draws() && formula.len() < READ && formula.contains('\\') && !formula.contains(['$', '\n']);
        let page = draws.then(|| Page::new(&format!("${}$", formula.trim()), self.linear_setting()))?;
        (page.left_out.is_empty() && page.rows() == 1).then(|| page.text.to_string())
    }

    pub(super) fn drawn(&self, text: &str) -> Option<String> {
        let text = beginning(text);
        let page = text.contains(['$', '\\', '*', '`']).then(|| Page::new(text, self.linear_setting()))?;
        Some(page.text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Reads what came into sight: whether the search finds it, and what it looks like on one line.
    pub(super) fn read_lines(&mut self) {
        let rows = layout::tree_rows(self);
        self.look_for(&rows);
        if self.draws() {
            self.draw_lines(&rows);
        }
    }

    /// Draws what is in sight and was not drawn before.
    fn draw_lines(&mut self, rows: &[NodeId]) {
        if self.lines.steps.len() + self.lines.problems.len() > KEPT {
            self.lines = Lines::default();
        }
        let (mut steps, mut problems) = (Vec::new(), Vec::new());
        if let Some(trace) = self.trace() {
            let siblings = trace.node(self.cursor.node).parent.map_or(&[][..], |parent| &trace.node(parent).children);
            for node in rows.iter().chain(siblings.iter().take(ALTERNATIVES)).map(|&id| trace.node(id)) {
                if !self.lines.steps.contains_key(&node.key) {
                    steps.push((node.key, self.drawn(&node.text)));
                }
            }
        }
        let mut items = layout::visible_items(self);
        if let Some(picker) = &self.picker {
            let window = picker.window(self.size.1);
            items.extend(picker.found().skip(window.top).take(window.rows).map(|(item, _)| item));
        }
        for trace in items.into_iter().filter_map(|item| self.items.trace(item)) {
            if !self.lines.problems.contains_key(&trace.prompt_key) {
                problems.push((trace.prompt_key, self.drawn(&trace.problem.text)));
            }
        }
        self.lines.steps.extend(steps);
        self.lines.problems.extend(problems);
    }
}

/// As much of a text as is read for a line.
fn beginning(text: &str) -> &str {
    let end = (0..=READ.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    &text[..end]
}
