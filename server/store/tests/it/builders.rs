//! Plans, results and runs that say only what a test is about.

use domain::access::Role;
use domain::catalogue::{
    Accelerator, ClusterKind, Credential, CredentialKind, Inventory, ModelSource,
};
use domain::engine::{EngineCommand, EnginePreset};
use domain::finite::Finite;
use domain::history::{BenchmarkResult, Manifest};
use domain::id::{BenchmarkId, ClusterId, CredentialId, ModelId, NodeId, UserId};
use domain::load::PromptSource;
use domain::measure::METRICS_VERSION;
use domain::measure::health::HostObservation;
use domain::measure::record::{Outcome, RequestPhase, RequestRecord, TokenSource};
use domain::measure::summary::{Summary, SummaryContext};
use domain::plan::{Deployment, PLAN_VERSION, PlannedCluster, PlannedModel, PlannedNode, RunPlan};
use domain::run::event::RunOutcome;
use domain::run::{JournalEntry, RunEvent, RunState, Stage};
use domain::time::Timestamp;
use domain::workload::{
    Api, Arrival, EvaluationMethod, LengthSpec, Prompts, StopRule, WorkloadSpec,
};
use store::Store;
use uuid::Uuid;

/// The first instant of every test.
pub(crate) const START: Timestamp = Timestamp(1_795_000_000_000_000);

/// `seconds` after [`START`].
pub(crate) fn at(seconds: i64) -> Timestamp {
    START.plus_micros(seconds * 1_000_000)
}

pub(crate) fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(crate) fn benchmark_id(number: u128) -> BenchmarkId {
    BenchmarkId(uuid(number))
}

/// Adds the person that owns everything in a test.
pub(crate) async fn add_owner(store: &Store) -> UserId {
    let id = UserId(uuid(0xa11ce));
    let added = store
        .insert_user(id, "alice", Role::Operator, "hash", START)
        .await;
    added.unwrap();
    id
}

pub(crate) fn inventory() -> Inventory {
    Inventory {
        read_at: START,
        hostname: "host".to_owned(),
        os: "Debian 12".to_owned(),
        kernel: "6.1".to_owned(),
        cpu_model: "Some CPU".to_owned(),
        cpu_core_count: 2,
        memory_bytes: 1 << 33,
        accelerators: vec![Accelerator {
            name: "Some GPU".to_owned(),
            memory_bytes: 1 << 36,
            driver: "1.2".to_owned(),
            ..Accelerator::default()
        }],
        ..Inventory::default()
    }
}

/// A credential for the endpoint of [`plan`].
pub(crate) fn credential(number: u128, name: &str) -> Credential {
    Credential {
        id: CredentialId(uuid(number)),
        name: name.to_owned(),
        kind: CredentialKind::ProviderKey,
        user: String::new(),
        endpoint_id: None,
        base_url: BASE_URL.to_owned(),
        description: "for nightly runs".to_owned(),
        created_at: START,
        rotated_at: None,
        last_test: None,
        archived_at: None,
    }
}

/// Where plans and credentials here belong.
pub(crate) const BASE_URL: &str = "http://127.0.0.1:9";

/// A plan against an endpoint that wants node 1.
pub(crate) fn plan(name: &str) -> RunPlan {
    let base_url = BASE_URL.to_owned();
    RunPlan {
        upstream: None,
        version: PLAN_VERSION,
        name: name.to_owned(),
        description: String::new(),
        tags: Vec::new(),
        method: EvaluationMethod::Configuration,
        model: PlannedModel {
            id: ModelId(uuid(1)),
            name: "Tiny".to_owned(),
            served_name: "tiny".to_owned(),
            source: ModelSource::Served,
            tokenizer_path: String::new(),
            facts: None,
        },
        cluster: PlannedCluster {
            id: ClusterId(uuid(1)),
            name: "Endpoint".to_owned(),
            kind: ClusterKind::Endpoint {
                base_url: base_url.clone(),
                credential_id: None,
            },
            nodes: Vec::new(),
        },
        deployment: Deployment::Endpoint {
            base_url,
            credential_id: None,
        },
        workload: WorkloadSpec {
            api: Api::Chat,
            prompts: Prompts::Synthetic,
            input: LengthSpec::Fixed { tokens: 8 },
            output: LengthSpec::Fixed { tokens: 2 },
            shared_prefix_tokens: 0,
            arrival: Arrival::ClosedLoop { concurrency: 4 },
            stop: StopRule::Requests { count: 10 },
            warmup_requests: 0,
            seed: 7,
            ignore_eos: true,
            request_timeout_s: 60,
            ..WorkloadSpec::default()
        },
        load_from: None,
        keep_engine: false,
    }
    .on_nodes(&[1])
}

