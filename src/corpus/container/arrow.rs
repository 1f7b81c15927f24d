//! Arrow files and streams, as `datasets` writes them (`save_to_disk`, cache): rows become objects. Batches are decoded when their
//! rows are looked at.
//!
//! A stream is a row of messages, a file the same between two marks; a batch is decoded as a small stream of its own: the schema, the
//! dictionaries before it, and its message.

use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_ipc::reader::StreamReader;
use arrow_ipc::{MessageHeader, root_as_message};
use arrow_schema::{DataType, Schema};

use super::super::blocks::{BlockError, BlockText, Blocks};
use super::super::error::{Refusal, escaped};
use super::super::store::{Bytes, More, Reader};
use super::{Container, columns};

/// Most bytes of the description of a message, of its body, and of all dictionaries.
const META: u64 = 64 << 20;
const BODY: u64 = 1 << 30;
const DICTIONARIES: u64 = 1 << 28;
/// Entries of a batch, those in lists too, beside those for which it has a bit in the file: lists of nulls take no bytes, and packed ones few,
/// but each entry is text in the end.
const ENTRIES: u64 = 1 << 24;
/// Bytes before the first message of a file.
const ALIGNED: u64 = 64;
const FILE_MAGIC: &[u8] = b"ARROW1\0\0";
const CONTINUATION: [u8; 4] = [0xff; 4];

/// The container.
pub(super) struct Arrow;

impl Container for Arrow {
    fn fits(&self, head: &[u8]) -> bool {
        let stream = head.starts_with(&CONTINUATION) && head.get(4..8).is_some_and(|len| len != CONTINUATION);
        head.starts_with(FILE_MAGIC) || stream
    }

    fn open(&self, bytes: Arc<Bytes>) -> Result<Bytes, Refusal> {
        let head = bytes.read(0, ALIGNED).map_err(|error| Refusal::io(&error))?;
        // Some writers fill up to the next 8 bytes behind the magic, others to the next 64.
        let filled = |words: &[u8]| words.chunks(8).take_while(|word| word.iter().all(|&byte| byte == 0)).count() as u64;
        let start = head.strip_prefix(FILE_MAGIC).map_or(0, |behind| 8 + 8 * filled(behind));
        let schema = message(&bytes, start).map_err(|error| damaged(&error))?;
        let Some(schema) = schema.filter(|message| message.kind == MessageHeader::Schema) else {
            return Err(damaged(&"expected a schema first"));
        };
        let prelude = bytes.read(start, schema.end - start).map_err(|error| Refusal::io(&error))?;
        let reader = decode(|| StreamReader::try_new(prelude.as_slice(), None).map_err(|error| error.to_string()));
        let columns = reader.map_err(|error| damaged(&error))?.schema();
        columns::check(&columns)?;
        let mut units = Vec::new();
        // What stands behind a column of views cannot be told from the schema.
        let _ = columns.fields().iter().all(|field| buffers(field.data_type(), &mut units));
        let scan = Scan { prelude, at: schema.end, batches: Vec::new(), ended: false };
        Ok(Bytes::Blocks(BlockText::new(Box::new(Table { bytes, columns, units, scan: Mutex::new(scan) }))))
    }
}

fn damaged(message: &dyn std::fmt::Display) -> Refusal {
    Refusal::Container(format!("an Arrow file that is cut or damaged: {}", escaped(&message.to_string())))
}

/// Damaged files have made decoders panic.
fn decode<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err("internal error of the decoder".to_owned()))
}

/// Where a message lies.
struct Message {
    kind: MessageHeader,
    /// Behind its body.
    end: u64,
}

