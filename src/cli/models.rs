//! `stepscope models`: which models can be run, and what a checkpoint folder holds.

use std::path::PathBuf;
use std::process::ExitCode;

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
#[cfg(feature = "candle")]
pub fn run(args: &ModelsArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        Some(ModelsCommand::Inspect { dir, json }) => inspect(dir.clone(), *json || args.json),
        None => list(args.json),
    }
}

/// Says that there are no models in this program.
#[cfg(not(feature = "candle"))]
pub fn run(_args: &ModelsArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("built without candle: this program cannot run models")
}

#[cfg(feature = "candle")]
fn inspect(dir: Option<PathBuf>, json: bool) -> anyhow::Result<ExitCode> {
    use super::out;
    use crate::prm::{CheckpointSource, inspect};

    let inspection = inspect(&dir.map_or(CheckpointSource::Embedded, CheckpointSource::Dir));
    if json {
        out::print_json(&inspection)?;
    } else {
        let lines: Vec<String> = inspection.to_string().lines().map(crate::corpus::escaped).collect();
        out::print(&format!("{}\n", lines.join("\n")))?;
    }
    Ok(if inspection.problem.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

#[cfg(feature = "candle")]
fn list(json: bool) -> anyhow::Result<ExitCode> {
    use std::fmt::Write as _;

    use super::out;
    use crate::prm::known_families;

    if json {
        let families: Vec<_> = known_families().map(|(name, about)| serde_json::json!({"name": name, "about": about})).collect();
        out::print_json(&serde_json::json!({ "families": families }))?;
    } else {
        let mut text = String::new();
        for (name, about) in known_families() {
            let _ = writeln!(text, "{name:<12} {about}");
        }
        out::print(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}
