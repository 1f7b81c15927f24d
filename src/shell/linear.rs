//! The screen of `--linear`: lines at the end of what was written before. Keys come from a terminal, or from a pipe.

use std::io::{IsTerminal, Read, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use tokio::sync::mpsc::UnboundedSender;

use super::Screen;
use super::terminal::copy_sequence;
use crate::app::{App, Message};
use crate::text::{WrapOptions, safe_line, wrap};
use crate::ui::linear::Reader;

/// The next key of a pipe does not wait longer than this for the answer to the one before.
const PATIENCE: Duration = Duration::from_secs(10);

/// How far the program has come with the keys of a pipe.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    state: Arc<(Mutex<(u64, bool)>, Condvar)>,
}

impl Pace {
    fn report(&self, heard: u64, settled: bool) {
        *self.state.0.lock().unwrap_or_else(PoisonError::into_inner) = (heard, settled);
        self.state.1.notify_all();
    }

    /// Waits until so many keys were taken in and everything that they asked for has come.
    fn wait(&self, keys: u64) {
        let state = self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        let done = |state: &mut (u64, bool)| !(state.0 >= keys && state.1);
        drop(self.state.1.wait_timeout_while(state, PATIENCE, done));
    }
}

/// Lines on standard output.
pub struct LinearScreen {
    reader: Reader,
    raw: bool,
    pace: Pace,
    messages: UnboundedSender<Message>,
}

impl LinearScreen {
    /// Lines end where they end: the size only says how far a page scrolls.
    pub const SIZE: (u16, u16) = (200, 60);

    /// Takes single keys from the terminal, where there is one. When nobody reads its lines any more, it asks by `messages` for the end.
    pub fn enter(pace: Pace, messages: UnboundedSender<Message>) -> std::io::Result<Self> {
        let raw = std::io::stdin().is_terminal();
        if raw {
            enable_raw_mode()?;
        }
        Ok(Self { reader: Reader::default(), raw, pace, messages })
    }

    /// Says what is new.
    fn say(&mut self, app: &App) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        let end = if self.raw { "\r\n" } else { "\n" };
        // A pipe breaks no lines, and neither does what reads from it.
        let size = out.is_terminal().then(crossterm::terminal::size).and_then(Result::ok);
        let width = size.map_or(usize::MAX, |(width, _)| width.into());
        for line in self.reader.news(app) {
            for row in rows(&line, width) {
                write!(out, "{row}{end}")?;
            }
        }
        out.flush()
    }

    fn leave(&self) {
        if self.raw {
            // The terminal may be gone.
            let _ = disable_raw_mode();
        }
    }
}

impl Drop for LinearScreen {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Screen for LinearScreen {
    fn draw(&mut self, app: &App) -> std::io::Result<()> {
        // Half a picture is worse than a moment of silence.
        if app.is_settled() {
            match self.say(app) {
                // `| head` has read enough: the session is over.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                    let _ = self.messages.send(Message::Terminate);
                }
                said => said?,
            }
        }
        // Who types a filter into a pipe wants to hear what it finds; a file that grows has no end to wait for.
        let found = !app.queue.active() || app.queue.is_complete() || !app.items.complete();
        self.pace.report(app.heard, app.is_settled() && found);
        Ok(())
    }

    fn suspend(&mut self) -> std::io::Result<()> {
        self.leave();
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
        if self.raw {
            enable_raw_mode()?;
        }
        Ok(())
    }

    fn mouse(&mut self, _on: bool) -> std::io::Result<()> {
        Ok(())
    }

    fn forget(&mut self) -> std::io::Result<()> {
        self.reader.forget();
        Ok(())
    }

    fn lend(&mut self) -> std::io::Result<()> {
        self.leave();
        Ok(())
    }

    fn take_back(&mut self) -> std::io::Result<()> {
        if self.raw {
            enable_raw_mode()?;
        }
        Ok(())
    }

    fn copy(&mut self, text: &str) -> std::io::Result<()> {
        if !std::io::stdout().is_terminal() {
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        out.write_all(copy_sequence(text, std::env::var_os("TMUX").is_some()).as_bytes())?;
        out.flush()
    }

    fn size(&self) -> (u16, u16) {
        Self::SIZE
    }
}

/// A line that ends between words where the terminal does.
fn rows(line: &str, width: usize) -> Vec<String> {
    // The last column is left free: some terminals break behind it by themselves.
    let options = WrapOptions::new(width.saturating_sub(1).max(20)).hanging(2);
    let text = safe_line(line);
    wrap(&text, options).rows().iter().map(|row| format!("{:1$}{2}", "", row.indent, &text[row.range.clone()])).collect()
}

/// Reads keys from a pipe, each one after the answer to the one before; at its end the program leaves.
pub(super) fn read_pipe(messages: &UnboundedSender<Message>, pace: &Pace) {
    let mut text = String::new();
    // What is no text has no keys in it.
    let _ = std::io::stdin().lock().read_to_string(&mut text);
    let mut sent = 0;
    for c in text.chars() {
        pace.wait(sent);
        if messages.send(Message::Terminal(Event::Key(key(c)))).is_err() {
            return;
        }
        sent += 1;
    }
    pace.wait(sent);
    let _ = messages.send(Message::Terminate);
}

/// The key that sends this character.
fn key(c: char) -> KeyEvent {
    match c {
        '\n' | '\r' => KeyEvent::from(KeyCode::Enter),
        '\t' => KeyEvent::from(KeyCode::Tab),
        '\u{1b}' => KeyEvent::from(KeyCode::Esc),
        '\u{7f}' | '\u{8}' => KeyEvent::from(KeyCode::Backspace),
        '\u{1}'..='\u{1a}' => {
            let letter = char::from_u32(u32::from(c) + 0x60).unwrap_or(c);
            KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)
        }
        c => KeyEvent::from(KeyCode::Char(c)),
    }
}
