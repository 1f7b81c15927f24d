//! The steps of one solution: number, mark, score, bar, glyph, checks, suspicion, text.

use std::ops::Range;

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::describe::short;
use crate::app::judge::Judge;
use crate::app::layout::{OTHER_MODEL, StepColumns, VOICE, step_columns};
use crate::app::scoring::OTHER_SUSPECTS;
use crate::app::steps::Slice;
use crate::app::{App, Focus};
use crate::checks::arithmetic::Verdict;
use crate::labels::Said;
use crate::text::many;
use crate::trace::{Label, Node, Trace, Writing};
use crate::typeset::Page;
use crate::ui::code::token_runs;
use crate::ui::pen::Pen;
use crate::ui::styled::{Run, styled};

/// Draws the headings on the rule above, and the visible slices.
pub(in crate::ui) fn draw(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    let columns = step_columns(app, rect.width);
    let dim = pen.look.dim();
    let [number, mark, voices, score, _, evidence, others, spread, _] = offsets(rect, columns);
    pen.text(number + 1, rect.y, 3, " # ", dim);
    pen.text(mark.saturating_sub(1), rect.y, 5, "mark ", dim);
    if app.show_prm {
        pen.text(score, rect.y, 5, " PRM ", dim);
    }
    if columns.evidence > 0 && app.show_prm {
        pen.text(evidence, rect.y, 8, "chk sus ", dim);
    }
    for (x, letter, ..) in other_columns(app, columns, others) {
        pen.text(x, rect.y, 4, &format!("{letter:>3} "), dim);
    }
    if columns.spread > 0 {
        pen.text(spread, rect.y, 4, "gap ", dim);
    }
    let said = app.said_here();
    for (x, (letter, _)) in (voices..).step_by(VOICE).zip(&said) {
        pen.text(x, rect.y, 3, &format!(" {letter} "), dim);
    }
    let body = Rect { y: rect.y + 1, height: rect.height.saturating_sub(1), ..rect };
    match app.trace() {
        Some(trace) if !app.cursor.path.is_empty() => {
            let (labels, own) = app.labels_here(trace);
            let others: Vec<(usize, &str)> = app.other_suspects().zip(OTHER_SUSPECTS).collect();
            for slice in &app.steps.visible {
                let own = own.get(slice.step).copied().unwrap_or(false);
                let label = labels.steps.get(slice.step).copied().unwrap_or(Label::Unseen);
                slice_rows(app, pen, body, columns, trace, (label, own, &said), slice);
                let suspect = others.iter().find(|(step, _)| *step == slice.step);
                if let Some((_, command)) = suspect.filter(|_| slice.first == 0 && slice.step < 99 && app.choice.is_none()) {
                    let y = body.y + u16::try_from(slice.y).unwrap_or(u16::MAX);
                    pen.text(number + 1, y, 1, &app.key(command), pen.look.accent());
                }
            }
        }
        Some(_) => {
            pen.text(body.x + 2, body.y, body.width, "this solution has no steps", dim);
        }
        None => errors(app, pen, body),
    }
}

/// What is not on the screen yet: a step that is cut off may look whole, above all where a formula is.
pub(super) fn unseen(app: &App) -> String {
    let Some(last) = app.steps.visible.last() else { return String::new() };
    let rows = last.shape.rows.saturating_sub(last.first + last.rows);
    let steps = app.cursor.path.len().saturating_sub(last.step + 1);
    let more = |n: usize, what: &str| (n > 0).then(|| format!("+{}", many(n, what)));
    let rows = more(rows, "row").map(|rows| format!("{rows} of step {}", last.step + 1));
    let steps = more(steps, "step");
    let said: Vec<String> = rows.into_iter().chain(steps).collect();
    said.join(", ")
}

/// Says so on the rule below the steps.
pub(in crate::ui) fn below(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    let unseen = unseen(app);
    let wide = u16::try_from(unseen.len() + 2).unwrap_or(u16::MAX);
    if !unseen.is_empty() && wide + 2 <= rect.width {
        pen.text(rect.right() - wide - 2, rect.bottom(), wide, &format!(" {unseen} "), pen.look.dim());
    }
}

/// First columns of number, mark, annotators, score, bar, checks, other models, how far they lie apart, and text.
fn offsets(rect: Rect, columns: StepColumns) -> [u16; 9] {
    let StepColumns { number, mark, voices, score, bar, evidence, others, spread, .. } = columns;
    let mut x = usize::from(rect.x);
    [0, number, mark, voices, score + 1, bar + 1, evidence, others, spread].map(|width| {
        x += width;
        u16::try_from(x).unwrap_or(u16::MAX)
    })
}

