//! Waiting for a condition, never for a time.

use std::thread;
use std::time::{Duration, Instant};

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks until `look` gives something, and returns it.
///
/// # Panics
///
/// When nothing came within `within`; `what` names the thing in the message, as in
/// "waited 5.0 s for the engine to stop".
pub fn wait_until<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            started.elapsed() < within,
            "waited {:.1} s for {what}",
            within.as_secs_f64()
        );
        thread::sleep(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_what_was_found() {
        let mut looks = 0;
        let found = wait_until("the third look", Duration::from_secs(5), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found, 3);
    }

    #[test]
    #[should_panic(expected = "waited 0.0 s for what never comes")]
    fn gives_up_at_the_deadline() {
        wait_until("what never comes", Duration::ZERO, || None::<()>);
    }
}
