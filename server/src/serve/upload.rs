//! Files that people upload: received as they come, with limits of their own.

use std::time::Duration;

use app::api::context::error_of;
use app::api::{ApiError, RequestContext};
use app::query::url_with;
use app::routes;
use axum::Json;
use axum::body::Body;
use axum::extract::multipart::{Field, Multipart};
use axum::extract::{Extension, FromRequest as _, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use domain::dataset::{Dataset, DatasetForm, FILE_BYTES_MAX};
use domain::field::FieldErrors;
use futures::StreamExt as _;
use service::datasets::{Upload, begin_upload};
use service::{Actor, Ctx, ServiceError};
use tokio::time::timeout;

use super::edge::Edge;
use super::problem;

/// Where programs send files.
const UPLOAD_OF_PROGRAMS: &str = "/api/v1/datasets";
/// Longest silence of a sender.
const SILENCE_MAX: Duration = Duration::from_mins(1);
/// Longest time a file may take to come in.
pub(super) const UPLOAD_TIMEOUT: Duration = Duration::from_hours(1);
/// What a form may add to its file: names, other fields, boundaries.
const FORM_BYTES_MAX: u64 = 64 * 1024;
/// Longest text of a field beside the file.
const FIELD_BYTES_MAX: usize = 16 * 1024;

/// Whether a request brings a file.
pub(super) fn is_upload(method: &Method, path: &str) -> bool {
    *method == Method::POST && (path == routes::DATASET_UPLOAD || path == UPLOAD_OF_PROGRAMS)
}

/// A dataset's file from the form of the page, sent by its script or by the browser alone.
pub(super) async fn post_upload(
    State(edge): State<Edge>,
    Extension(context): Extension<RequestContext>,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let Some(actor) = context.actor else {
        return problem::signed_out(&headers, routes::NEW_DATASET);
    };
    let mut form = DatasetForm::default();
    let received = tokio::select! {
        received = receive_form(&context.ctx, &actor, &mut form, request) => received,
        () = edge.stopping.cancelled() => Err(Refusal::Service(stopping())),
    };
    match received {
        Ok(dataset) => taken(&headers, &dataset),
        Err(refusal) => refused(&headers, &form, refusal),
    }
}

/// A dataset's file as the whole body of a request.
pub(super) async fn receive_body(
    ctx: &Ctx,
    actor: &Actor,
    form: &DatasetForm,
    headers: &HeaderMap,
    body: Body,
) -> Result<Dataset, ServiceError> {
    let mut upload = begin_upload(ctx, actor, form, content_length(headers)).await?;
    let mut pieces = body.into_data_stream();
    loop {
        let at_file = |message: &str| ServiceError::from(FieldErrors::one("file", message));
        let piece = timeout(SILENCE_MAX, pieces.next()).await;
        let piece = piece.map_err(|_| at_file("Nothing was sent for too long."))?;
        match piece {
            Some(Ok(piece)) => upload.write(&piece).await?,
            Some(Err(_)) => return Err(at_file("The file broke off.")),
            None => return upload.finish().await,
        }
    }
}

/// Why a file was not taken.
enum Refusal {
    /// What was sent is no form with a file, or the sender went away.
    Unreadable(String),
    /// Nothing came for too long.
    Silent,
    Service(ServiceError),
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

fn stopping() -> ServiceError {
    ServiceError::Unavailable("The server is about to stop.".to_owned())
}

async fn receive_form(
    ctx: &Ctx,
    actor: &Actor,
    form: &mut DatasetForm,
    request: Request,
) -> Result<Dataset, Refusal> {
    let announced = content_length(request.headers());
    let announced = announced.map(|bytes| bytes.saturating_sub(FORM_BYTES_MAX));
    let unreadable = |error: axum::extract::multipart::MultipartRejection| {
        Refusal::Unreadable(error.body_text())
    };
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(unreadable)?;
    let taken = take_parts(ctx, actor, form, &mut parts, announced).await;
    if taken.is_err() && announced.is_none_or(|bytes| bytes <= FILE_BYTES_MAX) {
        // A browser reads the answer only when it has sent everything.
        read_away(&mut parts).await;
    }
    taken
}

async fn take_parts(
    ctx: &Ctx,
    actor: &Actor,
    form: &mut DatasetForm,
    parts: &mut Multipart,
    announced: Option<u64>,
) -> Result<Dataset, Refusal> {
    loop {
        let part = within(parts.next_field()).await?;
        let Some(mut part) = part else {
            let message = "Choose a file.";
            return Err(Refusal::Service(FieldErrors::one("file", message).into()));
        };
        match part.name().unwrap_or_default() {
            "name" => form.name = read_text(&mut part).await?,
            "description" => form.description = read_text(&mut part).await?,
            "format" => form.format = read_text(&mut part).await?,
            "tokenizer" => form.tokenizer = read_text(&mut part).await?,
            "file" => {
                part.file_name()
                    .unwrap_or_default()
                    .clone_into(&mut form.file_name);
                if form.file_name.is_empty() {
                    let message = "Choose a file.";
                    return Err(Refusal::Service(FieldErrors::one("file", message).into()));
                }
                let upload = begin_upload(ctx, actor, form, announced).await?;
                return receive_file(upload, &mut part).await;
            }
            _ => {
                read_text(&mut part).await?;
            }
        }
    }
}

async fn receive_file(mut upload: Upload, part: &mut Field<'_>) -> Result<Dataset, Refusal> {
    while let Some(piece) = within(part.chunk()).await? {
        upload.write(&piece).await?;
    }
    Ok(upload.finish().await?)
}

async fn read_text(part: &mut Field<'_>) -> Result<String, Refusal> {
    let mut bytes = Vec::new();
    while let Some(piece) = within(part.chunk()).await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > FIELD_BYTES_MAX {
            let message = "A field of the form is too long, or the file does not stand last.";
            return Err(Refusal::Unreadable(message.to_owned()));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Takes what still comes, and drops it. No more comes than a file may have.
async fn read_away(parts: &mut Multipart) {
    let mut bytes: u64 = 0;
    while let Ok(Some(mut part)) = within(parts.next_field()).await {
        while let Ok(Some(piece)) = within(part.chunk()).await {
            bytes += piece.len() as u64;
            if bytes > FILE_BYTES_MAX {
                return;
            }
        }
    }
}

/// What comes next, unless nothing does for too long.
async fn within<T>(
    next: impl Future<Output = Result<T, axum::extract::multipart::MultipartError>>,
) -> Result<T, Refusal> {
    match timeout(SILENCE_MAX, next).await {
        Ok(Ok(next)) => Ok(next),
        Ok(Err(error)) => Err(Refusal::Unreadable(error.body_text())),
        Err(_) => Err(Refusal::Silent),
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A page is shown the dataset, a script is told its id.
fn taken(headers: &HeaderMap, dataset: &Dataset) -> Response {
    if problem::wants_page(headers) {
        return Redirect::to(&routes::dataset(dataset.id)).into_response();
    }
    (StatusCode::ACCEPTED, Json(dataset)).into_response()
}

/// A page gets its form back with what was typed and the messages, a script the error.
fn refused(headers: &HeaderMap, form: &DatasetForm, refusal: Refusal) -> Response {
    let (status, error) = match refusal {
        Refusal::Unreadable(message) => (
            StatusCode::BAD_REQUEST,
            ApiError::Invalid {
                errors: FieldErrors::one("file", message),
            },
        ),
        Refusal::Silent => (
            StatusCode::REQUEST_TIMEOUT,
            ApiError::Unavailable {
                message: "The file did not come in: nothing was sent for too long.".to_owned(),
            },
        ),
        Refusal::Service(error) => {
            let is_too_large = matches!(error, ServiceError::TooLarge(_));
            let error = error_of(error);
            let status = if is_too_large {
                StatusCode::PAYLOAD_TOO_LARGE
            } else {
                StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            };
            (status, error)
        }
    };
    if !problem::wants_page(headers) {
        return (status, Json(error)).into_response();
    }
    let errors = match &error {
        ApiError::Invalid { errors } => errors.clone(),
        other => FieldErrors::one("file", other.to_string()),
    };
    let errors = serde_json::to_string(&errors).unwrap_or_default();
    let address = url_with(
        routes::NEW_DATASET,
        &[
            ("name", form.name.as_str()),
            ("description", &form.description),
            ("format", &form.format),
            ("tokenizer", &form.tokenizer),
            ("refused", &errors),
        ],
    );
    Redirect::to(&address).into_response()
}
