//! `stepscope formats`: the registries as tables.

use std::fmt::Write;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::out;
use crate::formats::{EXPORTS, FORMATS, Feature, Keeps, Kept, Target, by_name, targets};

/// Options of `formats`.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "The second table tells what of a trace survives in each format that can be written: y all, p some or by policy \
(an export counts what goes), - nothing."
)]
pub struct FormatsArgs {
    /// Print JSON: [{"name","read","write","doc","asks","keeps":{feature: "yes"|"partly"|"no"}}]
    #[arg(long)]
    pub json: bool,
    /// Print what each target keeps, as a Markdown table
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
}

/// The columns of the loss table.
const COLUMNS: &[(&str, Feature)] = &[
    ("first error", Feature::FirstError),
    ("ratings", Feature::Ratings),
    ("neutral", Feature::Neutral),
    ("scores", Feature::Scores),
    ("alternatives", Feature::Alternatives),
    ("tree", Feature::Tree),
    ("unsure", Feature::Unsure),
    ("ids", Feature::Ids),
    ("remarks", Feature::Remarks),
    ("annotators", Feature::Annotators),
    ("other fields", Feature::Further),
];

/// Lists the formats.
pub fn formats(args: &FormatsArgs) -> anyhow::Result<ExitCode> {
    if args.json {
        out::print_json(&rows())?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.markdown {
        out::print(&losses())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    let width = names().map(|(name, ..)| name.len()).max().unwrap_or_default();
    for (name, read, write, doc) in names() {
        let ways = match (read, write) {
            (true, true) => "read, write",
            (true, false) => "read",
            _ => "write",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<width$} {ways:<12} {doc}");
    }
    let heads: Vec<_> = COLUMNS.iter().map(|(head, _)| *head).collect();
    let _ = writeln!(text, "\n{:<width$} {}", "what survives", heads.join("  "));
    for target in targets() {
        let _ = write!(text, "{:<width$} ", target.name);
        for (head, feature) in COLUMNS {
            let mark = match target.writer.keeps().of(*feature) {
                Kept::Yes => "y",
                Kept::Partly => "p",
                Kept::No => "-",
            };
            let _ = write!(text, "{mark:<width$}", width = head.len() + 2);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    out::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// What each target keeps, as a table of Markdown; targets that keep the same share a row.
fn losses() -> String {
    let listed = |keeps: &Keeps, wanted: Kept| {
        let of: Vec<_> = Feature::ALL.iter().filter(|feature| keeps.of(**feature) == wanted).collect();
        match of.len() {
            0 => "nothing".to_owned(),
            all if all == Feature::ALL.len() => "everything".to_owned(),
            _ => of.into_iter().map(|feature| feature.name()).collect::<Vec<_>>().join(", "),
        }
    };
    let mut rows: Vec<(String, [String; 2])> = Vec::new();
    for target in targets() {
        let keeps = target.writer.keeps();
        let columns = [listed(keeps, Kept::Yes), listed(keeps, Kept::Partly)];
        let name = format!("`{}`", target.name);
        match rows.iter_mut().find(|(_, known)| *known == columns) {
            Some((names, _)) => *names = format!("{names} {name}"),
            None => rows.push((name, columns)),
        }
    }
    let mut text = "| written as | kept | kept in part, or by policy |\n|---|---|---|\n".to_owned();
    for (names, [whole, partly]) in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {names} | {whole} | {partly} |");
    }
    text
}

/// Name, whether it can be read, whether it can be written, and what it is.
fn names() -> impl Iterator<Item = (&'static str, bool, bool, &'static str)> {
    let read = FORMATS.iter().map(|format| (format.name(), true, crate::formats::target(format.name()).is_some(), format.doc()));
    let only_written = EXPORTS.iter().filter(|target| by_name(target.name).is_none());
    read.chain(only_written.map(|target| (target.name, false, true, target.doc)))
}

fn rows() -> Vec<Value> {
    let row = |(name, read, write, doc)| {
        let mut row = json!({"name": name, "read": read, "write": write, "doc": doc});
        if let (Value::Object(row), Some(target)) = (&mut row, crate::formats::target(name)) {
            row.insert("asks".into(), asks(&target));
            row.insert("keeps".into(), kept(target.writer.keeps()));
        }
        row
    };
    names().map(row).collect()
}

fn asks(target: &Target) -> Value {
    target.writer.asks().iter().map(|switch| Value::from(switch.name())).collect()
}

fn kept(keeps: &Keeps) -> Value {
    let word = |feature: Feature| match keeps.of(feature) {
        Kept::Yes => "yes",
        Kept::Partly => "partly",
        Kept::No => "no",
    };
    Feature::ALL
        .iter()
        .map(|&feature| (feature.name().to_owned(), Value::from(word(feature))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
