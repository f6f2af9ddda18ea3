//! Open loop: arrivals on an absolute schedule, whether or not earlier ones are answered.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::measure::record::RequestPhase;
use futures::StreamExt;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::OPENING_COUNT_MAX;
use crate::client::Connection;
use crate::error::LoadError;
use crate::prompts::PreparedRequest;
use crate::session::Session;
use crate::threads::LoadThreads;

/// Shortest and longest time that a connection is made ready before its arrival.
const LEAD_MIN: Duration = Duration::from_millis(2);
const LEAD_MAX: Duration = Duration::from_millis(500);
/// Most connections made ready for arrivals to come.
const READY_CONNECTIONS_MAX: usize = 256;
/// How long the pacing thread sleeps at most before it looks for a cancel.
const NAP_MAX: Duration = Duration::from_millis(50);

/// The arrivals of an open loop. Idle connections stay from the warm-up on.
pub(crate) struct OpenLoop {
    shared: Arc<Shared>,
    lead: Duration,
}

struct Shared {
    session: Arc<Session>,
    threads: Arc<LoadThreads>,
    /// Idle connections of each thread.
    idle: Vec<Mutex<Vec<Connection>>>,
    /// One permit for each request that the plan and the limit of open files allow. An arrival that
    /// finds none waits, is sent late, and its lateness is counted.
    permits: Semaphore,
    /// Whether the plan caps the requests in flight. Then connections are taken when a place is free,
    /// since those that wait would only hold them.
    is_capped: bool,
}

impl OpenLoop {
    /// `in_flight_max` is what the system allows, `cap` what the plan does, and `connect_time` how long
    /// a connection to this server takes about.
    pub(crate) fn new(
        session: Arc<Session>,
        threads: Arc<LoadThreads>,
        in_flight_max: usize,
        cap: Option<u32>,
        connect_time: Duration,
    ) -> Self {
        let permits = in_flight_max.saturating_sub(READY_CONNECTIONS_MAX).max(1);
        let permits = cap.map_or(permits, |cap| permits.min(cap as usize));
        let shared = Shared {
            session,
            idle: (0..threads.count()).map(|_| Mutex::default()).collect(),
            threads,
            permits: Semaphore::new(permits),
            is_capped: cap.is_some(),
        };
        Self {
            shared: Arc::new(shared),
            lead: (connect_time * 3 + LEAD_MIN).min(LEAD_MAX),
        }
    }

    /// Opens the connections of a capped plan. Others are opened shortly before they are needed.
    pub(crate) async fn open(&self) {
        if self.shared.is_capped {
            self.shared.open_idle().await;
        }
    }

    /// When the first arrival can be, so that its connection is ready.
    pub(crate) fn earliest_start_ns(&self) -> u64 {
        let lead_ns = u64::try_from((self.lead + LEAD_MIN).as_nanos()).unwrap_or(u64::MAX);
        self.shared.session.clock.now_ns().saturating_add(lead_ns)
    }

    /// Sends each request at `start_ns` plus its offset and waits until all have ended. What still waits
    /// for a place at `last_send_ns` is not sent any more.
    pub(crate) async fn run(
        &self,
        requests: Vec<PreparedRequest>,
        offsets_ns: Vec<u64>,
        start_ns: u64,
        last_send_ns: Option<u64>,
        phase: RequestPhase,
    ) -> Result<(), LoadError> {
        let tracker = TaskTracker::new();
        let closing = self.shared.session.cancel.child_token();
        let pacer = Pacer {
            shared: Arc::clone(&self.shared),
            tracker: tracker.clone(),
            closing: closing.clone(),
            lead_ns: u64::try_from(self.lead.as_nanos()).unwrap_or(u64::MAX),
            phase,
        };
        let schedule: Vec<u64> = offsets_ns
            .into_iter()
            .map(|offset| start_ns.saturating_add(offset))
            .collect();
        // A thread of its own: its sleep is precise to some tens of microseconds, tokio's to 1 ms.
        let paced = tokio::task::spawn_blocking(move || pacer.pace(requests, &schedule));
        let ended = async {
            paced
                .await
                .map_err(|error| LoadError::Internal(error.to_string()))?;
            tracker.close();
            tracker.wait().await;
            Ok(())
        };
        let Some(last_send_ns) = last_send_ns else {
            return ended.await;
        };
        let last_send = self.shared.session.clock.instant(last_send_ns).into();
        tokio::pin!(ended);
        tokio::select! {
            biased;
            ended = &mut ended => return ended,
            () = tokio::time::sleep_until(last_send) => closing.cancel(),
        }
        ended.await
    }
}

struct Pacer {
    shared: Arc<Shared>,
    tracker: TaskTracker,
    closing: CancellationToken,
    lead_ns: u64,
    phase: RequestPhase,
}

