//! The wizard: saved, resumed, contested, executed, discarded, started again.

use domain::access::Role;
use domain::run::RunStatus;
use domain::workflow::form::BasicForm;
use domain::workflow::{Step, StepForm, WorkflowState};
use service::ServiceError;
use service::benchmarks::{cancel_benchmark, get_benchmark, list_benchmarks, set_tags};
use service::workflows::{
    OPEN_WORKFLOWS_MAX, answer_step, discard_workflow, execute_workflow, get_catalogue,
    get_workflow, list_open_workflows, start_workflow,
};

use crate::house::{House, field_errors};

fn renamed(name: &str) -> StepForm {
    StepForm::BasicInfo(BasicForm {
        name: name.to_owned(),
        ..BasicForm::default()
    })
}

#[tokio::test]
async fn answers_are_saved_and_a_wrong_one_is_not() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let workflow = start_workflow(ctx, &ada, None).await.unwrap();
    let wrong = answer_step(ctx, &ada, workflow.id, workflow.revision, &renamed("")).await;
    assert_eq!(field_errors(wrong).at("name"), Some("Give a name."));

    let saved = answer_step(
        ctx,
        &ada,
        workflow.id,
        workflow.revision,
        &renamed("nightly"),
    )
    .await;
    let saved = saved.unwrap();
    let resumed = get_workflow(ctx, &ada, workflow.id).await.unwrap();
    assert_eq!(resumed, saved);
    let catalogue = get_catalogue(ctx, &ada).await.unwrap();
    assert_eq!(resumed.draft.first_open_step(&catalogue), Step::Evaluation);
    assert_eq!(list_open_workflows(ctx, &ada).await.unwrap(), [resumed]);
}

#[tokio::test]
async fn of_two_windows_the_later_one_is_told() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let shown = start_workflow(ctx, &ada, None).await.unwrap();
    let (one, two) = (renamed("one"), renamed("two"));
    let (first, second) = tokio::join!(
        answer_step(ctx, &ada, shown.id, shown.revision, &one),
        answer_step(ctx, &ada, shown.id, shown.revision, &two),
    );
    let (saved, refused) = if first.is_ok() {
        (first, second)
    } else {
        (second, first)
    };
    assert!(
        matches!(refused, Err(ServiceError::Conflict(text)) if text.contains("another window"))
    );
    let kept = get_workflow(ctx, &ada, shown.id).await.unwrap();
    assert_eq!(kept, saved.unwrap(), "nothing was overwritten");
}

#[tokio::test]
async fn a_confirmed_plan_is_queued_once() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let workflow = house.confirmed_workflow(&ada).await;
    let id = execute_workflow(ctx, &ada, workflow.id, workflow.revision)
        .await
        .unwrap();
    let again = execute_workflow(ctx, &ada, workflow.id, workflow.revision)
        .await
        .unwrap();
    assert_eq!(again, id, "a double click makes one benchmark");

    let benchmark = get_benchmark(ctx, &ada, id).await.unwrap();
    assert_eq!(
        (benchmark.status, benchmark.queue_position),
        (RunStatus::Queued, Some(1))
    );
    assert_eq!(benchmark.plan.name, "nightly");
    assert_eq!(benchmark.owner_name, "ada");
    let history = list_benchmarks(ctx, &ada, &domain::history::HistoryQuery::default()).await;
    assert_eq!(history.unwrap().active_count, 1);

    let executed = get_workflow(ctx, &ada, workflow.id).await.unwrap();
    assert_eq!(executed.state, WorkflowState::Executed { benchmark_id: id });
    assert_eq!(list_open_workflows(ctx, &ada).await.unwrap(), []);
    let late = answer_step(ctx, &ada, workflow.id, executed.revision, &renamed("late")).await;
    assert!(matches!(late, Err(ServiceError::Conflict(_))));
}

