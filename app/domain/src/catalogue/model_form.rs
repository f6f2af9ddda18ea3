//! The form of a model.

use serde::{Deserialize, Serialize};

use super::model::{Model, ModelSource};
use crate::field::{FieldErrors, decimal_number, optional_text, required_text};
use crate::finite::Finite;
use crate::workload::TokenPrice;

/// A model's form, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelForm {
    /// Name shown.
    pub name: String,
    /// Name sent in requests; empty means the same as `name`, of a cloud model that at its provider.
    pub served_name: String,
    /// `served`, `hugging_face`, `local_path` or `cloud`.
    pub source: String,
    /// Hugging Face repository.
    pub repository: String,
    /// Hugging Face revision.
    pub revision: String,
    /// Path of a local model.
    pub path: String,
    /// Provider of a cloud model.
    pub provider: String,
    /// Name of a cloud model at its provider.
    pub cloud_model: String,
    /// US dollars a cloud model's provider charges for a million tokens of prompts; empty: not known.
    pub input_price: String,
    /// The same for answers.
    pub output_price: String,
    /// Path of a tokenizer.
    pub tokenizer_path: String,
    /// Free text.
    pub description: String,
}

/// Highest price of a million tokens, in US dollars.
const PRICE_MAX: f64 = 1e6;

/// A checked [`ModelForm`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewModel {
    /// Name shown.
    pub name: String,
    /// Name sent in requests.
    pub served_name: String,
    /// Where it comes from.
    pub source: ModelSource,
    /// Path of a tokenizer or empty.
    pub tokenizer_path: String,
    /// Free text.
    pub description: String,
}

impl ModelForm {
    /// The form of an existing model.
    pub fn of(model: &Model) -> Self {
        let mut form = Self {
            name: model.name.clone(),
            served_name: model.served_name.clone(),
            source: model.source.kind().to_owned(),
            tokenizer_path: model.tokenizer_path.clone(),
            description: model.description.clone(),
            ..Self::default()
        };
        match &model.source {
            ModelSource::HuggingFace {
                repository,
                revision,
            } => {
                form.repository.clone_from(repository);
                form.revision.clone_from(revision);
            }
            ModelSource::LocalPath { path } => form.path.clone_from(path),
            ModelSource::Cloud {
                provider,
                model,
                price,
            } => {
                form.provider.clone_from(provider);
                form.cloud_model.clone_from(model);
                if let Some(price) = price {
                    form.input_price = price.input_per_million.to_string();
                    form.output_price = price.output_per_million.to_string();
                }
            }
            ModelSource::Served | ModelSource::Reference => {}
        }
        form
    }

    /// Checks every field.
    pub fn validate(&self) -> Result<NewModel, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.check("name", required_text(&self.name, "a name", 200));
        let served_name = errors.check(
            "served_name",
            optional_text(&self.served_name, "the served name", 300),
        );
        let description = errors.check(
            "description",
            optional_text(&self.description, "the description", 2_000),
        );
        let tokenizer_path = errors.check(
            "tokenizer_path",
            optional_text(&self.tokenizer_path, "the tokenizer path", 1_000),
        );
        if tokenizer_path
            .as_deref()
            .is_some_and(|path| !path.is_empty() && !path.starts_with('/'))
        {
            errors.add(
                "tokenizer_path",
                "Give an absolute path to tokenizer.json or its folder.",
            );
        }
        let source = match self.source.as_str() {
            "served" => Some(ModelSource::Served),
            "hugging_face" => self.validate_hugging_face(&mut errors),
            "local_path" => {
                let path =
                    errors.check("path", required_text(&self.path, "the model's path", 1_000));
                if path.as_deref().is_some_and(|path| !path.starts_with('/')) {
                    errors.add("path", "Give an absolute path on the node.");
                }
                path.map(|path| ModelSource::LocalPath { path })
            }
            "cloud" => self.validate_cloud(&mut errors),
            "reference" => Some(ModelSource::Reference),
            _ => {
                errors.add("source", "Choose where the model comes from.");
                None
            }
        };
        let (Some(name), Some(served_name), Some(description), Some(tokenizer_path), Some(source)) =
            (name, served_name, description, tokenizer_path, source)
        else {
            return Err(errors);
        };
        let served_name = match &source {
            _ if !served_name.is_empty() => served_name,
            ModelSource::Cloud { model, .. } => model.clone(),
            _ => name.clone(),
        };
        errors.into_result(NewModel {
            name,
            served_name,
            source,
            tokenizer_path,
            description,
        })
    }

    fn validate_cloud(&self, errors: &mut FieldErrors) -> Option<ModelSource> {
        let provider = errors.check(
            "provider",
            required_text(&self.provider, "the provider", 100),
        );
        let model = errors.check(
            "cloud_model",
            required_text(&self.cloud_model, "the model's name at the provider", 300),
        );
        let input = errors.check("input_price", parse_price(&self.input_price));
        let output = errors.check("output_price", parse_price(&self.output_price));
        let price = match (input?, output?) {
            (Some(input_per_million), Some(output_per_million)) => Some(TokenPrice {
                input_per_million,
                output_per_million,
            }),
            (None, None) => None,
            (None, Some(_)) => {
                errors.add("input_price", "Give both prices, or none.");
                None
            }
            (Some(_), None) => {
                errors.add("output_price", "Give both prices, or none.");
                None
            }
        };
        Some(ModelSource::Cloud {
            provider: provider?,
            model: model?,
            price,
        })
    }

    fn validate_hugging_face(&self, errors: &mut FieldErrors) -> Option<ModelSource> {
        let repository = errors.check(
            "repository",
            required_text(&self.repository, "the repository", 200),
        )?;
        let is_segment = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        };
        let fits = repository
            .split_once('/')
            .is_some_and(|(a, b)| is_segment(a) && is_segment(b));
        if !fits {
            errors.add("repository", "Give it as organisation/name.");
        }
        let revision = errors.check(
            "revision",
            optional_text(&self.revision, "the revision", 100),
        )?;
        Some(ModelSource::HuggingFace {
            repository,
            revision,
        })
    }
}

