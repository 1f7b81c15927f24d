//! Two solutions of a problem side by side: steps that stand for one another in one row, what both begin with folded away.

use std::sync::{Arc, Weak};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{App, Effect, steps};
use crate::trace::{NodeId, Trace};
use crate::typeset::align::align;
use crate::typeset::diff::{Changed, changed_words};
use crate::typeset::{Page, Setting};

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
    rows: Vec<[Option<usize>; 2]>,
    /// The chosen row, of those on show.
    pub chosen: usize,
    /// The first row on the screen.
    pub top: usize,
    laid: Option<(Setting, Vec<Laid>)>,
}

/// A row with its texts at the width of now.
#[derive(Debug)]
pub struct Laid {
    /// Steps, as indices on the paths; none for the fold.
    pub steps: [Option<usize>; 2],
    /// Their texts.
    pub pages: [Option<Page>; 2],
    /// Words that differ.
    pub changed: Changed,
}

impl Laid {
    /// Rows of the screen that it takes.
    pub fn height(&self) -> usize {
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
        let rows = aligned.into_iter().map(|(left, right)| [left, right].map(|at| at.map(|at| at + shared))).collect();
        Self { of: Arc::downgrade(trace), sides, paths, shared, folded: true, rows, chosen: 0, top: 0, laid: None }
    }

    /// The rows on show, once the width is known.
    pub fn laid(&self) -> &[Laid] {
        self.laid.as_ref().map_or(&[], |(_, rows)| rows)
    }

    /// The fold stands in the first row.
    pub fn has_fold(&self) -> bool {
        self.folded && self.shared > 0
    }

    fn lay(&mut self, trace: &Trace, setting: Setting, room: usize) {
        if self.laid.as_ref().is_none_or(|(laid, _)| *laid != setting) {
            let fold = self.has_fold().then_some([None; 2]);
            let before = (0..if self.folded { 0 } else { self.shared }).map(|step| [Some(step); 2]);
            let rows = fold.into_iter().chain(before).chain(self.rows.iter().copied());
            let row = |steps: [Option<usize>; 2]| {
                let page = |side: usize| steps[side].map(|at| Page::new(&trace.node(self.paths[side][at]).text, setting));
                let pages = [page(0), page(1)];
                let changed = match &pages {
                    [Some(left), Some(right)] => changed_words(&left.text, &right.text),
                    _ => Changed::default(),
                };
                Laid { steps, pages, changed }
            };
            self.laid = Some((setting, rows.map(row).collect()));
        }
        let heights: Vec<usize> = self.laid().iter().map(Laid::height).collect();
        self.chosen = self.chosen.min(heights.len().saturating_sub(1));
        self.top = self.top.min(self.chosen);
        while self.top < self.chosen && heights[self.top..=self.chosen].iter().sum::<usize>() > room {
            self.top += 1;
        }
    }
}

impl App {
    /// Lays the pair out unless that was done already; it closes when its problem is another one.
    pub(super) fn lay_pair(&mut self) {
        let Some(mut pair) = self.pair.take() else { return };
        let Some(trace) = self.trace().filter(|trace| pair.of.ptr_eq(&Arc::downgrade(trace))).cloned() else { return };
        let width = usize::from((self.size.0.saturating_sub(1) / 2).saturating_sub(GUTTER)).max(NARROWEST);
        let setting = steps::setting(&self.look, self.steps.view, width, false);
        pair.lay(&trace, setting, usize::from(self.size.1.saturating_sub(4)).max(1));
        self.pair = Some(pair);
    }

    /// What is known of a solution in few words: answer, whether it is right, lowest score, as far as that may be seen.
    pub fn solution_in_short(&self, solution: usize) -> String {
        let Some(trace) = self.trace().cloned() else { return String::new() };
        let Some(known) = trace.solutions.get(solution) else { return String::new() };
        let mut parts = vec![format!("solution {}", solution + 1)];
        parts.extend(self.answer_in_short(&trace, known));
        if self.shows_score_of(&trace, known.leaf) {
            let score = self.scoring.solution_score(&trace, &trace.path(known.leaf));
            parts.extend(score.map(|score| format!("{} {}", self.scoring.aggregate.name(), super::describe::short(score))));
        }
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
    let last = pair.laid().len().saturating_sub(1);
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Esc | KeyCode::Char('q') => return Vec::new(),
        KeyCode::Char('c') if control => return Vec::new(),
        KeyCode::Char('j') | KeyCode::Down => pair.chosen = (pair.chosen + 1).min(last),
        KeyCode::Char('k') | KeyCode::Up => pair.chosen = pair.chosen.saturating_sub(1),
        KeyCode::Char(' ') | KeyCode::PageDown => pair.chosen = (pair.chosen + 5).min(last),
        KeyCode::PageUp => pair.chosen = pair.chosen.saturating_sub(5),
        KeyCode::Char('g') | KeyCode::Home => pair.chosen = 0,
        KeyCode::Char('G') | KeyCode::End => pair.chosen = last,
        KeyCode::Char('z') => {
            (pair.folded, pair.laid) = (!pair.folded, None);
            pair.chosen = if pair.folded { 0 } else { pair.chosen };
        }
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
    let before = pair.laid().iter().take(pair.chosen + 1).rev();
    let fold = if pair.has_fold() { pair.shared - 1 } else { 0 };
    let step = before.into_iter().find_map(|row| row.steps[side]).unwrap_or(fold);
    app.leave_spot();
    if app.cursor.solution != pair.sides[side] {
        app.cursor.go_to_solution(trace, pair.sides[side]);
    }
    app.cursor.go_to_step(step);
    app.tree.reveal(trace, app.cursor.node);
    Vec::new()
}
