//! How far the load generators of this installation can be trusted.

use domain::id::{BenchmarkId, SelftestId};
use domain::measure::selftest::{Accuracy, Selftest, SelftestList};
use leptos::prelude::*;

use super::ApiError;
use super::codec::Json;
#[cfg(feature = "ssr")]
use super::context::{is_plain_form, refuse, signed_in};
#[cfg(feature = "ssr")]
use crate::routes;

/// The selftests of all machines, the newest first.
#[server(endpoint = "selftests/list", output = Json)]
pub async fn list_selftests() -> Result<SelftestList, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::selftests::list_selftests(&ctx, &actor)
        .await
        .map_err(refuse)
}

/// Starts a selftest of this machine.
#[server(endpoint = "selftests/start", output = Json)]
pub async fn start_selftest(
    /// The machine that is meant: the one this server runs on.
    host: String,
) -> Result<Selftest, ApiError> {
    let (ctx, actor) = signed_in()?;
    let selftest = service::selftests::start_selftest(&ctx, &actor, &host)
        .await
        .map_err(refuse)?;
    if is_plain_form() {
        leptos_axum::redirect(routes::ACCURACY);
    }
    Ok(selftest)
}

/// Cancels a selftest of this machine; it is over when the answer comes.
#[server(endpoint = "selftests/cancel", output = Json)]
pub async fn cancel_selftest(
    /// Which.
    id: SelftestId,
) -> Result<Selftest, ApiError> {
    let (ctx, actor) = signed_in()?;
    let selftest = service::selftests::cancel_selftest(&ctx, &actor, id)
        .await
        .map_err(refuse)?;
    if is_plain_form() {
        leptos_axum::redirect(routes::ACCURACY);
    }
    Ok(selftest)
}

/// How accurate the load of a benchmark was, by its machine's newest selftest.
#[server(endpoint = "selftests/accuracy_of", output = Json)]
pub async fn accuracy_of(
    /// Which benchmark.
    id: BenchmarkId,
) -> Result<Option<Accuracy>, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::selftests::accuracy_of(&ctx, &actor, id)
        .await
        .map_err(refuse)
}
