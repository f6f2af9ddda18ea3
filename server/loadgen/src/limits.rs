//! Open files: one per connection.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::error::LoadError;

/// Open files that the process needs beside its connections.
const FILES_RESERVED: u64 = 128;
/// Most requests of one process in flight at once in open loop, if the system allows them.
const IN_FLIGHT_MAX: u64 = 20_000;

/// Raises the limit of open files as far as the system lets it and says how many requests may be in
/// flight at once. Refuses when these are fewer than `needed`.
pub(crate) fn raise_in_flight_limit(needed: u32) -> Result<usize, LoadError> {
    let allowed = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) if soft < hard => match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
            Ok(()) => hard,
            Err(_) => soft,
        },
        Ok((soft, _)) => soft,
        // A system that does not tell is taken at its word when a connection fails.
        Err(_) => u64::MAX,
    };
    in_flight_limit(u64::from(needed), allowed)
}

fn in_flight_limit(needed: u64, allowed: u64) -> Result<usize, LoadError> {
    let room = allowed.saturating_sub(FILES_RESERVED);
    if needed.max(1) > room {
        return Err(LoadError::FileLimit {
            needed: needed.max(1) + FILES_RESERVED,
            allowed,
        });
    }
    Ok(usize::try_from(room.min(IN_FLIGHT_MAX)).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_open_files_are_refused_before_the_run() {
        assert_eq!(in_flight_limit(64, 1_024).unwrap(), 1_024 - 128);
        assert_eq!(in_flight_limit(0, u64::MAX).unwrap(), 20_000);
        let refused = in_flight_limit(2_048, 1_024).unwrap_err().to_string();
        assert!(
            refused.contains("2176") && refused.contains("1024"),
            "{refused}"
        );
        assert!(in_flight_limit(0, 100).is_err());
    }
}
