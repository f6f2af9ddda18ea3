//! Where an overloaded open loop ends: at the deadline and not long after it.

use domain::finite::Finite;
use domain::load::LoadPlan;
use domain::measure::record::{Outcome, RequestPhase};
use domain::workload::arrival::ArrivalProcess;
use domain::workload::{Arrival, StopRule};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::harness::{plan, run, run_with, word_tokenizer};
use crate::scripted::{ScriptedServer, Step, good};

/// Ten arrivals a second and one place for them.
fn overloaded(server: &ScriptedServer, tokenizer: &TempDir) -> LoadPlan {
    let mut plan = plan(&server.url, tokenizer);
    plan.workload.arrival = Arrival::OpenLoop {
        rate_per_s: Finite::from(10),
        process: ArrivalProcess::Constant,
        burstiness: Finite::ONE,
        in_flight_max: Some(1),
    };
    plan.workload.stop = StopRule::Duration { seconds: 1 };
    plan.workload.request_timeout_s = 1;
    plan
}

#[tokio::test(flavor = "multi_thread")]
async fn arrivals_that_find_no_place_are_sent_late_and_not_for_ever_and_all_are_told() {
    // One is answered. The next hold the place for a second each: until 1.1 s and 2.1 s.
    let server = ScriptedServer::start([good()], vec![Step::Hold]).await;
    let tokenizer = word_tokenizer();
    let plan = overloaded(&server, &tokenizer);
    let outcome = run(&plan).await.unwrap();
    let phases: Vec<RequestPhase> = outcome.records.iter().map(|record| record.phase).collect();
    assert_eq!(
        phases,
        [
            RequestPhase::Measured,
            RequestPhase::Drained,
            RequestPhase::Drained
        ]
    );
    assert_eq!(outcome.host.unsent_count, 7);
    let left_out = outcome.summarise(&plan.workload).left_out.unwrap();
    assert_eq!((left_out.count(), left_out.window_count), (9, 10));
    assert!(left_out.is_warning());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_up_by_time_ends_at_its_time() {
    let server = ScriptedServer::start([good(), vec![Step::Hold]], good()).await;
    let tokenizer = word_tokenizer();
    let mut plan = overloaded(&server, &tokenizer);
    plan.workload.stop = StopRule::Requests { count: 1 };
    plan.workload.warmup_s = 1;
    let outcome = run(&plan).await.unwrap();
    let phases: Vec<RequestPhase> = outcome.records.iter().map(|record| record.phase).collect();
    assert_eq!(
        phases,
        [
            RequestPhase::WarmUp,
            RequestPhase::WarmUp,
            RequestPhase::Measured
        ]
    );
    assert_eq!(server.seen().len(), 3);
    assert_eq!(outcome.host.unsent_count, 0, "a warm-up is not counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cancelled_in_the_drain_is_not_measured() {
    let server = ScriptedServer::start([], vec![Step::Hold]).await;
    let tokenizer = word_tokenizer();
    let mut plan = overloaded(&server, &tokenizer);
    plan.workload.request_timeout_s = 2;
    let cancel = CancellationToken::new();
    // The second one goes out when the first one's time is over, after the deadline.
    let second = async {
        server.wait_for_requests(2).await;
        cancel.cancel();
    };
    let ((outcome, _), ()) = tokio::join!(run_with(&plan, cancel.clone()), second);
    let outcome = outcome.unwrap();
    let ends: Vec<_> = outcome
        .records
        .iter()
        .map(|r| (r.outcome, r.phase))
        .collect();
    assert_eq!(
        ends,
        [
            (Outcome::Timeout, RequestPhase::Drained),
            (Outcome::Cancelled, RequestPhase::Drained)
        ]
    );
}
