//! Files that hold no traces, known by their first bytes. What can be unpacked has been unpacked before.

use super::error::Refusal;

const UNPACK: &str = "not supported yet, unpack it first";
const NOT_TRACES: &str = "expected JSON or JSONL with traces";

/// First bytes, what they mean, and what can be done.
const MAGIC: &[(&[u8], &str, &str)] = &[
    (b"\xfd7zXZ\0", "xz compressed data", UNPACK),
    (b"\x04\x22\x4d\x18", "LZ4 compressed data", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"PK\x05\x06", "an empty Zip archive", NOT_TRACES),
    (b"PAR1", "a Parquet file", "this program was built without the feature `parquet`"),
    (b"PARE", "an encrypted Parquet file", "write it out as JSONL first"),
    (b"ARROW1", "an Arrow file", "this program was built without the feature `parquet`"),
    (b"\x89PNG", "a PNG image", NOT_TRACES),
    (b"\xff\xd8\xff", "a JPEG image", NOT_TRACES),
    (b"GIF8", "a GIF image", NOT_TRACES),
    (b"%PDF", "a PDF document", NOT_TRACES),
    (b"\x7fELF", "an ELF program", NOT_TRACES),
    (b"SQLite format 3\0", "an SQLite database", NOT_TRACES),
    (b"GGUF", "a GGUF model file", NOT_TRACES),
    (b"\x89HDF", "an HDF5 file", NOT_TRACES),
    (b"\x93NUMPY", "a NumPy array", NOT_TRACES),
];

const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Says why a file that begins with `head` is not read; `None` when it may hold JSON.
pub(super) fn refuse(head: &[u8]) -> Option<Refusal> {
    if matches!(head, [0x80, 2..=5, ..]) {
        return Some(Refusal::Pickle);
    }
    // What torch saves: a Zip archive with a pickle in it, whose name stands in clear text.
    if head.starts_with(b"PK\x03\x04") && memchr::memmem::find(head, b"data.pkl").is_some() {
        return Some(Refusal::Pickle);
    }
    if let Some(&(_, kind, advice)) = MAGIC.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Some(Refusal::Binary { kind, advice });
    }
    // The name of the format stands behind the name and the numbers of the first member.
    if head.get(257..262) == Some(b"ustar") {
        return Some(Refusal::Binary { kind: "a tar archive", advice: UNPACK });
    }
    if is_safetensors(head) {
        return Some(Refusal::Binary { kind: "a safetensors model file", advice: NOT_TRACES });
    }
    if head.starts_with(LFS) {
        return Some(Refusal::LfsPointer { size: lfs_size(head) });
    }
    wide_encoding(head).map(|encoding| Refusal::Encoding { encoding })
}

/// Eight bytes of header length, then the header, a JSON object.
fn is_safetensors(head: &[u8]) -> bool {
    let Some((len, header)) = head.split_first_chunk::<8>() else { return false };
    // A text cannot begin with these lengths: their upper bytes are NUL.
    (2..1 << 32).contains(&u64::from_le_bytes(*len)) && header.starts_with(b"{")
}

fn lfs_size(head: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(head.get(..head.len().min(1024))?).ok()?;
    text.lines().find_map(|line| line.strip_prefix("size ")?.trim().parse().ok())
}

/// UTF-16 and UTF-32, with a byte order mark or known by their NUL bytes.
fn wide_encoding(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xff, 0xfe, 0, 0, ..] => return Some("UTF-32LE"),
        [0, 0, 0xfe, 0xff, ..] => return Some("UTF-32BE"),
        [0xff, 0xfe, ..] => return Some("UTF-16LE"),
        [0xfe, 0xff, ..] => return Some("UTF-16BE"),
        _ => {}
    }
    // JSON begins with two ASCII characters, so that in UTF-16 every second byte of its beginning is NUL.
    match head {
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => Some("UTF-16LE"),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => Some("UTF-16BE"),
        _ => None,
    }
}
