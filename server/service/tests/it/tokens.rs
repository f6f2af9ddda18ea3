//! API tokens.

use std::net::{IpAddr, Ipv4Addr};

use domain::access::{NewAccountForm, PasswordForm, Role, TokenForm, TokenState};
use domain::secret::Secret;
use service::tokens::{
    VALID_TOKENS_MAX, admit, console, create_token, is_valid, keep_for_next_page, list_all_tokens,
    list_tokens, revoke_token, take_for_page,
};
use service::{Actor, ServiceError, Via, people, session};

use crate::house::{House, field_errors};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn form(name: &str, role: Role) -> TokenForm {
    TokenForm {
        name: name.to_owned(),
        role: role.as_str().to_owned(),
        expires_days: "1".to_owned(),
    }
}

async fn let_in(house: &House, text: &Secret<String>) -> Result<Actor, ServiceError> {
    admit(&house.ctx, text.expose(), HERE).await
}

fn is_refused(result: &Result<Actor, ServiceError>) -> bool {
    matches!(result, Err(ServiceError::SignedOut))
}

fn is_forbidden<T>(result: Result<T, ServiceError>) -> bool {
    matches!(result, Err(ServiceError::Forbidden(_)))
}

#[tokio::test]
async fn a_token_acts_as_its_account_with_its_own_role_at_most() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let boss = house.person("boss", Role::Administrator).await;
    let grace = house.person("grace", Role::Lead).await;
    let above = create_token(ctx, &grace, None, &form("x", Role::Administrator)).await;
    assert!(field_errors(above).at("role").is_some());

    let made = create_token(ctx, &grace, None, &form("nightly", Role::Operator)).await;
    let (token, text) = made.unwrap();
    assert!(text.expose().starts_with("assay_") && text.expose().len() == 70);
    let actor = let_in(&house, &text).await.unwrap();
    assert_eq!(actor.via, Via::Token(token.id));
    assert_eq!(actor.person.id, grace.person.id);
    assert_eq!(actor.person.role, Role::Operator);

    people::set_role(ctx, &boss, grace.person.id, "viewer")
        .await
        .unwrap();
    let actor = let_in(&house, &text).await.unwrap();
    assert_eq!(actor.person.role, Role::Viewer, "no more than its account");
    people::set_role(ctx, &boss, grace.person.id, "administrator")
        .await
        .unwrap();
    let actor = let_in(&house, &text).await.unwrap();
    assert_eq!(actor.person.role, Role::Operator, "nor more than itself");

    let listed = list_tokens(ctx, &grace, None).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert!(listed.iter().all(|token| token.last_used_at.is_some()));
}

#[tokio::test]
async fn a_token_ends_with_its_time_its_account_or_when_it_is_revoked() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let boss = house.person("boss", Role::Administrator).await;
    let grace = house.person("grace", Role::Viewer).await;
    let make = async || {
        let made = create_token(ctx, &grace, None, &form("x", Role::Viewer)).await;
        made.unwrap()
    };
    let (revoked, text) = make().await;
    assert!(is_valid(ctx, revoked.id).await.unwrap());
    let gone = revoke_token(ctx, &grace, revoked.id).await.unwrap();
    assert_eq!(gone.state(ctx.now()), TokenState::Revoked);
    assert!(is_refused(&let_in(&house, &text).await));
    assert!(!is_valid(ctx, revoked.id).await.unwrap());

    let (_, text) = make().await;
    people::disable_account(ctx, &boss, grace.person.id)
        .await
        .unwrap();
    assert!(is_refused(&let_in(&house, &text).await));
    people::enable_account(ctx, &boss, grace.person.id)
        .await
        .unwrap();
    let_in(&house, &text).await.unwrap();
    house.pass_seconds(24 * 3_600);
    assert!(is_refused(&let_in(&house, &text).await), "expired");

    for wrong in [
        "",
        "assay_",
        &"0".repeat(70),
        &format!("assay_{}", "0".repeat(64)),
    ] {
        assert!(is_refused(&admit(ctx, wrong, HERE).await), "{wrong}");
    }
}

#[tokio::test]
async fn a_token_makes_no_tokens_and_manages_nobody() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let boss = house.person("boss", Role::Administrator).await;
    let other = house.person("grace", Role::Viewer).await.person.id;
    let made = create_token(ctx, &boss, None, &form("all", Role::Administrator)).await;
    let (token, text) = made.unwrap();
    let made = create_token(ctx, &boss, None, &form("second", Role::Viewer)).await;
    let (second, _) = made.unwrap();
    let program = let_in(&house, &text).await.unwrap();
    assert_eq!(program.person.role, Role::Administrator);

    let minted = create_token(ctx, &program, None, &form("x", Role::Viewer)).await;
    assert!(is_forbidden(minted));
    let person = NewAccountForm::default();
    assert!(is_forbidden(
        people::create_account(ctx, &program, &person).await
    ));
    assert!(is_forbidden(
        people::set_role(ctx, &program, other, "lead").await
    ));
    assert!(is_forbidden(
        people::disable_account(ctx, &program, other).await
    ));
    assert!(is_forbidden(
        people::enable_account(ctx, &program, other).await
    ));
    let password = PasswordForm::default();
    let reset = people::reset_password(ctx, &program, other, &password).await;
    assert!(is_forbidden(reset));
    let own = domain::access::OwnPasswordForm::default();
    let changed = session::change_own_password(ctx, &program, &own, HERE).await;
    assert!(is_forbidden(changed));
    assert!(is_forbidden(revoke_token(ctx, &program, second.id).await));

    assert_eq!(people::list_accounts(ctx, &program).await.unwrap().len(), 2);
    revoke_token(ctx, &program, token.id).await.unwrap();
    assert!(
        is_refused(&let_in(&house, &text).await),
        "it may end itself"
    );
}

