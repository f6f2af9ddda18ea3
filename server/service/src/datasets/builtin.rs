//! The dataset that comes with the product, so that benchmarks with datasets work at once.

use domain::dataset::{DatasetFormat, NewDataset, TokenizerChoice, TokenizerUsed};
use domain::field::FieldErrors;
use sha2::{Digest, Sha256};

use super::import::run_import;
use super::upload::receive;
use crate::{Ctx, ServiceError};

/// Its name. A changed file gets a new edition, because results cite the one they used.
pub const BUILTIN_NAME: &str = "Built-in prompts, edition 1";
const BUILTIN_DESCRIPTION: &str = "Prompts written for Assay: chat, code, summaries, extraction, mathematics, writing and conversations of several turns, each with a length of answer. Licensed with the product.";
const BUILTIN_FILE_NAME: &str = "builtin.jsonl";
/// Written for this project, and licensed with it.
const BUILTIN_FILE: &[u8] = include_bytes!("builtin.jsonl");

/// Imports it unless it is there, in use or archived.
pub(super) async fn ensure(ctx: &Ctx) -> Result<(), ServiceError> {
    let sha256 = format!("{:x}", Sha256::digest(BUILTIN_FILE));
    if ctx.store.has_builtin_dataset(&sha256).await? {
        return Ok(());
    }
    let new = NewDataset {
        name: BUILTIN_NAME.to_owned(),
        description: BUILTIN_DESCRIPTION.to_owned(),
        format: Some(DatasetFormat::Jsonl),
        tokenizer: TokenizerChoice::Estimate,
        file_name: BUILTIN_FILE_NAME.to_owned(),
    };
    let mut upload = receive(ctx, None, new, TokenizerUsed::Estimate, None).await?;
    upload.write(BUILTIN_FILE).await?;
    match upload.hand_over().await {
        Ok((_, import)) => run_import(import).await,
        // Another server on the same database was first, or a person took the name.
        Err(ServiceError::Invalid(FieldErrors(errors))) => {
            tracing::info!(?errors, "the built-in dataset was not imported");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}
