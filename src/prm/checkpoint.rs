//! A checkpoint folder: which files it consists of, whether they hold what a decoder needs, and reading them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::decoder::Target;
use super::linear::{Linear, Precision};
use super::lora::{self, Adapter};
use super::matrices::Matrix;
use super::packed::{self, Packed, Stamp};
use super::request::CheckpointSource;
use super::safetensors::{Shard, Source, TensorInfo, Values, converter};
use super::{PrmError, config};
use crate::text::hex;

/// Largest configuration and index files; real ones have a few hundred kilobytes at most.
const MAX_JSON: u64 = 64 << 20;
/// The file in a checkpoint folder with the user's settings.
const SETTINGS: &str = "stepscope.json";
/// Largest tokenizer file.
const MAX_TOKENIZER: u64 = 256 << 20;
/// Weights files without an index: a folder with more than these is not a checkpoint.
const MAX_SHARDS: usize = 1000;

/// Name and shape of a tensor that a model needs.
pub(super) type Layout = Vec<(String, Vec<usize>)>;

/// The files of a checkpoint, headers checked, nothing loaded.
#[derive(Debug)]
pub(super) struct Checkpoint {
    /// The place as shown in messages.
    pub(super) place: String,
    /// Name for people.
    pub(super) name: String,
    pub(super) embedded: bool,
    pub(super) config: Map<String, Value>,
    pub(super) config_file: String,
    config_bytes: Vec<u8>,
    pub(super) tokenizer_file: String,
    pub(super) tokenizer_bytes: Vec<u8>,
    /// What `tokenizer_config.json` says, empty without the file.
    tokenizer_config: Map<String, Value>,
    pub(super) tokenizer_config_file: String,
    /// A chat template in a file of its own.
    chat_template: Option<String>,
    /// What the user says in `stepscope.json`, empty without the file.
    pub(super) settings: Map<String, Value>,
    pub(super) settings_file: String,
    pub(super) shards: Vec<Shard>,
    /// Changes that are merged into the weights.
    pub(super) adapter: Option<Adapter>,
}

/// How the weights files of a folder are found.
type FindWeights = fn(&Path) -> Result<Vec<PathBuf>, PrmError>;

/// Tensors by name, with their shapes.
#[derive(Debug, Default)]
pub(super) struct Weights {
    tensors: BTreeMap<String, (Vec<usize>, Values)>,
    /// Where they are when they were not read.
    packed: Option<Packed>,
}

impl Weights {
    /// Takes a tensor out. The layout was checked before loading, so a missing one is an error of the caller.
    pub(super) fn take(&mut self, name: &str) -> Result<Tensor, PrmError> {
        let (shape, values) = self.remove(name)?;
        Ok(Tensor::from_vec(values.into_f32(), shape, &Device::Cpu)?)
    }

    /// Takes the numbers of a tensor out, as they are stored.
    pub(super) fn values(&mut self, name: &str) -> Result<Values, PrmError> {
        Ok(self.remove(name)?.1)
    }

    fn remove(&mut self, name: &str) -> Result<(Vec<usize>, Values), PrmError> {
        let packed = || self.packed.as_ref().and_then(|packed| packed.tensor(name));
        self.tensors.remove(name).or_else(packed).ok_or_else(|| Self::not_asked(name))
    }

    /// Takes tensors out as one matrix.
    pub(super) fn matrix(&mut self, matrix: &Matrix, precision: Precision) -> Result<Linear, PrmError> {
        if let Some(packed) = &self.packed {
            let name = matrix.tensors.join("+");
            let linear = Linear::packed(packed, &name, matrix.inputs, matrix.outputs);
            return linear.ok_or_else(|| packed.damaged(&name));
        }
        let parts = matrix.tensors.iter().map(|name| self.values(name));
        Ok(Linear::new(matrix.inputs, parts.collect::<Result<_, _>>()?, precision))
    }

    /// The tensors that are left.
    pub(super) fn rest(self) -> impl Iterator<Item = (String, Vec<usize>, Values)> {
        self.tensors.into_iter().map(|(name, (shape, values))| (name, shape, values))
    }

    /// Takes the numbers of a tensor out, as f32.
    pub(super) fn numbers(&mut self, name: &str) -> Result<Vec<f32>, PrmError> {
        Ok(self.values(name)?.into_f32())
    }

    /// The tensor, which stays: two parts of a model share it.
    pub(super) fn share(&self, name: &str) -> Result<Tensor, PrmError> {
        let packed = || self.packed.as_ref().and_then(|packed| packed.tensor(name));
        let (shape, values) = self.tensors.get(name).cloned().or_else(packed).ok_or_else(|| Self::not_asked(name))?;
        Ok(Tensor::from_vec(values.into_f32(), shape, &Device::Cpu)?)
    }

