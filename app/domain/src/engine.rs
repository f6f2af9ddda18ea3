//! Engines: which presets exist, and how a choice becomes a command line.

pub mod command;
pub mod preset;

pub use command::{EngineCommand, render_command};
pub use preset::{EngineChoice, EngineForm, EnginePreset};
