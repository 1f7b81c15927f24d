//! Text that is made when somebody looks at it: an archive or a table as blocks of lines, one record a line. Only where each block
//! begins is kept, and the few blocks that were looked at last.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::store::More;

/// Most bytes of decoded blocks kept; the newest stays, however large it is.
const KEPT: usize = 64 << 20;

/// A block that cannot be made.
#[derive(Debug)]
pub(super) enum BlockError {
    /// It stands as one record that cannot be read; the others go on.
    Skip(String),
    /// Nothing behind it can be read either.
    Fatal(io::Error),
}

impl From<io::Error> for BlockError {
    fn from(error: io::Error) -> Self {
        Self::Fatal(error)
    }
}

/// An archive or table as blocks of records.
pub(super) trait Blocks: Send + Sync + Debug {
    /// What to call it in an error.
    fn name(&self) -> &'static str;

    /// Number of blocks, where it is known without reading them all.
    fn count(&self) -> Option<usize>;

    /// What a block is called in an archive, where it is one of its members.
    fn member(&self, _: usize) -> Option<String> {
        None
    }

    /// The records of a block, counted from 0, each of them one line with its line end; `None` behind the last block. The same block
    /// gives the same text each time.
    fn block(&self, index: usize) -> Result<Option<Vec<u8>>, BlockError>;
}

#[derive(Debug, Default)]
struct Known {
    /// Offset behind each block.
    ends: Vec<u64>,
    faults: Vec<(u64, String)>,
    complete: bool,
    recent: VecDeque<(usize, Arc<Vec<u8>>)>,
    held: usize,
}

impl Known {
    fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    fn keep(&mut self, index: usize, text: &Arc<Vec<u8>>) {
        self.held += text.len();
        self.recent.push_back((index, Arc::clone(text)));
        while self.held > KEPT && self.recent.len() > 1 {
            self.held -= self.recent.pop_front().map_or(0, |(_, text)| text.len());
        }
    }

    fn recall(&mut self, index: usize) -> Option<Arc<Vec<u8>>> {
        let at = self.recent.iter().position(|(known, _)| *known == index)?;
        let entry = self.recent.remove(at)?;
        let text = Arc::clone(&entry.1);
        self.recent.push_back(entry);
        Some(text)
    }
}

/// See the module's header.
#[derive(Debug)]
pub(super) struct BlockText {
    source: Box<dyn Blocks>,
    known: Mutex<Known>,
}

impl BlockText {
    pub(super) fn new(source: Box<dyn Blocks>) -> Self {
        Self { source, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> u64 {
        self.known().len()
    }

    pub(super) fn expected(&self) -> u64 {
        let known = self.known();
        let blocks = known.ends.len() as u64;
        match self.source.count() {
            Some(count) if blocks > 0 && !known.complete => known.len() / blocks * (count as u64).max(blocks),
            _ => known.len(),
        }
    }

    pub(super) fn fault(&self, offset: u64) -> Option<String> {
        let known = self.known();
        let at = known.faults.binary_search_by_key(&offset, |(at, _)| *at).ok()?;
        Some(known.faults[at].1.clone())
    }

    pub(super) fn member(&self, offset: u64) -> Option<String> {
        let index = self.known().ends.partition_point(|&end| end <= offset);
        self.source.member(index)
    }

    /// Makes the next block. Only one thread goes forward at a time: the one that indexes.
    pub(super) fn beyond(&self, at: u64) -> io::Result<More> {
        loop {
            let next = {
                let known = self.known();
                match known.complete {
                    _ if at < known.len() => return Ok(More::Yes),
                    true => return Ok(More::End),
                    false => known.ends.len(),
                }
            };
            let made = self.make(next);
            let mut known = self.known();
            let start = known.len();
            let text = match made {
                Ok(Some(text)) => text,
                Ok(None) => {
                    known.complete = true;
                    return Ok(More::End);
                }
                Err(BlockError::Skip(message)) => {
                    known.faults.push((start, message));
                    b"!\n".to_vec()
                }
                Err(BlockError::Fatal(error)) => return Err(error),
            };
            known.ends.push(start + text.len() as u64);
            known.keep(next, &Arc::new(text));
        }
    }

    /// A defect of a decoder is an error of its block, never the end of the program.
    fn make(&self, index: usize) -> Result<Option<Vec<u8>>, BlockError> {
        let defect =
            |_| Err(BlockError::Skip(format!("{}: internal error of its decoder; the data may be damaged", self.source.name())));
        catch_unwind(AssertUnwindSafe(|| self.source.block(index))).unwrap_or_else(defect)
    }

    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset + filled as u64;
            let (index, start) = {
                let known = self.known();
                let index = known.ends.partition_point(|&end| end <= at);
                if index == known.ends.len() {
                    break;
                }
                (index, index.checked_sub(1).map_or(0, |before| known.ends[before]))
            };
            let text = self.text(index)?;
            let from = usize::try_from(at - start).unwrap_or(usize::MAX).min(text.len());
            let n = (buffer.len() - filled).min(text.len() - from);
            if n == 0 {
                // The data changed under us: less came out than before.
                break;
            }
            buffer[filled..filled + n].copy_from_slice(&text[from..from + n]);
            filled += n;
        }
        Ok(filled)
    }

    fn text(&self, index: usize) -> io::Result<Arc<Vec<u8>>> {
        if let Some(text) = self.known().recall(index) {
            return Ok(text);
        }
        let text = Arc::new(match self.make(index) {
            Ok(text) => text.unwrap_or_default(),
            Err(BlockError::Skip(_)) => b"!\n".to_vec(),
            Err(BlockError::Fatal(error)) => return Err(error),
        });
        self.known().keep(index, &text);
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Numbers;

    impl Blocks for Numbers {
        fn name(&self) -> &'static str {
            "numbers"
        }

        fn count(&self) -> Option<usize> {
            Some(4)
        }

        fn block(&self, index: usize) -> Result<Option<Vec<u8>>, BlockError> {
            match index {
                0 => Ok(Some(b"one\ntwo\n".to_vec())),
                1 => Err(BlockError::Skip("damaged".into())),
                2 => Ok(Some(Vec::new())),
                3 => Ok(Some(b"three\n".to_vec())),
                _ => Ok(None),
            }
        }
    }

    #[test]
    fn blocks_read_like_one_text() {
        let text = BlockText::new(Box::new(Numbers));
        let mut at = 0;
        while text.beyond(at).unwrap() == More::Yes {
            at = text.len();
        }
        let mut buffer = [0; 64];
        let n = text.read_at(&mut buffer, 4).unwrap();
        assert_eq!(std::str::from_utf8(&buffer[..n]).unwrap(), "two\n!\nthree\n");
        assert_eq!((text.fault(8), text.fault(10)), (Some("damaged".to_owned()), None));
        text.known().recent.clear();
        assert_eq!(text.read_at(&mut buffer, 14).unwrap(), 2);
    }
}
