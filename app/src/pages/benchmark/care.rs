//! What a benchmark is for, and putting it aside or away.

use domain::id::BenchmarkId;
use domain::reruns::Purpose;
use leptos::form::ActionForm;
use leptos::prelude::*;
use ui::button::{Button, ButtonKind};
use ui::dialog::Dialog;
use ui::field::{SelectField, SelectOption};

use crate::api::benchmarks::{DeleteBenchmark, SetArchived, SetPurpose};
use crate::pages::parts::messages;

/// Opens in place, without script too.
#[component]
pub fn PurposeEditor(
    /// Whose purpose.
    id: BenchmarkId,
    /// The purpose as it is.
    purpose: Signal<Purpose>,
    /// Saves it.
    action: ServerAction<SetPurpose>,
) -> impl IntoView {
    let errors = messages(action, RwSignal::new(domain::field::FieldErrors::default()));
    let value = purpose.get_untracked().as_str().to_owned();
    let options = Purpose::ALL.map(|purpose| {
        let label = match purpose {
            Purpose::Exploratory => "Exploratory: to find something out",
            Purpose::Gating => "Gating: decides what goes to production",
        };
        SelectOption::new(purpose.as_str(), label)
    });
    view! {
        <details class="tag-editor">
            <summary>"Change purpose"</summary>
            <ActionForm action attr:class="tag-form">
                <input type="hidden" name="id" value=id.to_string() />
                <SelectField name="purpose" label="Purpose" options=options.into() value errors />
                <Button is_small=true busy=action.pending()>"Save purpose"</Button>
            </ActionForm>
        </details>
    }
    .into_any()
}

/// Takes a benchmark out of the history, or back into it.
#[component]
pub fn ArchiveButton(
    /// Which benchmark.
    id: BenchmarkId,
    /// Whether it is archived now.
    is_archived: Signal<bool>,
    /// Does it.
    action: ServerAction<SetArchived>,
) -> impl IntoView {
    view! {
        <ActionForm action>
            <input type="hidden" name="id" value=id.to_string() />
            <input type="hidden" name="is_archived" value=move || (!is_archived.get()).to_string() />
            <Button busy=action.pending()>
                {move || if is_archived.get() { "Take out of the archive" } else { "Archive" }}
            </Button>
        </ActionForm>
    }
    .into_any()
}

/// Deletes, after a question.
#[component]
pub fn DeleteButton(
    /// Which benchmark.
    id: BenchmarkId,
    /// Deletes it.
    action: ServerAction<DeleteBenchmark>,
) -> impl IntoView {
    let is_asking = RwSignal::new(false);
    let ask = Callback::new(move |()| is_asking.set(true));
    let keep = Callback::new(move |()| is_asking.set(false));
    let answer = action.value();
    // A refusal stands on the page, not behind the question.
    Effect::new(move |_| {
        if answer.with(|answer| matches!(answer, Some(Err(_)))) {
            is_asking.set(false);
        }
    });
    view! {
        <span class="needs-script">
            <Button on_press=ask>"Delete…"</Button>
        </span>
        <Dialog open=is_asking id="delete-benchmark" title="Delete this benchmark?">
            <p>"Its plan, log, result and raw records are removed and cannot be brought back. To keep them out of sight instead, archive it."</p>
            <ActionForm action attr:class="actions end">
                <input type="hidden" name="id" value=id.to_string() />
                <Button on_press=keep>"Keep it"</Button>
                <Button kind=ButtonKind::Danger busy=action.pending()>"Delete the benchmark"</Button>
            </ActionForm>
        </Dialog>
    }
    .into_any()
}
