//! What a result is worth, in a sentence: the banner above the figures.

use domain::measure::health::{ClientHealth, HealthVerdict};
use domain::measure::left_out::LeftOut;
use domain::measure::objectives::SloVerdict;
use domain::measure::quantile::has_few_samples;
use domain::measure::summary::Summary;
use ui::format;
use ui::tone::Tone;

/// From this share of failed requests on, a run is a failure rather than a blemish.
const BAD_ERROR_RATE: f64 = 0.01;

/// The banner: the gravest finding first, then the others, then what the run rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Of the gravest finding.
    pub tone: Tone,
    /// The gravest finding.
    pub title: String,
    /// Everything else worth knowing, as sentences.
    pub notes: Vec<String>,
}

/// Reads a summary the way a careful person would.
pub fn judge(summary: &Summary) -> Verdict {
    let findings = [
        client(&summary.client_health),
        failures(summary),
        objectives(summary),
        reach(summary),
        left_out(summary),
        limited(summary),
        steadiness(summary),
        samples(summary),
    ];
    let mut findings: Vec<(Tone, String)> = findings.into_iter().flatten().collect();
    // Stable: among equals the order above says what matters more.
    findings.sort_by_key(|(tone, _)| *tone != Tone::Bad);
    let mut findings = findings.into_iter();
    let (tone, title) = findings.next().unwrap_or_else(|| {
        let title = "Nothing speaks against these figures.".to_owned();
        (Tone::Good, title)
    });
    let notes = findings
        .map(|(_, text)| text)
        .chain(basis(summary))
        .collect();
    Verdict { tone, title, notes }
}

fn client(health: &ClientHealth) -> Option<(Tone, String)> {
    let reasons = health.reasons.join(" ");
    match health.verdict {
        HealthVerdict::Healthy => None,
        HealthVerdict::Strained => Some((
            Tone::Unsure,
            format!("The load generator was strained: read tails with care. {reasons}"),
        )),
        HealthVerdict::ClientBound => Some((
            Tone::Bad,
            format!(
                "The load generator was the limit: these figures say nothing about the engine and cannot be evidence. {reasons}"
            ),
        )),
    }
}

fn failures(summary: &Summary) -> Option<(Tone, String)> {
    if summary.sent_count == 0 {
        let text = "No request fell into the measured window: make the run longer.";
        return Some((Tone::Bad, text.to_owned()));
    }
    let rate = summary.error_rate.filter(|rate| rate.get() > 0.0)?.get();
    let most = summary.failures.iter().max_by_key(|class| class.count);
    let cause = most.map_or_else(String::new, |class| {
        format!(" Most often: {}.", class.outcome.in_words())
    });
    let counts = format!(
        "{} of {} requests failed ({}).",
        format::count(summary.failed_count.into()),
        format::count(summary.sent_count.into()),
        format::percent(rate),
    );
    let tone = if rate >= BAD_ERROR_RATE {
        Tone::Bad
    } else {
        Tone::Unsure
    };
    Some((tone, format!("{counts}{cause}")))
}

fn objectives(summary: &Summary) -> Option<(Tone, String)> {
    let missed: Vec<String> = summary
        .slos
        .iter()
        .filter(|result| result.verdict == SloVerdict::Missed)
        .map(|result| result.slo.in_words())
        .collect();
    let text = match missed.as_slice() {
        [] => return None,
        [only] => format!("The objective was missed: {only}."),
        several => format!(
            "{} objectives were missed: {}.",
            several.len(),
            several.join("; ")
        ),
    };
    Some((Tone::Bad, text))
}

/// Whether the load that was asked for was answered.
fn reach(summary: &Summary) -> Option<(Tone, String)> {
    let unmet = summary.unmet_rate.as_ref()?;
    Some((Tone::Unsure, unmet.in_words()))
}

/// What is missing from the figures, where it is so much that they show a part of the load.
fn left_out(summary: &Summary) -> Option<(Tone, String)> {
    let left_out = summary.left_out.filter(|left_out| left_out.is_warning())?;
    let text = format!(
        "{} What is left is the early part of the load.",
        left_out.in_words()
    );
    Some((Tone::Unsure, text))
}

/// Whether a limit ended the load before the plan did.
fn limited(summary: &Summary) -> Option<(Tone, String)> {
    let spend = summary.spend?;
    let text = format!(
        "The spending limit of {} ended the load before its plan did: {} went out, warm-up included, with {} tokens.",
        spend.ended_by()?,
        format::plural(spend.requests.into(), "request", "requests"),
        format::count(spend.tokens)
    );
    Some((Tone::Unsure, text))
}

fn steadiness(summary: &Summary) -> Option<(Tone, String)> {
    let is_missing = summary.steady_state.is_none() && summary.completed_count > 0;
    is_missing.then(|| {
        // A queue that grows does so for as long as the run lasts.
        let text = if summary.unmet_rate.is_some() {
            "There was no steady state."
        } else {
            "No steady state was found: the load did not hold long enough. A longer run would tell."
        };
        (Tone::Unsure, text.to_owned())
    })
}

fn samples(summary: &Summary) -> Option<(Tone, String)> {
    let count = u64::from(summary.completed_count);
    if count == 0 {
        return None;
    }
    let answered = format::plural(count, "answer is", "answers are");
    // From p95 on a run says something about tails; p99 is then only marked.
    let text = if has_few_samples(count, 90.0) {
        format!("{answered} too few for tails: p90 needs 100, p95 200, p99 1,000.")
    } else if has_few_samples(count, 95.0) {
        format!("{answered} too few for p95 and p99: they need 200 and 1,000.")
    } else {
        return None;
    };
    Some((Tone::Unsure, text))
}

