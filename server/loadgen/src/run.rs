//! A run from plan to outcome.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::load::{LoadEvent, LoadPhase, LoadPlan, PromptSource};
use domain::measure::health::HostObservation;
use domain::measure::record::{Outcome, RequestPhase, RequestRecord};
use domain::measure::summary::{Summary, SummaryContext};
use domain::secret::Secret;
use domain::time::Timestamp;
use domain::workload::arrival::{ramp_offsets_ns, schedule_offsets_ns};
use domain::workload::{Arrival, StopRule, WorkloadSpec};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::clock::RunClock;
use crate::endpoint::Endpoint;
use crate::error::LoadError;
use crate::host::HostMonitor;
use crate::live::{Live, LiveContext, send_samples};
use crate::pacing::{ClosedLoop, LoopEnd, OpenLoop, Source};
use crate::prompts::{Prepared, PreparedRequest, PromptMaker, prepare, seed_stream, seeded};
use crate::session::Session;
use crate::threads::LoadThreads;
use crate::{limits, plan as plan_rules};

/// What a run brought.
#[derive(Clone, Debug)]
pub struct LoadOutcome {
    /// One record for each request that was sent, in the order of the plan.
    pub records: Vec<RequestRecord>,
    /// What the load process observed about itself and its host.
    pub host: HostObservation,
    /// How prompt lengths were made exact.
    pub prompt_source: PromptSource,
    /// The wall time of the zero of all instants.
    pub started_at: Timestamp,
    /// Whether it was cancelled before its end.
    pub is_cancelled: bool,
    /// The schedule of the measured arrivals in one digest: SHA-256 over their offsets from the first
    /// one in nanoseconds, each as decimal digits followed by a line feed. Lower-case hex; empty
    /// in closed loop.
    pub schedule_sha256: String,
}

impl LoadOutcome {
    /// The run in figures.
    pub fn summarise(&self, workload: &WorkloadSpec) -> Summary {
        let context = SummaryContext {
            workload,
            prompt_source: self.prompt_source,
            host: &self.host,
            is_cancelled: self.is_cancelled,
        };
        Summary::of(&self.records, &context)
    }

    /// The prompts of the run and their order in one digest: SHA-256 over the prompt digests of all
    /// requests in the order of the plan, each followed by a line feed. Lower-case hex.
    pub fn prompts_sha256(&self) -> String {
        let mut hasher = Sha256::new();
        for record in &self.records {
            hasher.update(record.prompt_sha256.as_bytes());
            hasher.update(b"\n");
        }
        format!("{:x}", hasher.finalize())
    }
}

/// Carries a plan out. Call it on a multi-thread runtime; the load is made on threads of its own.
///
/// Sends `Prepared`, `Phase` and `Live` events; a receiver that is slow or gone holds nothing up
/// but the live samples. `cancel` ends it within moments: requests in flight become `cancelled`
/// records, and the outcome says so.
pub async fn run(
    plan: &LoadPlan,
    api_key: Option<Secret<String>>,
    events: mpsc::Sender<LoadEvent>,
    cancel: CancellationToken,
) -> Result<LoadOutcome, LoadError> {
    plan_rules::check(plan)?;
    let prepared = tokio::select! {
        biased;
        () = cancel.cancelled() => None,
        prepared = make_ready(plan, api_key, &cancel) => Some(prepared?),
    };
    let Some(ready) = prepared.filter(|_| !cancel.is_cancelled()) else {
        return Ok(cancelled_before_the_start());
    };
    let prompt_count = ready.prepared.warmup.len() + ready.prepared.measured.len();
    let prompt_count = u32::try_from(prompt_count).unwrap_or(u32::MAX);
    let prompt_source = ready.prepared.source;
    // A receiver that is gone does not matter to the load.
    let prepared = LoadEvent::Prepared {
        prompt_source,
        prompt_count,
    };
    let _ = events.send(prepared).await;
    Run::start(&plan.workload, ready, events, cancel)?
        .carry_out()
        .await
}

fn cancelled_before_the_start() -> LoadOutcome {
    LoadOutcome {
        records: Vec::new(),
        host: HostObservation::default(),
        prompt_source: PromptSource::Estimate,
        started_at: RunClock::start().zero_at(),
        is_cancelled: true,
        schedule_sha256: String::new(),
    }
}

/// Everything that exists before the clock starts.
struct Ready {
    client: Client,
    prepared: Prepared,
    /// Offsets of measured arrivals in open loop.
    offsets_ns: Vec<u64>,
    in_flight_max: usize,
    connect_time: Duration,
}

