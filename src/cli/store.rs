//! `stepscope store`: says whether labels are safe, and brings stores together.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use super::out;
use crate::labels::store::{self, Check, Merged};
use crate::text::many;

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
    let mut writers: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for writer in &check.writers {
        let (sessions, events) = writers.entry(&writer.annotator).or_default();
        (*sessions, *events) = (*sessions + 1, *events + writer.events);
    }
    for (annotator, (sessions, events)) in writers {
        row("writer", Some(format!("{annotator}: {events} events in {}", many(sessions, "hash chain"))));
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
    /// Write the labels of several stores, or what is sound in damaged ones, into a new store; they themselves stay as they are
    #[command(
        after_long_help = "Takes the events of every hash chain as far as it is whole. What is behind a hole, cannot be read, or has the number of \
        another event of another store is left out and told; the exit code is then 3. --json prints {\"path\",\"events\",\"stores\":[{\"path\",\
        \"events\",\"left_out\",\"problems\"}]}."
    )]
    Merge {
        /// Label stores
        #[arg(required = true, value_name = "STORE")]
        stores: Vec<PathBuf>,
        /// The new store
        #[arg(short, long, value_name = "NEW")]
        out: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs a command: `store check` has exit code 1 when something is wrong, `store merge` 3 when something is left out.
pub fn run(args: &StoreArgs) -> anyhow::Result<ExitCode> {
    let (choice, json) = match &args.command {
        StoreCommand::Check { choice, json } => (choice, *json),
        StoreCommand::Merge { stores, out, json } => return merge(stores, out, *json),
    };
    let path = choice.path()?;
    let ok = if json {
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

fn merge(stores: &[PathBuf], to: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let merged = store::merge(stores, to)?;
    let Merged { path, events, stores } = &merged;
    if json {
        out::print_json(&merged)?;
    } else {
        for part in stores {
            let place = part.path.display();
            out::note(format_args!("{place}: {} events taken, {} left out", part.events, part.left_out));
            part.problems.iter().for_each(|problem| out::note(format_args!("  left out: {problem}")));
        }
        out::note(format_args!("{}: {events} events", path.display()));
    }
    Ok(if stores.iter().any(|part| part.left_out > 0) { ExitCode::from(3) } else { ExitCode::SUCCESS })
}
