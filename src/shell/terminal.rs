//! The terminal's life: taken over, given back on every way out (return, panic, signal, suspend).

use std::io::{BufWriter, Stdout, Write, stdout};
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{Command, cursor, execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::Screen;
use crate::app::App;
use crate::app::layout::bounded;
use crate::ui::view;

/// What is written to give the terminal back: paste mode off, attributes off, alternate screen left, cursor on.
const RESTORE: &[u8] = b"\x1b[?2026l\x1b[?2004l\x1b[0m\x1b[?1049l\x1b[?25h";
/// Longest text that is put on the clipboard, in bytes: terminals drop longer ones without a word.
const MAX_COPY: usize = crate::app::commands::view::MAX_COPY;

static TAKEN: AtomicBool = AtomicBool::new(false);
/// The program hears of the mouse while it has the terminal.
static MOUSE: AtomicBool = AtomicBool::new(false);

/// The real terminal while the program has it.
pub struct TerminalScreen {
    /// The part of the terminal that is drawn on.
    area: Rect,
    /// Never dropped: it would show the cursor, which [`give_back`] does, and end the program with a panic where the terminal is gone,
    /// before the label store is closed.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<BufWriter<Stdout>>>>,
}

impl TerminalScreen {
    /// Takes the terminal over and makes sure that a panic gives it back.
    pub fn enter() -> std::io::Result<Self> {
        restore_on_panic();
        let area = area();
        let terminal = take().and_then(|()| fresh(area)).inspect_err(|_| give_back())?;
        Ok(Self { area, terminal: ManuallyDrop::new(terminal) })
    }

    /// Draws one frame.
    pub(super) fn paint(&mut self, view: impl FnOnce(&mut ratatui::Frame<'_>)) -> std::io::Result<()> {
        let area = area();
        // Terminals that know synchronized updates show whole frames only; others ignore the request.
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        if area != self.area {
            self.terminal.resize(area)?;
            self.area = area;
        }
        self.terminal.draw(view)?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
    }
}

/// A terminal that is believed to show nothing.
fn fresh(area: Rect) -> std::io::Result<Terminal<CrosstermBackend<BufWriter<Stdout>>>> {
    execute!(stdout(), Clear(ClearType::All))?;
    let backend = CrosstermBackend::new(BufWriter::with_capacity(1 << 16, stdout()));
    Terminal::with_options(backend, TerminalOptions { viewport: Viewport::Fixed(area) })
}

fn area() -> Rect {
    let (columns, rows) = bounded(crossterm::terminal::size().unwrap_or((80, 24)));
    Rect::new(0, 0, columns, rows)
}

impl Drop for TerminalScreen {
    fn drop(&mut self) {
        give_back();
    }
}

impl Screen for TerminalScreen {
    fn draw(&mut self, app: &App) -> std::io::Result<()> {
        self.paint(|frame| view(app, frame))
    }

    fn suspend(&mut self) -> std::io::Result<()> {
        give_back();
        // Stops the whole process here; the next line runs after it was continued.
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
        self.forget()
    }

    fn forget(&mut self) -> std::io::Result<()> {
        take()?;
        // Not `Terminal::clear`, which asks the terminal where the cursor is and fails when no answer comes.
        self.area = area();
        self.terminal = ManuallyDrop::new(fresh(self.area)?);
        Ok(())
    }

    fn lend(&mut self) -> std::io::Result<()> {
        give_back();
        Ok(())
    }

    fn take_back(&mut self) -> std::io::Result<()> {
        self.forget()
    }

    fn mouse(&mut self, on: bool) -> std::io::Result<()> {
        MOUSE.store(on, Ordering::SeqCst);
        if on { execute!(stdout(), EnableMouseCapture) } else { execute!(stdout(), DisableMouseCapture) }
    }

    fn copy(&mut self, text: &str) -> std::io::Result<()> {
        let out = self.terminal.backend_mut();
        out.write_all(copy_sequence(text, std::env::var_os("TMUX").is_some()).as_bytes())?;
        out.flush()
    }

    fn size(&self) -> (u16, u16) {
        bounded(self.terminal.size().map_or((80, 24), |size| (size.width, size.height)))
    }
}

/// What puts a text on the clipboard of the terminal (OSC 52). A terminal behind tmux gets it through tmux's envelope for strange
/// sequences (`allow-passthrough`) as well, because tmux keeps the plain form for itself unless `set-clipboard` is on.
pub(super) fn copy_sequence(text: &str, tmux: bool) -> String {
    let end = (0..=MAX_COPY.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let mut plain = String::new();
    // Writing to a string cannot fail.
    let _ = CopyToClipboard::to_clipboard_from(text.get(..end).unwrap_or_default()).write_ansi(&mut plain);
    if tmux { format!("{plain}\x1bPtmux;{}\x1b\\", plain.replace('\x1b', "\x1b\x1b")) } else { plain }
}

fn take() -> std::io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
    if MOUSE.load(Ordering::SeqCst) { execute!(stdout(), EnableMouseCapture) } else { Ok(()) }
}

/// Gives the terminal back if the program has it. Safe to call at any time, also from a panic.
pub fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(stdout(), DisableBracketedPaste);
        if MOUSE.load(Ordering::SeqCst) {
            let _ = execute!(stdout(), DisableMouseCapture);
        }
        let mut out = stdout();
        let _ = out.write_all(RESTORE);
        let _ = out.flush();
        let _ = disable_raw_mode();
    }
}

fn restore_on_panic() {
    static HOOKED: AtomicBool = AtomicBool::new(false);
    if HOOKED.swap(true, Ordering::SeqCst) {
        return;
    }
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // Threads that read records catch their panics; only the one that draws takes the terminal down.
        if std::thread::current().name() == Some("main") {
            give_back();
            before(info);
        }
    }));
}
