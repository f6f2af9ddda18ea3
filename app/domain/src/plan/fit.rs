//! Whether an engine fits the node it is to be started on: devices, memory, instruction set. What is not
//! known raises no warning.

use super::RunPlan;
use crate::catalogue::{Accelerator, Inventory};
use crate::engine::{ContainerAccelerators, ContainerChoice, EnginePreset};
use crate::plan::Deployment;
use crate::size::bytes_in_words;
use crate::workload::Prompts;

/// Share of a device's memory that vLLM takes unless it is told otherwise (`--gpu-memory-utilization`).
const VLLM_MEMORY_SHARE: f64 = 0.9;
/// Requests that Text Generation Inference takes at once unless it is told otherwise.
const TGI_REQUESTS: u64 = 128;
/// Requests that Ollama answers at once unless it is told otherwise.
const OLLAMA_PARALLEL: u64 = 1;
/// Tokens of Ollama's context on a small device, unless it is told otherwise.
const OLLAMA_CONTEXT: u64 = 4_096;
/// Memory that others may use on a device without a warning, in bytes: drivers keep some.
const USED_BYTES_MAX: u64 = 2 << 30;

/// What a person should know before the engine is started there.
pub(super) fn warnings(plan: &RunPlan) -> Vec<String> {
    let Some((preset, command)) = plan.deployment.started() else {
        return Vec::new();
    };
    let mut nodes = plan.cluster.nodes.iter();
    let Some((name, node)) =
        nodes.find_map(|node| Some((node.name.as_str(), node.inventory.as_ref()?)))
    else {
        return Vec::new();
    };
    // Docker alone does not tell them.
    let are_devices_known = !plan.is_docker_only();
    let container = match &plan.deployment {
        Deployment::Container { container, .. } => Some(container),
        Deployment::Process { .. } | Deployment::Endpoint { .. } => None,
    };
    let demand = Demand::of(preset, &command.words);
    let mut warnings = Vec::new();
    warnings.extend(
        container
            .into_iter()
            .flat_map(|container| beyond(container, node, name, are_devices_known)),
    );
    warnings.extend(instruction_set(preset, node, name));
    let (accelerators, memory_bytes) = given(container, node);
    let of = match container {
        Some(ContainerChoice {
            memory_bytes: Some(_),
            ..
        }) => "the container",
        _ => "the node",
    };
    match demand {
        Some(_) if !are_devices_known => {
            let sees_none =
                container.is_some_and(|it| it.accelerators == ContainerAccelerators::None);
            if sees_none {
                warnings.push(format!(
                    "The container sees no accelerator of {name}: give it some, or only a build of {} for CPUs starts in it.",
                    preset.label()
                ));
            }
        }
        Some(demand) if accelerators.is_empty() => {
            warnings.push(if node.accelerators.is_empty() {
                format!(
                    "No accelerator was found on {name}: only a build of {} for CPUs starts there.",
                    preset.label()
                )
            } else {
                format!(
                    "The container sees no accelerator of {name}: give it some, or only a build of {} for CPUs starts in it.",
                    preset.label()
                )
            });
            warnings.extend(memory(plan, &demand, memory_bytes, of));
        }
        Some(demand) => {
            let place = match container {
                Some(_) => "its container",
                None => name,
            };
            warnings.extend(devices(plan, &demand, &accelerators, name, place));
        }
        // They may spread a model over both, or hold it in either.
        None if matches!(preset, EnginePreset::LlamaCpp | EnginePreset::Ollama) => {
            let all = accelerators.iter().map(|one| one.memory_bytes);
            let all = all.fold(memory_bytes, u64::saturating_add);
            warnings.extend(memory(plan, &Demand::ONE, all, of));
        }
        None => {}
    }
    warnings
}

/// What engines do with more requests or longer prompts than they take unless they are told to: known from
/// the plan alone.
pub(super) fn limits(plan: &RunPlan) -> Vec<String> {
    let Some((preset, command)) = plan.deployment.started() else {
        return Vec::new();
    };
    let workload = &plan.workload;
    let at_once = workload
        .arrival
        .concurrency()
        .or(workload.arrival.in_flight_max());
    let variable = |name: &str| {
        let mut variables = command.environment.iter();
        let value = variables.find(|(other, _)| other == name);
        value.and_then(|(_, value)| value.parse::<u64>().ok())
    };
    let mut warnings = Vec::new();
    match preset {
        EnginePreset::Tgi => {
            let names = ["--max-concurrent-requests"];
            let most = option(&command.words, &names).and_then(|most| most.parse().ok());
            let most = most.unwrap_or(TGI_REQUESTS);
            if let Some(at_once) = at_once.filter(|at_once| u64::from(*at_once) > most) {
                warnings.push(format!(
                    "Text Generation Inference takes {most} requests at once and refuses the others, and the plan has {at_once}: raise --max-concurrent-requests."
                ));
            }
        }
        EnginePreset::Ollama => {
            let most = variable("OLLAMA_NUM_PARALLEL").unwrap_or(OLLAMA_PARALLEL);
            if let Some(at_once) = at_once.filter(|at_once| u64::from(*at_once) > most) {
                warnings.push(format!(
                    "Ollama answers {most} of the {at_once} requests at once and lets the others wait: set OLLAMA_NUM_PARALLEL, or read TTFT as waiting."
                ));
            }
            let context = variable("OLLAMA_CONTEXT_LENGTH").unwrap_or(OLLAMA_CONTEXT);
            if let Some(tokens) = tokens_of_one(plan).filter(|tokens| *tokens > context) {
                warnings.push(format!(
                    "A request has up to {tokens} tokens, and Ollama’s context may hold no more than {context}: what is longer it cuts without a word. Set OLLAMA_CONTEXT_LENGTH."
                ));
            }
        }
        _ => {}
    }
    warnings
}

