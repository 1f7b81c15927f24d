//! Two solutions of a problem side by side: steps that stand for one another in one row, what both begin with folded away.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crossterm::event::{KeyCode, KeyEvent};

use super::blocks::{Blocks, Part, Row};
use super::views::{ViewKeys, key as key_row, plain};
use super::{App, Effect, layout, steps};
use crate::trace::{NodeId, Trace};
use crate::typeset::align::align;
use crate::typeset::diff::{Changed, changed_words};
use crate::typeset::{Page, Setting};

/// Its keys.
pub(crate) static VIEW: ViewKeys = ViewKeys {
    name: "side by side",
    command: "side-by-side",
    keys: &[&[
        key_row(&["Enter"], "left", "go to this step of the solution on the left"),
        key_row(&["o"], "right", "go to this step of the solution on the right"),
        key_row(&["n"], "others", "the next solution on the right"),
        key_row(&["p"], "others", "the solution before on the right"),
        key_row(&["z"], "folds", "fold what both begin with, or show it"),
        key_row(&["Esc", "q", "Ctrl-c"], "closes", "back to where you were"),
        key_row(&["j", "Down"], "row", "next row"),
        key_row(&["k", "Up"], "row", "previous row"),
        key_row(&["Space", "PageDown"], "scrolls", "a page down"),
        key_row(&["PageUp"], "", "a page up"),
        key_row(&["Ctrl-d"], "", "half a page down"),
        key_row(&["Ctrl-u"], "", "half a page up"),
        key_row(&["g", "Home"], "", "first row"),
        key_row(&["G", "End"], "", "last row"),
    ]],
    commands: &[],
};

/// Cells of a side before its text: number, score, a space.
pub const GUTTER: u16 = 10;
/// Narrower texts are not worth a side.
const NARROWEST: usize = 10;

/// The open pair.
#[derive(Debug)]
pub struct Pair {
    /// Of which trace.
    of: Weak<Trace>,
    /// The two solutions, as indices.
    pub sides: [usize; 2],
    /// Their steps.
    pub paths: [Vec<NodeId>; 2],
    /// Steps that both begin with.
    pub shared: usize,
    /// These are folded.
    pub folded: bool,
    /// Partners, as indices on the two paths.
    partners: Vec<[Option<usize>; 2]>,
    /// The rows on show: partners, and in the first one the fold, which is no step on either side.
    rows: Vec<[Option<usize>; 2]>,
    /// The chosen row, of those on show.
    pub chosen: usize,
    /// The first row of the screen.
    top: Row,
    /// The user scrolled at the chosen row: its beginning may be off the screen.
    scrolled: bool,
    /// Rows of the screen that there are.
    page: usize,
    /// How the texts of `laid` are set.
    setting: Option<Setting>,
    /// The rows that came near the screen.
    laid: HashMap<usize, Laid>,
    /// What is on the screen.
    pub visible: Vec<Part>,
}

/// A row with its texts at the width of now.
#[derive(Debug)]
pub struct Laid {
    /// The texts of both sides.
    pub pages: [Option<Page>; 2],
    /// Words that differ.
    pub changed: Changed,
}

impl Laid {
    /// Rows of the screen that it takes.
    fn height(&self) -> usize {
        self.pages.iter().flatten().map(Page::rows).max().unwrap_or(1)
    }
}

impl Pair {
    fn of(trace: &Arc<Trace>, sides: [usize; 2]) -> Self {
        let paths = sides.map(|side| trace.path(trace.solutions[side].leaf));
        let text = |id: &NodeId| trace.node(*id).text.as_str();
        let same = |(a, b): &(&NodeId, &NodeId)| a == b || text(a) == text(b);
        let shared = paths[0].iter().zip(&paths[1]).take_while(same).count();
        let behind = |side: usize| paths[side].iter().skip(shared).map(text).collect::<Vec<_>>();
        let aligned = align(&behind(0), &behind(1));
        let partners = aligned.into_iter().map(|(left, right)| [left, right].map(|at| at.map(|at| at + shared))).collect();
        let mut pair = Self {
            of: Arc::downgrade(trace),
            sides,
            paths,
            shared,
            folded: true,
            partners,
            rows: Vec::new(),
            chosen: 0,
            top: (0, 0),
            scrolled: false,
            page: 1,
            setting: None,
            laid: HashMap::new(),
            visible: Vec::new(),
        };
        pair.fold(true);
        pair
    }

