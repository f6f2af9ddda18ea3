//! Looking through the processes of this machine (`/proc`).
//!
//! On systems without `/proc` nothing is found by mark; the noted process group is what is left.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use domain::id::BenchmarkId;

use super::{INSTANCE_VARIABLE, Instance, RUN_VARIABLE};

/// Most bytes read of one process's environment.
const ENVIRONMENT_BYTES_MAX: u64 = 4 << 20;

/// A living process, as far as it matters here.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) process_id: u32,
    pub(crate) group_id: u32,
    /// The run whose mark it carries.
    pub(crate) run: Option<BenchmarkId>,
}

/// Every living process, with its mark if it is one of this instance. This process is not among
/// them.
pub(crate) fn list_processes(instance: &Instance) -> Vec<Found> {
    let own = std::process::id();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|process_id| *process_id != own)
        .filter_map(|process_id| {
            let stat = Stat::read(process_id)?;
            stat.is_alive.then(|| Found {
                process_id,
                group_id: stat.group_id,
                run: read_mark(process_id, instance),
            })
        })
        .collect()
}

/// Runs that have a marked process.
pub(crate) fn list_runs(instance: &Instance) -> BTreeSet<BenchmarkId> {
    list_processes(instance)
        .into_iter()
        .filter_map(|found| found.run)
        .collect()
}

/// When a process was started, in ticks since the start of the system; `None` when there is no such
/// process.
pub(crate) fn birth_of(process_id: u32) -> Option<String> {
    Stat::read(process_id).map(|stat| stat.started)
}

/// Whether a process of that number runs. One that has ended and whose parent has not looked yet does not.
pub(crate) fn is_alive(process_id: u32) -> bool {
    Stat::read(process_id).is_some_and(|stat| stat.is_alive)
}

/// Which start of the system this is; `-` where that is not told.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| "-".to_owned(), |id| id.trim().to_owned())
}

/// The process group of this process.
pub(crate) fn own_group() -> u32 {
    u32::try_from(nix::unistd::getpgrp().as_raw()).unwrap_or_default()
}

fn read_mark(process_id: u32, instance: &Instance) -> Option<BenchmarkId> {
    let mut environment = Vec::new();
    File::open(format!("/proc/{process_id}/environ"))
        .ok()?
        .take(ENVIRONMENT_BYTES_MAX)
        .read_to_end(&mut environment)
        .ok()?;
    let value = |name: &str| {
        environment.split(|byte| *byte == 0).find_map(|variable| {
            variable
                .strip_prefix(name.as_bytes())?
                .strip_prefix(b"=".as_slice())
        })
    };
    let is_ours = value(INSTANCE_VARIABLE)? == instance.0.as_os_str().as_bytes();
    let run = std::str::from_utf8(value(RUN_VARIABLE)?).ok()?;
    is_ours.then(|| run.parse().ok()).flatten()
}

/// A line of `/proc/<id>/stat`.
struct Stat {
    is_alive: bool,
    group_id: u32,
    started: String,
}

impl Stat {
    fn read(process_id: u32) -> Option<Self> {
        let path = format!("/proc/{process_id}/stat");
        Self::parse(&fs::read_to_string(Path::new(&path)).ok()?)
    }

    fn parse(line: &str) -> Option<Self> {
        // The name in parentheses may hold anything; the fields after it count from the third.
        let (_, rest) = line.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        let state = fields.next()?;
        let group_id = fields.nth(1)?.parse().ok()?;
        let started = fields.nth(16)?.to_owned();
        Some(Self {
            // A zombie is gone; only its parent has not looked yet.
            is_alive: !matches!(state, "Z" | "X" | "x"),
            group_id,
            started,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_stat_line_whatever_the_name() {
        let line = "42 (a) Z 1) S 1 40 39 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 777 8888 9";
        let stat = Stat::parse(line).unwrap();
        assert!(stat.is_alive);
        assert_eq!((stat.group_id, stat.started.as_str()), (40, "777"));
        assert!(!Stat::parse(&line.replace("1) S", "1) Z")).unwrap().is_alive);
    }
}
