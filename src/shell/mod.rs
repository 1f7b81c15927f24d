//! The shell around the pure program: one loop that waits, the terminal's life, and everything that effects ask for.

mod asking;
pub mod background;
mod editor;
pub mod late;
mod likeness;
pub mod linear;
mod loading;
mod looking;
mod outside;
mod picture;
mod reopening;
pub mod replay;
mod sampler;
mod saver;
pub mod sieve;
mod signals;
pub mod strays;
pub mod terminal;

use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant as TokioInstant, sleep_until};

use crate::app::{App, Effect, Message, update};
use crate::labels::Draft;

pub use asking::ask;
pub(crate) use outside::identity;
pub use outside::{Outside, Refit, Resources};
pub use saver::{Saver, keep_filters, keep_marks, keep_place, kept_filters};
pub use signals::{Keys, watch};

/// Half-typed keys get their hint after this time.
const HINT_AFTER: Duration = Duration::from_millis(400);
/// Shortest time between two frames that nobody's key asked for.
const FRAME: Duration = Duration::from_millis(33);
/// How often growing files are looked at.
const POLL: Duration = Duration::from_millis(120);
/// Messages taken in before the screen is drawn again.
const BATCH: usize = 512;

/// What the loop draws on.
pub trait Screen {
    /// Draws the state.
    fn draw(&mut self, app: &App) -> std::io::Result<()>;
    /// Gives the terminal back, stops the process, and takes the terminal again when it is continued.
    fn suspend(&mut self) -> std::io::Result<()>;
    /// Forgets what the terminal shows, so that the next frame is drawn whole.
    fn forget(&mut self) -> std::io::Result<()>;
    /// Gives the terminal away until [`Screen::take_back`].
    fn lend(&mut self) -> std::io::Result<()>;
    /// Takes the terminal again, whatever it shows.
    fn take_back(&mut self) -> std::io::Result<()>;
    /// Puts text on the clipboard of the terminal.
    fn copy(&mut self, text: &str) -> std::io::Result<()>;
    /// Hears of the mouse, or leaves it to the terminal.
    fn mouse(&mut self, on: bool) -> std::io::Result<()>;
    /// The size of the screen.
    fn size(&self) -> (u16, u16);
}

/// What a session leaves when it ends.
#[derive(Debug)]
pub struct Left {
    /// Labels that are not known to be saved.
    pub unsaved: Vec<Draft>,
    /// How many are.
    pub confirmed: usize,
    /// Whether the screen held.
    pub outcome: std::io::Result<()>,
}

/// Runs until the program leaves. The only place that waits. Gives the labels of which it had not heard by then that the store has committed
/// them, and the number of those of which it had.
pub async fn run<S: Screen>(
    mut app: App,
    first: Vec<Effect>,
    screen: &mut S,
    outside: &mut Outside,
    messages: &mut UnboundedReceiver<Message>,
) -> Left {
    // A terminal that went away fails under the last frame: labels outlive it.
    let outcome = turns(&mut app, first, screen, outside, messages).await;
    Left { unsaved: app.saving.queue.into_inner().into(), confirmed: app.saving.count, outcome }
}

async fn turns<S: Screen>(
    app: &mut App,
    first: Vec<Effect>,
    screen: &mut S,
    outside: &mut Outside,
    messages: &mut UnboundedReceiver<Message>,
) -> std::io::Result<()> {
    for effect in first {
        carry_out(effect, screen, outside)?;
    }
    screen.draw(app)?;
    let started = Instant::now();
    // Who looks at the first screen is at work.
    outside.note(&Message::Clock(0));
    update(app, Message::Clock(0));
    let mut timers = Timers { drawn: Instant::now(), draw_at: None, hint_at: None, retry: None, poll_at: Instant::now() + POLL };
    while !app.quitting {
        let message = tokio::select! {
            message = outside.answer() => message,
            message = messages.recv() => message,
            () = sleep_until(TokioInstant::from_std(timers.next())) => None,
        };
        let mut urgent = false;
        let mut next = message;
        let mut taken = 0;
        while let Some(message) = next.take() {
            urgent |=
                matches!(message, Message::Terminal(_) | Message::Loaded { .. } | Message::Saved { .. } | Message::Terminate);
            // What goes on in pieces lets frames in between.
            let piece = matches!(message, Message::Continue);
            if matches!(message, Message::Terminal(_)) {
                let now = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                outside.note(&Message::Clock(now));
                update(app, Message::Clock(now));
            }
            outside.note(&message);
            if matches!(message, Message::Edited(..)) {
                screen.take_back()?;
                editor::take_back();
                let (columns, rows) = screen.size();
                outside.tell(Message::Terminal(crossterm::event::Event::Resize(columns, rows)));
            }
            for effect in update(app, message) {
                carry_out(effect, screen, outside)?;
            }
            taken += 1;
            if taken < BATCH && !piece && !app.quitting {
                next = by_turns(taken % 2 == 1, || messages.try_recv().ok(), || outside.try_answer());
            }
        }
        for effect in timers.fire(app, outside) {
            carry_out(effect, screen, outside)?;
        }
        timers.after(app, taken > 0, urgent);
        if timers.draw_at.is_some_and(|at| at <= Instant::now()) && !editor::is_lent() {
            screen.draw(app)?;
            timers.drawn = Instant::now();
            timers.draw_at = None;
        }
    }
    Ok(())
}

