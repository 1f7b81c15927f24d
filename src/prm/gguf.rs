//! The GGUF format: our own header check, names as transformers gives them, and the quantised number kinds as f32.
//!
//! A file is a magic number, a version, counts of tensors and of metadata, the metadata, the tensor list and, aligned, the data. Every claim is
//! checked against the size of the file before memory is asked for. Source: ggml's `docs/gguf.md` and the block layouts of its `ggml-common.h`.

use std::io::Read;

use super::safetensors::{TensorInfo, f16};

/// Bytes of a tensor name at most; those of llama.cpp have fewer than 64.
const LONGEST_NAME: usize = 256;
/// Longest text in a header: tokens and templates have a few kilobytes.
const MAX_TEXT: u64 = 1 << 24;
/// Most tensors, entries of metadata, and elements of one of its lists.
const MAX_COUNT: u64 = 1 << 24;
/// Lists inside of lists.
const MAX_DEPTH: u32 = 4;

/// A checked header.
#[derive(Debug)]
pub(super) struct Header {
    /// In the order of their data.
    pub(super) tensors: Vec<TensorInfo>,
    /// Where the data begins.
    pub(super) data: u64,
}

/// Reads and checks the header of a file of `size` bytes.
pub(super) fn header(reader: &mut dyn Read, size: u64) -> Result<Header, String> {
    let mut fields = Fields { reader, at: 0, size };
    if fields.bytes::<4>()? != *b"GGUF" {
        return Err("expected a GGUF file".to_owned());
    }
    let version = fields.u32()?;
    if !(2..=3).contains(&version) {
        return Err(format!("GGUF version {version}, 2 or 3 was expected"));
    }
    let (tensors, metadata) = (fields.count("tensors")?, fields.count("entries of metadata")?);
    let (mut alignment, mut architecture) = (32, String::new());
    let mut heads = Vec::new();
    for _ in 0..metadata {
        let key = fields.text()?;
        let value = fields.value(0)?;
        match (key.as_str(), value) {
            ("general.alignment", Value::Number(n)) => alignment = n,
            ("general.architecture", Value::Text(text)) => architecture = text,
            (key, Value::Number(n)) if key.ends_with(".attention.head_count") || key.ends_with(".attention.head_count_kv") => {
                heads.push((key.ends_with("_kv"), n));
            }
            _ => {}
        }
    }
    if architecture.is_empty() {
        return Err("general.architecture is missing".to_owned());
    }
    if !(1..=1 << 16).contains(&alignment) || !alignment.is_power_of_two() {
        return Err(format!("general.alignment: expected a power of two, found {alignment}"));
    }
    let mut list = (0..tensors).map(|_| fields.tensor()).collect::<Result<Vec<_>, _>>()?;
    let data = fields.at.next_multiple_of(alignment);
    for tensor in &mut list {
        if tensor.start % alignment != 0 || tensor.end > size.saturating_sub(data) {
            return Err(format!("tensor {:?}: its data from {} to {} leaves the file", tensor.name, tensor.start, tensor.end));
        }
        let head = |kv| heads.iter().find(|(is_kv, _)| *is_kv == kv).map(|(_, n)| *n);
        tensor.name = name(&tensor.name);
        // The converter of llama.cpp exchanges rows of queries and keys of this architecture for its own order of rotary pairs.
        if architecture == "llama" && tensor.name.ends_with("q_proj.weight") {
            tensor.pairs = head(false);
        } else if architecture == "llama" && tensor.name.ends_with("k_proj.weight") {
            tensor.pairs = head(true).or(head(false));
        }
    }
    list.sort_by_key(|t| (t.start, t.end));
    let mut names: Vec<&str> = list.iter().map(|t| t.name.as_str()).collect();
    names.sort_unstable();
    if let Some([name, ..]) = names.windows(2).find(|w| w[0] == w[1]) {
        return Err(format!("tensor {name:?} stands twice in the header"));
    }
    if let Some([_, b]) = list.windows(2).find(|w| w[1].start < w[0].end) {
        return Err(format!("tensor {:?} overlaps the tensor before it", b.name));
    }
    Ok(Header { tensors: list, data })
}

/// The rows of a matrix in the order of transformers: in each of `heads` heads, pairs of neighbours become two halves. A row has `width`
/// values.
pub(super) fn unpaired<T: Copy>(values: &[T], width: usize, heads: usize) -> Vec<T> {
    let rows = values.len() / width.max(1);
    let half = rows / heads.max(1) / 2;
    let from = |row: usize| {
        let (head, inside) = (row / (2 * half), row % (2 * half));
        head * 2 * half + inside % half * 2 + inside / half
    };
    (0..rows).flat_map(|row| &values[from(row) * width..][..width]).copied().collect()
}

