//! Going to a problem by letters that one remembers of it: of its text, its answers, or the tags of its steps, in their order but with
//! anything between them. Problems are read in pieces while the picker is open.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use tui_input::backend::crossterm::EventHandler as _;

use super::items::ItemId;
use super::{App, Effect};
use crate::trace::{NodeId, Writing};

/// Problems that are looked through.
const MOST: usize = 20_000;
/// Problems that are looked at between two frames.
const AT_ONCE: usize = 64;
/// Bytes of a problem that are looked at.
const READ: usize = 160;
/// Hits that are listed.
const LISTED: usize = 200;

/// The open picker.
pub struct Picker {
    /// What was typed.
    pub line: tui_input::Input,
    /// What can be gone to.
    known: Vec<(ItemId, String)>,
    /// Position in the list of the problem to look at next.
    next: usize,
    /// What fits of that, the best one first: how well, and its place there.
    hits: Vec<(u32, usize)>,
    /// Problem and its line, the best one first.
    pub found: Vec<(ItemId, String)>,
    /// The chosen one of them.
    pub chosen: usize,
    /// More than were listed.
    pub more: usize,
    matcher: Matcher,
}

impl std::fmt::Debug for Picker {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Picker").field("line", &self.line).field("known", &self.known.len()).finish_non_exhaustive()
    }
}

impl Picker {
    fn new() -> Self {
        Self {
            line: tui_input::Input::default(),
            known: Vec::new(),
            next: 0,
            hits: Vec::new(),
            found: Vec::new(),
            chosen: 0,
            more: 0,
            matcher: Matcher::new(Config::DEFAULT),
        }
    }

    /// Problems that were looked at.
    pub fn looked(&self) -> usize {
        self.next
    }

    /// Finds what fits what was typed now; without a letter, all as the files have them.
    fn find(&mut self) {
        self.hits.clear();
        self.find_from(0);
    }

    /// Finds what fits of what came to be known from this place on.
    fn find_from(&mut self, place: usize) {
        let pattern = Pattern::parse(self.line.value(), CaseMatching::Smart, Normalization::Smart);
        let mut buffer = Vec::new();
        let matcher = &mut self.matcher;
        let score =
            |(at, (_, text)): (usize, &(ItemId, String))| Some((pattern.score(Utf32Str::new(text, &mut buffer), matcher)?, at));
        self.hits.extend(self.known.iter().enumerate().skip(place).filter_map(score));
        self.hits.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        self.more = self.hits.len().saturating_sub(LISTED);
        self.found = self.hits.iter().take(LISTED).map(|&(_, at)| self.known[at].clone()).collect();
        self.chosen = self.chosen.min(self.found.len().saturating_sub(1));
    }
}

impl App {
    /// What can be remembered of a problem, as far as it may be seen.
    fn memory_of(&self, item: ItemId) -> Option<String> {
        let trace = self.items.trace(item)?;
        let end = (0..=READ.min(trace.problem.text.len())).rev().find(|&end| trace.problem.text.is_char_boundary(end))?;
        let mut parts: Vec<&str> = trace.problem.text[..end].split_whitespace().collect();
        let answers = trace.solutions.iter().take(16).filter_map(|solution| solution.final_answer.as_deref());
        for answer in answers.filter(|_| self.reference_shown()) {
            if answer.len() < 60 && !parts.contains(&answer) {
                parts.push(answer);
            }
        }
        if let Some(own) = self.own().filter(|own| !own.tags().is_empty()) {
            let record = trace.record_key(trace.solutions.first().map_or(NodeId::ROOT, |solution| solution.leaf));
            let steps = trace.steps().take(500);
            parts.extend(steps.filter_map(|id| own.text(Writing::Tags, Some(trace.node(id).key), record)));
        }
        Some(parts.join(" "))
    }
}

/// Opens the picker.
pub(super) fn open(app: &mut App) -> Vec<Effect> {
    app.picker = Some(Picker::new());
    feed(app)
}

/// Looks at what has been read, asks for what has not. Called after every message.
pub(super) fn feed(app: &mut App) -> Vec<Effect> {
    let Some(mut picker) = app.picker.take() else { return Vec::new() };
    let total = app.items.total().min(MOST);
    let mut effects = Vec::new();
    let (from, known) = (picker.next, picker.known.len());
    while picker.next < total && picker.next < from + AT_ONCE {
        let Some(item) = app.items.at_rank(picker.next) else { break };
        if app.items.get(item).is_none() {
            let ahead = (picker.next..total.min(picker.next + AT_ONCE)).filter_map(|rank| app.items.at_rank(rank));
            effects.extend(ahead.filter(|&item| app.items.get(item).is_none()).map(Effect::Load));
            break;
        }
        picker.known.extend(app.memory_of(item).map(|memory| (item, memory)));
        picker.next += 1;
    }
    if picker.next > from {
        picker.find_from(known);
        if effects.is_empty() && picker.next < total {
            effects.push(Effect::Continue);
        }
    }
    app.picker = Some(picker);
    effects
}

/// A key while the picker is open.
pub(super) fn key(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    let Some(picker) = &mut app.picker else { return Vec::new() };
    let last = picker.found.len().saturating_sub(1);
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Esc => app.picker = None,
        KeyCode::Char('c') if control => app.picker = None,
        KeyCode::Enter => {
            if let Some((item, _)) = app.picker.take().and_then(|picker| picker.found.into_iter().nth(picker.chosen)) {
                app.leave_spot();
                app.go_to_item(item);
            }
        }
        KeyCode::Down => picker.chosen = (picker.chosen + 1).min(last),
        KeyCode::Char('n') if control => picker.chosen = (picker.chosen + 1).min(last),
        KeyCode::Up => picker.chosen = picker.chosen.saturating_sub(1),
        KeyCode::Char('p') if control => picker.chosen = picker.chosen.saturating_sub(1),
        KeyCode::PageDown => picker.chosen = (picker.chosen + 10).min(last),
        KeyCode::PageUp => picker.chosen = picker.chosen.saturating_sub(10),
        _ => {
            if picker.line.value().len() < 200 || !matches!(key.code, KeyCode::Char(_)) {
                picker.line.handle_event(&Event::Key(key));
            }
            picker.chosen = 0;
            picker.find();
        }
    }
    Vec::new()
}
