//! Clusters of machines over SSH, against OpenSSH's server.

use domain::access::Role;
use domain::catalogue::{Cluster, MachinesForm, Node, SshHop};
use domain::field::FieldErrors;
use domain::id::{BenchmarkId, RerunGroupId};
use domain::run::{TakenOver, WarmEngine};
use service::catalogue::{
    accept_host_key, check_cluster, delete_cluster, forget_host_key, get_standing, save_machines,
};
use service::workflows::execute_workflow;
use service::{Actor, ServiceError};
use store::NewBenchmark;
use testkit::{SshKey, Sshd};
use uuid::Uuid;

use crate::house::{House, field_errors};

/// One machine that is signed in to with the key it accepts.
fn form(sshd: &Sshd) -> MachinesForm {
    MachinesForm {
        name: "rack".to_owned(),
        machines: format!("127.0.0.1:{} as gpu1", sshd.port()),
        user: sshd.user().to_owned(),
        login: "key".to_owned(),
        private_key: sshd.client_key().private.clone(),
        ..MachinesForm::default()
    }
}

async fn checked(house: &House, actor: &Actor, cluster: &Cluster) -> Cluster {
    check_cluster(&house.ctx, actor, cluster.id).await.unwrap()
}

fn message(cluster: &Cluster, at: usize) -> &str {
    let node = cluster.nodes.get(at).unwrap();
    &node.last_check.as_ref().unwrap().message
}

fn is_reachable(node: &Node) -> bool {
    node.last_check
        .as_ref()
        .is_some_and(|check| check.is_reachable)
}

/// Accepts whatever key waits at the first node of a cluster.
async fn accept_shown(house: &House, actor: &Actor, cluster: &Cluster) -> Cluster {
    let node = cluster.nodes.first().unwrap();
    let offered = node
        .last_check
        .as_ref()
        .unwrap()
        .offered_key
        .clone()
        .unwrap();
    let (hop, shown) = (offered.of, offered.fingerprint);
    accept_host_key(&house.ctx, actor, cluster.id, node.id, hop, &shown)
        .await
        .unwrap()
}

fn conflict<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> String {
    match result {
        Err(ServiceError::Conflict(text)) => text,
        other => panic!("a conflict is expected: {other:?}"),
    }
}

#[tokio::test]
async fn a_machine_is_read_once_a_person_has_accepted_its_key() {
    let (house, sshd) = (House::open().await, Sshd::start());
    let ada = house.person("ada", Role::Operator).await;
    let made = save_machines(&house.ctx, &ada, None, &form(&sshd))
        .await
        .unwrap();
    let first = checked(&house, &ada, &made).await;
    let check = first.nodes[0].last_check.clone().unwrap();
    let offered = check.offered_key.unwrap();
    assert_eq!(offered.fingerprint, sshd.host_key().fingerprint);
    assert_eq!(
        (offered.of, offered.kind.as_str()),
        (SshHop::Node, "ssh-ed25519")
    );
    assert_eq!(offered.accepted_before, None);
    assert!(!first.last_check.as_ref().unwrap().is_reachable);
    assert_eq!(first.nodes[0].inventory, None);

    let (id, node) = (made.id, made.nodes[0].id);
    let other = SshKey::generate(None).fingerprint;
    for (hop, shown) in [(SshHop::Node, &other), (SshHop::Jump, &offered.fingerprint)] {
        let refused = accept_host_key(&house.ctx, &ada, id, node, hop, shown).await;
        assert!(conflict(refused).contains("not the key"));
    }
    let known = accept_shown(&house, &ada, &first).await;
    assert!(known.last_check.as_ref().unwrap().is_reachable, "{known:?}");
    let access = known.nodes[0].access.ssh().unwrap();
    assert_eq!(
        access.host_key.as_deref(),
        Some(sshd.host_key().public.as_str())
    );
    let check = known.nodes[0].last_check.clone().unwrap();
    assert!(check.round_trip_us.unwrap() > 0 && check.offered_key.is_none());
    assert_eq!(check.left_there, []);
    let inventory = known.nodes[0].inventory.clone().unwrap();
    assert!(inventory.cpu_core_count > 0 && inventory.memory_bytes > 0);
    assert!(!inventory.hostname.is_empty() && inventory.disk.is_some());
}

