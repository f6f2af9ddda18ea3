//! Server functions: extract, call `service`, map the error. The only way from a page to data.

pub mod benchmarks;
pub mod catalogue;
pub mod codec;
#[cfg(feature = "ssr")]
pub mod context;
pub mod credentials;
pub mod datasets;
pub mod error;
pub mod machines;
pub mod people;
pub mod reference;
pub mod selftests;
pub mod session;
pub mod system;
pub mod tokens;
pub mod workflows;

#[cfg(feature = "ssr")]
pub use context::RequestContext;
pub use error::ApiError;