    fn not_asked(name: &str) -> PrmError {
        PrmError::Compute(format!("tensor {name} was not asked for in the layout"))
    }
}

impl Checkpoint {
    /// Finds the files and checks their headers.
    pub(super) fn open(source: &CheckpointSource) -> Result<Self, PrmError> {
        Self::find(source, weights_files)
    }

    /// The same for a model that runs elsewhere: its weights need not be here. Where they are, their headers help to know the family.
    pub(super) fn open_text(source: &CheckpointSource) -> Result<Self, PrmError> {
        Self::find(source, |dir| Ok(weights_files(dir).unwrap_or_default()))
    }

    fn find(source: &CheckpointSource, weights: FindWeights) -> Result<Self, PrmError> {
        match source {
            CheckpointSource::Embedded => Self::embedded(),
            CheckpointSource::Dir(file) if file.extension().is_some_and(|e| e == "json") => Self::profile(file, weights),
            CheckpointSource::Dir(dir) => Self::folder(dir, &dir.join(SETTINGS), weights),
        }
    }

    fn embedded() -> Result<Self, PrmError> {
        const CONFIG: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/prm/config.json"));
        const TOKENIZER: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/prm/tokenizer.json"));
        const WEIGHTS: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/prm/model.safetensors"));
        let (config_file, tokenizer_file) = ("built-in config.json".to_owned(), "built-in tokenizer.json".to_owned());
        Ok(Self {
            place: "built-in model".to_owned(),
            name: "built-in decoder".to_owned(),
            embedded: true,
            config: config::parse(CONFIG, &config_file)?,
            config_file,
            config_bytes: CONFIG.to_vec(),
            tokenizer_file,
            tokenizer_bytes: TOKENIZER.to_vec(),
            tokenizer_config: Map::new(),
            tokenizer_config_file: "built-in tokenizer_config.json".to_owned(),
            chat_template: None,
            settings: Map::new(),
            settings_file: "stepscope.json".to_owned(),
            shards: vec![Shard::open("built-in model.safetensors", Source::Memory(WEIGHTS), WEIGHTS.len() as u64)?],
            adapter: None,
        })
    }

    /// A settings file that names its checkpoint folder, as seen from the file.
    fn profile(file: &Path, weights: FindWeights) -> Result<Self, PrmError> {
        let settings = optional_json(file)?;
        let Some(place) = settings.get("checkpoint").and_then(Value::as_str) else {
            let message = "expected the folder of a checkpoint (config.json, tokenizer.json, *.safetensors) or a settings file with \
                           \"checkpoint\": \"FOLDER\", found a file without it";
            return Err(PrmError::Place { place: file.display().to_string(), message: message.to_owned() });
        };
        Self::folder(&file.parent().unwrap_or(Path::new("")).join(place), file, weights)
    }

    fn folder(dir: &Path, settings: &Path, weights: FindWeights) -> Result<Self, PrmError> {
        let place = dir.display().to_string();
        let meta = fs::metadata(dir).map_err(|source| PrmError::Io { path: place.clone(), source })?;
        if !meta.is_dir() {
            if pickled(dir) {
                return Err(PrmError::Pickle { file: place });
            }
            let message =
                "expected the folder of a checkpoint (config.json, tokenizer.json, *.safetensors), found a file".to_owned();
            return Err(PrmError::Place { place, message });
        }
        let config_path = dir.join("config.json");
        let config_file = config_path.display().to_string();
        let config_bytes = read_file(&config_path, MAX_JSON)?;
        let config = config::parse(&config_bytes, &config_file)?;
        let adapter = adapter(dir)?;
        let shards = weights(dir)?.into_iter().map(|path| open_shard(&path)).collect::<Result<Vec<_>, _>>()?;
        let tokenizer_path = dir.join("tokenizer.json");
        let tokenizer_config = dir.join("tokenizer_config.json");
        let template = dir.join("chat_template.jinja");
        Ok(Self {
            tokenizer_config: optional_json(&tokenizer_config)?,
            tokenizer_config_file: tokenizer_config.display().to_string(),
            chat_template: if template.exists() {
                Some(String::from_utf8_lossy(&read_file(&template, MAX_JSON)?).into_owned())
            } else {
                None
            },
            settings: optional_json(settings)?,
            settings_file: settings.display().to_string(),
            name: name_of(dir, &config),
            place,
            embedded: false,
            config,
            config_file,
            config_bytes,
            tokenizer_file: tokenizer_path.display().to_string(),
            tokenizer_bytes: read_file(&tokenizer_path, MAX_TOKENIZER)?,
            shards,
            adapter,
        })
    }

