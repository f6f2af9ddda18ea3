//! What is always there: this machine, and the reference engine's entry among the models.

use domain::catalogue::{Cluster, ClusterKind, Inventory, Model, ModelSource, Node};
use domain::id::{ClusterId, ModelId, NodeId};
use store::StoreError;

use super::clusters::refresh_nodes;
use crate::{Ctx, ServiceError};

/// Name of the cluster that is this machine, when it is made.
pub const THIS_MACHINE_NAME: &str = "This machine";
/// Name of the model entry that stands for the reference engine, when it is made.
pub const REFERENCE_MODEL_NAME: &str = "Reference engine";
/// What the reference engine is called in requests.
const REFERENCE_SERVED_NAME: &str = "assay-reference";

/// Makes what is missing, and reads this machine's inventory anew. For the start of the server.
pub async fn ensure_seed(ctx: &Ctx) -> Result<(), ServiceError> {
    let clusters = ctx.store.list_clusters().await?;
    match clusters
        .iter()
        .find(|cluster| cluster.kind == ClusterKind::ThisMachine)
    {
        Some(cluster) => refresh_nodes(ctx, cluster).await?,
        None => insert_this_machine(ctx).await?,
    }
    let models = ctx.store.list_models().await?;
    if !models
        .iter()
        .any(|model| model.source == ModelSource::Reference)
    {
        insert_reference_model(ctx).await?;
    }
    Ok(())
}

/// Reads what this machine has, away from the threads that serve requests.
pub(super) async fn read_inventory(ctx: &Ctx) -> Result<Inventory, ServiceError> {
    let inventory = runner::inventory::read_this_machine(ctx.now(), &ctx.facts.docker);
    inventory.await.map_err(ServiceError::internal)
}

async fn insert_this_machine(ctx: &Ctx) -> Result<(), ServiceError> {
    let inventory = read_inventory(ctx).await?;
    let cluster = Cluster {
        id: ClusterId(ctx.new_id()),
        name: THIS_MACHINE_NAME.to_owned(),
        kind: ClusterKind::ThisMachine,
        description: "The machine the server runs on. Engines are started here as processes."
            .to_owned(),
        nodes: vec![Node {
            id: NodeId(ctx.new_id()),
            name: inventory.hostname.clone(),
            access: domain::catalogue::NodeAccess::default(),
            inventory: Some(inventory),
            last_check: None,
            held_by: None,
        }],
        last_check: None,
        created_at: ctx.now(),
        archived_at: None,
    };
    allow_conflict(ctx.store.insert_cluster(&cluster).await)
}

async fn insert_reference_model(ctx: &Ctx) -> Result<(), ServiceError> {
    let model = Model {
        id: ModelId(ctx.new_id()),
        name: REFERENCE_MODEL_NAME.to_owned(),
        served_name: REFERENCE_SERVED_NAME.to_owned(),
        source: ModelSource::Reference,
        tokenizer_path: String::new(),
        description: "No model: an engine built into Assay that answers on an exact schedule."
            .to_owned(),
        facts: None,
        created_at: ctx.now(),
        archived_at: None,
    };
    allow_conflict(ctx.store.insert_model(&model).await)
}

/// Another server on the same database may have been first.
fn allow_conflict(result: Result<(), StoreError>) -> Result<(), ServiceError> {
    match result {
        Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
