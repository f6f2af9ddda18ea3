//! Streams of the seed: each purpose draws from its own, so that a change of one leaves the others'
//! values alone.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Lengths, in the order of requests.
pub const LENGTHS: u64 = 0;
/// Arrivals of the warm-up.
pub const WARM_UP_ARRIVALS: u64 = 1;
/// Arrivals of the measured part.
pub const ARRIVALS: u64 = 2;

/// The generator of one purpose.
pub fn seeded(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}
