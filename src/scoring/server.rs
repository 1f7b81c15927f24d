//! Where a decoder runs: plain data, without the client of servers.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::prm::Device;

/// On a server, or on a device of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, clap::Args)]
pub struct RunsOn {
    /// Which server runs the model.
    #[command(flatten)]
    pub server: Option<ServerSpec>,
    /// Compute the model of --prm on cpu, cuda or metal (cuda:1 for the second of several); the last two in programs that were built
    /// with the feature of that name
    #[arg(long, value_name = "DEVICE", default_value_t, hide_default_value = true, requires = "prm", conflicts_with = "url")]
    pub device: Device,
}

impl RunsOn {
    /// The options that say the same.
    pub(super) fn args(&self) -> Vec<OsString> {
        let mut args = self.server.as_ref().map(ServerSpec::args).unwrap_or_default();
        if self.device != Device::Cpu {
            args.extend(["--device".into(), self.device.to_string().into()]);
        }
        args
    }
}

/// The language model that writes alternatives of steps.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct SamplerSpec {
    /// Folder of a language model that writes alternatives of a step when `:sample` (ge) asks for them; without it none is run
    #[arg(id = "sampler", long = "sampler", value_name = "DIR", required = false)]
    pub folder: PathBuf,
    /// Compute it on cpu, cuda or metal, as --device says of the model of --prm
    #[arg(
        id = "sampler-device",
        long = "sampler-device",
        value_name = "DEVICE",
        default_value_t,
        hide_default_value = true,
        requires = "sampler"
    )]
    pub device: Device,
}

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Api {
    /// vLLM with `--runner pooling`: the server applies the score head
    #[default]
    VllmPooling,
    /// vLLM as a generator: log-probabilities of verdict tokens
    VllmCompletions,
    /// llama.cpp: hidden states (`--embedding --pooling none`) for our own head, or likeliest tokens
    LlamaCpp,
}

/// Which server runs the decoder.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct ServerSpec {
    /// Let this server run the model, like https://host:8000; plain http is taken for this machine alone. --prm names the folder of
    /// its config.json and tokenizer.json. A token is read from STEPSCOPE_SERVER_TOKEN (vLLM does not ask for one at /pooling:
    /// who reaches that port can use it)
    #[arg(long = "server", value_name = "URL", required = false, requires = "prm")]
    pub url: String,
    /// What the server speaks
    #[arg(long = "server-api", value_name = "API", value_enum, default_value_t, requires = "url")]
    pub api: Api,
    /// Name of the model on the server, where it has several
    #[arg(long = "server-model", value_name = "NAME", requires = "url")]
    pub model: Option<String>,
}

impl ServerSpec {
    /// The options that say the same.
    fn args(&self) -> Vec<OsString> {
        use clap::ValueEnum;
        let api = self.api.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let mut args: Vec<OsString> = vec!["--server".into(), self.url.clone().into(), "--server-api".into(), api.into()];
        if let Some(model) = &self.model {
            args.extend(["--server-model".into(), model.into()]);
        }
        args
    }
}
