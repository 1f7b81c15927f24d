//! The tree: search numbers, score, mark and text of every visible node, one row each.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{alike, one_line};
use crate::app::describe::short;
use crate::app::replay::Replay;
use crate::app::tree::TreeRow;
use crate::app::{App, Focus};
use crate::text::many;
use crate::trace::{Label, NodeId, NodeStats, Rating, StepScore, Trace};
use crate::ui::pen::Pen;

/// Which columns of numbers the trace has.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each one is a column that is there or not")]
struct Columns {
    visits: bool,
    q: bool,
    mc: bool,
    prior: bool,
}

impl Columns {
    fn of(trace: &Trace, width: u16) -> Self {
        const WIDE: u16 = 64;
        // A look at the first nodes is enough: a search writes its numbers everywhere.
        let mut columns = Self::default();
        for node in trace.nodes.iter().take(64) {
            columns.visits |= node.stats.visits.is_some();
            columns.q |= node.stats.q.is_some() || node.stats.value.is_some();
            columns.mc |= node.stats.mc.is_some();
            // What the search held of a step before it tried it: the first to go where the texts need the room.
            columns.prior |= width >= WIDE && node.stats.prior.is_some();
        }
        columns
    }
}

/// Draws the headings and the visible rows.
pub(in crate::ui) fn draw(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    let Some(trace) = app.trace() else { return };
    let columns = match &app.replay {
        Some(_) => Columns { q: app.replay_values().is_some(), ..Columns::default() },
        None if app.show_prm => Columns::of(trace, rect.width),
        None => Columns::default(),
    };
    let dim = pen.look.dim();
    let mut x = rect.x + 1;
    // The iteration that made a step stands in place of numbers that the search had at its end.
    let made = (app.replay.is_some(), "  it");
    for (wanted, heading) in [
        made,
        (columns.visits, "   N"),
        (columns.q, "    Q"),
        (columns.mc, "   MC"),
        (columns.prior, " prior"),
        (app.show_prm, "  PRM"),
    ] {
        if wanted {
            x = pen.text(x, rect.y, rect.right().saturating_sub(x), heading, dim);
        }
    }
    let steps = trace.nodes.len() - 1;
    let replay = app.replay_line().map(|line| (format!("  {line}   , . < >"), pen.look.accent()));
    let (count, style) = replay.unwrap_or_else(|| match app.tree.fitting() {
        Some(fitting) => (
            format!("  &{}: {fitting} of {steps} steps, {} shows all", app.step_filter_text(), app.key("cancel")),
            pen.look.accent(),
        ),
        None => (format!("  node  ({}, {})", many(steps, "step"), many(trace.solutions.len(), "solution")), dim),
    });
    pen.text(x, rect.y, rect.right().saturating_sub(x), &count, style);
    let rows = usize::from(rect.height.saturating_sub(1));
    let cursor = app.tree.visible_ancestor(trace, app.cursor.node);
    for (index, row) in app.tree.rows.iter().skip(app.tree_top).take(rows).enumerate() {
        let y = rect.y + 1 + u16::try_from(index).unwrap_or(0);
        draw_row(app, pen, Rect { y, height: 1, ..rect }, trace, columns, row, row.node == cursor);
    }
}

