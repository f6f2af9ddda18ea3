//! Engines that are kept between the runs of one group: warm engines.

use serde::{Deserialize, Serialize};

use crate::id::BenchmarkId;

/// Which runs an engine comes from that was not started for the run it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenOver {
    /// The run that started it.
    pub started_by: BenchmarkId,
    /// The number of that run in the group.
    pub started_by_index: u32,
    /// The number of the run that had it last.
    pub last_index: u32,
}

impl TakenOver {
    /// `warm: taken over from run 2, started by run 1`.
    pub fn in_words(&self) -> String {
        let from = format!("warm: taken over from run {}", self.last_index);
        if self.started_by_index == self.last_index {
            format!("{from}, which started it")
        } else {
            format!("{from}, started by run {}", self.started_by_index)
        }
    }
}

/// An engine that waits for the next run of its group, or serves it: what is needed to find it again.
/// It carries the mark of the run that started it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmEngine {
    /// The runs it comes from.
    pub from: TakenOver,
    /// Its process id on its node; 0 for a container.
    pub process_id: u32,
    /// The name of its container.
    #[serde(default)]
    pub container: Option<String>,
    /// Where it answers on its own node.
    pub url_on_node: String,
    /// What was started, as one would type it.
    pub command: String,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn where_it_comes_from_is_said_in_words() {
        let mut from = TakenOver {
            started_by: BenchmarkId(Uuid::nil()),
            started_by_index: 1,
            last_index: 1,
        };
        assert_eq!(
            from.in_words(),
            "warm: taken over from run 1, which started it"
        );
        from.last_index = 2;
        assert_eq!(
            from.in_words(),
            "warm: taken over from run 2, started by run 1"
        );
    }
}
