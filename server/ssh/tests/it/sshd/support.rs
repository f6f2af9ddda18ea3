//! What the tests share.

use std::time::Duration;

use domain::secret::Secret;
use ssh::{Credential, HostKey, Output, Patience, Session, SshTarget};
use testkit::{SshKey, Sshd};

/// Longer than anything takes that works.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// With the key that is accepted, and the right host key.
pub(crate) fn target(sshd: &Sshd) -> SshTarget {
    SshTarget {
        host: "127.0.0.1".to_owned(),
        port: sshd.port(),
        user: sshd.user().to_owned(),
        credential: key(sshd.client_key()),
        host_key: Some(HostKey::parse(&sshd.host_key().public).unwrap()),
        jump: None,
    }
}

pub(crate) fn key(key: &SshKey) -> Credential {
    Credential::Key {
        pem: Secret::new(key.private.clone()),
        passphrase: None,
    }
}

pub(crate) fn password(text: &str) -> Credential {
    Credential::Password(Secret::new(text.to_owned()))
}

pub(crate) async fn connect(sshd: &Sshd) -> Session {
    Session::connect(&target(sshd), Patience::default())
        .await
        .unwrap()
}

/// Runs words that need no input and print little.
pub(crate) async fn run(session: &Session, words: &[&str]) -> Output {
    session.run(words, b"", SOON, 1 << 20).await.unwrap()
}

/// Looks until `look` gives something.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, looking)
        .await
        .unwrap_or_else(|_| panic!("waited too long for {what}"))
}
