//! An engine in a container of the node's Docker Engine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use docker::{
    Accelerators, ContainerId, ContainerSpec, Docker, EnvValue, HostFiles, HostInfo,
    ImageReference, Limits, LogStart, Mount, MountRules, PublishedPort, PullProgress,
    RegistryLogin,
};
use domain::catalogue::{Accelerator, registry_url};
use domain::engine::container::{CONTAINER_HOST, PROXY_CONFIG_VARIABLE};
use domain::engine::{ContainerAccelerators, ContainerChoice, EngineCommand};
use domain::id::CredentialId;
use domain::plan::Deployment;
use domain::run::{RunEvent, Stage, StageProgress};
use domain::size::bytes_in_words;
use futures::StreamExt;
use ssh::TcpForward;
use tokio::fs::{OpenOptions, create_dir_all};
use tokio::io::AsyncWriteExt;
use tokio_util::task::AbortOnDropHandle;

use super::listen;
use crate::config::Chain;
use crate::effects::engine::{Container, Engine, EngineKind};
use crate::effects::verify::with_last_lines;
use crate::effects::{Message, Run, litellm};
use crate::node::{Node, NodeDocker};
use crate::tail::follow_log;

/// How often the progress of a pull is told.
const TELL_EVERY: Duration = Duration::from_millis(500);
/// Most CPUs that a container is pinned to by number.
const CPUS_MAX: usize = 4_096;

pub(super) async fn deploy(run: &Run, node: &Node) -> Result<String, String> {
    let Deployment::Container {
        container,
        registry_login,
        entrypoint,
        command,
        ..
    } = &run.plan.deployment
    else {
        return Err("the plan names no container".to_owned());
    };
    let docker = node.docker(&run.shared.config.docker).await?;
    let image = pull(run, &docker.docker, &container.image, *registry_login).await?;
    let (mut spec, rules) = specify(run, node, &docker.docker, &image).await?;
    let round_trip = match node {
        Node::Here => String::new(),
        Node::Far(session) => run.log_round_trip(session).await,
        Node::Docker(_) => {
            // Loopback of that machine is out of reach without SSH: the port stands at the one address of it
            // that is known to be reached from here, which must be a private one.
            let (reach, words) = run.log_way(&docker.docker).await?;
            spec.port = Some(PublishedPort {
                container_port: container.port,
                address: reach.address,
            });
            words
        }
    };

    // Taken first: between the start and the note of it there is no point to be dropped at.
    let mut found = run.found.lock().await;
    let mut engine = start(run, docker, &spec, &rules).await?;
    let published = engine
        .docker
        .docker
        .published_port(&engine.id, container.port);
    let address = match published.await {
        Ok(address) => address,
        // One that ended at once publishes nothing any more: how it ended says more.
        Err(error) => {
            return Err(match engine.exit().await {
                Ok(Some(how)) => {
                    let reason = format!("the engine ended at once ({how})");
                    with_last_lines(run, &reason).await
                }
                _ => error.to_string(),
            });
        }
    };
    let forward = match node {
        Node::Here | Node::Docker(_) => None,
        Node::Far(session) => {
            let host = address.ip().to_string();
            let forward = session.forward_tcp(&host, address.port()).await;
            let forward = forward.map_err(|error| error.to_string())?;
            Some(forward)
        }
    };
    let base_url = format!(
        "http://{}",
        forward.as_ref().map_or(address, TcpForward::address)
    );
    let engine = Container {
        _forward: forward,
        ..engine
    };
    let follower = tokio::spawn(follow_log(run.log_path(), run.messages.clone()));
    found.engine = Some(Engine {
        base_url: base_url.clone(),
        url_on_node: format!("http://{address}"),
        kind: EngineKind::Container(engine),
        _log: AbortOnDropHandle::new(follower),
    });
    drop(found);

    let name = spec.name.clone();
    run.tell(Message::Event(RunEvent::EngineStarted {
        process_id: 0,
        container: Some(name.clone()),
        command: in_words(
            &container.image,
            entrypoint.as_deref(),
            &spec.command,
            command,
        ),
        base_url,
    }))
    .await;
    Ok(format!(
        "Container {name} on port {}, with {}{round_trip}.",
        address.port(),
        container.limits_in_words()
    ))
}

/// Creates and starts the container, and follows what it says.
async fn start(
    run: &Run,
    docker: NodeDocker,
    spec: &ContainerSpec,
    rules: &MountRules,
) -> Result<Container, String> {
    let created = docker.docker.create(spec, rules).await;
    let created = created.map_err(|error| error.to_string())?;
    for warning in &created.warnings {
        run.log(format!("Docker warns: {warning}")).await;
    }
    let id = created.id;
    let started = docker.docker.start(&id).await;
    started.map_err(|error| error.to_string())?;
    let from = LogStart::Beginning;
    let log = follow_container(run, docker.docker.clone(), id.clone(), from).await?;
    Ok(Container {
        docker,
        id,
        log: Some(log),
        _forward: None,
    })
}

