//! Equations in one letter that a step transforms: `2x + 3 = 11`, `2x = 8`, `x = 4`.
//!
//! A solved value is substituted back into the equation right before it. Nothing is solved by symbols: both sides are computed exactly at
//! rational points, which tells a linear equation from others and gives its root. It speaks up only where the value plainly follows from the
//! equation: same letter, and nothing between them but a line end or words of derivation. Bounded like [`arithmetic`](super::arithmetic): the first 6,000 bytes, 24
//! equations, 60 tokens a side.

use std::ops::Range;

use super::arithmetic::{Claim, Evaluated, Finding, Kind, Rational, Reading, Token, Verdict, evaluate_at};

pub(super) const MAX_EQUATIONS: usize = 24;
const MAX_SIDE: usize = 60;
/// Tokens between two equations, of which the second follows from the first.
const MAX_BETWEEN: usize = 14;

/// Checks the solved values and the transformed equations of a step in order. `left` of a finding is the root of the equation before, or by how
/// much the sides of an equation of higher degree differ there; `right` is the value that the step gives, the root of its equation, or 0.
pub fn check(step: &str) -> Vec<Finding> {
    findings(&super::arithmetic::read(step))
}

/// The same of a step that has been read.
pub(crate) fn findings(step: &Reading) -> Vec<Finding> {
    let equations = equations(&step.tokens);
    let pairs = equations.iter().zip(equations.iter().skip(1));
    pairs.filter_map(|(earlier, later)| follow(&step.tokens, earlier, later)).collect()
}

/// An equation in one letter.
struct Equation {
    letter: char,
    left: Range<usize>,
    right: Range<usize>,
    /// Where it is linear, and not in the letter alone on the left.
    root: Option<Rational>,
    /// What it says the letter is: `x = 4`.
    solved: Option<Rational>,
}

impl Equation {
    fn read(tokens: &[Token], left: Range<usize>, right: Range<usize>) -> Option<Self> {
        let letter = letter(&tokens[left.start..right.end])?;
        let mut equation = Self { letter, left, right, root: None, solved: None };
        let name_alone = equation.left.len() == 1 && tokens[equation.left.start].kind == Kind::Variable;
        if name_alone {
            equation.solved = evaluate_at(&tokens[equation.right.clone()], &|_| None).map(|side| side.value);
        }
        equation.root = equation.linear_root(tokens);
        (equation.root.is_some() || equation.difference(tokens, Rational::integer(2)).is_some()).then_some(equation)
    }

    /// Left side less right side where the letter has this value.
    fn difference(&self, tokens: &[Token], value: Rational) -> Option<Rational> {
        let at = |side: &Range<usize>| -> Option<Evaluated> {
            evaluate_at(&tokens[side.clone()], &|letter| (letter == self.letter).then_some(value))
        };
        at(&self.left)?.value.sub(at(&self.right)?.value)
    }

    /// The root, when the values at four points lie on a line that is not level.
    fn linear_root(&self, tokens: &[Token]) -> Option<Rational> {
        let at = |x: i64| self.difference(tokens, Rational::integer(x));
        let (zero, one) = (at(0)?, at(1)?);
        let slope = one.sub(zero)?;
        let on_line = |x: i64| Some(at(x)? == zero.add(slope.mul(Rational::integer(x))?)?);
        if slope == Rational::ZERO || !on_line(7)? || !on_line(-3)? {
            return None;
        }
        Rational::ZERO.sub(zero)?.div(slope)
    }

    fn span(&self, tokens: &[Token]) -> Range<usize> {
        tokens[self.left.start].span.start..tokens[self.right.end - 1].span.end
    }
}

/// The one letter that stands in these tokens; `None` for none, several, or something like `f(x)`.
fn letter(tokens: &[Token]) -> Option<char> {
    let applied =
        |pair: &[Token]| pair[0].kind == Kind::Variable && pair[1].kind == Kind::Open && pair[0].span.end == pair[1].span.start;
    if tokens.windows(2).any(applied) {
        return None;
    }
    let mut found = None;
    for token in tokens.iter().filter(|token| token.kind == Kind::Variable) {
        let mut letters = token.text.chars();
        let (letter, rest) = (letters.next()?, letters.next());
        // i and e are numbers more often than unknowns.
        if rest.is_some()
            || !letter.is_ascii_alphabetic()
            || matches!(letter, 'i' | 'e')
            || found.is_some_and(|found| found != letter)
        {
            return None;
        }
        found = Some(letter);
    }
    found
}

