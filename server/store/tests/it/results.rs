//! Results: written once.

use domain::run::RunStatus;
use store::StoreError;

use crate::builders::{START, add_owner, at, benchmark_id, finite, plan, result};
use crate::place::for_each_database;

#[tokio::test]
async fn a_result_is_written_once_and_its_figures_reach_the_history() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        let (id, plan) = (benchmark_id(1), plan("x"));
        store
            .insert_benchmark(id, &plan, owner, false, START)
            .await
            .unwrap();
        let first = result(&plan, Some(100));
        store.insert_result(id, &first, at(1)).await.unwrap();
        let again = store
            .insert_result(id, &result(&plan, Some(7)), at(2))
            .await;
        assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");

        let row = store.find_row(id).await.unwrap().unwrap();
        assert_eq!(row.ttft_p50_ms, Some(finite(100.0)));
        assert_eq!(row.tpot_p50_ms, Some(finite(100.0)));
        assert_eq!(row.duration_s, Some(finite(0.2)));
        assert_eq!(row.output_tok_per_s, Some(finite(10.0)));
        assert_eq!(row.error_rate, Some(finite(0.0)));
        assert_eq!(row.status, RunStatus::Queued, "the status has its own way");
        let detail = store.find_benchmark(id).await.unwrap().unwrap();
        assert_eq!(detail.result, Some(first));
    })
    .await;
}

#[tokio::test]
async fn what_was_not_measured_stays_missing() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        let (id, plan) = (benchmark_id(1), plan("x"));
        store
            .insert_benchmark(id, &plan, owner, false, START)
            .await
            .unwrap();
        store
            .insert_result(id, &result(&plan, None), at(1))
            .await
            .unwrap();
        let row = store.find_row(id).await.unwrap().unwrap();
        assert_eq!(
            (row.ttft_p50_ms, row.output_tok_per_s, row.error_rate),
            (None, None, None)
        );
    })
    .await;
}

#[tokio::test]
async fn a_result_needs_its_benchmark() {
    for_each_database(async |place| {
        let missing = benchmark_id(5);
        let result = result(&plan("x"), None);
        assert!(
            place
                .store
                .insert_result(missing, &result, at(1))
                .await
                .is_err()
        );
        assert_eq!(place.store.find_result(missing).await.unwrap(), None);
    })
    .await;
}