/// Column, letter and scores of the models that stand beside the one on show, where they have room.
fn other_columns(app: &App, columns: StepColumns, x: u16) -> impl Iterator<Item = (u16, char, &Judge)> {
    let room = columns.others / OTHER_MODEL;
    (x..).step_by(OTHER_MODEL).zip(app.scoring.others()).take(room).map(|(x, (letter, judge))| (x, letter, judge))
}

/// What is wrong with a record that could not be read.
fn errors(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    let Some(view) = app.items.get(app.cursor.item) else { return };
    let width = usize::from(rect.width.saturating_sub(3)).max(10);
    let bodies: Vec<Page> =
        view.errors.iter().take(usize::from(rect.height)).map(|error| Page::plain(&error.to_string(), width)).collect();
    let rows = bodies.iter().flat_map(|body| body.wrapped.rows().iter().map(move |row| (body, row)));
    for (y, (body, row)) in (rect.y..rect.bottom()).zip(rows) {
        pen.line(rect.x + 2, y, rect.width.saturating_sub(2), &styled(&body.text, row, &[]));
    }
}

fn slice_rows(
    app: &App,
    pen: &mut Pen<'_>,
    rect: Rect,
    columns: StepColumns,
    trace: &Trace,
    (label, own, said): (Label, bool, &[(char, Said)]),
    slice: &Slice,
) {
    let Some(&id) = app.cursor.path.get(slice.step) else { return };
    let row = Rect { y: rect.y + u16::try_from(slice.y).unwrap_or(u16::MAX), ..rect };
    if slice.step >= app.open_steps() {
        closed(pen, row, columns, slice.step);
        return;
    }
    let node = trace.node(id);
    let Some(page) = app.step_page(id, node.key, columns.text) else { return };
    if slice.first == 0 {
        gutter(app, pen, row, columns, node, slice.step, label, own);
        let [_, _, voices, ..] = offsets(rect, columns);
        for (x, (_, said)) in (voices..).step_by(VOICE).zip(said) {
            let label = said.labels.steps.get(slice.step).copied().unwrap_or(Label::Unseen);
            let (sign, style) = pen.look.label(label, true);
            pen.text(x, row.y, 3, &sign, style);
        }
    }
    edge(app, pen, row, slice, id == app.cursor.node);
    let layers = layers(app, pen, node, page, slice);
    let base = text_style(app, pen, node, own && label == Label::AfterError);
    text_rows(pen, row, columns, page, slice, &[&[(0..page.text.len(), base)], &layers[0], &layers[1], &layers[2]]);
    if slice.shape.hidden > 0 && slice.first + slice.rows == slice.shape.rows {
        let lines = if slice.shape.hidden == 1 { "line" } else { "lines" };
        let more = format!("{} +{} {lines}, {}", pen.look.glyphs.folded, slice.shape.hidden, app.key("open-fold"));
        let [.., x] = offsets(row, columns);
        let y = row.y + u16::try_from(slice.rows.saturating_sub(1)).unwrap_or(u16::MAX);
        pen.text(x, y, row.right() - x, &more, pen.look.dim());
    }
}

/// A step that is shown once those before it are rated.
fn closed(pen: &mut Pen<'_>, row: Rect, columns: StepColumns, step: usize) {
    let [number, .., text] = offsets(row, columns);
    let wide = u16::try_from(columns.number - 1).unwrap_or(u16::MAX);
    pen.text(number + 1, row.y, wide, &format!("{:>1$}", step + 1, columns.number - 2), pen.look.dim());
    pen.text(text, row.y, row.right().saturating_sub(text), "comes when the step before it is rated", pen.look.dim());
}

/// What stands before the rows of a step: the pointer, and the bar of the steps that are chosen together.
fn edge(app: &App, pen: &mut Pen<'_>, row: Rect, slice: &Slice, current: bool) {
    let chosen = !current && app.selected().is_some_and(|steps| steps.contains(&slice.step));
    let pointed = current && app.focus != Focus::List;
    if !chosen && !pointed {
        return;
    }
    let style = if pointed { pen.look.strong() } else { pen.look.accent() };
    for (index, y) in (slice.first..slice.first + slice.rows).zip(row.y..) {
        let sign = if pointed && index == 0 { pen.look.glyphs.pointer } else { pen.look.glyphs.border };
        pen.text(row.x, y, 1, sign, style);
    }
}

