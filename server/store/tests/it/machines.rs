//! Clusters of machines, what runs left on them, and whose mark that carries.

use domain::catalogue::{
    Cluster, ClusterKind, Credential, CredentialKind, DockerAccess, DockerAddress, Node,
    NodeAccess, NodeCheck, PendingCleanup, SshAccess, SshAddress, SshJump, SshLogin,
};
use domain::id::{ClusterId, CredentialId, NodeId};
use domain::run::event::{RunOutcome, StageProgress};
use domain::run::{RunEvent, Stage};
use domain::secret::Secret;
use store::StoreError;
use uuid::Uuid;

use crate::builders::{
    PlanExt, START, add_owner, at, benchmark_id, credential, finished, plan, started, state_after,
    uuid,
};
use crate::place::for_each_database;

fn address(host: &str) -> SshAddress {
    SshAddress {
        host: host.to_owned(),
        port: 22,
        user: "ada".to_owned(),
    }
}

fn node(number: u128, name: &str, login: SshLogin) -> Node {
    Node {
        id: NodeId(uuid(number)),
        name: name.to_owned(),
        access: NodeAccess::Ssh(Box::new(SshAccess {
            address: address(name),
            login,
            host_key: None,
            jump: Some(SshJump {
                address: address("door"),
                host_key: Some("ssh-ed25519 AAAA".to_owned()),
            }),
        })),
        inventory: None,
        last_check: None,
        held_by: None,
    }
}

fn cluster(nodes: Vec<Node>) -> Cluster {
    Cluster {
        id: ClusterId(uuid(1)),
        name: "rack".to_owned(),
        kind: ClusterKind::Machines,
        description: String::new(),
        nodes,
        last_check: None,
        created_at: START,
        archived_at: None,
    }
}

#[tokio::test]
async fn machines_behind_docker_keep_their_certificates_and_their_key_stays_sealed() {
    for_each_database(async |place| {
        let store = &place.store;
        let own = Credential {
            name: String::new(),
            kind: CredentialKind::DockerKey,
            endpoint_id: Some(ClusterId(uuid(1))),
            base_url: "tcp://one:2376".to_owned(),
            ..credential(5, "")
        };
        let secret = Secret::new("clearly".to_owned());
        store.insert_credential(&own, &secret).await.unwrap();
        let mut one = node(1, "one", SshLogin::Agent);
        one.access = NodeAccess::DockerTls(Box::new(DockerAccess {
            address: DockerAddress {
                host: "one".to_owned(),
                port: 2376,
            },
            ca: "an authority".to_owned(),
            certificate: "our own".to_owned(),
            credential_id: own.id,
        }));
        let rack = cluster(vec![one]);
        store.insert_cluster(&rack).await.unwrap();
        assert_eq!(store.list_clusters().await.unwrap(), [rack]);
        let found = store.find_credential(own.id).await.unwrap().unwrap();
        assert_eq!(found.kind, CredentialKind::DockerKey);
        let bound = store.open_credential(own.id).await.unwrap();
        assert_eq!(bound.for_url("tcp://one"), Some(&secret));
        assert_eq!(bound.for_url("https://one:2376"), None);
    })
    .await;
}

