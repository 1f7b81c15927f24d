//! Which keys run which command: the table's own, a preset laid over them, and a file of the user's over both.
//!
//! ```toml
//! preset = "vim"
//! [keys]
//! first-error = ["x", "F2"]   # these and no others
//! later = []                  # none
//! next-suspect = "gn"         # two keys, one after the other; "g n" says the same
//! ```

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use super::commands::{COMMANDS, Command, by_name};

/// Keys of some commands, for another hand or another habit. They are taken from whatever else has them.
#[derive(Debug)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// Whom it is for.
    pub doc: &'static str,
    keys: &'static [(&'static str, &'static [&'static str])],
}

/// All presets; the first is the table as it stands.
pub static PRESETS: &[Preset] = &[
    Preset { name: "vim", doc: "as vim, less and lazygit", keys: &[] },
    Preset {
        name: "jless",
        doc: "tree keys of jless: Space folds, H parent, w b next and previous step, c e fold and unfold all",
        keys: &[
            ("toggle-fold", &["Space", "z a", "Enter"]),
            ("parent", &["H", "g p"]),
            ("down", &["j", "Down", "Ctrl-n", "w"]),
            ("up", &["k", "Up", "Ctrl-p", "b"]),
            ("top", &["g g", "Home", "^"]),
            ("bottom", &["G", "End", "$"]),
            ("close-folds", &["c", "z M"]),
            ("open-folds", &["e", "z R"]),
            ("note", &["g n"]),
            ("rewrite", &["r"]),
            ("first-error-second", &["i"]),
        ],
    },
    Preset {
        name: "arrows",
        doc: "arrows move, in the tree with Shift and Ctrl, and signs go far; function keys label; no letter moves",
        keys: &[
            ("down", &["Down"]),
            ("up", &["Up"]),
            ("next-solution", &["Right"]),
            ("previous-solution", &["Left"]),
            ("next-problem", &["}", "Tab"]),
            ("previous-problem", &["{", "S-Tab"]),
            ("next-pane", &["F11"]),
            ("previous-pane", &["F12"]),
            ("top", &["Home"]),
            ("bottom", &["End"]),
            ("page-down", &["PageDown", "Space"]),
            ("page-up", &["PageUp"]),
            ("half-page-down", &["Ctrl-Down"]),
            ("half-page-up", &["Ctrl-Up"]),
            ("goto", &["#"]),
            ("back", &["[ ["]),
            ("forward", &["] ]"]),
            ("fold-or-parent", &["S-Left"]),
            ("unfold-or-child", &["S-Right"]),
            ("next-sibling", &["S-Down"]),
            ("previous-sibling", &["S-Up"]),
            ("parent", &["Ctrl-Left"]),
            ("first-child", &["Ctrl-Right"]),
            ("best-child", &["] ="]),
            ("worst-child", &["] -"]),
            ("most-visited-child", &["] #"]),
            ("help", &["F1", "?"]),
            ("first-error", &["F2", "x"]),
            ("all-right", &["F3", "a"]),
            ("good", &["F4", "=", "+"]),
            ("neutral", &["F5", "0"]),
            ("bad", &["F6", "-"]),
            ("unsure", &["F7", "f"]),
            ("later", &["F8", "s"]),
            ("undo", &["F9", "u"]),
            ("redo", &["F10", "Ctrl-r"]),
        ],
    },
    Preset {
        name: "left",
        doc: "what is typed most lies under the left hand; the right one keeps the mouse or the paper",
        keys: &[
            ("down", &["d", "j", "Down"]),
            ("up", &["e", "k", "Up"]),
            ("next-solution", &["f", ")", "Right"]),
            ("previous-solution", &["s", "(", "Left"]),
            ("first-error", &["x"]),
            ("all-right", &["a"]),
            ("good", &["r", "=", "+"]),
            ("neutral", &["v", "0"]),
            ("bad", &["c", "-"]),
            ("unsure", &["w"]),
            ("later", &["q"]),
            ("undo", &["b", "u"]),
            ("diff", &["g d"]),
            ("note", &["t"]),
            ("close", &["Q"]),
            // What the hot keys were taken from lies one shift away, or on a sign that looks like it.
            ("range", &["V"]),
            ("rewrite", &["E"]),
            ("first-error-second", &["F"]),
            ("tags", &["#"]),
            ("group", &["g G"]),
        ],
    },
    Preset {
        name: "ide",
        doc: "no Ctrl keys that editors with a terminal keep for themselves",
        keys: &[
            ("down", &["j", "Down"]),
            ("up", &["k", "Up"]),
            ("page-down", &["PageDown", "Space"]),
            ("page-up", &["PageUp"]),
            ("redo", &["U"]),
            ("redraw", &["g L"]),
            ("back", &["g ;"]),
        ],
    },
    Preset {
        name: "qwertz",
        doc: "keyboards where brackets need AltGr: ö ä Ö Ä for [ ] { }, ü for \\",
        keys: &[
            ("next-problem", &["Ä", "}"]),
            ("previous-problem", &["Ö", "{"]),
            ("next-suspect", &["ä e", "] e"]),
            ("previous-suspect", &["ö e", "[ e"]),
            ("next-unlabelled", &["ä u", "] u"]),
            ("previous-unlabelled", &["ö u", "[ u"]),
            ("next-flagged", &["ä f", "] f"]),
            ("previous-flagged", &["ö f", "[ f"]),
            ("next-disagreement", &["ä d", "] d"]),
            ("previous-disagreement", &["ö d", "[ d"]),
            ("next-split", &["ä q", "] q"]),
            ("previous-split", &["ö q", "[ q"]),
            ("next-thought", &["ä w", "] w"]),
            ("previous-thought", &["ö w", "[ w"]),
            ("raise-threshold", &["ä t", "] t"]),
            ("lower-threshold", &["ö t", "[ t"]),
            ("layout", &["ü", "\\"]),
            ("good", &["+", "="]),
        ],
    },
];

