//! A file on its way in: received piece by piece, then handed to its import.

use domain::access::Role;
use domain::dataset::{
    Dataset, DatasetForm, DatasetFormat, DatasetState, FILE_BYTES_MAX, NewDataset, Rejections,
    TokenizerChoice, TokenizerUsed,
};
use domain::field::FieldErrors;
use domain::id::{DatasetId, UserId};
use sha2::{Digest, Sha256};
use tempfile::TempPath;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::sync::OwnedSemaphorePermit;

use super::file;
use super::import::{Import, spawn_import};
use super::tokens::TokenCounter;
use crate::error::name_taken;
use crate::{Actor, Ctx, ServiceError};

/// Bytes that are looked at to find out the format.
const HEAD_BYTES: usize = 4_096;

/// A file on its way in. Dropped before [`Upload::finish`], it leaves nothing behind.
pub struct Upload {
    ctx: Ctx,
    owner: Option<UserId>,
    new: NewDataset,
    is_builtin: bool,
    tokenizer: TokenizerUsed,
    tokenizer_path: Option<String>,
    file: File,
    path: TempPath,
    hasher: Sha256,
    bytes: u64,
    head: Vec<u8>,
    place: OwnedSemaphorePermit,
}

/// Checks who asks and what goes with the file, before any of it is taken. `announced_bytes` is the
/// size the sender tells, if it does.
pub async fn begin_upload(
    ctx: &Ctx,
    actor: &Actor,
    form: &DatasetForm,
    announced_bytes: Option<u64>,
) -> Result<Upload, ServiceError> {
    actor.require(Role::Operator, "import datasets")?;
    if announced_bytes.is_some_and(|bytes| bytes > FILE_BYTES_MAX) {
        return Err(too_large());
    }
    let new = form.validate()?;
    if ctx.store.is_dataset_name_taken(&new.name).await? {
        return Err(name_taken("dataset")(store::StoreError::Conflict(
            String::new(),
        )));
    }
    let (tokenizer, tokenizer_path) = find_tokenizer(ctx, new.tokenizer).await?;
    receive(ctx, Some(actor.person.id), new, tokenizer, tokenizer_path).await
}

/// A place and a file for what comes in.
pub(super) async fn receive(
    ctx: &Ctx,
    owner: Option<UserId>,
    new: NewDataset,
    tokenizer: TokenizerUsed,
    tokenizer_path: Option<String>,
) -> Result<Upload, ServiceError> {
    let place = ctx.datasets.take_place()?;
    if ctx.datasets.is_stopping() {
        return Err(ServiceError::Unavailable(
            "The server is about to stop.".to_owned(),
        ));
    }
    let folder = file::folder(ctx);
    let made = tokio::task::spawn_blocking(move || file::new_file(&folder, "upload-"));
    let made = made.await.map_err(ServiceError::internal)?;
    let (file, path) = made.map_err(ServiceError::internal)?.into_parts();
    Ok(Upload {
        ctx: ctx.clone(),
        owner,
        new,
        is_builtin: owner.is_none(),
        tokenizer,
        tokenizer_path,
        file: File::from_std(file),
        path,
        hasher: Sha256::new(),
        bytes: 0,
        head: Vec::new(),
        place,
    })
}

/// The chosen tokenizer with its path. It is read once here, so that what cannot be used is said
/// before a large file travels.
async fn find_tokenizer(
    ctx: &Ctx,
    choice: TokenizerChoice,
) -> Result<(TokenizerUsed, Option<String>), ServiceError> {
    let TokenizerChoice::Model(id) = choice else {
        return Ok((TokenizerUsed::Estimate, None));
    };
    let at_field = |message: String| ServiceError::from(FieldErrors::one("tokenizer", message));
    let model = ctx.store.find_model(id).await?;
    let model = model.filter(|model| !model.tokenizer_path.is_empty());
    let Some(model) = model else {
        return Err(at_field(
            "This model is not in the catalogue, or has no tokenizer. Choose another.".to_owned(),
        ));
    };
    let path = model.tokenizer_path.clone();
    let loaded = tokio::task::spawn_blocking(move || TokenCounter::load(path.as_ref()).map(drop));
    let loaded = loaded.await.map_err(ServiceError::internal)?;
    loaded.map_err(at_field)?;
    let used = TokenizerUsed::Model {
        model_id: model.id,
        name: model.name,
    };
    Ok((used, Some(model.tokenizer_path)))
}

impl Upload {
    /// Takes the next piece.
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), ServiceError> {
        self.bytes += piece.len() as u64;
        if self.bytes > FILE_BYTES_MAX {
            return Err(too_large());
        }
        let room = HEAD_BYTES.saturating_sub(self.head.len());
        self.head.extend(piece.iter().take(room));
        self.hasher.update(piece);
        let written = self.file.write_all(piece).await;
        written.map_err(ServiceError::internal)
    }

    /// Says that the file is whole. It is imported from now on; the answer is its dataset as it
    /// stands.
    pub async fn finish(self) -> Result<Dataset, ServiceError> {
        let (dataset, import) = self.hand_over().await?;
        spawn_import(import);
        Ok(dataset)
    }

    /// The row of the dataset, and what its import needs.
    pub(super) async fn hand_over(mut self) -> Result<(Dataset, Import), ServiceError> {
        self.file.flush().await.map_err(ServiceError::internal)?;
        if self.bytes == 0 {
            let message = "The file is empty. Choose another.";
            return Err(FieldErrors::one("file", message).into());
        }
        let detected = || DatasetFormat::detect(&self.new.file_name, &self.head);
        let Some(format) = self.new.format.or_else(detected) else {
            let message = "The file does not tell its format. Choose it.";
            return Err(FieldErrors::one("format", message).into());
        };
        let dataset = Dataset {
            id: DatasetId(self.ctx.new_id()),
            name: self.new.name,
            description: self.new.description,
            format,
            state: DatasetState::Importing,
            failure: None,
            file_name: self.new.file_name,
            file_sha256: format!("{:x}", self.hasher.finalize()),
            file_bytes: self.bytes,
            read_bytes: 0,
            sha256: None,
            bytes: 0,
            row_count: 0,
            rejected_count: 0,
            has_multi_turn: false,
            tokenizer: self.tokenizer,
            input: None,
            output: None,
            rejections: Rejections::default(),
            is_builtin: self.is_builtin,
            owner_name: None,
            created_at: self.ctx.now(),
            archived_at: None,
        };
        let importer = &self.ctx.facts.runner_name;
        let inserted = self
            .ctx
            .store
            .insert_dataset(&dataset, self.owner, importer)
            .await;
        inserted.map_err(name_taken("dataset"))?;
        let import = Import {
            progress: self.ctx.datasets.begin(dataset.id),
            ctx: self.ctx,
            id: dataset.id,
            format,
            path: self.path,
            tokenizer_path: self.tokenizer_path,
            _place: self.place,
        };
        Ok((dataset, import))
    }
}

fn too_large() -> ServiceError {
    ServiceError::TooLarge(format!(
        "The file is larger than {} MB. Split it, or leave rows out.",
        FILE_BYTES_MAX / 1_000_000
    ))
}
