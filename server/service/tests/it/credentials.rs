//! Credentials of the registry: who may, where they go, and what becomes of those that are used.

use domain::access::Role;
use domain::catalogue::{
    CatalogueQuery, Cluster, Credential, CredentialForm, EndpointForm, ModelForm, TestOutcome,
};
use service::catalogue::{
    archive_credential, delete_credential, get_credential, get_credential_use, list_credentials,
    rotate_credential, save_credential, save_endpoint, save_model, test_credential,
};
use service::{Actor, ServiceError};
use testkit::LlamaServer;

use crate::house::{House, field_errors};

const KEY: &str = "sk-registry-secret-4711";
const URL: &str = "http://10.0.0.1:8000/v1";

fn form(name: &str, base_url: &str, secret: &str) -> CredentialForm {
    CredentialForm {
        name: name.to_owned(),
        base_url: base_url.to_owned(),
        secret: secret.to_owned(),
        description: String::new(),
        ..CredentialForm::default()
    }
}

async fn credential(house: &House, root: &Actor) -> Credential {
    save_credential(&house.ctx, root, None, &form("OpenAI", URL, KEY))
        .await
        .unwrap()
}

async fn endpoint(
    house: &House,
    actor: &Actor,
    base_url: &str,
    credential: Option<&Credential>,
) -> Result<Cluster, ServiceError> {
    let form = EndpointForm {
        name: format!("at {base_url}"),
        base_url: base_url.to_owned(),
        credential_id: credential.map(|one| one.id.to_string()).unwrap_or_default(),
        ..EndpointForm::default()
    };
    save_endpoint(&house.ctx, actor, None, &form).await
}

#[tokio::test]
async fn administrators_keep_them_and_operators_see_them() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let root = house.person("root", Role::Administrator).await;
    let lead = house.person("lead", Role::Lead).await;
    let operator = house.person("operator", Role::Operator).await;
    let viewer = house.person("viewer", Role::Viewer).await;
    let made = credential(&house, &root).await;
    assert!(!format!("{made:?}").contains(KEY));

    let all = CatalogueQuery::all();
    let listed = list_credentials(ctx, &operator, &all).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&made));
    let refused = list_credentials(ctx, &viewer, &all).await;
    assert!(matches!(refused, Err(ServiceError::Forbidden(_))));
    let seen = service::workflows::get_catalogue(ctx, &viewer).await;
    assert_eq!(seen.unwrap().credentials, []);

    let renamed = form("Renamed", URL, "");
    for actor in [&viewer, &operator, &lead] {
        let refused = [
            save_credential(ctx, actor, None, &renamed).await.err(),
            save_credential(ctx, actor, Some(made.id), &renamed)
                .await
                .err(),
            rotate_credential(ctx, actor, made.id, "x").await.err(),
            archive_credential(ctx, actor, made.id, true).await.err(),
            delete_credential(ctx, actor, made.id).await.err(),
        ];
        for error in refused {
            assert!(
                matches!(error, Some(ServiceError::Forbidden(_))),
                "{error:?}"
            );
        }
    }
    let changed = save_credential(ctx, &root, Some(made.id), &renamed).await;
    assert_eq!(changed.unwrap().name, "Renamed");
    let rotated = rotate_credential(ctx, &root, made.id, " sk-2 ").await;
    assert!(rotated.unwrap().rotated_at.is_some());
    assert_eq!(house.secret(made.id, URL).await.as_deref(), Some("sk-2"));
    let empty = rotate_credential(ctx, &root, made.id, " ").await;
    assert_eq!(field_errors(empty).at("secret"), Some("Give the new key."));
    delete_credential(ctx, &root, made.id).await.unwrap();
    let gone = get_credential(ctx, &root, made.id).await;
    assert!(matches!(gone, Err(ServiceError::NotFound(_))));
}

#[tokio::test]
async fn an_endpoint_takes_only_what_is_for_its_address() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let root = house.person("root", Role::Administrator).await;
    let operator = house.person("operator", Role::Operator).await;
    let made = credential(&house, &root).await;
    let elsewhere = endpoint(&house, &operator, "http://10.0.0.2:8000", Some(&made)).await;
    let errors = field_errors(elsewhere);
    assert!(errors.at("credential_id").unwrap().contains("only sent to"));
    let cluster = endpoint(&house, &operator, "http://10.0.0.1:8000", Some(&made)).await;
    let cluster = cluster.unwrap();
    assert_eq!(cluster.kind.credential_id(), Some(made.id));

    // Neither can be moved away from the other.
    let moved = form("OpenAI", "http://evil.example", "sk-2");
    let refused = save_credential(ctx, &root, Some(made.id), &moved).await;
    assert!(field_errors(refused).at("base_url").is_some());
    let moved = EndpointForm {
        name: cluster.name.clone(),
        base_url: "http://evil.example".to_owned(),
        credential_id: made.id.to_string(),
        ..EndpointForm::default()
    };
    let refused = save_endpoint(ctx, &operator, Some(cluster.id), &moved).await;
    assert!(field_errors(refused).at("credential_id").is_some());

    let used = get_credential_use(ctx, &operator, made.id).await.unwrap();
    assert_eq!(used.clusters, [(cluster.id, cluster.name.clone())]);
    let refused = delete_credential(ctx, &root, made.id).await;
    assert!(matches!(refused, Err(ServiceError::Conflict(text)) if text.contains("Archive")));
    archive_credential(ctx, &root, made.id, true).await.unwrap();
    let late = endpoint(&house, &operator, URL, Some(&made)).await;
    assert!(field_errors(late).at("credential_id").is_some());
    let same = EndpointForm {
        base_url: URL.to_owned(),
        ..moved
    };
    let kept = save_endpoint(ctx, &operator, Some(cluster.id), &same).await;
    assert_eq!(kept.unwrap().kind.credential_id(), Some(made.id));
}

