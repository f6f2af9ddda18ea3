//! Counting tokens: with a model's tokenizer, or by words.

use std::path::Path;

use tokenizers::Tokenizer;

/// Largest tokenizer that is read.
const TOKENIZER_BYTES_MAX: u64 = 100_000_000;

/// Counts tokens.
pub(super) enum TokenCounter {
    /// One token for each word.
    Estimate,
    /// A model's tokenizer.
    Tokenizer(Box<Tokenizer>),
}

impl TokenCounter {
    /// The tokenizer in `tokenizer.json`, or in a folder with one. Takes a moment: a large one has
    /// many megabytes.
    pub(super) fn load(path: &Path) -> Result<Self, String> {
        let file = if path.is_dir() {
            path.join("tokenizer.json")
        } else {
            path.to_path_buf()
        };
        // Read whole into memory: a device or a file of any size would take all of it.
        let size = std::fs::metadata(&file)
            .map_err(|error| format!("The tokenizer {} cannot be read: {error}", file.display()))?;
        if !size.is_file() || size.len() > TOKENIZER_BYTES_MAX {
            return Err(format!(
                "The tokenizer {} is no file of at most {} MB.",
                file.display(),
                TOKENIZER_BYTES_MAX / 1_000_000
            ));
        }
        let mut tokenizer = Tokenizer::from_file(&file)
            .map_err(|error| format!("The tokenizer {} cannot be read: {error}", file.display()))?;
        // Lengths are wanted as they are, whatever the model was trained with.
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|error| format!("The tokenizer cannot be used: {error}"))?;
        Ok(Self::Tokenizer(Box::new(tokenizer)))
    }

    /// Tokens of each text, without special ones.
    pub(super) fn count_all(&self, texts: Vec<&str>) -> Result<Vec<u32>, String> {
        match self {
            Self::Estimate => Ok(texts.into_iter().map(count_words).collect()),
            Self::Tokenizer(tokenizer) => {
                let encoded = tokenizer.encode_batch_fast(texts, false);
                let encoded = encoded.map_err(|error| format!("The tokenizer failed: {error}"))?;
                Ok(encoded
                    .into_iter()
                    .map(|encoding| saturated(encoding.len()))
                    .collect())
            }
        }
    }
}

fn count_words(text: &str) -> u32 {
    saturated(text.split_whitespace().count())
}

fn saturated(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_device_is_no_tokenizer() {
        let refused = TokenCounter::load(Path::new("/dev/zero")).err().unwrap();
        assert!(refused.contains("no file of at most"), "{refused}");
    }
}
