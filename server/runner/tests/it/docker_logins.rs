//! Images of a real registry that wants a login.

use std::fs;
use std::path::Path;

use domain::catalogue::{Credential, CredentialKind, registry_url};
use domain::id::CredentialId;
use domain::plan::{Deployment, RunPlan};
use domain::run::event::RunOutcome;
use domain::run::{RunState, Stage};
use domain::secret::Secret;
use runner::{DockerAddress, system_clock};
use testkit::{DockerEngine, DockerRegistry};
use uuid::Uuid;

use crate::house::{House, log_of};
use crate::plans::container_plan;

/// A password that the registry does not take.
const WRONG: &str = "s3cret but not the registry's";

/// A login for a registry, as an administrator adds one.
async fn add_login(house: &House, registry: &str, password: &str) -> CredentialId {
    let credential = Credential {
        id: CredentialId(Uuid::new_v4()),
        name: format!("login {}", Uuid::new_v4()),
        kind: CredentialKind::RegistryLogin,
        user: DockerRegistry::USER.to_owned(),
        endpoint_id: None,
        base_url: registry_url(registry),
        description: String::new(),
        created_at: system_clock()(),
        rotated_at: None,
        last_test: None,
        archived_at: None,
    };
    let password = Secret::new(password.to_owned());
    let inserted = house.store.insert_credential(&credential, &password);
    inserted.await.unwrap();
    credential.id
}

fn plan_with(image: &str, login: Option<CredentialId>) -> RunPlan {
    let mut plan = container_plan(image, &[]);
    if let Deployment::Container { registry_login, .. } = &mut plan.deployment {
        *registry_login = login;
    }
    plan
}

fn reason_of(state: &RunState) -> &str {
    match &state.outcome {
        Some(RunOutcome::Failed { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

/// The files below a folder that hold one of these texts as it is.
fn files_with(folder: &Path, texts: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, texts));
            continue;
        }
        // Sockets and files that were just removed hold nothing.
        let bytes = fs::read(&path).unwrap_or_default();
        let holds = |text: &&str| {
            let text = text.as_bytes();
            bytes.windows(text.len()).any(|window| window == text)
        };
        if texts.iter().any(holds) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn an_image_is_pulled_with_the_sealed_login_of_its_registry() {
    // One of its own, whose images are removed.
    let engine = DockerEngine::start();
    let registry = DockerRegistry::start();
    let image = registry.take(&engine, engine.llama_image());
    let mut house = House::open_whole().await;
    house.config.docker = DockerAddress::Socket(engine.socket());
    house.start();

    let run = async |login| {
        let id = house.queue(&plan_with(&image, login)).await;
        let state = house.wait_for_end(id).await;
        house.assert_clean(id, &state);
        (id, state)
    };
    let (_, without) = run(None).await;
    assert!(reason_of(&without).contains("login"), "{without:#?}");
    let wrong = add_login(&house, registry.address(), WRONG).await;
    let (_, refused) = run(Some(wrong)).await;
    let reason = reason_of(&refused);
    let refusal = format!("the registry {} refused the login", registry.address());
    assert!(reason.contains(&refusal), "{reason}");
    let elsewhere = add_login(&house, "elsewhere.example", DockerRegistry::PASSWORD).await;
    let (_, bound) = run(Some(elsewhere)).await;
    assert!(reason_of(&bound).contains("is not for"), "{bound:#?}");
    let (_, gone) = run(Some(CredentialId(Uuid::new_v4()))).await;
    assert!(reason_of(&gone).contains("was deleted"), "{gone:#?}");

    let right = add_login(&house, registry.address(), DockerRegistry::PASSWORD).await;
    let (id, pulled) = run(Some(right)).await;
    assert_eq!(pulled.outcome, Some(RunOutcome::Completed), "{pulled:#?}");
    let log = log_of(&pulled, Stage::DeployEngine).join("\n");
    assert!(log.contains("with the sealed login of assay"), "{log}");
    let (status, inspected) = engine.request("GET", &format!("/images/{image}/json"));
    assert_eq!(status, 200, "{inspected}");

    let secrets = [DockerRegistry::PASSWORD, WRONG];
    for entry in house.store.read_journal(id, 0, u32::MAX).await.unwrap() {
        let text = serde_json::to_string(&entry).unwrap();
        assert!(!secrets.iter().any(|one| text.contains(one)), "{text}");
    }
    assert!(!secrets.iter().any(|one| inspected.contains(one)));
    house.stop().await;
    // The database, the logs and the records of every run.
    assert_eq!(
        files_with(house.folder.path(), &secrets),
        Vec::<String>::new()
    );
}
