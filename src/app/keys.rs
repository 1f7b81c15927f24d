//! From key presses to commands: counts, sequences and the table that both are looked up in.

use std::collections::HashMap;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::commands::Command;
use super::keymap::Keymap;

/// Counts stop growing here.
pub(super) const MAX_COUNT: usize = 1_000_000;

/// Keys with a name of more than one sign, but for Ctrl-d and F1 and their like.
pub(super) const NAMED: [&str; 14] =
    ["Space", "Enter", "Esc", "Tab", "S-Tab", "Backspace", "Up", "Down", "Left", "Right", "PageUp", "PageDown", "Home", "End"];

/// Arrows have another name with Shift or Ctrl.
const ARROWS: [&str; 4] = ["Up", "Down", "Left", "Right"];

/// The arrow of `S-Up` or `Ctrl-Up`; `None` for all other keys.
pub(super) fn without_modifier(token: &str) -> Option<&str> {
    let arrow = token.strip_prefix("S-").or_else(|| token.strip_prefix("Ctrl-"))?;
    ARROWS.contains(&arrow).then_some(arrow)
}

/// The name of a key as the key table writes it: `j`, `Ctrl-d`, `Esc`, `Up`, `S-Up`. `None` for keys that have no name here.
pub fn token(key: KeyEvent) -> Option<String> {
    let named = match key.code {
        KeyCode::Char(' ') => "Space".to_owned(),
        KeyCode::Char(c) if key.modifiers.contains(KeyModifiers::CONTROL) => {
            return Some(format!("Ctrl-{}", c.to_ascii_lowercase()));
        }
        KeyCode::Char(c) => c.to_string(),
        KeyCode::Enter => "Enter".to_owned(),
        KeyCode::Esc => "Esc".to_owned(),
        KeyCode::Tab => "Tab".to_owned(),
        KeyCode::BackTab => "S-Tab".to_owned(),
        KeyCode::Backspace => "Backspace".to_owned(),
        KeyCode::Up => "Up".to_owned(),
        KeyCode::Down => "Down".to_owned(),
        KeyCode::Left => "Left".to_owned(),
        KeyCode::Right => "Right".to_owned(),
        KeyCode::PageUp => "PageUp".to_owned(),
        KeyCode::PageDown => "PageDown".to_owned(),
        KeyCode::Home => "Home".to_owned(),
        KeyCode::End => "End".to_owned(),
        KeyCode::F(n) => format!("F{n}"),
        _ => return None,
    };
    if ARROWS.contains(&named.as_str()) {
        let held = [(KeyModifiers::CONTROL, "Ctrl-"), (KeyModifiers::SHIFT, "S-")];
        let held = held.iter().find(|(modifier, _)| key.modifiers.contains(*modifier)).map_or("", |(_, name)| name);
        return Some(format!("{held}{named}"));
    }
    Some(named)
}

/// The key of a name, as it comes from the terminal.
pub(super) fn event(token: &str) -> Option<KeyEvent> {
    let single = |text: &str| text.chars().next().filter(|c| c.len_utf8() == text.len()).map(KeyCode::Char);
    let code = match token {
        "Space" => KeyCode::Char(' '),
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" => KeyCode::Tab,
        "S-Tab" => KeyCode::BackTab,
        "Backspace" => KeyCode::Backspace,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "PageUp" => KeyCode::PageUp,
        "PageDown" => KeyCode::PageDown,
        "Home" => KeyCode::Home,
        "End" => KeyCode::End,
        _ => {
            if let Some(code) = token.strip_prefix("Ctrl-").and_then(single) {
                return Some(KeyEvent::new(code, KeyModifiers::CONTROL));
            }
            let function = || token.strip_prefix('F').and_then(|n| n.parse().ok()).map(KeyCode::F);
            single(token).or_else(function)?
        }
    };
    Some(KeyEvent::from(code))
}

/// What a key press led to.
#[derive(Debug)]
pub enum Press {
    /// A whole command, with its count if one was typed.
    Run(&'static Command, Option<usize>),
    /// More keys are needed.
    Pending,
    /// The keys mean nothing; they are forgotten.
    Unknown(String),
    /// A half-typed command was given up.
    Cancelled,
}

/// Bindings and what has been typed of a command so far.
#[derive(Debug)]
pub struct Keys {
    /// Which keys run what.
    pub map: Keymap,
    bindings: HashMap<Vec<String>, &'static Command>,
    /// The digits before a command.
    pub count: Option<usize>,
    /// The keys of a command so far.
    pub pending: Vec<String>,
}

impl Default for Keys {
    fn default() -> Self {
        Self::new(Keymap::default())
    }
}

/// The tokens of a binding as the table writes it, `"g g"` or `"Ctrl-d"`.
pub fn sequence(keys: &str) -> Vec<String> {
    keys.split(' ').map(str::to_owned).collect()
}

impl Keys {
    /// Nothing typed yet, on these bindings.
    pub fn new(map: Keymap) -> Self {
        Self { bindings: map.bindings(), map, count: None, pending: Vec::new() }
    }

    /// Takes one key press.
    pub fn press(&mut self, token: String) -> Press {
        if token == "Esc" && (self.count.is_some() || !self.pending.is_empty()) {
            self.clear();
            return Press::Cancelled;
        }
        // `0` is a command only when no count is open, as in vim.
        if self.pending.is_empty()
            && let Some(digit) = digit(&token)
            && (digit > 0 || self.count.is_some())
        {
            self.count = Some((self.count.unwrap_or(0) * 10 + digit).min(MAX_COUNT));
            return Press::Pending;
        }
        // An arrow is an arrow, whatever is held down with it, unless that has a meaning of its own.
        let plain = without_modifier(&token).filter(|_| !self.leads(&token)).map(str::to_owned);
        self.pending.push(plain.unwrap_or(token));
        if let Some(command) = self.bindings.get(&self.pending).copied() {
            let count = self.count;
            self.clear();
            return Press::Run(command, count);
        }
        if self.continues() {
            return Press::Pending;
        }
        let typed = self.pending.join(" ");
        self.clear();
        Press::Unknown(typed)
    }

    /// The command that this key alone runs, where no other was typed before it.
    pub(super) fn single(&self, key: KeyEvent) -> Option<&'static Command> {
        token(key).filter(|_| self.pending.is_empty()).and_then(|token| self.bindings.get(&vec![token]).copied())
    }

    /// Forgets a half-typed command.
    pub fn clear(&mut self) {
        self.count = None;
        self.pending.clear();
    }

    /// Commands that the keys typed so far can still become, with the keys that are missing.
    pub fn continuations(&self) -> Vec<(String, &'static Command)> {
        let mut rows: Vec<(String, &'static Command)> = self
            .bindings
            .iter()
            .filter(|(keys, _)| keys.len() > self.pending.len() && keys.starts_with(&self.pending))
            .map(|(keys, command)| (keys[self.pending.len()..].join(" "), *command))
            .collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        rows
    }

    /// True when a binding goes on with this key.
    fn leads(&self, token: &str) -> bool {
        let typed = self.pending.len();
        self.bindings.keys().any(|keys| keys.starts_with(&self.pending) && keys.get(typed).is_some_and(|next| next == token))
    }

    fn continues(&self) -> bool {
        self.bindings.keys().any(|keys| keys.len() > self.pending.len() && keys.starts_with(&self.pending))
    }
}

fn digit(token: &str) -> Option<usize> {
    let mut chars = token.chars();
    let digit = chars.next()?.to_digit(10)?;
    chars.next().is_none().then_some(digit as usize)
}
