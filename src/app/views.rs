//! What the keys of a view do that has some of its own: one table for its hint row, for the help sheet and for the README. The keys are
//! acted upon where the view is.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{App, answers, clusters, keys, pair, picker, replay, segmenting, sheet, split};

/// A key of a view, and others that do the same.
#[derive(Debug, PartialEq, Eq)]
pub struct ViewKey {
    /// The keys as they are written, the one that is shown first.
    pub keys: &'static [&'static str],
    /// What they do in a word, for the hint row; neighbours with the same word stand together. Empty where there is no place for them.
    pub word: &'static str,
    /// What they do.
    pub doc: &'static str,
}

/// A view with keys of its own.
#[derive(Debug)]
pub struct ViewKeys {
    /// The view.
    pub name: &'static str,
    /// The command that opens it; empty where several do.
    pub command: &'static str,
    /// Its keys, those that matter most first.
    pub keys: &'static [&'static [ViewKey]],
    /// Commands that are at home in it, each with its word for the hint row.
    pub commands: &'static [(&'static str, &'static str)],
}

/// All views, in the order of the README.
pub static VIEWS: [&ViewKeys; 8] =
    [&pair::VIEW, &answers::VIEW, &clusters::VIEW, &picker::VIEW, &split::VIEW, &segmenting::VIEW, &replay::VIEW, &sheet::VIEW];

/// One row of the table.
pub(super) const fn key(keys: &'static [&'static str], word: &'static str, doc: &'static str) -> ViewKey {
    ViewKey { keys, word, doc }
}

impl ViewKey {
    /// The first of the keys, as it is pressed.
    pub(super) fn event(&self) -> Option<KeyEvent> {
        self.keys.first().and_then(|token| keys::event(token))
    }
}

impl ViewKeys {
    /// Its keys, one after the other.
    pub fn rows(&self) -> impl Iterator<Item = &'static ViewKey> + use<> {
        self.keys.iter().copied().flatten()
    }

    /// The entries of its hint row.
    pub fn hints(&self, app: &App) -> Vec<String> {
        let mut entries: Vec<(String, &str)> = Vec::new();
        for row in self.rows().filter(|row| !row.word.is_empty()) {
            let shown = row.keys.first().copied().unwrap_or_default();
            match entries.last_mut() {
                Some((keys, word)) if *word == row.word => *keys = format!("{keys} {shown}"),
                _ => entries.push((shown.to_owned(), row.word)),
            }
        }
        entries.extend(self.commands.iter().map(|&(name, word)| (app.key(name), word)));
        entries.into_iter().map(|(keys, word)| format!("{keys} {word}")).collect()
    }
}

/// The view that owns the keyboard, where it is none that text is typed into or a question stands in.
pub(crate) fn owner(app: &App) -> Option<&'static ViewKeys> {
    let clusters = app.alike.clusters.as_ref().is_some_and(|clusters| clusters.open);
    let open = [
        (app.split.is_some(), &split::VIEW),
        (app.segmenting.is_some(), &segmenting::VIEW),
        (app.picker.is_some(), &picker::VIEW),
        (app.answers.is_some(), &answers::VIEW),
        (clusters, &clusters::VIEW),
        (app.pair.is_some(), &pair::VIEW),
        (app.sheet.is_some(), &sheet::VIEW),
    ];
    open.into_iter().find_map(|(open, view)| open.then_some(view))
}

impl App {
    /// Keys that were half typed, a text, a question or a view own the keyboard.
    pub(super) fn is_asked(&self) -> bool {
        let typing = self.input.is_some() || self.rewrite.is_some() || self.choice.is_some();
        typing || owner(self).is_some() || self.keys.count.is_some() || !self.keys.pending.is_empty()
    }
}

/// The view on the screen that has keys of its own, also where others act as everywhere.
pub fn here(app: &App) -> Option<&'static ViewKeys> {
    owner(app).or_else(|| app.replay.as_ref().map(|_| &replay::VIEW))
}

/// A key as questions and views of letters read it: Ctrl-c closes as Esc does, and no other letter with Ctrl is one of theirs.
pub(super) fn plain(key: KeyEvent) -> KeyCode {
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => KeyCode::Esc,
        KeyCode::Char(_) if key.modifiers.contains(KeyModifiers::CONTROL) => KeyCode::Null,
        code => code,
    }
}

/// Closes whatever owns the keyboard, and nothing else happens.
pub(super) fn close(app: &mut App) {
    (app.split, app.segmenting, app.picker) = (None, None, None);
    (app.answers, app.pair, app.sheet) = (None, None, None);
    if let Some(clusters) = &mut app.alike.clusters {
        clusters.open = false;
    }
}

/// The key that shows the keys of a view.
pub fn help_key(app: &App) -> String {
    let key = app.key("help");
    if keys::event(&key).is_some() { key } else { "?".to_owned() }
}

/// True for a key that asks for the keys of a view: that of the help, `?` and F1. Where text is typed, a sign asks only in its place.
pub(super) fn asks(app: &App, key: KeyEvent) -> bool {
    let help = || app.keys.single(key).is_some_and(|command| command.name == "help");
    let typing = app.picker.as_ref().map(|picker| picker.line.value());
    match key.code {
        KeyCode::F(1) => true,
        KeyCode::Char('?') => typing.is_none_or(str::is_empty),
        KeyCode::Char(_) if !key.modifiers.contains(KeyModifiers::CONTROL) => typing.is_none() && help(),
        _ => help(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_a_view_can_be_pressed_and_stands_in_it_once() {
        for view in VIEWS {
            let mut known: Vec<&str> = Vec::new();
            for token in view.rows().flat_map(|row| row.keys) {
                let event = keys::event(token).unwrap_or_else(|| panic!("{}: {token}", view.name));
                assert_eq!(keys::token(event).as_deref(), Some(*token), "{}", view.name);
                assert!(!known.contains(token), "{}: {token} twice", view.name);
                known.push(token);
            }
        }
    }
}
