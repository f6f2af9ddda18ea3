//! Accounts, for administrators. Reading them is open to an administrator's token; changing them asks
//! for the session of a person.

use axum::Json;
use axum::http::StatusCode;
use domain::access::{Account, AccountKind, NewAccountForm, PasswordForm, Role};
use domain::id::UserId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::Refusal;
use super::extract::{Body, Caller, PathId};
use crate::serve::edge::Edge;

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(list_users, create_user))
        .routes(routes!(get_user))
        .routes(routes!(set_user_role))
        .routes(routes!(reset_user_password))
        .routes(routes!(disable_user))
        .routes(routes!(enable_user))
}

/// What an account or a token may do; each includes the ones before it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RoleWord {
    /// Reads everything.
    Viewer,
    /// Creates and runs benchmarks, edits the catalogue.
    Operator,
    /// Edits anybody's tags.
    Lead,
    /// Manages people, tokens and settings.
    Administrator,
}

impl RoleWord {
    /// Its name, as forms have it.
    pub(super) fn to_form(self) -> String {
        let role = match self {
            Self::Viewer => Role::Viewer,
            Self::Operator => Role::Operator,
            Self::Lead => Role::Lead,
            Self::Administrator => Role::Administrator,
        };
        role.as_str().to_owned()
    }
}

impl From<Role> for RoleWord {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Operator => Self::Operator,
            Role::Lead => Self::Lead,
            Role::Administrator => Self::Administrator,
        }
    }
}

/// Whose account it is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum KindWord {
    /// A person, who signs in.
    Person,
    /// A program, which comes with tokens only.
    Service,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
struct UserBody {
    /// Its id.
    id: Uuid,
    /// Its name; for a person the sign-in name.
    name: String,
    /// What it may do.
    role: RoleWord,
    /// Whose it is.
    kind: KindWord,
    /// Whether it can be used.
    is_enabled: bool,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<Account> for UserBody {
    fn from(account: Account) -> Self {
        Self {
            id: account.id.0,
            role: account.role.into(),
            kind: match account.kind {
                AccountKind::Person => KindWord::Person,
                AccountKind::Service => KindWord::Service,
            },
            is_enabled: account.is_enabled(),
            created_at: account.created_at.to_rfc3339(),
            name: account.name,
        }
    }
}

/// All accounts.
#[derive(Debug, Serialize, ToSchema)]
struct UserList {
    /// Always `users.list`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The accounts, by name.
    users: Vec<UserBody>,
}

/// One account.
#[derive(Debug, Serialize, ToSchema)]
struct UserAnswer {
    /// Always `users.detail`.
    object: &'static str,
    /// What was done.
    message: &'static str,
    /// The account as it is now.
    user: UserBody,
}

impl UserAnswer {
    fn of(account: Account, message: &'static str) -> Json<Self> {
        Json(Self {
            object: "users.detail",
            message,
            user: account.into(),
        })
    }
}

/// An account to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUserBody {
    /// Its name: letters, digits and `. - _ @`.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// What it may do.
    role: RoleWord,
    /// Whose it is: a person without it.
    kind: Option<KindWord>,
    /// The first password of a person; a service has none.
    #[schema(max_length = 256)]
    password: Option<String>,
}

/// A role to be given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRoleBody {
    /// The role.
    role: RoleWord,
}

/// A password to be set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPasswordBody {
    /// The password.
    #[schema(min_length = 12, max_length = 256)]
    password: String,
}

/// All accounts.
#[utoipa::path(
    get, path = "/users", tag = "Access", operation_id = "list_users",
    responses((status = 200, description = "The accounts, by name.", body = UserList)),
)]
async fn list_users(caller: Caller) -> Result<Json<UserList>, Refusal> {
    let accounts = service::people::list_accounts(&caller.ctx, &caller.actor).await?;
    Ok(Json(UserList {
        object: "users.list",
        message: "Successfully listed accounts",
        users: accounts.into_iter().map(UserBody::from).collect(),
    }))
}

