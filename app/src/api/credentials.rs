//! Credentials. No secret ever comes back.

use domain::catalogue::{CatalogueQuery, Credential, CredentialForm, CredentialUse};
use domain::id::CredentialId;
use leptos::prelude::*;
#[cfg(feature = "ssr")]
use leptos_axum::redirect;

use super::ApiError;
use super::codec::Json;
#[cfg(feature = "ssr")]
use super::context::{optional_id, refuse, signed_in};
#[cfg(feature = "ssr")]
use crate::routes;

/// The credentials of a query by name, those of endpoints included.
#[server(endpoint = "credentials/list", input = Json, output = Json)]
pub async fn list_credentials(
    /// What is shown.
    query: CatalogueQuery,
) -> Result<Vec<Credential>, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::list_credentials(&ctx, &actor, &query)
        .await
        .map_err(refuse)
}

/// All credentials, for the form of an endpoint; none for those who may not see them.
#[server(endpoint = "credentials/visible", output = Json)]
pub async fn visible_credentials() -> Result<Vec<Credential>, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::visible_credentials(&ctx, &actor)
        .await
        .map_err(refuse)
}

/// A credential, without its secret.
#[server(endpoint = "credentials/get", output = Json)]
pub async fn get_credential(
    /// Which.
    id: CredentialId,
) -> Result<Credential, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::get_credential(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

/// Which endpoints and benchmarks send a credential.
#[server(endpoint = "credentials/use", output = Json)]
pub async fn get_credential_use(
    /// Which.
    id: CredentialId,
) -> Result<CredentialUse, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::get_credential_use(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

/// Saves a credential (a new one when `id` is empty) and goes to its page.
#[server(endpoint = "credentials/save", output = Json)]
pub async fn save_credential(
    /// Id of the credential to change, or empty.
    #[server(default)]
    id: String,
    /// The form, each field under its own name.
    #[server(flatten)]
    form: CredentialForm,
) -> Result<CredentialId, ApiError> {
    let (ctx, actor) = signed_in()?;
    let id = optional_id(&id)?;
    let credential = service::catalogue::save_credential(&ctx, &actor, id, &form)
        .await
        .map_err(refuse)?;
    redirect(&routes::credential(credential.id));
    Ok(credential.id)
}

/// Gives a credential a new secret under the same id.
#[server(endpoint = "credentials/rotate", output = Json)]
pub async fn rotate_credential(
    /// Which.
    id: CredentialId,
    /// The new secret.
    #[server(default)]
    secret: String,
) -> Result<(), ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::rotate_credential(&ctx, &actor, id, &secret)
        .await
        .map_err(refuse)?;
    redirect(&routes::credential(id));
    Ok(())
}

/// Tries a credential at its own address, and keeps what came.
#[server(endpoint = "credentials/test", output = Json)]
pub async fn test_credential(
    /// Which.
    id: CredentialId,
) -> Result<(), ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::test_credential(&ctx, &actor, id)
        .await
        .map(drop)
        .map_err(refuse)
}

/// Puts a credential away, or brings it back.
#[server(endpoint = "credentials/archive", output = Json)]
pub async fn archive_credential(
    /// Which.
    id: CredentialId,
    /// Away, or back.
    is_archived: bool,
) -> Result<(), ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::archive_credential(&ctx, &actor, id, is_archived)
        .await
        .map_err(refuse)?;
    redirect(&routes::credential(id));
    Ok(())
}

/// Destroys a credential that nobody uses, and goes back to the list.
#[server(endpoint = "credentials/delete", output = Json)]
pub async fn delete_credential(
    /// Which.
    id: CredentialId,
) -> Result<(), ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::delete_credential(&ctx, &actor, id)
        .await
        .map_err(refuse)?;
    redirect(routes::CREDENTIALS);
    Ok(())
}
