//! The interval of a share by its formula, where no units need to be drawn again: Wilson (1927).

/// Quantile of the normal distribution that leaves 2.5 % on either side.
const Z: f64 = 1.959_963_984_540_054;

/// Between which shares, from 0 to 1, that of `some` of `all` lies at 95 %; `None` where there are none, or fewer than some of them.
pub fn interval(some: u64, all: u64) -> Option<(f64, f64)> {
    if all == 0 || some > all {
        return None;
    }
    Some(around(some as f64 / all as f64, all as f64))
}

/// The same around a share from 0 to 1 of so many, where they need not be whole: an effective number of weighted ones.
pub fn around(p: f64, n: f64) -> (f64, f64) {
    let centre = p + Z * Z / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::interval;

    #[test]
    fn the_interval_is_wilson_s() {
        let (low, high) = interval(0, 8).unwrap();
        assert!(low.abs() < 1e-12 && (high - 0.324_408).abs() < 1e-5, "{low} {high}");
        let (low, high) = interval(6, 8).unwrap();
        assert!((low - 0.409_275).abs() < 1e-5 && (high - 0.928_521).abs() < 1e-6, "{low} {high}");
    }

    #[test]
    fn a_share_of_nothing_or_of_too_few_has_none() {
        assert_eq!(interval(0, 0), None);
        assert_eq!(interval(9, 8), None);
    }
}
