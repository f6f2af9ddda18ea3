//! What the routes share.

use std::sync::Arc;

use domain::access::Person;
use service::Ctx;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::session::SessionRows;

/// Live streams at the same time; each is one open connection.
const LIVE_STREAMS_MAX: usize = 256;

/// What the routes share. Cloning is cheap; all clones are one.
#[derive(Clone)]
pub(super) struct Edge {
    /// What use cases need.
    pub(super) ctx: Ctx,
    /// Sessions, for answers that outlast their request.
    pub(super) sessions: SessionRows,
    /// Whom every visitor is signed in as, in demo mode.
    pub(super) demo_administrator: Option<Arc<Person>>,
    /// Whether `X-Forwarded-For` tells the client's address.
    pub(super) is_behind_proxy: bool,
    /// Bounds the live streams.
    pub(super) live_slots: Arc<Semaphore>,
    /// Ends the live streams when the server stops.
    pub(super) stopping: CancellationToken,
}

impl Edge {
    pub(super) fn new(ctx: Ctx, sessions: SessionRows, stopping: CancellationToken) -> Self {
        Self {
            ctx,
            sessions,
            demo_administrator: None,
            is_behind_proxy: false,
            live_slots: Arc::new(Semaphore::new(LIVE_STREAMS_MAX)),
            stopping,
        }
    }
}
