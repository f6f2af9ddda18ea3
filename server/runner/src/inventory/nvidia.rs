//! What `nvidia-smi -q -x` and `nvidia-smi topo -m` print.

use domain::catalogue::Accelerator;
use roxmltree::{Document, Node, ParsingOptions};

/// The devices of `nvidia-smi -q -x`; none for text that is no such output. Of a device that is cut into
/// MIG instances each instance is one that engines can be given.
pub(super) fn devices(text: &str) -> Vec<Accelerator> {
    // It names a document type, which is not read.
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    let Ok(document) = Document::parse_with_options(text, options) else {
        return Vec::new();
    };
    let root = document.root_element();
    let driver = word(root, "driver_version");
    let devices = children(root, "gpu").enumerate();
    devices
        .flat_map(|(place, device)| accelerators(place, device, &driver))
        .collect()
}

fn accelerators(place: usize, device: Node<'_, '_>, driver: &str) -> Vec<Accelerator> {
    // By the order of the bus, as CUDA_DEVICE_ORDER=PCI_BUS_ID and the container runtime count.
    let index = u32::try_from(place).unwrap_or(u32::MAX);
    let name = word(device, "product_name");
    let accelerator = |name: String, uuid: String, memory: Option<Node<'_, '_>>| {
        let mib = |field| memory.map_or(0, |memory| mebibytes(&word(memory, field)));
        Accelerator {
            name,
            memory_bytes: mib("total"),
            driver: driver.to_owned(),
            index,
            uuid,
            used_bytes: mib("used") + mib("reserved"),
            links: Vec::new(),
        }
    };
    let instances: Vec<Accelerator> = children(device, "mig_devices")
        .flat_map(|devices| children(devices, "mig_device"))
        .map(|instance| {
            let memory = children(instance, "fb_memory_usage").next();
            let number = word(instance, "index");
            accelerator(
                format!("{name} MIG {number}"),
                word(instance, "uuid"),
                memory,
            )
        })
        .collect();
    if !instances.is_empty() {
        return instances;
    }
    let memory = children(device, "fb_memory_usage").next();
    vec![accelerator(name, word(device, "uuid"), memory)]
}

fn children<'a, 'input>(
    node: Node<'a, 'input>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children()
        .filter(move |child| child.has_tag_name(name))
}

/// The text of a child; empty for none and for what is not available.
fn word(node: Node<'_, '_>, name: &'static str) -> String {
    let text = children(node, name).next().and_then(|child| child.text());
    let text = text.unwrap_or_default().trim();
    if matches!(text, "N/A" | "[N/A]") {
        String::new()
    } else {
        text.to_owned()
    }
}

/// `81920 MiB` in bytes; 0 when it is not told, as by devices that share the machine's memory.
fn mebibytes(text: &str) -> u64 {
    let number = text
        .strip_suffix(" MiB")
        .and_then(|n| n.parse::<u64>().ok());
    number.map_or(0, |mib| mib.saturating_mul(1 << 20))
}

/// Adds the links of `nvidia-smi topo -m`: a table with a row and a column for each device.
pub(super) fn add_links(text: &str, devices: &mut [Accelerator]) {
    let number = |word: &str| word.strip_prefix("GPU").and_then(|n| n.parse::<u32>().ok());
    let mut lines = text.lines().map(without_escapes).skip_while(|line| {
        // The head of the table; rows begin with the device's name at once.
        !line.split_ascii_whitespace().any(|word| word == "GPU0")
    });
    let Some(head) = lines.next() else { return };
    let columns: Vec<u32> = head.split_ascii_whitespace().map_while(number).collect();
    for line in lines {
        let mut words = line.split_ascii_whitespace();
        let Some(row) = words.next().and_then(number) else {
            continue;
        };
        let links: Vec<(u32, String)> = columns
            .iter()
            .zip(words)
            .filter(|(column, _)| **column != row)
            .map(|(column, link)| (*column, link.to_owned()))
            .collect();
        for device in devices.iter_mut().filter(|device| device.index == row) {
            device.links.clone_from(&links);
        }
    }
}

/// The head of the table is underlined by escape sequences.
fn without_escapes(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.split_once('m').map_or("", |(_, rest)| rest);
        text + rest
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_with_and_without_instances() {
        let found = devices(include_str!("fixtures/nvidia-two-devices.xml"));
        let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "NVIDIA H100 80GB HBM3",
                "NVIDIA A100-SXM4-80GB MIG 0",
                "NVIDIA A100-SXM4-80GB MIG 1"
            ]
        );
        assert_eq!(found[0].memory_bytes, 81_559 << 20);
        assert_eq!(found[0].used_bytes, (551 + 4) << 20);
        assert_eq!(found[0].driver, "570.86.15");
        assert_eq!(found[0].uuid, "GPU-11111111-2222-3333-4444-555555555555");
        assert_eq!((found[2].index, found[2].memory_bytes), (1, 19_968 << 20));
    }

    #[test]
    fn what_is_not_available_is_nothing() {
        let text = "<nvidia_smi_log><driver_version>580.1</driver_version><gpu>\
            <product_name>NVIDIA GB10</product_name><fb_memory_usage><total>N/A</total></fb_memory_usage>\
            </gpu></nvidia_smi_log>";
        let found = devices(text);
        assert_eq!((found.len(), found[0].memory_bytes), (1, 0));
        assert_eq!(
            devices("NVIDIA-SMI has failed because it couldn't communicate"),
            []
        );
        assert_eq!(devices("<nvidia_smi_log></nvidia_smi_log>"), []);
    }

    #[test]
    fn links_between_devices() {
        let device = |index| Accelerator {
            index,
            ..Accelerator::default()
        };
        let mut found: Vec<Accelerator> = (0..3).map(device).collect();
        add_links(include_str!("fixtures/nvidia-topology.txt"), &mut found);
        let link = |to: u32, kind: &str| (to, kind.to_owned());
        assert_eq!(found[0].links, [link(1, "NV18"), link(2, "SYS")]);
        assert_eq!(found[2].links, [link(0, "SYS"), link(1, "PIX")]);
        let mut none = vec![device(0)];
        add_links("Failed to initialize NVML", &mut none);
        assert_eq!(none[0].links, []);
    }
}
