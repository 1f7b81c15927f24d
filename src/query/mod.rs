//! Questions about solutions: `first_prm < .3 and wrong and !labelled` chooses them, `spread * wrong / len` puts them in order.
//!
//! Numbers, truths and texts; a truth counts 1 or 0 where a number is wanted. What is not known (a step without a score, an answer
//! without a reference) is neither true nor false: it spreads through comparisons and arithmetic, and only `and` and `or` can
//! decide without it. Numbers are compared as they are, not as the screen rounds them: a score that is shown as .84 lies between .835 and .845.

use std::borrow::Cow;
use std::collections::BTreeMap;

mod at_step;
mod facts;
mod orders;
mod parse;
mod survey;

pub use at_step::{AtStep, STEP_QUANTITIES};
pub use facts::{Facts, Opinion, QUANTITIES, Quantity, Told};
use facts::{Needs, Subject};
pub use orders::{ORDERS, Order};
pub use survey::{Asked, FirstWrong, Like, Own, Ruler, Said, Survey, at_a_glance};

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Number,
    /// True or false.
    Truth,
    /// A text.
    Text,
}

/// A value; `None` is not known.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// A number; always finite.
    Number(Option<f64>),
    /// A truth.
    Truth(Option<bool>),
    /// Texts of which one must fit: the steps of a solution, or a single one.
    Text(Vec<Cow<'a, str>>),
}

/// What is wrong with a question, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct QueryError {
    /// Byte at which it shows.
    pub at: usize,
    /// What was found and what was expected.
    pub what: String,
}

impl QueryError {
    /// The question with a sign where the fault is, in one line.
    pub fn in_line(&self, text: &str) -> String {
        self.marked(text, "\u{25b8}")
    }

    /// The same with this sign.
    pub fn marked(&self, text: &str, sign: &str) -> String {
        let at = (0..=self.at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        format!("{}{sign}{}: {}", &text[..at], &text[at..], self.what)
    }
}

/// Questions with a name, which other questions can use: name and text.
pub type Names = BTreeMap<String, String>;

/// A question, ready to be asked.
#[derive(Debug, Clone)]
pub struct Query {
    text: String,
    /// The named questions that it uses.
    uses: Names,
    root: Expr,
    kind: Kind,
}

impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.uses, self.kind) == (&other.text, &other.uses, other.kind)
    }
}

/// Two sides.
type Pair = Box<(Expr, Expr)>;

