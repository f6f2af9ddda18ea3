//! Trying a key at the address it is for: is it told apart from none?

use std::time::Duration;

use domain::catalogue::{BoundSecret, CredentialTest, TestOutcome};
use domain::secret::Secret;
use domain::time::Timestamp;

use crate::http::{Answer, Http, api_url};

/// How long one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Asks for the models with the key and without it. Where everybody may list them, an empty request
/// for an answer tells: it is refused for the key before it is refused for being empty. Never
/// fails: a failure is what it found. Nothing is sent to an address the key is not bound to.
pub async fn test_credential(
    base_url: &str,
    bound: &BoundSecret,
    tested_at: Timestamp,
) -> CredentialTest {
    let (outcome, message) = match bound.for_url(base_url) {
        None => (
            TestOutcome::NoAnswer,
            format!("Nothing was sent: the key is not for {base_url}."),
        ),
        Some(key) => match Http::new() {
            Ok(http) => try_key(&http, base_url, key).await,
            Err(error) => no_answer(base_url, &error.to_string()),
        },
    };
    CredentialTest {
        tested_at,
        outcome,
        message,
    }
}

async fn try_key(http: &Http, base_url: &str, key: &Secret<String>) -> (TestOutcome, String) {
    let models = api_url(base_url, "/v1/models");
    let with_key = match http.get(&models, Some(key), ANSWER_TIMEOUT).await {
        Ok(answer) => answer,
        Err(reason) => return no_answer(base_url, &reason),
    };
    if is_refusal(&with_key) {
        return refused(base_url, &with_key);
    }
    let says_nothing = !with_key.is_success() && !matches!(with_key.status, 404 | 405 | 501);
    if says_nothing {
        let reason = format!("it answered with HTTP {}", with_key.status);
        return no_answer(base_url, &reason);
    }
    let without_key = http.get(&models, None, ANSWER_TIMEOUT).await;
    if without_key.is_ok_and(|answer| is_refusal(&answer)) {
        return accepted(base_url, &with_key);
    }
    let answers = api_url(base_url, "/v1/chat/completions");
    let tried = http.post_nothing(&answers, Some(key), ANSWER_TIMEOUT).await;
    let Ok(tried) = tried else {
        return unclear(base_url);
    };
    if is_refusal(&tried) {
        return refused(base_url, &tried);
    }
    match http.post_nothing(&answers, None, ANSWER_TIMEOUT).await {
        Ok(answer) if is_refusal(&answer) => accepted(base_url, &with_key),
        Ok(_) | Err(_) => unclear(base_url),
    }
}

fn is_refusal(answer: &Answer) -> bool {
    matches!(answer.status, 401 | 403)
}

fn accepted(base_url: &str, models: &Answer) -> (TestOutcome, String) {
    let json = models.json();
    let count = json
        .get("data")
        .and_then(serde_json::Value::as_array)
        .map_or(0, Vec::len);
    let serves = match count {
        0 => String::new(),
        1 => " and lists 1 model".to_owned(),
        count => format!(" and lists {count} models"),
    };
    let message = format!("{base_url} accepts the key{serves}; without it, it refuses.");
    (TestOutcome::Accepted, message)
}

fn refused(base_url: &str, answer: &Answer) -> (TestOutcome, String) {
    let message = format!(
        "{base_url} refuses the key (HTTP {}): rotate it.",
        answer.status
    );
    (TestOutcome::Refused, message)
}

fn unclear(base_url: &str) -> (TestOutcome, String) {
    let message = format!(
        "{base_url} answers without a key as well: whether it accepts this one cannot be told."
    );
    (TestOutcome::Unclear, message)
}

fn no_answer(base_url: &str, reason: &str) -> (TestOutcome, String) {
    let message = format!("{base_url} cannot be asked: {reason}.");
    (TestOutcome::NoAnswer, message)
}
