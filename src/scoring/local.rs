//! The scorers inside of `stepscope worker`: the built-in feature model, and process reward models on this machine.

use std::ops::ControlFlow;
use std::path::Path;

use super::head::{HeadFile, Headed};
use super::{Cost, RequestNode, RunsOn, SamplerSpec, ScoreRequest, Scored, Scorer, ServerSpec, WorkerModel};
#[cfg(feature = "candle")]
use crate::prm::CheckpointSource;
use crate::prm::features::FeatureModel;
use crate::prm::{Device, NodeScore, PrmNode, PrmRequest, ScoreStats};
use crate::trace::Semantics;

/// In place of a checkpoint folder: the feature model that is built in, and runs where none is named.
pub const FEATURES: &str = "embedded";
/// In place of a checkpoint folder: the small decoder that is built in as an example of a checkpoint.
pub const DECODER: &str = "embedded:decoder";

/// Loads the built-in feature model (also as [`FEATURES`]), the built-in decoder (as [`DECODER`]), the model of a checkpoint folder, whose
/// decoder may run elsewhere, or one of these with a head on it. The error is one line for people.
pub fn load(prm: Option<&Path>, runs_on: &RunsOn) -> Result<Box<dyn Scorer>, String> {
    if let Some(server) = &runs_on.server {
        let prm = prm.ok_or("--server: expected --prm with the folder of the model's configuration and tokenizer")?;
        return remote(prm, server);
    }
    match named(prm) {
        None => Ok(Box::new(FeatureModel::embedded().map_err(|error| error.to_string())?)),
        Some(place) => match HeadFile::find(place) {
            Some(file) => Ok(Box::new(Headed::load(&file, |below| load(below, runs_on))?)),
            None => checkpoint(place, runs_on.device),
        },
    }
}

/// Loads the language model of a folder, which writes steps and judges none. The error is one line for people.
#[cfg(feature = "candle")]
pub fn load_sampler(sampler: &SamplerSpec) -> Result<Box<dyn Scorer>, String> {
    use crate::prm::Sampler;
    let sampler = Sampler::load(&CheckpointSource::Dir(sampler.folder.clone()), sampler.device);
    Ok(Box::new(sampler.map_err(|error| error.to_string())?))
}

/// Loads the decoder of a folder, or the built-in one (as [`DECODER`]), to measure by its vectors how alike steps are. The error is one line for
/// people.
#[cfg(feature = "candle")]
pub fn load_vectors(place: &Path, runs_on: &RunsOn) -> Result<Box<dyn Scorer>, String> {
    use crate::prm::Embedder;
    if place.as_os_str() == FEATURES {
        return Err(format!("the built-in feature model has no vectors; {DECODER} has"));
    }
    Ok(Box::new(Embedder::load(&source(place), runs_on.device).map_err(|error| error.to_string())?))
}

/// Says that this program was built without an inference engine.
#[cfg(not(feature = "candle"))]
pub fn load_vectors(_place: &Path, _runs_on: &RunsOn) -> Result<Box<dyn Scorer>, String> {
    Err("built without candle: this program runs no decoder".into())
}

/// Says that this program was built without an inference engine.
#[cfg(not(feature = "candle"))]
pub fn load_sampler(_sampler: &SamplerSpec) -> Result<Box<dyn Scorer>, String> {
    Err("built without candle: this program runs no language model".into())
}

/// The checkpoint that is named; `None` is the built-in feature model, whether it is named or not.
pub fn named(prm: Option<&Path>) -> Option<&Path> {
    prm.filter(|place| place.as_os_str() != FEATURES)
}

#[cfg(feature = "candle")]
fn remote(prm: &Path, server: &ServerSpec) -> Result<Box<dyn Scorer>, String> {
    super::remote::load(prm, server)
}

/// Says that this program was built without tokenizers.
#[cfg(not(feature = "candle"))]
fn remote(_prm: &Path, _server: &ServerSpec) -> Result<Box<dyn Scorer>, String> {
    Err("built without candle: this program runs no model but the built-in one".into())
}

#[cfg(feature = "candle")]
fn checkpoint(place: &Path, device: Device) -> Result<Box<dyn Scorer>, String> {
    let prm = crate::prm::Prm::load_on(&source(place), device).map_err(|error| error.to_string())?;
    Ok(Box::new(prm))
}

#[cfg(feature = "candle")]
fn source(place: &Path) -> CheckpointSource {
    if place.as_os_str() == DECODER { CheckpointSource::Embedded } else { CheckpointSource::Dir(place.to_owned()) }
}

/// Says that this program was built without an inference engine.
#[cfg(not(feature = "candle"))]
fn checkpoint(_place: &Path, _device: Device) -> Result<Box<dyn Scorer>, String> {
    Err("built without candle: this program runs no model but the built-in one".into())
}

