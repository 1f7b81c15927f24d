//! A model whose scores are corrected by a [`Head`]: a folder with one small file that names the model below it.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::local::asked;
use super::{Cost, ScoreRequest, Scored, Scorer, WorkerModel};
use crate::analysis::meaning::Meaning;
use crate::prm::features::{Head, walk};

/// The file in the folder.
pub const FILE: &str = "head.json";
/// Largest such file; real ones have ten kilobytes.
const MAX_BYTES: u64 = 1 << 20;
const FORMAT: u32 = 1;

/// What stands in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeadFile {
    /// Version of this file.
    format: u32,
    /// The model below, as `--prm` takes it; `None` for the built-in one.
    base: Option<PathBuf>,
    /// Its key: a head fits no other model.
    base_key: String,
    /// A step with a lower score counts as wrong.
    threshold: f64,
    /// A solution with a lower first-error posterior counts as wrong; without one the first step below the threshold is its first error.
    posterior: Option<f64>,
    /// The correction.
    head: Head,
    /// What was found on problems that were left out, for people.
    estimate: serde_json::Value,
}

impl HeadFile {
    /// A head for the model with this path and key. Its scores are probabilities; `threshold` and `posterior`, `0..=1`, decide by them.
    pub fn new(
        (base, base_key): (Option<PathBuf>, String),
        head: Head,
        (threshold, posterior): (f64, Option<f64>),
        estimate: serde_json::Value,
    ) -> Self {
        Self { format: FORMAT, base, base_key, threshold, posterior, head, estimate }
    }

    /// The file of a folder, if it has one.
    pub fn find(folder: &Path) -> Option<PathBuf> {
        Some(folder.join(FILE)).filter(|file| file.is_file())
    }

    fn read(file: &Path) -> Result<Self, String> {
        let failed = |message: String| format!("{}: {message}", file.display());
        let size = std::fs::metadata(file).map_err(|error| failed(error.to_string()))?.len();
        if size > MAX_BYTES {
            return Err(failed(format!("{size} bytes, at most {MAX_BYTES} were expected")));
        }
        let bytes = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
        let read: Self = serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
        if read.format != FORMAT {
            return Err(failed(format!("format {}, expected {FORMAT}", read.format)));
        }
        if ![read.threshold, read.posterior.unwrap_or(0.5)].iter().all(|value| (0.0..=1.0).contains(value)) {
            return Err(failed("threshold and posterior are not both between 0 and 1".into()));
        }
        read.head.check().map_err(failed)?;
        Ok(read)
    }
}

/// A scorer with a head on it.
pub(super) struct Headed {
    base: Box<dyn Scorer>,
    meaning: Meaning,
    head: Head,
    model: WorkerModel,
}

impl Headed {
    /// Reads the file and loads the model below it with `load`.
    pub(super) fn load(file: &Path, load: impl FnOnce(Option<&Path>) -> Result<Box<dyn Scorer>, String>) -> Result<Self, String> {
        let HeadFile { base, base_key, threshold, posterior, head, .. } = HeadFile::read(file)?;
        if base.as_deref().and_then(HeadFile::find).is_some() {
            return Err(format!("{}: its model has a head already", file.display()));
        }
        let base = load(base.as_deref())?;
        let below = base.model();
        if below.key != base_key {
            let message = "the model below has changed since the head was fitted; fit it again";
            return Err(format!("{}: {message} ({} instead of {base_key})", file.display(), below.key));
        }
        let folder = file.parent().and_then(Path::file_name);
        let name = folder.map_or_else(|| below.name.clone(), |name| name.to_string_lossy().into_owned());
        let correct = Meaning::CORRECT;
        let model = WorkerModel {
            name,
            key: head.key(&below.key),
            family: format!("{} with own head", below.family),
            semantics: correct.semantics,
            threshold,
            posterior,
            scale: Box::default(),
            embedded: false,
            ..below.clone()
        };
        Ok(Self { meaning: below.meaning(), base, head, model })
    }
}

impl Scorer for Headed {
    fn model(&self) -> WorkerModel {
        self.model.clone()
    }

    fn score(&mut self, request: &ScoreRequest, on: &mut dyn FnMut(usize, Scored) -> ControlFlow<()>) -> Result<Cost, String> {
        let mut rows = Vec::with_capacity(request.nodes.len());
        walk(&asked(request), &mut |_, row| {
            rows.push(row.map(|row| row.values).unwrap_or_default());
            ControlFlow::Continue(())
        });
        let (head, meaning) = (&self.head, &self.meaning);
        self.base.score(request, &mut |node, scored| {
            let corrected = match scored {
                Scored::Score(score) => {
                    let row = rows.get(node).map(Vec::as_slice).unwrap_or_default();
                    match Meaning::CORRECT.score(head.probability(meaning.position(score.value()), row)) {
                        Ok(score) => Scored::Score(score),
                        Err(error) => Scored::NotScored(error.to_string()),
                    }
                }
                other => other,
            };
            on(node, corrected)
        })
    }
}
