//! Weights files: the safetensors format with our own header check (GGUF has one in [`gguf`]), and reading of tensors.
//!
//! A file is an 8-byte little-endian header length, a JSON header (`name -> {dtype, shape, data_offsets}`) and the data. The
//! specification asks for data without holes or overlaps; every claim of the header is checked against the file's size before
//! memory is asked for, and no other crate sees the bytes.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};

use super::kernels::from_bf16;
use super::{PrmError, gguf};

/// Longest header accepted, as in the safetensors crate.
const MAX_HEADER: u64 = 100_000_000;
/// Bytes read from a file at once.
const BLOCK: usize = 1 << 20;

/// One tensor as the header describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorInfo {
    pub(super) name: String,
    pub(super) dtype: String,
    pub(super) shape: Vec<usize>,
    /// Bytes from the beginning of the data.
    pub(super) start: u64,
    pub(super) end: u64,
    /// The rows are pairs of rotary positions in this many heads, and not halves as transformers has them (GGUF alone).
    pub(super) pairs: Option<u64>,
}

impl TensorInfo {
    /// Number of elements; checked when the header was read.
    pub(super) fn elements(&self) -> u64 {
        self.shape.iter().map(|&d| d as u64).product()
    }
}

/// The numbers of a tensor: bf16 and Q8_0 as they are stored, everything else as f32.
#[derive(Debug, Clone)]
pub(super) enum Values {
    F32(Vec<f32>),
    Bf16(Vec<u16>),
    /// Blocks of 32 numbers, 34 bytes each.
    Q8(Vec<u8>),
}

impl Values {
    /// The numbers as f32.
    pub(super) fn into_f32(self) -> Vec<f32> {
        match self {
            Self::F32(values) => values,
            Self::Bf16(values) => values.into_iter().map(from_bf16).collect(),
            Self::Q8(blocks) => {
                let mut values = Vec::with_capacity(blocks.len() / gguf::Q8_BYTES * 32);
                gguf::q8_0(&blocks, &mut values);
                values
            }
        }
    }
}

/// Receives each tensor that is kept.
pub(super) type Take<'a> = dyn FnMut(&TensorInfo, Values) -> Result<(), PrmError> + 'a;

/// Where the bytes of a weights file come from.
#[derive(Debug)]
pub(super) enum Source {
    Memory(&'static [u8]),
    File(File),
}

/// One weights file with a checked header.
#[derive(Debug)]
pub(super) struct Shard {
    /// The path as shown in messages.
    pub(super) file: String,
    /// In the order of their data, without holes.
    pub(super) tensors: Vec<TensorInfo>,
    source: Source,
    header: u64,
}

impl Shard {
    /// Reads and checks the header of a file of `size` bytes.
    pub(super) fn open(file: &str, mut source: Source, size: u64) -> Result<Self, PrmError> {
        let bad = |message: String| PrmError::Weights { file: file.to_owned(), message };
        let mut reader = source.reader(0).map_err(|e| io_error(file, e))?;
        let mut first = [0u8; 8];
        let got = fill(&mut reader, &mut first).map_err(|e| io_error(file, e))?;
        refuse_other_formats(file, &first[..got])?;
        if first.starts_with(b"GGUF") {
            drop(reader);
            let mut reader = source.reader(0).map_err(|e| io_error(file, e))?;
            let found = gguf::header(&mut io::BufReader::new(&mut reader), size).map_err(|e| bad(format!("GGUF: {e}")))?;
            drop(reader);
            return Ok(Self { file: file.to_owned(), tensors: found.tensors, source, header: found.data });
        }
        if got < 8 {
            return Err(bad(format!("expected an 8-byte header length, the file has {got} bytes")));
        }
        let length = u64::from_le_bytes(first);
        if length > MAX_HEADER || length > size - 8 {
            return Err(bad(format!("the header claims {length} bytes, the file has {size} bytes (limit {MAX_HEADER})")));
        }
        let mut header = Vec::new();
        reader.by_ref().take(length).read_to_end(&mut header).map_err(|e| io_error(file, e))?;
        drop(reader);
        if (header.len() as u64) < length {
            return Err(bad(format!("the header claims {length} bytes, the file ends after {}", header.len())));
        }
        let tensors = check(&header, size - 8 - length).map_err(bad)?;
        Ok(Self { file: file.to_owned(), tensors, source, header: 8 + length })
    }

