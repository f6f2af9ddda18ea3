//! What a model's `config.json` says: its architecture, and the parameters its shapes make.
//!
//! The field names are those of Hugging Face's `transformers`.

use serde::Deserialize;

/// What is read of a `config.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ModelConfig {
    /// Class names; the first one counts.
    pub architectures: Vec<String>,
    /// Family, such as `llama`.
    pub model_type: String,
    hidden_size: Option<u64>,
    intermediate_size: Option<u64>,
    num_hidden_layers: Option<u64>,
    num_attention_heads: Option<u64>,
    num_key_value_heads: Option<u64>,
    head_dim: Option<u64>,
    vocab_size: Option<u64>,
    tie_word_embeddings: Option<bool>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    num_local_experts: Option<u64>,
}

/// Architectures whose parameters follow from their configuration, with what is particular to each.
/// All are decoders with rotary positions, gated feed-forward layers and RMS norms.
struct Family {
    architecture: &'static str,
    /// Query, key and value projections have biases, whatever the configuration says.
    has_qkv_bias: bool,
    /// Queries and keys are normalised per head.
    has_qk_norm: bool,
    /// Input and output embeddings are the same unless the configuration says otherwise.
    ties_embeddings: bool,
    /// The feed-forward layer is a mixture of experts.
    is_mixture: bool,
}

const PLAIN: Family = Family {
    architecture: "LlamaForCausalLM",
    has_qkv_bias: false,
    has_qk_norm: false,
    ties_embeddings: false,
    is_mixture: false,
};

const FAMILIES: [Family; 6] = [
    PLAIN,
    Family {
        architecture: "MistralForCausalLM",
        ..PLAIN
    },
    Family {
        architecture: "Phi3ForCausalLM",
        ..PLAIN
    },
    Family {
        architecture: "Qwen2ForCausalLM",
        has_qkv_bias: true,
        ..PLAIN
    },
    Family {
        architecture: "Qwen3ForCausalLM",
        has_qk_norm: true,
        ..PLAIN
    },
    Family {
        architecture: "MixtralForCausalLM",
        is_mixture: true,
        ..PLAIN
    },
];

impl ModelConfig {
    /// The configuration in a JSON text; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The architecture, else the family; empty when it says neither.
    pub fn architecture(&self) -> &str {
        self.architectures
            .first()
            .map_or(self.model_type.as_str(), String::as_str)
    }

    fn family(&self) -> Option<&'static Family> {
        FAMILIES
            .iter()
            .find(|family| family.architecture == self.architecture())
    }

    fn head_size(&self) -> Option<u64> {
        let divided = || self.hidden_size?.checked_div(self.num_attention_heads?);
        self.head_dim.or_else(divided)
    }

    /// [`kv_bytes_per_token`] of a model of this configuration; `None` when its architecture is not one of
    /// those known here (others may keep something else), or a size is missing.
    pub fn kv_bytes_per_token(&self) -> Option<u64> {
        self.family()?;
        let heads = self.num_key_value_heads.or(self.num_attention_heads)?;
        kv_bytes_per_token(self.num_hidden_layers?, heads, self.head_size()?)
    }

    /// How many parameters a model of this configuration has; `None` when its architecture is not
    /// one of those known here, or a size is missing.
    pub fn parameter_count(&self) -> Option<u64> {
        let family = self.family()?;
        let hidden = self.hidden_size?;
        let heads = self.num_attention_heads?;
        let head_dim = self.head_size()?;
        let queries = heads.checked_mul(head_dim)?;
        let keys = self
            .num_key_value_heads
            .unwrap_or(heads)
            .checked_mul(head_dim)?;

        let projections = sum([
            hidden.checked_mul(queries)?.checked_mul(2)?,
            hidden.checked_mul(keys)?.checked_mul(2)?,
        ])?;
        let has_output_bias = self.attention_bias.unwrap_or(false);
        let biases = match (family.has_qkv_bias, has_output_bias) {
            (true, _) => sum([queries, keys, keys])?,
            (false, true) => sum([queries, keys, keys, hidden])?,
            (false, false) => 0,
        };
        let head_norms = if family.has_qk_norm { 2 * head_dim } else { 0 };

        let inner = self.intermediate_size?;
        let one = hidden.checked_mul(inner)?.checked_mul(3)?;
        let feed_forward = if family.is_mixture {
            let experts = self.num_local_experts?;
            sum([one.checked_mul(experts)?, hidden.checked_mul(experts)?])?
        } else if self.mlp_bias.unwrap_or(false) {
            sum([one, inner, inner, hidden])?
        } else {
            one
        };

        let layer_norms = hidden.checked_mul(2)?;
        let layer = sum([projections, biases, head_norms, feed_forward, layer_norms])?;
        let embedding = self.vocab_size?.checked_mul(hidden)?;
        let is_tied = self.tie_word_embeddings.unwrap_or(family.ties_embeddings);
        let output = if is_tied { 0 } else { embedding };
        sum([
            layer.checked_mul(self.num_hidden_layers?)?,
            embedding,
            output,
            hidden,
        ])
    }
}

