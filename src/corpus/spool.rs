//! A stream that can be read by position: it is written into a file without a name, which vanishes with the program, while it comes
//! in. Memory stays bounded whatever its size, and the first records are there before the last ones have come.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use etcetera::BaseStrategy as _;

use super::container::Packed;
use super::store::{More, read_file};

/// Bytes moved at once.
const CHUNK: usize = 256 << 10;
/// How long one question for more waits.
const MOMENT: Duration = Duration::from_millis(100);

/// How far the stream is.
#[derive(Debug, Default)]
struct Progress {
    written: u64,
    /// How it ended; `None` while it comes.
    end: Option<Result<(), String>>,
}

#[derive(Debug)]
struct State {
    file: File,
    progress: Mutex<Progress>,
    changed: Condvar,
    /// Size of the packed data and how much of it was taken, where there is such a thing.
    packed: Option<(u64, Arc<AtomicU64>)>,
}

impl State {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, end: Result<(), String>) {
        self.progress().end.get_or_insert(end);
        self.changed.notify_all();
    }
}

/// See the module's header.
#[derive(Debug)]
pub(super) struct Spool {
    state: Arc<State>,
}

impl Spool {
    /// Takes in a stream on a thread of its own. The thread ends with the stream or when nobody reads it any more.
    pub(super) fn fill(what: &'static str, from: impl Read + Send + 'static, packed: Option<Packed>) -> io::Result<Self> {
        let file = scratch_file()?;
        let size = packed.as_ref().map(|packed| (packed.size, Arc::clone(&packed.taken)));
        let state = Arc::new(State { file, progress: Mutex::default(), changed: Condvar::new(), packed: size });
        let weak = Arc::downgrade(&state);
        std::thread::Builder::new().name("corpus-spool".into()).spawn(move || {
            let copied = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| copy(&weak, from, packed.as_ref())));
            if let Some(state) = weak.upgrade() {
                state.end(match copied {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => Err(format!("{what}: {error}")),
                    Err(_) => Err(format!("{what}: internal error while it was unpacked, please report it")),
                });
            }
        })?;
        Ok(Self { state })
    }

    pub(super) fn len(&self) -> u64 {
        self.state.progress().written
    }

    pub(super) fn expected(&self) -> u64 {
        let written = self.len();
        match &self.state.packed {
            Some((size, taken)) if self.state.progress().end.is_none() => {
                let taken = taken.load(Ordering::Relaxed).max(1);
                u64::try_from(u128::from(written) * u128::from(*size) / u128::from(taken)).unwrap_or(u64::MAX).max(written)
            }
            _ => written,
        }
    }

    pub(super) fn beyond(&self, at: u64) -> io::Result<More> {
        let progress = self.state.progress();
        let waiting = |progress: &mut Progress| progress.written <= at && progress.end.is_none();
        let waited = self.state.changed.wait_timeout_while(progress, MOMENT, waiting);
        let (progress, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match &progress.end {
            _ if progress.written > at => Ok(More::Yes),
            None => Ok(More::Later),
            Some(Ok(())) => Ok(More::End),
            Some(Err(message)) => Err(io::Error::other(message.clone())),
        }
    }

    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let known = usize::try_from(self.len().saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
        read_file(&self.state.file, &mut buffer[..known], offset)
    }
}

fn copy(state: &Weak<State>, mut from: impl Read, packed: Option<&Packed>) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut written = 0;
    loop {
        let n = match from.read(&mut buffer) {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let Some(state) = state.upgrade().filter(|_| n > 0) else { return Ok(()) };
        written += n as u64;
        if let Some(packed) = packed {
            packed.check(written)?;
        }
        (&state.file).write_all(&buffer[..n])?;
        state.progress().written = written;
        state.changed.notify_all();
    }
}

/// Where what is unpacked lies, when a file can be made there.
pub(super) fn cache_folder() -> Option<PathBuf> {
    etcetera::choose_base_strategy().ok().map(|base| base.cache_dir().join("stepscope"))
}

/// A file without a name on the user's cache disk: the folder for temporary files is often memory.
fn scratch_file() -> io::Result<File> {
    let private = cache_folder().and_then(|folder| {
        std::fs::create_dir_all(&folder).ok()?;
        tempfile::tempfile_in(folder).ok()
    });
    private.map_or_else(tempfile::tempfile, Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a letter whenever somebody asked for one.
    struct Slow(std::sync::mpsc::Receiver<&'static str>);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Ok(text) = self.0.recv() else { return Ok(0) };
            if text == "broken" {
                return Err(io::Error::other("the pipe burst"));
            }
            buffer[..text.len()].copy_from_slice(text.as_bytes());
            Ok(text.len())
        }
    }

    #[test]
    fn a_stream_is_read_while_it_comes_in() {
        let (send, receive) = std::sync::mpsc::channel();
        let spool = Spool::fill("a pipe", Slow(receive), None).unwrap();
        assert_eq!(spool.beyond(0).unwrap(), More::Later);
        send.send("abc").unwrap();
        while spool.beyond(0).unwrap() != More::Yes {}
        let mut buffer = [0; 8];
        assert_eq!((spool.read_at(&mut buffer, 1).unwrap(), &buffer[..2]), (2, &b"bc"[..]));
        send.send("broken").unwrap();
        let error = loop {
            match spool.beyond(3) {
                Ok(more) => assert_eq!(more, More::Later),
                Err(error) => break error,
            }
        };
        assert_eq!((error.to_string().as_str(), spool.len()), ("a pipe: the pipe burst", 3));
    }
}
