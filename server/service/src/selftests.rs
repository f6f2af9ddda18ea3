//! Selftests: how far the load generator of this machine can be trusted.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use domain::access::Role;
use domain::history::HistoryQuery;
use domain::id::{BenchmarkId, SelftestId};
use domain::measure::selftest::{Accuracy, LevelReport, Selftest, SelftestList, SelftestState};
use runner::QueuePause;
use runner::inventory::host_name;
use store::StoreError;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::not_found;
use crate::{Actor, Ctx, ServiceError};

/// Selftests of one list: the newest.
pub const SELFTESTS_LISTED_MAX: u32 = 50;
/// Levels that wait to be stored.
const LEVELS_WAITING_MAX: usize = 16;

const STOPPED: &str = "The server was stopped meanwhile.";

/// The selftest that goes on on this server.
#[derive(Debug, Default)]
pub struct SelftestDesk {
    stopping: CancellationToken,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    id: SelftestId,
    cancel: Cancel,
    /// Cancelled when its end is stored.
    ended: CancellationToken,
    task: JoinHandle<()>,
}

/// Asks a selftest to end.
#[derive(Clone, Debug)]
struct Cancel {
    token: CancellationToken,
    /// Who asked first; nobody when the server stops.
    by: Arc<OnceLock<String>>,
}

