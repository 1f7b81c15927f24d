//! Choosing the rule that cuts a solution into steps anew: what each rule would make of it is on the screen before one is taken.

use crossterm::event::{KeyCode, KeyEvent};

use super::commands::cuts;
use super::views::{ViewKeys, key as key_row, plain};
use super::{App, Effect, saving};
use crate::segment::{self, MANY, Rule, SHORT};
use crate::trace::{Cut, RecordKey, Solution, Trace};

/// Its keys.
pub(super) static VIEW: ViewKeys = ViewKeys {
    name: "other steps",
    command: "segment",
    keys: &[&[
        key_row(&["h", "Left", "S-Tab"], "rule", "the rule before"),
        key_row(&["l", "Right", "Tab"], "rule", "the next rule"),
        key_row(&["j", "Down"], "look", "look at its steps, one further down"),
        key_row(&["k", "Up"], "look", "one further up"),
        key_row(&["Space", "PageDown"], "", "five steps down"),
        key_row(&["PageUp"], "", "five steps up"),
        key_row(&["g", "Home"], "", "its first step"),
        key_row(&["G", "End"], "", "its last step"),
        key_row(&["m"], "joins short", "join steps of fewer than 20 characters to the next one, or not any more"),
        key_row(&["Enter"], "takes it", "cut the solution by this rule"),
        key_row(&["Esc", "Ctrl-c"], "leaves it", "leave the steps as they are"),
    ]],
    commands: &[],
};

/// What a rule makes of the solution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The rule; `None` for the source's own steps.
    pub rule: Option<Rule>,
    /// Beginnings of the steps.
    pub starts: Vec<Cut>,
}

impl Offer {
    /// The name of the rule.
    pub fn name(&self) -> String {
        self.rule.map_or_else(|| "source".to_owned(), |rule| rule.to_string())
    }
}

/// An open choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segmenting {
    /// The solution of the source.
    pub(crate) of: RecordKey,
    /// The source's steps, then what each rule makes of them.
    pub offers: Vec<Offer>,
    /// The rule that was asked for: it stands in place of the one of its name.
    pub(crate) asked: Option<Rule>,
    /// Steps of fewer characters are joined to the next ones; 0 joins none.
    pub(crate) under: u16,
    /// Index of the offer that is on show.
    pub at: usize,
    /// The steps of that offer.
    pub texts: Vec<String>,
    /// First step that is shown, from 0.
    pub top: usize,
    /// Number of steps as they are now.
    pub now: usize,
}

impl Segmenting {
    /// All offers for a solution of a source, with that of `asked` on show. `now` is the number of steps it has on the screen.
    pub fn of(trace: &Trace, solution: &Solution, asked: Option<Rule>, now: usize) -> Self {
        let under = if let Some(Rule::Merged(_, under)) = asked { under } else { 0 };
        let of = trace.record_key(solution.leaf);
        let mut open = Self { of, offers: Vec::new(), asked, under, at: 0, texts: Vec::new(), top: 0, now };
        open.offer_all(trace, solution);
        open.at = open.offers.iter().position(|offer| offer.rule == asked).unwrap_or(0);
        open.show(trace, solution);
        open
    }

    /// Makes the offers.
    fn offer_all(&mut self, trace: &Trace, solution: &Solution) {
        let by_rule = segment::rows().map(|&(rule, name, _)| {
            let rule = self.asked.filter(|asked| asked.name() == name).unwrap_or(rule).merging(self.under);
            Offer { rule: Some(rule), starts: segment::starts(trace, solution, rule) }
        });
        let own = Offer { rule: None, starts: trace.own_starts(solution) };
        self.offers = std::iter::once(own).chain(by_rule).collect();
    }

    /// Shows the steps of the offer, from the first one on.
    pub(crate) fn show(&mut self, trace: &Trace, solution: &Solution) {
        self.texts = trace.texts_cut(solution, &self.offer().starts);
        self.top = 0;
    }

    /// Joins short steps, or joins them no more.
    pub(crate) fn join_short(&mut self, trace: &Trace, solution: &Solution) {
        self.under = if self.under == 0 { SHORT } else { 0 };
        self.offer_all(trace, solution);
        self.show(trace, solution);
    }

    /// What is said of an offer that makes very many steps.
    pub fn warning(&self) -> Option<String> {
        (self.offer().starts.len() > MANY).then(|| format!("more than {MANY} steps"))
    }

    /// The offer that is on show.
    pub fn offer(&self) -> &Offer {
        &self.offers[self.at]
    }
}

/// A key while the choice is open.
pub(super) fn key(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    if saving::hold_key(app, key) {
        return Vec::new();
    }
    let Some(mut open) = app.segmenting.take() else { return Vec::new() };
    let last = open.texts.len().saturating_sub(1);
    match plain(key) {
        KeyCode::Esc => {
            app.notice = Some("the steps stay as they are".to_owned());
            return Vec::new();
        }
        KeyCode::Enter => return cuts::take(app, &open),
        KeyCode::Char('l') | KeyCode::Right | KeyCode::Tab => cuts::offer(app, &mut open, 1),
        KeyCode::Char('h') | KeyCode::Left | KeyCode::BackTab => {
            let back = open.offers.len() - 1;
            cuts::offer(app, &mut open, back);
        }
        KeyCode::Char('m') => cuts::join_short(app, &mut open),
        KeyCode::Char('j') | KeyCode::Down => open.top = (open.top + 1).min(last),
        KeyCode::Char('k') | KeyCode::Up => open.top = open.top.saturating_sub(1),
        KeyCode::Char('G') | KeyCode::End => open.top = last,
        KeyCode::Char('g') | KeyCode::Home => open.top = 0,
        KeyCode::Char(' ') | KeyCode::PageDown => open.top = (open.top + 5).min(last),
        KeyCode::PageUp => open.top = open.top.saturating_sub(5),
        _ => {}
    }
    app.segmenting = Some(open);
    Vec::new()
}
