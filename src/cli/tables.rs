//! `stepscope formats`: the registry as a table.

use std::fmt::Write;
use std::process::ExitCode;

use serde_json::json;

use super::out;
use crate::formats::FORMATS;

/// Options of `formats`.
#[derive(Debug, clap::Args)]
pub struct FormatsArgs {
    /// Print JSON: [{"name","read","write","doc"}]
    #[arg(long)]
    pub json: bool,
}

/// Lists the formats.
pub fn formats(args: &FormatsArgs) -> anyhow::Result<ExitCode> {
    if args.json {
        let rows: Vec<_> = FORMATS
            .iter()
            .map(|format| json!({"name": format.name(), "read": true, "write": format.writer().is_some(), "doc": format.doc()}))
            .collect();
        out::print_json(&rows)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for format in FORMATS {
        let ways = if format.writer().is_some() { "read, write" } else { "read" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<14} {ways:<12} {}", format.name(), format.doc());
    }
    out::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
