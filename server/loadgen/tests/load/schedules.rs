//! What a plan says of times, prompts and connections, beside what a server saw.

use std::collections::HashSet;

use domain::finite::Finite;
use domain::load::Header;
use domain::measure::record::{Outcome, RequestPhase, RequestRecord};
use domain::workload::arrival::ArrivalProcess;
use domain::workload::{Arrival, StopRule};
use tokio_util::sync::CancellationToken;

use crate::harness::{plan, run, run_with, word_tokenizer};
use crate::scripted::{ScriptedServer, Step, good};

/// When requests were due, in nanoseconds from the first.
fn offsets(records: &[RequestRecord]) -> Vec<u64> {
    let measured = records
        .iter()
        .filter(|record| record.phase == RequestPhase::Measured);
    let due: Vec<u64> = measured.map(|record| record.scheduled_at).collect();
    due.iter().map(|at| at - due[0]).collect()
}

fn digests(records: &[RequestRecord], phase: RequestPhase) -> Vec<String> {
    let of_phase = records.iter().filter(|record| record.phase == phase);
    of_phase
        .map(|record| record.prompt_sha256.clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_sends_the_same_bytes_at_the_same_offsets() {
    let tokenizer = word_tokenizer();
    for process in ArrivalProcess::ALL {
        let mut runs = Vec::new();
        for seed in [5, 5, 6] {
            let server = ScriptedServer::start([], good()).await;
            let mut plan = plan(&server.url, &tokenizer);
            plan.workload.arrival = Arrival::OpenLoop {
                rate_per_s: Finite::from(200),
                process,
                burstiness: Finite::new(0.5).unwrap(),
                in_flight_max: None,
            };
            plan.workload.input = "uniform:4..40".parse().unwrap();
            plan.workload.stop = StopRule::Requests { count: 60 };
            plan.workload.warmup_requests = 5;
            plan.workload.seed = seed;
            plan.workload.shared_prefix_tokens = 3;
            plan.workload.prefix_share = Finite::new(0.5).unwrap();
            let outcome = run(&plan).await.unwrap();
            // Requests on several connections arrive in any order of moments; each body is one request.
            let mut bodies: Vec<String> = server.seen().into_iter().map(|seen| seen.body).collect();
            bodies.sort();
            assert_eq!(bodies.len(), 65);
            let schedule = (offsets(&outcome.records), outcome.schedule_sha256.clone());
            runs.push((bodies, outcome.prompts_sha256(), schedule));
        }
        assert_eq!(runs[0], runs[1], "{process:?}");
        assert!(runs[0].0 != runs[2].0 && runs[0].1 != runs[2].1);
        let has_same_schedule = runs[0].2 == runs[2].2;
        assert_eq!(has_same_schedule, process == ArrivalProcess::Constant);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cap_delays_and_skips_nothing() {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.arrival = Arrival::OpenLoop {
        rate_per_s: Finite::from(5_000),
        process: ArrivalProcess::Constant,
        burstiness: Finite::ONE,
        in_flight_max: Some(2),
    };
    plan.workload.stop = StopRule::Requests { count: 200 };
    let outcome = run(&plan).await.unwrap();
    assert!(server.open_peak() <= 2);
    let expected: Vec<u64> = (0..200).map(|n| n * 200_000).collect();
    assert_eq!(offsets(&outcome.records), expected, "the schedule stays");
    let health = outcome.summarise(&plan.workload).client_health;
    assert_eq!(health.capped_count, outcome.host.capped_count);
    assert_eq!(
        health.send_lateness_ms.unwrap().count,
        200,
        "behind the moment at which there was a place"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fresh_connections_carry_one_request_each() {
    let tokenizer = word_tokenizer();
    for arrival in [
        Arrival::ClosedLoop { concurrency: 2 },
        Arrival::open_loop(Finite::from(500), ArrivalProcess::Constant),
    ] {
        let server = ScriptedServer::start([], good()).await;
        let mut plan = plan(&server.url, &tokenizer);
        plan.workload.arrival = arrival;
        plan.workload.stop = StopRule::Requests { count: 12 };
        plan.workload.fresh_connections = true;
        let outcome = run(&plan).await.unwrap();
        assert_eq!(server.used_connections(), 12);
        assert!(outcome.records.iter().all(|r| r.connect_ns.is_some()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_join_over_the_ramp() {
    let server = ScriptedServer::start([], vec![Step::Hold]).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.arrival = Arrival::ClosedLoop { concurrency: 4 };
    plan.workload.stop = StopRule::Requests { count: 4 };
    plan.workload.ramp_s = 1;
    let cancel = CancellationToken::new();
    let all_sent = async {
        server.wait_for_requests(4).await;
        cancel.cancel();
    };
    let ((outcome, _), ()) = tokio::join!(run_with(&plan, cancel.clone()), all_sent);
    let mut sent: Vec<u64> = outcome.unwrap().records.iter().map(|r| r.sent_at).collect();
    sent.sort_unstable();
    for (user, sent_at) in (0u64..).zip(&sent) {
        assert!(*sent_at >= user * 250_000_000, "{sent:?}");
    }
    assert_eq!(sent.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_up_by_time_leaves_the_measured_prompts_alone() {
    let tokenizer = word_tokenizer();
    for arrival in [
        Arrival::ClosedLoop { concurrency: 2 },
        Arrival::open_loop(Finite::from(100), ArrivalProcess::Poisson),
    ] {
        let has_schedule = arrival.has_schedule();
        let mut measured = Vec::new();
        for warmup_s in [0, 1] {
            let server = ScriptedServer::start([], good()).await;
            let mut plan = plan(&server.url, &tokenizer);
            plan.workload.arrival = arrival.clone();
            plan.workload.stop = StopRule::Requests { count: 10 };
            plan.workload.warmup_s = warmup_s;
            let outcome = run(&plan).await.unwrap();
            let records = &outcome.records;
            let warmup = digests(records, RequestPhase::WarmUp);
            assert_eq!(warmup.is_empty(), warmup_s == 0);
            let indices: Vec<u32> = records.iter().map(|record| record.index).collect();
            let count = u32::try_from(records.len()).unwrap();
            assert_eq!(indices, (0..count).collect::<Vec<_>>());
            assert!(
                records[..warmup.len()]
                    .iter()
                    .all(|r| r.phase == RequestPhase::WarmUp)
            );
            let all: HashSet<&String> = records.iter().map(|r| &r.prompt_sha256).collect();
            assert_eq!(all.len(), records.len(), "no prompt comes twice");
            measured.push(digests(records, RequestPhase::Measured));
        }
        // On a schedule the warm-up is counted beforehand, and the measured prompts follow it.
        assert_eq!(measured[0] == measured[1], !has_schedule);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_replayed_at_its_speed_with_its_lengths() {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let path = tokenizer.path().join("trace.csv");
    std::fs::write(
        &path,
        "timestamp,input_length,output_length\n10,5,2\n10.2,9,2\n10.8,7,2\n",
    )
    .unwrap();
    let found = loadgen::inspect_trace(&path).unwrap();
    let mut plan = plan(&server.url, &tokenizer);
    plan.workload.arrival = Arrival::Trace {
        name: "trace.csv".to_owned(),
        sha256: found.sha256,
        request_count: found.request_count,
        duration_s: found.duration_s,
        speed: Finite::from(4),
        in_flight_max: None,
    };
    plan.workload.stop = StopRule::Requests { count: 3 };
    plan.workload.warmup_requests = 1;
    plan.trace_path = Some(path.display().to_string());
    let outcome = run(&plan).await.unwrap();
    assert_eq!(offsets(&outcome.records), [0, 50_000_000, 200_000_000]);
    let tokens: Vec<u32> = outcome.records.iter().map(|r| r.input_tokens).collect();
    assert_eq!(tokens.len(), 4);
    let planned: Vec<u32> = outcome
        .records
        .iter()
        .map(|r| r.planned_input_tokens)
        .collect();
    assert_eq!(planned, [5, 5, 9, 7], "the warm-up is like the first row");
    let summary = outcome.summarise(&plan.workload);
    assert_eq!(summary.e2e_from_schedule_ms.unwrap().count, 3);

    std::fs::write(&path, "timestamp,input_length,output_length\n0,1,1\n").unwrap();
    let why = run(&plan).await.unwrap_err().to_string();
    assert!(why.contains("not the one that was planned"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn extra_headers_and_fields_go_out_and_a_headers_value_stays_out_of_records() {
    let refusal = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 19\r\n\r\nunknown key s3cret!";
    let script = vec![Step::Send(refusal.as_bytes().to_vec())];
    let server = ScriptedServer::start([], script).await;
    let tokenizer = word_tokenizer();
    let mut plan = plan(&server.url, &tokenizer);
    plan.headers = ["X-Key: s3cret!", "authorization: Bearer other"]
        .map(|text| Header::parse(text).unwrap())
        .into();
    plan.workload.extra_body =
        domain::workload::extra_body::parse(r#"{"temperature":0.5}"#).unwrap();
    let outcome = run(&plan).await.unwrap();
    let seen = &server.seen()[0];
    let head = seen.head.to_lowercase();
    assert!(head.contains("x-key: s3cret!"), "{head}");
    assert!(head.contains("authorization: bearer other"), "{head}");
    assert_eq!(
        head.matches("authorization").count(),
        1,
        "one takes the place of the other"
    );
    assert!(
        seen.body.ends_with(r#""temperature":0.5}"#),
        "{}",
        seen.body
    );
    let record = &outcome.records[0];
    assert_eq!(record.outcome, Outcome::Http4xx);
    assert!(
        record.error.contains("unknown key [header]"),
        "{}",
        record.error
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_together_is_refused_in_words() {
    let server = ScriptedServer::start([], good()).await;
    let tokenizer = word_tokenizer();
    let refused = |change: fn(&mut domain::load::LoadPlan)| {
        let mut plan = plan(&server.url, &tokenizer);
        change(&mut plan);
        async move { run(&plan).await.unwrap_err().to_string() }
    };
    let both = refused(|plan| (plan.workload.warmup_s, plan.workload.warmup_requests) = (1, 1));
    assert!(both.await.contains("give one of them"));
    let ramp = refused(|plan| {
        plan.workload.stop = StopRule::Duration { seconds: 3 };
        plan.workload.ramp_s = 3;
    });
    assert!(ramp.await.contains("leaves nothing"));
    let burst = refused(|plan| {
        plan.workload.arrival = Arrival::OpenLoop {
            rate_per_s: Finite::from(1),
            process: ArrivalProcess::Gamma,
            burstiness: Finite::ZERO,
            in_flight_max: None,
        };
    });
    assert!(burst.await.contains("the burstiness is 0"));
    let share = refused(|plan| plan.workload.prefix_share = Finite::from(2));
    assert!(
        share
            .await
            .contains("the share of prompts with the prefix is 2")
    );
    let file = refused(|plan| plan.trace_path = Some("t.csv".to_owned()));
    assert!(file.await.contains("names its file"));
    assert!(server.seen().is_empty());
}
