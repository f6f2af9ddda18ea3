//! What those who are not signed in get: nothing.

use leptos::server_fn::axum::server_fn_paths;
use reqwest::Method;
use uuid::Uuid;

use crate::house::{Browser, House, header};

/// Functions that answer whoever asks.
const OPEN: [&str; 4] = [
    "/api/session/sign_in",
    "/api/session/sign_out",
    "/api/session/create_first_administrator",
    "/api/session/needs_first_administrator",
];

#[tokio::test]
async fn every_page_leads_to_the_sign_in_page() {
    let house = House::start(&[]);
    let anybody = Browser::new(&house.url);
    let id = Uuid::nil();
    let pages = [
        "/".to_owned(),
        "/?q=x&page=2".to_owned(),
        "/new".to_owned(),
        format!("/new/{id}/1"),
        format!("/benchmarks/{id}"),
        "/models".to_owned(),
        "/models/new".to_owned(),
        format!("/models/{id}"),
        "/clusters".to_owned(),
        "/clusters/new".to_owned(),
        format!("/clusters/{id}"),
        "/credentials".to_owned(),
        "/credentials/new".to_owned(),
        format!("/credentials/{id}"),
        "/settings".to_owned(),
        format!("/benchmarks/{id}/records.parquet"),
        format!("/benchmarks/{id}/requests.csv"),
        format!("/benchmarks/{id}/result.json"),
        format!("/benchmarks/{id}/engine.log"),
        "/live?history=1".to_owned(),
    ];
    for page in pages {
        let response = anybody.open(&page).await;
        assert!(
            response.status().is_redirection(),
            "{page}: {}",
            response.status()
        );
        let location = header(&response, "location").unwrap();
        assert!(location.starts_with("/sign-in"), "{page}: {location}");
        assert_eq!(header(&response, "set-cookie"), None, "{page}");
    }
    assert!(
        anybody
            .read("/sign-in")
            .await
            .contains("Nobody has an account yet.")
    );
    assert_eq!(anybody.open("/health").await.status(), 200);
}

#[tokio::test]
async fn programs_get_a_401() {
    let house = House::start(&[]);
    let anybody = Browser::new(&house.url);
    let id = Uuid::nil();
    let files = [
        format!("/benchmarks/{id}/records.parquet"),
        format!("/benchmarks/{id}/requests.csv"),
        format!("/benchmarks/{id}/result.json"),
        format!("/benchmarks/{id}/engine.log"),
        "/live?history=1".to_owned(),
        format!("/live?benchmark={id}"),
    ];
    for file in files {
        let response = anybody.request(Method::GET, &file).send().await.unwrap();
        assert_eq!(response.status(), 401, "{file}");
        assert_eq!(
            header(&response, "content-type").as_deref(),
            Some("application/json")
        );
    }
}

#[tokio::test]
async fn every_server_function_is_refused() {
    // Names something of the app, so that its server functions are part of this program too.
    std::hint::black_box(app::App as fn() -> _);
    let functions: Vec<&str> = server_fn_paths().map(|(path, _)| path).collect();
    assert!(functions.len() > 30, "{functions:?}");
    assert!(
        OPEN.iter().all(|open| functions.contains(open)),
        "{functions:?}"
    );

    let house = House::start(&[]);
    let mut anybody = Browser::new(&house.url);
    for path in functions {
        let response = anybody.call(path, &[]).await;
        let status = response.status();
        if OPEN.contains(&path) {
            assert!(
                status != 401 && !status.is_server_error(),
                "{path}: {status}"
            );
        } else {
            assert_eq!(status, 401, "{path}");
            assert_eq!(
                response.text().await.unwrap(),
                r#"{"kind":"signed_out"}"#,
                "{path}"
            );
        }
    }
    assert_eq!(anybody.call("/api/no/such", &[]).await.status(), 404);
    assert_eq!(anybody.cookie, None);
}
