//! What the load generator knows about itself: its own error and that of its host.

use domain::measure::health::{ClientHealth, HealthVerdict};
use domain::measure::quantile::Distribution;
use leptos::prelude::*;
use ui::badge::Badge;
use ui::definition::DefinitionMark;
use ui::format;
use ui::key_value::{Fact, KeyValueList};
use ui::tone::Tone;

/// The verdict with everything it rests on.
#[component]
pub fn ClientHealthFacts(
    /// What was observed.
    health: ClientHealth,
    /// Whether requests had a schedule.
    is_open_loop: bool,
) -> impl IntoView {
    let (tone, verdict) = match health.verdict {
        HealthVerdict::Healthy => (Tone::Good, "Healthy"),
        HealthVerdict::Strained => (Tone::Unsure, "Strained"),
        HealthVerdict::ClientBound => (Tone::Bad, "Client-bound"),
    };
    let sends = if is_open_loop {
        "Sends behind the schedule"
    } else {
        "Sends behind the last answer"
    };
    let share = |of: Option<domain::finite::Finite>| {
        of.map_or_else(not_observed, |share| format::percent(share.get()))
    };
    let late = health
        .send_lateness_ms
        .as_ref()
        .map_or_else(not_observed, spread);
    let stalls = health
        .host_stall_ms
        .as_ref()
        .map_or_else(not_observed, spread);
    let memory = health
        .peak_rss_bytes
        .map_or_else(not_observed, format::bytes);
    let waited = is_open_loop.then(|| {
        let count = format::count(health.capped_count.into());
        view! { <Fact name="Arrivals that waited for a place">{count} <span class="muted">" (as many in flight as the plan allows)"</span></Fact> }
    });
    let reasons = (!health.reasons.is_empty())
        .then(|| view! { <p class="muted">{health.reasons.join(" ")}</p> });
    view! {
        <section class="stack tight" aria-labelledby="client-health">
            <div class="heading-with-mark">
                <h2 id="client-health">"Client health"</h2>
                <DefinitionMark key="client_health" />
                <Badge tone label=verdict />
            </div>
            {reasons}
            <KeyValueList>
                <Fact name=sends>{late}</Fact>
                <Fact name="Stalls of the host">{stalls} <span class="muted">" (lateness of an idle timer)"</span></Fact>
                <Fact name="Stolen by the hypervisor">{share(health.steal_fraction)} <span class="muted">" of CPU time"</span></Fact>
                <Fact name="Load process computed">{share(health.cpu_share)} <span class="muted">" of its threads' time"</span></Fact>
                <Fact name="Its memory at most">{memory}</Fact>
                {waited}
                <Fact name="Arrivals dropped">{format::count(health.dropped_count.into())}</Fact>
            </KeyValueList>
        </section>
    }
    .into_any()
}

fn not_observed() -> String {
    "not observed".to_owned()
}

/// `p50 0.02 ms, p99 0.31 ms, at most 4.10 ms`.
fn spread(of: &Distribution) -> String {
    let ms = |value: domain::finite::Finite| format::duration_ms(value.get().max(0.0));
    format!(
        "p50 {}, p99 {}, at most {}",
        ms(of.median),
        ms(of.p99),
        ms(of.max)
    )
}

#[cfg(test)]
mod tests {
    use domain::finite::Finite;

    use super::super::fixture;
    use super::*;

    #[test]
    fn the_verdict_stands_with_its_reasons_and_what_was_not_observed_is_no_zero() {
        let mut health = fixture::summary(10, 0).client_health;
        health.verdict = HealthVerdict::ClientBound;
        health.reasons = vec!["1 % of requests went out 80.0 ms or more late.".to_owned()];
        health.steal_fraction = Finite::new(0.031);
        health.capped_count = 1_380;
        let html = Owner::new()
            .with(|| view! { <ClientHealthFacts health is_open_loop=true /> }.to_html());
        for part in [
            "Client-bound",
            "80.0 ms",
            "3.1%",
            "not observed",
            "behind the schedule",
            "Arrivals that waited for a place",
            "1,380",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }
}
