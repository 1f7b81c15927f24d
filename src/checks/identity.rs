//! Links of a chain whose both sides hold the same letters: `(x + 1)^2 - 1 = x^2 + 2x = x(x + 2)`.
//!
//! A lone equality in letters may be an equation that is to be solved. A link of a chain of transformations says that both sides are the same
//! for every value of the letters, and that can be tested: both are computed exactly at rational points, which are drawn by the text of the
//! claim. One point where they differ refutes it. Agreement at all of them is as good as proof: two different polynomials of degree 6 agree
//! at a point drawn from this many by chance in less than one of 10. A failing link is a hint, [`Verdict::Soft`]: people also write
//! `x + y = 2x = 10` where the first link is an equation. Sides that differ by the same number everywhere are equal for no value, so neither
//! an identity nor an equation: [`Verdict::Bad`]. Bounded like
//! [`algebra`](super::algebra): 24 signs, 60 tokens a side, four letters.

use std::ops::Range;

use super::algebra::{MAX_EQUATIONS, is_relation, side};
use super::arithmetic::{Claim, Finding, Kind, Rational, Reading, Token, Verdict, evaluate_at, has_excuse};
use crate::text::fnv1a;

/// Letters of a claim.
const MAX_LETTERS: usize = 4;
/// Points at which an identity must hold.
const POINTS: usize = 4;
/// Points that are tried, when it cannot be computed at some of them.
const TRIES: usize = 8;
/// Bytes between two tokens from which on another formula may begin; `\right` and the like take fewer.
const FORMULA_BORDER: usize = 7;
/// Bytes between two tokens from which on a dash may be one of prose: `\) - \(`.
const SIGN_BORDER: usize = 4;
/// Values of letters, numerator and denominator: small, so that powers stay in bounds, and none of them 0 or 1.
const VALUES: [(i64, i64); 16] = [
    (2, 1),
    (-2, 1),
    (3, 1),
    (-3, 1),
    (5, 1),
    (7, 1),
    (1, 2),
    (-1, 2),
    (3, 2),
    (-5, 2),
    (2, 3),
    (-4, 3),
    (7, 3),
    (3, 4),
    (-7, 4),
    (6, 5),
];

/// The identities of a step that has been read, in order.
pub(crate) fn findings(step: &Reading) -> Vec<Finding> {
    let tokens = &step.tokens;
    let signs = tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Equals).map(|(at, _)| at);
    signs.take(MAX_EQUATIONS).filter_map(|sign| test(tokens, sign)).collect()
}

fn test(tokens: &[Token], sign: usize) -> Option<Finding> {
    let (left, right) = (side(tokens, sign, true), side(tokens, sign, false));
    let chains = |at: Option<usize>| at.and_then(|at| tokens.get(at)).is_some_and(|token| token.kind == Kind::Equals);
    if !chains(left.start.checked_sub(1)) && !chains(Some(right.end)) {
        return None;
    }
    // A relation of another kind, or a sign that belongs to something that was not understood.
    let other = |at: usize| tokens.get(at).is_some_and(|token| token.kind != Kind::Equals && is_relation(token));
    let cut = tokens[left.clone()].first().is_none_or(|token| token.is(Kind::Operator, "*") || token.is(Kind::Operator, "/"));
    // `\) \(` parts two formulas without a token of its own.
    let torn = tokens[left.start..right.end].windows(2).any(|pair| pair[1].span.start >= pair[0].span.end + FORMULA_BORDER);
    if cut || torn || right.is_empty() || other(right.end) || left.start.checked_sub(1).is_some_and(other) {
        return None;
    }
    let letters = letters(&tokens[left.clone()])?;
    if letters != self::letters(&tokens[right.clone()])? {
        return None;
    }
    compare(tokens, &left, &right, &letters)
}

