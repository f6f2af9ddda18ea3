//! Benchmarks that are removed.

use domain::history::{BenchmarkResult, HistoryQuery};
use domain::id::NodeId;
use domain::run::RunEvent;
use domain::run::event::RunOutcome;
use store::{Store, StoreError};

use crate::builders::{
    PlanExt, START, add_owner, at, benchmark_id, finished, plan, result, started, state_after,
};
use crate::place::{Place, for_each_database};

/// Adds a benchmark that has ended, with a result of these records.
async fn add_ended(store: &Store, number: u128, records_sha256: &str) {
    let (id, plan) = (benchmark_id(number), plan("x").tagged(&["gate"]));
    let result = result(&plan, Some(100));
    let mut manifest = result.manifest;
    records_sha256.clone_into(&mut manifest.records_sha256);
    let result = BenchmarkResult { manifest, ..result };
    store.insert_result(id, &result, at(1)).await.unwrap();
    let events: [RunEvent; 2] = [started(), finished(RunOutcome::Completed)];
    let events_at = events.clone().map(|event| (at(1), event));
    store.append_journal(id, 1, &events_at).await.unwrap();
    store
        .update_status(id, &state_after(&events), at(2))
        .await
        .unwrap();
}

async fn put(place: &Place, content: &str) -> String {
    let file = place.folder.path().join("requests.parquet");
    std::fs::write(&file, content).unwrap();
    place.store.put_records(&file).await.unwrap().0
}

#[tokio::test]
async fn nothing_of_a_deleted_benchmark_stays() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        for number in 1..=3 {
            let plan = plan("x").tagged(&["gate"]);
            store
                .insert_benchmark(benchmark_id(number), &plan, owner, false, START)
                .await
                .unwrap();
        }
        let shared = put(place, "the same records").await;
        let own = put(place, "records of one").await;
        add_ended(store, 1, &shared).await;
        add_ended(store, 2, &shared).await;
        add_ended(store, 3, &own).await;

        let node = |number| NodeId(benchmark_id(number).0);
        for number in [1, 2] {
            let noted = store.note_pending_cleanup(
                benchmark_id(3),
                (node(number), "gpu"),
                "no route",
                at(2),
            );
            noted.await.unwrap();
        }
        let done = store.finish_cleanup(benchmark_id(3), node(1), at(3));
        done.await.unwrap();
        store.delete_benchmark(benchmark_id(3)).await.unwrap();
        // What is to be cleaned up still is.
        let late = store.list_late_cleanups_of(benchmark_id(3)).await.unwrap();
        let nodes: Vec<NodeId> = late.iter().map(|cleanup| cleanup.node_id).collect();
        assert_eq!(nodes, [node(2)]);
        let gone = store.get_records(&own).await;
        assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
        store.delete_benchmark(benchmark_id(1)).await.unwrap();
        store.get_records(&shared).await.unwrap();
        assert_eq!(store.find_benchmark(benchmark_id(1)).await.unwrap(), None);
        assert_eq!(store.find_result(benchmark_id(1)).await.unwrap(), None);
        assert_eq!(
            store.read_journal(benchmark_id(1), 0, 10).await.unwrap(),
            []
        );
        let again = store.delete_benchmark(benchmark_id(1)).await;
        assert!(matches!(again, Err(StoreError::NotFound)), "{again:?}");

        let page = store
            .list_benchmarks(&HistoryQuery::default())
            .await
            .unwrap();
        assert_eq!(
            (page.total_count, page.choices.tags.as_slice()),
            (1, ["gate".to_owned()].as_slice())
        );
        store.delete_benchmark(benchmark_id(2)).await.unwrap();
        let gone = store.get_records(&shared).await;
        assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
        let page = store
            .list_benchmarks(&HistoryQuery::default())
            .await
            .unwrap();
        assert_eq!((page.total_count, page.choices.tags.len()), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn what_goes_on_is_not_deleted() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        let (id, plan) = (benchmark_id(1), plan("x").tagged(&["gate"]));
        store
            .insert_benchmark(id, &plan, owner, false, START)
            .await
            .unwrap();
        let refused = store.delete_benchmark(id).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
        let detail = store.find_benchmark(id).await.unwrap().unwrap();
        assert_eq!(detail.tags, ["gate"]);
        let page = store
            .list_benchmarks(&HistoryQuery::default())
            .await
            .unwrap();
        assert_eq!(page.choices.tags, ["gate"], "its tags are its own still");
    })
    .await;
}
