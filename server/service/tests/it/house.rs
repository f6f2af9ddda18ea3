//! An installation without a server: a store, a clock that stands, and people of every role.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::access::{Person, Role};
use domain::catalogue::{CatalogueQuery, Cluster, ClusterKind, Model, ModelSource};
use domain::dataset::{Dataset, DatasetFormat, DatasetState, Rejections, TokenizerUsed};
use domain::field::FieldErrors;
use domain::id::{BenchmarkId, CredentialId, DatasetId, UserId};
use domain::time::Timestamp;
use domain::workflow::form::{
    BasicForm, ClusterChoiceForm, ConfirmForm, CredentialChoiceForm, EvaluationForm,
    ModelChoiceForm, NodesForm,
};
use domain::workflow::{Catalogue, StepForm, Workflow};
use runner::QueueSignal;
use service::system::SystemFacts;
use service::{Actor, Clock, Ctx, CtxParts, ServiceError};
use store::Store;
use testkit::TempDir;
use uuid::Uuid;

/// The installation.
pub(crate) struct House {
    pub(crate) ctx: Ctx,
    pub(crate) store: Store,
    ticks: Arc<AtomicI64>,
    folder: TempDir,
}

impl House {
    /// An empty one.
    pub(crate) async fn open() -> Self {
        let folder = testkit::data_dir();
        let store = Store::open_embedded(folder.path()).await.unwrap();
        let ticks = Arc::new(AtomicI64::new(1_795_419_730_000_000));
        let counted = Arc::clone(&ticks);
        let clock: Clock = Arc::new(move || Timestamp(counted.fetch_add(1_000, Ordering::Relaxed)));
        let ctx = Ctx::new(CtxParts {
            store: store.clone(),
            queue: QueueSignal::default(),
            clock: Arc::clone(&clock),
            ids: Arc::new(Uuid::now_v7),
            facts: SystemFacts {
                version: "0".to_owned(),
                url: "http://127.0.0.1:3000".to_owned(),
                is_demo: false,
                runner_name: "test".to_owned(),
                started_at: clock(),
                data_dir: folder.path().to_owned(),
                docker: runner::DockerAddress::Socket(folder.path().join("no-docker.sock")),
            },
        });
        Self {
            ctx,
            store,
            ticks,
            folder,
        }
    }

    /// Lets the clock go on.
    pub(crate) fn pass_seconds(&self, seconds: i64) {
        self.ticks.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }

    /// One with this machine and the reference engine in its catalogue.
    pub(crate) async fn open_seeded() -> Self {
        let house = Self::open().await;
        service::catalogue::ensure_seed(&house.ctx).await.unwrap();
        house
    }

    /// The data folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until no import is under way: its files are gone then.
    pub(crate) async fn settle(&self) {
        service::datasets::stop(&self.ctx).await;
    }

    /// A dataset whose import this server began and will not end.
    pub(crate) async fn abandon_import(&self, name: &str, owner: &Actor) -> DatasetId {
        let dataset = Dataset {
            id: DatasetId(Uuid::now_v7()),
            name: name.to_owned(),
            description: String::new(),
            format: DatasetFormat::Jsonl,
            state: DatasetState::Importing,
            failure: None,
            file_name: "left.jsonl".to_owned(),
            file_sha256: "0".repeat(64),
            file_bytes: 100,
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
            created_at: self.ctx.now(),
            archived_at: None,
        };
        let owner = Some(owner.person.id);
        self.store
            .insert_dataset(&dataset, owner, "test")
            .await
            .unwrap();
        dataset.id
    }

    /// Somebody with that role; their name is the role's unless given.
    pub(crate) async fn person(&self, name: &str, role: Role) -> Actor {
        let id = UserId(Uuid::now_v7());
        self.store
            .insert_user(id, name, role, "no hash", Timestamp(1))
            .await
            .unwrap();
        Actor::signed_in(Person {
            id,
            name: name.to_owned(),
            role,
        })
    }

    /// A stored secret, as far as it comes out for that address.
    pub(crate) async fn secret(&self, id: CredentialId, url: &str) -> Option<String> {
        let bound = self.store.open_credential(id).await.unwrap();
        bound.for_url(url).map(|secret| secret.expose().clone())
    }

