//! A filter and an order, or a search, asked of many records at once, without reading the problems.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::app::Sifted;
use crate::app::search::Wanted;
use crate::corpus::{Corpus, in_order};
use crate::query::{Query, Told as _, at_a_glance};

/// Problems that are asked at once.
const AT_ONCE: usize = 256;
/// Problems that are searched at once: a hit among the first ones waits for no others.
const SEARCHED: usize = 64;

/// What the records of these problems say.
pub fn sift(corpus: &Corpus, problems: Range<usize>, filter: Option<&Query>, order: Option<&Query>) -> Sifted {
    let mut sifted = Sifted::default();
    let ask = |(): &mut (), part: Range<usize>| {
        let asked = corpus.glance(part.clone(), |_, glance| at_a_glance(filter, order, glance));
        part.zip(asked).collect::<Vec<_>>()
    };
    in_order(
        problems,
        AT_ONCE,
        || (),
        ask,
        |part| {
            for (problem, asked) in part {
                match asked {
                    None => sifted.left.push(problem),
                    Some(asked) if asked.holds == Some(true) => sifted.fit.push((problem, asked.number)),
                    Some(_) => {}
                }
            }
        },
    );
    sifted
}

/// The nearest of these problems that has a step with what is wanted: the first one, or the last one when the search goes backwards.
/// Problems of which the records do not tell are read.
pub fn find(corpus: &Corpus, problems: Range<usize>, forward: bool, wanted: &Wanted) -> Option<usize> {
    let has = |problem: usize| {
        let trace = corpus.problem(problem).trace.clone();
        trace.is_some_and(|trace| trace.steps().any(|id| wanted.is_in(&trace.node(id).text)))
    };
    // Places count from where the search begins.
    let at = |place: usize| if forward { problems.start + place } else { problems.end - 1 - place };
    let nearest = AtomicUsize::new(usize::MAX);
    let look = |(): &mut (), places: Range<usize>| {
        if places.start > nearest.load(Ordering::Relaxed) {
            return None;
        }
        let (one, other) = (at(places.start), at(places.end - 1));
        let part = one.min(other)..one.max(other) + 1;
        let asked = corpus.glance(part.clone(), |_, glance| Some(glance.steps().iter().any(|step| wanted.is_in(step))));
        let hit = places.into_iter().find(|&place| asked[at(place) - part.start].unwrap_or_else(|| has(at(place))))?;
        nearest.fetch_min(hit, Ordering::Relaxed);
        Some(at(hit))
    };
    let mut found = None;
    in_order(0..problems.len(), SEARCHED, || (), look, |hit| found = found.or(hit));
    found
}