/// Computes both sides at points drawn by the claim.
fn compare(tokens: &[Token], left: &Range<usize>, right: &Range<usize>, letters: &[char]) -> Option<Finding> {
    let text = tokens[left.start..right.end].iter().flat_map(|token| token.text.bytes());
    let mut draw = fnv1a(text);
    let span = tokens[left.start].span.start..tokens[right.end - 1].span.end;
    let mut computed: Vec<(Rational, Rational, Claim)> = Vec::new();
    for _ in 0..TRIES {
        let point: Vec<(char, Rational)> = letters
            .iter()
            .map(|letter| {
                draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let (over, under) = VALUES[usize::try_from(draw >> 60).unwrap_or(0)];
                Some((*letter, Rational::integer(over).div(Rational::integer(under))?))
            })
            .collect::<Option<_>>()?;
        let value = |letter: char| point.iter().find(|(known, _)| *known == letter).map(|(_, value)| *value);
        let at = |side: &Range<usize>| evaluate_at(&tokens[side.clone()], &value);
        // Zero below a fraction line, or out of bounds: another point may do.
        let (Some(l), Some(r)) = (at(left), at(right)) else { continue };
        if l.operations == 0 && r.operations == 0 {
            return None;
        }
        computed.push((l.value, r.value, Claim::Identity { point }));
        if computed.len() == POINTS {
            break;
        }
    }
    let whole = computed.len() == POINTS;
    // `14 = x + 2 -16 = x` may be two equations in one breath.
    let has_operation = |side: &Range<usize>| tokens[side.clone()].iter().any(|token| token.kind == Kind::Operator);
    let is_one_formula = tokens[left.start..right.end].windows(2).all(|pair| pair[1].span.start < pair[0].span.end + SIGN_BORDER);
    let differences: Option<Vec<Rational>> = computed.iter().map(|(left, right, _)| left.sub(*right)).collect();
    let same = differences.is_some_and(|all| all.windows(2).all(|pair| pair[0] == pair[1]));
    let refuted = computed.iter().position(|(left, right, _)| left != right);
    let verdict = match refuted {
        Some(_)
            if whole
                && same
                && is_one_formula
                && has_operation(left)
                && has_operation(right)
                && !has_excuse(tokens, &(left.start..right.end)) =>
        {
            Verdict::Bad
        }
        Some(_) => Verdict::Soft,
        None if whole => Verdict::Ok,
        None => return None,
    };
    let (left, right, claim) = computed.swap_remove(refuted.unwrap_or(POINTS - 1));
    Some(Finding { verdict, span, left, right, claim })
}

/// The letters that stand in these tokens, in order of the alphabet; `None` for none, many, or something like `f(x)`.
fn letters(tokens: &[Token]) -> Option<Vec<char>> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Variable) {
        let mut letters = token.text.chars();
        let (letter, rest) = (letters.next()?, letters.next());
        let touches = tokens.get(at + 1).is_some_and(|next| next.kind == Kind::Open && next.span.start == token.span.end);
        // Names of functions are applied, also as f^{-1}(x); i and e are numbers.
        let raised = tokens.get(at + 1).is_some_and(|next| next.is(Kind::Operator, "^"));
        let applied =
            (touches && matches!(letter, 'p' | 'q' | 'A'..='Z')) || ((touches || raised) && matches!(letter, 'f'..='h'));
        if rest.is_some() || !letter.is_ascii_alphabetic() || matches!(letter, 'i' | 'e') || applied {
            return None;
        }
        if !found.contains(&letter) {
            found.push(letter);
        }
    }
    found.sort_unstable();
    (1..=MAX_LETTERS).contains(&found.len()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::super::arithmetic::read;
    use super::*;

    fn verdicts(step: &str) -> Vec<Verdict> {
        findings(&read(step)).into_iter().map(|finding| finding.verdict).collect()
    }

    #[test]
    fn links_of_a_chain_are_tested_at_points() {
        use Verdict::{Bad, Ok, Soft};
        assert_eq!(verdicts("(x + 1)^2 - 1 = x^2 + 2x = x(x + 2)"), [Ok, Ok]);
        assert_eq!(verdicts(r"$\frac{a^2 - b^2}{a - b} = \frac{(a - b)(a + b)}{a - b} = a + b$"), [Ok, Ok]);
        assert_eq!(verdicts("(x + 1)^2 = x^2 + 1 = x(x + 1) + 1 - x"), [Soft, Ok]);
        assert_eq!(verdicts("(x - y)(x + y) = x^2 + y^2 = 12"), [Soft]);
        assert_eq!(verdicts("(x - 16 + 100) - 25 = x + 69 - 25 = x + 44"), [Bad, Ok], "15 too many, whatever x is");
        assert_eq!(verdicts("x + 7 = x + 2 = x - 3 mod 5"), [Soft, Soft]);
    }

    #[test]
    fn equations_and_functions_are_left_alone() {
        for step in [
            "x^2 = 2x + 1",
            "2x + 1 = 7 = 7",
            "y = 2x + 1 = 7",
            "f(x) = x^2 = 3",
            "x + 1 < x^2 = x * x + 0y = 3",
            "a_1 = a_2 = a_3",
        ] {
            assert_eq!(verdicts(step), [], "{step}");
        }
    }

    #[test]
    fn hostile_chains_are_not_checked() {
        let deep = format!("{}x{} = x = x", "(".repeat(10_000), ")".repeat(10_000));
        let long = "x + 1 = ".repeat(10_000);
        assert!(findings(&read(&long)).len() <= MAX_EQUATIONS);
        for step in [deep.as_str(), "x^99 = x^98 * x = x", "x/0 = x/0 = x", "1/(x - x) = 2/(x - x) = 3x"] {
            assert!(!verdicts(step).contains(&Verdict::Bad), "{}", &step[..12]);
        }
    }
}
