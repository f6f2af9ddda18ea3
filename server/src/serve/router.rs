//! Which path leads where, and what every request passes on its way.

use std::sync::Arc;
use std::time::Duration;

use app::api::RequestContext;
use app::api::reference::ApiReference;
use app::routes::DATASET_UPLOAD as UPLOAD;
use app::shell::shell;
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Extension, Request};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use leptos::prelude::provide_context;
use leptos_axum::generate_route_list;
use tokio::time::timeout;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _};
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tower_http::limit::RequestBodyLimitLayer;
use tower_sessions::SessionManagerLayer;

use super::edge::Edge;
use super::export::{PARQUET, get_engine_log, get_records, get_requests_csv, get_result};
use super::live::get_live;
use super::security::{Policy, check_source, set_headers};
use super::session::{SessionRows, attach_visitor};
use super::upload::{UPLOAD_TIMEOUT, is_upload, post_upload};
use super::{assets, problem, rest, telemetry};

/// Longest time until an answer begins. The slowest use case, checking an endpoint that does not
/// answer, takes a good 20 s.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// Quick: pages are made anew for each visit.
const COMPRESSION: CompressionLevel = CompressionLevel::Precise(4);
/// Largest body of a form: the largest of the product has a few thousand characters. The API has
/// limits of its own.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// The whole server but its listener.
pub(super) fn router(
    edge: Edge,
    policy: &Policy,
    session_layer: SessionManagerLayer<SessionRows>,
) -> Router {
    let (api, reference) = rest::routes(policy);
    let mut pages = Router::new();
    for page in generate_route_list(app::App) {
        pages = pages.route(page.path(), any(render_page));
    }
    // Files are longer than other bodies: what receives them has a limit of its own.
    let uploads = Router::new()
        .route(UPLOAD, post(post_upload))
        .layer(DefaultBodyLimit::disable());
    let visited = pages
        .route("/api/{*function}", any(call_server_function))
        .route("/live", get(get_live))
        .route("/benchmarks/{id}/records.parquet", get(get_records))
        .route("/benchmarks/{id}/requests.csv", get(get_requests_csv))
        .route("/benchmarks/{id}/result.json", get(get_result))
        .route("/benchmarks/{id}/engine.log", get(get_engine_log))
        .fallback(render_page)
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
        .layer(Extension(reference))
        .merge(api)
        .merge(uploads)
        .layer(from_fn_with_state(edge.clone(), attach_visitor))
        .layer(session_layer)
        .with_state(edge.clone());
    Router::new()
        .route("/health", get(get_health))
        .route("/assets/{name}", get(assets::get_asset))
        .with_state(edge)
        .merge(visited)
        .layer(
            CompressionLayer::new()
                .quality(COMPRESSION)
                .compress_when(DefaultPredicate::new().and(NotForContentType::const_new(PARQUET))),
        )
        .layer(map_response(close_after_long_body))
        .layer(from_fn(answer_in_time))
        .layer(from_fn_with_state(policy.clone(), check_source))
        .layer(CatchPanicLayer::custom(|_| {
            problem::refuse(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong on the server.",
            )
        }))
        .layer(from_fn_with_state(policy.clone(), set_headers))
        .layer(from_fn(telemetry::trace_request))
}

/// Gives up on an answer that does not begin. A file takes as long as its sender's line.
async fn answer_in_time(request: Request, next: Next) -> Response {
    let limit = if is_upload(request.method(), request.uri().path()) {
        UPLOAD_TIMEOUT
    } else {
        ANSWER_TIMEOUT
    };
    match timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => problem::refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "The server did not answer in time. Try again.",
        ),
    }
}

/// A body that is too long stays unread, so the connection ends with the answer. Said in the answer,
/// for a client that would send its next request on it.
async fn close_after_long_body(mut response: Response) -> Response {
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whether the server serves and its database answers.
async fn get_health(axum::extract::State(edge): axum::extract::State<Edge>) -> Response {
    match service::session::needs_first_administrator(&edge.ctx).await {
        Ok(_) => "ok\n".into_response(),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the database does not answer"
            );
            problem::refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "The database does not answer.",
            )
        }
    }
}

/// A page, complete before it is sent. Unknown paths are the app's “not found” page, but those of the
/// API.
async fn render_page(
    Extension(context): Extension<RequestContext>,
    Extension(reference): Extension<Arc<ApiReference>>,
    request: Request<Body>,
) -> Response {
    if rest::is_api_path(request.uri().path()) {
        return rest::unknown().await.into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return problem::refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "This page can only be read.",
        );
    }
    let assets = assets::page_assets();
    let provide = move || {
        provide_context(context.clone());
        provide_context(Arc::clone(&reference));
        if let Some(assets) = &assets {
            provide_context(assets.clone());
        }
    };
    leptos_axum::render_app_async_with_context(provide, shell)(request).await
}

/// Functions that answer whoever asks. All others are refused here already, before their arguments
/// are read; what a person may do, `service` decides.
const OPEN_FUNCTIONS: [&str; 4] = [
    "/api/session/sign_in",
    "/api/session/sign_out",
    "/api/session/create_first_administrator",
    "/api/session/needs_first_administrator",
];

/// A server function of the app.
async fn call_server_function(
    Extension(context): Extension<RequestContext>,
    Extension(reference): Extension<Arc<ApiReference>>,
    request: Request<Body>,
) -> Response {
    let path = request.uri().path().to_owned();
    if is_unknown_function(&path, request.method()) {
        return problem::refuse(StatusCode::NOT_FOUND, "There is no such function.");
    }
    if context.actor.is_none() && !OPEN_FUNCTIONS.contains(&path.as_str()) {
        return problem::signed_out_of_call(request.headers());
    }
    let provide = move || {
        provide_context(context.clone());
        provide_context(Arc::clone(&reference));
    };
    leptos_axum::handle_server_fns_with_context(provide, request)
        .await
        .into_response()
}

fn is_unknown_function(path: &str, method: &Method) -> bool {
    !leptos::server_fn::axum::server_fn_paths()
        .any(|(known, known_method)| known == path && known_method == *method)
}
