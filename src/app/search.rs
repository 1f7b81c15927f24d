//! What is looked for in the texts of steps: a pattern that was typed, an expression that stands here, or steps that make the same
//! mistake as another one.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::items::ItemId;
use super::{App, Effect, seek};
use crate::math::find;
use crate::trace::{NodeId, StepKey, Trace};
use crate::typeset::diff::Words;

/// Texts that share so many of their words say nearly the same.
const ALIKE: f64 = 0.7;
/// A step with fewer words is like too many others.
const WORDS: usize = 6;
/// Longest expression that is looked for, in bytes.
const EXPRESSION: usize = 200;
/// Steps whose answer is kept.
const KEPT: usize = 4096;

/// What a search finds in a text; it goes through files without the program.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pattern: Option<Regex>,
    /// The words of a step that others may be like.
    alike: Option<Words>,
}

impl Wanted {
    /// This text has what is looked for.
    pub fn is_in(&self, text: &str) -> bool {
        self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
            || self.alike.as_ref().is_some_and(|words| words.similarity(text) >= ALIKE)
    }
}

impl PartialEq for Wanted {
    fn eq(&self, other: &Self) -> bool {
        let pattern = |wanted: &Self| wanted.pattern.as_ref().map(|pattern| pattern.as_str().to_owned());
        (pattern(self), &self.alike) == (pattern(other), &other.alike)
    }
}

/// A search.
#[derive(Debug)]
pub struct Search {
    /// What is found.
    wanted: Arc<Wanted>,
    /// It goes from one mistake to the next like this one: a verdict goes on to the next.
    like: Option<String>,
    /// Whether the steps that came into sight are found.
    hits: HashMap<StepKey, bool>,
    /// What it has come to so far, with all others in the same problems.
    met: BTreeSet<(ItemId, NodeId)>,
    /// Those problems.
    counted: HashSet<ItemId>,
    /// The step that it came to last, and the first one since it goes in this direction without a break.
    last: Option<(ItemId, NodeId)>,
    begun: Option<(ItemId, NodeId)>,
    /// It goes towards the end.
    forward: bool,
    /// Since then it went around the end of the list.
    around: bool,
    /// Since then it came to one that it had met before: there are no others.
    met_all: bool,
    /// What was typed.
    pub(super) typed: String,
}

/// A wrong step, to find others like it.
#[derive(Debug, Clone)]
pub struct Mistake {
    expression: Option<String>,
    text: String,
    shown: String,
}

impl Search {
    fn new(pattern: Option<Regex>) -> Self {
        Self::of(Wanted { pattern, alike: None }, None)
    }

    fn of(wanted: Wanted, like: Option<String>) -> Self {
        Self {
            wanted: Arc::new(wanted),
            like,
            hits: HashMap::new(),
            met: BTreeSet::new(),
            counted: HashSet::new(),
            last: None,
            begun: None,
            forward: true,
            around: false,
            met_all: false,
            typed: String::new(),
        }
    }

    /// What was typed, as a regular expression and as it stands: LaTeX is full of backslashes and braces. Small letters stand for both.
    ///
    /// # Errors
    /// A text that is too long to look for.
    pub fn typed(text: &str) -> Result<Self, regex::Error> {
        let exact = text.chars().any(char::is_uppercase);
        let build = |pattern: &str| RegexBuilder::new(pattern).case_insensitive(!exact).size_limit(1 << 20).build();
        let literal = literal(text);
        let pattern = build(&format!("(?:{text})|(?:{literal})")).or_else(|_| build(&literal))?;
        Ok(Self { typed: text.to_owned(), ..Self::new(Some(pattern)) })
    }

    /// An expression wherever it stands, white space or not.
    fn expression(text: &str) -> Option<Self> {
        let letters: Vec<String> = text.chars().filter(|c| !c.is_whitespace()).map(|c| regex::escape(&c.to_string())).collect();
        let mut pattern = letters.join(r"\s*");
        // A number ends where it ends: 36 is no part of 365.
        if text.ends_with(|c: char| c.is_ascii_digit()) {
            pattern.push_str(r"\b");
        }
        RegexBuilder::new(&pattern).size_limit(1 << 20).build().ok().map(|pattern| Self::new(Some(pattern)))
    }

