//! `stepscope models`: which models can be run, and what a checkpoint folder holds.

use std::path::PathBuf;
use std::process::ExitCode;

use super::out;

/// List the families of process reward models, or look into a checkpoint folder
#[derive(Debug, Clone, clap::Args)]
pub struct ModelsArgs {
    /// What to do; the list when left out.
    #[command(subcommand)]
    pub command: Option<ModelsCommand>,
    /// Write JSON: {"families":[{"name","about"}]}
    #[arg(long)]
    pub json: bool,
}

/// What `models` can do.
#[expect(clippy::doc_markdown, reason = "help text for the terminal, where backticks would stand as they are")]
#[derive(Debug, Clone, clap::Subcommand)]
pub enum ModelsCommand {
    /// Say what was detected in a checkpoint folder, and why; ends with status 1 when the model cannot be used
    ///
    /// Weights are not loaded. With --json:
    ///
    ///   {"place","name","architecture","family","about","evidence","decoder","context",
    ///    "parameters","dtype","files":[..],"memory_needed","memory_available","problem"}
    ///
    /// What could not be found is null; `problem` is null when the model can be used.
    #[command(verbatim_doc_comment)]
    Inspect {
        /// Checkpoint folder [default: the built-in decoder]
        #[arg(value_name = "DIR")]
        dir: Option<PathBuf>,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub fn run(args: &ModelsArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        Some(ModelsCommand::Inspect { dir, json }) => inspect(dir.clone(), *json || args.json),
        None => list(args.json),
    }
}

/// Says that there is nothing to inspect checkpoints with.
#[cfg(not(feature = "candle"))]
fn inspect(_dir: Option<PathBuf>, _json: bool) -> anyhow::Result<ExitCode> {
    anyhow::bail!("built without candle: this program runs no model but the built-in one")
}

#[cfg(feature = "candle")]
fn inspect(dir: Option<PathBuf>, json: bool) -> anyhow::Result<ExitCode> {
    use crate::prm::{CheckpointSource, inspect};
    use crate::scoring::local::DECODER;

    let dir = dir.filter(|dir| dir.as_os_str() != DECODER);
    let inspection = inspect(&dir.map_or(CheckpointSource::Embedded, CheckpointSource::Dir));
    if json {
        out::print_json(&inspection)?;
    } else {
        let lines: Vec<String> = inspection.to_string().lines().map(crate::corpus::escaped).collect();
        out::print(&format!("{}\n", lines.join("\n")))?;
    }
    Ok(if inspection.problem.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Families by name, the built-in one first.
fn families() -> Vec<(&'static str, &'static str)> {
    let built_in = ("features", "built-in and the default: boosted trees over features of a step");
    #[cfg(feature = "candle")]
    let others = crate::prm::known_families();
    #[cfg(not(feature = "candle"))]
    let others = std::iter::empty();
    std::iter::once(built_in).chain(others).collect()
}

fn list(json: bool) -> anyhow::Result<ExitCode> {
    if json {
        let families: Vec<_> = families().iter().map(|(name, about)| serde_json::json!({"name": name, "about": about})).collect();
        out::print_json(&serde_json::json!({ "families": families }))?;
    } else {
        let rows: Vec<String> = families().iter().map(|(name, about)| format!("{name:<12} {about}\n")).collect();
        out::print(&rows.concat())?;
    }
    Ok(ExitCode::SUCCESS)
}
