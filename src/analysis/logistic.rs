//! Logistic regression with a ridge, by Newton's method: small, convex, and done in milliseconds.

/// No chance is surer than this: its logit would drown everything else.
const SURE: f64 = 0.005;
const NEWTON_STEPS: usize = 30;

/// The logarithmic loss of a probability.
pub fn log_loss(probability: f64, right: bool) -> f64 {
    -(if right { probability } else { 1.0 - probability }).max(1e-9).ln()
}

/// The chance of these log odds.
pub fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// The log odds of a chance.
pub fn logit(chance: f64) -> f64 {
    let chance = chance.clamp(SURE, 1.0 - SURE);
    (chance / (1.0 - chance)).ln()
}

/// Minimises the logarithmic loss plus `pull / 2` times the square of the way from the start. Rows are inputs and a target.
pub fn newton(rows: &[(Vec<f64>, f64)], start: &[f64], pull: impl Fn(usize) -> f64) -> Vec<f64> {
    let score = |weights: &[f64], row: &[f64]| weights.iter().zip(row).map(|(w, x)| w * x).sum::<f64>();
    let total = |weights: &[f64]| {
        let fit: f64 = rows.iter().map(|(row, target)| log_loss(sigmoid(score(weights, row)), *target > 0.5)).sum();
        let ridge = |(column, (weight, start)): (usize, (&f64, &f64))| pull(column) * (weight - start).powi(2) / 2.0;
        fit + weights.iter().zip(start).enumerate().map(ridge).sum::<f64>()
    };
    let mut weights = start.to_vec();
    let mut loss = total(&weights);
    for _ in 0..NEWTON_STEPS {
        let size = weights.len();
        let mut slope: Vec<f64> = (0..size).map(|column| pull(column) * (weights[column] - start[column])).collect();
        let mut curve = vec![vec![0.0; size]; size];
        for (row, target) in rows {
            let probability = sigmoid(score(&weights, row));
            let curvature = probability * (1.0 - probability);
            for (i, x) in row.iter().enumerate() {
                slope[i] += (probability - target) * x;
                let scaled = curvature * x;
                // The lower half: the matrix is symmetric.
                curve[i].iter_mut().zip(&row[..=i]).for_each(|(cell, other)| *cell += scaled * other);
            }
        }
        (0..size).for_each(|column| curve[column][column] += pull(column));
        let way = solve(curve, slope);
        // Half the way, and half again, while it leads up.
        let tried = (0..20).map(|halvings| 0.5_f64.powi(halvings)).find_map(|share| {
            let next: Vec<f64> = weights.iter().zip(&way).map(|(weight, way)| weight - share * way).collect();
            let found = total(&next);
            (found < loss).then_some((next, found))
        });
        let Some((next, found)) = tried else { break };
        let gain = loss - found;
        (weights, loss) = (next, found);
        if gain < 1e-9 * loss.max(1.0) {
            break;
        }
    }
    weights
}

/// Solves a positive definite system, of which the lower half is given, by Cholesky's factors.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let size = right.len();
    for i in 0..size {
        let (above, below) = matrix.split_at_mut(i);
        let row = &mut below[0];
        for j in 0..i {
            let inner: f64 = row[..j].iter().zip(&above[j][..j]).map(|(a, b)| a * b).sum();
            row[j] = (row[j] - inner) / above[j][j];
        }
        let inner: f64 = row[..i].iter().map(|a| a * a).sum();
        // Positive, for every pull is; rounding must not make it anything else.
        row[i] = (row[i] - inner).max(1e-12).sqrt();
        let known: f64 = row[..i].iter().zip(&right[..i]).map(|(a, b)| a * b).sum();
        right[i] = (right[i] - known) / row[i];
    }
    for i in (0..size).rev() {
        right[i] /= matrix[i][i];
        let (head, tail) = right.split_at_mut(i);
        head.iter_mut().zip(&matrix[i]).for_each(|(value, factor)| *value -= factor * tail[0]);
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_solved_by_hand() {
        // 4x + 2y = 2, 2x + 5y = 9.
        let found = solve(vec![vec![4.0, 0.0], vec![2.0, 5.0]], vec![2.0, 9.0]);
        assert!((found[0] + 0.5).abs() < 1e-12 && (found[1] - 2.0).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn one_share_is_found_again() {
        let rows: Vec<(Vec<f64>, f64)> = (0..8).map(|n| (vec![1.0], if n < 6 { 1.0 } else { 0.0 })).collect();
        let weights = newton(&rows, &[0.0], |_| 1e-9);
        assert!((sigmoid(weights[0]) - 0.75).abs() < 1e-6);
    }
}
