//! The first administrator, and signing in.

use std::net::{IpAddr, Ipv4Addr};

use domain::access::{AccountForm, OwnPasswordForm, Role};
use service::session::{
    change_own_password, create_first_administrator, ensure_demo_administrator, find_signed_in,
    issue_setup_token, needs_first_administrator, sign_in,
};
use service::{Actor, ServiceError};

use crate::house::{House, field_errors};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PASSWORD: &str = "correct horse battery";

fn form(name: &str) -> AccountForm {
    AccountForm {
        name: name.to_owned(),
        password: PASSWORD.to_owned(),
        password_again: PASSWORD.to_owned(),
    }
}

#[tokio::test]
async fn the_link_makes_one_administrator_and_no_second() {
    let house = House::open().await;
    let ctx = &house.ctx;
    assert!(needs_first_administrator(ctx).await.unwrap());
    let token = issue_setup_token(ctx);

    let guessed = create_first_administrator(ctx, "guessed", &form("eve")).await;
    assert!(matches!(guessed, Err(ServiceError::Forbidden(_))));
    let short = AccountForm {
        password: "short".to_owned(),
        ..form("ada")
    };
    let errors = field_errors(create_first_administrator(ctx, &token, &short).await);
    assert!(
        errors.at("password").is_some(),
        "a typing error does not use the link up"
    );

    let ada = create_first_administrator(ctx, &token, &form("ada"))
        .await
        .unwrap();
    assert_eq!(ada.person.role, Role::Administrator);
    assert!(!needs_first_administrator(ctx).await.unwrap());
    let again = create_first_administrator(ctx, &token, &form("eve")).await;
    assert!(matches!(again, Err(ServiceError::Forbidden(_))));
    let later = issue_setup_token(ctx);
    let with_fresh_token = create_first_administrator(ctx, &later, &form("eve")).await;
    assert!(matches!(with_fresh_token, Err(ServiceError::Forbidden(_))));
}

#[tokio::test]
async fn of_two_that_use_the_link_at_once_one_gets_in() {
    let house = House::open().await;
    let token = issue_setup_token(&house.ctx);
    let (ada, eve) = (form("ada"), form("eve"));
    let (first, second) = tokio::join!(
        create_first_administrator(&house.ctx, &token, &ada),
        create_first_administrator(&house.ctx, &token, &eve),
    );
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert_eq!(house.store.count_users().await.unwrap(), 1);
}

#[tokio::test]
async fn the_right_password_signs_in_and_nothing_else_does() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let token = issue_setup_token(ctx);
    let ada = create_first_administrator(ctx, &token, &form("ada"))
        .await
        .unwrap();

    assert_eq!(sign_in(ctx, " ada ", PASSWORD, HERE).await.unwrap(), ada);
    for (name, password) in [
        ("ada", "wrong"),
        ("nobody", PASSWORD),
        ("ada", ""),
        ("", ""),
    ] {
        let refused = sign_in(ctx, name, password, HERE).await;
        assert!(
            matches!(refused, Err(ServiceError::SignedOut)),
            "{name:?} {password:?}"
        );
    }
    let (id, stamp) = (ada.person.id, ada.stamp);
    let found = find_signed_in(ctx, id, stamp).await.unwrap();
    assert_eq!(found, Some(ada.person));
    assert_eq!(find_signed_in(ctx, id, stamp + 1).await.unwrap(), None);
}

fn change(present: &str, new: &str) -> OwnPasswordForm {
    OwnPasswordForm {
        present_password: present.to_owned(),
        password: new.to_owned(),
        password_again: new.to_owned(),
    }
}

#[tokio::test]
async fn a_person_changes_their_own_password_and_other_sessions_end() {
    const NEW: &str = "a much better password";
    let house = House::open().await;
    let ctx = &house.ctx;
    let token = issue_setup_token(ctx);
    let before = create_first_administrator(ctx, &token, &form("ada"))
        .await
        .unwrap();
    let ada = Actor::signed_in(before.person.clone());
    let refused = change_own_password(ctx, &ada, &change("wrong", NEW), HERE).await;
    assert!(field_errors(refused).at("present_password").is_some());
    let refused = change_own_password(ctx, &ada, &change(PASSWORD, "short"), HERE).await;
    assert!(field_errors(refused).at("password").is_some());
    assert!(
        sign_in(ctx, "ada", PASSWORD, HERE).await.is_ok(),
        "unchanged"
    );

    let after = change_own_password(ctx, &ada, &change(PASSWORD, NEW), HERE)
        .await
        .unwrap();
    let id = ada.person.id;
    let is_in = async |stamp| find_signed_in(ctx, id, stamp).await.unwrap().is_some();
    assert!(!is_in(before.stamp).await && is_in(after.stamp).await);
    let old = sign_in(ctx, "ada", PASSWORD, HERE).await;
    assert!(matches!(old, Err(ServiceError::SignedOut)), "{old:?}");
    assert_eq!(sign_in(ctx, "ada", NEW, HERE).await.unwrap(), after);
}

#[tokio::test]
async fn guessing_the_present_password_is_limited() {
    let house = House::open().await;
    let token = issue_setup_token(&house.ctx);
    let made = create_first_administrator(&house.ctx, &token, &form("ada")).await;
    let ada = Actor::signed_in(made.unwrap().person);
    let form = change("a wrong guess", "a much better password");
    let closed = loop {
        match change_own_password(&house.ctx, &ada, &form, HERE).await {
            Err(ServiceError::Invalid(_)) => {}
            other => break other,
        }
    };
    assert!(matches!(
        closed,
        Err(ServiceError::TooManyRequests { retry_after_s: 1.. })
    ));
}

#[tokio::test]
async fn guessing_is_limited_per_name() {
    let house = House::open().await;
    let refusals = async {
        loop {
            match sign_in(&house.ctx, "ada", "guess", HERE).await {
                Err(ServiceError::SignedOut) => {}
                other => return other,
            }
        }
    };
    let closed = refusals.await;
    assert!(matches!(
        closed,
        Err(ServiceError::TooManyRequests { retry_after_s: 1.. })
    ));
}

#[tokio::test]
async fn nobody_signs_in_as_the_demo_administrator() {
    let house = House::open().await;
    let demo = ensure_demo_administrator(&house.ctx).await.unwrap();
    assert_eq!(
        ensure_demo_administrator(&house.ctx).await.unwrap(),
        demo,
        "made once"
    );
    let refused = sign_in(&house.ctx, &demo.name, "", HERE).await;
    assert!(matches!(refused, Err(ServiceError::SignedOut)));
}

#[tokio::test]
async fn who_has_tried_the_demo_can_still_begin() {
    let house = House::open().await;
    let ctx = &house.ctx;
    ensure_demo_administrator(ctx).await.unwrap();
    assert!(needs_first_administrator(ctx).await.unwrap());
    let token = issue_setup_token(ctx);
    let errors = field_errors(create_first_administrator(ctx, &token, &form("Demo")).await);
    assert!(
        errors.at("name").is_some(),
        "the demo's name is kept for it"
    );
    create_first_administrator(ctx, &token, &form("ada"))
        .await
        .unwrap();
    assert!(!needs_first_administrator(ctx).await.unwrap());
}
