//! The threads that make the load. Each has a runtime of its own with the connections of its users, so that
//! nothing moves from thread to thread between a socket and a time stamp.

use std::cell::Cell;
use std::io;
use std::num::NonZero;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// Most threads: more would take cores from an engine on the same machine.
pub(crate) const THREADS_MAX: usize = 4;
/// Users that one thread serves with ease: at 50 chunks/s each it is less than a quarter busy. The fewer threads share
/// them, the more chunks each finds when it wakes, and the more of the machine is left to an engine on it.
const USERS_OF_A_THREAD: usize = 512;

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

/// The threads. They end when this is dropped, and with them what still runs on them.
pub(crate) struct LoadThreads {
    handles: Vec<Handle>,
    _ended: tokio_util::sync::DropGuard,
}

impl LoadThreads {
    /// As many as the users need, but no more than there are cores.
    pub(crate) fn start(users_max: usize) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let ended = CancellationToken::new();
        let needed = users_max.div_ceil(USERS_OF_A_THREAD).max(1);
        let handles = (0..needed.min(cores).min(THREADS_MAX))
            .map(|number| {
                let runtime = Builder::new_current_thread().enable_all().build()?;
                let (handle, ended) = (runtime.handle().clone(), ended.clone());
                std::thread::Builder::new()
                    .name(format!("load-{number}"))
                    .spawn(move || {
                        NUMBER.set(number);
                        runtime.block_on(ended.cancelled());
                    })?;
                Ok(handle)
            })
            .collect::<io::Result<_>>()?;
        Ok(Self {
            handles,
            _ended: ended.drop_guard(),
        })
    }

    /// How many.
    pub(crate) fn count(&self) -> usize {
        self.handles.len()
    }

    /// The runtime of the thread whose turn it is at `turn`.
    pub(crate) fn of_turn(&self, turn: usize) -> Option<&Handle> {
        self.handles.get(turn % self.handles.len().max(1))
    }
}

/// The number of the load thread that asks; 0 for others.
pub(crate) fn current_number() -> usize {
    NUMBER.get()
}
