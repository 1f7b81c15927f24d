//! Divisions with a remainder: `194 ÷ 11 = 17 with a remainder of 7`, `17 / 5 = 3 R 2`, `194 divided by 11 is 17 remainder 7`.
//!
//! As an equality such a claim fails, and [`arithmetic`](super::arithmetic) calls it doubtful at most; as a division it can be decided:
//! dividend = divisor · quotient + remainder, all of them whole. A remainder that is not below the divisor is a hint, [`Verdict::Soft`]. Other
//! bases are left alone. Bounded by the tokens of a step: each is looked at a few times.

use super::arithmetic::{Claim, Finding, Kind, Rational, Reading, Token, Verdict};

/// Divisions of a step that are looked at.
const MAX_DIVISIONS: usize = 24;
/// Tokens on each side among which a word may say that the digits stand in another base.
const AROUND: usize = 12;

/// The divisions with a remainder of a step that has been read, in order. `left` of a finding is the dividend, `right` what divisor,
/// quotient and remainder make.
pub(crate) fn findings(step: &Reading) -> Vec<Finding> {
    (0..step.tokens.len()).filter_map(|at| division(&step.tokens, at)).take(MAX_DIVISIONS).collect()
}

/// The claim that starts with the token at `start`.
fn division(tokens: &[Token], start: usize) -> Option<Finding> {
    let mut at = start;
    let dividend = number(tokens, &mut at)?;
    let by = if tokens.get(at)?.is(Kind::Operator, "/") { 1 } else { 2 * usize::from(says(tokens, at, &["divided", "by"])) };
    at += by;
    let divisor = number(tokens, &mut at).filter(|divisor| by > 0 && *divisor > 0)?;
    if tokens.get(at)?.kind != Kind::Equals && !is_word(tokens.get(at)?, &["is", "equals", "gives"]) {
        return None;
    }
    at += 1;
    let quotient = number(tokens, &mut at)?;
    at += passed(&tokens[at..], |token| token.kind == Kind::Comma || is_word(token, &["with", "and", "a", "the"]));
    if !is_word(tokens.get(at)?, &["r", "remainder"]) {
        return None;
    }
    at += 1;
    let tells = |token: &Token| {
        matches!(token.kind, Kind::Equals | Kind::Of) || token.is(Kind::Boundary, ":") || is_word(token, &["of", "is"])
    };
    at += passed(&tokens[at..], tells);
    let remainder = number(tokens, &mut at)?;
    let end = tokens[at - 1].span.end;
    // "remainder of 4 (since ..)": a bracket of prose.
    let goes_on = |token: &Token| binds(token) && (token.kind != Kind::Open || token.span.start == end);
    if start.checked_sub(1).is_some_and(|before| binds(&tokens[before])) || tokens.get(at).is_some_and(goes_on) {
        return None;
    }
    let near = &tokens[start.saturating_sub(AROUND)..(at + AROUND).min(tokens.len())];
    if near.iter().any(other_base) {
        return None;
    }
    let made = divisor.checked_mul(quotient)?.checked_add(remainder)?;
    let verdict = match made == dividend {
        true if remainder < divisor => Verdict::Ok,
        true => Verdict::Soft,
        false => Verdict::Bad,
    };
    let span = tokens[start].span.start..end;
    let [left, right] = [dividend, made].map(Rational::integer);
    Some(Finding { verdict, span, left, right, claim: Claim::Division { divisor, quotient, remainder } })
}

/// A whole number without a sign.
fn number(tokens: &[Token], at: &mut usize) -> Option<i64> {
    let token = tokens.get(*at).filter(|token| token.kind == Kind::Number)?;
    let number = token.text.parse().ok().filter(|number| *number >= 0)?;
    *at += 1;
    Some(number)
}

fn is_word(token: &Token, words: &[&str]) -> bool {
    matches!(token.kind, Kind::Word | Kind::Variable | Kind::Boundary)
        && words.contains(&token.text.to_ascii_lowercase().as_str())
}

/// These words stand here, one after the other.
fn says(tokens: &[Token], at: usize, words: &[&str]) -> bool {
    tokens.len() >= at + words.len() && tokens[at..].iter().zip(words).all(|(token, word)| is_word(token, &[word]))
}

/// How many tokens at the beginning are of this sort.
fn passed(tokens: &[Token], sort: impl Fn(&Token) -> bool) -> usize {
    tokens.iter().take_while(|token| sort(token)).count()
}

/// What makes the number beside it part of something larger.
fn binds(token: &Token) -> bool {
    matches!(
        token.kind,
        Kind::Operator | Kind::Number | Kind::Open | Kind::Close | Kind::Percent | Kind::Bang | Kind::Root | Kind::Variable
    )
}

fn other_base(token: &Token) -> bool {
    let text = token.text.to_ascii_lowercase();
    ["base", "binary", "octal", "hexadecimal"].iter().any(|word| text.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::super::arithmetic::read;
    use super::*;

    fn verdicts(step: &str) -> Vec<Verdict> {
        findings(&read(step)).into_iter().map(|finding| finding.verdict).collect()
    }

    #[test]
    fn divisions_are_multiplied_back() {
        for (step, verdict) in [
            ("First, divide 194 by 11: 194 ÷ 11 = 17 with a remainder of 9. This means more.", Verdict::Bad),
            ("So 194 ÷ 11 = 17 with a remainder of 7.", Verdict::Ok),
            ("1529 ÷ 6 = 255 with a remainder of 4 (because)", Verdict::Bad),
            ("17 / 5 = 3 R 2, and so on", Verdict::Ok),
            ("17 / 5 = 3 remainder 3", Verdict::Bad),
            (r"\[ 17 \div 5 = 3 \text{ remainder } 2 \]", Verdict::Ok),
            ("17 divided by 5 is 3, with the remainder 2.", Verdict::Ok),
            ("17 divided by 5 equals 2 and a remainder of 7.", Verdict::Soft),
        ] {
            assert_eq!(verdicts(step), [verdict], "{step}");
        }
    }

    #[test]
    fn what_is_no_plain_division_is_left_alone() {
        for step in [
            "2 * 17 / 5 = 3 remainder 2",
            "17 / 5 = 3.4",
            "x/5 = 3 remainder 2",
            "In base 6, 41 / 5 = 5 remainder 0",
            "17 / 5 = 3 remainder 2x",
            "17 / 0 = 3 remainder 2",
            "99999999999999999999 / 5 = 3 remainder 2",
            "9223372036854775807 / 9223372036854775807 = 9223372036854775807 remainder 2",
        ] {
            assert!(verdicts(step).is_empty(), "{step}: {:?}", verdicts(step));
        }
    }
}
