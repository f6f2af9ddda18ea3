//! A program that drives the product over its API, with a token and nothing else.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::Value;

use crate::house::{Browser, House, PATIENCE};

/// How long a benchmark of a few requests may take.
const RUN_PATIENCE: Duration = Duration::from_mins(5);
/// How often a program looks how a run stands.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A program with a token.
pub(crate) struct Program {
    browser: Browser,
    pub(crate) token: String,
}

impl Program {
    /// With a token of its own, made by the command.
    pub(crate) fn new(house: &House, name: &str, role: &str) -> Self {
        Self {
            browser: Browser::new(&house.url),
            token: make_token(house.folder.path(), name, role),
        }
    }

    /// Calls a route; the body as it is. What it is answered, when the status is the expected one.
    pub(crate) async fn call(&self, method: Method, path: &str, body: &str, status: u16) -> Value {
        let mut request = self
            .browser
            .request(method, path)
            .timeout(PATIENCE)
            .header(AUTHORIZATION, format!("Bearer {}", self.token));
        if !body.is_empty() {
            request = request
                .header("content-type", "application/json")
                .body(body.to_owned());
        }
        let response = request.send().await.unwrap();
        let found = response.status();
        let text = response.text().await.unwrap();
        assert_eq!(found, status, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Reads a route.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, "", 200).await
    }

    /// Sends a body to a route.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Value {
        self.call(Method::POST, path, body, 200).await
    }

    /// Waits until the run of a workflow has ended well, and gives the id of its benchmark.
    pub(crate) async fn wait_for_run(&self, workflow_id: &str) -> String {
        let started = std::time::Instant::now();
        loop {
            let standing = self.get(&format!("/api/v1/workflows/{workflow_id}")).await;
            match standing["status"].as_str().unwrap() {
                "completed" => return standing["benchmark_id"].as_str().unwrap().to_owned(),
                "in_progress" => {}
                _ => panic!("{standing}"),
            }
            assert!(started.elapsed() < RUN_PATIENCE, "{standing}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// A token of that name and role.
pub(crate) fn make_token(data_dir: &Path, name: &str, role: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    command
        .args([
            "token",
            "create",
            "--name",
            name,
            "--role",
            role,
            "--data-dir",
        ])
        .arg(data_dir)
        .env_remove("DATABASE_URL");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}