/// Draws what a search and a model say of a node. Gives the column behind it.
fn draw_numbers(app: &App, pen: &mut Pen<'_>, rect: Rect, trace: &Trace, columns: Columns, row: &TreeRow) -> u16 {
    let node = trace.node(row.node);
    let hidden = NodeStats::default();
    let stats = if app.shows_numbers_of(row.node) { &node.stats } else { &hidden };
    let number = |value: Option<f64>| value.map_or(String::new(), short);
    let y = rect.y;
    let left = |x: u16| rect.right().saturating_sub(x);
    let mut x = rect.x + 1;
    if let Some(replay) = &app.replay {
        let made = replay.made(row.node).map_or(String::new(), |made| made.to_string());
        let style = if replay.is_new(row.node) { pen.look.accent() } else { pen.look.dim() };
        x = pen.text(x, y, left(x), &format!("{made:>4}"), style);
    }
    if columns.visits {
        x = pen.text(x, y, left(x), &format!("{:>4}", stats.visits.map_or(String::new(), in_short)), pen.look.plain());
    }
    if columns.q {
        let value = app.replay_values().map_or(stats.q.or(stats.value), |replay| replay.value(row.node));
        x = pen.text(x, y, left(x), &format!("{:>5}", number(value)), pen.look.plain());
    }
    if columns.mc {
        let style = stats.mc.map_or(pen.look.plain(), |mc| pen.look.score(mc));
        x = pen.text(x, y, left(x), &format!("{:>5}", number(stats.mc)), style);
    }
    if columns.prior {
        x = pen.text(x, y, left(x), &format!("{:>6}", number(stats.prior)), pen.look.plain());
    }
    if app.show_prm {
        let score = app.shown_score(node.key).map(StepScore::value);
        let style = score.map_or(pen.look.dim(), |score| pen.look.score(app.scoring.place(score)));
        x = pen.text(x, y, left(x), &format!("{:>5}", number(score)), style);
    }
    x
}

fn draw_row(app: &App, pen: &mut Pen<'_>, rect: Rect, trace: &Trace, columns: Columns, row: &TreeRow, current: bool) {
    let node = trace.node(row.node);
    let open = app.shows_numbers_of(row.node);
    let y = rect.y;
    let left = |x: u16| rect.right().saturating_sub(x);
    let mut x = draw_numbers(app, pen, rect, trace, columns, row);
    let place = app.shown_score(node.key).map(|score| app.scoring.place(score.value()));
    let glyph = place.map_or(" ".to_owned(), |place| pen.look.glyph(place, app.scoring.place(app.scoring.threshold)));
    let style = place.map_or(pen.look.plain(), |place| pen.look.score(place));
    x = pen.text(x, y, left(x), &format!("{glyph} "), style);
    let (sign, sign_style) = sign(app, pen, row.node, node.rating, open);
    x = pen.text(x, y, left(x), &format!("{sign:<3} "), sign_style);
    x = pen.text(x, y, left(x), &art(pen, row, usize::from(left(x))), pen.look.dim());
    let folded = folded(app, row, left(x));
    let room = left(x).saturating_sub(u16::try_from(folded.len()).unwrap_or(u16::MAX));
    let text = row_text(app, pen, trace, row.node, usize::from(room));
    // With a filter or a search, what it asks for stands out; in a replay, the best path; else the path on show.
    let best = app.replay_values().map(Replay::best);
    let wanted = match &app.search {
        _ if best.is_some() => best.and_then(|best| trace.ancestor_at(best, node.depth)) == Some(row.node),
        _ if app.tree.fitting().is_some() => app.tree.fits(row.node),
        Some(_) => app.is_hit(node.key),
        None => app.cursor.step_of(row.node).is_some(),
    };
    let style = if wanted { style } else { style.patch(pen.look.dim()) };
    pen.text(x, y, room, &text, style);
    pen.right(rect, y, &folded, pen.look.dim());
    if current {
        let style = if app.focus == Focus::Tree { pen.look.selected() } else { pen.look.strong() };
        pen.restyle(rect, style);
        pen.text(rect.x, y, 1, pen.look.glyphs.pointer, pen.look.strong());
    }
}

/// The beginning of a step, or of what tells it from the first of its alternatives.
fn row_text(app: &App, pen: &Pen<'_>, trace: &Trace, id: NodeId, room: usize) -> String {
    /// Signs of two alternatives that are compared.
    const READ: usize = 400;
    let node = trace.node(id);
    let Some(parent) = node.parent.map(|parent| trace.node(parent)).filter(|parent| parent.children.len() > 1) else {
        // One sign more than there is room for, so that it is cut with a mark.
        return one_line(app.step_line(trace, id), room + 1);
    };
    let line = one_line(app.step_line(trace, id), room + READ);
    let first = parent.children.first().filter(|first| **first != id);
    let same = first.map_or(0, |first| alike(&one_line(app.step_line(trace, *first), READ), &line));
    let from = if same > 0 { pen.look.glyphs.ellipsis } else { "" };
    let best = app.own().and_then(|own| own.chosen(parent.key)) == Some(node.key);
    format!("{}{from}{}", if best { "best: " } else { "" }, &line[same..])
}

