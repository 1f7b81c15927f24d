//! Numbers that begin at a line of the processor's cache: a register that is loaded from two lines costs twice.

use std::ops::{Deref, DerefMut};

/// Bytes of a line, and of the widest register.
const LINE: usize = 64;

/// A slice whose first number stands at the beginning of a line.
#[derive(Debug)]
pub(super) struct Lined<T> {
    numbers: Vec<T>,
    start: usize,
    length: usize,
}

impl<T> Default for Lined<T> {
    fn default() -> Self {
        Self { numbers: Vec::new(), start: 0, length: 0 }
    }
}

impl<T: Copy + Default> Lined<T> {
    pub(super) fn zeros(length: usize) -> Self {
        let spare = LINE / size_of::<T>();
        let numbers = vec![T::default(); length + spare];
        // Kept for good: the numbers of a vector that does not grow stay where they are.
        let start = numbers.as_ptr().align_offset(LINE).min(spare);
        Self { numbers, start, length }
    }

    /// That many numbers, whatever they are; it keeps its memory.
    pub(super) fn room(&mut self, length: usize) -> &mut [T] {
        if self.len() < length {
            *self = Self::zeros(length.max(self.len() + self.len() / 2));
        }
        &mut self[..length]
    }
}

impl<T> Deref for Lined<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.numbers[self.start..self.start + self.length]
    }
}

impl<T> DerefMut for Lined<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.numbers[self.start..self.start + self.length]
    }
}