/// The message that begins at `at`; `None` at the end of the stream.
fn message(bytes: &Arc<Bytes>, at: u64) -> io::Result<Option<Message>> {
    let cut = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    while bytes.beyond(at)? == More::Later {}
    let mut reader = Reader::new(Arc::clone(bytes), at);
    let mut prefix = [0; 8];
    let mut filled = 0;
    while filled < prefix.len() {
        match reader.read(&mut prefix[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    let (mark, length) = prefix.split_at(4);
    // Files without an end mark end with the file.
    if filled == 0 || (filled == 8 && mark == CONTINUATION && length == [0; 4]) {
        return Ok(None);
    }
    if filled < 8 || mark != CONTINUATION {
        return Err(cut("expected a message"));
    }
    let length = u64::from(u32::from_le_bytes(length.try_into().unwrap_or_default()));
    if length > META {
        return Err(cut(&format!("a message whose description has {length} bytes (limit {META})")));
    }
    let mut meta = Vec::new();
    reader.take(length).read_to_end(&mut meta)?;
    if (meta.len() as u64) < length {
        return Err(cut("the file ends inside of a message"));
    }
    let message = root_as_message(&meta).map_err(|error| cut(&format!("a message that cannot be read: {error}")))?;
    let body = u64::try_from(message.bodyLength()).ok().filter(|&body| body <= BODY);
    let body = body.ok_or_else(|| cut(&format!("a message with a body of {} bytes (limit {BODY})", message.bodyLength())))?;
    Ok(Some(Message { kind: message.header_type(), end: at + 8 + length + body }))
}

/// Whether what a batch says of its buffers lies inside of its body: the decoder takes it at its word, and reserves as much memory as a packed
/// buffer claims to need.
///
/// `units` are the bytes of an entry of each buffer: a buffer of offsets that ends inside of an entry makes it panic.
fn check(message: &[u8], units: &[u64]) -> Result<(), String> {
    let damaged = |what: &str| Err(format!("a batch whose {what}"));
    let length = message.get(4..8).and_then(|length| length.try_into().ok()).map_or(0, u32::from_le_bytes);
    let start = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(8);
    let (Some(meta), Some(body)) = (message.get(8..start), message.get(start..)) else { return damaged("description is cut") };
    let message = root_as_message(meta).map_err(|error| error.to_string())?;
    let dictionary = message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
    let Some(batch) = message.header_as_record_batch().or(dictionary) else { return damaged("header says something else") };
    let rows = u64::try_from(batch.length()).ok().filter(|&rows| rows <= BODY);
    if rows.is_none() || batch.nodes().into_iter().flatten().any(|node| node.length() < 0 || node.null_count() < 0) {
        return damaged("number of rows is impossible");
    }
    let lengths = batch.nodes().into_iter().flatten().map(arrow_ipc::FieldNode::length).chain([batch.length()]);
    let entries = lengths.filter_map(|length| u64::try_from(length).ok()).fold(0_u64, u64::saturating_add);
    if entries > ENTRIES + 8 * body.len() as u64 {
        return damaged("lists claim more entries than it has bits");
    }
    for (at, buffer) in batch.buffers().into_iter().flatten().enumerate() {
        let range = usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
        let range = range.and_then(|(offset, length)| Some(offset..offset.checked_add(length)?));
        let Some(bytes) = range.and_then(|range| body.get(range)) else { return damaged("buffers lie behind its end") };
        let claim = bytes.first_chunk::<8>().filter(|_| batch.compression().is_some()).map(|claim| i64::from_le_bytes(*claim));
        // -1 stands before what was not packed.
        let length = match claim.map(u64::try_from) {
            None => bytes.len() as u64,
            Some(Err(_)) => bytes.len() as u64 - 8,
            Some(Ok(length)) if length <= BODY => length,
            Some(Ok(_)) => return damaged("buffers unpack to more than 1 GiB"),
        };
        if !length.is_multiple_of(units.get(at).copied().unwrap_or(1)) {
            return damaged("buffers end inside of an entry");
        }
    }
    Ok(())
}

/// Adds the bytes of an entry of each buffer that a column of this type has; false where that cannot be told.
fn buffers(kind: &DataType, units: &mut Vec<u64>) -> bool {
    use DataType as D;
    match kind {
        D::Null => {}
        D::Utf8 | D::Binary => units.extend([1, 4, 1]),
        D::LargeUtf8 | D::LargeBinary => units.extend([1, 8, 1]),
        D::List(item) | D::Map(item, _) => {
            units.extend([1, 4]);
            return buffers(item.data_type(), units);
        }
        D::LargeList(item) => {
            units.extend([1, 8]);
            return buffers(item.data_type(), units);
        }
        D::FixedSizeList(item, _) => {
            units.push(1);
            return buffers(item.data_type(), units);
        }
        D::Struct(fields) => {
            units.push(1);
            return fields.iter().all(|field| buffers(field.data_type(), units));
        }
        D::Dictionary(keys, _) => units.extend([1, keys.primitive_width().map_or(1, |width| width as u64)]),
        D::Utf8View | D::BinaryView => return false,
        kind => units.extend([1, kind.primitive_width().map_or(1, |width| width as u64)]),
    }
    true
}

/// The bytes of an entry of each buffer of a dictionary batch.
#[expect(deprecated, reason = "the decoder finds the type of a dictionary so; when it stops, this has no way either")]
fn dictionary_units(message: &[u8], schema: &Schema) -> Vec<u64> {
    let length = message.get(4..8).and_then(|length| length.try_into().ok()).map_or(0, u32::from_le_bytes);
    let meta = usize::try_from(length).ok().and_then(|length| message.get(8..length.checked_add(8)?));
    let id = meta.and_then(|meta| Some(root_as_message(meta).ok()?.header_as_dictionary_batch()?.id()));
    let mut units = Vec::new();
    if let Some(DataType::Dictionary(_, values)) = id.and_then(|id| Some(schema.fields_with_dict_id(id).first()?.data_type())) {
        let _ = buffers(values, &mut units);
    }
    units
}

/// What is known of the messages.
#[derive(Debug)]
struct Scan {
    /// The schema and all dictionaries so far, ready to stand before a batch.
    prelude: Vec<u8>,
    /// Behind the last message that was looked at.
    at: u64,
    /// Place of each batch, and how much of the prelude stands before it.
    batches: Vec<(u64, u64, usize)>,
    ended: bool,
}

/// See the module's header.
#[derive(Debug)]
struct Table {
    bytes: Arc<Bytes>,
    columns: Arc<Schema>,
    /// Bytes of an entry of each buffer of a batch, as far as known.
    units: Vec<u64>,
    scan: Mutex<Scan>,
}

impl Table {
    /// Place of a batch and what stands before it.
    fn batch(&self, index: usize) -> io::Result<Option<(u64, u64, Vec<u8>)>> {
        let mut scan = self.scan.lock().unwrap_or_else(PoisonError::into_inner);
        while scan.batches.len() <= index && !scan.ended {
            let start = scan.at;
            let Some(Message { kind, end }) = message(&self.bytes, start)? else {
                scan.ended = true;
                break;
            };
            scan.at = end;
            match kind {
                MessageHeader::RecordBatch => {
                    let before = scan.prelude.len();
                    scan.batches.push((start, end, before));
                }
                MessageHeader::DictionaryBatch => {
                    if scan.prelude.len() as u64 + (end - start) > DICTIONARIES {
                        return Err(io::Error::other(format!("dictionaries of more than {DICTIONARIES} bytes")));
                    }
                    let bytes = self.bytes.read(start, end - start)?;
                    check(&bytes, &dictionary_units(&bytes, &self.columns)).map_err(io::Error::other)?;
                    scan.prelude.extend_from_slice(&bytes);
                }
                _ => return Err(io::Error::other("a message that is no batch")),
            }
        }
        Ok(scan.batches.get(index).map(|&(start, end, before)| (start, end, scan.prelude[..before].to_vec())))
    }
}

impl Blocks for Table {
    fn name(&self) -> &'static str {
        "Arrow file"
    }

    fn count(&self) -> Option<usize> {
        None
    }

    fn block(&self, index: usize) -> Result<Option<Vec<u8>>, BlockError> {
        let Some((start, end, mut stream)) = self.batch(index)? else { return Ok(None) };
        let skip = |message: String| BlockError::Skip(format!("batch {index}: {}", escaped(&message)));
        let body = self.bytes.read(start, end - start)?;
        if (body.len() as u64) < end - start {
            return Err(skip("the file ends inside of it".to_owned()));
        }
        check(&body, &self.units).map_err(skip)?;
        stream.extend_from_slice(&body);
        let mut out = Vec::new();
        let decoded = decode(|| {
            for batch in StreamReader::try_new(stream.as_slice(), None).map_err(|error| error.to_string())? {
                columns::lines(&batch.map_err(|error| error.to_string())?, &mut out);
            }
            Ok(())
        });
        decoded.map_err(skip)?;
        Ok(Some(out))
    }
}
