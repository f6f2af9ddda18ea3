//! Engines: which presets exist, and how a choice becomes a command line.

mod archive;
pub mod command;
pub mod container;
mod image_name;
mod listen;
pub mod preset;
pub mod runs_as;
mod upstream;

pub use archive::ENGINE_BLANK;
pub use command::{EngineCommand, model_in_container, render_command};
pub use container::{ContainerAccelerators, ContainerChoice, ContainerForm, ContainerMount};
pub use image_name::{IMAGE_NAME_BYTES_MAX, ImageVersion, check_image_name};
pub use listen::is_private;
pub use preset::{EngineChoice, EngineForm, EnginePreset, PROXY_CONFIG_FILE};
pub use runs_as::RunsAs;
pub use upstream::ProxyUpstream;
