//! API tokens at the edge, and the command that makes them.

use std::path::Path;
use std::process::{Command, Output};

use reqwest::header::{AUTHORIZATION, ORIGIN};
use reqwest::{Method, Response, StatusCode};

use crate::house::{Browser, House, header};

fn token_command(data_dir: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    command
        .arg("token")
        .args(words)
        .arg("--data-dir")
        .arg(data_dir)
        .env_remove("DATABASE_URL");
    command.output().unwrap()
}

/// A token made by the command, and the line it printed about it.
fn make(data_dir: &Path, name: &str, role: &str) -> (String, String) {
    let output = token_command(data_dir, &["create", "--name", name, "--role", role]);
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    let token = printed.trim_end().to_owned();
    assert_eq!(printed, format!("{token}\n"), "the token and nothing else");
    assert!(!words.contains(&token), "{words}");
    (token, words)
}

/// A request with a token and nothing else.
async fn ask(browser: &Browser, method: Method, path: &str, token: &str) -> Response {
    let request = browser
        .request(method, path)
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .header("content-type", "application/x-www-form-urlencoded");
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_token_of_the_command_works_at_once() {
    let mut house = House::start(&[]);
    let (token, words) = make(house.folder.path(), "ci", "operator");
    assert!(
        words.contains("“ci”") && words.contains("operator"),
        "{words}"
    );
    let program = Browser::new(&house.url);
    let me = ask(&program, Method::POST, "/api/session/visitor", &token).await;
    assert_eq!(me.status(), 200);
    assert_eq!(header(&me, "set-cookie"), None);
    let me = me.text().await.unwrap();
    assert!(me.contains(r#""name":"ci","role":"operator""#), "{me}");
    let page = ask(&program, Method::GET, "/settings", &token).await;
    assert_eq!(page.status(), 200);
    let live = ask(&program, Method::GET, "/live?history=1", &token).await;
    assert_eq!(live.status(), 200);

    // It is no account that signs in, so the first administrator is still to be made.
    house.administrator().await;
    let listed = token_command(house.folder.path(), &["list"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    let row = listed.lines().find(|line| line.contains("\tci\t")).unwrap();
    assert!(row.contains("valid"), "{row}");
    let id = row.split('\t').next().unwrap();
    let revoked = token_command(house.folder.path(), &["revoke", id]);
    assert!(revoked.status.success(), "{revoked:?}");
    let gone = ask(&program, Method::POST, "/api/session/visitor", &token).await;
    assert_eq!(gone.status(), 401);
    for secret in [&token, token.trim_start_matches("assay_")] {
        assert!(!house.process.output().contains(secret));
    }
}

#[test]
fn the_command_says_what_is_wrong() {
    let folder = testkit::data_dir();
    let refuse = |words: &[&str]| {
        let output = token_command(folder.path(), words);
        assert!(!output.status.success(), "{words:?}");
        assert!(output.stdout.is_empty(), "{words:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let text = refuse(&["create", "--name", "two words", "--role", "viewer"]);
    assert!(text.contains("--name: Use letters"), "{text}");
    let text = refuse(&["create", "--name", "ci", "--role", "king"]);
    assert!(text.contains("administrator"), "{text}");
    let days = [
        "create",
        "--name",
        "ci",
        "--role",
        "viewer",
        "--expires-days",
        "366",
    ];
    let text = refuse(&days);
    assert!(text.contains("--expires-days: Give the days"), "{text}");
    let text = refuse(&["revoke", "00000000-0000-0000-0000-000000000000"]);
    assert!(text.contains("no such token"), "{text}");
}

#[tokio::test]
async fn whoever_comes_with_a_token_is_judged_by_it_alone() {
    let mut house = House::start(&[]);
    let (viewer, _) = make(house.folder.path(), "watcher", "viewer");
    let ada = house.administrator().await;
    let with_cookie = async |token: &str| {
        let start = "/api/workflows/start";
        ask(&ada, Method::POST, start, token).await
    };
    // The administrator's cookie does not lift what the token is refused.
    assert_eq!(with_cookie(&viewer).await.status(), 403);
    let wrong = with_cookie(&"assay_0".repeat(10)).await;
    assert_eq!(wrong.status(), 401);
    assert_eq!(
        header(&wrong, "content-type").as_deref(),
        Some("application/json")
    );
    let challenge = header(&wrong, "www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer"), "{challenge}");
    assert!(wrong.text().await.unwrap().contains("token"));
    // Without a token the origin is still asked for.
    let request = ada.request(Method::POST, "/api/workflows/start");
    assert_eq!(request.send().await.unwrap().status(), 403);
    let request = ada
        .request(Method::POST, "/api/workflows/start")
        .header(AUTHORIZATION, "Basic YTpi")
        .header(ORIGIN, "http://evil.example");
    assert_eq!(request.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn wrong_tokens_are_limited_and_right_ones_pass() {
    let house = House::start(&[]);
    let (token, _) = make(house.folder.path(), "ci", "viewer");
    let program = Browser::new(&house.url);
    let limited = loop {
        let answer = ask(&program, Method::GET, "/", "assay_guess").await;
        if answer.status() != StatusCode::UNAUTHORIZED {
            break answer;
        }
    };
    assert_eq!(limited.status(), 429);
    let seconds: u32 = header(&limited, "retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    let right = ask(&program, Method::GET, "/", &token).await;
    assert_eq!(right.status(), 200);
}

#[tokio::test]
async fn in_the_demo_a_wrong_token_is_wrong_too() {
    let house = House::start(&["--demo"]);
    let program = Browser::new(&house.url);
    let wrong = ask(&program, Method::GET, "/settings", "assay_guess").await;
    assert_eq!(wrong.status(), 401);
}

/// The form in Settings without script: the next page shows the token, and only that one.
#[tokio::test]
async fn a_page_without_script_shows_a_new_token_once() {
    let mut house = House::start(&[]);
    let mut ada = house.administrator().await;
    let fields = [
        ("account_id", ""),
        ("name", "nightly"),
        ("role", "viewer"),
        ("expires_days", "7"),
    ];
    let made = ada.send("/api/tokens/create", &fields).await;
    assert_eq!(made.status(), 302);
    let page = header(&made, "location").unwrap();
    assert!(page.starts_with("/settings?made="), "{page}");
    let shown = ada.read(&page).await;
    let token = shown
        .split("<code>")
        .filter_map(|rest| rest.split("</code>").next())
        .find(|text| text.starts_with("assay_"))
        .unwrap()
        .to_owned();
    let program = Browser::new(&house.url);
    let used = ask(&program, Method::GET, "/settings", &token).await;
    assert_eq!(used.status(), 200);
    let again = ada.read(&page).await;
    assert!(again.contains("nightly") && !again.contains(&token));
    let refused = ada
        .send("/api/tokens/create", &[("name", ""), ("role", "king")])
        .await;
    let back = header(&refused, "location").unwrap();
    assert!(!back.contains("made="), "{back}");
}
