//! A plan in plain words: the wizard's review and the manifest show the same facts.

use domain::engine::container::CONTAINER_HOST;
use domain::engine::{EngineCommand, ProxyUpstream};
use domain::plan::{Deployment, PlannedNode, RunPlan};
use domain::workload::arrival::ArrivalProcess;
use domain::workload::{AnswerLengths, Api, Arrival, LengthSpec, Prompts, StopRule, WorkloadSpec};
use leptos::prelude::*;
use ui::card::Card;
use ui::code::CodeBlock;
use ui::format;
use ui::key_value::{Fact, KeyValueList};

use crate::pages::spending_facts::SpendingFacts;
use crate::pages::wording::whole_seconds;
use crate::routes;

/// Everything a plan says, in four panels.
#[component]
pub fn PlanFacts(
    /// The plan.
    plan: RunPlan,
) -> impl IntoView {
    let spending = plan
        .spending()
        .map(|spending| view! { <SpendingFacts spending /> });
    let RunPlan {
        model,
        cluster,
        deployment,
        upstream,
        workload,
        load_from,
        keep_engine,
        ..
    } = plan;
    let load_from = load_from.map_or("this server".to_owned(), |machine| machine.name);
    view! {
        <div class="grid-2">
            <Card title="Load">
                <LoadFacts workload />
            </Card>
            <div class="stack">
                <Card title="Model">
                    <KeyValueList>
                        <Fact name="Model">{model.name}</Fact>
                        <Fact name="Source">{model.source.in_words()}</Fact>
                        <Fact name="Name in requests"><code>{model.served_name}</code></Fact>
                        <Fact name="Tokenizer">
                            {if model.tokenizer_path.is_empty() {
                                "not given: the server's /tokenize is asked, else lengths are estimated".to_owned()
                            } else {
                                model.tokenizer_path
                            }}
                        </Fact>
                    </KeyValueList>
                </Card>
                <Card title="Where">
                    <KeyValueList>
                        <Fact name="Cluster">{cluster.name}</Fact>
                        {cluster.nodes.into_iter().map(node_fact).collect_view()}
                        <Fact name="Load comes from">{load_from}</Fact>
                    </KeyValueList>
                </Card>
            </div>
        </div>
        {spending}
        <Card title="Engine">
            <EngineFacts deployment upstream keep_engine />
        </Card>
    }
}

/// What is sent, how and how long.
#[component]
pub fn LoadFacts(
    /// The traffic.
    workload: WorkloadSpec,
) -> impl IntoView {
    let answers = if workload.ignore_eos {
        "the full length is asked for (ignore_eos)"
    } else {
        "the model may stop earlier"
    };
    let warm_up = match workload.warmup_s {
        0 => format::plural(workload.warmup_requests.into(), "request", "requests"),
        seconds => whole_seconds(seconds.into()),
    };
    let arrival = arrival_in_words(&workload.arrival);
    let ramp = (workload.ramp_s > 0).then(|| {
        let seconds = whole_seconds(workload.ramp_s.into());
        view! { <Fact name="Ramp">{format!("to its full height over {seconds}, which are measured")}</Fact> }
    });
    let objectives = (!workload.slos.is_empty()).then(|| {
        let slos: Vec<String> = workload
            .slos
            .iter()
            .map(domain::slo::Slo::in_words)
            .collect();
        view! { <Fact name="Objectives">{slos.join("; ")}</Fact> }
    });
    let connections = if workload.fresh_connections {
        "a fresh one for every request"
    } else {
        "kept as long as the server keeps them"
    };
    let api_path = match workload.api {
        Api::Chat => "/v1/chat/completions",
        Api::Completions => "/v1/completions",
    };
    view! {
        <KeyValueList>
            <Fact name="Arrival">{arrival}</Fact>
            {ramp}
            <Fact name="Ends">{stop_in_words(workload.stop)}</Fact>
            <Fact name="Warm-up">{format!("{warm_up}, not measured")}</Fact>
            {prompt_facts(&workload)}
            <Fact name="Answer length">{format!("{}; {answers}", answer_length_in_words(&workload))}</Fact>
            <Fact name="API"><code>{api_path}</code></Fact>
            <Fact name="Request timeout">{whole_seconds(workload.request_timeout_s.into())}</Fact>
            <Fact name="Seed">{workload.seed.to_string()}</Fact>
            {objectives}
            <Fact name="Connections">{connections}</Fact>
        </KeyValueList>
    }
}

