//! Benchmarks: made, tagged, cancelled, told where they stand.

use domain::catalogue::EngineIdentity;
use domain::history::HistoryQuery;
use domain::plan::RunPlan;
use domain::run::event::RunOutcome;
use domain::run::{RunEvent, RunStatus, Stage};
use domain::time::Timestamp;
use domain::workload::Arrival;
use domain::workload::arrival::ArrivalProcess;
use store::StoreError;

use crate::builders::{
    PlanExt, START, add_owner, at, benchmark_id, failed, finished, finite, plan, started,
    state_after,
};
use crate::place::for_each_database;

#[tokio::test]
async fn a_new_benchmark_waits_and_its_row_says_what_was_planned() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        let mut planned: RunPlan = plan("Näme").tagged(&["b", "a"]).on_reference_engine();
        planned.workload.arrival = Arrival::open_loop(finite(2.5), ArrivalProcess::Poisson);
        let id = benchmark_id(1);
        store
            .insert_benchmark(id, &planned, owner, true, START)
            .await
            .unwrap();
        let again = store
            .insert_benchmark(id, &planned, owner, true, START)
            .await;
        assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");

        let detail = store.find_benchmark(id).await.unwrap().unwrap();
        assert_eq!((detail.plan, detail.status), (planned, RunStatus::Queued));
        assert_eq!((detail.queue_position, detail.is_sample), (Some(1), true));
        assert_eq!(
            (detail.owner_name.as_str(), detail.created_at),
            ("alice", START)
        );
        assert_eq!(detail.result, None);

        let row = store.find_row(id).await.unwrap().unwrap();
        assert_eq!(
            (row.name.as_str(), row.is_sample, row.is_reference),
            ("Näme", true, true)
        );
        assert_eq!(
            (row.node_type.as_str(), row.vendor.as_str()),
            ("gpu", "Some GPU")
        );
        assert_eq!(row.engine_name, "Reference engine (no model)");
        assert_eq!((row.concurrency, row.rate_per_s), (None, Some(finite(2.5))));
        assert_eq!(row.tags, ["b", "a"]);
        assert_eq!(
            (row.output_tok_per_s, row.error_rate, row.failure),
            (None, None, None)
        );

        let nobody = benchmark_id(2);
        assert_eq!(store.find_benchmark(nobody).await.unwrap(), None);
        assert_eq!(store.find_row(nobody).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_has_no_hardware() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        let id = benchmark_id(1);
        store
            .insert_benchmark(id, &plan("x"), owner, false, START)
            .await
            .unwrap();
        let row = store.find_row(id).await.unwrap().unwrap();
        assert_eq!(
            (row.node_type.as_str(), row.vendor.as_str()),
            ("endpoint", "")
        );
        assert_eq!((row.concurrency, row.is_reference), (Some(4), false));
    })
    .await;
}

#[tokio::test]
async fn tags_are_replaced_and_the_plan_keeps_its_own() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        let (id, planned) = (benchmark_id(1), plan("x").tagged(&["old", "both"]));
        store
            .insert_benchmark(id, &planned, owner, false, START)
            .await
            .unwrap();
        let tags = ["both".to_owned(), "new".to_owned()];
        store.set_tags(id, &tags, at(1)).await.unwrap();
        let detail = store.find_benchmark(id).await.unwrap().unwrap();
        assert_eq!(
            (detail.tags.as_slice(), detail.plan),
            (tags.as_slice(), planned)
        );
        let page = store.list_benchmarks(&HistoryQuery::default()).await;
        assert_eq!(page.unwrap().choices.tags, tags, "nobody has the old one");
        let missing = store.set_tags(benchmark_id(2), &tags, at(1)).await;
        assert!(matches!(missing, Err(StoreError::NotFound)), "{missing:?}");
    })
    .await;
}

