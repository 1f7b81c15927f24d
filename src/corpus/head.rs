//! The beginning of a file: what it is, how its records are laid out, and which format they have.

use std::io;
use std::panic::catch_unwind;

use super::container;
use super::error::{Refusal, escaped};
use super::framing::{self, Frame, Framer, Framing, RECORD_LIMIT};
use super::store::{Bytes, More};
use super::{nested, sniff};
use crate::formats::{self, Format};

/// Bytes looked at, unless the first record is longer.
const HEAD: u64 = 64 << 10;
/// Readable records looked at.
const SAMPLES: usize = 50;

/// Moments without a byte after which a stream pauses.
const PAUSES: usize = 4;

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

/// How much of a file its beginning is.
enum Extent {
    /// All of it.
    Whole,
    /// As much as was asked for.
    Part,
    /// What has come so far of a stream that pauses.
    Paused,
    /// What can be read.
    Broken(io::Error),
}

/// The first `size` bytes, or as many as there are by now. Of a stream that pauses, what has come is enough.
fn beginning(bytes: &Bytes, size: u64) -> Result<(Vec<u8>, Extent), Refusal> {
    let mut pauses = 0;
    let extent = loop {
        let known = bytes.len();
        if known > size {
            break Extent::Part;
        }
        match bytes.beyond(known) {
            Ok(More::Yes) => pauses = 0,
            Ok(More::Later) if known > 0 && pauses == PAUSES => break Extent::Paused,
            Ok(More::Later) => pauses += 1,
            Ok(More::End) => break Extent::Whole,
            Err(error) => break Extent::Broken(error),
        }
    };
    let head = bytes.read(0, size).map_err(|error| Refusal::io(&error))?;
    Ok((head, extent))
}

/// Takes off what stands around the records and reads the beginning, up to the end of the first record at least.
pub(super) fn read(file: Bytes, format: Option<&'static dyn Format>) -> Result<(Bytes, Head), Refusal> {
    let file = container::unwrap(file, |bytes| beginning(bytes, HEAD).map(|(head, _)| head))?;
    let mut size = HEAD;
    loop {
        let (bytes, extent) = beginning(&file, size)?;
        let whole = matches!(extent, Extent::Whole);
        match extent {
            Extent::Broken(error) if bytes.is_empty() => return Err(Refusal::io(&error)),
            _ if bytes.is_empty() => return Err(Refusal::Empty),
            _ => {}
        }
        if let Some(refusal) = sniff::refuse(&bytes) {
            return Err(refusal);
        }
        let bom = (bytes.len() - framing::skip_bom(&bytes).len()) as u64;
        let framing = framing::detect(&bytes, whole);
        let frames = frames(framing, bom, &bytes, whole);
        match extent {
            _ if !frames.is_empty() || whole => {}
            Extent::Broken(error) => return Err(Refusal::io(&error)),
            Extent::Paused => continue,
            _ if size > RECORD_LIMIT => {
                // One line over the limit hides no others: they say what the file is, and the index passes over the long one.
                let next = if framing == Framing::Lines { next_line(&file, size)? } else { None };
                let Some(next) = next else {
                    let refusal = Refusal::TooLong { bytes: size, limit: RECORD_LIMIT };
                    let (framing, format, evidence) = in_lists(format, &bytes, bom, whole).ok_or(refusal)?;
                    return Ok((file, Head { bytes, whole, bom, framing, format, evidence }));
                };
                let sample = file.read(next, HEAD).map_err(|error| Refusal::io(&error))?;
                let frames = self::frames(Framing::Lines, 0, &sample, next + sample.len() as u64 == file.len());
                let (format, evidence) = chosen(format, &sample, &frames)?;
                return Ok((file, Head { bytes, whole, bom, framing, format, evidence }));
            }
            _ => {
                size = (size * 4).min(RECORD_LIMIT + HEAD);
                continue;
            }
        }
        let (framing, format, evidence) = match chosen(format, &bytes, &frames) {
            Ok((format, evidence)) => (framing, format, evidence),
            Err(refusal) if frames.len() == 1 => in_lists(format, &bytes, bom, whole).ok_or(refusal)?,
            Err(refusal) => return Err(refusal),
        };
        if frames.is_empty() {
            return Err(blank(&bytes, bom));
        }
        return Ok((file, Head { bytes, whole, bom, framing, format, evidence }));
    }
}

/// The records of an object that is none itself and holds them in its lists, as `{"data": [..]}` or one list a split.
fn in_lists(
    format: Option<&'static dyn Format>,
    bytes: &[u8],
    bom: u64,
    whole: bool,
) -> Option<(Framing, &'static dyn Format, String)> {
    if !nested::has_lists(framing::skip_bom(bytes)) {
        return None;
    }
    let frames = frames(Framing::Lists, bom, bytes, whole);
    let (format, evidence) = chosen(format, bytes, &frames).ok().filter(|_| !frames.is_empty())?;
    Some((Framing::Lists, format, format!("{evidence} in the lists of one object")))
}

/// How a format is known that was asked for.
pub const BY_NAME: &str = "chosen by name";

/// The format that was named, or the one of the first records.
fn chosen(format: Option<&'static dyn Format>, bytes: &[u8], frames: &[Frame]) -> Result<(&'static dyn Format, String), Refusal> {
    match format {
        Some(format) => Ok((format, BY_NAME.to_owned())),
        // A defect of a format must not end the program before it began.
        None => catch_unwind(|| detect(bytes, frames)).unwrap_or(Err(Refusal::Defect)),
    }
}

/// Where the line ends that stands at `at`, and another begins.
fn next_line(file: &Bytes, mut at: u64) -> Result<Option<u64>, Refusal> {
    const STRIDE: u64 = 1 << 20;
    loop {
        let block = file.read(at, STRIDE).map_err(|error| Refusal::io(&error))?;
        if let Some(end) = memchr::memchr(b'\n', &block) {
            let next = at + end as u64 + 1;
            return Ok(file.beyond(next).is_ok_and(|more| more != More::End).then_some(next));
        }
        at += block.len() as u64;
        if block.is_empty() && file.beyond(at).map_err(|error| Refusal::io(&error))? == More::End {
            return Ok(None);
        }
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
            Err(error) => Err(Refusal::UnknownFormat(escaped(&error.to_string()))),
        },
    }
}
