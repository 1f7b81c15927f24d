//! The final answer of a solution, and whether two answers are the same.
//!
//! The rules are the strict ones of the PRM800K grader (openai/prm800k, `prm800k/grading/grader.py`), as far as they can be decided exactly:
//! equal as normalised text; tuples by brackets and elements; a fraction against a fraction digit by digit, so that 2/4 is not 1/2; a whole
//! number only against a whole number; everything else by its exact value. What they leave to computer algebra is [`Agreement::Undecided`],
//! and so is what a change of units may explain.

mod groups;

pub use groups::alike;
use serde::{Deserialize, Serialize};

use super::arithmetic::{Evaluated, Kind, Percent, Rational, Token, evaluate, is_conversion, tokens};
pub use crate::trace::ALTERNATIVE;
use crate::trace::{Outcome, Solution, Trace};

/// Longer answers are compared as text alone.
const MAX_ANSWER: usize = 512;
/// Of longer ones nothing is taken away first (bytes).
const MAX_WRITTEN: usize = 16 * MAX_ANSWER;
/// Elements of a tuple or list that are compared.
const MAX_ELEMENTS: usize = 32;

/// What the comparison of two answers says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Agreement {
    /// They are the same.
    Equal,
    /// They are not.
    Different,
    /// The rules do not tell.
    Undecided,
}

/// The answer of a solution: the recorded one, or else the one in its last step.
pub fn of_solution<'a>(trace: &'a Trace, solution: &'a Solution) -> Option<&'a str> {
    solution.final_answer.as_deref().or_else(|| extract(&trace.node(solution.leaf).text))
}

/// How the answer of a solution stands to the reference answer; `None` when one of the two is missing.
pub fn against_reference(trace: &Trace, solution: &Solution) -> Option<Agreement> {
    Some(against(of_solution(trace, solution)?, trace.problem.reference_answer.as_deref()?))
}

/// Compares an answer with the right one, or with several of which one is enough. A single one may hold the sign between them.
fn against(given: &str, reference: &str) -> Agreement {
    let whole = compare(given, reference);
    if whole == Agreement::Equal || !reference.contains(ALTERNATIVE) {
        return whole;
    }
    let each: Vec<Agreement> = reference.split(ALTERNATIVE).map(|one| compare(given, one)).collect();
    if each.contains(&Agreement::Equal) {
        Agreement::Equal
    } else if each.contains(&Agreement::Undecided) {
        Agreement::Undecided
    } else {
        Agreement::Different
    }
}

/// Whether the answer of a solution is right: as recorded, else as compared with the reference.
pub fn is_right(trace: &Trace, solution: &Solution) -> Option<bool> {
    match solution.outcome {
        Outcome::Correct => Some(true),
        Outcome::Wrong => Some(false),
        Outcome::Unknown => match against_reference(trace, solution)? {
            Agreement::Equal => Some(true),
            Agreement::Different => Some(false),
            Agreement::Undecided => None,
        },
    }
}

/// The final answer that a text names: in its last `\boxed{..}`, behind `# Answer`, on a last line with `####` or `A: ..`, behind the last
/// "answer is" or "answer:", or as a number behind `####` on an earlier line.
pub fn extract(text: &str) -> Option<&str> {
    let last = || text.trim_end().lines().last().map(str::trim);
    // Behind a heading that reads on, "####" is no answer, but the next example that a model made up may follow one.
    let is_value = |rest: &&str| rest.starts_with(|c: char| c.is_ascii_digit() || "-+$\\(€£.".contains(c));
    boxed(text)
        .or_else(|| text.rsplit_once("# Answer").map(|(_, rest)| rest.trim_matches(OUTER)))
        .or_else(|| last()?.rsplit_once("####").map(|(_, rest)| rest))
        .or_else(|| last()?.strip_prefix("A:"))
        .or_else(|| told(text))
        .or_else(|| text.rsplit_once("####")?.1.trim_start().lines().next().filter(is_value))
        .map(str::trim)
        .filter(|answer| !answer.is_empty())
}

/// What stands between a heading and the answer, and around that.
const OUTER: [char; 5] = [':', '*', ' ', '\n', '\r'];

/// The content of the last `\boxed{..}` of a text.
pub fn boxed(text: &str) -> Option<&str> {
    let start = text.rfind("\\boxed{")? + "\\boxed{".len();
    balanced(&text[start..]).map(str::trim)
}

/// The text up to the brace that closes a group, whose opening brace stands right before it.
fn balanced(text: &str) -> Option<&str> {
    let mut depth = 1_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&text[..at]);
        }
    }
    None
}

