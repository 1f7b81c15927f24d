//! `stepscope [FILE...]`: the interactive program.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use anyhow::{Context, bail};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::beside::Beside;
use super::keys::KeyChoice;
use super::reading::{self, Reading};
use super::{Sharing, StoreChoice, With, out, settings, train_head};
use crate::app::items::FileState;
use crate::app::judge::Judge;
use crate::app::layout::bounded;
use crate::app::log::Start;
use crate::app::mapping::{Answer, Dialog};
use crate::app::trust::{Guide, Terms};
use crate::app::{App, Message, Place, Setup, Stores};
use crate::corpus::{Corpus, OpenError, Refusal, Source, Way, sources};
use crate::formats::mapping::{self, Spec};
use crate::labels::project::FILE_NAME;
use crate::labels::{Mode, Project, Store, StoreError};
use crate::query::{Names, Query, no_name};
use crate::scoring::{RunsOn, SamplerSpec, ScoreCache, WorkerSpec};
use crate::shell::background;
use crate::shell::late::Late;
use crate::shell::linear::{LinearScreen, Pace};
use crate::shell::replay::KeyLog;
use crate::shell::strays;
use crate::shell::terminal::{TerminalScreen, give_back};
use crate::shell::{self, Keys, Left, Outside, Refit, Resources, Saver, Screen};
use crate::text::{Ambiguous, Glyphs, many};
use crate::ui::look::Look;
use crate::ui::picture::DRAWS;
use crate::ui::theme::{Background, Depth, THEME_NAMES, Theme};

/// The demo traces, embedded.
pub(super) const DEMO: [(&str, &[u8]); 3] = [
    ("demo/solutions.json", include_bytes!("../../assets/demo/solutions.json")),
    ("demo/samples.jsonl", include_bytes!("../../assets/demo/samples.jsonl")),
    ("demo/tree.jsonl", include_bytes!("../../assets/demo/tree.jsonl")),
];

/// Options of the interactive program.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each one is a flag of the command line")]
pub struct OpenArgs {
    /// Files of traces, folders of them, or - for standard input; without any, the demo traces
    pub paths: Vec<PathBuf>,
    /// Which labels
    #[command(flatten)]
    pub store: StoreChoice,
    /// Whose labels are read beside one's own
    #[command(flatten)]
    pub with: With,
    /// Who gets which problems
    #[command(flatten)]
    pub sharing: Sharing,
    /// Folder of a process reward model, or `embedded:decoder` [default: embedded, the built-in feature model]
    #[arg(long, value_name = "DIR")]
    pub prm: Option<PathBuf>,
    /// Where the model runs.
    #[command(flatten)]
    pub runs_on: RunsOn,
    /// What writes alternatives.
    #[command(flatten)]
    pub sampler: Option<SamplerSpec>,
    /// Folder of a decoder, or `embedded:decoder`, whose vectors say how alike steps are for `:similar` (g~) and `:clusters` (gC); without it
    /// their words do
    #[arg(long, value_name = "DIR")]
    pub vectors: Option<PathBuf>,
    /// A scorer of your own instead: a command line for the shell that speaks the protocol of `stepscope worker`
    #[arg(long, value_name = "COMMAND", conflicts_with = "prm")]
    pub scorer_cmd: Option<String>,
    /// Other models beside it.
    #[command(flatten)]
    pub beside: Beside,
    /// Start without scores
    #[arg(long, conflicts_with_all = ["prm", "scorer_cmd"])]
    pub no_prm: bool,
    /// How the files are read
    #[command(flatten)]
    pub reading: Reading,
    /// Colours
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(THEME_NAMES))]
    pub theme: Option<String>,
    /// Kinds of errors, reasons and what is asked, as TOML; the default is stepscope.toml beside the first file, else mathematics
    #[arg(long, value_name = "FILE")]
    pub taxonomy: Option<PathBuf>,
    /// Start blind: without scores, reference answers and recorded labels on the screen
    #[arg(long)]
    pub blind: bool,
    /// Which keys
    #[command(flatten)]
    pub keys: KeyChoice,
    /// Show scores, reference and recorded labels once a solution is judged
    #[arg(long, conflicts_with = "blind")]
    pub reveal: bool,
    /// Percent of the problems, chosen by their content, that are judged before scores are seen
    #[arg(long, value_name = "PERCENT", default_value_t = 20.0, value_parser = percent)]
    pub blind_share: f64,
    /// Percent of the judged solutions that come once more, to see how repeatable labels are
    #[arg(long, value_name = "PERCENT", default_value_t = 3.0, value_parser = percent)]
    pub repeat_share: f64,
    /// Percent of the solutions of an ordered queue that are drawn at random and come between the others: `:trust` tells from them what
    /// share of all has an error
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    pub random_share: f64,
    /// Labelled traces that come between the others without being told apart; `:trust` compares
    #[arg(long, value_name = "FILE")]
    pub gold: Option<PathBuf>,
    /// An exam of so many solutions of the --gold file (and of no other), blind unless --reveal is given, with a score at the end
    #[arg(long, value_name = "N", requires = "gold")]
    pub exam: Option<usize>,
    /// Percent of the exam that is to be answered rightly
    #[arg(long, value_name = "PERCENT", requires = "exam", value_parser = percent)]
    pub required: Option<f64>,
    /// Note every key in this new file: `stepscope replay FILE --check` plays the session again
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// The guideline of the task, Markdown: gh shows it, every label names its version
    #[arg(long, value_name = "FILE")]
    pub guide: Option<PathBuf>,
    /// Draw with ASCII characters only
    #[arg(long)]
    pub ascii: bool,
    /// Cells that the terminal gives to characters of ambiguous width, such as `α` or `…`: 2 in East Asian set-ups; without it the
    /// terminal is asked, and it is 1 where that says nothing
    #[arg(long, value_name = "CELLS", value_parser = clap::value_parser!(u8).range(1..=2))]
    pub ambiguous: Option<u8>,
    /// Say changes line by line instead of drawing a screen: for screen readers, plain terminals and pipes; the keys are the same
    #[arg(long)]
    pub linear: bool,
}

