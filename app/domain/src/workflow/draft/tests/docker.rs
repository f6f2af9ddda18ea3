//! Machines that are reached through their Docker alone.

use super::*;
use crate::catalogue::{DockerAccess, DockerAddress};
use crate::engine::ContainerMount;

/// The usual catalogue, where the machines are behind Docker over TLS.
fn docker_machines() -> Catalogue {
    let mut catalogue = catalogue();
    let machines = catalogue.clusters.get_mut(3).unwrap();
    for node in &mut machines.nodes {
        node.access = NodeAccess::DockerTls(Box::new(DockerAccess {
            address: DockerAddress {
                host: node.name.clone(),
                port: 2376,
            },
            ca: String::new(),
            certificate: String::new(),
            credential_id: CredentialId(Uuid::nil()),
        }));
    }
    catalogue
}

fn answered_until_model(catalogue: &Catalogue) -> Draft {
    let mut draft = Draft::default();
    for form in complete().into_iter().take(2) {
        draft = draft.answer(&form, catalogue).unwrap();
    }
    draft = draft.answer(&choose_cluster(4), catalogue).unwrap();
    draft.answer(&choose_nodes(&[40]), catalogue).unwrap()
}

#[test]
fn nothing_but_containers_runs_there_and_no_files_are_sent() {
    let catalogue = docker_machines();
    let mut draft = answered_until_model(&catalogue);
    let process = choose_model(1, "llama_cpp");
    let errors = draft.answer(&process, &catalogue).unwrap_err();
    let told = errors.at("runs_as").unwrap();
    assert!(told.contains("Docker alone"), "{told}");

    let StepForm::Model(mut form) = process else {
        panic!("it answers the step of the model");
    };
    form.engine.runs_as = "container".to_owned();
    form.engine.container.image = "llama:1".to_owned();
    draft = draft.answer(&StepForm::Model(form), &catalogue).unwrap();
    let plan = build_plan(&draft, &catalogue).unwrap();
    assert!(plan.is_far() && plan.is_docker_only());
    let Deployment::Container { mounts, .. } = &plan.deployment else {
        panic!("{plan:?}");
    };
    // The same path as here, and not the folder that models are sent to.
    let there = ContainerMount {
        source: "/".to_owned(),
        target: "/models".to_owned(),
    };
    assert_eq!(mounts, &[there]);

    // Machines over SSH that became such since.
    let mut over_ssh = catalogue.clone();
    for node in &mut over_ssh.clusters.get_mut(3).unwrap().nodes {
        node.access = NodeAccess::default();
    }
    let mut draft = answered_until_model(&over_ssh);
    let process = choose_model(1, "llama_cpp");
    draft = draft.answer(&process, &over_ssh).unwrap();
    assert!(build_plan(&draft, &over_ssh).is_ok());
    let errors = build_plan(&draft, &catalogue).unwrap_err();
    assert!(errors.at("runs_as").is_some(), "{errors:?}");
}

#[test]
fn such_a_machine_makes_no_load() {
    let catalogue = docker_machines();
    let draft = answered_until_model(&catalogue);
    let StepForm::Nodes(mut form) = choose_nodes(&[40]) else {
        panic!("it answers the step of the nodes");
    };
    form.load_from = id(40);
    let errors = draft
        .answer(&StepForm::Nodes(form), &catalogue)
        .unwrap_err();
    let told = errors.at("load_from").unwrap();
    assert!(told.contains("makes no load"), "{told}");
    let machines = catalogue.clusters.get(3).unwrap();
    assert_eq!(catalogue.load_machines(machines), Vec::<&Node>::new());
}

#[test]
fn accelerators_that_are_not_told_raise_no_warning() {
    let mut catalogue = docker_machines();
    for node in &mut catalogue.clusters.get_mut(3).unwrap().nodes {
        node.inventory = Some(crate::catalogue::Inventory {
            cpu_core_count: 8,
            memory_bytes: 1 << 40,
            container_runtime: Some("Docker 28".to_owned()),
            ..crate::catalogue::Inventory::default()
        });
    }
    let warnings = |accelerators: &str| {
        let mut draft = answered_until_model(&catalogue);
        let StepForm::Model(mut form) = choose_model(1, "vllm") else {
            panic!("it answers the step of the model");
        };
        form.engine.runs_as = "container".to_owned();
        form.engine.container.image = "vllm:1".to_owned();
        form.engine.container.accelerators = accelerators.to_owned();
        draft = draft.answer(&StepForm::Model(form), &catalogue).unwrap();
        let warnings = build_plan(&draft, &catalogue).unwrap().warnings();
        let about = warnings.into_iter().map(|warning| warning.message);
        about
            .filter(|message| message.contains("accelerator") || message.contains("processor"))
            .collect::<Vec<_>>()
    };
    for given in ["all", "0,1"] {
        assert_eq!(warnings(given), Vec::<String>::new(), "{given}");
    }
    let told = warnings("");
    assert!(
        told.iter().any(|it| it.contains("sees no accelerator")),
        "{told:?}"
    );
}
