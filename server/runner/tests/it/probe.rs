//! What an address is found to be.

use domain::secret::Secret;
use domain::time::Timestamp;
use runner::probe::probe_endpoint;
use testkit::LlamaServer;

const AT: Timestamp = Timestamp(5);

#[tokio::test]
async fn a_real_engine_tells_what_it_is() {
    let server = LlamaServer::start(1);
    for base_url in [server.url().to_owned(), format!("{}/v1", server.url())] {
        let check = probe_endpoint(&base_url, None, AT).await;
        assert!(check.is_reachable, "{}", check.message);
        assert_eq!(check.checked_at, AT);
        assert_eq!(check.served_models, [LlamaServer::MODEL]);
        assert_eq!(check.engine.unwrap().name, "llama.cpp");
    }
}

#[tokio::test]
async fn a_key_is_used_and_its_refusal_told() {
    let server = LlamaServer::start_with(1, &["--api-key", "right"]);
    let key = |text: &str| Secret::new(text.to_owned());
    let check = probe_endpoint(server.url(), Some(&key("right")), AT).await;
    assert!(check.is_reachable, "{}", check.message);
    assert_eq!(check.served_models, [LlamaServer::MODEL]);
}

#[tokio::test]
async fn what_cannot_be_reached_says_why() {
    let refused = format!("http://127.0.0.1:{}", testkit::free_port());
    for (base_url, words) in [
        (refused.as_str(), "nothing listens"),
        ("http://host.invalid", "host name is not known"),
    ] {
        let check = probe_endpoint(base_url, None, AT).await;
        assert!(!check.is_reachable);
        assert!(check.message.contains(words), "{}", check.message);
    }
}
