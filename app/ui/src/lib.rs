//! The parts every page is made of: presentational components, number formats and charts.
//!
//! Invariants:
//! - a component shows what it is given: it fetches nothing, knows no route and no server function;
//! - the same input gives the same HTML on the server and in the browser: no clock, no random id,
//!   no locale; ids come from the caller or from field names;
//! - no inline styles: the content security policy refuses them. Looks are classes of `style/`;
//! - whatever only reads works without JavaScript; what needs it carries the class `needs-script`;
//! - every component erases the type of its view, so that the types of whole pages stay small
//!   enough for the compiler;
//! - colour never stands alone: a [`tone::Tone`] brings its shape, and the caller its word.
//!
//! Deliberately absent: server functions, routes, fetches, feature flags.

pub mod badge;
pub mod banner;
pub mod button;
pub mod card;
pub mod chart;
pub mod code;
#[cfg(test)]
mod contrast;
pub mod definition;
pub mod dialog;
pub mod feedback;
pub mod field;
pub mod figure;
pub mod format;
pub mod key_value;
pub mod layout;
pub mod log_view;
pub mod pager;
pub mod progress;
pub mod stages;
pub mod stepper;
pub mod table;
pub mod tabs;
pub mod theme;
pub mod toast;
pub mod tone;
