//! The journal of one benchmark, entry by entry, until its run has ended.

use axum::response::sse::Event;
use domain::id::BenchmarkId;
use domain::run::RunEvent;
use service::benchmarks::{get_benchmark, read_journal};
use tokio::time::Instant;

use super::{End, HEARTBEAT_EVERY, Stream, event_of};

/// Entries read at once.
const ENTRIES_AT_ONCE: u32 = 500;

impl Stream {
    /// Sends every entry after the number `after` as `journal`, then `end`.
    pub(super) async fn tell_journal(&self, id: BenchmarkId, mut after: i64) -> Result<(), End> {
        let mut status_look_at = Instant::now();
        loop {
            let entries = read_journal(&self.ctx, &self.actor, id, after, ENTRIES_AT_ONCE).await?;
            let is_caught_up = entries.is_empty();
            for entry in entries {
                after = entry.seq;
                let event = event_of("journal", &entry)?.id(entry.seq.to_string());
                self.send(event).await?;
                if matches!(entry.event, RunEvent::Finished { .. }) {
                    return self.tell_end().await;
                }
            }
            if !is_caught_up {
                continue;
            }
            // The end itself may lie before `after`: then only the status tells.
            if Instant::now() >= status_look_at {
                status_look_at = Instant::now() + HEARTBEAT_EVERY;
                if get_benchmark(&self.ctx, &self.actor, id)
                    .await?
                    .status
                    .is_terminal()
                {
                    return self.tell_end().await;
                }
            }
            self.pause().await;
        }
    }

    async fn tell_end(&self) -> Result<(), End> {
        self.send(Event::default().event("end").data("ended"))
            .await?;
        Err(End::Told)
    }
}
