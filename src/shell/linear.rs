//! The screen of `--linear`: lines at the end of what was written before. Keys come from a terminal, or from a pipe.

use std::io::{ErrorKind, IsTerminal, Read, Write};
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

/// Reads keys from a pipe as they come, each one after the answer to the one before; at its end the program leaves.
pub(super) fn read_pipe(messages: &UnboundedSender<Message>, pace: &Pace) {
    let mut sent = 0;
    let mut press = |c: char| {
        pace.wait(sent);
        sent += 1;
        messages.send(Message::Terminal(Event::Key(key(c)))).is_ok()
    };
    let (mut pipe, mut bytes, mut read) = (std::io::stdin().lock(), Vec::new(), [0; 4096]);
    loop {
        let count = match pipe.read(&mut read) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // A pipe that cannot be read any more is at its end.
            read => read.unwrap_or(0),
        };
        bytes.extend_from_slice(&read[..count]);
        if !characters(&mut bytes, count == 0).into_iter().all(&mut press) {
            return;
        }
        if count == 0 {
            break;
        }
    }
    pace.wait(sent);
    let _ = messages.send(Message::Terminate);
}

/// Takes the characters out of bytes of UTF-8. A last one that is cut waits for its rest, unless there is an end; other bytes that are no text
/// become U+FFFD.
fn characters(bytes: &mut Vec<u8>, ends: bool) -> Vec<char> {
    let mut found = Vec::new();
    let mut left = bytes.as_slice();
    while let Err(error) = std::str::from_utf8(left) {
        let (text, rest) = left.split_at(error.valid_up_to());
        found.extend(String::from_utf8_lossy(text).chars());
        let Some(bad) = error.error_len().or(ends.then_some(rest.len())) else {
            *bytes = rest.to_vec();
            return found;
        };
        found.push(char::REPLACEMENT_CHARACTER);
        left = &rest[bad..];
    }
    found.extend(String::from_utf8_lossy(left).chars());
    bytes.clear();
    found
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_out_of_a_pipe_as_they_come_and_bad_bytes_cost_no_others() {
        let mut bytes = b"j\xe2\x82".to_vec();
        assert_eq!((characters(&mut bytes, false), bytes.len()), (vec!['j'], 2), "a sign that is cut waits for its rest");
        bytes.extend(b"\xac\xffx\xe2\x82");
        assert_eq!(characters(&mut bytes, false), ['\u{20ac}', '\u{fffd}', 'x']);
        assert_eq!((characters(&mut bytes, true), bytes.len()), (vec!['\u{fffd}'], 0));
    }
}
