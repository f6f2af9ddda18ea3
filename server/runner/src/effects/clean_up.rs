//! Stop the engine and everything else that belongs to the run, and see that it is gone.

use std::path::Path;

use tokio::fs;

use super::{ENGINE_LOG_FILE, Run};
use crate::process::noted_engine;
use crate::process::stop::stop_run;

pub(super) async fn clean_up(run: &Run) -> Result<String, String> {
    let stopped_count = stop_processes(run).await?;
    if let Err(error) = remove_working_files(&run.folder).await {
        run.log(format!("Working files were left behind: {error}"))
            .await;
    }
    Ok(match stopped_count {
        // The server looks for what was left behind before it takes runs over.
        0 if run.is_adopted => {
            "Nothing is left running: the server stopped what was when it started again.".to_owned()
        }
        0 => "Nothing was left running.".to_owned(),
        1 => "One process was stopped.".to_owned(),
        count => format!("{count} processes were stopped."),
    })
}

/// Stops every process of the run on this machine; returns how many.
pub(crate) async fn stop_processes(run: &Run) -> Result<usize, String> {
    let engine = run.found.lock().await.engine.take();
    let own = engine.as_ref().and_then(|engine| engine.child.id());
    let group = own.or_else(|| noted_engine(&run.folder));
    let result = stop_run(&run.shared.instance, run.id, group).await;
    if let Some(mut engine) = engine {
        // It ended: this only takes its exit status off the system's hands.
        let _ = engine.child.try_wait();
        engine.log.abort();
    }
    result
}

/// Removes all but the engine's log. A folder that was never made is clean.
async fn remove_working_files(folder: &Path) -> std::io::Result<()> {
    let mut entries = match fs::read_dir(folder).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    while let Some(entry) = entries.next_entry().await? {
        if entry.file_name() == ENGINE_LOG_FILE {
            continue;
        }
        if entry.file_type().await?.is_dir() {
            fs::remove_dir_all(entry.path()).await?;
        } else {
            fs::remove_file(entry.path()).await?;
        }
    }
    Ok(())
}
