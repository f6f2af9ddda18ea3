//! API tokens.

use domain::access::{Role, Token};
use domain::id::{TokenId, UserId};
use store::StoreError;

use crate::builders::{START, add_owner, at, uuid};
use crate::place::for_each_database;

fn token(number: u128, account_id: UserId) -> Token {
    Token {
        id: TokenId(uuid(number)),
        name: format!("token {number}"),
        role: Role::Viewer,
        account_id,
        account_name: "alice".to_owned(),
        created_at: at(i64::try_from(number).unwrap()),
        expires_at: at(1_000),
        last_used_at: None,
        revoked_at: None,
    }
}

fn digest(number: u128) -> String {
    format!("{number:064x}")
}

#[tokio::test]
async fn a_token_is_found_by_its_digest() {
    for_each_database(async |place| {
        let store = &place.store;
        let alice = add_owner(store).await;
        let token = token(1, alice);
        store.insert_token(&token, &digest(1)).await.unwrap();
        let found = store.find_token_by_digest(&digest(1)).await.unwrap();
        let (by_digest, account) = found.unwrap();
        assert_eq!(by_digest, token);
        assert_eq!((account.id, account.role), (alice, Role::Operator));
        let by_id = store.find_token(token.id).await.unwrap();
        assert_eq!(by_id.unwrap().0, token);
        assert_eq!(store.find_token_by_digest(&digest(2)).await.unwrap(), None);

        let same_digest = Token {
            id: TokenId(uuid(2)),
            ..token
        };
        let again = store.insert_token(&same_digest, &digest(1)).await;
        assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    })
    .await;
}

#[tokio::test]
async fn tokens_are_listed_newest_first() {
    for_each_database(async |place| {
        let store = &place.store;
        let alice = add_owner(store).await;
        let robot = UserId(uuid(0xb0b));
        store
            .insert_service(robot, "robot", Role::Lead, START)
            .await
            .unwrap();
        for (number, account) in [(1, alice), (2, robot), (3, alice)] {
            let token = token(number, account);
            store.insert_token(&token, &digest(number)).await.unwrap();
        }
        let names = async |account, limit| {
            let tokens = store.list_tokens(account, limit).await.unwrap();
            let names = tokens.into_iter().map(|it| (it.name, it.account_name));
            names.collect::<Vec<_>>()
        };
        let (one, two, three) = (
            ("token 1".to_owned(), "alice".to_owned()),
            ("token 2".to_owned(), "robot".to_owned()),
            ("token 3".to_owned(), "alice".to_owned()),
        );
        assert_eq!(names(Some(alice), 9).await, [three.clone(), one.clone()]);
        assert_eq!(names(None, 9).await, [three.clone(), two, one]);
        assert_eq!(names(None, 1).await, [three]);
    })
    .await;
}

#[tokio::test]
async fn use_is_noted_once_a_minute_and_revoking_once() {
    for_each_database(async |place| {
        let store = &place.store;
        let alice = add_owner(store).await;
        let id = token(1, alice).id;
        store
            .insert_token(&token(1, alice), &digest(1))
            .await
            .unwrap();
        let read = async || store.find_token(id).await.unwrap().unwrap().0;
        for (second, noted) in [(10, 10), (69, 10), (70, 70), (71, 70)] {
            store.touch_token(id, at(second)).await.unwrap();
            assert_eq!(read().await.last_used_at, Some(at(noted)), "at {second} s");
        }
        let count = async |second| store.count_valid_tokens(alice, at(second)).await.unwrap();
        assert_eq!((count(999).await, count(1_000).await), (1, 0));
        store.revoke_token(id, at(80)).await.unwrap();
        store.revoke_token(id, at(90)).await.unwrap();
        assert_eq!(read().await.revoked_at, Some(at(80)));
        assert_eq!(count(81).await, 0);
        let nobody = store.revoke_token(TokenId(uuid(9)), at(1)).await;
        assert!(matches!(nobody, Err(StoreError::NotFound)), "{nobody:?}");
    })
    .await;
}
