//! The selftest: the reference engine and the load process on this machine, level by level, and the
//! whole of it as a child of the server.

mod child;
mod level;

pub use child::carry_out;
pub use level::{LevelRun, measure_level};
