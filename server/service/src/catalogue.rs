//! What benchmarks are made of: models, clusters, and the engines found on this machine.

mod clusters;
mod endpoint_key;
mod found;
mod models;
mod seed;

pub use clusters::{
    check_cluster, delete_cluster, get_cluster, list_clusters, refresh_inventory, save_endpoint,
};
pub use found::{FoundCache, adopt_engine, find_local_engines};
pub use models::{delete_model, get_model, list_models, save_model};
pub use seed::{REFERENCE_MODEL_NAME, THIS_MACHINE_NAME, ensure_seed};