#[tokio::test]
async fn a_changed_host_key_is_refused_until_somebody_who_leads_forgets_the_old_one() {
    let (house, mut sshd) = (House::open().await, Sshd::start());
    let ada = house.person("ada", Role::Operator).await;
    let leo = house.person("leo", Role::Lead).await;
    let made = save_machines(&house.ctx, &ada, None, &form(&sshd))
        .await
        .unwrap();
    let known = accept_shown(&house, &ada, &checked(&house, &ada, &made).await).await;
    let before = sshd.host_key().fingerprint.clone();
    sshd.change_host_key();
    let changed = checked(&house, &ada, &known).await;
    let told = message(&changed, 0);
    assert!(
        told.contains(&before) && told.contains(&sshd.host_key().fingerprint),
        "{told}"
    );
    assert!(!changed.last_check.as_ref().unwrap().is_reachable);
    assert!(changed.nodes[0].inventory.is_some(), "what was known stays");

    let (id, node, hop) = (made.id, made.nodes[0].id, SshHop::Node);
    let shown = &sshd.host_key().fingerprint;
    let refused = accept_host_key(&house.ctx, &leo, id, node, hop, shown).await;
    assert!(conflict(refused).contains("forget"));
    let refused = forget_host_key(&house.ctx, &ada, id, node, hop).await;
    assert!(
        matches!(refused, Err(ServiceError::Forbidden(_))),
        "{refused:?}"
    );
    let forgotten = forget_host_key(&house.ctx, &leo, id, node, hop)
        .await
        .unwrap();
    assert!(!is_reachable(&forgotten.nodes[0]));
    let again = accept_shown(&house, &ada, &forgotten).await;
    assert!(is_reachable(&again.nodes[0]));
}

