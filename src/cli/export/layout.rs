//! Where the files of an export stand, and the drafts of those that take the records.

use std::path::{Path, PathBuf};

use super::ExportArgs;
use super::draft::Draft;
use crate::formats::Framing;
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
}

impl Layout {
    pub(super) fn of(args: &ExportArgs) -> Self {
        let (train, test, manifest, named) = if args.is_hub() {
            let part = |split: &str| args.out.join("data").join(format!("{split}-00000-of-00001.parquet"));
            (part("train"), part("test"), args.out.join("manifest.json"), args.out.join("data.jsonl"))
        } else {
            let manifest = beside(&args.out, &format!("{}.manifest.json", name(&args.out)));
            (args.out.clone(), for_tests(&args.out), manifest, args.out.clone())
        };
        Self { train, test: args.test_share.map(|_| test), manifest, named }
    }

    /// The name that other files are named after.
    pub(super) fn name(&self) -> String {
        name(&self.named)
    }

    /// The path of a further file.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        beside(&self.named, name)
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn beside(path: &Path, name: &str) -> PathBuf {
    path.with_file_name(name)
}

/// `pairs.json` becomes `pairs.test.json`.
fn for_tests(path: &Path) -> PathBuf {
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    beside(path, &format!("{stem}.test{extension}"))
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
