//! How far apart the two sides of an equality are, with patience for rounding, percent signs, units and words nearby.

use std::ops::Range;

use super::Verdict;
use super::expression::{Evaluated, Percent, Units, evaluate, evaluate_in_units};
use super::lexer::{Kind, Token};
use super::rational::Rational;
use super::units::{Unit, unit_of, units_change};

/// How far the two sides of an equality lie apart, nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Closeness {
    /// They are equal, or equal after rounding or cutting off to the digits written.
    Holds,
    /// They differ by at most one in the last digit written, which no rounding of the left side explains.
    LastDigit,
    /// They differ, but rounding before, units or words nearby may explain it.
    Explained,
    /// They differ.
    Off,
}

impl Closeness {
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::Holds => Verdict::Ok,
            Self::LastDigit | Self::Explained => Verdict::Soft,
            Self::Off => Verdict::Bad,
        }
    }
}

/// What is to be said of two sides; `approximately`: the sign between them says no more.
pub(in crate::checks) fn compare(
    tokens: &[Token],
    left: &Range<usize>,
    right: &Range<usize>,
    approximately: bool,
) -> Option<Verdict> {
    closest(tokens, left, right, approximately).map(Closeness::verdict)
}

/// Compares under every reading of percent signs and units; the kindest one counts.
pub(super) fn closest(tokens: &[Token], left: &Range<usize>, right: &Range<usize>, approximately: bool) -> Option<Closeness> {
    let whole = left.start..right.end;
    let claim = &tokens[whole.clone()];
    let percent = claim.iter().any(|token| token.kind == Kind::Percent);
    let counted = claim.iter().any(|token| unit_of(token).is_some_and(Unit::is_count));
    let units = counted || units_change(claim);
    let places = (decimals(&tokens[left.clone()]), decimals(&tokens[right.clone()]));
    let excused = has_excuse(tokens, &whole) || is_clock(claim) || is_factorial_or_not_equal(claim);
    let conversion = units || units_change(&tokens[whole.start..(whole.end + 3).min(tokens.len())]);
    let readings = |side: &Range<usize>| values(&tokens[side.clone()], percent, units);
    let mut best: Option<Closeness> = None;
    let (lefts, rights) = (readings(left), readings(right));
    for &l in &lefts {
        for &r in &rights {
            let hundred = Rational::integer(100);
            let mut pairs = vec![(l, r)];
            if percent {
                pairs.extend(l.mul(hundred).map(|l| (l, r)));
                pairs.extend(r.mul(hundred).map(|r| (l, r)));
            }
            for (l, r) in pairs {
                // Out of bounds: nothing can be said.
                let mut closeness = compare_values(l, r, places, approximately)?;
                let explainable = closeness == Closeness::Off && best.is_none_or(|best| best == Closeness::Off);
                if explainable && (excused || (conversion && converts(l, r, places, approximately))) {
                    closeness = Closeness::Explained;
                }
                best = Some(best.map_or(closeness, |best| best.min(closeness)));
            }
        }
    }
    best
}

