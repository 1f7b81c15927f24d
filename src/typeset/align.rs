//! Which steps of two solutions stand for one another.
//!
//! The cheapest alignment of Needleman and Wunsch (1970): two steps cost what their words do not share, a step without a partner costs
//! `ALONE`.

use super::diff::{self, Shared};

/// Two steps are partners when that is cheaper than to leave both alone: when they share more than a tenth of their words.
const ALONE: f64 = 0.45;
/// Steps of each side that are aligned; those behind them stand beside one another by their place.
const MOST: usize = 150;

/// The partner of each step, by index: both, or one alone, from the first to the last.
pub fn align(left: &[&str], right: &[&str]) -> Vec<(Option<usize>, Option<usize>)> {
    let (lefts, rights) = (words(left), words(right));
    let (n, m) = (lefts.len(), rights.len());
    // The cost of aligning the first `i` steps with the first `j`, row by row.
    let mut costs = vec![0.0_f64; (n + 1) * (m + 1)];
    let at = |i: usize, j: usize| i * (m + 1) + j;
    let mut both = vec![0.0_f64; n * m];
    for i in 0..=n {
        for j in 0..=m {
            let mut cost = if (i, j) == (0, 0) { 0.0 } else { f64::INFINITY };
            if i > 0 && j > 0 {
                let apart = 1.0 - lefts[i - 1].similarity(&rights[j - 1]);
                both[(i - 1) * m + j - 1] = apart;
                cost = cost.min(costs[at(i - 1, j - 1)] + apart);
            }
            if i > 0 {
                cost = cost.min(costs[at(i - 1, j)] + ALONE);
            }
            if j > 0 {
                cost = cost.min(costs[at(i, j - 1)] + ALONE);
            }
            costs[at(i, j)] = cost;
        }
    }
    let mut pairs = Vec::new();
    let (mut i, mut j) = (n, m);
    while i > 0 || j > 0 {
        let cost = costs[at(i, j)];
        // The same sums as above: equal to the last bit.
        let is = |other: f64| (cost - other).abs() <= f64::EPSILON * cost.abs();
        if i > 0 && j > 0 && is(costs[at(i - 1, j - 1)] + both[(i - 1) * m + j - 1]) {
            (i, j) = (i - 1, j - 1);
            pairs.push((Some(i), Some(j)));
        } else if j > 0 && is(costs[at(i, j - 1)] + ALONE) {
            j -= 1;
            pairs.push((None, Some(j)));
        } else {
            i -= 1;
            pairs.push((Some(i), None));
        }
    }
    pairs.reverse();
    let rest = (left.len() - n).max(right.len() - m);
    let beyond = |first: usize, len: usize, place: usize| Some(first + place).filter(|at| *at < len);
    pairs.extend((0..rest).map(|place| (beyond(n, left.len(), place), beyond(m, right.len(), place))));
    pairs
}

fn words<'a>(texts: &[&'a str]) -> Vec<Shared<'a>> {
    texts.iter().take(MOST).map(|text| diff::shared(text)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_step_that_one_of_them_leaves_out_has_no_partner() {
        let left = ["Let x be the price.", "So 2x = 10.", "Then x = 5.", "The answer is 5."];
        let right = ["Let x be the price.", "We read the problem once more.", "So 2x = 12.", "Then x = 6.", "The answer is 6."];
        let expected = vec![(Some(0), Some(0)), (None, Some(1)), (Some(1), Some(2)), (Some(2), Some(3)), (Some(3), Some(4))];
        assert_eq!(align(&left, &right), expected);
        assert_eq!(align(&["alpha beta"], &["gamma delta"]), [(Some(0), None), (None, Some(0))]);
        assert_eq!(align(&[], &["a"]), [(None, Some(0))]);
    }

    proptest! {
        #[test]
        fn every_step_stands_once_and_in_its_order(
            left in prop::collection::vec("[abc ]{0,8}", 0..12),
            right in prop::collection::vec("[abc ]{0,8}", 0..12),
        ) {
            let [lefts, rights] = [&left, &right].map(|side| side.iter().map(String::as_str).collect::<Vec<_>>());
            let pairs = align(&lefts, &rights);
            prop_assert!(pairs.iter().filter_map(|pair| pair.0).eq(0..left.len()));
            prop_assert!(pairs.iter().filter_map(|pair| pair.1).eq(0..right.len()));
        }
    }
}
