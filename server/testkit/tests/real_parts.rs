//! The real parts come up, answer, and leave nothing behind.

use std::process::Command;
use std::time::Duration;

use testkit::{LlamaServer, Postgres, get_http_status, is_process_alive, wait_until};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn postgres_gives_a_new_database_each_time_and_ends() {
    let mut postgres = Postgres::start();
    let (first, second) = (postgres.database(), postgres.database());
    assert_ne!(first, second);
    for url in [&first, &second] {
        let answer = Command::new("psql")
            .args([
                url,
                "-At",
                "-c",
                "create table thing (id text); select count(*) from thing",
            ])
            .output()
            .unwrap();
        assert!(
            answer.status.success(),
            "{}",
            String::from_utf8_lossy(&answer.stderr)
        );
        assert!(
            answer.stdout.ends_with(b"0\n"),
            "the second database does not see the first's"
        );
    }
    let id = postgres.process().id();
    drop(postgres);
    wait_until("PostgreSQL to end", SOON, || {
        (!is_process_alive(id)).then_some(())
    });
}

#[test]
fn tests_share_one_postgres_until_the_last_lets_go() {
    let first = Postgres::shared();
    let second = Postgres::shared();
    let folder = |url: String| url.rsplit_once("host=").unwrap().1.to_owned();
    let place = folder(first.database());
    assert_eq!(place, folder(second.database()));
    drop((first, second));
    assert!(!std::path::Path::new(&place).exists(), "its folder is gone");
}

#[test]
fn llama_server_serves_and_ends() {
    let mut server = LlamaServer::start(2);
    assert_eq!(
        get_http_status(&format!("{}/health", server.url())),
        Some(200)
    );
    let id = server.process().id();
    drop(server);
    wait_until("the server to end", SOON, || {
        (!is_process_alive(id)).then_some(())
    });
}
