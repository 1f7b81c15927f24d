//! The user's editor has the terminal for a while: for one text, in a file of its own that is not thrown away while it holds
//! something nobody else has.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::Command;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::app::scissors;
use crate::labels::store::TEXT_LIMIT;

/// Who has the keyboard.
#[derive(Debug, Default)]
struct Keyboard {
    /// The editor has it, or is about to get it.
    lent: bool,
    /// Our own reader keeps its hands off.
    away: bool,
}

// The terminal is there once in a process, and the thread that reads it cannot be asked otherwise.
static KEYBOARD: (Mutex<Keyboard>, Condvar) = (Mutex::new(Keyboard { lent: false, away: true }), Condvar::new());

fn keyboard() -> MutexGuard<'static, Keyboard> {
    KEYBOARD.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until the terminal is ours to read.
pub(super) fn wait_for_turn() {
    let mut keyboard = keyboard();
    keyboard.away = true;
    KEYBOARD.1.notify_all();
    while keyboard.lent {
        keyboard = KEYBOARD.1.wait(keyboard).unwrap_or_else(PoisonError::into_inner);
    }
    keyboard.away = false;
}

/// True while the editor has the terminal.
pub(super) fn is_lent() -> bool {
    keyboard().lent
}

/// Takes the keyboard from our own reader; returns when it has let go.
pub(super) fn lend() {
    let mut keyboard = keyboard();
    keyboard.lent = true;
    while !keyboard.away {
        keyboard = KEYBOARD.1.wait(keyboard).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Our own reader reads again.
pub(super) fn take_back() {
    keyboard().lent = false;
    KEYBOARD.1.notify_all();
}

/// Lets the editor have a text with something below it, and gives back what stands above the scissors then. The error says where a text lies
/// that could not be taken over.
pub(super) fn edit(text: &str, below: &str) -> Result<String, String> {
    if !std::io::stdin().is_terminal() {
        return Err("an editor needs a terminal".to_owned());
    }
    let text = format!("{text}{below}");
    let mut file = tempfile::Builder::new()
        .prefix("stepscope-")
        .suffix(".md")
        .tempfile()
        .and_then(|mut file| file.write_all(text.as_bytes()).map(|()| file))
        .map_err(|error| format!("no file for the editor: {error}"))?;
    let flushed = file.flush();
    let editor =
        ["VISUAL", "EDITOR"].into_iter().filter_map(|name| std::env::var(name).ok()).find(|value| !value.trim().is_empty());
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    let outcome = flushed.and_then(|()| run(&editor, file.path()));
    // An editor may put another file in the place of ours: it is read by its name.
    let now = std::fs::read(file.path());
    let failure = match (outcome, &now) {
        (Err(error), _) => format!("{editor} could not be run: {error}"),
        (Ok(false), _) => format!("{editor} failed"),
        (Ok(true), Err(error)) => format!("what {editor} wrote cannot be read: {error}"),
        (Ok(true), Ok(bytes)) => match std::str::from_utf8(bytes) {
            Ok(written) if scissors::cut(written).len() <= TEXT_LIMIT => return Ok(scissors::cut(written).to_owned()),
            Ok(_) => format!("the text is longer than {TEXT_LIMIT} bytes"),
            Err(_) => "the text is no UTF-8".to_owned(),
        },
    };
    if now.is_ok_and(|bytes| bytes == text.as_bytes()) {
        return Err(format!("{failure}; the text stays as it was"));
    }
    match file.keep() {
        Ok((_, path)) => Err(format!("{failure}; what was written is in {}", path.display())),
        Err(error) => Err(format!("{failure}; {error}")),
    }
}

/// Runs the editor as git does: its name may hold arguments.
fn run(editor: &str, path: &Path) -> std::io::Result<bool> {
    Command::new("sh").arg("-c").arg(format!("{editor} \"$@\"")).arg(editor).arg(path).status().map(|status| status.success())
}
