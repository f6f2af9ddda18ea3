//! Coordinated omission: what a queue does to requests, beside the truth about that queue.

use domain::measure::record::{Outcome, RequestRecord};
use domain::measure::truth::SentAnswer;

use crate::parts::{Engine, load, records};

/// One slot and half a second for each answer, at ten requests a second: the queue grows all the time.
const ENGINE: &str = "--slots 1 --ttft-ms 250 --itl-ms 25";
const REQUESTS: usize = 20;

/// The report and the records of `REQUESTS` arrivals, and what the engine says of them, in order.
fn overloaded(options: &str) -> (String, Vec<RequestRecord>, Vec<SentAnswer>) {
    let engine = Engine::start(ENGINE);
    let folder = testkit::data_dir();
    let out = folder.path().join("out");
    let output = load(&format!(
        "--base-url {} --model assay-reference --rate 10 --arrival constant --requests {REQUESTS} --warmup 0 \
         --input-tokens 8 --output-tokens 11 --ignore-eos {options} --out {}",
        engine.url,
        out.display()
    ));
    let text = String::from_utf8(output.stdout).unwrap();
    // Sound, or bound by a machine that is busy with other tests.
    assert!(matches!(output.status.code(), Some(0 | 5)), "{text}");
    let records = records(&out);
    let is_ok = |record: &RequestRecord| record.outcome == Outcome::Ok;
    assert_eq!(records.len(), REQUESTS, "none is skipped");
    assert!(records.iter().all(is_ok), "{records:?}");
    let sent = engine.sent(REQUESTS);
    (text, records, sent)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

/// Mean time in the system of a queue with one server, by Lindley's recursion (1952), in ms: from
/// arrivals in ns, and for each the ns until its last output and until its slot is free again.
fn queueing_truth_ms(arrivals: &[u64], services: &[(u64, u64)]) -> f64 {
    let mut free_at = 0;
    let times = arrivals
        .iter()
        .zip(services)
        .map(|(arrival, (output, slot))| {
            let start = free_at.max(*arrival);
            free_at = start + slot;
            (start + output - arrival) as f64 / 1e6
        });
    mean(times)
}

fn arrivals(records: &[RequestRecord]) -> Vec<u64> {
    records.iter().map(|record| record.scheduled_at).collect()
}

fn assert_near(found: f64, truth: f64, tolerance: f64, what: &str) {
    let error = (found / truth - 1.0).abs();
    assert!(error < tolerance, "{what}: {found} ms, truth {truth} ms");
}

#[test]
fn a_capped_client_shows_the_queue_from_schedule_and_the_service_from_send() {
    let (text, records, sent) = overloaded("--max-in-flight 1");
    let services: Vec<(u64, u64)> = sent
        .iter()
        .map(|sent| {
            let output = sent.sent_ns[sent.sent_ns.len() - 1] - sent.arrived_ns;
            (output, sent.finished_ns - sent.arrived_ns)
        })
        .collect();
    let truth = queueing_truth_ms(&arrivals(&records), &services);
    let of = |value: fn(&RequestRecord) -> Option<f64>| mean(records.iter().filter_map(value));
    let from_schedule = of(RequestRecord::e2e_from_schedule_ms);
    assert_near(from_schedule, truth, 0.02, "from schedule");
    let service = mean(services.iter().map(|(output, _)| *output as f64 / 1e6));
    assert_near(of(RequestRecord::e2e_ms), service, 0.02, "from send");
    assert!(truth > 6.0 * service, "a long queue: {truth} ms");
    for words in [
        "End-to-end latency, from schedule",
        &format!("Mean E2E (ms): {from_schedule:>43.2}"),
        &format!("Mean E2E (ms): {:>43.2}", of(RequestRecord::e2e_ms)),
        "Most requests in flight allowed:                         1",
        "went out late: 19",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn without_a_cap_the_queue_is_the_servers_and_both_latencies_show_it() {
    let (_, records, sent) = overloaded("");
    let services: Vec<(u64, u64)> = sent
        .iter()
        .map(|sent| {
            let output = sent.sent_ns[sent.sent_ns.len() - 1] - sent.started_ns;
            (output, sent.finished_ns - sent.started_ns)
        })
        .collect();
    let truth = queueing_truth_ms(&arrivals(&records), &services);
    let of = |value: fn(&RequestRecord) -> Option<f64>| mean(records.iter().filter_map(value));
    assert_near(
        of(RequestRecord::e2e_from_schedule_ms),
        truth,
        0.02,
        "from schedule",
    );
    assert_near(of(RequestRecord::e2e_ms), truth, 0.02, "from send");
}
