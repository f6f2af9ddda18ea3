//! One credential: what is known of it, its test, its rotation, who uses it.

use domain::access::Role;
use domain::catalogue::{Credential, CredentialKind, CredentialUse};
use domain::id::CredentialId;
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use ui::banner::Banner;
use ui::button::Button;
use ui::card::Card;
use ui::feedback::Skeleton;
use ui::field::{InputKind, TextField};
use ui::key_value::{Fact, KeyValueList};
use ui::layout::PageHeader;

use super::form::CredentialFormView;
use super::{OutcomeBadge, outcome_tone};
use crate::api::ApiError;
use crate::api::credentials::{
    ArchiveCredential, DeleteCredential, RotateCredential, TestCredential, get_credential,
    get_credential_use,
};
use crate::frame::VisitorResource;
use crate::pages::catalogue_list::archived_mark;
use crate::pages::parts::{action_failure, load_failed, messages, no_such};
use crate::pages::put_away::{PutAway, Questions};
use crate::pages::used_by::UsedByCard;
use crate::routes;

/// The actions of the page.
#[derive(Clone, Copy)]
struct Actions {
    test: ServerAction<TestCredential>,
    rotate: ServerAction<RotateCredential>,
    archive: ServerAction<ArchiveCredential>,
    delete: ServerAction<DeleteCredential>,
    questions: Questions,
}

/// One credential.
#[component]
pub fn CredentialPage() -> impl IntoView {
    let actions = Actions {
        test: ServerAction::new(),
        rotate: ServerAction::new(),
        archive: ServerAction::new(),
        delete: ServerAction::new(),
        questions: Questions::closed(),
    };
    let visitor = use_context::<VisitorResource>();
    let params = use_params_map();
    let credential = Resource::new(
        move || {
            let id = params.read().get("id");
            (
                id.and_then(|id| id.parse::<CredentialId>().ok()),
                actions.test.version().get(),
                actions.rotate.version().get(),
                actions.archive.version().get(),
            )
        },
        |(id, ..)| async move {
            let id = id.ok_or_else(|| no_such("credential"))?;
            Ok::<_, ApiError>((get_credential(id).await?, get_credential_use(id).await?))
        },
    );
    let page = move || {
        Suspend::new(async move {
            let may_change = match visitor {
                Some(visitor) => visitor
                    .await
                    .is_ok_and(|visitor| visitor.person.role >= Role::Administrator),
                None => false,
            };
            match credential.await {
                Ok((credential, used)) => {
                    one_credential(credential, used, may_change, actions).into_any()
                }
                Err(error) => load_failed("The credential", &error),
            }
        })
    };
    view! {
        <Transition fallback=|| view! { <Skeleton rows=6 label="Loading the credential" /> }>{page}</Transition>
    }
}

