//! What each role may not do, over every use case that changes something.

use domain::access::Role;
use domain::catalogue::{EndpointForm, MachinesForm, ModelForm, SshHop};
use domain::dataset::{DatasetEdit, DatasetForm};
use domain::id::{BenchmarkId, ClusterId, CredentialId, DatasetId, ModelId, NodeId, WorkflowId};
use domain::workflow::StepForm;
use domain::workflow::form::BasicForm;
use service::{Actor, Ctx, ServiceError, benchmarks, catalogue, datasets, samples, workflows};
use uuid::Uuid;

use crate::house::House;

/// Asks for everything that changes something or reaches into the network. Nothing named exists, so
/// whoever may is told “not found” or gets messages at fields, and nobody changes anything.
async fn ask_for_everything(ctx: &Ctx, actor: &Actor) -> Vec<(&'static str, ServiceError)> {
    let nil = Uuid::nil();
    let (benchmark, workflow) = (BenchmarkId(nil), WorkflowId(nil));
    let (model, cluster) = (ModelId(nil), ClusterId(nil));
    let (dataset, no_edit) = (DatasetId(nil), DatasetEdit::default());
    let credential = CredentialId(nil);
    let step = StepForm::BasicInfo(BasicForm::default());
    let (no_model, no_endpoint) = (ModelForm::default(), EndpointForm::default());
    let answers = [
        (
            "cancel",
            benchmarks::cancel_benchmark(ctx, actor, benchmark)
                .await
                .err(),
        ),
        (
            "tag",
            benchmarks::set_tags(ctx, actor, benchmark, "x").await.err(),
        ),
        (
            "purpose",
            benchmarks::set_purpose(ctx, actor, benchmark, "gating")
                .await
                .err(),
        ),
        (
            "archive",
            benchmarks::set_archived(ctx, actor, benchmark, true)
                .await
                .err(),
        ),
        (
            "run again",
            benchmarks::rerun_benchmark(ctx, actor, benchmark)
                .await
                .err(),
        ),
        (
            "delete benchmark",
            benchmarks::delete_benchmark(ctx, actor, benchmark)
                .await
                .err(),
        ),
        (
            "start",
            workflows::start_workflow(ctx, actor, Some(benchmark))
                .await
                .err(),
        ),
        (
            "answer",
            workflows::answer_step(ctx, actor, workflow, 1, &step)
                .await
                .err(),
        ),
        (
            "discard",
            workflows::discard_workflow(ctx, actor, workflow)
                .await
                .err(),
        ),
        (
            "execute",
            workflows::execute_workflow(ctx, actor, workflow, 1)
                .await
                .err(),
        ),
        (
            "save model",
            catalogue::save_model(ctx, actor, None, &no_model)
                .await
                .err(),
        ),
        (
            "delete model",
            catalogue::delete_model(ctx, actor, model).await.err(),
        ),
        (
            "archive model",
            catalogue::archive_model(ctx, actor, model, true)
                .await
                .err(),
        ),
        (
            "read files",
            catalogue::read_model_files(ctx, actor, model).await.err(),
        ),
        (
            "archive cluster",
            catalogue::archive_cluster(ctx, actor, cluster, true)
                .await
                .err(),
        ),
        (
            "see credential",
            catalogue::get_credential(ctx, actor, credential)
                .await
                .err(),
        ),
        (
            "test credential",
            catalogue::test_credential(ctx, actor, credential)
                .await
                .err(),
        ),
        (
            "save machines",
            catalogue::save_machines(ctx, actor, None, &MachinesForm::default())
                .await
                .err(),
        ),
        (
            "accept a host key",
            catalogue::accept_host_key(ctx, actor, cluster, NodeId(nil), SshHop::Node, "x")
                .await
                .err(),
        ),
        (
            "save endpoint",
            catalogue::save_endpoint(ctx, actor, None, &no_endpoint)
                .await
                .err(),
        ),
        (
            "delete cluster",
            catalogue::delete_cluster(ctx, actor, cluster).await.err(),
        ),
        (
            "check cluster",
            catalogue::check_cluster(ctx, actor, cluster).await.err(),
        ),
        (
            "read inventory",
            catalogue::refresh_inventory(ctx, actor, cluster)
                .await
                .err(),
        ),
        (
            "adopt",
            catalogue::adopt_engine(ctx, actor, "http://127.0.0.1:1")
                .await
                .err(),
        ),
        (
            "upload dataset",
            datasets::begin_upload(ctx, actor, &DatasetForm::default(), None)
                .await
                .err(),
        ),
        (
            "change dataset",
            datasets::update_dataset(ctx, actor, dataset, &no_edit)
                .await
                .err(),
        ),
        (
            "archive dataset",
            datasets::archive_dataset(ctx, actor, dataset, true)
                .await
                .err(),
        ),
        (
            "delete dataset",
            datasets::delete_dataset(ctx, actor, dataset).await.err(),
        ),
        ("samples", samples::run_demo_samples(ctx, actor).await.err()),
    ];
    let refused = |(what, error): (&'static str, Option<ServiceError>)| Some((what, error?));
    answers.into_iter().filter_map(refused).collect()
}

#[tokio::test]
async fn a_viewer_changes_nothing() {
    let house = House::open().await;
    let viewer = house.person("viewer", Role::Viewer).await;
    let answers = ask_for_everything(&house.ctx, &viewer).await;
    assert_eq!(answers.len(), 29);
    for (what, error) in answers {
        assert!(
            matches!(&error, ServiceError::Forbidden(text) if text.contains("role operator")),
            "{what}: {error:?}"
        );
    }
    let found = catalogue::find_local_engines(&house.ctx, &viewer)
        .await
        .unwrap();
    assert_eq!(found, [], "nothing is offered that a viewer could not take");
}

#[tokio::test]
async fn every_role_above_may_try() {
    let house = House::open().await;
    for role in [Role::Operator, Role::Lead, Role::Administrator] {
        let actor = house.person(role.as_str(), role).await;
        for (what, error) in ask_for_everything(&house.ctx, &actor).await {
            assert!(
                !matches!(error, ServiceError::Forbidden(_)),
                "{role:?} {what}: {error:?}"
            );
        }
    }
}
