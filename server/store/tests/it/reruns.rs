//! The same plan once more, and its group.

use domain::history::HistoryQuery;
use domain::id::{RerunGroupId, UserId};
use domain::plan::RunPlan;
use domain::reruns::{Purpose, Rerun};
use domain::run::RunStatus;
use store::{NewBenchmark, Store, StoreError};

use crate::builders::{PlanExt, START, add_owner, at, benchmark_id, plan, uuid};
use crate::place::for_each_database;

async fn rerun(
    store: &Store,
    of: u128,
    number: u128,
    plan: &RunPlan,
    owner: UserId,
) -> Result<u32, StoreError> {
    let tags = ["again".to_owned()];
    let new = NewBenchmark {
        tags: &tags,
        purpose: Purpose::Gating,
        ..NewBenchmark::of(benchmark_id(number), plan, owner, at(9))
    };
    let group = RerunGroupId(uuid(100 + number));
    store.insert_rerun(benchmark_id(of), group, &new).await
}

#[tokio::test]
async fn a_rerun_makes_a_group_and_the_next_one_joins_it() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        let plan = plan("x").tagged(&["first"]);
        store
            .insert_benchmark(benchmark_id(1), &plan, owner, false, START)
            .await
            .unwrap();
        let alone = store
            .find_benchmark(benchmark_id(1))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(alone.rerun, None);
        assert_eq!(
            (alone.purpose, alone.owner_id),
            (Purpose::Exploratory, owner)
        );

        assert_eq!(rerun(store, 1, 2, &plan, owner).await.unwrap(), 2);
        assert_eq!(rerun(store, 2, 3, &plan, owner).await.unwrap(), 3);
        let nobody = rerun(store, 77, 4, &plan, owner).await;
        assert!(matches!(nobody, Err(StoreError::NotFound)), "{nobody:?}");
        let taken = rerun(store, 1, 2, &plan, owner).await;
        assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");

        let group_id = RerunGroupId(uuid(102));
        let rows = store.list_reruns(group_id).await.unwrap();
        let places: Vec<Option<Rerun>> = rows.iter().map(|row| row.rerun).collect();
        let expected = [1, 2, 3].map(|index| {
            Some(Rerun {
                group_id,
                index,
                last_index: 3,
            })
        });
        assert_eq!(places, expected);
        assert_eq!(rows[0].tags, ["first"]);
        assert_eq!(rows[2].tags, ["again"]);
        assert_eq!(
            (rows[2].status, rows[2].purpose),
            (RunStatus::Queued, Purpose::Gating)
        );
        let query = HistoryQuery {
            group: Some(group_id),
            ..HistoryQuery::default()
        };
        assert_eq!(store.list_benchmarks(&query).await.unwrap().total_count, 3);
        let detail = store
            .find_benchmark(benchmark_id(3))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(detail.rerun, expected[2]);
        assert_eq!(detail.plan, plan, "the plan is the same, its tags included");
    })
    .await;
}

#[tokio::test]
async fn of_reruns_at_once_each_has_its_own_number_or_is_told() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        let plan = plan("x");
        store
            .insert_benchmark(benchmark_id(1), &plan, owner, false, START)
            .await
            .unwrap();
        rerun(store, 1, 2, &plan, owner).await.unwrap();
        let results = tokio::join!(
            rerun(store, 1, 3, &plan, owner),
            rerun(store, 2, 4, &plan, owner),
            rerun(store, 1, 5, &plan, owner),
        );
        let results = [results.0, results.1, results.2];
        let made = results.iter().filter(|result| result.is_ok()).count();
        assert!(made >= 1, "{results:?}");
        for result in &results {
            let is_told = matches!(result, Ok(_) | Err(StoreError::Conflict(_)));
            assert!(is_told, "{results:?}");
        }
        let rows = store.list_reruns(RerunGroupId(uuid(102))).await.unwrap();
        assert_eq!(rows.len(), 2 + made);
    })
    .await;
}