/// The name that transformers gives to a tensor, or the same where it has none.
fn name(gguf: &str) -> String {
    const PARTS: [(&str, &str); 13] = [
        ("attn_norm", "input_layernorm"),
        ("attn_q", "self_attn.q_proj"),
        ("attn_k", "self_attn.k_proj"),
        ("attn_v", "self_attn.v_proj"),
        ("attn_output", "self_attn.o_proj"),
        ("attn_q_norm", "self_attn.q_norm"),
        ("attn_k_norm", "self_attn.k_norm"),
        ("ffn_norm", "post_attention_layernorm"),
        ("ffn_gate", "mlp.gate_proj"),
        ("ffn_up", "mlp.up_proj"),
        ("ffn_down", "mlp.down_proj"),
        ("token_embd", "embed_tokens"),
        ("output_norm", "norm"),
    ];
    if let Some(part) = gguf.strip_prefix("output.") {
        return format!("lm_head.{part}");
    }
    let (layer, rest) = match gguf.strip_prefix("blk.").and_then(|rest| rest.split_once('.')) {
        Some((layer, rest)) => (format!("layers.{layer}."), rest),
        None => (String::new(), gguf),
    };
    let known = rest.rsplit_once('.').and_then(|(stem, part)| Some((PARTS.iter().find(|(g, _)| *g == stem)?.1, part)));
    known.map_or_else(|| gguf.to_owned(), |(stem, part)| format!("model.{layer}{stem}.{part}"))
}

/// A number kind: name, elements and bytes of a block.
fn kind(id: u32) -> Option<(&'static str, u64, u64)> {
    Some(match id {
        0 => ("F32", 1, 4),
        1 => ("F16", 1, 2),
        8 => ("Q8_0", 32, 34),
        12 => ("Q4_K", 256, 144),
        14 => ("Q6_K", 256, 210),
        30 => ("BF16", 1, 2),
        _ => return None,
    })
}

enum Value {
    Number(u64),
    Text(String),
    Other,
}

/// Reads a header front to back and never more than the file has.
struct Fields<'a> {
    reader: &'a mut dyn Read,
    at: u64,
    size: u64,
}

impl Fields<'_> {
    fn take(&mut self, bytes: u64) -> Result<Vec<u8>, String> {
        if bytes > self.size - self.at {
            return Err(format!("the header asks for {bytes} bytes at {}, the file has {}", self.at, self.size));
        }
        let mut out = Vec::new();
        let got = self.reader.take(bytes).read_to_end(&mut out).map_err(|e| e.to_string())?;
        if got as u64 != bytes {
            return Err(format!("the file ends inside of its header, after {} bytes", self.at + got as u64));
        }
        self.at += bytes;
        Ok(out)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N as u64)?.try_into().map_err(|_| "the file ends inside of its header".to_owned())
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn count(&mut self, what: &str) -> Result<u64, String> {
        let n = self.u64()?;
        if n > MAX_COUNT { Err(format!("the header claims {n} {what}, at most {MAX_COUNT} were expected")) } else { Ok(n) }
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.u64()?;
        if length > MAX_TEXT {
            return Err(format!("the header claims a text of {length} bytes, at most {MAX_TEXT} were expected"));
        }
        Ok(String::from_utf8_lossy(&self.take(length)?).into_owned())
    }

    /// A value of metadata; lists are skipped.
    fn value(&mut self, depth: u32) -> Result<Value, String> {
        let kind = self.u32()?;
        self.value_of(kind, depth)
    }

    fn value_of(&mut self, kind: u32, depth: u32) -> Result<Value, String> {
        Ok(match kind {
            0 | 1 | 7 => Value::Number(u64::from(self.bytes::<1>()?[0])),
            2 | 3 => Value::Number(u64::from(u16::from_le_bytes(self.bytes()?))),
            4 | 5 => Value::Number(u64::from(self.u32()?)),
            10 | 11 => Value::Number(self.u64()?),
            6 => self.take(4).map(|_| Value::Other)?,
            12 => self.take(8).map(|_| Value::Other)?,
            8 => Value::Text(self.text()?),
            9 if depth < MAX_DEPTH => {
                let kind = self.u32()?;
                for _ in 0..self.count("elements of a list")? {
                    self.value_of(kind, depth + 1)?;
                }
                Value::Other
            }
            other => return Err(format!("metadata of the unknown kind {other}")),
        })
    }

    fn tensor(&mut self) -> Result<TensorInfo, String> {
        let name = self.text()?;
        // Names stand in messages.
        if name.len() > LONGEST_NAME {
            return Err(format!("a tensor name has {} bytes, {LONGEST_NAME} at most were expected", name.len()));
        }
        let dimensions = self.u32()?;
        if !(1..=4).contains(&dimensions) {
            return Err(format!("tensor {name:?} has {dimensions} dimensions, 1 to 4 were expected"));
        }
        // Columns come first.
        let mut shape = (0..dimensions).map(|_| self.u64()).collect::<Result<Vec<_>, _>>()?;
        let (id, start) = (self.u32()?, self.u64()?);
        let known = "F32, F16, BF16, Q8_0, Q4_K and Q6_K are read";
        let (dtype, block, bytes) = kind(id).ok_or_else(|| format!("tensor {name:?} is stored as kind {id}; {known}"))?;
        let elements = shape.iter().try_fold(1_u64, |n, &d| n.checked_mul(d));
        let length = elements.filter(|_| shape[0] % block == 0).and_then(|n| (n / block).checked_mul(bytes));
        let end = length.and_then(|n| n.checked_add(start));
        let end = end.ok_or_else(|| format!("tensor {name:?}: shape {shape:?} of {dtype} cannot be stored"))?;
        shape.reverse();
        let sizes: Result<Vec<usize>, _> = shape.iter().map(|&d| usize::try_from(d)).collect();
        let shape = sizes.map_err(|_| format!("tensor {name:?}: shape {shape:?} is too large"))?;
        Ok(TensorInfo { name, dtype: dtype.to_owned(), shape, start, end, pairs: None })
    }
}

