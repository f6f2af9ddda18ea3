//! Forms of the registry, as typed, and what they mean.

use serde::{Deserialize, Serialize};

use super::DatasetFormat;
use crate::catalogue::{Model, Shown};
use crate::field::{FieldErrors, optional_text, required_text};
use crate::id::ModelId;

/// Longest name, in characters.
const NAME_CHARS_MAX: u32 = 200;
/// Longest description, in characters.
const DESCRIPTION_CHARS_MAX: u32 = 2_000;
/// What the field of the tokenizer holds when none was chosen.
const ESTIMATE: &str = "estimate";
/// What the field of the format holds when the file should tell.
const AUTO: &str = "auto";

/// What goes with an uploaded file, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DatasetForm {
    /// Name shown; empty takes the file's.
    pub name: String,
    /// Free text.
    pub description: String,
    /// `jsonl`, `sharegpt`, `alpaca`, `csv`, or `auto` (or empty): the file tells.
    pub format: String,
    /// Id of a model whose tokenizer counts, or `estimate` (or empty).
    pub tokenizer: String,
    /// Name of the file, as the browser tells it.
    pub file_name: String,
}

/// Which tokenizer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenizerChoice {
    /// None: one token for each word.
    Estimate,
    /// That of a model.
    Model(ModelId),
}

/// A checked [`DatasetForm`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDataset {
    /// Name shown.
    pub name: String,
    /// Free text.
    pub description: String,
    /// The format; `None`: the file tells.
    pub format: Option<DatasetFormat>,
    /// Which tokenizer counts.
    pub tokenizer: TokenizerChoice,
    /// Name of the file.
    pub file_name: String,
}

impl DatasetForm {
    /// Checks every field but the file.
    pub fn validate(&self) -> Result<NewDataset, FieldErrors> {
        let mut errors = FieldErrors::default();
        let file_name = plain_file_name(&self.file_name);
        let name = if self.name.trim().is_empty() {
            stem_of(&file_name)
        } else {
            self.name.as_str()
        };
        let name = errors.check("name", required_text(name, "a name", NAME_CHARS_MAX));
        let description = errors.check(
            "description",
            optional_text(&self.description, "the description", DESCRIPTION_CHARS_MAX),
        );
        let format = match self.format.trim() {
            "" | AUTO => Some(None),
            text => DatasetFormat::parse(text).map(Some),
        };
        if format.is_none() {
            errors.add(
                "format",
                "Choose one of auto, jsonl, sharegpt, alpaca and csv.",
            );
        }
        let tokenizer = match self.tokenizer.trim() {
            "" | ESTIMATE => Some(TokenizerChoice::Estimate),
            id => id.parse().ok().map(TokenizerChoice::Model),
        };
        if tokenizer.is_none() {
            errors.add(
                "tokenizer",
                "Choose a model with a tokenizer, or the estimate.",
            );
        }
        let (Some(name), Some(description), Some(format), Some(tokenizer)) =
            (name, description, format, tokenizer)
        else {
            return Err(errors);
        };
        errors.into_result(NewDataset {
            name,
            description,
            format,
            tokenizer,
            file_name,
        })
    }
}

/// The last part of a path, without what cannot be shown.
fn plain_file_name(text: &str) -> String {
    let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars()
        .filter(|c| !c.is_control())
        .take(NAME_CHARS_MAX as usize)
        .collect::<String>()
        .trim()
        .to_owned()
}

fn stem_of(file_name: &str) -> &str {
    file_name
        .rsplit_once('.')
        .map_or(file_name, |(stem, _)| stem)
}

/// Whether a model's tokenizer can count the tokens of a dataset.
fn has_tokenizer(model: &Model) -> bool {
    !model.tokenizer_path.is_empty()
}

impl TokenizerChoice {
    /// The models that can be chosen.
    pub fn choices(models: &[Model]) -> impl Iterator<Item = &Model> {
        models.iter().filter(|model| has_tokenizer(model))
    }
}

/// What can be changed of a dataset, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DatasetEdit {
    /// Name shown.
    pub name: String,
    /// Free text.
    pub description: String,
}

impl DatasetEdit {
    /// The same with every field checked and trimmed.
    pub fn validate(&self) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.check("name", required_text(&self.name, "a name", NAME_CHARS_MAX));
        let description = errors.check(
            "description",
            optional_text(&self.description, "the description", DESCRIPTION_CHARS_MAX),
        );
        errors.into_result(Self {
            name: name.unwrap_or_default(),
            description: description.unwrap_or_default(),
        })
    }
}

/// What the registry shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DatasetQuery {
    /// Part of the name, the description or the file's name; empty for all.
    pub search: String,
    /// Whether archived ones are shown.
    pub shown: Shown,
    /// Page from 1.
    pub page: u32,
    /// Datasets of a page, 1 to [`Self::PAGE_SIZE_MAX`].
    pub page_size: u32,
}

impl DatasetQuery {
    /// Most datasets of one page.
    pub const PAGE_SIZE_MAX: u32 = 200;
}

impl Default for DatasetQuery {
    fn default() -> Self {
        Self {
            search: String::new(),
            shown: Shown::InUse,
            page: 1,
            page_size: 50,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lends_its_name() {
        let form = DatasetForm {
            file_name: "C:\\data\\My chats.v2.jsonl".to_owned(),
            ..DatasetForm::default()
        };
        let new = form.validate().unwrap();
        assert_eq!(new.name, "My chats.v2");
        assert_eq!(new.file_name, "My chats.v2.jsonl");
        assert_eq!(
            (new.format, new.tokenizer),
            (None, TokenizerChoice::Estimate)
        );
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let form = DatasetForm {
            format: "parquet".to_owned(),
            tokenizer: "gpt2".to_owned(),
            description: "x".repeat(2_001),
            ..DatasetForm::default()
        };
        let errors = form.validate().unwrap_err();
        for field in ["name", "description", "format", "tokenizer"] {
            assert!(errors.at(field).is_some(), "{field}");
        }
        assert!(
            DatasetEdit::default()
                .validate()
                .unwrap_err()
                .at("name")
                .is_some()
        );
    }
}
