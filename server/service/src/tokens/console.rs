//! Tokens for whoever can run commands on the data directory: they hold everything already, so
//! nobody is asked whether they may.

use domain::access::token::NewToken;
use domain::access::{Account, AccountKind, NewAccountForm, Role, Token, TokenForm};
use domain::field::FieldErrors;
use domain::id::{TokenId, UserId};
use domain::secret::Secret;

use super::{TOKENS_LISTED_MAX, find_account, make_token, may_act};
use crate::error::{name_taken, not_found};
use crate::session::refuse_demo_name;
use crate::{Ctx, ServiceError};

/// Makes a token of a service account that has the token's name, and makes the account when it is
/// missing. Its text is returned once and kept nowhere.
pub async fn create_token(
    ctx: &Ctx,
    form: &TokenForm,
) -> Result<(Token, Secret<String>), ServiceError> {
    let new = form.validate(Role::Administrator)?;
    let account = match ctx.store.find_user_by_name(&new.name).await? {
        Some(user) => user.account,
        None => create_service(ctx, &new).await?,
    };
    let refusal = if account.kind == AccountKind::Person {
        Some((
            "name",
            "A person has this name. Choose a different one.".to_owned(),
        ))
    } else if !may_act(ctx, &account) {
        Some(("name", "The account of this name is disabled.".to_owned()))
    } else if account.role < new.role {
        let role = account.role.as_str();
        Some((
            "role",
            format!(
                "The account of this name has the role {role}: choose that, or a different name."
            ),
        ))
    } else {
        None
    };
    match refusal {
        Some((field, message)) => Err(FieldErrors::one(field, message).into()),
        None => make_token(ctx, &account, new).await,
    }
}

async fn create_service(ctx: &Ctx, new: &NewToken) -> Result<Account, ServiceError> {
    let form = NewAccountForm {
        name: new.name.clone(),
        role: new.role.as_str().to_owned(),
        kind: AccountKind::Service.as_str().to_owned(),
        ..Default::default()
    };
    let name = form.validate()?.name;
    refuse_demo_name(&name)?;
    let id = UserId(ctx.new_id());
    let inserted = ctx
        .store
        .insert_service(id, &name, new.role, ctx.now())
        .await;
    inserted.map_err(name_taken("account"))?;
    find_account(ctx, id).await
}

/// Everybody's tokens, the newest first.
pub async fn list_tokens(ctx: &Ctx) -> Result<Vec<Token>, ServiceError> {
    Ok(ctx.store.list_tokens(None, TOKENS_LISTED_MAX).await?)
}

/// Revokes anybody's token.
pub async fn revoke_token(ctx: &Ctx, id: TokenId) -> Result<Token, ServiceError> {
    let found = ctx.store.find_token(id).await?;
    let (token, _) = found.ok_or_else(|| not_found("token"))?;
    ctx.store.revoke_token(id, ctx.now()).await?;
    Ok(token)
}