/// What is there, from one side or the other: where both always have something, neither waits behind the other for longer than one message.
fn by_turns<T>(first: bool, one: impl FnOnce() -> Option<T>, other: impl FnOnce() -> Option<T>) -> Option<T> {
    if first { one().or_else(other) } else { other().or_else(one) }
}

fn carry_out<S: Screen>(effect: Effect, screen: &mut S, outside: &mut Outside) -> std::io::Result<()> {
    match effect {
        // Who has the terminal gives it back: there only the process is stopped.
        Effect::Suspend if editor::is_lent() => signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP),
        Effect::Redraw | Effect::Copy(_) if editor::is_lent() => Ok(()),
        Effect::Edit(manuscript, below) => {
            editor::lend();
            screen.lend()?;
            outside.edit(manuscript, below);
            Ok(())
        }
        Effect::Suspend => {
            screen.suspend()?;
            let (columns, rows) = screen.size();
            outside.tell(Message::Terminal(crossterm::event::Event::Resize(columns, rows)));
            Ok(())
        }
        Effect::Redraw => screen.forget(),
        Effect::Mouse(on) => screen.mouse(on),
        Effect::Copy(text) => screen.copy(&text),
        effect => {
            outside.carry_out(effect);
            Ok(())
        }
    }
}

/// When the loop wakes up by itself.
struct Timers {
    drawn: Instant,
    draw_at: Option<Instant>,
    hint_at: Option<Instant>,
    /// When the labels that could not be written are tried again, and the failure after which that was planned.
    retry: Option<(u32, Instant)>,
    poll_at: Instant,
}

impl Timers {
    fn next(&self) -> Instant {
        let draw_at = self.draw_at.filter(|_| !editor::is_lent());
        let retry_at = self.retry.map(|(_, at)| at);
        [draw_at, self.hint_at, retry_at].into_iter().flatten().fold(self.poll_at, Instant::min)
    }

    /// Does what is due.
    fn fire(&mut self, app: &mut App, outside: &mut Outside) -> Vec<Effect> {
        let now = Instant::now();
        let mut effects = Vec::new();
        if self.hint_at.is_some_and(|at| at <= now) {
            self.hint_at = None;
            effects.extend(update(app, Message::Tick));
            self.draw_at = Some(now);
        }
        if self.retry.take_if(|(_, at)| *at <= now).is_some() {
            outside.note(&Message::Retry);
            effects.extend(update(app, Message::Retry));
        }
        if self.poll_at <= now {
            self.poll_at = now + POLL;
            let may_reload = app.may_reload() && !editor::is_lent();
            if let Some(message) = outside.files_changed(app, may_reload) {
                outside.note(&message);
                effects.extend(update(app, message));
                self.draw_at = Some(now);
            }
        }
        effects
    }

    /// Plans the next frame, the hint and the next try to save.
    fn after(&mut self, app: &App, changed: bool, urgent: bool) {
        let now = Instant::now();
        if urgent {
            self.draw_at = Some(now);
        } else if changed && self.draw_at.is_none() {
            self.draw_at = Some((self.drawn + FRAME).max(now));
        }
        let half_typed = app.keys.count.is_some() || !app.keys.pending.is_empty();
        if !half_typed || app.hint_due {
            self.hint_at = None;
        } else if self.hint_at.is_none() {
            self.hint_at = Some(now + HINT_AFTER);
        }
        self.retry = app.saving.retry_after().map(|(failure, pause)| {
            let planned = self.retry.filter(|(known, _)| *known == failure);
            planned.unwrap_or_else(|| (failure, now + pause))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_heard_while_answers_come_faster_than_they_are_taken_in() {
        let mut keys = ["j", "x"].into_iter();
        let mut taken: Vec<_> = (1..6).filter_map(|taken| by_turns(taken % 2 == 1, || keys.next(), || Some("answer"))).collect();
        assert_eq!(taken, ["j", "answer", "x", "answer", "answer"]);
        // The one side does not wait for its turn while the other has nothing.
        let mut keys = ["j", "x"].into_iter();
        taken = (1..6).filter_map(|taken| by_turns(taken % 2 == 1, || keys.next(), || None)).collect();
        assert_eq!(taken, ["j", "x"]);
    }
}
