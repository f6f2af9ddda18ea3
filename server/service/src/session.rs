//! Accounts: the first administrator, signing in, who is asking.

mod change;
mod setup_token;

use std::net::IpAddr;

use domain::access::{Account, AccountForm, AccountKind, OwnPasswordForm, Person, Role};
use domain::field::FieldErrors;
use domain::id::UserId;

pub use change::{SessionChange, SessionChanges, SignedIn};
pub use setup_token::SetupToken;

use crate::error::name_taken;
use crate::{Actor, Ctx, ServiceError};

/// Name of the administrator that demo mode signs visitors in as.
pub const DEMO_NAME: &str = "demo";
/// Longest password that is hashed, in bytes: a bound on work before anybody is known.
const PASSWORD_BYTES_MAX: usize = 4 * domain::access::PASSWORD_CHARS_MAX;

/// Whether there is no administrator yet who could sign in. That of demo mode is nobody's: who has
/// tried the demo can still go on with the same data.
pub async fn needs_first_administrator(ctx: &Ctx) -> Result<bool, ServiceError> {
    Ok(ctx.store.count_administrators().await? == 0)
}

/// A fresh one-time token for the link that makes the first administrator. Only its digest is
/// kept, in memory; an earlier one is void.
pub fn issue_setup_token(ctx: &Ctx) -> String {
    ctx.setup.issue()
}

/// Makes the first administrator for whoever holds the link the server printed. The link works
/// once, and only while there is no administrator.
pub async fn create_first_administrator(
    ctx: &Ctx,
    setup_token: &str,
    form: &AccountForm,
) -> Result<SignedIn, ServiceError> {
    if !ctx.setup.fits(setup_token) || !needs_first_administrator(ctx).await? {
        return Err(ServiceError::Forbidden(
            "This link is not valid any more. Sign in, or start the server again for a new link."
                .to_owned(),
        ));
    }
    let name = form.validate()?;
    refuse_demo_name(&name)?;
    let hash = ctx.passwords.hash(&form.password).await?;
    // Of two that come at once, one takes the token.
    if !ctx.setup.take(setup_token) {
        return Err(ServiceError::Conflict(
            "This link was just used.".to_owned(),
        ));
    }
    let id = UserId(ctx.new_id());
    let role = Role::Administrator;
    let inserted = ctx.store.insert_user(id, &name, role, &hash, ctx.now());
    inserted.await.map_err(name_taken("account"))?;
    Ok(SignedIn {
        person: Person { id, name, role },
        stamp: 0,
    })
}

/// The demo's name is kept for it: no account may look like it.
pub(crate) fn refuse_demo_name(name: &str) -> Result<(), FieldErrors> {
    if name.eq_ignore_ascii_case(DEMO_NAME) {
        let message = "This name is kept for demo mode. Choose a different one.";
        return Err(FieldErrors::one("name", message));
    }
    Ok(())
}

/// Checks name and password. Unknown names, disabled accounts and services take as long as wrong
/// passwords, and attempts are limited per address and per name.
pub async fn sign_in(
    ctx: &Ctx,
    name: &str,
    password: &str,
    client_ip: IpAddr,
) -> Result<SignedIn, ServiceError> {
    ctx.gate.pass(client_ip, name)?;
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(ServiceError::SignedOut);
    }
    let user = ctx.store.find_user_by_name(name.trim()).await?;
    let user = user.filter(|user| may_sign_in(&user.account));
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    if let (true, Some(user)) = (ctx.passwords.verify(password, hash).await?, user) {
        return Ok(SignedIn {
            person: user.account.person(),
            stamp: user.session_stamp,
        });
    }
    // Without the name: people type their password into the wrong field.
    tracing::info!(%client_ip, "a sign-in was refused");
    Err(ServiceError::SignedOut)
}

fn may_sign_in(account: &Account) -> bool {
    account.is_enabled() && account.kind == AccountKind::Person
}

/// The person whose session carries `stamp`, if the account can be used and its sessions were not
/// ended since.
pub async fn find_signed_in(
    ctx: &Ctx,
    id: UserId,
    stamp: i64,
) -> Result<Option<Person>, ServiceError> {
    let user = ctx.store.find_user(id).await?;
    let user = user.filter(|user| may_sign_in(&user.account) && user.session_stamp == stamp);
    Ok(user.map(|user| user.account.person()))
}

/// Changes one's own password. Every session ends; the one that asks goes on with what is returned.
/// Attempts are limited like those to sign in.
pub async fn change_own_password(
    ctx: &Ctx,
    actor: &Actor,
    form: &OwnPasswordForm,
    client_ip: IpAddr,
) -> Result<SignedIn, ServiceError> {
    actor.require_session("change passwords")?;
    if ctx.facts.is_demo {
        return Err(ServiceError::Conflict(
            "Nobody signs in to the demo, so there is no password to change.".to_owned(),
        ));
    }
    form.validate()?;
    ctx.gate.pass(client_ip, &actor.person.name)?;
    let wrong = || {
        let message = "This is not your present password.";
        FieldErrors::one("present_password", message)
    };
    if form.present_password.len() > PASSWORD_BYTES_MAX {
        return Err(wrong().into());
    }
    let user = ctx.store.find_user(actor.person.id).await?;
    let hash = user.map(|user| user.password_hash);
    if !ctx.passwords.verify(&form.present_password, hash).await? {
        return Err(wrong().into());
    }
    let hash = ctx.passwords.hash(&form.password).await?;
    let stamp = ctx.store.set_password(actor.person.id, &hash).await?;
    Ok(SignedIn {
        person: actor.person.clone(),
        stamp,
    })
}

/// The administrator of demo mode, made when missing: a service, so that no password opens it.
pub async fn ensure_demo_administrator(ctx: &Ctx) -> Result<Person, ServiceError> {
    if let Some(user) = ctx.store.find_user_by_name(DEMO_NAME).await? {
        return Ok(user.account.person());
    }
    let (id, role) = (UserId(ctx.new_id()), Role::Administrator);
    ctx.store
        .insert_service(id, DEMO_NAME, role, ctx.now())
        .await?;
    Ok(Person {
        id,
        name: DEMO_NAME.to_owned(),
        role,
    })
}
