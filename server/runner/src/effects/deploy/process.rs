//! An engine as a process of this machine.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;

use domain::engine::{EngineCommand, PROXY_CONFIG_FILE};
use domain::run::RunEvent;
use tokio::fs::{OpenOptions, create_dir_all};
use tokio::process::Command;
use tokio_util::task::AbortOnDropHandle;

use crate::effects::engine::{Engine, EngineKind};
use crate::effects::{Message, Run, litellm};
use crate::process::{note_engine, prepare_command};
use crate::tail::follow_log;

const HOST: &str = "127.0.0.1";

pub(super) async fn deploy(run: &Run, command: &EngineCommand) -> Result<String, String> {
    let port = free_port().map_err(|error| format!("no port is free on {HOST}: {error}"))?;
    let base_url = format!("http://{HOST}:{port}");
    let assay = run.shared.config.assay_binary.to_string_lossy();
    let filled = EngineCommand {
        words: command.with_address(&assay, HOST, port),
        environment: command.environment.clone(),
    };
    let (program, arguments) = filled
        .words
        .split_first()
        .ok_or("the engine's command is empty")?;

    let in_folder = |error: io::Error| {
        format!(
            "the run's folder {} cannot be written: {error}",
            run.folder.display()
        )
    };
    create_dir_all(&run.folder).await.map_err(in_folder)?;
    // Its own file and not a pipe of ours: the engine must not stop writing when the server dies.
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(run.log_path())
        .await
        .map_err(in_folder)?
        .into_std()
        .await;
    let mut process = Command::new(program);
    process
        .args(arguments)
        .current_dir(&run.folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(in_folder)?)
        .stderr(log);
    prepare_command(&mut process, &run.shared.instance, run.id);
    process.envs(filled.environment.iter().map(|(name, value)| (name, value)));
    if let Some(proxy) = litellm::prepare(run).await? {
        let path = run.folder.join(PROXY_CONFIG_FILE);
        tokio::fs::write(&path, proxy.config)
            .await
            .map_err(in_folder)?;
        let given = proxy.environment.iter();
        process.envs(given.map(|(name, value)| (*name, value.expose())));
    }

    // Taken first: between the start and the note of it there is no point to be dropped at.
    let mut found = run.found.lock().await;
    let child = process
        .spawn()
        .map_err(|error| why_not_started(program, &error))?;
    let process_id = child.id().unwrap_or_default();
    if let Err(error) = note_engine(&run.folder, process_id) {
        tracing::warn!(run = %run.id, %error, "the engine's process id cannot be noted");
    }
    let log = tokio::spawn(follow_log(run.log_path(), run.messages.clone()));
    found.engine = Some(Engine {
        base_url: base_url.clone(),
        url_on_node: base_url.clone(),
        kind: EngineKind::Process(child),
        _log: AbortOnDropHandle::new(log),
    });
    drop(found);

    run.tell(Message::Event(RunEvent::EngineStarted {
        process_id,
        container: None,
        command: filled.in_words(),
        base_url,
    }))
    .await;
    Ok(format!("Process {process_id} on port {port}."))
}

fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn why_not_started(program: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!(
            "there is no program “{program}” on this machine: install it, or give its full path as a custom command"
        ),
        io::ErrorKind::PermissionDenied => {
            format!("“{program}” may not be executed by the server's user")
        }
        _ => format!("“{program}” could not be started: {error}"),
    }
}
