//! Reports for people: every solution with its steps and labels, and the counts at the end. Markdown escapes what would break its tables
//! and spans, HTML is one file without scripts; formulas stay as they were written.

use super::super::export::{Feature, Framing, Keeps, Labelled, LabelledTrace, Loss, Writer, each_solution};
use super::Target;
use crate::labels::policy::{Policy, Switch};
use crate::trace::{FirstError, Label, Writing};

pub(super) const MARKDOWN: Target = Target {
    name: "markdown",
    doc: "report in Markdown: every solution with its labels, and the counts",
    writer: &Report {
        framing: Framing::Text { start: "# Step labels\n\n", between: "\n", end: "\n" },
        solution: markdown,
        counts: markdown_counts,
    },
};

pub(super) const HTML: Target = Target {
    name: "html",
    doc: "report in HTML: every solution in colours, and the counts; one file, no scripts",
    writer: &Report {
        framing: Framing::Text { start: HEAD, between: "\n", end: "\n</body>\n</html>\n" },
        solution: html,
        counts: html_counts,
    },
};

/// A report in some markup.
struct Report {
    framing: Framing,
    solution: fn(&Labelled<'_>) -> String,
    counts: fn(&[(String, u64)]) -> String,
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
        each_solution(self, unit, policy, out, loss, |item, rows, _| {
            rows.push((self.solution)(item).into_bytes());
            Ok(())
        });
    }

    fn summary(&self, loss: &Loss) -> String {
        (self.counts)(&counts(loss))
    }
}

fn markdown_counts(counts: &[(String, u64)]) -> String {
    let rows = counts.iter().map(|(name, value)| format!("| {} | {value} |\n", cell(name))).collect::<Vec<_>>().concat();
    format!("\n## Counts\n\n| what | how many |\n|---|---|\n{rows}")
}

fn html_counts(counts: &[(String, u64)]) -> String {
    let row = |(name, value): &(String, u64)| format!("<tr><td>{}</td><td>{value}</td></tr>\n", escaped(name));
    let rows = counts.iter().map(row).collect::<Vec<_>>().concat();
    format!("\n<h2>Counts</h2>\n<table>\n{rows}</table>")
}

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Step labels</title>\n<style>\n\
body { font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }\n\
li, p { white-space: pre-wrap }\nli { padding: .2em .5em; margin: .2em 0; border-left: 4px solid #bbb }\n\
li.good { border-color: #2a7 }\nli.neutral { border-color: #db3 }\nli.bad { border-color: #c33; background: #fdeaea }\n\
li.after { color: #777 }\nsmall { color: #555 }\ntd { padding: 0 1em 0 0 }\n</style>\n</head>\n<body>\n<h1>Step labels</h1>\n";

/// What was read and written, verdicts, and how often labels agree with those that the source records, and with each other.
fn counts(loss: &Loss) -> Vec<(String, u64)> {
    let mut rows = vec![("solutions".to_owned(), loss.read)];
    rows.extend(loss.verdicts.iter().map(|(verdict, times)| ((*verdict).to_owned(), *times)));
    if loss.compared > 0 {
        rows.push(("judged both here and in the source".to_owned(), loss.compared));
        rows.push(("of these, with the same first error".to_owned(), loss.agreed));
    }
    if loss.agreement.several > 0 {
        rows.push(("judged here by several people".to_owned(), loss.agreement.several));
        rows.push(("of these, with the same first error of all".to_owned(), loss.agreement.same));
    }
    rows
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