    /// The same search, which has come to nothing yet.
    pub(super) fn anew(self) -> Self {
        let Self { wanted, like, typed, .. } = self;
        Self { typed, ..Self::of(Wanted::clone(&wanted), like) }
    }

    /// What is found.
    pub fn wanted(&self) -> &Arc<Wanted> {
        &self.wanted
    }

    /// What stands out in texts.
    pub fn pattern(&self) -> Option<&Regex> {
        self.wanted.pattern.as_ref()
    }

    /// It came to this step: which one that is of those known so far, in the order of the files, how many they are, and whether that is all.
    pub(super) fn meets(&mut self, trace: &Trace, item: ItemId, node: NodeId) -> (usize, usize, bool) {
        let place = (item, node);
        self.last = Some(place);
        // Once around and back where it began, all in between was passed.
        let again = |begun| self.around && if self.forward { place >= begun } else { place <= begun };
        self.met_all |= self.begun.is_some_and(again);
        self.begun.get_or_insert(place);
        if self.met.len() < KEPT && self.counted.insert(item) {
            self.met.extend(trace.steps().filter(|id| self.wanted.is_in(&trace.node(*id).text)).map(|id| (item, id)));
        }
        let all = self.met.contains(&(item, node)).then_some(self.met.len());
        let at = self.met.range(..(item, node)).count() + 1;
        (at, all.unwrap_or(at), self.met_all && self.met.len() < KEPT)
    }

    /// It goes on from this step. Who has moved since, or turned round, passes over steps that nobody has counted.
    pub(super) fn sets_out(&mut self, from: (ItemId, NodeId), forward: bool) {
        if self.last != Some(from) || self.forward != forward {
            (self.begun, self.around) = (None, false);
        }
        self.forward = forward;
    }

    /// It went around the end of the list.
    pub(super) fn goes_around(&mut self) {
        self.around = true;
    }

    /// The search finds this text.
    pub fn finds(&self, text: &str) -> bool {
        self.wanted.is_in(text)
    }
}

/// A text as it stands. A formula is found however it is spelled: with or without spaces, braces, dollars and growing brackets, and fractions
/// of all sizes are fractions.
fn literal(text: &str) -> String {
    const BETWEEN: &str = r"(?:[\s{}$]|\\[,;:!]|\\(?:left|right|big|Big)\b)*";
    let formula = text.contains(['\\', '^', '_', '{']);
    if !formula {
        return regex::escape(text);
    }
    let mut parts: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        // A command is one sign, and so is everything else.
        let letters = || rest.chars().skip(1).take_while(char::is_ascii_alphabetic).count();
        let len = if sign == '\\' { 1 + letters() } else { sign.len_utf8() };
        let (part, behind) = rest.split_at(len);
        rest = behind;
        match part {
            " " | "{" | "}" | "$" | "\\left" | "\\right" => {}
            "\\frac" | "\\dfrac" | "\\tfrac" => parts.push(r"\\[dt]?frac".to_owned()),
            part => parts.push(regex::escape(part)),
        }
    }
    if parts.is_empty() { regex::escape(text) } else { parts.join(BETWEEN) }
}

impl App {
    /// The search finds this step; of those in sight it is known.
    pub fn is_hit(&self, step: StepKey) -> bool {
        self.search.as_ref().is_some_and(|search| search.hits.get(&step).copied().unwrap_or(false))
    }

    /// The mistake whose like one goes to.
    pub fn like(&self) -> Option<&str> {
        self.search.as_ref()?.like.as_deref()
    }

    /// Asks the search about steps that came into sight.
    pub(super) fn look_for(&mut self, nodes: &[NodeId]) {
        let Some((search, trace)) = self.search.as_mut().zip(self.items.trace(self.cursor.item)) else { return };
        if search.hits.len() > KEPT {
            search.hits.clear();
        }
        for node in nodes.iter().map(|&id| trace.node(id)) {
            if !search.hits.contains_key(&node.key) {
                let found = search.finds(&node.text);
                search.hits.insert(node.key, found);
            }
        }
    }

