//! Bring the model to the node, or check that it is there.

use std::io;
use std::path::Path;

use domain::catalogue::ModelSource;
use domain::size::bytes_in_words;
use tokio::fs;

use super::Run;
use crate::model_files::why_unreadable;

/// Most files of a model's folder that are looked at.
const FILES_MAX: usize = 10_000;

pub(super) async fn transfer_model(run: &Run) -> Result<String, String> {
    match &run.plan.model.source {
        ModelSource::LocalPath { path } => match measure(Path::new(path)).await {
            Ok(bytes) => Ok(format!("{path} is there: {}.", bytes_in_words(bytes))),
            Err(error) => Err(why_unreadable(Path::new(path), &error)),
        },
        ModelSource::HuggingFace { .. } => Ok("The engine loads it from Hugging Face.".to_owned()),
        ModelSource::Cloud { .. } => Ok("A provider serves it.".to_owned()),
        ModelSource::Served => Ok("The engine's own command says what it serves.".to_owned()),
        ModelSource::Reference => Ok("The reference engine runs no model.".to_owned()),
    }
}

/// Size of a file, or of the files directly inside a folder. Opens what it measures.
async fn measure(path: &Path) -> io::Result<u64> {
    let data = fs::metadata(path).await?;
    if !data.is_dir() && !data.is_file() {
        // Opening a pipe or a device would wait for whoever is at its other end.
        return Err(io::Error::other("it is neither a file nor a folder"));
    }
    if data.is_file() {
        return fs::File::open(path)
            .await?
            .metadata()
            .await
            .map(|data| data.len());
    }
    let mut bytes = 0;
    let mut entries = fs::read_dir(path).await?;
    for _ in 0..FILES_MAX {
        let Some(entry) = entries.next_entry().await? else {
            break;
        };
        // A link's target counts: model caches are folders of links.
        let data = fs::metadata(entry.path()).await?;
        if data.is_file() {
            bytes += data.len();
        }
    }
    Ok(bytes)
}
