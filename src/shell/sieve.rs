//! A filter asked of many records at once, without reading the problems.

use std::ops::Range;

use crate::corpus::{Corpus, in_parts};
use crate::query::{Query, at_a_glance};

/// Those of these problems of which the record does not say that the filter is false.
pub fn left(corpus: &Corpus, problems: Range<usize>, filter: &Query) -> Vec<usize> {
    let fits = in_parts(problems.clone(), |part| {
        corpus.glance(part, |_, glance| at_a_glance(Some(filter), None, glance).map(|asked| asked.holds != Some(false)))
    });
    problems.zip(fits).filter(|(_, fits)| *fits != Some(false)).map(|(problem, _)| problem).collect()
}
