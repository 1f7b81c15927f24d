//! What can stand around records: compression, archives, tables. One file a kind, one row each in [`CONTAINERS`]; known by content.

#[cfg(feature = "parquet")]
mod arrow;
#[cfg(feature = "parquet")]
mod columns;
mod csv;
mod dialogue;
mod literal;
mod packed;
#[cfg(feature = "parquet")]
mod parquet;
mod tree_dump;
mod zip;

use std::io;
use std::sync::Arc;

use super::blocks::{BlockError, BlockText, Blocks};
use super::error::Refusal;
use super::framing::RECORD_LIMIT;
use super::store::Bytes;

pub(super) use packed::Packed;

/// How many containers may stand inside of each other, like a packed table.
const NESTING: usize = 3;

/// Most bytes that a packed file may unpack to, and the variable that sets another number of GiB.
const UNPACKED_GIB: u64 = 4;
const UNPACKED_SETTING: &str = "STEPSCOPE_UNPACKED_GIB";

/// Says so where the variable for the most bytes is set to what is no number: it is read in silence, file after file.
pub(crate) fn check_setting() -> Result<(), String> {
    let set = std::env::var_os(UNPACKED_SETTING).unwrap_or_default();
    if set.is_empty() || set.to_str().is_some_and(|text| text.parse::<u64>().is_ok()) {
        return Ok(());
    }
    Err(format!("{UNPACKED_SETTING} is `{}`, no whole number: {UNPACKED_GIB} GiB are the most, as without it", set.display()))
}

/// A kind of container.
pub(super) trait Container: Sync {
    /// Whether data that begins so is of this kind.
    fn fits(&self, head: &[u8]) -> bool;

    /// The records inside, as text.
    fn open(&self, bytes: Arc<Bytes>) -> Result<Bytes, Refusal>;
}

/// All containers; tables of text come last, because their marks are the weakest.
const CONTAINERS: &[&dyn Container] = &[
    &packed::GZIP,
    &packed::ZSTD,
    &packed::BZIP2,
    &zip::Zip,
    #[cfg(feature = "parquet")]
    &parquet::Parquet,
    #[cfg(feature = "parquet")]
    &arrow::Arrow,
    &dialogue::Dialogue,
    &tree_dump::TreeDump,
    &csv::Csv,
];

/// Takes all containers off. `head` gives the beginning of the data as far as it can be had.
pub(super) fn unwrap(mut bytes: Bytes, head: impl Fn(&Bytes) -> Result<Vec<u8>, Refusal>) -> Result<Bytes, Refusal> {
    for _ in 0..NESTING {
        let start = head(&bytes)?;
        match CONTAINERS.iter().find(|container| container.fits(&start)) {
            Some(container) => bytes = container.open(Arc::new(bytes))?,
            None => break,
        }
    }
    Ok(bytes)
}

/// Most bytes that a packed file may unpack to.
fn unpacked_limit() -> u64 {
    let setting = std::env::var(UNPACKED_SETTING).ok().and_then(|text| text.parse::<u64>().ok());
    setting.unwrap_or(UNPACKED_GIB).saturating_mul(1 << 30)
}

/// A text that is read as a whole: one block, made of it by `records`.
#[derive(Debug)]
struct WholeText {
    bytes: Arc<Bytes>,
    name: &'static str,
    records: fn(&str) -> Vec<u8>,
}

impl WholeText {
    /// The records of such a text.
    fn open(bytes: Arc<Bytes>, name: &'static str, records: fn(&str) -> Vec<u8>) -> Bytes {
        Bytes::Blocks(BlockText::new(Box::new(Self { bytes, name, records })))
    }
}

impl Blocks for WholeText {
    fn name(&self) -> &'static str {
        self.name
    }

    fn count(&self) -> Option<usize> {
        Some(1)
    }

    fn block(&self, index: usize) -> Result<Option<Vec<u8>>, BlockError> {
        if index > 0 {
            return Ok(None);
        }
        Ok(Some((self.records)(&whole_text(&self.bytes)?)))
    }
}

/// All of a text that is one record, whatever of it is no UTF-8 replaced.
fn whole_text(bytes: &Bytes) -> io::Result<String> {
    bytes.wait()?;
    if bytes.len() > RECORD_LIMIT {
        return Err(io::Error::other(format!("a text of more than {} MiB", RECORD_LIMIT >> 20)));
    }
    Ok(String::from_utf8_lossy(&bytes.read(0, RECORD_LIMIT)?).into_owned())
}

/// What to say when that is not enough.
fn over_limit(what: &str, limit: u64) -> String {
    format!("{what} unpacks to more than {} GiB (limit; {UNPACKED_SETTING} sets another)", limit >> 30)
}

/// Writes a text as a JSON string. Bytes that are no UTF-8 stay as they are: the reader of the record names the first of them.
fn json_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut done = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[done..at]);
        done = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(&text[done..]);
    out.push(b'"');
}
