//! What this installation is.

use domain::system::SystemInfo;
use leptos::prelude::*;

use super::ApiError;
use super::codec::Json;
#[cfg(feature = "ssr")]
use super::context::{refuse, signed_in};

/// What this installation is and how it stands.
#[server(endpoint = "system/info", output = Json)]
pub async fn get_system_info() -> Result<SystemInfo, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::system::get_system_info(&ctx, &actor)
        .await
        .map_err(refuse)
}
