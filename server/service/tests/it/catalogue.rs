//! Models, clusters, and the keys of endpoints.

use domain::access::Role;
use domain::catalogue::{
    CatalogueQuery, Cluster, ClusterKind, EndpointForm, ModelForm, ModelSource,
};
use domain::id::{ClusterId, CredentialId};
use service::ServiceError;
use service::catalogue::{
    archive_cluster, archive_model, check_cluster, delete_cluster, delete_model, ensure_seed,
    get_cluster, get_cluster_use, get_model_use, list_clusters, list_models, read_model_files,
    save_endpoint, save_model,
};

use crate::house::{House, field_errors};

const KEY: &str = "sk-very-secret-4711";

fn endpoint(base_url: &str, api_key: &str) -> EndpointForm {
    EndpointForm {
        name: "Lab".to_owned(),
        base_url: base_url.to_owned(),
        api_key: api_key.to_owned(),
        ..EndpointForm::default()
    }
}

fn credential_of(cluster: &Cluster) -> Option<CredentialId> {
    match &cluster.kind {
        ClusterKind::Endpoint { credential_id, .. } => *credential_id,
        ClusterKind::ThisMachine | ClusterKind::Machines => None,
    }
}

#[tokio::test]
async fn seeding_twice_makes_everything_once() {
    let house = House::open_seeded().await;
    ensure_seed(&house.ctx).await.unwrap();
    let ada = house.person("ada", Role::Viewer).await;
    let clusters = list_clusters(&house.ctx, &ada, &CatalogueQuery::in_use())
        .await
        .unwrap();
    assert_eq!(clusters.len(), 1);
    let inventory = clusters[0].nodes[0].inventory.clone().unwrap();
    assert!(inventory.cpu_core_count > 0);
    assert_eq!(
        list_models(&house.ctx, &ada, &CatalogueQuery::in_use())
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_key_is_sealed_replaced_and_removed() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let url = "http://10.0.0.1:8000";
    let made = save_endpoint(ctx, &ada, None, &endpoint(url, KEY))
        .await
        .unwrap();
    let first = credential_of(&made).unwrap();
    assert_eq!(house.secret(first, url).await.as_deref(), Some(KEY));
    assert!(!format!("{made:?}").contains(KEY));
    assert_eq!(get_cluster(ctx, &ada, made.id).await.unwrap(), made);

    let kept = save_endpoint(ctx, &ada, Some(made.id), &endpoint(url, ""))
        .await
        .unwrap();
    assert_eq!(
        credential_of(&kept),
        Some(first),
        "an empty field keeps the key"
    );

    let replaced = save_endpoint(ctx, &ada, Some(made.id), &endpoint(url, "sk-2"))
        .await
        .unwrap();
    assert_eq!(
        credential_of(&replaced),
        Some(first),
        "what waits goes on with the new key"
    );
    assert_eq!(house.secret(first, url).await.as_deref(), Some("sk-2"));

    let elsewhere = "http://10.0.0.2:8000";
    let moved = save_endpoint(ctx, &ada, Some(made.id), &endpoint(elsewhere, "sk-3"))
        .await
        .unwrap();
    let second = credential_of(&moved).unwrap();
    assert_eq!(
        house.secret(second, elsewhere).await.as_deref(),
        Some("sk-3")
    );
    assert_eq!(house.secret(second, url).await, None);
    assert!(
        house.store.open_credential(first).await.is_err(),
        "the old one is gone"
    );

    let form = EndpointForm {
        remove_key: "on".to_owned(),
        ..endpoint(elsewhere, "")
    };
    let removed = save_endpoint(ctx, &ada, Some(made.id), &form)
        .await
        .unwrap();
    assert_eq!(credential_of(&removed), None);
    assert!(house.store.open_credential(second).await.is_err());
}

#[tokio::test]
async fn a_saved_key_never_goes_to_another_address() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let made = save_endpoint(ctx, &ada, None, &endpoint("http://10.0.0.1:8000", KEY)).await;
    let id = made.unwrap().id;
    for elsewhere in [
        "http://evil.example:8000",
        "http://10.0.0.1:9000",
        "https://10.0.0.1:8000",
    ] {
        let refused = save_endpoint(ctx, &ada, Some(id), &endpoint(elsewhere, "")).await;
        assert!(field_errors(refused).at("api_key").is_some(), "{elsewhere}");
    }
    let same_place = endpoint("http://10.0.0.1:8000/v1", "");
    save_endpoint(ctx, &ada, Some(id), &same_place)
        .await
        .unwrap();
    let with_new_key = endpoint("http://10.0.0.2:8000", "sk-3");
    save_endpoint(ctx, &ada, Some(id), &with_new_key)
        .await
        .unwrap();
}

