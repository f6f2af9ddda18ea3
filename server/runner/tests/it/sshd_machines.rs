//! Looking at machines, against OpenSSH's server.

use std::time::Duration;

use domain::catalogue::{
    Cluster, ClusterKind, Credential, CredentialKind, Node, NodeAccess, SshAccess, SshAddress,
    SshKeySecret, SshLogin, ThereAs,
};
use domain::id::{BenchmarkId, ClusterId, CredentialId, NodeId};
use domain::secret::Secret;
use domain::time::Timestamp;
use store::Store;
use testkit::Sshd;
use uuid::Uuid;

/// A cluster of one machine with an accepted key, and its node.
async fn add_machine(store: &Store, sshd: &Sshd) -> Node {
    let address = SshAddress {
        host: "127.0.0.1".to_owned(),
        port: sshd.port(),
        user: sshd.user().to_owned(),
    };
    let (cluster_id, credential_id) = (ClusterId(Uuid::new_v4()), CredentialId(Uuid::new_v4()));
    let credential = Credential {
        id: credential_id,
        name: String::new(),
        kind: CredentialKind::SshKey,
        user: String::new(),
        endpoint_id: Some(cluster_id),
        base_url: address.to_url(),
        description: String::new(),
        created_at: Timestamp(1),
        rotated_at: None,
        last_test: None,
        archived_at: None,
    };
    let secret = SshKeySecret {
        key: Secret::new(sshd.client_key().private.clone()),
        passphrase: None,
    };
    store
        .insert_credential(&credential, &secret.to_sealable())
        .await
        .unwrap();
    let node = Node {
        id: NodeId(Uuid::new_v4()),
        name: "gpu1".to_owned(),
        access: NodeAccess::Ssh(Box::new(SshAccess {
            address,
            login: SshLogin::Key { credential_id },
            host_key: Some(sshd.host_key().public.clone()),
            jump: None,
        })),
        inventory: None,
        last_check: None,
        held_by: None,
    };
    let cluster = Cluster {
        id: cluster_id,
        name: "rack".to_owned(),
        kind: ClusterKind::Machines,
        description: String::new(),
        nodes: vec![node.clone()],
        last_check: None,
        created_at: Timestamp(1),
        archived_at: None,
    };
    store.insert_cluster(&cluster).await.unwrap();
    node
}

#[tokio::test]
async fn a_look_at_a_machine_tells_what_of_this_installation_is_there() {
    let (folder, sshd) = (testkit::data_dir(), Sshd::start());
    let store = Store::open_embedded(folder.path()).await.unwrap();
    let node = add_machine(&store, &sshd).await;
    let session = runner::reach::open_session(&store, node.id).await.unwrap();
    let (ours, run) = ("ours", BenchmarkId(Uuid::new_v4()));
    for instance in [ours, "of-others"] {
        let mark = ssh::Mark::new(instance, run.to_string()).unwrap();
        let sleeper = ssh::Supervised {
            mark,
            name: "engine".to_owned(),
            words: vec!["sleep".to_owned(), "600".to_owned()],
            environment: Vec::new(),
            folder: None,
            log: None,
        };
        session.start(&sleeper).await.unwrap();
    }
    let access = node.access.ssh().unwrap();
    let look = async || runner::machines::look(&store, access, ours, Timestamp(7)).await;
    let (check, inventory) = look().await;
    assert!(check.is_reachable, "{check:?}");
    let [left] = check.left_there.as_slice() else {
        panic!("one thing is ours: {check:?}");
    };
    assert_eq!(
        (left.benchmark_id, left.what),
        (Some(run), ThereAs::Process)
    );
    assert!(left.is_running && left.name == "engine");
    assert_eq!(inventory.unwrap().read_at, Timestamp(7));

    for instance in [ours, "of-others"] {
        let mark = ssh::Mark::new(instance, run.to_string()).unwrap();
        session
            .stop_run(&mark, Duration::from_secs(5))
            .await
            .unwrap();
    }
    assert_eq!(look().await.0.left_there, []);
    let missing = runner::reach::open_session(&store, NodeId(Uuid::nil())).await;
    assert!(missing.is_err_and(|reason| reason.contains("gone")));
}
