//! Putting the parts together, announcing the address, and taking them apart again.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use domain::access::Person;
use runner::{RunnerConfig, RunnerHandle, system_clock};
use service::system::SystemFacts;
use service::{Actor, Clock, Ctx, CtxParts};
use store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::args::ServeArgs;
use super::edge::Edge;
use super::router::router;
use super::security::Policy;
use super::session::{self, SessionRows};
use super::stop_signal::StopSignal;
use super::{assets, telemetry};

/// How long open answers may take when the server stops.
const DRAIN_WITHIN: Duration = Duration::from_secs(3);
/// How often expired sessions are deleted.
const SESSION_SWEEP_EVERY: Duration = Duration::from_hours(1);

/// Serves until the process is asked to stop.
///
/// # Errors
/// When the address, the data directory or the database cannot be used; the text says what to do.
pub(super) async fn run(args: ServeArgs) -> anyhow::Result<()> {
    telemetry::init();
    // Heard from now on: whoever reads that the server listens may stop it at once.
    let stop = StopSignal::listen().context("could not listen for signals")?;
    if args.demo && !args.addr.ip().is_loopback() {
        bail!(
            "--demo signs everybody in, so it listens on loopback only: use --addr 127.0.0.1:{} or leave --demo out",
            args.addr.port()
        );
    }
    let listener = TcpListener::bind(args.addr)
        .await
        .with_context(|| format!("could not listen on {}", args.addr))?;
    let address = listener.local_addr()?;
    let url = match &args.public_url {
        Some(public) => public.to_string(),
        None if address.ip().is_unspecified() => format!("http://localhost:{}", address.port()),
        None => format!("http://{address}"),
    };
    if args.public_url.is_none() && !address.ip().is_loopback() {
        tracing::warn!(
            "other machines can reach this server, and passwords travel as they are typed: put a TLS proxy before it and name its address with --public-url"
        );
    }
    let (data_dir, store) = args.data.open().await?;
    let clock = system_clock();
    let name = runner_name(&data_dir);
    let runner = spawn_runner(&args, name.clone(), &store, &data_dir, Arc::clone(&clock))?;
    let facts = SystemFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        url: url.clone(),
        is_demo: args.demo,
        runner_name: name,
        started_at: clock(),
        data_dir,
        docker: docker_of(&args),
    };
    let ctx = Ctx::new(CtxParts {
        store: store.clone(),
        queue: runner.signal(),
        clock: Arc::clone(&clock),
        ids: Arc::new(Uuid::now_v7),
        facts,
    });
    let sessions = SessionRows::new(store.clone(), clock);
    let served = serve(&args, ctx.clone(), sessions, listener, &url, stop).await;
    service::datasets::stop(&ctx).await;
    service::selftests::stop(&ctx).await;
    runner.shutdown().await;
    store.close().await;
    served
}

async fn serve(
    args: &ServeArgs,
    ctx: Ctx,
    sessions: SessionRows,
    listener: TcpListener,
    url: &str,
    stop: StopSignal,
) -> anyhow::Result<()> {
    service::catalogue::ensure_seed(&ctx)
        .await
        .context("could not set up the catalogue")?;
    service::datasets::prepare(&ctx)
        .await
        .context("could not set up the datasets")?;
    service::selftests::prepare(&ctx)
        .await
        .context("could not set up the selftests")?;
    let stopping = CancellationToken::new();
    let mut edge = Edge::new(ctx.clone(), sessions.clone(), stopping.clone());
    edge.is_behind_proxy = args.behind_proxy;
    if args.demo {
        let person = service::session::ensure_demo_administrator(&ctx).await?;
        edge.demo_administrator = Some(Arc::new(person));
    }
    let demo_administrator = edge.demo_administrator.clone();
    let policy = Policy {
        public_url: args.public_url.clone().map(Arc::new),
        is_loopback_only: args.demo,
    };
    let is_tls = args
        .public_url
        .as_ref()
        .is_some_and(super::args::PublicUrl::is_tls);
    let router = router(edge, &policy, session::layer(sessions.clone(), is_tls));
    announce(
        &ctx,
        listener.local_addr()?,
        url,
        demo_administrator.as_deref(),
    )
    .await?;

    let sweeper = tokio::spawn(sweep_sessions(sessions));
    let samples = demo_administrator.map(|person| tokio::spawn(run_samples(ctx, person)));
    let served = serve_until_stopped(listener, router, stopping, stop).await;
    sweeper.abort();
    if let Some(samples) = samples {
        samples.abort();
    }
    served
}

