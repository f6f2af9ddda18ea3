//! An endpoint behind TLS: measured if its certificate is trusted, and only then.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use testkit::{Process, TempDir};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const ASSAY: &str = env!("CARGO_BIN_EXE_assay");

/// The reference engine behind a proxy that ends TLS with a certificate of its own.
struct SecureEngine {
    url: String,
    /// The certificate, for those who trust it.
    certificate: PathBuf,
    folder: TempDir,
    _engine: Process,
}

impl SecureEngine {
    async fn start() -> Self {
        let mut engine = Process::spawn(Command::new(ASSAY).args(["engine", "--ttft-ms", "1"]));
        let line = engine.wait_for_line("http://", Duration::from_secs(30));
        let engine_address = line.split("http://").nth(1).unwrap().trim().to_owned();

        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = testkit::data_dir();
        let certificate = folder.path().join("certificate.pem");
        std::fs::write(&certificate, own.cert.pem()).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key.unwrap())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, address) = (acceptor.clone(), engine_address.clone());
                tokio::spawn(async move {
                    // Whoever does not trust the certificate hangs up in the middle.
                    let mut outside = acceptor.accept(stream).await?;
                    let mut inside = TcpStream::connect(address).await?;
                    copy_bidirectional(&mut outside, &mut inside).await
                });
            }
        });
        Self {
            url: format!("https://localhost:{port}"),
            certificate,
            folder,
            _engine: engine,
        }
    }

    async fn load(&self, trusted: Option<&Path>) -> Output {
        let mut command = Command::new(ASSAY);
        command
            .args([
                "load",
                "--base-url",
                &self.url,
                "--model",
                "assay-reference",
            ])
            .args(["--requests", "3", "--warmup", "1"])
            .args(["--input-tokens", "8", "--output-tokens", "4", "--out"])
            .arg(self.folder.path().join("out"));
        if let Some(path) = trusted {
            command.env("SSL_CERT_FILE", path);
        }
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_trusted_endpoint_is_measured() {
    let engine = SecureEngine::start().await;
    let output = engine.load(Some(&engine.certificate)).await;
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(
        report.contains("Failed requests:                                         0"),
        "{report}"
    );
}

#[tokio::test]
async fn an_endpoint_that_is_not_trusted_is_refused_with_the_reason() {
    let engine = SecureEngine::start().await;
    let output = engine.load(None).await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("certificate"), "{words}");
}
