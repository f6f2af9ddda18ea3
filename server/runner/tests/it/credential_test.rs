//! Keys tried at real servers.

use domain::catalogue::{BoundSecret, TestOutcome};
use domain::secret::Secret;
use runner::credential_test::test_credential;
use runner::system_clock;
use testkit::LlamaServer;

async fn outcome(url: &str, key: &str) -> (TestOutcome, String) {
    let bound = BoundSecret::new(url, Secret::new(key.to_owned()));
    let test = test_credential(url, &bound, system_clock()()).await;
    (test.outcome, test.message)
}

#[tokio::test]
async fn a_server_that_wants_a_key_tells_right_from_wrong() {
    let server = LlamaServer::start_with(1, &["--api-key", "sk-right-one"]);
    let (right, words) = outcome(server.url(), "sk-right-one").await;
    assert_eq!(right, TestOutcome::Accepted, "{words}");
    let (wrong, words) = outcome(server.url(), "sk-wrong-one").await;
    assert_eq!(wrong, TestOutcome::Refused, "{words}");
    assert!(!words.contains("sk-wrong-one"), "{words}");
}

#[tokio::test]
async fn a_server_that_wants_none_tells_nothing() {
    let server = LlamaServer::start(1);
    let (open, words) = outcome(server.url(), "sk-any").await;
    assert_eq!(open, TestOutcome::Unclear, "{words}");
}

#[tokio::test]
async fn an_address_where_nothing_listens_is_named() {
    let url = format!("http://127.0.0.1:{}/v1", testkit::free_port());
    let (none, words) = outcome(&url, "sk-any").await;
    assert_eq!(none, TestOutcome::NoAnswer, "{words}");
    assert!(words.contains("nothing listens"), "{words}");
}

#[tokio::test]
async fn nothing_is_sent_to_another_address() {
    let server = LlamaServer::start_with(1, &["--api-key", "sk-right-one"]);
    let bound = BoundSecret::new("http://elsewhere", Secret::new("sk-right-one".to_owned()));
    let test = test_credential(server.url(), &bound, system_clock()()).await;
    assert_eq!(test.outcome, TestOutcome::NoAnswer);
    assert!(
        test.message.contains("Nothing was sent"),
        "{}",
        test.message
    );
}
