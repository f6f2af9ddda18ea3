//! Engines that are kept for the next run of a group.

use domain::id::{NodeId, RerunGroupId};
use domain::plan::RunPlan;
use domain::run::event::RunOutcome;
use domain::run::{RunEvent, TakenOver, WarmEngine};
use store::{KeptEngine, NewBenchmark, Store};

use crate::builders::{
    PlanExt, START, add_owner, at, benchmark_id, finished, plan, started, state_after, uuid,
};
use crate::place::for_each_database;

/// A group of the benchmarks 1 and 2, queued at the second 1, and 3, at the second 9, on these nodes. A stranger,
/// 10, wants the first of them since the second 5.
async fn queue(store: &Store, nodes: &[u128]) -> RunPlan {
    let owner = add_owner(store).await;
    let plan = plan("x").on_nodes(nodes);
    let stranger = plan.clone().on_nodes(&nodes[..1]);
    let group = RerunGroupId(uuid(500));
    let insert = async |number, made_at| {
        let new = NewBenchmark::of(benchmark_id(number), &plan, owner, at(made_at));
        store
            .insert_rerun(benchmark_id(1), group, &new)
            .await
            .unwrap();
    };
    store
        .insert_benchmark(benchmark_id(1), &plan, owner, false, START)
        .await
        .unwrap();
    insert(2, 1).await;
    store
        .insert_benchmark(benchmark_id(10), &stranger, owner, false, at(5))
        .await
        .unwrap();
    insert(3, 9).await;
    plan
}

fn engine(last_index: u32) -> WarmEngine {
    WarmEngine {
        from: TakenOver {
            started_by: benchmark_id(1),
            started_by_index: 1,
            last_index,
        },
        process_id: 7,
        container: None,
        url_on_node: "http://127.0.0.1:8080".to_owned(),
        command: "serve".to_owned(),
    }
}

async fn claim(store: &Store, number: u128) {
    let claimed = store.claim_next("runner", at(100), at(200)).await.unwrap();
    assert_eq!(claimed, Some(benchmark_id(number)));
}

async fn finish(store: &Store, number: u128, events: &[RunEvent]) {
    let end = [finished(RunOutcome::Completed)];
    let events: Vec<RunEvent> = [started()]
        .iter()
        .chain(events)
        .chain(&end)
        .cloned()
        .collect();
    let state = state_after(&events);
    store
        .update_status(benchmark_id(number), &state, at(150))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_engine_is_kept_for_a_run_that_is_next_and_no_other() {
    for_each_database(async |place| {
        let store = &place.store;
        queue(store, &[1, 2]).await;
        let (group_id, node) = (RerunGroupId(uuid(500)), NodeId(uuid(1)));
        let keep = async |number, last| {
            let id = benchmark_id(number);
            store
                .keep_warm_engine(id, node, &engine(last), at(120))
                .await
                .unwrap()
        };
        claim(store, 1).await;
        assert_eq!(store.find_warm_engine(group_id, node).await.unwrap(), None);
        assert_eq!(keep(1, 1).await, Some(2));
        assert_eq!(keep(1, 1).await, Some(2), "again, after a crash");
        finish(store, 1, &[]).await;
        let kept = KeptEngine {
            group_id,
            node_id: node,
            engine: engine(1),
        };
        assert_eq!(
            store.list_warm_engines().await.unwrap(),
            std::slice::from_ref(&kept)
        );
        assert_eq!(store.list_warm_engines_on(node).await.unwrap(), [kept]);
        let elsewhere = store.list_warm_engines_on(NodeId(uuid(2))).await;
        assert_eq!(elsewhere.unwrap(), []);

        claim(store, 2).await;
        let from = engine(1).from;
        let taken_over = RunEvent::EngineTakenOver {
            from,
            process_id: 7,
            container: None,
            command: "serve".to_owned(),
            base_url: "http://h".to_owned(),
        };
        assert_eq!(keep(2, 2).await, None, "a stranger is next");
        let found = store.find_warm_engine(group_id, node).await.unwrap();
        assert_eq!(found, Some(engine(1)), "nothing was changed");
        finish(store, 2, &[taken_over]).await;
        let is_warm = async |number| {
            let row = store.find_row(benchmark_id(number)).await.unwrap();
            row.unwrap().is_warm
        };
        assert_eq!((is_warm(1).await, is_warm(2).await), (false, true));
        store.forget_warm_engine(group_id, node).await.unwrap();
        assert_eq!(store.list_warm_engines().await.unwrap(), []);

        let stranger = store
            .keep_warm_engine(benchmark_id(10), node, &engine(1), at(1))
            .await;
        assert_eq!(stranger.unwrap(), None, "it is of no group");
    })
    .await;
}

#[tokio::test]
async fn an_engine_is_unwanted_once_no_run_of_its_group_is_to_come() {
    for_each_database(async |place| {
        let store = &place.store;
        queue(store, &[1]).await;
        let node = NodeId(uuid(1));
        claim(store, 1).await;
        store
            .keep_warm_engine(benchmark_id(1), node, &engine(1), at(120))
            .await
            .unwrap();
        assert_eq!(
            store.take_waiting_warm_engines().await.unwrap(),
            [],
            "its node is held"
        );
        finish(store, 1, &[]).await;
        let cancel = async |number| {
            let id = benchmark_id(number);
            assert!(store.request_cancel(id, "ada", at(130)).await.unwrap());
        };
        cancel(2).await;
        assert_eq!(
            store.take_unwanted_warm_engines().await.unwrap(),
            [],
            "one more waits"
        );
        cancel(3).await;
        let taken = store.take_unwanted_warm_engines().await.unwrap();
        assert_eq!(taken.len(), 1);
        assert_eq!(
            store.take_unwanted_warm_engines().await.unwrap(),
            [],
            "once"
        );
        assert_eq!(store.list_warm_engines().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn an_engine_waits_while_nobody_holds_its_node() {
    for_each_database(async |place| {
        let store = &place.store;
        queue(store, &[1]).await;
        let node = NodeId(uuid(1));
        claim(store, 1).await;
        store
            .keep_warm_engine(benchmark_id(1), node, &engine(1), at(120))
            .await
            .unwrap();
        finish(store, 1, &[]).await;
        assert_eq!(store.take_unwanted_warm_engines().await.unwrap(), []);
        assert_eq!(store.take_waiting_warm_engines().await.unwrap().len(), 1);
        assert_eq!(store.list_warm_engines().await.unwrap(), []);
    })
    .await;
}
