//! How far people agree beyond chance: Cohen's kappa (1960), plain and weighted (1968), and Krippendorff's alpha (2011). None where chance
//! alone would make everybody agree: with one category in use there is nothing to tell.

use std::collections::BTreeMap;

/// Kappa of two people over named categories, one pair a unit.
pub fn kappa<T: Ord + Copy>(pairs: &[(T, T)]) -> Option<f64> {
    weighted(pairs, |a, b| if a == b { 0.0 } else { 1.0 })
}

/// Kappa of two people over numbers: what they lie apart counts by its square.
pub fn weighted_kappa(pairs: &[(i64, i64)]) -> Option<f64> {
    weighted(pairs, |a, b| ((a - b) as f64).powi(2))
}

/// `1 - observed / expected` of a measure of how far two answers lie apart.
fn weighted<T: Ord + Copy>(pairs: &[(T, T)], apart: impl Fn(T, T) -> f64) -> Option<f64> {
    let n = pairs.len() as f64;
    let (mut first, mut second) = (BTreeMap::<T, f64>::new(), BTreeMap::<T, f64>::new());
    for (a, b) in pairs {
        *first.entry(*a).or_default() += 1.0 / n;
        *second.entry(*b).or_default() += 1.0 / n;
    }
    let observed: f64 = pairs.iter().map(|&(a, b)| apart(a, b) / n).sum();
    let expected: f64 =
        first.iter().flat_map(|(a, p)| second.iter().map(|(b, q)| p * q * apart(*a, *b)).collect::<Vec<_>>()).sum();
    (expected > 0.0).then(|| 1.0 - observed / expected)
}

/// What two answers being apart means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// They are the same or not.
    Nominal,
    /// By how many answers lie between them.
    Ordinal,
    /// By the square of their difference.
    Interval,
}

/// Alpha over units of any number of answers; units with fewer than two say nothing and are dropped.
pub fn alpha(units: &[Vec<i64>], scale: Scale) -> Option<f64> {
    // Coincidences: every ordered pair of answers of one unit, weighed so that a unit counts by its answers.
    let mut pairs = BTreeMap::<(i64, i64), f64>::new();
    for unit in units.iter().filter(|unit| unit.len() > 1) {
        for (at, a) in unit.iter().enumerate() {
            for (_, b) in unit.iter().enumerate().filter(|(other, _)| *other != at) {
                *pairs.entry((*a, *b)).or_default() += 1.0 / (unit.len() - 1) as f64;
            }
        }
    }
    let mut totals = BTreeMap::<i64, f64>::new();
    for ((a, _), weight) in &pairs {
        *totals.entry(*a).or_default() += weight;
    }
    let n: f64 = totals.values().sum();
    let apart = |a: i64, b: i64| match scale {
        Scale::Nominal => f64::from(u8::from(a != b)),
        Scale::Interval => ((a - b) as f64).powi(2),
        Scale::Ordinal if a == b => 0.0,
        Scale::Ordinal => {
            let between: f64 = totals.range(a.min(b)..=a.max(b)).map(|(_, count)| count).sum();
            (between - f64::midpoint(totals[&a], totals[&b])).powi(2)
        }
    };
    let observed: f64 = pairs.iter().map(|((a, b), weight)| weight * apart(*a, *b)).sum::<f64>() / n;
    let each = totals.iter().flat_map(|(a, p)| totals.iter().map(move |(b, q)| (*a, *b, p * q)));
    let expected = each.map(|(a, b, weight)| weight * apart(a, b)).sum::<f64>() / (n * (n - 1.0));
    (n > 1.0 && expected > 0.0).then(|| 1.0 - observed / expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }

    #[test]
    fn kappa_and_alpha_are_those_of_worked_examples() {
        let a = [-1, -1, 0, 2, 2, 1, -1, 0];
        let b = [-1, 0, 0, 2, 1, 1, -1, -1];
        // po 5/8, pe 17/64.
        is(kappa(&a.into_iter().zip(b).collect::<Vec<_>>()), 0.489_361_702);
        let table = [(0, 0, 20), (0, 1, 5), (1, 0, 10), (1, 1, 15)];
        let pairs: Vec<(i64, i64)> = table.iter().flat_map(|&(a, b, n)| std::iter::repeat_n((a, b), n)).collect();
        is(kappa(&pairs), 0.4);
        let (x, y) = ([1, 1, 0, -1, 1, 0], [1, 0, 0, -1, 1, -1]);
        is(weighted_kappa(&x.into_iter().zip(y).collect::<Vec<_>>()), 0.75);
        let units = [vec![1, 1, 1], vec![1, 0], vec![-1, -1, -1], vec![0, 1, -1], vec![0], vec![1, 1]];
        is(alpha(&units, Scale::Nominal), 0.4);
        is(alpha(&units, Scale::Ordinal), 0.608_392);
        is(alpha(&units, Scale::Interval), 0.641_791);
    }

    #[test]
    fn where_one_answer_is_in_use_there_is_nothing_to_tell() {
        assert_eq!(kappa(&[(1, 1), (1, 1)]), None);
        assert_eq!(kappa::<i64>(&[]), None);
        assert_eq!(alpha(&[vec![1, 1], vec![1]], Scale::Nominal), None);
        assert_eq!(alpha(&[], Scale::Ordinal), None);
    }
}
