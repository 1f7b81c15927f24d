//! One name in several stores: one person at several desks, or several people of one name.

use std::collections::{HashMap, HashSet};

use super::{Action, Event, EventId, Session};
use crate::trace::{FirstError, RecordKey};

/// Who speaks in stores that are read one after the other.
#[derive(Debug, Default)]
pub struct Copies {
    voices: Vec<Voice>,
}

#[derive(Debug)]
struct Voice {
    /// The name in its events.
    name: String,
    /// Under which it counts.
    called: String,
    ids: HashSet<EventId>,
    verdicts: Verdicts,
}

/// The newest verdict on each solution: its event, what it says, and whether it is giving up.
type Verdicts = HashMap<RecordKey, (EventId, FirstError, bool)>;

/// A name that counts as another one, because it says otherwise in another store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apart {
    /// The name.
    pub name: String,
    /// The name under which it counts.
    pub called: String,
    /// Solutions on which it says something else there.
    pub solutions: usize,
}

impl Copies {
    /// Takes in what stands in a `store`, whose file is called so. Where a name says something else of a solution than in the stores before,
    /// and neither store knows the other's word, nobody can tell which one holds: what it says here gets a name of its own.
    pub fn add(&mut self, store: &str, events: &mut [Event]) -> Vec<Apart> {
        let mut by_name = HashMap::<String, Vec<&mut Event>>::new();
        for event in events {
            by_name.entry(event.annotator.clone()).or_default().push(event);
        }
        let mut apart: Vec<Apart> = by_name.into_iter().filter_map(|(name, events)| self.one(store, name, events)).collect();
        apart.sort_by(|a, b| a.called.cmp(&b.called));
        apart
    }

    fn one(&mut self, store: &str, name: String, events: Vec<&mut Event>) -> Option<Apart> {
        let ids: HashSet<EventId> = events.iter().map(|event| event.id).collect();
        let mut session = Session::new(&name);
        session.extend(events.iter().map(|event| &**event));
        let verdicts = verdicts(&session);
        let odds = |voice: &Voice| voice.at_odds(&ids, &verdicts);
        let least = self.voices.iter().map(odds).zip(&self.voices).filter(|(_, voice)| voice.name == name);
        let (solutions, same) = match least.map(|(odds, voice)| (odds, voice.called.clone())).min_by_key(|(odds, _)| *odds) {
            None => (0, None),
            Some((0, called)) => (0, Some(called)),
            Some((odds, _)) => (odds, None),
        };
        let called = same.clone().unwrap_or_else(|| self.free(&name, store));
        for event in events {
            called.clone_into(&mut event.annotator);
        }
        if let Some(voice) = self.voices.iter_mut().find(|voice| same.as_ref() == Some(&voice.called)) {
            for (record, said) in verdicts {
                // An older copy does not take back what came after it.
                if voice.verdicts.get(&record).is_none_or(|(known, ..)| ids.contains(known)) {
                    voice.verdicts.insert(record, said);
                }
            }
            voice.ids.extend(ids);
        } else {
            self.voices.push(Voice { name: name.clone(), called: called.clone(), ids, verdicts });
        }
        (solutions > 0).then_some(Apart { name, called, solutions })
    }

    /// A name that nobody has yet.
    fn free(&self, name: &str, store: &str) -> String {
        let numbered = (2..).map(|n| format!("{name} ({store}, {n})"));
        let names = [name.to_owned(), format!("{name} ({store})")].into_iter().chain(numbered);
        let taken = |called: &String| self.voices.iter().any(|voice| voice.called == *called);
        names.into_iter().find(|called| !taken(called)).unwrap_or_default()
    }
}

impl Voice {
    /// Solutions on which it and these verdicts, of somebody who knows these events, differ without knowing of each other.
    fn at_odds(&self, ids: &HashSet<EventId>, verdicts: &Verdicts) -> usize {
        let odds = |(record, (id, said, gives_up)): (&RecordKey, &(EventId, FirstError, bool))| {
            let other = self.verdicts.get(record);
            other.is_some_and(|(other, theirs, gave_up)| {
                (said, gives_up) != (theirs, gave_up) && !ids.contains(other) && !self.ids.contains(id)
            })
        };
        verdicts.iter().filter(|verdict| odds(*verdict)).count()
    }
}

fn verdicts(session: &Session) -> Verdicts {
    // Later verdicts stand behind earlier ones.
    let verdict =
        |judged: super::Judged<'_>| (judged.record, (judged.id, judged.verdict, matches!(judged.action, Action::GiveUp { .. })));
    session.verdicts().map(verdict).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Body;
    use super::super::event::tests::{event, record, step};
    use super::*;

    fn wrong(writer: u8, seq: u64, lamport: u64, solution: usize, index: usize) -> Event {
        let action =
            Action::FirstError { record: record(solution), step: step(index), index, clears: Vec::new(), kind: String::new() };
        let mut event = event(writer, seq, lamport, Body::Act(action));
        event.annotator = "root".to_owned();
        event.id = event.hash();
        event
    }

    #[test]
    fn one_name_with_two_words_on_a_solution_is_two_voices() {
        let mut copies = Copies::default();
        let mut one = [wrong(1, 1, 1, 0, 1), wrong(1, 2, 2, 1, 2)];
        let mut other = [wrong(2, 1, 1, 0, 3), wrong(2, 2, 2, 2, 2)];
        assert_eq!(copies.add("a1.db", &mut one), []);
        let apart = Apart { name: "root".to_owned(), called: "root (a2.db)".to_owned(), solutions: 1 };
        assert_eq!(copies.add("a2.db", &mut other), [apart]);
        assert!(one.iter().all(|event| event.annotator == "root"));
        assert!(other.iter().all(|event| event.annotator == "root (a2.db)"));
        // A copy of the second store goes with it.
        let mut copy = [wrong(2, 1, 1, 0, 3), wrong(2, 2, 2, 2, 2)];
        assert_eq!(copies.add("copy/a2.db", &mut copy), []);
        assert!(copy.iter().all(|event| event.annotator == "root (a2.db)"));
    }

    #[test]
    fn who_goes_on_in_a_copy_or_labels_other_solutions_is_one_voice() {
        let mut copies = Copies::default();
        let first = wrong(1, 1, 1, 0, 1);
        assert_eq!(copies.add("desk.db", &mut [first.clone()]), []);
        // The laptop knows the first word, and corrects it.
        assert_eq!(copies.add("laptop.db", &mut [first, wrong(2, 1, 2, 0, 2), wrong(2, 2, 3, 1, 2)]), []);
        assert_eq!(copies.add("elsewhere.db", &mut [wrong(3, 1, 1, 2, 0), wrong(3, 2, 2, 1, 2)]), []);
        assert_eq!(copies.voices.len(), 1);
    }
}