impl SelftestDesk {
    fn running(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends what an earlier life of this server left running. For the start of the server.
pub async fn prepare(ctx: &Ctx) -> Result<(), ServiceError> {
    let host = host_name();
    let failed = ctx.store.fail_running_selftests(&host, STOPPED, ctx.now());
    Ok(failed.await?)
}

/// Ends the selftest that goes on, and waits for that. For the end of the server.
pub async fn stop(ctx: &Ctx) {
    ctx.selftests.stopping.cancel();
    let running = ctx.selftests.running().take();
    if let Some(running) = running {
        // A task that panicked has said so.
        let _ = running.task.await;
    }
}

/// The selftests of all machines, the newest first.
pub async fn list_selftests(ctx: &Ctx, _actor: &Actor) -> Result<SelftestList, ServiceError> {
    Ok(SelftestList {
        host: host_name(),
        selftests: ctx.store.list_selftests(SELFTESTS_LISTED_MAX).await?,
    })
}

/// One selftest.
pub async fn get_selftest(
    ctx: &Ctx,
    _actor: &Actor,
    id: SelftestId,
) -> Result<Selftest, ServiceError> {
    let selftest = ctx.store.find_selftest(id).await?;
    selftest.ok_or_else(|| not_found("selftest"))
}

/// Cancels a selftest and waits until its processes are gone. Its levels so far stay.
/// [`ServiceError::Conflict`] when it has ended, or goes on elsewhere.
pub async fn cancel_selftest(
    ctx: &Ctx,
    actor: &Actor,
    id: SelftestId,
) -> Result<Selftest, ServiceError> {
    actor.require(Role::Operator, "cancel a selftest")?;
    let selftest = get_selftest(ctx, actor, id).await?;
    if selftest.state != SelftestState::Running {
        return Err(ServiceError::Conflict(
            "This selftest has ended already.".to_owned(),
        ));
    }
    let running = {
        let running = ctx.selftests.running();
        let running = running.as_ref().filter(|running| running.id == id);
        running.map(|running| (running.cancel.clone(), running.ended.clone()))
    };
    let Some((cancel, ended)) = running else {
        return Err(ServiceError::Conflict(format!(
            "Another server carries this selftest out, on {}. Cancel it there.",
            selftest.host
        )));
    };
    // The first one is named.
    let _ = cancel.by.set(actor.person.name.clone());
    cancel.token.cancel();
    ended.cancelled().await;
    get_selftest(ctx, actor, id).await
}

/// Starts a selftest of this machine, which must be `host`. [`ServiceError::Conflict`] when one goes on, or while a
/// benchmark is queued or running: each would disturb the other.
pub async fn start_selftest(
    ctx: &Ctx,
    actor: &Actor,
    host: &str,
) -> Result<Selftest, ServiceError> {
    actor.require(Role::Operator, "start a selftest")?;
    if host != host_name() {
        return Err(ServiceError::Conflict(format!(
            "This server runs on {}, and can measure no other machine.",
            host_name()
        )));
    }
    // Before looking, so that no benchmark begins in between.
    let pause = ctx.queue.pause();
    let page = ctx.store.list_benchmarks(&HistoryQuery::default()).await?;
    if page.active_count > 0 {
        return Err(ServiceError::Conflict(
            "A benchmark is queued or running, and a selftest would disturb it. Wait for its end, then start the selftest."
                .to_owned(),
        ));
    }
    let selftest = Selftest {
        id: SelftestId(ctx.new_id()),
        host: host_name(),
        started_by: actor.person.name.clone(),
        started_at: ctx.now(),
        ended_at: None,
        state: SelftestState::Running,
        reason: String::new(),
        levels: Vec::new(),
    };
    let inserted = ctx.store.insert_selftest(
        selftest.id,
        &selftest.host,
        actor.person.id,
        selftest.started_at,
    );
    inserted.await.map_err(|error| match error {
        StoreError::Conflict(_) => ServiceError::Conflict(
            "A selftest is going on on this machine already. Its levels appear below.".to_owned(),
        ),
        error => error.into(),
    })?;
    let id = selftest.id;
    let cancel = Cancel {
        token: ctx.selftests.stopping.child_token(),
        by: Arc::default(),
    };
    let ended = CancellationToken::new();
    let whole = {
        let (ctx, cancel, ended) = (ctx.clone(), cancel.clone(), ended.clone().drop_guard());
        async move {
            carry_out(&ctx, id, pause, &cancel).await;
            drop(ended);
        }
    };
    // Locked before it can end.
    let mut running = ctx.selftests.running();
    *running = Some(Running {
        id,
        cancel,
        ended,
        task: tokio::spawn(whole),
    });
    drop(running);
    Ok(selftest)
}

/// The queue is paused as long as it goes on.
async fn carry_out(ctx: &Ctx, id: SelftestId, pause: QueuePause, cancel: &Cancel) {
    let measured = measure(ctx, id, &cancel.token).await;
    drop(pause);
    let (state, reason) = match (measured, cancel.by.get()) {
        (Ok(()), _) => (SelftestState::Completed, String::new()),
        (Err(_), Some(name)) => (SelftestState::Cancelled, format!("Cancelled by {name}.")),
        (Err(_), None) if cancel.token.is_cancelled() => {
            (SelftestState::Failed, STOPPED.to_owned())
        }
        (Err(reason), None) => (SelftestState::Failed, reason),
    };
    if state != SelftestState::Completed {
        tracing::warn!(reason, "a selftest broke off");
    }
    let ended = ctx.store.end_selftest(id, state, &reason, ctx.now());
    if let Err(error) = ended.await {
        tracing::error!(%error, "the end of a selftest was not stored");
    }
}

async fn measure(ctx: &Ctx, id: SelftestId, cancel: &CancellationToken) -> Result<(), String> {
    let binary = std::env::current_exe()
        .map_err(|error| format!("This program's own file was not found: {error}."))?;
    let (sender, mut receiver) = mpsc::channel::<LevelReport>(LEVELS_WAITING_MAX);
    let keep = async {
        let mut levels = Vec::new();
        while let Some(level) = receiver.recv().await {
            levels.push(level);
            let kept = ctx.store.update_selftest_levels(id, &levels).await;
            kept.map_err(|error| format!("A level was not stored: {error}."))?;
        }
        Ok::<usize, String>(levels.len())
    };
    let (carried, kept) = tokio::join!(runner::selftest::carry_out(&binary, sender, cancel), keep);
    carried?;
    if kept? == 0 {
        return Err("No level was measured.".to_owned());
    }
    Ok(())
}

/// How accurate the machine was that made the load of a benchmark, at its concurrency: by the newest
/// complete selftest there. `None` for a benchmark without a result.
pub async fn accuracy_of(
    ctx: &Ctx,
    _actor: &Actor,
    id: BenchmarkId,
) -> Result<Option<Accuracy>, ServiceError> {
    let benchmark = ctx.store.find_benchmark(id).await?;
    let detail = benchmark.ok_or_else(|| not_found("benchmark"))?;
    let Some(result) = detail.result else {
        return Ok(None);
    };
    let host = result.manifest.load_from;
    let selftest = ctx.store.find_latest_selftest(&host).await?;
    Ok(Some(Accuracy::of(host, &result.summary, selftest)))
}
