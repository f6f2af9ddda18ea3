//! Step 6: the credential of a cloud model.

use domain::catalogue::{Cluster, Credential, CredentialKind, CredentialTest, Origin};
use domain::field::FieldErrors;
use domain::workflow::form::CredentialChoiceForm;
use domain::workflow::{Step, StepForm};
use domain::workload::SpendLimit;
use leptos::prelude::*;
use ui::feedback::EmptyState;
use ui::field::{Choice, ChoiceCards, FieldSet, InputKind, TextField};

use crate::api::workflows::AnswerCredential;
use crate::pages::credentials::outcome_tone;
use crate::pages::new::step_form::{StepContext, step_form};
use crate::routes;

/// The step.
#[component]
pub fn CredentialStep(
    /// What it is shown with.
    context: StepContext,
) -> impl IntoView {
    let action = ServerAction::<AnswerCredential>::new();
    let cluster = context
        .draft
        .cluster_id
        .and_then(|id| context.catalogue.cluster(id));
    let choices = cluster
        .map(|cluster| choices_for(cluster, &context.catalogue.credentials))
        .unwrap_or_default();
    let chosen = chosen_at_first(&context, &choices);
    // A proxy goes to where the credential is for.
    let base_url = cluster.and_then(|cluster| cluster.kind.base_url());
    let origin = base_url
        .map(|url| Origin::of(url).map_or_else(|| url.to_owned(), |origin| origin.to_string()));
    let read = |sent: &AnswerCredential| {
        StepForm::Credential(CredentialChoiceForm {
            credential_id: sent.credential_id.clone(),
            requests_max: sent.requests_max.clone(),
            tokens_max: sent.tokens_max.clone(),
        })
    };
    let form = match context.draft.form(Step::Credential) {
        Some(StepForm::Credential(form)) => form,
        _ => CredentialChoiceForm::default(),
    };
    let usual = context.draft.usual_limit(&context.catalogue);
    step_form(
        &context,
        Step::Credential,
        "Continue",
        action,
        read,
        move |errors| {
            let hint = match origin {
                Some(origin) => format!("Sent as a bearer token with every request, to {origin} and nowhere else."),
                None => "Given to the proxy by its environment, which sends it to the address it is for and nowhere else.".to_owned(),
            };
            let choices = if choices.is_empty() {
                view! { <EmptyState title="No credential yet" text="An administrator adds the provider's key to the credentials." /> }
                .into_any()
            } else {
                view! { <ChoiceCards name="credential_id" legend="Credential" choices chosen errors hint /> }
                    .into_any()
            };
            view! {
                {choices}
                <p class="note">
                    "Is it missing? An administrator can " <a href=routes::NEW_CREDENTIAL>"add a credential"</a>
                    "; this draft is kept."
                </p>
                <LimitFields form usual errors />
            }
            .into_any()
        },
    )
}

/// How much the provider may be sent.
#[component]
fn LimitFields(
    /// What was answered.
    form: CredentialChoiceForm,
    /// What follows from the plan.
    usual: SpendLimit,
    /// Messages of the form.
    errors: Signal<FieldErrors>,
) -> impl IntoView {
    let is_needed = !usual.is_some();
    let placeholder = |number: Option<String>| number.unwrap_or_else(|| "no limit".to_owned());
    let requests = placeholder(usual.requests.map(|count| count.to_string()));
    let tokens = placeholder(usual.tokens.map(|count| count.to_string()));
    view! {
        <FieldSet legend="Limits">
            <div class="form-row">
                <TextField name="requests_max" label="Most requests" kind=InputKind::Number step="any"
                    value=form.requests_max errors is_optional=true unit="requests" placeholder=requests
                    hint="Warm-up included." />
                <TextField name="tokens_max" label="Most tokens" kind=InputKind::Number step="any"
                    value=form.tokens_max errors is_optional=true unit="tokens" placeholder=tokens
                    hint="Prompts and answers together, as the provider counts them where it tells." />
            </div>
            <p class="note">
                {if is_needed {
                    "How much this load sends is not known beforehand: give one limit at least."
                } else {
                    "Left empty: twice what the plan sends, for second sends, chat templates and estimated lengths."
                }}
                " A request that might go beyond a limit is not sent: the load ends there, and the result says so."
            </p>
        </FieldSet>
    }
}

/// What was answered, else the only one that fits.
fn chosen_at_first(context: &StepContext, choices: &[Choice]) -> Vec<String> {
    if let Some(id) = context.draft.credential_id {
        return vec![id.to_string()];
    }
    let mut open = choices
        .iter()
        .filter(|choice| choice.blocked_because.is_none());
    match (open.next(), open.next()) {
        (Some(only), None) => vec![only.value.clone()],
        _ => Vec::new(),
    }
}

/// Those that fit first; others with the reason why not. What is archived is not offered, and the
/// key of another endpoint is nobody else's.
fn choices_for(cluster: &Cluster, credentials: &[Credential]) -> Vec<Choice> {
    let base_url = cluster.kind.base_url();
    let offered = credentials.iter().filter(|credential| {
        credential.archived_at.is_none()
            && credential.kind == CredentialKind::ProviderKey
            && credential
                .endpoint_id
                .is_none_or(|owner| owner == cluster.id)
    });
    let mut choices: Vec<Choice> = offered
        .map(|credential| choice_of(credential, base_url))
        .collect();
    choices.sort_by_key(|choice| choice.blocked_because.is_some());
    choices
}

fn choice_of(credential: &Credential, base_url: Option<&str>) -> Choice {
    let place = format!("For {}", credential.origin_in_words());
    let mut choice =
        Choice::new(credential.id.to_string(), credential.name.clone()).with_detail(place);
    if !credential.description.is_empty() {
        choice = choice.with_detail(credential.description.clone());
    }
    if let Some(CredentialTest { outcome, .. }) = &credential.last_test {
        choice = choice.with_badge(outcome_tone(*outcome), outcome.label());
    }
    match credential.refusal(base_url.unwrap_or(&credential.base_url)) {
        Some(reason) => choice.blocked(reason),
        None => choice,
    }
}
