//! The key of an endpoint: sealed, replaced, removed; sent only to the address it was given for.

use domain::catalogue::EndpointForm;
use domain::field::FieldErrors;
use domain::id::CredentialId;
use domain::secret::Secret;

use crate::{Ctx, ServiceError};

/// What a form asks to be done with an endpoint's key.
#[derive(Debug)]
pub(super) enum KeyChange {
    /// It stays as it is, which may be none.
    Keep(Option<CredentialId>),
    /// It is removed.
    Remove(CredentialId),
    /// A new one is sealed; an old one is removed.
    Seal {
        key: Secret<String>,
        old: Option<CredentialId>,
    },
}

impl KeyChange {
    /// Decides from the form and the present key with its address.
    pub(super) fn decide(
        form: &EndpointForm,
        present: Option<(CredentialId, &str)>,
        new_url: &str,
    ) -> Result<Self, FieldErrors> {
        let key = form.api_key.trim();
        let old = present.map(|(id, _)| id);
        if !key.is_empty() {
            return Ok(Self::Seal {
                key: Secret::new(key.to_owned()),
                old,
            });
        }
        match present {
            Some((id, _)) if form.remove_key == "on" => Ok(Self::Remove(id)),
            // Whoever may edit an address must not be able to have the key sent to their own.
            Some((_, old_url)) if origin_of(old_url) != origin_of(new_url) => {
                Err(FieldErrors::one(
                    "api_key",
                    "Give the key again, or remove it: the saved one is only sent to the address it was given for.",
                ))
            }
            _ => Ok(Self::Keep(old)),
        }
    }

    /// Seals what is to be sealed; the id the endpoint has from now on. Nothing is removed yet.
    pub(super) async fn carry_out(
        &self,
        ctx: &Ctx,
        name: &str,
    ) -> Result<Option<CredentialId>, ServiceError> {
        match self {
            Self::Keep(id) => Ok(*id),
            Self::Remove(_) => Ok(None),
            Self::Seal { key, .. } => {
                let id = CredentialId(ctx.new_id());
                let purpose = format!("key of the endpoint {name}");
                ctx.store
                    .seal_credential(id, &purpose, key, ctx.now())
                    .await?;
                Ok(Some(id))
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

    /// Removes the old key, after the endpoint was saved.
    pub(super) async fn finish(&self, ctx: &Ctx) -> Result<(), ServiceError> {
        match self {
            Self::Remove(old) | Self::Seal { old: Some(old), .. } => {
                Ok(ctx.store.delete_credential(*old).await?)
            }
            Self::Keep(_) | Self::Seal { old: None, .. } => Ok(()),
        }
    }
}

/// Scheme, host and port.
fn origin_of(base_url: &str) -> String {
    base_url
        .split('/')
        .take(3)
        .collect::<Vec<_>>()
        .join("/")
        .to_lowercase()
}
