//! What is ours on a Docker Engine: found by labels, and removed.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use bollard::query_parameters::{
    ListContainersOptions, ListNetworksOptions, ListVolumesOptions, RemoveVolumeOptions,
};
use domain::id::BenchmarkId;

use crate::client::CALL_TIMEOUT;
use crate::spec::invalid;
use crate::{ContainerId, Docker, Error};

/// All labels of the mark begin with it.
const LABEL_PREFIX: &str = "assay.";
/// The label that names the server.
pub const INSTANCE_LABEL: &str = "assay.instance";
/// The label that names the run.
pub const RUN_LABEL: &str = "assay.run";
/// Longest name of an instance, in bytes.
const INSTANCE_BYTES_MAX: usize = 256;

/// Whose a container is: the server that made it, and the run it was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Names the server; no two servers that may use the same Docker Engine have the same.
    pub instance: String,
    /// The run.
    pub run: BenchmarkId,
}

impl Mark {
    /// Of the server `instance`, for `run`.
    pub fn new(instance: impl Into<String>, run: BenchmarkId) -> Self {
        Self {
            instance: instance.into(),
            run,
        }
    }

    /// As labels.
    pub fn labels(&self) -> [(String, String); 2] {
        [
            (INSTANCE_LABEL.to_owned(), self.instance.clone()),
            (RUN_LABEL.to_owned(), self.run.to_string()),
        ]
    }

    /// From labels, if they are complete.
    pub fn from_labels<'a>(label: impl Fn(&str) -> Option<&'a String>) -> Option<Self> {
        Some(Self {
            instance: label(INSTANCE_LABEL)?.clone(),
            run: label(RUN_LABEL)?.parse().ok()?,
        })
    }

    pub(crate) fn owns_label(name: &str) -> bool {
        name.starts_with(LABEL_PREFIX)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let is_fine = (1..=INSTANCE_BYTES_MAX).contains(&self.instance.len())
            && !self.instance.contains(char::is_control);
        if is_fine {
            Ok(())
        } else {
            Err(invalid(
                "mark",
                "the name of the server is empty or too long",
            ))
        }
    }
}

/// One thing that carries our mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkedThing {
    /// Its id; for a volume, its name.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The run it belongs to; `None` when its label does not name one.
    pub run: Option<BenchmarkId>,
    /// Whether it is a container that runs.
    pub is_running: bool,
}

/// Everything on a Docker Engine that carries one server's mark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marked {
    /// Running or not.
    pub containers: Vec<MarkedThing>,
    /// Networks.
    pub networks: Vec<MarkedThing>,
    /// Named volumes; anonymous ones carry no labels and go with their container.
    pub volumes: Vec<MarkedThing>,
}

impl Marked {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.networks.is_empty() && self.volumes.is_empty()
    }

    /// What belongs to `run`.
    #[must_use]
    pub fn of(&self, run: BenchmarkId) -> Self {
        let of_run = |things: &[MarkedThing]| {
            let it = things.iter().filter(|thing| thing.run == Some(run));
            it.cloned().collect()
        };
        Self {
            containers: of_run(&self.containers),
            networks: of_run(&self.networks),
            volumes: of_run(&self.volumes),
        }
    }
}

/// `container engine-1, volume cache`, for messages.
impl fmt::Display for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            ("container", &self.containers),
            ("network", &self.networks),
            ("volume", &self.volumes),
        ];
        let names: Vec<_> = kinds
            .into_iter()
            .flat_map(|(kind, things)| {
                things
                    .iter()
                    .map(move |thing| format!("{kind} {}", thing.name))
            })
            .collect();
        f.write_str(&names.join(", "))
    }
}

/// How much was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// With their anonymous volumes.
    pub containers: usize,
    /// Networks.
    pub networks: usize,
    /// Named volumes.
    pub volumes: usize,
}

