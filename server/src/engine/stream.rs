//! One answer on its way: it waits for its slot, then for each chunk's instant.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::Stream;
use tokio::sync::OwnedSemaphorePermit;

use super::Engine;
use super::log::LogEntry;
use super::schedule::Schedule;
use super::wire::{Events, Order, answer_text};

/// An answer that has its slot. Dropping it, at its end or because the client went away, writes its
/// line of the log and frees the slot.
pub(super) struct Answer {
    engine: Arc<Engine>,
    order: Order,
    schedule: Schedule,
    entry: LogEntry,
    _slot: OwnedSemaphorePermit,
}

impl Answer {
    pub(super) fn new(
        engine: Arc<Engine>,
        order: Order,
        number: u64,
        received_ns: u64,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        let schedule = engine
            .pace
            .schedule(number, order.prompt_tokens, order.output_tokens);
        let entry = LogEntry {
            request: number,
            prompt_sha256: order.prompt_sha256.clone(),
            prompt_tokens: order.prompt_tokens,
            received_ns,
            started_ns: engine.now_ns(),
            ..LogEntry::default()
        };
        Self {
            engine,
            order,
            schedule,
            entry,
            _slot: slot,
        }
    }

    /// Waits for the next chunk's instant and gives its text; `None` after the last.
    async fn next_text(&mut self) -> Option<String> {
        let chunk = self.schedule.next()?;
        let due_ns = self.entry.started_ns + chunk.offset_ns;
        self.engine
            .timer
            .sleep_until(self.engine.zero + Duration::from_nanos(due_ns))
            .await;
        let text = answer_text(self.entry.output_tokens, chunk.tokens);
        self.entry.output_tokens += chunk.tokens;
        self.entry.due_ns.push(due_ns);
        Some(text)
    }

    fn note_sent(&mut self) {
        let now_ns = self.engine.now_ns();
        self.entry.sent_ns.push(now_ns);
    }

    /// The body of a streamed answer.
    pub(super) fn into_stream(self, events: Events) -> Body {
        Body::from_stream(self.frames(events))
    }

    fn frames(self, events: Events) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
        futures::stream::unfold((self, events), |(mut answer, events)| async move {
            if answer.entry.is_complete {
                return None;
            }
            let is_first = answer.entry.due_ns.is_empty();
            let frame = if let Some(text) = answer.next_text().await {
                let mut frame = if is_first {
                    events.opening()
                } else {
                    String::new()
                };
                frame.push_str(&events.text(&text));
                answer.note_sent();
                frame
            } else {
                answer.entry.is_complete = true;
                events.closing(&answer.order)
            };
            Some((Ok(Bytes::from(frame)), (answer, events)))
        })
    }

    /// Waits for the last chunk's instant, for an answer that does not stream.
    pub(super) async fn wait_for_whole(mut self) -> Order {
        while self.next_text().await.is_some() {
            self.note_sent();
        }
        self.entry.is_complete = true;
        self.order.clone()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.entry.finished_ns = self.engine.now_ns();
        if let Some(log) = &self.engine.log {
            log.append(&self.entry);
        }
    }
}