#[tokio::test]
async fn names_are_unique_and_a_key_goes_with_its_cluster() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let made = save_endpoint(ctx, &ada, None, &endpoint("http://a:1", KEY))
        .await
        .unwrap();
    let taken = save_endpoint(ctx, &ada, None, &endpoint("http://b:1", "sk-2")).await;
    assert!(field_errors(taken).at("name").is_some());
    delete_cluster(ctx, &ada, made.id).await.unwrap();
    let sealed = credential_of(&made).unwrap();
    assert!(
        house.store.open_credential(sealed).await.is_err(),
        "the key goes with its cluster"
    );
}

#[tokio::test]
async fn a_check_says_why_nothing_answers() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let url = format!("http://127.0.0.1:{}", testkit::free_port());
    let cluster = save_endpoint(ctx, &ada, None, &endpoint(&url, ""))
        .await
        .unwrap();
    let checked = check_cluster(ctx, &ada, cluster.id).await.unwrap();
    let check = checked.last_check.unwrap();
    assert!(
        !check.is_reachable && check.message.contains("refused"),
        "{}",
        check.message
    );

    let machine = house.this_machine(&ada).await;
    let checked = check_cluster(ctx, &ada, machine.id).await.unwrap();
    assert!(checked.last_check.unwrap().is_reachable);
}

#[tokio::test]
async fn what_is_always_there_cannot_be_deleted() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let root = house.person("root", Role::Administrator).await;
    let machine = house.this_machine(&root).await;
    let model = house.reference_model(&root).await;
    let refused = delete_cluster(ctx, &root, machine.id).await;
    assert!(matches!(refused, Err(ServiceError::Conflict(_))));
    let refused = save_endpoint(ctx, &root, Some(machine.id), &endpoint("http://a:1", "")).await;
    assert!(matches!(refused, Err(ServiceError::Conflict(_))));
    let refused = delete_model(ctx, &root, model.id).await;
    assert!(matches!(refused, Err(ServiceError::Conflict(_))));
    let missing = get_cluster(ctx, &root, ClusterId(uuid::Uuid::nil())).await;
    assert!(matches!(missing, Err(ServiceError::NotFound(_))));
}

