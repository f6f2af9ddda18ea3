//! One cluster: how it stands, what it has, its form.

use domain::access::Role;
use domain::catalogue::{
    CatalogueQuery, Cluster, ClusterKind, Credential, EngineIdentity, Inventory, Model, Node,
    NodesDetail, UsedBy,
};
use domain::history::HistoryQuery;
use domain::id::ClusterId;
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use ui::banner::Banner;
use ui::button::Button;
use ui::card::Card;
use ui::feedback::Skeleton;
use ui::format;
use ui::key_value::{Fact, KeyValueList};
use ui::layout::PageHeader;
use ui::tone::Tone;

use super::facts::{Reachability, accelerator_in_words, processor_in_words};
use super::form::EndpointFormView;
use super::machines::{KeyActions, machine_cards};
use super::machines_form::{MachinesFormView, TypedSecrets};
use super::standing::{node_badges, standing_facts, work_in_words};
use crate::api::ApiError;
use crate::api::catalogue::{
    ArchiveCluster, CheckCluster, DeleteCluster, RefreshInventory, get_cluster_use, list_models,
};
use crate::api::credentials::visible_credentials;
use crate::api::machines::{AcceptHostKey, ForgetHostKey, SaveMachines, get_standing};
use crate::frame::VisitorResource;
use crate::pages::catalogue_list::archived_mark;
use crate::pages::parts::{action_failure, load_failed, no_such};
use crate::pages::put_away::{PutAway, Questions};
use crate::pages::rights::is_at_least;
use crate::pages::used_by::UsedByCard;
use crate::routes;

/// The actions of the page.
#[derive(Clone, Copy)]
struct Actions {
    check: ServerAction<CheckCluster>,
    refresh: ServerAction<RefreshInventory>,
    archive: ServerAction<ArchiveCluster>,
    delete: ServerAction<DeleteCluster>,
    accept: ServerAction<AcceptHostKey>,
    forget: ServerAction<ForgetHostKey>,
    save: ServerAction<SaveMachines>,
    questions: Questions,
    typed: TypedSecrets,
}

/// What the page shows.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Loaded {
    cluster: Cluster,
    used: UsedBy,
    models: Vec<Model>,
    credentials: Vec<Credential>,
    detail: NodesDetail,
}

/// What whoever looks may do.
#[derive(Clone, Copy)]
struct Rights {
    may_edit: bool,
    may_forget: bool,
}

/// One cluster.
#[component]
pub fn ClusterPage() -> impl IntoView {
    let actions = Actions {
        check: ServerAction::new(),
        refresh: ServerAction::new(),
        archive: ServerAction::new(),
        delete: ServerAction::new(),
        accept: ServerAction::new(),
        forget: ServerAction::new(),
        save: ServerAction::new(),
        questions: Questions::closed(),
        typed: TypedSecrets::empty(),
    };
    // Loaded anew after what was saved; what was refused leaves the form as it was typed.
    let saved = Memo::new(move |before: Option<&usize>| {
        let version = actions.save.version().get();
        let is_saved = actions
            .save
            .value()
            .with(|value| matches!(value, Some(Ok(_))));
        if is_saved {
            version
        } else {
            before.copied().unwrap_or_default()
        }
    });
    Effect::new(move |_| {
        saved.track();
        actions.typed.clear();
    });
    let params = use_params_map();
    let loaded = Resource::new(
        move || {
            let id = params.read().get("id");
            let id = id.and_then(|id| id.parse::<ClusterId>().ok());
            (
                id,
                actions.check.version().get(),
                actions.refresh.version().get(),
                actions.archive.version().get(),
                actions.accept.version().get(),
                actions.forget.version().get(),
                saved.get(),
            )
        },
        |(id, ..)| async move {
            let id = id.ok_or_else(|| no_such("cluster"))?;
            let (cluster, detail) = get_standing(id).await?;
            let models = list_models(CatalogueQuery::in_use()).await?;
            // Those who may not see credentials see the page without them.
            let credentials = match cluster.kind {
                ClusterKind::ThisMachine | ClusterKind::Machines => Vec::new(),
                ClusterKind::Endpoint { .. } => visible_credentials().await?,
            };
            Ok::<_, ApiError>(Loaded {
                used: get_cluster_use(id).await?,
                cluster,
                models,
                credentials,
                detail,
            })
        },
    );
    let visitor = use_context::<VisitorResource>();
    let page = move || {
        Suspend::new(async move {
            let rights = Rights {
                may_edit: is_at_least(visitor, Role::Operator).await,
                may_forget: is_at_least(visitor, Role::Lead).await,
            };
            match loaded.await {
                Ok(loaded) => one_cluster(loaded, rights, &actions).into_any(),
                Err(error) => load_failed("The cluster", &error),
            }
        })
    };
    view! {
        <Transition fallback=|| view! { <Skeleton rows=6 label="Loading the cluster" /> }>{page}</Transition>
    }
}

