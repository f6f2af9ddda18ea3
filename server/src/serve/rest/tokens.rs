//! API tokens. Making one asks for the session of a person: a token makes no tokens.

use axum::Json;
use axum::http::StatusCode;
use domain::access::{Token, TokenForm, TokenState};
use domain::id::{TokenId, UserId};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::Refusal;
use super::extract::{Body, Caller, Params, PathId};
use super::users::RoleWord;
use crate::serve::edge::Edge;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(list_tokens, create_token))
        .routes(routes!(revoke_token))
}

/// How a token stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TokenStateWord {
    /// It lets its holder in.
    Valid,
    /// Its time is over.
    Expired,
    /// Somebody revoked it.
    Revoked,
}

/// A token without its text.
#[derive(Debug, Serialize, ToSchema)]
struct TokenBody {
    /// Its id.
    id: Uuid,
    /// What it is for.
    name: String,
    /// The most it may do.
    role: RoleWord,
    /// The account it acts as.
    user_id: Uuid,
    /// That account's name.
    user_name: String,
    /// How it stands.
    state: TokenStateWord,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends.
    #[schema(format = DateTime)]
    expires_at: String,
    /// When it was last used, to the minute.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
    /// When it was revoked.
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
}

impl TokenBody {
    fn of(token: Token, now: Timestamp) -> Self {
        Self {
            id: token.id.0,
            role: token.role.into(),
            user_id: token.account_id.0,
            state: match token.state(now) {
                TokenState::Valid => TokenStateWord::Valid,
                TokenState::Expired => TokenStateWord::Expired,
                TokenState::Revoked => TokenStateWord::Revoked,
            },
            created_at: token.created_at.to_rfc3339(),
            expires_at: token.expires_at.to_rfc3339(),
            last_used_at: token.last_used_at.map(Timestamp::to_rfc3339),
            revoked_at: token.revoked_at.map(Timestamp::to_rfc3339),
            name: token.name,
            user_name: token.account_name,
        }
    }
}

/// Which tokens.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TokenParams {
    /// Those of this account; one's own without it. Others' are for administrators.
    user_id: Option<Uuid>,
    /// Everybody's; for administrators.
    #[serde(default)]
    #[param(required = false)]
    all: bool,
}

/// Tokens.
#[derive(Debug, Serialize, ToSchema)]
struct TokenList {
    /// Always `tokens.list`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The tokens, the newest first.
    tokens: Vec<TokenBody>,
}

/// One token.
#[derive(Debug, Serialize, ToSchema)]
struct TokenAnswer {
    /// Always `tokens.detail`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The token.
    token: TokenBody,
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTokenBody {
    /// What it is for.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// The most it may do; not more than its account.
    role: RoleWord,
    /// Days until it expires; 90 without it.
    #[schema(minimum = 1, maximum = 365)]
    expires_days: Option<u32>,
    /// The service account it is for; one's own without it. For administrators.
    user_id: Option<Uuid>,
}

/// A token that was just made. Its text is not `Debug`, so that it is not printed by accident.
#[derive(Serialize, ToSchema)]
struct MadeTokenAnswer {
    /// Always `tokens.made`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The token.
    token: TokenBody,
    /// What to send as `Authorization: Bearer …`. It is shown this once.
    text: String,
}

/// One's own tokens, an account's, or everybody's; at most the newest thousand.
#[utoipa::path(
    get, path = "/tokens", tag = "Access", operation_id = "list_tokens",
    params(TokenParams),
    responses((status = 200, description = "The tokens, the newest first.", body = TokenList)),
)]
async fn list_tokens(
    Caller { ctx, actor }: Caller,
    Params(params): Params<TokenParams>,
) -> Result<Json<TokenList>, Refusal> {
    let tokens = if params.all {
        service::tokens::list_all_tokens(&ctx, &actor).await?
    } else {
        let account = params.user_id.map(UserId);
        service::tokens::list_tokens(&ctx, &actor, account).await?
    };
    let now = ctx.now();
    let tokens = tokens.into_iter().map(|token| TokenBody::of(token, now));
    Ok(Json(TokenList {
        object: "tokens.list",
        message: "Successfully listed tokens",
        tokens: tokens.collect(),
    }))
}

/// Makes a token. Not with a token.
#[utoipa::path(
    post, path = "/tokens", tag = "Access", operation_id = "create_token",
    request_body = NewTokenBody,
    responses((status = 201, description = "The token with its text.", body = MadeTokenAnswer)),
)]
async fn create_token(
    Caller { ctx, actor }: Caller,
    Body(body): Body<NewTokenBody>,
) -> Result<(StatusCode, Json<MadeTokenAnswer>), Refusal> {
    let form = TokenForm {
        name: body.name,
        role: body.role.to_form(),
        expires_days: body
            .expires_days
            .map(|days| days.to_string())
            .unwrap_or_default(),
    };
    let account = body.user_id.map(UserId);
    let (token, text) = service::tokens::create_token(&ctx, &actor, account, &form).await?;
    let answer = MadeTokenAnswer {
        object: "tokens.made",
        message: "Successfully created the token",
        token: TokenBody::of(token, ctx.now()),
        text: text.expose().clone(),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Revokes a token: one's own, or, for administrators, anybody's. A token revokes itself only.
#[utoipa::path(
    delete, path = "/tokens/{id}", tag = "Access", operation_id = "revoke_token",
    params(("id" = Uuid, Path, description = "The token.")),
    responses((status = 200, description = "The token.", body = TokenAnswer)),
)]
async fn revoke_token(
    Caller { ctx, actor }: Caller,
    PathId(id): PathId<TokenId>,
) -> Result<Json<TokenAnswer>, Refusal> {
    let token = service::tokens::revoke_token(&ctx, &actor, id).await?;
    Ok(Json(TokenAnswer {
        object: "tokens.detail",
        message: "Successfully revoked the token",
        token: TokenBody::of(token, ctx.now()),
    }))
}
