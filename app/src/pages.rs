//! The pages, one module each.

pub mod api_reference;
pub mod benchmark;
pub mod catalogue_list;
pub mod clusters;
pub mod credentials;
pub mod datasets;
pub mod definitions;
pub mod found_engines;
pub mod history;
pub mod models;
pub mod new;
pub mod not_found;
pub mod parts;
pub mod people;
pub mod plan_facts;
pub mod put_away;
pub mod rights;
pub mod settings;
pub mod setup;
pub mod sign_in;
pub mod spending_facts;
pub mod tokens;
pub mod used_by;
pub mod wording;