#[tokio::test]
async fn a_wrong_login_is_told_by_the_machine_that_refused_it() {
    let (house, sshd) = (House::open().await, Sshd::start());
    let ada = house.person("ada", Role::Operator).await;
    let by_password = |text: &str| MachinesForm {
        login: "password".to_owned(),
        password: text.to_owned(),
        private_key: String::new(),
        ..form(&sshd)
    };
    let wrong = save_machines(&house.ctx, &ada, None, &by_password("wrong"))
        .await
        .unwrap();
    let known = accept_shown(&house, &ada, &checked(&house, &ada, &wrong).await).await;
    let told = message(&known, 0);
    assert!(
        told.contains("refused the password") && told.contains(sshd.user()),
        "{told}"
    );
    assert!(!told.contains("wrong"), "{told}");
    // The same id has another secret from now on; where tests are not root, there is no password.
    if let Some(right) = sshd.password() {
        let form = by_password(right);
        let saved = save_machines(&house.ctx, &ada, Some(known.id), &form)
            .await
            .unwrap();
        assert_eq!(saved.credential_id(), known.credential_id());
        assert!(is_reachable(&checked(&house, &ada, &saved).await.nodes[0]));
    }
    let by_key = MachinesForm {
        private_key: SshKey::generate(None).private,
        ..form(&sshd)
    };
    let other = save_machines(&house.ctx, &ada, Some(known.id), &by_key)
        .await
        .unwrap();
    assert_ne!(other.credential_id(), known.credential_id());
    let gone = house
        .store
        .open_credential(known.credential_id().unwrap())
        .await;
    assert!(
        gone.is_err(),
        "the password goes with the login by password"
    );
    let told = checked(&house, &ada, &other).await;
    assert!(message(&told, 0).contains("refused the key"), "{told:?}");
    let agent = MachinesForm {
        login: "agent".to_owned(),
        ..form(&sshd)
    };
    let agent = save_machines(&house.ctx, &ada, Some(known.id), &agent)
        .await
        .unwrap();
    assert_eq!(agent.credential_id(), None);
    assert_eq!(house.store.list_credentials().await.unwrap(), []);
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_told_at_their_field() {
    let (house, sshd) = (House::open().await, Sshd::start());
    let ada = house.person("ada", Role::Operator).await;
    let locked = SshKey::generate(Some("open sesame"));
    let save = async |private_key: &str, passphrase: &str| -> FieldErrors {
        let form = MachinesForm {
            private_key: private_key.to_owned(),
            passphrase: passphrase.to_owned(),
            ..form(&sshd)
        };
        field_errors(save_machines(&house.ctx, &ada, None, &form).await)
    };
    assert!(save("nothing", "").await.at("private_key").is_some());
    let rsa = "-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----";
    assert!(
        save(rsa, "")
            .await
            .at("private_key")
            .unwrap()
            .contains("RSA")
    );
    assert!(save(&locked.private, "").await.at("passphrase").is_some());
    assert!(
        save(&locked.private, "wrong")
            .await
            .at("passphrase")
            .is_some()
    );
    let form = MachinesForm {
        private_key: locked.private.clone(),
        passphrase: "open sesame".to_owned(),
        ..form(&sshd)
    };
    sshd.authorize(&[&locked]);
    let made = save_machines(&house.ctx, &ada, None, &form).await.unwrap();
    let known = accept_shown(&house, &ada, &checked(&house, &ada, &made).await).await;
    assert!(is_reachable(&known.nodes[0]), "{known:?}");
}

#[tokio::test]
async fn a_machine_behind_another_has_both_keys_accepted() {
    let (house, door) = (House::open().await, Sshd::start());
    let inner = Sshd::start();
    inner.authorize(&[door.client_key()]);
    let ada = house.person("ada", Role::Operator).await;
    let form = MachinesForm {
        machines: format!(
            "{user}@127.0.0.1:{} as one\n{user}@localhost:{} as two",
            inner.port(),
            inner.port(),
            user = inner.user(),
        ),
        jump: format!("127.0.0.1:{}", door.port()),
        ..form(&door)
    };
    let made = save_machines(&house.ctx, &ada, None, &form).await.unwrap();
    let first = checked(&house, &ada, &made).await;
    for node in &first.nodes {
        let offered = node
            .last_check
            .as_ref()
            .unwrap()
            .offered_key
            .as_ref()
            .unwrap();
        assert_eq!(offered.of, SshHop::Jump);
        assert_eq!(offered.fingerprint, door.host_key().fingerprint);
    }
    // Accepted once, it is accepted for all machines behind it.
    let second = accept_shown(&house, &ada, &first).await;
    for node in &second.nodes {
        let offered = node
            .last_check
            .as_ref()
            .unwrap()
            .offered_key
            .as_ref()
            .unwrap();
        assert_eq!(offered.of, SshHop::Node);
        assert_eq!(offered.fingerprint, inner.host_key().fingerprint);
    }
    let third = accept_shown(&house, &ada, &second).await;
    assert!(is_reachable(&third.nodes[0]) && !is_reachable(&third.nodes[1]));
    let last = &third.last_check.unwrap().message;
    assert!(last.starts_with("1 of 2"), "{last}");
}

#[tokio::test]
async fn what_is_needed_for_cleaning_up_stays() {
    let (house, sshd) = (House::open().await, Sshd::start());
    let ada = house.person("ada", Role::Operator).await;
    let made = save_machines(&house.ctx, &ada, None, &form(&sshd))
        .await
        .unwrap();
    let known = accept_shown(&house, &ada, &checked(&house, &ada, &made).await).await;
    let (node, run) = (&known.nodes[0], BenchmarkId(Uuid::now_v7()));

    let now = house.ctx.now();
    let note = house
        .store
        .note_pending_cleanup(run, (node.id, &node.name), "no route", now);
    note.await.unwrap();
    let (_, detail) = get_standing(&house.ctx, &ada, known.id).await.unwrap();
    assert_eq!(
        (detail.pending.len(), detail.pending[0].benchmark_id),
        (1, run)
    );
    let shown = detail.keys[0].node.as_ref();
    assert_eq!(shown, Some(&sshd.host_key().fingerprint));
    assert!(conflict(delete_cluster(&house.ctx, &ada, known.id).await).contains("cleaned up"));
    let moved = MachinesForm {
        machines: "elsewhere as gpu1".to_owned(),
        ..form(&sshd)
    };
    let refused = save_machines(&house.ctx, &ada, Some(known.id), &moved).await;
    assert!(conflict(refused).contains("gpu1"));
    let renamed = MachinesForm {
        machines: format!("127.0.0.1:{} as renamed", sshd.port()),
        private_key: String::new(),
        ..form(&sshd)
    };
    let saved = save_machines(&house.ctx, &ada, Some(known.id), &renamed)
        .await
        .unwrap();
    assert_eq!(
        (saved.nodes[0].id, saved.nodes[0].name.as_str()),
        (node.id, "renamed")
    );
    assert!(saved.nodes[0].inventory.is_some());
    assert_eq!(
        saved.nodes[0].access, known.nodes[0].access,
        "the key stays accepted"
    );

    let done = house.store.finish_cleanup(run, node.id, house.ctx.now());
    done.await.unwrap();
    let moved = MachinesForm {
        machines: "elsewhere as renamed".to_owned(),
        ..moved
    };
    let moved = save_machines(&house.ctx, &ada, Some(known.id), &moved)
        .await
        .unwrap();
    assert_eq!(moved.nodes[0].access.ssh().unwrap().host_key, None);
    assert_eq!(
        (&moved.nodes[0].inventory, moved.nodes[0].id),
        (&None, node.id)
    );
    let sealed = moved.credential_id().unwrap();
    delete_cluster(&house.ctx, &ada, known.id).await.unwrap();
    assert!(house.store.open_credential(sealed).await.is_err());
}

#[tokio::test]
async fn a_password_stays_with_the_machines_it_was_given_for() {
    let house = House::open().await;
    let ada = house.person("ada", Role::Operator).await;
    let form = |machines: &str, password: &str| MachinesForm {
        name: "rack".to_owned(),
        machines: machines.to_owned(),
        user: "ada".to_owned(),
        login: "password".to_owned(),
        password: password.to_owned(),
        ..MachinesForm::default()
    };
    let save = async |id, machines: &str, password: &str| {
        save_machines(&house.ctx, &ada, id, &form(machines, password)).await
    };
    let made = save(None, "one\ntwo:2222", "clearly").await.unwrap();
    let sealed = made.credential_id().unwrap();
    for url in ["ssh://one:22", "ssh://two:2222"] {
        assert_eq!(
            house.secret(sealed, url).await.as_deref(),
            Some("clearly"),
            "{url}"
        );
    }
    let refused = save(Some(made.id), "one\nevil", "").await;
    assert!(field_errors(refused).at("password").is_some());
    save(Some(made.id), "one", "").await.unwrap();
    assert_eq!(house.secret(sealed, "ssh://two:2222").await, None);
    save(Some(made.id), "evil", "of evil").await.unwrap();
    assert_eq!(house.secret(sealed, "ssh://one").await, None);
    assert_eq!(
        house.secret(sealed, "ssh://evil").await.as_deref(),
        Some("of evil")
    );
}

#[tokio::test]
async fn a_machine_with_a_kept_engine_stays_where_it_is() {
    let (house, sshd) = (House::open_seeded().await, Sshd::start());
    let ada = house.person("ada", Role::Operator).await;
    let made = save_machines(&house.ctx, &ada, None, &form(&sshd)).await;
    let (made, now) = (made.unwrap(), house.ctx.now());
    let known = accept_shown(&house, &ada, &checked(&house, &ada, &made).await).await;
    let node = known.nodes[0].id;

    // A run there, and the next of its group, which waits.
    let workflow = house.confirmed_workflow(&ada).await;
    let planned = execute_workflow(&house.ctx, &ada, workflow.id, workflow.revision).await;
    let planned = house.store.find_benchmark(planned.unwrap()).await;
    let planned = planned.unwrap().unwrap();
    let (mut plan, owner) = (planned.plan, planned.owner_id);
    plan.cluster.nodes[0].id = node;
    let [first, second] = [(); 2].map(|()| BenchmarkId(Uuid::now_v7()));
    let inserted = house
        .store
        .insert_benchmark(first, &plan, owner, false, now);
    inserted.await.unwrap();
    let group = RerunGroupId(Uuid::now_v7());
    let next = NewBenchmark::of(second, &plan, owner, now);
    house.store.insert_rerun(first, group, &next).await.unwrap();
    let engine = WarmEngine {
        from: TakenOver {
            started_by: first,
            started_by_index: 1,
            last_index: 1,
        },
        process_id: 7,
        container: None,
        url_on_node: "http://127.0.0.1:8080".to_owned(),
        command: "serve".to_owned(),
    };
    let kept = house.store.keep_warm_engine(first, node, &engine, now);
    assert!(kept.await.unwrap().is_some());

    let words = "An engine is kept on “gpu1”";
    let refused = delete_cluster(&house.ctx, &ada, known.id).await;
    assert!(conflict(refused).starts_with(words));
    let moved = MachinesForm {
        machines: "elsewhere as gpu1".to_owned(),
        ..form(&sshd)
    };
    let refused = save_machines(&house.ctx, &ada, Some(known.id), &moved).await;
    assert!(conflict(refused).starts_with(words));
    let forgotten = house.store.forget_warm_engine(group, node).await;
    forgotten.unwrap();
    let saved = save_machines(&house.ctx, &ada, Some(known.id), &moved).await;
    assert_eq!(saved.unwrap().nodes[0].id, node);
}
