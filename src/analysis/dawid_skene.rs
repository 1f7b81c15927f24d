//! What is true and how far each judge can be trusted, both from the judges' answers alone: Dawid and Skene (Applied Statistics 28, 1979).
//!
//! Each judge has a confusion: how often each true class gets which answer. Expectation and maximisation take turns: classes of the items
//! from confusions and shares of classes, confusions and shares from classes. A small count in each cell keeps what nobody did yet
//! from being impossible. Items of which it is known what is true (an adjudicator said so) keep their class.

/// Counted in each cell of a confusion beside what was seen.
const PRIOR: f64 = 0.01;
/// Turns at most.
const TURNS: usize = 100;
/// Turns end when no chance of a class moves by more.
const STILL: f64 = 1e-6;

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote {
    /// The item, from 0.
    pub item: usize,
    /// Who answers, from 0.
    pub judge: usize,
    /// The answer, a class from 0.
    pub class: usize,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Share of each class.
    pub shares: Vec<f64>,
    /// For each judge and true class the chance of each answer.
    pub confusion: Vec<Vec<Vec<f64>>>,
    /// For each judge and true class how many answers that rests on.
    pub answers: Vec<Vec<f64>>,
    /// For each item the chance of each class.
    pub items: Vec<Vec<f64>>,
}

impl Fit {
    /// Fits the votes of so many judges on items of so many classes, from the shares of votes on. `known` has the true class of each item where
    /// that is known; `weights` says how often each item counts, as in a bootstrap.
    pub fn new(votes: &[Vote], (judges, classes): (usize, usize), known: &[Option<usize>], weights: &[f64]) -> Self {
        let mut chances = vec![vec![0.0; classes]; known.len()];
        for vote in votes.iter().filter(|vote| known[vote.item].is_none()) {
            chances[vote.item][vote.class] += 1.0;
        }
        for (chances, known) in chances.iter_mut().zip(known) {
            if let Some(known) = known {
                chances[*known] = 1.0;
            }
            normalise(chances);
        }
        let (confusion, answers) = (vec![vec![Vec::new(); classes]; judges], Vec::new());
        let mut fit = Self { shares: Vec::new(), confusion, answers, items: chances };
        for _ in 0..TURNS {
            fit.maximise(votes, weights);
            if fit.expect(votes, known) < STILL {
                break;
            }
        }
        fit
    }

    /// Shares and confusions from the chances of the classes.
    fn maximise(&mut self, votes: &[Vote], weights: &[f64]) {
        let classes = self.items.first().map_or(0, Vec::len);
        self.shares = vec![PRIOR; classes];
        for (item, weight) in self.items.iter().zip(weights) {
            self.shares.iter_mut().zip(item).for_each(|(share, chance)| *share += weight * chance);
        }
        normalise(&mut self.shares);
        for confusion in &mut self.confusion {
            *confusion = vec![vec![PRIOR; classes]; classes];
        }
        for vote in votes {
            for (truth, chance) in self.items[vote.item].iter().enumerate() {
                self.confusion[vote.judge][truth][vote.class] += weights[vote.item] * chance;
            }
        }
        let seen = |row: &Vec<f64>| row.iter().map(|count| count - PRIOR).sum();
        self.answers = self.confusion.iter().map(|rows| rows.iter().map(seen).collect()).collect();
        self.confusion.iter_mut().flatten().for_each(|row| normalise(row));
    }

    /// Chances of the classes from shares and confusions; gives how far one of them moved at most.
    fn expect(&mut self, votes: &[Vote], known: &[Option<usize>]) -> f64 {
        // Logarithms: many judges make small numbers.
        let mut chances: Vec<Vec<f64>> = vec![self.shares.iter().map(|share| share.ln()).collect(); self.items.len()];
        for vote in votes {
            for (truth, chance) in chances[vote.item].iter_mut().enumerate() {
                *chance += self.confusion[vote.judge][truth][vote.class].ln();
            }
        }
        let mut moved: f64 = 0.0;
        for ((old, new), known) in self.items.iter().zip(&mut chances).zip(known) {
            if known.is_some() {
                new.clone_from(old);
                continue;
            }
            let highest = new.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            for chance in new.iter_mut() {
                *chance = (*chance - highest).exp();
            }
            normalise(new);
            moved = old.iter().zip(new.iter()).map(|(old, new)| (old - new).abs()).fold(moved, f64::max);
        }
        self.items = chances;
        moved
    }

    /// The chance that a judge gives a class its own name; `None` where nothing was of that class.
    pub fn names(&self, judge: usize, class: usize) -> Option<f64> {
        // Less than half of an answer is what rounding and doubt leave; without any item there are no classes.
        let answers = self.answers.get(judge)?.get(class)?;
        (*answers >= 0.5).then(|| self.confusion[judge][class][class])
    }

    /// How often a judge is right, over the classes as they are.
    pub fn accuracy(&self, judge: usize) -> f64 {
        self.shares.iter().enumerate().map(|(class, share)| share * self.confusion[judge][class][class]).sum()
    }

