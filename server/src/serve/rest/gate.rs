//! The gate before every route: who asks, and whether they send what the document says.

mod messages;
mod operation;

use std::collections::HashMap;
use std::sync::Arc;

use app::api::RequestContext;
use axum::body::Bytes;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::field::FieldErrors;
use serde_json::Value;
use service::Via;

use super::answer::Refusal;
use super::extract::Checked;
use crate::serve::security::Policy;
use operation::{Callers, Operation};

/// Largest JSON body. The longest the API takes is a workflow with the metrics of many nodes.
const JSON_BYTES_MAX: usize = 1024 * 1024;

/// What the document says about each operation.
pub(super) struct Gate {
    /// By path as routed, and method.
    operations: HashMap<(String, String), Operation>,
}

/// The header in which the runner of this process shows its key.
const RUNNER_KEY: HeaderName = HeaderName::from_static("x-assay-runner-key");

/// The runner's key, if a request shows one.
pub(super) fn runner_key_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(RUNNER_KEY)?.to_str().ok()
}

/// What the gate needs to judge.
#[derive(Clone)]
pub(super) struct GateState {
    pub(super) gate: Arc<Gate>,
    pub(super) policy: Policy,
}

impl Gate {
    /// The gate of a finished document.
    pub(super) fn of(document: &Value) -> Self {
        let components = Arc::new(document["components"].clone());
        let mut operations = HashMap::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let operation = Operation::of(operation, Arc::clone(&components));
                operations.insert((path.clone(), method.to_uppercase()), operation);
            }
        }
        Self { operations }
    }

    fn find(&self, path: &str, method: &Method) -> Option<&Operation> {
        let method = if *method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        self.operations
            .get(&(path.to_owned(), method.as_str().to_owned()))
    }
}

/// Lets a request through with what it brought, or says what is wrong with it.
pub(super) async fn check(
    State(state): State<GateState>,
    path: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let Some(operation) = state.gate.find(path.as_str(), request.method()) else {
        // Another method: the router says which there are.
        return next.run(request).await;
    };
    match admit(operation, &state.policy, request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn admit(
    operation: &Operation,
    policy: &Policy,
    request: Request,
) -> Result<Request, Refusal> {
    match operation.callers {
        Callers::Anyone => {}
        Callers::SignedIn => check_caller(policy, &request)?,
        Callers::Runner => check_runner(&request)?,
    }
    let (mut parts, body) = request.into_parts();
    let (query, mut errors) = operation.read_query(&parts.uri);
    let mut checked = Checked { query, body: None };
    if !operation.takes_json {
        operation.check(&checked, &mut errors)?;
        refuse_if_any(errors)?;
        parts.extensions.insert(checked);
        return Ok(Request::from_parts(parts, body));
    }
    let bytes = read_bytes(&parts.headers, body).await?;
    if !bytes.is_empty() {
        if !is_json(&parts.headers) {
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Send the body as JSON, with “Content-Type: application/json”.",
            ));
        }
        let body = serde_json::from_slice(&bytes).map_err(|error| {
            Refusal::new(
                StatusCode::BAD_REQUEST,
                format!("The body is not JSON: {error}."),
            )
        })?;
        checked.body = Some(body);
    } else if operation.needs_body {
        let message = "This route needs a JSON body.";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
    }
    operation.check(&checked, &mut errors)?;
    refuse_if_any(errors)?;
    parts.extensions.insert(checked);
    Ok(Request::from_parts(parts, axum::body::Body::empty()))
}

fn refuse_if_any(errors: FieldErrors) -> Result<(), Refusal> {
    errors.into_result(()).map_err(Refusal::invalid)
}

/// A token speaks for itself. A cookie is sent by whatever page a browser shows, so with one the
/// request must also come from a page of this server.
fn check_caller(policy: &Policy, request: &Request) -> Result<(), Refusal> {
    let actor = request
        .extensions()
        .get::<RequestContext>()
        .and_then(|context| context.actor.as_ref());
    let Some(actor) = actor else {
        return Err(Refusal::signed_out());
    };
    if matches!(actor.via, Via::Token(_)) || policy.lets_in(request) {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "This request did not come from a page of this server. Programs send a token.",
    ))
}

/// The key itself is judged by the use case; here those are refused who show none.
fn check_runner(request: &Request) -> Result<(), Refusal> {
    if runner_key_of(request.headers()).is_some() {
        return Ok(());
    }
    let context = request.extensions().get::<RequestContext>();
    if context.is_some_and(|context| context.actor.is_some()) {
        let message = "Only the runner of this server may do this.";
        return Err(Refusal::new(StatusCode::FORBIDDEN, message));
    }
    Err(Refusal::signed_out())
}

async fn read_bytes(headers: &HeaderMap, body: axum::body::Body) -> Result<Bytes, Refusal> {
    let too_long = || {
        Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("Send at most {JSON_BYTES_MAX} bytes."),
        )
    };
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > JSON_BYTES_MAX) {
        return Err(too_long());
    }
    // What breaks off below the limit breaks off for whoever sends it as well.
    axum::body::to_bytes(body, JSON_BYTES_MAX)
        .await
        .map_err(|_| too_long())
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}
