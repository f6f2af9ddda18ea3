//! Models, clusters, and the keys of endpoints.

use domain::access::Role;
use domain::catalogue::{
    CatalogueQuery, Cluster, ClusterKind, EndpointForm, ModelForm, ModelSource,
};
use domain::id::{ClusterId, CredentialId};
use service::ServiceError;
use service::catalogue::{
    check_cluster, delete_cluster, delete_model, ensure_seed, get_cluster, list_clusters,
    list_models, save_endpoint, save_model,
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
        ClusterKind::ThisMachine => None,
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