/// "The answer is 12 apples." in prose.
fn told(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    let marks = ["answer is", "answer:", "answer**:"];
    let start = marks.iter().filter_map(|mark| Some(lower.rfind(mark)? + mark.len())).max()?;
    let rest = text[start..].trim_start_matches(OUTER);
    let line = rest.lines().next()?;
    let end = line.find(". ").unwrap_or(line.len());
    Some(line[..end].trim_end_matches(['.', '*', ' ']))
}

/// Compares an answer with the right one.
pub fn compare(given: &str, reference: &str) -> Agreement {
    let (given, reference) = (plain(given), plain(reference));
    let (tight_given, tight_reference) = (tight(&given), tight(&reference));
    if tight_given.is_empty() || tight_reference.is_empty() {
        return Agreement::Undecided;
    }
    if tight_given == tight_reference {
        return Agreement::Equal;
    }
    if tight_given.len().max(tight_reference.len()) > MAX_ANSWER {
        return Agreement::Undecided;
    }
    match (List::read(&given), List::read(&reference)) {
        (None, None) => compare_single(&given, &reference),
        (Some(given), Some(reference)) => compare_lists(&given, &reference),
        (Some(list), None) => against_single(&list, &reference),
        (None, Some(list)) => against_single(&list, &given),
    }
}

/// Without what only sets it off: borders of formulas, spaces of LaTeX, wrappers of text, thousands, "x =" and a full stop.
fn plain(answer: &str) -> String {
    let mut text = boxed(answer).unwrap_or(answer).trim().trim_end_matches('.').to_owned();
    if text.len() > MAX_WRITTEN {
        return text;
    }
    for (from, to) in [
        ("\\left", ""),
        ("\\right", ""),
        ("\\displaystyle", ""),
        ("\\(", ""),
        ("\\)", ""),
        ("\\[", ""),
        ("\\]", ""),
        ("\\!", ""),
        ("\\,", ""),
        ("\\;", " "),
        ("\\ ", " "),
        ("~", " "),
        ("{,}", ","),
        ("\\%", "%"),
        ("\\$", ""),
        ("$", ""),
        ("**", ""),
        ("^{\\circ}", ""),
        ("^\\circ", ""),
        ("°", ""),
        ("dfrac", "frac"),
        ("tfrac", "frac"),
        ("\\{", "{"),
        ("\\}", "}"),
    ] {
        if text.contains(from) {
            text = text.replace(from, to);
        }
    }
    for wrapper in ["\\text", "\\textbf", "\\mathrm", "\\mathbf", "\\mbox"] {
        unwrap(&mut text, &format!("{wrapper}{{"));
    }
    let named = text.split_once('=').filter(|(name, value)| {
        let name = name.trim();
        !value.contains('=') && (1..=2).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    without_thousands(named.map_or(text.as_str(), |(_, value)| value).trim())
}

/// Replaces `\text{..}` by what stands in it.
fn unwrap(text: &mut String, open: &str) {
    while let Some(at) = text.find(open) {
        let inside = at + open.len();
        let Some(content) = balanced(&text[inside..]) else { return };
        let content = format!(" {content} ");
        text.replace_range(at..=inside + content.len() - 2, &content);
    }
}

/// Drops the commas of a number that is the whole answer or its beginning, behind a sign or not: -12,345 dollars.
fn without_thousands(text: &str) -> String {
    let number = text.trim_start_matches(['-', '+', '\u{2212}', '€', '£', '¥', ' ']);
    let (sign, number) = text.split_at(text.len() - number.len());
    let end = number.find(|c: char| !(c.is_ascii_digit() || c == ',')).unwrap_or(number.len());
    let mut groups = number[..end].split(',');
    let leads = groups.next().is_some_and(|first| (1..=3).contains(&first.len()));
    if !leads || groups.any(|group| group.len() != 3) {
        return text.to_owned();
    }
    format!("{sign}{}{}", number[..end].replace(',', ""), &number[end..])
}

/// For comparison as text: no spaces, no capitals, braces around short arguments written out, no brackets around a single thing.
fn tight(plain: &str) -> String {
    let lower: String = plain.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    let inner = lower.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).filter(|inner| !inner.contains(['(', ')', ',']));
    inner.map_or(lower.clone(), str::to_owned)
}

/// Several answers in one, between brackets or not.
struct List<'a> {
    open: char,
    close: char,
    elements: Vec<&'a str>,
}

