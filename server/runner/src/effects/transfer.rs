//! Bring the model to the node, or check that it is there.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use domain::catalogue::ModelSource;
use domain::plan::Deployment;
use domain::run::{RunEvent, Stage, StageProgress};
use domain::size::bytes_in_words;
use tokio::fs;

use super::archive::bring_archive;
use super::{Message, Run};
use crate::model_files::why_unreadable;
use crate::node::Node;

/// Most files of a model's folder that are looked at.
const FILES_MAX: usize = 10_000;
/// How often the progress of a transfer is told.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// The model, and the engine where that is brought in an archive.
pub(super) async fn transfer(run: &Run) -> Result<String, String> {
    let note = transfer_model(run).await?;
    match &run.plan.deployment {
        Deployment::Process {
            archive: Some(path),
            ..
        } => {
            let engine = bring_archive(run, Path::new(path)).await?;
            Ok(format!("{note} {engine}"))
        }
        _ => Ok(note),
    }
}

async fn transfer_model(run: &Run) -> Result<String, String> {
    match &run.plan.model.source {
        ModelSource::LocalPath { path } if run.plan.is_docker_only() => Ok(format!(
            "Docker alone takes no files: {path} has to lie at the same path on the machine, and is mounted from there."
        )),
        ModelSource::LocalPath { path } => match measure(Path::new(path)).await {
            Ok(_) if run.plan.is_far() => send_model(run, Path::new(path)).await,
            Ok(bytes) => Ok(format!("{path} is there: {}.", bytes_in_words(bytes))),
            Err(error) => Err(why_unreadable(Path::new(path), &error)),
        },
        ModelSource::HuggingFace { .. } => Ok("The engine loads it from Hugging Face.".to_owned()),
        ModelSource::Cloud { .. } => Ok("A provider serves it.".to_owned()),
        ModelSource::Served => Ok("The engine's own command says what it serves.".to_owned()),
        ModelSource::Reference => Ok("The reference engine runs no model.".to_owned()),
    }
}

/// Brings the model to the run's far machine. What is there already is not sent again.
async fn send_model(run: &Run, path: &Path) -> Result<String, String> {
    let Node::Far(session) = run.node().await? else {
        return Err("the node is this machine".to_owned());
    };
    let folder = run.far_models(&session).await?;
    let files = files_of(path)
        .await
        .map_err(|error| why_unreadable(path, &error))?;
    run.log(format!(
        "Comparing {} with what {} has.",
        path.display(),
        session.place()
    ))
    .await;
    let began = Instant::now();
    let (mut total, mut sent) = (0, 0);
    for file in files {
        let name = file
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| format!("the name of {} is not UTF-8", file.display()))?;
        let far = format!("{folder}/{name}");
        let mut tell = teller(run);
        let result = if file.is_dir() {
            session.send_folder(&file, &far, &mut tell).await
        } else {
            session.send_file(&file, &far, None, &mut tell).await
        };
        let result = result.map_err(|error| error.to_string())?;
        total += result.total;
        sent += result.sent;
    }
    let whole = bytes_in_words(total);
    let seconds = began.elapsed().as_secs_f64();
    let place = session.place();
    Ok(if sent == 0 {
        format!("{place} has it already: {whole}, compared by SHA-256 in {seconds:.1} s.")
    } else {
        format!(
            "{} of {whole} were sent to {place} in {seconds:.1} s and compared by SHA-256.",
            bytes_in_words(sent)
        )
    })
}

/// Tells how far the sending of a file is, not too often.
pub(super) fn teller(run: &Run) -> impl FnMut(ssh::Progress) {
    let mut told_at: Option<Instant> = None;
    move |progress| {
        if told_at.is_some_and(|at| at.elapsed() < TELL_EVERY) {
            return;
        }
        told_at = Some(Instant::now());
        // A full queue only loses a step of the progress.
        let _ = run.messages.try_send(progress_of(progress));
    }
}

/// The file or folder of a model, and the further files of one that is split
/// (`NAME-00001-of-00003.gguf`).
async fn files_of(path: &Path) -> io::Result<Vec<PathBuf>> {
    let whole = vec![path.to_path_buf()];
    let Some((folder, (prefix, suffix))) = path.parent().zip(split_name(path)) else {
        return Ok(whole);
    };
    let mut parts = Vec::new();
    let mut entries = fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        let part = entry.path();
        if split_name(&part) == Some((prefix.clone(), suffix.clone())) {
            parts.push(part);
        }
    }
    parts.sort();
    Ok(if parts.is_empty() { whole } else { parts })
}

/// What the parts of a split file have in common: what stands before the number, and after it.
fn split_name(path: &Path) -> Option<(String, String)> {
    let name = path.file_name()?.to_str()?;
    let (before, count) = name.rsplit_once("-of-")?;
    let (prefix, number) = before.rsplit_once('-')?;
    let is_number = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    let count_number = count.strip_suffix(".gguf")?;
    (is_number(number) && is_number(count_number)).then(|| (prefix.to_owned(), count.to_owned()))
}

fn progress_of(progress: ssh::Progress) -> Message {
    Message::Event(RunEvent::Progress {
        stage: Stage::TransferModel,
        progress: StageProgress {
            what: progress.file,
            done_bytes: progress.done,
            total_bytes: progress.total,
            done_parts: 0,
            parts: 0,
        },
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_split_model_is_all_its_parts() {
        let folder = testkit::data_dir();
        let path = |name: &str| folder.path().join(name);
        for name in [
            "m-00001-of-00002.gguf",
            "m-00002-of-00002.gguf",
            "m-00001-of-00003.gguf",
            "other.gguf",
        ] {
            std::fs::write(path(name), b"x").unwrap();
        }
        let parts = files_of(&path("m-00001-of-00002.gguf")).await.unwrap();
        let both = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"].map(path);
        assert_eq!(parts, both);
        assert_eq!(
            files_of(&path("other.gguf")).await.unwrap(),
            [path("other.gguf")]
        );
    }
}