    /// Steps of each row on show, as indices on the paths; none on either side for the fold.
    pub fn rows(&self) -> &[[Option<usize>; 2]] {
        &self.rows
    }

    /// The texts of a row, once it came near the screen.
    pub fn laid(&self, row: usize) -> Option<&Laid> {
        self.laid.get(&row)
    }

    /// The fold stands in the first row.
    fn has_fold(&self) -> bool {
        self.folded && self.shared > 0
    }

    /// Folds what both begin with, or shows it.
    fn fold(&mut self, folded: bool) {
        self.folded = folded;
        let fold = self.has_fold().then_some([None; 2]);
        let before = (0..if folded { 0 } else { self.shared }).map(|step| [Some(step); 2]);
        self.rows = fold.into_iter().chain(before).chain(self.partners.iter().copied()).collect();
        (self.top, self.scrolled) = ((0, 0), false);
        self.chosen = if folded { 0 } else { self.chosen.min(self.rows.len().saturating_sub(1)) };
        self.laid.clear();
    }

    /// The rows on show as blocks of rows of the screen; each is laid out when it is asked for.
    fn blocks(&mut self, trace: &Trace, setting: Setting) -> Blocks<impl FnMut(usize) -> usize> {
        let Self { rows, paths, laid, .. } = self;
        let count = rows.len();
        let height = move |row: usize| {
            let lay = || {
                let page = |side: usize| rows[row][side].map(|at| Page::new(&trace.node(paths[side][at]).text, setting));
                let pages = [page(0), page(1)];
                let changed = match &pages {
                    [Some(left), Some(right)] => changed_words(&left.text, &right.text),
                    _ => Changed::default(),
                };
                Laid { pages, changed }
            };
            laid.entry(row).or_insert_with(lay).height()
        };
        Blocks { count, height }
    }

    /// Lays out what is on the screen, the chosen row with it.
    fn lay(&mut self, trace: &Trace, setting: Setting, page: usize) {
        if self.setting != Some(setting) {
            self.laid.clear();
        }
        (self.setting, self.page) = (Some(setting), page);
        if self.rows.is_empty() {
            return;
        }
        let (top, chosen, scrolled) = (self.top, self.chosen, self.scrolled);
        let top = self.blocks(trace, setting).following(top, chosen, page, scrolled);
        let visible = self.blocks(trace, setting).parts(top, page);
        (self.top, self.visible) = (top, visible);
    }

    /// Chooses a row; its beginning comes onto the screen.
    fn choose(&mut self, row: usize) {
        (self.chosen, self.scrolled) = (row.min(self.rows.len().saturating_sub(1)), false);
    }

    /// Scrolls by rows of the screen; the chosen row comes along.
    fn scroll(&mut self, trace: &Trace, rows: usize, forward: bool) {
        let Some(setting) = self.setting.filter(|_| !self.rows.is_empty()) else { return };
        let (top, page, last) = (self.top, self.page, self.rows.len() - 1);
        let (top, ended) = self.blocks(trace, setting).moved(top, rows, page, forward);
        let (first, bottom) = self.blocks(trace, setting).in_sight(top, page);
        self.chosen = match (ended, forward) {
            (true, true) => last,
            (true, false) => 0,
            _ => self.chosen.clamp(first.min(bottom), bottom),
        };
        (self.top, self.scrolled) = (top, true);
    }
}

impl App {
    /// Lays the pair out unless that was done already; it closes when its problem is another one.
    pub(super) fn lay_pair(&mut self) {
        let Some(mut pair) = self.pair.take() else { return };
        let Some(trace) = self.trace().filter(|trace| pair.of.ptr_eq(&Arc::downgrade(trace))).cloned() else { return };
        let width = usize::from((self.size.0.saturating_sub(1) / 2).saturating_sub(GUTTER)).max(NARROWEST);
        let setting = steps::setting(&self.look, self.steps.view, width, false);
        pair.lay(&trace, setting, usize::from(self.size.1.saturating_sub(3)).max(1));
        self.pair = Some(pair);
    }

