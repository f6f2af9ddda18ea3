//! What can be done with a benchmark afterwards: run again, said what for, archived, deleted.

use domain::access::Role;
use domain::catalogue::Shown;
use domain::history::HistoryQuery;
use domain::id::{BenchmarkId, ClusterId, CredentialId};
use domain::measure::length_bins::LengthSide;
use domain::plan::Deployment;
use domain::reruns::Purpose;
use domain::run::event::RunOutcome;
use domain::run::{JournalEntry, RunEvent, RunState, RunStatus};
use domain::time::Timestamp;
use domain::workflow::StepForm;
use domain::workflow::form::BasicForm;
use service::benchmarks::{
    delete_benchmark, get_benchmark, get_lengths, list_benchmarks, list_reruns, rerun_benchmark,
    set_archived, set_purpose,
};
use service::workflows::{answer_step, execute_workflow, start_workflow};
use service::{Actor, ServiceError};
use uuid::Uuid;

use crate::house::{House, field_errors};

/// A queued benchmark of this person.
async fn queued(house: &House, actor: &Actor) -> BenchmarkId {
    let workflow = house.confirmed_workflow(actor).await;
    execute_workflow(&house.ctx, actor, workflow.id, workflow.revision)
        .await
        .unwrap()
}

/// Ends a benchmark without a result.
async fn end(house: &House, id: BenchmarkId) {
    let events = [
        RunEvent::Started {
            runner: "test".to_owned(),
        },
        RunEvent::Finished {
            outcome: RunOutcome::Completed,
        },
    ];
    let entries: Vec<JournalEntry> = (1..)
        .zip(events)
        .map(|(seq, event)| JournalEntry {
            seq,
            at: Timestamp(seq),
            event,
        })
        .collect();
    let state = RunState::of_journal(&entries);
    house
        .store
        .update_status(id, &state, Timestamp(9))
        .await
        .unwrap();
}

fn is_forbidden<T>(result: &Result<T, ServiceError>) -> bool {
    matches!(result, Err(ServiceError::Forbidden(_)))
}

#[tokio::test]
async fn a_plan_is_executed_as_often_as_asked() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let mut workflow = start_workflow(ctx, &ada, None).await.unwrap();
    for form in house.answers(&ada).await {
        let form = match form {
            StepForm::BasicInfo(form) => StepForm::BasicInfo(BasicForm {
                reruns: "3".to_owned(),
                purpose: "gating".to_owned(),
                ..form
            }),
            other => other,
        };
        workflow = answer_step(ctx, &ada, workflow.id, workflow.revision, &form)
            .await
            .unwrap();
    }
    let first = execute_workflow(ctx, &ada, workflow.id, workflow.revision)
        .await
        .unwrap();
    let again = execute_workflow(ctx, &ada, workflow.id, workflow.revision)
        .await
        .unwrap();
    assert_eq!(again, first, "a double click makes one group");
    let runs = list_reruns(ctx, &ada, first).await.unwrap();
    assert_eq!(runs.len(), 3);
    assert_eq!(runs[0].id, first, "the first one's page opens");
    for (number, run) in (1..).zip(&runs) {
        let rerun = run.rerun.unwrap();
        assert_eq!((rerun.index, rerun.last_index), (number, 3));
        assert_eq!(
            (run.status, run.purpose),
            (RunStatus::Queued, Purpose::Gating)
        );
    }
    let places: Vec<_> = [
        get_benchmark(ctx, &ada, runs[0].id).await.unwrap(),
        get_benchmark(ctx, &ada, runs[2].id).await.unwrap(),
    ]
    .map(|detail| detail.queue_position)
    .into();
    assert_eq!(places, [Some(1), Some(3)], "they wait in their order");

    let started_from = start_workflow(ctx, &ada, Some(first)).await.unwrap();
    let basic = started_from.draft.basic.unwrap();
    assert_eq!((basic.purpose, basic.reruns), (Purpose::Gating, 1));
}

