//! Where quotes and backslashes stand in a record, found 64 bytes at a time: between them nothing of a JSON text can end or begin.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "vector instructions"))]

/// Bytes looked at together.
const LANES: usize = 64;
/// Marks of such a block that are written without asking how many there are.
const FEW: usize = 4;

/// Positions of quotes and backslashes, in their order; the room for them is kept from record to record.
#[derive(Debug, Default)]
pub(super) struct Marks {
    at: Vec<u32>,
    count: usize,
}

impl Marks {
    /// Notes those of a record of less than 4 GiB. True when all of it is ASCII and no character stands below the space.
    pub(super) fn note(&mut self, record: &[u8]) -> bool {
        self.count = 0;
        if self.at.len() < record.len() + LANES {
            self.at.resize(record.len() + LANES, 0);
        }
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("popcnt") {
            // SAFETY: the processor has these instructions.
            return unsafe { self.note_at_once(record) };
        }
        self.note_one_by_one(record)
    }

    /// The position of a mark, counted from 0.
    pub(super) fn get(&self, mark: usize) -> Option<usize> {
        self.at[..self.count].get(mark).map(|&at| at as usize)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,popcnt")]
    fn note_at_once(&mut self, record: &[u8]) -> bool {
        use std::arch::x86_64::{
            _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
            _mm256_setzero_si256,
        };
        let (quote, backslash, space) = (_mm256_set1_epi8(0x22), _mm256_set1_epi8(0x5c), _mm256_set1_epi8(0x20));
        let marks = |half| {
            let found = _mm256_or_si256(_mm256_cmpeq_epi8(half, quote), _mm256_cmpeq_epi8(half, backslash));
            u64::from(_mm256_movemask_epi8(found).cast_unsigned())
        };
        let (blocks, rest) = record.as_chunks::<LANES>();
        let mut last = [b' '; LANES];
        last[..rest.len()].copy_from_slice(rest);
        let (mut odd, mut start) = (_mm256_setzero_si256(), 0);
        for block in blocks.iter().chain([&last]) {
            // SAFETY: both halves of the 64 bytes; no alignment is asked for.
            let (low, high) =
                unsafe { (_mm256_loadu_si256(block.as_ptr().cast()), _mm256_loadu_si256(block.as_ptr().add(32).cast())) };
            // Signed: what is not ASCII is below the space, too.
            odd = _mm256_or_si256(odd, _mm256_or_si256(_mm256_cmpgt_epi8(space, low), _mm256_cmpgt_epi8(space, high)));
            let mut bits = marks(low) | marks(high) << 32;
            let count = bits.count_ones() as usize;
            let mut put = |to: &mut [u32]| {
                for at in to {
                    *at = start + bits.trailing_zeros();
                    bits &= bits.wrapping_sub(1);
                }
            };
            let room = &mut self.at[self.count..self.count + LANES];
            // Most blocks have few, and a loop of a known length costs no guess.
            put(&mut room[..FEW]);
            if count > FEW {
                put(&mut room[FEW..count]);
            }
            self.count += count;
            start += 64;
        }
        _mm256_movemask_epi8(odd) == 0
    }

    fn note_one_by_one(&mut self, record: &[u8]) -> bool {
        let mut plain = true;
        for (position, &byte) in (0..).zip(record) {
            plain &= (b' '..0x80).contains(&byte);
            self.at[self.count] = position;
            self.count += usize::from(matches!(byte, b'"' | b'\\'));
        }
        plain
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn all_ways_find_the_same(records in prop::collection::vec("([ -~]|\"|\\\\|\"|é|\t|\u{7f}){0,200}", 1..4)) {
            let (mut one, mut other) = (Marks::default(), Marks::default());
            for record in &records {
                let plain = one.note(record.as_bytes());
                other.note(b"");
                other.at.resize(record.len() + LANES, 0);
                prop_assert_eq!(other.note_one_by_one(record.as_bytes()), plain);
                prop_assert_eq!(&one.at[..one.count], &other.at[..other.count]);
                let expected = record.match_indices(['"', '\\']).map(|(at, _)| at);
                prop_assert_eq!((0..).map_while(|mark| one.get(mark)).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
                prop_assert_eq!(plain, record.chars().all(|c| c.is_ascii() && c >= ' '));
            }
        }
    }
}
