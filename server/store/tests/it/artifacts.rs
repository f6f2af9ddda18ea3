//! Raw records as files.

use std::path::PathBuf;

use store::StoreError;

use crate::place::Place;

/// The SHA-256 of `abc`, from the standard (FIPS 180-2).
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn kept_file(place: &Place) -> PathBuf {
    let folder = place.folder.path().join("artifacts/records/ba");
    folder.join(format!("{ABC}.parquet"))
}

#[tokio::test]
async fn records_are_kept_by_their_digest() {
    let place = Place::embedded().await;
    let file = place.folder.path().join("requests.parquet");
    std::fs::write(&file, "abc").unwrap();
    let kept = place.store.put_records(&file).await.unwrap();
    assert_eq!(kept, (ABC.to_owned(), 3));
    assert_eq!(place.store.put_records(&file).await.unwrap(), kept, "again");
    assert_eq!(place.store.get_records(ABC).await.unwrap(), "abc");
    assert!(kept_file(&place).exists());
}

#[tokio::test]
async fn a_large_file_survives_the_journey() {
    let place = Place::embedded().await;
    let file = place.folder.path().join("requests.parquet");
    let content: Vec<u8> = (0..5_000_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(&file, &content).unwrap();
    let (sha256, bytes) = place.store.put_records(&file).await.unwrap();
    assert_eq!(bytes, 20_000_000);
    assert!(place.store.get_records(&sha256).await.unwrap() == content);
}

#[tokio::test]
async fn a_changed_file_is_not_given_out() {
    let place = Place::embedded().await;
    let file = place.folder.path().join("requests.parquet");
    std::fs::write(&file, "abc").unwrap();
    place.store.put_records(&file).await.unwrap();
    std::fs::write(kept_file(&place), "abd").unwrap();
    let error = place.store.get_records(ABC).await;
    assert!(matches!(error, Err(StoreError::Corrupt(_))), "{error:?}");
}

#[tokio::test]
async fn a_name_that_is_no_digest_is_not_found() {
    let place = Place::embedded().await;
    for name in [
        "",
        "ba",
        "../../secret.key",
        &"Z".repeat(64),
        &"a".repeat(64),
    ] {
        let error = place.store.get_records(name).await;
        assert!(
            matches!(error, Err(StoreError::NotFound)),
            "{name}: {error:?}"
        );
    }
    let missing = place
        .store
        .put_records(&place.folder.path().join("nothing"))
        .await;
    assert!(
        matches!(missing, Err(StoreError::File { .. })),
        "{missing:?}"
    );
}
