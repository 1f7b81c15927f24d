//! Reports for people: every solution with its steps and labels, and the counts at the end. Markdown escapes what would break its tables
//! and spans, HTML is one file without scripts; formulas stay as they were written.

use std::collections::BTreeMap;

use super::super::export::{
    Feature, Framing, Keeps, Labelled, LabelledTrace, Loss, Units, Writer, category, each_solution, first_error,
};
use super::Target;
use crate::analysis::agreement::{Scale, alpha, kappa};
use crate::analysis::decide::{Decision, decide};
use crate::analysis::processbench::{Case, Offsets, Subset};
use crate::labels::policy::{Policy, Switch};
use crate::trace::{FirstError, Label, Writing};

pub(super) const MARKDOWN: Target = Target {
    name: "markdown",
    doc: "report in Markdown: every solution with its labels, and the counts",
    writer: &Report {
        framing: Framing::Text { start: "# Step labels\n\n", between: "\n", end: "\n" },
        solution: markdown,
        table: markdown_table,
    },
};

pub(super) const HTML: Target = Target {
    name: "html",
    doc: "report in HTML: every solution in colours, and the counts; one file, no scripts",
    writer: &Report {
        framing: Framing::Text { start: HEAD, between: "\n", end: "\n</body>\n</html>\n" },
        solution: html,
        table: html_table,
    },
};

/// A report in some markup.
struct Report {
    framing: Framing,
    solution: fn(&Labelled<'_>) -> String,
    table: fn(&Table) -> String,
}

/// A table at the end of a report.
struct Table {
    title: &'static str,
    heads: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

const KEEPS: Keeps = {
    use Feature::{Annotators, BehindError, FirstError, Ids, Neutral, Outcomes, Ratings, Remarks, Scores, Unsure};
    Keeps { all: &[FirstError, Ratings, Neutral, BehindError, Unsure, Annotators, Ids], partly: &[Scores, Outcomes, Remarks] }
};

impl Writer for Report {
    fn framing(&self) -> Framing {
        self.framing
    }

    fn keeps(&self) -> &'static Keeps {
        &KEEPS
    }

    fn asks(&self) -> &'static [Switch] {
        &[]
    }

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        each_solution(self, unit, policy, out, loss, |item, rows, loss| {
            rows.push((self.solution)(item).into_bytes());
            if let Some(pair) = against_scores(item) {
                *loss.against_scores.entry(pair).or_default() += 1;
            }
            Ok(())
        });
    }

    fn summary(&self, loss: &Loss) -> String {
        let tables = [counts(loss), agreement(loss), scores(loss)];
        tables.iter().filter(|table| !table.rows.is_empty()).map(self.table).collect()
    }
}

fn markdown_table(table: &Table) -> String {
    let line = |cells: &mut dyn Iterator<Item = String>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
    let heads = line(&mut table.heads.iter().map(ToString::to_string));
    let rule = format!("|{}\n", "---|".repeat(table.heads.len()));
    let rows: String = table.rows.iter().map(|row| line(&mut row.iter().map(|text| cell(text)))).collect();
    format!("\n## {}\n\n{heads}{rule}{rows}", table.title)
}

