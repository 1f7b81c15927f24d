//! Tables as text, with commas or tabs: every row is a record, an object of its cells under the names of the header.
//!
//! A column whose first cells are all lists (as JSON or as Python prints them), numbers, or true and false is one of those, as the tables of other tools have it; every
//! other cell is a string.
//!
//! Where most rows leave their first two cells empty (as in the annotation sheets of FoVer), such a row continues the row above it and
//! stands in that row's record, in the list `rows`.

use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, PoisonError};

use csv::{ByteRecord, ReaderBuilder};

use super::super::blocks::{BlockError, BlockText, Blocks};
use super::super::error::Refusal;
use super::super::framing::{RECORD_LIMIT, skip_bom};
use super::super::store::{Bytes, More, Reader};
use super::{Container, json_string, literal};
use crate::formats::parse_json;

/// Bytes of text that make a block, at least.
const BLOCK: u64 = 256 << 10;
/// Bytes that are looked at to know a table.
const HEAD: usize = 64 << 10;
/// Rows by which the kind of a column is known.
const ROWS: usize = 200;
/// Most columns.
const COLUMNS: usize = 10_000;

/// The container.
pub(super) struct Csv;

impl Container for Csv {
    /// Rows of the same number of cells, more than one, that do not look like JSON.
    fn fits(&self, head: &[u8]) -> bool {
        delimiter(skip_bom(head)).is_some()
    }

    fn open(&self, bytes: Arc<Bytes>) -> Result<Bytes, Refusal> {
        let head = bytes.read(0, HEAD as u64).map_err(|error| Refusal::io(&error))?;
        let text = skip_bom(&head);
        let start = (head.len() - text.len()) as u64;
        let delimiter = delimiter(text).unwrap_or(b',');
        let mut reader = builder(delimiter).from_reader(Reader::new(Arc::clone(&bytes), start).take(RECORD_LIMIT));
        let header =
            reader.byte_headers().map_err(|error| Refusal::Container(format!("a table that cannot be read: {error}")))?;
        if header.len() > COLUMNS {
            return Err(Refusal::Container(format!("a table of {} columns (limit {COLUMNS})", header.len())));
        }
        let names = names(header);
        let grouped = grouped(text, delimiter);
        // Sheets that people fill in mix everything in their columns.
        let kinds = if grouped { Vec::new() } else { kinds(text, head.len() == HEAD, delimiter, &names) };
        let starts = Mutex::new(vec![start + reader.position().byte()]);
        Ok(Bytes::Blocks(BlockText::new(Box::new(Table { bytes, delimiter, names, kinds, grouped, starts }))))
    }
}

fn builder(delimiter: u8) -> ReaderBuilder {
    let mut builder = ReaderBuilder::new();
    builder.delimiter(delimiter).flexible(true);
    builder
}

/// Comma or tab, if it cuts the header and one of the rows behind it into equally many cells and none looks like JSON or a page.
fn delimiter(text: &[u8]) -> Option<u8> {
    let other = |start: &[u8]| start.trim_ascii_start().first().is_some_and(|byte| b"{[<".contains(byte));
    if other(text) {
        return None;
    }
    [b',', b'\t'].into_iter().find(|&delimiter| {
        let mut rows = builder(delimiter).has_headers(false).from_reader(text).into_byte_records();
        let Some(Ok(header)) = rows.next() else { return false };
        let rows: Vec<ByteRecord> = rows.take(20).filter_map(Result::ok).collect();
        // The first column may have no name: it is the index that pandas writes.
        let named =
            |(at, name): (usize, &[u8])| (at == 0 || !name.trim_ascii().is_empty()) && !name.iter().any(u8::is_ascii_control);
        let fits = header.len() > 1 && rows.iter().any(|row| row.len() == header.len());
        fits && header.iter().enumerate().all(named) && !rows.iter().any(|row| row.get(0).is_some_and(other))
    })
}

fn continues(row: &ByteRecord) -> bool {
    row.len() > 2 && row.iter().take(2).all(<[u8]>::is_empty)
}

/// Whether rows without their first two cells continue the row above: the first row has them, most others do not.
fn grouped(head: &[u8], delimiter: u8) -> bool {
    let mut rows = builder(delimiter).from_reader(head).into_byte_records().filter_map(Result::ok);
    let Some(first) = rows.next().filter(|row| row.iter().take(2).all(|cell| !cell.is_empty())) else { return false };
    let (empty, all) = rows.take(200).fold((0, 0), |(empty, all), row| (empty + usize::from(continues(&row)), all + 1));
    first.len() > 1 && empty * 2 > all
}

/// The names of the header, each of them once: a name that comes again gets a number, a column without a name its place.
fn names(header: &ByteRecord) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(header.len());
    let mut taken = std::collections::HashSet::new();
    for (at, name) in header.iter().enumerate() {
        let name = String::from_utf8_lossy(name);
        let mut unique = if name.is_empty() { format!("column {}", at + 1) } else { name.clone().into_owned() };
        let mut again = 2;
        while !taken.insert(unique.clone()) {
            unique = format!("{name} ({again})");
            again += 1;
        }
        names.push(unique);
    }
    names
}

/// What the cells of a column are where they are no texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    Number,
    Truth,
}

