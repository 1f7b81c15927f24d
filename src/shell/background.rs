//! Which background the terminal has, how wide its signs are, and how it shows pixels: it is asked, and not waited for. Of an answer that
//! comes late the background still counts ([`super::late`]).

use std::io::{IsTerminal, Write, stdin, stdout};
use std::time::{Duration, Instant};

use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::text::Ambiguous;
use crate::ui::picture::{Canvas, DRAWS};
use crate::ui::theme::Background;

/// A terminal on this machine answers at once.
const PATIENCE: Duration = Duration::from_millis(120);
/// OSC 11 asks for the background, DA1 for the device: every terminal answers the second one, so that no answer to the first is known
/// without waiting.
const QUESTION: &[u8] = b"\x1b]11;?\x1b\\\x1b[c";
/// The same, and between them whether the terminal knows kitty's pictures, what it is called, and how many pixels a cell of it has. Those
/// who do not know these requests pass over them.
const QUESTION_OF_PICTURES: &[u8] = b"\x1b]11;?\x1b\\\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[>q\x1b[16t\x1b[c";
/// A sign that is one cell wide here and two there, at the beginning of a line, and the question where that has put the cursor.
const QUESTION_OF_WIDTH: &str = "\r\u{b1}\x1b[6n\r\x1b[K";
/// Bytes of an answer.
const LONGEST: usize = 512;

/// What a terminal answered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answer {
    /// What it draws text upon.
    pub background: Option<Background>,
    /// What it draws pictures on.
    pub canvas: Canvas,
    /// Cells of characters whose width depends on the terminal.
    pub ambiguous: Option<Ambiguous>,
    /// It has not answered in time: the answer may still come.
    pub owed: bool,
    /// Nothing says what its background is.
    pub open: bool,
}

/// Asks the terminal; nothing is known where asking is no use or nobody answers, and when keys wait to be read. Pictures are drawn by a
/// terminal on this machine alone: a multiplexer answers for one that it does not know, and over ssh they would hold up the keys.
pub fn ask(env: impl Fn(&str) -> Option<String>) -> Answer {
    let set = |name: &str| env(name).is_some_and(|value| !value.is_empty());
    let plain = matches!(env("TERM").as_deref(), None | Some("" | "dumb" | "linux" | "vt100" | "vt220"));
    let draws = DRAWS && !["SSH_CONNECTION", "SSH_TTY", "TMUX", "STY"].into_iter().any(set);
    // A background that the environment names needs no question; what pictures are drawn on, only the terminal knows.
    let known = set("COLORFGBG");
    if set("NO_COLOR") || plain || (known && !draws) || !stdin().is_terminal() || !stdout().is_terminal() {
        return Answer::default();
    }
    let question = [QUESTION_OF_WIDTH.as_bytes(), if draws { QUESTION_OF_PICTURES } else { QUESTION }].concat();
    let Some(answer) = raw_answer(&question) else { return Answer::default() };
    let background = Background::from_answer(&answer).filter(|_| !known);
    let canvas = if draws { Canvas::from_answer(&answer, cell(), env) } else { Canvas::default() };
    Answer { background, canvas, ambiguous: width(&answer), owed: !is_whole(&answer), open: background.is_none() && !known }
}

/// Where the cursor stands behind one sign, `ESC [ row ; column R`, as the width of that sign.
fn width(answer: &[u8]) -> Option<Ambiguous> {
    let text = String::from_utf8_lossy(answer);
    let column = text.split("\x1b[").find_map(|part| part.split_once('R')?.0.split_once(';')?.1.parse::<u16>().ok())?;
    match column {
        2 => Some(Ambiguous::Narrow),
        3 => Some(Ambiguous::Wide),
        _ => None,
    }
}

/// Pixels of a cell, as far as the system knows how large the window is.
fn cell() -> Option<(u16, u16)> {
    let window = crossterm::terminal::window_size().ok()?;
    Some((window.width.checked_div(window.columns)?, window.height.checked_div(window.rows)?))
}

fn raw_answer(question: &[u8]) -> Option<Vec<u8>> {
    enable_raw_mode().ok()?;
    let answer = answer(question);
    disable_raw_mode().ok()?;
    answer
}

/// Everything up to the answer to the last question, or what came in time.
fn answer(question: &[u8]) -> Option<Vec<u8>> {
    if waiting(Duration::ZERO) {
        return None;
    }
    stdout().write_all(question).and_then(|()| stdout().flush()).ok()?;
    let start = Instant::now();
    let mut answer = Vec::new();
    while answer.len() < LONGEST && !is_whole(&answer) {
        // What has begun is waited for: half an answer would leave the other half among the keys.
        let patience = if answer.is_empty() { PATIENCE } else { PATIENCE * 4 };
        if !waiting(patience.saturating_sub(start.elapsed())) {
            break;
        }
        let mut byte = [0];
        // Not through `Stdin`, whose buffer would swallow keys.
        if rustix::io::read(stdin(), &mut byte).ok()? == 0 {
            return None;
        }
        answer.push(byte[0]);
    }
    Some(answer)
}

/// The answer to the last question, which every terminal knows, stands at its end.
fn is_whole(answer: &[u8]) -> bool {
    answer.ends_with(b"c") && answer.windows(3).any(|start| start == b"\x1b[?")
}

/// Something can be read within this time.
fn waiting(time: Duration) -> bool {
    let stdin = stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    let time = Timespec { tv_sec: 0, tv_nsec: i64::from(time.subsec_nanos()) };
    poll(&mut fds, Some(&time)).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_behind_a_sign_tells_how_wide_it_is() {
        assert_eq!(width(b"\x1b[7;2R\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[?62;c"), Some(Ambiguous::Narrow));
        assert_eq!(width(b"\x1b[24;3R\x1b[?62;c"), Some(Ambiguous::Wide));
        for other in [&b""[..], b"\x1b[?62;c", b"\x1b[7;40R", b"\x1b[6;18;9t", b"\x1b[;R"] {
            assert_eq!(width(other), None);
        }
    }
}
