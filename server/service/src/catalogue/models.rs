//! Models.

use domain::access::Role;
use domain::catalogue::{CatalogueQuery, Model, ModelForm, ModelSource, UsedBy};
use domain::field::FieldErrors;
use domain::id::ModelId;
use store::Used;

use super::archived_at;
use super::model_files::facts_at_save;
use crate::error::{name_taken, not_found, still_used};
use crate::{Actor, Ctx, ServiceError};

/// The models of a query, by name.
pub async fn list_models(
    ctx: &Ctx,
    _actor: &Actor,
    query: &CatalogueQuery,
) -> Result<Vec<Model>, ServiceError> {
    let mut models = ctx.store.list_models().await?;
    models.retain(|model| model.is_shown(query));
    Ok(models)
}

/// One model, archived or not.
pub async fn get_model(ctx: &Ctx, _actor: &Actor, id: ModelId) -> Result<Model, ServiceError> {
    ctx.store
        .find_model(id)
        .await?
        .ok_or_else(|| not_found("model"))
}

/// Which benchmarks asked a model.
pub async fn get_model_use(ctx: &Ctx, actor: &Actor, id: ModelId) -> Result<UsedBy, ServiceError> {
    get_model(ctx, actor, id).await?;
    Ok(ctx.store.used_by(Used::Model(id)).await?)
}

/// Makes a model, or changes the one of that id. Files on this machine are read.
pub async fn save_model(
    ctx: &Ctx,
    actor: &Actor,
    id: Option<ModelId>,
    form: &ModelForm,
) -> Result<Model, ServiceError> {
    actor.require(Role::Operator, "edit models")?;
    let new = form.validate()?;
    let earlier = match id {
        Some(id) => Some(get_model(ctx, actor, id).await?),
        None => None,
    };
    let was_reference = earlier
        .as_ref()
        .is_some_and(|model| model.source == ModelSource::Reference);
    if was_reference != (new.source == ModelSource::Reference) {
        let message = "One entry stands for the reference engine, and always does.";
        return Err(FieldErrors::one("source", message).into());
    }
    let facts = facts_at_save(ctx, &new.source, earlier.as_ref()).await?;
    let model = Model {
        id: earlier
            .as_ref()
            .map_or_else(|| ModelId(ctx.new_id()), |model| model.id),
        name: new.name,
        served_name: new.served_name,
        source: new.source,
        tokenizer_path: new.tokenizer_path,
        description: new.description,
        facts,
        created_at: earlier
            .as_ref()
            .map_or_else(|| ctx.now(), |model| model.created_at),
        archived_at: earlier.as_ref().and_then(|model| model.archived_at),
    };
    let saved = match earlier {
        Some(_) => ctx.store.update_model(&model).await,
        None => ctx.store.insert_model(&model).await,
    };
    saved.map_err(name_taken("model"))?;
    Ok(model)
}

/// Puts a model away, or brings it back. What was planned with it still runs.
pub async fn archive_model(
    ctx: &Ctx,
    actor: &Actor,
    id: ModelId,
    is_archived: bool,
) -> Result<Model, ServiceError> {
    actor.require(Role::Operator, "archive models")?;
    let mut model = get_model(ctx, actor, id).await?;
    refuse_reference(&model)?;
    model.archived_at = archived_at(ctx, model.archived_at, is_archived);
    ctx.store
        .set_archived(Used::Model(id), model.archived_at)
        .await?;
    Ok(model)
}

/// Deletes a model that no benchmark used.
pub async fn delete_model(ctx: &Ctx, actor: &Actor, id: ModelId) -> Result<(), ServiceError> {
    actor.require(Role::Operator, "delete models")?;
    refuse_reference(&get_model(ctx, actor, id).await?)?;
    ctx.store
        .delete_model(id)
        .await
        .map_err(still_used("model"))
}

fn refuse_reference(model: &Model) -> Result<(), ServiceError> {
    if model.source == ModelSource::Reference {
        return Err(ServiceError::Conflict(
            "This entry stands for the reference engine and is always there.".to_owned(),
        ));
    }
    Ok(())
}
