//! A workflow driven by calls: conflicts, concurrency, simulation, who may go on.

use domain::access::Role;
use domain::workflow::{LoadCall, NodeCall, WorkflowCall, WorkflowState};
use service::workflows::{
    RunWorkflow, cancel_run, get_standing, list_open_workflows, run_workflow,
};
use service::{Actor, ServiceError};

use crate::house::{House, field_errors};

/// Everything for a run of the reference engine on this machine, confirmed.
async fn everything(house: &House, actor: &Actor) -> WorkflowCall {
    let cluster = house.this_machine(actor).await;
    let nodes = cluster.nodes.iter().map(|node| NodeCall {
        id: None,
        hostname: Some(node.name.clone()),
    });
    WorkflowCall {
        name: Some("nightly".to_owned()),
        concurrent_requests: Some(2),
        eval_with: Some("configuration".to_owned()),
        load: LoadCall {
            input_tokens: Some("50".to_owned()),
            output_tokens: Some("uniform:10..20".to_owned()),
            ..LoadCall::default()
        },
        cluster_id: Some(cluster.id.to_string()),
        nodes: Some(nodes.collect()),
        model_id: Some(house.reference_model(actor).await.id.to_string()),
        user_confirmation: Some(true),
        ..WorkflowCall::default()
    }
}

fn start(answers: WorkflowCall) -> RunWorkflow {
    RunWorkflow {
        total_steps: Some(9),
        answers,
        ..RunWorkflow::default()
    }
}

#[tokio::test]
async fn one_call_with_everything_queues_a_benchmark_and_a_second_trigger_finds_it() {
    let house = House::open_seeded().await;
    let ada = house.person("ada", Role::Operator).await;
    let mut call = start(everything(&house, &ada).await);
    call.is_triggered = true;
    let standing = run_workflow(&house.ctx, &ada, &call).await.unwrap();
    let state = standing.workflow.state;
    assert!(matches!(state, WorkflowState::Executed { .. }), "{state:?}");
    assert!(standing.run_status.is_some() && standing.missing.is_empty());

    let again = RunWorkflow {
        workflow_id: Some(standing.workflow.id),
        total_steps: None,
        ..call
    };
    let again = run_workflow(&house.ctx, &ada, &again).await.unwrap();
    assert_eq!(again.workflow.state, state);
    let further = RunWorkflow {
        workflow_id: Some(standing.workflow.id),
        ..RunWorkflow::default()
    };
    let refused = run_workflow(&house.ctx, &ada, &further).await;
    assert!(matches!(refused, Err(ServiceError::Conflict(_))));
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_behind() {
    let house = House::open_seeded().await;
    let ada = house.person("ada", Role::Operator).await;
    let all = everything(&house, &ada).await;

    let mut simulated = start(all.clone());
    simulated.is_triggered = true;
    simulated.is_simulation = true;
    let errors = field_errors(run_workflow(&house.ctx, &ada, &simulated).await);
    assert!(errors.at("run_as_simulation").is_some());

    let mut unconfirmed = start(WorkflowCall {
        user_confirmation: None,
        cluster_id: None,
        nodes: None,
        model_id: None,
        ..all.clone()
    });
    unconfirmed.is_triggered = true;
    let errors = field_errors(run_workflow(&house.ctx, &ada, &unconfirmed).await);
    for field in ["cluster_id", "nodes", "model_id", "user_confirmation"] {
        assert!(errors.at(field).is_some(), "{field}: {errors:?}");
    }

    let both = RunWorkflow {
        workflow_id: Some(domain::id::WorkflowId(uuid::Uuid::nil())),
        ..start(all)
    };
    let errors = field_errors(run_workflow(&house.ctx, &ada, &both).await);
    assert!(errors.at("workflow_total_steps").is_some());
    let neither = run_workflow(&house.ctx, &ada, &RunWorkflow::default()).await;
    assert!(field_errors(neither).at("workflow_id").is_some());
    assert_eq!(list_open_workflows(&house.ctx, &ada).await.unwrap(), []);
}

#[tokio::test]
async fn two_calls_at_once_lose_no_answer_and_an_old_revision_is_told() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let all = everything(&house, &ada).await;
    let begun = start(WorkflowCall {
        name: all.name.clone(),
        concurrent_requests: Some(2),
        eval_with: all.eval_with.clone(),
        ..WorkflowCall::default()
    });
    let begun = run_workflow(ctx, &ada, &begun).await.unwrap().workflow;
    let go_on = |answers| RunWorkflow {
        workflow_id: Some(begun.id),
        answers,
        ..RunWorkflow::default()
    };
    let load = go_on(WorkflowCall {
        load: all.load.clone(),
        ..WorkflowCall::default()
    });
    let cluster = go_on(WorkflowCall {
        cluster_id: all.cluster_id.clone(),
        ..WorkflowCall::default()
    });
    let (one, two) = tokio::join!(
        run_workflow(ctx, &ada, &load),
        run_workflow(ctx, &ada, &cluster)
    );
    one.unwrap();
    two.unwrap();
    let draft = get_standing(ctx, &ada, begun.id)
        .await
        .unwrap()
        .workflow
        .draft;
    assert!(draft.evaluation.is_some() && draft.cluster_id.is_some());

    let stale = RunWorkflow {
        revision: Some(begun.revision),
        ..load
    };
    let refused = run_workflow(ctx, &ada, &stale).await;
    assert!(matches!(refused, Err(ServiceError::Conflict(_))));
}

