//! API tokens: making, listing and revoking them, and letting in whoever comes with one.

pub mod console;
mod fresh;

use std::net::IpAddr;

use domain::access::token::NewToken;
use domain::access::{Account, AccountKind, Person, Role, Token, TokenForm, TokenState};
use domain::id::{TokenId, UserId};
use domain::secret::Secret;
use sha2::{Digest, Sha256};

pub(crate) use fresh::FreshTokens;

use crate::error::not_found;
use crate::random::random_text;
use crate::session::DEMO_NAME;
use crate::{Actor, Ctx, ServiceError, Via};

/// How every token begins, so that programs that look for leaked secrets know one.
const PREFIX: &str = "assay_";
/// Characters of a token's text: the prefix and 256 bits as hexadecimal digits.
const TEXT_CHARS: usize = PREFIX.len() + 64;
/// Most valid tokens of one account.
pub const VALID_TOKENS_MAX: u32 = 50;
/// Most tokens of one list: the newest.
pub const TOKENS_LISTED_MAX: u32 = 1_000;

/// Lets in whoever comes with a token: its account, with no more rights than the token has.
/// [`ServiceError::SignedOut`] for a token that is unknown, expired or revoked, or whose account is
/// disabled; [`ServiceError::TooManyRequests`] when an address brings too many of those.
pub async fn admit(ctx: &Ctx, text: &str, client_ip: IpAddr) -> Result<Actor, ServiceError> {
    let now = ctx.now();
    let found = if text.starts_with(PREFIX) && text.len() == TEXT_CHARS {
        ctx.store.find_token_by_digest(&digest(text)).await?
    } else {
        None
    };
    let Some((token, account)) = found
        .filter(|(token, account)| token.state(now) == TokenState::Valid && may_act(ctx, account))
    else {
        ctx.bearer_gate.count_wrong(client_ip)?;
        tracing::info!(%client_ip, "a token was refused");
        return Err(ServiceError::SignedOut);
    };
    ctx.store.touch_token(token.id, now).await?;
    Ok(Actor {
        person: Person {
            role: token.role.min(account.role),
            ..account.person()
        },
        via: Via::Token(token.id),
    })
}

/// Whether a token still lets its holder in, for answers that outlast their request.
pub async fn is_valid(ctx: &Ctx, id: TokenId) -> Result<bool, ServiceError> {
    let found = ctx.store.find_token(id).await?;
    Ok(found.is_some_and(|(token, account)| {
        token.state(ctx.now()) == TokenState::Valid && may_act(ctx, &account)
    }))
}

/// Outside of demo mode its account, which everybody on the machine had, is of no use.
fn may_act(ctx: &Ctx, account: &Account) -> bool {
    account.is_enabled() && (ctx.facts.is_demo || account.name != DEMO_NAME)
}

/// Makes a token that acts as the actor's own account, or, for administrators, as the service
/// `account`. Its text is returned once and kept nowhere.
pub async fn create_token(
    ctx: &Ctx,
    actor: &Actor,
    account: Option<UserId>,
    form: &TokenForm,
) -> Result<(Token, Secret<String>), ServiceError> {
    actor.require_session("make tokens")?;
    let own = actor.person.id;
    let account = match account.filter(|id| *id != own) {
        None => find_account(ctx, own).await?,
        Some(id) => {
            actor.require(Role::Administrator, "make tokens of other accounts")?;
            let account = find_account(ctx, id).await?;
            if account.kind != AccountKind::Service {
                return Err(ServiceError::Forbidden(
                    "Nobody makes a token that acts as another person. Make a service account, or let them make their own token.".to_owned(),
                ));
            }
            account
        }
    };
    let new = form.validate(account.role)?;
    make_token(ctx, &account, new).await
}

async fn find_account(ctx: &Ctx, id: UserId) -> Result<Account, ServiceError> {
    let user = ctx.store.find_user(id).await?;
    let user = user.ok_or_else(|| not_found("account"))?;
    Ok(user.account)
}

async fn make_token(
    ctx: &Ctx,
    account: &Account,
    new: NewToken,
) -> Result<(Token, Secret<String>), ServiceError> {
    let now = ctx.now();
    if ctx.store.count_valid_tokens(account.id, now).await? >= VALID_TOKENS_MAX {
        return Err(ServiceError::Conflict(format!(
            "This account has {VALID_TOKENS_MAX} valid tokens, which is the most it can have. Revoke one that is not needed."
        )));
    }
    let text = format!("{PREFIX}{}", random_text());
    let token = Token {
        id: TokenId(ctx.new_id()),
        expires_at: new.expires_at(now),
        name: new.name,
        role: new.role,
        account_id: account.id,
        account_name: account.name.clone(),
        created_at: now,
        last_used_at: None,
        revoked_at: None,
    };
    ctx.store.insert_token(&token, &digest(&text)).await?;
    Ok((token, Secret::new(text)))
}

/// The tokens of one account, the newest first: one's own, or, for administrators, any other's.
pub async fn list_tokens(
    ctx: &Ctx,
    actor: &Actor,
    account: Option<UserId>,
) -> Result<Vec<Token>, ServiceError> {
    let account = account.unwrap_or(actor.person.id);
    if account != actor.person.id {
        actor.require(Role::Administrator, "see the tokens of others")?;
        find_account(ctx, account).await?;
    }
    let tokens = ctx.store.list_tokens(Some(account), TOKENS_LISTED_MAX);
    Ok(tokens.await?)
}

/// Everybody's tokens, the newest first.
pub async fn list_all_tokens(ctx: &Ctx, actor: &Actor) -> Result<Vec<Token>, ServiceError> {
    actor.require(Role::Administrator, "see everybody's tokens")?;
    Ok(ctx.store.list_tokens(None, TOKENS_LISTED_MAX).await?)
}

/// Revokes a token: one's own, or, for administrators, anybody's. A token revokes itself only.
pub async fn revoke_token(ctx: &Ctx, actor: &Actor, id: TokenId) -> Result<Token, ServiceError> {
    if actor.via != Via::Token(id) {
        actor.require_session("revoke other tokens")?;
    }
    let found = ctx.store.find_token(id).await?;
    // Somebody else's is as good as none: whether it exists is not told.
    let (mut token, _) = found
        .filter(|(token, _)| {
            token.account_id == actor.person.id || actor.is_at_least(Role::Administrator)
        })
        .ok_or_else(|| not_found("token"))?;
    let now = ctx.now();
    ctx.store.revoke_token(id, now).await?;
    token.revoked_at.get_or_insert(now);
    Ok(token)
}

/// Keeps the text of a token that was just made, for the page its maker is sent to next. For pages
/// without script: with it, the answer itself shows the text.
pub fn keep_for_next_page(ctx: &Ctx, actor: &Actor, id: TokenId, text: &Secret<String>) {
    ctx.fresh_tokens
        .keep(id, actor.person.id, text.clone(), ctx.now());
}

/// What [`keep_for_next_page`] kept, once, for the person who made the token.
pub fn take_for_page(ctx: &Ctx, actor: &Actor, id: TokenId) -> Option<Secret<String>> {
    ctx.fresh_tokens.take(id, actor.person.id, ctx.now())
}

fn digest(text: &str) -> String {
    format!("{:x}", Sha256::digest(text.as_bytes()))
}