    /// What a step calculates: the equality that does not hold, else the first one, else its first formula.
    fn expression_of(&self, node: NodeId) -> Option<String> {
        let node = self.trace()?.node(node);
        let findings = self.findings(node.key);
        let wrong = self.wrong_equality(node.key).or_else(|| findings.first().map(|checked| &checked.finding));
        let formula = || find(&node.text, &[]).into_iter().map(|formula| formula.source).find(|source| source.len() > 2);
        let span = wrong.map(|finding| finding.span.clone()).or_else(formula)?;
        let mut text = node.text.get(span)?.trim();
        // Units and what goes on behind them belong to this sentence alone.
        while let Some((before, word)) = text.rsplit_once(' ')
            && word.len() > 2
            && word.chars().all(char::is_alphabetic)
        {
            text = before;
        }
        (text.len() <= EXPRESSION && !text.is_empty()).then(|| text.to_owned())
    }

    /// Keeps a first error in mind, so that others like it can be looked for.
    pub(super) fn note_mistake(&mut self, step: usize) {
        let Some((node, trace)) = self.cursor.path.get(step).copied().zip(self.trace().cloned()) else { return };
        let text = trace.node(node).text.clone();
        let shown = format!("step {} of problem {}", step + 1, self.items.rank(self.position()) + 1);
        self.mistake = Some(Mistake { expression: self.expression_of(node), text, shown });
    }
}

/// Goes to the next step with the expression of this one.
pub(super) fn same_expression(app: &mut App) -> Vec<Effect> {
    let expression = app.expression_of(app.cursor.node);
    let Some((expression, search)) = expression.and_then(|text| Search::expression(&text).map(|search| (text, search))) else {
        app.notice = Some("this step has no equality or formula to look for".to_owned());
        return Vec::new();
    };
    app.search = Some(search);
    app.notice = Some(format!("steps with {expression}"));
    seek::start(app, seek::Target::Match, true)
}

/// Goes from step to step that may make the same mistake as the last first error, or as the step under the cursor where there was none.
pub(super) fn same_mistake(app: &mut App) -> Vec<Effect> {
    if app.mistake.is_none() {
        app.note_mistake(app.cursor.step());
    }
    let Some(mistake) = app.mistake.clone() else { return Vec::new() };
    let pattern = mistake.expression.as_deref().and_then(Search::expression).and_then(|search| search.pattern().cloned());
    let wanted = Wanted { pattern, alike: Some(Words::of(&mistake.text)).filter(|words| words.len() >= WORDS) };
    if wanted == Wanted::default() {
        app.notice = Some(format!("{} has no equality and too few words to find others like it", mistake.shown));
        return Vec::new();
    }
    app.search = Some(Search::of(wanted, Some(mistake.shown.clone())));
    let with = mistake.expression.map_or(String::new(), |expression| format!(" with {expression}, or"));
    let [x, n, esc] = ["first-error", "next-match", "cancel"].map(|command| app.key(command));
    app.notice = Some(format!("steps{with} in nearly the words of {}: {x} marks, {n} passes, {esc} ends", mistake.shown));
    seek::start(app, seek::Target::Match, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_found_however_it_is_spaced_and_no_part_of_a_number() {
        let search = Search::expression("5 * 7 = 36").unwrap();
        assert!(search.finds("so 5*7=36."));
        assert!(search.finds("so 5 * 7\n= 36"));
        assert!(!search.finds("5 * 7 = 365"));
        assert!(!search.finds("5 * 7 = 35"));
    }

    #[test]
    fn small_letters_stand_for_both_and_fractions_are_fractions() {
        assert!(Search::typed("total").unwrap().finds("Total cost"));
        assert!(!Search::typed("Total").unwrap().finds("total cost"));
        assert!(Search::typed(r"\frac{1}").unwrap().finds(r"\dfrac{1}{2}"));
        assert!(Search::typed("(").unwrap().finds("f(x)"), "what is no regular expression is looked for as it stands");
    }
}
