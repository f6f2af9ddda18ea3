//! Clusters of machines that are reached through their Docker Engines, against a real one behind TLS.

use domain::access::Role;
use domain::catalogue::{Cluster, CredentialKind, MachinesForm};
use domain::field::FieldErrors;
use service::catalogue::{check_cluster, save_machines};
use testkit::{Authority, Certified, DockerEngine};

use crate::house::{House, field_errors};

/// One machine whose Docker Engine listens at that port.
fn form(port: u16, ca: &Authority, own: &Certified) -> MachinesForm {
    MachinesForm {
        name: "rack".to_owned(),
        machines: format!("127.0.0.1:{port} as gpu1"),
        login: "docker_tls".to_owned(),
        ca: ca.pem(),
        certificate: own.certificate.clone(),
        docker_key: own.key.clone(),
        ..MachinesForm::default()
    }
}

fn told(cluster: &Cluster) -> (bool, String) {
    let check = cluster.nodes.first().unwrap().last_check.as_ref().unwrap();
    (check.is_reachable, check.message.clone())
}

#[tokio::test]
async fn a_machine_behind_tls_is_looked_at_and_its_key_kept() {
    let authority = Authority::new("lab");
    let (_engine, port) = DockerEngine::start_tls(&authority);
    let house = House::open().await;
    let ada = house.person("ada", Role::Operator).await;
    let own = authority.issue_to_client();
    let typed = form(port, &authority, &own);
    let made = save_machines(&house.ctx, &ada, None, &typed).await.unwrap();
    let looked = check_cluster(&house.ctx, &ada, made.id).await.unwrap();
    let (is_reachable, message) = told(&looked);
    assert!(is_reachable && message.starts_with("Docker "), "{message}");
    let sum = looked.last_check.as_ref().unwrap();
    assert_eq!(sum.message, "The machine can be reached through Docker.");
    let check = looked.nodes[0].last_check.as_ref().unwrap();
    assert!(check.round_trip_us.is_some() && check.left_there.is_empty());
    let inventory = looked.nodes[0].inventory.as_ref().unwrap();
    assert!(inventory.cpu_core_count > 0 && inventory.memory_bytes > 0);
    assert!(!inventory.os.is_empty() && inventory.disk.is_none());
    assert!(
        inventory
            .container_runtime
            .as_ref()
            .unwrap()
            .starts_with("Docker ")
    );
    let id = looked.credential_id().unwrap();
    let credential = house.store.find_credential(id).await.unwrap().unwrap();
    assert_eq!(credential.kind, CredentialKind::DockerKey);
    assert_eq!(credential.base_url, format!("tcp://127.0.0.1:{port}"));
    let secret = own.key.lines().nth(1).unwrap();
    assert!(!serde_json::to_string(&looked).unwrap().contains(secret));

    // The key stays for what is not typed anew; a certificate that it does not belong to is told.
    let shown = MachinesForm::of(&looked);
    assert_eq!(shown.docker_key, "");
    let id = Some(made.id);
    let kept = save_machines(&house.ctx, &ada, id, &shown).await.unwrap();
    assert_eq!(kept.nodes[0].id, made.nodes[0].id);
    assert!(kept.nodes[0].inventory.is_some());
    let other = authority.issue_to_client();
    let mixed = MachinesForm {
        certificate: other.certificate.clone(),
        ..shown.clone()
    };
    let refused = save_machines(&house.ctx, &ada, id, &mixed).await;
    let errors: FieldErrors = field_errors(refused);
    let words = errors.at("docker_key").unwrap();
    assert!(words.contains("does not belong"), "{words}");

    // Another way to the same machine: the key goes.
    let by_agent = MachinesForm {
        login: "agent".to_owned(),
        machines: "ada@127.0.0.1:1".to_owned(),
        ..MachinesForm::of(&kept)
    };
    let moved = save_machines(&house.ctx, &ada, id, &by_agent)
        .await
        .unwrap();
    assert!(moved.nodes[0].access.ssh().is_some() && moved.nodes[0].inventory.is_none());
    let gone = house.store.find_credential(credential.id).await.unwrap();
    assert_eq!(gone, None);
}

#[tokio::test]
async fn why_a_machine_behind_tls_is_not_reached_is_told() {
    let (authority, stranger) = (Authority::new("lab"), Authority::new("stranger"));
    let (_engine, port) = DockerEngine::start_tls(&authority);
    let house = House::open().await;
    let ada = house.person("ada", Role::Operator).await;
    let own = authority.issue_to_client();
    let named = MachinesForm {
        machines: format!("localhost:{port}"),
        ..form(port, &authority, &own)
    };
    for (number, (typed, words)) in [
        (
            form(port, &stranger, &own),
            "does not come from the authority that was given",
        ),
        (
            form(port, &authority, &stranger.issue_to_client()),
            "does not accept the certificate of this server",
        ),
        (named, "for another name"),
        (
            form(testkit::free_port(), &authority, &own),
            "No Docker Engine answers at tcp://127.0.0.1",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let typed = MachinesForm {
            name: format!("rack {number}"),
            ..typed
        };
        let made = save_machines(&house.ctx, &ada, None, &typed).await.unwrap();
        let looked = check_cluster(&house.ctx, &ada, made.id).await.unwrap();
        let (is_reachable, message) = told(&looked);
        assert!(!is_reachable && message.contains(words), "{message}");
        assert_eq!(looked.nodes[0].inventory, None);
    }
    let unreadable = MachinesForm {
        ca: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----".to_owned(),
        ..form(port, &authority, &own)
    };
    let refused = save_machines(&house.ctx, &ada, None, &unreadable).await;
    assert!(field_errors(refused).at("ca").is_some());
}
