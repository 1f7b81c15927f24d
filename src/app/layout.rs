//! Where things stand on the screen, as arithmetic: panes, visible steps, scrolling. No widget, no drawing.

use ratatui::layout::Rect;
use serde::{Deserialize, Serialize};

use super::blocks::{Blocks, Part};
use super::items::ItemId;
use super::steps::{self, Slice};
use super::{App, Focus};
use crate::labels::Mode;
use crate::trace::NodeId;

/// Smallest screen that is drawn on.
pub const MINIMUM: (u16, u16) = (60, 18);
/// Largest screen that is drawn on: a terminal may say anything of itself, and a picture of it has to have room in memory.
const MAXIMUM: (u16, u16) = (1000, 500);
/// Side panes appear from this width on.
const TWO_PANES: u16 = 100;
/// A third column appears from this width on.
const THREE_PANES: u16 = 160;
/// The detail strip below the steps appears from this height on.
const TALL: u16 = 34;
const LIST_WIDTH: u16 = 22;
const WIDE_LIST_WIDTH: u16 = 36;
/// Rows of the detail strip: what there is to say of most steps, and what it may take where there is more that is wanted.
const DETAIL_ROWS: u16 = 4;
const MORE_DETAIL_ROWS: u16 = 8;
/// The same for who judges blind.
const HIDDEN_DETAIL_ROWS: u16 = 2;
const DETAIL_WIDTH: u16 = 50;
/// A steps pane of this width has room for bars of the scores and for columns of what the checks say.
const WIDE_STEPS: u16 = 120;
/// A steps pane of this width has room for how far several models lie apart, beside any number of them.
const ROOM_FOR_SPREAD: u16 = 100;
/// Cells for what is said behind the strip of the solution.
const SAID: usize = 16;
/// Cells of the score of another model.
pub const OTHER_MODEL: usize = 4;
/// Cells of the column of an annotator.
pub const VOICE: usize = 3;

/// The panes. What is `None` has no room or is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Panes {
    /// Program, file, position, annotator.
    pub title: Rect,
    /// Problems and solutions.
    pub list: Option<Rect>,
    /// The tree.
    pub tree: Option<Rect>,
    /// The problem statement.
    pub problem: Rect,
    /// The steps; their headings stand on the rule below the problem.
    pub steps: Option<Rect>,
    /// More about the current step.
    pub detail: Option<Rect>,
    /// Why this is on the screen, on the rule below the panes.
    pub why: Rect,
    /// The hot keys.
    pub hints: Rect,
    /// Saving and scoring, or an open input.
    pub status: Rect,
}

/// Which panes are wanted where there is room for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// All.
    #[default]
    All,
    /// All but the list.
    NoList,
    /// The steps alone.
    Steps,
}

impl Layout {
    /// The next one in the circle.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::All => Self::NoList,
            Self::NoList => Self::Steps,
            Self::Steps => Self::All,
        }
    }

    /// What it shows.
    pub fn doc(self) -> &'static str {
        match self {
            Self::All => "all panes that there is room for",
            Self::NoList => "all panes but the list",
            Self::Steps => "the steps alone",
        }
    }
}

