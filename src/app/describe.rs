//! Sentences about the state, for the status lines.

use std::fmt::Write;

use crate::checks::answer::{self, Agreement};
use crate::labels::{Action, Mode, Past, Verdict};
use crate::trace::{FirstError, Outcome, Solution, Trace};
use crate::typeset::{Page, View};

use super::App;
use super::path::Path;
use super::review::remark;
use super::saving::what;
use super::scoring::WorkerState;

/// How the reason begins that names scores.
const SCORES: &str = "PRM ";

/// What the facts on show are those of.
#[derive(Debug, Default, PartialEq)]
pub(super) struct FactsOf {
    path: Option<Path>,
    solution: usize,
    reference: bool,
    view: View,
    measured: bool,
}

impl App {
    /// The first error of the path by the scores that are known, as an index from 0.
    pub fn predicted_first_error(&self) -> Option<usize> {
        self.outlook().first_error
    }

    /// Reference answer, the solution's answer, and whether it is right.
    pub fn facts(&self) -> &str {
        &self.facts.1
    }

    /// Reads the facts again where they are those of something else.
    pub(super) fn read_facts(&mut self) {
        let of = FactsOf {
            path: self.path().map(|(path, _)| path),
            solution: self.cursor.solution,
            reference: self.reference_shown(),
            view: self.steps.view,
            measured: self.picture_measured(),
        };
        if self.facts.0 != of {
            self.facts = (of, self.facts_now());
        }
    }

    fn facts_now(&self) -> String {
        let mut facts: Vec<String> = self.image().into_iter().collect();
        if let Some(trace) = self.trace().filter(|_| self.reference_shown()) {
            facts.extend(trace.problem.reference_answer.as_ref().map(|reference| format!("ref {}", self.answer_line(reference))));
            if let Some(solution) = self.solution_on_show() {
                facts.extend(self.answer_in_short(trace, solution));
                facts.extend(checked_answer(trace, solution).map(str::to_owned));
            }
        }
        facts.join(" | ")
    }

    /// The answer of a solution, and whether the file calls it right; nothing where that is hidden.
    pub(super) fn answer_in_short(&self, trace: &Trace, solution: &Solution) -> Vec<String> {
        if !self.reference_shown() {
            return Vec::new();
        }
        let got = answer::of_solution(trace, solution).map(|answer| self.answer_line(answer)).filter(|got| !got.is_empty());
        let got = got.map(|got| format!("got {got}"));
        let outcome = match solution.outcome {
            Outcome::Wrong => Some("WRONG".to_owned()),
            Outcome::Correct => Some("RIGHT".to_owned()),
            Outcome::Unknown => None,
        };
        got.into_iter().chain(outcome).collect()
    }

    /// An answer in a few words, drawn where formulas are drawn: most answers of mathematics are formulas, with or without their dollars.
    pub(super) fn answer_line(&self, answer: &str) -> String {
        let ellipsis = self.look.glyphs.ellipsis;
        let line = first_words(answer, ellipsis);
        let bare = answer.trim();
        let inside = bare.strip_prefix('$').and_then(|rest| rest.strip_suffix('$'));
        let formula = inside.filter(|inside| !inside.contains(['$', '\n'])).or(Some(bare).filter(|bare| is_bare_formula(bare)));
        let formula = formula.filter(|formula| formula.len() < 60 && self.steps.view == View::Drawn);
        let page = formula.map(|formula| Page::new(&format!("${formula}$"), self.linear_setting()));
        match page.filter(|page| page.left_out.is_empty() && page.rows() == 1) {
            Some(page) => first_words(&page.text, ellipsis),
            None => line,
        }
    }

    /// Why this solution deserves a look: what the scores, the outcome and the recorded labels say.
    pub fn why(&self) -> String {
        self.reasons().join("; ")
    }

    /// The same in so many columns: before a reason is cut, the scores give way, which stand beside the steps.
    pub fn why_in(&self, room: usize) -> String {
        let mut reasons = self.reasons();
        let columns = |reasons: &[String]| reasons.iter().map(|reason| reason.chars().count() + 2).sum::<usize>();
        if reasons.len() > 1 && columns(&reasons) > room + 2 {
            reasons.retain(|reason| !reason.starts_with(SCORES));
        }
        reasons.join("; ")
    }

