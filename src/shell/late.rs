//! Answers of a terminal that come when nobody waits for them any more, as over a slow line: what they are made of looks like keys and must
//! not be taken for some.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// How long after the question an answer may still come.
const OVERDUE: Duration = Duration::from_secs(20);
/// Longest pause within an answer, which a terminal writes in one go.
const PAUSE: Duration = Duration::from_millis(150);
/// Most signs of an answer.
const LONGEST: usize = 128;

/// Keeps late answers away from the keys. An answer begins with Alt and `]`, `_` or `P`, as its two first bytes read, and ends with Alt and `\`
/// or with Ctrl-g.
#[derive(Debug, Default)]
pub struct Late {
    /// Until when an answer may come; `None` where none is owed.
    until: Option<Instant>,
    /// What has come of an answer, without its escape signs, and when the last sign of it came.
    within: Option<(String, Instant)>,
}

/// What an event of the terminal is.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// No part of an answer.
    Key,
    /// A part of an answer.
    Part,
    /// The end of this answer.
    Answer(String),
}

impl Late {
    /// The terminal was asked and has not answered.
    pub fn owed() -> Self {
        Self { until: Some(Instant::now() + OVERDUE), within: None }
    }

    /// Whether an event is a part of an answer and no key.
    pub fn hear(&mut self, event: &Event, now: Instant) -> Heard {
        let Event::Key(KeyEvent { code: KeyCode::Char(sign), modifiers, kind: KeyEventKind::Press, .. }) = event else {
            return Heard::Key;
        };
        let (alt, control) = (modifiers.contains(KeyModifiers::ALT), modifiers.contains(KeyModifiers::CONTROL));
        match self.within.take() {
            Some((mut answer, last)) if answer.len() < LONGEST && now.duration_since(last) < PAUSE => {
                if (alt && *sign == '\\') || (control && *sign == 'g') {
                    return Heard::Answer(answer);
                }
                answer.push(*sign);
                self.within = Some((answer, now));
                Heard::Part
            }
            _ if alt && matches!(sign, ']' | '_' | 'P') && self.until.is_some_and(|until| now < until) => {
                self.within = Some((sign.to_string(), now));
                Heard::Part
            }
            _ => Heard::Key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: char, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(KeyCode::Char(code), modifiers))
    }

    /// The keys that are left of answers with keys before and behind them, `\e` as crossterm reads it; an answer in brackets.
    fn left(late: &mut Late, text: &str, now: Instant) -> String {
        let mut signs = text.chars();
        let mut left = String::new();
        while let Some(sign) = signs.next() {
            let (sign, modifiers) = match sign {
                '\x1b' => (signs.next().unwrap(), KeyModifiers::ALT),
                '\x07' => ('g', KeyModifiers::CONTROL),
                sign => (sign, KeyModifiers::NONE),
            };
            match late.hear(&key(sign, modifiers), now) {
                Heard::Key => left.push(sign),
                Heard::Part => {}
                Heard::Answer(answer) => left.extend(["[", &answer, "]"]),
            }
        }
        left
    }

    #[test]
    fn a_late_answer_is_no_key() {
        let now = Instant::now();
        let answers =
            "j\x1b]11;rgb:ffff/ffff/ffff\x1b\\x\x1b_Gi=31;OK\x1b\\=\x1bP>|XTerm(379)\x1b\\\x1b]11;rgb:0000/0000/0000\x07a";
        let left = left(&mut Late::owed(), answers, now);
        assert_eq!(left, "j[]11;rgb:ffff/ffff/ffff]x[_Gi=31;OK]=[P>|XTerm(379)][]11;rgb:0000/0000/0000]a");
    }

    #[test]
    fn keys_stay_keys_where_no_answer_is_owed_any_more_or_an_answer_stops_short() {
        let now = Instant::now();
        assert_eq!(left(&mut Late::default(), "\x1b]ab", now), "]ab");
        assert_eq!(left(&mut Late::owed(), "\x1b]ab", now + OVERDUE * 2), "]ab");
        let mut late = Late::owed();
        assert_eq!(left(&mut late, "\x1b]1", now), "");
        assert_eq!(left(&mut late, "xj", now + PAUSE), "xj");
        let long = format!("\x1b]{}", "x".repeat(LONGEST));
        assert_eq!(left(&mut Late::owed(), &long, now), "x");
    }
}
