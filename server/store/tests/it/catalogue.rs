//! Models and clusters.

use domain::catalogue::{
    Cluster, ClusterKind, Credential, EngineIdentity, FilesDigest, Model, ModelFacts, ModelSource,
    Node, ParameterCount, ParameterSource, ReachabilityCheck, UsedBy, WeightsFormat,
};
use domain::id::{ClusterId, ModelId, NodeId};
use domain::secret::Secret;
use store::{StoreError, Used};

use crate::builders::{START, add_owner, at, benchmark_id, credential, inventory, plan, uuid};
use crate::place::for_each_database;

fn model(number: u128, name: &str) -> Model {
    Model {
        id: ModelId(uuid(number)),
        name: name.to_owned(),
        served_name: "served".to_owned(),
        source: ModelSource::HuggingFace {
            repository: "org/name".to_owned(),
            revision: "main".to_owned(),
        },
        tokenizer_path: "/tokenizer.json".to_owned(),
        description: "two\nlines".to_owned(),
        facts: None,
        created_at: START,
        archived_at: None,
    }
}

fn facts() -> ModelFacts {
    ModelFacts {
        read_at: at(2),
        format: WeightsFormat::Gguf,
        architecture: "llama".to_owned(),
        parameters: Some(ParameterCount {
            count: 15,
            source: ParameterSource::TensorShapes,
        }),
        file_count: 1,
        bytes: 100,
        digest: Some(FilesDigest("ab".repeat(32))),
        kv_bytes_per_token: Some(131_072),
    }
}

#[tokio::test]
async fn facts_are_kept_for_the_files_that_were_read() {
    for_each_database(async |place| {
        let store = &place.store;
        let mut one = model(1, "one");
        store.insert_model(&one).await.unwrap();
        let kept = store.save_model_facts(one.id, &one.source, &facts()).await;
        kept.unwrap();
        one.facts = Some(facts());
        assert_eq!(store.find_model(one.id).await.unwrap(), Some(one.clone()));
        let late = store
            .save_model_facts(one.id, &ModelSource::Served, &facts())
            .await;
        assert!(matches!(late, Err(StoreError::NotFound)), "{late:?}");
    })
    .await;
}

#[tokio::test]
async fn what_is_used_is_archived_and_not_deleted() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        let (one, two) = (model(1, "one"), cluster(1, "two", vec![node(1, "n")]));
        store.insert_model(&one).await.unwrap();
        store.insert_cluster(&two).await.unwrap();
        for number in 1..=11 {
            let id = benchmark_id(number);
            let made_at = at(i64::try_from(number).unwrap());
            let plan = plan(&format!("b{number}"));
            let inserted = store.insert_benchmark(id, &plan, owner, false, made_at);
            inserted.await.unwrap();
        }
        for used in [Used::Model(one.id), Used::Cluster(two.id)] {
            let by = store.used_by(used).await.unwrap();
            assert_eq!((by.benchmark_count, by.newest.len()), (11, 10), "{used:?}");
            let newest = &by.newest[0];
            assert_eq!((newest.id, newest.name.as_str()), (benchmark_id(11), "b11"));
            assert_eq!(newest.created_at, at(11));
            store.set_archived(used, Some(at(9))).await.unwrap();
        }
        let found = store.find_model(one.id).await.unwrap().unwrap();
        assert_eq!(found.archived_at, Some(at(9)));
        let found = store.find_cluster(two.id).await.unwrap().unwrap();
        assert_eq!(found.archived_at, Some(at(9)));
        let refused = [
            store.delete_model(one.id).await,
            store.delete_cluster(two.id).await,
        ];
        for refused in refused {
            assert!(
                matches!(refused, Err(StoreError::Conflict(_))),
                "{refused:?}"
            );
        }
        let unused = store.used_by(Used::Model(ModelId(uuid(7)))).await.unwrap();
        assert_eq!(unused, UsedBy::default());
        let gone = store.set_archived(Used::Model(ModelId(uuid(7))), None);
        assert!(matches!(gone.await, Err(StoreError::NotFound)));
    })
    .await;
}

#[tokio::test]
async fn models_are_listed_by_name_and_names_are_unique() {
    for_each_database(async |place| {
        let store = &place.store;
        let (mut b, a) = (model(1, "b"), model(2, "A"));
        store.insert_model(&b).await.unwrap();
        store.insert_model(&a).await.unwrap();
        assert_eq!(store.list_models().await.unwrap(), [a.clone(), b.clone()]);

        let taken = store.insert_model(&model(3, "a")).await;
        assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
        b.name = "a".to_owned();
        let taken = store.update_model(&b).await;
        assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
        b.name = "B".to_owned();
        b.source = ModelSource::LocalPath {
            path: "/model.gguf".to_owned(),
        };
        b.facts = Some(facts());
        store.update_model(&b).await.unwrap();
        assert_eq!(store.find_model(b.id).await.unwrap(), Some(b.clone()));

        store.delete_model(b.id).await.unwrap();
        assert_eq!(store.find_model(b.id).await.unwrap(), None);
        for gone in [store.delete_model(b.id).await, store.update_model(&b).await] {
            assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
        }
    })
    .await;
}

