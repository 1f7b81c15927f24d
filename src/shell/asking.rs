//! Asks, before the program proper begins, what the keys of unknown files mean. A small loop of its own: nothing else runs yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crossterm::event::{self, Event};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::terminal::TerminalScreen;
use crate::app::mapping::{Answer, Dialog};
use crate::ui;

/// How often signals are looked for.
const PATIENCE: Duration = Duration::from_millis(100);

/// Shows the dialog until it has an answer; a signal leaves the file out.
pub fn ask(dialog: &mut Dialog) -> std::io::Result<Answer> {
    let stop = Arc::new(AtomicBool::new(false));
    let signals = [SIGHUP, SIGINT, SIGTERM].map(|signal| signal_hook::flag::register(signal, Arc::clone(&stop)));
    let answer = TerminalScreen::enter().and_then(|mut screen| run(dialog, &mut screen, &stop));
    for signal in signals.into_iter().flatten() {
        signal_hook::low_level::unregister(signal);
    }
    answer
}

fn run(dialog: &mut Dialog, screen: &mut TerminalScreen, stop: &Arc<AtomicBool>) -> std::io::Result<Answer> {
    let (wanted, events) = reader(Arc::clone(stop))?;
    loop {
        screen.paint(|frame| ui::view_mapping(dialog, frame))?;
        let asked = wanted.send(());
        let event = loop {
            if asked.is_err() || stop.load(Ordering::Relaxed) {
                return Ok(Answer::LeaveOut);
            }
            match events.recv_timeout(PATIENCE) {
                Ok(event) => break event?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Answer::LeaveOut),
            }
        };
        if let Some(answer) = dialog.update(&event) {
            return Ok(answer);
        }
    }
}

/// Reads an event whenever one is asked for, on a thread of its own: when the terminal goes away, crossterm's reader spins for ever (its
/// issue 793), and nobody would look at the signal that says so.
fn reader(stop: Arc<AtomicBool>) -> std::io::Result<(Sender<()>, Receiver<std::io::Result<Event>>)> {
    let (wanted, asked) = channel::<()>();
    let (heard, events) = channel();
    let next = move || {
        while !stop.load(Ordering::Relaxed) {
            if event::poll(PATIENCE)? {
                return event::read().map(Some);
            }
        }
        Ok(None)
    };
    std::thread::Builder::new().name("events of a dialog".into()).spawn(move || {
        while asked.recv().is_ok() {
            let Some(event) = next().transpose() else { return };
            if heard.send(event).is_err() {
                return;
            }
        }
    })?;
    Ok((wanted, events))
}