impl<'a> List<'a> {
    /// `None` for a single answer.
    fn read(text: &'a str) -> Option<Self> {
        let bracket = |c: &char| matches!(c, '(' | '[' | '{');
        let open = text.chars().next().filter(bracket);
        let close = text.chars().last().filter(|c| matches!(c, ')' | ']' | '}'));
        let (open, close, inner) = match (open, close) {
            (Some(open), Some(close)) if encloses(text) => (open, close, &text[1..text.len() - 1]),
            _ => (' ', ' ', text),
        };
        let mut elements = Vec::new();
        let (mut depth, mut start) = (0_usize, 0);
        for (at, c) in inner.char_indices() {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => {
                    elements.push(inner[start..at].trim());
                    start = at + 1;
                }
                _ => {}
            }
        }
        elements.push(inner[start..].trim());
        ((2..=MAX_ELEMENTS).contains(&elements.len())).then_some(Self { open, close, elements })
    }

    /// Order does not count in a set and in a list without brackets.
    fn is_unordered(&self) -> bool {
        matches!(self.open, ' ' | '{')
    }
}

/// The first bracket is closed by the last one.
fn encloses(text: &str) -> bool {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1 == text.len();
        }
    }
    false
}

fn compare_lists(given: &List<'_>, reference: &List<'_>) -> Agreement {
    if (given.open, given.close) != (reference.open, reference.close) {
        let sets = given.is_unordered() && reference.is_unordered();
        return if sets { Agreement::Undecided } else { Agreement::Different };
    }
    if given.elements.len() != reference.elements.len() {
        return Agreement::Different;
    }
    let pairs = given.elements.iter().zip(&reference.elements);
    let in_order: Vec<Agreement> = pairs.map(|(given, reference)| compare(given, reference)).collect();
    if in_order.iter().all(|agreement| *agreement == Agreement::Equal) {
        return Agreement::Equal;
    }
    let lost = |element: &&str| reference.elements.iter().all(|other| compare(element, other) == Agreement::Different);
    let differs = if given.is_unordered() { given.elements.iter().any(lost) } else { in_order.contains(&Agreement::Different) };
    if differs { Agreement::Different } else { Agreement::Undecided }
}

/// Two values are not one, as far as they are values.
fn against_single(list: &List<'_>, single: &str) -> Agreement {
    let values = list.elements.iter().all(|element| Value::read(element).is_some());
    if values && Value::read(single).is_some() { Agreement::Different } else { Agreement::Undecided }
}

/// A number as it is written.
struct Value {
    number: Evaluated,
    /// Numerator and denominator, where it is a plain fraction of whole numbers.
    fraction: Option<(String, String)>,
    /// Words behind it.
    unit: String,
}

impl Value {
    fn read(text: &str) -> Option<Self> {
        if text.contains('_') || text.contains('=') {
            return None;
        }
        let tokens = tokens(text);
        let number = evaluate(&tokens, Percent::Unit)?;
        let words = tokens.iter().filter(|token| token.kind == Kind::Word).map(|token| token.text.to_ascii_lowercase());
        let unit = words.collect::<Vec<_>>().join(" ");
        Some(Self { number, fraction: fraction(&tokens), unit })
    }

    fn is_integer_literal(&self) -> bool {
        self.number.operations == 0 && self.number.value.whole().is_some()
    }

    /// Units or a percent sign stand on one side alone, or differ.
    fn measured_otherwise(&self, other: &Self) -> bool {
        self.unit != other.unit || self.number.percent != other.number.percent
    }
}

fn fraction(tokens: &[Token]) -> Option<(String, String)> {
    let bare: Vec<&Token> = tokens.iter().filter(|token| !matches!(token.kind, Kind::Open | Kind::Close | Kind::Word)).collect();
    let (sign, rest) = match bare.as_slice() {
        [minus, rest @ ..] if minus.is(Kind::Operator, "-") => ("-", rest),
        rest => ("", rest),
    };
    match rest {
        [over, slash, under] if slash.is(Kind::Operator, "/") => {
            let whole = |token: &Token| token.kind == Kind::Number && !token.text.contains('.');
            (whole(over) && whole(under)).then(|| (format!("{sign}{}", over.text), under.text.clone()))
        }
        _ => None,
    }
}

fn compare_single(given: &str, reference: &str) -> Agreement {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    match (Value::read(given), Value::read(reference)) {
        (Some(given), Some(reference)) => compare_values(&given, &reference),
        // Two different words, such as names of days or letters of options.
        (None, None) if word(given) && word(reference) => Agreement::Different,
        _ => Agreement::Undecided,
    }
}

