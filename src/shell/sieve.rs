//! A filter asked of many records at once, without reading the problems.

use std::ops::Range;

use crate::corpus::{Corpus, in_order};
use crate::query::{Query, at_a_glance};

/// Problems that are asked at once.
const AT_ONCE: usize = 256;

/// Those of these problems of which the record does not say that the filter is false.
pub fn left(corpus: &Corpus, problems: Range<usize>, filter: &Query) -> Vec<usize> {
    let mut left = Vec::new();
    let ask = |(): &mut (), part: Range<usize>| {
        let fits = corpus.glance(part.clone(), |_, glance| at_a_glance(Some(filter), None, glance)?.holds);
        part.zip(fits).filter(|(_, fits)| *fits != Some(false)).map(|(problem, _)| problem).collect::<Vec<_>>()
    };
    in_order(problems, AT_ONCE, || (), ask, |part| left.extend(part));
    left
}
