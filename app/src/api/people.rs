//! Accounts, for administrators.

use domain::access::{Account, NewAccountForm, PasswordForm};
use domain::id::UserId;
use leptos::prelude::*;

use super::ApiError;
use super::codec::Json;
#[cfg(feature = "ssr")]
use super::context::{refuse, signed_in};
#[cfg(feature = "ssr")]
use crate::routes;

/// All accounts, by name.
#[server(endpoint = "people/list", output = Json)]
pub async fn list_accounts() -> Result<Vec<Account>, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::people::list_accounts(&ctx, &actor)
        .await
        .map_err(refuse)
}

/// An account.
#[server(endpoint = "people/get", output = Json)]
pub async fn get_account(
    /// Which.
    id: UserId,
) -> Result<Account, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::people::get_account(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

/// Makes an account and goes to its page.
#[server(endpoint = "people/create", output = Json)]
pub async fn create_account(
    /// The form, each field under its own name.
    #[server(flatten)]
    form: NewAccountForm,
) -> Result<UserId, ApiError> {
    let (ctx, actor) = signed_in()?;
    let account = service::people::create_account(&ctx, &actor, &form)
        .await
        .map_err(refuse)?;
    leptos_axum::redirect(&routes::account(account.id));
    Ok(account.id)
}

/// Gives somebody else another role.
#[server(endpoint = "people/set_role", output = Json)]
pub async fn set_role(
    /// Whom.
    id: UserId,
    /// Name of the role.
    new_role: String,
) -> Result<Account, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::people::set_role(&ctx, &actor, id, &new_role)
        .await
        .map_err(refuse)
}

/// Gives somebody else a new password and ends their sessions.
#[server(endpoint = "people/reset_password", output = Json)]
pub async fn reset_password(
    /// Whom.
    id: UserId,
    /// The form, each field under its own name.
    #[server(flatten)]
    form: PasswordForm,
) -> Result<Account, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::people::reset_password(&ctx, &actor, id, &form)
        .await
        .map_err(refuse)
}

/// Disables somebody else's account and ends their sessions.
#[server(endpoint = "people/disable", output = Json)]
pub async fn disable_account(
    /// Whose.
    id: UserId,
) -> Result<Account, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::people::disable_account(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

/// Lets a disabled account be used again.
#[server(endpoint = "people/enable", output = Json)]
pub async fn enable_account(
    /// Whose.
    id: UserId,
) -> Result<Account, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::people::enable_account(&ctx, &actor, id)
        .await
        .map_err(refuse)
}
