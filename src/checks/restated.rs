//! A quantity that a step gives twice, first as an expression and right behind it worked out: `Total = 3 + 4 + 5. Total = 13`.
//!
//! The two expressions stand in no equality of their own, but they carry one name and say the same number. It speaks up only where the second
//! plainly continues the first: the same name, nothing but the end of a line or sentence or words of derivation between them, and fewer
//! operations than before, so that two solutions (`x = 4 + 2, x = 4 - 2`) or two uses of one name are left alone. Bounded like
//! [`arithmetic`](super::arithmetic), which reads and compares the sides.

use std::ops::Range;

use super::algebra::{derives, is_relation};
use super::arithmetic::{Claim, Finding, Kind, Percent, Reading, Token, compare, evaluate, right_side};

const MAX_EQUATIONS: usize = 24;
/// Tokens of a name.
const MAX_NAME: usize = 12;

/// The quantities of a step that has been read and that are worked out, in order. `left` of a finding is the expression, `right` what comes of it.
pub(crate) fn findings(step: &Reading) -> Vec<Finding> {
    let given = given(&step.tokens);
    given.iter().zip(given.iter().skip(1)).filter_map(|(earlier, later)| worked_out(&step.tokens, earlier, later)).collect()
}

/// A name and the expression that it is given.
struct Given {
    name: Range<usize>,
    value: Range<usize>,
    operations: usize,
}

/// The quantities that are given as one whole expression, in order.
fn given(tokens: &[Token]) -> Vec<Given> {
    let signs: Vec<usize> =
        tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Equals).map(|(at, _)| at).take(MAX_EQUATIONS).collect();
    let read = |(n, sign): (usize, &usize)| {
        let name = name(tokens, *sign)?;
        let value = right_side(tokens, sign + 1..signs.get(n + 1).copied().unwrap_or(tokens.len()))?;
        // A chain says itself what comes of it.
        let chained = tokens.get(value.end).is_some_and(is_relation);
        let operations = evaluate(&tokens[value.clone()], Percent::Hundredth)?.operations;
        (!chained).then_some(Given { name, value, operations })
    };
    signs.iter().enumerate().filter_map(read).collect()
}

/// The words or the letter before a sign, back to whatever ends them.
fn name(tokens: &[Token], sign: usize) -> Option<Range<usize>> {
    let names = |token: &&Token| matches!(token.kind, Kind::Word | Kind::Variable | Kind::Of);
    let length = tokens[..sign].iter().rev().take(MAX_NAME).take_while(names).count();
    let start = sign - length;
    let torn = start.checked_sub(1).is_some_and(|before| {
        matches!(tokens[before].kind, Kind::Number | Kind::Operator | Kind::Close | Kind::Percent | Kind::Currency | Kind::Root)
    });
    (length > 0 && !torn).then_some(start..sign)
}

fn worked_out(tokens: &[Token], earlier: &Given, later: &Given) -> Option<Finding> {
    let words =
        |name: &Range<usize>| tokens[name.clone()].iter().map(|token| token.text.to_ascii_lowercase()).collect::<Vec<_>>();
    let between = tokens.get(earlier.value.end..later.name.start)?;
    if earlier.operations <= later.operations || words(&earlier.name) != words(&later.name) || !continues(between) {
        return None;
    }
    let verdict = compare(tokens, &earlier.value, &later.value, false)?;
    let value = |side: &Range<usize>| evaluate(&tokens[side.clone()], Percent::Hundredth).map(|side| side.value);
    let span = tokens[earlier.value.start].span.start..tokens[later.value.end - 1].span.end;
    Some(Finding { verdict, span, left: value(&earlier.value)?, right: value(&later.value)?, claim: Claim::Numbers })
}

/// Nothing but an end, or words that say that the second expression follows.
fn continues(between: &[Token]) -> bool {
    let ends = |token: &Token| token.kind == Kind::Boundary && matches!(token.text.as_str(), ";" | "." | ":");
    let end = !between.is_empty() && between.iter().all(|token| ends(token) || token.kind == Kind::Comma);
    end || derives(between)
}

#[cfg(test)]
mod tests {
    use super::super::arithmetic::{Verdict, read};
    use super::*;

    fn verdicts(step: &str) -> Vec<Verdict> {
        findings(&read(step)).into_iter().map(|finding| finding.verdict).collect()
    }

    #[test]
    fn what_comes_of_an_expression_is_compared_with_it() {
        assert_eq!(verdicts("Total earnings = $3.00 + $3.00 + $1.50 + $1.50. Total earnings = $8.00."), [Verdict::Bad]);
        assert_eq!(verdicts("Total earnings = $3.00 + $3.00 + $1.50 + $1.50. Total earnings = $9.00."), [Verdict::Ok]);
        assert_eq!(verdicts(r"\[ \text{Total fruits} = 52 + 24 + 44 + 48 \] \[ \text{Total fruits} = 178 \]"), [Verdict::Bad]);
        assert_eq!(verdicts(r"\[ S = 165 \times \frac{6}{11} \] \[ S = 9 \times 6 \] \[ S = 54 \]"), [Verdict::Bad, Verdict::Ok]);
        assert_eq!(verdicts("Cost = 3 * 4 + 5, so Cost = 17"), [Verdict::Ok]);
        assert_eq!(verdicts("Mean = 10 / 3\nMean = 3.33"), [Verdict::Ok]);
    }

    #[test]
    fn other_names_other_cases_and_finished_chains_are_left_alone() {
        for step in [
            "Apples = 3 + 4. Pears = 9.",
            "Left = 10 - 3 = 7. Left = 5.",
            r"\[ x = 4 + 2 \] \[ x = 4 - 2 \]",
            "x = 4 + 2 or x = 2",
            "Cost = 3 * 4. For the second shop, Cost = 9.",
            "If Total = 3 + 4, and if Total = 9",
            "2 Total = 3 + 4. Total = 9.",
            "Total = 3 + 4x. Total = 9.",
        ] {
            assert!(verdicts(step).is_empty(), "{step}: {:?}", verdicts(step));
        }
    }
}
