use super::*;
use crate::engine::EnginePreset;
use crate::workflow::draft::tests::{catalogue, id};
use crate::workflow::planning::build_plan;

/// What clients of the reference repeat with every step.
fn basic() -> WorkflowCall {
    WorkflowCall {
        name: Some("test-111".to_owned()),
        tags: Some(Vec::new()),
        description: Some("test-111".to_owned()),
        concurrent_requests: Some(50),
        eval_with: Some("configuration".to_owned()),
        ..WorkflowCall::default()
    }
}

fn lengths() -> LoadCall {
    LoadCall {
        input_tokens: Some("50".to_owned()),
        output_tokens: Some("100".to_owned()),
        ..LoadCall::default()
    }
}

fn everything() -> WorkflowCall {
    WorkflowCall {
        load: lengths(),
        cluster_id: Some(id(2)),
        nodes: Some(vec![NodeCall {
            hostname: Some("n20".to_owned()),
            ..NodeCall::default()
        }]),
        model_id: Some(id(2)),
        user_confirmation: Some(true),
        ..basic()
    }
}

#[test]
fn the_reference_s_steps_one_by_one_give_the_plan_of_one_call() {
    let catalogue = catalogue();
    let all = everything();
    let steps = [
        basic(),
        WorkflowCall {
            load: lengths(),
            ..basic()
        },
        WorkflowCall {
            cluster_id: all.cluster_id.clone(),
            ..basic()
        },
        WorkflowCall {
            nodes: all.nodes.clone(),
            ..basic()
        },
        WorkflowCall {
            model_id: all.model_id.clone(),
            ..basic()
        },
        WorkflowCall {
            user_confirmation: Some(true),
            ..basic()
        },
        basic(),
    ];
    let stepwise = steps.iter().fold(Draft::default(), |draft, call| {
        draft.answer_call(call, &catalogue).unwrap()
    });
    let at_once = Draft::default().answer_call(&all, &catalogue).unwrap();
    assert_eq!(stepwise, at_once);
    assert_eq!(at_once.missing(&catalogue), []);
    let plan = build_plan(&at_once, &catalogue).unwrap();
    assert_eq!(plan.workload.arrival.concurrency(), Some(50));
    assert_eq!(plan.workload.input.to_string(), "50");
}

#[test]
fn a_change_takes_the_confirmation_back_and_a_repetition_does_not() {
    let catalogue = catalogue();
    let confirmed = Draft::default()
        .answer_call(&everything(), &catalogue)
        .unwrap();
    let again = confirmed.answer_call(&basic(), &catalogue).unwrap();
    assert!(again.is_confirmed);
    let changed = WorkflowCall {
        concurrent_requests: Some(51),
        ..WorkflowCall::default()
    };
    let changed = confirmed.answer_call(&changed, &catalogue).unwrap();
    let missing = changed.missing(&catalogue);
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].field, "user_confirmation");
}

#[test]
fn a_cloud_model_wants_a_credential_and_no_other_does() {
    let mut call = everything();
    call.model_id = Some(id(4));
    call.user_confirmation = None;
    let draft = Draft::default().answer_call(&call, &catalogue()).unwrap();
    let missing = draft.missing(&catalogue());
    let fields: Vec<&str> = missing.iter().map(|answer| answer.field).collect();
    assert_eq!(fields, ["credential_id", "user_confirmation"]);
    call.credential_id = Some(id(1));
    call.user_confirmation = Some(true);
    let draft = Draft::default().answer_call(&call, &catalogue()).unwrap();
    assert_eq!(draft.missing(&catalogue()), []);
    call.model_id = Some(id(2));
    let errors = draft.answer_call(&call, &catalogue()).unwrap_err();
    assert!(errors.at("credential_id").is_some(), "{errors:?}");
}

#[test]
fn every_bad_field_is_named_as_the_call_names_it() {
    let call = WorkflowCall {
        name: Some(" ".to_owned()),
        concurrent_requests: Some(0),
        load: LoadCall {
            input_tokens: Some("many".to_owned()),
            output_tokens: Some("0".to_owned()),
            ..LoadCall::default()
        },
        cluster_id: Some(id(1)),
        nodes: Some(vec![NodeCall::default()]),
        model_id: Some(id(9)),
        ..basic()
    };
    let errors = Draft::default()
        .answer_call(&call, &catalogue())
        .unwrap_err();
    for field in [
        "name",
        "concurrent_requests",
        "max_input_tokens",
        "max_output_tokens",
        "nodes.0",
        "model_id",
    ] {
        assert!(errors.at(field).is_some(), "{field}: {errors:?}");
    }
}