impl Docker {
    /// Everything that carries the mark of the server `instance`.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn list_marked(&self, instance: &str) -> Result<Marked, Error> {
        let doing = "listing what this server left";
        let filters = HashMap::from([(
            "label".to_owned(),
            vec![format!("{INSTANCE_LABEL}={instance}")],
        )]);
        let containers = self.api.list_containers(Some(ListContainersOptions {
            all: true,
            filters: Some(filters.clone()),
            ..ListContainersOptions::default()
        }));
        let containers = self.ask(doing, CALL_TIMEOUT, containers).await?;
        let networks = self.api.list_networks(Some(ListNetworksOptions {
            filters: Some(filters.clone()),
        }));
        let networks = self.ask(doing, CALL_TIMEOUT, networks).await?;
        let volumes = self.api.list_volumes(Some(ListVolumesOptions {
            filters: Some(filters),
        }));
        let volumes = self.ask(doing, CALL_TIMEOUT, volumes).await?;
        let run_of = |labels: &HashMap<String, String>| {
            // The label decides, not the filter: an engine that ignored it must not cost anybody a container.
            (labels.get(INSTANCE_LABEL).map(String::as_str) == Some(instance))
                .then(|| labels.get(RUN_LABEL).and_then(|run| run.parse().ok()))
        };
        Ok(Marked {
            containers: containers
                .into_iter()
                .filter_map(|container| {
                    let id = container.id?;
                    Some(MarkedThing {
                        name: first_name(container.names.as_deref(), &id),
                        run: run_of(&container.labels.unwrap_or_default())?,
                        is_running: container
                            .state
                            .is_some_and(|state| state.to_string() == "running"),
                        id,
                    })
                })
                .collect(),
            networks: networks
                .into_iter()
                .filter_map(|network| {
                    let id = network.id?;
                    Some(MarkedThing {
                        name: network.name.unwrap_or_else(|| id.clone()),
                        run: run_of(&network.labels.unwrap_or_default())?,
                        is_running: false,
                        id,
                    })
                })
                .collect(),
            volumes: volumes
                .volumes
                .unwrap_or_default()
                .into_iter()
                .filter_map(|volume| {
                    Some(MarkedThing {
                        run: run_of(&volume.labels)?,
                        id: volume.name.clone(),
                        name: volume.name,
                        is_running: false,
                    })
                })
                .collect(),
        })
    }

    /// Kills and removes everything that carries the mark of `instance` and `run`, and verifies that it is
    /// gone. What is gone already is as good.
    ///
    /// # Errors
    /// [`Error::StillThere`] with what is left, and those of the connection. One thing that cannot be removed
    /// does not keep the others.
    pub async fn remove_marked(&self, instance: &str, run: BenchmarkId) -> Result<Removed, Error> {
        let found = self.list_marked(instance).await?.of(run);
        let mut first_error = None;
        for container in &found.containers {
            let id = ContainerId::of_daemon(&container.id);
            if let Err(error) = self.force_removal(&id).await {
                first_error.get_or_insert(error);
            }
        }
        for network in &found.networks {
            let removal = self.api.remove_network(&network.id);
            note(
                &mut first_error,
                self.ask("removing a network", CALL_TIMEOUT, removal).await,
            );
        }
        for volume in &found.volumes {
            note(&mut first_error, self.drop_volume(&volume.id).await);
        }
        let left = self.list_marked(instance).await?.of(run);
        if !left.is_empty() {
            return Err(first_error.unwrap_or(Error::StillThere {
                what: left.to_string(),
            }));
        }
        Ok(Removed {
            containers: found.containers.len(),
            networks: found.networks.len(),
            volumes: found.volumes.len(),
        })
    }

    /// Removes a volume of this Docker Engine; one that is gone already is as good.
    pub(crate) async fn drop_volume(&self, name: &str) -> Result<(), Error> {
        let removal = self
            .api
            .remove_volume(name, Some(RemoveVolumeOptions { force: true }));
        match self.ask("removing a volume", CALL_TIMEOUT, removal).await {
            Err(Error::Refused { status: 404, .. }) => Ok(()),
            other => other,
        }
    }
}

/// Keeps the first error that is not about something that is gone already.
fn note(first_error: &mut Option<Error>, result: Result<(), Error>) {
    match result {
        Ok(()) | Err(Error::Refused { status: 404, .. }) => {}
        Err(error) => {
            first_error.get_or_insert(error);
        }
    }
}

/// The name without the slash that the API puts before it.
pub(crate) fn first_name(names: Option<&[String]>, id: &str) -> String {
    names
        .and_then(<[String]>::first)
        .map_or(id, |name| name.trim_start_matches('/'))
        .to_owned()
}

/// A map's `get`, for [`Mark::from_labels`].
pub(crate) fn mark_of(labels: &HashMap<String, String>) -> Option<Mark> {
    Mark::from_labels(|name| labels.get(name))
}

/// Labels in order, for those who show them.
pub(crate) fn sorted(labels: HashMap<String, String>) -> BTreeMap<String, String> {
    labels.into_iter().collect()
}
