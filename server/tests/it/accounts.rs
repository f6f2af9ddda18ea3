//! The first administrator, sessions and their cookie.

use reqwest::Method;
use reqwest::header::{COOKIE, ORIGIN};

use crate::house::{Browser, House, header, set_cookie};

#[tokio::test]
async fn the_printed_link_works_once() {
    let mut house = House::start(&[]);
    let token = house.setup_token();
    let mut ada = Browser::new(&house.url);
    let page = ada.read(&format!("/setup?token={token}")).await;
    assert!(page.contains("Create administrator"));

    let made = ada.create_administrator(&token).await;
    assert_eq!(made.status(), 302);
    assert_eq!(header(&made, "location").as_deref(), Some("/"));
    let home = ada.read("/").await;
    assert!(home.contains("<h1>Benchmarks</h1>") && home.contains("Sign out"));

    let mut eve = Browser::new(&house.url);
    eve.create_administrator(&token).await;
    assert_eq!(eve.cookie, None);
    assert_eq!(eve.open("/").await.status(), 302);
    assert!(!house.process.output().contains("panicked"));
}

#[tokio::test]
async fn the_cookie_is_kept_from_scripts_and_other_sites() {
    let mut house = House::start(&[]);
    let token = house.setup_token();
    let made = Browser::new(&house.url).create_administrator(&token).await;
    let cookie = set_cookie(&made).unwrap();
    assert!(cookie.starts_with("assay_session="), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=1209600"] {
        assert!(cookie.contains(attribute), "{attribute}: {cookie}");
    }
    assert!(
        !cookie.contains("Secure"),
        "this server is not behind TLS: {cookie}"
    );
}

#[tokio::test]
async fn behind_tls_the_cookie_stays_on_it() {
    let mut house = House::start(&["--public-url", "https://assay.example"]);
    let link = house
        .process
        .wait_for_line("create the first administrator", super::house::PATIENCE);
    assert!(
        link.contains("https://assay.example/setup?token="),
        "{link}"
    );
    let token = house.setup_token();
    let made = Browser::new(&house.url).create_administrator(&token).await;
    assert!(set_cookie(&made).unwrap().contains("Secure"));
    assert_eq!(
        header(&made, "strict-transport-security").as_deref(),
        Some("max-age=31536000")
    );
}

#[tokio::test]
async fn signing_in_makes_a_new_session_and_signing_out_ends_it() {
    let mut house = House::start(&[]);
    let mut browser = house.administrator().await;
    let before = browser.cookie.clone().unwrap();
    let signed_in = browser.sign_in(super::house::PASSWORD).await;
    assert_eq!(signed_in.status(), 200);
    let after = browser.cookie.clone().unwrap();
    assert_ne!(before, after, "an id known before is worth nothing after");
    let open_with = async |cookie: &str| {
        let request = Browser::new(&house.url).request(Method::GET, "/");
        request
            .header(COOKIE, cookie)
            .send()
            .await
            .unwrap()
            .status()
    };
    assert_eq!(open_with(&before).await, 302);
    assert_eq!(open_with(&after).await, 200);

    let out = browser.send("/api/session/sign_out", &[]).await;
    assert_eq!(header(&out, "location").as_deref(), Some("/sign-in"));
    assert_eq!(browser.cookie, None, "the browser forgets it");
    assert_eq!(open_with(&after).await, 302, "and so does the server");
}

#[tokio::test]
async fn sessions_outlive_the_server_and_are_not_readable_in_its_files() {
    let mut house = House::start(&[]);
    let browser = house.administrator().await;
    let cookie = browser.cookie.clone().unwrap();
    let id = cookie.split('=').nth(1).unwrap();
    house
        .process
        .stop(nix::sys::signal::Signal::SIGTERM, super::house::PATIENCE);
    for file in ["assay.db", "assay.db-wal"] {
        let bytes = std::fs::read(house.folder.path().join(file)).unwrap_or_default();
        let is_found = bytes
            .windows(id.len())
            .any(|window| window == id.as_bytes());
        assert!(!is_found, "{file}");
    }
    let address = house.url.replace("http://", "");
    house.process = super::house::spawn(house.folder.path(), &address, &[]);
    house
        .process
        .wait_for_line("listening on ", super::house::PATIENCE);
    let mut later = Browser::new(&house.url);
    later.cookie = Some(cookie);
    assert!(later.read("/").await.contains("Sign out"));
    assert!(
        !house.process.output().contains("first administrator"),
        "there is one"
    );
}

#[tokio::test]
async fn wrong_passwords_are_refused_and_then_limited() {
    let mut house = House::start(&[]);
    house.administrator().await;
    let mut eve = Browser::new(&house.url);
    let first = eve.sign_in("wrong").await;
    assert_eq!(first.status(), 401);
    assert_eq!(first.text().await.unwrap(), r#"{"kind":"signed_out"}"#);
    let limited = loop {
        let response = eve.sign_in("wrong").await;
        if response.status() != 401 {
            break response;
        }
    };
    assert_eq!(limited.status(), 429);
    let seconds: u32 = header(&limited, "retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    assert_eq!(eve.cookie, None);
}

#[tokio::test]
async fn only_pages_of_this_server_can_act_for_a_person() {
    let mut house = House::start(&[]);
    let browser = house.administrator().await;
    let start = async |headers: &[(&str, &str)]| {
        let mut request = browser.request(Method::POST, "/api/workflows/start");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap().status()
    };
    let own = house.url.as_str();
    assert_eq!(start(&[(ORIGIN.as_str(), own)]).await, 200);
    assert_eq!(start(&[]).await, 403);
    assert_eq!(start(&[("origin", "http://evil.example")]).await, 403);
    assert_eq!(
        start(&[("origin", own), ("sec-fetch-site", "cross-site")]).await,
        403
    );
    let page = format!("{own}/new");
    assert_eq!(start(&[("referer", &page)]).await, 200);
}
