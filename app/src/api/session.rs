//! Signing in and out, and the first administrator.

use domain::access::{OwnPasswordForm, Person};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::ApiError;
use super::codec::Json;
#[cfg(feature = "ssr")]
use super::context::{refuse, request, signed_in};
#[cfg(feature = "ssr")]
use crate::routes;

/// Who looks at the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visitor {
    /// The person signed in.
    pub person: Person,
    /// Whether everybody is signed in as the demo administrator.
    pub is_demo: bool,
}

/// Who looks at the page. Signed out, a page is answered with the way to the sign-in page.
#[server(endpoint = "session/visitor", output = Json)]
pub async fn get_visitor() -> Result<Visitor, ApiError> {
    let (ctx, actor) = signed_in()?;
    let is_demo = ctx.facts().is_demo;
    Ok(Visitor {
        person: actor.person,
        is_demo,
    })
}

/// Whether nobody has an account yet. Open to everybody.
#[server(endpoint = "session/needs_first_administrator", output = Json)]
pub async fn needs_first_administrator() -> Result<bool, ApiError> {
    let context = request()?;
    service::session::needs_first_administrator(&context.ctx)
        .await
        .map_err(refuse)
}

/// Signs in and goes to the page `next`. Open to everybody. A wrong name or password is
/// [`ApiError::SignedOut`].
#[server(endpoint = "session/sign_in", output = Json)]
pub async fn sign_in(
    /// Sign-in name.
    name: String,
    /// The password.
    password: String,
    /// The page to go to.
    #[server(default)]
    next: String,
) -> Result<(), ApiError> {
    let context = request()?;
    let ip = context.client_ip;
    let signed_in = service::session::sign_in(&context.ctx, &name, &password, ip)
        .await
        .map_err(refuse)?;
    context.session.sign_in(&signed_in);
    leptos_axum::redirect(routes::safe_next(&next));
    Ok(())
}

/// Changes one's own password. Every other session of the person ends.
#[server(endpoint = "session/change_password", output = Json)]
pub async fn change_password(
    /// The form, each field under its own name.
    #[server(flatten)]
    form: OwnPasswordForm,
) -> Result<(), ApiError> {
    let (ctx, actor) = signed_in()?;
    let context = request()?;
    let ip = context.client_ip;
    let signed_in = service::session::change_own_password(&ctx, &actor, &form, ip)
        .await
        .map_err(refuse)?;
    context.session.sign_in(&signed_in);
    Ok(())
}

/// Signs out.
#[server(endpoint = "session/sign_out", output = Json)]
pub async fn sign_out() -> Result<(), ApiError> {
    request()?.session.sign_out();
    leptos_axum::redirect(routes::SIGN_IN);
    Ok(())
}

/// Makes the first administrator and signs in. Open to whoever holds the link that the server
/// printed.
#[server(endpoint = "session/create_first_administrator", output = Json)]
pub async fn create_first_administrator(
    /// The token of the link.
    token: String,
    /// Sign-in name.
    name: String,
    /// The password.
    password: String,
    /// The password again.
    password_again: String,
) -> Result<(), ApiError> {
    let context = request()?;
    let form = domain::access::AccountForm {
        name,
        password,
        password_again,
    };
    let signed_in = service::session::create_first_administrator(&context.ctx, &token, &form)
        .await
        .map_err(refuse)?;
    context.session.sign_in(&signed_in);
    leptos_axum::redirect(routes::HOME);
    Ok(())
}