fn html_table(table: &Table) -> String {
    let line = |tag: &str, cells: &mut dyn Iterator<Item = String>| {
        let cells: Vec<_> = cells.map(|text| format!("<{tag}>{text}</{tag}>")).collect();
        format!("<tr>{}</tr>\n", cells.concat())
    };
    let heads = line("th", &mut table.heads.iter().map(ToString::to_string));
    let rows: String = table.rows.iter().map(|row| line("td", &mut row.iter().map(|text| escaped(text)))).collect();
    format!("\n<h2>{}</h2>\n<table>\n{heads}{rows}</table>", table.title)
}

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Step labels</title>\n<style>\n\
body { font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }\n\
li, p { white-space: pre-wrap }\nli { padding: .2em .5em; margin: .2em 0; border-left: 4px solid #bbb }\n\
li.good { border-color: #2a7 }\nli.neutral { border-color: #db3 }\nli.bad { border-color: #c33; background: #fdeaea }\n\
li.after { color: #777 }\nsmall { color: #555 }\ntd, th { padding: 0 1em 0 0; text-align: left }\n</style>\n</head>\n<body>\n<h1>Step labels</h1>\n";

/// What was read and written, verdicts, and how often labels agree with those that the source records, and with each other.
fn counts(loss: &Loss) -> Table {
    let mut rows = vec![("solutions", loss.read)];
    rows.extend(loss.verdicts.iter().map(|(verdict, times)| (*verdict, *times)));
    let compared = loss.against_source.values().sum();
    if compared > 0 {
        rows.push(("judged both here and in the source", compared));
        rows.push(("of these, with the same first error", same(&loss.against_source)));
    }
    if loss.agreement.several > 0 {
        rows.push(("judged here by several people", loss.agreement.several));
        rows.push(("of these, with the same first error of all", loss.agreement.same));
    }
    let rows = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value.to_string()]).collect();
    Table { title: "Counts", heads: &["what", "how many"], rows }
}

/// How far labels agree beyond chance: kappa of two, alpha of any number of people.
fn agreement(loss: &Loss) -> Table {
    let row = |what: &str, units: u64, same: u64, beyond: Option<f64>| {
        let beyond = beyond.map_or_else(|| "n/a".to_owned(), |value| format!("{value:.3}"));
        (units > 0).then(|| vec![what.to_owned(), units.to_string(), percent(Some(100.0 * same as f64 / units as f64)), beyond])
    };
    let against = &loss.against_source;
    let of_people = |what, units: &Units, scale| {
        let alike = units.iter().filter(|(unit, _)| unit.first() == unit.last()).map(|(_, times)| times).sum();
        row(what, units.values().sum(), alike, alpha(&each(units), scale))
    };
    let rows = [
        row("first errors, here and in the source: kappa", against.values().sum(), same(against), kappa(&each(against))),
        of_people("first errors, people here: alpha", &loss.agreement.first_errors, Scale::Nominal),
        of_people("ratings of steps, people here: ordinal alpha", &loss.agreement.ratings, Scale::Ordinal),
    ];
    let heads = &["what", "judged by several", "all the same", "beyond chance"];
    Table { title: "Agreement", heads, rows: rows.into_iter().flatten().collect() }
}

/// How well recorded scores find the first errors that labels name.
fn scores(loss: &Loss) -> Table {
    let case = |(gold, predicted)| Case { gold: first_error(gold), predicted: first_error(predicted) };
    let cases: Vec<_> = each(&loss.against_scores).into_iter().map(case).collect();
    let (found, offsets) = (Subset::of("", &cases), Offsets::of(&cases));
    let number = |count: usize| count.to_string();
    let rows = [
        ("solutions with an error", number(found.n_error)),
        ("of these, found exactly", percent(found.acc_error)),
        ("named too early", number(offsets.early)),
        ("named too late", number(offsets.late)),
        ("missed", number(offsets.missed)),
        ("solutions without error", number(found.n_correct)),
        ("of these, called free of errors", percent(found.acc_correct)),
        ("F1 of both shares", percent(found.f1)),
    ];
    let rows = if cases.is_empty() { Vec::new() } else { rows.map(|(name, value)| vec![name.to_owned(), value]).into() };
    Table { title: "Recorded scores and labels", heads: &["first score below 0.5", ""], rows }
}

/// The first errors by labels and by recorded scores; `None` without either, and for scores that are no shares.
fn against_scores(item: &Labelled<'_>) -> Option<(i64, i64)> {
    let gold = item.labels.first_error;
    let scores = item.trace.recorded_scores(item.of());
    let shares = scores.iter().flatten().all(|score| (0.0..=1.0).contains(score));
    let judged = matches!(gold, FirstError::At(_) | FirstError::NoError);
    let found = || decide(&scores, Decision::FirstBelow(0.5));
    (judged && shares && scores.iter().any(Option::is_some)).then(|| (category(gold), category(found())))
}

fn same(pairs: &BTreeMap<(i64, i64), u64>) -> u64 {
    pairs.iter().filter(|((one, other), _)| one == other).map(|(_, times)| times).sum()
}

/// Each as often as it was counted.
fn each<T: Clone>(counted: &BTreeMap<T, u64>) -> Vec<T> {
    let times = |times: u64| usize::try_from(times).unwrap_or_default();
    counted.iter().flat_map(|(what, count)| std::iter::repeat_n(what.clone(), times(*count))).collect()
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "n/a".to_owned(), |share| format!("{share:.1} %"))
}

