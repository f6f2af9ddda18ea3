//! One dataset: how its import goes, its facts and lengths, what was rejected, its rows.

use std::time::Duration;

use domain::access::Role;
use domain::catalogue::UsedBy;
use domain::dataset::{DRAWING_IN_WORDS, Dataset, DatasetState, RowPage};
use domain::finite::Finite;
use domain::id::DatasetId;
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use ui::badge::Badge;
use ui::banner::Banner;
use ui::button::{Button, ButtonKind};
use ui::card::Card;
use ui::feedback::Skeleton;
use ui::field::{FormErrors, TextAreaField, TextField};
use ui::format;
use ui::key_value::{Fact, KeyValueList};
use ui::layout::PageHeader;
use ui::progress::Progress;
use ui::tone::Tone;

use super::StateBadge;
use super::lengths::LengthCharts;
use super::rejected::RejectedRows;
use super::rows::{ROWS_OF_A_PAGE, RowsPreview};
use crate::api::ApiError;
use crate::api::datasets::{
    ArchiveDataset, DeleteDataset, UpdateDataset, get_dataset, get_dataset_use, list_dataset_rows,
};
use crate::frame::VisitorResource;
use crate::pages::catalogue_list::archived_mark;
use crate::pages::parts::{action_failure, check_before_sending, load_failed, messages, no_such};
use crate::pages::put_away::{PutAway, Questions};
use crate::pages::rights::is_at_least;
use crate::pages::used_by::UsedByCard;
use crate::routes;

/// How often the page asks how far an import is.
const ASK_EVERY: Duration = Duration::from_millis(600);

/// The actions of the page.
#[derive(Clone, Copy)]
struct Actions {
    update: ServerAction<UpdateDataset>,
    archive: ServerAction<ArchiveDataset>,
    delete: ServerAction<DeleteDataset>,
    questions: Questions,
}

/// One dataset.
#[component]
pub fn DatasetPage() -> impl IntoView {
    let actions = Actions {
        update: ServerAction::new(),
        archive: ServerAction::new(),
        delete: ServerAction::new(),
        questions: Questions::closed(),
    };
    let params = use_params_map();
    let query = use_query_map();
    let page_number = Memo::new(move |_| {
        let page = query.read().get("page");
        page.and_then(|page| page.parse().ok()).unwrap_or(1).max(1)
    });
    let loaded = Resource::new(
        move || {
            let id = params.read().get("id");
            let id = id.and_then(|id| id.parse::<DatasetId>().ok());
            (
                id,
                page_number.get(),
                actions.update.version().get(),
                actions.archive.version().get(),
            )
        },
        |(id, page_number, _, _)| async move {
            let id = id.ok_or_else(|| no_such("dataset"))?;
            let dataset = get_dataset(id).await?;
            let used = get_dataset_use(id).await?;
            let rows = match dataset.state {
                DatasetState::Ready => {
                    let offset = (page_number - 1_u32).saturating_mul(ROWS_OF_A_PAGE);
                    Some(list_dataset_rows(id, offset, ROWS_OF_A_PAGE).await?)
                }
                _ => None,
            };
            Ok::<_, ApiError>((dataset, used, rows))
        },
    );
    // While the file is read, the page asks again and again.
    Effect::new(move |_| {
        let is_importing = loaded.with(|loaded| {
            matches!(loaded, Some(Ok((dataset, _, _))) if dataset.state == DatasetState::Importing)
        });
        if is_importing {
            // The page may be gone when the timer ends; then there is nothing to ask for.
            let ask = set_timeout_with_handle(move || loaded.refetch(), ASK_EVERY);
            if let Ok(ask) = ask {
                on_cleanup(move || ask.clear());
            }
        }
    });
    let visitor = use_context::<VisitorResource>();
    let page = move || {
        Suspend::new(async move {
            let may_edit = is_at_least(visitor, Role::Operator).await;
            match loaded.await {
                Ok((dataset, used, rows)) => one_dataset(
                    dataset,
                    used,
                    rows,
                    page_number.get_untracked(),
                    may_edit,
                    actions,
                )
                .into_any(),
                Err(error) => load_failed("The dataset", &error),
            }
        })
    };
    view! {
        <Transition fallback=|| view! { <Skeleton rows=8 label="Loading the dataset" /> }>{page}</Transition>
    }
}