    fn reasons(&self) -> Vec<String> {
        let Some(trace) = self.trace() else { return Vec::new() };
        let mut parts = Vec::new();
        let verdict = self.record_key().and_then(|record| self.own()?.verdict(record));
        if let Some(Verdict::BadProblem(reason) | Verdict::GiveUp(reason)) = verdict
            && !reason.is_empty()
        {
            parts.push(format!("you: {reason}"));
        }
        if let Some(finding) = self.wrong_equality(trace.node(self.cursor.node).key) {
            parts.push(format!("chk here: {} is not {}", finding.left, finding.right));
        }
        if self.show_prm
            && let Some(step) = self.predicted_first_error().filter(|step| *step < self.open_steps())
        {
            let value = |index: usize| {
                let node = trace.node(self.cursor.path[index]);
                self.scoring.scores.get(&node.key).map(|score| score.value())
            };
            let before = step.checked_sub(1).and_then(value).map_or(String::new(), |score| format!("{} > ", short(score)));
            let at = value(step).map_or(String::new(), short);
            parts.push(format!("{SCORES}{before}{at} at step {}", step + 1));
        }
        if self.reference_shown() && self.open_steps() >= self.cursor.path.len() {
            parts.extend(self.recorded(trace));
        }
        let like = self.like().map(|mistake| format!("perhaps like {mistake}"));
        parts.splice(0..0, like.into_iter().chain(self.why_in_group()).chain(self.why_in_queue()));
        parts.splice(0..0, self.why_reviewed().into_iter().chain(self.why_returned()));
        if let Some(view) = self.items.get(self.cursor.item)
            && let Some(error) = view.errors.first()
        {
            let more = if view.errors.len() > 1 { format!(" (and {} more)", view.errors.len() - 1) } else { String::new() };
            parts.insert(0, format!("{error}{more}"));
        }
        if let Some(warning) = trace.warnings.first() {
            parts.push(format!("note: {warning}"));
        }
        let through = self.tree.through(self.cursor.node);
        if through > 1 {
            parts.push(format!("step in {through} solutions"));
        }
        if parts.is_empty() {
            let order = match self.trust.question() {
                Some(_) => "a question of the exam",
                None if self.queue.active() => "in the queue",
                None => "in the order of the file",
            };
            parts.push(if self.show_prm { order.to_owned() } else { format!("{order}, to be judged blind") });
        }
        parts
    }

    /// What the file itself says of the solution.
    fn recorded(&self, trace: &Trace) -> Vec<String> {
        let mut parts = Vec::new();
        if let Some(solution) = self.solution_on_show() {
            match solution.outcome {
                Outcome::Wrong => parts.push("answer wrong".to_owned()),
                Outcome::Correct => parts.push("answer right".to_owned()),
                Outcome::Unknown => {}
            }
            match trace.recorded_labels(solution).first_error {
                FirstError::At(step) => parts.push(format!("file: error at step {}", step + 1)),
                FirstError::NoError => parts.push("file: no error".to_owned()),
                FirstError::Unlabelable => parts.push("file: cannot be labelled".to_owned()),
                FirstError::Unknown => {}
            }
        }
        parts
    }

    /// The file says something of this solution in words, and that may be seen.
    pub fn file_says_words(&self) -> bool {
        self.solution_on_show().filter(|_| self.reference_shown()).is_some_and(|solution| solution.words.is_some())
    }

    /// What the file says in words of the step under the cursor and of the whole solution, a line each.
    pub fn words_of_file(&self) -> Vec<String> {
        let Some(solution) = self.solution_on_show().filter(|_| self.reference_shown()) else { return Vec::new() };
        let Some(words) = &solution.words else { return Vec::new() };
        let here = self.cursor.step();
        let kind = Some(&words.error_kind).filter(|kind| !kind.is_empty() && solution.first_error == FirstError::At(here));
        let about = words.remarks.iter().filter(|text| text.step.is_none_or(|step| step == here));
        kind.map(|kind| format!("error {kind}"))
            .into_iter()
            .chain(about.map(remark))
            .map(|said| format!("file: {said}"))
            .collect()
    }

    /// Model and progress of scoring, in a few words.
    pub fn scoring_line(&self) -> String {
        let scoring = &self.scoring;
        if let Some(known) = self.recorded_here() {
            return format!("{} {known}", scoring.name());
        }
        let name = scoring.model.as_ref().map_or("PRM", |model| model.name.as_str());
        match &scoring.state {
            WorkerState::Off => "no PRM".to_owned(),
            WorkerState::Starting => format!("{name}: loading"),
            WorkerState::Stopped(reason) => format!("{name} stopped, {} restarts it: {reason}", self.key("start-scoring")),
            WorkerState::Cancelled => format!("{name}: scoring stopped, {} goes on", self.key("start-scoring")),
            WorkerState::Running => {
                let (done, total) = (scoring.done.len(), self.items.total());
                let rate = scoring.rate().map_or(String::new(), |rate| format!(" {}/s", compact(rate)));
                if scoring.complete(total) { format!("{name} all scored{rate}") } else { format!("{name} {done}/{total}{rate}") }
            }
        }
    }

    /// The same in a word or two.
    pub fn scoring_short(&self) -> String {
        let scoring = &self.scoring;
        let (done, total) = (scoring.done.len(), self.items.total());
        match (&scoring.state, &scoring.model) {
            (WorkerState::Running, Some(model)) if done >= total => model.name.clone(),
            (WorkerState::Running, Some(model)) => format!("{} {done}/{total}", model.name),
            _ => self.scoring_line(),
        }
    }

    /// How many steps of the path on show have a score, where the model on show is one whose scores were brought along.
    pub(crate) fn recorded_here(&self) -> Option<String> {
        self.scoring.scorer.as_ref()?;
        let known = self.outlook().scores.iter().flatten().count();
        Some(format!("{known} of {} steps here", self.cursor.path.len()))
    }

