//! One solution while it grows: texts of several kinds, cut into steps, with the tags between them kept as separators.

use super::fields;
use super::place_below;
use crate::segment::{self, Pieces, Rule};
use crate::trace::{NodeId, Solution, StepKind, TraceBuilder};

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// See the module's header.
pub(super) struct Trail<'a> {
    builder: &'a mut TraceBuilder,
    at: NodeId,
    /// Number of nodes before this solution: those it shares with others keep their separators.
    known: usize,
}

impl<'a> Trail<'a> {
    /// A solution without steps yet.
    pub(super) fn new(builder: &'a mut TraceBuilder) -> Self {
        // Of a trace without solutions the root's separator is still free.
        let known = if builder.trace().solutions.is_empty() { 0 } else { builder.trace().nodes.len() };
        Self { builder, at: NodeId::ROOT, known }
    }

    /// Keeps something between two steps, like a tag.
    pub(super) fn separate(&mut self, tag: &str) {
        if self.at.index() >= self.known {
            self.builder.node_mut(self.at).sep_after.push_str(tag);
        }
    }

    /// Adds a text as the steps that a rule finds in it.
    pub(super) fn text(&mut self, text: &str, kind: StepKind, rule: Rule) {
        let pieces = segment::split(text, rule);
        self.separate(pieces.lead);
        if pieces.pieces.is_empty() {
            return;
        }
        self.note(&pieces);
        let before = self.builder.trace().nodes.len();
        self.at = place_below(self.builder, self.at, &Pieces { lead: "", ..pieces });
        self.builder.paint(before, kind);
    }

    /// Adds a whole text as one step; white space around it goes to the separators.
    pub(super) fn step(&mut self, text: &str, kind: StepKind) {
        let body = text.trim_start_matches(['\n', '\r']).trim_end();
        if body.trim().is_empty() {
            return self.separate(text);
        }
        let start = text.len() - text.trim_start_matches(['\n', '\r']).len();
        self.separate(&text[..start]);
        let before = self.builder.trace().nodes.len();
        self.at = self.builder.child(self.at, body);
        self.builder.paint(before, kind);
        self.separate(&text[start + body.len()..]);
    }

    /// Adds an answer of a reasoning model: thoughts inside of `<think>` tags, then the rest. The opening tag is often missing, because
    /// the chat template writes it into the prompt; without a closing one the text was cut off inside of its thoughts.
    pub(super) fn answer(&mut self, content: &str, rule: Rule) {
        let opened = content.trim_start().starts_with(OPEN);
        if let Some((thought, rest)) = content.split_once(CLOSE) {
            let (lead, thought) = thought.split_once(OPEN).filter(|_| opened).unwrap_or(("", thought));
            if opened {
                self.separate(&format!("{lead}{OPEN}"));
            }
            self.text(thought, StepKind::Thought, rule);
            self.separate(CLOSE);
            self.text(rest, StepKind::Text, rule);
        } else if let Some((lead, thought)) = content.split_once(OPEN).filter(|_| opened) {
            self.separate(&format!("{lead}{OPEN}"));
            self.text(thought, StepKind::Thought, rule);
            self.builder.warn("a thought without its closing tag: the text was cut off");
        } else {
            self.text(content, StepKind::Text, rule);
        }
    }

    /// Adds a text in which fenced blocks stand: code is a step, what a block of the language `output` says is a tool's.
    pub(super) fn fenced(&mut self, text: &str, rule: Rule) {
        let mut rest = text;
        while let Some((before, block, after)) = fence(rest) {
            self.text(before, StepKind::Text, rule);
            let kind = if block.starts_with("```output") { StepKind::Tool } else { StepKind::Code };
            self.step(block, kind);
            rest = after;
        }
        self.text(rest, StepKind::Text, rule);
    }

    /// Number of steps so far.
    pub(super) fn depth(&self) -> usize {
        self.builder.trace().node(self.at).depth
    }

    /// The finished solution, with the answer in the box of its last step.
    pub(super) fn end(self) -> &'a mut Solution {
        let answer = fields::boxed(&self.builder.trace().node(self.at).text);
        let solution = self.builder.solution(self.at);
        solution.final_answer = answer;
        solution
    }

    /// The trace names all rules that cut it.
    fn note(&mut self, pieces: &Pieces<'_>) {
        let rule = pieces.rule.to_string();
        let known = self.builder.trace().extra.get(segment::EXTRA_KEY).and_then(serde_json::Value::as_str).unwrap_or_default();
        if known.is_empty() {
            self.builder.note(segment::EXTRA_KEY, rule);
        } else if !known.split(',').any(|known| known == rule) {
            let both = format!("{known},{rule}");
            self.builder.note(segment::EXTRA_KEY, both);
        }
    }
}

/// The first fenced block of a text with what stands before and behind it; a block that is never closed runs to the end.
fn fence(text: &str) -> Option<(&str, &str, &str)> {
    const FENCE: &str = "```";
    let starts = |from: usize| text[from..].match_indices(FENCE).map(move |(at, _)| from + at).find(|&at| line_start(text, at));
    let start = starts(0)?;
    let inner = start + FENCE.len();
    let end = starts(inner).map_or(text.len(), |close| close + FENCE.len());
    Some((&text[..start], &text[start..end], &text[end..]))
}

/// True where nothing but spaces stands before `at` on its line.
fn line_start(text: &str, at: usize) -> bool {
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    text[line..at].trim().is_empty()
}