fn one_dataset(
    dataset: Dataset,
    used: UsedBy,
    rows: Option<RowPage>,
    page_number: u32,
    may_edit: bool,
    actions: Actions,
) -> impl IntoView {
    let name = dataset.name.clone();
    let subtitle = format!(
        "{} · imported {}",
        dataset.format.label(),
        dataset.created_at.to_second_text()
    );
    let badges = {
        let (state, is_builtin) = (dataset.state, dataset.is_builtin);
        let archived_at = dataset.archived_at;
        move || {
            let builtin =
                is_builtin.then(|| view! { <Badge tone=Tone::Neutral label="Built in" /> });
            view! { <StateBadge state /> {builtin} {archived_mark(archived_at)} }
        }
    };
    let id = dataset.id;
    let is_importing = dataset.state == DatasetState::Importing;
    let put_away = (may_edit && !is_importing).then(|| PutAway {
        is_archived: dataset.archived_at.is_some(),
        // What comes with the product would be back at the next start.
        is_used: dataset.is_builtin || used.benchmark_count > 0,
        consequence: "Its rows are removed. This cannot be undone.",
        ..PutAway::new("dataset", &name, id, actions.questions)
    });
    let buttons = {
        let put_away = put_away.clone();
        move || match put_away {
            Some(put_away) => put_away.buttons(actions.archive),
            // A plain form: the page is drawn anew while the import goes on, and a question would not
            // stay open.
            None if may_edit => view! {
                <ActionForm action=actions.delete>
                    <input type="hidden" name="id" value=id.to_string() />
                    <Button busy=actions.delete.pending()>"Stop the import"</Button>
                </ActionForm>
            }
            .into_any(),
            None => ().into_any(),
        }
    };
    let dialogs = match put_away {
        Some(put_away) => put_away.dialogs(actions.archive, actions.delete),
        None => view! { {action_failure(actions.delete)} }.into_any(),
    };
    let content = match dataset.state {
        DatasetState::Importing => view! { <ImportProgress dataset=dataset.clone() /> }.into_any(),
        DatasetState::Failed => {
            let title = dataset.failure.clone().unwrap_or_default();
            view! {
                <Banner tone=Tone::Bad title=title>" Nothing was kept. Delete this entry, or import the file again."</Banner>
                <RejectedRows rejections=dataset.rejections.clone() />
            }
            .into_any()
        }
        DatasetState::Ready => {
            let edited = dataset.clone();
            let edit = may_edit.then(|| {
                view! {
                    <Card title="Change name and description">
                        <EditForm dataset=edited update=actions.update />
                    </Card>
                }
            });
            let rows = rows.map(|page| view! { <RowsPreview id page_number page /> });
            view! {
                <LengthCharts dataset=dataset.clone() />
                <div class="grid-2 uneven">
                    <Facts dataset=dataset.clone() />
                    <div class="stack">
                        <UsedByCard used />
                        <RejectedRows rejections=dataset.rejections.clone() />
                        <Card title="How prompts are drawn">
                            <p class="note">{DRAWING_IN_WORDS}</p>
                        </Card>
                    </div>
                </div>
                {rows}
                {edit}
            }
            .into_any()
        }
    };
    view! {
        <Title text=name.clone() />
        <PageHeader
            title=name
            back=("Datasets", routes::DATASETS.to_owned())
            subtitle=move || subtitle
            badges
            actions=buttons
        />
        {dialogs}
        {content}
    }
}

/// How far an import is.
#[component]
fn ImportProgress(dataset: Dataset) -> impl IntoView {
    let label = format!(
        "Read {} of {}",
        format::bytes(dataset.read_bytes),
        format::bytes(dataset.file_bytes)
    );
    let note = format!(
        "{}, {} rejected",
        format::plural(dataset.row_count.into(), "row", "rows"),
        format::count(dataset.rejected_count.into())
    );
    let fraction = Finite::new(dataset.read_fraction());
    let reload = routes::dataset(dataset.id);
    view! {
        <Card title="Import">
            <Progress label fraction=Signal::stored(fraction) note=Signal::stored(note) />
            <noscript>
                <p class="note"><a href=reload>"Look again"</a>" how far it is."</p>
            </noscript>
        </Card>
    }
}

#[component]
fn Facts(dataset: Dataset) -> impl IntoView {
    let description = (!dataset.description.is_empty()).then(|| {
        view! { <Fact name="Description"><span class="description">{dataset.description.clone()}</span></Fact> }
    });
    let file = if dataset.file_name.is_empty() {
        "unnamed".to_owned()
    } else {
        dataset.file_name.clone()
    };
    let file_size = format::bytes(dataset.file_bytes);
    let turns = if dataset.has_multi_turn {
        "some are conversations of several turns"
    } else {
        "each has one question"
    };
    let owner = dataset
        .owner_name
        .clone()
        .unwrap_or_else(|| "comes with Assay".to_owned());
    view! {
        <Card title="Facts">
            <KeyValueList>
                {description}
                <Fact name="Rows">{format::count(dataset.row_count.into())} ", " {turns}</Fact>
                <Fact name="Rejected">{format::count(dataset.rejected_count.into())}</Fact>
                <Fact name="Tokens counted by">{dataset.tokenizer.in_words()}</Fact>
                <Fact name="SHA-256"><span class="mono breaking">{dataset.sha256.clone().unwrap_or_default()}</span></Fact>
                <Fact name="Size as kept">{format::bytes(dataset.bytes)}</Fact>
                <Fact name="Imported file"><span class="breaking">{file}</span> ", " {file_size}</Fact>
                <Fact name="SHA-256 of the file"><span class="mono breaking">{dataset.file_sha256.clone()}</span></Fact>
                <Fact name="Imported by">{owner}</Fact>
            </KeyValueList>
        </Card>
    }
}

#[component]
fn EditForm(dataset: Dataset, update: ServerAction<UpdateDataset>) -> impl IntoView {
    let own = RwSignal::new(domain::field::FieldErrors::default());
    let errors = messages(update, own);
    let check = check_before_sending(own, |sent: UpdateDataset| {
        let edit = domain::dataset::DatasetEdit {
            name: sent.name,
            description: sent.description,
        };
        edit.validate().map(drop)
    });
    view! {
        {action_failure(update)}
        <FormErrors errors />
        <ActionForm action=update attr:class="form catalogue-form" on:submit:capture=check>
            <input type="hidden" name="id" value=dataset.id.to_string() />
            <TextField name="name" label="Name" value=dataset.name max_chars=200 errors />
            <TextAreaField
                name="description"
                label="Description"
                value=dataset.description
                max_chars=2_000
                is_optional=true
                errors
            />
            <div class="actions">
                <Button kind=ButtonKind::Primary busy=update.pending()>"Save"</Button>
            </div>
        </ActionForm>
    }
}
