//! How well scores tell right steps from wrong ones, without a threshold.
//!
//! All functions take pairs of a score and whether the step is right. For ProcessBench-like labels these are the steps up to and
//! including the first error: what stands behind it was judged by nobody.

use super::meaning::Meaning;

/// Area under the ROC curve: the chance that a right step scores higher than a wrong one, ties counting half. `None` when one of the two
/// kinds is missing.
pub fn auc(steps: &[(f64, bool)]) -> Option<f64> {
    let good = steps.iter().filter(|(_, right)| *right).count() as f64;
    let bad = steps.len() as f64 - good;
    if good == 0.0 || bad == 0.0 {
        return None;
    }
    let mut sorted = steps.to_vec();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut wins = 0.0;
    let mut bad_below = 0.0;
    for ties in sorted.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let good_here = ties.iter().filter(|(_, right)| *right).count() as f64;
        let bad_here = ties.len() as f64 - good_here;
        wins += good_here * (bad_below + bad_here / 2.0);
        bad_below += bad_here;
    }
    Some(wins / (good * bad))
}

/// Expected calibration error of the steps in these bins. `None` without steps.
fn expected_calibration_error(bins: &[Bin]) -> Option<f64> {
    let steps: usize = bins.iter().map(|bin| bin.steps).sum();
    let off = |bin: &Bin| bin.steps as f64 * (bin.score - bin.right).abs();
    (steps > 0).then(|| bins.iter().map(off).sum::<f64>() / steps as f64)
}

/// Bins of a calibration.
pub const BINS: usize = 10;

/// How far scores are from the chance that a step is right.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The expected calibration error.
    pub error: f64,
    /// The steps by their places.
    pub bins: Vec<Bin>,
}

/// The calibration of scores of this meaning, given as places between wrong (0) and right (1). `None` without steps, for scores that are no
/// chances, and where one lies beyond its range.
pub fn calibration(meaning: &Meaning, places: &[(f64, bool)]) -> Option<Calibration> {
    let inside = places.iter().all(|(place, _)| (0.0..=1.0).contains(place));
    let bins = reliability(places, BINS);
    let error = expected_calibration_error(&bins).filter(|_| meaning.is_chance() && inside)?;
    Some(Calibration { error, bins })
}

/// Steps of nearly the same score, and how many of them are right.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Bin {
    /// Number of steps.
    pub steps: usize,
    /// Mean score; 0 without steps.
    pub score: f64,
    /// Share that is right; 0 without steps.
    pub right: f64,
}

/// The steps in `bins` bins of equal width on `0..=1`, the last one closed: a calibrated scorer has `score` near `right` in each.
pub fn reliability(steps: &[(f64, bool)], bins: usize) -> Vec<Bin> {
    let mut sums = vec![Bin { steps: 0, score: 0.0, right: 0.0 }; bins];
    for (score, right) in steps {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and the bin is clamped")]
        let index = ((score * bins as f64) as usize).min(bins.saturating_sub(1));
        let Some(bin) = sums.get_mut(index) else { return sums };
        bin.steps += 1;
        bin.score += score;
        bin.right += truth(*right);
    }
    for bin in &mut sums {
        let count = bin.steps.max(1) as f64;
        (bin.score, bin.right) = (bin.score / count, bin.right / count);
    }
    sums
}

fn truth(right: bool) -> f64 {
    if right { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Semantics;

    const STEPS: [(f64, bool); 6] = [(0.9, true), (0.8, true), (0.8, false), (0.6, true), (0.4, false), (0.1, false)];

    #[test]
    fn hand_made_vectors() {
        assert!((auc(&STEPS).unwrap() - 0.833_333).abs() < 1e-6);
        assert!((expected_calibration_error(&reliability(&STEPS, 5)).unwrap() - 0.233_333).abs() < 1e-6);
    }

    #[test]
    fn only_chances_have_a_calibration_whatever_the_numbers_are() {
        let found = calibration(&Meaning::CORRECT, &STEPS).unwrap();
        assert_eq!((Some(found.error), found.bins.len()), (expected_calibration_error(&reliability(&STEPS, BINS)), BINS));
        assert_eq!(calibration(&Meaning::VALUE.within(-1.0, 1.0, 0.0), &STEPS), Some(found));
        let ratio = Meaning { semantics: Semantics::LogRatio, ..Meaning::VALUE.open(0.0, 0.001) };
        assert_eq!(calibration(&ratio, &STEPS), None);
        assert_eq!(calibration(&Meaning::CORRECT, &[(1.2, true)]), None);
        assert_eq!(calibration(&Meaning::CORRECT, &[]), None);
    }

    #[test]
    fn bins_hold_every_step_and_give_the_calibration_error() {
        let bins = reliability(&STEPS, 5);
        assert_eq!(bins.iter().map(|bin| bin.steps).collect::<Vec<_>>(), [1, 0, 1, 1, 3]);
        assert!((bins[4].right - 2.0 / 3.0).abs() < 1e-12);
        let error: f64 = bins.iter().map(|bin| bin.steps as f64 * (bin.score - bin.right).abs()).sum();
        assert!((error / 6.0 - expected_calibration_error(&reliability(&STEPS, 5)).unwrap()).abs() < 1e-12);
        assert_eq!(reliability(&STEPS, 0), []);
    }

    #[test]
    fn degenerate_input_has_no_value() {
        assert_eq!((auc(&[]), expected_calibration_error(&reliability(&[], 10))), (None, None));
        assert_eq!(auc(&[(0.5, true)]), None);
        assert_eq!(expected_calibration_error(&reliability(&STEPS, 0)), None);
        assert_eq!(auc(&[(0.5, true), (0.5, false)]), Some(0.5));
    }
}