#[tokio::test]
async fn machines_keep_how_they_are_reached() {
    for_each_database(async |place| {
        let store = &place.store;
        let id = CredentialId(uuid(5));
        let own = Credential {
            name: String::new(),
            kind: CredentialKind::SshPassword,
            endpoint_id: Some(ClusterId(uuid(1))),
            base_url: "ssh://one ssh://two".to_owned(),
            ..credential(5, "")
        };
        let secret = Secret::new("clearly".to_owned());
        store.insert_credential(&own, &secret).await.unwrap();
        let login = SshLogin::Password { credential_id: id };
        let mut rack = cluster(vec![node(1, "one", login), node(2, "two", login)]);
        store.insert_cluster(&rack).await.unwrap();
        assert_eq!(store.list_clusters().await.unwrap(), [rack.clone()]);
        let found = store.find_credential(id).await.unwrap().unwrap();
        assert_eq!(found.endpoint_id, Some(rack.id));
        assert_eq!(found.kind, CredentialKind::SshPassword);
        assert_eq!(found.name, "Key of rack");
        let bound = store.open_credential(id).await.unwrap();
        assert_eq!(bound.for_url("ssh://two:22"), Some(&secret));
        assert_eq!(bound.for_url("ssh://three"), None);

        // The two change their names with each other in one step.
        rack.nodes[0].name = "two".to_owned();
        rack.nodes[1].name = "one".to_owned();
        store.update_cluster(&rack).await.unwrap();
        rack.nodes.reverse();
        assert_eq!(
            store.find_cluster(rack.id).await.unwrap(),
            Some(rack.clone())
        );

        let check = NodeCheck {
            checked_at: at(1),
            is_reachable: true,
            message: "It answers.".to_owned(),
            round_trip_us: Some(120),
            offered_key: None,
            left_there: Vec::new(),
        };
        store
            .save_node_check(rack.nodes[0].id, &check)
            .await
            .unwrap();
        rack.nodes[0].last_check = Some(check.clone());
        let found = store.find_node(rack.nodes[0].id).await.unwrap().unwrap();
        assert_eq!(found.node, rack.nodes[0]);
        assert_eq!(
            (found.cluster_id, found.cluster_name),
            (rack.id, "rack".to_owned())
        );
        let missing = NodeId(uuid(9));
        assert_eq!(store.find_node(missing).await.unwrap(), None);
        let gone = store.save_node_check(missing, &check).await;
        assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
    })
    .await;
}

