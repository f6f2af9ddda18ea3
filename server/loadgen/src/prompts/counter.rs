//! Counts tokens: with the model's tokenizer, by the server's `/tokenize`, or not at all.

use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::load::{LoadPlan, PromptSource};
use futures::StreamExt;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde::Deserialize;
use serde_json::json;
use tokenizers::Tokenizer;

use super::composer::{Vocabulary, Word};
use super::words::WORDS;
use crate::endpoint::Endpoint;
use crate::error::LoadError;
use crate::headers::header_map;

/// Largest tokenizer that is read.
const TOKENIZER_BYTES_MAX: u64 = 100_000_000;
/// Longest wait for one answer of `/tokenize`.
const TOKENIZE_TIMEOUT: Duration = Duration::from_secs(10);
/// Calls of `/tokenize` at once.
pub(super) const TOKENIZE_PARALLEL: usize = 8;
/// Words that may begin a prompt when the server counts: each costs it one call.
const FIRST_WORDS_COUNT: usize = 16;
/// Before a word whose cost after a space is wanted.
const ANCHOR: &str = "the";

/// Counts tokens.
pub(crate) enum Counter {
    /// With the model's own tokenizer.
    Local(Box<Tokenizer>),
    /// With the server's.
    Server(ServerTokenizer),
    /// Not at all: one token per word.
    Estimate,
}

/// A server that counts.
pub(crate) struct ServerTokenizer {
    http: reqwest::Client,
    url: String,
    authorization: Option<String>,
    model: String,
    dialect: Dialect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// `{"content"}` gives `{"tokens": […]}`.
    LlamaCpp,
    /// `{"model", "prompt"}` gives `{"count"}`.
    Vllm,
}

#[derive(Deserialize)]
struct TokenizeAnswer {
    #[serde(default)]
    count: Option<u32>,
    #[serde(default)]
    tokens: Option<Vec<serde::de::IgnoredAny>>,
}

impl Counter {
    /// The best that is there.
    pub(crate) async fn find(
        plan: &LoadPlan,
        endpoint: &Endpoint,
        key: Option<&str>,
    ) -> Result<Self, LoadError> {
        if let Some(path) = &plan.tokenizer_path {
            return load_tokenizer(Path::new(path))
                .map(|tokenizer| Self::Local(Box::new(tokenizer)));
        }
        let headers = header_map(&plan.headers)?;
        let server = ServerTokenizer::find(&plan.model, endpoint, key, headers).await;
        Ok(server.map_or(Self::Estimate, Self::Server))
    }

    /// How it counts.
    pub(crate) fn source(&self) -> PromptSource {
        match self {
            Self::Local(_) => PromptSource::Tokenizer,
            Self::Server(_) => PromptSource::Server,
            Self::Estimate => PromptSource::Estimate,
        }
    }

    /// Tokens of a text by the local tokenizer, without special ones.
    pub(crate) fn count_locally(&self, text: &str) -> Option<u32> {
        let Self::Local(tokenizer) = self else {
            return None;
        };
        let encoding = tokenizer.encode_fast(text, false).ok()?;
        u32::try_from(encoding.len()).ok()
    }

    /// Whether anybody counts.
    pub(crate) fn counts(&self) -> bool {
        !matches!(self, Self::Estimate)
    }

    /// Whether answers can be counted without asking anybody.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// Tokens of a text, by whoever counts.
    pub(super) async fn count(&self, text: &str) -> Option<u32> {
        match self {
            Self::Local(_) => self.count_locally(text),
            Self::Server(server) => server.count(text).await,
            Self::Estimate => None,
        }
    }

    /// What each word costs.
    pub(super) async fn learn_words(&self) -> Vocabulary {
        match self {
            Self::Local(_) => self.learn_locally(),
            Self::Server(server) => server.learn().await.unwrap_or_else(one_token_each),
            Self::Estimate => one_token_each(),
        }
    }

    /// Whether the local tokenizer counts any words of the vocabulary as the sum of their costs: shown for
    /// every pair of neighbours. Its tokens would have to reach over a whole word to make it otherwise.
    pub(super) fn do_costs_add_up(&self, vocabulary: &Vocabulary) -> bool {
        let words = vocabulary.words();
        self.is_local()
            && (0..words.len()).all(|index| {
                let (Some(one), Some(others)) = (words.get(index), words.get(index..)) else {
                    return false;
                };
                // One, another, one, the next: both orders of each pair.
                let row = others.iter().flat_map(|other| [one, other]);
                let texts: Vec<&str> = row.clone().map(|word| word.text).collect();
                let costs = row.enumerate().map(|(at, word)| word.cost(at == 0));
                one.first_tokens.is_none()
                    || self.count_locally(&texts.join(" ")) == Some(costs.sum())
            })
    }

    fn learn_locally(&self) -> Vocabulary {
        let anchor = self.count_locally(ANCHOR).unwrap_or(1);
        let learned = WORDS.iter().filter_map(|text| {
            let first_tokens = self.count_locally(text);
            let after = self.count_locally(&format!("{ANCHOR} {text}"))?;
            Some(Word {
                text,
                first_tokens,
                tokens: after.saturating_sub(anchor),
            })
        });
        Vocabulary::new(learned.collect())
    }
}

