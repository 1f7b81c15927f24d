//! The command line: one file a subcommand, each a thin caller of the library. All but `open` need no terminal.

mod beside;
pub mod clusters;
pub mod compare;
mod compared;
#[cfg(feature = "candle")]
pub mod doctor;
pub mod eval;
mod eval_out;
pub mod export;
pub mod features;
pub mod gather;
pub mod info;
pub mod keys;
pub mod models;
mod notes;
pub mod open;
pub mod out;
pub mod queue;
pub mod reading;
pub mod replay;
pub mod review;
pub mod score;
pub mod score_known;
pub mod score_out;
mod scorer;
mod seen;
pub mod shard;
pub mod store;
pub mod tables;
pub mod train_head;
pub mod worker;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{CommandFactory, Parser, Subcommand};

use crate::formats::FORMATS;
use crate::labels::{Overlap, Session, Store};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "stepscope",
    version,
    about = "The workbench for process supervision, in the terminal",
    long_about = "Opens files of step-by-step solutions and search trees, colours every step with a local process reward model, \
                  and labels first errors with one key a solution. Without a file it opens its own demo traces.\n\n\
                  Exit codes: 0 done, 1 failed, 2 usage, 3 done with skipped records under --strict.",
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// A subcommand; without one the files are opened.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to open.
    #[command(flatten)]
    pub open: open::OpenArgs,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Count what is in files of traces: format, records, errors, steps, labels
    Info(info::InfoArgs),
    /// Score every step with a process reward model
    Score(score::ScoreArgs),
    /// Put the score files of shards together
    Gather(gather::GatherArgs),
    /// Compare a model's first errors with recorded ones: ProcessBench accuracies and F1
    Eval(eval::EvalArgs),
    /// Compare two scorers on recorded first errors, with a paired test
    Compare(compare::CompareArgs),
    /// Write labelled traces in the format of a trainer or a benchmark
    Export(export::ExportArgs),
    /// Show what a trainer really reads of an export, token by token, and refuse known traps
    #[cfg(feature = "candle")]
    Doctor(doctor::DoctorArgs),
    /// List the trace formats
    Formats(tables::FormatsArgs),
    /// List model families, or say what is known of a checkpoint folder
    Models(models::ModelsArgs),
    /// Choose solutions and put them in order
    Queue(queue::QueueArgs),
    /// Group steps that go wrong alike: which kinds of mistakes there are, how many of each
    Clusters(clusters::ClustersArgs),
    /// Adjudicate what several annotators do not agree on
    Review(Box<review::ReviewArgs>),
    /// Correct a model's scores by your own labels
    TrainHead(train_head::TrainHeadArgs),
    /// Look after the label store
    Store(store::StoreArgs),
    /// Play a key log of a session again, and compare the labels that come out
    Replay(replay::ReplayArgs),
    /// Print the key table of the README
    Keys(keys::KeysArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
    /// Score over pipes, for the other commands
    #[command(hide = true)]
    Worker(worker::WorkerArgs),
    /// Write step features, to train the built-in model on
    #[command(hide = true)]
    Features(features::FeaturesArgs),
}

/// The names that `--format` takes.
fn format_names() -> PossibleValuesParser {
    PossibleValuesParser::new(FORMATS.iter().map(|format| format.name()))
}

/// The names that `--to` takes.
fn writable_formats() -> PossibleValuesParser {
    PossibleValuesParser::new(crate::formats::targets().map(|target| target.name))
}

/// Options that say which label store and whose labels.
#[derive(Debug, Clone, clap::Args)]
pub struct StoreChoice {
    /// Label store; the default is labels.db in the user's data folder
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
    /// Name of the annotator; the default is git's user name
    #[arg(long = "as", value_name = "NAME")]
    pub annotator: Option<String>,
}

impl StoreChoice {
    /// The store's path.
    pub fn path(&self) -> anyhow::Result<PathBuf> {
        Ok(match &self.store {
            Some(path) => path.clone(),
            None => crate::labels::store::default_path()?,
        })
    }