#[derive(Debug, Clone)]
enum Expr {
    Number(f64),
    Quantity(&'static Quantity),
    Not(Box<Expr>),
    And(Pair),
    Or(Pair),
    Negative(Box<Expr>),
    Arithmetic(char, Pair),
    Compare(Comparison, Pair),
    /// One of the texts fits (or, negated, none does).
    Fits(Box<Expr>, regex::Regex, bool),
    Call(Function, Vec<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    Equal,
    Unequal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Min,
    Max,
    Abs,
}

impl Query {
    /// A question that is true or false of a solution.
    ///
    /// # Errors
    /// See [`QueryError`]; a number alone is no question.
    pub fn filter(text: &str, names: &Names) -> Result<Self, QueryError> {
        Self::truth(text, QUANTITIES, names)
    }

    /// A question that is true or false of a single step of a tree ([`STEP_QUANTITIES`]).
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn steps(text: &str) -> Result<Self, QueryError> {
        Self::truth(text, STEP_QUANTITIES, &Names::new())
    }

    fn truth(text: &str, table: &'static [Quantity], names: &Names) -> Result<Self, QueryError> {
        let query = Self::parse(text, table, names)?;
        if query.kind == Kind::Truth {
            return Ok(query);
        }
        Err(QueryError { at: 0, what: format!("this is {}, not true or false; compare it, as in {text} > 1", query.kind.name()) })
    }

    /// A number by which solutions are put in order; true counts 1 and false 0.
    ///
    /// # Errors
    /// See [`QueryError`]; a text is no number.
    pub fn order(text: &str, names: &Names) -> Result<Self, QueryError> {
        let query = Self::parse(text, QUANTITIES, names)?;
        if query.kind == Kind::Text {
            return Err(QueryError { at: 0, what: "solutions are put in order by a number, and this is a text".to_owned() });
        }
        Ok(query)
    }

    fn parse(text: &str, table: &'static [Quantity], names: &Names) -> Result<Self, QueryError> {
        let mut uses = Names::new();
        let (root, kind) = parse::parse(text, table, names, &mut uses)?;
        Ok(Self { text: text.trim().to_owned(), uses, root, kind })
    }

    /// The question as it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same with the meaning of the names in it: it can be understood where nobody knows them.
    pub fn spelled_out(&self) -> String {
        self.uses.iter().fold(self.text.clone(), |text, (name, meaning)| format!("{text} ({name}: {meaning})"))
    }

    /// True, false, or not known, of this solution.
    pub fn holds(&self, facts: &Facts<'_>) -> Option<bool> {
        self.root.truth(Subject::Whole(facts))
    }

    /// The number of this solution; `None` when it is not known.
    pub fn number(&self, facts: &Facts<'_>) -> Option<f64> {
        self.root.number(Subject::Whole(facts))
    }

    /// [`Query::holds`] as far as the record decides it: what else may become known changes nothing of an answer, and `None` means
    /// that more has to be known.
    pub fn holds_of_record(&self, told: &dyn Told) -> Option<bool> {
        self.root.truth(Subject::Record(told))
    }

    /// [`Query::number`] as far as the record decides it.
    pub fn number_of_record(&self, told: &dyn Told) -> Option<f64> {
        self.root.number(Subject::Record(told))
    }

    /// True when nothing is asked but what a record may say.
    pub fn is_of_record(&self) -> bool {
        !self.root.any(&|quantity| !quantity.is_of_record())
    }

    /// True when it takes a model of all labels ([`Facts::doubt`]).
    pub fn needs_doubt(&self) -> bool {
        self.needs(Needs::Doubt)
    }

    /// True when other models beside the first one are asked for.
    pub fn needs_others(&self) -> bool {
        self.needs(Needs::Others)
    }

    /// True when it asks how annotators lie apart ([`Facts::panel`]).
    pub fn needs_panel(&self) -> bool {
        self.needs(Needs::Panel)
    }

    /// True when it asks who gets which problems ([`Facts::assigned`]).
    pub fn needs_plan(&self) -> bool {
        self.needs(Needs::Plan)
    }

    /// True when wrong steps have to be put into groups first ([`Facts::cluster`]).
    pub fn needs_clusters(&self) -> bool {
        self.needs(Needs::Clusters)
    }

    /// True when steps have to be compared with another one ([`Facts::alike`]).
    pub fn needs_likeness(&self) -> bool {
        self.needs(Needs::Likeness)
    }

    fn needs(&self, needs: Needs) -> bool {
        self.root.any(&|quantity| quantity.needs == Some(needs))
    }

    /// True when the answer tells what the file says of a solution.
    pub fn tells_of_file(&self) -> bool {
        self.root.any(&|quantity| quantity.tells_of_file)
    }

    /// True when it asks of a step what model, search or file say of it in numbers.
    pub fn asks_for_numbers(&self) -> bool {
        self.root.any(&|quantity| quantity.scored) || self.needs(Needs::Search)
    }

    /// True when it asks of a step what was said of it.
    pub fn asks_for_labels(&self) -> bool {
        self.needs(Needs::Labels)
    }

    /// True when the answer may change with scores that are not there yet.
    pub fn needs_scores(&self) -> bool {
        self.root.any(&|quantity| quantity.scored)
    }
}

/// The names that a half-typed question can go on with: those that begin as its last word does.
pub fn completions(text: &str, table: &'static [Quantity], names: &Names) -> Vec<String> {
    let word = last_word(text);
    if word.is_empty() {
        return Vec::new();
    }
    let known = table.iter().map(|quantity| quantity.name).chain(names.keys().map(String::as_str));
    known.filter(|name| name.starts_with(word)).map(str::to_owned).collect()
}

/// What keeps a question from having this name, in words.
pub fn no_name(name: &str) -> Option<String> {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let spelled = name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit());
    if !spelled {
        return Some(format!("a name is made of letters, digits and _, and begins with a letter; {name:?} is none"));
    }
    let taken = QUANTITIES.iter().any(|quantity| quantity.name == name) || parse::WORDS.contains(&name);
    taken.then(|| format!("{name} means something else already"))
}

/// The word that is being typed.
pub fn last_word(text: &str) -> &str {
    let start = text
        .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    &text[start..]
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Truth => "true or false",
            Self::Text => "a text",
        }
    }
}

