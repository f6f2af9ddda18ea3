//! What is known of a cluster, in words.

use domain::catalogue::{Accelerator, Cluster, ClusterKind, Inventory, Node};
use leptos::prelude::*;
use ui::badge::Badge;
use ui::format;
use ui::tone::Tone;

/// Whether the cluster answered when it was last asked.
#[component]
pub fn Reachability(
    /// The cluster.
    cluster: Cluster,
) -> impl IntoView {
    if cluster.nodes.iter().any(|node| node.held_by.is_some()) {
        return view! { <Badge tone=Tone::Running label="In use" /> };
    }
    match cluster.last_check {
        Some(check) if check.is_reachable => {
            view! { <Badge tone=Tone::Good label="Reachable" title=check.message /> }
        }
        Some(check) => {
            view! { <Badge tone=Tone::Bad label="Does not answer" title=check.message /> }
        }
        // The server itself runs there.
        None if cluster.kind == ClusterKind::ThisMachine => {
            view! { <Badge tone=Tone::Good label="Ready" /> }
        }
        None => view! { <Badge tone=Tone::Neutral label="Not checked yet" /> },
    }
}

/// A node in one line: what it has, or what it serves.
pub fn node_in_words(node: &Node, cluster: &Cluster) -> String {
    if let Some(inventory) = &node.inventory {
        return hardware_in_words(inventory);
    }
    match cluster
        .last_check
        .as_ref()
        .map(|check| check.served_models.as_slice())
    {
        Some([]) | None => node.name.clone(),
        Some([one]) => one.clone(),
        Some([one, rest @ ..]) => format!("{one} and {} more", rest.len()),
    }
}

/// Accelerators, processor and memory in one line.
pub fn hardware_in_words(inventory: &Inventory) -> String {
    let cpu = format!(
        "{} · {} · {}",
        inventory.cpu_model,
        format::plural(u64::from(inventory.cpu_core_count), "core", "cores"),
        format::bytes(inventory.memory_bytes)
    );
    match inventory.accelerators.first() {
        Some(first) => format!("{} × {} · {cpu}", inventory.accelerators.len(), first.name),
        None => cpu,
    }
}

/// An accelerator with its memory and driver.
pub fn accelerator_in_words(accelerator: &Accelerator) -> String {
    let mut text = format!(
        "{} · {}",
        accelerator.name,
        format::bytes(accelerator.memory_bytes)
    );
    if !accelerator.driver.is_empty() {
        text.push_str(" · driver ");
        text.push_str(&accelerator.driver);
    }
    text
}