/// The image, pulled where the node does not have it.
async fn pull(
    run: &Run,
    docker: &Docker,
    name: &str,
    login: Option<CredentialId>,
) -> Result<ImageReference, String> {
    let reference: ImageReference = name
        .parse()
        .map_err(|error: docker::Error| error.to_string())?;
    let is_there = docker
        .find_image(&reference)
        .await
        .map_err(|error| error.to_string())?
        .is_some();
    let mut registry_login = None;
    if !is_there {
        registry_login = match login {
            Some(id) => Some(open_login(run, id, reference.registry()).await?),
            None => None,
        };
        let with = match &registry_login {
            Some(login) => format!(", with the sealed login of {}", login.user),
            None => String::new(),
        };
        run.log(format!(
            "The image {reference} is not on the node: it is pulled from {}{with}.",
            reference.registry()
        ))
        .await;
    }
    let began = Instant::now();
    let mut told_at: Option<Instant> = None;
    let image = docker
        .ensure_image(&reference, registry_login.as_ref(), |progress| {
            if told_at.is_some_and(|at| at.elapsed() < TELL_EVERY) {
                return;
            }
            told_at = Some(Instant::now());
            // A full queue only loses a step of the progress.
            let _ = run.messages.try_send(progress_of(&reference, progress));
        })
        .await
        .map_err(|error| error.to_string())?;
    let size = bytes_in_words(image.size_bytes);
    let digest = image.repo_digest.unwrap_or(image.id);
    let how = if is_there {
        "was on the node".to_owned()
    } else {
        format!("was pulled in {:.1} s", began.elapsed().as_secs_f64())
    };
    run.log(format!("The image {reference} {how}: {size}, {digest}."))
        .await;
    Ok(reference)
}

/// The login of the plan, opened for the image's own registry and no other.
async fn open_login(run: &Run, id: CredentialId, registry: &str) -> Result<RegistryLogin, String> {
    let gone = || {
        format!(
            "the login of the registry {registry} that the plan names was deleted: an administrator adds one to the credentials; then start the benchmark again"
        )
    };
    let credential = run.shared.store.find_credential(id).await;
    let credential = credential.map_err(|error| {
        tracing::warn!(run = %run.id, error = %Chain(&error), "a login cannot be read");
        format!("the login of the registry {registry} cannot be read")
    })?;
    let user = credential.ok_or_else(gone)?.user;
    let password = run.open_key(id, &registry_url(registry)).await?;
    Ok(RegistryLogin { user, password })
}

fn progress_of(reference: &ImageReference, progress: PullProgress) -> Message {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Message::Event(RunEvent::Progress {
        stage: Stage::DeployEngine,
        progress: StageProgress {
            what: format!("Pulling {reference}"),
            done_bytes: progress.bytes_done,
            total_bytes: progress.bytes_total,
            done_parts: count(progress.layers_done),
            parts: count(progress.layers),
        },
    })
}

/// The container of the plan on that Docker Engine.
async fn specify(
    run: &Run,
    node: &Node,
    docker: &Docker,
    image: &ImageReference,
) -> Result<(ContainerSpec, MountRules), String> {
    let Deployment::Container {
        container,
        entrypoint,
        command,
        mounts,
        ..
    } = &run.plan.deployment
    else {
        return Err("the plan names no container".to_owned());
    };
    let host = docker.info().await.map_err(|error| error.to_string())?;
    let mark = run.docker_mark().await?;
    let mut spec = ContainerSpec::new(container_name(run), image.clone(), mark);
    spec.entrypoint.clone_from(entrypoint);
    let (models, rules) = match node {
        Node::Here => (String::new(), run.mount_rules(HostFiles::Here)?),
        // The same folders: that they hold the models there is up to whoever runs that machine.
        Node::Docker(_) => (String::new(), run.mount_rules(HostFiles::Elsewhere)?),
        Node::Far(session) => {
            // What was transferred for this model, and nothing else of that machine.
            let models = run.far_models(session).await?;
            let rules = MountRules::new([PathBuf::from(&models)], HostFiles::Elsewhere);
            (models, rules.map_err(|error| error.to_string())?)
        }
    };
    spec.command = command.with_address("assay", CONTAINER_HOST, container.port);
    spec.environment = environment(command);
    if let Some(proxy) = litellm::prepare(run).await? {
        let config = EnvValue::Plain(proxy.config);
        spec.environment
            .insert(PROXY_CONFIG_VARIABLE.to_owned(), config);
        let given = proxy.environment.into_iter();
        spec.environment
            .extend(given.map(|(name, value)| (name.to_owned(), EnvValue::Secret(value))));
    }
    spec.limits = limits(container, &host)?;
    spec.accelerators = accelerators(run, &container.accelerators, &host)?;
    spec.mounts = mounts
        .iter()
        .map(|mount| {
            let source = mount.source.replace("{models}", &models);
            Mount::read_only(source, mount.target.clone())
        })
        .collect();
    spec.port = Some(match node {
        Node::Here | Node::Docker(_) => PublishedPort::on_loopback(container.port),
        Node::Far(session) => PublishedPort {
            container_port: container.port,
            address: listen::address(run, session).await?,
        },
    });
    spec.labels = BTreeMap::from([("org.assay.benchmark-name".to_owned(), run.plan.name.clone())]);
    Ok((spec, rules))
}