/// The panes for the current state and size; `None` on a screen that is too small.
pub fn panes(app: &App) -> Option<Panes> {
    let (width, height) = app.size;
    if width < MINIMUM.0 || height < MINIMUM.1 {
        return None;
    }
    let hint_rows = if height >= 24 { 2 } else { 1 };
    let line = |y: u16, rows: u16| Rect { x: 0, y, width, height: rows };
    let mut panes = Panes {
        title: line(0, 1),
        status: line(height - 1, 1),
        hints: line(height - 1 - hint_rows, hint_rows),
        why: line(height - 2 - hint_rows, 1),
        ..Panes::default()
    };
    let body = Rect { x: 0, y: 1, width, height: panes.why.y - 1 };
    let (list, tree, main, detail) = columns(app, body);
    panes.list = list;
    panes.tree = tree;
    panes.detail = detail;
    let Some(main) = main else {
        panes.problem = Rect { height: 0, ..body };
        return Some(panes);
    };
    let problem_rows = problem_rows(app, main);
    panes.problem = Rect { height: problem_rows, ..main };
    let mut steps = Rect { y: main.y + problem_rows, height: main.height.saturating_sub(problem_rows), ..main };
    let roomy = app.layout != Layout::Steps && height >= TALL && steps.height >= 2 * (MORE_DETAIL_ROWS + 1);
    // Who compares two texts wants to see both, also on a small screen; who scrolls the pane wants to see it.
    // Alternatives are there to be compared as well, and what a source says in words is there to be read.
    let branches = app.trace().is_some_and(|trace| trace.branches()) || app.file_says_words();
    let more = app.comparison().is_some() || app.detail.is_some();
    let wanted = roomy || more;
    // What the annotators of a review wrote is never out of sight.
    let words = if panes.detail.is_some() { 0 } else { u16::try_from(app.words_of_annotators().len()).unwrap_or(u16::MAX) };
    if panes.detail.is_none() && (wanted || words > 0) {
        // Without scores there is little to say.
        let (few, many) = if app.show_prm { (DETAIL_ROWS, MORE_DETAIL_ROWS) } else { (HIDDEN_DETAIL_ROWS, DETAIL_ROWS) };
        let rows = if more || app.shares_shown() {
            MORE_DETAIL_ROWS
        } else if branches {
            words.saturating_add(many)
        } else {
            words.saturating_add(if wanted { few } else { 1 })
        };
        let rows = rows.min(MORE_DETAIL_ROWS).min(steps.height / 2);
        steps.height -= rows + 1;
        panes.detail = Some(Rect { y: steps.bottom() + 1, height: rows, ..main });
    }
    panes.steps = Some(steps);
    Some(panes)
}

/// Splits the body into list, tree, main column and detail column. Panes vanish in a fixed order: detail, list, tree.
fn columns(app: &App, body: Rect) -> (Option<Rect>, Option<Rect>, Option<Rect>, Option<Rect>) {
    let two = body.width >= TWO_PANES;
    let roomy = body.width >= THREE_PANES;
    let column = |x: u16, width: u16| Rect { x, width, ..body };
    if !two {
        return match app.focus {
            Focus::List => (Some(body), None, None, None),
            Focus::Tree => {
                // The step under the cursor stays readable below the tree.
                let rows = body.height.saturating_sub(1) / 2;
                let tree = Rect { height: rows, ..body };
                (
                    None,
                    Some(tree),
                    Some(Rect { y: body.y + rows + 1, height: body.height.saturating_sub(rows + 1), ..body }),
                    None,
                )
            }
            Focus::Steps => (None, None, Some(body), None),
        };
    }
    let list_wanted = (app.layout == Layout::All || app.focus == Focus::List)
        && app.show_list
        && (roomy || !app.show_tree || app.focus == Focus::List);
    let tree_wanted = app.show_tree && (roomy || app.focus != Focus::List);
    let mut x = 0;
    let mut left = body.width;
    let mut take = |width: u16| {
        let rect = column(x, width);
        x += width + 1;
        left -= width + 1;
        rect
    };
    let list = list_wanted.then(|| take(if roomy { WIDE_LIST_WIDTH } else { LIST_WIDTH }));
    let tree = tree_wanted.then(|| take(if roomy { 70 } else { body.width / 2 }));
    let (x, left) = (x, left);
    // With the tree open, a third column is there from 200 on.
    let detail_fits = app.layout != Layout::Steps && if app.show_tree { body.width >= 220 } else { roomy };
    let detail = detail_fits.then(|| column(x + left - DETAIL_WIDTH, DETAIL_WIDTH));
    let main = column(x, if detail_fits { left - DETAIL_WIDTH - 1 } else { left });
    (list, tree, Some(main), detail)
}