/// What must be reachable, or nobody finds out of the program again.
const NEEDED: [&str; 4] = ["quit", "command", "help", "cancel"];

/// What is wrong with a file of keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct KeymapError {
    /// The file.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// What was found, and what to do.
    pub what: String,
}

#[derive(Deserialize)]
struct File {
    preset: Option<Spanned<String>>,
    #[serde(default)]
    keys: BTreeMap<Spanned<String>, Spanned<OneOrMany>>,
    #[serde(flatten)]
    #[expect(clippy::zero_sized_map_values, reason = "a flattened field is a map; what unknown keys say is of no use")]
    unknown: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected keys as a text or a list of texts")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// The keys of every command.
#[derive(Debug, Clone)]
pub struct Keymap {
    /// Name of the preset below.
    pub preset: &'static str,
    /// In the order of the table; keys of a binding are parted by spaces.
    rows: Vec<(&'static Command, Vec<String>)>,
    /// Keys of its file that say nothing to this version.
    pub unknown: Vec<String>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self::of(&PRESETS[0])
    }
}

impl Keymap {
    /// The keys of a preset; `None` for a name that there is not.
    pub fn preset(name: &str) -> Option<Self> {
        PRESETS.iter().find(|preset| preset.name == name).map(Self::of)
    }

    fn of(preset: &Preset) -> Self {
        let rows = COMMANDS.iter().map(|command| (command, command.keys.iter().map(|&keys| keys.to_owned()).collect()));
        let mut map = Self { preset: preset.name, rows: rows.collect(), unknown: Vec::new() };
        for (name, keys) in preset.keys {
            for (command, bound) in &mut map.rows {
                if command.name == *name {
                    *bound = keys.iter().map(|&keys| keys.to_owned()).collect();
                } else {
                    bound.retain(|bound| !keys.iter().any(|keys| hides(keys, bound)));
                }
            }
        }
        map
    }

