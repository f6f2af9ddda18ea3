//! How engines are run in containers: a Docker Engine, near or far, through its API.
//!
//! The crate knows containers, images and labels; it knows nothing of plans, of the database or of pages.
//! What is to be run comes in as a [`ContainerSpec`], and everything made carries a [`Mark`] from its first
//! moment, so that whatever is left by a crash or a dropped future is found by [`Docker::list_marked`].
//!
//! Invariants:
//! - a container is never privileged, gains no capability, shares no namespace of its host, may not gain
//!   privileges, never restarts by itself, and has a bounded log and a bounded number of processes;
//! - host folders come in only from an allow-list ([`MountRules`]), resolved before they are compared;
//! - a port is published on a private address only, and the Docker Engine chooses a free one;
//! - secret values appear in no error, no `Debug` and no log: what carries them (creating and inspecting a
//!   container) goes past `bollard`, which logs the bodies of its requests and answers;
//! - nothing without our mark is stopped or removed;
//! - every call has a time limit, every answer, line and list a bound.
//!
//! Every future may be dropped at any point: a pull that is dropped stops; a container that was being created
//! either does not exist or carries its mark, and may appear a moment after the drop (so whoever cleans up after
//! a cancelled creation looks once more later).
//!
//! Deliberately absent: building and pushing images, exec, attach, compose, networks and volumes of our own
//! making (they are only found and removed), reading the Docker client's own configuration or credentials, SSH
//! (whoever reaches a host by SSH forwards its socket and gives the local end), Windows containers.

mod address;
mod client;
mod container;
mod error;
mod image;
mod info;
mod logs;
mod marked;
mod mounts;
mod progress;
mod reference;
mod request;
mod spec;
mod transport;

pub use address::Address;
pub use client::{Docker, Reach};
pub use container::{ContainerId, ContainerState, ContainerStatus, Created};
pub use error::Error;
pub use image::{Image, RegistryLogin};
pub use info::{ContainerFacts, HostInfo};
pub use logs::{LogLine, LogSource, LogStart};
pub use marked::{INSTANCE_LABEL, Mark, Marked, MarkedThing, RUN_LABEL, Removed};
pub use mounts::{HostFiles, MountRules};
pub use progress::PullProgress;
pub use reference::ImageReference;
pub use spec::{Accelerators, ContainerSpec, EnvValue, Limits, Mount, PublishedPort};
