//! What can go wrong with a checkpoint or a request: each message names the file and the tensor, token or field.

use std::io;

use super::request::Device;

/// A checkpoint that cannot be used, or a request that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum PrmError {
    /// The operating system refused to read a file or folder.
    #[error("{path}: {source}")]
    Io {
        /// The path as given.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The place is not a checkpoint folder, or a file of it is missing.
    #[error("{place}: {message}")]
    Place {
        /// The path as given.
        place: String,
        /// What was expected and what was found.
        message: String,
    },
    /// Weights in a format that can run code when it is loaded.
    #[error("{file}: this is a pickle file; pickle files can run code and are never loaded. Convert it once with: {}", recipe(.file))]
    Pickle {
        /// The file.
        file: String,
    },
    /// A weights file whose header is wrong.
    #[error("{file}: {message}; the model was not loaded")]
    Weights {
        /// The file.
        file: String,
        /// What was expected and what was found.
        message: String,
    },
    /// A tensor that the model needs is in no weights file.
    #[error("{file}: tensor {tensor} is missing (expected shape {expected:?})")]
    MissingTensor {
        /// The weights file, or all of them.
        file: String,
        /// Name of the tensor.
        tensor: String,
        /// The shape that the configuration asks for.
        expected: Vec<usize>,
    },
    /// A tensor of another shape than the configuration says.
    #[error("{file}: tensor {tensor} has shape {found:?}, {expected:?} was expected from {config}")]
    TensorShape {
        /// The weights file.
        file: String,
        /// Name of the tensor.
        tensor: String,
        /// The shape that the configuration asks for.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
        /// The configuration file.
        config: String,
    },
    /// A tensor whose numbers are of a kind that is not read.
    #[error("{file}: tensor {tensor} is stored as {found}; F32, BF16, F16 and the Q8_0, Q4_K and Q6_K of GGUF are read")]
    TensorKind {
        /// The weights file.
        file: String,
        /// Name of the tensor.
        tensor: String,
        /// The kind in the file.
        found: String,
    },
    /// A configuration that is not understood.
    #[error("{file}: {message}")]
    Config {
        /// The file.
        file: String,
        /// The field, what was expected and what was found.
        message: String,
    },
    /// A tokenizer that cannot be loaded.
    #[error("{file}: the tokenizer cannot be read: {message}")]
    Tokenizer {
        /// The file.
        file: String,
        /// Why.
        message: String,
    },
    /// A special token that the scoring convention needs.
    #[error("{file}: token {token} {message}")]
    Token {
        /// The tokenizer file.
        file: String,
        /// The token as text.
        token: String,
        /// What is wrong with it.
        message: String,
    },
    /// The model does not fit into memory.
    #[error("{place}: the model needs about {} of memory ({parameters} parameters), {} are free", gigabytes(*.needed), gigabytes(*.available))]
    Memory {
        /// The path as given.
        place: String,
        /// Parameters that would be loaded.
        parameters: u64,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        available: u64,
    },
    /// A device that is not there.
    #[error("--device {device}: {}", reason.clone().unwrap_or_else(|| not_built(*.device)))]
    Device {
        /// The device as given.
        device: Device,
        /// Why; `None` where this program was built without it.
        reason: Option<String>,
    },
    /// No known family of process reward models.
    #[error("{place}: no known process reward model; looked for {looked}; found {found}")]
    UnknownFamily {
        /// The path as given.
        place: String,
        /// The fingerprints of all families.
        looked: String,
        /// What the checkpoint says about itself.
        found: String,
    },
    /// A request that makes no sense.
    #[error("score request: {0}")]
    Request(String),
    /// The tensor library refused an operation.
    #[error("computing with the model failed: {0}")]
    Compute(String),
}

#[cfg(feature = "candle")]
impl From<candle_core::Error> for PrmError {
    fn from(error: candle_core::Error) -> Self {
        Self::Compute(message(error))
    }
}

/// What an error of the tensor library says, without the list of its functions that stands behind it where `RUST_BACKTRACE` is set.
#[cfg(feature = "candle")]
pub(super) fn message(error: candle_core::Error) -> String {
    match error {
        candle_core::Error::WithBacktrace { inner, .. } => message(*inner),
        error => error.to_string(),
    }
}

fn not_built(device: Device) -> String {
    let feature = if matches!(device, Device::Metal(_)) { "metal" } else { "cuda" };
    format!("this program was built without it; build it with: cargo build --release --features {feature}")
}

/// A line for the shell that turns a pickle of tensors into safetensors beside it. Tensors that share memory are copied.
fn recipe(file: &str) -> String {
    let stem = file.strip_suffix(".safetensors").or_else(|| file.rsplit_once('.').map(|(stem, _)| stem)).unwrap_or(file);
    let stem = stem.strip_suffix("pytorch_model").map_or_else(|| stem.to_owned(), |folder| format!("{folder}model"));
    format!(
        "python -c \"import sys, torch; from safetensors.torch import save_file; d = torch.load(sys.argv[1], weights_only=True); \
         save_file({{k: v.clone().contiguous() for k, v in d.items()}}, sys.argv[2])\" '{file}' '{stem}.safetensors'"
    )
}

/// Bytes as a short text such as `30.5 GB`.
pub(super) fn gigabytes(bytes: u64) -> String {
    if bytes < 1_000_000_000 { format!("{:.0} MB", (bytes as f64 / 1e6).ceil()) } else { format!("{:.1} GB", bytes as f64 / 1e9) }
}