#[tokio::test]
async fn the_key_of_an_endpoint_is_shown_and_changed_there() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let root = house.person("root", Role::Administrator).await;
    let form = EndpointForm {
        name: "Lab".to_owned(),
        base_url: URL.to_owned(),
        api_key: KEY.to_owned(),
        ..EndpointForm::default()
    };
    let cluster = save_endpoint(ctx, &root, None, &form).await.unwrap();
    let listed = list_credentials(ctx, &root, &CatalogueQuery::in_use()).await;
    let listed = listed.unwrap();
    assert_eq!(listed[0].name, "Key of Lab");
    assert_eq!(listed[0].endpoint_id, Some(cluster.id));
    let id = listed[0].id;
    for refused in [
        rotate_credential(ctx, &root, id, "x").await.err(),
        delete_credential(ctx, &root, id).await.err(),
        archive_credential(ctx, &root, id, true).await.err(),
    ] {
        assert!(matches!(refused, Some(ServiceError::Conflict(text)) if text.contains("endpoint")));
    }
    // A credential of the registry takes its place, and it is destroyed.
    let other = credential(&house, &root).await;
    let chosen = EndpointForm {
        api_key: String::new(),
        credential_id: other.id.to_string(),
        ..form
    };
    save_endpoint(ctx, &root, Some(cluster.id), &chosen)
        .await
        .unwrap();
    assert!(house.store.open_credential(id).await.is_err());
}

#[tokio::test]
async fn a_cloud_benchmark_says_which_credential_it_sends() {
    let house = House::open_seeded().await;
    let ctx = &house.ctx;
    let root = house.person("root", Role::Administrator).await;
    let made = credential(&house, &root).await;
    let cluster = endpoint(&house, &root, URL, None).await.unwrap();
    let model = ModelForm {
        name: "GPT".to_owned(),
        source: "cloud".to_owned(),
        provider: "openai".to_owned(),
        cloud_model: "gpt-4o-mini".to_owned(),
        ..ModelForm::default()
    };
    let model = save_model(ctx, &root, None, &model).await.unwrap();
    let id = house
        .queued_on(&root, &cluster, &model, Some(made.id))
        .await;
    let used = get_credential_use(ctx, &root, made.id).await.unwrap();
    assert_eq!(used.benchmarks.newest[0].id, id);
    assert_eq!(used.clusters, [], "the endpoint itself has no key");
    let refused = delete_credential(ctx, &root, made.id).await;
    assert!(matches!(refused, Err(ServiceError::Conflict(_))));

    let plan = house.store.find_benchmark(id).await.unwrap().unwrap().plan;
    let limit = plan.workload.spend_limit.unwrap();
    assert!(limit.is_some(), "nobody gave one");

    let again = service::workflows::start_workflow(ctx, &root, Some(id)).await;
    let again = again.unwrap();
    assert_eq!(again.draft.credential_id, Some(made.id));
    let standing = service::workflows::get_standing(ctx, &root, again.id).await;
    let spending = standing.unwrap().spending.unwrap();
    assert_eq!((spending.limit, spending.price), (limit, None));
}

#[tokio::test]
async fn a_test_says_what_came_and_a_rotation_forgets_it() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let root = house.person("root", Role::Administrator).await;
    let operator = house.person("operator", Role::Operator).await;
    let server = LlamaServer::start_with(1, &["--api-key", KEY]);
    let made = save_credential(ctx, &root, None, &form("Tiny", server.url(), KEY))
        .await
        .unwrap();
    let tested = test_credential(ctx, &operator, made.id).await.unwrap();
    let test = tested.last_test.unwrap();
    assert_eq!(test.outcome, TestOutcome::Accepted, "{}", test.message);
    let rotated = rotate_credential(ctx, &root, made.id, "sk-wrong").await;
    assert_eq!(rotated.unwrap().last_test, None);
    let tested = test_credential(ctx, &operator, made.id).await.unwrap();
    let test = tested.last_test.unwrap();
    assert_eq!(test.outcome, TestOutcome::Refused, "{}", test.message);
}
