//! What readers repaired, dropped or guessed, counted by kind, with where it was met first.

use serde_json::{Value, json};

use super::out;
use crate::corpus::{Corpus, escaped};
use crate::trace::Trace;

/// Most kinds that are told apart; all notes are counted.
const KINDS: usize = 200;

/// Notes of one kind: they differ in numbers and in what was found.
#[derive(Debug)]
struct Note {
    kind: String,
    count: usize,
    path: String,
    /// The first of them.
    text: String,
    /// Index of its record, from 0, and the line of that, from 1.
    place: (usize, usize),
}

/// The notes of files, in the order in which their kinds were met.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Note>);

impl Notes {
    /// Takes in what the reader noted of a unit.
    pub(super) fn read(&mut self, corpus: &Corpus, unit: usize, trace: &Trace) {
        for warning in &trace.warnings {
            let (kind, path) = (kind(warning), corpus.name());
            let known = |note: &&mut Note| note.path == path && note.kind == kind;
            if let Some(note) = self.0.iter_mut().find(known) {
                note.count += 1;
                continue;
            }
            let record = corpus.unit_records(unit).first().copied().unwrap_or(0);
            let place = (record, corpus.line(record));
            let full = self.0.len() > KINDS;
            if let Some(last) = self.0.last_mut().filter(|last| full && last.path == path) {
                last.count += 1;
                continue;
            }
            let text = if self.0.len() < KINDS { warning.clone() } else { "notes of other kinds".to_owned() };
            self.0.push(Note { kind, count: 1, path: path.to_owned(), text, place });
        }
    }

    /// As JSON: `[{"path","note","count","record","line"}]`.
    pub(super) fn json(&self) -> Value {
        let note = |Note { path, text, count, place: (record, line), .. }: &Note| json!({"path": path, "note": text, "count": count, "record": record, "line": line});
        self.0.iter().map(note).collect()
    }

    /// Says them on standard error, a line a kind.
    pub(super) fn tell(&self) {
        for Note { path, text, count, place, .. } in &self.0 {
            out::note(format_args!("  {}", line(text, *count, &format!("{}, ", escaped(path)), place.1)));
        }
    }
}

/// A kind of notes for people.
pub(super) fn line(text: &str, count: usize, file: &str, line: usize) -> String {
    let times = if count == 1 { "note".to_owned() } else { format!("{count} notes like") };
    format!("{times} ({file}line {line}): {}", escaped(text))
}

/// What notes that differ in numbers, quoted texts and what was found have in common.
fn kind(note: &str) -> String {
    let (mut kind, mut quoted) = (String::with_capacity(note.len()), false);
    let said = note.find(", found ").map_or(note, |at| &note[..at]);
    for c in said.chars() {
        quoted ^= c == '`';
        match c {
            '0'..='9' if kind.ends_with('#') => {}
            '0'..='9' if !quoted => kind.push('#'),
            c if !quoted => kind.push(c),
            _ => {}
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_of_one_kind_differ_in_numbers_and_in_what_was_found() {
        for (a, b) in [
            ("completions[1]: 5 scores for 3 steps", "completions[12]: 0 scores for 10 steps"),
            ("a: expected a step from 1 to 2, found 7", "a: expected a step from 1 to 9, found `x`, 3"),
        ] {
            assert_eq!(kind(a), kind(b));
        }
        assert_ne!(kind("the text was cut off"), kind("no program was kept"));
    }
}
