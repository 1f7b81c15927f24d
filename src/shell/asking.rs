//! Asks, before the program proper begins, what the keys of unknown files mean. A small loop of its own: nothing else runs yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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

fn run(dialog: &mut Dialog, screen: &mut TerminalScreen, stop: &AtomicBool) -> std::io::Result<Answer> {
    while !stop.load(Ordering::Relaxed) {
        screen.paint(|frame| ui::view_mapping(dialog, frame))?;
        while !stop.load(Ordering::Relaxed) && !crossterm::event::poll(PATIENCE)? {}
        if stop.load(Ordering::Relaxed) {
            break;
        }
        if let Some(answer) = dialog.update(&crossterm::event::read()?) {
            return Ok(answer);
        }
    }
    Ok(Answer::LeaveOut)
}
