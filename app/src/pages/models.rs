//! Models of the catalogue: the list, a new one, one of them.

pub mod form;

use domain::catalogue::{CatalogueQuery, Model};
use domain::id::ModelId;
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use ui::button::{Button, ButtonKind, LinkButton};
use ui::dialog::Dialog;
use ui::feedback::{EmptyState, Skeleton};
use ui::layout::PageHeader;
use ui::table::{Column, Table};

use crate::api::catalogue::{DeleteModel, get_model, list_models};
use crate::pages::parts::{action_failure, load_failed, no_such};
use crate::routes;
use form::ModelFormView;

/// The list.
#[component]
pub fn ModelsPage() -> impl IntoView {
    let models = Resource::new(|| (), |()| list_models(CatalogueQuery::in_use()));
    let list = move || {
        Suspend::new(async move {
            match models.await {
                Ok(models) if models.is_empty() => no_models().into_any(),
                Ok(models) => table(models).into_any(),
                Err(error) => load_failed("The models", &error),
            }
        })
    };
    let actions = || {
        view! { <LinkButton href=routes::NEW_MODEL kind=ButtonKind::Primary>"Add a model"</LinkButton> }
    };
    view! {
        <Title text="Models" />
        <PageHeader
            title="Models"
            subtitle=|| "What a benchmark can ask for: the name an engine serves, and where its files are."
            actions
        />
        <Suspense fallback=|| view! { <Skeleton rows=6 label="Loading the models" /> }>{list}</Suspense>
    }
}

fn no_models() -> impl IntoView {
    let actions = || view! { <LinkButton href=routes::NEW_MODEL>"Add a model"</LinkButton> };
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
        Column::text("Tokenizer"),
        Column::text("Added (UTC)"),
    ];
    let rows = models.into_iter().map(|model| {
        let description = (!model.description.is_empty())
            .then(|| view! { <span class="under clamped" title=model.description.clone()>{model.description.clone()}</span> });
        let source = model.source.in_words();
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
                    {description}
                </th>
                <td><span class="clamped mono" title=model.served_name.clone()>{model.served_name.clone()}</span></td>
                <td><span class="clamped" title=source.clone()>{source.clone()}</span></td>
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
        <ModelFormView model=None name />
    }
}

/// One model: its form, and the way to delete it.
#[component]
pub fn ModelPage() -> impl IntoView {
    let params = use_params_map();
    let model = Resource::new(
        move || {
            params
                .read()
                .get("id")
                .and_then(|id| id.parse::<ModelId>().ok())
        },
        |id| async move {
            match id {
                Some(id) => get_model(id).await,
                None => Err(no_such("model")),
            }
        },
    );
    let page = move || {
        Suspend::new(async move {
            match model.await {
                Ok(model) => one_model(model).into_any(),
                Err(error) => load_failed("The models", &error),
            }
        })
    };
    view! {
        <Suspense fallback=|| view! { <Skeleton rows=6 label="Loading the model" /> }>{page}</Suspense>
    }
}

fn one_model(model: Model) -> impl IntoView {
    let name = model.name.clone();
    let is_asking = RwSignal::new(false);
    let delete = ServerAction::<DeleteModel>::new();
    let ask = Callback::new(move |()| is_asking.set(true));
    let actions =
        move || view! { <span class="needs-script"><Button on_press=ask>"Delete…"</Button></span> };
    let subtitle = format!(
        "{} · added {}",
        model.source.in_words(),
        model.created_at.to_second_text()
    );
    let id = model.id.to_string();
    view! {
        <Title text=name.clone() />
        <PageHeader
            title=name.clone()
            back=("Models", routes::MODELS.to_owned())
            subtitle=move || subtitle
            actions
        />
        {action_failure(delete)}
        <ModelFormView model=Some(model) />
        <Dialog open=is_asking id="delete-model" title=format!("Delete {name}?")>
            <p>"Benchmarks that used it keep their results: they carry a copy of what they ran with."</p>
            <ActionForm action=delete attr:class="actions end">
                <input type="hidden" name="id" value=id />
                <Button on_press=Callback::new(move |()| is_asking.set(false))>"Keep it"</Button>
                <Button kind=ButtonKind::Danger busy=delete.pending()>"Delete the model"</Button>
            </ActionForm>
        </Dialog>
    }
}
