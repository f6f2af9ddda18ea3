//! What every answer carries, and the files of the browser half.

use std::io::{Read, Write};
use std::net::TcpStream;

use reqwest::Method;

use crate::house::{Browser, House, PATIENCE, header};

#[tokio::test]
async fn a_page_allows_its_own_scripts_only() {
    let house = House::start(&[]);
    let page = Browser::new(&house.url).open("/sign-in").await;
    let policy = header(&page, "content-security-policy").unwrap();
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap()
        .to_owned();
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "connect-src 'self'",
    ] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(
        !policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"),
        "{policy}"
    );
    assert_eq!(header(&page, "cache-control").as_deref(), Some("no-store"));
    let text = page.text().await.unwrap();
    let scripts = text.matches("<script").count();
    assert!(scripts > 0);
    assert!(text.matches(&format!("nonce=\"{nonce}\"")).count() >= scripts);

    let again = Browser::new(&house.url).open("/sign-in").await;
    assert_ne!(
        header(&again, "content-security-policy"),
        Some(policy),
        "a nonce is used once"
    );
}

#[tokio::test]
async fn every_answer_is_guarded() {
    let house = House::start(&[]);
    let browser = Browser::new(&house.url);
    let paths = [
        "/sign-in",
        "/",
        "/health",
        "/assets/none.js",
        "/live",
        "/no-such-page",
    ];
    for path in paths {
        let response = browser.request(Method::GET, path).send().await.unwrap();
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(
                header(&response, name).as_deref(),
                Some(value),
                "{path} {name}"
            );
        }
        let policy = header(&response, "content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(header(&response, "permissions-policy").is_some(), "{path}");
    }
}

#[test]
fn a_body_is_bounded() {
    let house = House::start(&[]);
    let address = house.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // Only announced: a client that sent it might see the connection end before it reads the answer.
    let request = format!(
        "POST /api/models/save HTTP/1.1\r\nhost: {address}\r\norigin: {}\r\ncontent-length: {}\r\n\r\n",
        house.url,
        300 * 1024
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let answer = answer.to_lowercase();
    assert!(answer.starts_with("http/1.1 413"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn files_are_compressed_and_kept_for_long() {
    let house = House::start(&[]);
    let browser = Browser::new(&house.url);
    let page = browser.read("/sign-in").await;
    let files: Vec<&str> = page
        .split('"')
        .filter(|text| text.starts_with("/assets/"))
        .collect();
    assert!(
        files.len() >= 5,
        "the browser half is missing: run `cargo xtask build --fast` first"
    );
    for file in &files {
        let get = browser
            .request(Method::GET, file)
            .header("accept-encoding", "gzip, br");
        let response = get.send().await.unwrap();
        assert_eq!(response.status(), 200, "{file}");
        assert_eq!(
            header(&response, "content-encoding").as_deref(),
            Some("br"),
            "{file}"
        );
        let cache = header(&response, "cache-control").unwrap();
        assert_eq!(cache, "public, max-age=31536000, immutable");
        let plain = browser
            .request(Method::GET, file)
            .header("accept-encoding", "identity");
        let plain = plain.send().await.unwrap();
        assert_eq!(header(&plain, "content-encoding"), None, "{file}");
        let kind = header(&plain, "content-type").unwrap();
        let fits = match file.rsplit('.').next() {
            Some("js") => kind.starts_with("text/javascript"),
            Some("wasm") => kind == "application/wasm",
            Some("css") => kind.starts_with("text/css"),
            _ => kind == "image/svg+xml",
        };
        assert!(fits, "{file}: {kind}");
    }
    for nothing in [
        "/assets/none.js",
        "/assets/manifest.json",
        "/assets/..%2fCargo.toml",
    ] {
        let response = browser.request(Method::GET, nothing).send().await.unwrap();
        assert_eq!(response.status(), 404, "{nothing}");
    }
}