/// Makes an account. Not with a token.
#[utoipa::path(
    post, path = "/users", tag = "Access", operation_id = "create_user",
    request_body = NewUserBody,
    responses((status = 201, description = "The account.", body = UserAnswer)),
)]
async fn create_user(
    caller: Caller,
    Body(body): Body<NewUserBody>,
) -> Result<(StatusCode, Json<UserAnswer>), Refusal> {
    let password = body.password.unwrap_or_default();
    let kind = match body.kind {
        Some(KindWord::Service) => AccountKind::Service,
        Some(KindWord::Person) | None => AccountKind::Person,
    };
    let form = NewAccountForm {
        name: body.name,
        role: body.role.to_form(),
        kind: kind.as_str().to_owned(),
        password_again: password.clone(),
        password,
    };
    let account = service::people::create_account(&caller.ctx, &caller.actor, &form).await?;
    let answer = UserAnswer::of(account, "Successfully created the account");
    Ok((StatusCode::CREATED, answer))
}

/// One account.
#[utoipa::path(
    get, path = "/users/{id}", tag = "Access", operation_id = "get_user",
    params(("id" = Uuid, Path, description = "The account.")),
    responses((status = 200, description = "The account.", body = UserAnswer)),
)]
async fn get_user(caller: Caller, PathId(id): PathId<UserId>) -> Result<Json<UserAnswer>, Refusal> {
    let account = service::people::get_account(&caller.ctx, &caller.actor, id).await?;
    Ok(UserAnswer::of(account, "Successfully fetched the account"))
}

/// Gives somebody else another role. Not with a token.
#[utoipa::path(
    put, path = "/users/{id}/role", tag = "Access", operation_id = "set_user_role",
    params(("id" = Uuid, Path, description = "The account.")),
    request_body = NewRoleBody,
    responses((status = 200, description = "The account.", body = UserAnswer)),
)]
async fn set_user_role(
    caller: Caller,
    PathId(id): PathId<UserId>,
    Body(body): Body<NewRoleBody>,
) -> Result<Json<UserAnswer>, Refusal> {
    let role = body.role.to_form();
    let account = service::people::set_role(&caller.ctx, &caller.actor, id, &role).await?;
    Ok(UserAnswer::of(account, "Successfully changed the role"))
}

/// Gives somebody else a new password and ends their sessions. Not with a token.
#[utoipa::path(
    put, path = "/users/{id}/password", tag = "Access", operation_id = "reset_user_password",
    params(("id" = Uuid, Path, description = "The account.")),
    request_body = NewPasswordBody,
    responses((status = 200, description = "The account.", body = UserAnswer)),
)]
async fn reset_user_password(
    caller: Caller,
    PathId(id): PathId<UserId>,
    Body(body): Body<NewPasswordBody>,
) -> Result<Json<UserAnswer>, Refusal> {
    let form = PasswordForm {
        password_again: body.password.clone(),
        password: body.password,
    };
    let account = service::people::reset_password(&caller.ctx, &caller.actor, id, &form).await?;
    Ok(UserAnswer::of(account, "Successfully reset the password"))
}

/// Disables somebody else's account: its sessions end, its tokens let nobody in. Not with a token.
#[utoipa::path(
    post, path = "/users/{id}/disable", tag = "Access", operation_id = "disable_user",
    params(("id" = Uuid, Path, description = "The account.")),
    responses((status = 200, description = "The account.", body = UserAnswer)),
)]
async fn disable_user(
    caller: Caller,
    PathId(id): PathId<UserId>,
) -> Result<Json<UserAnswer>, Refusal> {
    let account = service::people::disable_account(&caller.ctx, &caller.actor, id).await?;
    Ok(UserAnswer::of(account, "Successfully disabled the account"))
}

/// Lets a disabled account be used again. Not with a token.
#[utoipa::path(
    post, path = "/users/{id}/enable", tag = "Access", operation_id = "enable_user",
    params(("id" = Uuid, Path, description = "The account.")),
    responses((status = 200, description = "The account.", body = UserAnswer)),
)]
async fn enable_user(
    caller: Caller,
    PathId(id): PathId<UserId>,
) -> Result<Json<UserAnswer>, Refusal> {
    let account = service::people::enable_account(&caller.ctx, &caller.actor, id).await?;
    Ok(UserAnswer::of(account, "Successfully enabled the account"))
}