/// A number in half precision.
pub(super) fn half(bytes: &[u8]) -> f32 {
    f16(u16::from_le_bytes([bytes[0], bytes[1]]))
}

/// Blocks of 32 numbers: a scale, then a byte for each.
pub(super) fn q8_0(bytes: &[u8], out: &mut Vec<f32>) {
    for block in bytes.chunks_exact(Q8_BYTES) {
        let scale = half(block);
        out.extend(block[2..].iter().map(|&q| scale * f32::from(q.cast_signed())));
    }
}

/// Bytes of a Q8_0 block of 32 numbers.
pub(super) const Q8_BYTES: usize = 34;

/// Blocks of 256 numbers in 8 groups of 32: scale and minimum of the block, 6-bit scales and minima of the groups, 4 bits for each number.
pub(super) fn q4_k(bytes: &[u8], out: &mut Vec<f32>) {
    for block in bytes.chunks_exact(144) {
        let (scale, minimum) = (half(block), half(&block[2..]));
        let (groups, numbers) = (&block[4..16], &block[16..]);
        for group in 0..8 {
            let (s, m) = if group < 4 {
                (groups[group] & 63, groups[group + 4] & 63)
            } else {
                let low = groups[group + 4];
                (low & 15 | groups[group - 4] >> 6 << 4, low >> 4 | groups[group] >> 6 << 4)
            };
            let (s, m) = (scale * f32::from(s), minimum * f32::from(m));
            // Two groups share their bytes, one in each half.
            let shift = group % 2 * 4;
            out.extend(numbers[group / 2 * 32..][..32].iter().map(|&q| s * f32::from(q >> shift & 15) - m));
        }
    }
}

/// Blocks of 256 numbers in 16 groups of 16: the low 4 bits of each, the high 2, a scale for each group, and one of the block.
pub(super) fn q6_k(bytes: &[u8], out: &mut Vec<f32>) {
    for block in bytes.chunks_exact(210) {
        let scale = half(&block[208..]);
        for at in 0..256 {
            // Each half of the block is four runs of 32.
            let (side, run, i) = (at / 128, at / 32 % 4, at % 32);
            let low = block[side * 64 + run % 2 * 32 + i] >> (run / 2 * 4) & 15;
            let high = block[128 + side * 32 + i] >> (2 * run) & 3;
            let group = f32::from(block[192 + at / 16].cast_signed());
            out.push(scale * group * (f32::from(low | high << 4) - 32.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Blocks {
        bytes: Vec<u8>,
        values: Vec<f32>,
    }

    #[test]
    fn quantised_blocks_are_what_the_reference_says() {
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/prm/decoders/blocks.json"));
        let blocks: BTreeMap<String, Blocks> = serde_json::from_str(text).unwrap();
        for (name, convert) in [("Q8_0", q8_0 as fn(&[u8], &mut Vec<f32>)), ("Q4_K", q4_k), ("Q6_K", q6_k)] {
            let Blocks { bytes, values } = &blocks[name];
            let mut out = Vec::new();
            convert(bytes, &mut out);
            assert_eq!(out.len(), values.len());
            for (i, (got, want)) in out.iter().zip(values).enumerate() {
                assert!((got - want).abs() <= 1e-6 * want.abs().max(1.0), "{name}, number {i}: {got}, {want} was expected");
            }
        }
    }
}
