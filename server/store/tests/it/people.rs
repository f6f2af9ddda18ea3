//! Accounts and sessions.

use domain::access::{AccountKind, Role};
use domain::id::UserId;
use domain::secret::Secret;
use store::{Store, StoreError};

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

        let alice = store.find_user_by_name("ALICE").await.unwrap().unwrap();
        assert_eq!((alice.account.id, &*alice.account.name), (id, "Alice"));
        assert_eq!(alice.account.role, Role::Administrator);
        assert_eq!(alice.account.kind, AccountKind::Person);
        assert!(alice.account.is_enabled());
        assert_eq!(alice.password_hash, Secret::new("hash".to_owned()));
        assert_eq!(store.find_user(id).await.unwrap(), Some(alice));
        assert_eq!(store.find_user(UserId(uuid(2))).await.unwrap(), None);
        assert_eq!(store.find_user_by_name("bob").await.unwrap(), None);
        assert_eq!(store.count_users().await.unwrap(), 1);
    })
    .await;
}

/// Adds a person, and returns their id.
async fn add(store: &Store, number: u128, role: Role) -> UserId {
    let id = UserId(uuid(number));
    let name = format!("person-{number}");
    store
        .insert_user(id, &name, role, "hash", START)
        .await
        .unwrap();
    id
}

#[tokio::test]
async fn sessions_end_with_the_password_and_the_account() {
    for_each_database(async |place| {
        let store = &place.store;
        let boss = add(store, 1, Role::Administrator).await;
        let grace = add(store, 2, Role::Operator).await;
        let stamp = async |id| store.find_user(id).await.unwrap().unwrap().session_stamp;
        assert_eq!(stamp(grace).await, 0);
        assert_eq!(store.set_password(grace, "other").await.unwrap(), 1);
        assert_eq!(stamp(grace).await, 1);

        store.disable_user(grace, at(1)).await.unwrap();
        store.disable_user(grace, at(2)).await.unwrap();
        let disabled = store.find_user(grace).await.unwrap().unwrap();
        assert_eq!(
            disabled.account.disabled_at,
            Some(at(1)),
            "since the first time"
        );
        assert!(disabled.session_stamp > 1);
        store.enable_user(grace).await.unwrap();
        let enabled = store.find_user(grace).await.unwrap().unwrap();
        assert!(enabled.account.is_enabled());
        assert_eq!(enabled.session_stamp, disabled.session_stamp);
        assert_eq!(enabled.password_hash, Secret::new("other".to_owned()));

        assert_eq!(stamp(boss).await, 0, "nobody else's");
        let nobody = UserId(uuid(9));
        for result in [
            store.disable_user(nobody, at(1)).await,
            store.enable_user(nobody).await,
            store.set_role(nobody, Role::Viewer).await,
            store.set_password(nobody, "x").await.map(drop),
        ] {
            assert!(matches!(result, Err(StoreError::NotFound)), "{result:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_last_administrator_stays() {
    for_each_database(async |place| {
        let store = &place.store;
        let first = add(store, 1, Role::Administrator).await;
        add(store, 2, Role::Lead).await;
        let service = UserId(uuid(3));
        store
            .insert_service(service, "ci", Role::Administrator, START)
            .await
            .unwrap();
        assert_eq!(store.count_administrators().await.unwrap(), 1);
        for result in [
            store.disable_user(first, at(1)).await,
            store.set_role(first, Role::Lead).await,
        ] {
            assert!(matches!(result, Err(StoreError::Conflict(_))), "{result:?}");
        }
        store.set_role(first, Role::Administrator).await.unwrap();
        store.disable_user(service, at(1)).await.unwrap();

        let second = add(store, 4, Role::Administrator).await;
        let (one, other) = tokio::join!(
            store.set_role(first, Role::Lead),
            store.disable_user(second, at(1)),
        );
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        assert_eq!(store.count_administrators().await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn accounts_are_listed_by_name() {
    for_each_database(async |place| {
        let store = &place.store;
        for (number, name) in [(1, "grace"), (2, "Ada"), (3, "bob")] {
            let id = UserId(uuid(number));
            let inserted = store.insert_service(id, name, Role::Viewer, START).await;
            inserted.unwrap();
        }
        let names = async |limit| {
            let accounts = store.list_accounts(limit).await.unwrap();
            accounts.into_iter().map(|account| account.name)
        };
        assert_eq!(names(9).await.collect::<Vec<_>>(), ["Ada", "bob", "grace"]);
        assert_eq!(names(1).await.collect::<Vec<_>>(), ["Ada"]);
        let ada = store.find_user_by_name("ada").await.unwrap().unwrap();
        assert_eq!(ada.account.kind, AccountKind::Service);
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
