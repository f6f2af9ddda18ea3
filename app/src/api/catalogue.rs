//! Models and clusters.

#[cfg(feature = "ssr")]
use domain::catalogue::EndpointForm;
use domain::catalogue::{CatalogueQuery, Cluster, FoundEngine, Model, ModelForm, UsedBy};
use domain::id::{ClusterId, ModelId};
use leptos::prelude::*;
#[cfg(feature = "ssr")]
use leptos_axum::redirect;

use super::ApiError;
use super::codec::Json;
#[cfg(feature = "ssr")]
use super::context::{optional_id, refuse, signed_in};
#[cfg(feature = "ssr")]
use crate::routes;

/// The models of a query, by name.
#[server(endpoint = "models/list", input = Json, output = Json)]
pub async fn list_models(
    /// What is shown.
    query: CatalogueQuery,
) -> Result<Vec<Model>, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::list_models(&ctx, &actor, &query)
        .await
        .map_err(refuse)
}

/// A model.
#[server(endpoint = "models/get", output = Json)]
pub async fn get_model(
    /// Which.
    id: ModelId,
) -> Result<Model, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::get_model(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

/// Which benchmarks asked a model.
#[server(endpoint = "models/use", output = Json)]
pub async fn get_model_use(
    /// Which.
    id: ModelId,
) -> Result<UsedBy, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::get_model_use(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

/// Saves a model (a new one when `id` is empty) and goes back to the list.
#[server(endpoint = "models/save", output = Json)]
pub async fn save_model(
    /// Id of the model to change, or empty.
    #[server(default)]
    id: String,
    /// The form, each field under its own name.
    #[server(flatten)]
    form: ModelForm,
) -> Result<ModelId, ApiError> {
    let (ctx, actor) = signed_in()?;
    let model = service::catalogue::save_model(&ctx, &actor, optional_id(&id)?, &form)
        .await
        .map_err(refuse)?;
    redirect(routes::MODELS);
    Ok(model.id)
}

/// Puts a model away, or brings it back.
#[server(endpoint = "models/archive", output = Json)]
pub async fn archive_model(
    /// Which.
    id: ModelId,
    /// Away, or back.
    is_archived: bool,
) -> Result<(), ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::archive_model(&ctx, &actor, id, is_archived)
        .await
        .map_err(refuse)?;
    redirect(&routes::model(id));
    Ok(())
}

/// Reads the files of a model on this machine anew, digest included.
#[server(endpoint = "models/read_files", output = Json)]
pub async fn read_model_files(
    /// Which.
    id: ModelId,
) -> Result<(), ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::read_model_files(&ctx, &actor, id)
        .await
        .map(drop)
        .map_err(refuse)
}

/// Deletes a model that no benchmark used, and goes back to the list.
#[server(endpoint = "models/delete", output = Json)]
pub async fn delete_model(
    /// Which.
    id: ModelId,
) -> Result<(), ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::delete_model(&ctx, &actor, id)
        .await
        .map_err(refuse)?;
    redirect(routes::MODELS);
    Ok(())
}

/// The clusters of a query, by name.
#[server(endpoint = "clusters/list", input = Json, output = Json)]
pub async fn list_clusters(
    /// What is shown.
    query: CatalogueQuery,
) -> Result<Vec<Cluster>, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::list_clusters(&ctx, &actor, &query)
        .await
        .map_err(refuse)
}

/// Which benchmarks ran on a cluster.
#[server(endpoint = "clusters/use", output = Json)]
pub async fn get_cluster_use(
    /// Which.
    id: ClusterId,
) -> Result<UsedBy, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::get_cluster_use(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

/// Saves an endpoint (a new one when `id` is empty) and checks it. Goes to the page of a new one,
/// else back to the list.
#[server(endpoint = "clusters/save_endpoint", output = Json)]
pub async fn save_endpoint(
    /// Id of the endpoint to change, or empty.
    #[server(default)]
    id: String,
    /// Name shown.
    name: String,
    /// Base URL.
    base_url: String,
    /// A new key; empty keeps the present one.
    #[server(default)]
    api_key: String,
    /// `on` to remove the present key.
    #[server(default)]
    remove_key: String,
    /// Id of a credential of the registry, or empty.
    #[server(default)]
    credential_id: String,
    /// Free text.
    #[server(default)]
    description: String,
) -> Result<ClusterId, ApiError> {
    let (ctx, actor) = signed_in()?;
    let form = EndpointForm {
        name,
        base_url,
        api_key,
        remove_key,
        credential_id,
        description,
    };
    let id = optional_id(&id)?;
    let cluster = service::catalogue::save_endpoint(&ctx, &actor, id, &form)
        .await
        .map_err(refuse)?;
    // What the check finds stands on the cluster's page; an endpoint that is down is saved all the
    // same.
    service::catalogue::check_cluster(&ctx, &actor, cluster.id)
        .await
        .map_err(refuse)?;
    match id {
        Some(_) => redirect(routes::CLUSTERS),
        None => redirect(&routes::cluster(cluster.id)),
    }
    Ok(cluster.id)
}

/// Puts an endpoint away, or brings it back.
#[server(endpoint = "clusters/archive", output = Json)]
pub async fn archive_cluster(
    /// Which.
    id: ClusterId,
    /// Away, or back.
    is_archived: bool,
) -> Result<(), ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::archive_cluster(&ctx, &actor, id, is_archived)
        .await
        .map_err(refuse)?;
    redirect(&routes::cluster(id));
    Ok(())
}

/// Deletes an endpoint that no benchmark used, and goes back to the list.
#[server(endpoint = "clusters/delete", output = Json)]
pub async fn delete_cluster(
    /// Which.
    id: ClusterId,
) -> Result<(), ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::delete_cluster(&ctx, &actor, id)
        .await
        .map_err(refuse)?;
    redirect(routes::CLUSTERS);
    Ok(())
}

/// Asks a cluster whether it answers, and keeps what it said.
#[server(endpoint = "clusters/check", output = Json)]
pub async fn check_cluster(
    /// Which.
    id: ClusterId,
) -> Result<Cluster, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::check_cluster(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

/// Reads the inventory of a cluster's nodes again.
#[server(endpoint = "clusters/refresh_inventory", output = Json)]
pub async fn refresh_inventory(
    /// Which.
    id: ClusterId,
) -> Result<Cluster, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::refresh_inventory(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

/// Engines that answer on this machine and are not in the catalogue yet.
#[server(endpoint = "clusters/find_local_engines", output = Json)]
pub async fn find_local_engines() -> Result<Vec<FoundEngine>, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::catalogue::find_local_engines(&ctx, &actor)
        .await
        .map_err(refuse)
}

/// Takes a found engine into the catalogue, with a model for each name it serves, and goes to its
/// page.
#[server(endpoint = "clusters/adopt_engine", output = Json)]
pub async fn adopt_engine(
    /// Its base URL, as found.
    base_url: String,
) -> Result<ClusterId, ApiError> {
    let (ctx, actor) = signed_in()?;
    let cluster = service::catalogue::adopt_engine(&ctx, &actor, &base_url)
        .await
        .map_err(refuse)?;
    redirect(&routes::cluster(cluster.id));
    Ok(cluster.id)
}
