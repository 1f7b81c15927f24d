//! Which of several solutions of a problem is taken, and how often it is a right one: Best-of-N by a score, majority and weighted vote,
//! and what bounds them, chance and pass@N. After Cobbe et al. (arXiv:2110.14168), Wang et al. (arXiv:2203.11171), Snell et al.
//! (arXiv:2408.03314). All values are shares in `0..=1`, for `n` samples that are drawn without putting back; `n` is at least 1 and at most
//! the number of samples, else it is brought into that range.

use super::bootstrap::pick;

/// Subsets that a vote is counted on where not all samples take part in it.
const DRAWS: usize = 256;

/// The samples of one problem.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Samples {
    /// Whether each is right.
    pub right: Vec<bool>,
    /// The answer of each, as the number of a group of equal answers; one without an answer has no vote.
    pub answers: Vec<Option<usize>>,
}

impl Samples {
    /// Chance: one sample, taken blindly.
    pub fn chance(&self) -> f64 {
        share(self.right.iter().copied())
    }

    /// Some of `n` samples is right (pass@n, Chen et al., arXiv:2107.03374).
    pub fn any(&self, n: usize) -> f64 {
        1.0 - self.none_of(self.right.iter().filter(|right| **right).count(), n)
    }

    /// The sample with the highest score of `n` is right; of equal scores each is as likely to be taken. One score a sample; exact.
    pub fn best(&self, scores: &[f64], n: usize) -> f64 {
        let mut order: Vec<usize> = (0..self.right.len().min(scores.len())).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let (mut above, mut right) = (0, 0.0);
        for equal in order.chunk_by(|&a, &b| scores[a].total_cmp(&scores[b]).is_eq()) {
            let through = above + equal.len();
            right += share(equal.iter().map(|&at| self.right[at])) * (self.none_of(above, n) - self.none_of(through, n));
            above = through;
        }
        right
    }

    /// The answer with most votes of `n` samples is right; of equal ones each is as likely to be taken. Each sample has one vote, or as many
    /// as `weights` says (at least 0). Of answers that are right in some samples only, as the source has it, the share counts. Exact for one
    /// sample and for all, else a mean over draws that are the same in every run.
    pub fn vote(&self, weights: Option<&[f64]>, n: usize) -> f64 {
        let all = self.right.len();
        let n = n.clamp(1, all.max(1));
        if n == 1 {
            return self.chance();
        }
        let mut drawn: Vec<usize> = (0..all).collect();
        if n >= all {
            return self.elected(&drawn, weights);
        }
        let mut state = 0;
        let mut one = || {
            for at in 0..n {
                drawn.swap(at, at + pick(&mut state, all - at));
            }
            self.elected(&drawn[..n], weights)
        };
        (0..DRAWS).map(|_| one()).sum::<f64>() / DRAWS as f64
    }

    fn elected(&self, drawn: &[usize], weights: Option<&[f64]>) -> f64 {
        let groups = self.answers.iter().flatten().max().map_or(0, |last| last + 1);
        let mut votes = vec![(0.0, 0_usize, 0_usize); groups];
        for &at in drawn {
            if let Some(answer) = self.answers[at] {
                let (sum, right, samples) = &mut votes[answer];
                *sum += weights.map_or(1.0, |weights| weights[at]);
                *right += usize::from(self.right[at]);
                *samples += 1;
            }
        }
        votes.retain(|(_, _, samples)| *samples > 0);
        let most = votes.iter().map(|(sum, _, _)| *sum).fold(f64::NEG_INFINITY, f64::max);
        let elected = votes.iter().filter(|(sum, _, _)| sum.total_cmp(&most).is_eq());
        let shares: Vec<f64> = elected.map(|(_, right, samples)| *right as f64 / *samples as f64).collect();
        if shares.is_empty() {
            return share(drawn.iter().map(|&at| self.right[at]));
        }
        shares.iter().sum::<f64>() / shares.len() as f64
    }

    /// How likely none of `marked` samples is among `n`.
    fn none_of(&self, marked: usize, n: usize) -> f64 {
        let all = self.right.len();
        let n = n.clamp(1, all.max(1));
        if all < marked + n {
            return 0.0;
        }
        (0..n).map(|taken| (all - marked - taken) as f64 / (all - taken) as f64).product()
    }
}

fn share(right: impl ExactSizeIterator<Item = bool>) -> f64 {
    let all = right.len();
    if all == 0 { 0.0 } else { right.filter(|right| *right).count() as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn samples(right: &[u8], answers: &[usize]) -> Samples {
        Samples { right: right.iter().map(|right| *right == 1).collect(), answers: answers.iter().copied().map(Some).collect() }
    }

    #[test]
    fn four_right_of_sixteen() {
        let right: Vec<u8> = (0..16).map(|at| u8::from(at < 4)).collect();
        let of = samples(&right, &[0; 16]);
        assert!((of.any(4) - 0.728).abs() < 5e-4, "{}", of.any(4));
        assert!((of.chance() - 0.25).abs() < 1e-12 && (of.any(1) - 0.25).abs() < 1e-12);
        assert!((of.any(16) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_best_of_some_is_counted_over_all_subsets() {
        let of = samples(&[0, 1, 1], &[0, 1, 1]);
        // The wrong one has the highest score: of two samples it is there in two of three draws.
        for (n, expected) in [(1, 2.0 / 3.0), (2, 1.0 / 3.0), (3, 0.0), (9, 0.0)] {
            assert!((of.best(&[0.9, 0.5, 0.1], n) - expected).abs() < 1e-12, "{n}");
        }
        // All alike: chance, however many.
        assert!((of.best(&[0.5; 3], 3) - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn votes_and_what_they_weigh() {
        let of = samples(&[0, 0, 1], &[0, 0, 1]);
        assert!(of.vote(None, 3).abs() < 1e-12);
        assert!((of.vote(Some(&[0.2, 0.2, 0.9]), 3) - 1.0).abs() < 1e-12);
        assert!((samples(&[0, 1], &[0, 1]).vote(None, 2) - 0.5).abs() < 1e-12, "of equal ones each half of the time");
        let silent = Samples { right: vec![true, false], answers: vec![None, None] };
        assert!((silent.vote(None, 2) - 0.5).abs() < 1e-12, "nobody says anything: chance");
        assert!(Samples::default().vote(None, 4).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn one_sample_is_chance_and_nothing_beats_pass_at_n(
            each in prop::collection::vec((any::<bool>(), 0..3_usize, 0..4_u8), 1..12),
            n in 1..14_usize,
        ) {
            let of = Samples { right: each.iter().map(|e| e.0).collect(), answers: each.iter().map(|e| Some(e.1)).collect() };
            let scores: Vec<f64> = each.iter().map(|e| f64::from(e.2)).collect();
            prop_assert!((of.best(&scores, 1) - of.chance()).abs() < 1e-9 && (of.vote(None, 1) - of.chance()).abs() < 1e-9);
            for share in [of.best(&scores, n), of.vote(None, n), of.vote(Some(&scores), n)] {
                prop_assert!((-1e-9..=1.0 + 1e-9).contains(&share));
            }
            prop_assert!(of.best(&scores, n) <= of.any(n) + 1e-9);
            // Whoever knows which are right takes a right one wherever there is one.
            let known: Vec<f64> = of.right.iter().map(|right| f64::from(u8::from(*right))).collect();
            prop_assert!((of.best(&known, n) - of.any(n)).abs() < 1e-9);
        }
    }
}
