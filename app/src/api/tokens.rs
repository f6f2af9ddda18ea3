//! API tokens.

use domain::access::{Token, TokenForm, TokenState};
use domain::id::TokenId;
#[cfg(feature = "ssr")]
use domain::id::UserId;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::ApiError;
use super::codec::Json;
#[cfg(feature = "ssr")]
use super::context::{is_plain_form, refuse, signed_in};
#[cfg(feature = "ssr")]
use crate::routes;

/// A token and how it stood when the server answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedToken {
    /// The token.
    pub token: Token,
    /// How it stood.
    pub state: TokenState,
}

/// A token that was just made. Its text is not `Debug`, so that it is not printed by accident.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeToken {
    /// The token.
    pub token: Token,
    /// What programs send; shown this once.
    pub text: String,
}

/// The tokens of an account, the newest first.
#[server(endpoint = "tokens/list", output = Json)]
pub async fn list_tokens(
    /// Id of the account, or empty for one's own.
    #[server(default)]
    account_id: String,
) -> Result<Vec<ListedToken>, ApiError> {
    let (ctx, actor) = signed_in()?;
    let account = account_of(&account_id)?;
    let tokens = service::tokens::list_tokens(&ctx, &actor, account)
        .await
        .map_err(refuse)?;
    Ok(listed(tokens, &ctx))
}

/// Everybody's tokens, the newest first.
#[server(endpoint = "tokens/list_all", output = Json)]
pub async fn list_all_tokens() -> Result<Vec<ListedToken>, ApiError> {
    let (ctx, actor) = signed_in()?;
    let tokens = service::tokens::list_all_tokens(&ctx, &actor)
        .await
        .map_err(refuse)?;
    Ok(listed(tokens, &ctx))
}

/// Makes a token. A form sent without the page's script leads to a page that shows its text.
#[server(endpoint = "tokens/create", output = Json)]
pub async fn create_token(
    /// Id of the service account it is for, or empty for one's own.
    #[server(default)]
    account_id: String,
    /// The form, each field under its own name.
    #[server(flatten)]
    form: TokenForm,
) -> Result<MadeToken, ApiError> {
    let (ctx, actor) = signed_in()?;
    let account = account_of(&account_id)?;
    let (token, text) = service::tokens::create_token(&ctx, &actor, account, &form)
        .await
        .map_err(refuse)?;
    if is_plain_form() {
        service::tokens::keep_for_next_page(&ctx, &actor, token.id, &text);
        leptos_axum::redirect(&routes::made_token(account, token.id));
    }
    Ok(MadeToken {
        token,
        text: text.expose().clone(),
    })
}

/// The text of a token that the form of this person just made without script; once.
#[server(endpoint = "tokens/take_text", output = Json)]
pub async fn take_token_text(
    /// Which.
    id: TokenId,
) -> Result<Option<String>, ApiError> {
    let (ctx, actor) = signed_in()?;
    let text = service::tokens::take_for_page(&ctx, &actor, id);
    Ok(text.map(|text| text.expose().clone()))
}

/// Revokes a token.
#[server(endpoint = "tokens/revoke", output = Json)]
pub async fn revoke_token(
    /// Which.
    id: TokenId,
) -> Result<Token, ApiError> {
    let (ctx, actor) = signed_in()?;
    service::tokens::revoke_token(&ctx, &actor, id)
        .await
        .map_err(refuse)
}

#[cfg(feature = "ssr")]
fn account_of(id: &str) -> Result<Option<UserId>, ApiError> {
    match id {
        "" => Ok(None),
        text => {
            let id = text.parse();
            id.map(Some)
                .map_err(|_| crate::pages::parts::no_such("account"))
        }
    }
}

#[cfg(feature = "ssr")]
fn listed(tokens: Vec<Token>, ctx: &service::Ctx) -> Vec<ListedToken> {
    let now = ctx.now();
    tokens
        .into_iter()
        .map(|token| ListedToken {
            state: token.state(now),
            token,
        })
        .collect()
}
