//! What a load may spend at a provider, what it is expected to, and what it did.

use serde::{Deserialize, Serialize};

use super::{Arrival, Prompts, StopRule, WorkloadSpec};
use crate::finite::Finite;

/// Tokens that a chat template may add to a prompt, for the usual limit.
const TEMPLATE_TOKENS: f64 = 32.0;
/// How much more than expected the usual limit lets through.
const MARGIN: f64 = 1.1;
/// Room for prompts whose length is estimated without the model's tokenizer, for the usual limit.
const ESTIMATE_ROOM: f64 = 2.0;
/// Standard deviations of a number of random arrivals that the usual limit leaves room for.
const CHANCE_DEVIATIONS: f64 = 4.0;

/// The most that a load sends, warm-up included. It stops before it would send more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendLimit {
    /// Requests.
    #[serde(default)]
    pub requests: Option<u32>,
    /// Tokens of prompts and answers together, as the provider counts them where it tells.
    #[serde(default)]
    pub tokens: Option<u64>,
}

impl SpendLimit {
    /// Whether there is any limit.
    pub fn is_some(&self) -> bool {
        self.requests.is_some() || self.tokens.is_some()
    }

    /// `121 requests or 40000 tokens`.
    pub fn in_words(&self) -> String {
        match (self.requests, self.tokens) {
            (Some(requests), Some(tokens)) => format!("{requests} requests or {tokens} tokens"),
            (Some(requests), None) => format!("{requests} requests"),
            (None, Some(tokens)) => format!("{tokens} tokens"),
            (None, None) => "no limit".to_owned(),
        }
    }
}

/// What a load is expected to send, warm-up included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpectedSpend {
    /// Requests.
    pub requests: u64,
    /// Tokens of their prompts; an average where lengths are drawn.
    pub input_tokens: u64,
    /// Whether that is exact by the plan: all prompts have one length, and their number is fixed.
    pub is_input_exact: bool,
    /// The most tokens of their answers.
    pub output_tokens_max: u64,
}

/// What a load spent, and whether its limit ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendReport {
    /// The limit.
    pub limit: SpendLimit,
    /// Requests that were sent, warm-up included.
    pub requests: u32,
    /// Tokens of prompts and answers: as the provider told, else as counted here. A request that broke off
    /// counts with all that was asked for.
    pub tokens: u64,
    /// Whether the load ended because of the limit.
    pub is_reached: bool,
}

impl WorkloadSpec {
    /// What it is expected to send; `None` where the plan does not say how many requests there are, or how
    /// long.
    pub fn expected_spend(&self) -> Option<ExpectedSpend> {
        let is_synthetic = self.prompts == Prompts::Synthetic;
        if !is_synthetic || matches!(self.arrival, Arrival::Trace { .. }) {
            return None;
        }
        let requests = self.expected_prompts()?;
        let of_all = |tokens: f64| whole(tokens * requests as f64);
        Some(ExpectedSpend {
            requests,
            input_tokens: of_all(self.input.mean_tokens()),
            is_input_exact: self.input.only_tokens().is_some() && !self.is_count_by_chance(),
            output_tokens_max: requests.saturating_mul(self.output.upper_tokens().into()),
        })
    }

    /// The limit where nothing else was chosen: a tenth above what the plan can send, with room for what chat
    /// templates add, for lengths that are estimated for want of a tokenizer, and for arrivals by chance.
    pub fn usual_limit(&self, has_tokenizer: bool) -> SpendLimit {
        let Some(expected) = self.expected_prompts() else {
            return SpendLimit::default();
        };
        let expected = expected as f64;
        let chance = if self.is_count_by_chance() {
            CHANCE_DEVIATIONS * expected.sqrt()
        } else {
            0.0
        };
        let requests = (expected * MARGIN + chance).ceil();
        let room = if has_tokenizer { 1.0 } else { ESTIMATE_ROOM };
        let input = f64::from(self.input.upper_tokens()) * room + TEMPLATE_TOKENS;
        let of_one = input + f64::from(self.output.upper_tokens());
        let tokens = (expected + chance) * of_one * MARGIN;
        SpendLimit {
            requests: u32::try_from(whole(requests)).ok(),
            tokens: self.expected_spend().map(|_| whole(tokens.ceil())),
        }
    }

    /// Whether the number of requests depends on drawn arrival times.
    fn is_count_by_chance(&self) -> bool {
        let is_open = matches!(self.arrival, Arrival::OpenLoop { .. });
        let by_time = matches!(self.stop, StopRule::Duration { .. }) || self.warmup_s > 0;
        is_open && by_time
    }
}

/// What a provider charges, in US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPrice {
    /// For a million tokens of prompts.
    pub input_per_million: Finite,
    /// For a million tokens of answers.
    pub output_per_million: Finite,
}

impl TokenPrice {
    /// What so many tokens cost.
    pub fn of(&self, input_tokens: u64, output_tokens: u64) -> f64 {
        let input = self.input_per_million.get() * input_tokens as f64;
        let output = self.output_per_million.get() * output_tokens as f64;
        (input + output) / 1e6
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates; the value is positive"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::LengthSpec;
    use crate::workload::arrival::ArrivalProcess;

    #[test]
    fn what_is_expected_follows_from_the_plan() {
        // 100 requests after 4 of warm-up, 512 in and 128 out.
        let mut workload = WorkloadSpec::default();
        let expected = workload.expected_spend().unwrap();
        assert_eq!(expected.requests, 104);
        assert_eq!(expected.input_tokens, 104 * 512);
        assert!(expected.is_input_exact);
        assert_eq!(expected.output_tokens_max, 104 * 128);
        let limit = workload.usual_limit(true);
        assert_eq!(limit.requests, Some(115));
        assert_eq!(limit.tokens, Some(76_877), "104 × (512 + 32 + 128) × 1.1");
        assert!(workload.usual_limit(false).tokens > limit.tokens);

        workload.input = LengthSpec::Uniform { min: 100, max: 300 };
        let drawn = workload.expected_spend().unwrap();
        assert_eq!(
            (drawn.input_tokens, drawn.is_input_exact),
            (104 * 200, false)
        );
        workload.stop = StopRule::Duration { seconds: 10 };
        assert_eq!(
            workload.expected_spend(),
            None,
            "as fast as the provider answers"
        );
        assert!(!workload.usual_limit(true).is_some());
        workload.arrival = Arrival::open_loop(Finite::from(10), ArrivalProcess::Poisson);
        let requests = workload.usual_limit(true).requests.unwrap();
        assert!(requests > 104 + 40, "room for chance: {requests}");
    }

    #[test]
    fn tokens_cost_their_price() {
        let price = TokenPrice {
            input_per_million: Finite::from(3),
            output_per_million: Finite::from(15),
        };
        assert!((price.of(1_000_000, 200_000) - 6.0).abs() < 1e-12);
    }
}