/// What the figures rest on: said whatever the verdict.
fn basis(summary: &Summary) -> impl Iterator<Item = String> {
    let answered = (summary.completed_count > 0 && summary.failed_count == 0).then(|| {
        let count = u64::from(summary.completed_count);
        if count == 1 {
            "The only request was answered.".to_owned()
        } else {
            format!("All {} requests were answered.", format::count(count))
        }
    });
    let health = &summary.client_health;
    let lateness = health.send_lateness_ms.as_ref().map(|lateness| {
        format!(
            "99% of requests were sent at most {} late.",
            format::duration_ms(lateness.p99.get().max(0.0))
        )
    });
    let lateness = lateness.filter(|_| health.verdict == HealthVerdict::Healthy);
    let steady = summary.steady_state.map(|steady| {
        let (start, end) = (steady.start_s.get(), steady.end_s.get());
        format!(
            "The load held for {} of {}.",
            format::duration_s(end - start),
            format::duration_s(summary.duration_s.get()),
        )
    });
    let few_tail = has_few_samples(summary.completed_count.into(), 99.0)
        && !has_few_samples(summary.completed_count.into(), 95.0);
    let few_tail = few_tail.then(|| "p99 rests on few samples.".to_owned());
    let waited = (health.capped_count > 0).then(|| {
        let arrivals = format::plural(health.capped_count.into(), "arrival", "arrivals");
        format!(
            "{arrivals} waited in the client: as many requests were in flight as the plan allows."
        )
    });
    let left_out = summary.left_out.filter(|left_out| !left_out.is_warning());
    let left_out = left_out.map(LeftOut::in_words);
    let spent = summary.spend.filter(|spend| !spend.is_reached);
    let spent = spent.map(|spend| {
        format!(
            "The provider was sent {} with {} tokens, answers and warm-up included.",
            format::plural(spend.requests.into(), "request", "requests"),
            format::count(spend.tokens)
        )
    });
    [
        answered, left_out, spent, lateness, waited, steady, few_tail,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use domain::finite::Finite;
    use domain::measure::demand::UnmetRate;

    use super::super::fixture;
    use super::*;

    #[test]
    fn a_healthy_run_says_what_it_rests_on() {
        let verdict = judge(&fixture::summary(400, 0));
        assert_eq!(verdict.tone, Tone::Good);
        assert_eq!(
            verdict.notes.first().unwrap(),
            "All 400 requests were answered."
        );
    }

    #[test]
    fn the_gravest_finding_is_the_title() {
        let mut summary = fixture::summary(50, 5);
        summary.client_health.verdict = HealthVerdict::Strained;
        let verdict = judge(&summary);
        assert_eq!(verdict.tone, Tone::Bad);
        assert!(
            verdict.title.starts_with("5 of 50 requests failed (10%)."),
            "{}",
            verdict.title
        );
        assert!(
            verdict.notes.iter().any(|note| note.contains("strained")),
            "{verdict:?}"
        );

        summary.client_health.verdict = HealthVerdict::ClientBound;
        assert!(judge(&summary).title.contains("was the limit"));
    }

    #[test]
    fn nothing_measured_is_no_success() {
        assert_eq!(judge(&fixture::summary(0, 0)).tone, Tone::Bad);
    }

    #[test]
    fn a_rate_that_was_not_reached_is_the_title_before_what_follows_from_it() {
        let mut summary = fixture::summary(400, 0);
        summary.unmet_rate = Some(UnmetRate {
            asked_per_s: Finite::from(40),
            answered_per_s: Finite::new(23.14).unwrap(),
        });
        summary.steady_state = None;
        summary.client_health.capped_count = 380;
        let verdict = judge(&summary);
        assert_eq!(verdict.tone, Tone::Unsure);
        assert_eq!(
            verdict.title,
            "40 requests/s were asked for, 23.1/s were answered: the queue grew to the end."
        );
        let notes = verdict.notes.join(" ");
        assert!(notes.contains("There was no steady state."), "{notes}");
        assert!(
            notes.contains("380 arrivals waited in the client"),
            "{notes}"
        );
    }

    #[test]
    fn what_the_deadline_left_out_is_told_and_much_of_it_is_a_finding() {
        let mut summary = fixture::summary(400, 0);
        summary.left_out = LeftOut::of(400, 3, 0);
        let verdict = judge(&summary);
        assert_eq!(verdict.tone, Tone::Good);
        let notes = verdict.notes.join(" ");
        assert!(
            notes.contains("3 of the 403 requests of the window"),
            "{notes}"
        );
        summary.left_out = LeftOut::of(400, 600, 200);
        let verdict = judge(&summary);
        assert_eq!(verdict.tone, Tone::Unsure);
        assert!(
            verdict.title.starts_with("800 of the 1200 requests"),
            "{}",
            verdict.title
        );
    }

    #[test]
    fn few_samples_are_said() {
        let verdict = judge(&fixture::summary(40, 0));
        assert_eq!(verdict.tone, Tone::Unsure);
        assert!(
            verdict.title.starts_with("40 answers are too few"),
            "{}",
            verdict.title
        );
    }
}