#[tokio::test]
async fn a_way_that_somebody_changed_in_between_is_not_overwritten() {
    for_each_database(async |place| {
        let store = &place.store;
        let one = node(1, "one", SshLogin::Agent);
        store
            .insert_cluster(&cluster(vec![one.clone()]))
            .await
            .unwrap();
        let pinned = |key: &str| {
            let mut access = one.access.ssh().unwrap().clone();
            access.host_key = Some(key.to_owned());
            NodeAccess::Ssh(Box::new(access))
        };
        let (first, second) = (pinned("first"), pinned("second"));
        store
            .update_node_access(one.id, &one.access, &first)
            .await
            .unwrap();
        let late = store.update_node_access(one.id, &one.access, &second).await;
        assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
        let found = store.find_node(one.id).await.unwrap().unwrap();
        assert_eq!(found.node.access, first);
        let direct = NodeAccess::Direct;
        store
            .update_node_access(one.id, &first, &direct)
            .await
            .unwrap();
        store
            .update_node_access(one.id, &direct, &second)
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn every_server_of_a_database_has_the_same_id_and_other_databases_another() {
    let mut ids: Vec<Uuid> = Vec::new();
    let found = std::sync::Mutex::new(&mut ids);
    for_each_database(async |place| {
        let id = place.store.installation_id().await.unwrap();
        let second = place.open_again().await;
        assert_eq!(second.installation_id().await.unwrap(), id);
        assert_eq!(id.get_version_num(), 4, "{id}");
        second.close().await;
        found.lock().unwrap().push(id);
    })
    .await;
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_pending_cleanup_stays_until_it_is_done() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        store
            .insert_benchmark(benchmark_id(1), &plan("x"), owner, false, START)
            .await
            .unwrap();
        let (one, two) = (NodeId(uuid(1)), NodeId(uuid(2)));
        for (run, node, name, reason, seconds) in [
            (1, one, "gpu1", "no route", 1),
            (1, two, "gpu2", "no route", 2),
            (2, one, "gpu1", "no route", 3),
            (1, one, "renamed", "refused", 4),
        ] {
            store
                .note_pending_cleanup(benchmark_id(run), (node, name), reason, at(seconds))
                .await
                .unwrap();
        }
        let pending = |run, node_id, name: &str, reason: &str, since, last| PendingCleanup {
            benchmark_id: benchmark_id(run),
            node_id,
            node_name: name.to_owned(),
            reason: reason.to_owned(),
            since: at(since),
            last_try_at: at(last),
            finished_at: None,
        };
        let first = pending(1, one, "renamed", "refused", 1, 4);
        let second = pending(1, two, "gpu2", "no route", 2, 2);
        let third = pending(2, one, "gpu1", "no route", 3, 3);
        let all = store.list_pending_cleanups().await.unwrap();
        assert_eq!(all, [first.clone(), second.clone(), third.clone()]);
        let of_node = store.list_pending_cleanups_on(one).await.unwrap();
        assert_eq!(of_node, [first.clone(), third.clone()]);
        let of_run = async |run| {
            store
                .list_late_cleanups_of(benchmark_id(run))
                .await
                .unwrap()
        };
        assert_eq!(of_run(1).await, [first.clone(), second.clone()]);
        let detail = store.find_benchmark(benchmark_id(1)).await.unwrap();
        assert_eq!(detail.unwrap().late_cleanups, of_run(1).await);
        for seconds in [5, 6] {
            let done = store.finish_cleanup(benchmark_id(1), one, at(seconds));
            done.await.unwrap();
        }
        let left = store.list_pending_cleanups().await.unwrap();
        assert_eq!(left, [second.clone(), third.clone()]);
        assert_eq!(store.list_pending_cleanups_on(one).await.unwrap(), [third]);
        // Its run tells when it was done, once.
        let done = PendingCleanup {
            finished_at: Some(at(5)),
            ..first
        };
        assert_eq!(of_run(1).await, [done, second]);
        // Of a run that is gone nothing is kept.
        let gone = store.finish_cleanup(benchmark_id(2), one, at(7));
        gone.await.unwrap();
        assert_eq!(of_run(2).await, []);
    })
    .await;
}

#[tokio::test]
async fn only_runs_that_are_there_and_have_not_ended_are_unfinished() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        for number in 1..=2 {
            store
                .insert_benchmark(benchmark_id(number), &plan("x"), owner, false, START)
                .await
                .unwrap();
        }
        let events: [RunEvent; 2] = [started(), finished(RunOutcome::Completed)];
        let ended = state_after(&events);
        store
            .append_journal(benchmark_id(1), 1, &events.map(|event| (at(1), event)))
            .await
            .unwrap();
        store
            .update_status(benchmark_id(1), &ended, at(2))
            .await
            .unwrap();
        let asked: Vec<_> = (1..=600).map(benchmark_id).collect();
        let unfinished = store.list_unfinished(&asked).await.unwrap();
        assert_eq!(unfinished, [benchmark_id(2)]);
        assert_eq!(store.list_unfinished(&[]).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn held_nodes_name_their_runs_and_journals_are_read_without_what_passes() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        let id = benchmark_id(1);
        let rack = cluster(vec![
            node(1, "held", SshLogin::Agent),
            node(2, "free", SshLogin::Agent),
        ]);
        store.insert_cluster(&rack).await.unwrap();
        let planned = plan("nightly");
        let insert = store.insert_benchmark(id, &planned, owner, false, START);
        insert.await.unwrap();
        assert_eq!(store.list_held_nodes(rack.id).await.unwrap(), []);
        assert_eq!(
            store.claim_next("runner", at(1), at(90)).await.unwrap(),
            Some(id)
        );
        let held = store.list_held_nodes(rack.id).await.unwrap();
        let names: Vec<_> = held
            .iter()
            .map(|one| (one.node_id, one.benchmark_id, one.benchmark_name.as_str()))
            .collect();
        assert_eq!(names, [(NodeId(uuid(1)), id, "nightly")]);
        let other = ClusterId(uuid(77));
        assert_eq!(store.list_held_nodes(other).await.unwrap(), []);

        let stage = Stage::TransferModel;
        let progress = StageProgress {
            what: "a file".to_owned(),
            done_bytes: 1,
            total_bytes: 2,
            done_parts: 0,
            parts: 1,
        };
        let events = [
            (at(2), RunEvent::StageStarted { stage }),
            (at(3), RunEvent::Progress { stage, progress }),
            (
                at(4),
                RunEvent::CancelRequested {
                    by: "ada".to_owned(),
                },
            ),
        ];
        store.append_journal(id, 1, &events).await.unwrap();
        let lasting = store.read_lasting_journal(id).await.unwrap();
        let numbers: Vec<_> = lasting.iter().map(|entry| entry.seq).collect();
        assert_eq!(numbers, [1, 3]);
    })
    .await;
}