async fn make_ready(
    plan: &LoadPlan,
    api_key: Option<Secret<String>>,
    cancel: &CancellationToken,
) -> Result<Ready, LoadError> {
    let workload = &plan.workload;
    let needed = workload.arrival.concurrency().unwrap_or(1);
    let endpoint = Endpoint::resolve(&plan.base_url).await?;
    let in_flight_max = limits::in_flight_max(needed, &endpoint.addresses)?;
    let offsets_ns = match workload.arrival {
        Arrival::ClosedLoop { .. } => Vec::new(),
        Arrival::OpenLoop { .. } | Arrival::Trace { .. } => measured_offsets_ns(workload),
    };
    let measured_count = match (workload.stop, &workload.arrival) {
        (StopRule::Requests { count }, _) => Some(count),
        (_, Arrival::OpenLoop { .. } | Arrival::Trace { .. }) => {
            Some(u32::try_from(offsets_ns.len()).unwrap_or(u32::MAX))
        }
        (StopRule::Duration { .. }, Arrival::ClosedLoop { .. }) => None,
    };
    let timeout = Duration::from_secs(u64::from(workload.request_timeout_s));
    let clock = RunClock::start();
    let key = api_key.as_ref().map(|key| key.expose().clone());
    let mut client = Client::new(endpoint, workload.api, api_key, timeout, clock)?;
    if workload.fresh_connections {
        client = client.with_fresh_connections();
    }
    // A server that cannot be reached is told at once, before prompts are made for it.
    client
        .open()
        .await
        .map_err(|failure| LoadError::Unreachable {
            url: client.url().to_owned(),
            reason: failure.text,
        })?;
    let connect_time = Duration::from_nanos(clock.now_ns());
    let prepared = prepare(
        plan,
        client.endpoint(),
        key.as_deref(),
        measured_count,
        cancel,
    )
    .await?;
    Ok(Ready {
        client,
        prepared,
        offsets_ns,
        in_flight_max,
        connect_time,
    })
}

/// Offsets of the measured arrivals from the first one.
fn measured_offsets_ns(workload: &WorkloadSpec) -> Vec<u64> {
    match workload.stop {
        StopRule::Requests { count } => offsets_ns(workload, seed_stream::ARRIVALS, count as usize),
        StopRule::Duration { seconds } => {
            let end_ns = u64::from(seconds) * 1_000_000_000;
            let expected = workload.expected_requests().unwrap_or(0) as usize;
            let mut count = expected + expected / 8 + 64;
            loop {
                let mut offsets = offsets_ns(workload, seed_stream::ARRIVALS, count);
                // The schedule must reach past the end, so that none is missing before it.
                if offsets.last().is_none_or(|last| *last >= end_ns) {
                    offsets.truncate(offsets.partition_point(|at| *at < end_ns));
                    return offsets;
                }
                count *= 2;
            }
        }
    }
}

/// Offsets of `count` arrivals, moved so that the first is at 0: the measured window starts with
/// the first request.
fn offsets_ns(workload: &WorkloadSpec, stream: u64, count: usize) -> Vec<u64> {
    let Arrival::OpenLoop {
        rate_per_s,
        process,
        burstiness,
        ..
    } = workload.arrival
    else {
        return Vec::new();
    };
    let mut rng = seeded(workload.seed, stream);
    let mut offsets = schedule_offsets_ns(rate_per_s, process, burstiness, &mut rng, count);
    if stream == seed_stream::ARRIVALS {
        ramp_offsets_ns(&mut offsets, workload.ramp_s);
    }
    let first = offsets.first().copied().unwrap_or(0);
    for offset in &mut offsets {
        *offset -= first;
    }
    offsets
}

/// See [`LoadOutcome::schedule_sha256`].
fn schedule_sha256(offsets_ns: &[u64]) -> String {
    if offsets_ns.is_empty() {
        return String::new();
    }
    let mut hasher = Sha256::new();
    for offset in offsets_ns {
        hasher.update(offset.to_string().as_bytes());
        hasher.update(b"\n");
    }
    format!("{:x}", hasher.finalize())
}

