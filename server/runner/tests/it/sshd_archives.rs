//! Engines that are brought to a machine behind a real sshd: in an archive, and as this program itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use domain::engine::EnginePreset;
use domain::plan::{Deployment, PlannedCluster, RunPlan};
use domain::run::Stage;
use domain::run::event::RunOutcome;
use testkit::Sshd;

use crate::house::{House, Login};
use crate::plans::local_plan;
use crate::sshd_llama_runs::{note_of, stripped_assay};

const WORDS: [&str; 6] = [
    "assay",
    "engine",
    "--addr",
    "{host}:{port}",
    "--model",
    testkit::LlamaServer::MODEL,
];

/// An archive of that folder's `build`.
fn packed(folder: &Path) -> PathBuf {
    let archive = folder.join("engine.tar.gz");
    let tar = Command::new("tar")
        .arg("-czf")
        .arg(&archive)
        .arg("-C")
        .arg(folder)
        .arg("build")
        .status();
    assert!(tar.unwrap().success());
    archive
}

fn plan(cluster: PlannedCluster, words: &[&str], brought: &Path) -> RunPlan {
    let mut plan = local_plan(words);
    if let Deployment::Process { archive, .. } = &mut plan.deployment {
        *archive = Some(brought.display().to_string());
    }
    plan.cluster = cluster;
    plan
}

fn engines(sshd: &Sshd) -> Vec<PathBuf> {
    let folders = fs::read_dir(sshd.home().join(".assay/engines"));
    folders
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[tokio::test]
async fn an_archive_is_brought_once_and_its_program_found() {
    let sshd = Sshd::start();
    let mut house = House::open_whole().await;
    let folder = testkit::data_dir();
    fs::create_dir_all(folder.path().join("build/bin")).unwrap();
    // A folder and a file of the program's name are not the program.
    fs::create_dir(folder.path().join("build/assay")).unwrap();
    fs::write(folder.path().join("build/assay/assay"), "no program").unwrap();
    stripped_assay(&folder.path().join("build/bin"));
    let archive = packed(folder.path());
    house.start();
    let login = Login::Key(sshd.client_key());
    let cluster = house.machine(&sshd, sshd.port(), login).await;

    let plan_of_it = plan(cluster.clone(), &WORDS, &archive);
    let id = house.queue(&plan_of_it).await;
    let state = house.wait_for_end(id).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    let note = note_of(&state, Stage::TransferModel);
    assert!(note.contains("was brought to"), "{note}");
    let kept = engines(&sshd);
    assert_eq!(kept.len(), 1);
    assert!(kept[0].join("unpacked/build/bin/assay").exists());
    assert_eq!(
        fs::read_dir(&kept[0]).unwrap().count(),
        1,
        "it is kept once"
    );

    let id = house.queue(&plan_of_it).await;
    let state = house.wait_for_end(id).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    let note = note_of(&state, Stage::TransferModel);
    assert!(note.contains("has unpacked"), "{note}");

    let other = plan(cluster, &["other-server", "--port", "{port}"], &archive);
    let id = house.queue(&other).await;
    let reason = house.wait_for_failure(id, Stage::DeployEngine).await;
    assert!(reason.contains("no program other-server"), "{reason}");
    house.stop().await;
}

#[tokio::test]
async fn an_archive_that_is_none_is_told_and_leaves_nothing() {
    let sshd = Sshd::start();
    let mut house = House::open().await;
    let folder = testkit::data_dir();
    house.start();
    let login = Login::Key(sshd.client_key());
    let cluster = house.machine(&sshd, sshd.port(), login).await;

    let missing = folder.path().join("missing.tar");
    let id = house.queue(&plan(cluster.clone(), &WORDS, &missing)).await;
    let reason = house.wait_for_failure(id, Stage::TransferModel).await;
    assert!(reason.contains("is no file of this server"), "{reason}");

    let broken = folder.path().join("broken.tar.gz");
    fs::write(&broken, "not an archive at all").unwrap();
    let id = house.queue(&plan(cluster, &WORDS, &broken)).await;
    let reason = house.wait_for_failure(id, Stage::TransferModel).await;
    assert!(reason.contains("cannot be unpacked"), "{reason}");
    assert_eq!(engines(&sshd), Vec::<PathBuf>::new());
    house.stop().await;
}

#[tokio::test]
async fn the_reference_engine_runs_on_a_far_machine() {
    let sshd = Sshd::start();
    let mut house = House::open_whole().await;
    let folder = testkit::data_dir();
    house.config.assay_binary = stripped_assay(folder.path());
    house.start();
    let login = Login::Key(sshd.client_key());
    let cluster = house.machine(&sshd, sshd.port(), login).await;
    let mut plan = local_plan(EnginePreset::Reference.template());
    if let Deployment::Process {
        preset, command, ..
    } = &mut plan.deployment
    {
        *preset = EnginePreset::Reference;
        for word in &mut command.words {
            *word = word.replace("{served_name}", testkit::LlamaServer::MODEL);
        }
    }
    plan.cluster = cluster;
    let id = house.queue(&plan).await;
    let state = house.wait_for_end(id).await;
    assert_eq!(state.outcome, Some(RunOutcome::Completed), "{state:#?}");
    house.assert_clean(id, &state);
    house.stop().await;
}