#[tokio::test]
async fn operators_care_for_their_own_and_leads_for_all() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let eve = house.person("eve", Role::Operator).await;
    let lead = house.person("lead", Role::Lead).await;
    let id = queued(&house, &ada).await;
    end(&house, id).await;

    assert!(is_forbidden(&set_purpose(ctx, &eve, id, "gating").await));
    assert!(is_forbidden(&set_archived(ctx, &eve, id, true).await));
    assert!(is_forbidden(&rerun_benchmark(ctx, &eve, id).await));
    assert!(is_forbidden(&delete_benchmark(ctx, &eve, id).await));

    let purpose = set_purpose(ctx, &ada, id, "gating").await.unwrap();
    assert_eq!(purpose, Purpose::Gating);
    let wrong = field_errors(set_purpose(ctx, &lead, id, "fun").await);
    assert_eq!(wrong.at("purpose"), Some("Choose exploratory or gating."));
    set_archived(ctx, &lead, id, true).await.unwrap();
    set_archived(ctx, &ada, id, true).await.unwrap();
    let history = list_benchmarks(ctx, &eve, &HistoryQuery::default()).await;
    assert_eq!(history.unwrap().total_count, 0);
    let archived = HistoryQuery {
        shown: Shown::Archived,
        ..HistoryQuery::default()
    };
    let history = list_benchmarks(ctx, &eve, &archived).await.unwrap();
    assert_eq!(history.total_count, 1);
    set_archived(ctx, &ada, id, false).await.unwrap();

    let again = rerun_benchmark(ctx, &lead, id).await.unwrap();
    let rerun = get_benchmark(ctx, &eve, again).await.unwrap();
    assert_eq!(
        (rerun.owner_id, rerun.purpose),
        (lead.person.id, Purpose::Gating)
    );
    assert_eq!(list_reruns(ctx, &eve, id).await.unwrap().len(), 2);

    let folder = house.store.data_dir().join("runs").join(id.to_string());
    std::fs::create_dir_all(&folder).unwrap();
    delete_benchmark(ctx, &ada, id).await.unwrap();
    assert!(!folder.exists(), "its working files go too");
    let gone = get_benchmark(ctx, &ada, id).await;
    assert!(matches!(gone, Err(ServiceError::NotFound(_))), "{gone:?}");
}

#[tokio::test]
async fn what_goes_on_is_neither_archived_nor_deleted() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let id = queued(&house, &ada).await;
    for refused in [
        set_archived(ctx, &ada, id, true).await,
        delete_benchmark(ctx, &ada, id).await,
    ] {
        assert!(
            matches!(&refused, Err(ServiceError::Conflict(text)) if text.contains("Cancel it first")),
            "{refused:?}"
        );
    }
    let lengths = get_lengths(ctx, &ada, id, LengthSide::Input, 4).await;
    assert!(matches!(lengths, Err(ServiceError::NotFound(text)) if text.contains("no result")));
}

#[tokio::test]
async fn a_plan_whose_parts_are_gone_is_not_run_again() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let id = queued(&house, &ada).await;
    let mut plan = get_benchmark(ctx, &ada, id).await.unwrap().plan;
    plan.cluster.id = ClusterId(Uuid::from_u128(1));
    plan.deployment = Deployment::Endpoint {
        base_url: "http://127.0.0.1:9".to_owned(),
        credential_id: Some(CredentialId(Uuid::from_u128(2))),
    };
    let orphan = BenchmarkId(Uuid::from_u128(3));
    house
        .store
        .insert_benchmark(orphan, &plan, ada.person.id, false, Timestamp(5))
        .await
        .unwrap();
    let refused = rerun_benchmark(ctx, &ada, orphan).await;
    let Err(ServiceError::Conflict(text)) = refused else {
        panic!("a plan without its cluster was run again: {refused:?}");
    };
    let cluster = format!("the cluster “{}” is gone", plan.cluster.name);
    assert!(text.contains(&cluster), "{text}");
    assert!(text.contains("the key of the endpoint is gone"), "{text}");
    assert_eq!(list_reruns(ctx, &ada, orphan).await.unwrap(), []);
}