fn one_cluster(loaded: Loaded, rights: Rights, actions: &Actions) -> impl IntoView + use<> {
    let Loaded {
        cluster,
        used,
        models,
        credentials,
        detail,
    } = loaded;
    let Rights {
        may_edit,
        may_forget,
    } = rights;
    let Actions {
        check,
        refresh,
        archive,
        delete,
        accept,
        forget,
        save,
        questions,
        typed,
    } = *actions;
    let name = cluster.name.clone();
    let is_endpoint = matches!(cluster.kind, ClusterKind::Endpoint { .. });
    let is_here = cluster.kind == ClusterKind::ThisMachine;
    let are_machines = cluster.kind == ClusterKind::Machines;
    let subtitle = match &cluster.kind {
        ClusterKind::ThisMachine => "Engines are started here, and stopped again.".to_owned(),
        ClusterKind::Machines if cluster.is_docker_only() => {
            "Engines are started there as containers, through Docker, and stopped again.".to_owned()
        }
        ClusterKind::Machines => {
            "Engines are started there over SSH, and stopped again.".to_owned()
        }
        ClusterKind::Endpoint { base_url, .. } => base_url.clone(),
    };
    let put_away = (may_edit && !is_here).then(|| PutAway {
        is_archived: cluster.archived_at.is_some(),
        is_used: used.benchmark_count > 0,
        consequence: if is_endpoint {
            "A key of its own is destroyed with it."
        } else {
            "Its key or password is destroyed with it. Nothing changes on the machines."
        },
        ..PutAway::new(
            if is_endpoint { "endpoint" } else { "cluster" },
            &name,
            cluster.id,
            questions,
        )
    });
    let id = cluster.id.to_string();
    let buttons = {
        let put_away = put_away.clone();
        let (check_id, refresh_id) = (id.clone(), id);
        move || {
            let refresh_form = (may_edit && is_here).then(|| {
                view! {
                    <ActionForm action=refresh>
                        <input type="hidden" name="id" value=refresh_id />
                        <Button busy=refresh.pending()>"Read the hardware again"</Button>
                    </ActionForm>
                }
            });
            let check_form = may_edit.then(|| {
                view! {
                    <ActionForm action=check>
                        <input type="hidden" name="id" value=check_id />
                        <Button busy=check.pending()>"Check now"</Button>
                    </ActionForm>
                }
            });
            view! {
                {put_away.map(|put_away| put_away.buttons(archive))}
                {refresh_form}
                {check_form}
            }
        }
    };
    let dialogs = put_away.map(|put_away| put_away.dialogs(archive, delete));
    let badges = {
        let cluster = cluster.clone();
        let archived_at = cluster.archived_at;
        move || view! { <Reachability cluster /> {archived_mark(archived_at)} }
    };
    // The card of a single machine says the same.
    let is_told_by_card = !is_endpoint && cluster.nodes.len() == 1;
    let last_check = cluster.last_check.clone().filter(|_| !is_told_by_card);
    let last_check = last_check.map(|last| {
        let tone = if last.is_reachable {
            Tone::Good
        } else {
            Tone::Bad
        };
        let at = format!(" Checked {}.", last.checked_at.to_second_text());
        view! { <Banner tone title=last.message>{at}</Banner> }
    });
    let nodes = if are_machines {
        let keys = KeyActions {
            accept,
            forget,
            may_accept: may_edit,
            may_forget,
        };
        machine_cards(&cluster, &detail, keys).into_any()
    } else {
        cluster
            .nodes
            .iter()
            .map(|node| node_card(&cluster, node, &detail))
            .collect_view()
            .into_any()
    };
    let served = is_endpoint.then(|| served_card(&cluster, &models, &credentials, &detail));
    let history_href = routes::history(&HistoryQuery {
        cluster: Some(cluster.id),
        ..HistoryQuery::default()
    });
    let of_machines = cluster.clone();
    let machines_form = (may_edit && are_machines).then(move || {
        view! {
            <Card title="Change the machines">
                <MachinesFormView cluster=Some(of_machines) save typed />
            </Card>
        }
    });
    let form = (may_edit && is_endpoint).then(|| {
        view! {
            <Card title="Change the endpoint">
                <EndpointFormView cluster=Some(cluster.clone()) credentials=credentials.clone() />
            </Card>
        }
    });
    view! {
        <Title text=name.clone() />
        <PageHeader
            title=name
            back=("Clusters", routes::CLUSTERS.to_owned())
            subtitle=move || subtitle
            badges
            actions=buttons
        />
        {action_failure(check)}
        {action_failure(refresh)}
        {action_failure(accept)}
        {action_failure(forget)}
        {dialogs}
        {last_check}
        <div class="grid-2 uneven">
            {served}
            {nodes}
            <UsedByCard used history_href />
        </div>
        {form}
        {machines_form}
    }
}

