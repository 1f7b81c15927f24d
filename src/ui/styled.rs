//! A row as styled spans (search hits, code colours and replaced characters laid over the text), and spans as cells.

use std::num::NonZeroU16;
use std::ops::Range;

use ratatui::buffer::{Buffer, CellDiffOption, CellWidth};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::GraphemeCursor;

use crate::text::{Ambiguous, Row, Safe, clusters};

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

/// Draws `line` from column `x` of row `y` over at most `cells` cells and returns the column behind it.
///
/// Does what [`Buffer::set_line`] does, but by the widths of `ambiguous`, also where they differ from ratatui's own: ambiguous
/// characters on East Asian terminals, and half-width voicing marks, which ratatui 0.30.2 counts twice.
pub fn put(buffer: &mut Buffer, x: u16, y: u16, line: &Line<'_>, cells: u16, ambiguous: Ambiguous) -> u16 {
    let area = buffer.area;
    if y < area.top() || y >= area.bottom() || x < area.left() {
        return x;
    }
    let end = x.saturating_add(cells).min(area.right());
    let mut at = x;
    for span in line {
        let style = line.style.patch(span.style);
        for (_, cluster) in clusters(&span.content) {
            let wide = u16::try_from(ambiguous.cluster(cluster)).unwrap_or(u16::MAX);
            if cluster.contains(char::is_control) || wide == 0 {
                continue;
            }
            if at.saturating_add(wide) > end {
                return at;
            }
            put_cluster(buffer, (at, y), cluster, wide, style);
            at += wide;
        }
    }
    at
}

/// One cluster into the cell at `at`, the cells that it covers emptied.
fn put_cluster(buffer: &mut Buffer, at: (u16, u16), cluster: &str, wide: u16, style: Style) {
    for column in at.0 + 1..at.0 + wide {
        if let Some(cell) = buffer.cell_mut((column, at.1)) {
            cell.reset();
        }
    }
    if let Some(cell) = buffer.cell_mut(at) {
        cell.set_symbol(cluster).set_style(style);
        cell.diff_option = match NonZeroU16::new(wide) {
            Some(forced) if wide != cluster.cell_width() => CellDiffOption::ForcedWidth(forced),
            _ => CellDiffOption::None,
        };
    }
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
