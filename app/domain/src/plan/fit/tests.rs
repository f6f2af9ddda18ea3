use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::catalogue::{ClusterKind, ModelFacts, ModelSource, WeightsFormat};
use crate::engine::{ContainerForm, EngineCommand};
use crate::id::{ClusterId, ModelId, NodeId};
use crate::plan::{PLAN_VERSION, PlannedCluster, PlannedModel, PlannedNode};
use crate::time::Timestamp;
use crate::workload::{Arrival, EvaluationMethod, LengthSpec, WorkloadSpec};

const GIB: u64 = 1 << 30;

/// Devices of so many GiB.
fn node(devices: &[u64]) -> Inventory {
    let devices = (0..).zip(devices).map(|(index, gib)| Accelerator {
        name: "GPU".to_owned(),
        memory_bytes: gib * GIB,
        index,
        ..Accelerator::default()
    });
    Inventory {
        memory_bytes: 64 * GIB,
        architecture: "x86_64".to_owned(),
        cpu_features: vec!["avx2".to_owned()],
        accelerators: devices.collect(),
        ..Inventory::default()
    }
}

/// A model of 16 GiB whose tokens take 128 KiB, under 64 requests of 1,024 tokens: a cache of 8 GiB.
fn plan(preset: EnginePreset, words: &[&str], node: Inventory) -> RunPlan {
    RunPlan {
        upstream: None,
        version: PLAN_VERSION,
        name: "n".to_owned(),
        description: String::new(),
        tags: Vec::new(),
        method: EvaluationMethod::Configuration,
        model: PlannedModel {
            id: ModelId(Uuid::nil()),
            name: "m".to_owned(),
            served_name: "m".to_owned(),
            source: ModelSource::Served,
            tokenizer_path: String::new(),
            facts: Some(ModelFacts {
                read_at: Timestamp(0),
                format: WeightsFormat::Safetensors,
                architecture: String::new(),
                parameters: None,
                file_count: 1,
                bytes: 16 * GIB,
                digest: None,
                kv_bytes_per_token: Some(128 << 10),
            }),
        },
        cluster: PlannedCluster {
            id: ClusterId(Uuid::nil()),
            name: "c".to_owned(),
            kind: ClusterKind::ThisMachine,
            nodes: vec![PlannedNode {
                id: NodeId(Uuid::nil()),
                name: "rack-1".to_owned(),
                access: crate::catalogue::NodeAccess::default(),
                inventory: Some(node),
            }],
        },
        deployment: Deployment::Process {
            preset,
            command: EngineCommand {
                words: words.iter().map(|word| (*word).to_owned()).collect(),
                environment: Vec::new(),
            },
            readiness_timeout_s: 5,
            archive: None,
        },
        workload: WorkloadSpec {
            input: LengthSpec::Fixed { tokens: 768 },
            output: LengthSpec::Fixed { tokens: 256 },
            arrival: Arrival::ClosedLoop { concurrency: 64 },
            ..WorkloadSpec::default()
        },
        load_from: None,
        keep_engine: false,
    }
}

fn only(plan: &RunPlan) -> String {
    let warnings = warnings(plan);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    warnings.into_iter().next().unwrap()
}

#[test]
fn a_model_that_fits_raises_nothing() {
    assert_eq!(
        warnings(&plan(EnginePreset::Vllm, &[], node(&[80]))),
        [""; 0]
    );
    assert_eq!(
        warnings(&plan(EnginePreset::LlamaCpp, &[], node(&[]))),
        [""; 0]
    );
    // 16 and 8 of the 27 GiB that it takes.
    assert_eq!(
        warnings(&plan(EnginePreset::Vllm, &[], node(&[30]))),
        [""; 0]
    );
}

