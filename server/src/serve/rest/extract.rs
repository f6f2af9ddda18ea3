//! What handlers take from a request: who asks, and what the gate has checked.

use std::str::FromStr;

use app::api::RequestContext;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::StatusCode;
use axum::http::request::Parts;
use domain::field::FieldErrors;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use service::{Actor, Ctx, ServiceError};

use super::answer::Refusal;

/// What the gate read and found to be as the document says.
#[derive(Clone, Debug, Default)]
pub(super) struct Checked {
    /// Parameters of the query by name, in the types of the document.
    pub(super) query: Map<String, Value>,
    /// The body, when there is one.
    pub(super) body: Option<Value>,
}

/// Whoever asks, and what use cases need.
pub(super) struct Caller {
    pub(super) ctx: Ctx,
    pub(super) actor: Actor,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let context = parts.extensions.get::<RequestContext>();
        let context = context.ok_or_else(Refusal::signed_out)?;
        Ok(Self {
            ctx: context.ctx.clone(),
            actor: context.actor.clone().ok_or_else(Refusal::signed_out)?,
        })
    }
}

/// The parameters of the query.
pub(super) struct Params<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let checked = checked(parts)?;
        read(Value::Object(checked.query.clone())).map(Self)
    }
}

/// The JSON body; an absent one reads as `null`.
pub(super) struct Body<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let body = checked(parts)?.body.clone();
        read(body.unwrap_or(Value::Null)).map(Self)
    }
}

/// The id in the path. What is no id names nothing.
pub(super) struct PathId<T>(pub(super) T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for PathId<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let id = params
            .ok()
            .and_then(|params| params.iter().next().and_then(|(_, text)| text.parse().ok()));
        id.map(Self).ok_or_else(|| {
            Refusal::new(
                StatusCode::NOT_FOUND,
                "Nothing has this id: ids look like 018f4e9c-7b1a-7c3e-9f00-0123456789ab.",
            )
        })
    }
}

fn checked(parts: &Parts) -> Result<&Checked, Refusal> {
    let checked = parts.extensions.get::<Checked>();
    checked.ok_or_else(|| ServiceError::internal("a route stands outside of the gate").into())
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    // The gate has looked already; what only a type can say (a number's width) is said here.
    serde_json::from_value(value)
        .map_err(|error| Refusal::invalid(FieldErrors::one("", error.to_string())))
}