fn compare_values(given: &Value, reference: &Value) -> Agreement {
    let (g, r): (Rational, Rational) = (given.number.value, reference.number.value);
    if g != r {
        let rescaled = given.measured_otherwise(reference) && is_conversion(g, r);
        return if rescaled { Agreement::Undecided } else { Agreement::Different };
    }
    let both_named = !given.unit.is_empty() && !reference.unit.is_empty() && given.unit != reference.unit;
    if both_named {
        return Agreement::Undecided;
    }
    let literal = match (&given.fraction, &reference.fraction) {
        (Some(given), Some(reference)) => given == reference,
        _ => given.is_integer_literal() || !reference.is_integer_literal(),
    };
    if literal { Agreement::Equal } else { Agreement::Different }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_right_answers_is_enough() {
        for (given, expected) in [("14", Agreement::Equal), ("14.5", Agreement::Equal), ("15", Agreement::Different)] {
            assert_eq!(against(given, "14 | 14.5"), expected, "{given}");
        }
        assert_eq!(against("P(A | B)", "P(A | B)"), Agreement::Equal);
    }

    #[test]
    fn answers_are_found_where_people_put_them() {
        for (text, answer) in [
            (r"So $\boxed{1}$ no, \boxed{\frac{1}{2}}.", Some(r"\frac{1}{2}")),
            ("Done.\n\n# Answer\n\n12 apples", Some("12 apples")),
            ("Sum.\n#### 1,234\n", Some("1,234")),
            ("She has 4.\nA: 18", Some("18")),
            ("Therefore, the answer is 3.5 kg. Good.", Some("3.5 kg")),
            ("The final answer is: **42**.", Some("42")),
            ("So.\n## Answer: 42", Some("42")),
            ("So.\n### Answer:\n42", Some("42")),
            ("So.\n## Answer\n**42**", Some("42")),
            ("#### Step 4: Conclusion\nThe answer is 42.", Some("42")),
            ("#### Step 4: Conclusion\nSo it ends.", None),
            ("#### 42\n\nQuestion: What is next?", Some("42")),
            ("**Final Answer**: $7$", Some("$7$")),
            ("**Final Answer:**\n\n7", Some("7")),
            (r"no end \boxed{3", None),
            ("nothing here", None),
            ("The answer is", None),
            ("", None),
        ] {
            assert_eq!(extract(text), answer, "{text}");
        }
    }

    #[test]
    fn strict_rules_decide() {
        use Agreement::{Different, Equal, Undecided};
        for (given, reference, expected) in [
            ("18", "18", Equal),
            ("$18.00", "18", Equal),
            ("18 dollars", "18", Equal),
            (r"\$1{,}234", "1234", Equal),
            ("1,234,567", "1234567", Equal),
            (r"-1{,}234", "-1234", Equal),
            ("-1,234.", "-1234", Equal),
            ("\u{2212}1,234", "-1234", Equal),
            ("€1,234", "1234", Equal),
            ("£ 1,234,567", "1234567", Equal),
            ("-1,23", "-123", Different),
            ("x = 5", "5", Equal),
            (r"\dfrac{3}{4}", "3/4", Equal),
            (r"\frac12", r"\frac{1}{2}", Equal),
            ("0.75", r"\frac{3}{4}", Equal),
            ("1 1/2", r"\frac{3}{2}", Equal),
            (r"\left( 3, \frac{\pi}{2} \right)", r"(3,\frac{\pi}{2})", Equal),
            ("(C)", "C", Equal),
            (r"\text{Tuesday}", "tuesday", Equal),
            (r"90^\circ", "90", Equal),
            ("20%", "20", Equal),
            // Strict by design of the grader.
            ("2/4", "1/2", Different),
            ("4/2", "2", Different),
            ("2^3", "8", Different),
            ("17", "18", Different),
            ("0.33", "1/3", Different),
            ("(1,2)", "[1,2]", Different),
            ("(1,2)", "(2,1)", Different),
            ("(1,2)", "(1,2,3)", Different),
            ("3", "(3,4)", Different),
            ("B", "C", Different),
            ("1, 5", "1, 4", Different),
            // Beyond them.
            ("2, 1", "1, 2", Undecided),
            (r"2\sqrt{3}", r"\sqrt{12}", Undecided),
            ("x+1", "1+x", Undecided),
            ("50 cents", "0.5", Undecided),
            ("20%", "0.2", Undecided),
            ("3 hours", "3 days", Undecided),
            ("2516_8", "2516", Undecided),
            ("", "3", Undecided),
            ("three", "3", Undecided),
        ] {
            assert_eq!(compare(given, reference), expected, "{given} against {reference}");
        }
    }

    #[test]
    fn hostile_answers_are_undecided_and_fast() {
        let deep = "(".repeat(10_000) + "1" + &")".repeat(10_000);
        let many = vec!["1"; 5_000].join(",");
        let wrapped = r"\text{a}".repeat(1_000_000);
        for answer in
            [deep.as_str(), many.as_str(), wrapped.as_str(), "9^9^9^9", "1/0", "\\text{\\text{", "((((", "},{", "\u{661}"]
        {
            assert_eq!(compare(answer, "3"), Agreement::Undecided, "{}", &answer[..answer.len().min(20)]);
            assert_eq!(compare("3", answer), Agreement::Undecided);
        }
    }
}