    /// The most likely class of an item.
    pub fn class(&self, item: usize) -> Option<usize> {
        let chances = self.items.get(item)?;
        (0..chances.len()).rev().max_by(|a, b| chances[*a].total_cmp(&chances[*b]))
    }
}

fn normalise(values: &mut [f64]) {
    let sum: f64 = values.iter().sum();
    if sum > 0.0 {
        for value in values {
            *value /= sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn votes(table: &[&[usize]]) -> Vec<Vote> {
        let row = |(item, row): (usize, &&[usize])| {
            row.iter().enumerate().map(move |(judge, &class)| Vote { item, judge, class }).collect::<Vec<_>>()
        };
        table.iter().enumerate().flat_map(row).collect()
    }

    #[test]
    fn one_turn_is_what_it_is_on_paper() {
        // Item 0: two say 0, one says 1; item 1: all say 1.
        let votes = votes(&[&[0, 0, 1], &[1, 1, 1]]);
        let mut fit = Fit {
            shares: Vec::new(),
            confusion: vec![vec![Vec::new(); 2]; 3],
            answers: Vec::new(),
            items: vec![vec![2.0 / 3.0, 1.0 / 3.0], vec![0.0, 1.0]],
        };
        fit.maximise(&votes, &[1.0, 1.0]);
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        near(fit.shares[0], (2.0 / 3.0 + PRIOR) / (2.0 + 2.0 * PRIOR));
        // Judge 0 where 0 is true: said 0 with weight 2/3, never 1. Where 1 is true: 0 with weight 1/3, 1 with weight 1.
        near(fit.confusion[0][0][0], (2.0 / 3.0 + PRIOR) / (2.0 / 3.0 + 2.0 * PRIOR));
        near(fit.confusion[0][1][1], (1.0 + PRIOR) / (4.0 / 3.0 + 2.0 * PRIOR));
        near(fit.confusion[2][0][0], PRIOR / (2.0 / 3.0 + 2.0 * PRIOR));
        let (zero, one) = (
            fit.shares[0] * fit.confusion[0][0][0] * fit.confusion[1][0][0] * fit.confusion[2][0][1],
            fit.shares[1] * fit.confusion[0][1][0] * fit.confusion[1][1][0] * fit.confusion[2][1][1],
        );
        fit.expect(&votes, &[None, None]);
        near(fit.items[0][0], zero / (zero + one));
    }

    #[test]
    fn judges_who_are_never_wrong_are_found_to_be_so() {
        let votes = votes(&[&[0, 0, 0], &[1, 1, 1], &[2, 2, 2], &[0, 0, 0], &[1, 1, 0]]);
        let fit = Fit::new(&votes, (3, 3), &[None; 5], &[1.0; 5]);
        assert!(fit.accuracy(0) > 0.98 && fit.accuracy(2) < 0.9, "{fit:?}");
        assert_eq!((0..5).map(|item| fit.class(item).unwrap()).collect::<Vec<_>>(), [0, 1, 2, 0, 1]);
    }

    #[test]
    fn what_is_known_to_be_true_is_not_outvoted() {
        let (zero, one): (&[usize], &[usize]) = (&[0, 0], &[1, 1]);
        let votes = votes(&[zero, zero, zero, zero, one, one, one, one, zero]);
        let known: Vec<Option<usize>> = std::iter::repeat_n(None, 8).chain([Some(1)]).collect();
        let fit = Fit::new(&votes, (2, 2), &known, &[1.0; 9]);
        assert_eq!(fit.class(8), Some(1));
        let named = fit.names(0, 1).unwrap();
        assert!((0.7..0.9).contains(&named) && fit.names(0, 0) > Some(0.9), "{fit:?}");
        assert_eq!(Fit::new(&[], (2, 2), &[], &[]).names(0, 1), None, "nothing was judged");
        assert_eq!(Fit::new(&votes[..2], (2, 2), &[None], &[1.0]).names(0, 1), None, "nothing was of that class");
    }

    #[test]
    fn confusions_come_back_from_answers_that_were_drawn_from_them() {
        // Judge 2 answers by chance; two good judges outvote nobody, and still count.
        let right = [0.9, 0.8, 0.5, 0.7];
        let (mut state, mut all, mut truths) = (7_u64, Vec::new(), Vec::new());
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        for item in 0..4000 {
            let truth = usize::from(draw() < 0.4);
            truths.push(truth);
            for (judge, right) in right.iter().enumerate() {
                let class = if draw() < *right { truth } else { 1 - truth };
                all.push(Vote { item, judge, class });
            }
        }
        let fit = Fit::new(&all, (4, 2), &vec![None; 4000], &vec![1.0; 4000]);
        for (judge, right) in right.iter().enumerate() {
            assert!((fit.accuracy(judge) - right).abs() < 0.04, "{judge}: {}", fit.accuracy(judge));
        }
        assert!((fit.shares[1] - 0.4).abs() < 0.04, "{:?}", fit.shares);
        let found = truths.iter().enumerate().filter(|(item, truth)| fit.class(*item) == Some(**truth)).count();
        assert!(found > 3550, "{found} of 4000: more than the best judge alone would find");
    }
}
