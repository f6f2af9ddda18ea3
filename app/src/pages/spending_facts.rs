//! What a run may spend at a provider, in plain words.

use domain::workload::{ExpectedSpend, SpendLimit, Spending};
use leptos::prelude::*;
use ui::card::Card;
use ui::format;
use ui::key_value::{Fact, KeyValueList};

const UNKNOWN: &str = "not known beforehand";

/// What a provider is asked for and charges, and what ends it.
#[component]
pub fn SpendingFacts(
    /// The figures.
    spending: Spending,
) -> impl IntoView {
    let words = spending
        .expected
        .map(|expected| expected_in_words(&expected));
    let (prompts, answers) = words.unwrap_or_else(|| (UNKNOWN.to_owned(), UNKNOWN.to_owned()));
    view! {
        <Card title="Spending of each run">
            <KeyValueList>
                <Fact name="Prompts">{prompts}</Fact>
                <Fact name="Answers">{answers}</Fact>
                <Fact name="Estimated price">{price_in_words(&spending)}</Fact>
                <Fact name="Ends at">{limit_in_words(&spending)}</Fact>
            </KeyValueList>
        </Card>
    }
}

fn tokens(count: u64) -> String {
    format::plural(count, "token", "tokens")
}

/// Of prompts, and of answers.
fn expected_in_words(expected: &ExpectedSpend) -> (String, String) {
    let about = if expected.is_input_exact {
        ""
    } else {
        "about "
    };
    let requests = format::plural(expected.requests, "request", "requests");
    let input = tokens(expected.input_tokens);
    (
        format!("{about}{input} in {requests}, warm-up included"),
        format!("at most {}", tokens(expected.output_tokens_max)),
    )
}

fn price_in_words(spending: &Spending) -> String {
    match (spending.price, spending.expected_cost()) {
        (None, _) => "not known: the model's entry has no price".to_owned(),
        (Some(_), None) => UNKNOWN.to_owned(),
        (Some(_), Some(cost)) => format!(
            "{}, if every answer is as long as it may be",
            format::dollars(cost)
        ),
    }
}

fn limit_in_words(spending: &Spending) -> String {
    let most = spending.cost_max().map_or_else(String::new, |cost| {
        format!(", which cost {} at most", format::dollars(cost))
    });
    format!("{}{most}", limit_of(spending.limit))
}

/// `208 requests or 100,000 tokens`.
fn limit_of(limit: SpendLimit) -> String {
    let requests = limit
        .requests
        .map(|most| format::plural(most.into(), "request", "requests"));
    match (requests, limit.tokens.map(tokens)) {
        (Some(requests), Some(tokens)) => format!("{requests} or {tokens}"),
        (only, other) => only.or(other).unwrap_or_else(|| "no limit".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use domain::finite::Finite;
    use domain::workload::{TokenPrice, WorkloadSpec};

    use super::*;

    #[test]
    fn an_estimate_says_what_it_rests_on() {
        let mut spending = Spending {
            expected: WorkloadSpec::default().expected_spend(),
            price: None,
            limit: SpendLimit {
                requests: Some(208),
                tokens: Some(100_000),
            },
        };
        assert!(price_in_words(&spending).contains("no price"));
        assert_eq!(limit_in_words(&spending), "208 requests or 100,000 tokens");
        spending.price = Some(TokenPrice {
            input_per_million: Finite::from(3),
            output_per_million: Finite::from(15),
        });
        assert!(
            price_in_words(&spending).starts_with("$0.36,"),
            "{}",
            price_in_words(&spending)
        );
        assert!(limit_in_words(&spending).ends_with("which cost $1.50 at most"));
        spending.expected = None;
        assert_eq!(price_in_words(&spending), UNKNOWN);
    }
}
