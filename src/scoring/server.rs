//! Where a decoder runs that does not run here: plain data, without the client.

use std::ffi::OsString;

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
    pub(super) fn args(&self) -> Vec<OsString> {
        use clap::ValueEnum;
        let api = self.api.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let mut args: Vec<OsString> = vec!["--server".into(), self.url.clone().into(), "--server-api".into(), api.into()];
        if let Some(model) = &self.model {
            args.extend(["--server-model".into(), model.into()]);
        }
        args
    }
}
