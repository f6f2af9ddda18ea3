//! What a plan may spend at a provider.

use domain::finite::Finite;
use domain::workload::Spending;
use serde::Serialize;
use utoipa::ToSchema;

/// What each run of a plan may spend at a provider, warm-up included.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SpendingBody {
    /// Requests that are expected; `null` where the plan does not say how many.
    expected_requests: Option<u64>,
    /// Tokens of their prompts; an average where lengths are drawn.
    expected_input_tokens: Option<u64>,
    /// The most tokens of their answers.
    expected_output_tokens: Option<u64>,
    /// What these tokens cost by the prices of the model's entry, in US dollars.
    expected_cost_usd: Option<f64>,
    /// The load ends before it would send more requests.
    requests_max: Option<u32>,
    /// The load ends before it would come to more tokens of prompts and answers.
    tokens_max: Option<u64>,
    /// The most that so many tokens cost, in US dollars.
    cost_max_usd: Option<f64>,
}

impl SpendingBody {
    pub(super) fn of(spending: &Spending) -> Self {
        let expected = spending.expected;
        Self {
            expected_requests: expected.map(|expected| expected.requests),
            expected_input_tokens: expected.map(|expected| expected.input_tokens),
            expected_output_tokens: expected.map(|expected| expected.output_tokens_max),
            expected_cost_usd: spending.expected_cost().map(Finite::get),
            requests_max: spending.limit.requests,
            tokens_max: spending.limit.tokens,
            cost_max_usd: spending.cost_max().map(Finite::get),
        }
    }
}
