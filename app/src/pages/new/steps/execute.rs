//! Step 8: run it.

use domain::workflow::{Step, build_plan};
use leptos::prelude::*;
use ui::button::{Button, ButtonKind, LinkButton};
use ui::card::Card;

use super::confirm::missing_answers;
use crate::api::workflows::ExecuteWorkflow;
use crate::pages::new::step_form::{StepContext, refusal_banner};

/// The step.
#[component]
pub fn ExecuteStep(
    /// What it is shown with.
    context: StepContext,
) -> impl IntoView {
    let action = ServerAction::<ExecuteWorkflow>::new();
    let plan = match build_plan(&context.draft, &context.catalogue) {
        Ok(plan) if context.draft.is_confirmed => plan,
        Ok(_) => return missing_answers(&context, &unconfirmed()),
        Err(errors) => return missing_answers(&context, &errors),
    };
    let answer = action.value();
    let refusal = move || {
        answer.with(|answer| {
            answer
                .as_ref()
                .and_then(|result| result.as_ref().err().cloned())
        })
    };
    let reload = context.href(Step::Execute);
    let back = context.href(Step::Confirm);
    let nodes: Vec<String> = plan
        .cluster
        .nodes
        .iter()
        .map(|node| node.name.clone())
        .collect();
    let place = format!("on {} ({})", plan.cluster.name, nodes.join(", "));
    let what = format!(
        "{} with {}, {place}: {}.",
        plan.deployment.in_words(),
        plan.model.name,
        plan.workload.in_words()
    );
    let runs = context.draft.basic.as_ref().map_or(1, |basic| basic.reruns);
    let takes = if runs > 1 {
        let engine = match (plan.keep_engine, plan.deployment.started()) {
            (_, None) => "",
            (true, _) => " The first starts the engine, the others take it over, warm.",
            (false, _) => " Each starts a fresh engine.",
        };
        format!(
            "{runs} runs, one after another.{engine} Each takes {}.",
            plan.duration_in_words()
        )
    } else {
        format!("It takes {}.", plan.duration_in_words())
    };
    let wait = "If a chosen node is in use, the run waits for its turn. You can watch it live, leave the page, and cancel at any time.";
    view! {
        {move || refusal().map(|error| refusal_banner(&error, reload.clone()))}
        <Card title=plan.name.clone()>
            <p>{what}</p>
            <p>{takes}</p>
            <p class="muted">{wait}</p>
        </Card>
        <ActionForm action attr:class="form">
            <input type="hidden" name="id" value=context.id.to_string() />
            <input type="hidden" name="revision" value=context.revision.to_string() />
            <div class="actions spread wizard-actions">
                <LinkButton href=back>"Back"</LinkButton>
                <Button kind=ButtonKind::Primary busy=action.pending()>"Run benchmark"</Button>
            </div>
        </ActionForm>
    }
    .into_any()
}

fn unconfirmed() -> domain::field::FieldErrors {
    domain::field::FieldErrors::one("confirmed", "Confirm the plan in step 7.")
}