/// The part of the problem pane that has the text, and the part that has the picture, where that is shown.
pub fn problem_parts(app: &App, problem: Rect) -> (Rect, Option<Rect>) {
    if !app.shows_picture() || problem.height < 2 {
        return (problem, None);
    }
    let rows = u16::try_from(problem_needs(app, problem)).unwrap_or(u16::MAX).clamp(1, (problem.height / 2).max(1));
    let picture =
        Rect { x: problem.x + 4, y: problem.y + rows, width: problem.width.saturating_sub(5), height: problem.height - rows };
    (Rect { height: rows, ..problem }, (picture.height > 0).then_some(picture))
}

/// Rows of the problem pane: as many as it needs, up to two or a sixth of the column; up to half of it when the whole problem is wanted.
fn problem_rows(app: &App, main: Rect) -> u16 {
    let most = if app.whole_problem { usize::from(main.height / 2) } else { usize::from(main.height / 6).max(2) };
    let needed = if app.shows_picture() { most } else { problem_needs(app, main) };
    // A row that says that one is hidden may as well show it.
    let most = if needed == most + 1 { needed } else { most + app.steps.spare };
    u16::try_from(needed.clamp(1, most.max(1))).unwrap_or(2)
}

/// Rows that the text of the problem takes, with what is said behind it.
fn problem_needs(app: &App, main: Rect) -> usize {
    app.problem_page(problem_width(main)).map_or(1, |body| {
        // Reference, answer and verdict have the end of the rule below; without room there they stand behind the last row, or below it.
        let last = body.wrapped.rows().last().map_or(0, |row| row.indent + row.width);
        let facts = app.facts().chars().count();
        let behind = facts > 0 && !facts_on_rule(app, main);
        body.rows() + usize::from(behind && last + facts + 2 > problem_width(main))
    })
}

/// Reference, answer and verdict have room on the rule below the problem, behind the strip.
pub fn facts_on_rule(app: &App, rule: Rect) -> bool {
    let (first, each) = strip_cells(app, rule, app.cursor.path.len());
    let strip = usize::from(first - rule.x) + app.cursor.path.len();
    each == 1 && strip + SAID + app.facts().chars().count() + 4 <= usize::from(rule.width)
}

/// Columns that the problem text has: a label stands before it.
pub fn problem_width(main: Rect) -> usize {
    usize::from(main.width.saturating_sub(5)).max(10)
}

/// The row between problem and steps, which shows the whole solution.
pub fn strip(panes: &Panes) -> Rect {
    Rect { y: panes.problem.bottom(), height: 1, ..panes.problem }
}

/// Where the cells of the strip begin, and how many of the `steps` on show stand in each.
pub fn strip_cells(app: &App, rule: Rect, steps: usize) -> (u16, usize) {
    let columns = step_columns(app, rule.width);
    let room = columns.text.saturating_sub(SAID).max(10);
    (rule.x + u16::try_from(columns.before()).unwrap_or(u16::MAX), steps.div_ceil(room).max(1))
}

/// Columns of the steps pane before the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepColumns {
    /// Cursor and step number.
    pub number: usize,
    /// Mark of the annotator.
    pub mark: usize,
    /// Score as a number.
    pub score: usize,
    /// Glyph of the score, and a bar before it where there is room.
    pub bar: usize,
    /// What the checks say, and score and checks together; 0 where there is no room.
    pub evidence: usize,
    /// Marks of the annotators of a review, a column each.
    pub voices: usize,
    /// Scores of the other models, a column each; 0 where there is no room.
    pub others: usize,
    /// How far all models lie apart; 0 where there is no room.
    pub spread: usize,
    /// The text.
    pub text: usize,
}

impl StepColumns {
    /// Cells before the text.
    pub fn before(self) -> usize {
        let Self { number, mark, score, bar, evidence, voices, others, spread, text: _ } = self;
        // Score and bar are followed by a blank each.
        number + mark + voices + score + 1 + bar + 1 + evidence + others + spread
    }
}

