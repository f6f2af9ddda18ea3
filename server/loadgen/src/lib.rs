//! Makes load: sends the requests of a plan and records what really happened to each.
//!
//! Invariants:
//! - every request sent has exactly one record, and a failed one keeps its row;
//! - instants are monotonic nanoseconds since the start of the run, taken at the socket: just
//!   before the first byte of a request is written, and when the bytes of a chunk arrived;
//! - the arrival process is never thinned: what cannot be sent on time is sent late and counted;
//! - nothing is prepared inside the measured path that can be prepared before it.
//!
//! Deliberately absent: files but those of datasets, SQL, knowledge of workflows, judgement (that is `domain::measure`).

mod answer;
mod budget;
mod chunk;
mod client;
mod clock;
mod endpoint;
mod error;
mod exchange;
mod headers;
mod host;
mod http1;
mod intake;
mod interrupt;
mod limits;
mod live;
mod openai;
mod outcome;
mod pacing;
mod plan;
mod prompts;
mod reader;
mod run;
mod schedule;
mod session;
mod socket;
mod sse;
mod template;
mod threads;
mod trace;
mod wire;

pub use error::LoadError;
pub use outcome::LoadOutcome;
pub use prompts::{InspectedDataset, inspect_dataset};
pub use run::run;
pub use trace::{InspectedTrace, inspect_trace};
