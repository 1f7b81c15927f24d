//! A row as styled spans: search hits, code colours and replaced characters laid over the text.

use std::ops::Range;

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::GraphemeCursor;

use super::safe::Safe;
use super::wrap::Row;

/// A byte range of a text and its style.
pub type Run = (Range<usize>, Style);

/// The text of `row` (without its indent) as spans. Each layer is a list of runs over the whole text, ascending and disjoint; later
/// layers patch earlier ones. Takes time for the runs inside the row only.
pub fn styled<'a>(text: &'a Safe, row: &Row, layers: &[&[Run]]) -> Line<'a> {
    let Some(content) = text.get(row.range.clone()) else { return Line::default() };
    let inside: Vec<&[Run]> = layers.iter().map(|layer| visible(layer, &row.range)).collect();
    let mut cuts: Vec<usize> = inside
        .iter()
        .flat_map(|layer| layer.iter())
        .flat_map(|(range, _)| [range.start, range.end])
        .map(|byte| snap(content, byte.saturating_sub(row.range.start)))
        .chain([0, content.len()])
        .collect();
    cuts.sort_unstable();
    cuts.dedup();
    let mut heads = vec![0; inside.len()];
    let mut spans = Vec::with_capacity(cuts.len());
    for (&start, &end) in cuts.iter().zip(cuts.iter().skip(1)) {
        let mut style = Style::default();
        for (layer, head) in inside.iter().zip(&mut heads) {
            // The style of a piece is that of its first byte's cluster: a run that begins inside of a cluster counts from its start.
            let ends = |run: &Run| snap(content, run.0.end.saturating_sub(row.range.start));
            while layer.get(*head).is_some_and(|run| ends(run) <= start) {
                *head += 1;
            }
            if let Some((range, run)) = layer.get(*head)
                && snap(content, range.start.saturating_sub(row.range.start)) <= start
            {
                style = style.patch(*run);
            }
        }
        spans.push(Span::styled(content.get(start..end).unwrap_or_default(), style));
    }
    Line::from(spans)
}

/// The marks of a text as a layer for [`styled()`].
pub fn mark_runs(text: &Safe, style: Style) -> Vec<Run> {
    text.marks().iter().map(|range| (range.clone(), style)).collect()
}

/// The runs of a layer that touch `range`.
fn visible<'r>(layer: &'r [Run], range: &Range<usize>) -> &'r [Run] {
    let from = layer.partition_point(|(run, _)| run.end <= range.start);
    let until = layer.partition_point(|(run, _)| run.start < range.end);
    layer.get(from..until).unwrap_or_default()
}

/// `byte` moved back to a border of clusters: ratatui drops a combining mark that starts a span.
fn snap(content: &str, byte: usize) -> usize {
    let bytes = content.as_bytes();
    let plain = |at: usize| bytes.get(at).is_none_or(u8::is_ascii);
    if byte >= content.len() {
        return content.len();
    }
    if byte == 0 || (plain(byte - 1) && plain(byte)) {
        return byte;
    }
    let byte = (0..=byte).rev().find(|&at| content.is_char_boundary(at)).unwrap_or(0);
    let mut cursor = GraphemeCursor::new(byte, content.len(), true);
    match cursor.is_boundary(content, 0) {
        Ok(false) => cursor.prev_boundary(content, 0).ok().flatten().unwrap_or(0),
        _ => byte,
    }
}
