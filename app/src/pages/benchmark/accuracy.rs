//! The error bar of a result: what the newest selftest of its machine says about its own level.

use domain::id::BenchmarkId;
use domain::measure::selftest::Accuracy;
use leptos::prelude::*;
use ui::banner::Banner;
use ui::format;
use ui::tone::Tone;

use crate::api::selftests::accuracy_of;
use crate::routes;

/// A sentence with the error of TTFT and ITL at the concurrency of this benchmark.
#[component]
pub fn ErrorBar(
    /// Which benchmark.
    id: BenchmarkId,
) -> impl IntoView {
    let accuracy = Resource::new(move || id, accuracy_of);
    let shown = move || {
        Suspend::new(async move {
            // Without it the figures stand as they are.
            accuracy
                .await
                .ok()
                .flatten()
                .map(|accuracy| sentence(&accuracy))
        })
    };
    view! { <Transition>{shown}</Transition> }.into_any()
}

fn sentence(accuracy: &Accuracy) -> AnyView {
    let streams = format::plural(u64::from(accuracy.concurrency), "request", "requests");
    let Some(measured_at) = accuracy.measured_at else {
        return view! {
            <p class="note" id="error-bar">
                <strong>"Error bar: no selftest yet."</strong>
                {format!(" How far off the load generator of {} may be is not known. ", accuracy.host)}
                <a href=routes::ACCURACY>"Measure this machine’s accuracy"</a>
            </p>
        }
        .into_any();
    };
    let when = measured_at.to_second_text();
    let Some(level) = &accuracy.level else {
        let ceiling = accuracy.ceiling.map_or_else(
            || "no level was within its bounds".to_owned(),
            |streams| format!("its ceiling is {}", format::count(u64::from(streams))),
        );
        let title = format!(
            "Error bar: unknown. {streams} at once are more than the selftest of {when} measured; {ceiling}."
        );
        return view! {
            <Banner tone=Tone::Unsure title>" "<a href=routes::ACCURACY>"This machine’s accuracy"</a></Banner>
        }
        .into_any();
    };
    let error = |value| match value {
        Some(value) => format!("±{} ms", format::optional(Some(value))),
        None => "unknown".to_owned(),
    };
    let text = format!(
        "TTFT {} on average ({} at p99), ITL {} ({} at p99): what the load generator of {} adds to the truth at up to {streams} at once, by its selftest of {when} at {}. ",
        error(level.ttft_error_mean_ms),
        error(level.ttft_error_p99_ms),
        error(level.itl_error_mean_ms),
        error(level.itl_error_p99_ms),
        accuracy.host,
        level.level.in_words(),
    );
    if !level.is_within() {
        let title = "Error bar: at this concurrency the load generator is the limit.";
        return view! {
            <Banner tone=Tone::Bad title>" " {text}<a href=routes::ACCURACY>"This machine’s accuracy"</a></Banner>
        }
        .into_any();
    }
    view! {
        <p class="note" id="error-bar">
            <strong>"Error bar: "</strong>
            {text}
            <a href=routes::ACCURACY>"This machine’s accuracy"</a>
        </p>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use domain::finite::Finite;
    use domain::measure::health::{ClientHealth, HostObservation};
    use domain::measure::selftest::{
        Bounds, Evidence, Level, LevelReport, LevelVerdict, judge_level,
    };
    use domain::time::Timestamp;

    use super::*;

    fn level() -> LevelReport {
        let health = ClientHealth::judge(&[], false, &HostObservation::default());
        let evidence = Evidence {
            records: &[],
            sent: &[],
            health: &health,
            cpu_s: Finite::ZERO,
        };
        let mut level = judge_level(Level::Closed { streams: 64 }, &evidence, &Bounds::default());
        level.ttft_error_mean_ms = Finite::new(0.25);
        level.verdict = LevelVerdict::Within;
        level
    }

    fn html(level: Option<LevelReport>, measured_at: Option<Timestamp>) -> String {
        let accuracy = Accuracy {
            host: "lab".to_owned(),
            concurrency: 40,
            measured_at,
            ceiling: Some(64),
            level,
        };
        Owner::new().with(|| sentence(&accuracy).to_html())
    }

    #[test]
    fn a_result_says_how_far_off_it_may_be() {
        let at = Some(Timestamp(0));
        let within = html(Some(level()), at);
        assert!(within.contains("TTFT ±0.250 ms on average"), "{within}");
        assert!(
            within.contains("at 64 streams") && within.contains("40 requests"),
            "{within}"
        );
        let bound = LevelReport {
            verdict: LevelVerdict::ClientBound,
            ..level()
        };
        assert!(html(Some(bound), at).contains("the load generator is the limit"));
        let above = html(None, at);
        assert!(
            above.contains("unknown") && above.contains("its ceiling is 64"),
            "{above}"
        );
        let never = html(None, None);
        assert!(
            never.contains("no selftest yet") && never.contains(routes::ACCURACY),
            "{never}"
        );
    }
}