#[tokio::test]
async fn what_is_not_confirmed_is_not_executed() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let confirmed = house.confirmed_workflow(&ada).await;
    // Any other answer takes the confirmation back.
    let changed = answer_step(
        ctx,
        &ada,
        confirmed.id,
        confirmed.revision,
        &renamed("other"),
    )
    .await;
    let changed = changed.unwrap();
    let refused = execute_workflow(ctx, &ada, changed.id, changed.revision).await;
    assert!(matches!(refused, Err(ServiceError::Conflict(text)) if text.contains("Confirm")));
    let stale = execute_workflow(ctx, &ada, changed.id, confirmed.revision).await;
    assert!(matches!(stale, Err(ServiceError::Conflict(text)) if text.contains("another window")));
}

#[tokio::test]
async fn an_earlier_benchmark_is_a_start() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let grace = house.person("grace", Role::Operator).await;
    let workflow = house.confirmed_workflow(&ada).await;
    let id = execute_workflow(ctx, &ada, workflow.id, workflow.revision)
        .await
        .unwrap();
    let again = start_workflow(ctx, &grace, Some(id)).await.unwrap();
    let catalogue = get_catalogue(ctx, &grace).await.unwrap();
    assert_eq!(
        again.draft.first_open_step(&catalogue),
        Step::Confirm,
        "all but the confirmation"
    );
    assert_eq!(again.owner_id, grace.person.id);
}

#[tokio::test]
async fn a_draft_is_discarded_by_its_owner_alone() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let eve = house.person("eve", Role::Lead).await;
    let root = house.person("root", Role::Administrator).await;
    let workflow = start_workflow(ctx, &ada, None).await.unwrap();
    let refused = [
        discard_workflow(ctx, &eve, workflow.id).await.err(),
        get_workflow(ctx, &eve, workflow.id).await.err(),
        answer_step(ctx, &eve, workflow.id, workflow.revision, &renamed("mine"))
            .await
            .err(),
    ];
    for error in refused {
        assert!(
            matches!(error, Some(ServiceError::Forbidden(_))),
            "{error:?}"
        );
    }
    get_workflow(ctx, &root, workflow.id).await.unwrap();
    discard_workflow(ctx, &ada, workflow.id).await.unwrap();
    let gone = get_workflow(ctx, &ada, workflow.id).await;
    assert!(matches!(gone, Err(ServiceError::NotFound(_))));
}

#[tokio::test]
async fn drafts_of_one_person_are_bounded() {
    let house = House::open_seeded().await;
    let ada = house.person("ada", Role::Operator).await;
    for _ in 0..OPEN_WORKFLOWS_MAX {
        start_workflow(&house.ctx, &ada, None).await.unwrap();
    }
    let one_more = start_workflow(&house.ctx, &ada, None).await;
    assert!(matches!(one_more, Err(ServiceError::Conflict(_))));
}

#[tokio::test]
async fn a_benchmark_is_tagged_and_cancelled_by_those_who_may() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let eve = house.person("eve", Role::Operator).await;
    let lead = house.person("lead", Role::Lead).await;
    let workflow = house.confirmed_workflow(&ada).await;
    let id = execute_workflow(ctx, &ada, workflow.id, workflow.revision)
        .await
        .unwrap();

    assert_eq!(
        set_tags(ctx, &ada, id, "Gate, chat").await.unwrap(),
        ["gate", "chat"]
    );
    let refused = set_tags(ctx, &eve, id, "mine").await;
    assert!(matches!(refused, Err(ServiceError::Forbidden(_))));
    assert_eq!(set_tags(ctx, &lead, id, "rag").await.unwrap(), ["rag"]);
    let errors = field_errors(set_tags(ctx, &lead, id, &"x".repeat(65)).await);
    assert!(errors.at("tags").is_some());
    assert_eq!(get_benchmark(ctx, &ada, id).await.unwrap().tags, ["rag"]);

    cancel_benchmark(ctx, &ada, id).await.unwrap();
    cancel_benchmark(ctx, &eve, id).await.unwrap();
    let asked_by = house.store.cancel_request(id).await.unwrap();
    assert_eq!(asked_by.as_deref(), Some("ada"), "the first who asked");
}
