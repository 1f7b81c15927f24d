//! The one place where the subcommands write to standard output and standard error.

use std::fmt::{Display, Write as _};
use std::io::{self, Write};

use crate::text::{acts, safe};

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
    Ok(print(&(harmless(&serde_json::to_string_pretty(value)?) + "\n"))?)
}

/// A value as one line of JSON.
pub fn json_line(value: &impl serde::Serialize) -> serde_json::Result<String> {
    Ok(harmless(&serde_json::to_string(value)?) + "\n")
}

/// The same JSON with what a terminal acts upon as escapes: JSON allows it raw.
pub fn harmless(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        if acts(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Writes one line to standard error, without control characters.
pub fn note(line: impl Display) {
    // Nothing can be done about a closed standard error.
    let _ = writeln!(io::stderr().lock(), "{}", crate::corpus::escaped(&line.to_string()));
}
