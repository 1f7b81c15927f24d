//! Where the bytes of a corpus are: a regular file read by position, memory, a file without a name that is being filled, or blocks
//! that are decoded when somebody looks at them. Nothing is mapped, so a file that shrinks under us is a short read and never a
//! signal.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{Mode, OFlags};

use super::blocks::BlockText;
use super::error::Refusal;
use super::spool::Spool;

/// Readable bytes, by position. All of them are known at once or become known from front to back.
#[derive(Debug)]
pub(super) enum Bytes {
    /// A regular file and how much of it is read: its size when it was opened or last looked at.
    File(File, AtomicU64),
    /// A part of the program.
    Memory(&'static [u8]),
    /// Standard input or unpacked data.
    Spool(Spool),
    /// Records of an archive or a table.
    Blocks(BlockText),
}

/// Whether there are bytes behind a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    /// Yes, they can be read.
    Yes,
    /// Not known yet; nothing came within a moment.
    Later,
    /// No, and there will be none.
    End,
}

impl Bytes {
    /// Opens a regular file; anything one could wait for (a named pipe, a terminal) is refused without waiting.
    pub(super) fn open(path: &Path) -> Result<Self, Refusal> {
        // Non-blocking: opening a named pipe would otherwise wait for a writer. It changes nothing for regular files.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(error) => {
                // A socket cannot be opened at all: say what it is instead of "no such device".
                let kind = std::fs::metadata(path).ok().and_then(|meta| refused_kind(meta.file_type()));
                return Err(kind.unwrap_or_else(|| Refusal::io(&error.into())));
            }
        };
        let meta = file.metadata().map_err(|error| Refusal::io(&error))?;
        match refused_kind(meta.file_type()) {
            Some(refusal) => Err(refusal),
            None => Ok(Self::File(file, meta.len().into())),
        }
    }

    /// Standard input, kept while it comes in.
    pub(super) fn stdin() -> Result<Self, Refusal> {
        Spool::fill("standard input", io::stdin(), None).map(Self::Spool).map_err(|error| Refusal::io(&error))
    }

    /// Bytes known so far.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::File(_, len) => len.load(Ordering::Acquire),
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Spool(spool) => spool.len(),
            Self::Blocks(blocks) => blocks.len(),
        }
    }

    /// Estimate of all bytes there will be, to show how far one is.
    pub(super) fn expected(&self) -> u64 {
        match self {
            Self::Spool(spool) => spool.expected(),
            Self::Blocks(blocks) => blocks.expected(),
            Self::File(..) | Self::Memory(_) => self.len(),
        }
    }

    /// Whether there are bytes behind `at`; decodes the next block or waits a moment to find out. An error is final.
    pub(super) fn beyond(&self, at: u64) -> io::Result<More> {
        match self {
            _ if at < self.len() => Ok(More::Yes),
            Self::File(..) | Self::Memory(_) => Ok(More::End),
            Self::Spool(spool) => spool.beyond(at),
            Self::Blocks(blocks) => blocks.beyond(at),
        }
    }

    /// Waits until all is known.
    pub(super) fn wait(&self) -> io::Result<()> {
        while self.beyond(self.len())? != More::End {}
        Ok(())
    }

    /// Why the record at this offset cannot be read, where its container knows.
    pub(super) fn fault(&self, offset: u64) -> Option<String> {
        if let Self::Blocks(blocks) = self { blocks.fault(offset) } else { None }
    }

    /// The member of an archive that the record at this offset was.
    pub(super) fn member(&self, offset: u64) -> Option<String> {
        if let Self::Blocks(blocks) = self { blocks.member(offset) } else { None }
    }

    /// Fills `buffer` from `offset` on and says how many bytes there were; fewer than asked for only at the end of what is known.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::File(file, _) => read_file(file, buffer, offset),
            Self::Memory(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let n = buffer.len().min(bytes.len() - start);
                buffer[..n].copy_from_slice(&bytes[start..start + n]);
                Ok(n)
            }
            Self::Spool(spool) => spool.read_at(buffer, offset),
            Self::Blocks(blocks) => blocks.read_at(buffer, offset),
        }
    }

    /// The bytes from `offset` on, at most `len`, and not beyond what is known.
    pub(super) fn read(&self, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        let len = len.min(self.len().saturating_sub(offset));
        let mut buffer = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        let n = self.read_at(&mut buffer, offset)?;
        buffer.truncate(n);
        Ok(buffer)
    }
}

/// Fills `buffer` from a file, as far as the file goes.
pub(super) fn read_file(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// What to say of a file that is not a regular one.
fn refused_kind(kind: std::fs::FileType) -> Option<Refusal> {
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some(Refusal::Directory)
    } else if kind.is_fifo() {
        Some(Refusal::NotAFile("a named pipe"))
    } else if kind.is_socket() {
        Some(Refusal::NotAFile("a socket"))
    } else {
        Some(Refusal::NotAFile("a device"))
    }
}

/// Bytes read from front to back, for decoders. Waits for bytes that are still coming.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    bytes: Arc<Bytes>,
    at: u64,
}

impl Reader {
    pub(super) fn new(bytes: Arc<Bytes>, at: u64) -> Self {
        Self { bytes, at }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.bytes.beyond(self.at)? == More::Later {}
        let n = self.bytes.read_at(buffer, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.bytes.len().checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a place before the beginning"))?;
        Ok(self.at)
    }
}