    /// What became of the labels.
    pub fn saving_line(&self) -> String {
        let saving = &self.saving;
        if let Some(error) = &saving.error {
            let error = error.trim_start_matches("NOT SAVED: ");
            let (waiting, key) = (saving.queue.len(), self.key("retry-saving"));
            return format!("NOT SAVED: {waiting} in memory, tried again by itself ({key}: now): {error}");
        }
        let pending = if saving.in_flight { "  saving" } else { "" };
        let alarms: String = self.alarms.iter().flat_map(|alarm| ["! ", alarm, "  "]).collect();
        match &saving.at {
            Some(at) => format!("{alarms}saved {at}  {} +{}{pending}", self.store, saving.count),
            None => format!("{alarms}{}{pending}", self.store),
        }
    }

    /// Something is wrong and stays so.
    pub fn is_alarmed(&self) -> bool {
        !self.alarms.is_empty()
    }
}

/// How much of the words of a decision is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    /// Their beginning; what is cut off ends in this sign.
    First(&'static str),
    /// All of them; later lines are indented.
    All,
}

/// A part of a history: time, what was said of which step, how long it took, in which mode, and whether it holds.
pub(crate) fn decision(past: &Past<'_>, told: Words) -> String {
    // Times that ran backwards decide nothing, and are not to be trusted.
    let doubt = if past.clock_suspect { "~" } else { "" };
    let mut line = format!("{doubt}{}  {}", past.at_utc.get(..19).unwrap_or(past.at_utc).replace('T', " "), what(past.action));
    if let Some(step) = past.step {
        let _ = write!(line, " at step {}", step + 1);
    }
    match past.action {
        Action::FirstError { kind: words, .. }
        | Action::BadProblem { reason: words, .. }
        | Action::GiveUp { reason: words, .. }
        | Action::Write { text: words, .. }
        | Action::SendBack { text: words, .. }
            if !words.is_empty() =>
        {
            let words = match told {
                Words::All => words.trim_end().replace('\n', "\n    "),
                Words::First(ellipsis) => first_words(words, ellipsis),
            };
            let _ = write!(line, ": {words}");
        }
        Action::Rate { rating: Some(rating), .. } => {
            let _ = write!(line, ": {}", rating.shown());
        }
        _ => {}
    }
    if let Some(ms) = past.ms_spent {
        let _ = write!(line, "   {:.1} s", ms as f64 / 1000.0);
    }
    match past.mode {
        Some(Mode::Blind) => line.push_str("   blind"),
        Some(Mode::RevealAfter) => line.push_str("   after the reveal"),
        Some(Mode::Assist) => line.push_str("   scores shown"),
        None => {}
    }
    if !past.in_force {
        line.push_str("   (taken back)");
    }
    line
}

/// What the answer check adds to the recorded outcome.
fn checked_answer(trace: &Trace, solution: &Solution) -> Option<&'static str> {
    match (answer::against_reference(trace, solution)?, solution.outcome) {
        (Agreement::Different, Outcome::Unknown | Outcome::Correct) => Some("answer differs"),
        (Agreement::Equal, Outcome::Unknown | Outcome::Wrong) => Some("answer equal"),
        _ => None,
    }
}

/// The text has what only formulas have, and is no name or sentence: `x_1^2` is one, `max_value` and `flag{a_b}` are not.
fn is_bare_formula(answer: &str) -> bool {
    let has_word = || answer.split(|c: char| !c.is_alphabetic()).any(|run| run.chars().count() > 2);
    !answer.contains(['$', '\n']) && (answer.contains('\\') || answer.contains(['^', '_']) && !has_word())
}

/// The beginning of the first line of a text that says something.
fn first_words(text: &str, ellipsis: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    if line.chars().count() > 18 { line.chars().take(17).chain(ellipsis.chars()).collect() } else { line.to_owned() }
}

/// A score as two digits behind the point: `.09`, `1.0`, `-.31`.
pub fn short(score: f64) -> String {
    let text = format!("{score:.2}");
    if let Some(digits) = text.strip_prefix("0.") {
        return format!(".{digits}");
    }
    if let Some(digits) = text.strip_prefix("-0.") {
        return format!("-.{digits}");
    }
    match text.as_str() {
        "1.00" => "1.0".to_owned(),
        "-1.00" => "-1.0".to_owned(),
        _ => text,
    }
}

/// A rate of tokens as people read it: `950 tok`, `12.3k tok`.
fn compact(rate: f64) -> String {
    if rate >= 1000.0 { format!("{:.1}k tok", rate / 1000.0) } else { format!("{rate:.0} tok") }
}

#[cfg(test)]
mod tests {
    use super::is_bare_formula;

    #[test]
    fn names_and_paths_are_no_formulas() {
        for formula in ["x_1^2", "2^{10}", r"\frac{1}{2}", r"5\text{ metres}"] {
            assert!(is_bare_formula(formula), "{formula}");
        }
        for text in ["max_value", "flag{r0ck_47_(y)0u}", "42", "10 metres^2", "$x_1$", "a_1\nb"] {
            assert!(!is_bare_formula(text), "{text}");
        }
    }
}