fn node(number: u128, name: &str) -> Node {
    Node {
        id: NodeId(uuid(number)),
        name: name.to_owned(),
        access: domain::catalogue::NodeAccess::default(),
        inventory: None,
        last_check: None,
        held_by: None,
    }
}

fn cluster(number: u128, name: &str, nodes: Vec<Node>) -> Cluster {
    Cluster {
        id: ClusterId(uuid(number)),
        name: name.to_owned(),
        kind: ClusterKind::ThisMachine,
        description: String::new(),
        nodes,
        last_check: None,
        created_at: START,
        archived_at: None,
    }
}

#[tokio::test]
async fn a_cluster_keeps_its_nodes_and_what_is_known_about_them() {
    for_each_database(async |place| {
        let store = &place.store;
        let mut first = cluster(1, "b", vec![node(1, "one"), node(2, "two")]);
        let second = cluster(2, "A", Vec::new());
        store.insert_cluster(&first).await.unwrap();
        store.insert_cluster(&second).await.unwrap();
        assert_eq!(
            store.list_clusters().await.unwrap(),
            [second, first.clone()]
        );
        let taken = store.insert_cluster(&cluster(3, "B", Vec::new())).await;
        assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");

        let check = ReachabilityCheck {
            checked_at: at(1),
            is_reachable: true,
            message: "It answers.".to_owned(),
            served_models: vec!["tiny".to_owned()],
            engine: Some(EngineIdentity {
                name: "vllm".to_owned(),
                version: String::new(),
            }),
        };
        store.save_check(first.id, &check).await.unwrap();
        store
            .save_inventory(first.nodes[0].id, &inventory())
            .await
            .unwrap();
        first.last_check = Some(check.clone());
        first.nodes[0].inventory = Some(inventory());
        let found = store.find_cluster(first.id).await.unwrap();
        assert_eq!(found, Some(first.clone()));

        first.name = "c".to_owned();
        first.nodes = vec![node(3, "three"), node(2, "two")];
        store.update_cluster(&first).await.unwrap();
        first.nodes = vec![node(3, "three"), node(2, "two")];
        assert_eq!(
            store.find_cluster(first.id).await.unwrap(),
            Some(first.clone())
        );

        store.delete_cluster(first.id).await.unwrap();
        assert_eq!(store.find_cluster(first.id).await.unwrap(), None);
        for gone in [
            store.delete_cluster(first.id).await,
            store.update_cluster(&first).await,
            store.save_check(first.id, &check).await,
            store.save_inventory(NodeId(uuid(3)), &inventory()).await,
        ] {
            assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_cluster_cannot_take_the_node_of_another() {
    for_each_database(async |place| {
        let store = &place.store;
        let first = cluster(1, "first", vec![node(1, "one")]);
        store.insert_cluster(&first).await.unwrap();
        let thief = cluster(2, "second", vec![node(1, "mine")]);
        let refused = store.insert_cluster(&thief).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
        assert_eq!(
            store.list_clusters().await.unwrap(),
            [first],
            "all or nothing"
        );
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_forgets_a_key_that_was_deleted() {
    for_each_database(async |place| {
        let store = &place.store;
        let mut endpoint = cluster(1, "endpoint", vec![node(1, "127.0.0.1:9")]);
        let own = Credential {
            endpoint_id: Some(endpoint.id),
            ..credential(9, "")
        };
        let credential_id = own.id;
        let key = Secret::new("key".to_owned());
        store.insert_credential(&own, &key).await.unwrap();
        let listed = store.list_credentials().await.unwrap();
        assert_eq!(listed, [], "nothing refers to it yet");
        let kind = |credential_id| ClusterKind::Endpoint {
            base_url: "http://127.0.0.1:9".to_owned(),
            credential_id,
        };
        endpoint.kind = kind(Some(credential_id));
        store.insert_cluster(&endpoint).await.unwrap();
        assert_eq!(
            store.find_cluster(endpoint.id).await.unwrap(),
            Some(endpoint.clone())
        );
        let listed = store.list_credentials().await.unwrap();
        let expected = Credential {
            name: "Key of endpoint".to_owned(),
            ..own
        };
        assert_eq!(listed, [expected]);
        store.delete_credential(credential_id).await.unwrap();
        endpoint.kind = kind(None);
        assert_eq!(
            store.find_cluster(endpoint.id).await.unwrap(),
            Some(endpoint)
        );
    })
    .await;
}

#[tokio::test]
async fn a_node_says_which_benchmark_holds_it() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        let cluster = cluster(1, "machine", vec![node(1, "one"), node(2, "two")]);
        store.insert_cluster(&cluster).await.unwrap();
        let id = benchmark_id(1);
        store
            .insert_benchmark(id, &plan("one"), owner, false, START)
            .await
            .unwrap();
        store.claim_next("runner", at(1), at(9)).await.unwrap();
        let held = |cluster: &Cluster| -> Vec<_> {
            cluster.nodes.iter().map(|node| node.held_by).collect()
        };
        assert_eq!(
            held(&store.list_clusters().await.unwrap()[0]),
            [Some(id), None]
        );
        store.release(id).await.unwrap();
        let found = store.find_cluster(cluster.id).await.unwrap().unwrap();
        assert_eq!(held(&found), [None, None]);
    })
    .await;
}
