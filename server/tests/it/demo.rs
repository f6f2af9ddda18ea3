//! Demo mode: open to this machine, closed to everything else.

use reqwest::Method;
use reqwest::header::HOST;

use crate::house::{Browser, House, PATIENCE, spawn};

#[tokio::test]
async fn a_visitor_is_signed_in_and_finds_samples() {
    let mut house = House::start(&["--demo"]);
    house
        .process
        .wait_for_line("sample benchmarks are queued", PATIENCE);
    let home = Browser::new(&house.url).read("/").await;
    assert!(home.contains("Sample: "), "{home}");
    assert!(!house.process.output().contains("first administrator"));
}

#[tokio::test]
async fn names_of_other_machines_are_not_answered() {
    let house = House::start(&["--demo"]);
    let port = house.url.rsplit(':').next().unwrap();
    let browser = Browser::new(&house.url);
    let ask = async |host: &str| {
        let request = browser.request(Method::GET, "/").header(HOST, host);
        request.send().await.unwrap().status()
    };
    for own in ["localhost", "127.0.0.1", "[::1]"] {
        assert_eq!(ask(&format!("{own}:{port}")).await, 200, "{own}");
    }
    for other in ["evil.example", "127.0.0.1.evil.example", "10.0.0.1"] {
        assert_eq!(ask(&format!("{other}:{port}")).await, 421, "{other}");
    }
}

#[test]
fn it_listens_on_loopback_only() {
    let folder = testkit::data_dir();
    let mut process = spawn(folder.path(), "0.0.0.0:0", &["--demo"]);
    assert!(!process.wait_for_exit(PATIENCE).success());
    assert!(
        process.output().contains("loopback only"),
        "{}",
        process.output()
    );
    assert!(
        !folder.path().join("assay.db").exists(),
        "nothing was begun"
    );
}
