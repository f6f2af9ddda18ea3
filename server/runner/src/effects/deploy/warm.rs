//! An engine that an earlier run of the group left running, taken over instead of started.

use std::net::SocketAddr;
use std::time::Duration;

use docker::{ContainerId, LogStart};
use domain::plan::Deployment;
use domain::run::{RunEvent, RunState, TakenOver, WarmEngine};
use ssh::{Mark, Session, SshError, TailFrom, TcpForward};
use tokio::fs::{File, OpenOptions, create_dir_all, metadata};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::container::follow_container;
use super::far_process::{ENGINE, copy_log};
use crate::config::Chain;
use crate::effects::engine::{Container, Engine, EngineKind, FarProcess, KeptProcess};
use crate::effects::{Message, Run};
use crate::http::api_url;
use crate::node::Node;
use crate::process::living_engine;
use crate::tail;
use crate::warm::remove_engine;

/// How long a kept engine, which answered at the end of the last run, may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(15);
/// How long one question may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Takes over the engine that is kept for the run's group on its node, and gives the note of the stage.
/// `None` when there is none, or none that answers: what is left of it is gone then, and a fresh one is
/// to be started.
pub(super) async fn take_over(run: &Run) -> Result<Option<String>, String> {
    let Some((group, node_id)) = run.keeps_for() else {
        return Ok(None);
    };
    let store = &run.shared.store;
    let kept = store.find_warm_engine(group.group_id, node_id).await;
    let kept = kept.map_err(|error| Chain(&error).to_string())?;
    let Some(kept) = kept else {
        return Ok(None);
    };
    let node = run.node().await?;
    let reason = match find(run, &node, &kept).await {
        Ok(engine) => match answer_of(run, engine).await {
            Ok(engine) => return Ok(Some(note(run, &node, &kept, engine).await)),
            Err(reason) => reason,
        },
        Err(reason) => reason,
    };
    let last = kept.from.last_index;
    run.log(format!(
        "The engine that run {last} left running cannot be taken over: {reason}. A fresh one is started."
    ))
    .await;
    remove_engine(&run.shared, &node, &kept).await?;
    let forgotten = store.forget_warm_engine(group.group_id, node_id).await;
    forgotten.map_err(|error| Chain(&error).to_string())?;
    Ok(None)
}

/// The engine of the run, as the next run of its group will need it.
pub(in crate::effects) async fn engine_to_keep(run: &Run, state: &RunState) -> Option<WarmEngine> {
    let rerun = run.rerun?;
    let mut found = run.found.lock().await;
    let engine = found.engine.as_mut()?;
    // One that has ended, or cannot be looked at, is not left to anybody.
    if !matches!(engine.exit().await, Ok(None)) {
        return None;
    }
    let from = TakenOver {
        started_by: run.id,
        started_by_index: rerun.index,
        last_index: rerun.index,
    };
    Some(WarmEngine {
        from,
        process_id: state.engine_process_id.unwrap_or_default(),
        container: state.engine_container.clone(),
        url_on_node: engine.url_on_node.clone(),
        command: state.engine_command.clone()?,
    })
}

/// Connects to the engine where it was left.
async fn find(run: &Run, node: &Node, kept: &WarmEngine) -> Result<Engine, String> {
    let log = say_where_the_log_is(run, kept).await?;
    match (&run.plan.deployment, node) {
        (Deployment::Container { container, .. }, node) => {
            find_container(run, node, kept, container.port).await
        }
        (_, Node::Here) => find_process(run, kept, log).await,
        (_, Node::Far(session)) => find_far_process(run, session, kept).await,
        (_, Node::Docker(_)) => Err("nothing but containers runs on its machine".to_owned()),
    }
}

/// Begins the log of this run, and gives it.
async fn say_where_the_log_is(run: &Run, kept: &WarmEngine) -> Result<File, String> {
    let unwritable = |error: std::io::Error| {
        format!(
            "the run's folder {} cannot be written: {error}",
            run.folder.display()
        )
    };
    create_dir_all(&run.folder).await.map_err(unwritable)?;
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(run.log_path())
        .await;
    let mut log = log.map_err(unwritable)?;
    let line = format!(
        "[assay] This log begins where the engine was taken over, {}: what it printed before is in the logs of those runs.\n",
        kept.from.in_words()
    );
    log.write_all(line.as_bytes()).await.map_err(unwritable)?;
    log.flush().await.map_err(unwritable)?;
    Ok(log)
}

async fn find_process(run: &Run, kept: &WarmEngine, log: File) -> Result<Engine, String> {
    let folder = run.shared.run_folder(kept.from.started_by);
    if living_engine(&folder) != Some(kept.process_id) {
        return Err(format!("process {} is gone", kept.process_id));
    }
    // It writes on into the log of the run that started it.
    let theirs = folder.join(crate::effects::ENGINE_LOG_FILE);
    let position = metadata(&theirs).await.map_or(0, |file| file.len());
    let is_whole = CancellationToken::new();
    let copy = tokio::spawn(tail::copy_log(theirs, position, log, is_whole.clone()));
    let base_url = kept.url_on_node.clone();
    let kind = EngineKind::Kept(KeptProcess {
        folder,
        log: Some(AbortOnDropHandle::new(copy)),
        is_whole,
    });
    Ok(followed(run, base_url.clone(), base_url, kind))
}