/// The clusters 1 and 2, each with a node of the same number; both nodes are one machine, reached as two people.
fn two_names_of_one_machine() -> [Cluster; 2] {
    [1, 2].map(|number| {
        let mut one = node(number, "gpu1", SshLogin::Agent);
        if let NodeAccess::Ssh(access) = &mut one.access {
            access.address.user = format!("person {number}");
        }
        Cluster {
            id: ClusterId(uuid(number)),
            name: format!("rack {number}"),
            ..cluster(vec![one])
        }
    })
}

#[tokio::test]
async fn a_machine_that_two_clusters_name_serves_one_run_at_a_time() {
    for_each_database(async |place| {
        let store = &place.store;
        let [first, second] = two_names_of_one_machine();
        store.insert_cluster(&first).await.unwrap();
        store.insert_cluster(&second).await.unwrap();
        let owner = add_owner(store).await;
        for (number, nodes) in [(1, [1]), (2, [2]), (3, [3])] {
            let plan = plan("x").on_nodes(&nodes);
            let made_at = at(i64::try_from(number).unwrap());
            let id = benchmark_id(number);
            let inserted = store
                .insert_benchmark(id, &plan, owner, false, made_at)
                .await;
            inserted.unwrap();
        }
        assert_eq!(
            store.queue_position(benchmark_id(2)).await.unwrap(),
            Some(2)
        );
        let claim = async || store.claim_next("runner", at(100), at(200)).await.unwrap();
        assert_eq!(claim().await, Some(benchmark_id(1)));
        assert_eq!(claim().await, Some(benchmark_id(3)), "another machine");
        assert_eq!(claim().await, None, "the machine is held");
        let holder = async |number| {
            let found = store.find_node(NodeId(uuid(number))).await.unwrap();
            found.unwrap().node.held_by
        };
        assert_eq!(holder(1).await, Some(benchmark_id(1)));
        assert_eq!(
            holder(2).await,
            Some(benchmark_id(1)),
            "by its other name as well"
        );

        let state = state_after(&[started(), finished(RunOutcome::Completed)]);
        assert!(
            store
                .update_status(benchmark_id(1), &state, at(150))
                .await
                .unwrap()
        );
        assert_eq!(claim().await, Some(benchmark_id(2)));
        assert_eq!(holder(1).await, Some(benchmark_id(2)));
    })
    .await;
}

#[tokio::test]
async fn a_machine_that_gets_another_name_while_it_is_wanted_is_wanted_by_both() {
    for_each_database(async |place| {
        let store = &place.store;
        let [first, second] = two_names_of_one_machine();
        store.insert_cluster(&first).await.unwrap();
        let owner = add_owner(store).await;
        let insert = async |number, node, made_at| {
            let plan = plan("x").on_nodes(&[node]);
            let id = benchmark_id(number);
            let inserted = store
                .insert_benchmark(id, &plan, owner, false, at(made_at))
                .await;
            inserted.unwrap();
        };
        let claim = async || store.claim_next("runner", at(100), at(200)).await.unwrap();
        insert(1, 1, 1).await;
        insert(3, 1, 3).await;
        assert_eq!(claim().await, Some(benchmark_id(1)));
        store.insert_cluster(&second).await.unwrap();
        insert(2, 2, 5).await;
        assert_eq!(
            claim().await,
            None,
            "the run that goes on holds the new name too"
        );
        let state = state_after(&[started(), finished(RunOutcome::Completed)]);
        assert!(
            store
                .update_status(benchmark_id(1), &state, at(150))
                .await
                .unwrap()
        );
        assert_eq!(
            store.queue_position(benchmark_id(2)).await.unwrap(),
            Some(2)
        );
        assert_eq!(
            claim().await,
            Some(benchmark_id(3)),
            "the older one, by the old name"
        );
        assert_eq!(claim().await, None);
    })
    .await;
}