/// A cell that is no text, as JSON on one line.
fn value(cell: &[u8]) -> Option<(Kind, Vec<u8>)> {
    // Python and spreadsheets write them with a capital.
    if matches!(cell, b"True" | b"TRUE" | b"False" | b"FALSE") {
        return Some((Kind::Truth, cell.to_ascii_lowercase()));
    }
    let first = cell.first().filter(|byte| b"[{-0123456789tf".contains(byte))?;
    let value = match parse_json(cell) {
        Ok(value) => value,
        // pandas writes lists as Python prints them.
        Err(_) if b"[{".contains(first) => {
            return Some((Kind::List, literal::value(str::from_utf8(cell).ok()?)?.to_string().into_bytes()));
        }
        Err(_) => return None,
    };
    let kind = match value {
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => Kind::List,
        serde_json::Value::Number(_) => Kind::Number,
        serde_json::Value::Bool(_) => Kind::Truth,
        _ => return None,
    };
    let lines = cell.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    Some((kind, if lines { value.to_string().into_bytes() } else { cell.to_vec() }))
}

/// What the columns are, by the rows in the beginning of the table, of which the last may be cut: the kind that all their cells have.
/// Identifiers are names, whatever they look like.
fn kinds(head: &[u8], cut: bool, delimiter: u8, names: &[String]) -> Vec<Option<Kind>> {
    let rows = builder(delimiter).from_reader(head).into_byte_records().take(ROWS);
    let mut rows: Vec<ByteRecord> = rows.filter_map(Result::ok).collect();
    if cut && rows.len() > 1 {
        rows.pop();
    }
    let is_name = |name: &str| ["id", "idx", "uuid"].contains(&name) || name.ends_with("_id");
    let kind = |(at, name): (usize, &String)| {
        let mut cells =
            rows.iter().filter_map(|row| row.get(at)).filter(|cell| !cell.is_empty()).map(|cell| Some(value(cell)?.0));
        let first = cells.next().flatten().filter(|_| !is_name(&name.to_ascii_lowercase()))?;
        cells.all(|kind| kind == Some(first)).then_some(first)
    };
    names.iter().enumerate().map(kind).collect()
}

/// See the module's header.
#[derive(Debug)]
struct Table {
    bytes: Arc<Bytes>,
    delimiter: u8,
    names: Vec<String>,
    /// `None` for texts; a column behind the last one is one.
    kinds: Vec<Option<Kind>>,
    grouped: bool,
    /// Offset of each block, as far as known.
    starts: Mutex<Vec<u64>>,
}

impl Blocks for Table {
    fn name(&self) -> &'static str {
        "table"
    }

    fn count(&self) -> Option<usize> {
        None
    }

    fn block(&self, index: usize) -> Result<Option<Vec<u8>>, BlockError> {
        let Some(start) = self.starts.lock().unwrap_or_else(PoisonError::into_inner).get(index).copied() else { return Ok(None) };
        while self.bytes.beyond(start)? == More::Later {}
        let window = Reader::new(Arc::clone(&self.bytes), start).take(BLOCK + RECORD_LIMIT);
        let mut reader = builder(self.delimiter).has_headers(false).from_reader(window);
        let (mut out, mut row) = (Vec::new(), ByteRecord::new());
        // What closes the record at hand.
        let mut open: &[u8] = b"";
        loop {
            let at = reader.position().byte();
            let more = reader.read_byte_record(&mut row).map_err(io::Error::other)?;
            let endless = reader.get_ref().limit() == 0 && self.bytes.beyond(start + BLOCK + RECORD_LIMIT)? != More::End;
            if endless && out.is_empty() {
                return Err(io::Error::other("a row of more than 64 MiB (a quote that is never closed?)").into());
            }
            let continuing = more && !endless && self.grouped && continues(&row) && !open.is_empty();
            if !continuing {
                out.extend_from_slice(open);
            }
            if !more {
                return Ok(Some(out).filter(|out| !out.is_empty()));
            }
            if endless || at >= BLOCK && !continuing {
                let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
                if starts.len() == index + 1 {
                    starts.push(start + at);
                }
                return Ok(Some(out));
            }
            if continuing {
                out.extend_from_slice(if open == b"}\n" { b",\"rows\":[" } else { b"," });
                self.cells(&row, &mut out);
                out.push(b'}');
                open = b"]}\n";
            } else {
                self.cells(&row, &mut out);
                open = b"}\n";
            }
        }
    }
}

impl Table {
    /// The row as an object that is still open. Cells behind the last name are kept, so that nobody takes the row for a whole one.
    fn cells(&self, row: &ByteRecord, out: &mut Vec<u8>) {
        for (at, cell) in row.iter().enumerate() {
            out.push(if at == 0 { b'{' } else { b',' });
            match self.names.get(at) {
                Some(name) => json_string(name.as_bytes(), out),
                None => json_string(format!("column {}", at + 1).as_bytes(), out),
            }
            out.push(b':');
            let kind = self.kinds.get(at).copied().flatten();
            match kind.and_then(|kind| value(cell).filter(|(found, _)| *found == kind)) {
                Some((_, json)) => out.extend_from_slice(&json),
                None if kind.is_some() && cell.is_empty() => out.extend_from_slice(b"null"),
                None => json_string(cell, out),
            }
        }
    }
}
