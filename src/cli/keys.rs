//! `stepscope keys`: which keys do what, under any preset and file of keys.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use etcetera::BaseStrategy;

use super::{out, settings};
use crate::app::keymap::{Keymap, PRESETS};

/// Which keys.
#[derive(Debug, Clone, clap::Args)]
pub struct KeyChoice {
    /// Keys of another habit or hand
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(PRESETS.iter().map(|preset| preset.name)))]
    pub preset: Option<String>,
    /// File of own keys (TOML); the default is stepscope/keys.toml in the user's configuration folder, where there is one
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,
}

impl KeyChoice {
    /// The keys that were chosen.
    pub fn keymap(&self) -> anyhow::Result<Keymap> {
        let preset = self.preset.as_deref().unwrap_or(PRESETS[0].name);
        let standard = || {
            let path = etcetera::choose_base_strategy().ok()?.config_dir().join("stepscope").join("keys.toml");
            path.is_file().then_some(path)
        };
        let Some(path) = self.keys.clone().or_else(standard) else {
            return Ok(Keymap::preset(preset).unwrap_or_default());
        };
        read(&path, preset)
    }
}

fn read(path: &Path, preset: &str) -> anyhow::Result<Keymap> {
    let keymap = Keymap::read(&path.display().to_string(), &settings::read(path)?, preset)?;
    settings::left_out(path, &keymap.unknown);
    Ok(keymap)
}

/// Options of `keys`.
#[derive(Debug, clap::Args)]
pub struct KeysArgs {
    /// Which keys
    #[command(flatten)]
    pub choice: KeyChoice,
    /// List the presets
    #[arg(long)]
    pub presets: bool,
    /// Print a list of {"command","argument","keys","group","doc"}; of {"preset","doc"} with --presets
    #[arg(long)]
    pub json: bool,
}

/// Prints the key table as Markdown, or as JSON.
pub fn run(args: &KeysArgs) -> anyhow::Result<ExitCode> {
    let text = match (args.presets, args.json) {
        (true, false) => {
            let rows: Vec<String> = PRESETS.iter().map(|preset| format!("{:8} {}", preset.name, preset.doc)).collect();
            rows.join("\n") + "\n"
        }
        (true, true) => {
            let rows = PRESETS.iter().map(|preset| serde_json::json!({ "preset": preset.name, "doc": preset.doc }));
            return out::print_json(&rows.collect::<serde_json::Value>()).map(|()| ExitCode::SUCCESS);
        }
        (false, true) => return out::print_json(&args.choice.keymap()?.json()).map(|()| ExitCode::SUCCESS),
        (false, false) => args.choice.keymap()?.markdown().trim_start().to_owned(),
    };
    out::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
