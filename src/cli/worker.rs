//! `stepscope worker`: holds a model and answers score requests.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::scoring::{RunsOn, SamplerSpec, local, worker};

/// Score steps for another program: JSON lines on standard input and output
///
/// This is the process in which stepscope runs a model, so that a fault of the model costs scores and nothing else. The protocol
/// is documented in the module `scoring::protocol`; any program that speaks it can take the place of this one (`--scorer-cmd COMMAND`).
///
/// Standard output holds protocol lines and nothing else. Ends with status 0 when standard input ends, with 1 when the model
/// cannot be loaded or fails.
#[derive(Debug, Clone, clap::Args)]
pub struct WorkerArgs {
    /// Folder with config.json, tokenizer.json and *.safetensors, or `embedded:decoder` for the small built-in decoder [default: the
    /// built-in feature model]
    #[arg(long, value_name = "DIR", conflicts_with = "sampler")]
    pub prm: Option<PathBuf>,
    /// A language model that writes steps instead of a model that judges them.
    #[command(flatten)]
    pub sampler: Option<SamplerSpec>,
    /// Folder of a decoder, or `embedded:decoder`, that measures how alike steps are instead of judging them
    #[arg(long, value_name = "DIR", conflicts_with_all = ["prm", "sampler"])]
    pub vectors: Option<PathBuf>,
    /// Where the model runs.
    #[command(flatten)]
    pub runs_on: RunsOn,
}

/// Runs until standard input ends.
pub fn run(args: &WorkerArgs) -> anyhow::Result<ExitCode> {
    report_panics_in_one_line();
    // The screen and the keyboard come first. Nothing depends on it.
    let _ = rustix::process::nice(5);
    let mut output = io::stdout().lock();
    match worker::serve(io::stdin(), &mut output, || match (&args.sampler, &args.vectors) {
        (Some(sampler), _) => local::load_sampler(sampler),
        (None, Some(place)) => local::load_vectors(place, &args.runs_on),
        (None, None) => local::load(args.prm.as_deref(), &args.runs_on),
    }) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error.into()),
    }
}

/// The asker shows the last line of standard error when this process dies.
fn report_panics_in_one_line() {
    std::panic::set_hook(Box::new(|info| {
        let text = crate::corpus::escaped(&info.to_string().replace('\n', " "));
        let _ = writeln!(io::stderr(), "{text}");
    }));
}
