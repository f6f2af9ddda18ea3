//! A chart with everything around it.

use leptos::html;
use leptos::prelude::*;

use super::draw::draw_into;
use super::hue::Hue;
use super::twin::TwinTable;
use super::{BucketSeries, CdfSeries, ChartData, LineSeries};

/// A colour and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegendEntry {
    /// What it stands for.
    pub name: String,
    /// The colour.
    pub hue: Hue,
}

impl LegendEntry {
    pub(super) fn of_cdf(series: &CdfSeries) -> Self {
        Self {
            name: series.name.clone(),
            hue: series.hue,
        }
    }

    pub(super) fn of_bucket(series: &BucketSeries) -> Self {
        Self {
            name: series.name.clone(),
            hue: series.hue,
        }
    }

    pub(super) fn of_line(series: &LineSeries) -> Self {
        Self {
            name: series.name.clone(),
            hue: series.hue,
        }
    }
}

/// One chart: title at the left, unit and count or legend at the right, the drawing, what it
/// shows in a sentence, and the data as a table. Without script all but the drawing is there.
#[component]
pub fn ChartPanel(
    /// Its title.
    #[prop(into)]
    title: String,
    /// Unit and count: "ms · 1,920 requests".
    #[prop(into, optional)]
    note: Signal<String>,
    /// What is drawn. May change: a live chart is redrawn.
    #[prop(into)]
    data: Signal<ChartData>,
    /// The finding, where the page knows a better one than the chart itself.
    #[prop(into, optional)]
    finding: Option<String>,
    /// For a chart that stands alone.
    #[prop(optional)]
    is_tall: bool,
) -> impl IntoView {
    let node = NodeRef::<html::Div>::new();
    let was_refused = draw_into(node, data);
    let sentence = Signal::derive(move || {
        finding
            .clone()
            .unwrap_or_else(|| data.with(ChartData::finding))
    });
    let described_as = {
        let title = title.clone();
        move || format!("{title}. {}", sentence.get())
    };
    let size = if is_tall {
        "chart-box tall"
    } else {
        "chart-box"
    };
    let twin = {
        let label = format!("{title}, data");
        move || {
            data.with(|data| (!data.is_empty()).then(|| data.twin()))
                .map(|twin| view! { <TwinTable label=label.clone() twin /> })
        }
    };
    let note_view = move || {
        let note = note.get();
        (!note.is_empty()).then(|| view! { <span class="chart-note">{note}</span> })
    };
    view! {
        <figure class="chart-panel">
            <figcaption class="chart-head">
                <h3>{title}</h3>
                <Legend data />
                {note_view}
            </figcaption>
            <div class=size role="img" aria-label=described_as node_ref=node></div>
            {move || {
                was_refused.get().then(|| view! { <p class="note">"The drawing could not be made. The data is in the table."</p> })
            }}
            <p class="chart-finding">{move || sentence.get()}</p>
            <details class="chart-twin">
                <summary>"Data as a table"</summary>
                {twin}
            </details>
        </figure>
    }
    .into_any()
}

#[component]
fn Legend(data: Signal<ChartData>) -> impl IntoView {
    move || {
        let entries = data.with(ChartData::legend);
        (!entries.is_empty()).then(|| {
            let items = entries.into_iter().map(|entry| {
                view! {
                    <li>
                        <svg viewBox="0 0 14 4" class=format!("hue-{}", entry.hue.name()) aria-hidden="true">
                            <rect width="14" height="3" y="0.5" rx="1" stroke="none" />
                        </svg>
                        {entry.name}
                    </li>
                }
            });
            view! { <ul class="chart-legend">{items.collect_view()}</ul> }
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::measure::summary::MetricSummary;

    use super::super::HistogramChart;
    use super::*;

    #[test]
    fn a_panel_reads_without_script() {
        let html = Owner::new().with(|| {
            let metric = MetricSummary::of((0..50).map(f64::from).collect()).unwrap();
            let chart = HistogramChart::of_metric(&metric, "ms", "requests", Hue::TTFT);
            let data = Signal::stored(ChartData::Histogram(chart));
            view! { <ChartPanel title="Time to first token" data /> }.to_html()
        });
        assert!(
            html.contains("<details") && html.contains("<tbody>"),
            "{html}"
        );
        assert!(
            html.contains("Half of the requests took at most 24.5 ms"),
            "{html}"
        );
        assert!(html.contains(r#"role="img""#), "{html}");
        assert!(
            !html.contains("style="),
            "the content security policy refuses inline styles"
        );
    }
}
