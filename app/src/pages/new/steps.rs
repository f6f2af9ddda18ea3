//! The steps of the wizard, one file each.

pub mod answer_fields;
pub mod basic;
pub mod cluster;
pub mod confirm;
pub mod credential;
pub mod dataset_prompts;
pub mod evaluation;
pub mod execute;
pub mod load_preview;
pub mod model;
pub mod nodes;
pub mod synthetic_prompts;