/// Opens the files and runs until the user leaves.
pub fn run(args: &OpenArgs) -> anyhow::Result<ExitCode> {
    start(args, false)
}

/// The same; in a review what the stores of others say is adjudicated.
pub(super) fn start(args: &OpenArgs, review: bool) -> anyhow::Result<ExitCode> {
    let keymap = args.keys.keymap()?;
    may_begin(args)?;
    let judges = args.beside.judges()?;
    let (corpora, problems) = open_all(args)?;
    if !args.linear && !attended(args) {
        bail!("the interactive program needs a terminal; --linear, info, score, eval and export work without one");
    }
    let (look, asked) = look(args)?;
    let annotator = args.store.name();
    let path = args.store.path()?;
    let (mut store, mut session) = Store::open(&path, &annotator)?;
    args.with.read_into(&mut session, &path)?;
    let files = files(args, &corpora);
    let Kept { desk, place, filters, notes } =
        kept(&mut store, &files, review.then_some("(review)").or(args.exam.map(|_| "(exam)")));
    let mut project = project(args.taxonomy.clone(), &args.paths)?;
    project.overlap = args.sharing.overlap.clone().or(project.overlap);
    let setup = Setup {
        files,
        unopened: problems,
        session,
        annotator: annotator.clone(),
        store: path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        stores: Box::new(Stores {
            own: path.display().to_string(),
            others: args.with.with.iter().map(|path| path.display().to_string()).collect(),
        }),
        look,
        place,
        scoring: !args.no_prm,
        sampler: args.sampler.is_some(),
        vectors: args.vectors.is_some(),
        terms: terms(args)?,
        project,
        keymap,
        filters,
        review,
    };
    let worker = match &args.scorer_cmd {
        Some(command) => WorkerSpec::command(command),
        None => WorkerSpec::own(args.prm.as_deref(), &args.runs_on).context("finding the own program file")?,
    };
    let sampler = args.sampler.as_ref().map(WorkerSpec::sampler).transpose();
    let sampler = sampler.context("finding the own program file")?;
    let vectors = args.vectors.as_deref().map(WorkerSpec::vectors).transpose().context("finding the own program file")?;
    let ended_by = Arc::new(AtomicI32::new(0));
    enough_files()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(8).build()?;
    let log = args.log.as_ref().map(|log| (log.clone(), path.clone(), args.with.clone()));
    let correctable = args.scorer_cmd.is_none() && args.runs_on.server.is_none();
    let refit = correctable.then(|| train_head::refit(&path, &annotator, (args.prm.clone(), args.runs_on.clone())));
    let outside = Outer { corpora, worker, sampler, vectors, log, desk, refit, judges, asked, notes };
    let unsaved = runtime.block_on(interactive(setup, store, outside, &ended_by, args.linear))?;
    // A worker that is being killed and a blocked read must not hold the exit up.
    runtime.shutdown_background();
    for line in told_of(&unsaved, &path) {
        out::note(format_args!("stepscope: {line}"));
    }
    let signal = ended_by.load(Ordering::Relaxed);
    if signal != 0 {
        // Leaves the way the signal would have made us leave, so that the parent sees why.
        signal_hook::low_level::emulate_default_handler(signal)?;
    }
    Ok(if unsaved.labels > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Files that a session opens beside those that it shows: pipes of signals and of the worker, the score cache, what is read beside the screen.
const FILES: usize = 40;

/// Says so where the system will not let a session open the files that it needs: some of its parts end with a panic then.
fn enough_files() -> anyhow::Result<()> {
    let opened: Vec<_> = (0..FILES).map_while(|_| std::fs::File::open("/dev/null").ok()).collect();
    let found = opened.len();
    if found < FILES {
        bail!("only {found} more files can be opened at once, and a session needs {FILES}: raise the limit (ulimit -n)");
    }
    Ok(())
}

/// Labels that were not saved when the session ended, and the store of their own that they are in.
struct Unsaved {
    labels: usize,
    place: Option<Result<PathBuf, StoreError>>,
}

fn told_of(unsaved: &Unsaved, store: &Path) -> Vec<String> {
    let Unsaved { labels, place } = unsaved;
    if *labels == 0 {
        return Vec::new();
    }
    let label = many(*labels, "label");
    let store = store.display();
    let mut told = vec![format!("{label} could NOT be saved in {store}")];
    match place {
        Some(Ok(place)) => told.push(format!(
            "they are in {place}; once {store} is well, `stepscope store merge {store} {place} -o NEW.db` brings both together",
            place = place.display()
        )),
        Some(Err(error)) => told.push(format!("they could not be written anywhere else either: {error}")),
        None => {}
    }
    told
}

/// What is wrong with a command line is said before anything is asked or opened.
fn may_begin(args: &OpenArgs) -> anyhow::Result<()> {
    if let Some(command) = args.paths.first().and_then(|path| meant(path)) {
        bail!("{}: no such file and no command; is `stepscope {command}` meant?", args.paths[0].display());
    }
    if let Some(log) = args.log.as_ref().filter(|log| log.exists()) {
        bail!("--log: {} is there already, and a session begins a log of its own; give it another name", log.display());
    }
    if args.exam.is_some() && !args.paths.is_empty() {
        bail!("an exam asks the solutions of the --gold file and no others: leave the other files away");
    }
    Ok(())
}

/// The command whose name was mistyped, where a word that is no file looks like one.
fn meant(path: &Path) -> Option<String> {
    let word = path.to_str().filter(|word| !word.contains(['.', '/']) && !path.exists())?;
    let commands = <super::Cli as clap::CommandFactory>::command();
    let near = commands.get_subcommands().map(|command| (strsim::damerau_levenshtein(word, command.get_name()), command));
    let (distance, command) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= word.len() / 3).then(|| command.get_name().to_owned())
}

/// What a session is made of beside labels and screen.
struct Outer {
    corpora: Vec<Corpus>,
    worker: WorkerSpec,
    /// The language model that writes alternatives.
    sampler: Option<WorkerSpec>,
    /// The process whose vectors measure likeness.
    vectors: Option<WorkerSpec>,
    /// A key log that is wanted, and the stores whose labels stand before it: one's own and those of others.
    log: Option<(PathBuf, PathBuf, With)>,
    /// Name of the place of the session.
    desk: String,
    /// How to fit the scores to the labels.
    refit: Option<Refit>,
    /// Models whose scores were brought along.
    judges: Vec<Judge>,
    /// What the terminal was asked.
    asked: background::Answer,
    /// What is said at the start.
    notes: Vec<String>,
}

/// Begins the key log.
fn begin(log: &Path, own: &Path, with: &With, setup: &Setup, size: (u16, u16)) -> anyhow::Result<KeyLog> {
    let mut before = super::own_events(own, &setup.annotator)?;
    for (_, events, _) in with.events(&setup.annotator, own)? {
        before.extend(events.into_iter().filter(|event| event.annotator != setup.annotator));
    }
    KeyLog::create(log, Start::of(setup, size), before).with_context(|| format!("writing the key log {}", log.display()))
}

/// Runs the program on the terminal; gives the labels that could not be saved.
async fn interactive(
    setup: Setup,
    store: Store,
    Outer { corpora, worker, sampler, vectors, log, desk, refit, judges, asked, notes }: Outer,
    ended_by: &Arc<AtomicI32>,
    linear: bool,
) -> anyhow::Result<Unsaved> {
    let (messages, mut received) = unbounded_channel();
    let warnings = store.warnings().to_vec();
    strays::look(&corpora, &setup.session, &messages);
    let saver = Saver::start(store, desk, messages.clone())?;
    let files = setup.files.clone();
    let size = if linear { LinearScreen::SIZE } else { bounded(crossterm::terminal::size().unwrap_or((80, 24))) };
    let log = log.map(|(log, own, with)| begin(&log, &own, &with, &setup, size)).transpose()?;
    let (cache, canvas) = (ScoreCache::open_default(), asked.canvas);
    let resources = Resources { corpora, saver, worker, sampler, vectors, refit, cache, files, log, canvas };
    let mut outside = Outside::new(resources, messages.clone());
    for judge in judges {
        outside.tell(Message::Judge(Box::new(judge)));
    }
    for notice in warnings.into_iter().chain(notes) {
        outside.tell(Message::Notice(notice));
    }
    let left = if linear {
        let pace = Pace::default();
        let screen = LinearScreen::enter(pace.clone(), messages.clone()).context("taking the keyboard")?;
        let keys = if std::io::stdin().is_terminal() { Keys::Terminal(Late::default()) } else { Keys::Pipe(pace) };
        shell::watch(&messages, ended_by, keys)?;
        on(screen, setup, &mut outside, &mut received).await
    } else {
        let screen = TerminalScreen::enter().context("taking the terminal")?;
        let late = if asked.owed { Late::owed() } else { Late::default() };
        shell::watch(&messages, ended_by, Keys::Terminal(late))?;
        let left = on(screen, setup, &mut outside, &mut received).await;
        give_back();
        left
    };
    let Left { unsaved, confirmed, outcome } = left;
    let rescued = outside.close(unsaved, confirmed);
    let unsaved = rescued.map_or(Unsaved { labels: 0, place: None }, |(labels, place)| Unsaved { labels, place: Some(place) });
    if unsaved.labels == 0 {
        outcome?;
    } else if let Err(error) = outcome {
        // Where the labels are is the more important message.
        out::note(format_args!("stepscope: {error}"));
    }
    Ok(unsaved)
}

/// Runs the program on one kind of screen, which is given back at the end.
async fn on<S: Screen>(mut screen: S, setup: Setup, outside: &mut Outside, received: &mut UnboundedReceiver<Message>) -> Left {
    let (app, first) = App::new(setup, screen.size());
    shell::run(app, first, &mut screen, outside, received).await
}

pub(super) fn percent(text: &str) -> Result<f64, String> {
    let share = text.trim_end_matches('%').parse::<f64>().ok().filter(|share| (0.0..=100.0).contains(share));
    share.ok_or_else(|| "a number from 0 to 100".to_owned())
}

/// The open files as the program knows them; gold is listed in an exam alone.
fn files(args: &OpenArgs, corpora: &[Corpus]) -> Vec<FileState> {
    let mut files = Outside::files(corpora);
    let gold = args.gold.as_ref().filter(|_| args.exam.is_none());
    if let Some(last) = files.last_mut().filter(|last| gold.is_some_and(|gold| Path::new(&last.name) == gold)) {
        last.hidden = true;
    }
    files
}

/// What the session agrees to.
fn terms(args: &OpenArgs) -> anyhow::Result<Terms> {
    let read = |path: &PathBuf| std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()));
    Ok(Terms {
        mode: if args.blind || (args.exam.is_some() && !args.reveal) {
            Some(Mode::Blind)
        } else {
            args.reveal.then_some(Mode::RevealAfter)
        },
        blind_share: args.blind_share / 100.0,
        repeat_share: if args.exam.is_some() { 0.0 } else { args.repeat_share / 100.0 },
        random_share: args.random_share / 100.0,
        exam: args.exam,
        required: args.required.map(|percent| percent / 100.0),
        guide: args.guide.as_ref().map(read).transpose()?.map(Guide::new),
    })
}