async fn find_far_process(
    run: &Run,
    session: &Session,
    kept: &WarmEngine,
) -> Result<Engine, String> {
    let in_words = |error: SshError| error.to_string();
    let installation = run.shared.installation().await?;
    let mark = Mark::new(installation, kept.from.started_by.to_string()).map_err(in_words)?;
    let process = session.find(&mark, ENGINE).await.map_err(in_words)?;
    let process = process
        .filter(|process| process.is_alive)
        .ok_or_else(|| format!("process {} is gone", kept.process_id))?;
    let end = session.tail(&process.log, TailFrom::End(0), 1).await;
    let end = end.map_err(in_words)?.size;
    let address = kept.url_on_node.trim_start_matches("http://");
    let address: SocketAddr = address
        .parse()
        .map_err(|_| format!("“{address}” is no address"))?;
    let forward = session
        .forward_tcp(&address.ip().to_string(), address.port())
        .await;
    let forward = forward.map_err(in_words)?;
    let base_url = format!("http://{}", forward.address());
    let log = copy_log(run, session.clone(), process.log, end).await?;
    let kind = EngineKind::Far(FarProcess {
        session: session.clone(),
        mark,
        log,
        _forward: forward,
    });
    Ok(followed(run, base_url, kept.url_on_node.clone(), kind))
}

async fn find_container(
    run: &Run,
    node: &Node,
    kept: &WarmEngine,
    port: u16,
) -> Result<Engine, String> {
    let in_words = |error: docker::Error| error.to_string();
    let name = kept.container.as_deref().unwrap_or_default();
    let id: ContainerId = name.parse().map_err(in_words)?;
    let docker = node.docker(&run.shared.config.docker).await?;
    let state = docker.docker.inspect(&id).await.map_err(in_words)?;
    if !state.is_running() {
        return Err(format!("container {name}: {}", state.describe()));
    }
    let address = docker.docker.published_port(&id, port).await;
    let address = address.map_err(in_words)?;
    let forward = match node {
        Node::Here | Node::Docker(_) => None,
        Node::Far(session) => {
            let host = address.ip().to_string();
            let forward = session.forward_tcp(&host, address.port()).await;
            Some(forward.map_err(|error| error.to_string())?)
        }
    };
    let base_url = format!(
        "http://{}",
        forward.as_ref().map_or(address, TcpForward::address)
    );
    // By the time that its own Docker Engine gave its last line: clocks differ.
    let last = docker.docker.last_logs(&id, 1).await.map_err(in_words)?;
    let from = last
        .last()
        .map_or(LogStart::Beginning, |line| LogStart::After(line.at_nanos));
    let log = follow_container(run, docker.docker.clone(), id.clone(), from).await?;
    let kind = EngineKind::Container(Container {
        docker,
        id,
        log: Some(log),
        _forward: forward,
    });
    Ok(followed(run, base_url, format!("http://{address}"), kind))
}

fn followed(run: &Run, base_url: String, url_on_node: String, kind: EngineKind) -> Engine {
    let follower = tokio::spawn(tail::follow_log(run.log_path(), run.messages.clone()));
    Engine {
        base_url,
        url_on_node,
        kind,
        _log: AbortOnDropHandle::new(follower),
    }
}

/// The engine, once it has answered.
async fn answer_of(run: &Run, mut engine: Engine) -> Result<Engine, String> {
    let started = run.plan.deployment.started();
    let path = started.map_or("/health", |(preset, _)| preset.health_path());
    let url = api_url(&engine.base_url, path);
    let deadline = Instant::now() + ANSWERS_WITHIN;
    loop {
        if let Some(how) = engine.exit().await? {
            return Err(format!("it has ended ({how})"));
        }
        let reason = match run.shared.http.get(&url, None, ANSWER_TIMEOUT).await {
            Ok(answer) if answer.status < 500 => return Ok(engine),
            Ok(answer) => format!("{path} answers with HTTP {}", answer.status),
            Err(reason) => reason,
        };
        if Instant::now() >= deadline {
            return Err(format!("it does not answer: {reason}"));
        }
        sleep(ASK_EVERY).await;
    }
}

/// Makes it the run's engine, and says so.
async fn note(run: &Run, node: &Node, kept: &WarmEngine, engine: Engine) -> String {
    let base_url = engine.base_url.clone();
    let docker = engine.docker_over_network().cloned();
    let what = match &kept.container {
        Some(name) => format!("container {name}"),
        None => format!("process {}", kept.process_id),
    };
    let mut found = run.found.lock().await;
    found.engine = Some(engine);
    found.taken_over = Some(kept.clone());
    drop(found);
    run.tell(Message::Event(RunEvent::EngineTakenOver {
        from: kept.from,
        process_id: kept.process_id,
        container: kept.container.clone(),
        command: kept.command.clone(),
        base_url,
    }))
    .await;
    let round_trip = match (node, docker) {
        (Node::Far(session), _) => run.log_round_trip(session).await,
        // It answered a moment ago; its way is no reason to fail.
        (_, Some(docker)) => match run.log_way(&docker).await {
            Ok((_, words)) => words,
            Err(_) => String::new(),
        },
        (Node::Here | Node::Docker(_), None) => String::new(),
    };
    format!(
        "Not started: {}. It goes on as {what}{round_trip}.",
        kept.from.in_words()
    )
}
