//! The import of a file: read, counted, written in the canonical form, and kept under its digest.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::dataset::{
    DatasetFormat, DatasetRow, LengthCounts, ROWS_MAX, RejectedRow, Rejections, RowDraft,
};
use domain::id::DatasetId;
use domain::workload::lengths::LENGTH_TOKENS_MAX;
use store::{ImportedDataset, StoreError};
use tempfile::NamedTempFile;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{MissedTickBehavior, interval};

use super::desk::Progress;
use super::file;
use super::records::{ReadError, Records};
use super::tokens::TokenCounter;
use crate::{Ctx, ServiceError};

/// How often it is written down how far an import is.
const PROGRESS_EVERY: Duration = Duration::from_millis(400);
/// Rows whose tokens are counted at once, at most.
const BATCH_ROWS_MAX: usize = 512;
/// Text whose tokens are counted at once, about, in bytes.
const BATCH_BYTES: usize = 512 * 1024;
/// What a fault of the machine is called; its cause goes to the log.
const FAULT: &str = "The file could not be imported: something went wrong on the server. The server's log has the cause.";

/// An import that is about to begin.
pub(super) struct Import {
    pub(super) ctx: Ctx,
    pub(super) id: DatasetId,
    pub(super) format: DatasetFormat,
    /// The uploaded file; it goes with this.
    pub(super) path: tempfile::TempPath,
    pub(super) tokenizer_path: Option<String>,
    pub(super) progress: Arc<Progress>,
    pub(super) _place: OwnedSemaphorePermit,
}

/// Goes on without the one who asked for it.
pub(super) fn spawn_import(import: Import) {
    tokio::spawn(run_import(import));
}

/// Runs an import to its end, whatever that is: it stands in the dataset's row.
pub(super) async fn run_import(import: Import) {
    let (ctx, id) = (import.ctx.clone(), import.id);
    let ended = carry_out(&import).await;
    ctx.datasets.end(id);
    if let Err(error) = ended {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            dataset = %id,
            "an import could not be written down"
        );
    }
}

async fn carry_out(import: &Import) -> Result<(), ServiceError> {
    let Import {
        ctx, id, progress, ..
    } = import;
    let reading = {
        let (path, format) = (import.path.to_path_buf(), import.format);
        let tokenizer_path = import.tokenizer_path.clone().map(PathBuf::from);
        let (folder, progress) = (file::folder(ctx), Arc::clone(progress));
        let ctx = ctx.clone();
        async move {
            let _turn = ctx.datasets.take_turn().await;
            let read = move || {
                let counter = match &tokenizer_path {
                    Some(path) => TokenCounter::load(path).map_err(Failure::refused)?,
                    None => TokenCounter::Estimate,
                };
                read_file(&path, format, &counter, &folder, &progress)
            };
            tokio::task::spawn_blocking(read).await
        }
    };
    let mut reading = std::pin::pin!(reading);
    let mut ticks = interval(PROGRESS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let read = loop {
        tokio::select! {
            read = &mut reading => break read,
            _ = ticks.tick() => save_progress(import).await?,
        }
    };
    match read {
        Ok(Ok(canonical)) => keep(import, canonical).await,
        Ok(Err(failure)) => fail(import, failure).await,
        Err(error) => {
            tracing::error!(%error, dataset = %id, "an import broke off");
            fail(import, Failure::refused(FAULT.to_owned())).await
        }
    }
}

async fn save_progress(import: &Import) -> Result<(), ServiceError> {
    let progress = &import.progress;
    let saved = import.ctx.store.save_import_progress(
        import.id,
        progress.read_bytes.load(Ordering::Relaxed),
        progress.row_count.load(Ordering::Relaxed),
        progress.rejected_count.load(Ordering::Relaxed),
        import.ctx.now(),
    );
    match saved.await {
        // Somebody deleted the dataset, perhaps at another server.
        Err(StoreError::NotFound) => progress.cancel(),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "could not write down how far an import is"
            );
        }
        Ok(()) => {}
    }
    Ok(())
}