    /// Reads the whole file once, front to back: all of it goes into `hash`, and `keep` says which tensors are returned as f32.
    pub(super) fn read(
        &mut self,
        hash: &mut Sha256,
        keep: &dyn Fn(&TensorInfo) -> bool,
        take: &mut Take<'_>,
    ) -> Result<(), PrmError> {
        let file = self.file.as_str();
        let mut reader = self.source.reader(0).map_err(|e| io_error(file, e))?;
        let mut block = vec![0u8; BLOCK];
        pass(&mut reader, self.header, &mut block, hash, &mut |_| ()).map_err(|e| io_error(file, e))?;
        let mut at = 0;
        for tensor in &self.tensors {
            let bytes = tensor.end - tensor.start;
            // Only GGUF, whose data is aligned, has holes.
            pass(&mut reader, tensor.start - at, &mut block, hash, &mut |_| ()).map_err(|e| io_error(file, e))?;
            at = tensor.end;
            if !keep(tensor) {
                pass(&mut reader, bytes, &mut block, hash, &mut |_| ()).map_err(|e| io_error(file, e))?;
                continue;
            }
            let convert = converter(&tensor.dtype).ok_or_else(|| PrmError::TensorKind {
                file: file.to_owned(),
                tensor: tensor.name.clone(),
                found: tensor.dtype.clone(),
            })?;
            let size = usize::try_from(tensor.elements()).unwrap_or(0);
            let mut values = match tensor.dtype.as_str() {
                "BF16" => Values::Bf16(Vec::with_capacity(size)),
                "Q8_0" => Values::Q8(Vec::with_capacity(size / 32 * gguf::Q8_BYTES)),
                _ => Values::F32(Vec::with_capacity(size)),
            };
            let mut sink = |bytes: &[u8]| match &mut values {
                Values::F32(values) => convert(bytes, values),
                Values::Bf16(values) => values.extend(bytes.as_chunks::<2>().0.iter().map(|&b| u16::from_le_bytes(b))),
                Values::Q8(blocks) => blocks.extend_from_slice(bytes),
            };
            // A multiple of every kind's block, so that none is cut.
            let whole = BLOCK - BLOCK % usize::try_from(quantum(&tensor.dtype)).unwrap_or(1);
            pass(&mut reader, bytes, &mut block[..whole], hash, &mut sink).map_err(|e| io_error(file, e))?;
            if let (Some(heads), [_, width]) = (tensor.pairs, tensor.shape.as_slice()) {
                let heads = usize::try_from(heads).unwrap_or(0);
                values = match values {
                    Values::F32(rows) => Values::F32(gguf::unpaired(&rows, *width, heads)),
                    Values::Bf16(rows) => Values::Bf16(gguf::unpaired(&rows, *width, heads)),
                    Values::Q8(rows) => Values::Q8(gguf::unpaired(&rows, width / 32 * gguf::Q8_BYTES, heads)),
                };
            }
            take(tensor, values)?;
        }
        Ok(())
    }
}

impl Source {
    fn reader(&mut self, at: u64) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::Memory(bytes) => Box::new(&bytes[usize::try_from(at).unwrap_or(bytes.len()).min(bytes.len())..]),
            Self::File(file) => {
                file.seek(SeekFrom::Start(at))?;
                Box::new(file)
            }
        })
    }
}

/// Sends exactly `bytes` bytes through the hash and the sink.
fn pass(
    reader: &mut dyn Read,
    mut bytes: u64,
    block: &mut [u8],
    hash: &mut Sha256,
    sink: &mut dyn FnMut(&[u8]),
) -> io::Result<()> {
    while bytes > 0 {
        let n = usize::try_from(bytes).unwrap_or(usize::MAX).min(block.len());
        reader.read_exact(&mut block[..n])?;
        hash.update(&block[..n]);
        sink(&block[..n]);
        bytes -= n as u64;
    }
    Ok(())
}

fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match reader.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}

fn io_error(path: &str, source: io::Error) -> PrmError {
    PrmError::Io { path: path.to_owned(), source }
}

