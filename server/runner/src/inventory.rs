//! What a machine has, as its own files and tools tell it. The same questions are asked of this machine
//! and of one that is far away; what a machine has no answer to stays unknown.

mod linux;
mod lscpu;
mod nvidia;
mod rocm;

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use domain::catalogue::Inventory;
use domain::time::Timestamp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;

/// Most bytes of an answer that are read.
pub(crate) const ANSWER_BYTES_MAX: u64 = 4 << 20;
/// How long a machine may take for one answer; `nvidia-smi` takes seconds where no daemon keeps the driver
/// loaded.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Something a machine is asked for, by the words of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    HostName,
    Kernel,
    Os,
    Cpu,
    Memory,
    Disk,
    Nvidia,
    NvidiaLinks,
    Rocm,
    Docker,
}

impl Question {
    /// All, in the order in which the answers are taken in.
    pub(crate) const ALL: [Self; 10] = [
        Self::HostName,
        Self::Kernel,
        Self::Os,
        Self::Cpu,
        Self::Memory,
        Self::Disk,
        Self::Nvidia,
        Self::NvidiaLinks,
        Self::Rocm,
        Self::Docker,
    ];

    /// The command that answers it, without a shell.
    pub(crate) fn words(self) -> &'static [&'static str] {
        match self {
            Self::HostName => &["uname", "-n"],
            Self::Kernel => &["uname", "-r"],
            Self::Os => &["cat", "/etc/os-release"],
            Self::Cpu => &["lscpu", "-J"],
            Self::Memory => &["cat", "/proc/meminfo"],
            Self::Disk => &["df", "-P", "-k", "."],
            Self::Nvidia => &["nvidia-smi", "-q", "-x"],
            Self::NvidiaLinks => &["nvidia-smi", "topo", "-m"],
            Self::Rocm => &[
                "rocm-smi",
                "--showproductname",
                "--showmeminfo",
                "vram",
                "--showuniqueid",
                "--showdriverversion",
                "--showtopo",
                "--json",
            ],
            // Of the engine, and not of the command: without one nothing can be run.
            Self::Docker => &[
                "docker",
                "version",
                "--format",
                "Docker {{.Server.Version}}",
            ],
        }
    }

    /// Takes in what the command printed.
    pub(crate) fn add(self, answer: &str, inventory: &mut Inventory) {
        let word = answer.trim();
        match self {
            Self::HostName => word.clone_into(&mut inventory.hostname),
            Self::Kernel => word.clone_into(&mut inventory.kernel),
            Self::Os => {
                if let Some(name) = linux::os_name(answer) {
                    inventory.os = name;
                }
            }
            Self::Cpu => lscpu::add(answer, inventory),
            Self::Memory => {
                if let Some(bytes) = linux::memory_bytes(answer) {
                    inventory.memory_bytes = bytes;
                }
            }
            Self::Disk => inventory.disk = linux::disk(answer),
            Self::Nvidia => inventory.accelerators = nvidia::devices(answer),
            Self::NvidiaLinks => nvidia::add_links(answer, &mut inventory.accelerators),
            Self::Rocm => {
                if inventory.accelerators.is_empty() {
                    inventory.accelerators = rocm::devices(answer);
                }
            }
            Self::Docker => {
                inventory.container_runtime = (!word.is_empty()).then(|| word.to_owned());
            }
        }
    }
}