/// Keeps the canonical file and makes the dataset ready.
async fn keep(import: &Import, canonical: Canonical) -> Result<(), ServiceError> {
    let Import { ctx, id, .. } = import;
    let put = {
        let _guard = ctx.datasets.canonical_files.lock().await;
        let put = ctx.store.put_dataset_file(canonical.file.path()).await;
        let Ok((sha256, bytes)) = put else {
            let cause = put.err().map(ServiceError::from);
            tracing::error!(?cause, dataset = %id, "a canonical file could not be kept");
            return fail(import, Failure::refused(FAULT.to_owned())).await;
        };
        let imported = ImportedDataset {
            sha256: sha256.clone(),
            bytes,
            row_count: canonical.row_count,
            has_multi_turn: canonical.has_multi_turn,
            input: canonical.input,
            output: canonical.output,
            rejections: canonical.rejections,
        };
        ctx.store
            .finish_import(*id, &imported)
            .await
            .map_err(|error| (error, sha256))
    };
    match put {
        Ok(()) => Ok(()),
        Err((StoreError::NotFound, sha256)) => file::remove_unused(ctx, &sha256).await,
        Err((error, sha256)) => {
            file::remove_unused(ctx, &sha256).await?;
            Err(error.into())
        }
    }
}

async fn fail(import: &Import, failure: Failure) -> Result<(), ServiceError> {
    let Failure {
        message,
        rejections,
    } = failure;
    let failed = import
        .ctx
        .store
        .fail_import(import.id, &message, &rejections)
        .await;
    match failed {
        Ok(()) | Err(StoreError::NotFound) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Why a file was not imported.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) rejections: Rejections,
}

impl Failure {
    fn refused(message: String) -> Self {
        Self {
            message,
            rejections: Rejections::default(),
        }
    }
}

/// A file in the canonical form; it goes when this is dropped.
#[derive(Debug)]
pub(super) struct Canonical {
    pub(super) file: NamedTempFile,
    pub(super) row_count: u32,
    pub(super) has_multi_turn: bool,
    pub(super) input: LengthCounts,
    pub(super) output: LengthCounts,
    pub(super) rejections: Rejections,
}

/// Reads a file row by row. Blocks, for seconds to minutes.
pub(super) fn read_file(
    path: &Path,
    format: DatasetFormat,
    counter: &TokenCounter,
    folder: &Path,
    progress: &Progress,
) -> Result<Canonical, Failure> {
    let file = file::new_file(folder, "rows-").map_err(|error| fault(&error))?;
    let mut rows = Rows {
        writer: BufWriter::new(file),
        counter,
        batch: Vec::new(),
        batch_bytes: 0,
        row_count: 0,
        has_multi_turn: false,
        input: LengthCounts::default(),
        output: LengthCounts::default(),
    };
    let mut rejections = Rejections::default();
    match read_rows(path, format, progress, &mut rows, &mut rejections) {
        Ok(()) if rows.row_count == 0 => Err(Failure {
            message: nothing_usable(&rejections),
            rejections,
        }),
        Ok(()) => rows.into_canonical(rejections),
        Err(message) => Err(Failure {
            message,
            rejections,
        }),
    }
}

fn nothing_usable(rejections: &Rejections) -> String {
    match rejections.examples.first() {
        None => "The file holds no rows.".to_owned(),
        Some(first) => format!(
            "No row of the file can be used: {} rejected. Line {}: {}",
            rejections.total(),
            first.line,
            first.in_words()
        ),
    }
}

