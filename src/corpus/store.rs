//! Where the bytes of a corpus are: a regular file, read by position, or memory. Nothing is mapped, so a file that shrinks under us
//! is a short read and never a signal.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::error::Refusal;

/// Readable bytes of a known size.
#[derive(Debug)]
pub(super) enum Bytes {
    /// A regular file and its size when it was opened.
    File(File, u64),
    /// A part of the program.
    Memory(&'static [u8]),
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
            None => Ok(Self::File(file, meta.len())),
        }
    }

    /// Size in bytes when it was opened.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::File(_, len) => *len,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Fills `buffer` from `offset` on and says how many bytes there were; fewer than asked for only at the end of the file.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::File(file, _) => {
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
            Self::Memory(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let n = buffer.len().min(bytes.len() - start);
                buffer[..n].copy_from_slice(&bytes[start..start + n]);
                Ok(n)
            }
        }
    }

    /// The bytes from `offset` on, at most `len`, and not beyond the size at opening.
    pub(super) fn read(&self, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        let len = len.min(self.len().saturating_sub(offset));
        let mut buffer = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        let n = self.read_at(&mut buffer, offset)?;
        buffer.truncate(n);
        Ok(buffer)
    }
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