    /// The annotator's name.
    pub fn name(&self) -> String {
        let here = std::env::current_dir().unwrap_or_default();
        crate::labels::annotator::name(self.annotator.as_deref(), &here)
    }

    /// Says so when a store holds labels of others and none of this annotator: somebody forgot a name.
    pub fn tell_of_others(&self, session: &crate::labels::Session) {
        let others: Vec<&str> = session.annotators().collect();
        if session.decisions() == 0 && !others.is_empty() && !others.contains(&session.annotator()) {
            let name = session.annotator();
            out::note(format_args!(
                "note: the store has labels of {}, none of {name}; --as NAME takes theirs",
                others.join(", ")
            ));
        }
    }
}

/// Who gets which problems.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Sharing {
    /// Who gets which problems: 2@20%:mira,ito,ruth gives a fifth of them, chosen by content, to two of the three and each other one to one of
    /// them; the default is section overlap of the project file. `assigned` in filters is true of one's own
    #[arg(long, value_name = "PLAN")]
    pub overlap: Option<Overlap>,
}

/// Stores of others.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct With {
    /// Label store of others, which is read and never written: what they sent back comes up again, and they can be compared; may be given
    /// several times
    #[arg(long, value_name = "STORE")]
    pub with: Vec<PathBuf>,
}

impl With {
    /// Takes in what stands in these stores but for the one at `own`. Labels under the own name that stand in another store are left
    /// out, because they cannot be taken back there, and that is said. Gives the stores with all who labelled there.
    pub fn read_into(&self, session: &mut Session, own: &Path) -> anyhow::Result<Vec<(&Path, BTreeSet<String>)>> {
        let mut read = Vec::new();
        let same =
            |path: &Path| std::fs::canonicalize(path).ok().is_some_and(|path| std::fs::canonicalize(own).ok() == Some(path));
        for path in self.with.iter().filter(|path| !same(path)) {
            let events = Store::events(path, session.annotator())?;
            let (mine, theirs): (Vec<_>, Vec<_>) = events.iter().partition(|event| event.annotator == session.annotator());
            session.extend(theirs);
            read.push((path.as_path(), events.iter().map(|event| event.annotator.clone()).collect()));
            if !mine.is_empty() {
                let (name, path) = (session.annotator(), path.display());
                out::note(format_args!("note: {path} has {} events of {name}; those of {} count", mine.len(), own.display()));
            }
        }
        Ok(read)
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // A file that may not grow gives an error to the writer instead of killing the program.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, std::sync::Arc::default());
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            // Several files may have failed: one line each.
            format!("{error:#}").lines().for_each(|line| out::note(format_args!("stepscope: {line}")));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        None => open::run(&cli.open),
        Some(Command::Info(args)) => info::run(&args),
        Some(Command::Score(args)) => score::run(&args),
        Some(Command::Gather(args)) => gather::run(&args),
        Some(Command::Eval(args)) => eval::run(&args),
        Some(Command::Compare(args)) => compare::run(&args),
        Some(Command::Export(args)) => export::run(&args),
        #[cfg(feature = "candle")]
        Some(Command::Doctor(args)) => doctor::run(&args),
        Some(Command::Formats(args)) => tables::formats(&args),
        Some(Command::Models(args)) => models::run(&args),
        Some(Command::Queue(args)) => queue::run(&args),
        Some(Command::Clusters(args)) => clusters::run(&args),
        Some(Command::Review(args)) => review::run(*args),
        Some(Command::TrainHead(args)) => train_head::run(&args),
        Some(Command::Store(args)) => store::run(&args),
        Some(Command::Replay(args)) => replay::run(&args),
        Some(Command::Keys(args)) => keys::run(&args),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "stepscope", &mut script);
            done(out::print_bytes(&script))
        }
        Some(Command::Man) => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            done(out::print_bytes(&page))
        }
        Some(Command::Worker(args)) => worker::run(&args),
        Some(Command::Features(args)) => features::run(&args),
    }
}

fn done(written: std::io::Result<()>) -> anyhow::Result<ExitCode> {
    written?;
    Ok(ExitCode::SUCCESS)
}
