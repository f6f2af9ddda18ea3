//! What a Linux system's own files and tools tell.

use domain::catalogue::Disk;

/// `PRETTY_NAME` of `/etc/os-release`.
pub(super) fn os_name(text: &str) -> Option<String> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    // Values may be quoted as in a shell.
    let words = shlex::split(value)?;
    words.first().filter(|name| !name.is_empty()).cloned()
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
pub(super) fn memory_bytes(text: &str) -> Option<u64> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}

/// The one file system that `df -P -k FOLDER` tells of.
pub(super) fn disk(text: &str) -> Option<Disk> {
    // The name of the device may have blanks: what follows it is counted from the end of the line.
    let line = text.lines().nth(1)?;
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let percent = words.iter().rposition(|word| {
        word.strip_suffix('%')
            .is_some_and(|n| n.parse::<u32>().is_ok())
    })?;
    let kib = |before: usize| {
        let word = words.get(percent.checked_sub(before)?)?;
        word.parse::<u64>().ok()?.checked_mul(1_024)
    };
    Some(Disk {
        total_bytes: kib(3)?,
        free_bytes: kib(1)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_has_a_name() {
        let text = "NAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n";
        assert_eq!(
            os_name(text).as_deref(),
            Some("Debian GNU/Linux 12 (bookworm)")
        );
        assert_eq!(os_name("PRETTY_NAME=Alpine\n").as_deref(), Some("Alpine"));
        assert_eq!(os_name("PRETTY_NAME=\"\"\n"), None);
        assert_eq!(os_name("cat: /etc/os-release: No such file"), None);
    }

    #[test]
    fn memory_is_in_bytes() {
        let text = "MemTotal:       24689604 kB\nMemFree:         1073452 kB\n";
        assert_eq!(memory_bytes(text), Some(24_689_604 * 1_024));
        assert_eq!(memory_bytes("MemTotal: many kB\n"), None);
    }

    #[test]
    fn a_disk_has_a_size_and_room() {
        let head = "Filesystem     1024-blocks     Used Available Capacity Mounted on\n";
        let line = "/dev/vda        264212084 62876048  32409840      66% /\n";
        let found = disk(&format!("{head}{line}")).unwrap();
        assert_eq!(found.total_bytes, 264_212_084 * 1_024);
        assert_eq!(found.free_bytes, 32_409_840 * 1_024);
        let blank = "a share  100 40  60      40% /mnt/50% off\n";
        assert_eq!(
            disk(&format!("{head}{blank}")).map(|disk| disk.free_bytes),
            Some(60 * 1_024)
        );
        assert_eq!(disk(head), None);
        assert_eq!(disk("df: nowhere: No such file or directory"), None);
    }
}