/// A run that goes on.
struct Run<'a> {
    workload: &'a WorkloadSpec,
    session: Arc<Session>,
    events: mpsc::Sender<LoadEvent>,
    context: watch::Sender<LiveContext>,
    host: HostMonitor,
    prompt_source: PromptSource,
    warmup: Vec<PreparedRequest>,
    measured: Vec<PreparedRequest>,
    maker: Option<PromptMaker>,
    offsets_ns: Vec<u64>,
    schedule_sha256: String,
    in_flight_max: usize,
    connect_time: Duration,
    threads: Arc<LoadThreads>,
}

impl<'a> Run<'a> {
    fn start(
        workload: &'a WorkloadSpec,
        ready: Ready,
        events: mpsc::Sender<LoadEvent>,
        cancel: CancellationToken,
    ) -> Result<Self, LoadError> {
        let live = Live::new().ok_or_else(|| LoadError::Internal("histogram bounds".to_owned()))?;
        let Prepared {
            source,
            warmup,
            measured,
            maker,
            counter,
        } = ready.prepared;
        let clock = RunClock::start();
        let session = Session {
            client: ready.client.with_clock(clock),
            clock,
            counter,
            live,
            cancel,
            ignore_eos: workload.ignore_eos,
            records: Mutex::new(Vec::with_capacity(warmup.len() + measured.len())),
            turnaround_ms: Mutex::new(Vec::new()),
            fault: Mutex::new(None),
        };
        let phase = if warmup.is_empty() {
            LoadPhase::Measured
        } else {
            LoadPhase::WarmUp
        };
        let context = LiveContext {
            phase,
            measured_from_ns: None,
            stop: workload.stop,
        };
        let users_max = workload.arrival.concurrency().unwrap_or(u32::MAX);
        let threads = LoadThreads::start(users_max as usize)
            .map_err(|error| LoadError::Internal(format!("no threads for the load: {error}")))?;
        Ok(Self {
            workload,
            session: Arc::new(session),
            events,
            context: watch::Sender::new(context),
            host: HostMonitor::start(),
            prompt_source: source,
            warmup,
            measured,
            maker,
            schedule_sha256: schedule_sha256(&ready.offsets_ns),
            offsets_ns: ready.offsets_ns,
            in_flight_max: ready.in_flight_max,
            connect_time: ready.connect_time,
            threads: Arc::new(threads),
        })
    }

    async fn carry_out(mut self) -> Result<LoadOutcome, LoadError> {
        let ended = CancellationToken::new();
        let sampling = tokio::spawn(send_samples(
            Arc::clone(&self.session),
            self.context.subscribe(),
            self.events.clone(),
            ended.clone(),
        ));
        let paced = match self.workload.arrival {
            Arrival::ClosedLoop { concurrency } => self.run_closed(concurrency).await,
            Arrival::OpenLoop { .. } | Arrival::Trace { .. } => self.run_open().await,
        };
        ended.cancel();
        // The sampler only counts and sends; if it fails, the run is none the worse.
        let _ = sampling.await;
        paced?;
        Ok(self.finish())
    }

    async fn run_closed(&mut self, concurrency: u32) -> Result<(), LoadError> {
        let session = Arc::clone(&self.session);
        let mut users = ClosedLoop::new(concurrency, Arc::clone(&self.threads));
        let warmup = std::mem::take(&mut self.warmup);
        if !warmup.is_empty() {
            self.begin(LoadPhase::WarmUp, None).await;
            users.open(&session, warmup.len()).await;
            let source = Source::of(warmup);
            users
                .run(&session, source, RequestPhase::WarmUp, LoopEnd::Exhausted)
                .await?;
            self.check_warm_up()?;
        }
        if session.cancel.is_cancelled() {
            return Ok(());
        }
        let measured = std::mem::take(&mut self.measured);
        let source = match self.maker.take() {
            None => Source::of(measured),
            Some(maker) => Source::endless(measured, maker, Arc::clone(&session))
                .map_err(|error| LoadError::Internal(error.to_string()))?,
        };
        users.open(&session, concurrency as usize).await;
        let from_ns = session.clock.now_ns();
        self.begin(LoadPhase::Measured, Some(from_ns)).await;
        let end = match self.workload.stop {
            StopRule::Requests { .. } => LoopEnd::Exhausted,
            StopRule::Duration { seconds } => {
                LoopEnd::At(session.clock.now_ns() + u64::from(seconds) * 1_000_000_000)
            }
        };
        let running = users.run(&session, source, RequestPhase::Measured, end);
        self.with_drain(session.clock.now_ns(), running).await?;
        session.take_fault().map_or(Ok(()), Err)
    }

