//! The run: a journal of events, the state folded from it, and a state machine without I/O.

pub mod event;
pub mod machine;
pub mod state;
pub mod warm;

pub use event::{JournalEntry, RunEvent, Stage, StageProgress};
pub use machine::{Effect, Input, may_keep_engine, step};
pub use state::{RunState, RunStatus, StageState, StageStatus};
pub use warm::{TakenOver, WarmEngine};