/// Reads what this machine has; `read_at` is noted in it. Takes some milliseconds (seconds where
/// `nvidia-smi` is slow) and blocks: call it where blocking is allowed.
pub fn read_inventory(read_at: Timestamp) -> Inventory {
    // It knows systems without these commands, and machines without all of them.
    let what = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(what);
    let brand = system.cpus().first().map(|cpu| cpu.brand().trim());
    let mut inventory = Inventory {
        read_at,
        hostname: host_name(),
        os: System::long_os_version().unwrap_or_else(|| std::env::consts::OS.to_owned()),
        kernel: System::kernel_version().unwrap_or_default(),
        cpu_model: brand.unwrap_or_default().to_owned(),
        cpu_core_count: u32::try_from(system.cpus().len()).unwrap_or(u32::MAX),
        memory_bytes: system.total_memory(),
        ..Inventory::default()
    };
    for question in Question::ALL {
        if let Some(answer) = ask_this_machine(question) {
            question.add(&answer, &mut inventory);
        }
    }
    if inventory.architecture.is_empty() {
        std::env::consts::ARCH.clone_into(&mut inventory.architecture);
    }
    if inventory.cpu_model.is_empty() {
        inventory.cpu_model.clone_from(&inventory.architecture);
    }
    inventory
}

/// The same, with the Docker Engine that runs on this machine are given: the account's own `docker` command
/// may be missing, or reach another.
///
/// # Errors
///
/// When reading it broke off.
pub async fn read_this_machine(
    read_at: Timestamp,
    docker: &docker::Address,
) -> Result<Inventory, JoinError> {
    let mut inventory = spawn_blocking(move || read_inventory(read_at)).await?;
    let version = async {
        let docker = docker::Docker::connect(docker.clone()).await.ok()?;
        Some(docker.info().await.ok()?.version)
    };
    let version = timeout(ANSWER_WITHIN, version).await.ok().flatten();
    inventory.container_runtime = version.map(|version| format!("Docker {version}"));
    Ok(inventory)
}

/// The host name; `localhost` when the machine has none.
pub fn host_name() -> String {
    System::host_name().unwrap_or_else(|| "localhost".to_owned())
}

/// What a command of this machine prints, if it ends well and in time.
fn ask_this_machine(question: Question) -> Option<String> {
    let (program, arguments) = question.words().split_first()?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let process = Pid::from_raw(i32::try_from(child.id()).ok()?);
    let (is_over, ended) = std::sync::mpsc::sync_channel::<()>(1);
    // A driver that hangs must not hold up whoever asks.
    let watch = std::thread::spawn(move || {
        if ended.recv_timeout(ANSWER_WITHIN).is_err() {
            let _ = kill(process, Signal::SIGKILL);
        }
    });
    let mut answer = String::new();
    let mut stdout = child.stdout.take()?.take(ANSWER_BYTES_MAX);
    let read = stdout.read_to_string(&mut answer);
    // What it prints beyond that, nobody reads: it ends by a broken pipe.
    drop(stdout);
    let _ = is_over.send(());
    let _ = watch.join();
    let status = child.wait().ok()?;
    (read.is_ok() && status.success()).then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_cores_and_memory() {
        let inventory = read_inventory(Timestamp(7));
        assert_eq!(inventory.read_at, Timestamp(7));
        assert!(inventory.cpu_core_count > 0 && inventory.memory_bytes > 0);
        assert!(!inventory.cpu_model.is_empty() && !inventory.hostname.is_empty());
        assert!(!inventory.architecture.is_empty() && !inventory.os.is_empty());
        assert!(
            inventory
                .disk
                .is_some_and(|disk| disk.free_bytes <= disk.total_bytes)
        );
    }

    #[test]
    fn answers_are_taken_in_where_they_are_understood() {
        let mut inventory = Inventory::default();
        Question::Docker.add("Docker 28.2.2\n", &mut inventory);
        assert_eq!(
            inventory.container_runtime.as_deref(),
            Some("Docker 28.2.2")
        );
        Question::Docker.add("\n", &mut inventory);
        assert_eq!(inventory.container_runtime, None);
        let nvidia = include_str!("inventory/fixtures/nvidia-two-devices.xml");
        Question::Nvidia.add(nvidia, &mut inventory);
        Question::Rocm.add(
            include_str!("inventory/fixtures/rocm-two-cards.json"),
            &mut inventory,
        );
        assert_eq!(inventory.vendor(), "NVIDIA H100 80GB HBM3");
    }
}
