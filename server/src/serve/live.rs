//! Live pages: numbered events of one benchmark, or the rows of the history as they change.
//!
//! The journal in the database is the source, so that a stream can be taken up again at any number
//! and on any server.

mod history;
mod journal;

use std::convert::Infallible;
use std::time::Duration;

use app::api::RequestContext;
use axum::extract::{Extension, OriginalUri, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use domain::id::BenchmarkId;
use serde::Deserialize;
use service::{Actor, Ctx, ServiceError};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_stream::wrappers::ReceiverStream;
use tower_sessions::Session;
use tower_sessions::session::Id;

use super::edge::Edge;
use super::rest::Refusal;
use super::{problem, session};

/// How often the source is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// A comment is sent after this long without an event, so that proxies keep the connection.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked at whether the person is still signed in.
const SESSION_LOOK_EVERY: Duration = Duration::from_secs(10);
/// Events made and not yet sent to a slow client.
const EVENTS_WAITING_MAX: usize = 64;
/// What a browser waits before it connects again.
const RETRY_AFTER: Duration = Duration::from_secs(2);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx not to collect the stream.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What a stream tells of.
#[derive(Debug, Deserialize)]
pub(super) struct LiveQuery {
    /// One benchmark's journal …
    benchmark: Option<String>,
    /// … after this number, when the browser does not name one itself;
    after: Option<i64>,
    /// or the rows of the history.
    history: Option<String>,
}

/// Why a stream ends.
enum End {
    /// There is nothing more to tell.
    Told,
    /// The reader is gone.
    Unread,
    /// The source does not answer.
    Broken(ServiceError),
}

impl From<ServiceError> for End {
    fn from(error: ServiceError) -> Self {
        Self::Broken(error)
    }
}

/// Starts a stream.
pub(super) async fn get_live(
    State(edge): State<Edge>,
    Extension(context): Extension<RequestContext>,
    session: Session,
    uri: OriginalUri,
    headers: HeaderMap,
    Query(query): Query<LiveQuery>,
) -> Response {
    let Some(actor) = context.actor else {
        return problem::signed_out(&headers, uri.path());
    };
    let telling = match (query.benchmark, query.history) {
        (Some(id), None) => {
            let Ok(id) = id.parse::<BenchmarkId>() else {
                return problem::refuse(StatusCode::NOT_FOUND, "There is no such benchmark.");
            };
            let after = last_event_id(&headers).or(query.after).unwrap_or(0);
            Telling::Journal { id, after }
        }
        (None, Some(_)) => Telling::History,
        _ => {
            let message = "Name either a benchmark or the history.";
            return problem::refuse(StatusCode::BAD_REQUEST, message);
        }
    };
    tell(edge, actor, session.id(), telling)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

/// Starts telling, for as long as there is somebody to read and they may.
pub(super) async fn tell(
    edge: Edge,
    actor: Actor,
    session_id: Option<Id>,
    telling: Telling,
) -> Result<Response, Refusal> {
    let Ok(slot) = edge.live_slots.clone().try_acquire_owned() else {
        let message = "Too many pages are watching. Reload this one in a while.";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message));
    };
    let (sender, receiver) = mpsc::channel(EVENTS_WAITING_MAX);
    let stream = Stream {
        ctx: edge.ctx.clone(),
        actor: actor.clone(),
        sender,
    };
    if let Telling::Journal { id, .. } = telling {
        // What does not exist is refused now, with a status a browser does not try again.
        service::benchmarks::get_benchmark(&stream.ctx, &stream.actor, id).await?;
    }
    tokio::spawn(async move {
        let _slot = slot;
        let reader_gone = stream.sender.clone();
        tokio::select! {
            () = stream.tell(telling) => {}
            () = reader_gone.closed() => {}
            () = edge.stopping.cancelled() => {}
            () = until_signed_out(&edge, &actor, session_id) => {}
        }
    });
    let events = Sse::new(ReceiverStream::new(receiver))
        .keep_alive(KeepAlive::new().interval(HEARTBEAT_EVERY));
    Ok((
        [(X_ACCEL_BUFFERING, HeaderValue::from_static("no"))],
        events,
    )
        .into_response())
}

/// What to tell.
pub(super) enum Telling {
    /// A journal, after this number.
    Journal { id: BenchmarkId, after: i64 },
    /// The rows of the history.
    History,
}

/// One reader's stream.
struct Stream {
    ctx: Ctx,
    actor: Actor,
    sender: mpsc::Sender<Result<Event, Infallible>>,
}

impl Stream {
    async fn tell(self, telling: Telling) {
        let hello = self
            .send(Event::default().retry(RETRY_AFTER).comment("open"))
            .await;
        let told = match (hello, telling) {
            (Err(end), _) => Err(end),
            (Ok(()), Telling::Journal { id, after }) => self.tell_journal(id, after).await,
            (Ok(()), Telling::History) => self.tell_history().await,
        };
        if let Err(End::Broken(error)) = told {
            // The browser connects again and goes on where it was.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a live stream broke off"
            );
        }
    }

    /// Hands an event over; waits while the reader is slow.
    async fn send(&self, event: Event) -> Result<(), End> {
        self.sender.send(Ok(event)).await.map_err(|_| End::Unread)
    }

    async fn pause(&self) {
        sleep(LOOK_EVERY).await;
    }
}

/// An event with a value as JSON.
fn event_of(name: &str, value: &impl serde::Serialize) -> Result<Event, End> {
    let event = Event::default().event(name).json_data(value);
    event.map_err(|error| End::Broken(ServiceError::internal(error)))
}

/// Returns when the reader would not be let in any more.
async fn until_signed_out(edge: &Edge, reader: &Actor, id: Option<Id>) {
    let mut next_look = Instant::now();
    loop {
        next_look += SESSION_LOOK_EVERY;
        tokio::time::sleep_until(next_look).await;
        if !session::is_still_admitted(edge, reader, id).await {
            return;
        }
    }
}

/// The number of the last event a reader has seen.
pub(super) fn last_event_id(headers: &HeaderMap) -> Option<i64> {
    headers
        .get(LAST_EVENT_ID)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
}
