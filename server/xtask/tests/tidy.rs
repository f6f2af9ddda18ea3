//! Keeps the house as ARCHITECTURE.md draws it: who may import whom, and what may stand where.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a panic is how a test fails, in its helpers too"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Each crate and the crates of this workspace it may import, as ARCHITECTURE.md says in words.
/// Tests may use `testkit` besides.
const IMPORTS: [(&str, &[&str]); 14] = [
    ("domain", &[]),
    ("ui", &["domain"]),
    // `service` only behind the feature `ssr`; see the test below.
    ("app", &["domain", "ui", "service"]),
    ("frontend", &["app"]),
    ("store", &["domain"]),
    ("loadgen", &["domain"]),
    ("docker", &["domain"]),
    ("engine", &["domain"]),
    ("ssh", &["domain"]),
    ("runner", &["domain", "store", "loadgen", "docker", "ssh"]),
    ("service", &["domain", "store", "runner"]),
    // `store`, because `assay load` writes its artifact through it.
    (
        "server",
        &[
            "app", "service", "runner", "loadgen", "engine", "store", "domain",
        ],
    ),
    ("testkit", &["domain"]),
    ("xtask", &[]),
];

/// Outside crates (by name or the start of it) that only some crates may name.
const FENCED_DEPENDENCIES: [(&str, &[&str]); 8] = [
    ("bollard", &["docker"]),
    ("russh", &["ssh"]),
    ("sqlx", &["store"]),
    ("parquet", &["store"]),
    ("leptos", &["ui", "app", "frontend", "server"]),
    ("axum", &["app", "server"]),
    ("tower", &["server"]),
    (
        "tokio",
        &[
            "store", "loadgen", "docker", "ssh", "runner", "service", "server", "testkit",
        ],
    ),
];

/// Lines of code (those that contain all of these words) that only some folders may have, and why.
const FENCED_LINES: [(&[&str], &[&str], &str); 5] = [
    (
        &["process::", "Command"],
        &["server/runner/", "server/xtask/", "server/testkit/"],
        "only the runner starts programs",
    ),
    (
        &["cfg(feature"],
        &["app/src/"],
        "only app is built in two halves",
    ),
    (
        &["sqlx::"],
        &["server/store/"],
        "only the store talks to a database",
    ),
    (
        &["SystemTime::now"],
        &["server/", "app/src/"],
        "domain and ui read no clock",
    ),
    (
        &["Instant::now"],
        &["server/", "app/src/"],
        "domain and ui read no clock",
    ),
];

/// A longer file has more than one purpose.
const FILE_LINES_MAX: usize = 500;

#[test]
fn crates_import_only_what_the_table_allows() {
    let packages = workspace_packages();
    let in_table: BTreeSet<_> = IMPORTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let in_workspace: BTreeSet<_> = packages
        .iter()
        .map(|package| package.name.clone())
        .collect();
    assert_eq!(
        in_table, in_workspace,
        "the table names other crates than the workspace has"
    );

    let mut offences = Vec::new();
    for (name, allowed) in IMPORTS {
        let package = packages
            .iter()
            .find(|package| package.name == name)
            .unwrap();
        for dependency in &package.dependencies {
            let is_allowed = allowed.contains(&dependency.name.as_str())
                || (dependency.is_dev && dependency.name == "testkit");
            if in_workspace.contains(&dependency.name) && !is_allowed {
                offences.push(format!("{name} imports {}", dependency.name));
            }
        }
    }
    assert_eq!(offences, Vec::<String>::new());
}

#[test]
fn architecture_page_shows_the_same_table() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for (name, allowed) in IMPORTS {
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")))
            .unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for {name}"));
        let cell = row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap();
        // The rows of the binary and of the tests' parts say it in prose.
        if cell.contains("everything above") || cell.contains("dev-dependency only") {
            continue;
        }
        let shown: BTreeSet<_> = cell
            .split(|letter: char| !letter.is_alphanumeric())
            .filter(|word| IMPORTS.iter().any(|(name, _)| name == word))
            .collect();
        assert_eq!(
            shown,
            allowed.iter().copied().collect(),
            "the row of {name}"
        );
    }
}

