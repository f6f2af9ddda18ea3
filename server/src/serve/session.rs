//! Who asks: sessions in the database, their cookie, and the demo administrator.

mod store_adapter;

use std::net::{IpAddr, SocketAddr};

use app::api::RequestContext;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use domain::access::Person;
use domain::id::UserId;
use domain::time::Timestamp;
use service::session::{SessionChange, SessionChanges};
use service::{Actor, ServiceError};
use tower_sessions::cookie::SameSite;
use tower_sessions::session::Id;
use tower_sessions::{Expiry, Session, SessionManagerLayer, SessionStore as _};

pub(super) use store_adapter::SessionRows;

use super::edge::Edge;
use super::problem;

/// Name of the cookie.
const COOKIE: &str = "assay_session";
/// A session ends this long after it was last seen.
const INACTIVITY: time::Duration = time::Duration::days(14);
/// How often “last seen” is written: not with every request.
const SEEN_EVERY_MICROS: i64 = 3_600_000_000;
/// Key of the person's id in a session.
const PERSON: &str = "person";
/// Key of the instant a session was last seen.
const SEEN_AT: &str = "seen_at";
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The layer that reads and sets the cookie.
pub(super) fn layer(rows: SessionRows, is_tls: bool) -> SessionManagerLayer<SessionRows> {
    SessionManagerLayer::new(rows)
        .with_name(COOKIE)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_secure(is_tls)
        .with_expiry(Expiry::OnInactivity(INACTIVITY))
}

/// Finds out who asks, hands it on as [`RequestContext`], and carries out what the request wants
/// done with its session.
pub(super) async fn attach_visitor(
    State(edge): State<Edge>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    session: Session,
    mut request: Request,
    next: Next,
) -> Response {
    let actor = match find_actor(&edge, &session).await {
        Ok(actor) => actor,
        Err(error) => return problem::of_service(error),
    };
    let changes = SessionChanges::default();
    let forwarded = edge
        .is_behind_proxy
        .then(|| forwarded_ip(request.headers()));
    let client_ip = forwarded.flatten().unwrap_or(peer.ip());
    request.extensions_mut().insert(RequestContext {
        ctx: edge.ctx.clone(),
        actor,
        session: changes.clone(),
        client_ip,
    });
    let response = next.run(request).await;
    match carry_out(changes.take(), &session, edge.ctx.now()).await {
        Ok(()) => response,
        Err(error) => problem::of_service(error),
    }
}

async fn find_actor(edge: &Edge, session: &Session) -> Result<Option<Actor>, ServiceError> {
    if let Some(person) = &edge.demo_administrator {
        return Ok(Some(Actor::signed_in(Person::clone(person))));
    }
    let id: Option<UserId> = session.get(PERSON).await.map_err(ServiceError::internal)?;
    let Some(id) = id else {
        return Ok(None);
    };
    let now = edge.ctx.now();
    let seen_at: Option<Timestamp> = session.get(SEEN_AT).await.map_err(ServiceError::internal)?;
    if seen_at.is_none_or(|at| now.0.saturating_sub(at.0) >= SEEN_EVERY_MICROS) {
        session
            .insert(SEEN_AT, now)
            .await
            .map_err(ServiceError::internal)?;
    }
    Ok(service::session::find_person(&edge.ctx, id)
        .await?
        .map(Actor::signed_in))
}

async fn carry_out(
    change: Option<SessionChange>,
    session: &Session,
    now: Timestamp,
) -> Result<(), ServiceError> {
    match change {
        None => Ok(()),
        Some(SessionChange::SignIn(person)) => sign_in(session, person, now).await,
        Some(SessionChange::SignOut) => session.flush().await,
    }
    .map_err(ServiceError::internal)
}

/// A session under a new id, so that one planted in the browser before is worth nothing.
async fn sign_in(
    session: &Session,
    person: UserId,
    now: Timestamp,
) -> Result<(), tower_sessions::session::Error> {
    session.clear().await;
    session.cycle_id().await?;
    session.insert(PERSON, person).await?;
    session.insert(SEEN_AT, now).await
}

/// Whether a session that a long answer began with is still there.
pub(super) async fn is_alive(rows: &SessionRows, id: Option<Id>) -> bool {
    match id {
        Some(id) => matches!(rows.load(&id).await, Ok(Some(_))),
        None => false,
    }
}

/// The client as the nearest proxy saw it.
fn forwarded_ip(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all(X_FORWARDED_FOR).iter().next_back()?;
    last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_nearest_proxy_is_believed_and_nobody_before_it() {
        let mut headers = HeaderMap::new();
        assert_eq!(forwarded_ip(&headers), None);
        headers.append(
            X_FORWARDED_FOR,
            HeaderValue::from_static("1.1.1.1, 2.2.2.2"),
        );
        headers.append(
            X_FORWARDED_FOR,
            HeaderValue::from_static("3.3.3.3, 2001:db8::7"),
        );
        assert_eq!(forwarded_ip(&headers), "2001:db8::7".parse().ok());
    }
}
