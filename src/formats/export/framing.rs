//! How the records of a file are held together.

use std::borrow::Cow;

use super::super::span;

/// A byte order mark, as UTF-8. Files that were put together have some in their middle.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// How the records of a file are held together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One record a line.
    Lines,
    /// One JSON list.
    Array,
    /// Text: what stands before the first record, between two and behind the last.
    Text {
        /// Before the first record.
        start: &'static str,
        /// Between two records.
        between: &'static str,
        /// Behind the last record.
        end: &'static str,
    },
}

impl Framing {
    /// What stands before the first record.
    pub fn start(self) -> &'static str {
        match self {
            Self::Lines => "",
            Self::Array => "[\n ",
            Self::Text { start, .. } => start,
        }
    }

    /// What stands between two records.
    pub fn between(self) -> &'static str {
        match self {
            Self::Lines => "\n",
            Self::Array => ",\n ",
            Self::Text { between, .. } => between,
        }
    }

    /// What stands behind the last record (behind [`Framing::start`] when there is none).
    pub fn end(self) -> &'static str {
        match self {
            Self::Lines => "\n",
            Self::Array => "\n]\n",
            Self::Text { end, .. } => end,
        }
    }

    /// What an export calls the marks that [`Framing::record`] takes off.
    pub const MARKS: &'static str = "byte order marks before records";

    /// True for a record with a byte order mark before it.
    pub fn is_marked(bytes: &[u8]) -> bool {
        bytes.starts_with(MARK)
    }

    /// A record as it may stand in this framing: without a byte order mark, which would be no part of any JSON here, and a
    /// pretty-printed one without its line ends where lines count.
    pub fn record(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
        match self {
            Self::Lines if memchr::memchr2(b'\n', b'\r', bytes).is_some() => Cow::Owned(span::compact(bytes)),
            _ => Cow::Borrowed(bytes),
        }
    }
}
