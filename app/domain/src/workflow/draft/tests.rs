mod datasets;
mod docker;
mod keep;
mod limits;
mod load_from;
mod proxy;

use uuid::Uuid;

use super::*;
use crate::catalogue::{ClusterKind, CredentialKind, ModelSource, Node, NodeAccess};
use crate::dataset::{Dataset, DatasetFormat, DatasetState, Rejections, TokenizerUsed};
use crate::engine::EngineCommand;
use crate::plan::{Deployment, RunPlan};
use crate::time::Timestamp;
use crate::workflow::planning::build_plan;
use crate::workload::{Arrival, Prompts};

fn node(bits: u128) -> Node {
    Node {
        id: NodeId(Uuid::from_u128(bits)),
        name: format!("n{bits}"),
        access: NodeAccess::default(),
        inventory: None,
        last_check: None,
        held_by: None,
    }
}

fn cluster(bits: u128, kind: ClusterKind) -> Cluster {
    Cluster {
        id: ClusterId(Uuid::from_u128(bits)),
        name: format!("c{bits}"),
        kind,
        description: String::new(),
        nodes: vec![node(bits * 10), node(bits * 10 + 1)],
        last_check: None,
        created_at: Timestamp(0),
        archived_at: None,
    }
}

fn model(bits: u128, source: ModelSource) -> Model {
    Model {
        id: ModelId(Uuid::from_u128(bits)),
        name: format!("m{bits}"),
        served_name: format!("m{bits}"),
        source,
        tokenizer_path: String::new(),
        description: String::new(),
        facts: None,
        created_at: Timestamp(0),
        archived_at: None,
    }
}

fn endpoint(base_url: &str) -> ClusterKind {
    ClusterKind::Endpoint {
        base_url: base_url.to_owned(),
        credential_id: None,
    }
}

fn credential(bits: u128, base_url: &str) -> Credential {
    Credential {
        id: CredentialId(Uuid::from_u128(bits)),
        name: format!("k{bits}"),
        kind: CredentialKind::ProviderKey,
        user: String::new(),
        endpoint_id: None,
        base_url: base_url.to_owned(),
        description: String::new(),
        created_at: Timestamp(0),
        rotated_at: None,
        last_test: None,
        archived_at: None,
    }
}

fn dataset(bits: u128, row_count: u32) -> Dataset {
    Dataset {
        id: DatasetId(Uuid::from_u128(bits)),
        name: format!("d{bits}"),
        description: String::new(),
        format: DatasetFormat::Jsonl,
        state: DatasetState::Ready,
        failure: None,
        file_name: String::new(),
        file_sha256: "00".repeat(32),
        file_bytes: 1,
        read_bytes: 1,
        sha256: Some(format!("{bits:064x}")),
        bytes: 1,
        row_count,
        rejected_count: 0,
        has_multi_turn: false,
        tokenizer: TokenizerUsed::Estimate,
        input: None,
        output: None,
        rejections: Rejections::default(),
        is_builtin: false,
        owner_name: None,
        created_at: Timestamp(0),
        archived_at: None,
    }
}

pub(in crate::workflow) fn catalogue() -> Catalogue {
    Catalogue {
        clusters: vec![
            cluster(1, ClusterKind::ThisMachine),
            cluster(2, endpoint("http://h")),
            cluster(3, endpoint("http://other")),
            cluster(4, ClusterKind::Machines),
        ],
        models: vec![
            model(
                1,
                ModelSource::LocalPath {
                    path: "/m.gguf".to_owned(),
                },
            ),
            model(2, ModelSource::Served),
            model(3, ModelSource::Reference),
            model(
                4,
                ModelSource::Cloud {
                    provider: "openai".to_owned(),
                    model: "gpt".to_owned(),
                    price: None,
                },
            ),
        ],
        credentials: vec![
            credential(1, "http://h/v1"),
            credential(2, "http://other"),
            Credential {
                archived_at: Some(Timestamp(1)),
                ..credential(3, "http://h")
            },
            Credential {
                endpoint_id: Some(ClusterId(Uuid::from_u128(3))),
                ..credential(4, "http://h")
            },
        ],
        datasets: vec![dataset(1, 400), dataset(2, 20)],
    }
}

pub(in crate::workflow) fn id(bits: u128) -> String {
    Uuid::from_u128(bits).to_string()
}

