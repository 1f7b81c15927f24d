//! Where the files of an export stand, and the drafts of those that take the records.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;

use super::ExportArgs;
use super::draft::{Draft, hash_of};
use crate::corpus::escaped;
use crate::formats::{Completion, Framing, Loss};
use crate::trace::PromptKey;

/// Where the files of an export stand.
pub(super) struct Layout {
    /// The file of the records, or of those to train on.
    pub(super) train: PathBuf,
    /// The file of the records to test with.
    pub(super) test: Option<PathBuf>,
    /// What the export did.
    pub(super) manifest: PathBuf,
    /// The file that others are named after.
    named: PathBuf,
    /// Where the records to test with would stand, if any were set apart.
    no_test: Option<PathBuf>,
}

impl Layout {
    pub(super) fn of(args: &ExportArgs) -> Self {
        let (train, test, manifest, named) = if args.is_hub() {
            let part = |split: &str| args.out.join("data").join(format!("{split}-00000-of-00001.parquet"));
            (part("train"), part("test"), args.out.join("manifest.json"), args.out.join("data.jsonl"))
        } else {
            (args.out.clone(), for_tests(&args.out), behind(&args.out, ".manifest.json"), args.out.clone())
        };
        let (test, no_test) = if args.test_share.is_some() { (Some(test), None) } else { (None, Some(test)) };
        Self { train, test, manifest, named, no_test }
    }

    /// Paths of the files of records, from the folder of further files.
    pub(super) fn records(&self) -> Vec<String> {
        let folder = self.named.parent().unwrap_or(&self.named);
        let within = |path: &PathBuf| path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned();
        std::iter::once(&self.train).chain(&self.test).map(within).collect()
    }

    /// The records to test with of an export that stood here, when this one sets none apart: it would train on their problems.
    pub(super) fn old_test(&self) -> anyhow::Result<Option<PathBuf>> {
        let Some(path) = self.no_test.as_ref().filter(|path| path.is_file()) else { return Ok(None) };
        let manifest = std::fs::read(&self.manifest).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        let files = manifest.as_ref().and_then(|manifest| manifest["files"].as_array()).into_iter().flatten();
        let same = |file: &&Value| file["path"].as_str().is_some_and(|found| Path::new(found).file_name() == path.file_name());
        let Some(file) = files.into_iter().find(same) else { return Ok(None) };
        if file["sha256"] != hash_of(path)? {
            let shown = escaped(&path.to_string_lossy());
            bail!(
                "{shown} was written by the export that is to be replaced, and was changed since: move it away, or set records apart again"
            );
        }
        Ok(Some(path.clone()))
    }

    /// The name that other files are named after.
    pub(super) fn name(&self) -> String {
        self.named.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The path of a further file. The name of the file that it is named after need not be text.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        match name.strip_prefix(&self.name()) {
            Some(ending) => behind(&self.named, ending),
            None => self.named.with_file_name(name),
        }
    }
}

/// The path with this at its end.
fn behind(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// `pairs.json` becomes `pairs.test.json`.
fn for_tests(path: &Path) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(".test");
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Folders that an export made for itself: those in which nothing stands at the end go again.
pub(super) struct Folders(Vec<PathBuf>);

impl Folders {
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let new = path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let made = Self(new.map(Path::to_owned).collect());
        std::fs::create_dir_all(path).context("making the folder of the data set")?;
        Ok(made)
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        for folder in &self.0 {
            // One that holds files stays.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// Records on their way to their file.
pub(super) struct Part {
    pub(super) draft: Draft,
    framing: Framing,
}

impl Part {
    /// Adds a record.
    pub(super) fn record(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.draft.record(self.framing, bytes)
    }

    /// The same with each record made whole.
    fn completed(mut self, completion: Completion, loss: &Loss) -> anyhow::Result<Self> {
        let mut whole = Self { draft: self.draft.again()?, framing: self.framing };
        for line in self.draft.read_back()?.lines() {
            let line = line.context("reading the export again")?;
            // Between the records of a list stand commas and line ends.
            let record = line.trim_start().trim_end_matches(',');
            if record.starts_with('{') {
                whole.record(&completion(record.as_bytes(), loss))?;
            }
        }
        Ok(whole)
    }

    /// Ends the file and puts it in its place. Gives its SHA-256.
    pub(super) fn finish(mut self, summary: &str, replace: bool) -> anyhow::Result<String> {
        self.draft.bytes(summary.as_bytes())?;
        self.draft.finish(self.framing, replace)
    }
}

/// The records of an export, parted by problem: no problem stands in both parts.
pub(super) struct Output {
    pub(super) train: Part,
    pub(super) test: Option<Part>,
    share: f64,
}

impl Output {
    pub(super) fn create(layout: &Layout, framing: Framing, test_share: Option<f64>) -> anyhow::Result<Self> {
        let part = |path: &PathBuf| anyhow::Ok(Part { draft: Draft::create(path)?, framing });
        let test = layout.test.as_ref().map(part).transpose()?;
        Ok(Self { train: part(&layout.train)?, test, share: test_share.unwrap_or_default() / 100.0 })
    }

    /// The same with each record made whole, now that all are known.
    pub(super) fn completed(self, completion: Completion, loss: &Loss) -> anyhow::Result<Self> {
        let test = self.test.map(|test| test.completed(completion, loss)).transpose()?;
        Ok(Self { train: self.train.completed(completion, loss)?, test, share: self.share })
    }

    /// The part that takes the records of a problem: always the same for the same text.
    pub(super) fn of(&mut self, problem: PromptKey) -> &mut Part {
        let first: [u8; 8] = std::array::from_fn(|at| problem.as_bytes()[at]);
        let place = u64::from_be_bytes(first) as f64 / u64::MAX as f64;
        match &mut self.test {
            Some(test) if place < self.share => test,
            _ => &mut self.train,
        }
    }
}
