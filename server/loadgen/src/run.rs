//! A run from plan to outcome.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::load::{LoadEvent, LoadPhase, LoadPlan, PromptSource};
use domain::measure::health::HostObservation;
use domain::measure::record::{RequestPhase, RequestRecord};
use domain::secret::Secret;
use domain::workload::{Arrival, StopRule, WorkloadSpec};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::budget::Budget;
use crate::client::Client;
use crate::clock::RunClock;
use crate::endpoint::Endpoint;
use crate::error::LoadError;
use crate::host::HostMonitor;
use crate::live::{Live, LiveContext, send_samples};
use crate::outcome::{LoadOutcome, mark_drained, number};
use crate::pacing::{ClosedLoop, LoopEnd, OpenLoop, Source};
use crate::prompts::{Counts, Prepared, PreparedRequest, PromptMaker, prepare};
use crate::schedule::Schedule;
use crate::session::Session;
use crate::threads::LoadThreads;
use crate::trace;
use crate::{limits, plan as plan_rules};

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
        return Ok(LoadOutcome::cancelled_before_the_start());
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

/// Everything that exists before the clock starts.
struct Ready {
    client: Client,
    prepared: Prepared,
    schedule: Schedule,
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
    let rows = trace::rows_of_plan(plan).await?;
    let schedule = Schedule::of(workload, &rows);
    schedule.check()?;
    let counts = if workload.arrival.has_schedule() {
        let count = |offsets: &[u64]| u32::try_from(offsets.len()).unwrap_or(u32::MAX);
        Counts {
            warmup: Some(count(&schedule.warmup_ns)),
            measured: Some(count(&schedule.measured_ns)),
        }
    } else {
        Counts::of_closed_loop(workload)
    };
    let timeout = Duration::from_secs(u64::from(workload.request_timeout_s));
    let clock = RunClock::start();
    let key = api_key.as_ref().map(|key| key.expose().clone());
    let mut client = Client::new(
        endpoint,
        workload.api,
        api_key,
        &plan.headers,
        timeout,
        clock,
    )?;
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
        counts,
        rows,
        cancel,
    )
    .await?;
    Ok(Ready {
        client,
        prepared,
        schedule,
        in_flight_max,
        connect_time,
    })
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
    warmup_maker: Option<PromptMaker>,
    schedule: Schedule,
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
            warmup_maker,
            counter,
        } = ready.prepared;
        let clock = RunClock::start();
        let session = Session {
            client: ready.client.with_clock(clock),
            clock,
            counter,
            live,
            thread_cancels: std::array::from_fn(|_| cancel.child_token()),
            budget: Budget::new(workload.spend_limit, &cancel),
            cancel,
            ignore_eos: workload.ignore_eos,
            capped_count: AtomicU32::new(0),
            unsent_count: AtomicU32::new(0),
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
            warmup_maker,
            schedule_sha256: ready.schedule.sha256(),
            schedule: ready.schedule,
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
            let (source, end) = match self.warmup_maker.take() {
                None => (Source::of(warmup), LoopEnd::Exhausted),
                Some(maker) => {
                    let end_ns = nanoseconds(self.workload.warmup_s);
                    let end = LoopEnd::At(session.clock.now_ns() + end_ns);
                    (self.endless(warmup, maker)?, end)
                }
            };
            users
                .run(&session, source, RequestPhase::WarmUp, end, Duration::ZERO)
                .await?;
            self.check_warm_up()?;
        }
        if session.is_over() {
            return Ok(());
        }
        let measured = std::mem::take(&mut self.measured);
        let source = match self.maker.take() {
            None => Source::of(measured),
            Some(maker) => self.endless(measured, maker)?,
        };
        users.open(&session, concurrency as usize).await;
        let from_ns = session.clock.now_ns();
        self.begin(LoadPhase::Measured, Some(from_ns)).await;
        let end = match self.workload.stop {
            StopRule::Requests { .. } => LoopEnd::Exhausted,
            StopRule::Duration { seconds } => {
                LoopEnd::At(session.clock.now_ns() + nanoseconds(seconds))
            }
        };
        let ramp = Duration::from_secs(u64::from(self.workload.ramp_s));
        let running = users.run(&session, source, RequestPhase::Measured, end, ramp);
        self.with_drain(session.clock.now_ns(), running).await?;
        session.take_fault().map_or(Ok(()), Err)
    }

    fn endless(
        &self,
        requests: Vec<PreparedRequest>,
        maker: PromptMaker,
    ) -> Result<Source, LoadError> {
        Source::endless(requests, maker, Arc::clone(&self.session))
            .map_err(|error| LoadError::Internal(error.to_string()))
    }

    async fn run_open(&mut self) -> Result<(), LoadError> {
        let session = Arc::clone(&self.session);
        let cap = self.workload.arrival.in_flight_max();
        let arrivals = OpenLoop::new(
            Arc::clone(&session),
            Arc::clone(&self.threads),
            self.in_flight_max,
            cap,
            self.connect_time,
        );
        let warmup = std::mem::take(&mut self.warmup);
        if !warmup.is_empty() {
            self.begin(LoadPhase::WarmUp, None).await;
            let offsets = std::mem::take(&mut self.schedule.warmup_ns);
            arrivals.open().await;
            let start_ns = arrivals.earliest_start_ns();
            // A warm-up by time ends at its time.
            let end_ns = start_ns.saturating_add(nanoseconds(self.workload.warmup_s));
            let end_ns = (self.workload.warmup_s > 0).then_some(end_ns);
            arrivals
                .run(warmup, offsets, start_ns, end_ns, RequestPhase::WarmUp)
                .await?;
            self.check_warm_up()?;
        }
        if session.is_over() {
            return Ok(());
        }
        let measured = std::mem::take(&mut self.measured);
        let offsets = std::mem::take(&mut self.schedule.measured_ns);
        arrivals.open().await;
        let start_ns = arrivals.earliest_start_ns();
        self.begin(LoadPhase::Measured, Some(start_ns)).await;
        // What arrived in the window is sent after its end as well, but not for ever.
        let last_send_ns = match self.workload.stop {
            StopRule::Requests { .. } => None,
            StopRule::Duration { seconds } => {
                let seconds = seconds.saturating_add(self.workload.request_timeout_s);
                Some(start_ns.saturating_add(nanoseconds(seconds)))
            }
        };
        let phase = RequestPhase::Measured;
        let running = arrivals.run(measured, offsets, start_ns, last_send_ns, phase);
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
        let deadline_ns = from_ns + nanoseconds(seconds);
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
        let is_limited = self.session.budget.is_reached() && records.is_empty();
        if self.session.cancel.is_cancelled()
            || is_limited
            || records.iter().any(RequestRecord::is_ok)
        {
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
        number(&mut records);
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
            host: HostObservation {
                capped_count: self.session.capped_count.load(Ordering::Relaxed),
                unsent_count: self.session.unsent_count.load(Ordering::Relaxed),
                ..self.host.finish(threads, turnaround_ms)
            },
            prompt_source: self.prompt_source,
            started_at: self.session.clock.zero_at(),
            schedule_sha256: self.schedule_sha256,
            spend: self.session.budget.report(),
            records,
        }
    }
}

fn nanoseconds(seconds: u32) -> u64 {
    u64::from(seconds) * 1_000_000_000
}