impl Scorer for FeatureModel {
    fn model(&self) -> WorkerModel {
        WorkerModel {
            name: "built-in".to_owned(),
            key: self.key().to_owned(),
            family: "features".to_owned(),
            semantics: Semantics::Correctness,
            threshold: self.trees().threshold,
            posterior: Some(self.trees().tau),
            scale: Box::default(),
            context: 0,
            embedded: true,
            dtype: "f32".to_owned(),
            threads: 1,
        }
    }

    fn score(&mut self, request: &ScoreRequest, on: &mut dyn FnMut(usize, Scored) -> ControlFlow<()>) -> Result<Cost, String> {
        let stats = Self::score(self, &asked(request), &mut |node, scored| on(node, scored.into()));
        Ok(stats.into())
    }
}

/// What a worker says of a checkpoint.
#[cfg(feature = "candle")]
pub(super) fn worker_model(info: &crate::prm::ModelInfo) -> WorkerModel {
    WorkerModel {
        name: info.name.clone(),
        key: info.key.clone(),
        family: info.family.to_owned(),
        semantics: info.meaning.semantics,
        threshold: info.meaning.threshold,
        posterior: None,
        scale: Box::new(info.meaning.scale()),
        context: info.context as u64,
        embedded: info.embedded,
        dtype: info.computes.clone(),
        threads: rayon::current_num_threads() as u64,
    }
}

/// The request without what only the protocol needs.
pub(super) fn asked(request: &ScoreRequest) -> PrmRequest {
    let node = |node: &RequestNode| {
        let RequestNode { parent, ref text, ends, known, .. } = *node;
        PrmNode { parent, text: text.clone(), ends, known }
    };
    PrmRequest { problem: request.problem.clone(), nodes: request.nodes.iter().map(node).collect() }
}

impl From<ScoreStats> for Cost {
    fn from(stats: ScoreStats) -> Self {
        Self {
            tokens: stats.tokens as u64,
            unique: stats.unique_tokens as u64,
            naive: stats.naive_tokens as u64,
            ..Self::default()
        }
    }
}

impl From<NodeScore> for Scored {
    fn from(scored: NodeScore) -> Self {
        match scored {
            NodeScore::Score(score) => Self::Score(score),
            NodeScore::NotScored(reason) => Self::NotScored(reason),
            NodeScore::Rationale(rationale) => Self::Rationale(rationale),
        }
    }
}

#[cfg(feature = "candle")]
mod candle {
    use super::{ControlFlow, Cost, ScoreRequest, Scored, Scorer, Semantics, WorkerModel, asked, worker_model};
    use crate::prm::{Bare, Beginning, Embedder, Prm, Sample, Sampler};
    use crate::scoring::SampleRequest;

    impl Scorer for Prm {
        fn model(&self) -> WorkerModel {
            worker_model(self.info())
        }

        fn score(
            &mut self,
            request: &ScoreRequest,
            on: &mut dyn FnMut(usize, Scored) -> ControlFlow<()>,
        ) -> Result<Cost, String> {
            let stats = Prm::score(self, &asked(request), &mut |node, scored| on(node, scored.into()));
            let stats = stats.map_err(|error| error.to_string())?;
            Ok(stats.into())
        }
    }

    fn no_judge(family: &str, decoder: &Bare) -> WorkerModel {
        WorkerModel {
            name: decoder.name().to_owned(),
            key: decoder.key().to_owned(),
            family: family.to_owned(),
            semantics: Semantics::Correctness,
            threshold: 0.5,
            posterior: None,
            scale: Box::default(),
            context: decoder.context() as u64,
            embedded: false,
            dtype: decoder.computes().to_owned(),
            threads: rayon::current_num_threads() as u64,
        }
    }

    impl Scorer for Embedder {
        fn model(&self) -> WorkerModel {
            no_judge("vectors", self.decoder())
        }

        fn score(
            &mut self,
            request: &ScoreRequest,
            on: &mut dyn FnMut(usize, Scored) -> ControlFlow<()>,
        ) -> Result<Cost, String> {
            let stats = self.directions(&asked(request), &mut |node, direction| {
                on(node, direction.map_or_else(Scored::NotScored, Scored::Vector))
            });
            stats.map(Cost::from).map_err(|error| error.to_string())
        }
    }

    impl Scorer for Sampler {
        fn model(&self) -> WorkerModel {
            no_judge("sampler", self.decoder())
        }

        fn score(
            &mut self,
            _request: &ScoreRequest,
            _on: &mut dyn FnMut(usize, Scored) -> ControlFlow<()>,
        ) -> Result<Cost, String> {
            Err("this model writes steps and judges none".to_owned())
        }

        fn sample(&mut self, request: &SampleRequest, on: &mut dyn FnMut(Sample) -> ControlFlow<()>) -> Result<Cost, String> {
            let SampleRequest { problem, steps, first, count, temperature, seed, .. } = request.clone();
            #[expect(clippy::cast_possible_truncation, reason = "a setting with few digits")]
            let temperature = temperature as f32;
            let of = Beginning { problem, steps, first, count, temperature, seed };
            Sampler::sample(self, &of, on).map(Cost::from).map_err(|error| error.to_string())
        }
    }
}