fn word(label: Label) -> &'static str {
    match label {
        Label::Good => "good",
        Label::Neutral => "neutral",
        Label::Bad => "bad",
        Label::AfterError => "after",
        Label::Unseen => "unseen",
    }
}

fn verdict(item: &Labelled<'_>) -> String {
    let labels = &item.labels;
    let mut text = match labels.first_error {
        FirstError::At(index) => format!("first error: step {}", index + 1),
        FirstError::NoError => "no error".to_owned(),
        FirstError::Unlabelable => "cannot be labelled".to_owned(),
        FirstError::Unknown => "not labelled".to_owned(),
    };
    for (name, said) in [("kind", Some(labels.error_kind.as_str())), ("by", labels.annotator.as_deref())] {
        if let Some(said) = said.filter(|said| !said.is_empty()) {
            text.push_str(&[", ", name, " ", said].concat());
        }
    }
    if labels.unsure {
        text.push_str(", unsure");
    }
    text
}

/// The steps with their labels, scores and critiques.
fn steps<'a>(item: &'a Labelled<'_>) -> impl Iterator<Item = (&'a str, Label, String)> {
    item.path().enumerate().map(|(index, node)| {
        let recorded = item.of().scores.get(index).copied().flatten();
        let score = node.stats.prm.or(recorded).or(node.stats.mc).map(|score| format!("{score:.2}"));
        let critique = item.labels.remark(Writing::Critique, Some(index)).map(str::to_owned);
        let more: Vec<_> = score.into_iter().chain(critique).collect();
        (node.text.as_str(), item.labels.steps.get(index).copied().unwrap_or(Label::Unseen), more.join(", "))
    })
}

/// A text inside of a table cell: bars, backticks and tags mean nothing, line ends become breaks.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.trim().chars() {
        match character {
            '|' => out.push_str("\\|"),
            '`' => out.push_str("\\`"),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\n' => out.push_str("<br>"),
            '\r' => {}
            other => out.push(other),
        }
    }
    out
}

fn markdown(item: &Labelled<'_>) -> String {
    let rows = steps(item)
        .enumerate()
        .map(|(index, (text, label, more))| format!("| {} | {} | {} | {} |\n", index + 1, word(label), cell(text), cell(&more)))
        .collect::<Vec<_>>()
        .concat();
    format!(
        "## {}\n\n{}\n\n{}\n\n| step | label | text | |\n|---|---|---|---|\n{rows}",
        cell(&item.id()),
        cell(&item.trace.problem.text),
        cell(&verdict(item))
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn html(item: &Labelled<'_>) -> String {
    let rows = steps(item)
        .map(|(text, label, more)| {
            let more = if more.is_empty() { String::new() } else { format!(" <small>{}</small>", escaped(&more)) };
            format!("<li class=\"{}\">{}{more}</li>\n", word(label), escaped(text.trim()))
        })
        .collect::<Vec<_>>()
        .concat();
    format!(
        "<h2>{}</h2>\n<p>{}</p>\n<p><small>{}</small></p>\n<ol>\n{rows}</ol>",
        escaped(&item.id()),
        escaped(&item.trace.problem.text),
        escaped(&verdict(item))
    )
}
