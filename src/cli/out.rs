//! The one place where the subcommands write to standard output and standard error.

use std::fmt::{Display, Write as _};
use std::io::{self, Write};

use crate::text::safe;

/// Writes a text of our own to standard output. A reader that left early (`| head`) is no fault.
pub fn print(text: &str) -> io::Result<()> {
    print_bytes(text.as_bytes())
}

/// Writes a text that holds foreign names, made safe for a terminal.
pub fn print_safe(text: &str) -> io::Result<()> {
    print_bytes(safe(text).as_bytes())
}

/// Writes bytes to standard output.
pub fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes a value as indented JSON to standard output.
pub fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(value)?;
    let mut out = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        // JSON allows them raw; a terminal acts upon them.
        let acts = (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
        if acts {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out.push('\n');
    Ok(print(&out)?)
}

/// Writes one line to standard error, without control characters.
pub fn note(line: impl Display) {
    // Nothing can be done about a closed standard error.
    let _ = writeln!(io::stderr().lock(), "{}", crate::corpus::escaped(&line.to_string()));
}