/// The equations in one letter, each between the borders around its sign, in order.
fn equations(tokens: &[Token]) -> Vec<Equation> {
    let mut found = Vec::new();
    let signs = tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Equals).map(|(at, _)| at);
    for sign in signs.take(MAX_EQUATIONS) {
        let left = side(tokens, sign, true);
        let right = side(tokens, sign, false);
        // A chain is several claims at once.
        let chained = |at: Option<usize>| at.and_then(|at| tokens.get(at)).is_some_and(is_relation);
        // A sign at the beginning belongs to something that was not understood, and so does what stands beyond the longest side.
        let cut = tokens[left.clone()].first().is_none_or(|token| token.kind == Kind::Operator);
        let too_long = left.len() >= MAX_SIDE || right.len() >= MAX_SIDE;
        if cut || too_long || right.is_empty() || chained(left.start.checked_sub(1)) || chained(Some(right.end)) {
            continue;
        }
        found.extend(Equation::read(tokens, left, right));
    }
    found
}

pub(super) fn is_relation(token: &Token) -> bool {
    matches!(token.kind, Kind::Equals | Kind::Approximately)
        || (token.kind == Kind::Boundary && matches!(token.text.as_str(), "<" | ">" | "≤" | "≥" | "≠"))
}

/// The tokens of expressions that touch the sign on one side.
pub(super) fn side(tokens: &[Token], sign: usize, before: bool) -> Range<usize> {
    let belongs = |token: &Token| {
        matches!(token.kind, Kind::Number | Kind::Variable | Kind::Operator | Kind::Open | Kind::Close | Kind::Currency)
    };
    if before {
        let reach = tokens[..sign].iter().rev().take(MAX_SIDE).take_while(|token| belongs(token)).count();
        sign - reach..sign
    } else {
        let reach = tokens[sign + 1..].iter().take(MAX_SIDE).take_while(|token| belongs(token)).count();
        sign + 1..sign + 1 + reach
    }
}

/// What a solved value says of the equation before it.
fn follow(tokens: &[Token], earlier: &Equation, later: &Equation) -> Option<Finding> {
    let follows = earlier.letter == later.letter && earlier.solved.is_none();
    // Sides that were cut off may overlap, and then there is nothing between them.
    let between = tokens.get(earlier.right.end..later.left.start)?;
    if !follows || !derives(between) || ends_early(tokens, later) {
        return None;
    }
    let (expected, found) = match (earlier.root, later.solved) {
        // Two linear equations, of which the second follows from the first, have one root.
        (Some(root), None) => (root, later.root?),
        (Some(root), Some(value)) => (root, value),
        (None, value) => (earlier.difference(tokens, value?)?, Rational::ZERO),
    };
    let verdict = if expected == found {
        Verdict::Ok
    } else if earlier.root.is_none() || is_near(expected, found) {
        // A value that does not solve an equation of higher degree may be about something else.
        Verdict::Soft
    } else {
        Verdict::Bad
    };
    Some(Finding { verdict, span: later.span(tokens), left: expected, right: found, claim: Claim::Root { letter: later.letter } })
}

/// Rounding may explain it.
fn is_near(a: Rational, b: Rational) -> bool {
    let (a, b) = (a.approximate(), b.approximate());
    (a - b).abs() <= 0.02 * a.abs().max(b.abs()) || (a - b).abs() < 0.51 && a.fract().abs() > 0.0
}

