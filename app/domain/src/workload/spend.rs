//! What a load may spend at a provider, what it is expected to, and what it did.

use serde::{Deserialize, Serialize};

use super::{Arrival, Prompts, StopRule, WorkloadSpec};
use crate::finite::Finite;

/// Tokens that a chat template is taken to add to a prompt.
const TEMPLATE_TOKENS: u64 = 64;
/// Further ones for which the usual limit leaves room.
const USUAL_TEMPLATE_TOKENS: f64 = 192.0;
/// How much more than expected the usual limit lets through: a server that closes kept connections can make
/// every request go out twice.
const MARGIN: f64 = 2.0;
/// Tokens that a word may be, where nobody counts them.
const TOKENS_PER_WORD: u64 = 2;
/// Standard deviations of a number of random arrivals that the usual limit leaves room for.
const CHANCE_DEVIATIONS: f64 = 4.0;

/// Tokens that a request is taken to come to until its answer tells: those of its prompt, twice as many
/// where they are estimated, 64 for the chat template, and all that the answer may have.
pub fn reserved_tokens(input_tokens: u32, output_tokens: u32, is_counted: bool) -> u64 {
    let per_word = if is_counted { 1 } else { TOKENS_PER_WORD };
    u64::from(input_tokens) * per_word + TEMPLATE_TOKENS + u64::from(output_tokens)
}

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
        let requests = self.requests.map(|most| counted(most.into(), "request"));
        let tokens = self.tokens.map(|most| counted(most, "token"));
        match (requests, tokens) {
            (Some(requests), Some(tokens)) => format!("{requests} or {tokens}"),
            (only, other) => only.or(other).unwrap_or_else(|| "no limit".to_owned()),
        }
    }
}

fn counted(amount: u64, one: &str) -> String {
    let ending = if amount == 1 { "" } else { "s" };
    format!("{amount} {one}{ending}")
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

impl SpendReport {
    /// The limit that ended the load, if one did: `7 requests`, `40000 tokens`.
    pub fn ended_by(&self) -> Option<String> {
        if !self.is_reached {
            return None;
        }
        match self.limit {
            SpendLimit {
                tokens: Some(tokens),
                requests,
            } if requests.is_none_or(|most| self.requests < most) => Some(counted(tokens, "token")),
            SpendLimit { requests, .. } => requests.map(|most| counted(most.into(), "request")),
        }
    }
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

    /// The limit where nothing else was chosen: twice what the plan can send, with room for what chat templates
    /// add, for lengths that are estimated for want of a tokenizer, and for arrivals by chance. It has no requests where the plan does not say how many there are, and no tokens where it does not say how
    /// long they are.
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
        let requests = ((expected + chance) * MARGIN).ceil();
        let (input, output) = (self.input.upper_tokens(), self.output.upper_tokens());
        let reserved = reserved_tokens(input, output, has_tokenizer) as f64;
        let tokens = (expected + chance) * (reserved + USUAL_TEMPLATE_TOKENS) * MARGIN;
        SpendLimit {
            requests: u32::try_from(whole(requests)).ok(),
            tokens: self.expected_spend().map(|_| whole(tokens.ceil())),
        }
    }

    /// What a person should know of a limit that ends the load before its plan does.
    pub fn early_limit(&self) -> Option<String> {
        let limit = self.spend_limit?;
        let requests = self.expected_prompts()?;
        let tokens = self.expected_spend().map_or(0, |expected| {
            expected.input_tokens + expected.output_tokens_max
        });
        let is_early = limit
            .requests
            .is_some_and(|most| u64::from(most) < requests)
            || limit.tokens.is_some_and(|most| most < tokens);
        let expected = match tokens {
            0 => format!("{requests} requests"),
            tokens => format!("{requests} requests and up to {tokens} tokens"),
        };
        is_early.then(|| {
            format!(
                "The limit of {} may end the load before its plan does, which comes to {expected}, warm-up included: the result will say so, and its window ends there.",
                limit.in_words()
            )
        })
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
    /// What so many tokens cost, in US dollars.
    pub fn of(&self, input_tokens: u64, output_tokens: u64) -> Finite {
        let input = self.input_per_million.get() * input_tokens as f64;
        let output = self.output_per_million.get() * output_tokens as f64;
        Finite::new((input + output) / 1e6).unwrap_or_default()
    }

    /// The most that so many tokens cost, whichever they are, in US dollars.
    pub fn most_of(&self, tokens: u64) -> Finite {
        if self.input_per_million.get() > self.output_per_million.get() {
            self.of(tokens, 0)
        } else {
            self.of(0, tokens)
        }
    }
}

/// What a run may spend at a provider, as it is shown before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spending {
    /// What is expected, where the plan says it.
    pub expected: Option<ExpectedSpend>,
    /// What the provider charges, where the model's entry says it.
    pub price: Option<TokenPrice>,
    /// What ends the load.
    pub limit: SpendLimit,
}