#[tokio::test]
async fn only_the_owner_and_administrators_go_on() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let begun = start(WorkflowCall {
        name: Some("ada's".to_owned()),
        concurrent_requests: Some(1),
        eval_with: Some("configuration".to_owned()),
        ..WorkflowCall::default()
    });
    let begun = run_workflow(ctx, &ada, &begun).await.unwrap().workflow;
    let rename = RunWorkflow {
        workflow_id: Some(begun.id),
        answers: WorkflowCall {
            name: Some("renamed".to_owned()),
            ..WorkflowCall::default()
        },
        ..RunWorkflow::default()
    };
    for (name, role) in [
        ("vera", Role::Viewer),
        ("olaf", Role::Operator),
        ("lea", Role::Lead),
    ] {
        let other = house.person(name, role).await;
        let refused = run_workflow(ctx, &other, &rename).await;
        assert!(matches!(refused, Err(ServiceError::Forbidden(_))), "{name}");
    }
    let root = house.person("root", Role::Administrator).await;
    let renamed = run_workflow(ctx, &root, &rename).await.unwrap();
    assert_eq!(renamed.workflow.owner_name, "ada");
    assert_eq!(renamed.workflow.draft.basic.unwrap().name, "renamed");
}

#[tokio::test]
async fn an_executed_workflow_takes_no_other_answers_and_is_cancelled_with_all_its_runs() {
    let house = House::open_seeded().await;
    let ada = house.person("ada", Role::Operator).await;
    let mut call = start(WorkflowCall {
        reruns: Some(3),
        ..everything(&house, &ada).await
    });
    call.is_triggered = true;
    let standing = run_workflow(&house.ctx, &ada, &call).await.unwrap();
    let workflow = standing.workflow.id;
    let WorkflowState::Executed { benchmark_id } = standing.workflow.state else {
        panic!("not executed: {standing:?}");
    };

    let other = RunWorkflow {
        workflow_id: Some(workflow),
        is_triggered: true,
        answers: WorkflowCall {
            concurrent_requests: Some(999),
            ..WorkflowCall::default()
        },
        ..RunWorkflow::default()
    };
    let refused = run_workflow(&house.ctx, &ada, &other).await;
    assert!(
        matches!(refused, Err(ServiceError::Conflict(_))),
        "{refused:?}"
    );

    cancel_run(&house.ctx, &ada, Some(workflow), None)
        .await
        .unwrap();
    let runs = service::benchmarks::list_reruns(&house.ctx, &ada, benchmark_id).await;
    let runs = runs.unwrap();
    assert_eq!(runs.len(), 3);
    for run in runs {
        let by = house.store.cancel_request(run.id).await.unwrap();
        assert_eq!(by.as_deref(), Some("ada"));
    }
}