#[test]
fn weights_and_then_the_cache_are_held_against_the_memory() {
    let weights = only(&plan(EnginePreset::Vllm, &[], node(&[17])));
    assert!(
        weights.contains("16.0 GiB, more than 90 % of the 17.0 GiB of a device"),
        "{weights}"
    );
    assert!(weights.contains("not start"));
    let cache = only(&plan(EnginePreset::Vllm, &[], node(&[24])));
    assert!(
        cache.contains("64 requests of up to 1024 tokens need a KV cache of 8.00 GiB"),
        "{cache}"
    );
    // Two devices of that size hold it.
    let words = ["vllm", "serve", "--tensor-parallel-size=2"];
    assert_eq!(
        warnings(&plan(EnginePreset::Vllm, &words, node(&[24, 24]))),
        [""; 0]
    );
    // So does one, if the engine may take less of it, but not much less.
    let words = ["--gpu-memory-utilization", "0.5"];
    let half = only(&plan(EnginePreset::Vllm, &words, node(&[40])));
    assert!(half.contains("50 % of the 40.0 GiB"), "{half}");
    let mut unknown = plan(EnginePreset::Vllm, &[], node(&[17]));
    unknown.model.facts = None;
    assert_eq!(warnings(&unknown), [""; 0]);
}

#[test]
fn devices_that_are_not_there_or_not_free_are_told() {
    let words = ["--tp", "2", "--pp-size", "2"];
    let few = only(&plan(EnginePreset::Sglang, &words, node(&[80, 80])));
    assert_eq!(
        few,
        "The engine is told to use 4 devices, and rack-1 has 2."
    );
    let mut taken = node(&[80]);
    taken.accelerators[0].used_bytes = 70 * GIB;
    let taken = only(&plan(EnginePreset::Vllm, &[], taken));
    assert!(taken.contains("70.0 GiB of device 0 (GPU)"), "{taken}");
    let none = only(&plan(EnginePreset::Vllm, &[], node(&[])));
    assert!(
        none.contains("No accelerator was found on rack-1"),
        "{none}"
    );
}

/// The same engine in a container.
fn contained(mut plan: RunPlan, form: &ContainerForm) -> RunPlan {
    let (preset, command) = plan.deployment.started().unwrap();
    let mut errors = crate::field::FieldErrors::default();
    plan.deployment = Deployment::Container {
        preset,
        container: form.validate(Some(preset), &mut errors).unwrap(),
        registry_login: None,
        entrypoint: None,
        command: command.clone(),
        mounts: Vec::new(),
        readiness_timeout_s: 5,
    };
    plan
}

fn with_docker(devices: &[u64]) -> Inventory {
    Inventory {
        container_runtime: Some("Docker 28".to_owned()),
        cpu_core_count: 8,
        ..node(devices)
    }
}

#[test]
fn a_container_is_held_against_what_its_node_has() {
    let form = ContainerForm {
        cpus: "0-3,7".to_owned(),
        memory_gib: "64".to_owned(),
        accelerators: "all".to_owned(),
        ..ContainerForm::default()
    };
    let vllm = |form: &ContainerForm, node| contained(plan(EnginePreset::Vllm, &[], node), form);
    assert_eq!(warnings(&vllm(&form, with_docker(&[80]))), [""; 0]);

    let bare = Inventory {
        container_runtime: None,
        ..with_docker(&[80])
    };
    assert!(only(&vllm(&form, bare)).contains("No container engine answered on rack-1"));
    let wide = ContainerForm {
        cpus: "4-8".to_owned(),
        ..form.clone()
    };
    assert!(only(&vllm(&wide, with_docker(&[80]))).contains("CPUs 4-8, and rack-1 has 0 to 7"));
    let large = ContainerForm {
        memory_gib: "65".to_owned(),
        ..form.clone()
    };
    assert!(
        only(&vllm(&large, with_docker(&[80])))
            .contains("65.0 GiB of memory, more than the 64.0 GiB")
    );
    let blind = ContainerForm {
        accelerators: String::new(),
        ..form.clone()
    };
    assert!(only(&vllm(&blind, with_docker(&[80]))).contains("sees no accelerator of rack-1"));
    let other = ContainerForm {
        accelerators: "0,2".to_owned(),
        ..form.clone()
    };
    assert!(
        only(&vllm(&other, with_docker(&[80, 80])))
            .contains("accelerator 2, which rack-1 does not have")
    );
    let none = warnings(&vllm(&form, with_docker(&[])));
    assert!(none[0].contains("none was found on rack-1"), "{none:?}");
}