    /// The tensor of that name and the file that holds it.
    pub(super) fn tensor(&self, name: &str) -> Option<(&TensorInfo, &str)> {
        self.shards.iter().find_map(|s| s.tensors.iter().find(|t| t.name == name).map(|t| (t, s.file.as_str())))
    }

    /// The class that the configuration names first, or an empty text.
    pub(super) fn architecture(&self) -> &str {
        self.config.get("architectures").and_then(|a| a.get(0)).and_then(Value::as_str).unwrap_or("")
    }

    /// The place of a pickle file in the folder, if there is one of that name.
    pub(super) fn pickle(&self, name: &str) -> Option<String> {
        let path = Path::new(&self.place).join(name);
        (!self.embedded && path.is_file()).then(|| path.display().to_string())
    }

    /// The chat template: its own file, or the `default` one of the tokenizer's configuration.
    pub(super) fn chat_template(&self) -> Option<String> {
        let listed = match self.tokenizer_config.get("chat_template") {
            Some(Value::Array(named)) => named.iter().find(|t| t["name"] == "default").and_then(|t| t.get("template")),
            other => other,
        };
        self.chat_template.clone().or_else(|| listed.and_then(Value::as_str).map(str::to_owned))
    }

    /// A special token of the tokenizer by its role, such as `bos_token`.
    pub(super) fn special_token(&self, role: &str) -> Option<String> {
        let token = self.tokenizer_config.get(role)?;
        token.as_str().or_else(|| token.get("content").and_then(Value::as_str)).map(str::to_owned)
    }

    /// The weights files as shown in messages.
    pub(super) fn weights_place(&self) -> String {
        match self.shards.as_slice() {
            [one] => one.file.clone(),
            [first, .., last] => format!("{} .. {}", first.file, last.file),
            [] => self.place.clone(),
        }
    }

    /// Checks that every tensor of the layout is there, once, with its shape and a kind that can be read.
    pub(super) fn check(&self, layout: &Layout) -> Result<(), PrmError> {
        let mut found: BTreeMap<&str, (&TensorInfo, &str)> = BTreeMap::new();
        for shard in &self.shards {
            for tensor in &shard.tensors {
                if let Some((_, other)) = found.insert(&tensor.name, (tensor, &shard.file)) {
                    let message = format!("tensor {:?} stands in {other} too", tensor.name);
                    return Err(PrmError::Weights { file: shard.file.clone(), message });
                }
            }
        }
        for (name, expected) in layout {
            let Some((tensor, file)) = found.get(name.as_str()) else {
                return Err(PrmError::MissingTensor {
                    file: self.weights_place(),
                    tensor: name.clone(),
                    expected: expected.clone(),
                });
            };
            let (file, tensor_name) = ((*file).to_owned(), name.clone());
            if tensor.shape != *expected {
                let (expected, found) = (expected.clone(), tensor.shape.clone());
                return Err(PrmError::TensorShape {
                    file,
                    tensor: tensor_name,
                    expected,
                    found,
                    config: self.config_file.clone(),
                });
            }
            if converter(&tensor.dtype).is_none() {
                return Err(PrmError::TensorKind { file, tensor: tensor_name, found: tensor.dtype.clone() });
            }
        }
        self.adapter.as_ref().map_or(Ok(()), |adapter| adapter.check(layout))
    }