/// Small changes of a plan.
pub(crate) trait PlanExt {
    fn on_nodes(self, nodes: &[u128]) -> Self;
    fn tagged(self, tags: &[&str]) -> Self;
    fn on_reference_engine(self) -> Self;
    fn sending(self, credential: &Credential) -> Self;
}

impl PlanExt for RunPlan {
    fn on_nodes(mut self, nodes: &[u128]) -> Self {
        let planned = |number: &u128| PlannedNode {
            id: NodeId(uuid(*number)),
            name: format!("node {number}"),
            access: domain::catalogue::NodeAccess::default(),
            inventory: Some(inventory()),
        };
        self.cluster.nodes = nodes.iter().map(planned).collect();
        self
    }

    fn tagged(mut self, tags: &[&str]) -> Self {
        self.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        self
    }

    fn sending(mut self, credential: &Credential) -> Self {
        self.deployment = Deployment::Endpoint {
            base_url: BASE_URL.to_owned(),
            credential_id: Some(credential.id),
        };
        self
    }

    fn on_reference_engine(mut self) -> Self {
        self.deployment = Deployment::Process {
            preset: EnginePreset::Reference,
            command: EngineCommand {
                words: vec!["assay".to_owned(), "engine".to_owned()],
                environment: Vec::new(),
            },
            readiness_timeout_s: 10,
            archive: None,
        };
        self
    }
}

/// One answered request: first token after `ttft_ms`, the second as much later.
fn record(ttft_ms: u64) -> RequestRecord {
    let ns = |ms: u64| ms * 1_000_000;
    RequestRecord {
        index: 0,
        phase: RequestPhase::Measured,
        scheduled_at: 0,
        sent_at: 0,
        connect_ns: None,
        chunk_at: [ns(ttft_ms), ns(ttft_ms * 2)].into(),
        finished_at: ns(ttft_ms * 2),
        planned_input_tokens: 8,
        planned_output_tokens: 2,
        input_tokens: 8,
        output_tokens: 2,
        token_source: TokenSource::Usage,
        outcome: Outcome::Ok,
        http_status: Some(200),
        error: String::new(),
        reconnected: false,
        prompt_sha256: String::new(),
        dataset_id: None,
    }
}

/// The result of one request with that time to first token; without one, of nothing.
pub(crate) fn result(plan: &RunPlan, ttft_ms: Option<u64>) -> BenchmarkResult {
    let records: Vec<RequestRecord> = ttft_ms.into_iter().map(record).collect();
    let context = SummaryContext {
        workload: &plan.workload,
        prompt_source: PromptSource::Estimate,
        host: &HostObservation::default(),
        is_cancelled: false,
    };
    BenchmarkResult {
        summary: Summary::of(&records, &context),
        manifest: Manifest {
            metrics_version: METRICS_VERSION,
            client_version: "0.1.0".to_owned(),
            engine: None,
            served_models: vec!["tiny".to_owned()],
            engine_command: None,
            load_from: "host".to_owned(),
            taken_over: None,
            round_trip_us: None,
            plan: plan.clone(),
            records_sha256: "ab".repeat(32),
            prompts_sha256: None,
            started_at: START,
            ended_at: at(1),
        },
        records_bytes: 1_234,
    }
}

pub(crate) fn finite(value: f64) -> Finite {
    Finite::new(value).unwrap()
}

pub(crate) fn started() -> RunEvent {
    RunEvent::Started {
        runner: "runner".to_owned(),
    }
}

pub(crate) fn finished(outcome: RunOutcome) -> RunEvent {
    RunEvent::Finished { outcome }
}

pub(crate) fn failed(reason: &str) -> RunEvent {
    finished(RunOutcome::Failed {
        stage: Stage::DeployEngine,
        reason: reason.to_owned(),
    })
}

/// The state after events that happened one second after another.
pub(crate) fn state_after(events: &[RunEvent]) -> RunState {
    let entries: Vec<JournalEntry> = (1..)
        .zip(events)
        .map(|(seq, event)| JournalEntry {
            seq,
            at: at(seq),
            event: event.clone(),
        })
        .collect();
    RunState::of_journal(&entries)
}