/// A count in no more than four cells: 9999, 12k, 1.2M.
fn in_short(count: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1_000, "k"), (1_000_000, "M"), (1_000_000_000, "G"), (1_000_000_000_000, "T")];
    let fits = |&(unit, name): &(u64, &str)| {
        let tenths = count / (unit / 10);
        let short =
            if tenths < 100 { format!("{}.{}{name}", tenths / 10, tenths % 10) } else { format!("{}{name}", tenths / 10) };
        Some(short).filter(|short| short.len() <= 4)
    };
    if count < 10_000 { count.to_string() } else { UNITS.iter().find_map(fits).unwrap_or_else(|| "many".to_owned()) }
}

/// What a folded node hides, in as many words as `room` cells allow.
fn folded(app: &App, row: &TreeRow, room: u16) -> String {
    if !row.branch || row.open {
        return String::new();
    }
    let (solutions, steps) = (app.tree.through(row.node), app.tree.behind(row.node));
    let forms = [
        format!("  {}, {}", many(solutions, "solution"), many(steps, "step")),
        format!("  {solutions} sol, {}", many(steps, "step")),
        format!("  {solutions}/{steps}"),
    ];
    forms.into_iter().find(|form| form.len() * 2 <= usize::from(room)).unwrap_or_default()
}

/// Own label of a node, else, where that may be seen (`open`), the one in the file: its rating, or what the solutions through it say.
fn sign(app: &App, pen: &Pen<'_>, node: NodeId, rating: Option<Rating>, open: bool) -> (String, Style) {
    let recorded = rating.map(Label::from).or_else(|| app.file_labels.get(&node).copied());
    let recorded = recorded.filter(|label| *label != Label::Unseen && open && app.reference_shown());
    match (app.node_labels.get(&node), recorded) {
        (Some(label), _) => pen.look.label(*label, true),
        (None, Some(label)) => pen.look.label(label, false),
        (None, None) => pen.look.label(Label::Unseen, true),
    }
}

/// The lines before a row of so many cells. Deep down only the innermost levels are drawn: the text has its place.
fn art(pen: &Pen<'_>, row: &TreeRow, room: usize) -> String {
    /// Cells of the text that lines leave at least.
    const TEXT: usize = 20;
    let glyphs = &pen.look.glyphs;
    let mut art = String::new();
    let own = row.rails.depth.min(128);
    let levels = (room.saturating_sub(TEXT) / 2).max(2);
    let left_out = if own > levels { own - levels + 1 } else { 0 };
    if left_out > 0 {
        art = format!("{:<2}", glyphs.ellipsis);
    }
    for (index, more) in row.rails.iter().enumerate().skip(left_out) {
        let elbow = row.elbow && index + 1 == own;
        art.push_str(match (elbow, more) {
            (true, true) => glyphs.branch,
            (true, false) => glyphs.last_branch,
            (false, true) => glyphs.trunk,
            (false, false) => glyphs.gap,
        });
    }
    art.push_str(match (row.branch, row.open) {
        (false, _) => glyphs.leaf,
        (true, true) => glyphs.unfolded,
        (true, false) => glyphs.folded,
    });
    art.push(' ');
    art
}

#[cfg(test)]
mod tests {
    use super::in_short;

    #[test]
    fn visits_fit_their_column_however_many_they_are() {
        let counts = [0, 9_999, 10_000, 12_345, 999_999, 1_234_567, 12_345_678, 1_000_000_000, u64::MAX];
        let shown = counts.map(in_short);
        assert_eq!(shown[..8], ["0", "9999", "10k", "12k", "999k", "1.2M", "12M", "1.0G"]);
        assert!(shown.iter().all(|shown| shown.len() <= 4), "{shown:?}");
    }
}
