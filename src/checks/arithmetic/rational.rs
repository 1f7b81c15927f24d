//! Exact fractions of bounded size. Every operation that would overflow gives `None`.

use std::cmp::Ordering;
use std::fmt;

/// A fraction in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rational {
    num: i128,
    // Invariant: positive, and without a common factor with `num`.
    den: i128,
}

impl Rational {
    pub(crate) const ZERO: Self = Self { num: 0, den: 1 };

    pub(crate) fn integer(value: i64) -> Self {
        Self { num: i128::from(value), den: 1 }
    }

    fn new(num: i128, den: i128) -> Option<Self> {
        if den == 0 {
            return None;
        }
        let divisor = i128::try_from(gcd(num.unsigned_abs(), den.unsigned_abs())).ok()?;
        let divisor = if den < 0 { divisor.checked_neg()? } else { divisor };
        Some(Self { num: num.checked_div(divisor)?, den: den.checked_div(divisor)? })
    }

    /// A decimal number as written, digits with at most one point.
    pub(crate) fn decimal(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let num = format!("{whole}{fraction}").parse().ok()?;
        Self::new(num, 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?)
    }

    /// 10 to the power of minus `digits`.
    pub(super) fn unit_of(digits: usize) -> Option<Self> {
        Self::new(1, 10_i128.checked_pow(u32::try_from(digits).ok()?)?)
    }

    pub(crate) fn add(self, other: Self) -> Option<Self> {
        let left = self.num.checked_mul(other.den)?;
        let right = other.num.checked_mul(self.den)?;
        Self::new(left.checked_add(right)?, self.den.checked_mul(other.den)?)
    }

    pub(super) fn neg(self) -> Option<Self> {
        Some(Self { num: self.num.checked_neg()?, den: self.den })
    }

    pub(crate) fn sub(self, other: Self) -> Option<Self> {
        self.add(other.neg()?)
    }

    pub(crate) fn mul(self, other: Self) -> Option<Self> {
        // Reduced crosswise first, so that less overflows.
        let a = Self::new(self.num, other.den)?;
        let b = Self::new(other.num, self.den)?;
        Self::new(a.num.checked_mul(b.num)?, a.den.checked_mul(b.den)?)
    }

    pub(crate) fn div(self, other: Self) -> Option<Self> {
        self.mul(Self::new(other.den, other.num)?)
    }

    pub(super) fn pow(self, exponent: i128) -> Option<Self> {
        let power = u32::try_from(exponent.unsigned_abs()).ok()?;
        let raised = Self { num: self.num.checked_pow(power)?, den: self.den.checked_pow(power)? };
        if exponent < 0 { Self::new(raised.den, raised.num) } else { Some(raised) }
    }

    /// The root of a perfect square.
    pub(super) fn sqrt(self) -> Option<Self> {
        Some(Self { num: exact_root(self.num)?, den: exact_root(self.den)? })
    }

    pub(super) fn abs(self) -> Option<Self> {
        Some(Self { num: self.num.checked_abs()?, den: self.den })
    }

    /// The value, when it is whole.
    pub(crate) fn whole(self) -> Option<i128> {
        (self.den == 1).then_some(self.num)
    }

    /// The nearest floating-point number, but for rounding.
    pub(crate) fn approximate(self) -> f64 {
        self.num as f64 / self.den as f64
    }

    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        self.sub(other).map(|difference| difference.num.cmp(&0))
    }

    pub(super) fn at_most(self, other: Self) -> bool {
        self.compare(other).is_some_and(Ordering::is_le)
    }
}

fn exact_root(value: i128) -> Option<i128> {
    let root = value.checked_isqrt()?;
    (root.checked_mul(root)? == value).then_some(root)
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl fmt::Display for Rational {
    /// A whole number, a short decimal where that is exact, a fraction otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut scale: i128 = 1;
        for digits in 0..=6_usize {
            if scale % self.den == 0 {
                let scaled = self.num.checked_mul(scale / self.den);
                let Some(scaled) = scaled else { break };
                if digits == 0 {
                    return write!(f, "{scaled}");
                }
                let (sign, size) = (if scaled < 0 { "-" } else { "" }, scaled.unsigned_abs());
                let unit = scale.unsigned_abs();
                return write!(f, "{sign}{}.{:0digits$}", size / unit, size % unit);
            }
            scale *= 10;
        }
        write!(f, "{}/{}", self.num, self.den)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Rational {
        Rational::decimal(text).unwrap()
    }

    #[test]
    fn arithmetic_is_exact() {
        let third = number("1").div(number("3")).unwrap();
        assert_eq!(third.add(third).unwrap().add(third), Some(number("1")));
        assert_eq!(number("0.1").add(number("0.2")), Some(number("0.3")));
        assert_eq!(number("2").pow(-3), Some(number("0.125")));
        assert_eq!(number("2.25").sqrt(), Some(number("1.5")));
        assert_eq!(number("2").sqrt(), None);
        assert_eq!(number("1").div(Rational::ZERO), None);
    }

    #[test]
    fn overflow_is_no_answer() {
        let large = Rational::integer(i64::MAX);
        assert_eq!(large.pow(64), None);
        assert_eq!(Rational::decimal(&"9".repeat(60)), None);
        assert_eq!(Rational::decimal(&format!("0.{}", "1".repeat(60))), None);
    }

    #[test]
    fn numbers_are_shown_as_people_write_them() {
        for (text, shown) in [("14", "14"), ("3.50", "3.5"), ("0.05", "0.05")] {
            assert_eq!(number(text).to_string(), shown);
        }
        assert_eq!(number("0.05").neg().unwrap().to_string(), "-0.05");
        assert_eq!(number("10").div(number("3")).unwrap().to_string(), "10/3");
    }
}
