//! Values that tell whether they are still the same.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};

/// A value with a stamp. Who may change it changes the stamp.
#[derive(Debug, Clone, Default)]
pub struct Stamped<T> {
    value: T,
    stamp: u64,
}

impl<T> Stamped<T> {
    /// A number that nothing else has, nor this once it was changed; 0 of what was never touched.
    pub fn stamp(&self) -> u64 {
        self.stamp
    }

    /// The value alone.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T: PartialEq> PartialEq for Stamped<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> Deref for Stamped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Stamped<T> {
    fn deref_mut(&mut self) -> &mut T {
        static STAMPS: AtomicU64 = AtomicU64::new(0);
        self.stamp = 1 + STAMPS.fetch_add(1, Ordering::Relaxed);
        &mut self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_has_another_stamp() {
        let (mut one, mut other) = (Stamped::<Vec<u8>>::default(), Stamped::<Vec<u8>>::default());
        one.push(1);
        other.push(1);
        assert_eq!(one, other);
        let before = one.stamp();
        assert!(before != other.stamp() && before != Stamped::<Vec<u8>>::default().stamp());
        assert_eq!((one.len(), one.clone().stamp(), one.stamp()), (1, before, before));
        one.push(2);
        assert_ne!(one.stamp(), before);
    }
}
