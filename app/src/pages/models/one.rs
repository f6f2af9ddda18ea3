//! One model: what is known of it, who uses it, its form.

use domain::access::Role;
use domain::catalogue::{Model, ModelFacts, ModelSource, UsedBy};
use domain::history::HistoryQuery;
use domain::id::ModelId;
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use ui::button::Button;
use ui::card::Card;
use ui::code::CopyButton;
use ui::feedback::Skeleton;
use ui::format;
use ui::key_value::{Fact, KeyValueList};
use ui::layout::PageHeader;

use super::form::ModelFormView;
use crate::api::ApiError;
use crate::api::catalogue::{ArchiveModel, DeleteModel, ReadModelFiles, get_model, get_model_use};
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
    read_files: ServerAction<ReadModelFiles>,
    archive: ServerAction<ArchiveModel>,
    delete: ServerAction<DeleteModel>,
    questions: Questions,
}

/// One model.
#[component]
pub fn ModelPage() -> impl IntoView {
    let actions = Actions {
        read_files: ServerAction::new(),
        archive: ServerAction::new(),
        delete: ServerAction::new(),
        questions: Questions::closed(),
    };
    let params = use_params_map();
    let model = Resource::new(
        move || {
            let id = params.read().get("id");
            (
                id.and_then(|id| id.parse::<ModelId>().ok()),
                actions.read_files.version().get(),
                actions.archive.version().get(),
            )
        },
        |(id, _, _)| async move {
            let id = id.ok_or_else(|| no_such("model"))?;
            Ok::<_, ApiError>((get_model(id).await?, get_model_use(id).await?))
        },
    );
    let visitor = use_context::<VisitorResource>();
    let page = move || {
        Suspend::new(async move {
            let may_edit = is_at_least(visitor, Role::Operator).await;
            match model.await {
                Ok((model, used)) => one_model(model, used, may_edit, actions).into_any(),
                Err(error) => load_failed("The model", &error),
            }
        })
    };
    view! {
        <Transition fallback=|| view! { <Skeleton rows=6 label="Loading the model" /> }>{page}</Transition>
    }
}

fn one_model(model: Model, used: UsedBy, may_edit: bool, actions: Actions) -> impl IntoView {
    let name = model.name.clone();
    // The reference engine's entry is always there.
    let put_away = (may_edit && model.source != ModelSource::Reference).then(|| PutAway {
        is_archived: model.archived_at.is_some(),
        is_used: used.benchmark_count > 0,
        ..PutAway::new("model", &name, model.id, actions.questions)
    });
    let buttons = {
        let put_away = put_away.clone();
        move || put_away.map(|put_away| put_away.buttons(actions.archive))
    };
    let dialogs = put_away.map(|put_away| put_away.dialogs(actions.archive, actions.delete));
    let archived_at = model.archived_at;
    let badges = move || archived_mark(archived_at);
    let subtitle = format!(
        "{}{} · added {}",
        model.source.in_words(),
        price_in_words(&model.source),
        model.created_at.to_second_text()
    );
    let history_href = routes::history(&HistoryQuery {
        model: Some(model.id),
        ..HistoryQuery::default()
    });
    let files = files_card(&model, may_edit, actions.read_files);
    let form = may_edit.then(|| {
        view! { <Card title="Change the model"><ModelFormView model=Some(model) /></Card> }
    });
    view! {
        <Title text=name.clone() />
        <PageHeader
            title=name
            back=("Models", routes::MODELS.to_owned())
            subtitle=move || subtitle
            badges
            actions=buttons
        />
        {action_failure(actions.read_files)}
        {dialogs}
        <div class="grid-2 uneven">
            {form}
            <div class="stack">
                {files}
                <UsedByCard used history_href />
            </div>
        </div>
    }
}

/// What a provider charges, where that is known, to stand after other words.
fn price_in_words(source: &ModelSource) -> String {
    let ModelSource::Cloud {
        price: Some(price), ..
    } = source
    else {
        return String::new();
    };
    format!(
        " · {} for a million tokens of prompts, {} of answers",
        format::dollars(price.input_per_million),
        format::dollars(price.output_per_million)
    )
}

/// What the files say; nothing for models without files here.
fn files_card(
    model: &Model,
    may_edit: bool,
    read_files: ServerAction<ReadModelFiles>,
) -> Option<AnyView> {
    if !matches!(model.source, ModelSource::LocalPath { .. }) {
        return None;
    }
    let id = model.id.to_string();
    let actions = move || {
        may_edit.then(|| {
            view! {
                <ActionForm action=read_files>
                    <input type="hidden" name="id" value=id />
                    <Button is_small=true busy=read_files.pending()>"Read the files"</Button>
                </ActionForm>
            }
        })
    };
    let facts = match model.facts.clone() {
        Some(facts) => file_facts(facts).into_any(),
        None => view! {
            <p class="muted">"Not read: nothing was found at the path when the model was saved."</p>
        }
        .into_any(),
    };
    Some(view! { <Card title="Files" actions>{facts}</Card> }.into_any())
}

fn file_facts(facts: ModelFacts) -> impl IntoView {
    let architecture = if facts.architecture.is_empty() {
        "the files do not say".to_owned()
    } else {
        facts.architecture
    };
    let parameters = facts.parameters.map_or_else(
        || "cannot be told".to_owned(),
        |known| format!("{} {}", format::count(known.count), known.source.in_words()),
    );
    let size = format!(
        "{} in {}",
        format::bytes(facts.bytes),
        format::plural(u64::from(facts.file_count), "file", "files")
    );
    let cache = facts.kv_bytes_per_token.map(|bytes| {
        let text = format!("{} for each token, in 16 bits", format::bytes(bytes));
        view! { <Fact name="KV cache">{text}</Fact> }
    });
    let digest = match facts.digest {
        Some(digest) => view! {
            <span class="mono breaking">{digest.0.clone()}</span>
            " "
            <CopyButton label="digest" text=digest.0 />
        }
        .into_any(),
        None => "not computed when it was saved, because the files are large: read them".into_any(),
    };
    view! {
        <KeyValueList>
            <Fact name="Architecture"><span class="mono">{architecture}</span></Fact>
            <Fact name="Parameters">{parameters}</Fact>
            {cache}
            <Fact name="Weights">{facts.format.label()}</Fact>
            <Fact name="Size">{size}</Fact>
            <Fact name="SHA-256">{digest}</Fact>
            <Fact name="Read">{facts.read_at.to_second_text()}</Fact>
        </KeyValueList>
    }
}