fn served_card(
    cluster: &Cluster,
    models: &[Model],
    credentials: &[Credential],
    detail: &NodesDetail,
) -> impl IntoView + use<> {
    let last = cluster.last_check.as_ref();
    let engine = match last {
        None => "not asked yet".to_owned(),
        Some(check) => check
            .engine
            .as_ref()
            .map_or_else(|| "does not say".to_owned(), EngineIdentity::in_words),
    };
    let served = last.map_or(&[][..], |check| &check.served_models);
    let served = if served.is_empty() {
        "none known".into_any()
    } else {
        let lines = served.iter().map(|name| served_model(name, models));
        lines.collect_view().into_any()
    };
    let key = match cluster.kind.credential_id() {
        None => "none".into_any(),
        Some(id) => {
            let known = credentials.iter().find(|credential| credential.id == id);
            match known.filter(|credential| credential.endpoint_id.is_none()) {
                Some(credential) => view! {
                    "the credential " <a href=routes::credential(id)>{credential.name.clone()}</a>
                }
                .into_any(),
                None => "sealed".into_any(),
            }
        }
    };
    let work = work_in_words(detail.work.first());
    view! {
        <Card title="What it serves">
            <KeyValueList>
                <Fact name="Engine">{engine}</Fact>
                <Fact name="Models">{served}</Fact>
                <Fact name="API key">{key}</Fact>
                <Fact name="Runs there now">{work}</Fact>
            </KeyValueList>
        </Card>
    }
}

/// A served name: the model that stands for it, or the way to add one.
fn served_model(name: &str, models: &[Model]) -> impl IntoView + use<> {
    let known = models.iter().find(|model| model.served_name == name);
    let way = match known {
        Some(model) => view! { <a href=routes::model(model.id)>"in the catalogue"</a> },
        None => view! { <a href=routes::new_model_named(name)>"add to the models"</a> },
    };
    view! { <span class="line"><span class="mono">{name.to_owned()}</span> " · " {way}</span> }
}

/// What a machine has; nothing for the node that stands for an endpoint.
fn node_card(cluster: &Cluster, node: &Node, detail: &NodesDetail) -> Option<AnyView> {
    let inventory = node.inventory.clone()?;
    let read_at = inventory.read_at.to_second_text();
    let badges = node_badges(cluster, node);
    let standing = standing_facts(cluster, node, detail);
    let view = view! {
        <Card title=node.name.clone()>
            <div class="stack">
                {badges}
                <KeyValueList>
                    {standing}
                    {inventory_facts(inventory, true)}
                    <Fact name="Hardware read">{read_at}</Fact>
                </KeyValueList>
            </div>
        </Card>
    };
    Some(view.into_any())
}

/// What a machine has. Where it was asked through Docker alone, some of it is not known (`is_all_told`).
pub fn inventory_facts(inventory: Inventory, is_all_told: bool) -> impl IntoView {
    let accelerators = if !is_all_told {
        "not known: Docker does not tell them".into_any()
    } else if inventory.accelerators.is_empty() {
        "none found".into_any()
    } else {
        let lines = inventory.accelerators.iter().map(accelerator_in_words);
        lines
            .map(|text| view! { <span class="line">{text}</span> })
            .collect_view()
            .into_any()
    };
    let processor = processor_in_words(&inventory);
    let unknown_disk = (!is_all_told)
        .then(|| view! { <Fact name="Disk">"not known: Docker does not tell it"</Fact> });
    let disk = inventory.disk.map(|disk| {
        let (free, total) = (
            format::bytes(disk.free_bytes),
            format::bytes(disk.total_bytes),
        );
        view! { <Fact name="Disk">{format!("{free} free of {total}")}</Fact> }
    });
    // Machines that were read before these facts were know them from the next check on.
    let features = (!inventory.cpu_features.is_empty()).then(|| {
        view! { <Fact name="CPU features">{inventory.cpu_features.join(", ")}</Fact> }
    });
    let containers = inventory
        .container_runtime
        .map(|runtime| view! { <Fact name="Containers">{runtime}</Fact> });
    view! {
        <Fact name="Host name">{inventory.hostname}</Fact>
        <Fact name="Operating system">{inventory.os}</Fact>
        <Fact name="Kernel">{inventory.kernel}</Fact>
        <Fact name="Processor">{processor}</Fact>
        <Fact name="Cores">{format::count(u64::from(inventory.cpu_core_count))}</Fact>
        {features}
        <Fact name="Memory">{format::bytes(inventory.memory_bytes)}</Fact>
        {disk}
        {unknown_disk}
        {containers}
        <Fact name="Accelerators">{accelerators}</Fact>
    }
}