/// The columns for a steps pane of this width with the solution under the cursor.
pub fn step_columns(app: &App, width: u16) -> StepColumns {
    // What is read is the text: checks, and checks and score together, have columns of their own where it keeps enough.
    // Where they have no room, bars say nothing that number, colour and strip do not.
    let (bar, evidence) = if width >= WIDE_STEPS { (11, 8) } else { (2, 0) };
    let digits = app.cursor.path.len().max(100).ilog10() as usize + 1;
    let (number, mark, score) = (digits + 2, 4, 4);
    let voices = app.said_here().len() * VOICE;
    // Who judges blind needs no columns for what is not shown.
    if app.trust.mode == Mode::Blind {
        let text = usize::from(width).saturating_sub(number + mark + voices + 2).max(10);
        return StepColumns { number, mark, voices, score: 0, bar: 0, evidence: 0, others: 0, spread: 0, text };
    }
    let models = if width >= 84 && app.show_prm { app.scoring.others().count() } else { 0 };
    let spread = if models == 1 || (models > 1 && width >= ROOM_FOR_SPREAD) { OTHER_MODEL } else { 0 };
    let others = models * OTHER_MODEL;
    let columns = StepColumns { number, mark, voices, score, bar, evidence, others, spread, text: 0 };
    StepColumns { text: usize::from(width).saturating_sub(columns.before()).max(10), ..columns }
}

/// Rows of the steps pane, without its headings.
pub fn page(app: &App) -> usize {
    let Some(panes) = panes(app) else { return 1 };
    let rect = match app.focus {
        Focus::Steps => panes.steps,
        Focus::Tree => panes.tree,
        Focus::List => panes.list,
    };
    rect.map_or(1, |rect| usize::from(rect.height.saturating_sub(1))).max(1)
}

/// Rows that a page moves on by: some stand on the next one, too, so that the eye finds its place.
pub(super) fn page_step(page: usize) -> usize {
    const OVERLAP: usize = 2;
    page.saturating_sub(OVERLAP).max(1)
}

/// Computes what is visible after a message: keeps the cursors of all panes on the screen.
pub(super) fn arrange(app: &mut App) {
    // The width of the problem does not depend on its rows, so it is wrapped before the panes are laid out.
    let (width, height) = app.size;
    let body = Rect { x: 0, y: 1, width, height: height.saturating_sub(4) };
    if let (_, _, Some(main), _) = columns(app, body) {
        app.wrap_problem(problem_width(main));
    }
    app.steps.spare = 0;
    app.steps.spare = panes(app).map_or(0, |panes| spare_rows(app, &panes));
    let Some(panes) = panes(app) else { return };
    if let Some(tree) = panes.tree {
        let rows = usize::from(tree.height.saturating_sub(1)).max(1);
        let at = app
            .trace()
            .map(|trace| app.tree.visible_ancestor(trace, app.cursor.node))
            .and_then(|node| app.tree.row_of(node))
            .unwrap_or(0);
        app.tree_top = keep_visible(app.tree_top, at, 1, rows, app.tree.rows.len());
    }
    if let Some(list) = panes.list {
        let rows = usize::from(list.height.saturating_sub(1)).max(1);
        if app.queue.active() {
            let at = app.place_in_queue().unwrap_or(0);
            app.queue.top = keep_visible(app.queue.top, at, 1, rows, app.queue.places().len());
        }
        let at = app.items.rank(app.position());
        let block = 1 + list_solutions(app, rows).len();
        app.list_top = keep_visible(app.list_top, at, block.min(rows), rows, app.items.total() + block - 1);
    }
    if let Some(rect) = panes.steps {
        arrange_steps(app, rect);
    }
}

