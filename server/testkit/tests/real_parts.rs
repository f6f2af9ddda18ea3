//! The real parts come up, answer, and leave nothing behind.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use testkit::{
    Link, LlamaServer, Postgres, SshKey, Sshd, data_dir, get_http_status, is_process_alive,
    wait_until,
};

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

#[test]
fn sshd_lets_its_key_in_and_takes_everything_with_it() {
    let mut sshd = Sshd::start();
    let folder = data_dir();
    let key = folder.path().join("key");
    sshd.client_key().write(&key);
    let login = |key: &std::path::Path| {
        Command::new("ssh")
            .args(["-F", "none", "-o", "StrictHostKeyChecking=no"])
            .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes"])
            .args(["-p", &sshd.port().to_string(), "-i"])
            .arg(key)
            .arg(format!("{}@127.0.0.1", sshd.user()))
            .arg("echo $HOME; setsid sleep 1009 < /dev/null > /dev/null 2>&1 &")
            .output()
            .unwrap()
    };
    let answer = login(&key);
    assert_eq!(
        String::from_utf8_lossy(&answer.stdout).trim(),
        sshd.home().to_str().unwrap()
    );
    wait_until("what was started", SOON, || {
        let lines = sshd.command_lines();
        lines
            .iter()
            .any(|line| line.contains("sleep 1009"))
            .then_some(())
    });
    SshKey::generate(None).write(&key);
    assert!(!login(&key).status.success(), "another key is refused");
    sshd.stop();
    if sshd.password().is_some() {
        let ended = Command::new("pgrep").args(["-f", "sleep 1009"]).output();
        assert!(ended.unwrap().stdout.is_empty(), "it ends with the server");
    }
}

#[test]
fn a_link_passes_freezes_and_is_cut_at_the_byte() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let link = Link::to(listener.local_addr().unwrap().port());
    let mut near = TcpStream::connect(("127.0.0.1", link.port())).unwrap();
    let (mut far, _) = listener.accept().unwrap();
    let mut bytes = [0; 5];
    near.write_all(b"first").unwrap();
    far.read_exact(&mut bytes).unwrap();
    far.write_all(b"reply").unwrap();
    near.read_exact(&mut bytes).unwrap();
    assert_eq!((&bytes, link.sent()), (b"reply", 5));
    link.freeze();
    near.write_all(b"later").unwrap();
    assert_eq!(link.sent(), 5, "nothing passes");
    link.thaw();
    far.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"later");
    link.cut_after(3);
    near.write_all(b"shortened").unwrap();
    let mut rest = Vec::new();
    let _ = far.read_to_end(&mut rest);
    assert_eq!(rest, b"sho");
    assert!(!matches!(near.read(&mut bytes), Ok(1..)));
}