/// The project file that was named, else the one beside the first file, else the built-in one.
pub(super) fn project(named: Option<PathBuf>, paths: &[PathBuf]) -> anyhow::Result<Project> {
    let beside = || Some(paths.first()?.parent()?.join(FILE_NAME)).filter(|path| path.is_file());
    let Some(path) = named.or_else(beside) else { return Ok(Project::default()) };
    let text = settings::read(&path)?;
    let project = Project::parse(&text).with_context(|| path.display().to_string())?;
    settings::left_out(&path, &project.unknown);
    for (name, text) in &project.filters {
        let wrong = no_name(name).or_else(|| Query::filter(text, &project.filters).err().map(|error| error.in_line(text)));
        if let Some(wrong) = wrong {
            bail!("{}: [filters] {name}: {wrong}", path.display());
        }
    }
    Ok(project)
}

/// Opens what can be opened; fails when nothing can.
fn open_all(args: &OpenArgs) -> anyhow::Result<(Vec<Corpus>, Vec<String>)> {
    let way = args.reading.format()?;
    let mut problems = Vec::new();
    let mut corpora = Vec::new();
    let mut opened = if args.exam.is_some() {
        Vec::new()
    } else if args.paths.is_empty() {
        DEMO.iter().map(|&(name, bytes)| Ok(Source::Memory { name, bytes })).collect()
    } else {
        sources(&args.paths, &mut |note| out::note(note))
    };
    let shown = opened.len();
    opened.extend(args.gold.iter().map(|gold| Ok(Source::Path(gold.clone()))));
    for (index, source) in opened.into_iter().enumerate() {
        // Questions with a known answer stay what they were.
        let open = if index < shown { Corpus::follow } else { Corpus::open };
        let opened = match source.and_then(|source| open(source, way)) {
            Err(OpenError { path, reason: Refusal::UnknownFormat(_) }) if !args.linear && attended(args) && path.is_file() => {
                unknown(&path, args)?
            }
            opened => Some(opened),
        };
        match opened {
            Some(Ok(corpus)) => corpora.push(corpus),
            Some(Err(error)) => problems.push(error.to_string()),
            None => {}
        }
    }
    if corpora.is_empty() {
        if problems.is_empty() {
            bail!("all files were left out");
        }
        bail!("{}", problems.join("\n"));
    }
    Ok((corpora, problems))
}

