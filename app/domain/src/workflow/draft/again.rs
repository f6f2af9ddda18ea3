//! A draft from an earlier plan: “start from this”.

use super::choose::chosen_limit;
use super::{BasicAnswers, Draft, EvaluationAnswers, LoadShape, ModelAnswers, once};
use crate::catalogue::ModelSource;
use crate::engine::{EngineChoice, EnginePreset, ProxyUpstream};
use crate::finite::Finite;
use crate::plan::{Deployment, RunPlan};
use crate::reruns::Purpose;
use crate::workflow::form::CONCURRENT_REQUESTS;
use crate::workload::arrival::ArrivalProcess;
use crate::workload::{AnswerLengths, Arrival, Prompts};

impl Draft {
    /// A draft that would make the same plan again: “start from an earlier benchmark”. Things that
    /// are gone from the catalogue stay named, and the wizard asks for them again.
    pub fn from_plan(plan: &RunPlan) -> Self {
        let workload = &plan.workload;
        let is_cloud = plan.model.source.is_cloud();
        let credential_id = plan.credential_id().filter(|_| is_cloud);
        // What follows from the model goes on to do so.
        let upstream_model = plan.upstream.as_ref().map(|upstream| &upstream.model);
        let upstream_model = upstream_model.filter(|model| match &plan.model.source {
            ModelSource::Cloud {
                provider,
                model: own,
                ..
            } => **model != ProxyUpstream::usual_model(provider, own),
            _ => false,
        });
        let engine = match &plan.deployment {
            Deployment::Endpoint { .. } => None,
            Deployment::Process {
                preset,
                command,
                readiness_timeout_s,
                ..
            }
            | Deployment::Container {
                preset,
                command,
                readiness_timeout_s,
                ..
            } => {
                let container = match &plan.deployment {
                    Deployment::Container { container, .. } => Some(container.clone()),
                    _ => None,
                };
                let archive = match &plan.deployment {
                    Deployment::Process { archive, .. } => archive.clone(),
                    _ => None,
                };
                let own = match container.as_ref().and(preset.container_template()) {
                    Some(template) => template.arguments.len(),
                    None => preset.template().len(),
                };
                let own = own.min(command.words.len());
                // Another model may be chosen: the command goes on to follow it.
                let follow = |word: &String| match preset {
                    EnginePreset::Custom if *word == plan.model.served_name => {
                        "{served_name}".to_owned()
                    }
                    _ => word.clone(),
                };
                Some(EngineChoice {
                    preset: *preset,
                    arguments: command.words.iter().skip(own).map(follow).collect(),
                    environment: command.environment.clone(),
                    readiness_timeout_s: *readiness_timeout_s,
                    container,
                    upstream_model: upstream_model.cloned().unwrap_or_default(),
                    archive: archive.unwrap_or_default(),
                })
            }
        };
        Self {
            basic: Some(BasicAnswers {
                name: plan.name.clone(),
                tags: plan.tags.clone(),
                description: plan.description.clone(),
                concurrent_requests: workload
                    .arrival
                    .concurrency()
                    .unwrap_or(CONCURRENT_REQUESTS),
                method: plan.method,
                purpose: Purpose::default(),
                reruns: once(),
                keep_engine: false,
            }),
            evaluation: Some(EvaluationAnswers {
                api: workload.api,
                dataset_ids: workload
                    .prompts
                    .datasets()
                    .iter()
                    .map(|dataset| dataset.id)
                    .collect(),
                answer_lengths: match workload.prompts {
                    Prompts::Synthetic => AnswerLengths::default(),
                    Prompts::Datasets { answer_lengths, .. } => answer_lengths,
                },
                input: workload.input,
                output: workload.output,
                shared_prefix_tokens: workload.shared_prefix_tokens,
                open_loop: match workload.arrival {
                    Arrival::ClosedLoop { .. } => None,
                    Arrival::OpenLoop {
                        rate_per_s,
                        process,
                        ..
                    } => Some((rate_per_s, process)),
                    // The wizard has no traces: the nearest thing that it can ask for.
                    Arrival::Trace { .. } => {
                        let rate = workload.arrival.rate_per_s();
                        rate.map(|rate| (rate, ArrivalProcess::Poisson))
                    }
                },
                shape: LoadShape {
                    burstiness: match workload.arrival {
                        Arrival::OpenLoop { burstiness, .. } => burstiness,
                        Arrival::ClosedLoop { .. } | Arrival::Trace { .. } => Finite::ONE,
                    },
                    in_flight_max: workload.arrival.in_flight_max(),
                    ramp_s: workload.ramp_s,
                    warmup_s: workload.warmup_s,
                    slos: workload.slos.clone(),
                    fresh_connections: workload.fresh_connections,
                },
                stop: workload.stop,
                warmup_requests: workload.warmup_requests,
                seed: workload.seed,
                ignore_eos: workload.ignore_eos,
                request_timeout_s: workload.request_timeout_s,
            }),
            cluster_id: Some(plan.cluster.id),
            node_ids: plan.cluster.nodes.iter().map(|node| node.id).collect(),
            load_from: plan.load_from.as_ref().map(|machine| machine.id),
            model: Some(ModelAnswers {
                model_id: plan.model.id,
                engine,
            }),
            credential_id,
            spend_limit: chosen_limit(plan),
            is_confirmed: false,
        }
    }
}
