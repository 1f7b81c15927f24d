//! How far a figure can be off by the luck of the draw: percentile bootstrap (Efron 1979) over independent units.

use std::collections::BTreeMap;

/// Draws of a bootstrap.
const DRAWS: usize = 1000;

/// The 95 % interval of a statistic of `units` independent units (solutions or problems). `statistic` takes the numbers of the units of one
/// draw, with repetition; draws in which it has no value are passed over. The same input always gives the same interval. `None` without any value.
pub fn interval(units: usize, statistic: impl Fn(&[usize]) -> Option<f64>) -> Option<(f64, f64)> {
    between(draws(units, DRAWS).filter_map(|sample| statistic(&sample)).collect())
}

/// The 95 % interval of a statistic of units that come in groups, such as solutions of one problem: what shares a group is drawn together.
/// `groups` names the group of each unit; `statistic` takes the numbers of the units of one draw, with repetition.
pub fn interval_of_groups<K: Ord>(groups: &[K], statistic: impl Fn(&[usize]) -> Option<f64>) -> Option<(f64, f64)> {
    let groups = grouped(groups);
    interval(groups.len(), |sample| statistic(&sample.iter().flat_map(|group| &groups[*group]).copied().collect::<Vec<_>>()))
}

/// The units of each group by their numbers, the groups in the order in which they come first.
pub fn grouped<K: Ord>(groups: &[K]) -> Vec<Vec<usize>> {
    let (mut known, mut found) = (BTreeMap::new(), Vec::<Vec<usize>>::new());
    for (unit, group) in groups.iter().enumerate() {
        let at = *known.entry(group).or_insert(found.len());
        if at == found.len() {
            found.push(Vec::new());
        }
        found[at].push(unit);
    }
    found
}

/// So many draws of `units` independent units, each the numbers of its units with repetition; always the same ones.
pub fn draws(units: usize, count: usize) -> impl Iterator<Item = Vec<usize>> {
    let mut state = 0;
    (0..count).map(move |_| (0..units).map(|_| pick(&mut state, units)).collect())
}

/// Draws as for [`interval`] of several lists of so many units, each list by itself.
pub fn draws_of_groups(sizes: Vec<usize>) -> impl Iterator<Item = Vec<Vec<usize>>> {
    let mut state = 0;
    (0..DRAWS).map(move |_| sizes.iter().map(|&size| (0..size).map(|_| pick(&mut state, size)).collect()).collect())
}

/// Between which values 95 % of these lie; `None` without any.
pub fn between(mut values: Vec<f64>) -> Option<(f64, f64)> {
    values.sort_unstable_by(f64::total_cmp);
    // 2.5 % of the draws lie on either side.
    let side = values.len() / 40;
    Some((*values.get(side)?, *values.get(values.len().checked_sub(side + 1)?)?))
}

/// A number below `limit` by SplitMix64 (Steele, Lea, Flood 2014); 0 when there is none.
pub(super) fn pick(state: &mut u64, limit: usize) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    // The high half of the product: a share of the range without division.
    let product = u128::from(mixed) * limit as u128;
    usize::try_from(product >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_share_is_that_of_the_binomial_distribution() {
        // 30 of 100: the standard error is 4.58 %.
        let (low, high) = interval(100, |sample| Some(sample.iter().filter(|unit| **unit < 30).count() as f64)).unwrap();
        assert!((low - 21.0).abs() <= 1.5 && (high - 39.0).abs() <= 1.5, "{low} {high}");
    }

    #[test]
    fn what_comes_in_groups_is_drawn_in_groups() {
        assert_eq!(grouped(&["b", "a", "b", "c"]), [vec![0, 2], vec![1], vec![3]]);
        let share = |sample: &[usize]| Some(sample.iter().filter(|unit| **unit < 60).count() as f64 / sample.len() as f64);
        let wide = |groups: &[usize]| {
            let (low, high) = interval_of_groups(groups, share).unwrap();
            high - low
        };
        let alone: Vec<usize> = (0..120).collect();
        assert_eq!(interval_of_groups(&alone, share), interval(120, share));
        // Twelve that always go together are as good as one.
        assert!(wide(&alone.iter().map(|unit| unit / 12).collect::<Vec<_>>()) > 3.0 * wide(&alone));
    }

    #[test]
    fn without_units_or_values_there_is_no_interval() {
        assert_eq!(interval(10, |_| None), None);
        assert_eq!(interval(0, |sample| sample.first().map(|_| 1.0)), None);
        assert_eq!(interval(1, |_| Some(2.0)), Some((2.0, 2.0)));
    }
}