/// Recognises by their first bytes the files that are often named like weights.
fn refuse_other_formats(file: &str, first: &[u8]) -> Result<(), PrmError> {
    let bad = |message: &str| Err(PrmError::Weights { file: file.to_owned(), message: message.to_owned() });
    match first {
        // A header length within the limit ends in four zero bytes, none of the others does.
        [_, _, _, _, 0, 0, 0, 0] => Ok(()),
        // Pickle protocol 2 and later, protocol 0, and the zip archive that torch.save writes.
        [0x80, 2..=5, ..] | [b'c' | b'(', ..] | [b'P', b'K', 3, 4, ..] => Err(PrmError::Pickle { file: file.to_owned() }),
        [b'v', b'e', b'r', b's', b'i', b'o', b'n', b' ', ..] => bad("this is a Git LFS pointer, run git lfs pull"),
        [] => bad("the file is empty"),
        _ => Ok(()),
    }
}

/// Bytes of one element.
fn element_bytes(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F64" | "I64" | "U64" | "C64" => 8,
        "F32" | "I32" | "U32" => 4,
        "F16" | "BF16" | "I16" | "U16" => 2,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" => 1,
        _ => return None,
    })
}

/// Checks a header against the number of data bytes behind it; tensors come back in the order of their data.
fn check(header: &[u8], data: u64) -> Result<Vec<TensorInfo>, String> {
    let Header(entries) = serde_json::from_slice(header).map_err(|e| format!("the header is not valid: {e}"))?;
    let mut tensors = Vec::with_capacity(entries.len());
    for (name, entry) in entries {
        tensors.push(describe(name, entry)?);
    }
    let mut names: Vec<&str> = tensors.iter().map(|t| t.name.as_str()).collect();
    names.sort_unstable();
    if let Some([name, ..]) = names.windows(2).find(|w| w[0] == w[1]) {
        return Err(format!("tensor {name:?} stands twice in the header"));
    }
    tensors.sort_by_key(|t| (t.start, t.end));
    let mut at = 0;
    for tensor in &tensors {
        if tensor.start != at {
            let what = if tensor.start < at { "overlaps the tensor before it" } else { "leaves a hole before it" };
            return Err(format!("tensor {:?} {what}: its data starts at {}, {at} was expected", tensor.name, tensor.start));
        }
        at = tensor.end;
    }
    if at == data { Ok(tensors) } else { Err(format!("the header describes {at} bytes of data, the file holds {data}")) }
}

/// Checks one entry: kind, and shape times element size against the offsets.
fn describe(name: String, entry: Entry) -> Result<TensorInfo, String> {
    let [start, end] = entry.data_offsets;
    let size = element_bytes(&entry.dtype).ok_or_else(|| format!("tensor {name:?} has the unknown kind {:?}", entry.dtype))?;
    let bytes = entry.shape.iter().try_fold(size, |n, &d| n.checked_mul(d));
    let found = end.checked_sub(start).ok_or_else(|| format!("tensor {name:?} ends at {end}, before its start {start}"))?;
    if bytes != Some(found) {
        let want = bytes.map_or("more bytes than can be counted".to_owned(), |b| format!("{b} bytes"));
        return Err(format!("tensor {name:?}: shape {:?} of {} needs {want}, its data has {found}", entry.shape, entry.dtype));
    }
    let shape: Result<Vec<usize>, _> = entry.shape.iter().map(|&d| usize::try_from(d)).collect();
    let shape = shape.map_err(|_| format!("tensor {name:?}: shape {:?} is too large", entry.shape))?;
    Ok(TensorInfo { name, dtype: entry.dtype, shape, start, end, pairs: None })
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// The header as a list: a map would keep the last of two equal names in silence.
struct Header(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Header;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut list = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        list.push((name, map.next_value()?));
                    }
                }
                Ok(Header(list))
            }
        }
        deserializer.deserialize_map(List)
    }
}

/// Bytes that belong together.
fn quantum(dtype: &str) -> u64 {
    match dtype {
        "Q8_0" => 34,
        "Q4_K" => 144,
        "Q6_K" => 210,
        other => element_bytes(other).unwrap_or(1),
    }
}

