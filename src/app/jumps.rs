//! Places to come back to: the jump list, and marks named by a letter. A place is known by what stands there, so that it is found again
//! after a restart and in a file that grew.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::items::ItemId;
use super::{App, Effect};
use crate::trace::{NodeId, RecordKey, StepKey};

/// Places that the jump list keeps.
const KEPT: usize = 200;

/// One place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// Identity of the file.
    file: String,
    /// Problem index in the file, from 0.
    problem: usize,
    /// The solution.
    record: Option<RecordKey>,
    /// The step.
    step: Option<StepKey>,
    /// The same for people.
    shown: String,
}

/// The jump list and the marks.
#[derive(Debug, Default)]
pub struct Jumps {
    list: Vec<Spot>,
    /// Where one is in the list; its length after a fresh jump.
    at: usize,
    /// Places by their letter.
    pub marks: BTreeMap<char, Spot>,
}

impl Jumps {
    /// Problems that places in this file hint at.
    pub(super) fn rows_in<'a>(&'a self, file: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.list.iter().chain(self.marks.values()).filter(move |spot| spot.file == file).map(|spot| spot.problem)
    }

    /// The problems of a file have other numbers now.
    pub(super) fn renumber(&mut self, file: &str, number: impl Fn(usize) -> Option<usize>) {
        for spot in self.list.iter_mut().chain(self.marks.values_mut()).filter(|spot| spot.file == file) {
            spot.problem = number(spot.problem).unwrap_or(spot.problem);
        }
    }
}

impl App {
    fn spot(&self) -> Option<Spot> {
        let item = self.cursor.item;
        let step = self.trace().filter(|_| self.cursor.node != NodeId::ROOT).map(|trace| trace.node(self.cursor.node).key);
        let shown = format!("problem {}, step {}", self.items.rank(item) + 1, self.cursor.step() + 1);
        let file = self.items.files.get(item.file)?.id.clone();
        Some(Spot { file, problem: item.problem, record: self.record_key(), step, shown })
    }

    /// Remembers this place before a far jump.
    pub(crate) fn leave_spot(&mut self) {
        let Some(spot) = self.spot() else { return };
        let jumps = &mut self.jumps;
        jumps.list.truncate(jumps.at);
        if jumps.list.last() != Some(&spot) {
            jumps.list.push(spot);
        }
        let more = jumps.list.len().saturating_sub(KEPT);
        jumps.list.drain(..more);
        jumps.at = jumps.list.len();
    }

    fn go_to_spot(&mut self, spot: &Spot) {
        let Some(file) = self.file(&spot.file) else {
            self.notice = Some(format!("{} is in a file that is not open: {}", spot.shown, spot.file));
            return;
        };
        self.return_to(ItemId { file, problem: spot.problem }, spot.record, spot.step);
        self.notice = Some(spot.shown.clone());
    }
}

/// Goes back along the jump list.
pub(super) fn back(app: &mut App, count: usize) {
    let here = app.spot();
    let jumps = &mut app.jumps;
    if jumps.at == jumps.list.len() && here.is_some() && jumps.list.last() != here.as_ref() {
        // The way forward leads here again.
        jumps.list.extend(here);
    } else if jumps.at == jumps.list.len() {
        jumps.at = jumps.at.saturating_sub(1);
    }
    step(app, count, false);
}

/// Goes forward again.
pub(super) fn forward(app: &mut App, count: usize) {
    step(app, count, true);
}

fn step(app: &mut App, count: usize, forward: bool) {
    let jumps = &app.jumps;
    let last = jumps.list.len().saturating_sub(1);
    // Directly after a jump one stands behind the list, where nothing lies ahead.
    let target = if forward { (jumps.at + count).min(last).max(jumps.at) } else { jumps.at.saturating_sub(count) };
    if target == jumps.at || jumps.list.is_empty() {
        app.notice = Some(if forward { "this is the newest place" } else { "this is the oldest place" }.to_owned());
        return;
    }
    app.jumps.at = target;
    if let Some(spot) = app.jumps.list.get(target).cloned() {
        app.go_to_spot(&spot);
    }
}

/// Gives this place a letter, which it keeps over restarts.
pub(super) fn set_mark(app: &mut App, letter: char) -> Vec<Effect> {
    let Some(spot) = app.spot() else { return Vec::new() };
    app.notice = Some(format!("{letter} marks {}", spot.shown));
    app.jumps.marks.insert(letter, spot.clone());
    vec![Effect::SavePlace(app.place_now()), Effect::SaveMark(letter, spot)]
}

/// Goes to the place of this letter.
pub(super) fn go_to_mark(app: &mut App, letter: char) {
    let Some(spot) = app.jumps.marks.get(&letter).cloned() else {
        app.notice = Some(format!("there is no mark {letter}"));
        return;
    };
    app.leave_spot();
    app.go_to_spot(&spot);
}

/// The marks with their places, as answers to "where to?".
pub(super) fn marks(app: &App) -> Vec<(char, String)> {
    app.jumps.marks.iter().map(|(letter, spot)| (*letter, spot.shown.clone())).collect()
}