#[tokio::test]
async fn tokens_of_others_are_an_administrators_business() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let boss = house.person("boss", Role::Administrator).await;
    let grace = house.person("grace", Role::Lead).await;
    let service = NewAccountForm {
        name: "robot".to_owned(),
        role: "operator".to_owned(),
        kind: "service".to_owned(),
        ..NewAccountForm::default()
    };
    let robot = people::create_account(ctx, &boss, &service).await.unwrap();
    let for_robot = Some(robot.id);
    assert!(is_forbidden(
        create_token(ctx, &grace, for_robot, &form("x", Role::Viewer)).await
    ));
    assert!(is_forbidden(list_tokens(ctx, &grace, for_robot).await));
    assert!(is_forbidden(list_all_tokens(ctx, &grace).await));
    let above = create_token(ctx, &boss, for_robot, &form("x", Role::Lead)).await;
    assert!(
        field_errors(above).at("role").is_some(),
        "the robot is an operator"
    );
    let made = create_token(ctx, &boss, for_robot, &form("x", Role::Operator)).await;
    let (token, text) = made.unwrap();
    assert_eq!(let_in(&house, &text).await.unwrap().person.id, robot.id);
    let as_grace = create_token(ctx, &boss, Some(grace.person.id), &form("x", Role::Viewer)).await;
    assert!(is_forbidden(as_grace), "nobody acts as another person");

    let strangers = revoke_token(ctx, &grace, token.id).await;
    assert!(matches!(strangers, Err(ServiceError::NotFound(_))));
    assert_eq!(list_tokens(ctx, &boss, for_robot).await.unwrap().len(), 1);
    assert_eq!(list_all_tokens(ctx, &boss).await.unwrap().len(), 1);
    revoke_token(ctx, &boss, token.id).await.unwrap();
    assert!(is_refused(&let_in(&house, &text).await));
}

#[tokio::test]
async fn the_console_makes_tokens_of_service_accounts() {
    let house = House::open().await;
    let ctx = &house.ctx;
    house.person("grace", Role::Lead).await;
    let made = console::create_token(ctx, &form("ci", Role::Operator)).await;
    let (token, text) = made.unwrap();
    assert_eq!((&*token.account_name, token.role), ("ci", Role::Operator));
    assert_eq!(let_in(&house, &text).await.unwrap().person.name, "ci");
    assert!(session::needs_first_administrator(ctx).await.unwrap());
    let (second, _) = console::create_token(ctx, &form("ci", Role::Viewer))
        .await
        .unwrap();
    assert_eq!(second.account_id, token.account_id);

    for (name, role, field) in [
        ("grace", Role::Viewer, "name"),
        ("demo", Role::Viewer, "name"),
        ("two words", Role::Viewer, "name"),
        ("ci", Role::Administrator, "role"),
    ] {
        let refused = console::create_token(ctx, &form(name, role)).await;
        assert!(field_errors(refused).at(field).is_some(), "{name}");
    }
    assert_eq!(console::list_tokens(ctx).await.unwrap().len(), 2);
    console::revoke_token(ctx, token.id).await.unwrap();
    assert!(is_refused(&let_in(&house, &text).await));
}

#[tokio::test]
async fn there_is_an_end_to_tokens_and_to_wrong_ones() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let grace = house.person("grace", Role::Viewer).await;
    let make = async || create_token(ctx, &grace, None, &form("x", Role::Viewer)).await;
    let (first, text) = make().await.unwrap();
    for _ in 1..VALID_TOKENS_MAX {
        make().await.unwrap();
    }
    assert!(matches!(make().await, Err(ServiceError::Conflict(_))));
    let (second, _) = {
        revoke_token(ctx, &grace, first.id).await.unwrap();
        make().await.unwrap()
    };
    assert!(is_valid(ctx, second.id).await.unwrap());

    let closed = loop {
        match let_in(&house, &text).await {
            Err(ServiceError::SignedOut) => {}
            other => break other,
        }
    };
    assert!(matches!(
        closed,
        Err(ServiceError::TooManyRequests { retry_after_s: 1.. })
    ));
}

#[tokio::test]
async fn a_text_waits_for_its_maker_only() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let grace = house.person("grace", Role::Viewer).await;
    let eve = house.person("eve", Role::Administrator).await;
    let made = create_token(ctx, &grace, None, &form("x", Role::Viewer)).await;
    let (token, text) = made.unwrap();
    keep_for_next_page(ctx, &grace, token.id, &text);
    assert_eq!(take_for_page(ctx, &eve, token.id), None);
    assert_eq!(take_for_page(ctx, &grace, token.id), Some(text));
    assert_eq!(take_for_page(ctx, &grace, token.id), None);
}
