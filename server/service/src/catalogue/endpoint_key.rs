//! What an endpoint sends as its key: one of its own, sealed and destroyed with it, or a credential
//! of the registry. Either is sent only to the address it was given for.

use domain::catalogue::{Cluster, Credential, CredentialKind, EndpointForm, NewEndpoint};
use domain::field::FieldErrors;
use domain::id::{ClusterId, CredentialId};
use domain::secret::Secret;

use crate::{Ctx, ServiceError};

/// What a form asks to be done with an endpoint's key.
#[derive(Debug)]
pub(super) enum KeyChange {
    /// The endpoint has this one from now on, which may be none; an own key it had before goes.
    Use {
        id: Option<CredentialId>,
        old: Option<CredentialId>,
    },
    /// A new key of its own is sealed; an own key it had before goes.
    Seal {
        key: Secret<String>,
        old: Option<CredentialId>,
    },
    /// The key of its own gets a new secret under the same id, so that what waits still runs.
    Rotate {
        present: Box<Credential>,
        key: Secret<String>,
    },
}

impl KeyChange {
    /// Decides from the form, the credentials there are, and the endpoint as it stands.
    pub(super) fn decide(
        form: &EndpointForm,
        new: &NewEndpoint,
        present: Option<&Cluster>,
        credentials: &[Credential],
    ) -> Result<Self, FieldErrors> {
        let find = |id| credentials.iter().find(|credential| credential.id == id);
        let present = present
            .and_then(|cluster| cluster.kind.credential_id())
            .and_then(find);
        let own = present.filter(|credential| credential.endpoint_id.is_some());
        let old = own.map(|credential| credential.id);

        if let Some(id) = new.credential_id {
            let refused = |message| FieldErrors::one("credential_id", message);
            let chosen = find(id)
                .filter(|credential| credential.endpoint_id.is_none())
                .ok_or_else(|| refused("Choose a credential of the registry.".to_owned()))?;
            // What the endpoint has already may be archived since.
            let stays = present.is_some_and(|present| present.id == id);
            let refusal = chosen
                .refusal(&new.base_url)
                .filter(|_| !(stays && chosen.fits(&new.base_url)));
            return match refusal {
                Some(reason) => Err(refused(reason)),
                None => Ok(Self::Use { id: Some(id), old }),
            };
        }
        let key = form.api_key.trim();
        if !key.is_empty() {
            let key = Secret::new(key.to_owned());
            return Ok(match own.filter(|own| own.fits(&new.base_url)) {
                Some(own) => Self::Rotate {
                    present: Box::new(own.clone()),
                    key,
                },
                None => Self::Seal { key, old },
            });
        }
        match own {
            None => Ok(Self::Use {
                id: None,
                old: None,
            }),
            Some(_) if form.remove_key == "on" => Ok(Self::Use { id: None, old }),
            Some(own) if own.fits(&new.base_url) => Ok(Self::Use {
                id: Some(own.id),
                old: None,
            }),
            // Whoever may edit an address must not be able to have the key sent to their own.
            Some(_) => Err(FieldErrors::one(
                "api_key",
                "Give the key again, or remove it: the saved one is only sent to the address it was given for.",
            )),
        }
    }

    /// Seals what is to be sealed; the id the endpoint has from now on. Nothing that is in use is
    /// changed yet.
    pub(super) async fn carry_out(
        &self,
        ctx: &Ctx,
        endpoint_id: ClusterId,
        base_url: &str,
    ) -> Result<Option<CredentialId>, ServiceError> {
        match self {
            Self::Use { id, .. } => Ok(*id),
            Self::Rotate { present, .. } => Ok(Some(present.id)),
            Self::Seal { key, .. } => {
                let credential = Credential {
                    id: CredentialId(ctx.new_id()),
                    name: String::new(),
                    kind: CredentialKind::ProviderKey,
                    user: String::new(),
                    endpoint_id: Some(endpoint_id),
                    base_url: base_url.to_owned(),
                    description: String::new(),
                    created_at: ctx.now(),
                    rotated_at: None,
                    last_test: None,
                    archived_at: None,
                };
                ctx.store.insert_credential(&credential, key).await?;
                Ok(Some(credential.id))
            }
        }
    }

    /// Removes what was sealed, after the endpoint could not be saved.
    pub(super) async fn undo(&self, ctx: &Ctx, sealed: Option<CredentialId>) {
        if let (Self::Seal { .. }, Some(id)) = (self, sealed)
            && let Err(error) = ctx.store.delete_credential(id).await
        {
            tracing::warn!(%error, "a key that belongs to nothing could not be removed");
        }
    }

    /// Changes or removes the old key, after the endpoint was saved.
    pub(super) async fn finish(&self, ctx: &Ctx, base_url: &str) -> Result<(), ServiceError> {
        match self {
            Self::Use { old: Some(old), .. } | Self::Seal { old: Some(old), .. } => {
                Ok(ctx.store.delete_credential(*old).await?)
            }
            Self::Rotate { present, key } => {
                let rotated = Credential {
                    base_url: base_url.to_owned(),
                    rotated_at: Some(ctx.now()),
                    ..(**present).clone()
                };
                Ok(ctx.store.update_credential(&rotated, Some(key)).await?)
            }
            Self::Use { old: None, .. } | Self::Seal { old: None, .. } => Ok(()),
        }
    }
}
