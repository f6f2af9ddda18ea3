//! Reads everything that the libraries log while the tests run, at every level.

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use log::{LevelFilter, Log, Metadata, Record};

/// Begins each secret of the tests.
pub(crate) const SECRET_START: &str = "s3cret";
/// The same inside a header, at each of the three offsets.
const IN_BASE64: [&str; 3] = ["czNjcmV0", "MzY3Jld", "M2NyZX"];

static RECORDS: AtomicUsize = AtomicUsize::new(0);
static LEAKS: AtomicUsize = AtomicUsize::new(0);

struct Watch;

impl Log for Watch {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        let text = record.args().to_string();
        let leaks = text.contains(SECRET_START) || IN_BASE64.iter().any(|part| text.contains(part));
        RECORDS.fetch_add(1, Ordering::Relaxed);
        LEAKS.fetch_add(usize::from(leaks), Ordering::Relaxed);
    }

    fn flush(&self) {}
}

/// Begins to read, once for all tests.
pub(crate) fn begin() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        log::set_logger(&Watch).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
}

/// That there was something to read, and no secret in it.
pub(crate) fn assert_no_secret() {
    assert_ne!(
        RECORDS.load(Ordering::Relaxed),
        0,
        "nothing was logged at all"
    );
    assert_eq!(LEAKS.load(Ordering::Relaxed), 0, "a secret was logged");
}
