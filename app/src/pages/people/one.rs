//! One account: its role, its password, its tokens, and whether it can be used.

use domain::access::{Account, AccountKind, Role};
use domain::field::FieldErrors;
use domain::id::UserId;
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use ui::banner::Banner;
use ui::button::{Button, ButtonKind, LinkButton};
use ui::card::Card;
use ui::feedback::Skeleton;
use ui::field::{FormErrors, SelectField};
use ui::layout::PageHeader;
use ui::tone::Tone;

use super::form::{PasswordFields, role_options};
use super::{StateBadge, kind_in_words};
use crate::api::people::{DisableAccount, EnableAccount, ResetPassword, SetRole, get_account};
use crate::api::session::Visitor;
use crate::frame::VisitorResource;
use crate::pages::parts::{action_failure, check_before_sending, load_failed, messages, no_such};
use crate::pages::tokens::{TextOfMade, TokensCard, text_of_made_token};
use crate::routes;

/// The actions of the page.
#[derive(Clone, Copy)]
struct Actions {
    set_role: ServerAction<SetRole>,
    reset: ServerAction<ResetPassword>,
    disable: ServerAction<DisableAccount>,
    enable: ServerAction<EnableAccount>,
}

/// One account.
#[component]
pub fn AccountPage() -> impl IntoView {
    let actions = Actions {
        set_role: ServerAction::new(),
        reset: ServerAction::new(),
        disable: ServerAction::new(),
        enable: ServerAction::new(),
    };
    let params = use_params_map();
    let account = Resource::new(
        move || {
            let id = params.read().get("id");
            (
                id.and_then(|id| id.parse::<UserId>().ok()),
                actions.set_role.version().get(),
                actions.disable.version().get(),
                actions.enable.version().get(),
            )
        },
        |(id, ..)| async move {
            match id {
                Some(id) => get_account(id).await,
                None => Err(no_such("account")),
            }
        },
    );
    let made = text_of_made_token();
    let visitor = use_context::<VisitorResource>();
    let page = move || {
        Suspend::new(async move {
            let visitor = match visitor {
                Some(visitor) => visitor.await.ok(),
                None => None,
            };
            match account.await {
                Ok(account) => one_account(account, visitor, actions, made).into_any(),
                Err(error) => load_failed("The account", &error),
            }
        })
    };
    view! {
        <Transition fallback=|| view! { <Skeleton rows=6 label="Loading the account" /> }>{page}</Transition>
    }
}

fn one_account(
    account: Account,
    visitor: Option<Visitor>,
    actions: Actions,
    made: TextOfMade,
) -> impl IntoView {
    let name = account.name.clone();
    let is_enabled = account.is_enabled();
    let since = account
        .disabled_at
        .map(|at| format!(" · disabled {}", at.to_second_text()));
    let subtitle = format!(
        "{} with the role {} · added {}{}",
        kind_in_words(account.kind),
        account.role.as_str(),
        account.created_at.to_second_text(),
        since.unwrap_or_default(),
    );
    let subtitle = crate::pages::wording::capitalised(&subtitle);
    let badges = move || view! { <StateBadge is_enabled /> };
    let is_own = visitor.is_some_and(|visitor| visitor.person.id == account.id);
    let body = if is_own {
        own_account().into_any()
    } else {
        account_of_another(account, actions, made).into_any()
    };
    view! {
        <Title text=name.clone() />
        <PageHeader
            title=name
            back=("People", routes::PEOPLE.to_owned())
            subtitle=move || subtitle
            badges
        />
        {action_failure(actions.set_role)}
        {action_failure(actions.reset)}
        {action_failure(actions.disable)}
        {action_failure(actions.enable)}
        {body}
    }
}

fn own_account() -> impl IntoView {
    let actions = || view! { <LinkButton href=routes::SETTINGS>"Settings"</LinkButton> };
    view! {
        <Banner tone=Tone::Neutral title="This is your own account." actions>
            " Nobody changes their own role or disables themselves. Your password and your tokens are among the settings."
        </Banner>
    }
}

fn account_of_another(account: Account, actions: Actions, made: TextOfMade) -> impl IntoView {
    let id = account.id;
    let is_person = account.kind == AccountKind::Person;
    let password = is_person.then(|| password_card(id, actions.reset));
    let tokens =
        (!is_person).then(|| view! { <TokensCard account=Some(id) most=account.role made /> });
    view! {
        <div class="grid-2 uneven">
            {role_card(&account, actions.set_role)}
            {password}
            {access_card(&account, actions)}
        </div>
        {tokens}
    }
}

fn role_card(account: &Account, set_role: ServerAction<SetRole>) -> impl IntoView + use<> {
    let id = account.id.to_string();
    let role = account.role.as_str();
    view! {
        <Card title="Role">
            <ActionForm action=set_role attr:class="form">
                <input type="hidden" name="id" value=id />
                <SelectField
                    name="new_role"
                    label="Role"
                    options=role_options(Role::Administrator)
                    value=role
                    hint="Each role includes the ones before it. It counts from the next request on."
                />
                <div class="actions">
                    <Button busy=set_role.pending()>"Change the role"</Button>
                </div>
            </ActionForm>
        </Card>
    }
}

fn password_card(id: UserId, reset: ServerAction<ResetPassword>) -> impl IntoView {
    let own = RwSignal::new(FieldErrors::default());
    let errors = messages(reset, own);
    let check = check_before_sending(own, |sent: ResetPassword| sent.form.validate());
    let done = move || {
        let is_done = reset.value().with(|value| matches!(value, Some(Ok(_))));
        is_done.then(|| {
            view! {
                <Banner tone=Tone::Good title="The new password is set.">
                    " Hand it over in person: their sessions have ended."
                </Banner>
            }
        })
    };
    view! {
        <Card title="Password">
            {done}
            <FormErrors errors />
            <ActionForm action=reset attr:class="form" on:submit:capture=check>
                <input type="hidden" name="id" value=id.to_string() />
                <PasswordFields errors />
                <div class="actions">
                    <Button busy=reset.pending()>"Reset the password"</Button>
                </div>
            </ActionForm>
        </Card>
    }
}

fn access_card(account: &Account, actions: Actions) -> impl IntoView + use<> {
    let id = account.id.to_string();
    if account.is_enabled() {
        let disable = actions.disable;
        view! {
            <Card title="Access">
                <p class="muted">
                    "A disabled account is signed out everywhere and its tokens let nobody in. What it made stays."
                </p>
                <ActionForm action=disable attr:class="actions">
                    <input type="hidden" name="id" value=id />
                    <Button kind=ButtonKind::Danger busy=disable.pending()>"Disable the account"</Button>
                </ActionForm>
            </Card>
        }
        .into_any()
    } else {
        let enable = actions.enable;
        view! {
            <Card title="Access">
                <p class="muted">"Enabled again, it has the password and the tokens it had."</p>
                <ActionForm action=enable attr:class="actions">
                    <input type="hidden" name="id" value=id />
                    <Button busy=enable.pending()>"Enable the account"</Button>
                </ActionForm>
            </Card>
        }
        .into_any()
    }
}