#[test]
fn an_engine_in_a_container_has_only_what_the_container_is_given() {
    let form = ContainerForm {
        accelerators: "1".to_owned(),
        ..ContainerForm::default()
    };
    let words = ["--tp", "2"];
    let plan_of = |words: &[&str]| plan(EnginePreset::Sglang, words, with_docker(&[80, 17]));
    let few = only(&contained(plan_of(&words), &form));
    assert!(few.contains("2 devices, and its container has 1"), "{few}");
    let small = only(&contained(plan_of(&[]), &form));
    assert!(small.contains("17.0 GiB of a device"), "{small}");
    let limited = ContainerForm {
        memory_gib: "15".to_owned(),
        ..ContainerForm::default()
    };
    let llama = plan(EnginePreset::LlamaCpp, &[], with_docker(&[]));
    let weights = only(&contained(llama, &limited));
    assert!(
        weights.contains("more than the 15.0 GiB of the container"),
        "{weights}"
    );
}

#[test]
fn tgi_takes_all_devices_unless_it_is_told_how_many() {
    let plan_of = |words: &[&str]| plan(EnginePreset::Tgi, words, node(&[17, 17]));
    assert_eq!(warnings(&plan_of(&[])), [""; 0]);
    for words in [&["--num-shard", "1"], &["--sharded", "false"]] {
        let one = only(&plan_of(words));
        assert!(one.contains("17.0 GiB of a device"), "{one}");
    }
}

#[test]
fn engines_that_take_less_at_once_are_told() {
    let limits_of = |preset, words: &[&str], variables: &[(&str, &str)]| {
        let mut plan = plan(preset, words, node(&[]));
        plan.workload.arrival = Arrival::ClosedLoop { concurrency: 200 };
        plan.workload.input = LengthSpec::Fixed { tokens: 4_000 };
        if let Deployment::Process { command, .. } = &mut plan.deployment {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            command.environment = variables.iter().map(owned).collect();
        }
        limits(&plan)
    };
    let tgi = limits_of(EnginePreset::Tgi, &[], &[]);
    assert!(tgi[0].contains("takes 128 requests at once"), "{tgi:?}");
    let raised = ["--max-concurrent-requests", "200"];
    assert_eq!(limits_of(EnginePreset::Tgi, &raised, &[]), [""; 0]);
    let ollama = limits_of(EnginePreset::Ollama, &[], &[]);
    assert!(
        ollama[0].contains("answers 1 of the 200 requests"),
        "{ollama:?}"
    );
    assert!(ollama[1].contains("up to 4256 tokens"), "{ollama:?}");
    let told = [
        ("OLLAMA_NUM_PARALLEL", "200"),
        ("OLLAMA_CONTEXT_LENGTH", "8192"),
    ];
    assert_eq!(limits_of(EnginePreset::Ollama, &[], &told), [""; 0]);
    assert_eq!(limits_of(EnginePreset::Vllm, &[], &[]), [""; 0]);
}

#[test]
fn an_old_cpu_is_told_where_the_engine_runs_on_it() {
    let old = || Inventory {
        cpu_features: vec!["avx".to_owned()],
        ..node(&[])
    };
    let warning = only(&plan(EnginePreset::LlamaCpp, &[], old()));
    assert!(warning.contains("has no AVX2"), "{warning}");
    assert_eq!(
        warnings(&plan(EnginePreset::Reference, &[], old())),
        [""; 0]
    );
    let mut unknown = old();
    unknown.cpu_features.clear();
    assert_eq!(
        warnings(&plan(EnginePreset::LlamaCpp, &[], unknown)),
        [""; 0]
    );
}

proptest! {
    #[test]
    fn any_arguments_and_sizes_are_judged(
        words in prop::collection::vec(".{0,12}|--tp|-tp|--tp=[0-9]{0,25}|--mem-fraction-static=.{0,5}|[0-9]{1,22}", 0..8),
        devices in prop::collection::vec(0_u64..1 << 40, 0..4),
        bytes: u64,
        cache: u64,
    ) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        for preset in EnginePreset::ALL {
            let mut plan = plan(preset, &words, node(&[]));
            if let Some(facts) = &mut plan.model.facts {
                (facts.bytes, facts.kv_bytes_per_token) = (bytes, Some(cache));
            }
            if let Some(node) = &mut plan.cluster.nodes[0].inventory {
                node.accelerators = devices.iter().map(|bytes| Accelerator {
                    memory_bytes: *bytes << 20,
                    ..Accelerator::default()
                }).collect();
            }
            for warning in warnings(&plan) {
                prop_assert!(!warning.contains("NaN") && !warning.contains("inf "), "{}", warning);
            }
        }
    }
}
