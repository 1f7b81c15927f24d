//! Going to a problem by letters that one remembers of it: of its text, its answers, or the tags of its steps, in their order but with
//! anything between them. Problems are read in pieces while the picker is open.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use tui_input::backend::crossterm::EventHandler as _;

use super::items::ItemId;
use super::lists::{PAGE, Window};
use super::views::{ViewKeys, key as key_row};
use super::{App, Effect};
use crate::trace::{NodeId, Writing};

/// Its keys, but for those that write.
pub(crate) static VIEW: ViewKeys = ViewKeys {
    name: "problems",
    command: "go-to-problem",
    keys: &[&[
        key_row(&["Enter"], "goes there", "go to this problem"),
        key_row(&["Down", "Ctrl-n"], "row", "next row"),
        key_row(&["Up", "Ctrl-p"], "row", "previous row"),
        key_row(&["PageDown"], "", "ten rows down"),
        key_row(&["PageUp"], "", "ten rows up"),
        key_row(&["Esc", "Ctrl-c"], "closes", "stay where you are"),
    ]],
    commands: &[],
};

/// Bytes of all problems together that are kept while the picker is open: a million problems fit.
const MOST: usize = 256 << 20;
/// Problems that are looked at between two frames.
const AT_ONCE: usize = 64;
/// Problems that are weighed between two frames: a key has its answer at once, however many there are.
const WEIGHED: usize = 4_000;
/// Bytes of a problem that are looked at.
const READ: usize = 160;
/// Hits that are listed.
const LISTED: usize = 200;

/// The open picker.
pub struct Picker {
    /// What was typed.
    pub line: tui_input::Input,
    /// What can be gone to: the problem, and where its line ends in `lines`.
    known: Vec<(ItemId, usize)>,
    /// The lines of all of them, one behind the other.
    lines: String,
    /// Position in the list of the problem to look at next.
    next: usize,
    /// How many of those known were weighed for what is typed now.
    weighed: usize,
    /// What fits best of those: how well, and its place there.
    hits: Vec<(u32, usize)>,
    /// How many fit.
    pub count: usize,
    /// The chosen one of those that are listed.
    pub chosen: usize,
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
            lines: String::new(),
            next: 0,
            weighed: 0,
            hits: Vec::new(),
            count: 0,
            chosen: 0,
            matcher: Matcher::new(Config::DEFAULT),
        }
    }

    /// Problems that were looked at.
    pub fn looked(&self) -> usize {
        self.next
    }

    /// All that fit and are listed, the best one first: the problem and its line.
    pub fn found(&self) -> impl Iterator<Item = (ItemId, &str)> {
        self.hits.iter().map(|&(_, at)| (self.known[at].0, line(&self.lines, &self.known, at)))
    }

    /// The problems on a screen of this height.
    pub fn window(&self, height: u16) -> Window {
        Window::around(self.chosen, self.listed(), 2, usize::from(height.saturating_sub(3)))
    }

    /// Some of the problems that were looked at are not weighed yet.
    pub fn is_weighing(&self) -> bool {
        self.weighed < self.known.len()
    }

    /// Number of those that are listed.
    pub fn listed(&self) -> usize {
        self.hits.len()
    }

    fn learn(&mut self, item: ItemId, line: &str) {
        self.lines.push_str(line);
        self.known.push((item, self.lines.len()));
    }

    /// Something else was typed: all are to be weighed again.
    fn find(&mut self) {
        self.hits.clear();
        (self.weighed, self.count, self.chosen) = (0, 0, 0);
        self.weigh();
    }

    /// Weighs the next ones for what is typed now; without a letter, all fit as the files have them.
    fn weigh(&mut self) {
        let pattern = Pattern::parse(self.line.value(), CaseMatching::Smart, Normalization::Smart);
        let mut buffer = Vec::new();
        let until = self.known.len().min(self.weighed + WEIGHED);
        let Self { lines, known, matcher, .. } = self;
        let score = |at: usize| Some((pattern.score(Utf32Str::new(line(lines, known, at), &mut buffer), matcher)?, at));
        let fresh: Vec<(u32, usize)> = (self.weighed..until).filter_map(score).collect();
        self.count += fresh.len();
        self.hits.extend(fresh);
        self.hits.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        self.hits.truncate(LISTED);
        self.weighed = until;
        self.chosen = self.chosen.min(self.hits.len().saturating_sub(1));
    }
}

/// The line of the problem at this place: from the end of the one before it to its own.
fn line<'a>(lines: &'a str, known: &[(ItemId, usize)], at: usize) -> &'a str {
    let from = at.checked_sub(1).map_or(0, |before| known[before].1);
    &lines[from..known[at].1]
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

/// Opens the picker with a text to begin with.
pub(super) fn open(app: &mut App, typed: &str) -> Vec<Effect> {
    app.picker = Some(Picker { line: tui_input::Input::new(typed.to_owned()), ..Picker::new() });
    feed(app)
}

/// Looks at what has been read, asks for what has not. Called after every message.
pub(super) fn feed(app: &mut App) -> Vec<Effect> {
    let Some(mut picker) = app.picker.take() else { return Vec::new() };
    let total = if picker.lines.len() < MOST { app.items.total() } else { picker.next };
    let mut effects = Vec::new();
    let from = picker.next;
    while picker.next < total && picker.next < from + AT_ONCE {
        let Some(item) = app.items.at_rank(picker.next) else { break };
        if app.items.get(item).is_none() {
            let ahead = (picker.next..total.min(picker.next + AT_ONCE)).filter_map(|rank| app.items.at_rank(rank));
            effects.extend(ahead.filter(|&item| app.items.get(item).is_none()).map(Effect::Load));
            break;
        }
        if let Some(memory) = app.memory_of(item) {
            picker.learn(item, &memory);
        }
        picker.next += 1;
    }
    if picker.is_weighing() {
        picker.weigh();
    }
    if picker.is_weighing() || (effects.is_empty() && picker.next > from && picker.next < total) {
        effects.push(Effect::Continue);
    }
    app.picker = Some(picker);
    effects
}

/// A key while the picker is open.
pub(super) fn key(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    let Some(picker) = &mut app.picker else { return Vec::new() };
    let last = picker.listed().saturating_sub(1);
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Esc => app.picker = None,
        KeyCode::Char('c') if control => app.picker = None,
        KeyCode::Enter => {
            let chosen = picker.found().nth(picker.chosen).map(|(item, _)| item);
            app.picker = None;
            if let Some(item) = chosen {
                app.leave_spot();
                app.go_to_item(item);
            }
        }
        KeyCode::Down => picker.chosen = (picker.chosen + 1).min(last),
        KeyCode::Char('n') if control => picker.chosen = (picker.chosen + 1).min(last),
        KeyCode::Up => picker.chosen = picker.chosen.saturating_sub(1),
        KeyCode::Char('p') if control => picker.chosen = picker.chosen.saturating_sub(1),
        KeyCode::PageDown => picker.chosen = (picker.chosen + PAGE).min(last),
        KeyCode::PageUp => picker.chosen = picker.chosen.saturating_sub(PAGE),
        _ => {
            if picker.line.value().len() < 200 || !matches!(key.code, KeyCode::Char(_)) {
                picker.line.handle_event(&Event::Key(key));
            }
            picker.find();
        }
    }
    Vec::new()
}
