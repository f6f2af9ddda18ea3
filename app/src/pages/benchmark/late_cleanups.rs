//! What could not be cleaned up when the run ended, and what became of it.

use domain::catalogue::PendingCleanup;
use leptos::prelude::*;
use ui::banner::Banner;
use ui::tone::Tone;

use crate::pages::wording::capitalised;

/// A banner for each of them. Shows nothing for a run that was cleaned up at its end.
#[component]
pub fn LateCleanups(
    /// They, the oldest first.
    cleanups: Vec<PendingCleanup>,
) -> impl IntoView {
    let banners = cleanups.into_iter().map(|cleanup| {
        let (tone, title, text) = in_words(&cleanup);
        view! { <Banner tone title>" " {text}</Banner> }
    });
    banners.collect_view()
}

/// What it means, the finding, and what that rests on.
fn in_words(cleanup: &PendingCleanup) -> (Tone, String, String) {
    let node = &cleanup.node_name;
    let since = cleanup.since.to_second_text();
    match cleanup.finished_at {
        Some(at) => (
            Tone::Neutral,
            format!("{node} was cleaned up later, on {}.", at.to_second_text()),
            format!(
                "It could not be at the end of the run, on {since}. Nothing of the run is left there."
            ),
        ),
        None => (
            Tone::Unsure,
            format!("Clean-up of {node} is pending since {since}."),
            format!(
                "The engine may still run there. It is tried again every few minutes, last on {}: {}",
                cleanup.last_try_at.to_second_text(),
                sentence(&cleanup.reason)
            ),
        ),
    }
}

fn sentence(reason: &str) -> String {
    format!("{}.", capitalised(reason).trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use domain::time::Timestamp;

    use super::*;

    #[test]
    fn a_late_clean_up_is_pending_until_it_is_done() {
        let at = Timestamp::from_seconds;
        let id = "019a0000-0000-7000-8000-000000000001";
        let pending = PendingCleanup {
            benchmark_id: id.parse().unwrap(),
            node_id: id.parse().unwrap(),
            node_name: "gpu1".to_owned(),
            reason: "no route to it".to_owned(),
            since: at(0),
            last_try_at: at(60),
            finished_at: None,
        };
        let (tone, title, text) = in_words(&pending);
        assert_eq!(tone, Tone::Unsure);
        assert_eq!(
            title,
            "Clean-up of gpu1 is pending since 1970-01-01 00:00:00 UTC."
        );
        assert!(
            text.ends_with("last on 1970-01-01 00:01:00 UTC: No route to it."),
            "{text}"
        );
        let done = PendingCleanup {
            finished_at: Some(at(120)),
            ..pending
        };
        let (tone, title, _) = in_words(&done);
        assert_eq!(tone, Tone::Neutral);
        assert_eq!(
            title,
            "gpu1 was cleaned up later, on 1970-01-01 00:02:00 UTC."
        );
    }
}