/// The rows of the text that are in sight.
fn text_rows(pen: &mut Pen<'_>, rect: Rect, columns: StepColumns, page: &Page, slice: &Slice, layers: &[&[Run]]) {
    let [.., x] = offsets(rect, columns);
    let shown = slice.shape.rows - usize::from(slice.shape.hidden > 0);
    for (row, y) in (slice.first..slice.first + slice.rows).zip(rect.y..) {
        if let Some(wrapped) = page.wrapped.rows().get(row).filter(|_| row < shown) {
            let indent = u16::try_from(wrapped.indent).unwrap_or(0);
            let room = rect.right().saturating_sub(x + indent);
            pen.line(x + indent, y, room, &styled(&page.text, wrapped, layers));
            if wrapped.width > usize::from(room) {
                pen.text(rect.right() - 1, y, 1, pen.look.glyphs.ellipsis, pen.look.dim());
            }
        }
    }
}

/// What stands behind the mark of a step: that it is not on the disk, else what was written about it, else that it is the best of its
/// alternatives.
fn behind_mark(app: &App, pen: &Pen<'_>, node: &Node) -> Option<(&'static str, Style)> {
    let record = app.record_key_here();
    if let Some(state) = app.save_state(record, Some(node.key)) {
        return Some((state, pen.look.error()));
    }
    let own = app.own()?;
    // A step rewritten tells more than a note on it.
    let written = [(Writing::Correction, "e"), (Writing::Critique, "\""), (Writing::Note, "\"")]
        .into_iter()
        .find(|(writing, _)| own.text(*writing, Some(node.key), record).is_some());
    let best = || own.chosen(app.trace()?.node(node.parent?).key).filter(|chosen| *chosen == node.key).map(|_| "*");
    Some((written.map(|(_, sign)| sign).or_else(best)?, pen.look.accent()))
}

/// Number, mark, score, bar and glyph of a step.
#[expect(clippy::too_many_arguments, reason = "one row of the table, drawn in one place")]
fn gutter(app: &App, pen: &mut Pen<'_>, row: Rect, columns: StepColumns, node: &Node, step: usize, label: Label, own: bool) {
    let [number, mark, _, score, bar, evidence, others, spread, _] = offsets(row, columns);
    let current = app.cursor.node == app.cursor.path[step];
    let style = if current { pen.look.strong() } else { pen.look.plain() };
    let (wide, digits) = (u16::try_from(columns.number - 1).unwrap_or(u16::MAX), columns.number - 2);
    match app.letter_of(step) {
        Some(letter) => pen.text(number + 1, row.y, wide, &format!("{letter:>digits$}"), pen.look.selected()),
        None => pen.text(number + 1, row.y, wide, &format!("{:>digits$}", step + 1), style),
    };
    let (sign, style) = pen.look.label(label, own);
    let sign = if current && label == Label::Unseen { "[ ]".to_owned() } else { sign };
    pen.text(mark, row.y, 3, &sign, style);
    if let Some((sign, style)) = behind_mark(app, pen, node) {
        pen.text(mark + 3, row.y, 1, sign, style);
    }
    if !app.show_prm {
        return;
    }
    for (x, _, judge) in other_columns(app, columns, others) {
        if let Some(score) = judge.scores.get(&node.key).map(|score| score.value()) {
            pen.text(x, row.y, 3, &format!("{:>3}", short(score)), pen.look.score(judge.place(score)));
        }
    }
    if let Some(apart) = app.scoring.apart(node.key).filter(|_| columns.spread > 0) {
        pen.text(spread, row.y, 3, &format!("{:>3}", short(apart)), pen.look.score(1.0 - apart));
    }
    if columns.evidence > 0 {
        checks(app, pen, evidence, row.y, node);
    } else if app.wrong_equality(node.key).is_some() {
        let x = (bar + u16::try_from(columns.bar).unwrap_or(0)).saturating_sub(2);
        pen.text(x, row.y, 1, pen.look.glyphs.unequal, pen.look.error());
    }
    if let Some(value) = app.scoring.scores.get(&node.key).map(|score| score.value()) {
        let dim_after = own && label == Label::AfterError;
        let place = app.scoring.place(value);
        let style = pen.look.score(place);
        let style = if dim_after { style.patch(pen.look.dim()) } else { style };
        pen.text(score, row.y, 4, &format!("{:>4}", short(value)), style);
        let cells = columns.bar.saturating_sub(2);
        pen.text(bar, row.y, u16::try_from(cells).unwrap_or(0), &pen.look.bar(place, cells), style);
        let glyph = &pen.look.glyph(place, app.scoring.place(app.scoring.threshold));
        pen.text(bar + u16::try_from(columns.bar - 1).unwrap_or(0), row.y, 1, glyph, style.patch(pen.look.strong()));
    } else if let Some(reason) = app.scoring.refused.get(&node.key) {
        pen.text(score, row.y, u16::try_from(columns.score + columns.bar).unwrap_or(0), &format!("n/a {reason}"), pen.look.dim());
    } else if app.scoring.busy() {
        pen.text(score, row.y, 4, &format!("  {0}{0}", pen.look.glyphs.unseen), pen.look.dim());
    }
}