/// Rows that the steps do not need and the problem may have. They depend on nothing that is typed, and where several solutions of a problem
/// are gone through the steps begin at the same row.
fn spare_rows(app: &mut App, panes: &Panes) -> usize {
    let alone = app.trace().is_some_and(|trace| trace.solutions.len() == 1) && !app.cursor.path.is_empty();
    let Some(rect) = panes.steps.filter(|_| alone) else { return 0 };
    // The strip below may grow.
    let strip = panes.detail.is_some_and(|detail| detail.y > rect.y);
    let kept = if strip { MORE_DETAIL_ROWS - DETAIL_ROWS } else { 0 };
    let rows = usize::from(rect.height.saturating_sub(1 + kept));
    let width = step_columns(app, rect.width).text;
    let needed = steps::open_rows(app, width, rows);
    rows.saturating_sub(needed.flat + needed.most)
}

/// The first row such that `block` rows from `at` on are inside a window of `rows`, and some rows around them where there are any.
fn keep_visible(top: usize, at: usize, block: usize, rows: usize, total: usize) -> usize {
    const AROUND: usize = 3;
    let around = AROUND.min(rows.saturating_sub(block) / 2);
    let (least, most) = ((at + block + around).saturating_sub(rows), at.saturating_sub(around));
    top.clamp(least.min(most), most).min(total.saturating_sub(rows))
}

/// Solutions of the current problem that the list shows, as a window around the current one: half of the rows, and those that other
/// problems leave.
pub fn list_solutions(app: &App, rows: usize) -> std::ops::Range<usize> {
    let n = app.items.trace(app.position()).map_or(0, |trace| trace.solutions.len());
    if n < 2 {
        return 0..0;
    }
    let window = n.min((rows / 2).max(rows.saturating_sub(app.items.total())).max(1));
    let start = app.listed_solution().saturating_sub(window / 2).min(n - window);
    start..start + window
}

/// The items whose rows the list shows.
pub fn visible_items(app: &App) -> Vec<ItemId> {
    let Some(list) = panes(app).and_then(|panes| panes.list) else { return Vec::new() };
    if app.queue.active() {
        let places = app.queue.places().iter().skip(app.queue.top).take(usize::from(list.height));
        return places.map(|place| place.item).collect();
    }
    let end = (app.list_top + usize::from(list.height)).min(app.items.total());
    (app.list_top..end).filter_map(|rank| app.items.at_rank(rank)).collect()
}

/// The nodes whose rows the tree shows.
pub fn tree_rows(app: &App) -> Vec<NodeId> {
    let height = panes(app).and_then(|panes| panes.tree).map_or(0, |tree| usize::from(tree.height));
    app.tree.rows.iter().skip(app.tree_top).take(height).map(|row| row.node).collect()
}

/// Where to put the current step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Top,
    Middle,
    Bottom,
}

fn steps_rect(app: &App) -> Option<(usize, usize)> {
    let rect = panes(app)?.steps?;
    Some((usize::from(rect.height.saturating_sub(1)).max(1), step_columns(app, rect.width).text))
}

/// Puts the current step at the top, in the middle or at the bottom of its pane.
pub(crate) fn place_cursor(app: &mut App, anchor: Anchor) {
    let Some((rows, width)) = steps_rect(app) else { return };
    let at = app.cursor.step();
    let above = match anchor {
        Anchor::Top => 0,
        Anchor::Middle => rows.saturating_sub(height(app, at, width)) / 2,
        Anchor::Bottom => rows.saturating_sub(height(app, at, width)),
    };
    let top = blocks(app, width).before(at, above);
    app.steps.top = top;
    app.steps.pinned = Some(app.cursor.node);
}

/// Turns pages of the steps pane. The last row, or the first one, is seen again so that the eye finds its place; not where a step ends there.
pub(crate) fn turn(app: &mut App, pages: usize, forward: bool) {
    let Some((page, width)) = steps_rect(app).filter(|_| !app.cursor.path.is_empty()) else { return };
    let top = app.steps.top;
    let last = blocks(app, width).parts(top, page).last().copied();
    let cut = if forward { last.is_some_and(|last| last.first + last.rows < height(app, last.block, width)) } else { top.1 > 0 };
    let less = page.saturating_sub(1).max(1);
    let rows = if cut { less } else { page };
    scroll(app, less.saturating_mul(pages.saturating_sub(1)).saturating_add(rows), forward);
}