/// The accelerators and the memory in bytes that an engine has of its node.
fn given(container: Option<&ContainerChoice>, node: &Inventory) -> (Vec<Accelerator>, u64) {
    let Some(container) = container else {
        return (node.accelerators.clone(), node.memory_bytes);
    };
    let is_given = |one: &&Accelerator| match &container.accelerators {
        ContainerAccelerators::None => false,
        ContainerAccelerators::All => true,
        ContainerAccelerators::Numbers { numbers } => numbers.contains(&one.index),
    };
    let accelerators = node.accelerators.iter().filter(is_given).cloned();
    let memory_bytes = match container.memory_bytes {
        Some(limit) if node.memory_bytes > 0 => limit.min(node.memory_bytes),
        Some(limit) => limit,
        None => node.memory_bytes,
    };
    (accelerators.collect(), memory_bytes)
}

/// What a container is to have and its node has not.
fn beyond(
    container: &ContainerChoice,
    node: &Inventory,
    name: &str,
    are_devices_known: bool,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if node.container_runtime.is_none() {
        warnings.push(format!(
            "No container engine answered on {name} when it was looked at: without one nothing runs in a container there."
        ));
    }
    match &container.accelerators {
        ContainerAccelerators::Numbers { .. } | ContainerAccelerators::All
            if !are_devices_known => {}
        ContainerAccelerators::Numbers { numbers } => {
            let is_there = |number| node.accelerators.iter().any(|one| one.index == number);
            let missing = numbers.iter().filter(|number| !is_there(**number));
            let missing: Vec<String> = missing.map(u32::to_string).collect();
            if !missing.is_empty() {
                warnings.push(format!(
                    "The container is to see accelerator {}, which {name} does not have.",
                    missing.join(", ")
                ));
            }
        }
        ContainerAccelerators::All if node.accelerators.is_empty() => warnings.push(format!(
            "The container is to see all accelerators, and none was found on {name}: it will not start."
        )),
        ContainerAccelerators::All | ContainerAccelerators::None => {}
    }
    let count = node.cpu_core_count;
    if count > 0
        && container
            .last_cpu()
            .is_some_and(|last| u32::from(last) >= count)
    {
        warnings.push(format!(
            "The container is to use CPUs {}, and {name} has 0 to {}.",
            container.cpus,
            count.saturating_sub(1)
        ));
    }
    if let Some(limit) = container.memory_bytes
        && node.memory_bytes > 0
        && limit > node.memory_bytes
    {
        warnings.push(format!(
            "The container may use {} of memory, more than the {} of {name}.",
            bytes_in_words(limit),
            bytes_in_words(node.memory_bytes)
        ));
    }
    warnings
}

/// What an engine asks of accelerators.
struct Demand {
    /// How many it uses; `None`: all that it sees.
    device_count: Option<u64>,
    /// Share of their memory that it takes.
    memory_share: f64,
}

impl Demand {
    const ONE: Self = Self {
        device_count: Some(1),
        memory_share: 1.0,
    };

    /// `None` for an engine that needs none, or whose arguments are not known here.
    fn of(preset: EnginePreset, words: &[String]) -> Option<Self> {
        let (tensor, pipeline, share): (&[&str], &[&str], _) = match preset {
            EnginePreset::Vllm => (
                &["--tensor-parallel-size", "-tp"],
                &["--pipeline-parallel-size", "-pp"],
                ("--gpu-memory-utilization", VLLM_MEMORY_SHARE),
            ),
            EnginePreset::Sglang => (
                &["--tensor-parallel-size", "--tp-size", "--tp"],
                &["--pipeline-parallel-size", "--pp-size"],
                ("--mem-fraction-static", 1.0),
            ),
            EnginePreset::Tgi => (
                &["--num-shard", "--num_shard"],
                &[],
                ("--cuda-memory-fraction", 1.0),
            ),
            EnginePreset::Reference
            | EnginePreset::LlamaCpp
            | EnginePreset::Ollama
            | EnginePreset::Litellm
            | EnginePreset::Custom => return None,
        };
        let count = |names| option(words, names).and_then(|n| n.parse().ok());
        let is_sharded =
            preset == EnginePreset::Tgi && option(words, &["--sharded"]) != Some("false");
        let device_count = match (count(tensor), count(pipeline)) {
            (None, None) if is_sharded => None,
            (tensor, pipeline) => Some(
                tensor
                    .unwrap_or(1_u64)
                    .saturating_mul(pipeline.unwrap_or(1)),
            ),
        };
        let (name, usual) = share;
        let asked = option(words, &[name]).and_then(|share| share.parse::<f64>().ok());
        Some(Self {
            device_count,
            memory_share: asked.unwrap_or(usual).clamp(0.0, 1.0),
        })
    }
}