    /// Number kinds of the tensors of a layout, such as `BF16`.
    pub(super) fn dtypes(&self, layout: &Layout) -> String {
        let mut kinds: Vec<&str> = layout.iter().filter_map(|(n, _)| self.tensor(n)).map(|(t, _)| t.dtype.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds.join("+")
    }

    /// The tensors of a checked layout, and the key of the model: SHA-256 over weights, configuration, tokenizer and
    /// `convention`. They are not read where `target` takes packed ones and a packed file holds them as they are now.
    pub(super) fn load(&mut self, layout: &Layout, convention: &str, target: &Target) -> Result<(Weights, String), PrmError> {
        let packed = target.takes_packed().then(|| self.packed(layout).ok()).flatten();
        let (weights, digest) = match packed {
            Some(packed) => {
                let digest = packed.weights();
                (Weights { packed: Some(packed), ..Weights::default() }, digest)
            }
            None => self.read(layout)?,
        };
        Ok((weights, hex(&self.digest(convention, &digest))))
    }

    /// The packed file beside the weights, or why it is not used.
    pub(super) fn packed(&self, layout: &Layout) -> Result<Packed, String> {
        if self.embedded {
            return Err("the built-in model needs none".to_owned());
        }
        Packed::open(&self.packed_file(), &self.stamps(), self.precision(layout), layout)
    }

    /// Where the packed file of this checkpoint stands.
    pub(super) fn packed_file(&self) -> PathBuf {
        Path::new(&self.place).join(packed::FILE)
    }

    /// What the weights are computed in on the processor.
    pub(super) fn precision(&self, layout: &Layout) -> Precision {
        Precision::of(&self.dtypes(layout), parameters(layout))
    }

    /// What the weights files are at this time.
    pub(super) fn stamps(&self) -> Vec<Stamp> {
        let shards = self.shards.iter().map(|shard| &shard.file);
        let files = shards.map(|file| Stamp::of(Path::new(file)));
        files.chain(self.adapter.iter().flat_map(Adapter::stamps)).collect()
    }

    /// Reads the tensors of a checked layout, and the SHA-256 of all weights.
    pub(super) fn read(&mut self, layout: &Layout) -> Result<(Weights, Vec<u8>), PrmError> {
        let wanted: std::collections::HashSet<&str> = layout.iter().map(|(n, _)| n.as_str()).collect();
        let mut tensors = BTreeMap::new();
        let mut weights = Sha256::new();
        for shard in &mut self.shards {
            shard.read(&mut weights, &|t| wanted.contains(t.name.as_str()), &mut |info, values| {
                tensors.insert(info.name.clone(), (info.shape.clone(), values));
                Ok(())
            })?;
        }
        if let Some(adapter) = &mut self.adapter {
            adapter.changes(layout, &mut weights, &mut |name, change| {
                if let Some((_, values)) = tensors.get_mut(name) {
                    let mut merged = std::mem::replace(values, Values::F32(Vec::new())).into_f32();
                    merged.iter_mut().zip(change).for_each(|(w, c)| *w += c);
                    *values = Values::F32(merged);
                }
            })?;
        }
        Ok((Weights { tensors, packed: None }, weights.finalize().to_vec()))
    }

    /// What decides the tokens and the meaning of a model: configuration, tokenizer and `convention`.
    pub(super) fn text_digest(&self, convention: &str) -> Vec<u8> {
        self.digest(convention, &[])
    }

    fn digest(&self, convention: &str, weights: &[u8]) -> Vec<u8> {
        let mut key = Sha256::new();
        key.update(convention.as_bytes());
        key.update([0]);
        key.update(weights);
        key.update(Sha256::digest(&self.config_bytes));
        key.update(Sha256::digest(&self.tokenizer_bytes));
        if let Some(template) = self.chat_template() {
            key.update(Sha256::digest(template));
        }
        // Before the problem, behind a solution, and in what a template prints.
        for role in ["bos_token", "eos_token"] {
            if let Some(token) = self.special_token(role) {
                key.update(Sha256::digest(format!("{role}={token}")));
            }
        }
        key.finalize().to_vec()
    }
}

/// Parameters of a layout.
pub(super) fn parameters(layout: &Layout) -> u64 {
    layout.iter().map(|(_, shape)| shape.iter().map(|&d| d as u64).product::<u64>()).sum()
}

/// Bytes that programs can still ask for, where the system says so (`MemAvailable` of Linux).
pub(super) fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Reads a regular file of at most `limit` bytes.
fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, PrmError> {
    let (file, size) = open_regular(path)?;
    if size > limit {
        let message = format!("the file has {size} bytes, at most {limit} were expected");
        return Err(PrmError::Place { place: path.display().to_string(), message });
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(|source| PrmError::Io { path: path.display().to_string(), source })?;
    Ok(bytes)
}

/// A JSON object, empty without the file.
fn optional_json(path: &Path) -> Result<Map<String, Value>, PrmError> {
    if path.exists() { config::parse(&read_file(path, MAX_JSON)?, &path.display().to_string()) } else { Ok(Map::new()) }
}

/// Opens a regular file: looking first keeps a FIFO or device from hanging the program.
fn open_regular(path: &Path) -> Result<(File, u64), PrmError> {
    let shown = path.display().to_string();
    let io = |source| PrmError::Io { path: shown.clone(), source };
    let meta = fs::metadata(path).map_err(io)?;
    if !meta.is_file() {
        return Err(PrmError::Place { place: shown, message: "expected a regular file".to_owned() });
    }
    Ok((File::open(path).map_err(io)?, meta.len()))
}

fn open_shard(path: &Path) -> Result<Shard, PrmError> {
    let (file, size) = open_regular(path)?;
    Shard::open(&path.display().to_string(), Source::File(file), size)
}

/// The LoRA adapter that lies beside the weights of a folder.
fn adapter(dir: &Path) -> Result<Option<Adapter>, PrmError> {
    let path = dir.join(lora::CONFIG);
    if !path.exists() {
        return Ok(None);
    }
    let bytes = read_file(&path, MAX_JSON)?;
    let map = config::parse(&bytes, &path.display().to_string())?;
    Adapter::new(dir, open_shard(&dir.join(lora::WEIGHTS))?, bytes, &map).map(Some)
}

/// A file name that `PyTorch` uses for pickles.
fn pickled(path: &Path) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| matches!(e, "bin" | "pt" | "pth" | "pkl" | "ckpt"))
}

