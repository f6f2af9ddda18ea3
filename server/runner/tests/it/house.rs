//! A data directory with a database, a runner, and plans to give it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use domain::access::Role;
use domain::catalogue::{
    Cluster, ClusterKind, Credential, CredentialKind, Node, NodeAccess, PendingCleanup, SshAccess,
    SshAddress, SshKeySecret, SshLogin,
};
use domain::dataset::{
    ChatRole, Dataset, DatasetFormat, DatasetRow, DatasetState, LengthCounts, Message, Rejections,
    TokenizerUsed,
};
use domain::id::{
    BenchmarkId, ClusterId, CredentialId, DatasetId, NodeId, RerunGroupId, UserId, WorkflowId,
};
use domain::plan::{PlannedCluster, PlannedNode, RunPlan};
use domain::run::event::RunOutcome;
use domain::run::{JournalEntry, RunEvent, RunState, Stage, StageStatus};
use domain::secret::Secret;
use domain::workflow::{Draft, Workflow, WorkflowState};
use domain::workload::PlannedDataset;
use runner::{QueuePause, RunnerConfig, RunnerHandle, system_clock};
use store::{ImportedDataset, NewBenchmark, Store};
use testkit::{SshKey, Sshd, TempDir};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// How long a run may take in a test before it is stuck.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks at the journal.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How a test signs in.
pub(crate) enum Login<'a> {
    Key(&'a SshKey),
    Password(&'a str),
}

pub(crate) struct House {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    pub(crate) config: RunnerConfig,
    runner: Option<RunnerHandle>,
    owner: UserId,
}

impl House {
    /// With the load process that is built, which most runs here never reach.
    pub(crate) async fn open() -> Self {
        Self::open_with(testkit::target_dir().join("debug/assay")).await
    }

    /// With the real load process, which must be there.
    pub(crate) async fn open_whole() -> Self {
        let assay = testkit::target_dir().join("debug/assay");
        assert!(
            assay.exists(),
            "{} is missing: build it with `cargo build -p server`",
            assay.display()
        );
        Self::open_with(assay).await
    }

    /// With a shell script as load process: for faults that the real one does not have.
    pub(crate) async fn open_with_load_script(script: &str) -> Self {
        let folder = testkit::data_dir();
        let path = folder.path().join("load.sh");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&path, mode).unwrap();
        Self::open_in(folder, path).await
    }

    async fn open_with(assay: PathBuf) -> Self {
        Self::open_in(testkit::data_dir(), assay).await
    }

    async fn open_in(folder: TempDir, assay: PathBuf) -> Self {
        let store = Store::open_embedded(folder.path()).await.unwrap();
        let owner = UserId(Uuid::new_v4());
        let now = system_clock()();
        store
            .insert_user(owner, "ada", Role::Administrator, "-", now)
            .await
            .unwrap();
        let config = RunnerConfig::new("test".to_owned(), assay, folder.path().to_path_buf());
        Self {
            folder,
            store,
            config,
            runner: None,
            owner,
        }
    }

    pub(crate) fn start(&mut self) {
        let runner = runner::spawn(self.config.clone(), self.store.clone(), system_clock());
        self.runner = Some(runner.unwrap());
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(runner) = self.runner.take() {
            runner.shutdown().await;
        }
    }

    /// A credential of the registry for that address.
    pub(crate) async fn credential(&self, base_url: &str, secret: &str) -> CredentialId {
        let secret = Secret::new(secret.to_owned());
        self.seal(CredentialKind::ProviderKey, base_url.to_owned(), &secret)
            .await
    }

    /// A cluster of one machine over SSH, as a plan names it.
    pub(crate) async fn machine(&self, sshd: &Sshd, port: u16, login: Login<'_>) -> PlannedCluster {
        self.machine_at("127.0.0.1", sshd, port, login).await
    }

    /// The same by another of its addresses.
    pub(crate) async fn machine_at(
        &self,
        host: &str,
        sshd: &Sshd,
        port: u16,
        login: Login<'_>,
    ) -> PlannedCluster {
        let (kind, secret) = match login {
            Login::Key(key) => {
                let key = SshKeySecret {
                    key: Secret::new(key.private.clone()),
                    passphrase: None,
                };
                (CredentialKind::SshKey, key.to_sealable())
            }
            Login::Password(password) => (
                CredentialKind::SshPassword,
                Secret::new(password.to_owned()),
            ),
        };
        let id = self
            .seal(kind, format!("ssh://{host}:{port}"), &secret)
            .await;
        let access = NodeAccess::Ssh(Box::new(SshAccess {
            address: SshAddress {
                host: host.to_owned(),
                port,
                user: sshd.user().to_owned(),
            },
            login: match kind {
                CredentialKind::SshKey => SshLogin::Key { credential_id: id },
                _ => SshLogin::Password { credential_id: id },
            },
            host_key: Some(sshd.host_key().public.trim().to_owned()),
            jump: None,
        }));
        self.cluster(ClusterKind::Machines, "far", access).await
    }

    /// A secret of a cluster of machines.
    pub(crate) async fn seal(
        &self,
        kind: CredentialKind,
        base_url: String,
        secret: &Secret<String>,
    ) -> CredentialId {
        let id = CredentialId(Uuid::new_v4());
        let credential = Credential {
            id,
            name: id.to_string(),
            kind,
            user: String::new(),
            endpoint_id: None,
            base_url,
            description: String::new(),
            created_at: system_clock()(),
            rotated_at: None,
            last_test: None,
            archived_at: None,
        };
        let inserted = self.store.insert_credential(&credential, secret).await;
        inserted.unwrap();
        id
    }

    /// A cluster of this machine, as a plan names it.
    pub(crate) async fn this_machine(&self) -> PlannedCluster {
        let access = NodeAccess::default();
        self.cluster(ClusterKind::ThisMachine, "here", access).await
    }

    /// A cluster of one node that is reached in that way, as a plan names it.
    pub(crate) async fn cluster(
        &self,
        kind: ClusterKind,
        node: &str,
        access: NodeAccess,
    ) -> PlannedCluster {
        let node = Node {
            id: NodeId(Uuid::new_v4()),
            name: node.to_owned(),
            access: access.clone(),
            inventory: None,
            last_check: None,
            held_by: None,
        };
        let id = ClusterId(Uuid::new_v4());
        let cluster = Cluster {
            id,
            name: id.to_string(),
            kind,
            description: String::new(),
            nodes: vec![node.clone()],
            last_check: None,
            created_at: system_clock()(),
            archived_at: None,
        };
        self.store.insert_cluster(&cluster).await.unwrap();
        PlannedCluster {
            id,
            name: cluster.name,
            kind: cluster.kind,
            nodes: vec![PlannedNode {
                id: node.id,
                name: node.name,
                access,
                inventory: None,
            }],
        }
    }

    /// The one clean-up of a run that was left pending.
    pub(crate) async fn late_cleanup(&self, id: BenchmarkId) -> PendingCleanup {
        let detail = self.store.find_benchmark(id).await.unwrap().unwrap();
        let [cleanup] = detail.late_cleanups.as_slice() else {
            panic!("{:#?}", detail.late_cleanups);
        };
        cleanup.clone()
    }

    /// A dataset of the registry with these prompts, as a plan names it.
    pub(crate) async fn dataset(&self, name: &str, prompts: &[&str]) -> PlannedDataset {
        let (mut text, mut input) = (String::new(), LengthCounts::default());
        for (line, prompt) in (1u32..).zip(prompts) {
            let row = DatasetRow {
                line,
                messages: vec![Message::new(ChatRole::User, *prompt)],
                input_tokens: 3,
                output_tokens: Some(4),
            };
            input.add(row.input_tokens);
            text += &serde_json::to_string(&row).unwrap();
            text.push('\n');
        }
        let path = self.folder.path().join("rows.jsonl");
        fs::write(&path, text).unwrap();
        let (sha256, bytes) = self.store.put_dataset_file(&path).await.unwrap();
        let dataset = Dataset {
            id: DatasetId(Uuid::new_v4()),
            name: name.to_owned(),
            description: String::new(),
            format: DatasetFormat::Jsonl,
            state: DatasetState::Importing,
            failure: None,
            file_name: String::new(),
            file_sha256: sha256.clone(),
            file_bytes: bytes,
            read_bytes: 0,
            sha256: None,
            bytes: 0,
            row_count: 0,
            rejected_count: 0,
            has_multi_turn: false,
            tokenizer: TokenizerUsed::Estimate,
            input: None,
            output: None,
            rejections: Rejections::default(),
            is_builtin: false,
            owner_name: None,
            created_at: system_clock()(),
            archived_at: None,
        };
        self.store
            .insert_dataset(&dataset, None, "test")
            .await
            .unwrap();
        let imported = ImportedDataset {
            sha256: sha256.clone(),
            bytes,
            row_count: u32::try_from(prompts.len()).unwrap(),
            has_multi_turn: false,
            input,
            output: LengthCounts::default(),
            rejections: Rejections::default(),
        };
        self.store
            .finish_import(dataset.id, &imported)
            .await
            .unwrap();
        PlannedDataset {
            id: dataset.id,
            name: dataset.name,
            sha256,
            row_count: imported.row_count,
        }
    }

    pub(crate) async fn queue(&self, plan: &RunPlan) -> BenchmarkId {
        let id = BenchmarkId(Uuid::new_v4());
        let now = system_clock()();
        self.store
            .insert_benchmark(id, plan, self.owner, false, now)
            .await
            .unwrap();
        if let Some(runner) = &self.runner {
            runner.signal().wake();
        }
        id
    }

    /// Queues the runs of one plan at once, as a wizard does.
    pub(crate) async fn queue_group(&self, plans: &[&RunPlan]) -> Vec<BenchmarkId> {
        let now = system_clock()();
        let group = RerunGroupId(Uuid::new_v4());
        // Made at the same moment, they run in the order of their ids.
        let base = Uuid::new_v4().as_u128() >> 8 << 8;
        let ids = (base..).zip(plans);
        let ids: Vec<BenchmarkId> = ids
            .map(|(bits, _)| BenchmarkId(Uuid::from_u128(bits)))
            .collect();
        let runs = (1..).zip(&ids).zip(plans);
        let new = runs.map(|((index, id), plan)| NewBenchmark {
            rerun: Some((group, index)),
            ..NewBenchmark::of(*id, plan, self.owner, now)
        });
        let new: Vec<NewBenchmark<'_>> = new.collect();
        let mut workflow = Workflow {
            id: WorkflowId(Uuid::new_v4()),
            owner_id: self.owner,
            owner_name: "ada".to_owned(),
            draft: Draft::default(),
            revision: 1,
            state: WorkflowState::Open,
            created_at: now,
            updated_at: now,
        };
        self.store.insert_workflow(&workflow).await.unwrap();
        workflow.revision = 2;
        let executed = self.store.execute_workflow(&workflow, 1, &new).await;
        executed.unwrap();
        if let Some(runner) = &self.runner {
            runner.signal().wake();
        }
        ids
    }

    /// Queues the plan of a benchmark once more, in its group.
    pub(crate) async fn queue_again(&self, of: BenchmarkId, plan: &RunPlan) -> BenchmarkId {
        let id = BenchmarkId(Uuid::new_v4());
        let new = NewBenchmark::of(id, plan, self.owner, system_clock()());
        let group = RerunGroupId(Uuid::new_v4());
        self.store.insert_rerun(of, group, &new).await.unwrap();
        id
    }

    /// Nothing begins as long as the answer is kept; what goes on does.
    pub(crate) fn pause(&self) -> QueuePause {
        self.runner.as_ref().unwrap().signal().pause()
    }

    pub(crate) async fn cancel(&self, id: BenchmarkId) {
        let now = system_clock()();
        assert!(self.store.request_cancel(id, "ada", now).await.unwrap());
        if let Some(runner) = &self.runner {
            runner.signal().cancel(id);
        }
    }

    pub(crate) async fn journal(&self, id: BenchmarkId) -> Vec<JournalEntry> {
        self.store.read_journal(id, 0, 10_000).await.unwrap()
    }

    /// Waits until the run is as `is_so` wants it.
    pub(crate) async fn wait_until(
        &self,
        id: BenchmarkId,
        is_so: impl Fn(&RunState) -> bool,
    ) -> RunState {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let journal = self.journal(id).await;
            let state = RunState::of_journal(&journal);
            if is_so(&state) {
                return state;
            }
            assert!(Instant::now() < deadline, "still not: {journal:#?}");
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until something is so that no journal tells.
    pub(crate) async fn wait_for(&self, is_so: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so().await {
            assert!(Instant::now() < deadline, "it is still not so");
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until a stage goes on.
    pub(crate) async fn wait_for_stage(&self, id: BenchmarkId, stage: Stage) -> RunState {
        self.wait_until(id, |state| state.running_stage() == Some(stage))
            .await
    }

    /// Waits until the run has ended, in the journal and in the history.
    pub(crate) async fn wait_for_end(&self, id: BenchmarkId) -> RunState {
        let state = self.wait_until(id, |state| state.outcome.is_some()).await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let row = self.store.find_row(id).await.unwrap().unwrap();
            if row.status == state.status() {
                return state;
            }
            assert!(Instant::now() < deadline, "the history says {row:#?}");
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits for a failure at `stage`, and returns its reason. Every run that ended left nothing
    /// running and went through clean-up.
    pub(crate) async fn wait_for_failure(&self, id: BenchmarkId, at: Stage) -> String {
        let state = self.wait_for_end(id).await;
        self.assert_clean(id, &state);
        match state.outcome {
            Some(RunOutcome::Failed { stage, reason }) => {
                assert_eq!(stage, at, "{reason}");
                let row = self.store.find_row(id).await.unwrap().unwrap();
                assert_eq!(row.failure.as_deref(), Some(reason.as_str()));
                reason
            }
            other => panic!("it ended as {other:?}"),
        }
    }

    pub(crate) fn assert_clean(&self, id: BenchmarkId, state: &RunState) {
        let clean_up = state.stage(Stage::CleanUp).unwrap();
        assert!(
            matches!(clean_up.status, StageStatus::Done { .. }),
            "{clean_up:?}"
        );
        assert_eq!(processes_of(id), Vec::<u32>::new());
        let is_log = |name: &std::ffi::OsStr| name == "engine.log";
        let folder = self.folder.path().join("runs").join(id.to_string());
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            assert!(is_log(&entry.file_name()), "{entry:?} is left");
        }
    }
}

/// Living processes with the mark of a run, found without the runner's own code.
pub(crate) fn processes_of(id: BenchmarkId) -> Vec<u32> {
    let mark = format!("ASSAY_RUN_ID={id}");
    let carries_mark = |process_id: &u32| {
        let environment = fs::read(format!("/proc/{process_id}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        variables.any(|variable| variable == mark.as_bytes())
    };
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(carries_mark)
        .filter(|process_id| testkit::is_process_alive(*process_id))
        .collect()
}

/// Lines of the log of a stage.
pub(crate) fn log_of(state: &RunState, stage: Stage) -> Vec<&str> {
    let log = &state.stage(stage).unwrap().log;
    log.iter().map(|(_, line)| line.as_str()).collect()
}

/// The events of a journal, without the log.
pub(crate) fn events_of(journal: &[JournalEntry]) -> Vec<&RunEvent> {
    let is_event = |event: &&RunEvent| !matches!(event, RunEvent::Log { .. });
    journal
        .iter()
        .map(|entry| &entry.event)
        .filter(is_event)
        .collect()
}
