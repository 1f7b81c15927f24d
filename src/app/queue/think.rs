//! What takes the queue longer than a key may wait: putting a million places in order, fitting the model that doubts labels. It is worked
//! out beside the screen ([`Effect::Think`]); the queue stands still until the answer comes.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Entries, Members, Place};
use crate::analysis::label_errors::{Case, Doubt, doubts};
use crate::app::trust::chance;
use crate::app::{App, Effect};

/// Something to work out.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// Put the solutions that fit in order, this share of them (0 to 1) drawn at random and spread over the rest.
    Sort(Arc<Entries>, f64),
    /// Doubt these labels.
    Doubt(Vec<Case>),
}

/// What came out.
#[derive(Debug)]
pub enum Thought {
    /// The places in order, and where each solution stands in them.
    Sorted(Vec<Place>, Members),
    /// How far each label is to be doubted.
    Doubted(Vec<Option<Doubt>>),
}

impl Work {
    /// Works it out.
    pub fn think(self) -> Thought {
        match self {
            Self::Sort(entries, share) => sorted(&entries, share),
            Self::Doubt(cases) => Thought::Doubted(doubts(&cases)),
        }
    }
}

/// The largest first, what has no number last, equals as the files have them.
fn sorted(entries: &Entries, share: f64) -> Thought {
    let mut places: Vec<Place> = Vec::new();
    for (item, entries) in entries {
        let fitting = entries.iter().enumerate().filter(|(_, entry)| entry.holds == Some(true));
        places.extend(fitting.map(|(solution, entry)| {
            let place = Place { item: *item, solution, number: entry.number, drawn: false };
            Place { drawn: share > 0.0 && chance_of("drawn", &place) < share, ..place }
        }));
    }
    let number = |place: &Place| place.number.unwrap_or(f64::NEG_INFINITY);
    places.sort_unstable_by(|a, b| number(b).total_cmp(&number(a)).then((a.item, a.solution).cmp(&(b.item, b.solution))));
    if share > 0.0 {
        places = spread(places);
    }
    let members = places.iter().enumerate().map(|(at, place)| ((place.item, place.solution), at)).collect();
    Thought::Sorted(places, members)
}

/// The chance that belongs to this place and purpose.
fn chance_of(purpose: &str, place: &Place) -> f64 {
    let numbers = [place.item.file, place.item.problem, place.solution];
    chance(purpose, numbers.map(|number| (number as u64).to_le_bytes()).as_flattened())
}

/// Those that were drawn, in an order of their own, evenly between the others: whoever goes through a part of the queue has gone through
/// the same part of both.
fn spread(places: Vec<Place>) -> Vec<Place> {
    let (mut drawn, others): (Vec<Place>, Vec<Place>) = places.into_iter().partition(|place| place.drawn);
    drawn.sort_by_cached_key(|place| chance_of("order", place).to_bits());
    let (count, all) = (drawn.len(), drawn.len() + others.len());
    let (mut drawn, mut others) = (drawn.into_iter(), others.into_iter());
    // Of the first `n` places `n * count / all`, rounded down, were drawn.
    let of = |at: usize| (at + 1) * count / all > at * count / all;
    (0..all).filter_map(|at| if of(at) { drawn.next() } else { others.next() }).collect()
}

/// Has the places put in order.
pub(super) fn sort(app: &mut App) -> Effect {
    let work = Work::Sort(Arc::clone(&app.queue.entries), app.trust.terms.random_share);
    ask(app, work)
}

/// Has all labels that were looked at doubted.
pub(super) fn doubt(app: &mut App) -> Effect {
    let (places, cases) = std::mem::take(&mut app.queue.suspects.cases).into_iter().unzip();
    app.queue.suspects.asked = places;
    ask(app, Work::Doubt(cases))
}

fn ask(app: &mut App, work: Work) -> Effect {
    let round = app.queue.sieve.round;
    app.queue.thinking = Some(round);
    Effect::Think { round, work }
}

/// Takes in what was worked out; for another filter or order than that of now, or a file that has grown since, it is of no use.
pub(in crate::app) fn thought(app: &mut App, round: u64, thought: Thought) {
    if app.queue.thinking.take_if(|awaited| *awaited == round).is_none() {
        return;
    }
    let of_now = round == app.queue.sieve.round;
    match thought {
        Thought::Sorted(..) if !of_now => {}
        // The labels were given away to be doubted: all are looked at once more.
        Thought::Doubted(_) if !of_now => app.queue.begin_again(),
        Thought::Sorted(places, members) => {
            (app.queue.places, app.queue.members) = (places, members);
            if !std::mem::replace(&mut app.queue.complete, true) {
                app.queue.waits = Some((app.cursor.item, app.cursor.solution));
            }
        }
        Thought::Doubted(doubts) => {
            let asked = std::mem::take(&mut app.queue.suspects.asked);
            let found: HashMap<_, _> = asked.into_iter().zip(doubts).filter_map(|(place, doubt)| Some((place, doubt?))).collect();
            if found.is_empty() {
                app.notice = Some(
                    "too few labels with scores to doubt any: it takes ten wrong and ten right solutions of other problems"
                        .to_owned(),
                );
            }
            // The queue is made once more with what was found.
            app.queue.begin_again();
            app.queue.suspects.doubts = Some(found);
        }
    }
}
