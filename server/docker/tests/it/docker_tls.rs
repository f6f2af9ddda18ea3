//! A Docker Engine behind TLS, where both sides show certificates.

use std::fs;

use docker::{Address, Docker, Error};
use domain::secret::Secret;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use testkit::DockerEngine;

/// An authority that issues certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for `name` and its private key, as PEM.
    fn issue(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn issue_to_client(&self) -> (String, String) {
        self.issue("client", ExtendedKeyUsagePurpose::ClientAuth)
    }
}

#[tokio::test]
async fn both_sides_must_know_each_other() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let folder = testkit::data_dir();
    let (certificate, key) = authority.issue("127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth);
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let port = testkit::free_port();
    let host = format!("tcp://127.0.0.1:{port}");
    let ca = file("ca.pem", &authority.0.pem());
    let (certificate, key) = (file("cert.pem", &certificate), file("key.pem", &key));
    let arguments = [
        "--host",
        &host,
        "--tlsverify",
        "--tlscacert",
        &ca,
        "--tlscert",
        &certificate,
        "--tlskey",
        &key,
    ];
    let _engine = DockerEngine::start_with(&arguments);
    let address = |host: &str, ca: &Authority, (certificate, key): (String, String)| Address::Tls {
        host: host.to_owned(),
        port,
        ca: ca.0.pem(),
        certificate,
        key: Secret::new(key),
    };

    let docker = Docker::connect(address(
        "127.0.0.1",
        &authority,
        authority.issue_to_client(),
    ))
    .await
    .unwrap();
    assert!(!docker.info().await.unwrap().version.is_empty());
    assert_eq!(docker.running_containers().await.unwrap(), []);

    for (what, address) in [
        (
            "a certificate that it does not know",
            address("127.0.0.1", &authority, stranger.issue_to_client()),
        ),
        (
            "an authority that is not its own",
            address("127.0.0.1", &stranger, authority.issue_to_client()),
        ),
        (
            "a name that is not its own",
            address("localhost", &authority, authority.issue_to_client()),
        ),
    ] {
        let error = Docker::connect(address).await.unwrap_err();
        assert!(
            matches!(error, Error::TlsRefused { .. }),
            "{what}: {error:?}"
        );
        assert!(
            error
                .to_string()
                .starts_with("no secure connection to the Docker Engine at tcp://"),
            "{error}"
        );
    }

    let (certificate, key) = authority.issue_to_client();
    let nothing = address("127.0.0.1", &authority, (String::new(), key.clone()));
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
    let wrong = address(
        "127.0.0.1",
        &authority,
        (certificate.clone(), "SECRET".to_owned()),
    );
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
    let address = address("127.0.0.1", &authority, (certificate, key.clone()));
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
    let authority = Authority::new();
    let (certificate, key) = authority.issue_to_client();
    let error = Docker::connect(Address::Tls {
        host: "127.0.0.1".to_owned(),
        port,
        ca: authority.0.pem(),
        certificate,
        key: Secret::new(key),
    })
    .await
    .unwrap_err();
    assert!(matches!(error, Error::TlsRefused { .. }), "{error:?}");
}
