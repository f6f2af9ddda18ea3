//! Accounts, as administrators manage them.

use domain::access::account::NewAccount;
use domain::access::{Account, AccountKind, NewAccountForm, PasswordForm, Role};
use domain::field::FieldErrors;
use domain::id::UserId;
use store::StoreError;

use crate::error::{name_taken, not_found};
use crate::session::{DEMO_NAME, refuse_demo_name};
use crate::{Actor, Ctx, ServiceError};

/// Most accounts of an installation.
pub const ACCOUNTS_MAX: u32 = 2_000;

/// All accounts, by name.
pub async fn list_accounts(ctx: &Ctx, actor: &Actor) -> Result<Vec<Account>, ServiceError> {
    actor.require(Role::Administrator, "see who has an account")?;
    Ok(ctx.store.list_accounts(ACCOUNTS_MAX).await?)
}

/// One account.
pub async fn get_account(ctx: &Ctx, actor: &Actor, id: UserId) -> Result<Account, ServiceError> {
    actor.require(Role::Administrator, "see who has an account")?;
    let user = ctx.store.find_user(id).await?;
    let user = user.ok_or_else(|| not_found("account"))?;
    Ok(user.account)
}

/// Makes an account: a person with a first password, or a service without one.
pub async fn create_account(
    ctx: &Ctx,
    actor: &Actor,
    form: &NewAccountForm,
) -> Result<Account, ServiceError> {
    require_manager(actor, "make accounts")?;
    let NewAccount { name, role, kind } = form.validate()?;
    refuse_demo_name(&name)?;
    if ctx.store.count_users().await? >= ACCOUNTS_MAX {
        return Err(ServiceError::Conflict(format!(
            "There are {ACCOUNTS_MAX} accounts, which is the most there can be."
        )));
    }
    let (id, now) = (UserId(ctx.new_id()), ctx.now());
    let inserted = match kind {
        AccountKind::Person => {
            let hash = ctx.passwords.hash(&form.password).await?;
            ctx.store.insert_user(id, &name, role, &hash, now).await
        }
        AccountKind::Service => ctx.store.insert_service(id, &name, role, now).await,
    };
    inserted.map_err(name_taken("account"))?;
    get_account(ctx, actor, id).await
}

/// Gives somebody else another role, named as in a form. Somebody must stay administrator.
pub async fn set_role(
    ctx: &Ctx,
    actor: &Actor,
    id: UserId,
    role: &str,
) -> Result<Account, ServiceError> {
    require_manager(actor, "change roles")?;
    let role =
        Role::parse(role.trim()).ok_or_else(|| FieldErrors::one("role", "Choose a role."))?;
    let account = account_of_another(ctx, actor, id, "Nobody changes their own role.").await?;
    let set = ctx.store.set_role(account.id, role).await;
    set.map_err(last_administrator)?;
    get_account(ctx, actor, id).await
}

/// Gives somebody else a new password and ends their sessions.
pub async fn reset_password(
    ctx: &Ctx,
    actor: &Actor,
    id: UserId,
    form: &PasswordForm,
) -> Result<Account, ServiceError> {
    require_manager(actor, "reset passwords")?;
    let own = "Change your own password on the page of settings.";
    let account = account_of_another(ctx, actor, id, own).await?;
    if account.kind == AccountKind::Service {
        return Err(ServiceError::Conflict(
            "A service has no password: make a token for it.".to_owned(),
        ));
    }
    form.validate()?;
    let hash = ctx.passwords.hash(&form.password).await?;
    ctx.store.set_password(id, &hash).await?;
    get_account(ctx, actor, id).await
}

/// Disables somebody else's account: its sessions end, and its tokens let nobody in. Somebody must
/// stay administrator.
pub async fn disable_account(
    ctx: &Ctx,
    actor: &Actor,
    id: UserId,
) -> Result<Account, ServiceError> {
    require_manager(actor, "disable accounts")?;
    let account = account_of_another(ctx, actor, id, "Nobody disables their own account.").await?;
    let disabled = ctx.store.disable_user(account.id, ctx.now()).await;
    disabled.map_err(last_administrator)?;
    get_account(ctx, actor, id).await
}

/// Lets a disabled account be used again, with the password and the tokens it had.
pub async fn enable_account(ctx: &Ctx, actor: &Actor, id: UserId) -> Result<Account, ServiceError> {
    require_manager(actor, "enable accounts")?;
    ctx.store
        .enable_user(id)
        .await
        .map_err(|error| match error {
            StoreError::NotFound => not_found("account"),
            other => other.into(),
        })?;
    get_account(ctx, actor, id).await
}

/// Only administrators at a browser manage people.
fn require_manager(actor: &Actor, what: &str) -> Result<(), ServiceError> {
    actor.require(Role::Administrator, what)?;
    actor.require_session("manage people")
}

/// An account that is not the actor's own, nor the demo's.
async fn account_of_another(
    ctx: &Ctx,
    actor: &Actor,
    id: UserId,
    if_own: &str,
) -> Result<Account, ServiceError> {
    let account = get_account(ctx, actor, id).await?;
    if account.id == actor.person.id {
        return Err(ServiceError::Conflict(if_own.to_owned()));
    }
    if account.name == DEMO_NAME {
        return Err(ServiceError::Conflict(
            "This account belongs to demo mode and stays as it is.".to_owned(),
        ));
    }
    Ok(account)
}

fn last_administrator(error: StoreError) -> ServiceError {
    match error {
        StoreError::Conflict(_) => ServiceError::Conflict(
            "This is the last administrator. Make somebody else administrator first.".to_owned(),
        ),
        other => other.into(),
    }
}
