//! The form around every step: checked in the browser by the code the server uses, saved by the
//! server, and usable without script.

use domain::field::FieldErrors;
use domain::id::WorkflowId;
use domain::workflow::{Catalogue, Draft, Step, StepForm, Workflow};
use leptos::form::FromFormData;
use leptos::prelude::*;
use leptos::server_fn::client::Client;
use leptos::server_fn::codec::PostUrl;
use leptos::server_fn::request::ClientReq;
use leptos::server_fn::{Http, ServerFn};
use serde::de::DeserializeOwned;
use ui::banner::Banner;
use ui::button::{Button, ButtonKind, LinkButton};
use ui::field::FormErrors;
use ui::tone::Tone;

use crate::api::ApiError;
use crate::routes;

/// What every step is shown with.
#[derive(Clone)]
pub struct StepContext {
    /// The workflow.
    pub id: WorkflowId,
    /// The revision on the page: a save of an older one is refused.
    pub revision: i64,
    /// What was answered so far.
    pub draft: Draft,
    /// What can be chosen from.
    pub catalogue: Catalogue,
}

impl StepContext {
    /// The context of a saved workflow.
    pub fn of(workflow: &Workflow, catalogue: Catalogue) -> Self {
        Self {
            id: workflow.id,
            revision: workflow.revision,
            draft: workflow.draft.clone(),
            catalogue,
        }
    }

    /// The address of another step.
    pub fn href(&self, step: Step) -> String {
        routes::wizard(self.id, step)
    }
}

/// The form of a step. `read` turns what the form sends into the domain's form, so that the browser
/// checks exactly what the server will; `fields` shows the controls with the messages at them.
pub fn step_form<F, O>(
    context: &StepContext,
    step: Step,
    submit_label: &'static str,
    action: ServerAction<F>,
    read: fn(&F) -> StepForm,
    fields: impl FnOnce(Signal<FieldErrors>) -> AnyView,
) -> AnyView
where
    F: ServerFn<Error = ApiError, Protocol = Http<PostUrl, O>>
        + DeserializeOwned
        + Clone
        + Send
        + Sync
        + 'static,
    F::Output: Send + Sync + 'static,
    F::Client: Client<ApiError>,
    <<F::Client as Client<ApiError>>::Request as ClientReq<ApiError>>::FormData:
        From<web_sys::FormData>,
{
    let found_here = RwSignal::new(FieldErrors::default());
    let answer = action.value();
    let refusal =
        Signal::derive(move || answer.with(|answer| answer.as_ref()?.as_ref().err().cloned()));
    let errors = Signal::derive(move || {
        let found_here = found_here.get();
        if found_here.is_empty() {
            refusal.with(|error| {
                error
                    .as_ref()
                    .map(ApiError::field_errors)
                    .unwrap_or_default()
            })
        } else {
            found_here
        }
    });
    let (draft, catalogue) = (context.draft.clone(), context.catalogue.clone());
    let check = move |event: web_sys::SubmitEvent| {
        // What cannot be read here is left to the server to refuse.
        let found = F::from_event(&event)
            .ok()
            .and_then(|sent| draft.answer(&read(&sent), &catalogue).err())
            .unwrap_or_default();
        if !found.is_empty() {
            event.prevent_default();
        }
        found_here.set(found);
    };
    let back = context
        .draft
        .step_before(step, &context.catalogue)
        .map(|step| context.href(step));
    let reload = context.href(step);
    let pending = action.pending();
    let fields = fields(errors);
    let (id, revision) = (context.id.to_string(), context.revision.to_string());
    view! {
        {move || refusal.get().filter(|error| !error.is_invalid()).map(|error| refusal_banner(&error, reload.clone()))}
        <FormErrors errors />
        <ActionForm action attr:class="form wizard-form" attr:novalidate="true" on:submit:capture=check>
            <input type="hidden" name="id" value=id />
            <input type="hidden" name="revision" value=revision />
            {fields}
            <div class="actions spread wizard-actions">
                <span>
                    {back.map(|href| view! { <LinkButton href>"Back"</LinkButton> })}
                </span>
                <Button kind=ButtonKind::Primary busy=pending>{submit_label}</Button>
            </div>
        </ActionForm>
    }
    .into_any()
}

/// The messages at `field`, under the name that its check boxes carry: brackets make a list of them in
/// form encoding.
pub fn at_brackets(errors: &FieldErrors, field: &str) -> FieldErrors {
    let mut renamed = errors.clone();
    for error in &mut renamed.0 {
        if error.field == field {
            error.field.push_str("[]");
        }
    }
    renamed
}

/// What stands in the way, and the link that helps.
pub fn refusal_banner(error: &ApiError, reload_href: String) -> AnyView {
    let title = match error {
        ApiError::Conflict { .. } => "This step was not saved",
        ApiError::SignedOut => "You are signed out",
        _ => "That did not work",
    };
    let text = error.to_string();
    view! {
        <Banner
            tone=Tone::Bad
            title
            actions=move || view! { <LinkButton href=reload_href is_external=true>"Reload this step"</LinkButton> }
        >
            " " {text}
        </Banner>
    }
    .into_any()
}