fn basic() -> StepForm {
    StepForm::BasicInfo(BasicForm {
        name: "nightly".to_owned(),
        ..BasicForm::default()
    })
}

fn choose_cluster(bits: u128) -> StepForm {
    StepForm::Cluster(ClusterChoiceForm {
        cluster_id: id(bits),
    })
}

fn choose_nodes(bits: &[u128]) -> StepForm {
    StepForm::Nodes(NodesForm {
        node_ids: bits.iter().copied().map(id).collect(),
        load_from: String::new(),
    })
}

fn choose_model(bits: u128, preset: &str) -> StepForm {
    let engine = EngineForm {
        preset: preset.to_owned(),
        ..EngineForm::default()
    };
    StepForm::Model(ModelChoiceForm {
        model_id: id(bits),
        engine,
    })
}

fn choose_credential(bits: u128) -> StepForm {
    StepForm::Credential(CredentialChoiceForm {
        credential_id: id(bits),
        ..CredentialChoiceForm::default()
    })
}

fn confirm() -> StepForm {
    StepForm::Confirm(ConfirmForm {
        confirmed: "on".to_owned(),
    })
}

/// Everything but the confirmation, for a provider's model.
fn cloud() -> Vec<StepForm> {
    vec![
        basic(),
        StepForm::Evaluation(EvaluationForm::default()),
        choose_cluster(2),
        choose_nodes(&[20]),
        choose_model(4, ""),
        choose_credential(1),
    ]
}

fn answered(forms: &[StepForm]) -> Draft {
    forms.iter().fold(Draft::default(), |draft, form| {
        draft.answer(form, &catalogue()).unwrap()
    })
}

fn complete() -> Vec<StepForm> {
    let evaluation = StepForm::Evaluation(EvaluationForm::default());
    let place = [
        choose_cluster(1),
        choose_nodes(&[10]),
        choose_model(1, "llama_cpp"),
        confirm(),
    ];
    [basic(), evaluation].into_iter().chain(place).collect()
}

#[test]
fn every_step_leads_to_the_next() {
    let mut draft = Draft::default();
    let asked = Step::ALL
        .into_iter()
        .filter(|step| *step != Step::Credential);
    for (form, expected) in complete().iter().zip(asked) {
        assert_eq!(draft.first_open_step(&catalogue()), expected);
        draft = draft.answer(form, &catalogue()).unwrap();
    }
    assert_eq!(draft.first_open_step(&catalogue()), Step::Execute);
    let after = draft.step_after(Step::Model, &catalogue());
    let before = draft.step_before(Step::Confirm, &catalogue());
    assert_eq!((after, before), (Some(Step::Confirm), Some(Step::Model)));
}

#[test]
fn a_cloud_model_asks_for_its_credential() {
    let mut draft = Draft::default();
    for (form, expected) in cloud().iter().zip(Step::ALL) {
        assert_eq!(draft.first_open_step(&catalogue()), expected);
        draft = draft.answer(form, &catalogue()).unwrap();
        assert_eq!(draft.form(expected).as_ref(), Some(form));
    }
    assert_eq!(draft.first_open_step(&catalogue()), Step::Confirm);
    let after = draft.step_after(Step::Model, &catalogue());
    assert_eq!(after, Some(Step::Credential));

    let plan = build_plan(&draft, &catalogue()).unwrap();
    let sent = Some(CredentialId(Uuid::from_u128(1)));
    assert!(
        matches!(plan.deployment, Deployment::Endpoint { credential_id, .. } if credential_id == sent)
    );
    let again = Draft::from_plan(&plan);
    assert_eq!(build_plan(&again, &catalogue()).unwrap(), plan);
}

#[test]
fn a_credential_is_only_chosen_for_its_own_place() {
    let catalogue = catalogue();
    let draft = answered(&cloud()[..5]);
    let refused = |bits: u128| {
        let errors = draft
            .answer(&choose_credential(bits), &catalogue)
            .unwrap_err();
        errors.at("credential_id").unwrap().to_owned()
    };
    assert!(refused(2).contains("only sent to http://other"));
    assert!(refused(3).contains("archived"));
    assert!(refused(4).contains("another endpoint"));
    assert!(refused(9).contains("gone"));

    // A plan never trusts what the draft says.
    let mut forged = answered(&cloud());
    forged.credential_id = Some(CredentialId(Uuid::from_u128(2)));
    let errors = build_plan(&forged, &catalogue).unwrap_err();
    assert!(errors.at("credential_id").is_some());
    assert_eq!(forged.first_open_step(&catalogue), Step::Credential);
}

