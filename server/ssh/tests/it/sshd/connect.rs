//! Getting in, and being kept out for the right reason.

use std::time::Duration;

use domain::secret::Secret;
use ssh::{Credential, HostKey, Patience, Session, SshError, SshTarget, Unreachable};
use testkit::{SshAgent, SshKey, Sshd, free_port};

use super::support::{connect, key, password, run, target};

async fn refusal(target: &SshTarget) -> SshError {
    Session::connect(target, Patience::default())
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_key_lets_in() {
    let sshd = Sshd::start();
    let session = connect(&sshd).await;
    let answer = run(&session, &["id", "-un"]).await;
    assert_eq!(answer.text().trim(), sshd.user());
    assert_eq!(
        session.host_key().fingerprint(),
        sshd.host_key().fingerprint
    );
}

#[tokio::test]
async fn a_locked_key_wants_its_passphrase() {
    let sshd = Sshd::start();
    let locked = SshKey::generate(Some("open sesame"));
    sshd.authorize(&[&locked]);
    let with = |passphrase: Option<&str>| SshTarget {
        credential: Credential::Key {
            pem: Secret::new(locked.private.clone()),
            passphrase: passphrase.map(|text| Secret::new(text.to_owned())),
        },
        ..target(&sshd)
    };
    let session = Session::connect(&with(Some("open sesame")), Patience::default()).await;
    assert!(session.is_ok(), "{session:?}");
    assert!(matches!(
        refusal(&with(None)).await,
        SshError::PassphraseMissing
    ));
    assert!(matches!(
        refusal(&with(Some("open barley"))).await,
        SshError::PassphraseWrong
    ));
}

#[tokio::test]
async fn what_is_no_key_is_said_so() {
    let sshd = Sshd::start();
    for text in [
        "",
        "hello",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        &sshd.client_key().public,
    ] {
        let credential = Credential::Key {
            pem: Secret::new(text.to_owned()),
            passphrase: None,
        };
        let error = refusal(&SshTarget {
            credential,
            ..target(&sshd)
        })
        .await;
        assert!(matches!(error, SshError::KeyUnreadable { .. }), "{error}");
    }
}

#[tokio::test]
async fn another_key_is_refused_with_what_would_be_taken() {
    let sshd = Sshd::start();
    let error = refusal(&SshTarget {
        credential: key(&SshKey::generate(None)),
        ..target(&sshd)
    })
    .await;
    let SshError::AuthenticationRefused { accepts, tried, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*tried, "the key");
    assert!(accepts.contains(&"publickey".to_owned()), "{accepts:?}");
    assert!(error.to_string().contains("it takes: publickey"), "{error}");
}

#[tokio::test]
async fn a_password_given_as_root_lets_in() {
    let sshd = Sshd::start();
    let right = sshd.password().expect("only root can give one");
    let with = |text: &str| SshTarget {
        credential: password(text),
        ..target(&sshd)
    };
    let session = Session::connect(&with(right), Patience::default()).await;
    assert!(session.is_ok(), "{session:?}");
    let error = refusal(&with("wrong")).await;
    let SshError::AuthenticationRefused { tried, accepts, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*tried, "the password");
    assert!(accepts.contains(&"password".to_owned()), "{accepts:?}");
    assert!(!format!("{error} {error:?}").contains("wrong"));
}

#[tokio::test]
async fn an_agent_signs() {
    let sshd = Sshd::start();
    let with = |socket: &std::path::Path| SshTarget {
        credential: Credential::Agent {
            socket: Some(socket.to_owned()),
        },
        ..target(&sshd)
    };
    // The right key is not the first one.
    let agent = SshAgent::start(&[&SshKey::generate(None), sshd.client_key()]);
    let session = Session::connect(&with(agent.socket()), Patience::default()).await;
    assert!(session.is_ok(), "{session:?}");

    let stranger = SshAgent::start(&[&SshKey::generate(None)]);
    assert!(matches!(
        refusal(&with(stranger.socket())).await,
        SshError::AuthenticationRefused {
            tried: "the agent's keys",
            ..
        }
    ));
    let empty = SshAgent::start(&[]);
    assert!(matches!(
        refusal(&with(empty.socket())).await,
        SshError::AgentWithoutKeys
    ));
    let gone = sshd.home().join("nothing");
    assert!(matches!(
        refusal(&with(&gone)).await,
        SshError::AgentMissing { .. }
    ));
}

#[tokio::test]
async fn an_unknown_host_key_is_shown_and_a_changed_one_refused() {
    let mut sshd = Sshd::start();
    let unknown = SshTarget {
        host_key: None,
        ..target(&sshd)
    };
    let error = refusal(&unknown).await;
    let SshError::HostKeyUnknown { offered, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(offered.fingerprint(), sshd.host_key().fingerprint);
    assert!(error.to_string().contains(&offered.fingerprint()));

    // Accepting what was shown lets in, also after it was stored as a line.
    let accepted = HostKey::parse(&offered.to_line()).unwrap();
    let known = SshTarget {
        host_key: Some(accepted.clone()),
        ..unknown
    };
    assert!(Session::connect(&known, Patience::default()).await.is_ok());

    sshd.change_host_key();
    let error = refusal(&known).await;
    let SshError::HostKeyChanged {
        pinned, offered, ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(*pinned, accepted);
    assert_eq!(offered.fingerprint(), sshd.host_key().fingerprint);
    let log = sshd.log();
    assert!(
        !log.contains("Accepted") && !log.contains("Failed publickey"),
        "nothing was shown to it: {log}"
    );
}

#[tokio::test]
async fn a_jump_host_leads_on() {
    let (near, far) = (Sshd::start(), Sshd::start());
    let through = |jump: SshTarget| SshTarget {
        jump: Some(Box::new(jump)),
        ..target(&far)
    };
    let session = Session::connect(&through(target(&near)), Patience::default())
        .await
        .unwrap();
    let home = session.home().await.unwrap();
    assert_eq!(home, far.home().to_str().unwrap());

    // Each failure names the machine it happened on.
    let stranger = SshTarget {
        credential: key(&SshKey::generate(None)),
        ..target(&near)
    };
    let error = refusal(&through(stranger)).await.to_string();
    assert!(error.contains(&near.port().to_string()), "{error}");
    let nobody = SshTarget {
        port: free_port(),
        ..through(target(&near))
    };
    let error = refusal(&nobody).await;
    assert!(
        matches!(
            &error,
            SshError::Unreachable {
                reason: Unreachable::NotFromJumpHost { .. },
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_not_there_is_unreachable() {
    let sshd = Sshd::start();
    let nobody = SshTarget {
        port: free_port(),
        ..target(&sshd)
    };
    assert!(matches!(
        refusal(&nobody).await,
        SshError::Unreachable {
            reason: Unreachable::Refused,
            ..
        }
    ));
    let nameless = SshTarget {
        host: "no-such-machine.invalid".to_owned(),
        ..target(&sshd)
    };
    assert!(matches!(
        refusal(&nameless).await,
        SshError::Unreachable {
            reason: Unreachable::UnknownName(_),
            ..
        }
    ));
}

#[tokio::test]
async fn what_says_nothing_or_something_else_is_not_waited_for() {
    let patience = Patience {
        connect: Duration::from_millis(200),
        ..Patience::default()
    };
    // Accepts, and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sshd = Sshd::start();
    let mute = SshTarget {
        port: silent.local_addr().unwrap().port(),
        ..target(&sshd)
    };
    let error = Session::connect(&mute, patience).await.unwrap_err();
    assert!(
        matches!(
            &error,
            SshError::Unreachable {
                reason: Unreachable::TimedOut(_),
                ..
            }
        ),
        "{error}"
    );
    assert!(error.is_passing());

    let talking = tokio::spawn(async move {
        let (stream, _) = silent.accept().await.unwrap();
        drop(stream);
        let (stream, _) = silent.accept().await.unwrap();
        drop(stream);
        let (mut stream, _) = silent.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
    });
    let error = refusal(&mute).await.to_string();
    assert!(error.ends_with("the connection was closed"), "{error}");
    let error = refusal(&mute).await;
    assert!(matches!(error, SshError::Handshake { .. }), "{error}");
    talking.await.unwrap();
}
