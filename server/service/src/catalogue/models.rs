//! Models.

use domain::access::Role;
use domain::catalogue::{Model, ModelForm, ModelSource};
use domain::id::ModelId;

use crate::error::{name_taken, not_found};
use crate::{Actor, Ctx, ServiceError};

/// All models, by name.
pub async fn list_models(ctx: &Ctx, _actor: &Actor) -> Result<Vec<Model>, ServiceError> {
    Ok(ctx.store.list_models().await?)
}

/// One model.
pub async fn get_model(ctx: &Ctx, _actor: &Actor, id: ModelId) -> Result<Model, ServiceError> {
    ctx.store
        .find_model(id)
        .await?
        .ok_or_else(|| not_found("model"))
}

/// Makes a model, or changes the one of that id.
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
    let model = Model {
        id: earlier
            .as_ref()
            .map_or_else(|| ModelId(ctx.new_id()), |model| model.id),
        name: new.name,
        served_name: new.served_name,
        source: new.source,
        tokenizer_path: new.tokenizer_path,
        description: new.description,
        created_at: earlier
            .as_ref()
            .map_or_else(|| ctx.now(), |model| model.created_at),
    };
    let saved = match earlier {
        Some(_) => ctx.store.update_model(&model).await,
        None => ctx.store.insert_model(&model).await,
    };
    saved.map_err(name_taken("model"))?;
    Ok(model)
}

/// Deletes a model. Benchmarks keep their own copy of what they ran.
pub async fn delete_model(ctx: &Ctx, actor: &Actor, id: ModelId) -> Result<(), ServiceError> {
    actor.require(Role::Operator, "delete models")?;
    if get_model(ctx, actor, id).await?.source == ModelSource::Reference {
        return Err(ServiceError::Conflict(
            "This entry stands for the reference engine and is always there.".to_owned(),
        ));
    }
    Ok(ctx.store.delete_model(id).await?)
}