    async fn run_open(&mut self) -> Result<(), LoadError> {
        let session = Arc::clone(&self.session);
        let arrivals = OpenLoop::new(
            Arc::clone(&session),
            Arc::clone(&self.threads),
            self.in_flight_max,
            self.connect_time,
        );
        let warmup = std::mem::take(&mut self.warmup);
        if !warmup.is_empty() {
            self.begin(LoadPhase::WarmUp, None).await;
            let offsets = offsets_ns(self.workload, seed_stream::WARM_UP_ARRIVALS, warmup.len());
            let start_ns = arrivals.earliest_start_ns();
            arrivals
                .run(warmup, offsets, start_ns, RequestPhase::WarmUp)
                .await?;
            self.check_warm_up()?;
        }
        if session.cancel.is_cancelled() {
            return Ok(());
        }
        let measured = std::mem::take(&mut self.measured);
        let offsets = std::mem::take(&mut self.offsets_ns);
        let start_ns = arrivals.earliest_start_ns();
        self.begin(LoadPhase::Measured, Some(start_ns)).await;
        let running = arrivals.run(measured, offsets, start_ns, RequestPhase::Measured);
        self.with_drain(start_ns, running).await
    }

    /// Waits for the measured part and tells when the deadline passes while requests are in flight.
    async fn with_drain(
        &self,
        from_ns: u64,
        running: impl Future<Output = Result<(), LoadError>>,
    ) -> Result<(), LoadError> {
        let StopRule::Duration { seconds } = self.workload.stop else {
            return running.await;
        };
        let deadline_ns = from_ns + u64::from(seconds) * 1_000_000_000;
        let deadline = self.session.clock.instant(deadline_ns).into();
        tokio::pin!(running);
        tokio::select! {
            biased;
            ended = &mut running => return ended,
            () = tokio::time::sleep_until(deadline) => {}
        }
        self.begin(LoadPhase::Drain, Some(from_ns)).await;
        running.await
    }

    async fn begin(&self, phase: LoadPhase, measured_from_ns: Option<u64>) {
        let stop = self.workload.stop;
        self.context.send_replace(LiveContext {
            phase,
            measured_from_ns,
            stop,
        });
        // Never waits: a slow watcher must not hold up the load.
        let _ = self.events.try_send(LoadEvent::Phase { phase });
    }

    /// A warm-up in which nothing was answered makes the measured part pointless.
    fn check_warm_up(&self) -> Result<(), LoadError> {
        let records = self
            .session
            .records
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if self.session.cancel.is_cancelled() || records.iter().any(RequestRecord::is_ok) {
            return Ok(());
        }
        let first = records.iter().min_by_key(|record| record.index);
        let reason = first.map_or_else(String::new, |record| {
            format!("{} ({})", record.outcome.in_words(), record.error)
        });
        Err(LoadError::WarmUp {
            count: records.len(),
            reason,
        })
    }

    fn finish(self) -> LoadOutcome {
        let take = |records: &Mutex<Vec<_>>| {
            std::mem::take(&mut *records.lock().unwrap_or_else(PoisonError::into_inner))
        };
        let mut records: Vec<RequestRecord> = take(&self.session.records);
        records.sort_unstable_by_key(|record| record.index);
        mark_drained(&mut records, self.workload.stop);
        let turnaround_ms = std::mem::take(
            &mut *self
                .session
                .turnaround_ms
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let threads = u32::try_from(self.threads.count()).unwrap_or(u32::MAX);
        LoadOutcome {
            is_cancelled: self.session.cancel.is_cancelled(),
            host: self.host.finish(threads, turnaround_ms),
            prompt_source: self.prompt_source,
            started_at: self.session.clock.zero_at(),
            schedule_sha256: self.schedule_sha256,
            records,
        }
    }
}

/// Marks what a deadline cut off: the window starts with the first measured request.
fn mark_drained(records: &mut [RequestRecord], stop: StopRule) {
    let StopRule::Duration { seconds } = stop else {
        return;
    };
    let measured = || {
        records
            .iter()
            .filter(|record| record.phase == RequestPhase::Measured)
    };
    let start = measured()
        .map(|record| record.scheduled_at.min(record.sent_at))
        .min();
    let Some(deadline) = start.map(|at| at + u64::from(seconds) * 1_000_000_000) else {
        return;
    };
    for record in records {
        let is_late = record.finished_at > deadline && record.outcome != Outcome::Cancelled;
        if record.phase == RequestPhase::Measured && is_late {
            record.phase = RequestPhase::Drained;
        }
    }
}