fn parse_price(text: &str) -> Result<Option<Finite>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    decimal_number(text, "the price", 0.0, PRICE_MAX).map(Finite::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ModelId;
    use crate::time::Timestamp;

    fn of(source: &str) -> ModelForm {
        ModelForm {
            name: "Tiny".to_owned(),
            source: source.to_owned(),
            ..ModelForm::default()
        }
    }

    #[test]
    fn a_repository_has_two_parts() {
        let form = ModelForm {
            repository: "org/tiny".to_owned(),
            ..of("hugging_face")
        };
        assert_eq!(form.validate().unwrap().served_name, "Tiny");
        let bad = ModelForm {
            repository: "tiny".to_owned(),
            ..form
        };
        assert_eq!(
            bad.validate().unwrap_err().at("repository"),
            Some("Give it as organisation/name.")
        );
        let nothing = ModelForm::default().validate().unwrap_err();
        assert!(nothing.at("source").is_some());
    }

    #[test]
    fn a_cloud_model_is_asked_for_by_its_name_there() {
        let errors = of("cloud").validate().unwrap_err();
        assert!(errors.at("provider").is_some() && errors.at("cloud_model").is_some());
        let form = ModelForm {
            provider: "openai".to_owned(),
            cloud_model: "gpt-4o-mini".to_owned(),
            ..of("cloud")
        };
        let new = form.validate().unwrap();
        assert_eq!(new.served_name, "gpt-4o-mini");
        assert!(new.source.is_cloud());
        let half = ModelForm {
            input_price: "0.15".to_owned(),
            ..form
        };
        let errors = half.validate().unwrap_err();
        assert_eq!(
            errors.at("output_price"),
            Some("Give both prices, or none.")
        );
    }

    #[test]
    fn a_cloud_model_stored_before_prices_is_read() {
        let stored = r#"{"kind":"cloud","provider":"openai","model":"gpt"}"#;
        let source: ModelSource = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&source).unwrap(), stored);
    }

    #[test]
    fn every_source_round_trips_through_the_form() {
        let (text, path) = ("x".to_owned(), "/x".to_owned());
        for source in [
            ModelSource::Served,
            ModelSource::Reference,
            ModelSource::LocalPath { path },
            ModelSource::HuggingFace {
                repository: "a/b".to_owned(),
                revision: text.clone(),
            },
            ModelSource::Cloud {
                provider: text.clone(),
                model: text.clone(),
                price: None,
            },
            ModelSource::Cloud {
                provider: text.clone(),
                model: text,
                price: Some(TokenPrice {
                    input_per_million: Finite::new(0.15).unwrap(),
                    output_per_million: Finite::from(6),
                }),
            },
        ] {
            let model = Model {
                id: ModelId(uuid::Uuid::nil()),
                name: "n".to_owned(),
                served_name: "s".to_owned(),
                source: source.clone(),
                tokenizer_path: String::new(),
                description: String::new(),
                facts: None,
                created_at: Timestamp(0),
                archived_at: None,
            };
            let form = ModelForm::of(&model);
            assert_eq!(form.source, source.kind());
            assert_eq!(form.validate().unwrap().source, source);
        }
    }
}
