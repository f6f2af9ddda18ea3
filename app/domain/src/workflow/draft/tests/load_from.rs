//! Which machine makes the load.

use super::*;
use crate::catalogue::{NodeAccess, SshAccess, SshAddress, SshLogin};

fn is_known(node: &mut Node, is_known: bool) {
    node.access = NodeAccess::Ssh(Box::new(SshAccess {
        address: SshAddress {
            host: "10.0.0.7".to_owned(),
            port: 22,
            user: "bench".to_owned(),
        },
        login: SshLogin::Key {
            credential_id: CredentialId(Uuid::from_u128(9)),
        },
        host_key: is_known.then(|| "ssh-ed25519 AAAA".to_owned()),
        jump: None,
    }));
}

fn nodes_and_load(node: u128, load_from: u128) -> StepForm {
    StepForm::Nodes(NodesForm {
        node_ids: vec![id(node)],
        load_from: id(load_from),
    })
}

#[test]
fn every_machine_that_is_known_can_make_the_load_of_an_engine_elsewhere() {
    let mut catalogue = catalogue();
    let mut machines = cluster(5, ClusterKind::Machines);
    is_known(&mut machines.nodes[0], true);
    is_known(&mut machines.nodes[1], false);
    catalogue.clusters.push(machines);
    let mut others = cluster(6, ClusterKind::Machines);
    is_known(&mut others.nodes[0], true);
    catalogue.clusters.push(others);

    let custom = |words: &str| {
        StepForm::Model(ModelChoiceForm {
            model_id: id(2),
            engine: EngineForm {
                preset: "custom".to_owned(),
                arguments: words.to_owned(),
                ..EngineForm::default()
            },
        })
    };
    let plan = |load_from: u128, command: &str| {
        let forms = [
            basic(),
            StepForm::Evaluation(EvaluationForm::default()),
            choose_cluster(5),
            nodes_and_load(50, load_from),
            custom(command),
            confirm(),
        ];
        let draft = forms.iter().try_fold(Draft::default(), |draft, form| {
            draft.answer(form, &catalogue)
        });
        build_plan(&draft.unwrap(), &catalogue).unwrap()
    };
    let is_warned = |plan: &RunPlan| {
        let warnings = plan.warnings().into_iter();
        let mut messages = warnings.map(|warning| warning.message);
        messages.any(|message| message.contains("where to listen"))
    };
    assert!(!plan(50, "engine --port {port}").is_loaded_from_elsewhere());
    assert!(!is_warned(&plan(50, "engine --port {port}")));
    let from_another = plan(60, "engine --host {host} --port {port}");
    assert!(from_another.is_loaded_from_elsewhere());
    assert!(!is_warned(&from_another));
    assert!(is_warned(&plan(60, "engine --port {port}")));

    let chosen = Draft::default()
        .answer(&choose_cluster(5), &catalogue)
        .unwrap();
    for stranger in [51, 61, 10, 77] {
        let form = nodes_and_load(50, stranger);
        let errors = chosen.answer(&form, &catalogue).unwrap_err();
        let error = errors.at("load_from").unwrap();
        assert!(error.contains("whose key is accepted"), "{error}");
    }
    let here = Draft::default()
        .answer(&choose_cluster(1), &catalogue)
        .unwrap();
    let form = nodes_and_load(10, 60);
    let errors = here.answer(&form, &catalogue).unwrap_err();
    let error = errors.at("load_from").unwrap();
    assert!(error.contains("from this machine alone"), "{error}");
}