    /// The keys that a file says, laid over a preset: the file's own, else `preset`.
    ///
    /// # Errors
    /// Text that is no TOML, names of commands, presets or keys that there are not, keys that are bound twice or hide others, and a
    /// keymap without a way to the command line, to the help or out.
    pub fn read(file: &str, text: &str, preset: &str) -> Result<Self, KeymapError> {
        let at = |offset: usize, what: String| {
            let line = text.get(..offset).unwrap_or(text).matches('\n').count() + 1;
            KeymapError { file: file.to_owned(), line, what }
        };
        let found: File = toml::from_str(text)
            .map_err(|error| at(error.span().map_or(0, |span| span.start), error.message().trim().replace('\n', "; ")))?;
        let (name, offset) = found.preset.map_or((preset.to_owned(), 0), |name| (name.get_ref().clone(), name.span().start));
        let names = || PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ");
        let mut map = Self::preset(&name).ok_or_else(|| at(offset, format!("no preset {name:?}; there are {}", names())))?;
        map.unknown = found.unknown.into_keys().collect();
        let mut lines: HashMap<&'static str, usize> = HashMap::new();
        for (name, keys) in found.keys {
            let command = by_name(name.get_ref())
                .ok_or_else(|| at(name.span().start, format!("no command {:?}{}", name.get_ref(), nearest(name.get_ref()))))?;
            let offset = keys.span().start;
            let keys = match keys.into_inner() {
                OneOrMany::One(keys) => vec![keys],
                OneOrMany::Many(keys) => keys,
            };
            let keys = keys.iter().map(|keys| canonical(keys)).collect::<Result<_, _>>().map_err(|what| at(offset, what))?;
            lines.insert(command.name, offset);
            if let Some((_, bound)) = map.rows.iter_mut().find(|(row, _)| row.name == command.name) {
                *bound = keys;
            }
        }
        map.conflict().map_or(Ok(()), |(name, other, what)| {
            // The line that speaks of it: a conflict between two lines is the later one's.
            let offset = lines.get(name).into_iter().chain(lines.get(other)).max().copied().unwrap_or(0);
            Err(at(offset, what))
        })?;
        for name in NEEDED {
            if by_name(name).is_some_and(|command| map.keys(command).is_empty()) {
                return Err(at(lines.get(name).copied().unwrap_or(0), format!("`{name}` must keep at least one key")));
            }
        }
        Ok(map)
    }

    /// The bindings of every command by its name, for [`Keymap::rebound`].
    pub fn bound(&self) -> Vec<(String, Vec<String>)> {
        self.rows.iter().map(|(command, keys)| (command.name.to_owned(), keys.clone())).collect()
    }

    /// The keymap with these bindings; commands that are not named have none.
    pub fn rebound(bound: &[(String, Vec<String>)]) -> Self {
        let keys = |name: &str| bound.iter().find(|(known, _)| known == name).map_or_else(Vec::new, |(_, keys)| keys.clone());
        let rows = COMMANDS.iter().map(|command| (command, keys(command.name))).collect();
        Self { preset: PRESETS[0].name, rows, unknown: Vec::new() }
    }

    /// The bindings of a command; the keys of one are parted by spaces.
    pub fn keys(&self, command: &Command) -> &[String] {
        self.rows.iter().find(|(row, _)| row.name == command.name).map_or(&[], |(_, keys)| keys)
    }

    /// How to run a command: its first binding as it is typed, or its name on the command line.
    pub fn shown(&self, name: &str) -> String {
        let bound = self.rows.iter().find(|(row, _)| row.name == name).and_then(|(_, keys)| keys.first());
        bound.map_or_else(|| format!(":{name}"), |keys| keys.replace(' ', ""))
    }

    /// Every binding, as a sequence of keys.
    pub(super) fn bindings(&self) -> HashMap<Vec<String>, &'static Command> {
        let of = |(command, keys): &(&'static Command, Vec<String>)| {
            let command = *command;
            keys.iter().map(move |keys| (super::keys::sequence(keys), command)).collect::<Vec<_>>()
        };
        self.rows.iter().flat_map(of).collect()
    }

