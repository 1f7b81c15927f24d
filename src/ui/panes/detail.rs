//! More about the current step: what is known of it, its note, its siblings.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::App;
use crate::app::describe::short;
use crate::trace::{Node, NodeId, StepScore, Trace, Writing};
use crate::ui::pen::Pen;

use super::one_line;

/// Draws as many lines as there is room for, the most useful first.
pub(in crate::ui) fn draw(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    let Some(trace) = app.trace() else { return };
    if app.cursor.node == NodeId::ROOT {
        return;
    }
    let node = trace.node(app.cursor.node);
    let mut lines: Vec<(String, Style)> = Vec::new();
    lines.push((heading(app, node), pen.look.strong()));
    lines.push((scores(app, node), pen.look.plain()));
    let search = search_numbers(node);
    // Search values give away what a model thought of the step.
    if !search.is_empty() && app.show_prm {
        lines.push((search, pen.look.plain()));
    }
    if let Some(note) = app.session.text(Writing::Note, Some(node.key), app.record_key_here()) {
        lines.push((format!("note  {note}"), pen.look.accent()));
    }
    lines.extend(siblings(app, pen, trace, node));
    if let Some(solution) = app.solution() {
        let name = |label: &str, value: &Option<String>| value.as_ref().map(|value| format!("{label} {value}"));
        let facts = [name("id", &solution.source_id), name("by", &solution.generator), name("answer", &solution.final_answer)];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        if !facts.is_empty() {
            lines.push((facts.join("   "), pen.look.dim()));
        }
    }
    lines.extend(trace.warnings.iter().take(20).map(|warning| (format!("note: {warning}"), pen.look.dim())));
    for (index, (line, style)) in lines.iter().take(usize::from(rect.height)).enumerate() {
        pen.text(rect.x + 1, rect.y + u16::try_from(index).unwrap_or(0), rect.width.saturating_sub(1), line, *style);
    }
}

fn heading(app: &App, node: &Node) -> String {
    let through = app.tree.through(app.cursor.node);
    let shared = if through > 1 { format!("   stands in {through} solutions: one mark covers all") } else { String::new() };
    format!("step {} of {}{shared}", node.depth, app.cursor.path.len())
}

fn scores(app: &App, node: &Node) -> String {
    if !app.show_prm {
        return "PRM   hidden (p shows it)".to_owned();
    }
    match (app.scoring.scores.get(&node.key), &app.scoring.model) {
        (Some(score), Some(model)) => {
            let hint = if model.embedded { " (a hint; --prm DIR for a real one)" } else { "" };
            let threshold = short(app.scoring.threshold);
            format!("PRM   {} {:.3}   threshold {threshold}   {}{hint}", score.semantics(), score.value(), model.name)
        }
        (Some(score), None) => format!("PRM   {} {:.3}", score.semantics(), score.value()),
        (None, _) => match app.scoring.refused.get(&node.key) {
            Some(reason) => format!("PRM   not scored: {reason}"),
            None => "PRM   no score yet".to_owned(),
        },
    }
}

fn search_numbers(node: &Node) -> String {
    let stats = &node.stats;
    let mut parts = Vec::new();
    if let Some(mc) = stats.mc {
        let rollouts = match (stats.mc_hits, stats.mc_k) {
            (Some(hits), Some(k)) => format!(" ({hits} of {k} rollouts)"),
            (None, Some(k)) => format!(" ({k} rollouts)"),
            _ => String::new(),
        };
        parts.push(format!("MC {}{rollouts}", short(mc)));
    }
    let numbers = [("Q", stats.q), ("value", stats.value), ("prior", stats.prior), ("recorded PRM", stats.prm)];
    parts.extend(numbers.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", short(value?)))));
    parts.extend(stats.visits.map(|visits| format!("visits {visits}")));
    parts.join("   ")
}

fn siblings(app: &App, pen: &Pen<'_>, trace: &Trace, node: &Node) -> Vec<(String, Style)> {
    let Some(parent) = node.parent else { return Vec::new() };
    let siblings = &trace.node(parent).children;
    if siblings.len() < 2 {
        return Vec::new();
    }
    let mut lines = vec![(format!("{} alternatives here (J K)", siblings.len()), pen.look.dim())];
    lines.extend(siblings.iter().take(40).map(|&id| {
        let sibling = trace.node(id);
        let score = app.shown_score(sibling.key).map(StepScore::value);
        let number = score.map_or("   ".to_owned(), |score| format!("{:>3}", short(score)));
        let pointer = if id == app.cursor.node { pen.look.glyphs.pointer } else { " " };
        let style = score.map_or(pen.look.plain(), |score| pen.look.score(score));
        let text = one_line(&sibling.text, 200);
        (format!("{pointer} {number}  {text}"), style)
    }));
    lines
}
