//! Models of the catalogue: the list, a new one, one of them.

pub mod form;
pub mod one;

use domain::access::Role;
use domain::catalogue::{CatalogueQuery, Model};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use ui::button::{ButtonKind, LinkButton};
use ui::feedback::{EmptyState, Skeleton};
use ui::format;
use ui::layout::PageHeader;
use ui::table::{Column, Table};

use crate::api::catalogue::list_models;
use crate::pages::catalogue_list::{CatalogueToolbar, archived_mark, asked_query, nothing_found};
use crate::pages::parts::load_failed;
use crate::pages::rights::{OnlyFor, OpenTo};
use crate::routes;
use form::ModelFormView;

/// The list.
#[component]
pub fn ModelsPage() -> impl IntoView {
    let query = asked_query();
    let models = Resource::new(move || query.get(), list_models);
    let list = move || {
        Suspend::new(async move {
            let models = models.await;
            let query = query.get_untracked();
            match models {
                Ok(models) if models.is_empty() && query == CatalogueQuery::default() => {
                    no_models().into_any()
                }
                Ok(models) => {
                    let list = if models.is_empty() {
                        nothing_found(routes::MODELS, "models")
                    } else {
                        table(models).into_any()
                    };
                    let label = "Search name, source, description, id";
                    view! {
                        <CatalogueToolbar path=routes::MODELS label query />
                        {list}
                    }
                    .into_any()
                }
                Err(error) => load_failed("The models", &error),
            }
        })
    };
    let actions = || {
        view! { <OnlyFor least=Role::Operator>
        <LinkButton href=routes::NEW_MODEL kind=ButtonKind::Primary>"Add a model"</LinkButton>
        </OnlyFor> }
    };
    view! {
        <Title text="Models" />
        <PageHeader
            title="Models"
            subtitle=|| "What a benchmark can ask for: the name an engine serves, and where its files are."
            actions
        />
        <Transition fallback=|| view! { <Skeleton rows=6 label="Loading the models" /> }>{list}</Transition>
    }
}

fn no_models() -> impl IntoView {
    let actions = || {
        view! { <OnlyFor least=Role::Operator>
        <LinkButton href=routes::NEW_MODEL>"Add a model"</LinkButton>
        </OnlyFor> }
    };
    view! {
        <EmptyState
            title="No models yet"
            text="Add the model that your engine serves, or take over a running engine on the page of clusters: its models come along."
            actions
        />
    }
}

fn table(models: Vec<Model>) -> impl IntoView {
    let columns = vec![
        Column::text("Name"),
        Column::text("Name in requests"),
        Column::text("Source"),
        Column::numeric("Parameters", ""),
        Column::text("Tokenizer"),
        Column::text("Added (UTC)"),
    ];
    let rows = models.into_iter().map(|model| {
        let description = (!model.description.is_empty())
            .then(|| view! { <span class="under clamped" title=model.description.clone()>{model.description.clone()}</span> });
        let source = model.source.in_words();
        let parameters = model.facts.as_ref().and_then(|facts| facts.parameters);
        let (parameters, exact) = parameters.map_or_else(
            || ("–".to_owned(), None),
            |known| {
                let exact = format!("{} {}", format::count(known.count), known.source.in_words());
                (format::short_count(known.count), Some(exact))
            },
        );
        let tokenizer = if model.tokenizer_path.is_empty() {
            view! { <span class="note">"asks the engine"</span> }.into_any()
        } else {
            view! { <span class="clamped mono" title=model.tokenizer_path.clone()>{model.tokenizer_path.clone()}</span> }.into_any()
        };
        view! {
            <tr>
                <th scope="row">
                    <span class="breaking">
                        <a class="row-link" href=routes::model(model.id)>{model.name.clone()}</a>
                    </span>
                    {archived_mark(model.archived_at)}
                    {description}
                </th>
                <td><span class="clamped mono" title=model.served_name.clone()>{model.served_name.clone()}</span></td>
                <td><span class="clamped" title=source.clone()>{source.clone()}</span></td>
                <td class="numeric" title=exact>{parameters}</td>
                <td>{tokenizer}</td>
                <td>{model.created_at.to_minute_text()}</td>
            </tr>
        }
    });
    view! { <Table label="Models" columns>{rows.collect_view()}</Table> }
}

/// A new model.
#[component]
pub fn NewModelPage() -> impl IntoView {
    let name = use_query_map()
        .read_untracked()
        .get("name")
        .unwrap_or_default();
    view! {
        <Title text="Add a model" />
        <PageHeader title="Add a model" back=("Models", routes::MODELS.to_owned()) />
        <OpenTo least=Role::Operator>
            <ModelFormView model=None name=name.clone() />
        </OpenTo>
    }
}