    /// Two commands whose bindings are the same or hide one another, and what is to be said of them.
    pub fn conflict(&self) -> Option<(&'static str, &'static str, String)> {
        let all: Vec<(&'static str, &String)> =
            self.rows.iter().flat_map(|(command, keys)| keys.iter().map(|keys| (command.name, keys))).collect();
        for (index, (name, keys)) in all.iter().enumerate() {
            for (other, other_keys) in &all[index + 1..] {
                if !hides(keys, other_keys) {
                    continue;
                }
                let [a, b] = [keys, other_keys].map(|keys| keys.replace(' ', ""));
                let what = if keys == other_keys {
                    format!("{a} is bound to `{name}` and to `{other}`; give one of them other keys, or none ([])")
                } else {
                    format!(
                        "{a} (`{name}`) and {b} (`{other}`) begin alike, so one could never be typed; give one of them other keys"
                    )
                };
                return Some((name, other, what));
            }
        }
        None
    }

    /// The key table of the README, as Markdown.
    pub fn markdown(&self) -> String {
        use std::fmt::Write;
        let mut text = String::new();
        for group in super::commands::GROUPS {
            text.push_str("\n| ");
            text.push_str(group.title());
            text.push_str(" | | command |\n|---|---|---|\n");
            for (command, keys) in self.rows.iter().filter(|(command, _)| command.group == group) {
                let keys: Vec<String> = keys.iter().map(|keys| format!("`{}`", keys.replace(' ', ""))).collect();
                let doc = command.doc.replace('|', "\\|");
                // Writing to a string cannot fail.
                let _ = writeln!(text, "| {} | {doc} | `:{}` |", keys.join(" "), command.usage());
            }
        }
        text.push_str("\n| In a view (its `?` shows them, and runs them) | |\n|---|---|\n");
        for view in super::views::VIEWS {
            let opens = Some(view.command)
                .filter(|name| !name.is_empty())
                .map_or(String::new(), |name| format!(" (`{}`)", self.shown(name)));
            let keys = view.rows().map(|row| {
                let keys: Vec<String> = row.keys.iter().map(|key| format!("`{key}`")).collect();
                format!("{} {}", keys.join(" "), row.doc)
            });
            let _ = writeln!(text, "| {}{opens} | {} |", view.name, keys.collect::<Vec<_>>().join("; "));
        }
        text
    }

    /// One object a command: `{"command","argument","keys":[..],"group","doc"}`; the argument is null where there is none but a count.
    pub fn json(&self) -> serde_json::Value {
        let row = |(command, keys): &(&'static Command, Vec<String>)| {
            let keys: Vec<String> = keys.iter().map(|keys| keys.replace(' ', "")).collect();
            let (name, argument) = (command.name, command.argument());
            serde_json::json!({
                "command": name, "argument": argument, "keys": keys, "group": command.group.title(), "doc": command.doc
            })
        };
        self.rows.iter().map(row).collect()
    }
}

/// True when one binding is the other or its beginning.
fn hides(a: &str, b: &str) -> bool {
    let [a, b] = [a, b].map(super::keys::sequence);
    a.starts_with(&b) || b.starts_with(&a)
}

/// A binding with its keys parted by spaces, from either way of writing it.
fn canonical(keys: &str) -> Result<String, String> {
    // Two signs are two keys; longer names that are no key are slips of the pen.
    let tokens: Vec<String> = if keys.chars().count() == 2 && !keys.contains(' ') && !is_key(keys) {
        keys.chars().map(String::from).collect()
    } else {
        keys.split_whitespace().map(str::to_owned).collect()
    };
    if let Some(unknown) = tokens.iter().find(|token| !is_key(token)) {
        return Err(format!(
            "no key {unknown:?}; keys are single characters, Ctrl-d, F1 to F12, Up, Down, Left, Right (also S-Up, Ctrl-Up), PageUp, PageDown, \
             Home, End, Tab, S-Tab, Enter, Esc, Backspace, Space"
        ));
    }
    match tokens.first() {
        None => Err("an empty text is no key; no keys at all are []".to_owned()),
        Some(first) if first.chars().all(|c| ('1'..='9').contains(&c)) => {
            Err(format!("{keys:?} begins with a digit, and digits are counts (4x)"))
        }
        Some(_) => Ok(tokens.join(" ")),
    }
}

fn is_key(token: &str) -> bool {
    let single = |text: &str| {
        let mut chars = text.chars();
        chars.next().is_some_and(|c| !c.is_control() && !c.is_whitespace()) && chars.next().is_none()
    };
    let function = |text: &str| text.strip_prefix('F').and_then(|n| n.parse::<u8>().ok()).is_some_and(|n| (1..=12).contains(&n));
    single(token)
        || token.strip_prefix("Ctrl-").is_some_and(|rest| single(rest) && !rest.chars().any(char::is_uppercase))
        || super::keys::without_modifier(token).is_some()
        || function(token)
        || super::keys::NAMED.contains(&token)
}

/// A command whose name is like this one, as a suggestion.
fn nearest(name: &str) -> String {
    let alike = |other: &str| name.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let best = COMMANDS.iter().map(|command| command.name).max_by_key(|other| (alike(other), Reverse(other.len())));
    best.filter(|best| alike(best) >= 3).map_or_else(|| "; ? lists all".to_owned(), |best| format!("; is it `{best}`?"))
}