/// Where prompts come from.
fn prompt_facts(workload: &WorkloadSpec) -> AnyView {
    let datasets = match &workload.prompts {
        Prompts::Datasets { datasets, .. } => datasets,
        Prompts::Synthetic => {
            let prefix = match workload.shared_prefix_tokens {
                0 => "none: every prompt starts differently".to_owned(),
                count => format!("{} tokens", format::count(count.into())),
            };
            let length = length_in_words(workload.input);
            return view! {
                <Fact name="Prompts">"synthetic, of configured lengths"</Fact>
                <Fact name="Prompt length">{length}</Fact>
                <Fact name="Shared prefix">{prefix}</Fact>
            }
            .into_any();
        }
    };
    let facts = datasets.iter().cloned().map(|dataset| {
        let rows = format::plural(dataset.row_count.into(), "row", "rows");
        view! {
            <Fact name="Dataset">
                {dataset.name} ", " {rows} <br />
                <span class="muted">"SHA-256 " <code class="digest">{dataset.sha256}</code></span>
            </Fact>
        }
    });
    view! {
        <Fact name="Prompts">"rows of datasets, shuffled by the seed; none is repeated before all were sent"</Fact>
        {facts.collect_view()}
    }
    .into_any()
}

/// How long answers may be.
fn answer_length_in_words(workload: &WorkloadSpec) -> String {
    let planned = length_in_words(workload.output);
    match &workload.prompts {
        Prompts::Synthetic => planned,
        Prompts::Datasets { answer_lengths, .. } => match answer_lengths {
            AnswerLengths::Rows => format!("as each row says, else {planned}"),
            AnswerLengths::Capped => format!("as each row says, at most {planned}"),
            AnswerLengths::Planned => format!("{planned} for every row"),
        },
    }
}

/// The load shape as a sentence.
fn arrival_in_words(arrival: &Arrival) -> String {
    match arrival {
        Arrival::ClosedLoop { concurrency } => format!(
            "closed loop: {}, each sending again as soon as its answer is complete",
            format::plural((*concurrency).into(), "user", "users")
        ),
        Arrival::OpenLoop {
            rate_per_s,
            process,
            burstiness,
            ..
        } => {
            let gaps = match process {
                ArrivalProcess::Gamma => format!("gamma gaps of burstiness {burstiness}"),
                process => format!("{} gaps", process.as_str()),
            };
            format!(
                "open loop: {} requests per second on average, {gaps}{}",
                format::number(rate_per_s.get()),
                cap_in_words(arrival)
            )
        }
        Arrival::Trace {
            name,
            request_count,
            speed,
            ..
        } => format!(
            "the trace {name}: {} with their own lengths, replayed at {}×{}",
            format::plural((*request_count).into(), "request", "requests"),
            format::number(speed.get()),
            cap_in_words(arrival)
        ),
    }
}

fn cap_in_words(arrival: &Arrival) -> String {
    arrival.in_flight_max().map_or_else(String::new, |max| {
        format!(", at most {} in flight", format::count(max.into()))
    })
}

fn stop_in_words(stop: StopRule) -> String {
    match stop {
        StopRule::Requests { count } => format!(
            "after {}",
            format::plural(count.into(), "measured request", "measured requests")
        ),
        StopRule::Duration { seconds } => format!(
            "after {} of measured load; what is in flight then is drained",
            whole_seconds(seconds.into())
        ),
    }
}

/// A length as one would say it.
fn length_in_words(length: LengthSpec) -> String {
    let tokens = |count: u32| format::count(count.into());
    match length {
        LengthSpec::Fixed { tokens: count } => format!("{} tokens", tokens(count)),
        LengthSpec::Uniform { min, max } => {
            format!("{} to {} tokens, evenly", tokens(min), tokens(max))
        }
        LengthSpec::Normal { mean, std_dev } => {
            format!("{} ± {} tokens, normal", tokens(mean), tokens(std_dev))
        }
        LengthSpec::LogNormal { median, sigma } => format!(
            "log-normal around {} tokens, σ {}",
            tokens(median),
            format::number(sigma.get())
        ),
    }
}

fn node_fact(node: PlannedNode) -> impl IntoView {
    let facts = node.inventory.as_ref().map_or_else(
        || "nothing is known about its hardware".to_owned(),
        |inventory| {
            let accelerators: Vec<String> = inventory
                .accelerators
                .iter()
                .map(|one| format!("{} ({})", one.name, format::bytes(one.memory_bytes)))
                .collect();
            let accelerators = if accelerators.is_empty() {
                "no accelerator".to_owned()
            } else {
                accelerators.join(", ")
            };
            format!(
                "{}, {} cores, {} memory, {accelerators}",
                inventory.cpu_model,
                inventory.cpu_core_count,
                format::bytes(inventory.memory_bytes)
            )
        },
    );
    view! { <Fact name="Node">{node.name} <br /> <span class="muted">{facts}</span></Fact> }
}

/// The command as one would type it, with a word for what is known only when it starts.
fn readable(command: &EngineCommand) -> String {
    let words = command.words.iter().map(|word| {
        word.replace("{assay}", "assay")
            .replace("{host}", "127.0.0.1")
            .replace("{port}", "PORT")
    });
    EngineCommand {
        words: words.collect(),
        environment: Vec::new(),
    }
    .in_words()
}

/// The same for a command inside a container, where the address is known.
fn readable_inside(command: &EngineCommand, port: u16) -> String {
    EngineCommand {
        words: command.with_address("assay", CONTAINER_HOST, port),
        environment: Vec::new(),
    }
    .in_words()
}

