//! What `rocm-smi --json` prints.

use std::collections::BTreeMap;

use domain::catalogue::Accelerator;
use serde_json::Value;

/// The devices of `rocm-smi --showproductname --showmeminfo vram --showuniqueid --showdriverversion
/// --showtopo --json`; none for text that is no such output. Names of fields changed with the versions.
pub(super) fn devices(text: &str) -> Vec<Accelerator> {
    // Warnings may stand before it.
    let start = text.find('{').unwrap_or(text.len());
    let json = text.get(start..).unwrap_or_default();
    let Ok(parts) = serde_json::from_str::<BTreeMap<String, BTreeMap<String, Value>>>(json) else {
        return Vec::new();
    };
    let system = parts.get("system");
    let driver = system.map(|system| field(system, &["Driver version"]));
    let cards = parts.iter().filter_map(|(name, card)| {
        let index: u32 = name.strip_prefix("card")?.parse().ok()?;
        Some((index, card))
    });
    let mut devices: Vec<Accelerator> = cards
        .map(|(index, card)| Accelerator {
            name: field(
                card,
                &["Card Series", "Card series", "Card Model", "Card model"],
            ),
            memory_bytes: number(card, "VRAM Total Memory (B)"),
            driver: driver.clone().unwrap_or_default(),
            index,
            uuid: field(card, &["Unique ID"]),
            used_bytes: number(card, "VRAM Total Used Memory (B)"),
            links: Vec::new(),
        })
        .collect();
    devices.sort_by_key(|device| device.index);
    if let Some(system) = system {
        add_links(system, &mut devices);
    }
    devices
}

/// `(Topology) Link type between DRM devices 0 and 1`: once for each pair.
fn add_links(system: &BTreeMap<String, Value>, devices: &mut [Accelerator]) {
    for (name, link) in system {
        let pair = name
            .strip_prefix("(Topology) Link type between DRM devices ")
            .and_then(|pair| pair.split_once(" and "));
        let Some((Ok(a), Ok(b))) = pair.map(|(a, b)| (a.parse::<u32>(), b.parse::<u32>())) else {
            continue;
        };
        for (from, to) in [(a, b), (b, a)] {
            for device in devices.iter_mut().filter(|device| device.index == from) {
                let link = link.as_str().unwrap_or_default();
                device.links.push((to, link.to_owned()));
            }
        }
    }
    for device in devices {
        device.links.sort();
    }
}

/// The first of these fields that says something.
fn field(part: &BTreeMap<String, Value>, names: &[&str]) -> String {
    let said = names.iter().filter_map(|name| part.get(*name)?.as_str());
    let mut said = said
        .map(str::trim)
        .filter(|text| !text.is_empty() && *text != "N/A");
    said.next().unwrap_or_default().to_owned()
}

/// Numbers are written as texts.
fn number(part: &BTreeMap<String, Value>, name: &str) -> u64 {
    field(part, &[name]).parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_with_their_links() {
        let found = devices(include_str!("fixtures/rocm-two-cards.json"));
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].name, "AMD Instinct MI210");
        assert_eq!(found[1].name, "Arcturus GL-XL [Instinct MI100]");
        assert_eq!((found[1].index, found[1].memory_bytes), (1, 34_342_961_152));
        assert_eq!(
            (found[0].driver.as_str(), found[0].used_bytes),
            ("6.3.6", 6_750_208)
        );
        assert_eq!(found[0].links, [(1, "XGMI".to_owned())]);
        assert_eq!(found[1].links, [(0, "XGMI".to_owned())]);
    }

    #[test]
    fn what_is_no_output_has_no_devices() {
        assert_eq!(devices("ERROR: No AMD GPUs specified"), []);
        assert_eq!(devices("WARNING: No JSON data to report"), []);
        assert_eq!(devices(""), []);
    }
}
