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

/// The processor with its instruction set and sockets, as far as they are known.
pub fn processor_in_words(inventory: &Inventory) -> String {
    let mut parts = vec![inventory.cpu_model.clone()];
    if !inventory.architecture.is_empty() && inventory.architecture != inventory.cpu_model {
        parts.push(inventory.architecture.clone());
    }
    if inventory.socket_count > 0 {
        parts.push(format::plural(
            u64::from(inventory.socket_count),
            "socket",
            "sockets",
        ));
    }
    parts.join(" · ")
}

/// An accelerator with its memory, how much of it is in use, its driver, and its links to others.
pub fn accelerator_in_words(accelerator: &Accelerator) -> String {
    let mut parts = vec![
        accelerator.name.clone(),
        format::bytes(accelerator.memory_bytes),
    ];
    if accelerator.used_bytes > 0 {
        parts.push(format!("{} in use", format::bytes(accelerator.used_bytes)));
    }
    if !accelerator.driver.is_empty() {
        parts.push(format!("driver {}", accelerator.driver));
    }
    let links = accelerator.links.iter();
    let links: Vec<String> = links.map(|(to, kind)| format!("{kind} to {to}")).collect();
    if !links.is_empty() {
        parts.push(links.join(", "));
    }
    parts.join(" · ")
}