fn one_token_each() -> Vocabulary {
    let word = |text: &&'static str| Word {
        text,
        first_tokens: Some(1),
        tokens: 1,
    };
    Vocabulary::new(WORDS.iter().map(word).collect())
}

fn load_tokenizer(path: &Path) -> Result<Tokenizer, LoadError> {
    let file: PathBuf = if path.is_dir() {
        path.join("tokenizer.json")
    } else {
        path.to_path_buf()
    };
    let refused = |reason: String| LoadError::Tokenizer {
        path: file.display().to_string(),
        reason,
    };
    // Read whole into memory: a device or a file of any size would take all of it.
    let size = std::fs::metadata(&file).map_err(|error| refused(error.to_string()))?;
    if !size.is_file() || size.len() > TOKENIZER_BYTES_MAX {
        let megabytes = TOKENIZER_BYTES_MAX / 1_000_000;
        return Err(refused(format!("it is no file of at most {megabytes} MB")));
    }
    Tokenizer::from_file(&file).map_err(|error| refused(error.to_string()))
}

impl ServerTokenizer {
    /// Asks whether the server has a `/tokenize`, and in which dialect.
    async fn find(
        model: &str,
        endpoint: &Endpoint,
        key: Option<&str>,
        headers: HeaderMap,
    ) -> Option<Self> {
        let key = key.filter(|_| !headers.contains_key(AUTHORIZATION));
        // One crypto library in the whole binary. An error says that it was chosen before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TOKENIZE_TIMEOUT)
            .default_headers(headers)
            .build()
            .ok()?;
        let mut server = Self {
            http,
            url: endpoint.root_url("/tokenize"),
            authorization: key.map(|key| format!("Bearer {key}")),
            model: model.to_owned(),
            dialect: Dialect::LlamaCpp,
        };
        for dialect in [Dialect::LlamaCpp, Dialect::Vllm] {
            server.dialect = dialect;
            if server.count(ANCHOR).await.is_some_and(|count| count > 0) {
                return Some(server);
            }
        }
        None
    }

    /// Tokens of a text without special ones.
    async fn count(&self, text: &str) -> Option<u32> {
        let body = match self.dialect {
            Dialect::LlamaCpp => json!({ "content": text, "add_special": false }),
            Dialect::Vllm => {
                json!({ "model": self.model, "prompt": text, "add_special_tokens": false })
            }
        };
        let mut request = self.http.post(&self.url).json(&body);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let answer = request.send().await.ok()?.error_for_status().ok()?;
        let answer: TokenizeAnswer = answer.json().await.ok()?;
        match (answer.count, answer.tokens) {
            (Some(count), _) => Some(count),
            (None, tokens) => u32::try_from(tokens?.len()).ok(),
        }
    }

    /// The cost of each word, with one call for all where each is one token.
    async fn learn(&self) -> Option<Vocabulary> {
        let firsts = WORDS.get(..FIRST_WORDS_COUNT)?;
        let first_tokens = self
            .count_each(firsts.iter().map(|text| (*text).to_owned()))
            .await?;
        let all_words = self.count(&WORDS.join(" ")).await?;
        let words_count = u32::try_from(WORDS.len()).ok()?;
        let tokens = if all_words == words_count - 1 + first_tokens.first()? {
            vec![1; WORDS.len()]
        } else {
            let anchor = self.count(ANCHOR).await?;
            let texts = WORDS.iter().map(|text| format!("{ANCHOR} {text}"));
            let counts = self.count_each(texts).await?;
            counts
                .into_iter()
                .map(|count| count.saturating_sub(anchor))
                .collect()
        };
        let words = WORDS
            .iter()
            .zip(tokens)
            .enumerate()
            .map(|(index, (text, tokens))| {
                let first_tokens = first_tokens.get(index).copied();
                Word {
                    text,
                    first_tokens,
                    tokens,
                }
            });
        Some(Vocabulary::new(words.collect()))
    }

    async fn count_each(&self, texts: impl Iterator<Item = String>) -> Option<Vec<u32>> {
        let calls = texts.map(|text| async move { self.count(&text).await });
        let counts: Vec<Option<u32>> = futures::stream::iter(calls)
            .buffered(TOKENIZE_PARALLEL)
            .collect()
            .await;
        counts.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every match of `pattern` is a token, and so is what lies between.
    fn splitting(pattern: &str) -> Counter {
        let json = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": null, "post_processor": null, "decoder": null,
            "pre_tokenizer": {
                "type": "Split", "pattern": { "Regex": pattern }, "behavior": "Isolated", "invert": false
            },
            "model": { "type": "WordLevel", "vocab": { "[UNK]": 0 }, "unk_token": "[UNK]" }
        });
        Counter::Local(Box::new(json.to_string().parse().unwrap()))
    }

    #[test]
    fn costs_add_up_only_where_no_pair_is_cheaper_than_its_words() {
        let by_words = splitting("[a-z]+");
        assert!(by_words.do_costs_add_up(&by_words.learn_locally()));
        let with_a_pair = splitting("to in\\b|[a-z]+");
        assert!(!with_a_pair.do_costs_add_up(&with_a_pair.learn_locally()));
        let estimate = Counter::Estimate;
        assert!(!estimate.do_costs_add_up(&one_token_each()));
    }
}
