//! Links that break, and how that is noticed.

use std::time::Duration;

use ssh::{Patience, Session, SshError, SshTarget};
use testkit::{Link, Sshd};
use tokio::net::TcpStream;

use super::support::{SOON, connect, run, target, until};

/// So that a dead link is noticed in a moment.
fn impatient() -> Patience {
    Patience {
        silence: Duration::from_secs(2),
        ..Patience::default()
    }
}

fn through(link: &Link, sshd: &Sshd) -> SshTarget {
    SshTarget {
        port: link.port(),
        ..target(sshd)
    }
}

#[tokio::test]
async fn a_cut_link_ends_what_goes_on_with_the_reason() {
    let sshd = Sshd::start();
    let link = Link::to(sshd.port());
    let session = Session::connect(&through(&link, &sshd), Patience::default())
        .await
        .unwrap();
    let forward = session.forward_tcp("127.0.0.1", sshd.port()).await.unwrap();
    let call = {
        let session = session.clone();
        tokio::spawn(async move { session.run(&["sleep", "1008"], b"", SOON, 10).await })
    };
    until("the program to run", async || {
        let lines = sshd.command_lines();
        lines.iter().any(|it| it.contains("1008")).then_some(())
    })
    .await;
    link.cut();
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, SshError::LinkLost { .. }), "{error}");
    assert!(session.is_lost());
    for error in [
        session.lost().await,
        session.run(&["true"], b"", SOON, 10).await.unwrap_err(),
        session.round_trip_time().await.unwrap_err(),
        session.list("x").await.unwrap_err(),
        session.forward_tcp("127.0.0.1", 1).await.unwrap_err(),
        session.write_file("/x", b"").await.unwrap_err(),
    ] {
        assert!(matches!(error, SshError::LinkLost { .. }), "{error}");
    }
    until("the forward's port to be closed", async || {
        TcpStream::connect(forward.address())
            .await
            .is_err()
            .then_some(())
    })
    .await;
    let session = Session::connect(&through(&link, &sshd), Patience::default()).await;
    assert!(session.is_ok(), "the next link is another one: {session:?}");
}

#[tokio::test]
async fn a_link_that_says_nothing_any_more_is_noticed() {
    let sshd = Sshd::start();
    let link = Link::to(sshd.port());
    let session = Session::connect(&through(&link, &sshd), impatient())
        .await
        .unwrap();
    assert!(run(&session, &["true"]).await.exit.is_success());
    link.freeze();
    let error = session.lost().await;
    assert!(
        error.to_string().contains("does not answer any more"),
        "{error}"
    );
}

#[tokio::test]
async fn a_link_that_takes_nothing_any_more_is_noticed_while_sending() {
    let sshd = Sshd::start();
    let link = Link::to(sshd.port());
    let session = Session::connect(&through(&link, &sshd), impatient())
        .await
        .unwrap();
    link.freeze();
    let bytes = vec![0; 20_000_000];
    let error = session
        .run(&["cat"], &bytes, SOON, bytes.len())
        .await
        .unwrap_err();
    assert!(matches!(error, SshError::LinkLost { .. }), "{error}");
}

#[tokio::test]
async fn a_quiet_link_stays() {
    let sshd = Sshd::start();
    let session = Session::connect(&target(&sshd), impatient()).await.unwrap();
    // Longer than the silence that is suffered: the signs of life are answered.
    let output = session.run(&["sleep", "4"], b"", SOON, 10).await.unwrap();
    assert!(output.exit.is_success());
    assert!(!session.is_lost());
}

#[tokio::test]
async fn a_server_that_ends_is_noticed() {
    let mut sshd = Sshd::start();
    let session = connect(&sshd).await;
    sshd.stop();
    let error = session.lost().await;
    assert!(matches!(error, SshError::LinkLost { .. }), "{error}");
}

#[tokio::test]
async fn the_round_trip_is_timed() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let time = session.round_trip_time().await.unwrap();
    assert!(time > Duration::ZERO);
}

#[tokio::test]
async fn the_link_ends_with_its_last_user() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let forward = session.forward_tcp("127.0.0.1", sshd.port()).await.unwrap();
    // Opens the shared sftp session as well.
    session.write_file("~/x", b"x").await.unwrap();
    drop(session);
    let count = || {
        sshd.log().matches("Disconnected from user").count()
            + sshd.log().matches("Connection closed by").count()
    };
    let before = count();
    assert!(TcpStream::connect(forward.address()).await.is_ok());
    drop(forward);
    until("the server to see the end", async || {
        (count() > before).then_some(())
    })
    .await;
}
