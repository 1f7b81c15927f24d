//! Numbers that begin at a line of the processor's cache: a register that is loaded from two lines costs twice.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::sync::Arc;

use bytemuck::Pod;
use memmap2::{Mmap, MmapMut};

/// Bytes of a line, and of the widest register.
pub(super) const LINE: usize = 64;

/// Bytes from which memory is asked for in pages as large as the system has them: weights are read front to back over and over, and looking up
/// where a small page lies takes as long as the numbers on it.
const LARGE: usize = 4 << 20;

/// A slice whose first number stands at the beginning of a line, in memory of its own or in a file.
#[derive(Debug)]
pub(super) struct Lined<T> {
    numbers: Numbers<T>,
    length: usize,
}

#[derive(Debug)]
enum Numbers<T> {
    /// A vector, and where in it the line begins.
    Own(Vec<T>, usize),
    /// Memory of its own in large pages.
    Large(MmapMut),
    /// Bytes of a file, which hold `length` numbers from the beginning of a line on.
    Mapped(Arc<Mmap>, Range<usize>),
}

impl<T> Default for Lined<T> {
    fn default() -> Self {
        Self { numbers: Numbers::Own(Vec::new(), 0), length: 0 }
    }
}

impl<T: Pod> Lined<T> {
    /// That many numbers, whatever they are: zeros at first. It keeps its memory, and never writes to a file.
    pub(super) fn room(&mut self, length: usize) -> &mut [T] {
        let enough = !matches!(&self.numbers, Numbers::Mapped(..)) && self.length >= length;
        if !enough {
            let length = length.max(self.length + self.length / 2);
            *self = Self { numbers: Self::large(length).unwrap_or_else(|| Self::own(length)), length };
        }
        match &mut self.numbers {
            Numbers::Own(numbers, start) => &mut numbers[*start..*start + length],
            Numbers::Large(memory) => &mut bytemuck::cast_slice_mut(memory)[..length],
            Numbers::Mapped(..) => &mut [],
        }
    }

    fn own(length: usize) -> Numbers<T> {
        let spare = LINE / size_of::<T>();
        let numbers = vec![T::zeroed(); length + spare];
        // Kept for good: the numbers of a vector that does not grow stay where they are.
        let start = numbers.as_ptr().align_offset(LINE).min(spare);
        Numbers::Own(numbers, start)
    }

    fn large(length: usize) -> Option<Numbers<T>> {
        let bytes = length.checked_mul(size_of::<T>()).filter(|&bytes| bytes >= LARGE)?;
        let memory = MmapMut::map_anon(bytes).ok()?;
        // A wish: without large pages it is slower, and nothing else.
        #[cfg(target_os = "linux")]
        let _ = memory.advise(memmap2::Advice::HugePage);
        Some(Numbers::Large(memory))
    }

    /// The numbers in a part of a file; `None` where they do not begin at a line, or where the part does not lie in the file.
    pub(super) fn mapped(file: &Arc<Mmap>, bytes: Range<usize>) -> Option<Self> {
        let length = bytemuck::try_cast_slice::<u8, T>(file.get(bytes.clone())?).ok()?.len();
        bytes.start.is_multiple_of(LINE).then(|| Self { numbers: Numbers::Mapped(file.clone(), bytes), length })
    }
}

impl<T: Pod> Deref for Lined<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.numbers {
            Numbers::Own(numbers, start) => &numbers[*start..*start + self.length],
            Numbers::Large(memory) => &bytemuck::cast_slice(memory)[..self.length],
            Numbers::Mapped(file, bytes) => bytemuck::cast_slice(&file[bytes.clone()]),
        }
    }
}

/// A file as memory: read when it is looked at, and shared by all processes that map it.
#[expect(unsafe_code, reason = "the one mapping of a file")]
pub(super) fn map(file: &File) -> io::Result<Arc<Mmap>> {
    // SAFETY: whole files replace others here, none is written in place. Whoever cuts one off while it is in use ends the worker process,
    // which costs scores and nothing else.
    let map = unsafe { Mmap::map(file)? };
    Ok(Arc::new(map))
}
