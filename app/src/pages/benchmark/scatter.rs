//! Two fields of the requests against each other, chosen in the URL.

use domain::finite::Finite;
use domain::id::BenchmarkId;
use domain::measure::record::RequestField;
use domain::requests::{ScatterData, ScatterPoint};
use domain::workload::{LengthSpec, Prompts, WorkloadSpec};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use ui::chart::{AxisName, ChartData, ChartPanel, Hue, ScatterChart};
use ui::format;

use super::url::ResultUrl;

/// The fields to show: those of the URL, else the pair that tells most about this workload.
pub fn fields(url: &ResultUrl, workload: &WorkloadSpec) -> (RequestField, RequestField) {
    let has_one_length = workload.prompts == Prompts::Synthetic
        && matches!(workload.input, LengthSpec::Fixed { .. });
    let x = if has_one_length {
        RequestField::SentAt
    } else {
        RequestField::PromptLen
    };
    (url.x.unwrap_or(x), url.y.unwrap_or(RequestField::Ttft))
}

/// The selects above the scatter. A form that works without script; with it, a choice is enough.
#[component]
pub fn ScatterFields(
    /// Whose requests.
    id: BenchmarkId,
    /// The page as it stands.
    url: ResultUrl,
    /// Shown to the right.
    x: RequestField,
    /// Shown upwards.
    y: RequestField,
) -> impl IntoView {
    let navigate = use_navigate();
    let kept = hidden_pairs(&url, &["x", "y"]);
    let go = move |x: RequestField, y: RequestField| {
        let target = ResultUrl {
            x: Some(x),
            y: Some(y),
            ..url.clone()
        };
        let options = NavigateOptions {
            scroll: false,
            replace: true,
            ..NavigateOptions::default()
        };
        navigate(&target.href(id), options);
    };
    let go_y = go.clone();
    let parse = |event: &leptos::ev::Event| RequestField::parse(&event_target_value(event));
    view! {
        <form class="scatter-fields" method="get" action=crate::routes::benchmark(id)>
            {kept}
            <label>
                "Across "
                <select class="control" name="x" on:change=move |event| {
                    if let Some(x) = parse(&event) {
                        go(x, y);
                    }
                }>{options(x)}</select>
            </label>
            <label>
                "Up "
                <select class="control" name="y" on:change=move |event| {
                    if let Some(y) = parse(&event) {
                        go_y(x, y);
                    }
                }>{options(y)}</select>
            </label>
            <button class="button small without-script" type="submit">"Show"</button>
        </form>
    }
}

/// The state of the page that a form does not ask for (`asked`), for when it is sent without script.
pub fn hidden_pairs(url: &ResultUrl, asked: &[&str]) -> impl IntoView + use<> {
    let kept = url.pairs().into_iter();
    let kept = kept.filter(|(name, _)| !asked.contains(name));
    kept.map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
        .collect_view()
}

fn options(chosen: RequestField) -> impl IntoView {
    RequestField::ALL
        .into_iter()
        .map(|field| {
            let is_chosen = field == chosen;
            view! { <option value=field.as_str() selected=is_chosen>{field.label()}</option> }
        })
        .collect_view()
}

/// The scatter.
#[component]
pub fn ScatterPanel(
    /// Its points.
    data: ScatterData,
) -> impl IntoView {
    let title = format!("{} against {}", data.y.label(), data.x.label());
    let single = u64::from(data.total_count);
    let mut note = format::plural(single, "request", "requests");
    let is_binned = !data.cells.is_empty();
    if is_binned {
        note.push_str(" · the dense part in cells, the tails one by one");
    }
    let chart = ChartData::Scatter(chart(&data));
    let finding = is_binned.then(|| {
        format!(
            "{} {} of {} requests lie in the dense part and are drawn as one dot for each cell.",
            chart.finding(),
            format::count(data.cells.iter().map(|cell| u64::from(cell.count)).sum()),
            format::count(single),
        )
    });
    let finding = finding.unwrap_or_else(|| chart.finding());
    view! {
        <ChartPanel title note=Signal::stored(note) data=Signal::stored(chart) finding is_tall=true />
    }
}

fn chart(data: &ScatterData) -> ScatterChart {
    let axis = |field: RequestField| AxisName::new(field.label(), field.unit());
    let at = |point: &ScatterPoint| -> (Finite, Finite) { (point.x, point.y) };
    ScatterChart {
        x: axis(data.x),
        y: axis(data.y),
        points: data.points.iter().chain(&data.cells).map(at).collect(),
        hue: hue(data.y),
    }
}

/// A metric has its colour wherever it is shown.
fn hue(field: RequestField) -> Hue {
    match field {
        RequestField::Ttft | RequestField::ReqOutputThroughput => Hue::TTFT,
        RequestField::Tpot => Hue::TPOT,
        RequestField::Itl => Hue::ITL,
        RequestField::Latency => Hue::E2E,
        RequestField::PromptLen
        | RequestField::OutputLen
        | RequestField::SentAt
        | RequestField::QueueDelay => Hue::Grey,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn equal_prompts_are_shown_over_time() {
        let url = ResultUrl::default();
        let workload = fixture::workload();
        assert_eq!(
            fields(&url, &workload),
            (RequestField::SentAt, RequestField::Ttft)
        );
        let varied = WorkloadSpec {
            input: LengthSpec::Uniform { min: 10, max: 900 },
            ..workload
        };
        assert_eq!(fields(&url, &varied).0, RequestField::PromptLen);
        let chosen = ResultUrl {
            x: Some(RequestField::QueueDelay),
            ..url
        };
        assert_eq!(fields(&chosen, &varied).0, RequestField::QueueDelay);
    }
}