/// Serves until a signal; then open answers get a moment to end.
async fn serve_until_stopped(
    listener: TcpListener,
    router: axum::Router,
    stopping: CancellationToken,
    mut stop: StopSignal,
) -> anyhow::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let stopped = stopping.clone();
    let server = axum::serve(listener, service)
        .with_graceful_shutdown(async move { stopped.cancelled().await });
    let mut server = std::pin::pin!(server.into_future());
    tokio::select! {
        served = &mut server => return served.context("the server broke off"),
        signal = stop.wait() => tracing::info!("{signal}: stopping"),
    }
    stopping.cancel();
    let Ok(served) = tokio::time::timeout(DRAIN_WITHIN, server).await else {
        tracing::info!("some answers were still open and are cut off");
        return Ok(());
    };
    served.context("the server broke off")
}

/// Says where the server is, and how to begin. Standard output is read by people and by tests.
#[expect(
    clippy::print_stdout,
    reason = "this is the command's output, not a log"
)]
async fn announce(
    ctx: &Ctx,
    address: SocketAddr,
    url: &str,
    demo_administrator: Option<&Person>,
) -> anyhow::Result<()> {
    if assets::page_assets().is_none() {
        tracing::warn!(
            "the browser half is missing: pages have no style and no script; build it with `cargo xtask build`"
        );
    }
    println!("listening on http://{address}");
    if let Some(person) = demo_administrator {
        println!(
            "demo: everybody who opens {url} is signed in as “{}”",
            person.name
        );
    } else if service::session::needs_first_administrator(ctx).await? {
        let token = service::session::issue_setup_token(ctx);
        println!("create the first administrator: {url}/setup?token={token}");
    }
    Ok(())
}

/// The same after every start, and different for each data directory of each machine.
fn runner_name(data_dir: &Path) -> String {
    format!("{}:{}", runner::inventory::host_name(), data_dir.display())
}

fn docker_of(args: &ServeArgs) -> runner::DockerAddress {
    runner::DockerAddress::Socket(args.docker_socket.clone())
}

fn spawn_runner(
    args: &ServeArgs,
    name: String,
    store: &Store,
    data_dir: &Path,
    clock: Clock,
) -> anyhow::Result<RunnerHandle> {
    let binary = std::env::current_exe().context("could not find this program's own file")?;
    let mut config = RunnerConfig::new(name, binary, data_dir.to_owned());
    config.docker = docker_of(args);
    config.model_folders.clone_from(&args.model_folders);
    Ok(runner::spawn(config, store.clone(), clock)?)
}

async fn run_samples(ctx: Ctx, person: Arc<Person>) {
    let actor = Actor::signed_in(Person::clone(&person));
    match service::samples::run_demo_samples(&ctx, &actor).await {
        Ok(ids) if ids.is_empty() => {}
        Ok(ids) => tracing::info!("{} sample benchmarks are queued", ids.len()),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "could not queue the samples"
            );
        }
    }
}

async fn sweep_sessions(sessions: SessionRows) {
    let mut sweeps = tokio::time::interval(SESSION_SWEEP_EVERY);
    loop {
        sweeps.tick().await;
        if let Err(error) = sessions.delete_expired().await {
            tracing::warn!(%error, "could not delete expired sessions");
        }
    }
}