fn read_rows(
    path: &Path,
    format: DatasetFormat,
    progress: &Progress,
    rows: &mut Rows<'_>,
    rejections: &mut Rejections,
) -> Result<(), String> {
    let mut records = Records::open(path, format).map_err(in_words)?;
    let mut taken_count: u32 = 0;
    while let Some(record) = records.next().map_err(in_words)? {
        if progress.is_cancelled() {
            return Err("The import was ended before it was done.".to_owned());
        }
        match record.row {
            Ok(row) => {
                taken_count += 1;
                if taken_count > ROWS_MAX {
                    return Err(format!(
                        "The file has more than {ROWS_MAX} rows. Split it, or leave rows out."
                    ));
                }
                rows.add(record.line, row)?;
            }
            Err(unreadable) => rejections.add(RejectedRow {
                line: record.line,
                reason: unreadable.reason,
                detail: unreadable.detail,
            }),
        }
        progress
            .read_bytes
            .store(records.read_bytes(), Ordering::Relaxed);
        progress.row_count.store(taken_count, Ordering::Relaxed);
        progress
            .rejected_count
            .store(rejections.total(), Ordering::Relaxed);
    }
    rows.count_batch()
}

fn in_words(error: ReadError) -> String {
    match error {
        ReadError::Refused(message) => message,
        ReadError::File(error) => fault(&error).message,
    }
}

fn fault(error: &(dyn std::error::Error + 'static)) -> Failure {
    tracing::error!(error, "a file could not be imported");
    Failure::refused(FAULT.to_owned())
}

/// Rows on their way into the canonical file, counted in batches.
struct Rows<'a> {
    writer: BufWriter<NamedTempFile>,
    counter: &'a TokenCounter,
    batch: Vec<(u32, RowDraft)>,
    batch_bytes: usize,
    row_count: u32,
    has_multi_turn: bool,
    input: LengthCounts,
    output: LengthCounts,
}

impl Rows<'_> {
    fn add(&mut self, line: u32, row: RowDraft) -> Result<(), String> {
        let contents = row.messages.iter().map(|message| message.content.len());
        self.batch_bytes += contents.sum::<usize>() + row.answer.as_ref().map_or(0, String::len);
        self.batch.push((line, row));
        if self.batch.len() >= BATCH_ROWS_MAX || self.batch_bytes >= BATCH_BYTES {
            self.count_batch()?;
        }
        Ok(())
    }

    fn count_batch(&mut self) -> Result<(), String> {
        self.batch_bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        let mut texts: Vec<&str> = Vec::with_capacity(batch.len() * 2);
        for (_, row) in &batch {
            texts.extend(row.messages.iter().map(|message| message.content.as_str()));
            texts.extend(counted_answer(row));
        }
        let mut counts = self.counter.count_all(texts)?.into_iter();
        for (line, row) in batch {
            let has_counted_answer = counted_answer(&row).is_some();
            let of_messages = counts.by_ref().take(row.messages.len());
            let input_tokens = of_messages.fold(0, u32::saturating_add);
            let of_answer = if has_counted_answer {
                counts.next().filter(|tokens| *tokens > 0)
            } else {
                None
            };
            let output_tokens = row
                .output_tokens
                .or(of_answer)
                .map(|tokens| tokens.min(LENGTH_TOKENS_MAX));
            self.write(&DatasetRow {
                line,
                messages: row.messages,
                input_tokens,
                output_tokens,
            })?;
        }
        Ok(())
    }

    fn write(&mut self, row: &DatasetRow) -> Result<(), String> {
        self.row_count += 1;
        self.has_multi_turn |= row.is_multi_turn();
        self.input.add(row.input_tokens);
        if let Some(tokens) = row.output_tokens {
            self.output.add(tokens);
        }
        let text = serde_json::to_vec(row).map_err(|error| fault(&error).message)?;
        let written = self
            .writer
            .write_all(&text)
            .and_then(|()| self.writer.write_all(b"\n"));
        written.map_err(|error| fault(&error).message)
    }

    fn into_canonical(self, rejections: Rejections) -> Result<Canonical, Failure> {
        let file = self.writer.into_inner();
        Ok(Canonical {
            file: file.map_err(|error| fault(error.error()))?,
            row_count: self.row_count,
            has_multi_turn: self.has_multi_turn,
            input: self.input,
            output: self.output,
            rejections,
        })
    }
}

/// The reference answer, where its tokens are wanted.
fn counted_answer(row: &RowDraft) -> Option<&str> {
    match row.output_tokens {
        Some(_) => None,
        None => row.answer.as_deref(),
    }
}
