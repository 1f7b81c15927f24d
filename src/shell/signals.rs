//! Everything that can reach the program while it waits: terminal events, signals, the terminal going away.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;

use super::editor::{is_lent, wait_for_turn};
use super::late::{Heard, Late};
use super::linear::{Pace, read_pipe};
use crate::app::Message;
use crate::ui::theme::Background;

/// Longest time that the keyboard is listened to without asking whose turn it is.
const TURN: Duration = Duration::from_millis(120);

/// How often the terminal is asked whether it is still there.
const WATCH: Duration = Duration::from_millis(700);

/// Signals that end the program, by number.
const ENDING: [i32; 4] =
    [signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP, signal_hook::consts::SIGINT, signal_hook::consts::SIGQUIT];

/// Where keys come from.
pub enum Keys {
    /// The terminal, but for answers that it still owes.
    Terminal(Late),
    /// Standard input that is no terminal, at this pace.
    Pipe(Pace),
}

/// Starts the tasks that turn events and signals into messages. The number of the signal that ended the program is left in `ended_by`.
pub fn watch(
    messages: &UnboundedSender<Message>,
    ended_by: &std::sync::Arc<std::sync::atomic::AtomicI32>,
    keys: Keys,
) -> std::io::Result<()> {
    for number in ENDING {
        let mut stream = signal(SignalKind::from_raw(number))?;
        let (messages, ended_by) = (messages.clone(), std::sync::Arc::clone(ended_by));
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                // Ctrl-C and Ctrl-\ in an editor reach everybody at the terminal and mean the editor.
                if is_lent() && matches!(number, signal_hook::consts::SIGINT | signal_hook::consts::SIGQUIT) {
                    continue;
                }
                ended_by.store(number, std::sync::atomic::Ordering::Relaxed);
                let _ = messages.send(Message::Terminate);
            }
        });
    }
    for (number, message) in [
        (signal_hook::consts::SIGTSTP, (|| Message::Stop) as fn() -> Message),
        (signal_hook::consts::SIGCONT, || Message::Continued),
    ] {
        let mut stream = signal(SignalKind::from_raw(number))?;
        let messages = messages.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                let _ = messages.send(message());
            }
        });
    }
    let reader = messages.clone();
    match keys {
        Keys::Terminal(late) => {
            std::thread::Builder::new().name("terminal events".into()).spawn(move || read_terminal(&reader, late))?;
            tokio::spawn(watch_terminal(messages.clone()));
        }
        Keys::Pipe(pace) => {
            std::thread::Builder::new().name("keys of the pipe".into()).spawn(move || read_pipe(&reader, &pace))?;
        }
    }
    Ok(())
}

/// Reads terminal events on a thread of its own. When the terminal goes away, crossterm's reader spins for ever (its issue 793): that
/// must not happen where the program waits, so that signals and [`watch_terminal`] can still end it.
///
/// It never waits for long at a stretch, so that an editor can have the keyboard soon.
fn read_terminal(messages: &UnboundedSender<Message>, mut late: Late) {
    let next = || {
        wait_for_turn();
        if crossterm::event::poll(TURN)? { crossterm::event::read().map(Some) } else { Ok(None) }
    };
    while let Ok(event) = next() {
        let heard = event.map(|event| match late.hear(&event, std::time::Instant::now()) {
            Heard::Key => Some(Message::Terminal(event)),
            Heard::Part => None,
            Heard::Answer(answer) => Background::from_answer(answer.as_bytes()).map(Message::Background),
        });
        if heard.flatten().is_some_and(|message| messages.send(message).is_err()) {
            return;
        }
    }
    let _ = messages.send(Message::Terminate);
}

/// Ends the program when the terminal is gone: the event reader never says so. Keys come from the terminal also where traces are piped in, and
/// the end of a pipe is none of it.
async fn watch_terminal(messages: UnboundedSender<Message>) {
    let stdin = std::io::stdin();
    let opened = if stdin.is_terminal() { None } else { std::fs::File::open("/dev/tty").ok() };
    let terminal = opened.as_ref().map_or_else(|| stdin.as_fd(), AsFd::as_fd);
    loop {
        tokio::time::sleep(WATCH).await;
        let mut fds = [PollFd::new(&terminal, PollFlags::empty())];
        let gone = poll(&mut fds, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok()
            && fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
        if gone {
            let _ = messages.send(Message::Terminate);
            return;
        }
    }
}
