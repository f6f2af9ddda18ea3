//! The REST API: the reference's routes at the reference's paths, and everything under `/api/v1`.
//!
//! Invariants:
//! - a route and its documentation are one declaration: what is not in the document does not exist;
//! - the document is the gate: parameters and bodies are checked against its schemas before a
//!   handler runs, so that what is documented is what is taken;
//! - every refusal is the same JSON object, whoever refuses.
//!
//! Deliberately absent: rules (`domain`), permissions (`service`).

#![allow(
    unused_qualifications,
    reason = "utoipa's macros write some around the names they are given"
)]

mod answer;
mod benchmarks;
mod clusters;
mod credentials;
mod datasets;
mod distribution;
mod document;
mod extract;
mod gate;
mod list_params;
mod machines;
mod models;
mod nodes;
mod reference;
mod registry;
mod request_metrics;
mod requests;
mod result;
mod running;
mod runs;
mod selftests;
mod things;
mod tokens;
mod users;
mod workflows;

use std::sync::Arc;

use app::api::reference::ApiReference;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use bytes::Bytes;
use utoipa_axum::router::OpenApiRouter;

use super::edge::Edge;
use super::security::Policy;
pub(super) use answer::Refusal;
use gate::{Gate, GateState};

/// Where the versioned routes are.
const VERSIONED: &str = "/api/v1";
/// Where the document is.
pub(super) const DOCUMENT_PATH: &str = "/openapi.json";

/// The reference's routes: at its own paths, and under [`VERSIONED`].
fn reference_routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .merge(benchmarks::routes())
        .merge(result::routes())
        .merge(requests::routes())
        .merge(request_metrics::routes())
        .merge(distribution::routes())
        .merge(running::reference_routes())
        .merge(nodes::routes())
        .merge(workflows::reference_routes())
}

/// What the reference does not have: under [`VERSIONED`] only.
fn further_routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .merge(models::routes())
        .merge(clusters::routes())
        .merge(machines::routes())
        .merge(credentials::routes())
        .merge(datasets::routes())
        .merge(running::further_routes())
        .merge(runs::further_routes())
        .merge(selftests::routes())
        .merge(workflows::further_routes())
        .merge(users::routes())
        .merge(tokens::routes())
}

/// Whether a path belongs to the API, whose gate looks itself where a request comes from.
pub(super) fn is_api_path(path: &str) -> bool {
    path == "/benchmark" || path.starts_with("/benchmark/") || path.starts_with("/api/v1/")
}

/// All routes with their gate, and what people may read about them. The layer that says who asks
/// comes around it.
pub(super) fn routes(policy: &Policy) -> (Router<Edge>, Arc<ApiReference>) {
    let (router, document) = OpenApiRouter::with_openapi(document::frame())
        .merge(reference_routes())
        .nest(VERSIONED, reference_routes().merge(further_routes()))
        .split_for_parts();
    let document = document::finish(document);
    let text = Bytes::from(document.to_string());
    let reference = Arc::new(reference::of_document(&document));
    let gate = GateState {
        gate: Arc::new(Gate::of(&document)),
        policy: policy.clone(),
    };
    let router = router
        .layer(from_fn_with_state(gate, gate::check))
        .route(
            DOCUMENT_PATH,
            get(async move || {
                (
                    [(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
                    text,
                )
            }),
        )
        .route("/api/v1/{*unknown}", any(unknown))
        .layer(map_response(in_one_form))
        // The gate bounds bodies, each by what its route may take.
        .layer(DefaultBodyLimit::disable());
    (router, reference)
}

/// There is no such route of the API.
pub(super) async fn unknown() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "There is no such route. /openapi.json lists those that exist.",
    )
}

/// Gives refusals that were made below the handlers (an unknown method, a body that is too long)
/// the form of all others.
async fn in_one_form(response: Response) -> Response {
    let status = response.status();
    let is_json = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let words = match status {
        StatusCode::METHOD_NOT_ALLOWED => "This route does not take this method.",
        StatusCode::PAYLOAD_TOO_LARGE => "The body is too long.",
        _ => status
            .canonical_reason()
            .unwrap_or("The request was refused."),
    };
    let mut refusal = Refusal::new(status, words).into_response();
    for (name, value) in response.headers() {
        if name != CONTENT_TYPE && name != axum::http::header::CONTENT_LENGTH {
            refusal.headers_mut().append(name, value.clone());
        }
    }
    refusal
}
