//! How good annotators are and how far they agree, as a page.

use std::fmt::Write as _;

use super::describe::short;
use super::{App, Effect};
use crate::analysis::quality::{Annotator, Case, Figure, Pair, Quality};
use crate::labels::Panel;

/// Draws for the intervals.
pub const SAMPLES: usize = 200;
/// Title of the page that the figures stand on.
const NUMBERS: &str = "numbers";

impl App {
    /// What annotators say of the solutions in memory, for their figures; `None` outside of a review or where nobody judged any.
    fn cases_of_annotators(&self) -> Option<Effect> {
        let review = self.review.as_ref()?;
        let traces = self.items.loaded().filter_map(|item| self.items.trace(item));
        let cases: Vec<Case> = traces
            .flat_map(|trace| trace.solutions.iter().map(move |solution| review.panel.case(trace, solution, &self.session)))
            .filter(|case| case.said.iter().any(Option::is_some))
            .collect();
        (!cases.is_empty()).then(|| Effect::Rate { names: called(&review.panel, review.names), cases })
    }
}

/// Opens the page of figures: what one's own verdicts say of the scores, and in a review the annotators before that, as soon as it is
/// worked out.
pub(super) fn open(app: &mut App) -> Vec<Effect> {
    let (asked, numbers) = (app.cases_of_annotators(), app.numbers());
    if asked.is_none() && numbers.is_none() {
        app.notice = Some("no solution in memory has a verdict of yours yet".to_owned());
        return Vec::new();
    }
    let annotators = asked.as_ref().map(|_| "How far the annotators agree and how good each is: being worked out\n".to_owned());
    app.show_sheet(NUMBERS, annotators.into_iter().chain(numbers).collect::<Vec<_>>().join("\n"));
    asked.into_iter().collect()
}

/// The figures of the annotators are there: they go to the page that waits for them.
pub(super) fn rated(app: &mut App, found: &Quality) -> Vec<Effect> {
    if app.sheet.as_ref().is_some_and(|sheet| sheet.title == NUMBERS) {
        let annotators = format!("Of the solutions in memory\n{}", page(found));
        app.show_sheet(NUMBERS, std::iter::once(annotators).chain(app.numbers()).collect::<Vec<_>>().join("\n"));
    }
    Vec::new()
}

/// What the annotators are called in figures: their names, or numbers in an order that tells nobody who they are.
pub fn called(panel: &Panel, names: bool) -> Vec<String> {
    let number = |number: usize| format!("annotator {}", number + 1);
    let voices = panel.voices().iter().zip(panel.numbers());
    voices.map(|(voice, at)| if names { voice.annotator().to_owned() } else { number(at) }).collect()
}

fn shown(figure: Figure) -> String {
    match (figure.value, figure.interval) {
        (Some(value), Some((low, high))) => format!("{} [{}, {}]", short(value), short(low), short(high)),
        (Some(value), None) => short(value),
        (None, _) => "not defined".to_owned(),
    }
}

/// The figures as text.
pub fn page(found: &Quality) -> String {
    let mut page = format!("{} solutions judged, {} of them by several\n\n", found.solutions, found.several);
    // Writing to a string cannot fail.
    let _ = writeln!(page, "Agreement of all on step ratings: alpha {}", shown(found.alpha));
    let undefined = found.alpha.value.is_none() || found.pairs.iter().any(|pair| pair.kappa.value.is_none());
    if undefined {
        page.push_str(
            "not defined: no two answers on one thing, or everybody always gives the same one, so that chance explains all\n",
        );
    }
    let wide = found.pairs.iter().map(|pair| pair.a.len() + pair.b.len() + 2).max().unwrap_or(0).max(10);
    if !found.pairs.is_empty() {
        let heads = ("solutions", "same first error", "within 1", "error or none", "kappa", "by distance");
        let _ = writeln!(page, "\n{:wide$}  {}  {}  {}  {}  {:18}  {}", "", heads.0, heads.1, heads.2, heads.3, heads.4, heads.5);
    }
    for Pair { a, b, solutions, exact, within_one, error_or_none, kappa, weighted } in &found.pairs {
        let percent = |share: &f64| format!("{:.0} %", share * 100.0);
        let [exact, within, errors] = [exact, within_one, error_or_none].map(percent);
        let (pair, kappa, weighted) = (format!("{a}, {b}"), shown(*kappa), shown(*weighted));
        let _ = writeln!(page, "{pair:wide$}  {solutions:>9}  {exact:>16}  {within:>8}  {errors:>13}  {kappa:18}  {weighted}");
    }
    let wide = found.annotators.iter().map(|one| one.name.len()).max().unwrap_or(0).max(10);
    page.push_str("\nWhat each one is worth: Dawid and Skene over the five states of a step\n");
    page.push_str("counted: solutions that somebody else judged too, or that were decided; the others say nothing of it\n\n");
    let _ = writeln!(
        page,
        "{:wide$}  solutions  counted  {:18}  {:18}  {:18}",
        "", "right state", "calls bad bad", "calls good good"
    );
    for Annotator { name, solutions, counted, accuracy, finds, spares, .. } in &found.annotators {
        let [accuracy, finds, spares] = [accuracy, finds, spares].map(|figure| shown(*figure));
        let _ = writeln!(page, "{name:wide$}  {solutions:>9}  {counted:>7}  {accuracy:18}  {finds:18}  {spares:18}");
    }
    let kinds: std::collections::BTreeSet<&String> = found.annotators.iter().flat_map(|one| one.kinds.keys()).collect();
    if !kinds.is_empty() {
        page.push_str("\nFirst errors named exactly, by kind\n\n");
    }
    for kind in kinds {
        let of = |one: &Annotator| one.kinds.get(kind).map(|(all, exact)| format!("{} {exact} of {all}", one.name));
        let each: Vec<String> = found.annotators.iter().filter_map(of).collect();
        let _ = writeln!(page, "{kind:12}  {}", each.join("   "));
    }
    page
}
