//! When each chunk of an answer is due: pure, absolute, repeatable.

use domain::workload::LengthSpec;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::args::EngineArgs;
use crate::jitter::Jitter;

/// Keeps lengths apart from the jitter of the same seed.
const LENGTH_SEED: u64 = 0x6c65_6e67_7468;

/// The times that the options ask for, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    ttft_ns: f64,
    prefill_ns_per_token: f64,
    itl_ns: f64,
    jitter: Jitter,
    tokens_per_chunk: u32,
    output: Option<LengthSpec>,
    seed: u64,
}

/// A chunk of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DueChunk {
    /// Nanoseconds since the start of the answer.
    pub(crate) offset_ns: u64,
    /// Tokens it carries.
    pub(crate) tokens: u32,
}

/// The chunks of one answer, in order.
pub(crate) struct Schedule {
    pace: Pace,
    rng: ChaCha8Rng,
    prompt_tokens: u32,
    left_tokens: u32,
    last_ns: Option<f64>,
}

impl Pace {
    pub(crate) fn new(args: &EngineArgs) -> Self {
        Self {
            ttft_ns: args.ttft_ms * 1e6,
            prefill_ns_per_token: args.prefill_us_per_token * 1e3,
            itl_ns: args.itl_ms * 1e6,
            jitter: args
                .jitter_ms
                .map_or(args.jitter, |ms| Jitter::Normal { std_ns: ms * 1e6 }),
            tokens_per_chunk: args.tokens_per_chunk,
            output: args.output_tokens,
            seed: args.seed,
        }
    }

    /// Tokens of the answer to the request of that number, which asks for at most `asked`.
    pub(crate) fn answer_tokens(&self, number: u64, asked: u32, ignores_eos: bool) -> u32 {
        match self.output {
            Some(lengths) if !ignores_eos => {
                let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ LENGTH_SEED);
                rng.set_stream(number);
                lengths.draw(&mut rng).min(asked)
            }
            _ => asked,
        }
    }

    /// Chunks of an answer of that many tokens.
    pub(crate) fn chunk_count(&self, tokens: u32) -> u32 {
        tokens.div_ceil(self.tokens_per_chunk)
    }

    /// The schedule of the answer to the request of that number.
    pub(crate) fn schedule(&self, number: u64, prompt_tokens: u32, output_tokens: u32) -> Schedule {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(number);
        Schedule {
            pace: *self,
            rng,
            prompt_tokens,
            left_tokens: output_tokens,
            last_ns: None,
        }
    }
}

impl Iterator for Schedule {
    type Item = DueChunk;

    fn next(&mut self) -> Option<DueChunk> {
        if self.left_tokens == 0 {
            return None;
        }
        let tokens = self.left_tokens.min(self.pace.tokens_per_chunk);
        self.left_tokens -= tokens;
        let gap_ns = match self.last_ns {
            None => {
                let prefill_ns = self.pace.prefill_ns_per_token * f64::from(self.prompt_tokens);
                self.pace.ttft_ns + prefill_ns
            }
            Some(_) => self.pace.itl_ns,
        };
        let gap_ns = self.pace.jitter.draw(gap_ns, &mut self.rng);
        let due_ns = self.last_ns.unwrap_or(0.0) + gap_ns;
        self.last_ns = Some(due_ns);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive; `as` saturates"
        )]
        let offset_ns = due_ns as u64;
        Some(DueChunk { offset_ns, tokens })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        ttft_ns: 200e6,
        prefill_ns_per_token: 1e6,
        itl_ns: 20e6,
        jitter: Jitter::None,
        tokens_per_chunk: 2,
        output: None,
        seed: 1,
    };

    #[test]
    fn chunks_are_due_at_exact_offsets() {
        let due: Vec<DueChunk> = PACE.schedule(0, 10, 5).collect();
        let expected = [(210, 2), (230, 2), (250, 1)];
        let expected = expected.map(|(ms, tokens)| DueChunk {
            offset_ns: ms * 1_000_000,
            tokens,
        });
        assert_eq!(due, expected);
    }

    #[test]
    fn jitter_repeats_with_the_seed_and_never_goes_back() {
        let pace = Pace {
            jitter: Jitter::Normal { std_ns: 30e6 },
            ..PACE
        };
        let due: Vec<u64> = pace
            .schedule(7, 0, 400)
            .map(|chunk| chunk.offset_ns)
            .collect();
        assert!(due.is_sorted());
        assert_eq!(
            due,
            pace.schedule(7, 0, 400)
                .map(|chunk| chunk.offset_ns)
                .collect::<Vec<_>>()
        );
        assert_ne!(
            due,
            pace.schedule(8, 0, 400)
                .map(|chunk| chunk.offset_ns)
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn lengths_are_drawn_and_never_longer_than_asked() {
        let pace = Pace {
            output: Some(LengthSpec::Uniform { min: 5, max: 50 }),
            ..PACE
        };
        let lengths: Vec<u32> = (0..200).map(|n| pace.answer_tokens(n, 20, false)).collect();
        assert!(lengths.iter().all(|tokens| (5..=20).contains(tokens)));
        assert!(lengths.iter().any(|tokens| *tokens < 20));
        assert_eq!(pace.answer_tokens(0, 20, true), 20, "ignore_eos goes on");
        assert_eq!(PACE.answer_tokens(0, 20, false), 20);
        assert_eq!((PACE.chunk_count(5), PACE.chunk_count(4)), (3, 2));
    }
}
