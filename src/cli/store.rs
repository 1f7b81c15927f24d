//! `stepscope store check`: says whether labels are safe.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

use super::out;
use crate::labels::store::{self, Check};

/// Checks the store at `path`: the report as JSON, and whether all is well.
pub fn check(path: &Path) -> (Value, bool) {
    let check = store::check(path);
    let ok = check.ok;
    // A report of numbers and texts always has a JSON form.
    (serde_json::to_value(check).unwrap_or_default(), ok)
}

/// The same report for people, one fact a line. Paths and names stand in it as they are: the caller makes them safe for a terminal.
pub fn check_text(path: &Path) -> (String, bool) {
    let check = store::check(path);
    (text(&check), check.ok)
}

fn text(check: &Check) -> String {
    let mut rows: Vec<(&str, String)> = vec![("store", check.path.display().to_string())];
    let mut row = |name, value: Option<String>| rows.extend(value.map(|value| (name, value)));
    let ms = |time: Option<f64>| time.map(|time| format!("{time:.3} ms (median)"));
    row("schema", check.schema.map(|schema| schema.to_string()));
    row("SQLite", Some(check.sqlite.to_owned()));
    row("journal mode", check.journal_mode.clone());
    row("synchronous", check.synchronous.map(str::to_owned));
    row("file system", check.file_system.clone());
    row("fsync", ms(check.fsync_ms_p50));
    row("commit", ms(check.commit_ms_p50));
    row("integrity", check.integrity.clone());
    row("events", check.integrity.as_ref().map(|_| check.events.to_string()));
    for writer in &check.writers {
        row("writer", Some(format!("{} {}: {} events, last {}", writer.writer, writer.annotator, writer.events, writer.last)));
    }
    for (annotator, decisions) in &check.decisions {
        row("in force", Some(format!("{decisions} decisions of {annotator}")));
    }
    let mut text = String::new();
    for (name, value) in rows {
        let _ = writeln!(text, "{name:<13} {value}");
    }
    let _ = writeln!(text, "\n{}\n", check.contract);
    for warning in &check.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    for problem in &check.problems {
        let _ = writeln!(text, "problem: {problem}");
    }
    text.push_str(if check.ok { "ok\n" } else { "NOT OK\n" });
    text
}

/// Options of `store`.
#[derive(Debug, clap::Args)]
pub struct StoreArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: StoreCommand,
}

/// What can be done with a store.
#[derive(Debug, clap::Subcommand)]
pub enum StoreCommand {
    /// Check that every label is there and safe: database, hash chains, durability settings
    ///
    /// Ends with status 1 when something is wrong. With --json one object:
    ///
    ///   {"path","ok","contract","sqlite","schema","journal_mode","synchronous","read_only","file_system",
    ///    "fsync_ms_p50","commit_ms_p50","integrity","events","decisions":{annotator: n},
    ///    "writers":[{"writer","annotator","events","last"}],"problems":[..],"warnings":[..]}
    ///
    /// `ok` is true without `problems`; `contract` says what "saved" means; times are medians in
    /// milliseconds: of 4 KiB that the disk confirms, and of a commit; `integrity` is "ok" or what
    /// SQLite's own check says; `decisions` counts those in force, `last` is the number of a
    /// writer's last event. What could not be found out is null.
    #[command(verbatim_doc_comment)]
    Check {
        /// Which store
        #[command(flatten)]
        choice: super::StoreChoice,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs `store check`; exit code 1 when something is wrong.
pub fn run(args: &StoreArgs) -> anyhow::Result<ExitCode> {
    let StoreCommand::Check { choice, json } = &args.command;
    let path = choice.path()?;
    let ok = if *json {
        let (report, ok) = check(&path);
        out::print_json(&report)?;
        ok
    } else {
        let (report, ok) = check_text(&path);
        out::print_safe(&report)?;
        ok
    };
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