    /// This machine, as the catalogue has it.
    pub(crate) async fn this_machine(&self, actor: &Actor) -> Cluster {
        let is_local = |cluster: &Cluster| cluster.kind == ClusterKind::ThisMachine;
        let clusters =
            service::catalogue::list_clusters(&self.ctx, actor, &CatalogueQuery::in_use())
                .await
                .unwrap();
        clusters.into_iter().find(is_local).unwrap()
    }

    /// The entry of the reference engine.
    pub(crate) async fn reference_model(&self, actor: &Actor) -> Model {
        let models = service::catalogue::list_models(&self.ctx, actor, &CatalogueQuery::in_use())
            .await
            .unwrap();
        models
            .into_iter()
            .find(|model| model.source == ModelSource::Reference)
            .unwrap()
    }

    /// Every step's answer for a run of the reference engine on this machine.
    pub(crate) async fn answers(&self, actor: &Actor) -> Vec<StepForm> {
        let catalogue = service::workflows::get_catalogue(&self.ctx, actor)
            .await
            .unwrap();
        let Catalogue { clusters, .. } = &catalogue;
        let cluster = clusters.first().unwrap();
        let model = self.reference_model(actor).await;
        let engine = domain::engine::EngineForm {
            preset: "reference".to_owned(),
            ..domain::engine::EngineForm::default()
        };
        vec![
            StepForm::BasicInfo(BasicForm {
                name: "nightly".to_owned(),
                tags: "gate".to_owned(),
                ..BasicForm::default()
            }),
            StepForm::Evaluation(EvaluationForm::default()),
            StepForm::Cluster(ClusterChoiceForm {
                cluster_id: cluster.id.to_string(),
            }),
            StepForm::Nodes(NodesForm {
                node_ids: cluster
                    .nodes
                    .iter()
                    .map(|node| node.id.to_string())
                    .collect(),
                load_from: String::new(),
            }),
            StepForm::Model(ModelChoiceForm {
                model_id: model.id.to_string(),
                engine,
            }),
            StepForm::Confirm(ConfirmForm {
                confirmed: "on".to_owned(),
            }),
        ]
    }

    /// A benchmark that waits, of a model on an endpoint, with a credential for a cloud model.
    pub(crate) async fn queued_on(
        &self,
        actor: &Actor,
        cluster: &Cluster,
        model: &Model,
        credential_id: Option<CredentialId>,
    ) -> BenchmarkId {
        let mut answers = self.answers(actor).await;
        answers.truncate(2);
        answers.extend([
            StepForm::Cluster(ClusterChoiceForm {
                cluster_id: cluster.id.to_string(),
            }),
            StepForm::Nodes(NodesForm {
                node_ids: cluster
                    .nodes
                    .iter()
                    .map(|node| node.id.to_string())
                    .collect(),
                load_from: String::new(),
            }),
            StepForm::Model(ModelChoiceForm {
                model_id: model.id.to_string(),
                ..ModelChoiceForm::default()
            }),
        ]);
        let chosen = credential_id.map(|id| {
            StepForm::Credential(CredentialChoiceForm {
                credential_id: id.to_string(),
                ..CredentialChoiceForm::default()
            })
        });
        answers.extend(chosen);
        answers.push(StepForm::Confirm(ConfirmForm {
            confirmed: "on".to_owned(),
        }));
        let mut workflow = service::workflows::start_workflow(&self.ctx, actor, None)
            .await
            .unwrap();
        for form in answers {
            let (id, revision) = (workflow.id, workflow.revision);
            let answered = service::workflows::answer_step(&self.ctx, actor, id, revision, &form);
            workflow = answered.await.unwrap();
        }
        let (id, revision) = (workflow.id, workflow.revision);
        service::workflows::execute_workflow(&self.ctx, actor, id, revision)
            .await
            .unwrap()
    }

    /// A workflow with every step answered.
    pub(crate) async fn confirmed_workflow(&self, actor: &Actor) -> Workflow {
        let mut workflow = service::workflows::start_workflow(&self.ctx, actor, None)
            .await
            .unwrap();
        for form in self.answers(actor).await {
            let answered = service::workflows::answer_step(
                &self.ctx,
                actor,
                workflow.id,
                workflow.revision,
                &form,
            );
            workflow = answered.await.unwrap();
        }
        workflow
    }
}

/// The messages of a refused form.
pub(crate) fn field_errors<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> FieldErrors {
    match result {
        Err(ServiceError::Invalid(errors)) => errors,
        other => panic!("expected messages at fields, got {other:?}"),
    }
}
