//! Accounts: the first administrator, signing in, who is asking.

mod change;
mod setup_token;

use std::net::IpAddr;

use domain::access::{AccountForm, Person, Role};
use domain::field::FieldErrors;
use domain::id::UserId;
use store::StoreError;

pub use change::{SessionChange, SessionChanges};
pub use setup_token::SetupToken;

use crate::random::random_text;
use crate::{Ctx, ServiceError};

/// Name of the administrator that demo mode signs visitors in as.
pub const DEMO_NAME: &str = "demo";
/// Longest password that is hashed, in bytes: a bound on work before anybody is known.
const PASSWORD_BYTES_MAX: usize = 4 * domain::access::PASSWORD_CHARS_MAX;

/// Whether nobody has an account yet. That of demo mode is nobody's: who has tried the demo can still
/// go on with the same data.
pub async fn needs_first_administrator(ctx: &Ctx) -> Result<bool, ServiceError> {
    Ok(match ctx.store.count_users().await? {
        0 => true,
        1 => ctx.store.find_user_by_name(DEMO_NAME).await?.is_some(),
        _ => false,
    })
}

/// A fresh one-time token for the link that makes the first administrator. Only its digest is
/// kept, in memory; an earlier one is void.
pub fn issue_setup_token(ctx: &Ctx) -> String {
    ctx.setup.issue()
}

/// Makes the first administrator for whoever holds the link the server printed. The link works
/// once, and only while there is no account.
pub async fn create_first_administrator(
    ctx: &Ctx,
    setup_token: &str,
    form: &AccountForm,
) -> Result<Person, ServiceError> {
    if !ctx.setup.fits(setup_token) || !needs_first_administrator(ctx).await? {
        return Err(ServiceError::Forbidden(
            "This link is not valid any more. Sign in, or start the server again for a new link."
                .to_owned(),
        ));
    }
    let name = form.validate()?;
    if name.eq_ignore_ascii_case(DEMO_NAME) {
        let message = "This name is kept for demo mode. Choose a different one.";
        return Err(FieldErrors::one("name", message).into());
    }
    let hash = ctx.passwords.hash(&form.password).await?;
    // Of two that come at once, one takes the token.
    if !ctx.setup.take(setup_token) {
        return Err(ServiceError::Conflict(
            "This link was just used.".to_owned(),
        ));
    }
    insert_person(ctx, name, Role::Administrator, &hash).await
}

/// Checks name and password. Unknown names take as long as wrong passwords, and attempts are
/// limited per address and per name.
pub async fn sign_in(
    ctx: &Ctx,
    name: &str,
    password: &str,
    client_ip: IpAddr,
) -> Result<Person, ServiceError> {
    ctx.gate.pass(client_ip, name)?;
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(ServiceError::SignedOut);
    }
    let (person, hash) = ctx.store.find_user_by_name(name.trim()).await?.unzip();
    let fits = ctx.passwords.verify(password, hash).await?;
    let signed_in = person.filter(|_| fits);
    if signed_in.is_none() {
        // Without the name: people type their password into the wrong field.
        tracing::info!(%client_ip, "a sign-in was refused");
    }
    signed_in.ok_or(ServiceError::SignedOut)
}

/// The person of that id, if there is still an account.
pub async fn find_person(ctx: &Ctx, id: UserId) -> Result<Option<Person>, ServiceError> {
    Ok(ctx.store.find_user(id).await?)
}

/// The administrator of demo mode, made when missing. Nobody knows its password.
pub async fn ensure_demo_administrator(ctx: &Ctx) -> Result<Person, ServiceError> {
    if let Some((person, _)) = ctx.store.find_user_by_name(DEMO_NAME).await? {
        return Ok(person);
    }
    let hash = ctx.passwords.hash(&random_text()).await?;
    insert_person(ctx, DEMO_NAME.to_owned(), Role::Administrator, &hash).await
}

async fn insert_person(
    ctx: &Ctx,
    name: String,
    role: Role,
    hash: &str,
) -> Result<Person, ServiceError> {
    let id = UserId(ctx.new_id());
    let inserted = ctx
        .store
        .insert_user(id, &name, role, hash, ctx.now())
        .await;
    inserted.map_err(|error| match error {
        StoreError::Conflict(_) => crate::error::name_taken("account")(error),
        other => other.into(),
    })?;
    Ok(Person { id, name, role })
}
