//! Ports and sockets through the link.

use std::path::Path;

use ssh::SshError;
use testkit::{Sshd, data_dir, free_port};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::support::{connect, run, until};

/// Sends back what it gets until the other side has said all, and then a word of its own.
async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    stream.write_all(b" bye").await.unwrap();
    stream.shutdown().await.unwrap();
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, question: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    stream.write_all(question).await.unwrap();
    stream.shutdown().await.unwrap();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_local_port_leads_to_one_there() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(echo(stream));
        }
    });
    let forward = session.forward_tcp("127.0.0.1", port).await.unwrap();
    assert!(forward.address().ip().is_loopback());
    let question = vec![b'x'; 3_000_000];
    let answers = (0..20).map(|_| async {
        let stream = TcpStream::connect(forward.address()).await.unwrap();
        ask(stream, &question).await
    });
    for answer in futures::future::join_all(answers).await {
        assert!(answer == [question.as_slice(), b" bye"].concat());
    }
    assert!(forward.trouble().is_none());

    // An open connection ends with the forward, and the port is closed.
    let address = forward.address();
    let mut open = TcpStream::connect(address).await.unwrap();
    open.write_all(b"first").await.unwrap();
    drop(forward);
    let mut nothing = Vec::new();
    let _ = open.read_to_end(&mut nothing).await;
    assert!(nothing.is_empty());
    until("the port to be closed", async || {
        TcpStream::connect(address).await.is_err().then_some(())
    })
    .await;
    assert!(run(&session, &["true"]).await.exit.is_success());
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_said() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let forward = session.forward_tcp("127.0.0.1", free_port()).await.unwrap();
    let mut stream = TcpStream::connect(forward.address()).await.unwrap();
    let mut nothing = Vec::new();
    let _ = stream.read_to_end(&mut nothing).await;
    assert!(nothing.is_empty());
    let trouble = forward.trouble().unwrap();
    assert!(matches!(trouble, SshError::Refused { .. }), "{trouble}");
    assert!(
        trouble.to_string().contains("nothing answers there"),
        "{trouble}"
    );
}

#[tokio::test]
async fn a_local_socket_leads_to_one_there() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let folder = data_dir();
    let far = folder.path().join("far.sock");
    let listener = UnixListener::bind(&far).unwrap();
    // The account there is another one.
    for (path, mode) in [(folder.path(), 0o755), (far.as_path(), 0o777)] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(path, mode).unwrap();
    }
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(echo(stream));
        }
    });
    let near = folder.path().join("near.sock");
    let forward = session
        .forward_unix(&near, far.to_str().unwrap())
        .await
        .unwrap();
    assert_eq!(forward.path(), near);
    let stream = UnixStream::connect(&near).await.unwrap();
    assert_eq!(ask(stream, b"hello").await, b"hello bye");
    drop(forward);
    assert!(!Path::exists(&near));

    let forward = session
        .forward_unix(&near, "/no/such/socket")
        .await
        .unwrap();
    let mut stream = UnixStream::connect(&near).await.unwrap();
    let mut nothing = Vec::new();
    let _ = stream.read_to_end(&mut nothing).await;
    assert!(forward.trouble().is_some());
    let error = session.forward_unix(&near, "/x").await.unwrap_err();
    assert!(
        matches!(error, SshError::NearFile { .. }),
        "the socket is in use: {error}"
    );
}
