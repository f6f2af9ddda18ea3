//! What the litellm proxy passes requests on to.

use serde::{Deserialize, Serialize};

use crate::id::CredentialId;

/// Providers that litellm speaks to in their own way, by the name they have there. All others are taken for
/// OpenAI-compatible unless the form says otherwise.
const NATIVE_PROVIDERS: [&str; 1] = ["anthropic"];

/// A provider's model behind the litellm proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyUpstream {
    /// The model as litellm knows it: `provider/model`.
    pub model: String,
    /// Where the provider is asked: the address of the credential.
    pub api_base: String,
    /// The provider's key. It is sent there and nowhere else.
    pub credential_id: CredentialId,
}

impl ProxyUpstream {
    /// The upstream of a model; `chosen` is the model as litellm knows it, or empty.
    pub fn new(
        provider: &str,
        model: &str,
        chosen: &str,
        base_url: &str,
        credential_id: CredentialId,
    ) -> Self {
        let model = match chosen {
            "" => Self::usual_model(provider, model),
            chosen => chosen.to_owned(),
        };
        let base = base_url.trim_end_matches('/');
        // OpenAI's own client, which litellm uses, wants the version in the address.
        let api_base = if model.starts_with("openai/") && !base.ends_with("/v1") {
            format!("{base}/v1")
        } else {
            base.to_owned()
        };
        Self {
            model,
            api_base,
            credential_id,
        }
    }

    /// How litellm knows a provider's model when nothing else was chosen.
    pub fn usual_model(provider: &str, model: &str) -> String {
        let provider = provider.trim().to_lowercase();
        if NATIVE_PROVIDERS.contains(&provider.as_str()) {
            format!("{provider}/{model}")
        } else {
            format!("openai/{model}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_asked_in_its_own_way_or_in_that_of_openai() {
        let of = |provider, chosen, base_url| {
            let id = CredentialId(uuid::Uuid::nil());
            let upstream = ProxyUpstream::new(provider, "m", chosen, base_url, id);
            (upstream.model, upstream.api_base)
        };
        let expect = |model: &str, base: &str| (model.to_owned(), base.to_owned());
        assert_eq!(
            of("openai", "", "https://h/"),
            expect("openai/m", "https://h/v1")
        );
        assert_eq!(
            of("acme", "", "https://h/v1"),
            expect("openai/m", "https://h/v1")
        );
        assert_eq!(
            of("Anthropic", "", "https://a"),
            expect("anthropic/m", "https://a")
        );
        assert_eq!(
            of("acme", "groq/x", "https://g"),
            expect("groq/x", "https://g")
        );
    }
}
