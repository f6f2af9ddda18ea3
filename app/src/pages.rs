//! The pages, one module each.

pub mod benchmark;
pub mod clusters;
pub mod definitions;
pub mod found_engines;
pub mod history;
pub mod models;
pub mod new;
pub mod not_found;
pub mod parts;
pub mod people;
pub mod plan_facts;
pub mod rights;
pub mod settings;
pub mod setup;
pub mod sign_in;
pub mod tokens;
pub mod wording;
