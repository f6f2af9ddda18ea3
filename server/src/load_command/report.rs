//! The report for a person, in the order that users know from other serving benchmarks.

use std::fmt::Write;
use std::path::Path;

use domain::finite::Finite;
use domain::load::LoadPlan;
use domain::measure::health::{ClientHealth, HealthVerdict};
use domain::measure::quantile::{Distribution, has_few_samples};
use domain::measure::record::TokenSource;
use domain::measure::summary::Summary;
use domain::visible::visible;
use domain::workload::Arrival;

const WIDTH: usize = 58;
const LABEL_WIDTH: usize = 42;

/// The whole report, with a line feed at its end.
pub(super) fn text(
    plan: &LoadPlan,
    summary: &Summary,
    [prompts_sha256, schedule_sha256]: [&str; 2],
    out_dir: Option<&Path>,
) -> String {
    let mut report = Report(String::new());
    if summary.client_health.verdict == HealthVerdict::ClientBound {
        report.line("CLIENT-BOUND: the load generator was the limit. This run says nothing about the server.");
    }
    if let Some(unmet) = &summary.unmet_rate {
        report.line(&format!("WARNING: {}", unmet.in_words()));
    }
    if let Some(left_out) = summary.left_out.filter(|left_out| left_out.is_warning()) {
        report.line(&format!(
            "WARNING: {} What is left is the early part of the load.",
            left_out.in_words()
        ));
    }
    if let Some(limit) = summary.spend.and_then(|spend| spend.ended_by()) {
        report.line(&format!(
            "WARNING: The limit of {limit} ended the load before its plan did."
        ));
    }
    report.heading("Load result", '=');
    throughput(&mut report, plan, summary);
    let is_open = plan.workload.arrival.has_schedule();
    if is_open {
        report.latency(
            "Time to first token, from schedule",
            "TTFT",
            summary.ttft_from_schedule_ms.as_ref(),
        );
    }
    let of = |metric: &Option<domain::measure::summary::MetricSummary>| {
        metric.as_ref().map(|metric| metric.distribution.clone())
    };
    report.latency("Time to first token", "TTFT", of(&summary.ttft_ms).as_ref());
    report.latency(
        "Time per output token (without the first)",
        "TPOT",
        of(&summary.tpot_ms).as_ref(),
    );
    report.latency("Inter-token latency", "ITL", of(&summary.itl_ms).as_ref());
    if is_open {
        report.latency(
            "End-to-end latency, from schedule",
            "E2E",
            summary.e2e_from_schedule_ms.as_ref(),
        );
    }
    report.latency("End-to-end latency", "E2E", of(&summary.e2e_ms).as_ref());
    objectives(&mut report, summary);
    trust(&mut report, plan, summary);
    report.digest("Prompts in their order", prompts_sha256);
    if !schedule_sha256.is_empty() {
        report.digest("Schedule", schedule_sha256);
    }
    report.heading("", '=');
    if let Some(out_dir) = out_dir {
        report.line(&format!("Written to {}", out_dir.display()));
    }
    report.0
}

fn throughput(report: &mut Report, plan: &LoadPlan, summary: &Summary) {
    report.value("Successful requests:", summary.completed_count);
    report.value("Failed requests:", summary.failed_count);
    match &plan.workload.arrival {
        Arrival::ClosedLoop { concurrency } => report.value("Concurrency asked for:", concurrency),
        Arrival::OpenLoop { .. } | Arrival::Trace { .. } => {
            let rate = plan.workload.arrival.rate_per_s();
            report.value("Request rate asked for (req/s):", two_digits(rate));
        }
    }
    if let Some(cap) = plan.workload.arrival.in_flight_max() {
        report.value("Most requests in flight allowed:", cap);
    }
    report.value(
        "Duration of the measured window (s):",
        two_digits(Some(summary.duration_s)),
    );
    report.value("Total input tokens:", summary.input_tokens);
    report.value("Total output tokens:", summary.output_tokens);
    report.value(
        "Request throughput (req/s):",
        two_digits(summary.request_per_s),
    );
    if let Some(goodput) = &summary.goodput {
        report.value("Request goodput (req/s):", two_digits(goodput.per_s));
    }
    report.value(
        "Output token throughput (tok/s):",
        two_digits(summary.output_tok_per_s),
    );
    report.value(
        "Peak output token throughput (tok/s):",
        two_digits(summary.peak_output_tok_per_s),
    );
    if let Some(concurrency) = &summary.concurrency {
        report.value("Peak concurrent requests:", concurrency.peak);
        report.value(
            "Average concurrent requests:",
            two_digits(Some(concurrency.average)),
        );
    }
    report.value(
        "Total token throughput (tok/s):",
        two_digits(summary.total_tok_per_s),
    );
}

fn objectives(report: &mut Report, summary: &Summary) {
    if summary.slos.is_empty() {
        return;
    }
    report.heading("Objectives", '-');
    for result in &summary.slos {
        let value = match result.value {
            Some(value) => format!("{:.2} {}", value.get(), result.slo.metric.unit()),
            None => "not measured".to_owned(),
        };
        report.line(&format!(
            "{}: {} ({})",
            result.slo.in_words(),
            result.verdict.in_words(),
            value.trim_end()
        ));
    }
    if let Some(goodput) = &summary.goodput {
        let share = goodput.fraction.map_or(0.0, Finite::get) * 100.0;
        report.line(&format!(
            "Goodput: {} of {} requests sent met every bound ({share:.1} %)",
            goodput.good_count, summary.sent_count
        ));
    }
}