#[tokio::test]
async fn the_first_to_cancel_is_kept_and_an_ended_run_cannot_be_cancelled() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        let id = benchmark_id(1);
        store
            .insert_benchmark(id, &plan("x"), owner, false, START)
            .await
            .unwrap();
        assert_eq!(store.cancel_request(id).await.unwrap(), None);
        assert!(store.request_cancel(id, "alice", at(1)).await.unwrap());
        assert!(!store.request_cancel(id, "bob", at(2)).await.unwrap());
        assert_eq!(
            store.cancel_request(id).await.unwrap().as_deref(),
            Some("alice")
        );

        let ended = benchmark_id(2);
        store
            .insert_benchmark(ended, &plan("y"), owner, false, START)
            .await
            .unwrap();
        let state = state_after(&[started(), finished(RunOutcome::Completed)]);
        store.update_status(ended, &state, at(3)).await.unwrap();
        assert!(!store.request_cancel(ended, "alice", at(4)).await.unwrap());
        assert_eq!(store.cancel_request(ended).await.unwrap(), None);
        assert!(
            !store
                .request_cancel(benchmark_id(3), "alice", at(4))
                .await
                .unwrap()
        );
    })
    .await;
}

#[tokio::test]
async fn the_row_follows_the_journal_to_its_end_and_no_further() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        let id = benchmark_id(1);
        store
            .insert_benchmark(id, &plan("x"), owner, false, START)
            .await
            .unwrap();
        let mut events = Vec::new();
        let mut update = async |event: Option<RunEvent>, now| {
            events.extend(event);
            store
                .update_status(id, &state_after(&events), at(now))
                .await
                .unwrap()
        };
        let status = async || store.find_row(id).await.unwrap().unwrap().status;

        assert!(!update(None, 1).await, "nothing happened yet");
        assert_eq!(status().await, RunStatus::Queued);
        assert!(update(Some(started()), 2).await);
        assert_eq!(status().await, RunStatus::Provisioning);
        assert!(!update(None, 3).await, "the same again is no change");
        let engine = EngineIdentity {
            name: "vllm".to_owned(),
            version: "1".to_owned(),
        };
        let verified = RunEvent::EngineVerified {
            engine: Some(engine),
            served_models: Vec::new(),
        };
        assert!(update(Some(verified), 4).await);
        let stage = Stage::RunBenchmark;
        assert!(update(Some(RunEvent::StageStarted { stage }), 5).await);
        assert_eq!(status().await, RunStatus::Running);
        assert!(update(Some(failed("it broke\0")), 6).await);
        assert!(
            !update(Some(finished(RunOutcome::Completed)), 7).await,
            "ended is ended"
        );

        let row = store.find_row(id).await.unwrap().unwrap();
        assert_eq!(
            (row.status, row.engine_name.as_str()),
            (RunStatus::Failed, "vllm 1")
        );
        assert_eq!(row.failure.as_deref(), Some("it broke\u{fffd}"));
        let detail = store.find_benchmark(id).await.unwrap().unwrap();
        assert_eq!(detail.failure, row.failure);
    })
    .await;
}

#[tokio::test]
async fn changes_are_told_oldest_first() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        for number in 1..=3 {
            let made_at = at(i64::try_from(number).unwrap());
            let id = benchmark_id(number);
            store
                .insert_benchmark(id, &plan("x"), owner, false, made_at)
                .await
                .unwrap();
        }
        let state = state_after(&[started()]);
        store
            .update_status(benchmark_id(1), &state, at(9))
            .await
            .unwrap();
        let changes = async |since: Timestamp| -> Vec<_> {
            let changes = store.list_status_changes(since).await.unwrap();
            changes
                .into_iter()
                .map(|(changed_at, row)| (changed_at, row.id))
                .collect()
        };
        let expected = [(at(3), benchmark_id(3)), (at(9), benchmark_id(1))];
        assert_eq!(changes(at(2)).await, expected);
        assert_eq!(changes(at(9)).await, []);
    })
    .await;
}
