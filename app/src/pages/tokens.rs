//! API tokens of one account: making one, its text once, the list.

use domain::access::{Role, TOKEN_DAYS_DEFAULT, TOKEN_DAYS_MAX, TokenState};
use domain::field::FieldErrors;
use domain::id::{TokenId, UserId};
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use ui::badge::Badge;
use ui::banner::Banner;
use ui::button::{Button, ButtonKind};
use ui::card::Card;
use ui::code::CodeBlock;
use ui::feedback::Skeleton;
use ui::field::{FormErrors, InputKind, SelectField, TextField};
use ui::table::{Column, Table};
use ui::tone::Tone;

use crate::api::tokens::{CreateToken, ListedToken, RevokeToken, list_tokens, take_token_text};
use crate::pages::parts::{action_failure, check_before_sending, load_failed, messages};
use crate::pages::people::form::role_options;
use crate::routes;

/// The tokens of an account: one's own, or, for administrators, a service's.
#[component]
pub fn TokensCard(
    /// The service account; `None` for one's own.
    account: Option<UserId>,
    /// The account's role: a token may not do more.
    most: Role,
    /// See [`text_of_made_token`].
    made: TextOfMade,
) -> impl IntoView {
    let create = ServerAction::<CreateToken>::new();
    let revoke = ServerAction::<RevokeToken>::new();
    let account_id = account.map(|id| id.to_string()).unwrap_or_default();
    let listed_id = account_id.clone();
    let tokens = Resource::new(
        move || (create.version().get(), revoke.version().get()),
        move |_| list_tokens(listed_id.clone()),
    );
    let table = move || {
        Suspend::new(async move {
            match tokens.await {
                Ok(tokens) => view! { <TokenTable tokens revoke /> }.into_any(),
                Err(error) => load_failed("The tokens", &error),
            }
        })
    };
    view! {
        <Card title="API tokens">
            <p class="muted">
                "A program sends a token in the header “Authorization: Bearer …” and acts as this account, with the token’s role at most."
            </p>
            <MadeInForm create />
            <MadeWithoutScript text=made />
            {action_failure(create)}
            {action_failure(revoke)}
            <TokenFields create account_id most />
            <Transition fallback=|| view! { <Skeleton rows=3 label="Loading the tokens" /> }>{table}</Transition>
        </Card>
    }
}

/// The text of a token that the form on this page made.
#[component]
fn MadeInForm(create: ServerAction<CreateToken>) -> impl IntoView {
    move || {
        let made = create.value().with(|value| match value {
            Some(Ok(made)) => Some((made.token.name.clone(), made.text.clone())),
            _ => None,
        });
        made.map(|(name, text)| text_once(&format!("The token “{name}” is made."), text))
    }
}

/// The text of a token that a form without script made; such a form leads to a page with its id in
/// the address.
pub type TextOfMade = Resource<Option<String>>;

/// Asks for it. The server gives it once, so a page asks in its own function, which runs once: what
/// waits for data may run again.
pub fn text_of_made_token() -> TextOfMade {
    let query = use_query_map();
    Resource::new(
        move || {
            let id = query.read().get(routes::MADE_TOKEN);
            id.and_then(|id| id.parse::<TokenId>().ok())
        },
        |id| async move {
            match id {
                Some(id) => take_token_text(id).await.ok().flatten(),
                None => None,
            }
        },
    )
}

/// The same as [`MadeInForm`] for a form that was sent without script.
#[component]
fn MadeWithoutScript(text: TextOfMade) -> impl IntoView {
    let shown = move || {
        Suspend::new(async move { text.await.map(|text| text_once("The token is made.", text)) })
    };
    view! { <Suspense>{shown}</Suspense> }
}

fn text_once(title: &str, text: String) -> impl IntoView + use<> {
    view! {
        <Banner tone=Tone::Good title>" Copy it now: it is not shown again."</Banner>
        <CodeBlock label="token" text />
    }
}

#[component]
fn TokenFields(create: ServerAction<CreateToken>, account_id: String, most: Role) -> impl IntoView {
    let own = RwSignal::new(FieldErrors::default());
    let errors = messages(create, own);
    let check = check_before_sending(own, move |sent: CreateToken| {
        sent.form.validate(most).map(drop)
    });
    let hint = format!("At most {TOKEN_DAYS_MAX}.");
    view! {
        <FormErrors errors />
        <ActionForm action=create attr:class="form" on:submit:capture=check>
            <input type="hidden" name="account_id" value=account_id />
            <div class="form-row">
                <TextField name="name" label="What for" placeholder="nightly comparison" max_chars=64 errors />
                <SelectField
                    name="role"
                    label="Role of the token"
                    options=role_options(most)
                    value=most.min(Role::Operator).as_str()
                    errors
                />
                <TextField
                    name="expires_days"
                    label="Expires after"
                    kind=InputKind::Number
                    unit="days"
                    value=TOKEN_DAYS_DEFAULT.to_string()
                    min="1"
                    max=TOKEN_DAYS_MAX.to_string()
                    errors
                    hint
                />
            </div>
            <div class="actions">
                <Button busy=create.pending()>"Make a token"</Button>
            </div>
        </ActionForm>
    }
}

/// Tokens as a table, each with the button that revokes it.
#[component]
pub fn TokenTable(
    /// The tokens, in order.
    tokens: Vec<ListedToken>,
    /// Revokes one.
    revoke: ServerAction<RevokeToken>,
    /// Also says whose each is.
    #[prop(optional)]
    has_accounts: bool,
) -> impl IntoView {
    if tokens.is_empty() {
        return view! { <p class="note">"No tokens yet."</p> }.into_any();
    }
    let mut columns = vec![Column::text("Token")];
    if has_accounts {
        columns.push(Column::text("Account"));
    }
    columns.extend(
        [
            "Role",
            "State",
            "Made (UTC)",
            "Expires (UTC)",
            "Last used (UTC)",
            "Action",
        ]
        .map(Column::text),
    );
    let rows = tokens.into_iter().map(move |ListedToken { token, state }| {
        let account = has_accounts.then(|| {
            view! { <td><a href=routes::account(token.account_id)>{token.account_name.clone()}</a></td> }
        });
        let last_used = token
            .last_used_at
            .map_or_else(|| "never".to_owned(), domain::time::Timestamp::to_minute_text);
        let button = (state == TokenState::Valid).then(|| {
            view! {
                <ActionForm action=revoke>
                    <input type="hidden" name="id" value=token.id.to_string() />
                    <Button kind=ButtonKind::Quiet is_small=true>"Revoke"</Button>
                </ActionForm>
            }
        });
        view! {
            <tr>
                <th scope="row"><span class="breaking">{token.name.clone()}</span></th>
                {account}
                <td>{token.role.as_str()}</td>
                <td><TokenBadge state /></td>
                <td>{token.created_at.to_minute_text()}</td>
                <td>{token.expires_at.to_minute_text()}</td>
                <td>{last_used}</td>
                <td>{button}</td>
            </tr>
        }
    });
    view! { <Table label="API tokens" columns>{rows.collect_view()}</Table> }.into_any()
}

#[component]
fn TokenBadge(state: TokenState) -> impl IntoView {
    let (tone, label) = match state {
        TokenState::Valid => (Tone::Good, "Valid"),
        TokenState::Expired => (Tone::Neutral, "Expired"),
        TokenState::Revoked => (Tone::Neutral, "Revoked"),
    };
    view! { <Badge tone label /> }
}
