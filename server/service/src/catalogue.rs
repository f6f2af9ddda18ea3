//! What benchmarks are made of: models, clusters, credentials, and the engines found on this machine.

mod clusters;
mod credentials;
mod endpoint_key;
mod found;
mod machine_checks;
mod machines;
mod model_files;
mod models;
mod seed;
mod standing;

pub use clusters::{
    archive_cluster, check_cluster, delete_cluster, get_cluster, get_cluster_use, list_clusters,
    refresh_inventory, save_endpoint,
};
pub use credentials::{
    archive_credential, delete_credential, get_credential, get_credential_use, list_credentials,
    rotate_credential, save_credential, test_credential, visible_credentials,
};
pub use found::{FoundCache, adopt_engine, find_local_engines};
pub use machine_checks::{accept_host_key, forget_host_key};
pub use machines::save_machines;
pub use model_files::{FilesReader, read_model_files};
pub use models::{archive_model, delete_model, get_model, get_model_use, list_models, save_model};
pub use seed::{REFERENCE_MODEL_NAME, THIS_MACHINE_NAME, ensure_seed};
pub use standing::get_standing;

use domain::time::Timestamp;

use crate::Ctx;

/// When a thing was put away, after it is asked to be archived or not; the first time counts.
fn archived_at(ctx: &Ctx, present: Option<Timestamp>, is_archived: bool) -> Option<Timestamp> {
    is_archived.then(|| present.unwrap_or_else(|| ctx.now()))
}
