//! Sealed secrets and what people may know of them.

use domain::catalogue::{Credential, CredentialKind, CredentialTest, TestOutcome};
use domain::secret::Secret;
use store::{StoreError, Used};

use crate::builders::{BASE_URL, PlanExt, START, add_owner, at, benchmark_id, credential, plan};
use crate::place::{Place, for_each_database};

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[tokio::test]
async fn a_sealed_secret_opens_for_its_own_address_until_it_is_deleted() {
    for_each_database(async |place| {
        let one = credential(1, "one");
        let sealed = secret("sk-clearly-visible");
        let store = &place.store;
        store.insert_credential(&one, &sealed).await.unwrap();
        let second_server = place.open_again().await;
        let bound = second_server.open_credential(one.id).await.unwrap();
        assert_eq!(bound.for_url(BASE_URL), Some(&sealed));
        assert_eq!(bound.for_url("http://127.0.0.1:10"), None);
        second_server.close().await;
        store.delete_unused_credential(one.id).await.unwrap();
        let gone = store.open_credential(one.id).await;
        assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
    })
    .await;
}

#[tokio::test]
async fn names_of_the_registry_are_unique() {
    for_each_database(async |place| {
        let store = &place.store;
        let (b, a) = (credential(1, "b"), credential(2, "A"));
        store.insert_credential(&b, &secret("1")).await.unwrap();
        store.insert_credential(&a, &secret("2")).await.unwrap();
        let listed = store.list_credentials().await.unwrap();
        assert_eq!(listed, [a.clone(), b.clone()]);
        let taken = store
            .insert_credential(&credential(3, "a"), &secret("3"))
            .await;
        assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
        let renamed = Credential {
            name: "a".to_owned(),
            ..b
        };
        let taken = store.update_credential(&renamed, None).await;
        assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
    })
    .await;
}

#[tokio::test]
async fn a_rotation_keeps_the_id_and_forgets_the_test() {
    for_each_database(async |place| {
        let store = &place.store;
        let mut one = credential(1, "one");
        store.insert_credential(&one, &secret("old")).await.unwrap();
        let test = CredentialTest {
            tested_at: at(1),
            outcome: TestOutcome::Accepted,
            message: "It is accepted.".to_owned(),
        };
        store.save_credential_test(one.id, &test).await.unwrap();
        one.last_test = Some(test.clone());
        one.description = "changed".to_owned();
        store.update_credential(&one, None).await.unwrap();
        let found = store.find_credential(one.id).await.unwrap();
        assert_eq!(found, Some(one.clone()), "what was tested is the same");

        one.rotated_at = Some(at(2));
        let new = secret("new");
        store.update_credential(&one, Some(&new)).await.unwrap();
        one.last_test = None;
        let found = store.find_credential(one.id).await.unwrap();
        assert_eq!(found, Some(one.clone()));
        let bound = store.open_credential(one.id).await.unwrap();
        assert_eq!(bound.for_url(BASE_URL), Some(&new));

        store.save_credential_test(one.id, &test).await.unwrap();
        one.base_url = "https://elsewhere".to_owned();
        store.update_credential(&one, Some(&new)).await.unwrap();
        let found = store.find_credential(one.id).await.unwrap();
        assert_eq!(found, Some(one), "another address was never tested");
    })
    .await;
}

#[tokio::test]
async fn a_credential_knows_who_uses_it() {
    for_each_database(async |place| {
        let store = &place.store;
        let owner = add_owner(store).await;
        let one = credential(1, "one");
        store.insert_credential(&one, &secret("s")).await.unwrap();
        let plan = plan("sends").sending(&one);
        let inserted = store.insert_benchmark(benchmark_id(1), &plan, owner, false, START);
        inserted.await.unwrap();
        let by = store.used_by(Used::Credential(one.id)).await.unwrap();
        assert_eq!((by.benchmark_count, by.newest[0].id), (1, benchmark_id(1)));
        let refused = store.delete_unused_credential(one.id).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
        let archived = store.set_archived(Used::Credential(one.id), Some(at(3)));
        archived.await.unwrap();
        let found = store.find_credential(one.id).await.unwrap().unwrap();
        assert_eq!(found.archived_at, Some(at(3)));
        assert!(store.open_credential(one.id).await.is_ok(), "it still runs");
    })
    .await;
}

#[tokio::test]
async fn no_file_of_the_data_folder_has_the_secret_in_clear() {
    let place = Place::embedded().await;
    let (sealed, marker) = ("sk-clearly-visible", "name-clearly-visible");
    let one = credential(1, marker);
    let inserted = place.store.insert_credential(&one, &secret(sealed)).await;
    inserted.unwrap();
    place.store.close().await;
    let mut files_with_marker = 0;
    for entry in std::fs::read_dir(place.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let content = std::fs::read(&path).unwrap();
        let has = |text: &str| {
            content
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        assert!(!has(sealed), "{} has it", path.display());
        files_with_marker += usize::from(has(marker));
    }
    assert!(
        files_with_marker > 0,
        "what is not sealed is found: the search works"
    );
}

#[tokio::test]
async fn another_key_does_not_open_it_and_says_what_to_do() {
    let place = Place::embedded().await;
    let one = credential(1, "one");
    let sealed = secret("sk-clearly-visible");
    place.store.insert_credential(&one, &sealed).await.unwrap();
    std::fs::remove_file(place.folder.path().join("secret.key")).unwrap();
    let with_new_key = place.open_again().await;
    let error = with_new_key
        .open_credential(one.id)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("enter the secret again"), "{error}");
}

#[tokio::test]
async fn a_login_of_a_registry_keeps_its_user() {
    for_each_database(async |place| {
        let store = &place.store;
        let mut login = Credential {
            kind: CredentialKind::RegistryLogin,
            user: "ada".to_owned(),
            base_url: "docker://ghcr.io".to_owned(),
            ..credential(1, "ours")
        };
        let inserted = store.insert_credential(&login, &secret("pw")).await;
        inserted.unwrap();
        let found = store.find_credential(login.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&login));
        login.user = "bob".to_owned();
        store.update_credential(&login, None).await.unwrap();
        assert_eq!(store.list_credentials().await.unwrap(), [login.clone()]);
        let bound = store.open_credential(login.id).await.unwrap();
        assert!(bound.for_url("docker://ghcr.io").is_some());
        assert!(bound.for_url("https://ghcr.io").is_none());
    })
    .await;
}
