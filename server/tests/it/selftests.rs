//! A selftest on the server's own machine: begun, read, cancelled.

use std::collections::BTreeMap;
use std::fs;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{is_process_alive, wait_until};

use crate::house::{Browser, House, PATIENCE};

#[tokio::test]
async fn a_cancelled_selftest_leaves_no_process_and_says_so() {
    let mut house = House::start(&[]);
    let mut ada = house.administrator().await;
    let list = read(&ada, "/api/v1/selftests").await;
    assert_eq!(list["selftests"], json!([]));
    let host = list["host"].as_str().unwrap().to_owned();

    let started = ada.call("/api/selftests/start", &[("host", &host)]).await;
    assert_eq!(started.status(), 200);
    let started: Value = started.json().await.unwrap();
    let id = started["id"].as_str().unwrap().to_owned();
    let server = house.process.id();
    let processes = wait_until("the engine and the load", PATIENCE, || {
        let processes = descendants(server);
        let is_there = |word: &str| {
            processes
                .values()
                .any(|it| it.split('\0').nth(1) == Some(word))
        };
        (is_there("engine") && processes.len() >= 3).then_some(processes)
    });
    let path = format!("/api/v1/selftests/{id}");
    let running = read(&ada, &path).await;
    assert_eq!(running["selftest"]["state"], "running", "{running}");
    assert_eq!(running["selftest"]["created_user"], "ada");
    let second = ada.call("/api/selftests/start", &[("host", &host)]).await;
    assert_eq!(second.status(), 409);

    let cancelled = ada.call("/api/selftests/cancel", &[("id", &id)]).await;
    assert_eq!(cancelled.status(), 200);
    let cancelled: Value = cancelled.json().await.unwrap();
    assert_eq!(cancelled["state"], "cancelled", "{cancelled}");
    let left: Vec<&String> = processes
        .iter()
        .filter(|(process_id, _)| is_process_alive(**process_id))
        .map(|(_, command)| command)
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(descendants(server), BTreeMap::new());
    let found = read(&ada, &path).await;
    let selftest = &found["selftest"];
    assert_eq!(
        (
            &selftest["state"],
            &selftest["reason"],
            &selftest["ceiling"]
        ),
        (
            &json!("cancelled"),
            &json!("Cancelled by ada."),
            &json!(null)
        )
    );
    assert!(selftest["ended_at"].is_string(), "{selftest}");

    let again = ada.call("/api/selftests/cancel", &[("id", &id)]).await;
    assert_eq!(again.status(), 409);
    // The machine is free for another, which ends with the server.
    let next = ada.call("/api/selftests/start", &[("host", &host)]).await;
    assert_eq!(next.status(), 200);
}

async fn read(browser: &Browser, path: &str) -> Value {
    let response = browser.request(Method::GET, path).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.unwrap()
}

/// Processes that a process started, and those that they did, with their command lines.
fn descendants(of: u32) -> BTreeMap<u32, String> {
    let mut parents: Vec<(u32, u32)> = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(process_id) = entry.file_name().to_string_lossy().parse() else {
            continue;
        };
        let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        if let Some(parent) = parent.and_then(|text| text.trim().parse().ok())
            && is_process_alive(process_id)
        {
            parents.push((process_id, parent));
        }
    }
    let mut found = BTreeMap::new();
    let mut ancestors = vec![of];
    while let Some(ancestor) = ancestors.pop() {
        for (process_id, _) in parents.iter().filter(|(_, parent)| *parent == ancestor) {
            let command = fs::read(format!("/proc/{process_id}/cmdline")).unwrap_or_default();
            found.insert(*process_id, String::from_utf8_lossy(&command).into_owned());
            ancestors.push(*process_id);
        }
    }
    found
}
