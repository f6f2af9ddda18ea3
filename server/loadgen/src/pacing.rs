//! When requests go out: as many users as asked for, or a schedule.

mod closed;
mod open;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::prompts::{PreparedRequest, PromptMaker};
use crate::session::Session;

pub(crate) use closed::{ClosedLoop, LoopEnd};
pub(crate) use open::OpenLoop;

/// Connections opened at once before the first send.
const OPENING_COUNT_MAX: usize = 64;
/// Requests that wait ready beside those made ahead.
const READY_COUNT: usize = 256;

/// Where users get their next request from, in the order of the plan.
pub(crate) struct Source {
    ready: Mutex<std::vec::IntoIter<PreparedRequest>>,
    more: Option<tokio::sync::Mutex<mpsc::Receiver<PreparedRequest>>>,
}

impl Source {
    /// These requests and no more.
    pub(crate) fn of(requests: Vec<PreparedRequest>) -> Self {
        Self {
            ready: Mutex::new(requests.into_iter()),
            more: None,
        }
    }

    /// These requests, then what the maker makes on a thread of its own for as long as this lives.
    pub(crate) fn endless(
        requests: Vec<PreparedRequest>,
        mut maker: PromptMaker,
        session: Arc<Session>,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(READY_COUNT);
        std::thread::Builder::new()
            .name("prompts".to_owned())
            .spawn(move || {
                loop {
                    match maker.next_request(&session.counter) {
                        Ok(Some(request)) => {
                            if sender.blocking_send(request).is_err() {
                                break;
                            }
                        }
                        Ok(None) => break,
                        Err(error) => {
                            session.note_fault(error);
                            break;
                        }
                    }
                }
            })?;
        Ok(Self {
            ready: Mutex::new(requests.into_iter()),
            more: Some(tokio::sync::Mutex::new(receiver)),
        })
    }

    /// The next request, or `None` when there are no more.
    pub(crate) async fn next(&self) -> Option<PreparedRequest> {
        let ready = self
            .ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next();
        match (&ready, &self.more) {
            (None, Some(more)) => more.lock().await.recv().await,
            _ => ready,
        }
    }
}
