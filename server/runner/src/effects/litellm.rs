//! The litellm proxy: what it is told by a file, and its keys, which it is told by its environment only.

use domain::secret::Secret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Run;

/// Variable with the provider's key.
const PROVIDER_KEY: &str = "ASSAY_PROVIDER_KEY";
/// Variable with the key that the proxy wants of its callers.
const PROXY_KEY: &str = "ASSAY_PROXY_KEY";
/// What to do where its program is missing.
pub(super) const HOW_TO_GET_LITELLM: &str = "install it (pip install 'litellm[proxy]'), or give its folder as PATH in the engine's environment";
/// Bytes of randomness in that key.
const KEY_BYTES: usize = 32;

/// What the proxy of a run is started with.
pub(super) struct Proxy {
    /// The content of [`domain::engine::PROXY_CONFIG_FILE`]; it names the keys and holds none.
    pub(super) config: String,
    /// Variables of its environment.
    pub(super) environment: Vec<(&'static str, Secret<String>)>,
}

/// Opens the provider's key and makes one that nobody else has, so that the proxy is of use to this run
/// alone. Nothing for other engines.
pub(super) async fn prepare(run: &Run) -> Result<Option<Proxy>, String> {
    let Some(upstream) = &run.plan.upstream else {
        return Ok(None);
    };
    let provider_key = run
        .open_key(upstream.credential_id, &upstream.api_base)
        .await?;
    let proxy_key = fresh_key()?;
    let config = config(
        &run.plan.model.served_name,
        &upstream.model,
        &upstream.api_base,
    );
    run.found.lock().await.proxy_key = Some(proxy_key.clone());
    let environment = vec![
        (PROVIDER_KEY, provider_key),
        (PROXY_KEY, proxy_key),
        // Else it fetches a list of prices from the internet before it starts.
        (
            "LITELLM_LOCAL_MODEL_COST_MAP",
            Secret::new("True".to_owned()),
        ),
    ];
    Ok(Some(Proxy {
        config: config.to_string(),
        environment,
    }))
}

/// JSON is YAML, which the proxy reads. A failed request is not sent again: that would hide its failure, and
/// cost twice.
fn config(served_name: &str, model: &str, api_base: &str) -> Value {
    json!({
        "model_list": [{
            "model_name": served_name,
            "litellm_params": {
                "model": model,
                "api_base": api_base,
                "api_key": format!("os.environ/{PROVIDER_KEY}"),
                "max_retries": 0,
            },
        }],
        "litellm_settings": { "num_retries": 0, "telemetry": false },
        "router_settings": { "num_retries": 0, "disable_cooldowns": true },
        "general_settings": { "master_key": format!("os.environ/{PROXY_KEY}") },
    })
}

/// litellm wants its keys to begin so.
fn fresh_key() -> Result<Secret<String>, String> {
    let mut bytes = [0; KEY_BYTES];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| "the system gives no randomness for the proxy's key".to_owned())?;
    // The digest of as many random bytes is as hard to guess, and comes as text.
    Ok(Secret::new(format!("sk-{:x}", Sha256::digest(bytes))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_keys_and_holds_none() {
        let text = config("tiny", "openai/tiny", "http://h/v1").to_string();
        assert!(text.contains("os.environ/ASSAY_PROVIDER_KEY"), "{text}");
        assert!(text.contains("os.environ/ASSAY_PROXY_KEY"), "{text}");
    }

    #[test]
    fn no_two_proxies_have_the_same_key() {
        let (one, other) = (fresh_key().unwrap(), fresh_key().unwrap());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(one.expose().len(), 3 + 2 * KEY_BYTES);
    }
}
