//! Accounts under an administrator.

use std::net::{IpAddr, Ipv4Addr};

use domain::access::{Account, AccountKind, NewAccountForm, PasswordForm, Role};
use service::people::{
    create_account, disable_account, enable_account, get_account, list_accounts, reset_password,
    set_role,
};
use service::session::{ensure_demo_administrator, find_signed_in, sign_in};
use service::{Actor, ServiceError};

use crate::house::{House, field_errors};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PASSWORD: &str = "correct horse battery";

fn form(name: &str, role: Role) -> NewAccountForm {
    NewAccountForm {
        name: name.to_owned(),
        role: role.as_str().to_owned(),
        kind: String::new(),
        password: PASSWORD.to_owned(),
        password_again: PASSWORD.to_owned(),
    }
}

fn conflict<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> String {
    match result {
        Err(ServiceError::Conflict(text)) => text,
        other => panic!("expected a conflict, got {other:?}"),
    }
}

/// A house with its administrator, and a person made by them.
async fn with_grace() -> (House, Actor, Account) {
    let house = House::open().await;
    let boss = house.person("boss", Role::Administrator).await;
    let form = form("grace", Role::Operator);
    let grace = create_account(&house.ctx, &boss, &form).await.unwrap();
    (house, boss, grace)
}

#[tokio::test]
async fn an_administrator_lets_people_in() {
    let (house, boss, grace) = with_grace().await;
    let ctx = &house.ctx;
    assert_eq!(
        (grace.role, grace.kind),
        (Role::Operator, AccountKind::Person)
    );
    let signed_in = sign_in(ctx, "grace", PASSWORD, HERE).await.unwrap();
    assert_eq!(signed_in.person, grace.person());

    let again = create_account(ctx, &boss, &form("GRACE", Role::Viewer)).await;
    assert!(
        field_errors(again).at("name").is_some(),
        "the name is taken"
    );
    let demo = create_account(ctx, &boss, &form("Demo", Role::Viewer)).await;
    assert!(field_errors(demo).at("name").is_some());

    let robot = NewAccountForm {
        kind: "service".to_owned(),
        password: String::new(),
        password_again: String::new(),
        ..form("robot", Role::Lead)
    };
    let robot = create_account(ctx, &boss, &robot).await.unwrap();
    assert_eq!(robot.kind, AccountKind::Service);
    for password in ["", "-", PASSWORD] {
        let refused = sign_in(ctx, "robot", password, HERE).await;
        assert!(matches!(refused, Err(ServiceError::SignedOut)));
    }
    let names = list_accounts(ctx, &boss).await.unwrap();
    let names: Vec<String> = names.into_iter().map(|account| account.name).collect();
    assert_eq!(names, ["boss", "grace", "robot"]);
}

#[tokio::test]
async fn a_role_counts_at_once() {
    let (house, boss, grace) = with_grace().await;
    let ctx = &house.ctx;
    let signed_in = sign_in(ctx, "grace", PASSWORD, HERE).await.unwrap();
    set_role(ctx, &boss, grace.id, "viewer").await.unwrap();
    let found = find_signed_in(ctx, grace.id, signed_in.stamp)
        .await
        .unwrap();
    assert_eq!(found.map(|person| person.role), Some(Role::Viewer));
    let unknown = set_role(ctx, &boss, grace.id, "king").await;
    assert!(field_errors(unknown).at("role").is_some());
}

#[tokio::test]
async fn a_disabled_account_is_out_and_can_come_back() {
    let (house, boss, grace) = with_grace().await;
    let ctx = &house.ctx;
    let signed_in = sign_in(ctx, "grace", PASSWORD, HERE).await.unwrap();
    let is_in = async |stamp| {
        find_signed_in(ctx, grace.id, stamp)
            .await
            .unwrap()
            .is_some()
    };
    assert!(is_in(signed_in.stamp).await);
    let disabled = disable_account(ctx, &boss, grace.id).await.unwrap();
    assert!(!disabled.is_enabled() && !is_in(signed_in.stamp).await);
    let refused = sign_in(ctx, "grace", PASSWORD, HERE).await;
    assert!(matches!(refused, Err(ServiceError::SignedOut)));

    let enabled = enable_account(ctx, &boss, grace.id).await.unwrap();
    assert!(enabled.is_enabled());
    assert!(!is_in(signed_in.stamp).await, "the old session stays over");
    let again = sign_in(ctx, "grace", PASSWORD, HERE).await.unwrap();
    assert!(is_in(again.stamp).await);
}

#[tokio::test]
async fn a_reset_password_ends_the_sessions() {
    const NEW: &str = "another long password";
    let (house, boss, grace) = with_grace().await;
    let ctx = &house.ctx;
    let before = sign_in(ctx, "grace", PASSWORD, HERE).await.unwrap();
    let with = |password: &str| PasswordForm {
        password: password.to_owned(),
        password_again: password.to_owned(),
    };
    let short = reset_password(ctx, &boss, grace.id, &with("short")).await;
    assert!(field_errors(short).at("password").is_some());
    reset_password(ctx, &boss, grace.id, &with(NEW))
        .await
        .unwrap();
    let found = find_signed_in(ctx, grace.id, before.stamp).await.unwrap();
    assert_eq!(found, None);
    assert!(sign_in(ctx, "grace", PASSWORD, HERE).await.is_err());
    sign_in(ctx, "grace", NEW, HERE).await.unwrap();
}

#[tokio::test]
async fn somebody_stays_administrator_and_nobody_changes_themselves() {
    let (house, boss, grace) = with_grace().await;
    let ctx = &house.ctx;
    let own = boss.person.id;
    assert!(conflict(set_role(ctx, &boss, own, "viewer").await).contains("own role"));
    assert!(conflict(disable_account(ctx, &boss, own).await).contains("own account"));
    let form = PasswordForm::default();
    assert!(conflict(reset_password(ctx, &boss, own, &form).await).contains("settings"));

    set_role(ctx, &boss, grace.id, "administrator")
        .await
        .unwrap();
    let grace = Actor::signed_in(get_account(ctx, &boss, grace.id).await.unwrap().person());
    disable_account(ctx, &grace, own).await.unwrap();
    // A request of theirs that was already let in when they were disabled.
    let last = disable_account(ctx, &boss, grace.person.id).await;
    assert!(conflict(last).contains("last administrator"));
    let last = set_role(ctx, &boss, grace.person.id, "lead").await;
    assert!(conflict(last).contains("last administrator"));
}

#[tokio::test]
async fn the_account_of_the_demo_stays_as_it_is() {
    let (house, boss, _) = with_grace().await;
    let ctx = &house.ctx;
    let demo = ensure_demo_administrator(ctx).await.unwrap();
    assert!(conflict(set_role(ctx, &boss, demo.id, "viewer").await).contains("demo"));
    assert!(conflict(disable_account(ctx, &boss, demo.id).await).contains("demo"));
}