#[test]
fn app_reaches_service_only_on_the_server() {
    let packages = workspace_packages();
    let app = packages
        .iter()
        .find(|package| package.name == "app")
        .unwrap();
    for dependency in app
        .dependencies
        .iter()
        .filter(|it| ["service", "axum"].contains(&&*it.name))
    {
        assert!(
            dependency.is_optional,
            "{} must be optional in app",
            dependency.name
        );
        let switch = format!("dep:{}", dependency.name);
        let features: Vec<_> = app
            .features
            .iter()
            .filter(|(_, parts)| parts.contains(&switch))
            .map(|(feature, _)| feature.as_str())
            .collect();
        assert_eq!(
            features,
            ["ssr"],
            "which features of app turn {} on",
            dependency.name
        );
    }
}

#[test]
fn outside_crates_stay_behind_their_fences() {
    let mut offences = Vec::new();
    for package in workspace_packages() {
        for dependency in package.dependencies.iter().filter(|it| !it.is_dev) {
            for (fenced, allowed) in FENCED_DEPENDENCIES {
                if is_family(&dependency.name, fenced) && !allowed.contains(&&*package.name) {
                    offences.push(format!("{} names {}", package.name, dependency.name));
                }
            }
        }
    }
    assert_eq!(offences, Vec::<String>::new());
}

#[test]
fn lines_stay_behind_their_fences() {
    let mut offences = Vec::new();
    for file in sources() {
        let (path, text) = read(&file);
        if path.contains("/tests/") || path.contains("/benches/") || path.contains("/examples/") {
            continue;
        }
        for (words, allowed, reason) in FENCED_LINES {
            if code_lines(&text).any(|line| words.iter().all(|word| line.contains(word)))
                && !allowed.iter().any(|folder| path.starts_with(folder))
            {
                offences.push(format!("{path} contains {words:?}: {reason}"));
            }
        }
    }
    assert_eq!(offences, Vec::<String>::new());
}

#[test]
fn files_are_short() {
    let long: Vec<String> = sources()
        .iter()
        .map(|file| read(file))
        .filter(|(_, text)| text.lines().count() > FILE_LINES_MAX)
        .map(|(path, text)| format!("{path} has {} lines", text.lines().count()))
        .collect();
    assert_eq!(long, Vec::<String>::new());
}

struct Package {
    name: String,
    dependencies: Vec<Dependency>,
    features: Vec<(String, Vec<String>)>,
}

struct Dependency {
    name: String,
    is_dev: bool,
    is_optional: bool,
}

fn workspace_packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(package)
        .collect()
}

fn package(value: &Value) -> Package {
    let dependencies = value["dependencies"].as_array().unwrap().iter();
    let features = value["features"].as_object().unwrap().iter();
    Package {
        name: text(&value["name"]),
        dependencies: dependencies
            .map(|it| Dependency {
                name: text(&it["name"]),
                is_dev: it["kind"] == "dev",
                is_optional: it["optional"] == true,
            })
            .collect(),
        features: features
            .map(|(name, parts)| {
                (
                    name.clone(),
                    parts.as_array().unwrap().iter().map(text).collect(),
                )
            })
            .collect(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Whether `name` is `family` or one of its side crates, such as `leptos_axum` for `leptos`.
fn is_family(name: &str, family: &str) -> bool {
    name.strip_prefix(family)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

/// All Rust sources but this file, which must name what it forbids.
fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["app", "frontend", "server"] {
        collect_sources(&root().join(folder), &mut files);
    }
    files.retain(|file| !file.ends_with(file!()));
    assert!(files.len() > IMPORTS.len(), "the sources were not found");
    files
}

fn collect_sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") {
            collect_sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The path from the root with forward slashes, and the text.
fn read(file: &Path) -> (String, String) {
    let path = file
        .strip_prefix(root())
        .unwrap()
        .to_string_lossy()
        .replace('\\', "/");
    (path, fs::read_to_string(file).unwrap())
}

fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
}
