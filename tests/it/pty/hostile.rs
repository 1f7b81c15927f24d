//! What a hostile record may send to the terminal: nothing.

use std::time::Duration;

use super::Terminal;

#[test]
fn no_byte_of_a_hostile_record_reaches_the_terminal_as_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(folder.path(), &["--no-prm"], (120, 40));
    terminal.wait_for("1/35");
    terminal.keys(":32\r");
    terminal.wait_for("32/35");
    terminal.keys("gQjjjjjjjjjjjjgtgsgl/hidden\rn");
    std::thread::sleep(Duration::from_millis(300));
    terminal.keys("\x1b");
    terminal.keys("ZZ");
    terminal.wait_for_exit();
    let bytes = terminal.bytes();
    assert_eq!(foreign_sequences(&bytes), Vec::<String>::new());
}

/// Everything in an output that is neither text nor one of our own commands.
fn foreign_sequences(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    let mut rest = text.as_ref();
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == '\u{1b}' {
            let Some(body) = rest.strip_prefix('[') else {
                found.push(format!("ESC {:?}", rest.chars().take(8).collect::<String>()));
                continue;
            };
            let end = body.find(|c: char| ('@'..='~').contains(&c)).unwrap_or(body.len() - 1);
            let sequence = &body[..=end];
            rest = &body[end + 1..];
            let known = ["?1049h", "?1049l", "?2004h", "?2004l", "?25h", "?25l", "?2026h", "?2026l", "2J"];
            let drawing = sequence.ends_with('m') || sequence.ends_with('H');
            let plain = sequence[..end].chars().all(|c| c.is_ascii_digit() || c == ';');
            if !(known.contains(&sequence) || (drawing && plain)) {
                found.push(format!("CSI {sequence}"));
            }
        } else {
            let control = c.is_control() && c != '\r' && c != '\n';
            let hidden = matches!(c, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}');
            if control || hidden {
                found.push(format!("{c:?}"));
            }
        }
    }
    found
}