/// Scrolls the steps pane by rows; the cursor comes along.
pub(crate) fn scroll(app: &mut App, rows: usize, forward: bool) {
    let Some((page, width)) = steps_rect(app) else { return };
    let Some(last) = app.cursor.path.len().checked_sub(1) else { return };
    let top = app.steps.top;
    let (moved, ended) = blocks(app, width).moved(top, rows, page, forward);
    app.steps.top = moved;
    // Who scrolls against an end is at the last step, or at the first.
    if ended && (forward || top == (0, 0)) {
        app.cursor.go_to_step(if forward { last } else { 0 });
    }
    // The cursor goes to the nearest step that is visible.
    let (first, bottom) = blocks(app, width).in_sight(moved, page);
    let here = app.cursor.step();
    // Who reads page by page finds the suspect under the cursor when it comes in sight again.
    let suspect = || app.first_suspect().filter(|step| (first..=bottom).contains(step));
    let at = if (first..=bottom).contains(&here) { here } else { suspect().unwrap_or(here.clamp(first.min(bottom), bottom)) };
    app.cursor.go_to_step(at);
    app.steps.pinned = Some(app.cursor.node);
    // A formula of which the upper half is in sight reads as another one.
    app.steps.flat = false;
    let whole = height(app, at, width);
    let parts = blocks(app, width).parts(moved, page);
    app.steps.flat = whole <= page && parts.iter().any(|part| part.block == at && part.first == 0 && part.rows < whole);
}

/// The steps of the path as blocks of rows.
fn blocks(app: &mut App, width: usize) -> Blocks<impl FnMut(usize) -> usize> {
    Blocks { count: app.cursor.path.len(), height: move |step| steps::shape(app, step, width).rows }
}

fn height(app: &mut App, step: usize, width: usize) -> usize {
    steps::shape(app, step, width).rows
}

/// Moves the top as little as needed for the current step to be on the screen, and lists the visible slices.
fn arrange_steps(app: &mut App, rect: Rect) {
    let rows = usize::from(rect.height.saturating_sub(1)).max(1);
    let width = step_columns(app, rect.width).text;
    app.steps.begin(&app.cursor.path);
    app.steps.suspect = app.predicted_first_error().filter(|_| app.show_prm).and_then(|step| app.cursor.path.get(step).copied());
    if app.cursor.path.is_empty() {
        app.steps.visible.clear();
        return;
    }
    steps::crowd(app, width, rows);
    steps::spread_rows(app, width, rows);
    let (top, at) = (app.steps.top, app.cursor.step());
    app.steps.pinned = app.steps.pinned.filter(|&node| node == app.cursor.node);
    app.steps.flat &= app.steps.pinned.is_some();
    let scrolled = app.steps.pinned.is_some();
    let mut top = blocks(app, width).following(top, at, rows, scrolled);
    let shown: usize = blocks(app, width).parts(top, rows).iter().map(|part| part.rows).sum();
    if !scrolled && shown < rows {
        // The pane has grown, or its steps take less of it.
        top = blocks(app, width).moved(top, rows - shown, rows, false).0;
    }
    app.steps.top = top;
    let parts = blocks(app, width).parts(top, rows);
    let trace = app.items.trace(app.cursor.item).cloned();
    let mut slices = Vec::with_capacity(parts.len());
    for Part { block: step, first, rows, y } in parts {
        slices.push(Slice { step, first, rows, y, shape: steps::shape(app, step, width) });
        if let Some((trace, &id)) = trace.as_ref().zip(app.cursor.path.get(step)) {
            let node = trace.node(id);
            app.steps.look_at(node);
            app.reading.look_at(node.key, &node.text);
        }
    }
    app.steps.visible = slices;
}

/// Columns and rows that are drawn on, of those that a terminal says it has.
pub fn bounded((columns, rows): (u16, u16)) -> (u16, u16) {
    (columns.min(MAXIMUM.0), rows.min(MAXIMUM.1))
}