#[tokio::test]
async fn a_model_is_made_changed_and_deleted() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let form = ModelForm {
        name: "Tiny".to_owned(),
        source: "local_path".to_owned(),
        path: "/models/tiny.gguf".to_owned(),
        ..ModelForm::default()
    };
    let made = save_model(ctx, &ada, None, &form).await.unwrap();
    assert_eq!(made.served_name, "Tiny");
    let again = save_model(ctx, &ada, None, &form).await;
    assert!(field_errors(again).at("name").is_some());
    let form = ModelForm {
        source: "served".to_owned(),
        ..form
    };
    let changed = save_model(ctx, &ada, Some(made.id), &form).await.unwrap();
    assert_eq!((changed.id, changed.source), (made.id, ModelSource::Served));
    assert_eq!(changed.created_at, made.created_at);
    delete_model(ctx, &ada, made.id).await.unwrap();
    assert_eq!(
        list_models(ctx, &ada, &CatalogueQuery::all())
            .await
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn what_was_used_is_archived_and_stays_runnable() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let cluster = save_endpoint(ctx, &ada, None, &endpoint("http://10.0.0.1:8000", KEY)).await;
    let cluster = cluster.unwrap();
    let form = ModelForm {
        name: "Tiny".to_owned(),
        source: "served".to_owned(),
        ..ModelForm::default()
    };
    let model = save_model(ctx, &ada, None, &form).await.unwrap();
    let id = house.queued_on(&ada, &cluster, &model, None).await;

    let used = get_model_use(ctx, &ada, model.id).await.unwrap();
    assert_eq!((used.benchmark_count, used.newest[0].id), (1, id));
    assert_eq!(get_cluster_use(ctx, &ada, cluster.id).await.unwrap(), used);
    for refused in [
        delete_model(ctx, &ada, model.id).await,
        delete_cluster(ctx, &ada, cluster.id).await,
    ] {
        assert!(matches!(refused, Err(ServiceError::Conflict(text)) if text.contains("Archive")));
    }
    let first = archive_model(ctx, &ada, model.id, true).await.unwrap();
    let again = archive_model(ctx, &ada, model.id, true).await.unwrap();
    assert_eq!(
        again.archived_at, first.archived_at,
        "the first time counts"
    );
    archive_cluster(ctx, &ada, cluster.id, true).await.unwrap();
    let in_use = CatalogueQuery::in_use();
    let names = |models: Vec<domain::catalogue::Model>| -> Vec<String> {
        models.into_iter().map(|model| model.name).collect()
    };
    let listed = list_models(ctx, &ada, &in_use).await.unwrap();
    assert_eq!(names(listed), ["Reference engine"]);
    let archived = CatalogueQuery {
        search: "TINY served".to_owned(),
        shown: domain::catalogue::Shown::Archived,
    };
    let listed = list_models(ctx, &ada, &archived).await.unwrap();
    assert_eq!(names(listed), ["Tiny"]);
    assert_eq!(list_clusters(ctx, &ada, &in_use).await.unwrap().len(), 1);

    // Nothing that was planned is refused: the key is there, and the plan is the same.
    let key = house.secret(credential_of(&cluster).unwrap(), "http://10.0.0.1:8000");
    assert_eq!(key.await.as_deref(), Some(KEY));
    let claimed = house
        .store
        .claim_next("runner", ctx.now(), ctx.now().plus_micros(1))
        .await
        .unwrap();
    assert!(claimed.is_some());
    let back = archive_cluster(ctx, &ada, cluster.id, false).await.unwrap();
    assert_eq!(back.archived_at, None);
}

#[tokio::test]
async fn files_on_this_machine_are_read_when_a_model_is_saved_and_when_asked() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.bin");
    let form = ModelForm {
        name: "Files".to_owned(),
        source: "local_path".to_owned(),
        path: path.display().to_string(),
        ..ModelForm::default()
    };
    let made = save_model(ctx, &ada, None, &form).await.unwrap();
    assert_eq!(made.facts, None, "nothing is there yet");
    let refused = read_model_files(ctx, &ada, made.id).await;
    assert!(matches!(refused, Err(ServiceError::Conflict(text)) if text.contains("nothing at")));

    std::fs::write(&path, b"abc").unwrap();
    let read = read_model_files(ctx, &ada, made.id).await.unwrap();
    let facts = read.facts.unwrap();
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(facts.digest.as_ref().unwrap().0, sha256);
    let renamed = ModelForm {
        name: "Renamed".to_owned(),
        ..form.clone()
    };
    let kept = save_model(ctx, &ada, Some(made.id), &renamed)
        .await
        .unwrap();
    assert_eq!(kept.facts, Some(facts), "the same files are not read again");
    let moved = ModelForm {
        source: "served".to_owned(),
        ..form
    };
    let moved = save_model(ctx, &ada, Some(made.id), &moved).await.unwrap();
    assert_eq!(moved.facts, None);
}

#[tokio::test]
async fn the_reference_engine_keeps_its_one_entry() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let root = house.person("root", Role::Administrator).await;
    let form = |source: &str| ModelForm {
        name: "Other".to_owned(),
        source: source.to_owned(),
        ..ModelForm::default()
    };
    let id = house.reference_model(&root).await.id;
    let refused = [
        save_model(ctx, &root, Some(id), &form("served")).await,
        save_model(ctx, &root, None, &form("reference")).await,
    ];
    for refused in refused {
        assert!(field_errors(refused).at("source").is_some());
    }
    let renamed = save_model(ctx, &root, Some(id), &form("reference")).await;
    assert_eq!(renamed.unwrap().name, "Other");
}
