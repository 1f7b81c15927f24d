//! How the files of a command are read: by what is in them, as a format that is named, or by a mapping.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};
use etcetera::BaseStrategy as _;
use sha2::{Digest as _, Sha256};

use super::settings;
use crate::corpus::{Remembered, Way, escaped};
use crate::formats::mapping::{self, Spec};
use crate::formats::{self, Format};
use crate::segment::{self, Rule};

/// Options that say how files are read.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Reading {
    /// Read the files as this format instead of looking at their content
    #[arg(long, value_name = "NAME", value_parser = super::format_names())]
    pub format: Option<String>,
    /// Read files of no known format: where the parts of a trace lie in a record, as in
    /// `problem=question,steps=chain.text,label=first_error,base=1`; @NAME for a mapping that was saved; or `ask`: not the one that is
    /// remembered for the file
    #[arg(long, value_name = "KEY=PATH,..", conflicts_with = "format", long_help = long_help())]
    pub map: Option<String>,
    /// Save the mapping under this name, for `--map @NAME`
    #[arg(long, value_name = "NAME", requires = "map")]
    pub save_map: Option<String>,
    /// Cut solutions into steps by this rule instead of keeping those of the file
    #[arg(long, value_name = "RULE", value_parser = Rules, long_help = rules_help())]
    pub segment: Option<Rule>,
}

/// A rule as it is named, with the names of all for help and completion.
#[derive(Clone)]
struct Rules;

impl TypedValueParser for Rules {
    type Value = Rule;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Rule, clap::Error> {
        str::parse::<Rule>.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(segment::rows().map(|(_, name, _)| PossibleValue::new(*name))))
    }
}

fn rules_help() -> String {
    let mut text =
        "Cut solutions into steps by this rule instead of keeping those of the file. Code and what tools said keep their \
        steps; labels and scores stay with the steps that stay the same. The rules:\n"
            .to_owned();
    for (_, name, help) in segment::rows() {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {name}: {help}");
    }
    let _ = write!(text, "\n\n{}", segment::SHORT_HELP);
    text
}

fn long_help() -> String {
    let mut text = "Read files of no known format: where the parts of a trace lie in a record, as in \
        `problem=question,steps=chain.text,label=first_error,base=1`; @NAME for a mapping that was saved; or `ask` to be asked \
        although the answer of the last time is remembered for the file (every command reads it so).\n\nPaths are keys with \
        dots between; through a list a key means each element. The keys of a mapping:\n"
        .to_owned();
    for (key, help) in mapping::KEYS {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {key}: {help}");
    }
    text
}

impl Reading {
    /// Format and steps to read with. Saves the mapping if that was asked for.
    pub fn format(&self) -> anyhow::Result<Way> {
        let remembered: Remembered = |file| mapping::format(remembered(file)?).ok();
        let asked = self.map.as_deref() == Some(ASK);
        Ok(Way { format: self.named()?, segment: self.segment, remembered: (!asked).then_some(remembered) })
    }

    /// The format to read with; `None` when each file is looked at.
    fn named(&self) -> anyhow::Result<Option<&'static dyn Format>> {
        if let Some(name) = &self.format {
            let format = formats::by_name(name);
            return format.map(Some).with_context(|| format!("no format {name:?}; `stepscope formats` lists them"));
        }
        let Some(map) = self.map.as_ref().filter(|map| *map != ASK) else { return Ok(None) };
        let spec = match map.strip_prefix('@') {
            Some(name) => load(name)?,
            None => map.parse::<Spec>().context("--map")?,
        };
        if let Some(name) = &self.save_map {
            save(name, &spec)?;
        }
        Ok(Some(mapping::format(spec).context("--map")?))
    }
}

/// The value of `--map` by which nothing is remembered.
const ASK: &str = "ask";

/// The folder of saved mappings.
fn folder() -> anyhow::Result<PathBuf> {
    let strategy = etcetera::choose_base_strategy().context("finding the user's configuration folder")?;
    Ok(strategy.config_dir().join("stepscope").join("maps"))
}

/// The file of a mapping. Names are file names without surprises.
fn path(name: &str) -> anyhow::Result<PathBuf> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(plain) {
        bail!("expected a name of letters, digits, `-`, `_` and `.` for a mapping, found `{}`", escaped(name));
    }
    Ok(folder()?.join(format!("{name}.toml")))
}

/// A mapping that was saved.
fn load(name: &str) -> anyhow::Result<Spec> {
    let path = path(name)?;
    if !path.exists() {
        let known = saved();
        let known = if known.is_empty() { "none was saved yet".to_owned() } else { format!("there are {}", known.join(", ")) };
        bail!("no mapping `{name}` in {}; {known}", folder()?.display());
    }
    let spec = Spec::from_toml(&settings::read(&path)?).and_then(|spec| spec.mapping().map(|_| ()).map(|()| spec.clone()));
    spec.with_context(|| path.display().to_string())
}

/// The names of all mappings that were saved.
fn saved() -> Vec<String> {
    let entries = folder().ok().and_then(|folder| std::fs::read_dir(folder).ok());
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.ok()?.file_name().to_str().and_then(|name| name.strip_suffix(".toml")).map(escaped)
    };
    let mut names: Vec<_> = entries.into_iter().flatten().filter_map(name).collect();
    names.sort();
    names
}

/// Saves a mapping; an older one of this name is replaced.
pub(super) fn save(name: &str, spec: &Spec) -> anyhow::Result<PathBuf> {
    let path = path(name)?;
    write(&path, spec)?;
    Ok(path)
}

/// Where the mapping is kept that was last given for a file.
fn path_of(file: &Path) -> anyhow::Result<PathBuf> {
    let whole = std::fs::canonicalize(file).with_context(|| file.display().to_string())?;
    let digest = Sha256::digest(whole.as_os_str().as_encoded_bytes());
    let name = digest.iter().take(8).fold(0_u64, |name, &byte| name << 8 | u64::from(byte));
    Ok(folder()?.join("files").join(format!("{name:016x}.toml")))
}

/// The mapping that was last given for a file.
fn remembered(file: &Path) -> Option<Spec> {
    let text = settings::read(&path_of(file).ok().filter(|path| path.exists())?).ok()?;
    Spec::from_toml(&text).ok().filter(|spec| spec.mapping().is_ok())
}

/// Keeps a mapping for the next time that the file is opened.
pub(super) fn remember(file: &Path, spec: &Spec) -> anyhow::Result<()> {
    write(&path_of(file)?, spec)
}

/// Writes a mapping whole or not at all.
fn write(path: &Path, spec: &Spec) -> anyhow::Result<()> {
    let context = || format!("saving {}", path.display());
    let folder = path.parent().with_context(context)?;
    std::fs::create_dir_all(folder).with_context(context)?;
    let part = path.with_extension(format!("{}.part", std::process::id()));
    let mut file = std::fs::File::create(&part).with_context(context)?;
    file.write_all(spec.to_toml().as_bytes()).and_then(|()| file.sync_all()).with_context(context)?;
    std::fs::rename(&part, path).with_context(context)
}
