//! The asking side: runs a scorer process and speaks [`super::protocol`] with it.
//!
//! The process has no terminal: its standard error is captured, and it stands in a process group of its own, so that Ctrl-C in the
//! terminal reaches stepscope alone. Dropping the [`Worker`] kills it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::framing::{Framed, LineSplitter};
use super::protocol::{MAX_ANSWER_LINE, MAX_REQUEST_LINE, ToScorer, VERSION, one_line};
use super::session::Session;
use super::{RunsOn, SampleRequest, SamplerSpec, ScoreRequest, WorkerEvent};
use crate::prm::Device;

/// Which process to run.
#[derive(Debug, Clone)]
pub struct WorkerSpec {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// A scorer that owes an answer and writes nothing for so long is killed.
    pub silence: Duration,
}

impl WorkerSpec {
    /// Silence after which a scorer counts as hung. Loading a large model from a cold disk must fit in.
    pub const SILENCE: Duration = Duration::from_secs(300);

    /// `stepscope worker` with the built-in model, or with the one in a checkpoint folder.
    pub fn own(prm: Option<&Path>, runs_on: &RunsOn) -> io::Result<Self> {
        let mut args = vec![OsString::from("worker")];
        if let Some(dir) = prm {
            args.extend([OsString::from("--prm"), dir.into()]);
        }
        args.extend(runs_on.args());
        Ok(Self { program: std::env::current_exe()?, args, silence: Self::SILENCE })
    }

    /// `stepscope worker` with a language model that writes steps.
    pub fn sampler(sampler: &SamplerSpec) -> io::Result<Self> {
        let mut args = vec![OsString::from("worker"), OsString::from("--sampler"), sampler.folder.clone().into()];
        if sampler.device != Device::Cpu {
            args.extend(["--sampler-device".into(), sampler.device.to_string().into()]);
        }
        Ok(Self { program: std::env::current_exe()?, args, silence: Self::SILENCE })
    }

    /// `stepscope worker` with a decoder that measures how alike steps are.
    pub fn vectors(place: &Path) -> io::Result<Self> {
        let args = vec![OsString::from("worker"), OsString::from("--vectors"), place.into()];
        Ok(Self { program: std::env::current_exe()?, args, silence: Self::SILENCE })
    }

    /// The same process with the model in another folder.
    #[must_use]
    pub fn with_model(&self, folder: &Path) -> Self {
        let mut args = self.args.clone();
        match args.iter().position(|arg| arg == "--prm").and_then(|at| args.get_mut(at + 1)) {
            Some(place) => *place = folder.into(),
            None => args.extend(["--prm".into(), folder.into()]),
        }
        Self { args, ..self.clone() }
    }

    /// A scorer of the user's own: a command line for the shell.
    pub fn command(command: &str) -> Self {
        Self { program: "/bin/sh".into(), args: vec!["-c".into(), command.into()], silence: Self::SILENCE }
    }
}

enum Order {
    Send(ToScorer),
    Cancel(u64),
    Kill,
}

/// A running scorer process. All methods return at once; everything that happens comes back as a [`WorkerEvent`].
#[derive(Debug)]
pub struct Worker {
    orders: UnboundedSender<Order>,
}

impl Worker {
    /// Starts the process. Must be called inside a tokio runtime; events go to `events`, the last one is [`WorkerEvent::Exited`].
    pub fn spawn(spec: WorkerSpec, events: UnboundedSender<WorkerEvent>) -> io::Result<Self> {
        let WorkerSpec { program, args, silence } = spec;
        let mut command = Command::new(program);
        command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(io::Error::other("the scorer has no pipes"));
        };
        let (orders, inbox) = unbounded_channel();
        let last_words = tokio::spawn(last_line(stderr));
        tokio::spawn(supervise(child, stdin, stdout, last_words, inbox, events, silence));
        Ok(Self { orders })
    }

    /// Asks for scores.
    pub fn send(&self, request: ScoreRequest) {
        // A closed channel means that the process is gone, which `Exited` has said already.
        let _ = self.orders.send(Order::Send(ToScorer::Score(request)));
    }

    /// Asks for steps.
    pub fn sample(&self, request: SampleRequest) {
        let _ = self.orders.send(Order::Send(ToScorer::Sample(request)));
    }

    /// Takes a request back; what is scored already stays. The request still ends with [`WorkerEvent::Done`].
    pub fn cancel(&self, id: u64) {
        let _ = self.orders.send(Order::Cancel(id));
    }

    /// Ends the process now.
    pub fn kill(&self) {
        let _ = self.orders.send(Order::Kill);
    }
}

