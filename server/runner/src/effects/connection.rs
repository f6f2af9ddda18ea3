//! Can the node or endpoint be reached at all?

use domain::plan::Deployment;
use domain::size::bytes_in_words;
use tokio::task::spawn_blocking;

use super::Run;
use crate::inventory::read_inventory;
use crate::probe::probe_with;

pub(super) async fn verify_connection(run: &Run) -> Result<String, String> {
    match &run.plan.deployment {
        Deployment::Endpoint { base_url, .. } => {
            run.log(format!("Asking {base_url}.")).await;
            let key = run.key().await?;
            let shared = &run.shared;
            let check = probe_with(&shared.http, base_url, key.as_ref(), shared.now()).await;
            if check.is_reachable {
                Ok(check.message)
            } else {
                Err(check.message)
            }
        }
        Deployment::Process { .. } | Deployment::Container { .. } => {
            let now = run.shared.now();
            let inventory = spawn_blocking(move || read_inventory(now))
                .await
                .map_err(|error| format!("this machine could not be looked at: {error}"))?;
            Ok(format!(
                "{}: {}, {} cores, {} of memory.",
                inventory.hostname,
                inventory.vendor(),
                inventory.cpu_core_count,
                bytes_in_words(inventory.memory_bytes)
            ))
        }
    }
}
