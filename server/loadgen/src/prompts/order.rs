//! In which order rows are drawn.

use rand::seq::SliceRandom;

use super::{seed_stream, seeded};

/// Positions `0..row_count`, shuffled by the seed, each once; then all of them again in another
/// shuffle, without end. The same seed gives the same order on any machine.
#[derive(Clone, Debug)]
pub(super) struct DrawingOrder {
    seed: u64,
    /// How often all positions have been shuffled.
    epoch: u64,
    positions: Vec<u32>,
    next: usize,
}

impl DrawingOrder {
    /// The order of that many rows.
    pub(super) fn new(seed: u64, row_count: u32) -> Self {
        let mut order = Self {
            seed,
            epoch: 0,
            positions: (0..row_count).collect(),
            next: 0,
        };
        order.shuffle();
        order
    }

    /// Turns what is left of the first shuffle around: whoever draws so takes other rows than who does
    /// not, as long as there are enough of them.
    pub(super) fn reverse(&mut self) {
        self.positions.reverse();
    }

    fn shuffle(&mut self) {
        let mut rng = seeded(self.seed, seed_stream::FIRST_SHUFFLE + self.epoch);
        self.positions.shuffle(&mut rng);
    }
}

impl Iterator for DrawingOrder {
    type Item = u32;

    /// `None` only when there are no rows at all.
    fn next(&mut self) -> Option<u32> {
        if self.next >= self.positions.len() {
            self.epoch += 1;
            self.next = 0;
            self.shuffle();
        }
        let position = self.positions.get(self.next).copied();
        self.next += 1;
        position
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drawn(seed: u64, row_count: u32, count: usize) -> Vec<u32> {
        DrawingOrder::new(seed, row_count).take(count).collect()
    }

    proptest! {
        #[test]
        fn every_row_comes_exactly_once_in_each_epoch(seed: u64, row_count in 1u32..200, epochs in 1usize..5) {
            let all = drawn(seed, row_count, row_count as usize * epochs);
            for epoch in all.chunks(row_count as usize) {
                let mut sorted = epoch.to_vec();
                sorted.sort_unstable();
                prop_assert_eq!(sorted, (0..row_count).collect::<Vec<_>>());
            }
        }

        #[test]
        fn the_same_seed_draws_the_same_and_another_seed_does_not(seed: u64, row_count in 20u32..200) {
            let one = drawn(seed, row_count, 300);
            prop_assert_eq!(&one, &drawn(seed, row_count, 300));
            prop_assert_ne!(&one, &drawn(seed ^ 1, row_count, 300));
        }

        #[test]
        fn epochs_differ(seed: u64) {
            let all = drawn(seed, 100, 200);
            prop_assert_ne!(&all[..100], &all[100..]);
        }
    }

    #[test]
    fn no_rows_give_nothing() {
        assert_eq!(drawn(1, 0, 3), Vec::<u32>::new());
    }
}
