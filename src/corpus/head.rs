//! The beginning of a file: what it is, how its records are laid out, and which format they have.

use std::panic::catch_unwind;

use super::error::{Refusal, escaped, known_formats};
use super::framing::{self, Frame, Framer, Framing, RECORD_LIMIT};
use super::sniff;
use super::store::Bytes;
use crate::formats::{self, Format};

/// Bytes looked at, unless the first record is longer.
const HEAD: u64 = 64 << 10;
/// Readable records looked at.
const SAMPLES: usize = 50;

/// What the beginning of a file says.
pub(super) struct Head {
    pub(super) bytes: Vec<u8>,
    /// The file holds nothing else.
    pub(super) whole: bool,
    /// Bytes of the byte order mark.
    pub(super) bom: u64,
    pub(super) framing: Framing,
    pub(super) format: &'static dyn Format,
    pub(super) evidence: String,
}

/// Reads the beginning of a file, up to the end of the first record at least.
pub(super) fn read(file: &Bytes, format: Option<&'static dyn Format>) -> Result<Head, Refusal> {
    let mut size = HEAD;
    loop {
        let bytes = file.read(0, size).map_err(|error| Refusal::io(&error))?;
        let whole = (bytes.len() as u64) < size || bytes.len() as u64 >= file.len();
        if bytes.is_empty() {
            return Err(Refusal::Empty);
        }
        if let Some(refusal) = sniff::refuse(&bytes) {
            return Err(refusal);
        }
        let bom = (bytes.len() - framing::skip_bom(&bytes).len()) as u64;
        let framing = framing::detect(&bytes, whole);
        let frames = frames(framing, bom, &bytes, whole);
        if frames.is_empty() && !whole {
            if size > RECORD_LIMIT {
                return Err(Refusal::TooLong { bytes: size, limit: RECORD_LIMIT });
            }
            size = (size * 4).min(RECORD_LIMIT + HEAD);
            continue;
        }
        let (format, evidence) = match format {
            Some(format) => (format, "chosen by name".to_owned()),
            // A defect of a format must not end the program before it began.
            None => catch_unwind(|| detect(&bytes, &frames)).unwrap_or(Err(Refusal::Defect))?,
        };
        if frames.is_empty() {
            return Err(blank(&bytes, bom));
        }
        return Ok(Head { bytes, whole, bom, framing, format, evidence });
    }
}

/// The first records; one that the head cuts off is left out.
fn frames(framing: Framing, bom: u64, bytes: &[u8], whole: bool) -> Vec<Frame> {
    let mut found = Vec::new();
    let mut framer = Framer::new(framing, bom);
    let mut emit = |frame| found.push(frame);
    framer.feed(0, bytes, &mut emit);
    if whole {
        framer.finish(bytes.len() as u64, &mut emit);
    }
    found
}

/// What to say of a file without any record.
fn blank(bytes: &[u8], bom: u64) -> Refusal {
    let text = framing::skip_bom(bytes).trim_ascii();
    Refusal::Blank(match (text.is_empty(), bom) {
        (true, 0) => "the file holds only blank lines",
        (true, _) => "the file holds only a byte order mark",
        _ => "the array is empty",
    })
}

fn detect(bytes: &[u8], frames: &[Frame]) -> Result<(&'static dyn Format, String), Refusal> {
    let mut values = Vec::new();
    let mut failure = None;
    for frame in frames.iter().filter(|frame| frame.len > 0) {
        if values.len() == SAMPLES {
            break;
        }
        let at = usize::try_from(frame.start).unwrap_or(usize::MAX);
        let end = at.saturating_add(usize::try_from(frame.len).unwrap_or(usize::MAX)).min(bytes.len());
        match formats::parse_json(&bytes[at.min(end)..end]) {
            Ok(value) => values.push(value),
            // The field is left out: in deeply nested brackets its name is a line of its own.
            Err(error) if failure.is_none() => failure = Some((frame.line, format!("{} (byte {})", error.message, error.at + 1))),
            Err(_) => {}
        }
    }
    match (values.is_empty(), failure) {
        (true, Some((line, message))) => {
            Err(Refusal::Unreadable { line: usize::try_from(line).unwrap_or(usize::MAX), message: escaped(&message) })
        }
        (true, None) => Err(blank(bytes, (bytes.len() - framing::skip_bom(bytes).len()) as u64)),
        (false, _) => match formats::detect(&values) {
            Ok((format, evidence)) => Ok((format, evidence.to_string())),
            Err(error) => Err(Refusal::UnknownFormat(unknown(&error.to_string()))),
        },
    }
}

/// The message for an unknown format always lists the known ones.
fn unknown(message: &str) -> String {
    let message = escaped(message);
    let known = known_formats();
    if message.contains(&known) { message } else { format!("{message}. Known formats: {known}") }
}