/// What stands between says that the second equation follows from the first: a word of derivation, or nothing but a new line.
pub(super) fn derives(between: &[Token]) -> bool {
    const SO: &[&str] = &[
        "so",
        "then",
        "thus",
        "therefore",
        "hence",
        "gives",
        "get",
        "giving",
        "yields",
        "solving",
        "dividing",
        "divide",
        "simplifying",
        "simplifies",
        "subtracting",
        "subtract",
        "adding",
        "obtain",
        "find",
    ];
    // What may introduce another case, another unknown or a question.
    const OTHERS: &[&str] = &[
        "or", "and", "if", "when", "where", "for", "with", "let", "suppose", "assume", "case", "also", "but", "as", "not",
        "that", "?", "<", ">", "|", "\\", "±",
    ];
    let is_in = |words: &[&str], token: &Token| words.iter().any(|word| token.text.eq_ignore_ascii_case(word));
    let separates = |token: &Token| {
        matches!(token.kind, Kind::Word | Kind::Number | Kind::Operator | Kind::Boundary | Kind::Comma) && !is_in(OTHERS, token)
    };
    let is_border = |token: &Token| token.kind == Kind::Boundary && token.text == ";";
    between.len() <= MAX_BETWEEN
        && between.iter().all(separates)
        && (between.iter().any(|token| is_in(SO, token)) || (!between.is_empty() && between.iter().all(is_border)))
}

/// Something binds to the end of the right side, so that it is not whole.
fn ends_early(tokens: &[Token], equation: &Equation) -> bool {
    tokens.get(equation.right.end).is_some_and(|next| {
        matches!(next.kind, Kind::Root | Kind::Bang | Kind::Percent | Kind::Of)
            || (next.kind == Kind::Boundary && matches!(next.text.as_str(), "?" | "<" | ">" | "|" | "or" | "±"))
            || (next.kind == Kind::Word
                && tokens[equation.right.end - 1].kind == Kind::Number
                && next.text.eq_ignore_ascii_case("or"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(step: &str) -> Vec<Verdict> {
        check(step).into_iter().map(|finding| finding.verdict).collect()
    }

    #[test]
    fn a_value_is_substituted_into_the_equation_it_comes_from() {
        assert_eq!(verdicts("2x + 3 = 11, so 2x = 8, so x = 4."), [Verdict::Ok, Verdict::Ok]);
        assert_eq!(verdicts("2x + 3 = 11, so 2x = 9, so x = 4.5"), [Verdict::Bad, Verdict::Ok]);
        assert_eq!(verdicts(r"\[ 2x + 3 = 11 \] \[ x = 5 \]"), [Verdict::Bad]);
        assert_eq!(verdicts(r"$3(y - 2) = \frac{y}{2} + 4$ gives $y = 4$"), [Verdict::Ok]);
        assert_eq!(verdicts("x^2 - 5x + 6 = 0 gives x = 3"), [Verdict::Ok]);
        assert_eq!(verdicts("7k = 22, so k = 3.14"), [Verdict::Soft]);
    }

    #[test]
    fn other_cases_other_letters_and_chains_are_left_alone() {
        for step in [
            "x - 2 = 0 or x + 3 = 0",
            "If x = 2, then y = 3.",
            "x + y = 7 and x = 2",
            "2x = 8 where x = 3 is another case",
            "y = 2x + 1 = 7",
            "f(x) = 3, so x = 2",
            "x = 2 apples, x = 3 apples",
        ] {
            assert!(!verdicts(step).contains(&Verdict::Bad), "{step}: {:?}", check(step));
        }
    }

    #[test]
    fn equations_whose_sides_overlap_are_left_alone() {
        for ones in [0, 29, 30, 31, 45, 58, 59, 60, 70] {
            let step = format!("3x = -1{}+2x = 7", "+1".repeat(ones));
            assert_eq!(verdicts(&step), [], "{ones}");
        }
        let sixty = format!("2x = 0{} gives x = 0", "+0".repeat(40));
        assert_eq!(verdicts(&sixty), []);
    }

    #[test]
    fn hostile_equations_are_not_checked() {
        let deep = format!("{}x{} = 3, so x = 4", "(".repeat(10_000), ")".repeat(10_000));
        for step in [deep.as_str(), "x^99999 = 2, so x = 1", "x/0 = 1, x = 2", "1/x = 0, so x = 5", &"x = ".repeat(5_000)] {
            assert!(!verdicts(step).contains(&Verdict::Bad), "{}", &step[..20]);
        }
    }
}
