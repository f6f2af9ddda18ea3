//! What `lscpu -J` prints.

use domain::catalogue::Inventory;
use serde::Deserialize;

/// Flags that engines ask for: builds for one of them do not start without it.
const FEATURES: [&str; 10] = [
    "sse4_2",
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx512f",
    "avx512_bf16",
    "avx512_vnni",
    "amx_tile",
    "asimd",
];

#[derive(Deserialize)]
struct Output {
    lscpu: Vec<Field>,
}

/// Since util-linux 2.37 fields may hold others.
#[derive(Deserialize)]
struct Field {
    field: String,
    #[serde(default)]
    data: Option<String>,
    #[serde(default)]
    children: Vec<Field>,
}

/// Fills in what it tells of the CPU. Text that is no such output changes nothing.
pub(super) fn add(text: &str, inventory: &mut Inventory) {
    let Ok(output) = serde_json::from_str::<Output>(text) else {
        return;
    };
    add_fields(&output.lscpu, inventory);
}

fn add_fields(fields: &[Field], inventory: &mut Inventory) {
    for field in fields {
        add_field(field, inventory);
        add_fields(&field.children, inventory);
    }
}

fn add_field(field: &Field, inventory: &mut Inventory) {
    let Some(data) = field.data.as_deref().map(str::trim) else {
        return;
    };
    match field.field.trim_end_matches(':') {
        "Architecture" => data.clone_into(&mut inventory.architecture),
        // Processors without a name have `-`.
        "Model name" if data != "-" => data.clone_into(&mut inventory.cpu_model),
        "CPU(s)" => inventory.cpu_core_count = data.parse().unwrap_or(inventory.cpu_core_count),
        "Socket(s)" => inventory.socket_count = data.parse().unwrap_or(0),
        "Flags" => {
            let flags = data.split_ascii_whitespace();
            let wanted = flags.filter(|flag| FEATURES.contains(flag));
            inventory.cpu_features = wanted.map(str::to_owned).collect();
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_output() {
        let mut inventory = Inventory::default();
        add(include_str!("fixtures/lscpu-epyc.json"), &mut inventory);
        assert_eq!(
            (
                inventory.architecture.as_str(),
                inventory.cpu_model.as_str()
            ),
            ("x86_64", "AMD EPYC")
        );
        assert_eq!((inventory.cpu_core_count, inventory.socket_count), (2, 1));
        let features: Vec<&str> = inventory.cpu_features.iter().map(String::as_str).collect();
        assert!(features.contains(&"avx2") && features.contains(&"avx512f"));
        assert!(!features.contains(&"amx_tile"), "{features:?}");
    }

    #[test]
    fn fields_may_be_nested_and_values_missing() {
        let mut inventory = Inventory {
            cpu_model: "before".to_owned(),
            ..Inventory::default()
        };
        let text = r#"{"lscpu":[{"field":"Vendor ID:","data":"ARM","children":[
            {"field":"Model name:","data":"-","children":[
                {"field":"Socket(s):","data":"-"},{"field":"Flags:","data":"fp asimd evtstrm"}]}]},
            {"field":"Caches (sum of all):","data":null}]}"#;
        add(text, &mut inventory);
        assert_eq!(inventory.cpu_model, "before");
        assert_eq!(
            (inventory.socket_count, inventory.cpu_features.as_slice()),
            (0, &["asimd".to_owned()][..])
        );
        let unchanged = inventory.clone();
        add("lscpu: command not found", &mut inventory);
        assert_eq!(inventory, unchanged);
    }
}