/// True when somebody sits at a terminal. With traces on standard input, keys come from the terminal itself.
fn attended(args: &OpenArgs) -> bool {
    let piped = args.paths.iter().any(|path| path.as_os_str() == "-");
    (piped || std::io::stdin().is_terminal()) && std::io::stdout().is_terminal()
}

/// Records of an unknown file that the dialog shows.
const SHOWN: usize = 50;

/// Asks what the keys of an unknown file mean and opens it so; `None` when it is left out.
fn unknown(path: &Path, args: &OpenArgs) -> anyhow::Result<Option<Result<Corpus, OpenError>>> {
    let follow = |spec: Spec| {
        let way = Way { format: Some(mapping::format(spec)?), segment: args.reading.segment, remembered: None };
        Ok(Some(Corpus::follow(Source::Path(path.to_owned()), way)))
    };
    let corpus = match Corpus::open(Source::Path(path.to_owned()), Some(mapping::bare())) {
        Ok(corpus) => corpus,
        Err(error) => return Ok(Some(Err(error))),
    };
    let records = (0..corpus.record_count().min(SHOWN)).filter_map(|record| corpus.raw(record).ok()).collect();
    let mut dialog = Dialog::new(corpus.name().to_owned(), records, look(args)?.0);
    drop(corpus);
    match shell::ask(&mut dialog).context("taking the terminal")? {
        Answer::LeaveOut => Ok(None),
        Answer::Open { spec, save } => {
            if let Some(name) = save {
                reading::save(&name, &spec)?;
            }
            // A file that cannot be asked about again is a nuisance, and no reason not to open it.
            let _ = reading::remember(path, &spec);
            follow(spec)
        }
    }
}

