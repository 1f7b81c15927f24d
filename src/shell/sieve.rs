//! A filter and an order asked of many records at once, without reading the problems.

use std::ops::Range;

use crate::app::Sifted;
use crate::corpus::{Corpus, in_order};
use crate::query::{Query, at_a_glance};

/// Problems that are asked at once.
const AT_ONCE: usize = 256;

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
