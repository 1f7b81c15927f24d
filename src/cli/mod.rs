//! The command line: one file a subcommand, each a thin caller of the library. All but `open` need no terminal.

mod beside;
pub mod best_of;
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
mod settings;
pub mod shard;
pub mod store;
pub mod tables;
pub mod train_head;
pub mod worker;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::builder::PossibleValuesParser;
use clap::{CommandFactory, Parser, Subcommand};

use crate::formats::FORMATS;
use crate::labels::{Apart, Copies, Event, Overlap, Session, Store, StoreError};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "stepscope",
    version,
    about = "The workbench for process supervision, in the terminal",
    long_about = "Opens files of step-by-step solutions and search trees, colours every step with a local process reward model, \
                  and labels first errors with one key a solution. Without a file it opens its own demo traces.\n\n\
                  Exit codes: 0 done, 1 failed, 2 usage, 3 done with something skipped under --strict, with events that store merge left out, or with traps that doctor found.",
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

/// The subcommands. What help and manual say of one stands here in a line or, at length, above its options: a line here would hide that.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "what it does stands above its options")]
pub enum Command {
    /// Count what is in files of traces: format, records, errors, steps, labels
    Info(info::InfoArgs),
    Score(score::ScoreArgs),
    Gather(gather::GatherArgs),
    Eval(eval::EvalArgs),
    BestOf(best_of::BestOfArgs),
    Compare(compare::CompareArgs),
    /// Write labelled traces in the format of a trainer or a benchmark
    Export(export::ExportArgs),
    /// Show what a trainer really reads of an export, token by token, and refuse known traps
    #[cfg(feature = "candle")]
    Doctor(doctor::DoctorArgs),
    /// List the trace formats
    Formats(tables::FormatsArgs),
    Models(models::ModelsArgs),
    Queue(queue::QueueArgs),
    Clusters(clusters::ClustersArgs),
    Review(Box<review::ReviewArgs>),
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
    /// Print the manual page of the program, or of one of its commands
    Man {
        /// The command: `score`, `models inspect`
        command: Vec<String>,
    },
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

/// A store with what stands in it, and the names that it makes new.
type Read<'a> = (&'a Path, Vec<Event>, Vec<Apart>);

impl With {
    /// Takes in what stands in these stores but for the one at `own`. Labels under the own name that stand in another store are left
    /// out, because they cannot be taken back there, and that is said. Gives the stores with all who labelled there.
    ///
    /// Where one name says different things of a solution in two stores, and neither knows the other's word, they count as two: that is said,
    /// too.
    pub fn read_into(&self, session: &mut Session, own: &Path) -> anyhow::Result<Vec<(&Path, BTreeSet<String>)>> {
        let mut read = Vec::new();
        for (path, events, apart) in self.events(session.annotator(), own)? {
            let (mine, theirs): (Vec<_>, Vec<_>) = events.iter().partition(|event| event.annotator == session.annotator());
            session.extend(theirs);
            read.push((path, events.iter().map(|event| event.annotator.clone()).collect()));
            let store = path.display();
            if !mine.is_empty() {
                let name = session.annotator();
                out::note(format_args!("note: {store} has {} events of {name}; those of {} count", mine.len(), own.display()));
            }
            for Apart { name, called, solutions } in apart {
                let solutions = if solutions == 1 { "a solution".to_owned() } else { format!("{solutions} solutions") };
                out::note(format_args!(
                    "note: {store} has other verdicts of {name} on {solutions} than a store before it, and neither knows the other's: \
                     here {name} counts as {called}"
                ));
            }
        }
        for writer in session.forks() {
            out::note(format_args!(
                "note: a store was put back as it was before and labelled again: what came after that differs between copies (writer {writer})"
            ));
        }
        Ok(read)
    }

    /// What stands in these stores but for the one at `own`, each under the name by which it counts, and which of those are new.
    fn events(&self, annotator: &str, own: &Path) -> anyhow::Result<Vec<Read<'_>>> {
        let others: Vec<&PathBuf> = self.with.iter().filter(|path| !score::same_file(path, own)).collect();
        let mut copies = Copies::default();
        if !others.is_empty() {
            // Others may have left words there as well.
            copies.add("", &mut own_events(own, annotator)?);
        }
        let mut read = Vec::new();
        for path in others {
            let events = Store::events(path, annotator)?;
            let (mut all, mut theirs): (Vec<_>, Vec<_>) = events.into_iter().partition(|event| event.annotator == annotator);
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            let apart = copies.add(&name, &mut theirs);
            all.append(&mut theirs);
            read.push((path.as_path(), all, apart));
        }
        Ok(read)
    }
}

/// What stands in one's own store; nothing where it could not be made yet.
fn own_events(own: &Path, annotator: &str) -> Result<Vec<Event>, StoreError> {
    match Store::events(own, annotator) {
        Err(StoreError::Missing { .. }) => Ok(Vec::new()),
        events => events,
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // A file that may not grow gives an error to the writer instead of killing the program.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, std::sync::Arc::default());
    let cli = Cli::parse();
    // Whoever started a worker has said so.
    if !matches!(cli.command, Some(Command::Worker(_))) {
        check_environment();
    }
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
        Some(Command::BestOf(args)) => best_of::run(&args),
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
            clap_complete::generate(shell, &mut shown_command(), "stepscope", &mut script);
            done(out::print_bytes(&script))
        }
        Some(Command::Man { command }) => done(out::print_bytes(&man(&command)?)),
        Some(Command::Worker(args)) => worker::run(&args),
        Some(Command::Features(args)) => features::run(&args),
    }
}

/// The command line without what is hidden, which completions would offer.
fn shown_command() -> clap::Command {
    let whole = Cli::command();
    let shown = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned().collect::<Vec<_>>();
    clap::Command::new("stepscope")
        .version(env!("CARGO_PKG_VERSION"))
        .args(whole.get_arguments().cloned())
        .subcommands(shown)
        .disable_help_subcommand(true)
}

/// The manual page of the program, or of the command with these words.
fn man(words: &[String]) -> anyhow::Result<Vec<u8>> {
    let mut root = Cli::command();
    root.build();
    let mut command = &root;
    for word in words {
        let Some(found) = command.find_subcommand(word) else {
            bail!("no command {:?}; `stepscope --help` lists them", words.join(" "));
        };
        command = found;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}

/// Says of settings in the environment that cannot be followed that they are not.
fn check_environment() {
    if let Err(error) = crate::corpus::check_setting() {
        out::note(format_args!("note: {error}"));
    }
    #[cfg(feature = "candle")]
    if let Err(error) = crate::prm::check_setting() {
        out::note(format_args!("note: {error}"));
    }
}

/// Refuses to write over labels.
fn spare_store(path: &std::path::Path) -> anyhow::Result<()> {
    if crate::labels::store::is_store(path) {
        anyhow::bail!("{} is a label store; nothing replaces one", crate::corpus::escaped(&path.to_string_lossy()));
    }
    Ok(())
}

fn done(written: std::io::Result<()>) -> anyhow::Result<ExitCode> {
    written?;
    Ok(ExitCode::SUCCESS)
}
