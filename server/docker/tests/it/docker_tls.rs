//! A Docker Engine behind TLS, where both sides show certificates.

use docker::{Address, Docker, Error};
use domain::secret::Secret;
use testkit::{Authority, Certified, DockerEngine};

fn address(host: &str, port: u16, ca: &Authority, own: Certified) -> Address {
    Address::Tls {
        host: host.to_owned(),
        port,
        ca: ca.pem(),
        certificate: own.certificate,
        key: Secret::new(own.key),
    }
}

#[tokio::test]
async fn both_sides_must_know_each_other() {
    let (authority, stranger) = (Authority::new("lab"), Authority::new("other"));
    let (_engine, port) = DockerEngine::start_tls(&authority);
    let address = |host: &str, ca: &Authority, own| address(host, port, ca, own);

    let docker = Docker::connect(address(
        "127.0.0.1",
        &authority,
        authority.issue_to_client(),
    ))
    .await
    .unwrap();
    assert!(!docker.info().await.unwrap().version.is_empty());
    assert_eq!(docker.running_containers().await.unwrap(), []);
    docker.ping().await.unwrap();
    let reach = docker.reach().await.unwrap().unwrap();
    assert!(reach.address.is_loopback() && !reach.round_trip.is_zero());

    for (words, address) in [
        (
            "does not accept the certificate of this server",
            address("127.0.0.1", &authority, stranger.issue_to_client()),
        ),
        (
            "does not come from the authority that was given",
            address("127.0.0.1", &stranger, authority.issue_to_client()),
        ),
        (
            "is for another name",
            address("localhost", &authority, authority.issue_to_client()),
        ),
    ] {
        let error = Docker::connect(address).await.unwrap_err();
        assert!(
            matches!(error, Error::TlsRefused { .. }),
            "{words}: {error:?}"
        );
        let told = error.to_string();
        assert!(
            told.starts_with("no secure connection to the Docker Engine at tcp://")
                && told.contains(words),
            "{told}"
        );
    }

    let Certified { certificate, key } = authority.issue_to_client();
    let own = |certificate: &str, key: &str| Certified {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    };
    let nothing = address("127.0.0.1", &authority, own("", &key));
    let error = Docker::connect(nothing).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Certificate {
                what: "certificate",
                ..
            }
        ),
        "{error}"
    );
    let wrong = address("127.0.0.1", &authority, own(&certificate, "SECRET"));
    assert!(!format!("{wrong:?}").contains("SECRET"));
    let error = Docker::connect(wrong).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Certificate {
                what: "private key",
                ..
            }
        ),
        "{error}"
    );
    assert!(!format!("{error:?} {error}").contains("SECRET"), "{error}");
    let other = authority.issue_to_client();
    let mixed = address("127.0.0.1", &authority, own(&certificate, &other.key));
    let error = Docker::connect(mixed).await.unwrap_err().to_string();
    assert!(
        error.contains("does not belong to the certificate"),
        "{error}"
    );
    let address = address("127.0.0.1", &authority, own(&certificate, &key));
    let middle = key.lines().nth(1).unwrap();
    assert!(!format!("{address:?}").contains(middle));
}

#[tokio::test]
async fn a_port_without_tls_is_refused() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]).unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
    });
    let authority = Authority::new("lab");
    let own = authority.issue_to_client();
    let address = address("127.0.0.1", port, &authority, own);
    let error = Docker::connect(address).await.unwrap_err();
    assert!(matches!(error, Error::TlsRefused { .. }), "{error:?}");
}