type Convert = fn(&[u8], &mut Vec<f32>);

/// How elements of a kind become f32; `None` for kinds that no decoder is stored in.
pub(super) fn converter(dtype: &str) -> Option<Convert> {
    Some(match dtype {
        "F32" => |bytes, out| out.extend(bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b))),
        "BF16" => |bytes, out| out.extend(bytes.as_chunks::<2>().0.iter().map(|&b| from_bf16(u16::from_le_bytes(b)))),
        "Q8_0" => gguf::q8_0,
        "Q4_K" => gguf::q4_k,
        "Q6_K" => gguf::q6_k,
        "F16" => |bytes, out| out.extend(bytes.as_chunks::<2>().0.iter().map(|&b| f16(u16::from_le_bytes(b)))),
        _ => return None,
    })
}

/// IEEE half precision: 1 sign, 5 exponent, 10 fraction bits.
pub(super) fn f16(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10 & 0x1f);
    let fraction = u32::from(bits & 0x3ff);
    let magnitude = match exponent {
        // Zero and subnormal numbers: fraction times 2^-24, exact in f32.
        0 => (fraction as f32 * f32::from_bits(0x3380_0000)).to_bits(),
        31 => 0x7f80_0000 | fraction << 13,
        _ => (exponent + 112) << 23 | fraction << 13,
    };
    f32::from_bits(sign | magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_converted_exactly() {
        for (bits, value) in [(0x3c00, 1.0), (0xc000, -2.0), (0x0001, 5.960_464_5e-8), (0x7bff, 65504.0), (0x3555, 0.333_251_95)]
        {
            assert_eq!(f16(bits).to_bits(), f32::to_bits(value));
        }
        assert!(f16(0x7c00).is_infinite() && f16(0x7e00).is_nan());
        assert_eq!(from_bf16(0x3f80).to_bits(), 1.0_f32.to_bits());
    }

    fn error(header: &str, data: u64) -> String {
        check(header.as_bytes(), data).unwrap_err()
    }

    #[test]
    fn crafted_headers_are_refused() {
        let t = |dtype: &str, shape: &str, a: u64, b: u64| {
            format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{a},{b}]}}"#)
        };
        let one = t("F32", "[2]", 0, 8);
        assert_eq!(check(format!(r#"{{"__metadata__":{{"format":"pt"}},"a":{one}}}"#).as_bytes(), 8).unwrap().len(), 1);
        assert!(error(&format!(r#"{{"a":{one},"a":{}}}"#, t("F32", "[2]", 8, 16)), 16).contains("twice"));
        assert!(error(&format!(r#"{{"a":{one},"b":{}}}"#, t("F32", "[2]", 4, 12)), 12).contains("overlaps"));
        assert!(error(&format!(r#"{{"a":{one},"b":{}}}"#, t("F32", "[2]", 12, 20)), 20).contains("hole"));
        assert!(error(&format!(r#"{{"a":{}}}"#, t("F32", "[2]", 8, 0)), 8).contains("before its start"));
        assert!(error(&format!(r#"{{"a":{one}}}"#), 9).contains("the file holds 9"));
        assert!(
            error(&format!(r#"{{"a":{}}}"#, t("F32", "[4294967296,4294967296]", 0, 8)), 8)
                .contains("more bytes than can be counted")
        );
        assert!(error(&format!(r#"{{"a":{}}}"#, t("F32", "[3]", 0, 8)), 8).contains("needs 12 bytes"));
        assert!(error(&format!(r#"{{"a":{}}}"#, t("Q4", "[2]", 0, 8)), 8).contains("unknown kind"));
        assert!(error(&"[".repeat(100_000), 0).contains("not valid"));
        assert!(error("[]", 0).contains("not valid"));
    }

    #[test]
    fn a_header_longer_than_the_file_asks_for_no_memory() {
        let bytes: &'static [u8] = &[0xff; 16];
        let error = Shard::open("w", Source::Memory(bytes), 16).unwrap_err().to_string();
        assert!(error.contains("the file has 16 bytes"), "{error}");
        let short: &'static [u8] = &[1, 2, 3];
        assert!(Shard::open("w", Source::Memory(short), 3).unwrap_err().to_string().contains("3 bytes"));
    }
}