/// What a side may be worth.
fn values(side: &[Token], percent: bool, units: bool) -> Vec<Rational> {
    let percents: &[Percent] = if percent { &[Percent::Hundredth, Percent::Unit, Percent::Share] } else { &[Percent::Hundredth] };
    let by_name = percents.iter().filter_map(|percent| evaluate(side, *percent));
    let sized = |units| percents.iter().filter_map(move |percent| evaluate_in_units(side, *percent, units));
    let by_size = [Units::Counts, Units::Sizes].into_iter().filter(|_| units).flat_map(sized);
    // Most readings come to the same.
    let mut found = Vec::new();
    for Evaluated { value, .. } in by_name.chain(by_size) {
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found
}

/// The sides differ by a factor that turns one unit into another, as far as the digits written tell.
fn converts(left: Rational, right: Rational, places: (usize, usize), approximately: bool) -> bool {
    let holds = |left: Option<Rational>| {
        left.and_then(|left| compare_values(left, right, places, approximately)).is_some_and(|it| it <= Closeness::LastDigit)
    };
    FACTORS.iter().map(|factor| Rational::integer(*factor)).any(|factor| holds(left.mul(factor)) || holds(left.div(factor)))
}

/// Times of day: they are counted round a dial.
fn is_clock(claim: &[Token]) -> bool {
    claim.iter().any(|token| token.kind == Kind::Word && matches!(token.text.to_ascii_lowercase().as_str(), "am" | "pm"))
}

/// `3!=6`, with nothing between the signs: they may mean a factorial, or that the sides differ.
fn is_factorial_or_not_equal(claim: &[Token]) -> bool {
    let touch =
        |pair: &[Token]| pair[0].kind == Kind::Bang && pair[1].kind == Kind::Equals && pair[0].span.end == pair[1].span.start;
    claim.windows(2).any(touch)
}

/// `places`: digits behind the point that each side writes.
fn compare_values(left: Rational, right: Rational, places: (usize, usize), approximately: bool) -> Option<Closeness> {
    let error = left.sub(right)?.abs()?;
    if error == Rational::ZERO {
        return Some(Closeness::Holds);
    }
    let size = left.abs()?;
    let within = |digits: usize| Rational::unit_of(digits).is_some_and(|unit| error.at_most(unit));
    let share = |percent: i64| {
        size.mul(Rational::integer(percent))
            .and_then(|part| part.div(Rational::integer(100)))
            .is_some_and(|part| error.at_most(part))
    };
    let (left_places, right_places) = places;
    let last_digit = right_places > 0 && within(right_places);
    let close = approximately && (within(right_places) || share(3));
    if close || (last_digit && is_rounded(left, right, right_places)) {
        return Some(Closeness::Holds);
    }
    if last_digit {
        return Some(Closeness::LastDigit);
    }
    let from_rounded = left_places > 0 && within(left_places);
    // Rounded to a whole number without saying so.
    let to_whole = right.whole().is_some() && left.whole().is_none() && !Rational::integer(1).at_most(error);
    let carried = left_places.max(right_places) >= 2 && share(1);
    Some(if from_rounded || to_whole || carried { Closeness::Explained } else { Closeness::Off })
}

/// The right side is the left one with so many digits behind the point, rounded or cut off. A value that needs no more digits is neither.
fn is_rounded(exact: Rational, written: Rational, places: usize) -> bool {
    let rounded = || {
        let unit = Rational::unit_of(places)?;
        if exact.div(unit)?.whole().is_some() {
            return None;
        }
        let (exact_size, written_size) = (exact.abs()?, written.abs()?);
        let error = exact.sub(written)?.abs()?;
        let cut_off = written_size.at_most(exact_size) && error.at_most(unit);
        Some(cut_off || error.add(error)?.at_most(unit))
    };
    rounded().unwrap_or(false)
}

fn decimals(tokens: &[Token]) -> usize {
    let places = |token: &Token| token.text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    tokens.iter().filter(|token| token.kind == Kind::Number).map(places).max().unwrap_or(0)
}

/// Words nearby that give `=` another meaning, or a mixed number written with `\frac`.
pub(in crate::checks) fn has_excuse(tokens: &[Token], whole: &Range<usize>) -> bool {
    const WORDS: &[&str] =
        &["remainder", "digit", "binary", "base", "modul", "≡", "quotient", "divisible", "round", "about", "approx", "nearest"];
    const AROUND: usize = 6;
    let near = &tokens[whole.start.saturating_sub(AROUND)..(whole.end + AROUND).min(tokens.len())];
    let says = |token: &Token| {
        let text = token.text.to_ascii_lowercase();
        text == "mod" || WORDS.iter().any(|word| text.contains(word))
    };
    // 3\frac{4}{5}
    let mixed = |window: &[Token]| {
        const SHAPE: [Kind; 9] = [
            Kind::Number,
            Kind::Open,
            Kind::Open,
            Kind::Number,
            Kind::Close,
            Kind::Operator,
            Kind::Open,
            Kind::Number,
            Kind::Close,
        ];
        window.iter().map(|token| token.kind).eq(SHAPE) && window[5].text == "/"
    };
    near.iter().any(says) || near.windows(9).any(mixed)
}

/// How often one unit goes into another.
const FACTORS: &[i64] = &[
    60, 3600, 24, 7, 12, 100, 1000, 16, 3, 36, 10, 52, 365, 30, 4, 2, 8, 14, 20, 5, 25, 1_000_000, 144, 9, 1440, 5280, 31, 28, 48,
];

/// The sides differ by a factor that turns one unit into another.
pub(in crate::checks) fn is_conversion(left: Rational, right: Rational) -> bool {
    let ratio = |a: Rational, b: Rational| a.div(b).and_then(Rational::abs).and_then(Rational::whole);
    [ratio(left, right), ratio(right, left)]
        .into_iter()
        .flatten()
        .any(|ratio| FACTORS.iter().any(|factor| i128::from(*factor) == ratio))
}
