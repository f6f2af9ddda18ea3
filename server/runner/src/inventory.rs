//! What this machine has.

use std::fs;
use std::process::{Command, Stdio};

use domain::catalogue::{Accelerator, Inventory};
use domain::time::Timestamp;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// Reads it; `read_at` is noted in it. Takes some milliseconds (a second or more where `nvidia-smi`
/// is slow) and blocks: call it where blocking is allowed.
pub fn read_inventory(read_at: Timestamp) -> Inventory {
    let what = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(what);
    let cpu_model = system
        .cpus()
        .first()
        .map(|cpu| cpu.brand().trim().to_owned())
        .filter(|brand| !brand.is_empty())
        .or_else(read_cpu_model)
        .unwrap_or_else(System::cpu_arch);
    Inventory {
        read_at,
        hostname: host_name(),
        os: System::long_os_version().unwrap_or_else(|| std::env::consts::OS.to_owned()),
        kernel: System::kernel_version().unwrap_or_default(),
        cpu_model,
        cpu_core_count: u32::try_from(system.cpus().len()).unwrap_or(u32::MAX),
        memory_bytes: system.total_memory(),
        accelerators: read_accelerators(),
    }
}

/// The host name; `localhost` when the machine has none.
pub fn host_name() -> String {
    System::host_name().unwrap_or_else(|| "localhost".to_owned())
}

/// The model in `/proc/cpuinfo`, under the names that other processors than x86 use.
fn read_cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_model = ["model name", "Model", "Hardware", "cpu model"].contains(&name.trim());
        (is_model && !value.trim().is_empty()).then(|| value.trim().to_owned())
    })
}

fn read_accelerators() -> Vec<Accelerator> {
    let output = Command::new("nvidia-smi")
        .args([
            "--query-gpu=name,memory.total,driver_version",
            "--format=csv,noheader,nounits",
        ])
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) if output.status.success() => {
            parse_nvidia_smi(&String::from_utf8_lossy(&output.stdout))
        }
        _ => Vec::new(),
    }
}

/// One line for each device: `NVIDIA H100 80GB HBM3, 81559, 570.86.15`, memory in MiB.
fn parse_nvidia_smi(text: &str) -> Vec<Accelerator> {
    let parse_line = |line: &str| {
        let mut fields = line.split(',').map(str::trim);
        let name = fields.next().filter(|name| !name.is_empty())?.to_owned();
        let memory_mib: u64 = fields.next()?.parse().unwrap_or(0);
        let driver = fields.next()?.to_owned();
        Some(Accelerator {
            name,
            memory_bytes: memory_mib.saturating_mul(1 << 20),
            driver,
        })
    };
    text.lines().filter_map(parse_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_nvidia_smi_prints() {
        let text = "NVIDIA H100 80GB HBM3, 81559, 570.86.15\nNVIDIA GB10, [N/A], 580.1\n\n";
        let found = parse_nvidia_smi(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].memory_bytes, 81_559 << 20);
        assert_eq!(found[0].driver, "570.86.15");
        assert_eq!(
            (found[1].name.as_str(), found[1].memory_bytes),
            ("NVIDIA GB10", 0)
        );
    }

    #[test]
    fn this_machine_has_cores_and_memory() {
        let inventory = read_inventory(Timestamp(7));
        assert_eq!(inventory.read_at, Timestamp(7));
        assert!(inventory.cpu_core_count > 0 && inventory.memory_bytes > 0);
        assert!(!inventory.cpu_model.is_empty() && !inventory.hostname.is_empty());
    }
}
