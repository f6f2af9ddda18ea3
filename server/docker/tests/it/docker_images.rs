//! Images: present ones, those of a registry, and every way in which they cannot be had.

use docker::{Error, ImageReference, RegistryLogin};
use domain::secret::Secret;
use testkit::{DockerEngine, DockerRegistry};

use crate::log_watch;
use crate::support::{Stage, connect};

#[tokio::test]
async fn a_present_image_is_used_without_any_registry() {
    let stage = Stage::new().await;
    let name: ImageReference = stage.engine.busybox_image().parse().unwrap();
    let image = stage
        .docker
        .ensure_image(&name, None, |_| panic!("nothing is pulled"))
        .await
        .unwrap();
    assert!(image.id.starts_with("sha256:"), "{image:?}");
    assert_eq!(image.repo_digest, None, "it comes from no registry");
    assert!(image.size_bytes > 100_000);
    let by_id: ImageReference = image.id.parse().unwrap();
    assert_eq!(
        stage.docker.find_image(&by_id).await.unwrap().unwrap().id,
        image.id
    );
}

#[tokio::test]
async fn without_its_registry_an_image_cannot_be_had() {
    let stage = Stage::new().await;
    let name = format!("127.0.0.1:{}/engines/vllm:1", testkit::free_port());
    let error = stage
        .docker
        .ensure_image(&name.parse().unwrap(), None, |_| {})
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::RegistryUnreachable { .. }),
        "{error}"
    );
    assert!(error.is_transient());
    let text = error.to_string();
    assert!(
        text.starts_with(&format!(
            "the image {name} is not on the machine, and the registry 127.0.0.1:"
        )),
        "{text}"
    );
    let missing = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
    let error = stage
        .docker
        .ensure_image(&missing, None, |_| {})
        .await
        .unwrap_err();
    assert!(matches!(error, Error::ImageUnknown { .. }), "{error}");
}

#[tokio::test]
async fn an_image_is_pulled_with_login_and_progress() {
    log_watch::begin();
    // An engine of its own, whose images are removed.
    let engine = DockerEngine::start();
    let registry = DockerRegistry::start();
    let docker = connect(&engine.socket()).await;
    let name: ImageReference = registry
        .take(&engine, engine.busybox_image())
        .parse()
        .unwrap();
    assert_eq!(docker.find_image(&name).await.unwrap(), None);
    let login = |password: &str| RegistryLogin {
        user: DockerRegistry::USER.to_owned(),
        password: Secret::new(password.to_owned()),
    };

    let error = docker.ensure_image(&name, None, |_| {}).await.unwrap_err();
    assert!(matches!(&error, Error::ImageUnknown { .. }), "{error}");
    let error = docker
        .ensure_image(&name, Some(&login("s3cret but wrong")), |_| {})
        .await
        .unwrap_err();
    assert!(matches!(&error, Error::LoginRefused { .. }), "{error}");
    assert!(!error.to_string().contains("s3cret but wrong"), "{error}");
    let unknown = format!("{}/no/such:1", registry.address()).parse().unwrap();
    let right = login(DockerRegistry::PASSWORD);
    let error = docker
        .ensure_image(&unknown, Some(&right), |_| {})
        .await
        .unwrap_err();
    assert!(matches!(&error, Error::ImageUnknown { .. }), "{error}");

    let mut seen = Vec::new();
    let image = docker
        .ensure_image(&name, Some(&right), |progress| seen.push(progress))
        .await
        .unwrap();
    let end = seen.last().unwrap();
    assert_eq!((end.layers, end.layers_done), (1, 1));
    assert!(
        0 < end.bytes_total && end.bytes_done == end.bytes_total,
        "{end:?}"
    );
    assert!(
        seen.iter().any(|progress| progress.layers_done == 0),
        "{seen:?}"
    );
    let digest = image.repo_digest.unwrap();
    assert!(
        digest.starts_with(&format!(
            "{}/assay-test/busybox@sha256:",
            registry.address()
        )),
        "{digest}"
    );

    log_watch::assert_no_secret();

    // By its digest it is the same one, without its registry.
    drop(registry);
    let again = docker
        .ensure_image(&digest.parse().unwrap(), None, |_| {})
        .await
        .unwrap();
    assert_eq!(again.id, image.id);
}
