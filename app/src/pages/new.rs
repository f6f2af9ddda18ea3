//! Creating a benchmark: the drafts that can be gone on with, and the wizard.

pub mod step_form;
pub mod steps;
pub mod wizard;

use domain::id::BenchmarkId;
use domain::workflow::{Step, Workflow};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use ui::button::{Button, ButtonKind, LinkButton};
use ui::feedback::{EmptyState, Skeleton};
use ui::layout::PageHeader;
use ui::table::{Column, Table};

use crate::api::ApiError;
use crate::api::benchmarks::get_benchmark;
use crate::api::workflows::{StartWorkflow, get_catalogue, list_open_workflows};
use crate::pages::parts::{action_failure, load_failed};
use crate::routes;
use wizard::Discard;
pub use wizard::WizardPage;

/// A draft as the list shows it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct OpenDraft {
    workflow: Workflow,
    next: Step,
}

/// The page: start, or go on.
#[component]
pub fn NewPage() -> impl IntoView {
    let query = use_query_map();
    let from = Memo::new(move |_| {
        query.with(|query| {
            query
                .get_str("from")
                .and_then(|text| text.parse::<BenchmarkId>().ok())
        })
    });
    let drafts = Resource::new(
        || (),
        |()| async move {
            let catalogue = get_catalogue().await?;
            let drafts = list_open_workflows()
                .await?
                .into_iter()
                .map(|workflow| OpenDraft {
                    next: workflow.draft.first_open_step(&catalogue),
                    workflow,
                });
            Ok::<_, ApiError>(drafts.collect::<Vec<_>>())
        },
    );
    let on_change = Callback::new(move |()| drafts.refetch());
    let source = Resource::new(
        move || from.get(),
        |from| async move {
            match from {
                Some(id) => get_benchmark(id)
                    .await
                    .map(|detail| Some((id, detail.plan.name))),
                None => Ok(None),
            }
        },
    );
    view! {
        <Title text="New benchmark" />
        <PageHeader
            title=Signal::stored("New benchmark".to_owned())
            subtitle=|| "A few short steps. Each answer is saved, so that you can leave and go on from any browser."
            back=("Benchmarks", routes::HOME.to_owned())
        />
        <Transition fallback=|| view! { <Skeleton rows=4 label="Loading the drafts" /> }>
            {move || Suspend::new(async move {
                match (source.await, drafts.await) {
                    (Ok(source), Ok(drafts)) => view! { <Start source /> <Drafts drafts on_change /> }.into_any(),
                    (Err(error), _) | (_, Err(error)) => load_failed("The drafts", &error),
                }
            })}
        </Transition>
    }
    .into_any()
}

/// The buttons that start a workflow.
#[component]
fn Start(
    /// The benchmark to start from, with its name.
    source: Option<(BenchmarkId, String)>,
) -> impl IntoView {
    let action = ServerAction::<StartWorkflow>::new();
    let from_scratch = if source.is_some() {
        ButtonKind::Secondary
    } else {
        ButtonKind::Primary
    };
    view! {
        {action_failure(action)}
        <div class="actions">
            {source.map(|(id, name)| view! {
                <ActionForm action>
                    <input type="hidden" name="from" value=id.to_string() />
                    <Button kind=ButtonKind::Primary busy=action.pending()>{format!("Start from “{name}”")}</Button>
                </ActionForm>
            })}
            <ActionForm action>
                <input type="hidden" name="from" value="" />
                <Button kind=from_scratch busy=action.pending()>"Start a new benchmark"</Button>
            </ActionForm>
        </div>
    }
}

/// What was begun and not executed.
#[component]
fn Drafts(
    /// The drafts, latest first.
    drafts: Vec<OpenDraft>,
    /// Called when one is gone.
    on_change: Callback<()>,
) -> impl IntoView {
    if drafts.is_empty() {
        return view! {
            <EmptyState
                title="No open drafts"
                text="A benchmark that you begin and leave is kept here until you run or discard it."
            />
        }
        .into_any();
    }
    let columns = vec![
        Column::text("Draft"),
        Column::text("Next step"),
        Column::text("By"),
        Column::text("Saved (UTC)"),
        Column::text("Actions"),
    ];
    let rows = drafts.into_iter().map(move |draft| {
        let OpenDraft { workflow, next } = draft;
        let name = workflow
            .draft
            .basic
            .as_ref()
            .map_or_else(|| "Unnamed".to_owned(), |basic| basic.name.clone());
        let href = routes::wizard(workflow.id, next);
        view! {
            <tr>
                <th scope="row"><span class="breaking"><a href=href.clone()>{name}</a></span></th>
                <td>{format!("{}. {}", next.number(), next.label())}</td>
                <td>{workflow.owner_name}</td>
                <td>{workflow.updated_at.to_minute_text()}</td>
                <td>
                    <div class="actions">
                        <LinkButton href is_small=true>"Continue"</LinkButton>
                        <Discard id=workflow.id on_done=on_change />
                    </div>
                </td>
            </tr>
        }
    });
    view! {
        <h2>"Go on with"</h2>
        <Table label="Open drafts" columns=Signal::stored(columns)>{rows.collect_view()}</Table>
    }
    .into_any()
}
