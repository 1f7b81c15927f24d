//! Answers of a terminal that come when nobody waits for them any more: what they are made of looks like keys and must not be taken for some.

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
    /// Signs of the answer that is coming in, and when the last one came.
    within: Option<(usize, Instant)>,
}

impl Late {
    /// The terminal was asked and has not answered.
    pub fn owed() -> Self {
        Self { until: Some(Instant::now() + OVERDUE), within: None }
    }

    /// Whether an event is a part of an answer and no key.
    pub fn takes(&mut self, event: &Event, now: Instant) -> bool {
        let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = event else { return false };
        let alt = modifiers.contains(KeyModifiers::ALT);
        match self.within {
            Some((count, last)) if count < LONGEST && now.duration_since(last) < PAUSE => {
                let ends = (alt && *code == KeyCode::Char('\\'))
                    || (modifiers.contains(KeyModifiers::CONTROL) && *code == KeyCode::Char('g'));
                self.within = (!ends).then_some((count + 1, now));
                true
            }
            _ => {
                let begins = alt && matches!(code, KeyCode::Char(']' | '_' | 'P')) && self.until.is_some_and(|until| now < until);
                self.within = begins.then_some((1, now));
                begins
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: char, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(KeyCode::Char(code), modifiers))
    }

    /// The keys that are left of an answer with keys before and behind it, `\e` as crossterm reads it.
    fn left(late: &mut Late, text: &str, now: Instant) -> String {
        let mut signs = text.chars();
        let mut left = String::new();
        while let Some(sign) = signs.next() {
            let (sign, modifiers) = match sign {
                '\x1b' => (signs.next().unwrap(), KeyModifiers::ALT),
                '\x07' => ('g', KeyModifiers::CONTROL),
                sign => (sign, KeyModifiers::NONE),
            };
            if !late.takes(&key(sign, modifiers), now) {
                left.push(sign);
            }
        }
        left
    }

    #[test]
    fn a_late_answer_is_no_key() {
        let now = Instant::now();
        let answers =
            "j\x1b]11;rgb:ffff/ffff/ffff\x1b\\x\x1b_Gi=31;OK\x1b\\=\x1bP>|XTerm(379)\x1b\\\x1b]11;rgb:0000/0000/0000\x07a";
        assert_eq!(left(&mut Late::owed(), answers, now), "jx=a");
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