impl Expr {
    fn any(&self, wanted: &impl Fn(&Quantity) -> bool) -> bool {
        match self {
            Self::Number(_) => false,
            Self::Quantity(quantity) => wanted(quantity),
            Self::Not(inner) | Self::Negative(inner) | Self::Fits(inner, ..) => inner.any(wanted),
            Self::And(pair) | Self::Or(pair) | Self::Arithmetic(_, pair) | Self::Compare(_, pair) => {
                pair.0.any(wanted) || pair.1.any(wanted)
            }
            Self::Call(_, arguments) => arguments.iter().any(|argument| argument.any(wanted)),
        }
    }

    fn truth(&self, subject: Subject<'_>) -> Option<bool> {
        match self {
            Self::Not(inner) => inner.truth(subject).map(|truth| !truth),
            // What is known to be false is false, whatever the other side will turn out to be.
            Self::And(pair) => match pair.0.truth(subject) {
                Some(false) => Some(false),
                Some(true) => pair.1.truth(subject),
                None => pair.1.truth(subject).filter(|truth| !truth),
            },
            Self::Or(pair) => match pair.0.truth(subject) {
                Some(true) => Some(true),
                Some(false) => pair.1.truth(subject),
                None => pair.1.truth(subject).filter(|truth| *truth),
            },
            Self::Compare(comparison, pair) => {
                let (a, b) = (pair.0.number(subject)?, pair.1.number(subject)?);
                Some(match comparison {
                    Comparison::Less => a < b,
                    Comparison::LessOrEqual => a <= b,
                    Comparison::More => a > b,
                    Comparison::MoreOrEqual => a >= b,
                    // Room for what arithmetic rounds: .1 + .2 is .3.
                    Comparison::Equal => (a - b).abs() < 1e-9,
                    Comparison::Unequal => (a - b).abs() >= 1e-9,
                })
            }
            Self::Fits(inner, pattern, wanted) => {
                let Self::Quantity(quantity) = inner.as_ref() else { return None };
                match quantity.value(subject) {
                    Value::Text(texts) if texts.is_empty() => quantity.is_complete(subject).then_some(!wanted),
                    Value::Text(texts) => Some(texts.iter().any(|text| pattern.is_match(text)) == *wanted),
                    _ => None,
                }
            }
            Self::Quantity(quantity) => match quantity.value(subject) {
                Value::Truth(truth) => truth,
                _ => None,
            },
            Self::Number(_) | Self::Negative(_) | Self::Arithmetic(..) | Self::Call(..) => None,
        }
    }

    fn number(&self, subject: Subject<'_>) -> Option<f64> {
        let number = match self {
            Self::Number(number) => *number,
            Self::Quantity(quantity) => match quantity.value(subject) {
                Value::Number(number) => number?,
                Value::Truth(truth) => f64::from(u8::from(truth?)),
                Value::Text(_) => return None,
            },
            Self::Negative(inner) => -inner.number(subject)?,
            Self::Arithmetic(sign, pair) => {
                let (a, b) = (pair.0.number(subject), pair.1.number(subject));
                // Nothing times something unknown is nothing: `drop * wrong` is known for every right answer.
                if *sign == '*' && (a == Some(0.0) || b == Some(0.0)) {
                    return Some(0.0);
                }
                let (a, b) = (a?, b?);
                match sign {
                    '+' => a + b,
                    '-' => a - b,
                    '*' => a * b,
                    _ => a / b,
                }
            }
            Self::Call(function, arguments) => {
                let numbers: Option<Vec<f64>> = arguments.iter().map(|argument| argument.number(subject)).collect();
                let numbers = numbers?;
                match function {
                    Function::Min => numbers.into_iter().reduce(f64::min)?,
                    Function::Max => numbers.into_iter().reduce(f64::max)?,
                    Function::Abs => numbers.first()?.abs(),
                }
            }
            _ => f64::from(u8::from(self.truth(subject)?)),
        };
        number.is_finite().then_some(number)
    }
}
