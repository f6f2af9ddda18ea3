//! An engine as a process of a machine that is reached over SSH.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use domain::engine::{EngineCommand, PROXY_CONFIG_FILE};
use domain::run::RunEvent;
use domain::secret::Secret;
use ssh::{Mark, Session, SshError, Supervised, TailFrom};
use tokio::fs::{OpenOptions, create_dir_all};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::listen;
use crate::effects::archive::in_archive;
use crate::effects::engine::{Engine, EngineKind, FarProcess};
use crate::effects::litellm::{self, HOW_TO_GET_LITELLM};
use crate::effects::program::bring_program;
use crate::effects::{Message, Run};
use crate::node::{ANSWER_BYTES_MAX, ASK_WITHIN, free_far_port};
use crate::tail::follow_log;

/// The engine's name among the processes of its run.
pub(crate) const ENGINE: &str = "engine";
/// How often the far log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// How long the last lines of an engine that ended may take to be brought here.
const LAST_LINES_WITHIN: Duration = Duration::from_secs(5);
/// Most bytes taken at a look.
const READ_BYTES_MAX: usize = 256 << 10;
/// The far log is emptied when it grows beyond this.
const LOG_BYTES_MAX: u64 = 64 << 20;

pub(super) async fn deploy(
    run: &Run,
    session: &Session,
    command: &EngineCommand,
) -> Result<String, String> {
    let in_words = |error: SshError| error.to_string();
    let assay = if command.words.iter().any(|word| word.contains("{assay}")) {
        bring_program(run, session).await?
    } else {
        String::new()
    };
    let mark = run.ssh_mark().await?;
    let seed = run.id.0.as_u64_pair().1;
    let port = free_far_port(session, seed).await?;
    let host = listen::address(run, session).await?;
    let models = run.far_models(session).await?;
    let words = command
        .with_address(&assay, &host.to_string(), port)
        .into_iter()
        .map(|word| word.replace("{models}", &models))
        .collect();
    let mut filled = EngineCommand {
        words,
        environment: command.environment.clone(),
    };
    let folder = run.found.lock().await.engine_folder.clone();
    if let Some(folder) = folder {
        filled = in_archive(session, &folder, filled).await?;
    }
    let plain = |(name, value): &(String, String)| (name.clone(), Secret::new(value.clone()));
    let mut environment: Vec<_> = filled.environment.iter().map(plain).collect();
    let proxy = litellm::prepare(run).await?;
    let is_proxy = proxy.is_some();
    if let Some(proxy) = proxy {
        // Where the process will run.
        let folder = session.run_folder(&mark).await.map_err(in_words)?;
        let path = format!("{folder}/{PROXY_CONFIG_FILE}");
        let written = session.write_file(&path, proxy.config.as_bytes()).await;
        written.map_err(in_words)?;
        let given = proxy.environment.into_iter();
        environment.extend(given.map(|(name, value)| (name.to_owned(), value)));
    }
    let what = Supervised {
        mark: mark.clone(),
        name: ENGINE.to_owned(),
        words: filled.words.clone(),
        environment,
        folder: None,
        log: None,
    };

    // Taken first: between the start and the note of it there is no point to be dropped at.
    let mut found = run.found.lock().await;
    let process = session.start(&what).await.map_err(|error| match error {
        SshError::Missing { .. } if is_proxy => format!("{error}: {HOW_TO_GET_LITELLM}"),
        error => in_words(error),
    })?;
    let forward = session
        .forward_tcp(&host.to_string(), port)
        .await
        .map_err(in_words)?;
    let base_url = format!("http://{}", forward.address());
    let copy = copy_log(run, session.clone(), process.log.clone(), 0).await?;
    let follower = tokio::spawn(follow_log(run.log_path(), run.messages.clone()));
    found.engine = Some(Engine {
        base_url: base_url.clone(),
        url_on_node: format!("http://{}", SocketAddr::new(host, port)),
        kind: EngineKind::Far(FarProcess {
            session: session.clone(),
            mark,
            log: copy,
            _forward: forward,
        }),
        _log: AbortOnDropHandle::new(follower),
    });
    drop(found);

    run.tell(Message::Event(RunEvent::EngineStarted {
        process_id: process.process_id,
        container: None,
        command: filled.in_words(),
        base_url,
    }))
    .await;
    let round_trip = run.log_round_trip(session).await;
    Ok(format!(
        "Process {} on {}, port {port}{round_trip}.",
        process.process_id,
        session.place()
    ))
}

/// The bringing of a far log to the run's log file here. It ends when dropped.
pub(crate) struct LogCopy {
    task: AbortOnDropHandle<()>,
    /// Nothing more is written to the far one.
    is_whole: CancellationToken,
}

impl LogCopy {
    /// Waits until what is still there was brought, of an engine that has ended.
    async fn finish(&mut self) {
        self.is_whole.cancel();
        if !self.task.is_finished() {
            let _ = timeout(LAST_LINES_WITHIN, &mut self.task).await;
            self.task.abort();
        }
    }
}

/// Brings what the engine prints to the run's log file here, from that byte on.
pub(super) async fn copy_log(
    run: &Run,
    session: Session,
    far: String,
    mut next: u64,
) -> Result<LogCopy, String> {
    let path: PathBuf = run.log_path();
    let unwritable = |error: std::io::Error| {
        format!(
            "the run's folder {} cannot be written: {error}",
            run.folder.display()
        )
    };
    create_dir_all(&run.folder).await.map_err(unwritable)?;
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .await
        .map_err(unwritable)?;
    let is_whole = CancellationToken::new();
    let whole = is_whole.clone();
    let task = tokio::spawn(async move {
        loop {
            // Before the look: what is written after it is not the last.
            let is_last = whole.is_cancelled();
            let tail = session.tail(&far, TailFrom::Start(next), READ_BYTES_MAX);
            // A link that is lost ends it; the engine's state is asked for elsewhere.
            let Ok(tail) = tail.await else {
                return;
            };
            next = tail.next;
            if file.write_all(&tail.bytes).await.is_err() || file.flush().await.is_err() {
                return;
            }
            if tail.size > LOG_BYTES_MAX {
                let empty = ["truncate", "-s", "0", "--", &far];
                let _ = session.run(&empty, &[], ASK_WITHIN, ANSWER_BYTES_MAX).await;
                next = 0;
            }
            if tail.bytes.len() < READ_BYTES_MAX {
                if is_last {
                    return;
                }
                let _ = timeout(LOOK_EVERY, whole.cancelled()).await;
            }
        }
    });
    Ok(LogCopy {
        task: AbortOnDropHandle::new(task),
        is_whole,
    })
}

/// How an engine on a far machine ended, if it did; the last lines of its log are here then.
pub(crate) async fn exit(
    session: &Session,
    mark: &Mark,
    log: &mut LogCopy,
) -> Result<Option<String>, String> {
    match session.is_alive(mark, ENGINE).await {
        Ok(true) => Ok(None),
        Ok(false) => {
            log.finish().await;
            Ok(Some(format!("its process on {} is gone", session.place())))
        }
        Err(error) => Err(error.to_string()),
    }
}
