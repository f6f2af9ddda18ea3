//! Being asked to stop: by a person's interrupt or by a supervisor's SIGTERM.

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears the signals that ask to stop, from its making on.
#[cfg(unix)]
pub(super) struct StopSignal {
    interrupt: Signal,
    terminate: Signal,
}

#[cfg(unix)]
impl StopSignal {
    /// Begins to hear them.
    ///
    /// # Errors
    /// When the system does not let this process hear them.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the first one; its name.
    pub(super) async fn wait(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// Hears an interrupt.
#[cfg(not(unix))]
pub(super) struct StopSignal;

#[cfg(not(unix))]
impl StopSignal {
    /// Nothing to begin here.
    ///
    /// # Errors
    /// Never.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    /// Waits for an interrupt.
    pub(super) async fn wait(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "interrupt"
    }
}
