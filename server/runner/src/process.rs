//! Processes of runs: how they are marked when they start, found again, and stopped.

pub(crate) mod scan;
pub(crate) mod stop;

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use domain::id::BenchmarkId;
use tokio::process::Command;

/// Environment variable that carries the id of the run a process belongs to.
pub(crate) const RUN_VARIABLE: &str = "ASSAY_RUN_ID";
/// Environment variable that carries the data directory the run belongs to, so that two servers of
/// one machine leave each other's processes alone.
pub(crate) const INSTANCE_VARIABLE: &str = "ASSAY_INSTANCE";
/// Holds the process id of a run's engine, in the folder of the run.
pub(crate) const ENGINE_PROCESS_FILE: &str = "engine.pid";

/// The data directory as it is written into the environment of processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance(PathBuf);

impl Instance {
    /// Of an existing data directory.
    pub(crate) fn of(data_dir: &Path) -> io::Result<Self> {
        data_dir.canonicalize().map(Self)
    }
}

/// Prepares a command of a run: its mark, a process group of its own, and none of the server's
/// secrets.
pub(crate) fn prepare_command(command: &mut Command, instance: &Instance, run: BenchmarkId) {
    for (name, _) in env::vars_os() {
        let is_ours = name
            .to_str()
            .is_some_and(|name| name.starts_with("ASSAY_") || name == "DATABASE_URL");
        if is_ours {
            command.env_remove(name);
        }
    }
    command
        .env(RUN_VARIABLE, run.to_string())
        .env(INSTANCE_VARIABLE, &instance.0)
        .process_group(0);
}

/// Notes the engine's process, for the case that its environment cannot be read later: a process
/// that sets its title writes over it.
pub(crate) fn note_engine(run_folder: &Path, process_id: u32) -> io::Result<()> {
    let birth = scan::birth_of(process_id).unwrap_or_default();
    fs::write(
        run_folder.join(ENGINE_PROCESS_FILE),
        format!("{process_id} {} {}\n", scan::boot_id(), birth),
    )
}

/// The noted engine's process group, unless its number may belong to somebody else by now.
pub(crate) fn noted_engine(run_folder: &Path) -> Option<u32> {
    let text = fs::read_to_string(run_folder.join(ENGINE_PROCESS_FILE)).ok()?;
    let mut words = text.trim_end().splitn(3, ' ');
    let process_id: u32 = words.next()?.parse().ok()?;
    let is_same_boot = words.next()? == scan::boot_id();
    let birth = words.next()?;
    // Without a leader the number stays taken as long as the group has members.
    let is_same_process = scan::birth_of(process_id).is_none_or(|now| now == birth);
    (is_same_boot && is_same_process).then_some(process_id)
}

/// The noted engine's process, if it still lives.
pub(crate) fn living_engine(run_folder: &Path) -> Option<u32> {
    noted_engine(run_folder).filter(|process_id| scan::is_alive(*process_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noted_engine_is_known_by_its_birth() {
        let folder = testkit::data_dir();
        assert_eq!(noted_engine(folder.path()), None);
        let own = std::process::id();
        note_engine(folder.path(), own).unwrap();
        assert_eq!(noted_engine(folder.path()), Some(own));
        assert_eq!(living_engine(folder.path()), Some(own));
        let file = folder.path().join(ENGINE_PROCESS_FILE);
        let later = fs::read_to_string(&file).unwrap().replace('\n', "1\n");
        fs::write(&file, later).unwrap();
        assert_eq!(noted_engine(folder.path()), None);
    }
}
