//! The journal of a run.

use domain::load::{LiveSample, LoadPhase};
use domain::run::{RunEvent, Stage};
use futures::future::join_all;
use store::StoreError;

use crate::builders::{START, add_owner, at, benchmark_id, finite, plan, started};
use crate::place::for_each_database;

fn log(line: &str) -> RunEvent {
    RunEvent::Log {
        stage: Stage::DeployEngine,
        line: line.to_owned(),
    }
}

fn live() -> RunEvent {
    let zero = finite(0.0);
    RunEvent::Live {
        sample: LiveSample {
            t_s: zero,
            phase: LoadPhase::Measured,
            sent_count: 1,
            completed_count: 0,
            failed_count: 0,
            in_flight_count: 1,
            output_chunks_per_s: zero,
            ttft_p50_ms: None,
            ttft_p99_ms: None,
            itl_p50_ms: None,
            done_fraction: zero,
            remaining_s: None,
        },
    }
}

#[tokio::test]
async fn entries_are_numbered_in_order_and_read_from_any_place() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        let id = benchmark_id(1);
        store
            .insert_benchmark(id, &plan("x"), owner, false, START)
            .await
            .unwrap();
        let first = [(at(1), started()), (at(2), log("one \0 two"))];
        assert_eq!(store.append_journal(id, 1, &first).await.unwrap(), 2);
        assert_eq!(store.append_journal(id, 3, &[]).await.unwrap(), 2);
        let more = [(at(3), live()), (at(4), log("three"))];
        assert_eq!(store.append_journal(id, 3, &more).await.unwrap(), 4);

        let entries = store.read_journal(id, 0, 100).await.unwrap();
        let read: Vec<_> = entries.into_iter().map(|e| (e.at, e.event)).collect();
        assert_eq!(read, [first.as_slice(), more.as_slice()].concat());
        let seqs = async |after, limit| -> Vec<i64> {
            let entries = store.read_journal(id, after, limit).await.unwrap();
            entries.iter().map(|entry| entry.seq).collect()
        };
        assert_eq!(seqs(1, 2).await, [2, 3]);
        assert!(seqs(4, 2).await.is_empty());

        store.prune_live(id).await.unwrap();
        assert_eq!(
            seqs(0, 100).await,
            [1, 2, 4],
            "the others keep their numbers"
        );
    })
    .await;
}

#[tokio::test]
async fn a_taken_number_refuses_all_events() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        let id = benchmark_id(1);
        store
            .insert_benchmark(id, &plan("x"), owner, false, START)
            .await
            .unwrap();
        store
            .append_journal(id, 2, &[(at(1), log("theirs"))])
            .await
            .unwrap();
        let ours = [(at(2), log("ours 1")), (at(2), log("ours 2"))];
        let refused = store.append_journal(id, 1, &ours).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
        assert_eq!(store.read_journal(id, 0, 9).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn of_two_drivers_one_writes() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        let id = benchmark_id(1);
        store
            .insert_benchmark(id, &plan("x"), owner, false, START)
            .await
            .unwrap();
        let second_server = place.open_again().await;
        let event = [(at(1), started())];
        for seq in 1..=10 {
            let appends = [store, &second_server].map(|s| s.append_journal(id, seq, &event));
            let results = join_all(appends).await;
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        }
        assert_eq!(store.read_journal(id, 0, 99).await.unwrap().len(), 10);
        second_server.close().await;
    })
    .await;
}
