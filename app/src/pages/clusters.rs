//! Clusters of the catalogue: the list, a new endpoint, new machines, one of them.

pub mod facts;
pub mod form;
pub mod machines;
pub mod machines_form;
pub mod one;
pub mod standing;

use domain::access::Role;
use domain::catalogue::{Cluster, ClusterKind};
use leptos::prelude::*;
use leptos_meta::Title;
use ui::button::{ButtonKind, LinkButton};
use ui::feedback::Skeleton;
use ui::layout::PageHeader;
use ui::table::{Column, Table};

use crate::api::catalogue::list_clusters;
use crate::api::credentials::visible_credentials;
use crate::pages::catalogue_list::{CatalogueToolbar, archived_mark, asked_query, nothing_found};
use crate::pages::found_engines::FoundEngines;
use crate::pages::parts::load_failed;
use crate::pages::rights::{OnlyFor, OpenTo};
use crate::routes;
use facts::{Reachability, node_in_words};
use form::EndpointFormView;

/// The list.
#[component]
pub fn ClustersPage() -> impl IntoView {
    let query = asked_query();
    let clusters = Resource::new(move || query.get(), list_clusters);
    let list = move || {
        Suspend::new(async move {
            match clusters.await {
                Ok(clusters) => {
                    let list = if clusters.is_empty() {
                        nothing_found(routes::CLUSTERS, "clusters")
                    } else {
                        table(clusters).into_any()
                    };
                    let label = "Search name, address, hardware, id";
                    let query = query.get_untracked();
                    view! {
                        <CatalogueToolbar path=routes::CLUSTERS label query />
                        {list}
                    }
                    .into_any()
                }
                Err(error) => load_failed("The clusters", &error),
            }
        })
    };
    let actions = || {
        view! { <OnlyFor least=Role::Operator>
        <LinkButton href=routes::NEW_MACHINES>"Add machines"</LinkButton>
        <LinkButton href=routes::NEW_CLUSTER kind=ButtonKind::Primary>"Add an endpoint"</LinkButton>
        </OnlyFor> }
    };
    view! {
        <Title text="Clusters" />
        <PageHeader
            title="Clusters"
            subtitle=|| "Where benchmarks run: this machine, machines over SSH or Docker, and endpoints that serve already."
            actions
        />
        <FoundEngines />
        <Transition fallback=|| view! { <Skeleton rows=6 label="Loading the clusters" /> }>{list}</Transition>
    }
}

fn table(clusters: Vec<Cluster>) -> impl IntoView {
    let columns = vec![
        Column::text("Name"),
        Column::text("State"),
        Column::text("Reached by"),
        Column::text("Has"),
        Column::text("Last check (UTC)"),
    ];
    let rows = clusters.into_iter().map(|cluster| {
        let reached_by = match &cluster.kind {
            ClusterKind::ThisMachine => "this machine itself".into_any(),
            ClusterKind::Machines => {
                let mut ways = cluster.nodes.iter().filter_map(|node| node.access.address());
                let first = ways.next().map_or_else(String::new, |address| address.to_string());
                let more = match ways.count() {
                    0 => String::new(),
                    count => format!(" and {count} more"),
                };
                let way = if cluster.is_docker_only() { "Docker: " } else { "SSH: " };
                view! { {way} <span class="mono">{first}</span> {more} }.into_any()
            }
            ClusterKind::Endpoint { base_url, .. } => {
                view! { <span class="clamped mono" title=base_url.clone()>{base_url.clone()}</span> }.into_any()
            }
        };
        let description = (!cluster.description.is_empty())
            .then(|| view! { <span class="under clamped" title=cluster.description.clone()>{cluster.description.clone()}</span> });
        let has = cluster
            .nodes
            .iter()
            .map(|node| {
                let words = node_in_words(node, &cluster);
                view! { <span class="clamped" title=words.clone()>{words.clone()}</span> }
            })
            .collect_view();
        let checked_at = cluster
            .last_check
            .as_ref()
            .map_or_else(|| "–".to_owned(), |check| check.checked_at.to_minute_text());
        view! {
            <tr>
                <th scope="row">
                    <span class="breaking">
                        <a class="row-link" href=routes::cluster(cluster.id)>{cluster.name.clone()}</a>
                    </span>
                    {archived_mark(cluster.archived_at)}
                    {description}
                </th>
                <td><Reachability cluster=cluster.clone() /></td>
                <td>{reached_by}</td>
                <td>{has}</td>
                <td>{checked_at}</td>
            </tr>
        }
    });
    view! { <Table label="Clusters" columns>{rows.collect_view()}</Table> }
}

/// A new endpoint.
#[component]
pub fn NewClusterPage() -> impl IntoView {
    let credentials = Resource::new(|| (), |()| visible_credentials());
    let form = move || {
        Suspend::new(async move {
            match credentials.await {
                Ok(credentials) => view! {
                    <OpenTo least=Role::Operator>
                        <EndpointFormView cluster=None credentials=credentials.clone() />
                    </OpenTo>
                }
                .into_any(),
                Err(error) => load_failed("The form", &error),
            }
        })
    };
    view! {
        <Title text="Add an endpoint" />
        <PageHeader
            title="Add an endpoint"
            back=("Clusters", routes::CLUSTERS.to_owned())
            subtitle=|| "A base URL that already serves an OpenAI-compatible API. It is asked for its models when you save."
        />
        <Suspense fallback=|| view! { <Skeleton rows=6 label="Loading the form" /> }>{form}</Suspense>
    }
}
