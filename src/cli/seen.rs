//! What the records of a file say of a filter and an order while the file is opened, so that most questions take one way through it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::corpus::Look;
use crate::query::{Asked, Query, at_a_glance};

/// What a record says of its only solution.
#[derive(Debug)]
pub(super) enum Said {
    /// The filter is true of it.
    Fits {
        /// Its identifier.
        id: Option<String>,
        /// Its number in the order.
        number: Option<f64>,
    },
    /// It has to be read whole.
    Unclear,
}

/// What the records of a file said so far, with their numbers. Those of which the filter is false are none.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Vec<(usize, Said)>>);

impl Seen {
    /// Asks every record; without `asks`, all are to be read whole.
    pub(super) fn look(self: &Arc<Self>, asks: bool, filter: Option<Query>, order: Option<Query>) -> Look {
        let seen = Arc::clone(self);
        Box::new(move |record, glance| {
            let asked = glance.filter(|_| asks).and_then(|glance| at_a_glance(filter.as_ref(), order.as_ref(), glance));
            let said = match (asked, glance) {
                (Some(Asked { holds: Some(true), number }), Some(glance)) => {
                    Said::Fits { id: glance.id().map(Into::into), number }
                }
                (Some(_), _) => return,
                (None, _) => Said::Unclear,
            };
            seen.0.lock().unwrap_or_else(PoisonError::into_inner).push((record, said));
        })
    }

    /// All of it, in the order of the records. Of one that could not be asked to the end it is said, too, that it is unclear.
    pub(super) fn take(&self) -> Vec<(usize, Said)> {
        let mut said = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        said.sort_by_key(|(record, said)| (*record, matches!(said, Said::Fits { .. })));
        said.dedup_by_key(|(record, _)| *record);
        said
    }
}

/// The stretch of what was said that holds all of these records.
pub(super) fn near<'a>(said: &'a [(usize, Said)], records: &[Option<usize>]) -> &'a [(usize, Said)] {
    let known = || records.iter().copied().flatten();
    let (Some(first), Some(last)) = (known().min(), known().max()) else { return &[] };
    let at = |end: usize| said.partition_point(|(record, _)| *record < end);
    &said[at(first)..at(last + 1)]
}