/// The weights files of a folder: a GGUF backbone with a head in `*.safetensors`, those of the index, `model.safetensors`, or all
/// `*.safetensors`.
fn weights_files(dir: &Path) -> Result<Vec<PathBuf>, PrmError> {
    let io = |source| PrmError::Io { path: dir.display().to_string(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(io)? {
        paths.push(entry.map_err(io)?.path());
    }
    paths.sort();
    let is = |path: &PathBuf, kind: &str| path.extension().is_some_and(|e| e == kind);
    let index = dir.join("model.safetensors.index.json");
    let single = dir.join("model.safetensors");
    match paths.iter().any(|p| is(p, "gguf")) {
        false if index.exists() => return Ok(with_heads(dir, indexed_files(dir, &index)?)),
        false if single.exists() => return Ok(with_heads(dir, vec![single])),
        _ => {}
    }
    let weights: Vec<PathBuf> =
        paths.iter().filter(|p| (is(p, "safetensors") && !p.ends_with(lora::WEIGHTS)) || is(p, "gguf")).cloned().collect();
    if weights.is_empty() {
        if let Some(pickle) = paths.iter().find(|p| pickled(p)) {
            return Err(PrmError::Pickle { file: pickle.display().to_string() });
        }
        let place = dir.display().to_string();
        return Err(PrmError::Place { place, message: "expected weights in *.safetensors or *.gguf, found none".to_owned() });
    }
    Ok(weights)
}

/// The weights files of a decoder, and those of a head that its authors keep apart.
fn with_heads(dir: &Path, mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    let heads = ["value_head", "reward_head", "verifier"].map(|name| dir.join(name).with_extension("safetensors"));
    files.extend(heads.into_iter().filter(|head| head.is_file()));
    files
}

/// The files that an index names. Names with a folder in them are refused: nothing inside data opens another place.
fn indexed_files(dir: &Path, index: &Path) -> Result<Vec<PathBuf>, PrmError> {
    let file = index.display().to_string();
    let map = config::parse(&read_file(index, MAX_JSON)?, &file)?;
    let bad = |message: String| PrmError::Config { file: file.clone(), message };
    let names = map.get("weight_map").and_then(Value::as_object);
    let names = names.ok_or_else(|| bad("weight_map: expected an object of tensor and file names".to_owned()))?;
    let mut files = Vec::new();
    for (tensor, name) in names {
        let name = name.as_str().filter(|n| Path::new(n).file_name().is_some_and(|f| f == *n));
        let name = name.ok_or_else(|| bad(format!("weight_map: the entry of tensor {tensor:?} is not a plain file name")))?;
        if pickled(Path::new(name)) {
            return Err(PrmError::Pickle { file: dir.join(name).display().to_string() });
        }
        files.push(name.to_owned());
    }
    files.sort();
    files.dedup();
    if files.is_empty() || files.len() > MAX_SHARDS {
        return Err(bad(format!("weight_map: expected from 1 to {MAX_SHARDS} files, found {}", files.len())));
    }
    Ok(files.into_iter().map(|f| dir.join(f)).collect())
}

/// `Qwen/Qwen2.5-Math-PRM-7B` for a folder of the Hugging Face cache, else the folder's own name.
fn name_of(dir: &Path, config: &Map<String, Value>) -> String {
    let full = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    for part in full.components().rev() {
        let Some(repo) = part.as_os_str().to_str().and_then(|p| p.strip_prefix("models--")) else { continue };
        return repo.replacen("--", "/", 1);
    }
    let own = full.file_name().map(|n| n.to_string_lossy().into_owned());
    let configured = config.get("_name_or_path").and_then(Value::as_str).filter(|n| !n.is_empty() && !n.starts_with('/'));
    own.or_else(|| configured.map(str::to_owned)).unwrap_or_else(|| "model".to_owned())
}
