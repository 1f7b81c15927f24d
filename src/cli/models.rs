//! `stepscope models`: which models can be run, and what a checkpoint folder holds.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::out;
use crate::analysis::meaning::Meaning;

/// List the process reward models that can be run, or look into a checkpoint folder
///
/// A checkpoint is recognised by its configuration, its tensors and, for plain language models, its name. A file stepscope.json
/// in the folder changes any setting: {"model": "trl", "separator": "\n\n", "threshold": 0.4}; it can also stand elsewhere,
/// name the folder ("checkpoint": "DIR") and be given to --prm in its place. `models inspect` shows the settings in force.
#[derive(Debug, Clone, clap::Args)]
pub struct ModelsArgs {
    /// What to do; the list when left out.
    #[command(subcommand)]
    pub command: Option<ModelsCommand>,
    /// Write JSON: {"models":[{"family","reading","model","models","meaning":{"semantics","range","threshold","aggregate","outcome","spread"}}]}
    #[arg(long)]
    pub json: bool,
}

/// What `models` can do.
#[expect(
    clippy::doc_markdown,
    clippy::doc_link_with_quotes,
    reason = "help text for the terminal, where backticks would stand as they are"
)]
#[derive(Debug, Clone, clap::Subcommand)]
pub enum ModelsCommand {
    /// Say what was detected in a checkpoint folder, and why; ends with status 1 when the model cannot be used
    ///
    /// Weights are not loaded, except with --score. With --json:
    ///
    ///   {"place","name","architecture","family","model","meaning":{..},"settings":[["..",".."]],"about",
    ///    "evidence","decoder","context","parameters","dtype","files":[..],"packed",
    ///    "memory_needed","memory_available","dry_run":{"problem","prefix":[..],"steps":[{"text","tokens","read","score"}]},
    ///    "problem"}
    ///
    /// The dry run shows how a small solution would be read: its tokens and the positions at which
    /// the model is read; with --score also what comes out. `packed` says how the file of
    /// `models pack` stands, where there is one.
    ///
    /// What could not be found is null; `problem` is null when the model can be used.
    #[command(verbatim_doc_comment)]
    Inspect {
        /// Checkpoint folder [default: the built-in decoder]
        #[arg(value_name = "DIR")]
        dir: Option<PathBuf>,
        /// Load the weights and score the dry run
        #[arg(long)]
        score: bool,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Lay the weights of a checkpoint out for this processor, in a file beside them, so that later starts take no time
    ///
    /// The file, weights.stepscope, is about as large as the weights in memory (a small bf16 model is computed in f32: twice its file). It is used as long as they stay what they are, and on this
    /// kind of processor; scores and their keys are the same with it and without it. Delete it at any time. With --json:
    /// [{"file","bytes"}], two where the family compares two models.
    Pack {
        /// Checkpoint folder, or settings file that names one
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub fn run(args: &ModelsArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        Some(ModelsCommand::Inspect { dir, score, json }) => inspect(dir.clone(), *score, *json || args.json),
        Some(ModelsCommand::Pack { dir, json }) => pack(dir, *json || args.json),
        None => list(args.json),
    }
}

/// Says that there is nothing to inspect checkpoints with.
#[cfg(not(feature = "candle"))]
fn inspect(_dir: Option<PathBuf>, _score: bool, _json: bool) -> anyhow::Result<ExitCode> {
    anyhow::bail!("built without candle: this program runs no model but the built-in one")
}

#[cfg(feature = "candle")]
fn inspect(dir: Option<PathBuf>, score: bool, json: bool) -> anyhow::Result<ExitCode> {
    use crate::prm::{CheckpointSource, inspect};
    use crate::scoring::local::DECODER;

    let dir = dir.filter(|dir| dir.as_os_str() != DECODER);
    let source = dir.map_or(CheckpointSource::Embedded, CheckpointSource::Dir);
    let mut inspection = inspect(&source);
    if score {
        inspection.score(&source);
    }
    if json {
        out::print_json(&inspection)?;
    } else {
        let lines: Vec<String> = inspection.to_string().lines().map(crate::corpus::escaped).collect();
        out::print(&format!("{}\n", lines.join("\n")))?;
    }
    Ok(if inspection.problem.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Says that there is nothing to pack weights for.
#[cfg(not(feature = "candle"))]
fn pack(_dir: &Path, _json: bool) -> anyhow::Result<ExitCode> {
    anyhow::bail!("built without candle: this program runs no model but the built-in one")
}

#[cfg(feature = "candle")]
fn pack(dir: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let files = crate::prm::pack(&crate::prm::CheckpointSource::Dir(dir.to_owned()));
    // What lies behind the error is a part of its message already.
    let files = files.map_err(|error| anyhow::anyhow!("{error}"))?;
    if json {
        out::print_json(&files)?;
    } else {
        for file in files {
            out::print(&format!("{}: {:.2} GB\n", crate::corpus::escaped(&file.file), file.bytes as f64 / 1e9))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What the list says of one model.
#[derive(Debug, Clone, Copy, serde::Serialize)]
struct Row {
    family: &'static str,
    reading: &'static str,
    model: &'static str,
    models: &'static str,
    meaning: Meaning,
}

/// All models, the built-in one first.
fn rows() -> anyhow::Result<Vec<Row>> {
    let threshold = crate::prm::features::FeatureModel::embedded()?.trees().threshold;
    let built_in = Row {
        family: "features",
        reading: "boosted trees over features of a step, no decoder",
        model: "built-in",
        models: "the default without --prm; whole solutions are judged by a first-error posterior",
        meaning: Meaning { threshold, ..Meaning::CORRECT },
    };
    #[cfg(feature = "candle")]
    let others = crate::prm::known_models().map(|known| Row {
        family: known.family,
        reading: known.reading,
        model: known.model,
        models: known.models,
        meaning: known.meaning,
    });
    #[cfg(not(feature = "candle"))]
    let others = std::iter::empty();
    Ok(std::iter::once(built_in).chain(others).collect())
}

fn list(json: bool) -> anyhow::Result<ExitCode> {
    let rows = rows()?;
    if json {
        out::print_json(&serde_json::json!({ "models": rows }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for (i, row) in rows.iter().enumerate() {
        if i == 0 || rows[i - 1].family != row.family {
            let _ = writeln!(text, "{}{}: {}", if i == 0 { "" } else { "\n" }, row.family, row.reading);
        }
        let _ = writeln!(text, "  {:<16} {}\n  {:<16} {}", row.model, row.models, "", row.meaning);
    }
    out::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