#[test]
fn a_credential_goes_with_what_it_was_for() {
    let draft = answered(&cloud());
    let moved = draft.answer(&choose_cluster(3), &catalogue()).unwrap();
    assert_eq!(moved.credential_id, None, "another address");
    let served = draft.answer(&choose_model(2, ""), &catalogue()).unwrap();
    assert_eq!(served.credential_id, None, "no cloud model");
    assert_eq!(served.first_open_step(&catalogue()), Step::Confirm);
    let errors = served.answer(&choose_credential(1), &catalogue());
    assert!(errors.unwrap_err().at("credential_id").is_some());
}

#[test]
fn an_endpoint_does_not_send_a_key_that_is_not_for_its_address() {
    let mut catalogue = catalogue();
    let draft = answered(&[cloud()[..4].to_vec(), vec![choose_model(2, "")]].concat());
    let mut with_key = |bits| {
        catalogue.clusters[1].kind = ClusterKind::Endpoint {
            base_url: "http://h".to_owned(),
            credential_id: Some(CredentialId(Uuid::from_u128(bits))),
        };
        build_plan(&draft, &catalogue)
    };
    assert!(with_key(1).is_ok());
    assert!(with_key(3).is_ok(), "one that was archived is still sent");
    assert!(with_key(2).unwrap_err().at("cluster_id").is_some());
}

#[test]
fn every_form_comes_back_as_it_was_answered() {
    let draft = answered(&complete());
    let asked = Step::ALL
        .into_iter()
        .filter(|step| *step != Step::Credential);
    for (form, step) in complete().iter().zip(asked) {
        assert_eq!(draft.form(step).as_ref(), Some(form));
    }
}

#[test]
fn going_back_keeps_what_still_holds() {
    let draft = answered(&complete());
    let renamed = draft.answer(&basic(), &catalogue()).unwrap();
    assert_eq!(
        renamed.first_open_step(&catalogue()),
        Step::Confirm,
        "must be confirmed anew"
    );
    assert_eq!(renamed.model, draft.model);

    let moved = draft.answer(&choose_cluster(2), &catalogue()).unwrap();
    assert!(moved.node_ids.is_empty(), "nodes of the other cluster");
    assert_eq!(moved.evaluation, draft.evaluation);
    assert_eq!(
        moved.model.as_ref().unwrap().engine,
        None,
        "an endpoint serves already"
    );
    assert_eq!(moved.first_open_step(&catalogue()), Step::Nodes);
}

#[test]
fn a_plan_can_be_started_from_again() {
    let draft = answered(&complete());
    let plan = build_plan(&draft, &catalogue()).unwrap();
    let again = Draft::from_plan(&plan);
    assert_eq!(build_plan(&again, &catalogue()).unwrap(), plan);
    assert_eq!(again.first_open_step(&catalogue()), Step::Confirm);
}

#[test]
fn an_open_loop_started_from_again_asks_for_the_usual_concurrency() {
    let draft = answered(&complete());
    let mut plan = build_plan(&draft, &catalogue()).unwrap();
    plan.workload.arrival = Arrival::open_loop(Finite::from(4), ArrivalProcess::Poisson);
    let again = Draft::from_plan(&plan);
    assert_eq!(build_plan(&again, &catalogue()).unwrap(), plan);
    assert_eq!(
        again.basic.unwrap().concurrent_requests.to_string(),
        BasicForm::default().concurrent_requests
    );
}

#[test]
fn a_custom_command_started_from_again_follows_the_model() {
    let draft = answered(&complete());
    let mut plan = build_plan(&draft, &catalogue()).unwrap();
    let words = ["serve", "--name", "m1"].map(str::to_owned);
    plan.deployment = Deployment::Process {
        preset: EnginePreset::Custom,
        command: EngineCommand {
            words: words.into(),
            environment: Vec::new(),
        },
        readiness_timeout_s: 60,
        archive: None,
    };
    let engine = Draft::from_plan(&plan).model.unwrap().engine.unwrap();
    assert_eq!(engine.arguments, ["serve", "--name", "{served_name}"]);
}

