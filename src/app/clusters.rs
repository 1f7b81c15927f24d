//! Groups of steps that go wrong alike: which kinds of mistakes the files hold, how many of each, and a walk through the solutions of one of them.

use std::collections::HashMap;

use crossterm::event::{KeyCode, KeyEvent};

use super::items::ItemId;
use super::likeness::{Row, Steps};
use super::lists::{self, Window};
use super::views::{ViewKeys, key as key_row, plain};
use super::{App, Effect, likeness, queue};
use crate::analysis::clusters::MOST;
use crate::analysis::likeness::{Ask, Group};

/// Rows of the screen that the typical step of the chosen group takes.
pub const TYPICAL: u16 = 4;

/// The keys of the list.
pub(crate) static VIEW: ViewKeys = ViewKeys {
    name: "groups",
    command: "clusters",
    keys: &[
        &[
            key_row(&["Enter"], "walks one", "go through the solutions of this group, from its most typical step on"),
            key_row(&["r"], "anew", "make as many groups anew, of what is known by now"),
            key_row(&["Esc", "q", "Ctrl-c"], "closes", "close the list"),
        ],
        lists::KEYS,
    ],
    commands: &[],
};

/// The groups, and the list of them.
#[derive(Debug)]
pub struct Clusters {
    /// The groups, the largest first; their numbers count from 1.
    pub groups: Vec<Group>,
    /// The steps: what the members of groups are indices of. Their texts are those of the groups alone.
    pub steps: Steps,
    /// A typical step of each group.
    pub typical: Vec<String>,
    /// What likeness was measured by.
    pub by: String,
    /// Number of the group of each solution.
    of: HashMap<(ItemId, usize), usize>,
    /// The chosen group.
    pub chosen: usize,
    /// The list is on the screen.
    pub open: bool,
}

impl Clusters {
    /// Where the most typical step of the chosen group stands, in words.
    pub fn place(&self, app: &App) -> Option<String> {
        let row = self.steps.rows.get(self.groups.get(self.chosen)?.medoid)?;
        let step = row.wrong.map_or(String::new(), |(step, _)| format!(", step {}", step + 1));
        Some(format!("problem {}, solution {}{step}", app.items.rank(row.item) + 1, row.solution + 1))
    }

    /// The groups on a screen of this height.
    pub fn window(&self, height: u16) -> Window {
        Window::around(self.chosen, self.groups.len(), 3, usize::from(height.saturating_sub(5 + TYPICAL)))
    }

    /// The number of the group of a solution; 0 for none.
    pub(super) fn number(&self, item: ItemId, solution: usize) -> usize {
        self.of.get(&(item, solution)).copied().unwrap_or(0)
    }
}

impl App {
    /// Which step of the solution on show is like those of its group, where the filter speaks of groups.
    pub(super) fn why_in_group(&self) -> Option<String> {
        let clusters = self.alike.clusters.as_ref().filter(|_| self.show_prm && self.queue.asks_for_clusters())?;
        let number = clusters.number(self.cursor.item, self.cursor.solution).checked_sub(1)?;
        let group = clusters.groups.get(number)?;
        let here = |row: &&Row| (row.item, row.solution) == (self.cursor.item, self.cursor.solution);
        let row = group.members.iter().filter_map(|&row| clusters.steps.rows.get(row)).find(here)?;
        let step = row.wrong.map_or(String::new(), |(step, _)| format!(" by step {}", step + 1));
        Some(format!("group {}{step}", number + 1))
    }
}

/// Opens the list, or begins to make it where there is none.
pub(super) fn open(app: &mut App) -> Vec<Effect> {
    match &mut app.alike.clusters {
        Some(clusters) => {
            clusters.open = true;
            Vec::new()
        }
        None => likeness::begin(app, Ask::Groups(None)),
    }
}

/// Makes so many groups anew.
pub(super) fn make(app: &mut App, count: &str) -> Vec<Effect> {
    match count.trim().parse::<usize>() {
        Ok(count) if (1..=MOST).contains(&count) => likeness::begin(app, Ask::Groups(Some(count))),
        _ => {
            app.notice = Some(format!(":clusters takes a number of groups from 1 to {MOST}, not {count:?}"));
            Vec::new()
        }
    }
}