/// The value of an option, `--name value` or `--name=value`; the last one counts.
fn option<'a>(words: &'a [String], names: &[&str]) -> Option<&'a str> {
    let after = words.iter().skip(1).map(Some).chain([None]);
    let values = words.iter().zip(after).filter_map(|(word, next)| {
        if names.contains(&word.as_str()) {
            return next.map(String::as_str);
        }
        let (name, value) = word.split_once('=')?;
        names.contains(&name).then_some(value)
    });
    values.last()
}

fn devices(
    plan: &RunPlan,
    demand: &Demand,
    accelerators: &[Accelerator],
    name: &str,
    place: &str,
) -> Vec<String> {
    let there = accelerators.len() as u64;
    let device_count = demand.device_count.unwrap_or(there);
    if device_count > there {
        return vec![format!(
            "The engine is told to use {device_count} devices, and {place} has {there}."
        )];
    }
    let mut warnings = Vec::new();
    let used = accelerators
        .iter()
        .filter(|one| one.used_bytes > USED_BYTES_MAX);
    warnings.extend(used.map(|one| {
        format!(
            "Something else used {} of device {} ({}) when {name} was looked at.",
            bytes_in_words(one.used_bytes),
            one.index,
            one.name
        )
    }));
    // The smallest ones: which it takes is the engine's choice.
    let mut sizes: Vec<u64> = accelerators.iter().map(|one| one.memory_bytes).collect();
    sizes.sort_unstable();
    let taken = sizes
        .iter()
        .take(usize::try_from(device_count).unwrap_or(usize::MAX));
    let whole = taken.fold(0_u64, |sum, size| sum.saturating_add(*size));
    let of = match device_count {
        1 => "a device".to_owned(),
        count => format!("{count} devices"),
    };
    warnings.extend(memory(plan, demand, whole, &of));
    warnings
}

/// Weights, then weights and cache, against the memory there is.
fn memory(plan: &RunPlan, demand: &Demand, whole_bytes: u64, of: &str) -> Option<String> {
    let facts = plan.model.facts.as_ref()?;
    if whole_bytes == 0 {
        return None;
    }
    let there = whole_bytes as f64 * demand.memory_share;
    let mut room = format!("the {} of {of}", bytes_in_words(whole_bytes));
    if demand.memory_share < 1.0 {
        room = format!("{:.0} % of {room}", demand.memory_share * 100.0);
    }
    let weights = facts.bytes as f64;
    if weights > there {
        return Some(format!(
            "The model’s files have {}, more than {room}: the engine will most likely not start.",
            bytes_in_words(facts.bytes)
        ));
    }
    let (requests, tokens) = in_flight(plan)?;
    let cache = facts
        .kv_bytes_per_token?
        .saturating_mul(requests)
        .saturating_mul(tokens);
    (weights + cache as f64 > there).then(|| {
        format!(
            "{requests} requests of up to {tokens} tokens need a KV cache of {} (16-bit) beside {} of weights, more than {room}: the engine will let requests wait, or begin them anew.",
            bytes_in_words(cache),
            bytes_in_words(facts.bytes)
        )
    })
}

/// Requests in flight at once and the tokens of one, as far as the plan says.
fn in_flight(plan: &RunPlan) -> Option<(u64, u64)> {
    let workload = &plan.workload;
    let requests = workload.arrival.concurrency()?;
    Some((u64::from(requests), tokens_of_one(plan)?))
}

/// The most tokens of one request, prompt and answer; `None` where rows of datasets say how many.
fn tokens_of_one(plan: &RunPlan) -> Option<u64> {
    let workload = &plan.workload;
    if workload.prompts != Prompts::Synthetic {
        return None;
    }
    Some(u64::from(workload.input.upper_tokens()) + u64::from(workload.output.upper_tokens()))
}

/// Engines for CPUs are built for instructions of the last ten years.
fn instruction_set(preset: EnginePreset, node: &Inventory, name: &str) -> Option<String> {
    let runs_on_cpu = node.accelerators.is_empty()
        && matches!(
            preset,
            EnginePreset::LlamaCpp | EnginePreset::Vllm | EnginePreset::Sglang
        );
    let is_known = node.architecture == "x86_64" && !node.cpu_features.is_empty();
    let has_avx2 = node.cpu_features.iter().any(|feature| feature == "avx2");
    (runs_on_cpu && is_known && !has_avx2).then(|| {
        format!(
            "The CPU of {name} has no AVX2: common builds of {} end at once there.",
            preset.label()
        )
    })
}

#[cfg(test)]
mod tests;
