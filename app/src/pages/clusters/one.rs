//! One cluster: how it stands, what it has, its form.

use domain::catalogue::{
    CatalogueQuery, Cluster, ClusterKind, EngineIdentity, Inventory, Model, Node,
};
use domain::id::ClusterId;
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use ui::banner::Banner;
use ui::button::{Button, ButtonKind};
use ui::card::Card;
use ui::dialog::Dialog;
use ui::feedback::Skeleton;
use ui::format;
use ui::key_value::{Fact, KeyValueList};
use ui::layout::PageHeader;
use ui::tone::Tone;

use super::facts::{Reachability, accelerator_in_words};
use super::form::EndpointFormView;
use crate::api::ApiError;
use crate::api::catalogue::{
    CheckCluster, DeleteCluster, RefreshInventory, get_cluster, list_models,
};
use crate::pages::parts::{action_failure, load_failed, no_such};
use crate::routes;

/// The actions of the page.
#[derive(Clone, Copy)]
struct Actions {
    check: ServerAction<CheckCluster>,
    refresh: ServerAction<RefreshInventory>,
    delete: ServerAction<DeleteCluster>,
}

/// One cluster.
#[component]
pub fn ClusterPage() -> impl IntoView {
    let actions = Actions {
        check: ServerAction::new(),
        refresh: ServerAction::new(),
        delete: ServerAction::new(),
    };
    let params = use_params_map();
    let cluster = Resource::new(
        move || {
            let id = params.read().get("id");
            let id = id.and_then(|id| id.parse::<ClusterId>().ok());
            (
                id,
                actions.check.version().get(),
                actions.refresh.version().get(),
            )
        },
        |(id, _, _)| async move {
            let id = id.ok_or_else(|| no_such("cluster"))?;
            Ok::<_, ApiError>((
                get_cluster(id).await?,
                list_models(CatalogueQuery::in_use()).await?,
            ))
        },
    );
    let page = move || {
        Suspend::new(async move {
            match cluster.await {
                Ok((cluster, models)) => one_cluster(cluster, &models, actions).into_any(),
                Err(error) => load_failed("The cluster", &error),
            }
        })
    };
    view! {
        <Transition fallback=|| view! { <Skeleton rows=6 label="Loading the cluster" /> }>{page}</Transition>
    }
}

fn one_cluster(cluster: Cluster, models: &[Model], actions: Actions) -> impl IntoView + use<> {
    let Actions {
        check,
        refresh,
        delete,
    } = actions;
    let name = cluster.name.clone();
    let is_endpoint = matches!(cluster.kind, ClusterKind::Endpoint { .. });
    let subtitle = match &cluster.kind {
        ClusterKind::ThisMachine => {
            "Engines are started here as processes, and stopped again.".to_owned()
        }
        ClusterKind::Endpoint { base_url, .. } => base_url.clone(),
    };
    let is_asking = RwSignal::new(false);
    let id = cluster.id.to_string();
    let buttons = {
        let (check_id, refresh_id) = (id.clone(), id.clone());
        move || {
            let ask = Callback::new(move |()| is_asking.set(true));
            let delete_button = is_endpoint.then(|| {
                view! { <span class="needs-script"><Button on_press=ask>"Delete…"</Button></span> }
            });
            let refresh_form = (!is_endpoint).then(|| {
                view! {
                    <ActionForm action=refresh>
                        <input type="hidden" name="id" value=refresh_id />
                        <Button busy=refresh.pending()>"Read the hardware again"</Button>
                    </ActionForm>
                }
            });
            view! {
                {delete_button}
                {refresh_form}
                <ActionForm action=check>
                    <input type="hidden" name="id" value=check_id />
                    <Button busy=check.pending()>"Check now"</Button>
                </ActionForm>
            }
        }
    };
    let badges = {
        let cluster = cluster.clone();
        move || view! { <Reachability cluster /> }
    };
    let last_check = cluster.last_check.clone().map(|last| {
        let tone = if last.is_reachable {
            Tone::Good
        } else {
            Tone::Bad
        };
        let at = format!(" Checked {}.", last.checked_at.to_second_text());
        view! { <Banner tone title=last.message>{at}</Banner> }
    });
    let nodes = cluster.nodes.iter().map(node_card).collect_view();
    let served = is_endpoint.then(|| served_card(&cluster, models));
    let form = is_endpoint.then(|| {
        view! { <Card title="Change the endpoint"><EndpointFormView cluster=Some(cluster.clone()) /></Card> }
    });
    view! {
        <Title text=name.clone() />
        <PageHeader
            title=name.clone()
            back=("Clusters", routes::CLUSTERS.to_owned())
            subtitle=move || subtitle
            badges
            actions=buttons
        />
        {action_failure(check)}
        {action_failure(refresh)}
        {action_failure(delete)}
        {last_check}
        <div class="grid-2">{served} {nodes}</div>
        {form}
        <Dialog open=is_asking id="delete-cluster" title=format!("Delete {name}?")>
            <p>"Its key is destroyed. Benchmarks that ran on it keep their results."</p>
            <ActionForm action=delete attr:class="actions end">
                <input type="hidden" name="id" value=id />
                <Button on_press=Callback::new(move |()| is_asking.set(false))>"Keep it"</Button>
                <Button kind=ButtonKind::Danger busy=delete.pending()>"Delete the endpoint"</Button>
            </ActionForm>
        </Dialog>
    }
}

fn served_card(cluster: &Cluster, models: &[Model]) -> impl IntoView + use<> {
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
    let has_key = matches!(
        cluster.kind,
        ClusterKind::Endpoint {
            credential_id: Some(_),
            ..
        }
    );
    let held = cluster
        .nodes
        .iter()
        .find_map(|node| node.held_by)
        .map(|id| {
            view! { <Fact name="In use by"><a href=routes::benchmark(id)>"a benchmark"</a></Fact> }
        });
    view! {
        <Card title="What it serves">
            <KeyValueList>
                <Fact name="Engine">{engine}</Fact>
                <Fact name="Models">{served}</Fact>
                <Fact name="API key">{if has_key { "sealed" } else { "none" }}</Fact>
                {held}
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
fn node_card(node: &Node) -> Option<AnyView> {
    let inventory = node.inventory.clone()?;
    let held = node.held_by.map(|id| {
        view! { <Fact name="In use by"><a href=routes::benchmark(id)>"a benchmark"</a></Fact> }
    });
    let note = format!("read {}", inventory.read_at.to_second_text());
    let view = view! {
        <Card title=node.name.clone() note>
            <KeyValueList>
                {held}
                {inventory_facts(inventory)}
            </KeyValueList>
        </Card>
    };
    Some(view.into_any())
}

fn inventory_facts(inventory: Inventory) -> impl IntoView {
    let accelerators = if inventory.accelerators.is_empty() {
        "none found".into_any()
    } else {
        let lines = inventory.accelerators.iter().map(accelerator_in_words);
        lines
            .map(|text| view! { <span class="line">{text}</span> })
            .collect_view()
            .into_any()
    };
    view! {
        <Fact name="Host name">{inventory.hostname}</Fact>
        <Fact name="Operating system">{inventory.os}</Fact>
        <Fact name="Kernel">{inventory.kernel}</Fact>
        <Fact name="Processor">{inventory.cpu_model}</Fact>
        <Fact name="Cores">{format::count(u64::from(inventory.cpu_core_count))}</Fact>
        <Fact name="Memory">{format::bytes(inventory.memory_bytes)}</Fact>
        <Fact name="Accelerators">{accelerators}</Fact>
    }
}
