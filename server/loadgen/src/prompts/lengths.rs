//! How long each prompt and its answer are, and whether it begins with the shared prefix.

use domain::workload::WorkloadSpec;
use domain::workload::trace::TraceRow;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{seed_stream, seeded};

/// The lengths of requests in the order of the plan.
pub(super) struct Lengths {
    workload: WorkloadSpec,
    /// Rows that say the lengths in place of the workload; none without a trace.
    trace: Vec<TraceRow>,
    warmup_count: u32,
    rng: ChaCha8Rng,
    prefix_rng: ChaCha8Rng,
}

/// Of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Length {
    pub(super) input_tokens: u32,
    pub(super) output_tokens: u32,
    pub(super) has_prefix: bool,
}

impl Lengths {
    /// Of a workload, `warmup_count` of whose requests come before the rows of the trace.
    pub(super) fn of(workload: &WorkloadSpec, trace: Vec<TraceRow>, warmup_count: u32) -> Self {
        Self {
            workload: workload.clone(),
            trace,
            warmup_count,
            rng: seeded(workload.seed, seed_stream::LENGTHS),
            prefix_rng: seeded(workload.seed, seed_stream::PREFIX_SHARE),
        }
    }

    /// Of the request at `index`; ask in order. A warm-up is as long as the first rows of the trace.
    pub(super) fn next(&mut self, index: u32) -> Length {
        let has_prefix = self.prefix_rng.random::<f64>() < self.workload.prefix_share.get();
        let place = index.checked_sub(self.warmup_count).unwrap_or(index) as usize;
        let row = place
            .checked_rem(self.trace.len())
            .and_then(|place| self.trace.get(place));
        match row {
            Some(row) => Length {
                input_tokens: row.input_tokens,
                output_tokens: row.output_tokens,
                has_prefix,
            },
            None => Length {
                input_tokens: self.workload.input.draw(&mut self.rng),
                output_tokens: self.workload.output.draw(&mut self.rng),
                has_prefix,
            },
        }
    }

    /// The mean length of a prompt, in tokens.
    pub(super) fn mean_input_tokens(&self) -> f64 {
        if self.trace.is_empty() {
            return self.workload.input.mean_tokens();
        }
        let tokens: u64 = self
            .trace
            .iter()
            .map(|row| u64::from(row.input_tokens))
            .sum();
        tokens as f64 / self.trace.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use domain::finite::Finite;

    use super::*;

    #[test]
    fn a_trace_says_the_lengths_and_the_warm_up_takes_its_first_rows() {
        let row = |tokens| TraceRow {
            at_ns: 0,
            input_tokens: tokens,
            output_tokens: tokens + 1,
        };
        let trace = vec![row(10), row(20), row(30)];
        let mut lengths = Lengths::of(&WorkloadSpec::default(), trace, 2);
        assert_eq!(lengths.mean_input_tokens(), 20.0);
        let tokens: Vec<u32> = (0..5)
            .map(|index| lengths.next(index).input_tokens)
            .collect();
        assert_eq!(tokens, [10, 20, 10, 20, 30]);
    }

    #[test]
    fn a_share_of_the_prompts_has_the_prefix_and_the_lengths_stay() {
        let of = |share: f64| {
            let workload = WorkloadSpec {
                input: "uniform:5..500".parse().unwrap(),
                prefix_share: Finite::new(share).unwrap(),
                ..WorkloadSpec::default()
            };
            let mut lengths = Lengths::of(&workload, Vec::new(), 0);
            (0..10_000)
                .map(|index| lengths.next(index))
                .collect::<Vec<_>>()
        };
        let (all, some) = (of(1.0), of(0.3));
        assert!(all.iter().all(|length| length.has_prefix));
        let count = some.iter().filter(|length| length.has_prefix).count();
        assert!((2_800..3_200).contains(&count), "{count}");
        let tokens =
            |lengths: &[Length]| lengths.iter().map(|l| l.input_tokens).collect::<Vec<_>>();
        assert_eq!(tokens(&all), tokens(&some));
    }
}