/// How the engine comes to be there.
#[component]
fn EngineFacts(
    /// What the plan says.
    deployment: Deployment,
    /// What it passes requests on to.
    upstream: Option<ProxyUpstream>,
    /// Whether it is kept between the runs of the plan.
    keep_engine: bool,
) -> impl IntoView {
    let kept = keep_engine.then(|| {
        view! { <Fact name="Between the runs">"it goes on, warm, from one run of this plan to the next; a run that fails or is cancelled stops it"</Fact> }
    });
    let upstream = upstream.map(|upstream| {
        view! {
            <Fact name="Passes on to"><code>{upstream.model}</code> " at " <code>{upstream.api_base}</code></Fact>
            <Fact name="Key">"a sealed credential, given to the proxy by its environment and sent to this address only"</Fact>
        }
    });
    match deployment {
        Deployment::Endpoint {
            base_url,
            credential_id,
        } => {
            let key = if credential_id.is_some() {
                "a sealed credential, sent to this address only"
            } else {
                "none"
            };
            view! {
                <KeyValueList>
                    <Fact name="Engine">"serves already; nothing is started or stopped"</Fact>
                    <Fact name="Address"><code>{base_url}</code></Fact>
                    <Fact name="Key">{key}</Fact>
                </KeyValueList>
            }
            .into_any()
        }
        Deployment::Process {
            preset,
            command,
            readiness_timeout_s,
            archive,
        } => {
            let variables = variables(&command);
            let archive = archive.map(|path| {
                view! { <Fact name="Brought in"><code>{path}</code> ", unpacked on the node and kept there"</Fact> }
            });
            view! {
                <KeyValueList>
                    <Fact name="Engine">{preset.label()} {if keep_engine { ", started for the first run and stopped after the last" } else { ", started for this run and stopped after it" }}</Fact>
                    {kept}
                    {archive}
                    {upstream}
                    <Fact name="Must answer within">{whole_seconds(readiness_timeout_s.into())}</Fact>
                    {variables}
                </KeyValueList>
                <CodeBlock label="command" text=readable(&command) />
                <p class="note">"PORT is a free port of the node, chosen when the engine is started."</p>
            }
            .into_any()
        }
        Deployment::Container {
            preset,
            container,
            registry_login,
            entrypoint,
            command,
            mounts,
            readiness_timeout_s,
        } => {
            let limits = container.limits_in_words();
            let pulled_with = registry_login.map(|id| {
                view! {
                    <Fact name="Pulled with">
                        <a href=routes::credential(id)>"a sealed login of its registry"</a>
                        ", unless the node has the image"
                    </Fact>
                }
            });
            let mounts: Vec<_> = mounts
                .into_iter()
                .map(|mount| {
                    view! {
                        <Fact name="Sees">
                            <code>{mount.source}</code> " as " <code>{mount.target}</code> ", read-only"
                        </Fact>
                    }
                })
                .collect();
            let variables = variables(&command);
            let said = EngineCommand {
                words: entrypoint
                    .into_iter()
                    .flatten()
                    .chain(command.words.iter().cloned())
                    .collect(),
                environment: Vec::new(),
            };
            // An image that starts as its makers meant it is given none.
            let arguments = (!said.words.is_empty()).then(|| {
                view! { <CodeBlock label="arguments" text=readable_inside(&said, container.port) /> }
            });
            view! {
                <KeyValueList>
                    <Fact name="Engine">{preset.label()} {if keep_engine { ", in a container that is made for the first run and removed after the last" } else { ", in a container that is made for this run and removed after it" }}</Fact>
                    {kept}
                    <Fact name="Image"><code>{container.image}</code></Fact>
                    {pulled_with}
                    <Fact name="May use">{limits}</Fact>
                    {mounts}
                    <Fact name="Must answer within">{whole_seconds(readiness_timeout_s.into())}</Fact>
                    {variables}
                </KeyValueList>
                {arguments}
            }
            .into_any()
        }
    }
}

/// The variables a command is given.
fn variables(command: &EngineCommand) -> Option<AnyView> {
    let variables: Vec<String> = command
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    (!variables.is_empty()).then(|| {
        view! { <Fact name="Environment"><code>{variables.join(" ")}</code></Fact> }.into_any()
    })
}

#[cfg(test)]
mod tests {
    use domain::finite::Finite;

    use super::*;

    #[test]
    fn plans_are_said_in_words() {
        assert_eq!(
            arrival_in_words(&Arrival::ClosedLoop { concurrency: 1 }),
            "closed loop: 1 user, each sending again as soon as its answer is complete"
        );
        let open = Arrival::open_loop(Finite::from(12), ArrivalProcess::Poisson);
        assert_eq!(
            arrival_in_words(&open),
            "open loop: 12.0 requests per second on average, poisson gaps"
        );
        assert_eq!(
            length_in_words(LengthSpec::Uniform {
                min: 100,
                max: 1_900
            }),
            "100 to 1,900 tokens, evenly"
        );
        assert_eq!(
            stop_in_words(StopRule::Duration { seconds: 60 }),
            "after 1 m of measured load; what is in flight then is drained"
        );
    }
}
