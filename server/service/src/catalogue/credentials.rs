//! Credentials: made, rotated and put away by administrators; chosen and tested by operators. The
//! secret is never read back to anybody.

use domain::access::Role;
use domain::catalogue::credential_form::new_secret;
use domain::catalogue::{
    CatalogueQuery, Credential, CredentialForm, CredentialKind, CredentialUse, Origin,
};
use domain::field::FieldErrors;
use domain::id::CredentialId;
use store::Used;

use super::archived_at;
use crate::error::{name_taken, not_found, still_used};
use crate::{Actor, Ctx, ServiceError};

/// The credentials of a query by name, those of endpoints included.
pub async fn list_credentials(
    ctx: &Ctx,
    actor: &Actor,
    query: &CatalogueQuery,
) -> Result<Vec<Credential>, ServiceError> {
    actor.require(Role::Operator, "see credentials")?;
    let mut credentials = ctx.store.list_credentials().await?;
    credentials.retain(|credential| credential.is_shown(query));
    Ok(credentials)
}

/// All credentials, archived ones included; none for those who may not see them.
pub async fn visible_credentials(
    ctx: &Ctx,
    actor: &Actor,
) -> Result<Vec<Credential>, ServiceError> {
    if !actor.is_at_least(Role::Operator) {
        return Ok(Vec::new());
    }
    Ok(ctx.store.list_credentials().await?)
}

/// One credential, without its secret.
pub async fn get_credential(
    ctx: &Ctx,
    actor: &Actor,
    id: CredentialId,
) -> Result<Credential, ServiceError> {
    actor.require(Role::Operator, "see credentials")?;
    ctx.store
        .find_credential(id)
        .await?
        .ok_or_else(|| not_found("credential"))
}

/// Which endpoints and benchmarks send a credential.
pub async fn get_credential_use(
    ctx: &Ctx,
    actor: &Actor,
    id: CredentialId,
) -> Result<CredentialUse, ServiceError> {
    get_credential(ctx, actor, id).await?;
    Ok(CredentialUse {
        clusters: ctx.store.clusters_with_credential(id).await?,
        benchmarks: ctx.store.used_by(Used::Credential(id)).await?,
    })
}

/// Makes a credential, or changes the one of that id. Another address needs the secret again, and
/// is refused while endpoints at the present one send it.
pub async fn save_credential(
    ctx: &Ctx,
    actor: &Actor,
    id: Option<CredentialId>,
    form: &CredentialForm,
) -> Result<Credential, ServiceError> {
    actor.require(Role::Administrator, "edit credentials")?;
    let present = match id {
        Some(id) => Some(registered(ctx, actor, id).await?),
        None => None,
    };
    let new = form.validate(present.as_ref())?;
    let Some(mut credential) = present else {
        let credential = Credential {
            id: CredentialId(ctx.new_id()),
            name: new.name,
            kind: new.kind,
            user: new.user,
            endpoint_id: None,
            base_url: new.base_url,
            description: new.description,
            created_at: ctx.now(),
            rotated_at: None,
            last_test: None,
            archived_at: None,
        };
        let secret = new
            .secret
            .ok_or_else(|| FieldErrors::one("secret", "Give the key."))?;
        let inserted = ctx.store.insert_credential(&credential, &secret).await;
        inserted.map_err(name_taken("credential"))?;
        return Ok(credential);
    };
    if !credential.fits(&new.base_url) {
        refuse_move(ctx, &credential, &new.base_url).await?;
    }
    credential.name = new.name;
    credential.user = new.user;
    credential.base_url = new.base_url;
    credential.description = new.description;
    if new.secret.is_some() {
        credential.rotated_at = Some(ctx.now());
    }
    let updated = ctx
        .store
        .update_credential(&credential, new.secret.as_ref())
        .await;
    updated.map_err(name_taken("credential"))?;
    get_credential(ctx, actor, credential.id).await
}

/// Gives a credential a new secret under the same id: what uses it sends the new one from now on.
pub async fn rotate_credential(
    ctx: &Ctx,
    actor: &Actor,
    id: CredentialId,
    secret: &str,
) -> Result<Credential, ServiceError> {
    actor.require(Role::Administrator, "rotate credentials")?;
    let mut credential = registered(ctx, actor, id).await?;
    let secret = new_secret(secret)?;
    credential.rotated_at = Some(ctx.now());
    ctx.store
        .update_credential(&credential, Some(&secret))
        .await?;
    get_credential(ctx, actor, id).await
}

/// Tries a credential at its own address and keeps what came.
pub async fn test_credential(
    ctx: &Ctx,
    actor: &Actor,
    id: CredentialId,
) -> Result<Credential, ServiceError> {
    actor.require(Role::Operator, "test credentials")?;
    let credential = get_credential(ctx, actor, id).await?;
    let tried_by = match credential.kind {
        CredentialKind::ProviderKey => None,
        CredentialKind::SshKey | CredentialKind::SshPassword | CredentialKind::DockerKey => {
            Some("A check of its cluster tries it.")
        }
        CredentialKind::RegistryLogin => Some("A run that pulls an image from there tries it."),
    };
    if let Some(tried_by) = tried_by {
        return Err(ServiceError::Conflict(tried_by.to_owned()));
    }
    let bound = ctx.store.open_credential(id).await?;
    let test =
        runner::credential_test::test_credential(&credential.base_url, &bound, ctx.now()).await;
    ctx.store.save_credential_test(id, &test).await?;
    get_credential(ctx, actor, id).await
}

/// Puts a credential away, or brings it back. What uses it goes on sending it.
pub async fn archive_credential(
    ctx: &Ctx,
    actor: &Actor,
    id: CredentialId,
    is_archived: bool,
) -> Result<Credential, ServiceError> {
    actor.require(Role::Administrator, "archive credentials")?;
    let mut credential = registered(ctx, actor, id).await?;
    credential.archived_at = archived_at(ctx, credential.archived_at, is_archived);
    ctx.store
        .set_archived(Used::Credential(id), credential.archived_at)
        .await?;
    Ok(credential)
}

/// Destroys a credential that nobody uses.
pub async fn delete_credential(
    ctx: &Ctx,
    actor: &Actor,
    id: CredentialId,
) -> Result<(), ServiceError> {
    actor.require(Role::Administrator, "delete credentials")?;
    registered(ctx, actor, id).await?;
    ctx.store
        .delete_unused_credential(id)
        .await
        .map_err(still_used("credential"))
}

/// A credential that stands by itself; the own key of an endpoint is changed there.
async fn registered(
    ctx: &Ctx,
    actor: &Actor,
    id: CredentialId,
) -> Result<Credential, ServiceError> {
    let credential = get_credential(ctx, actor, id).await?;
    if credential.endpoint_id.is_some() {
        return Err(ServiceError::Conflict(
            "This belongs to an endpoint or to machines. Change or remove it there.".to_owned(),
        ));
    }
    Ok(credential)
}

/// Endpoints that send a credential stay where they are: it cannot be moved away from them.
async fn refuse_move(ctx: &Ctx, credential: &Credential, url: &str) -> Result<(), ServiceError> {
    let clusters = ctx.store.clusters_with_credential(credential.id).await?;
    let Some((_, name)) = clusters.first() else {
        return Ok(());
    };
    let to = Origin::of(url).map_or_else(|| url.to_owned(), |origin| origin.to_string());
    let message = format!(
        "The endpoint “{name}” sends it to {}: give that another key before this one moves to {to}.",
        credential.origin_in_words()
    );
    Err(FieldErrors::one("base_url", message).into())
}
