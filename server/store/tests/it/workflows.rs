//! Saved wizards.

use domain::id::{BenchmarkId, RerunGroupId, UserId, WorkflowId};
use domain::reruns::Purpose;
use domain::run::RunStatus;
use domain::workflow::{Draft, Workflow, WorkflowState};
use futures::future::join_all;
use store::{NewBenchmark, StoreError};

use crate::builders::{START, add_owner, at, benchmark_id, plan, uuid};
use crate::place::for_each_database;

fn workflow(number: u128, owner_id: UserId) -> Workflow {
    Workflow {
        id: WorkflowId(uuid(number)),
        owner_id,
        owner_name: "alice".to_owned(),
        draft: Draft::from_plan(&plan("first")),
        revision: 1,
        state: WorkflowState::Open,
        created_at: START,
        updated_at: START,
    }
}

#[tokio::test]
async fn a_save_with_an_older_revision_changes_nothing() {
    for_each_database(async |place| {
        let store = &place.store;
        let first = workflow(1, add_owner(store).await);
        store.insert_workflow(&first).await.unwrap();
        let mut second = first.clone();
        second.draft.basic.as_mut().unwrap().name = "second".to_owned();
        (second.revision, second.updated_at) = (2, at(1));
        store.update_workflow(&second, 1).await.unwrap();
        let late = store.update_workflow(&first, 1).await;
        assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
        assert_eq!(
            store.find_workflow(first.id).await.unwrap(),
            Some(second.clone())
        );

        store.delete_workflow(first.id).await.unwrap();
        for gone in [
            store.delete_workflow(first.id).await,
            store.update_workflow(&second, 2).await,
        ] {
            assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn of_many_saves_at_once_one_wins() {
    for_each_database(async |place| {
        let store = &place.store;
        let mut workflow = workflow(1, add_owner(store).await);
        store.insert_workflow(&workflow).await.unwrap();
        workflow.revision = 2;
        let second_server = place.open_again().await;
        let saves = (0..10).map(|number| {
            let store = if number % 2 == 0 {
                store
            } else {
                &second_server
            };
            store.update_workflow(&workflow, 1)
        });
        let results = join_all(saves).await;
        assert_eq!(
            results.iter().filter(|result| result.is_ok()).count(),
            1,
            "{results:?}"
        );
        second_server.close().await;
    })
    .await;
}

#[tokio::test]
async fn executing_makes_one_benchmark_or_none() {
    for_each_database(async |place| {
        let store = &place.store;
        let mut saved = workflow(1, add_owner(store).await);
        store.insert_workflow(&saved).await.unwrap();
        let (id, plan) = (benchmark_id(1), plan("run"));
        saved.state = WorkflowState::Executed { benchmark_id: id };
        (saved.revision, saved.updated_at) = (2, at(1));

        let runs = |ids: &[BenchmarkId]| -> Vec<NewBenchmark<'_>> {
            let group = RerunGroupId(uuid(5));
            let new = |(index, id): (u32, &BenchmarkId)| NewBenchmark {
                purpose: Purpose::Gating,
                rerun: Some((group, index)),
                ..NewBenchmark::of(*id, &plan, saved.owner_id, at(1))
            };
            (1..).zip(ids).map(new).collect()
        };
        let (second, third) = (benchmark_id(3), benchmark_id(4));
        let three = runs(&[id, second, third]);
        let stale = store.execute_workflow(&saved, 7, &three).await;
        assert!(matches!(stale, Err(StoreError::Conflict(_))), "{stale:?}");
        assert_eq!(store.find_benchmark(id).await.unwrap(), None, "neither");

        store.execute_workflow(&saved, 1, &three).await.unwrap();
        assert_eq!(
            store.find_workflow(saved.id).await.unwrap(),
            Some(saved.clone())
        );
        let detail = store.find_benchmark(id).await.unwrap().unwrap();
        assert_eq!(
            (detail.status, detail.plan, detail.purpose),
            (RunStatus::Queued, plan.clone(), Purpose::Gating)
        );
        let row = store.find_row(third).await.unwrap().unwrap();
        let rerun = row.rerun.unwrap();
        assert_eq!((rerun.index, rerun.last_index), (3, 3));
        assert_eq!(detail.rerun.unwrap().group_id, rerun.group_id);

        let other = benchmark_id(2);
        let once_more = NewBenchmark::of(other, &plan, saved.owner_id, at(2));
        let again = store.execute_workflow(&saved, 2, &[once_more]).await;
        assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
        assert_eq!(store.find_benchmark(other).await.unwrap(), None);
        store.delete_workflow(saved.id).await.unwrap();
        assert!(
            store.find_benchmark(id).await.unwrap().is_some(),
            "it stays"
        );
    })
    .await;
}

#[tokio::test]
async fn open_workflows_are_the_owners_last_saved_first() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        for (number, saved_at) in [(1, 5), (2, 9), (3, 7)] {
            let mut workflow = workflow(number, owner);
            workflow.updated_at = at(saved_at);
            store.insert_workflow(&workflow).await.unwrap();
        }
        let executed = workflow(3, owner);
        let plan = plan("x");
        let new = [NewBenchmark::of(benchmark_id(1), &plan, owner, at(8))];
        store.execute_workflow(&executed, 1, &new).await.unwrap();
        let open = store.list_open_workflows(owner).await.unwrap();
        let ids: Vec<_> = open.iter().map(|workflow| workflow.id.0).collect();
        assert_eq!(ids, [uuid(2), uuid(1)]);
        let others = store.list_open_workflows(UserId(uuid(77))).await.unwrap();
        assert_eq!(others, []);
    })
    .await;
}