#[test]
fn what_says_nothing_beside_the_shape_of_the_load_is_refused_at_its_field() {
    let answered = |load: LoadCall| {
        let call = WorkflowCall { load, ..basic() };
        Draft::default().answer_call(&call, &catalogue())
    };
    let shaped = |arrival: Option<&str>, rate: Option<&str>| LoadCall {
        arrival: arrival.map(str::to_owned),
        rate_per_s: rate.map(str::to_owned),
        ..lengths()
    };
    let bursty = LoadCall {
        burstiness: Some("2".to_owned()),
        ..shaped(Some("constant"), Some("2"))
    };
    let capped = LoadCall {
        in_flight_max: Some(4),
        ..shaped(None, None)
    };
    for (load, field) in [
        (bursty, "burstiness"),
        (capped, "in_flight_max"),
        (shaped(Some("closed"), Some("2")), "rate_per_s"),
        (shaped(Some("poisson"), None), "rate_per_s"),
        (shaped(Some("poisson"), Some("0.0001")), "rate_per_s"),
    ] {
        let errors = answered(load).unwrap_err();
        assert!(errors.at(field).is_some(), "{field}: {errors:?}");
    }
    let mut long = shaped(Some("constant"), Some("0.001"));
    long.request_count = Some(100_000);
    let errors = answered(long).unwrap_err();
    assert!(errors.at("rate_per_s").unwrap().contains("1157 days"));
    assert!(answered(shaped(Some("poisson"), Some("2"))).is_ok());
}

#[test]
fn an_empty_draft_misses_every_step() {
    let missing = Draft::default().missing(&catalogue());
    let fields: Vec<&str> = missing.iter().map(|answer| answer.field).collect();
    assert_eq!(
        fields,
        [
            "name",
            "concurrent_requests",
            "eval_with",
            "max_input_tokens",
            "max_output_tokens",
            "cluster_id",
            "nodes",
            "model_id",
            "user_confirmation"
        ]
    );
}

#[test]
fn an_engine_follows_from_the_model_unless_it_is_named() {
    let mut call = everything();
    call.cluster_id = Some(id(1));
    call.nodes = Some(vec![NodeCall {
        id: Some(id(10)),
        hostname: Some("another name".to_owned()),
    }]);
    for (model, preset) in [(1, EnginePreset::LlamaCpp), (3, EnginePreset::Reference)] {
        call.model_id = Some(id(model));
        let draft = Draft::default().answer_call(&call, &catalogue()).unwrap();
        let engine = draft.model.unwrap().engine.unwrap();
        assert_eq!(engine.preset, preset);
    }
    call.model_id = Some(id(1));
    call.engine = Some(EngineCall {
        preset: Some("custom".to_owned()),
        arguments: Some(vec!["serve".to_owned(), "--port={port}".to_owned()]),
        environment: Some(vec![("A".to_owned(), "x y".to_owned())]),
        readiness_timeout_s: Some(7),
        ..EngineCall::default()
    });
    let draft = Draft::default().answer_call(&call, &catalogue()).unwrap();
    let engine = draft.model.unwrap().engine.unwrap();
    assert_eq!(engine.arguments, ["serve", "--port={port}"]);
    assert_eq!(engine.environment, [("A".to_owned(), "x y".to_owned())]);
    assert_eq!(engine.readiness_timeout_s, 7);
}

#[test]
fn a_variable_of_a_call_stays_one_variable() {
    let mut call = everything();
    call.cluster_id = Some(id(1));
    call.model_id = Some(id(1));
    for (name, value) in [
        ("A=B", "x"),
        ("A=x\nB", "y"),
        ("A", "x\nB=y"),
        ("A", "x\0y"),
    ] {
        call.engine = Some(EngineCall {
            environment: Some(vec![(name.to_owned(), value.to_owned())]),
            ..EngineCall::default()
        });
        let errors = Draft::default()
            .answer_call(&call, &catalogue())
            .unwrap_err();
        assert!(
            errors.at("engine.environment").is_some(),
            "{name:?}: {errors:?}"
        );
    }
}

