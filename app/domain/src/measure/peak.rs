//! The most output tokens of one second.

use super::record::RequestRecord;
use crate::finite::Finite;

const NS_PER_S: u64 = 1_000_000_000;

/// Output tokens of the fullest second, in tok/s: whole seconds from the start of the window on, the
/// tokens of each request spread over its own chunks. The rest of a second at the end of the window is
/// a second with what came in it. `None` for a window shorter than a second.
///
/// vLLM's `bench serve` counts the same seconds (`benchmarks/serve.py`, `max_output_tokens_per_s`), but
/// chunks in place of tokens.
pub fn peak_output_tok_per_s(good: &[&RequestRecord], from_ns: u64, to_ns: u64) -> Option<Finite> {
    let length_ns = to_ns
        .checked_sub(from_ns)
        .filter(|length_ns| *length_ns >= NS_PER_S)?;
    let second_of = |at_ns: u64| usize::try_from(at_ns.checked_sub(from_ns)? / NS_PER_S).ok();
    let mut tokens = vec![0.0; usize::try_from(length_ns.div_ceil(NS_PER_S)).ok()?];
    for record in good {
        let per_chunk = f64::from(record.output_tokens) / record.chunk_at.len().max(1) as f64;
        for at_ns in &record.chunk_at {
            // The last instant of a window of whole seconds belongs to its last second.
            let second = second_of(at_ns.min(to_ns - 1));
            if let Some(second) = second.and_then(|second| tokens.get_mut(second)) {
                *second += per_chunk;
            }
        }
    }
    Finite::new(tokens.into_iter().fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::tests::record;
    use super::*;

    #[test]
    fn tokens_are_counted_and_not_chunks() {
        let mut bundled = record(0, 0, &[100, 900, 1_100, 2_000]);
        bundled.output_tokens = 12;
        let plain = record(1, 0, &[950, 1_050]);
        let peak = |to_ms: u64| peak_output_tok_per_s(&[&bundled, &plain], 0, to_ms * 1_000_000);
        // 0–1 s: two chunks of three tokens and one of one; 1–2 s: the same, its end included.
        assert_eq!(peak(2_000), Finite::new(7.0));
        assert_eq!(peak(999), None, "no whole second");
        assert_eq!(peak_output_tok_per_s(&[], 0, NS_PER_S), Finite::new(0.0));
    }

    proptest! {
        #[test]
        fn the_peak_is_that_of_the_fullest_second(
            from_ms in 0u64..5_000,
            requests in prop::collection::vec((0u64..4_000, prop::collection::vec(0u64..1_500, 1..12), 1u32..40), 1..20),
        ) {
            let records: Vec<RequestRecord> = (0..).zip(&requests).map(|(index, (sent_ms, gaps_ms, tokens))| {
                let sent_ms = from_ms + sent_ms;
                let mut at_ms = sent_ms;
                let chunks_ms: Vec<u64> = gaps_ms.iter().map(|gap_ms| { at_ms += gap_ms; at_ms }).collect();
                let mut record = record(index, sent_ms, &chunks_ms);
                record.output_tokens = *tokens;
                record
            }).collect();
            let good: Vec<&RequestRecord> = records.iter().collect();
            let from_ns = from_ms * 1_000_000;
            let last_ns = records.iter().filter_map(RequestRecord::last_token_at).max().unwrap();
            let to_ns = last_ns + 1;
            let length_s = (to_ns - from_ns) as f64 / 1e9;
            let peak = peak_output_tok_per_s(&good, from_ns, to_ns);
            prop_assert_eq!(peak.is_none(), length_s < 1.0);
            let Some(peak) = peak else { return Ok(()) };
            let tokens_between = |from_s: f64, to_s: f64| -> f64 {
                let is_inside = |at_ns: &u64| {
                    let at_s = (at_ns - from_ns) as f64 / 1e9;
                    (from_s..to_s).contains(&at_s)
                };
                records.iter().map(|record| {
                    let inside = record.chunk_at.iter().filter(is_inside).count();
                    inside as f64 * f64::from(record.output_tokens) / record.chunk_at.len() as f64
                }).sum()
            };
            let mut naive = 0.0f64;
            let mut from_s = 0.0;
            while from_s < length_s {
                naive = naive.max(tokens_between(from_s, from_s + 1.0));
                from_s += 1.0;
            }
            prop_assert!((peak.get() - naive).abs() < 1e-6, "{} and {naive}", peak.get());
            // No second has more than all, and the fullest has at least the mean.
            let all: f64 = records.iter().map(|record| f64::from(record.output_tokens)).sum();
            prop_assert!(peak.get() <= all + 1e-6);
            prop_assert!(peak.get() * length_s.ceil() >= all - 1e-6);
        }
    }
}
