//! Labels leave by `stepscope export`: what it is to be asked for here, as a command line.

use crate::app::{App, Effect};
use crate::corpus::BY_NAME;
use crate::formats::{self, mapping::Spec};
use crate::labels::policy::{Author, Policy};
use crate::query::Query;

use super::view;

/// Says what can be written.
pub(super) fn targets_said(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.notice = Some(format!(":export FORMAT gives the command line that writes these labels: {}", targets(app).join(" ")));
    Vec::new()
}

/// The formats that can be written.
pub(super) fn targets(_app: &App) -> Vec<String> {
    formats::targets().map(|target| target.name.to_owned()).collect()
}

/// Copies the command line that writes the labels of now in this format.
pub(super) fn command_line(app: &mut App, target: &str) -> Vec<Effect> {
    let line = formats::target(target).map(|target| line(app, &target));
    view::copied(app, "command line", line)
}

/// The command line: the files as they are read here, stores and annotator, the filter in force; after a review the decisions, and what the
/// annotators agree on. What the target asks to be decided stands in it with the first choice, to be looked at and changed.
fn line(app: &App, target: &formats::Target) -> String {
    let files: Vec<_> = app.items.listed().collect();
    let mut words = vec!["stepscope".to_owned(), "export".to_owned()];
    words.extend(files.iter().map(|file| quoted(&file.name)));
    let mut option = |name: &str, value: &str| words.extend([format!("--{name}"), quoted(value)]);
    option("to", target.name);
    let policy = Policy::default();
    for &switch in target.writer.asks() {
        option(switch.name(), &policy.choice(switch));
    }
    if !app.queue.filter_text().is_empty() {
        option("filter", app.queue.filter_text());
    }
    if let Some(rule) = files.iter().find_map(|file| file.segment) {
        option("segment", &rule.to_string());
    }
    if let Some(file) = files.first().filter(|file| file.map.is_none() && file.evidence == BY_NAME) {
        option("format", file.format);
    }
    // A map is kept as the lines of a profile, and given on one line. What a line cannot say is remembered for the file.
    let map = files.iter().find_map(|file| Spec::from_toml(file.map.as_deref()?).ok());
    if let Some(map) = map.filter(|map| map.to_string().parse().as_ref() == Ok(map)) {
        option("map", &map.to_string());
    }
    let asks_plan = app.queue.filter.as_ref().is_some_and(Query::needs_plan);
    // A plan with other names stands in the project file.
    let plan = app.project.overlap.as_ref().filter(|plan| asks_plan && plan.to_string().parse().as_ref() == Ok(*plan));
    if let Some(plan) = plan {
        option("overlap", &plan.to_string());
    }
    for store in &app.stores.others {
        option("with", store);
    }
    match (&app.review, app.stores.others.is_empty()) {
        (Some(_), _) => option("author", &Author::Adjudicated.to_string()),
        (None, false) => option("author", &Author::One.to_string()),
        (None, true) => {}
    }
    option("as", &app.annotator);
    option("store", &app.stores.own);
    let stem = files.first().map_or("traces", |file| file.short_name()).split('.').next().unwrap_or_default();
    let ending =
        if ["csv", "parquet"].contains(&target.name) { target.name.to_owned() } else { format!("{}.jsonl", target.name) };
    words.extend(["-o".to_owned(), quoted(&format!("{stem}.{ending}"))]);
    words.join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:=,@%+-".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}