/// `assay-` and the run's id.
fn container_name(run: &Run) -> String {
    format!("assay-{}", run.id)
}

fn environment(command: &EngineCommand) -> BTreeMap<String, EnvValue> {
    let plain = |(name, value): &(String, String)| (name.clone(), EnvValue::Plain(value.clone()));
    command.environment.iter().map(plain).collect()
}

fn limits(container: &ContainerChoice, host: &HostInfo) -> Result<Limits, String> {
    let memory = container.memory_bytes.or(host.memory_bytes);
    Ok(Limits {
        cpus: numbers(&container.cpus)?,
        memory_bytes: container.memory_bytes,
        // As large as a file system in memory is by default: engines pass tensors through it.
        shm_bytes: memory.map(|bytes| bytes / 2).filter(|bytes| *bytes > 0),
        ..Limits::default()
    })
}

/// The numbers of a list such as `0-3,8`.
fn numbers(cpus: &str) -> Result<Vec<u32>, String> {
    let unreadable = || format!("“{cpus}” names no CPUs");
    let mut numbers = Vec::new();
    for part in cpus.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first: u32 = first.parse().map_err(|_| unreadable())?;
        let last: u32 = last.parse().map_err(|_| unreadable())?;
        numbers.extend((first..=last).take(CPUS_MAX));
    }
    numbers.truncate(CPUS_MAX);
    Ok(numbers)
}

/// The chosen accelerators, by the runtime that the node has for them.
fn accelerators(
    run: &Run,
    chosen: &ContainerAccelerators,
    host: &HostInfo,
) -> Result<Accelerators, String> {
    let known: &[Accelerator] = run
        .plan
        .cluster
        .nodes
        .first()
        .and_then(|node| node.inventory.as_ref())
        .map_or(&[], |inventory| &inventory.accelerators);
    let names: Vec<String> = match chosen {
        ContainerAccelerators::None => return Ok(Accelerators::None),
        // Which there are is not told by Docker alone; its runtime knows them by this word.
        ContainerAccelerators::All if run.plan.is_docker_only() => vec!["all".to_owned()],
        ContainerAccelerators::All => known.iter().map(|one| one.index.to_string()).collect(),
        ContainerAccelerators::Numbers { numbers } => numbers.iter().map(u32::to_string).collect(),
    };
    if names.is_empty() {
        return Err("the plan asks for all accelerators, and none is known on the node: read its inventory anew on the cluster's page, and start the benchmark again".to_owned());
    }
    let is_amd = known.iter().any(|one| {
        let name = one.name.to_lowercase();
        ["amd", "instinct", "radeon"]
            .iter()
            .any(|word| name.contains(word))
    });
    if is_amd {
        return Ok(Accelerators::Rocm(names));
    }
    if !host.has_nvidia_runtime() {
        return Err("the plan asks for accelerators, and the node's Docker Engine has no runtime for them: install the NVIDIA Container Toolkit there".to_owned());
    }
    Ok(Accelerators::Nvidia(names))
}

/// Writes what the container says into the run's log file.
pub(super) async fn follow_container(
    run: &Run,
    docker: Docker,
    id: ContainerId,
    from: LogStart,
) -> Result<AbortOnDropHandle<()>, String> {
    let unwritable = |error: std::io::Error| {
        format!(
            "the run's folder {} cannot be written: {error}",
            run.folder.display()
        )
    };
    create_dir_all(&run.folder).await.map_err(unwritable)?;
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(run.log_path())
        .await
        .map_err(unwritable)?;
    let run_id = run.id;
    let task = tokio::spawn(async move {
        let mut lines = std::pin::pin!(docker.follow_logs(&id, from));
        while let Some(line) = lines.next().await {
            let written = match line {
                Ok(line) => file.write_all(format!("{}\n", line.text).as_bytes()).await,
                Err(error) => {
                    tracing::debug!(run = %run_id, %error, "a container's log ended");
                    break;
                }
            };
            if let Err(error) = written {
                tracing::warn!(run = %run_id, %error, "a container's log cannot be written");
                break;
            }
        }
        // The last lines may still be on their way to the file.
        let _ = file.flush().await;
    });
    Ok(AbortOnDropHandle::new(task))
}

/// As one would type it, for people to read.
fn in_words(
    image: &str,
    entrypoint: Option<&[String]>,
    arguments: &[String],
    command: &EngineCommand,
) -> String {
    let words = ["docker", "run"]
        .into_iter()
        .map(str::to_owned)
        .chain([image.to_owned()])
        .chain(entrypoint.into_iter().flatten().cloned())
        .chain(arguments.iter().cloned());
    EngineCommand {
        words: words.collect(),
        environment: command.environment.clone(),
    }
    .in_words()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_numbers() {
        assert_eq!(numbers("").unwrap(), Vec::<u32>::new());
        assert_eq!(numbers("0-2,8").unwrap(), [0, 1, 2, 8]);
        assert!(numbers("a").is_err());
        assert_eq!(numbers("0-4000000000").unwrap().len(), CPUS_MAX);
    }
}
