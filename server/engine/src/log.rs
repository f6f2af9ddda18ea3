//! What the engine really sent, one JSON line per request.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use domain::measure::truth::SentAnswer;

/// How long a line may wait to be written.
const WRITE_PERIOD: Duration = Duration::from_millis(100);

/// The log file. Lines are put together and written by a thread of their own, so that a disk that is
/// slow delays no chunk.
pub(crate) struct EngineLog {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    ended: Condvar,
}

#[derive(Default)]
struct Waiting {
    entries: Vec<SentAnswer>,
    is_ended: bool,
}

impl EngineLog {
    /// A new log.
    pub(crate) fn create(path: &Path) -> std::io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        let shared = Arc::new(Shared::default());
        let of_writer = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("engine-log".to_owned())
            .spawn(move || of_writer.write(file))?;
        Ok(Self {
            shared,
            writer: Mutex::new(Some(writer)),
        })
    }

    /// Appends a line.
    pub(crate) fn append(&self, entry: SentAnswer) {
        self.shared.lock().entries.push(entry);
    }

    /// Writes what waits, and ends.
    pub(crate) fn finish(&self) {
        self.shared.lock().is_ended = true;
        self.shared.ended.notify_all();
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer {
            // A thread that panicked has said so.
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // Whole between any two statements that hold it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A log that cannot be written must not change what is measured: errors are dropped.
    fn write(&self, mut file: BufWriter<File>) {
        loop {
            let waiting = self.lock();
            let (mut waiting, _) = self
                .ended
                .wait_timeout_while(waiting, WRITE_PERIOD, |waiting| !waiting.is_ended)
                .unwrap_or_else(PoisonError::into_inner);
            let is_ended = waiting.is_ended;
            let entries = std::mem::take(&mut waiting.entries);
            drop(waiting);
            for entry in &entries {
                let Ok(mut line) = serde_json::to_vec(entry) else {
                    continue;
                };
                line.push(b'\n');
                let _ = file.write_all(&line);
            }
            let _ = file.flush();
            if is_ended {
                return;
            }
        }
    }
}
