//! Closed loop: users who each send again as soon as their answer is complete.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::measure::record::{Outcome, RequestPhase};
use futures::StreamExt;
use tokio::task::JoinSet;

use super::{OPENING_COUNT_MAX, Source};
use crate::client::Connection;
use crate::error::LoadError;
use crate::session::Session;
use crate::threads::LoadThreads;

/// Pause of a user who could not connect: nothing was sent, and a tight loop would measure nothing.
const CONNECT_FAILURE_PAUSE: Duration = Duration::from_millis(100);

/// The users of a closed loop. They keep their connections from the warm-up on.
pub(crate) struct ClosedLoop {
    threads: Arc<LoadThreads>,
    /// A user is always on the same thread.
    users: Vec<Option<Connection>>,
}

/// When users stop to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoopEnd {
    /// When there are no more requests.
    Exhausted,
    /// At this instant of the run.
    At(u64),
}

impl ClosedLoop {
    /// This many users, spread over the threads.
    pub(crate) fn new(concurrency: u32, threads: Arc<LoadThreads>) -> Self {
        Self {
            threads,
            users: (0..concurrency).map(|_| None).collect(),
        }
    }

    /// Opens the connections of the first `count` users, each on the thread of its user. One that
    /// fails is tried again by its user's first request, which then says why.
    pub(crate) async fn open(&mut self, session: &Arc<Session>, count: usize) {
        if session.client.has_fresh_connections() {
            return;
        }
        let threads = &self.threads;
        let missing = self
            .users
            .iter_mut()
            .enumerate()
            .take(count)
            .filter(|(_, user)| user.is_none());
        futures::stream::iter(missing)
            .for_each_concurrent(OPENING_COUNT_MAX, |(number, user)| async move {
                let session = Arc::clone(session);
                let opening = async move { session.client.open().await.ok() };
                if let Some(thread) = threads.of_turn(number) {
                    *user = thread.spawn(opening).await.ok().flatten();
                }
            })
            .await;
    }

    /// Lets all users send until the end. They join evenly over the ramp, the first one at once.
    pub(crate) async fn run(
        &mut self,
        session: &Arc<Session>,
        source: Source,
        phase: RequestPhase,
        end: LoopEnd,
        ramp: Duration,
    ) -> Result<(), LoadError> {
        let source = Arc::new(source);
        let mut tasks = JoinSet::new();
        let (count, start) = (self.users.len(), Instant::now());
        for (number, connection) in self.users.iter_mut().enumerate() {
            let (session, source) = (Arc::clone(session), Arc::clone(&source));
            let connection = connection.take();
            let joins_at = start + ramp.mul_f64(number as f64 / count as f64);
            let user = async move {
                let has_joined = ramp.is_zero()
                    || tokio::select! {
                        () = tokio::time::sleep_until(joins_at.into()) => true,
                        () = session.budget.over().cancelled() => false,
                    };
                if !has_joined {
                    return (number, connection);
                }
                let connection = run_user(connection, &session, &source, phase, end).await;
                (number, connection)
            };
            if let Some(thread) = self.threads.of_turn(number) {
                tasks.spawn_on(user, thread);
            }
        }
        while let Some(joined) = tasks.join_next().await {
            let (number, connection) =
                joined.map_err(|error| LoadError::Internal(error.to_string()))?;
            if let Some(user) = self.users.get_mut(number) {
                *user = connection;
            }
        }
        Ok(())
    }
}

async fn run_user(
    mut connection: Option<Connection>,
    session: &Session,
    source: &Source,
    phase: RequestPhase,
    end: LoopEnd,
) -> Option<Connection> {
    let mut free_at = None;
    loop {
        let is_over = matches!(end, LoopEnd::At(at) if session.clock.now_ns() >= at);
        if is_over || session.cancel.is_cancelled() {
            break;
        }
        let request = tokio::select! {
            biased;
            request = source.next() => request,
            () = session.cancel.cancelled() => None,
        };
        let Some(request) = request else { break };
        let Some(served) = session.serve(&mut connection, request, phase, None).await else {
            break;
        };
        if phase == RequestPhase::Measured
            && let Some(free_at) = free_at
        {
            session.note_turnaround(free_at, served);
        }
        free_at = Some(served.free_at);
        if served.outcome == Outcome::Connect {
            free_at = None;
            tokio::select! {
                () = tokio::time::sleep(CONNECT_FAILURE_PAUSE) => {}
                () = session.cancel.cancelled() => {}
            }
        }
    }
    connection
}
