//! Arrival times of the chunks of one answer, kept small: a run of 50,000 answers of 500 chunks has 25
//! million of them.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bits of a varint's byte that carry the number.
const VARINT_BITS: u32 = 7;
/// The bit that says that more bytes follow.
const VARINT_MORE: u8 = 0x80;

/// Instants in nanoseconds, in the order they came. Exact for any values; stored as the differences
/// between neighbours, in 1 byte for chunks of one read and 4 bytes for gaps of 2 to 268 ms.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ChunkTimes {
    first: u64,
    last: u64,
    count: u32,
    /// From the second instant on: LEB128 of the wrapping difference to the one before.
    gaps: Vec<u8>,
}

impl ChunkTimes {
    /// None yet, with room for about `count`.
    pub fn with_capacity(count: usize) -> Self {
        Self {
            gaps: Vec::with_capacity(count.saturating_mul(4)),
            ..Self::default()
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether none came.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The first.
    pub fn first(&self) -> Option<u64> {
        (self.count > 0).then_some(self.first)
    }

    /// The last.
    pub fn last(&self) -> Option<u64> {
        (self.count > 0).then_some(self.last)
    }

    /// Adds one at the end.
    pub fn push(&mut self, at_ns: u64) {
        if self.count == 0 {
            self.first = at_ns;
        } else {
            let mut gap = at_ns.wrapping_sub(self.last);
            while gap >= u64::from(VARINT_MORE) {
                self.gaps.push(low_bits(gap) | VARINT_MORE);
                gap >>= VARINT_BITS;
            }
            self.gaps.push(low_bits(gap));
        }
        self.last = at_ns;
        self.count += 1;
    }

    /// Takes all away.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Gives back memory that was reserved and not used.
    pub fn shrink(&mut self) {
        self.gaps.shrink_to_fit();
    }

    /// The instants in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            previous: self.first,
            left: self.count,
            is_first: true,
            gaps: &self.gaps,
        }
    }

    /// The differences between neighbours in nanoseconds; negative where a later one is earlier,
    /// which no clock of ours does.
    pub fn gaps_ns(&self) -> impl Iterator<Item = i64> + '_ {
        let mut gaps: &[u8] = &self.gaps;
        (1..self.count).map(move |_| next_varint(&mut gaps).cast_signed())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "seven bits are asked for")]
fn low_bits(value: u64) -> u8 {
    value as u8 & !VARINT_MORE
}

/// The number at the front of `bytes`, which it is taken off.
fn next_varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    while let Some((byte, rest)) = bytes.split_first() {
        *bytes = rest;
        value |= u64::from(byte & !VARINT_MORE) << shift;
        if byte & VARINT_MORE == 0 {
            break;
        }
        shift += VARINT_BITS;
    }
    value
}

/// Instants in order.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    previous: u64,
    left: u32,
    is_first: bool,
    gaps: &'a [u8],
}

impl Iterator for Iter<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        if !std::mem::take(&mut self.is_first) {
            self.previous = self.previous.wrapping_add(next_varint(&mut self.gaps));
        }
        Some(self.previous)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a ChunkTimes {
    type Item = u64;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl FromIterator<u64> for ChunkTimes {
    fn from_iter<T: IntoIterator<Item = u64>>(instants: T) -> Self {
        let mut times = Self::default();
        times.extend(instants);
        times.shrink();
        times
    }
}

impl Extend<u64> for ChunkTimes {
    fn extend<T: IntoIterator<Item = u64>>(&mut self, instants: T) {
        for at_ns in instants {
            self.push(at_ns);
        }
    }
}

impl<const N: usize> From<[u64; N]> for ChunkTimes {
    fn from(instants: [u64; N]) -> Self {
        instants.into_iter().collect()
    }
}

impl From<Vec<u64>> for ChunkTimes {
    fn from(instants: Vec<u64>) -> Self {
        instants.into_iter().collect()
    }
}

impl<const N: usize> PartialEq<[u64; N]> for ChunkTimes {
    fn eq(&self, other: &[u64; N]) -> bool {
        self.iter().eq(other.iter().copied())
    }
}

impl fmt::Debug for ChunkTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// A plain list of numbers.
impl Serialize for ChunkTimes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

impl<'de> Deserialize<'de> for ChunkTimes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(InstantsVisitor)
    }
}

struct InstantsVisitor;

impl<'de> Visitor<'de> for InstantsVisitor {
    type Value = ChunkTimes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of instants in nanoseconds")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ChunkTimes, A::Error> {
        let mut times = ChunkTimes::default();
        while let Some(at_ns) = seq.next_element()? {
            times.push(at_ns);
        }
        times.shrink();
        Ok(times)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_instants_come_back(instants in prop::collection::vec(any::<u64>(), 0..60)) {
            let times = ChunkTimes::from(instants.clone());
            prop_assert_eq!(times.iter().collect::<Vec<_>>(), &instants[..]);
            prop_assert_eq!(times.iter().len(), instants.len());
            prop_assert_eq!((times.first(), times.last()), (instants.first().copied(), instants.last().copied()));
            let json = serde_json::to_string(&times).unwrap();
            prop_assert_eq!(&json, &serde_json::to_string(&instants).unwrap());
            prop_assert_eq!(serde_json::from_str::<ChunkTimes>(&json).unwrap(), times);
        }

        #[test]
        fn gaps_are_what_lies_between_instants(mut instants in prop::collection::vec(0..i64::MAX as u64, 0..60)) {
            let naive = |instants: &[u64]| -> Vec<i64> {
                instants.windows(2).map(|pair| pair[1].cast_signed() - pair[0].cast_signed()).collect()
            };
            prop_assert_eq!(ChunkTimes::from(instants.clone()).gaps_ns().collect::<Vec<_>>(), naive(&instants));
            instants.sort_unstable();
            prop_assert_eq!(ChunkTimes::from(instants.clone()).gaps_ns().collect::<Vec<_>>(), naive(&instants));
        }
    }

    #[test]
    fn a_steady_stream_takes_four_bytes_a_chunk_and_a_burst_one() {
        let steady: ChunkTimes = (0..500).map(|n| 1_000_000_000 + n * 20_000_000).collect();
        assert_eq!(steady.gaps.capacity(), 4 * 499);
        let burst: ChunkTimes = (0..500).map(|_| 7).collect();
        assert_eq!(burst.gaps.capacity(), 499);
    }
}
