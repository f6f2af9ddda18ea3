//! Sealed secrets.

use domain::id::CredentialId;
use domain::secret::Secret;
use store::StoreError;

use crate::builders::{START, uuid};
use crate::place::{Place, for_each_database};

#[tokio::test]
async fn a_sealed_secret_opens_again_until_it_is_deleted() {
    for_each_database(async |place| {
        let id = CredentialId(uuid(1));
        let secret = Secret::new("sk-clearly-visible".to_owned());
        let store = &place.store;
        store
            .seal_credential(id, "endpoint", &secret, START)
            .await
            .unwrap();
        let again = store.seal_credential(id, "endpoint", &secret, START).await;
        assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
        let second_server = place.open_again().await;
        assert_eq!(second_server.open_credential(id).await.unwrap(), secret);
        second_server.close().await;
        store.delete_credential(id).await.unwrap();
        let gone = store.open_credential(id).await;
        assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
    })
    .await;
}

#[tokio::test]
async fn no_file_of_the_data_folder_has_the_secret_in_clear() {
    let place = Place::embedded().await;
    let (sealed, marker) = ("sk-clearly-visible", "purpose-clearly-visible");
    let secret = Secret::new(sealed.to_owned());
    let id = CredentialId(uuid(1));
    place
        .store
        .seal_credential(id, marker, &secret, START)
        .await
        .unwrap();
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
    let id = CredentialId(uuid(1));
    let secret = Secret::new("sk-clearly-visible".to_owned());
    place
        .store
        .seal_credential(id, "endpoint", &secret, START)
        .await
        .unwrap();
    std::fs::remove_file(place.folder.path().join("secret.key")).unwrap();
    let with_new_key = place.open_again().await;
    let error = with_new_key
        .open_credential(id)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("enter the secret again"), "{error}");
}