/// Takes in groups and shows them; to somebody who has `typed_on` it only says that they are there.
pub(super) fn found(app: &mut App, by: String, groups: Vec<Group>, mut steps: Steps, typed_on: bool) {
    // A log that was written by hand may name steps that are not there.
    let inside = |group: &Group| group.members.iter().chain([&group.medoid]).all(|&row| row < steps.rows.len());
    let groups: Vec<Group> = groups.into_iter().filter(|group| !group.members.is_empty() && inside(group)).collect();
    if groups.is_empty() {
        let missing = steps.missing();
        let missing = if missing.is_empty() { "there is no solution".to_owned() } else { missing };
        app.notice = Some(format!("no step is known to be wrong: {missing}"));
        return;
    }
    let texts = std::mem::take(&mut steps.texts);
    let text = |group: &Group| steps.rows[group.medoid].texts.first().and_then(|&text| texts.get(text)).cloned();
    let drawn = |text: String| app.drawn(&text).unwrap_or(text);
    let typical = groups.iter().map(|group| text(group).map_or_else(String::new, drawn)).collect();
    let numbered = groups.iter().zip(1..).flat_map(|(group, number)| group.members.iter().map(move |&row| (row, number)));
    let of = numbered.map(|(row, number)| ((steps.rows[row].item, steps.rows[row].solution), number)).collect();
    let count = groups.len();
    app.alike.clusters = Some(Clusters { groups, steps, typical, by, of, chosen: 0, open: !typed_on });
    app.queue.clustered();
    if typed_on {
        app.queue.entered();
        app.notice = Some(format!("{count} groups of wrong steps are there; {} shows them", app.key("clusters")));
    }
}

/// Forgets the groups, and the filter or order that asks for them: they may tell what is to be hidden from now on.
pub(super) fn forget(app: &mut App) -> Vec<Effect> {
    app.alike.clusters = None;
    queue::forget_groups(app);
    likeness::stop(app).unwrap_or_default()
}

/// A key while the list is open.
pub(super) fn key(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    let Some(clusters) = &mut app.alike.clusters else { return Vec::new() };
    let last = clusters.groups.len().saturating_sub(1);
    match plain(key) {
        KeyCode::Char('r') => {
            let count = clusters.groups.len();
            clusters.open = false;
            return likeness::begin(app, Ask::Groups(Some(count)));
        }
        KeyCode::Enter => walk(app),
        KeyCode::Esc | KeyCode::Char('q') => clusters.open = false,
        code => clusters.chosen = lists::chosen_by(code, clusters.chosen, last).unwrap_or(clusters.chosen),
    }
    Vec::new()
}

/// The filter that chooses a group.
fn filter(number: usize) -> String {
    format!("cluster == {number}")
}

/// Goes through the solutions of the chosen group, from the most typical one on.
fn walk(app: &mut App) {
    let Some(clusters) = &mut app.alike.clusters else { return };
    let Some(group) = clusters.groups.get(clusters.chosen) else { return };
    clusters.open = false;
    let (number, words) = (clusters.chosen + 1, group.words.join(", "));
    let Some(row) = clusters.steps.rows.get(group.medoid) else { return };
    let (item, solution, step) = (row.item, row.solution, row.wrong.map(|(step, _)| step));
    queue::set_filter(app, &filter(number));
    app.leave_spot();
    app.go_to_step_of(item, solution, step);
    let back = app.key("cancel");
    app.notice = Some(format!("group {number} ({words}) at its most typical step; {back} goes back to the groups"));
}

/// The filter of a group was taken away: back to the list.
pub(super) fn back(app: &mut App, filter_was: &str) {
    if let Some(clusters) = app.alike.clusters.as_mut().filter(|clusters| filter_was == filter(clusters.chosen + 1)) {
        clusters.open = true;
        app.notice = None;
    }
}
