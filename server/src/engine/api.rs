//! The routes of the reference engine.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use domain::workload::Api;
use serde_json::{Value, json};

use super::Engine;
use super::stream::Answer;
use super::wire::{Ask, Events, Refusal, count_tokens, whole_answer};

/// Largest request, in bytes.
const REQUEST_BYTES_MAX: usize = 64 << 20;
/// Context that the engine claims to have, in tokens.
const CONTEXT_TOKENS: u32 = 2_000_000;

/// All routes.
pub(super) fn router(engine: Arc<Engine>) -> Router {
    Router::new()
        .route(
            "/health",
            get(|| async { axum::Json(json!({ "status": "ok" })) }),
        )
        .route("/version", get(version))
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(chat))
        .route("/v1/completions", post(completions))
        .route("/tokenize", post(tokenize))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(engine)
}

async fn version() -> axum::Json<Value> {
    axum::Json(json!({ "version": env!("CARGO_PKG_VERSION"), "engine": "assay-reference" }))
}

async fn models(State(engine): State<Arc<Engine>>) -> axum::Json<Value> {
    axum::Json(json!({
        "object": "list",
        "data": [{
            "id": engine.model, "object": "model", "created": 0, "owned_by": "assay-reference",
            "max_model_len": CONTEXT_TOKENS,
        }],
    }))
}

/// Both known dialects: llama.cpp's `content` gives `tokens`, vLLM's `prompt` gives `count`.
async fn tokenize(body: Bytes) -> Response {
    let ask: Value = match serde_json::from_slice(&body) {
        Ok(ask) => ask,
        Err(error) => return unreadable(&error),
    };
    let text = |key: &str| ask.get(key).and_then(Value::as_str);
    if let Some(content) = text("content") {
        let tokens: Vec<u32> = (0..count_tokens(content)).collect();
        return axum::Json(json!({ "tokens": tokens })).into_response();
    }
    match text("prompt") {
        Some(prompt) => {
            let answer = json!({ "count": count_tokens(prompt), "max_model_len": CONTEXT_TOKENS });
            axum::Json(answer).into_response()
        }
        None => refuse(&Refusal {
            status: 400,
            text: "Give a prompt.".to_owned(),
        }),
    }
}

async fn chat(State(engine): State<Arc<Engine>>, body: Bytes) -> Response {
    answer(engine, Api::Chat, &body).await
}

async fn completions(State(engine): State<Arc<Engine>>, body: Bytes) -> Response {
    answer(engine, Api::Completions, &body).await
}

async fn answer(engine: Arc<Engine>, api: Api, body: &[u8]) -> Response {
    let received_ns = engine.now_ns();
    let ask: Ask = match serde_json::from_slice(body) {
        Ok(ask) => ask,
        Err(error) => return unreadable(&error),
    };
    let streams = ask.stream;
    let order = match ask.into_order(api, &engine.model) {
        Ok(order) => order,
        Err(refusal) => return refuse(&refusal),
    };
    let number = engine.requests_count.fetch_add(1, Ordering::Relaxed);
    let busy = || Refusal {
        status: 503,
        text: "Too many requests wait for a slot.".to_owned(),
    };
    let Ok(_place) = Arc::clone(&engine.queue).try_acquire_owned() else {
        return refuse(&busy());
    };
    let Ok(slot) = Arc::clone(&engine.slots).acquire_owned().await else {
        return refuse(&busy());
    };
    let running = Answer::new(Arc::clone(&engine), order, number, received_ns, slot);
    if streams {
        let events = Events::new(api, number, &engine.model);
        let headers = [
            (header::CONTENT_TYPE, "text/event-stream"),
            (header::CACHE_CONTROL, "no-cache"),
        ];
        return (headers, running.into_stream(events)).into_response();
    }
    let order = running.wait_for_whole().await;
    axum::Json(whole_answer(&order, number, &engine.model)).into_response()
}

fn unreadable(error: &serde_json::Error) -> Response {
    refuse(&Refusal {
        status: 400,
        text: format!("The request is not readable: {error}"),
    })
}

fn refuse(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    let error = json!({ "error": { "message": refusal.text, "type": "invalid_request_error", "code": refusal.status } });
    (status, axum::Json(error)).into_response()
}
