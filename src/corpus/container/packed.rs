//! Compressed streams: gzip, Zstandard, bzip2. They are unpacked into a file without a name (see [`super::super::spool`]) while the
//! first records are on the screen already; bombs end at a ratio and at a size.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::error::Refusal;
use super::super::spool::Spool;
use super::super::store::{Bytes, Reader};
use super::{Container, over_limit, unpacked_limit};

/// Most bytes unpacked for one packed byte, behind the first [`RATIO_FROM`].
pub(super) const RATIO: u64 = 200;
pub(super) const RATIO_FROM: u64 = 1 << 20;

/// A compression; its row.
pub(super) struct Compression {
    name: &'static str,
    magic: &'static [u8],
    decode: fn(BufReader<Counted>) -> io::Result<Box<dyn Read + Send>>,
}

pub(super) const GZIP: Compression = Compression {
    name: "gzip data",
    magic: b"\x1f\x8b",
    decode: |packed| Ok(Box::new(flate2::bufread::MultiGzDecoder::new(packed))),
};

pub(super) const ZSTD: Compression = Compression {
    name: "Zstandard data",
    magic: b"\x28\xb5\x2f\xfd",
    decode: |packed| Ok(Box::new(zstd::Decoder::with_buffer(packed)?)),
};

pub(super) const BZIP2: Compression =
    Compression { name: "bzip2 data", magic: b"BZh", decode: |packed| Ok(Box::new(bzip2::bufread::MultiBzDecoder::new(packed))) };

impl Container for Compression {
    fn fits(&self, head: &[u8]) -> bool {
        head.starts_with(self.magic)
    }

    fn open(&self, bytes: Arc<Bytes>) -> Result<Bytes, Refusal> {
        let packed = Packed { size: bytes.expected(), taken: Arc::default(), limit: unpacked_limit() };
        let counted = Counted { inner: Reader::new(bytes, 0), taken: Arc::clone(&packed.taken) };
        let reader = (self.decode)(BufReader::with_capacity(1 << 17, counted)).map_err(|error| Refusal::io(&error))?;
        let name = self.name;
        let named = Named { inner: reader, name };
        Spool::fill(name, named, Some(packed)).map(Bytes::Spool).map_err(|error| Refusal::io(&error))
    }
}

/// Says "damaged or cut" where decoders say "unexpected end of file" or less.
struct Named<R> {
    inner: R,
    name: &'static str,
}

impl<R: Read> Read for Named<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            io::ErrorKind::UnexpectedEof => io::Error::other("the file is cut"),
            _ => io::Error::other(format!("the {} cannot be unpacked from here on ({error})", self.name)),
        })
    }
}

/// Counts the packed bytes that a decoder took.
pub(super) struct Counted {
    inner: Reader,
    taken: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.taken.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Bounds of what is unpacked.
#[derive(Debug)]
pub(in super::super) struct Packed {
    /// Bytes of the packed data.
    pub(in super::super) size: u64,
    /// Those of them that were taken.
    pub(in super::super) taken: Arc<AtomicU64>,
    limit: u64,
}

impl Packed {
    /// An error when so many bytes are more than honest data gives.
    pub(in super::super) fn check(&self, unpacked: u64) -> io::Result<()> {
        if unpacked > self.limit {
            return Err(io::Error::other(over_limit("it", self.limit)));
        }
        let taken = self.taken.load(Ordering::Relaxed);
        if unpacked > RATIO_FROM && unpacked / RATIO > taken {
            let message = format!("{unpacked} bytes unpacked from {taken}: a decompression bomb? (limit {RATIO} to 1)");
            return Err(io::Error::other(message));
        }
        Ok(())
    }
}
