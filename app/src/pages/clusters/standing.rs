//! How a node stands: whether it is reachable, what runs there now, what is free, what is left to clean up.

use domain::catalogue::{Cluster, Node, NodeReach, NodeWork, NodesDetail, PendingCleanup};
use leptos::prelude::*;
use ui::badge::Badge;
use ui::format;
use ui::key_value::Fact;
use ui::tone::Tone;

use crate::routes;

/// Whether a node is reachable, and whether a run holds it.
pub fn node_badges(cluster: &Cluster, node: &Node) -> impl IntoView + use<> {
    let (tone, label) = match cluster.reach_of(node) {
        NodeReach::NotChecked => (Tone::Neutral, "Not checked yet"),
        NodeReach::Reachable => (Tone::Good, "Reachable"),
        NodeReach::HostKeyWaits => (Tone::Unsure, "Host key waits"),
        NodeReach::OtherHostKey => (Tone::Bad, "Another host key"),
        NodeReach::NotReachable => (Tone::Bad, "Not reachable"),
    };
    let in_use = node
        .held_by
        .map(|_| view! { " " <Badge tone=Tone::Running label="In use" /> });
    view! { <div><Badge tone label />{in_use}</div> }
}

/// The last check with what it said, what runs on the node now, what is free, what is to be cleaned up.
pub fn standing_facts(
    cluster: &Cluster,
    node: &Node,
    detail: &NodesDetail,
) -> impl IntoView + use<> {
    let look = cluster.last_look_at(node);
    let last_check = look.map_or_else(
        || "never".to_owned(),
        |look| match cluster.reach_of(node) {
            NodeReach::Reachable => {
                format!("{} · {}", look.checked_at.to_second_text(), look.message)
            }
            // A banner tells why.
            _ => look.checked_at.to_second_text(),
        },
    );
    let round_trip = look
        .and_then(|look| look.round_trip_us)
        .map(|us| view! { <Fact name="Round trip">{round_trip_in_words(us)}</Fact> });
    let work = work_in_words(detail.work_on(node.id));
    let free =
        free_in_words(node).map(|words| view! { <Fact name="Free accelerators">{words}</Fact> });
    let pending: Vec<_> = detail.pending_on(node.id).map(pending_in_words).collect();
    let pending = (!pending.is_empty()).then(|| {
        view! { <Fact name="Clean-up pending">{pending.collect_view()}</Fact> }
    });
    view! {
        <Fact name="Last check">{last_check}</Fact>
        {round_trip}
        <Fact name="Runs there now">{work}</Fact>
        {free}
        {pending}
    }
}

/// The run that holds a node, its stage, and since when.
pub fn work_in_words(work: Option<&NodeWork>) -> AnyView {
    let Some(work) = work else {
        return "no run".into_any();
    };
    let stage = match (work.stage, work.stage_since) {
        (Some(stage), Some(since)) => {
            format!(" · {} since {}", stage.label(), since.to_second_text())
        }
        (Some(stage), None) => format!(" · {}", stage.label()),
        (None, _) => String::new(),
    };
    let since = work
        .since
        .map(|since| format!("The run began {}.", since.to_second_text()));
    let since = since.map(|text| view! { <span class="line">{text}</span> });
    view! {
        <span class="line">
            <a href=routes::benchmark(work.benchmark_id)>{work.benchmark_name.clone()}</a>
            {stage}
        </span>
        {since}
    }
    .into_any()
}

/// `2 of 2`; nothing for a node that has none.
fn free_in_words(node: &Node) -> Option<String> {
    let count = node.inventory.as_ref()?.accelerators.len();
    let free = node.free_accelerator_count()?;
    (count > 0).then(|| match free {
        0 => format!("none of {count}: a run holds whole nodes"),
        _ => format!("{free} of {count}"),
    })
}

/// `0.42 ms`.
fn round_trip_in_words(microseconds: u64) -> String {
    format!("{} ms", format::fixed(microseconds as f64 / 1e3, 2))
}

fn pending_in_words(pending: &PendingCleanup) -> impl IntoView + use<> {
    let since = format!(
        " since {}, last tried {}: {}",
        pending.since.to_minute_text(),
        pending.last_try_at.to_minute_text(),
        pending.reason
    );
    view! {
        <span class="line">
            <a href=routes::benchmark(pending.benchmark_id)>"a benchmark"</a>
            {since}
        </span>
    }
}
