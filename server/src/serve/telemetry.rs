//! Logs. They name paths, never queries, headers or bodies: those may hold secrets.

use std::io::IsTerminal as _;
use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;
use tracing_subscriber::EnvFilter;

/// What is logged when nothing else is asked for. The session layer warns of every bot's odd cookie.
const DEFAULT_FILTER: &str = "info,tower_sessions=error,tower_sessions_core=error";
/// Environment variable with another filter.
const FILTER_VARIABLE: &str = "ASSAY_LOG";

/// Sends logs to standard error.
pub(super) fn init() {
    let filter = EnvFilter::try_from_env(FILTER_VARIABLE);
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// Gives everything logged during a request its method and path, and logs how it ended.
pub(super) async fn trace_request(request: Request, next: Next) -> Response {
    let span =
        tracing::info_span!("request", method = %request.method(), path = request.uri().path());
    async move {
        let started = Instant::now();
        let response = next.run(request).await;
        let status = response.status().as_u16();
        let elapsed_ms = started.elapsed().as_secs_f64() * 1e3;
        if response.status().is_server_error() {
            tracing::error!(status, elapsed_ms, "answered");
        } else {
            tracing::debug!(status, elapsed_ms, "answered");
        }
        response
    }
    .instrument(span)
    .await
}
