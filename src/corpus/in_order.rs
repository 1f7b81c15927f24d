//! Work on many pieces by all processors at once, of which the results are taken in order.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::{available_parallelism, scope};

/// Most threads: more of them would wait for the memory.
const THREADS: usize = 8;
/// Results of a thread that may wait for one before them.
const WAITING: usize = 4;

/// Does work on these numbers in pieces of `size` and gives what comes of them to `take` in their order, while others are still being done.
///
/// A thread does one piece after the other, with a state of its own (a buffer, say). Nobody waits for a processor that is busy with
/// something else: whoever is free does the next piece, and the caller's thread is one of them.
pub fn in_order<S, T: Send>(
    numbers: Range<usize>,
    size: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, Range<usize>) -> T + Sync,
    mut take: impl FnMut(T),
) {
    let pieces = numbers.len().div_ceil(size);
    let work = |state: &mut S, piece: usize| {
        let start = numbers.start + piece * size;
        work(state, start..numbers.end.min(start + size))
    };
    let threads = available_parallelism().map_or(1, NonZero::get).min(THREADS).min(pieces);
    let (next, most) = (AtomicUsize::new(0), threads * WAITING);
    let another = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&piece| piece < pieces);
    scope(|scope| {
        let (done, results) = sync_channel(most);
        for _ in 1..threads {
            let (done, state, work) = (done.clone(), &state, &work);
            scope.spawn(move || {
                let mut state = state();
                while let Some(piece) = another()
                    && done.send((piece, work(&mut state, piece))).is_ok()
                {}
            });
        }
        drop(done);
        let (mut state, mut early, mut taken) = (state(), BTreeMap::new(), 0);
        while taken < pieces {
            let piece = if early.len() < most { another() } else { None };
            // The one that comes next is being done by somebody else; when nobody is left, a thread has panicked.
            let Some((piece, result)) = piece.map(|piece| (piece, work(&mut state, piece))).or_else(|| results.recv().ok())
            else {
                break;
            };
            early.insert(piece, result);
            early.extend(results.try_iter());
            while let Some(result) = early.remove(&taken) {
                take(result);
                taken += 1;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_come_in_order_whoever_is_slow() {
        for numbers in [0..0, 5..6, 5..7, 5..9, 7..900] {
            let mut got = Vec::new();
            let work = |done: &mut usize, piece: Range<usize>| {
                if piece.start % 7 == *done % 7 {
                    std::thread::sleep(Duration::from_micros(200));
                }
                *done += 1;
                piece
            };
            in_order(numbers.clone(), 3, || 0, work, |piece| got.extend(piece));
            assert_eq!(got, numbers.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_panic_of_a_piece_is_one_of_the_caller() {
        let panics = |(): &mut (), piece: Range<usize>| assert!(!piece.contains(&40), "piece 40");
        assert!(std::panic::catch_unwind(|| in_order(0..100, 2, || (), panics, |()| ())).is_err());
        let taken = std::panic::catch_unwind(|| in_order(0..1000, 1, || (), |(), _| (), |()| panic!("at the first")));
        assert!(taken.is_err());
    }
}
