//! The queue: claims, leases, adoption.

use std::collections::HashSet;

use domain::id::BenchmarkId;
use domain::run::RunStatus;
use domain::run::event::RunOutcome;
use futures::future::join_all;
use store::Store;

use crate::builders::{
    PlanExt, START, add_owner, at, benchmark_id, finished, plan, started, state_after,
};
use crate::place::for_each_database;

/// Queues benchmarks 1, 2, … in this order, each on its nodes.
async fn queue(store: &Store, nodes_of_each: &[&[u128]]) {
    let owner = add_owner(store).await;
    for (number, nodes) in (1..).zip(nodes_of_each) {
        let made_at = at(i64::try_from(number).unwrap());
        let plan = plan("x").on_nodes(nodes);
        let id = benchmark_id(number);
        store
            .insert_benchmark(id, &plan, owner, false, made_at)
            .await
            .unwrap();
    }
}

async fn claim(store: &Store) -> Option<BenchmarkId> {
    store.claim_next("runner", at(100), at(200)).await.unwrap()
}

async fn finish(store: &Store, id: BenchmarkId) {
    let state = state_after(&[started(), finished(RunOutcome::Completed)]);
    assert!(store.update_status(id, &state, at(150)).await.unwrap());
}

#[tokio::test]
async fn the_oldest_runs_first_and_the_same_node_waits() {
    for_each_database(async |place| {
        let store = &place.store;
        queue(store, &[&[1], &[1], &[2]]).await;
        assert_eq!(store.count_queued().await.unwrap(), 3);
        let position = async |number| store.queue_position(benchmark_id(number)).await.unwrap();
        assert_eq!(
            (position(1).await, position(2).await, position(3).await),
            (Some(1), Some(2), Some(1))
        );

        assert_eq!(claim(store).await, Some(benchmark_id(1)));
        let row = store.find_row(benchmark_id(1)).await.unwrap().unwrap();
        assert_eq!(row.status, RunStatus::Provisioning);
        assert_eq!(position(1).await, None);
        assert_eq!(
            claim(store).await,
            Some(benchmark_id(3)),
            "another node is free"
        );
        assert_eq!(claim(store).await, None, "its node is held");
        assert_eq!(position(2).await, Some(1));

        finish(store, benchmark_id(1)).await;
        assert_eq!(
            claim(store).await,
            Some(benchmark_id(2)),
            "the end frees the node"
        );
        assert_eq!(store.count_queued().await.unwrap(), 0);
        assert_eq!(store.count_active().await.unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn who_wants_many_nodes_is_not_overtaken_for_ever() {
    for_each_database(async |place| {
        let store = &place.store;
        queue(store, &[&[1], &[1, 2], &[2], &[3]]).await;
        assert_eq!(claim(store).await, Some(benchmark_id(1)));
        assert_eq!(
            claim(store).await,
            Some(benchmark_id(4)),
            "the third waits for the second"
        );
        assert_eq!(claim(store).await, None);
        finish(store, benchmark_id(1)).await;
        assert_eq!(claim(store).await, Some(benchmark_id(2)));
        assert_eq!(claim(store).await, None);
        store.release(benchmark_id(2)).await.unwrap();
        assert_eq!(claim(store).await, Some(benchmark_id(3)));
    })
    .await;
}

#[tokio::test]
async fn many_claimers_never_get_the_same_run_or_the_same_node() {
    for_each_database(async |place| {
        let store = &place.store;
        let nodes: Vec<[u128; 2]> = (0..24).map(|n| [n / 2, 100 + n]).collect();
        let nodes: Vec<&[u128]> = nodes.iter().map(<[u128; 2]>::as_slice).collect();
        queue(store, &nodes).await;
        let second_server = place.open_again().await;
        let claimer = async |store: &Store| {
            let mut claimed = Vec::new();
            while let Some(id) = claim(store).await {
                claimed.push(id);
            }
            claimed
        };
        let stores = [store, &second_server, store, &second_server];
        let claimed = join_all(stores.map(claimer)).await.concat();
        let unique: HashSet<_> = claimed.iter().collect();
        // Each pair of neighbours wants one node in common: the first of each pair runs.
        let firsts: Vec<_> = (0..12).map(|pair| benchmark_id(2 * pair + 1)).collect();
        assert_eq!((claimed.len(), unique.len()), (12, 12), "{claimed:?}");
        assert!(firsts.iter().all(|id| unique.contains(id)), "{claimed:?}");
        second_server.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_benchmark_leaves_the_queue_without_a_node() {
    for_each_database(async |place| {
        let store = &place.store;
        queue(store, &[&[1], &[1], &[1]]).await;
        assert_eq!(claim(store).await, Some(benchmark_id(1)));
        store
            .request_cancel(benchmark_id(2), "alice", at(50))
            .await
            .unwrap();
        assert_eq!(
            store.queue_position(benchmark_id(3)).await.unwrap(),
            Some(1)
        );
        assert_eq!(claim(store).await, Some(benchmark_id(2)), "to be ended");
        assert_eq!(claim(store).await, None);
        finish(store, benchmark_id(1)).await;
        assert_eq!(
            claim(store).await,
            Some(benchmark_id(3)),
            "the second held nothing"
        );
    })
    .await;
}

#[tokio::test]
async fn a_lease_is_renewed_by_its_holder_only() {
    for_each_database(async |place| {
        let store = &place.store;
        queue(store, &[&[1]]).await;
        let id = claim(store).await.unwrap();
        assert!(store.renew_lease(id, "runner", at(300)).await.unwrap());
        assert!(!store.renew_lease(id, "other", at(900)).await.unwrap());
        assert_eq!(store.list_orphans(at(299), "other").await.unwrap(), []);
        assert_eq!(
            store.list_orphans(at(300), "other").await.unwrap(),
            [id],
            "run out"
        );
        assert!(
            !store.adopt(id, "other", at(299), at(400)).await.unwrap(),
            "too early"
        );
        assert!(store.adopt(id, "other", at(300), at(400)).await.unwrap());
        assert!(
            !store.renew_lease(id, "runner", at(999)).await.unwrap(),
            "lost"
        );
        assert!(store.renew_lease(id, "other", at(500)).await.unwrap());
        assert_eq!(claim(store).await, None, "adopting keeps the node");
    })
    .await;
}

#[tokio::test]
async fn of_many_adopters_one_gets_the_orphan() {
    for_each_database(async |place| {
        let store = &place.store;
        queue(store, &[&[1]]).await;
        let id = claim(store).await.unwrap();
        let second_server = place.open_again().await;
        let names: Vec<String> = (0..8).map(|number| format!("runner {number}")).collect();
        let adoptions = names.iter().enumerate().map(|(number, name)| {
            let store = if number % 2 == 0 {
                store
            } else {
                &second_server
            };
            store.adopt(id, name, at(200), at(400))
        });
        let results = join_all(adoptions).await;
        let adopted = results.iter().filter(|result| *result.as_ref().unwrap());
        assert_eq!(adopted.count(), 1);
        second_server.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_new_life_of_a_runner_finds_what_it_left_and_nothing_else() {
    for_each_database(async |place| {
        let store = &place.store;
        queue(store, &[&[1], &[2], &[3], &[4], &[5]]).await;
        let theirs = store.claim_next("other", at(100), at(900)).await.unwrap();
        assert_eq!(theirs, Some(benchmark_id(1)));
        for number in 2..=4 {
            assert_eq!(claim(store).await, Some(benchmark_id(number)));
        }
        finish(store, benchmark_id(3)).await;
        store.release(benchmark_id(4)).await.unwrap();

        let orphans = [benchmark_id(2), benchmark_id(4)];
        assert_eq!(
            store.list_orphans(at(101), "runner").await.unwrap(),
            orphans
        );
        for id in orphans {
            assert!(store.adopt(id, "runner", at(101), at(500)).await.unwrap());
        }
        for left_alone in [1, 3, 5] {
            let id = benchmark_id(left_alone);
            assert!(
                !store.adopt(id, "runner", at(101), at(500)).await.unwrap(),
                "{left_alone}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn an_empty_queue_gives_nothing() {
    for_each_database(async |place| {
        assert_eq!(claim(&place.store).await, None);
        assert_eq!(place.store.list_orphans(START, "runner").await.unwrap(), []);
        assert_eq!(
            place.store.queue_position(benchmark_id(1)).await.unwrap(),
            None
        );
    })
    .await;
}
