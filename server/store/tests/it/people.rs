//! Accounts and sessions.

use domain::access::{Person, Role};
use domain::id::UserId;
use store::StoreError;

use crate::builders::{START, at, uuid};
use crate::place::for_each_database;

#[tokio::test]
async fn a_name_is_taken_once_in_whatever_case() {
    for_each_database(async |place| {
        let store = &place.store;
        assert_eq!(store.count_users().await.unwrap(), 0);
        let id = UserId(uuid(1));
        let insert = store.insert_user(id, "Alice", Role::Administrator, "hash", START);
        insert.await.unwrap();
        let again = store
            .insert_user(UserId(uuid(2)), "alice", Role::Viewer, "x", START)
            .await;
        assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");

        let alice = Person {
            id,
            name: "Alice".to_owned(),
            role: Role::Administrator,
        };
        let found = store.find_user_by_name("ALICE").await.unwrap();
        assert_eq!(found, Some((alice.clone(), "hash".to_owned())));
        assert_eq!(store.find_user(id).await.unwrap(), Some(alice));
        assert_eq!(store.find_user(UserId(uuid(2))).await.unwrap(), None);
        assert_eq!(store.find_user_by_name("bob").await.unwrap(), None);
        assert_eq!(store.count_users().await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_session_lives_until_it_expires() {
    for_each_database(async |place| {
        let store = &place.store;
        store
            .create_session("s1", b"\x00one", at(10))
            .await
            .unwrap();
        let again = store.create_session("s1", b"other", at(10)).await;
        assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
        let load = async |id: &str, now| store.load_session(id, at(now)).await.unwrap();
        assert_eq!(load("s1", 9).await.as_deref(), Some(b"\x00one".as_slice()));
        assert_eq!(load("s1", 10).await, None, "expired");

        store.save_session("s1", b"two", at(20)).await.unwrap();
        store.save_session("s2", b"three", at(5)).await.unwrap();
        assert_eq!(load("s1", 19).await.as_deref(), Some(b"two".as_slice()));
        assert_eq!(store.delete_expired_sessions(at(5)).await.unwrap(), 1);
        assert_eq!(load("s2", 0).await, None);
        store.delete_session("s1").await.unwrap();
        store.delete_session("s1").await.unwrap();
        assert_eq!(load("s1", 0).await, None);
    })
    .await;
}
