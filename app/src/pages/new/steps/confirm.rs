//! Step 7: the complete plan in plain words.

use domain::field::FieldErrors;
use domain::plan::RunPlan;
use domain::workflow::form::ConfirmForm;
use domain::workflow::{Step, StepForm, build_plan};
use leptos::prelude::*;
use ui::banner::Banner;
use ui::button::LinkButton;
use ui::field::Checkbox;
use ui::tone::Tone;

use crate::api::workflows::ConfirmPlan;
use crate::pages::new::step_form::{StepContext, step_form};
use crate::pages::plan_facts::PlanFacts;
use crate::pages::wording::capitalised;

/// The step.
#[component]
pub fn ConfirmStep(
    /// What it is shown with.
    context: StepContext,
) -> impl IntoView {
    let action = ServerAction::<ConfirmPlan>::new();
    let plan = match build_plan(&context.draft, &context.catalogue) {
        Ok(plan) => plan,
        Err(errors) => return missing_answers(&context, &errors),
    };
    let is_confirmed = context.draft.is_confirmed;
    let read = |sent: &ConfirmPlan| {
        StepForm::Confirm(ConfirmForm {
            confirmed: sent.confirmed.clone(),
        })
    };
    let form = step_form(
        &context,
        Step::Confirm,
        "Continue",
        action,
        read,
        move |errors| {
            view! {
            <Checkbox name="confirmed" value="on" label="This is the plan I want to run" is_checked=is_confirmed errors />
        }
        .into_any()
        },
    );
    view! {
        <PlanReview plan />
        {form}
    }
    .into_any()
}

/// The plan: what will take place, how long it takes, what to know before.
#[component]
pub fn PlanReview(
    /// The plan.
    plan: RunPlan,
) -> impl IntoView {
    let warnings = plan.warnings();
    let warnings = (!warnings.is_empty()).then(|| {
        let items = warnings
            .into_iter()
            .map(|warning| view! { <li>{warning.message}</li> });
        let items = items.collect_view();
        view! {
            <Banner tone=Tone::Unsure title="Before you run it">
                <ul class="warnings">{items}</ul>
            </Banner>
        }
    });
    let takes = format!("Takes {}.", plan.duration_in_words());
    view! {
        <div class="stack">
            <div>
                <h2>{capitalised(&plan.workload.in_words())}</h2>
                <p class="muted">{takes}</p>
            </div>
            {warnings}
            <PlanFacts plan />
        </div>
    }
}

/// Something the plan needs is missing or gone.
pub fn missing_answers(context: &StepContext, errors: &FieldErrors) -> AnyView {
    let step = context.draft.first_open_step(&context.catalogue);
    let text = errors.0.first().map(|error| error.message.clone());
    let href = context.href(step);
    let label = format!("Go to step {}", step.number());
    view! {
        <Banner
            tone=Tone::Unsure
            title="The plan is not complete yet."
            actions=move || view! { <LinkButton href>{label}</LinkButton> }
        >
            " " {text}
        </Banner>
    }
    .into_any()
}