fn trust(report: &mut Report, plan: &LoadPlan, summary: &Summary) {
    report.heading("Trust", '-');
    for dataset in plan.workload.prompts.datasets() {
        report.digest(
            &format!("Dataset {} ({} rows)", dataset.name, dataset.row_count),
            &dataset.sha256,
        );
    }
    report.line(&format!(
        "Prompt lengths: {}",
        summary.prompt_source.in_words()
    ));
    let source = match summary.token_source {
        Some(TokenSource::Usage) => "the server's usage",
        Some(TokenSource::Tokenizer) => "the model's tokenizer",
        Some(TokenSource::Chunks) => "one per chunk: the server told no usage",
        None => "nothing was answered",
    };
    report.line(&format!("Output tokens counted by: {source}"));
    match &summary.steady_state {
        Some(steady) => report.line(&format!(
            "Steady state: {:.1} s to {:.1} s, {} tok/s",
            steady.start_s.get(),
            steady.end_s.get(),
            two_digits(steady.output_tok_per_s),
        )),
        None => report.line("Steady state: none found"),
    }
    let verdict = match summary.client_health.verdict {
        HealthVerdict::Healthy => "healthy",
        HealthVerdict::Strained => "strained",
        HealthVerdict::ClientBound => "client-bound",
    };
    report.line(&format!("Client: {verdict}"));
    for reason in &summary.client_health.reasons {
        report.line(&format!("  {reason}"));
    }
    host(report, &summary.client_health);
    if summary.client_health.capped_count > 0 {
        let count = summary.client_health.capped_count;
        report.line(&format!(
            "Arrivals that waited for a place in flight and went out late: {count}"
        ));
    }
    if summary.reconnect_count > 0 {
        let count = summary.reconnect_count;
        report.line(&format!(
            "Sent again because a kept connection was already closed: {count}"
        ));
    }
    if let Some(left_out) = summary.left_out.filter(|left_out| !left_out.is_warning()) {
        report.line(&left_out.in_words());
    }
    if let Some(spend) = summary.spend {
        report.line(&format!(
            "Spent of the limit of {}: {} requests and {} tokens, warm-up included",
            spend.limit.in_words(),
            spend.requests,
            spend.tokens
        ));
    }
    for class in &summary.failures {
        report.line(&format!(
            "{} × {}: {}",
            class.count,
            class.outcome.in_words(),
            class.example
        ));
    }
}

/// The host's own stalls, so that they are not blamed on the client or the server.
fn host(report: &mut Report, health: &ClientHealth) {
    if let Some(stall) = &health.host_stall_ms {
        report.line(&format!(
            "Host: an idle timer was {} ms late at p99, {} ms at most",
            two_digits(Some(stall.p99)),
            two_digits(Some(stall.max)),
        ));
    }
    if let Some(steal) = health.steal_fraction {
        report.line(&format!(
            "Host: the hypervisor took {:.1} % of the CPU time",
            steal.get() * 100.0
        ));
    }
}

/// A text that grows line by line. Writing to a text cannot fail, so results are dropped.
struct Report(String);

impl Report {
    /// Names and messages come from outside.
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.0, "{}", visible(text));
    }

    /// On a line of its own: it fits a terminal of 80 columns.
    fn digest(&mut self, of: &str, sha256: &str) {
        self.line(&format!("{of}, SHA-256:"));
        self.line(&format!("  {sha256}"));
    }

    fn heading(&mut self, title: &str, rule: char) {
        let title = if title.is_empty() {
            String::new()
        } else {
            format!(" {title} ")
        };
        let left = WIDTH.saturating_sub(title.chars().count());
        let rule = |count: usize| rule.to_string().repeat(count);
        self.line(&format!(
            "{}{title}{}",
            rule(left / 2),
            rule(left - left / 2)
        ));
    }

    fn value(&mut self, label: &str, value: impl ToString) {
        let value = value.to_string();
        let width = WIDTH - LABEL_WIDTH;
        self.line(&format!("{label:<LABEL_WIDTH$}{value:>width$}"));
    }

    fn latency(&mut self, title: &str, name: &str, distribution: Option<&Distribution>) {
        self.heading(title, '-');
        let Some(d) = distribution else {
            return self.line("not measured");
        };
        let few = |p| {
            if has_few_samples(d.count, p) {
                " (few samples)"
            } else {
                ""
            }
        };
        self.value(&format!("Mean {name} (ms):"), two_digits(Some(d.mean)));
        self.value(&format!("Median {name} (ms):"), two_digits(Some(d.median)));
        self.value(
            &format!("P90 {name} (ms){}:", few(90.0)),
            two_digits(Some(d.p90)),
        );
        self.value(
            &format!("P99 {name} (ms){}:", few(99.0)),
            two_digits(Some(d.p99)),
        );
    }
}

fn two_digits(value: Option<Finite>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{:.2}", value.get()))
}