/// It belongs to far machines: the plan for another place has none, and starting from a plan again keeps it.
#[test]
fn an_archive_goes_with_an_engine_to_a_far_machine() {
    let StepForm::Model(mut form) = choose_model(1, "llama_cpp") else {
        unreachable!();
    };
    "/opt/llama.tar.gz".clone_into(&mut form.engine.archive);
    let archive_of = |cluster: u128| {
        let place = [choose_cluster(cluster), choose_nodes(&[cluster * 10])];
        let start = [basic(), StepForm::Evaluation(EvaluationForm::default())];
        let forms: Vec<StepForm> = start.into_iter().chain(place).collect();
        let draft = answered(&forms).answer(&StepForm::Model(form.clone()), &catalogue());
        let plan = build_plan(&draft.unwrap(), &catalogue()).unwrap();
        let again = build_plan(&Draft::from_plan(&plan), &catalogue()).unwrap();
        assert_eq!(again, plan);
        match plan.deployment {
            Deployment::Process { archive, .. } => archive,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(archive_of(4).as_deref(), Some("/opt/llama.tar.gz"));
    assert_eq!(archive_of(1), None);
}

#[test]
fn choices_that_do_not_fit_say_so() {
    let catalogue = catalogue();
    let draft = answered(&[basic(), choose_cluster(1), choose_nodes(&[10])]);
    let refused = |form: &StepForm, field: &str| {
        draft
            .answer(form, &catalogue)
            .unwrap_err()
            .at(field)
            .map(str::to_owned)
            .unwrap()
    };
    assert!(refused(&choose_nodes(&[20]), "node_ids").contains("c1"));
    assert!(refused(&choose_nodes(&[]), "node_ids").contains("at least one"));
    assert!(refused(&choose_model(2, "vllm"), "model_id").contains("endpoint"));
    assert!(refused(&choose_model(1, "ollama"), "model_id").contains("library"));
    assert!(draft.answer(&choose_model(2, "ollama"), &catalogue).is_ok());
    assert!(refused(&choose_model(3, "vllm"), "model_id").contains("reference engine"));
    assert!(refused(&choose_model(4, "vllm"), "model_id").contains("litellm proxy"));
    assert!(refused(&choose_model(1, "litellm"), "model_id").contains("cloud model"));
    assert!(refused(&choose_model(9, "vllm"), "model_id").contains("Choose a model"));
    assert!(refused(&choose_cluster(9), "cluster_id").contains("Choose a cluster"));
}

#[test]
fn an_incomplete_draft_cannot_be_confirmed() {
    let errors = answered(&[basic()])
        .answer(&confirm(), &catalogue())
        .unwrap_err();
    assert!(errors.at("input_tokens").is_some());
}

#[test]
fn a_plan_is_carried_out_once_to_explore_unless_told_otherwise() {
    let form = BasicForm {
        name: "x".to_owned(),
        ..BasicForm::default()
    };
    let answers = form.validate().unwrap();
    assert_eq!((answers.purpose, answers.reruns), (Purpose::Exploratory, 1));
    let gate = BasicForm {
        purpose: "gating".to_owned(),
        reruns: "20".to_owned(),
        ..form.clone()
    };
    let answers = gate.validate().unwrap();
    assert_eq!((answers.purpose, answers.reruns), (Purpose::Gating, 20));
    assert_eq!(BasicForm::of(&answers), gate);
    let wrong = BasicForm {
        purpose: "fun".to_owned(),
        reruns: "21".to_owned(),
        ..form
    };
    let errors = wrong.validate().unwrap_err();
    assert_eq!(errors.at("purpose"), Some("Choose what the run is for."));
    let message = "Give the number of runs as a whole number from 1 to 20.";
    assert_eq!(errors.at("reruns"), Some(message));
}

#[test]
fn a_draft_saved_before_there_were_reruns_is_read() {
    let saved = r#"{"name":"x","tags":[],"description":"","concurrent_requests":8,"method":"configuration"}"#;
    let answers: BasicAnswers = serde_json::from_str(saved).unwrap();
    assert_eq!((answers.purpose, answers.reruns), (Purpose::Exploratory, 1));
}