#[test]
fn a_container_is_asked_for_in_a_call() {
    let mut call = everything();
    call.cluster_id = Some(id(1));
    call.nodes = Some(vec![NodeCall {
        id: Some(id(10)),
        hostname: None,
    }]);
    call.model_id = Some(id(1));
    let engine = |runs_as: Option<&str>, container: ContainerCall| {
        Some(EngineCall {
            runs_as: runs_as.map(str::to_owned),
            container,
            ..EngineCall::default()
        })
    };
    let container = ContainerCall {
        cpus: Some("0-3".to_owned()),
        memory_gib: Some(8),
        ..ContainerCall::default()
    };
    call.engine = engine(Some("container"), container.clone());
    let draft = Draft::default().answer_call(&call, &catalogue()).unwrap();
    let chosen = draft
        .model
        .clone()
        .unwrap()
        .engine
        .unwrap()
        .container
        .unwrap();
    assert_eq!(chosen.image, "ghcr.io/ggml-org/llama.cpp:server");
    assert_eq!(
        (chosen.cpus.as_str(), chosen.memory_bytes),
        ("0-3", Some(8 << 30))
    );
    // What a later call leaves out stays.
    call.engine = engine(
        None,
        ContainerCall {
            port: Some(9),
            ..ContainerCall::default()
        },
    );
    let draft = draft.answer_call(&call, &catalogue()).unwrap();
    let chosen = draft.model.unwrap().engine.unwrap().container.unwrap();
    assert_eq!((chosen.port, chosen.cpus.as_str()), (9, "0-3"));

    let refused = |runs_as, container| {
        let mut call = call.clone();
        call.engine = engine(runs_as, container);
        Draft::default()
            .answer_call(&call, &catalogue())
            .unwrap_err()
    };
    let idle = refused(None, container);
    assert!(idle.at("engine.cpus").unwrap().contains("Leave cpus out"));
    let odd = ContainerCall {
        image: Some("two words".to_owned()),
        ..ContainerCall::default()
    };
    assert!(refused(Some("container"), odd).at("engine.image").is_some());
}

#[test]
fn an_archive_is_asked_for_where_it_can_be_brought() {
    let mut call = everything();
    call.model_id = Some(id(1));
    let mut answer = |cluster: u128, runs_as: &str| {
        call.cluster_id = Some(id(cluster));
        call.nodes = Some(vec![NodeCall {
            id: Some(id(cluster * 10)),
            hostname: None,
        }]);
        call.engine = Some(EngineCall {
            runs_as: Some(runs_as.to_owned()),
            archive: Some("/opt/llama.tar.gz".to_owned()),
            ..EngineCall::default()
        });
        Draft::default().answer_call(&call, &catalogue())
    };
    let engine = answer(4, "process").unwrap().model.unwrap().engine.unwrap();
    assert_eq!(engine.archive, "/opt/llama.tar.gz");
    for (cluster, runs_as) in [(1, "process"), (4, "container")] {
        let errors = answer(cluster, runs_as).unwrap_err();
        let message = errors.at("engine.archive").unwrap();
        assert!(message.contains("Leave archive out"), "{message}");
    }
}

#[test]
fn datasets_take_the_place_of_the_length_of_prompts() {
    let catalogue = catalogue();
    let mut call = everything();
    call.eval_with = Some("dataset".to_owned());
    call.load = LoadCall {
        dataset_ids: Some(vec![id(2), id(1)]),
        ..LoadCall::default()
    };
    let draft = Draft::default().answer_call(&call, &catalogue).unwrap();
    assert_eq!(draft.missing(&catalogue), []);
    let plan = build_plan(&draft, &catalogue).unwrap();
    let drawn_from = plan.workload.prompts.datasets().iter();
    let names: Vec<&str> = drawn_from.map(|dataset| dataset.name.as_str()).collect();
    assert_eq!(names, ["d2", "d1"]);

    call.load.dataset_ids = Some(vec![id(7)]);
    let errors = Draft::default().answer_call(&call, &catalogue).unwrap_err();
    assert!(errors.at("dataset_ids").is_some(), "{errors:?}");
    call.load = LoadCall::default();
    call.user_confirmation = None;
    let draft = Draft::default().answer_call(&call, &catalogue).unwrap();
    let missing = draft.missing(&catalogue);
    assert_eq!(missing[0].field, "dataset_ids");
}

#[test]
fn a_later_step_repeats_the_method_and_does_not_change_it() {
    let catalogue = catalogue();
    let draft = Draft::default().answer_call(
        &WorkflowCall {
            load: lengths(),
            ..basic()
        },
        &catalogue,
    );
    let draft = draft.unwrap();
    let repeated = WorkflowCall {
        step_number: Some(3),
        eval_with: Some("dataset".to_owned()),
        cluster_id: Some(id(2)),
        ..basic()
    };
    let later = draft.answer_call(&repeated, &catalogue).unwrap();
    assert_eq!(
        later.basic.as_ref().unwrap().method,
        EvaluationMethod::Configuration
    );
    let at_step_1 = WorkflowCall {
        step_number: Some(1),
        ..repeated
    };
    let changed = draft.answer_call(&at_step_1, &catalogue).unwrap();
    assert_eq!(
        changed.basic.as_ref().unwrap().method,
        EvaluationMethod::Dataset
    );
}
