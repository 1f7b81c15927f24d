//! LoRA adapters (arXiv:2106.09685) in the folder of their base model, merged when the weights are loaded: `W + alpha / r * B A`.
//!
//! `adapter_config.json` and `adapter_model.safetensors` are what the peft library writes.

use std::path::Path;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::PrmError;
use super::checkpoint::Layout;
use super::kernels::{View, matmul};
use super::packed::Stamp;
use super::safetensors::{Shard, TensorInfo, converter};

pub(super) const CONFIG: &str = "adapter_config.json";
pub(super) const WEIGHTS: &str = "adapter_model.safetensors";
/// What peft puts before the names of the model.
const PREFIX: &str = "base_model.model.";

/// A checked adapter, nothing loaded.
#[derive(Debug)]
pub(super) struct Adapter {
    shard: Shard,
    scale: f32,
    config: Vec<u8>,
}

/// The two factors of the change of one matrix: `(rank, inputs)` and `(outputs, rank)`.
struct Factors<'a> {
    target: String,
    a: &'a TensorInfo,
    b: &'a TensorInfo,
}

impl Adapter {
    /// Reads the configuration, given as bytes and as an object.
    pub(super) fn new(dir: &Path, shard: Shard, bytes: Vec<u8>, map: &Map<String, Value>) -> Result<Self, PrmError> {
        let file = dir.join(CONFIG).display().to_string();
        let bad = |message: String| PrmError::Config { file: file.clone(), message };
        let set = |name: &str| map.get(name).is_some_and(|v| !matches!(v, Value::Null | Value::Bool(false)));
        for name in ["use_dora", "fan_in_fan_out"] {
            if set(name) {
                return Err(bad(format!("{name}: such adapters are not merged, only plain LoRA is")));
            }
        }
        for name in ["rank_pattern", "alpha_pattern"] {
            if map.get(name).and_then(Value::as_object).is_some_and(|m| !m.is_empty()) {
                return Err(bad(format!("{name}: expected an empty object, other ranks for some layers are not supported")));
            }
        }
        if map.get("bias").and_then(Value::as_str).is_some_and(|b| b != "none") {
            return Err(bad("bias: expected \"none\"".to_owned()));
        }
        let number = |name: &str| map.get(name).and_then(Value::as_f64).filter(|n| *n > 0.0 && *n < 1e6);
        let need = |name: &str| number(name).ok_or_else(|| bad(format!("{name}: expected a number above 0")));
        let (rank, alpha) = (need("r")?, need("lora_alpha")?);
        let scale = alpha / if set("use_rslora") { rank.sqrt() } else { rank };
        #[expect(clippy::cast_possible_truncation, reason = "the model itself computes in f32")]
        let scale = scale as f32;
        Ok(Self { shard, scale, config: bytes })
    }

    /// What its files are at this time.
    pub(super) fn stamps(&self) -> [Stamp; 2] {
        [Stamp::of(Path::new(&self.shard.file)), Stamp::of_bytes(CONFIG, &self.config)]
    }

    /// Checks every tensor of the adapter against the matrices that the model consists of.
    pub(super) fn check(&self, layout: &Layout) -> Result<(), PrmError> {
        self.factors(layout).map(|_| ())
    }

    /// Bytes of the adapter as f32.
    pub(super) fn bytes(&self) -> u64 {
        self.shard.tensors.iter().map(|t| 4 * t.elements()).sum()
    }

    fn factors(&self, layout: &Layout) -> Result<Vec<Factors<'_>>, PrmError> {
        let bad = |message: String| PrmError::Weights { file: self.shard.file.clone(), message };
        let mut factors = Vec::new();
        for a in &self.shard.tensors {
            let stem = a.name.strip_prefix(PREFIX);
            if stem.is_some_and(|s| s.ends_with(".lora_B.weight")) {
                continue;
            }
            let Some(stem) = stem.and_then(|s| s.strip_suffix(".lora_A.weight")) else {
                return Err(bad(format!("tensor {:?} is not a factor of LoRA", a.name)));
            };
            let (target, other) = (format!("{stem}.weight"), format!("{PREFIX}{stem}.lora_B.weight"));
            let b = self.shard.tensors.iter().find(|t| t.name == other);
            let b = b.ok_or_else(|| bad(format!("tensor {other:?} is missing beside {:?}", a.name)))?;
            let shape = layout.iter().find(|(name, _)| *name == target).map(|(_, shape)| shape.as_slice());
            let fits = matches!((shape, a.shape.as_slice(), b.shape.as_slice()),
                (Some([outputs, inputs]), [rank, i], [o, r]) if outputs == o && inputs == i && rank == r);
            if !fits {
                let of = shape.map_or("no matrix of this model".to_owned(), |s| format!("shape {s:?}"));
                return Err(bad(format!(
                    "factors of shapes {:?} and {:?} do not fit {target:?}, which is {of}",
                    a.shape, b.shape
                )));
            }
            if let Some(t) = [a, b].into_iter().find(|t| converter(&t.dtype).is_none()) {
                return Err(bad(format!("tensor {:?} is stored as {}", t.name, t.dtype)));
            }
            factors.push(Factors { target, a, b });
        }
        Ok(factors)
    }

    /// Hands out what is to be added to each matrix; everything that was read goes into `hash`.
    pub(super) fn changes(
        &mut self,
        layout: &Layout,
        hash: &mut Sha256,
        add: &mut dyn FnMut(&str, &[f32]),
    ) -> Result<(), PrmError> {
        hash.update(&self.config);
        let mut read = std::collections::HashMap::new();
        self.shard.read(hash, &|_| true, &mut |tensor, values| {
            read.insert(tensor.name.clone(), values.into_f32());
            Ok(())
        })?;
        for Factors { target, a, b } in self.factors(layout)? {
            let (Some(x), Some(y)) = (read.get(&a.name), read.get(&b.name)) else { continue };
            let (rank, inputs, outputs) = (a.shape[0], a.shape[1], b.shape[0]);
            let mut change = vec![0.0; outputs * inputs];
            matmul(&mut change, View::rows(y, outputs, rank, rank), View::rows(x, rank, inputs, inputs), true);
            for c in &mut change {
                *c *= self.scale;
            }
            add(&target, &change);
        }
        Ok(())
    }
}
