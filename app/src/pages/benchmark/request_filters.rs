//! What the request table is narrowed by: a plain form whose answers stand in the URL.

use domain::bounds::Bounds;
use domain::id::BenchmarkId;
use domain::measure::record::{Outcome, RequestField, RequestPhase};
use domain::requests::{RANGE_FIELDS, RequestQuery};
use leptos::prelude::*;
use ui::badge::FilterChip;
use ui::button::{Button, LinkButton};
use ui::field::{InputKind, SelectField, SelectOption, TextField};
use ui::format;

use super::scatter::hidden_pairs;
use super::url::{ResultUrl, range_names};

/// The filters in force, the menu to set them, and the shortest way to the failed requests. Works
/// without script.
#[component]
pub fn RequestFilters(
    /// Whose requests.
    id: BenchmarkId,
    /// The page as it stands.
    url: ResultUrl,
    /// How many requests of the measured window failed.
    failed_count: u32,
) -> impl IntoView {
    let query = url.requests.clone();
    let changed = |change: &dyn Fn(&mut RequestQuery)| {
        url.with_requests(|query| {
            change(query);
            query.page = 1;
        })
        .href(id)
    };
    let failed = (!query.is_filtered() && failed_count > 0).then(|| {
        let href = changed(&|query| query.success = Some(false));
        let label = format!(
            "Only the {} that failed",
            format::count(failed_count.into())
        );
        view! { <a class="button small" href=href data-noscroll="true">{label}</a> }
    });
    let chips = chips(&query).into_iter().map(|(name, value, lift)| {
        view! { <FilterChip name value remove_href=changed(&*lift) /> }
    });
    let chips = chips.collect_view();
    let clear = changed(&|query| {
        *query = RequestQuery {
            sort: query.sort,
            is_descending: query.is_descending,
            ..RequestQuery::default()
        };
    });
    let asked = [
        "failed",
        "answered",
        "outcome",
        "phase",
        "ttft_min",
        "ttft_max",
        "latency_min",
        "latency_max",
        "prompt_len_min",
        "prompt_len_max",
        "output_len_min",
        "output_len_max",
        "page",
    ];
    let kept = hidden_pairs(&url, &asked);
    view! {
        <div class="toolbar">
            <details class="filter-menu">
                <summary class="button small">"Filters"</summary>
                <form class="filter-sheet" method="get" action=crate::routes::benchmark(id)>
                    {kept}
                    <div class="form-row">
                        {outcome_choice(&query)}
                        {phase_choice(&query)}
                    </div>
                    {RANGE_FIELDS.map(|field| range(field, query.range(field))).collect_view()}
                    <div class="actions end">
                        <LinkButton href=clear>"Clear"</LinkButton>
                        <Button>"Apply"</Button>
                    </div>
                </form>
            </details>
            {failed}
            {chips}
        </div>
    }
}

fn outcome_choice(query: &RequestQuery) -> impl IntoView + use<> {
    let value = query.outcome.map_or("", Outcome::as_str).to_owned();
    let outcomes = Outcome::ALL
        .into_iter()
        .map(|outcome| SelectOption::new(outcome.as_str(), outcome.in_words()));
    let options = std::iter::once(SelectOption::new("", "Any outcome"))
        .chain(outcomes)
        .collect();
    view! { <SelectField name="outcome" label="Outcome" options value /> }
}

fn phase_in_words(phase: RequestPhase) -> &'static str {
    match phase {
        RequestPhase::WarmUp => "warm-up",
        RequestPhase::Measured => "measured window",
        RequestPhase::Drained => "drain",
    }
}

fn phase_choice(query: &RequestQuery) -> impl IntoView + use<> {
    let value = query.phase.map_or("", RequestPhase::as_str).to_owned();
    let phases = [
        RequestPhase::WarmUp,
        RequestPhase::Measured,
        RequestPhase::Drained,
    ];
    let phases = phases.map(|phase| SelectOption::new(phase.as_str(), phase_in_words(phase)));
    let options = std::iter::once(SelectOption::new("", "The whole run"))
        .chain(phases)
        .collect();
    view! { <SelectField name="phase" label="Part of the run" options value /> }
}

fn range(field: RequestField, bounds: Bounds) -> impl IntoView + use<> {
    let [min, max] = range_names(field);
    let text =
        |end: Option<domain::finite::Finite>| end.map(|end| end.to_string()).unwrap_or_default();
    let (from, to) = (
        format!("{} from", field.label()),
        format!("{} to", field.label()),
    );
    view! {
        <div class="form-row">
            <TextField name=min label=from kind=InputKind::Number step="any" value=text(bounds.min) unit=field.unit() />
            <TextField name=max label=to kind=InputKind::Number step="any" value=text(bounds.max) unit=field.unit() />
        </div>
    }
}

/// What lifts a filter.
type Lift = Box<dyn Fn(&mut RequestQuery)>;

/// The filters in force by name and value, each with what lifts it.
fn chips(query: &RequestQuery) -> Vec<(String, String, Lift)> {
    let mut chips: Vec<(String, String, Lift)> = Vec::new();
    if let Some(success) = query.success {
        let value = if success { "answered" } else { "failed" };
        let lift: Lift = Box::new(|query| query.success = None);
        chips.push(("outcome".to_owned(), value.to_owned(), lift));
    }
    if let Some(outcome) = query.outcome {
        let value = outcome.as_str().replace('_', " ");
        let lift: Lift = Box::new(|query| query.outcome = None);
        chips.push(("outcome".to_owned(), value, lift));
    }
    if let Some(phase) = query.phase {
        let lift: Lift = Box::new(|query| query.phase = None);
        chips.push(("part".to_owned(), phase_in_words(phase).to_owned(), lift));
    }
    for field in RANGE_FIELDS {
        if let Some(value) = query.range(field).in_words(field.unit()) {
            let lift: Lift = Box::new(move |query| query.set_range(field, Bounds::default()));
            chips.push((field.label().to_owned(), value, lift));
        }
    }
    chips
}