impl Pacer {
    fn pace(&self, requests: Vec<PreparedRequest>, schedule: &[u64]) {
        let clock = self.shared.session.clock;
        // Each arrival has its turn on a thread, and its connection is made ready there.
        let mut upcoming = schedule.iter().copied().enumerate().peekable();
        let mut ready: VecDeque<JoinHandle<Option<Connection>>> = VecDeque::new();
        for (turn, (request, due_at)) in requests
            .into_iter()
            .zip(schedule.iter().copied())
            .enumerate()
        {
            loop {
                let now = clock.now_ns();
                while !self.shared.is_capped
                    && ready.len() < READY_CONNECTIONS_MAX
                    && upcoming
                        .peek()
                        .is_some_and(|(_, at)| at.saturating_sub(self.lead_ns) <= now)
                {
                    let Some((turn, _)) = upcoming.next() else {
                        break;
                    };
                    let shared = Arc::clone(&self.shared);
                    ready.extend(self.spawn(turn, async move { shared.connect(turn).await }));
                }
                if self.shared.session.is_over() {
                    return;
                }
                if now >= due_at {
                    break;
                }
                let next_ready = upcoming
                    .peek()
                    .filter(|_| !self.shared.is_capped && ready.len() < READY_CONNECTIONS_MAX);
                let wake_at = next_ready.map_or(due_at, |(_, at)| {
                    at.saturating_sub(self.lead_ns).min(due_at)
                });
                let nap = clock
                    .instant(wake_at)
                    .saturating_duration_since(Instant::now());
                std::thread::sleep(nap.min(NAP_MAX));
            }
            // The schedule is in order, so the connection made ready for it is the first one.
            let connection = ready.pop_front();
            let (shared, phase) = (Arc::clone(&self.shared), self.phase);
            let closing = self.closing.clone();
            self.spawn(turn, async move {
                let arrival = Arrival {
                    request,
                    due_at,
                    turn,
                    phase,
                    closing,
                };
                shared.arrive(arrival, connection).await;
            });
        }
    }

    fn spawn<F>(&self, turn: usize, task: F) -> Option<JoinHandle<F::Output>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let thread = self.shared.threads.of_turn(turn)?;
        Some(self.tracker.spawn_on(task, thread))
    }
}

struct Arrival {
    request: PreparedRequest,
    due_at: u64,
    turn: usize,
    phase: RequestPhase,
    /// Cancelled with the run, and when nothing is sent any more.
    closing: CancellationToken,
}

impl Shared {
    /// An idle connection that still lives, else a fresh one. A failure shows when it is used.
    async fn connect(&self, turn: usize) -> Option<Connection> {
        loop {
            let idle = self.lock_idle(turn).and_then(|mut idle| idle.pop());
            match idle {
                Some(mut connection) => {
                    if connection.is_usable().await {
                        return Some(connection);
                    }
                }
                None => return self.session.client.open().await.ok(),
            }
        }
    }

    /// Opens a connection for every place that the plan's cap leaves.
    async fn open_idle(self: &Arc<Self>) {
        let places = self.permits.available_permits().min(READY_CONNECTIONS_MAX);
        futures::stream::iter(0..places)
            .for_each_concurrent(OPENING_COUNT_MAX, |turn| async move {
                let shared = Arc::clone(self);
                let opening = async move {
                    let opened = shared.connect(turn).await;
                    if let Some(mut idle) = shared.lock_idle(turn) {
                        idle.extend(opened);
                    }
                };
                if let Some(thread) = self.threads.of_turn(turn) {
                    // One that fails is tried again by the arrival that needs it.
                    let _ = thread.spawn(opening).await;
                }
            })
            .await;
    }

    async fn arrive(&self, arrival: Arrival, connection: Option<JoinHandle<Option<Connection>>>) {
        let Arrival {
            request,
            due_at,
            turn,
            phase,
            closing,
        } = arrival;
        let permit = if let Ok(permit) = self.permits.try_acquire() {
            permit
        } else {
            if phase == RequestPhase::Measured {
                self.session.capped_count.fetch_add(1, Ordering::Relaxed);
            }
            let permit = tokio::select! {
                biased;
                permit = self.permits.acquire() => permit,
                () = closing.cancelled() => return self.note_unsent(phase),
            };
            let Ok(permit) = permit else { return };
            permit
        };
        let _permit = permit;
        let free_at = self.session.clock.now_ns().max(due_at);
        let mut slot = match connection {
            Some(connection) => connection.await.ok().flatten(),
            None if self.is_capped => self.connect(turn).await,
            None => None,
        };
        if closing.is_cancelled() {
            return self.note_unsent(phase);
        }
        let served = self
            .session
            .serve(&mut slot, request, phase, Some(due_at))
            .await;
        // What the plan's cap held back is not the client's lateness.
        if let Some(served) = served
            && self.is_capped
            && phase == RequestPhase::Measured
        {
            self.session.note_turnaround(free_at, served);
        }
        if let Some(mut idle) = self.lock_idle(turn) {
            idle.extend(slot);
        }
    }

    /// An arrival that did not go out has no record. One that a cancel kept is not counted either.
    fn note_unsent(&self, phase: RequestPhase) {
        if phase == RequestPhase::Measured && !self.session.cancel.is_cancelled() {
            self.session.unsent_count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Idle connections of the thread whose turn it is.
    fn lock_idle(&self, turn: usize) -> Option<MutexGuard<'_, Vec<Connection>>> {
        let idle = self.idle.get(turn % self.threads.count().max(1))?;
        Some(idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