impl Spending {
    /// What the expected tokens cost when every answer is as long as it may be, in US dollars.
    pub fn expected_cost(&self) -> Option<Finite> {
        let (price, expected) = (self.price?, self.expected?);
        Some(price.of(expected.input_tokens, expected.output_tokens_max))
    }

    /// The most that the limit of tokens lets through, in US dollars.
    pub fn cost_max(&self) -> Option<Finite> {
        Some(self.price?.most_of(self.limit.tokens?))
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
    use proptest::prelude::*;

    use super::*;
    use crate::measure::record::Outcome;
    use crate::workload::arrival::ArrivalProcess;
    use crate::workload::{Budget, LengthSpec};

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
        assert_eq!(limit.requests, Some(208));
        assert_eq!(
            limit.tokens,
            Some(186_368),
            "104 × (512 + 64 + 128 + 192) × 2"
        );
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
        assert!(requests > 2 * (104 + 40), "room for chance: {requests}");
    }

    #[test]
    fn tokens_cost_their_price() {
        let price = TokenPrice {
            input_per_million: Finite::from(3),
            output_per_million: Finite::from(15),
        };
        assert_eq!(price.of(1_000_000, 200_000), Finite::from(6));
        assert_eq!(price.most_of(1_000_000), Finite::from(15));
        let spending = Spending {
            expected: WorkloadSpec::default().expected_spend(),
            price: Some(price),
            limit: SpendLimit {
                requests: Some(208),
                tokens: Some(2_000_000),
            },
        };
        assert_eq!(
            spending.expected_cost(),
            Finite::new((3.0 * 53_248.0 + 15.0 * 13_312.0) / 1e6)
        );
        assert_eq!(spending.cost_max(), Some(Finite::from(30)));
        let unpriced = Spending {
            price: None,
            ..spending
        };
        assert_eq!(
            (unpriced.expected_cost(), unpriced.cost_max()),
            (None, None)
        );
    }

    #[test]
    fn the_limit_that_ended_a_load_is_named() {
        let limit = SpendLimit {
            requests: Some(7),
            tokens: Some(1_000),
        };
        let report = |requests, is_reached| SpendReport {
            limit,
            requests,
            tokens: 0,
            is_reached,
        };
        assert_eq!(report(7, false).ended_by(), None);
        assert_eq!(report(7, true).ended_by().as_deref(), Some("7 requests"));
        assert_eq!(report(6, true).ended_by().as_deref(), Some("1000 tokens"));
    }

    #[test]
    fn a_limit_below_the_plan_is_told_before_it_runs() {
        let mut workload = WorkloadSpec::default();
        workload.spend_limit = Some(workload.usual_limit(true));
        assert_eq!(workload.early_limit(), None);
        workload.spend_limit = Some(SpendLimit {
            requests: Some(103),
            tokens: None,
        });
        let told = workload.early_limit().unwrap();
        assert!(
            told.contains("103 requests") && told.contains("104 requests"),
            "{told}"
        );
        workload.spend_limit = Some(SpendLimit {
            requests: None,
            tokens: Some(1_000),
        });
        assert!(workload.early_limit().is_some());
    }

    #[test]
    fn a_workload_stored_before_limits_is_read() {
        let stored = serde_json::to_value(WorkloadSpec::default()).unwrap();
        assert_eq!(stored.get("spend_limit"), None);
        let read: WorkloadSpec = serde_json::from_value(stored).unwrap();
        assert_eq!(read.spend_limit, None);
        let half: SpendLimit = serde_json::from_str(r#"{"tokens":7}"#).unwrap();
        assert_eq!((half.requests, half.tokens), (None, Some(7)));
    }

    proptest! {
        /// The usual limit never ends a load that keeps to its plan, however its requests are spread: all
        /// of them may be in flight at once.
        #[test]
        fn the_usual_limit_lets_the_plan_through(
            input in 1_u32..5_000,
            output in 1_u32..5_000,
            count in 1_u32..300,
            warmup_requests in 0_u32..50,
            has_tokenizer in any::<bool>(),
            in_flight in 1_usize..400,
        ) {
            let workload = WorkloadSpec {
                input: LengthSpec::Fixed { tokens: input },
                output: LengthSpec::Fixed { tokens: output },
                stop: StopRule::Requests { count },
                warmup_requests,
                ..WorkloadSpec::default()
            };
            let mut budget = Budget::new(workload.usual_limit(has_tokenizer));
            let of_one = reserved_tokens(input, output, has_tokenizer);
            let mut waiting = Vec::new();
            for _ in 0..count + warmup_requests {
                let reserved = budget.reserve(of_one);
                prop_assert!(reserved.is_some(), "{:?}", budget.report());
                waiting.extend(reserved);
                if waiting.len() >= in_flight && let Some(first) = waiting.pop() {
                    budget.settle(first, Outcome::Ok, of_one, true);
                }
            }
            // What the plan does not ask for is not sent for ever.
            let further = (0..2 * (count + warmup_requests) + 2).take_while(|_| {
                budget.reserve(of_one).is_some()
            });
            prop_assert!(further.count() <= (count + warmup_requests) as usize);
        }
    }
}