/// What the checks say of a step, and score and checks together.
fn checks(app: &App, pen: &mut Pen<'_>, x: u16, y: u16, node: &Node) {
    let glyphs = &pen.look.glyphs;
    let worst = app.findings(node.key).iter().map(|checked| checked.finding.verdict).max_by_key(|verdict| *verdict as u8);
    let (glyph, style) = match worst {
        Some(Verdict::Bad) => (glyphs.unequal, pen.look.error()),
        Some(Verdict::Soft) => ("~", pen.look.plain()),
        Some(Verdict::Ok) => (glyphs.check, pen.look.dim()),
        None => ("", pen.look.dim()),
    };
    pen.text(x + 1, y, 1, glyph, style);
    if let Some(suspicion) = app.suspicion(node.key) {
        let style = pen.look.score(1.0 - suspicion);
        pen.text(x + 4, y, 3, &format!("{:>3}", short(suspicion)), style);
    }
}

/// Style of the step's text: suspect steps carry their colour, steps behind the first error step back.
fn text_style(app: &App, pen: &Pen<'_>, node: &Node, behind: bool) -> Style {
    let mut style = pen.look.plain();
    if let Some(score) = app.shown_score(node.key) {
        style = pen.look.score(app.scoring.place(score.value()));
    }
    if behind { style.patch(pen.look.dim()) } else { style }
}

/// Runs over the part of the text that is on the screen: colours of code, kinds of text, and above all what was replaced by the gate
/// and search hits.
fn layers(app: &App, pen: &Pen<'_>, node: &Node, page: &Page, slice: &Slice) -> [Vec<Run>; 3] {
    let rows = page.wrapped.window(slice.first, slice.rows);
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Default::default() };
    let shown = first.range.start..last.range.end;
    let code = app.steps.code(node.key).map_or_else(Vec::new, |tokens| token_runs(&page.places(&shown, tokens), &pen.look.theme));
    let from = page.inks.partition_point(|(range, _)| range.end <= shown.start);
    let until = page.inks.partition_point(|(range, _)| range.start < shown.end);
    let inks = page.inks[from..until].iter().map(|(range, ink)| (range.clone(), pen.look.ink(*ink))).collect();
    let mut inks: Vec<Run> = inks;
    let evidence = page.places(&shown, &evidence(app, pen, node, page));
    // What is checked or compared hides what kind of text it is.
    inks.retain(|(ink, _)| !evidence.iter().any(|(range, _)| range.start < ink.end && ink.start < range.end));
    inks.extend(evidence);
    inks.sort_by_key(|(range, _)| range.start);
    [code, inks, page.places(&shown, &marks_and_hits(app, pen, page, page.source_of(shown.clone())))]
}

/// Words that differ from the text that the step is compared with, else equalities that do not hold; in the source.
fn evidence(app: &App, pen: &Pen<'_>, node: &Node, page: &Page) -> Vec<Run> {
    // Checks count bytes of the file; they are those of the page where the gate changed nothing.
    if page.source.as_str() != node.text {
        return Vec::new();
    }
    if let Some(comparison) = app.comparison().filter(|comparison| comparison.key == node.key) {
        return comparison.changed.new.iter().map(|range| (range.clone(), pen.look.changed())).collect();
    }
    let wrong = app.findings(node.key).iter().filter(|checked| checked.finding.verdict == Verdict::Bad);
    wrong.map(|checked| (checked.finding.span.clone(), pen.look.changed())).collect()
}

/// What was replaced by the gate, and search hits, in a part of the source. A hit covers the marks inside it.
fn marks_and_hits(app: &App, pen: &Pen<'_>, page: &Page, source: Range<usize>) -> Vec<Run> {
    let marks = page.source.marks();
    let from = marks.partition_point(|mark| mark.end <= source.start);
    let until = marks.partition_point(|mark| mark.start < source.end);
    let mut runs: Vec<Run> = marks[from..until].iter().map(|mark| (mark.clone(), pen.look.replaced())).collect();
    let Some(pattern) = app.search.as_ref().and_then(|search| search.pattern()) else { return runs };
    let hits = pattern.find_iter(&page.source[source.clone()]).filter(|hit| !hit.is_empty()).take(1000);
    let hits: Vec<Range<usize>> = hits.map(|hit| hit.start() + source.start..hit.end() + source.start).collect();
    runs.retain(|(mark, _)| {
        let before = hits.partition_point(|hit| hit.end <= mark.start);
        hits.get(before).is_none_or(|hit| mark.end <= hit.start)
    });
    runs.extend(hits.into_iter().map(|hit| (hit, pen.look.hit())));
    runs.sort_by_key(|(range, _)| range.start);
    runs
}