    /// What is known of a solution in few words: answer, whether it is right, lowest score, as far as that may be seen.
    pub fn solution_in_short(&self, solution: usize) -> String {
        let Some(trace) = self.trace().cloned() else { return String::new() };
        let Some(known) = trace.solutions.get(solution) else { return String::new() };
        let mut parts = vec![format!("solution {}", solution + 1)];
        if self.shows_score_of(&trace, known.leaf) {
            let score = self.scoring.solution_score(&trace, &trace.path(known.leaf));
            parts.extend(score.map(|score| format!("{} {}", self.scoring.aggregate.name(), super::describe::short(score))));
        }
        // What is cut where there is little room is the answer.
        parts.extend(self.answer_in_short(&trace, known).into_iter().rev());
        parts.join("   ")
    }
}

/// Opens the solution on show beside another one: that of the count, else the best one.
pub(super) fn open(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    if app.project.guided {
        app.notice = Some("guided: another solution would be seen before its turn; :guided ends that".to_owned());
        return Vec::new();
    }
    let Some(trace) = app.trace().cloned() else { return Vec::new() };
    if app.solution().is_some() && app.solution_on_show().is_none() {
        app.notice = Some("no solution takes these steps; solutions stand side by side".to_owned());
        return Vec::new();
    }
    let (here, all) = (app.cursor.solution, trace.solutions.len());
    let best = || app.best_other(&trace, *app.cursor.path.last()?).map(|(number, _)| number);
    let other = count.map_or_else(best, |count| Some(count.saturating_sub(1)));
    app.notice = match other {
        _ if all < 2 => Some("this problem has one solution".to_owned()),
        Some(other) if other >= all => Some(format!("there is no solution {}; this problem has {all}", other + 1)),
        Some(other) if other == here => Some("this is the solution on show".to_owned()),
        Some(other) => {
            app.pair = Some(Box::new(Pair::of(&trace, [here, other])));
            None
        }
        None => Some("no other solution ends elsewhere".to_owned()),
    };
    Vec::new()
}

/// A key while a pair is open.
pub(super) fn key(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    let Some((mut pair, trace)) = app.pair.take().zip(app.trace().cloned()) else { return Vec::new() };
    let (page, half) = (layout::page_step(pair.page), (pair.page / 2).max(1));
    match plain(key) {
        KeyCode::Esc | KeyCode::Char('q') => return Vec::new(),
        KeyCode::Null if key.code == KeyCode::Char('d') => pair.scroll(&trace, half, true),
        KeyCode::Null if key.code == KeyCode::Char('u') => pair.scroll(&trace, half, false),
        KeyCode::Char('j') | KeyCode::Down => pair.choose(pair.chosen + 1),
        KeyCode::Char('k') | KeyCode::Up => pair.choose(pair.chosen.saturating_sub(1)),
        KeyCode::Char(' ') | KeyCode::PageDown => pair.scroll(&trace, page, true),
        KeyCode::PageUp => pair.scroll(&trace, page, false),
        KeyCode::Char('g') | KeyCode::Home => pair.choose(0),
        KeyCode::Char('G') | KeyCode::End => pair.choose(usize::MAX),
        KeyCode::Char('z') => pair.fold(!pair.folded),
        KeyCode::Char('n') => *pair = Pair::of(&trace, [pair.sides[0], beside(pair.sides, trace.solutions.len(), true)]),
        KeyCode::Char('p') => *pair = Pair::of(&trace, [pair.sides[0], beside(pair.sides, trace.solutions.len(), false)]),
        KeyCode::Enter => return go(app, &trace, &pair, 0),
        KeyCode::Char('o') => return go(app, &trace, &pair, 1),
        _ => {}
    }
    app.pair = Some(pair);
    Vec::new()
}

/// The next solution to stand on the right, or the one before, around the end.
fn beside([left, right]: [usize; 2], all: usize, forward: bool) -> usize {
    let step = |at: usize| if forward { (at + 1) % all } else { (at + all - 1) % all };
    let next = step(right);
    if next == left { step(next) } else { next }
}

/// Goes to the step of the chosen row on one side, or to the last one before it.
fn go(app: &mut App, trace: &Arc<Trace>, pair: &Pair, side: usize) -> Vec<Effect> {
    let before = pair.rows().iter().take(pair.chosen + 1).rev();
    let fold = if pair.has_fold() { pair.shared - 1 } else { 0 };
    let step = before.into_iter().find_map(|row| row[side]).unwrap_or(fold);
    app.leave_spot();
    if app.cursor.solution != pair.sides[side] {
        app.cursor.go_to_solution(trace, pair.sides[side]);
    }
    app.cursor.go_to_step(step);
    app.tree.reveal(trace, app.cursor.node);
    Vec::new()
}
