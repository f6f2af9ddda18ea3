//! The steps of the wizard, one file each.

pub mod basic;
pub mod cluster;
pub mod confirm;
pub mod credential;
pub mod evaluation;
pub mod execute;
pub mod model;
pub mod nodes;