fn one_credential(
    credential: Credential,
    used: CredentialUse,
    may_change: bool,
    actions: Actions,
) -> impl IntoView {
    let Actions {
        test,
        rotate,
        archive,
        delete,
        questions,
    } = actions;
    let name = credential.name.clone();
    let is_registered = credential.endpoint_id.is_none();
    // A login is tried by a check of its cluster.
    let may_test = credential.kind == CredentialKind::ProviderKey;
    let put_away = (is_registered && may_change).then(|| PutAway {
        is_archived: credential.archived_at.is_some(),
        is_used: !used.is_unused(),
        consequence: "The key is destroyed. It cannot be brought back.",
        ..PutAway::new("credential", &name, credential.id, questions)
    });
    let id = credential.id.to_string();
    let buttons = {
        let put_away = put_away.clone();
        let id = id.clone();
        move || {
            view! {
                {put_away.map(|put_away| put_away.buttons(archive))}
                {may_test.then(|| view! {
                    <ActionForm action=test>
                        <input type="hidden" name="id" value=id />
                        <Button busy=test.pending()>"Test now"</Button>
                    </ActionForm>
                })}
            }
        }
    };
    let dialogs = put_away.map(|put_away| put_away.dialogs(archive, delete));
    let badges = {
        let (last_test, archived_at) = (credential.last_test.clone(), credential.archived_at);
        move || {
            view! {
                {last_test.map(|test| view! { <OutcomeBadge outcome=test.outcome title=test.message /> })}
                {archived_mark(archived_at)}
            }
        }
    };
    let last_test = credential.last_test.clone().map(|last| {
        let at = format!(" Tested {}.", last.tested_at.to_second_text());
        view! { <Banner tone=outcome_tone(last.outcome) title=last.message>{at}</Banner> }
    });
    let origin = credential.origin_in_words();
    let subtitle = match credential.kind {
        CredentialKind::SshKey => format!("Signs in to {origin}, and is never sent"),
        CredentialKind::DockerKey => {
            format!("Proves this server to {origin}, and is never sent")
        }
        CredentialKind::RegistryLogin => {
            format!(
                "Images of {} are pulled with it, and it is sent nowhere else",
                origin.trim_start_matches("docker://")
            )
        }
        CredentialKind::ProviderKey | CredentialKind::SshPassword => {
            format!("Sent to {origin} and nowhere else")
        }
    };
    let owner = credential.endpoint_id.map(|id| {
        view! { <p>"This was typed into the form of a cluster. " <a href=routes::cluster(id)>"Change or remove it there."</a></p> }
    });
    let CredentialUse {
        clusters,
        benchmarks,
    } = used;
    let facts = facts_card(&credential);
    let rotation = (is_registered && may_change).then(|| rotate_card(id, rotate));
    let form = (is_registered && may_change).then(|| {
        view! { <Card title="Change the credential"><CredentialFormView credential=Some(credential) /></Card> }
    });
    view! {
        <Title text=name.clone() />
        <PageHeader
            title=name
            back=("Credentials", routes::CREDENTIALS.to_owned())
            subtitle=move || subtitle
            badges
            actions=buttons
        />
        {action_failure(test)}
        {action_failure(rotate)}
        {dialogs}
        {last_test}
        {owner}
        <div class="grid-2 uneven">
            <div class="stack">
                {facts}
                {rotation}
            </div>
            <UsedByCard used=benchmarks clusters />
        </div>
        {form}
    }
}

fn facts_card(credential: &Credential) -> impl IntoView + use<> {
    let rotated = credential.rotated_at.map_or_else(
        || "never".to_owned(),
        domain::time::Timestamp::to_second_text,
    );
    let (kind, base_url) = (credential.kind.label(), credential.base_url.clone());
    let added = credential.created_at.to_second_text();
    let user = (!credential.user.is_empty()).then(|| {
        let user = credential.user.clone();
        view! { <Fact name="User">{user}</Fact> }
    });
    view! {
        <Card title="Credential">
            <KeyValueList>
                <Fact name="Kind">{kind}</Fact>
                <Fact name="Address"><code>{base_url}</code></Fact>
                {user}
                <Fact name="Secret">"sealed"</Fact>
                <Fact name="Added">{added}</Fact>
                <Fact name="Rotated">{rotated}</Fact>
            </KeyValueList>
        </Card>
    }
}

/// A new secret under the same id.
fn rotate_card(id: String, rotate: ServerAction<RotateCredential>) -> impl IntoView {
    let errors = messages(rotate, RwSignal::default());
    view! {
        <Card title="Rotate">
            <p class="muted">"What uses this credential sends the new key from now on, queued benchmarks included."</p>
            <ActionForm action=rotate attr:class="form">
                <input type="hidden" name="id" value=id />
                <TextField name="secret" scope="rotate" label="New key" kind=InputKind::Password autocomplete="off" errors />
                <div class="actions"><Button busy=rotate.pending()>"Rotate the key"</Button></div>
            </ActionForm>
        </Card>
    }
}
