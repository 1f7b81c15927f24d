//! The dialog in which the keys of a file of no known format get their meaning: a row for each part of a trace, and beside them what
//! a record becomes. Pure like the rest: an event in, perhaps an answer out.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tui_input::backend::crossterm::EventHandler as _;

use crate::formats::mapping::{self, KEYS, Proposal, Spec};
use crate::formats::parse_json;
use crate::segment;
use crate::trace::{StepKind, Trace};
use crate::ui::look::Look;

/// What the user decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The file is to be opened with this mapping, which may be saved under a name.
    Open {
        /// The mapping; it is whole.
        spec: Spec,
        /// Name to save it under.
        save: Option<String>,
    },
    /// The file is to be left out.
    LeaveOut,
}

/// What a text is typed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typing {
    /// The value of the row.
    Value,
    /// The name to save the mapping under.
    Name,
}

/// The state of the dialog.
#[derive(Debug)]
pub struct Dialog {
    /// The file.
    pub file: String,
    /// How the screen looks.
    pub look: Look,
    /// What the rows say.
    pub spec: Spec,
    /// The row of the cursor: an index into [`KEYS`].
    pub row: usize,
    /// A text that is being typed.
    pub input: Option<(Typing, tui_input::Input)>,
    /// What a record becomes, or why it becomes nothing.
    pub preview: Result<Trace, String>,
    /// Number of the record that is shown, from 0.
    pub record: usize,
    /// Keys of the proposal of which no record decides the value, with what there is to know, until somebody sets them.
    pub open: Vec<(&'static str, &'static str)>,
    /// Paths that the records have.
    pub paths: Vec<String>,
    records: Vec<Vec<u8>>,
}

impl Dialog {
    /// A dialog about the first records of a file, with a proposal to begin with.
    pub fn new(file: String, records: Vec<Vec<u8>>, look: Look) -> Self {
        let parsed: Vec<_> = records.iter().filter_map(|record| parse_json(record).ok()).collect();
        let Proposal { spec, open } = mapping::propose(&parsed);
        let mut dialog = Self {
            file,
            look,
            spec,
            open,
            row: 0,
            input: None,
            preview: Err(String::new()),
            record: 0,
            paths: mapping::paths(&parsed),
            records,
        };
        dialog.read();
        dialog
    }

    /// Number of records that can be looked at.
    pub fn records(&self) -> usize {
        self.records.len()
    }

    /// The key of the row of the cursor and what it says.
    pub fn key(&self) -> (&'static str, &'static str) {
        KEYS[self.row]
    }

    /// Takes an event in; gives the answer when it is there.
    pub fn update(&mut self, event: &Event) -> Option<Answer> {
        let Event::Key(key) = event else { return None };
        if key.kind == KeyEventKind::Release {
            return None;
        }
        match self.input.take() {
            Some((typing, input)) => self.typed(typing, input, *key),
            None => self.pressed(*key),
        }
    }

    fn pressed(&mut self, key: KeyEvent) -> Option<Answer> {
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Some(Answer::LeaveOut),
            KeyCode::Char('j') | KeyCode::Down => self.row = (self.row + 1).min(KEYS.len() - 1),
            KeyCode::Char('k') | KeyCode::Up => self.row = self.row.saturating_sub(1),
            KeyCode::Char('l') | KeyCode::Right => self.choose(1),
            KeyCode::Char('h') | KeyCode::Left => self.choose(-1),
            KeyCode::Char('n') => self.show(self.record + 1),
            KeyCode::Char('N') => self.show(self.record.saturating_sub(1)),
            KeyCode::Backspace | KeyCode::Delete => self.set(""),
            KeyCode::Char('e' | 'i') => {
                let value = self.spec.get(self.key().0).unwrap_or_default().to_owned();
                self.input = Some((Typing::Value, tui_input::Input::new(value)));
            }
            KeyCode::Char('s') if self.spec.mapping().is_ok() => self.input = Some((Typing::Name, tui_input::Input::default())),
            KeyCode::Enter => return self.open(None),
            KeyCode::Char('q') | KeyCode::Esc => return Some(Answer::LeaveOut),
            _ => {}
        }
        None
    }

    fn typed(&mut self, typing: Typing, mut input: tui_input::Input, key: KeyEvent) -> Option<Answer> {
        match (key.code, typing) {
            (KeyCode::Esc, _) => {}
            (KeyCode::Enter, Typing::Value) => self.set(input.value().trim()),
            (KeyCode::Enter, Typing::Name) => {
                let name = input.value().trim().to_owned();
                return self.open((!name.is_empty()).then_some(name));
            }
            _ => {
                input.handle_event(&Event::Key(key));
                self.input = Some((typing, input));
            }
        }
        None
    }

    /// A mapping that reads nothing is not taken.
    fn open(&mut self, save: Option<String>) -> Option<Answer> {
        self.preview.is_ok().then(|| Answer::Open { spec: self.spec.clone(), save })
    }

    /// What the row of the cursor can be, but for what is typed: first nothing.
    fn choices(&self) -> Vec<String> {
        let fixed: Vec<&str> = match self.key().0 {
            "split" => segment::rows().map(|(_, name, _)| *name).collect(),
            "kind" => StepKind::ALL.map(StepKind::name).to_vec(),
            "as" => vec!["first-error", "errors", "correct", "ratings"],
            "base" => vec!["0", "1"],
            "none" => vec!["-1", "null", "N/A"],
            _ => self.paths.iter().map(String::as_str).collect(),
        };
        std::iter::once("").chain(fixed).map(str::to_owned).collect()
    }

    fn choose(&mut self, by: isize) {
        let choices = self.choices();
        let now = self.spec.get(self.key().0).unwrap_or_default();
        // A value that was typed stands before all others.
        let at = choices.iter().position(|choice| choice == now).unwrap_or(0);
        let next = at.checked_add_signed(by).unwrap_or(choices.len() - 1) % choices.len();
        let choice = choices[next].clone();
        self.set(&choice);
    }

    fn set(&mut self, value: &str) {
        let key = self.key().0;
        // Every row is a known key.
        let _ = self.spec.set(key, value);
        self.open.retain(|(open, _)| *open != key);
        self.read();
    }

    fn show(&mut self, record: usize) {
        self.record = record.min(self.records.len().saturating_sub(1));
        self.read();
    }

    fn read(&mut self) {
        self.preview = match self.records.get(self.record) {
            Some(record) => mapping::preview(&self.spec, record),
            None => Err("the file has no records".to_owned()),
        };
    }
}