/// Waits for orders, lines and silence until the process is gone.
async fn supervise(
    mut child: Child,
    stdin: ChildStdin,
    mut stdout: ChildStdout,
    last_words: JoinHandle<Option<String>>,
    mut inbox: UnboundedReceiver<Order>,
    events: UnboundedSender<WorkerEvent>,
    silence: Duration,
) {
    let emit = |event| {
        // Nobody listens any more when the receiver is gone.
        let _ = events.send(event);
    };
    let lines = spawn_writer(stdin);
    send(&lines, &ToScorer::Hello { protocol: VERSION });
    let mut session = Session::default();
    let mut splitter = LineSplitter::new(MAX_ANSWER_LINE);
    let mut buffer = vec![0; 16 << 10];
    let mut heard = Instant::now();
    let (mut killed, mut leaving) = (false, false);
    loop {
        tokio::select! {
            // What has come in counts before the clock: after a pause of the whole machine the data is there and the time is up.
            biased;
            read = stdout.read(&mut buffer) => {
                let count = read.unwrap_or(0);
                if count == 0 {
                    leaving = true;
                    splitter.finish(|line| session.line(line, &mut |event| emit(event)));
                    break;
                }
                heard = Instant::now();
                splitter.push(&buffer[..count], |line: Framed| session.line(line, &mut |event| emit(event)));
                if session.given_up().is_some() {
                    break;
                }
            }
            order = inbox.recv() => {
                if !session.is_waiting() {
                    heard = Instant::now();
                }
                killed = !carry_out(order, &lines, &mut session, &emit);
                if killed {
                    break;
                }
            }
            () = sleep_until(heard + silence), if session.is_waiting() => {
                emit(WorkerEvent::Failed { request: None, message: format!("the scorer was silent for {} s", silence.as_secs_f32()) });
                break;
            }
        }
    }
    drop(lines);
    let status = end(&mut child, leaving).await;
    let words = timeout(Duration::from_millis(500), last_words).await.ok().and_then(Result::ok).flatten();
    emit(WorkerEvent::Exited { message: farewell(status.as_ref(), killed, words.as_deref()) });
}

/// False when the process is to end.
fn carry_out(order: Option<Order>, lines: &UnboundedSender<String>, session: &mut Session, emit: &impl Fn(WorkerEvent)) -> bool {
    match order {
        Some(Order::Send(request)) => begin(&request, lines, session, emit),
        Some(Order::Cancel(id)) => {
            session.cancelled(id);
            send(lines, &ToScorer::Cancel { id });
        }
        Some(Order::Kill) | None => return false,
    }
    true
}

fn begin(message: &ToScorer, lines: &UnboundedSender<String>, session: &mut Session, emit: &impl Fn(WorkerEvent)) {
    let id = match message {
        ToScorer::Score(request) => request.id,
        ToScorer::Sample(request) => request.id,
        ToScorer::Hello { .. } | ToScorer::Cancel { .. } | ToScorer::Other(_) => return send(lines, message),
    };
    let line = message.to_line();
    if line.len() > MAX_REQUEST_LINE {
        let message = format!("the request has {} bytes, more than the {MAX_REQUEST_LINE} of the protocol", line.len());
        emit(WorkerEvent::Failed { request: Some(id), message });
        return;
    }
    match message {
        ToScorer::Score(request) => session.sent(request),
        _ => session.asked_for_steps(id),
    }
    let _ = lines.send(line);
}

fn send(lines: &UnboundedSender<String>, message: &ToScorer) {
    let _ = lines.send(message.to_line());
}

/// Writes in a task of its own, so that a scorer that does not read cannot stop us from hearing it.
fn spawn_writer(mut stdin: ChildStdin) -> UnboundedSender<String> {
    let (sender, mut lines) = unbounded_channel::<String>();
    tokio::spawn(async move {
        while let Some(line) = lines.recv().await {
            if stdin.write_all(line.as_bytes()).await.is_err() {
                break;
            }
        }
    });
    sender
}

/// Keeps reading, so that the scorer never blocks on a full pipe, and remembers the last line that says something.
async fn last_line(mut stderr: impl AsyncRead + Unpin) -> Option<String> {
    let mut splitter = LineSplitter::new(64 << 10);
    let mut last = None;
    let mut keep = |line: Framed| {
        if let Framed::Line(line) = line {
            let line = one_line(&String::from_utf8_lossy(&line));
            if !line.is_empty() {
                last = Some(line);
            }
        }
    };
    let mut buffer = vec![0; 4 << 10];
    while let Ok(count) = stderr.read(&mut buffer).await {
        if count == 0 {
            break;
        }
        splitter.push(&buffer[..count], &mut keep);
    }
    splitter.finish(&mut keep);
    last
}

/// Ends the process. One that closed its output by itself gets a moment to leave with a status of its own.
async fn end(child: &mut Child, leaving: bool) -> Option<ExitStatus> {
    const GRACE: Duration = Duration::from_millis(500);
    if leaving && let Ok(status) = timeout(GRACE, child.wait()).await {
        return status.ok();
    }
    // Not waited for yet, so its id still names it and nothing else; a shell dies with what it started.
    if let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.start_kill();
    child.wait().await.ok()
}

fn farewell(status: Option<&ExitStatus>, killed: bool, last_words: Option<&str>) -> String {
    use std::os::unix::process::ExitStatusExt;
    if killed {
        return "the scorer was stopped".into();
    }
    let how = match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => format!("the scorer ended with status {code}"),
        Some((None, Some(signal))) => format!("the scorer was killed by {}", signal_name(signal)),
        _ => "the scorer ended".into(),
    };
    match last_words {
        Some(words) => format!("{how}: {words}"),
        None => how,
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        2 => "SIGINT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL (by hand, or by the system when memory ran out)",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        _ => return format!("signal {signal}"),
    };
    name.into()
}
