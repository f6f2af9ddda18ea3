//! Who asks: a token in the header, else a session in the database with its cookie, or the demo
//! administrator.

mod store_adapter;

use std::net::{IpAddr, SocketAddr};

use app::api::RequestContext;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use domain::access::Person;
use domain::id::UserId;
use domain::time::Timestamp;
use service::session::{SessionChange, SessionChanges};
use service::{Actor, ServiceError, Via};
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
/// Key of the number that the account had when the session began.
const STAMP: &str = "stamp";
/// Key of the instant a session was last seen.
const SEEN_AT: &str = "seen_at";
/// What stands before a token.
const BEARER: &[u8] = b"Bearer ";
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
    let forwarded = edge
        .is_behind_proxy
        .then(|| forwarded_ip(request.headers()));
    let client_ip = forwarded.flatten().unwrap_or(peer.ip());
    // Whoever comes with a token is judged by it alone, whatever cookie is there.
    let actor = match bearer_of(request.headers()) {
        Some(token) => match service::tokens::admit(&edge.ctx, token, client_ip).await {
            Ok(actor) => Some(actor),
            Err(error) => return problem::of_token(error),
        },
        None => match find_actor(&edge, &session).await {
            Ok(actor) => actor,
            Err(error) => return problem::of_service(error),
        },
    };
    let changes = SessionChanges::default();
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
    // A session from before there were such numbers began with the first.
    let stamp: Option<i64> = session.get(STAMP).await.map_err(ServiceError::internal)?;
    let person = service::session::find_signed_in(&edge.ctx, id, stamp.unwrap_or(0)).await?;
    Ok(person.map(Actor::signed_in))
}

/// The token of a request that comes with one.
pub(super) fn bearer_of(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(BEARER.len())?;
    // What is not text is no token, and is refused as one.
    scheme
        .eq_ignore_ascii_case(BEARER)
        .then(|| str::from_utf8(token).unwrap_or_default().trim())
}

async fn carry_out(
    change: Option<SessionChange>,
    session: &Session,
    now: Timestamp,
) -> Result<(), ServiceError> {
    match change {
        None => Ok(()),
        Some(SessionChange::SignIn { id, stamp }) => sign_in(session, id, stamp, now).await,
        Some(SessionChange::SignOut) => session.flush().await,
    }
    .map_err(ServiceError::internal)
}

/// A session under a new id, so that one planted in the browser before is worth nothing.
async fn sign_in(
    session: &Session,
    person: UserId,
    stamp: i64,
    now: Timestamp,
) -> Result<(), tower_sessions::session::Error> {
    session.clear().await;
    session.cycle_id().await?;
    session.insert(PERSON, person).await?;
    session.insert(STAMP, stamp).await?;
    session.insert(SEEN_AT, now).await
}

/// Whether whoever a long answer began with would still be let in: with the token, or with the
/// session of that id.
pub(super) async fn is_still_admitted(edge: &Edge, actor: &Actor, id: Option<Id>) -> bool {
    match (actor.via, id) {
        (Via::Token(token), _) => {
            matches!(service::tokens::is_valid(&edge.ctx, token).await, Ok(true))
        }
        (Via::Session, _) if edge.demo_administrator.is_some() => true,
        (Via::Session, Some(id)) => is_session_alive(edge, &id).await.unwrap_or(false),
        (Via::Session, None) => false,
    }
}

/// `None` when there is no such session, or it cannot be read.
async fn is_session_alive(edge: &Edge, id: &Id) -> Option<bool> {
    let mut record = edge.sessions.load(id).await.ok()??;
    let person = serde_json::from_value(record.data.remove(PERSON)?).ok()?;
    let stamp = record.data.remove(STAMP).and_then(|stamp| stamp.as_i64());
    let found = service::session::find_signed_in(&edge.ctx, person, stamp.unwrap_or(0)).await;
    Some(found.ok()?.is_some())
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
    fn a_token_comes_after_the_word_bearer() {
        let mut headers = HeaderMap::new();
        let mut read = |value: &[u8]| {
            headers.insert(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
            bearer_of(&headers).map(str::to_owned)
        };
        assert_eq!(read(b"Bearer assay_1").as_deref(), Some("assay_1"));
        assert_eq!(read(b"bearer  assay_1 ").as_deref(), Some("assay_1"));
        assert_eq!(read(b"Bearer ").as_deref(), Some(""));
        assert_eq!(
            read(b"Bearer \xff").as_deref(),
            Some(""),
            "refused, not overlooked"
        );
        assert_eq!(read(b"Basic YTpi"), None);
        assert_eq!(bearer_of(&HeaderMap::new()), None);
    }

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