/// What earlier sessions left.
struct Kept {
    /// Name of the place of a session: the files that are open together, however their paths are spelt.
    desk: String,
    /// Where the last one stopped there.
    place: Option<Place>,
    /// The annotator's own filters.
    filters: Names,
    /// What of it cannot be read.
    notes: Vec<String>,
}

/// What earlier sessions on these files left; a review of them and an exam have places of their own.
fn kept(store: &mut Store, files: &[FileState], other: Option<&str>) -> Kept {
    let desk = |name: fn(&FileState) -> &str| files.iter().map(name).chain(other).collect::<Vec<_>>().join("\n");
    let (here, spelt) = (desk(|file| &file.id), desk(|file| &file.name));
    let place = match store.place(&here) {
        Ok(None) if spelt != here => moved(store, files, &spelt, &here),
        known => known,
    };
    let filters = shell::kept_filters(store);
    let unread = place.as_ref().err().into_iter().chain(filters.as_ref().err());
    // Of a store that is not there yet its own warning tells.
    let notes = unread.filter(|_| !store.read_only()).map(ToString::to_string).collect();
    Kept { desk: here, place: place.ok().flatten(), filters: filters.unwrap_or_default(), notes }
}

/// The place that an earlier version kept by the paths as they were spelt, if it is one of these files; it is kept by what they are from now on.
fn moved(store: &mut Store, files: &[FileState], spelt: &str, here: &str) -> Result<Option<Place>, StoreError> {
    let place = store.place::<Place>(spelt)?.filter(|place| files.iter().any(|file| file.id == place.file));
    if let Some(place) = &place
        && !store.read_only()
    {
        store.change_place(here, |_| place.clone())?;
    }
    Ok(place)
}

/// Colours and glyphs, and what pictures are drawn on: the terminal is asked, once for both.
fn look(args: &OpenArgs) -> anyhow::Result<(Look, background::Answer)> {
    let env = |name: &str| std::env::var(name).ok();
    let mut look = Look::detect(env);
    let ask = !args.linear && (DRAWS || args.theme.is_none() || args.ambiguous.is_none());
    let asked = if ask { background::ask(env) } else { background::Answer::default() };
    if let Some(background) = asked.background {
        look.theme = Theme::on(background, env);
    }
    look.guessed = asked.open && args.theme.is_none();
    if let Some(name) = &args.theme {
        look.theme = Theme::named(name, Depth::detect(env), Background::detect(env))
            .with_context(|| format!("no theme {name:?}; there are {}", THEME_NAMES.join(", ")))?;
    }
    let given = args.ambiguous.map(|cells| if cells == 2 { Ambiguous::Wide } else { Ambiguous::Narrow });
    look.ambiguous = given.or(asked.ambiguous).unwrap_or(look.ambiguous);
    if args.ascii {
        look.glyphs = Glyphs::ASCII;
    }
    Ok((look, asked))
}
