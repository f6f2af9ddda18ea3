//! Downloads of a benchmark: the raw records, its requests as CSV, its result as JSON, the log of its
//! engine.

mod csv;

use app::api::RequestContext;
use axum::body::Body;
use axum::extract::{Extension, OriginalUri, Path};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::history::BenchmarkResult;
use domain::id::BenchmarkId;
use futures::stream;
use serde::Serialize;
use service::{Actor, Ctx, ServiceError};
use tokio_util::io::ReaderStream;

use super::problem;

/// Media type of Parquet files.
pub(super) const PARQUET: &str = "application/vnd.apache.parquet";

/// The raw records, byte for byte as they were stored.
pub(super) async fn get_records(
    context: Extension<RequestContext>,
    uri: OriginalUri,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let records = async |ctx: Ctx, actor: Actor, id| {
        let bytes = service::benchmarks::get_records(&ctx, &actor, id).await?;
        Ok(Body::from(bytes))
    };
    download(
        context.0,
        &uri,
        &headers,
        &id,
        PARQUET,
        "records.parquet",
        records,
    )
    .await
}

/// Every request as one line.
pub(super) async fn get_requests_csv(
    context: Extension<RequestContext>,
    uri: OriginalUri,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let csv = async |ctx: Ctx, actor: Actor, id| {
        let requests = service::benchmarks::get_requests(&ctx, &actor, id).await?;
        Ok(Body::from_stream(stream::iter(csv::pieces(requests))))
    };
    let media_type = "text/csv; charset=utf-8";
    download(
        context.0,
        &uri,
        &headers,
        &id,
        media_type,
        "requests.csv",
        csv,
    )
    .await
}

/// The result as stored, with what identifies it.
#[derive(Serialize)]
struct ResultFile {
    id: BenchmarkId,
    name: String,
    tags: Vec<String>,
    is_sample: bool,
    owner: String,
    created_at: String,
    #[serde(flatten)]
    result: BenchmarkResult,
}

/// Summary and manifest.
pub(super) async fn get_result(
    context: Extension<RequestContext>,
    uri: OriginalUri,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let json = async |ctx: Ctx, actor: Actor, id| {
        let detail = service::benchmarks::get_benchmark(&ctx, &actor, id).await?;
        let result = service::benchmarks::get_result(&ctx, &actor, id).await?;
        let file = ResultFile {
            id,
            name: detail.plan.name,
            tags: detail.tags,
            is_sample: detail.is_sample,
            owner: detail.owner_name,
            created_at: detail.created_at.to_rfc3339(),
            result,
        };
        let text = serde_json::to_string_pretty(&file).map_err(ServiceError::internal)?;
        Ok(Body::from(text))
    };
    download(
        context.0,
        &uri,
        &headers,
        &id,
        "application/json",
        "result.json",
        json,
    )
    .await
}

/// The engine's own log, as far as it is written.
pub(super) async fn get_engine_log(
    context: Extension<RequestContext>,
    uri: OriginalUri,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let log = async |ctx: Ctx, actor: Actor, id| {
        let file = service::benchmarks::open_engine_log(&ctx, &actor, id).await?;
        Ok(Body::from_stream(ReaderStream::new(file)))
    };
    let media_type = "text/plain; charset=utf-8";
    download(
        context.0,
        &uri,
        &headers,
        &id,
        media_type,
        "engine.log",
        log,
    )
    .await
}

/// A file of a benchmark for whoever is signed in.
async fn download(
    context: RequestContext,
    uri: &OriginalUri,
    headers: &HeaderMap,
    id: &str,
    media_type: &'static str,
    name: &str,
    read: impl AsyncFnOnce(Ctx, Actor, BenchmarkId) -> Result<Body, ServiceError>,
) -> Response {
    let Some(actor) = context.actor else {
        return problem::signed_out(headers, uri.path());
    };
    let Ok(id) = id.parse::<BenchmarkId>() else {
        return problem::refuse(StatusCode::NOT_FOUND, "There is no such benchmark.");
    };
    match read(context.ctx, actor, id).await {
        Ok(body) => {
            let mut response = body.into_response();
            let disposition = format!("attachment; filename=\"assay-{id}-{name}\"");
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
            if let Ok(value) = HeaderValue::from_str(&disposition) {
                headers.insert(CONTENT_DISPOSITION, value);
            }
            response
        }
        Err(error) => problem::of_service(error),
    }
}