/// What the keys and values of one token take in a cache of 16-bit numbers, in bytes: two tensors of
/// `layers × key-value heads × head size` (Kwon et al., Efficient Memory Management for Large Language Model
/// Serving with `PagedAttention`, 2023, section 3). `None` when it is more than can be counted.
pub fn kv_bytes_per_token(layers: u64, kv_heads: u64, head_size: u64) -> Option<u64> {
    const TENSORS: u64 = 2;
    const BYTES_OF_A_NUMBER: u64 = 2;
    [kv_heads, head_size, TENSORS, BYTES_OF_A_NUMBER]
        .into_iter()
        .try_fold(layers, u64::checked_mul)
}

fn sum<const N: usize>(parts: [u64; N]) -> Option<u64> {
    parts.into_iter().try_fold(0_u64, u64::checked_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(json: &str) -> Option<u64> {
        ModelConfig::parse(json).unwrap().parameter_count()
    }

    /// Totals as their authors' checkpoints have them.
    #[test]
    fn published_models_have_their_published_parameters() {
        let llama_2_7b = r#"{"architectures":["LlamaForCausalLM"],"hidden_size":4096,
            "intermediate_size":11008,"num_hidden_layers":32,"num_attention_heads":32,
            "vocab_size":32000,"tie_word_embeddings":false}"#;
        assert_eq!(count(llama_2_7b), Some(6_738_415_616));
        let mistral_7b = r#"{"architectures":["MistralForCausalLM"],"hidden_size":4096,
            "intermediate_size":14336,"num_hidden_layers":32,"num_attention_heads":32,
            "num_key_value_heads":8,"vocab_size":32000}"#;
        assert_eq!(count(mistral_7b), Some(7_241_732_096));
        let qwen2_half_b = r#"{"architectures":["Qwen2ForCausalLM"],"hidden_size":896,
            "intermediate_size":4864,"num_hidden_layers":24,"num_attention_heads":14,
            "num_key_value_heads":2,"vocab_size":151936,"tie_word_embeddings":true}"#;
        assert_eq!(count(qwen2_half_b), Some(494_032_768));
        let mixtral = r#"{"architectures":["MixtralForCausalLM"],"hidden_size":4096,
            "intermediate_size":14336,"num_hidden_layers":32,"num_attention_heads":32,
            "num_key_value_heads":8,"num_local_experts":8,"vocab_size":32000}"#;
        assert_eq!(count(mixtral), Some(46_702_792_704));
        let qwen3_half_b = r#"{"architectures":["Qwen3ForCausalLM"],"hidden_size":1024,
            "intermediate_size":3072,"num_hidden_layers":28,"num_attention_heads":16,
            "num_key_value_heads":8,"head_dim":128,"vocab_size":151936,
            "tie_word_embeddings":true}"#;
        assert_eq!(count(qwen3_half_b), Some(596_049_920));
    }

    #[test]
    fn the_cache_of_a_token_is_that_of_its_layers_and_heads() {
        let bytes = |json| ModelConfig::parse(json).unwrap().kv_bytes_per_token();
        let llama_3_8b = r#"{"architectures":["LlamaForCausalLM"],"hidden_size":4096,
            "num_hidden_layers":32,"num_attention_heads":32,"num_key_value_heads":8}"#;
        assert_eq!(bytes(llama_3_8b), Some(128 << 10));
        let llama_2_7b = r#"{"architectures":["LlamaForCausalLM"],"hidden_size":4096,
            "num_hidden_layers":32,"num_attention_heads":32}"#;
        assert_eq!(bytes(llama_2_7b), Some(512 << 10));
        let other = r#"{"architectures":["DeepseekV3ForCausalLM"],"hidden_size":7168,
            "num_hidden_layers":61,"num_attention_heads":128}"#;
        assert_eq!(bytes(other), None);
        assert_eq!(kv_bytes_per_token(u64::MAX, 2, 2), None);
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        assert_eq!(count(r#"{"architectures":["FutureForCausalLM"]}"#), None);
        assert_eq!(count(r#"{"architectures":["LlamaForCausalLM"]}"#), None);
        let absurd = r#"{"architectures":["LlamaForCausalLM"],"hidden_size":18446744073709551615,
            "intermediate_size":2,"num_hidden_layers":2,"num_attention_heads":2,"vocab_size":2}"#;
        assert_eq!(count(absurd), None);
        assert_eq!(ModelConfig::parse("[1]"), None);
        let family_only = ModelConfig::parse(r#"{"model_type":"bert"}"#).unwrap();
        assert_eq!(family_only.architecture(), "bert");
    }
}
