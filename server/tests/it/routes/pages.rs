//! Pages, and files that are not pages.

use std::fs;
use std::path::Path;

use leptos_axum::generate_route_list;
use reqwest::{Method, RequestBuilder};

use super::functions::NOBODY;
use super::visitor::Visitor;
use super::{Kind, Way};

/// Paths that the sources call by a name. Pages are known without.
const NAMED: [(&str, Option<&str>); 3] = [
    ("page.path()", None),
    ("UPLOAD", Some(app::routes::DATASET_UPLOAD)),
    ("DOCUMENT_PATH", Some("/openapi.json")),
];

/// A form with an empty file.
const EMPTY_UPLOAD: &str = "--edge\r\nContent-Disposition: form-data; name=\"file\"; \
     filename=\"rows.jsonl\"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--edge--\r\n";

/// What the router is told besides pages, functions and operations: read from its source, so that a
/// new route cannot be forgotten.
fn file_paths() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/serve");
    let mut sources = Vec::new();
    collect(&folder, &mut sources);
    let text: String = sources
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let mut paths: Vec<String> = text
        .split(".route(")
        .skip(1)
        .filter_map(|rest| {
            let rest = rest.trim_start();
            if let Some(quoted) = rest.strip_prefix('"') {
                return quoted.split('"').next();
            }
            let name = rest.split(',').next().unwrap_or_default().trim();
            let known = NAMED.iter().find(|(known, _)| *known == name);
            known.unwrap_or_else(|| panic!("add to NAMED: {name}")).1
        })
        .map(str::to_owned)
        .collect();
    assert!(paths.len() > 5, "{paths:?}");
    paths.sort();
    paths.dedup();
    paths
}

fn collect(folder: &Path, sources: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, sources);
        } else {
            sources.push(path);
        }
    }
}

/// All of them.
pub(super) fn all() -> Vec<Way> {
    let pages = generate_route_list(app::App).into_iter().map(|page| {
        let path = page.path().to_owned();
        Way {
            key: format!("page {path}"),
            kind: Kind::Page { path },
        }
    });
    let files = file_paths().into_iter().map(|path| Way {
        key: format!("file {path}"),
        kind: Kind::File { path },
    });
    pages.chain(files).collect()
}

pub(super) fn page_request(visitor: &Visitor, path: &str) -> RequestBuilder {
    visitor
        .request(Method::GET, &filled(path))
        .header("accept", "text/html")
}

pub(super) fn file_request(visitor: &Visitor, path: &str) -> RequestBuilder {
    if path == app::routes::DATASET_UPLOAD {
        return visitor
            .request(Method::POST, path)
            .header("content-type", "multipart/form-data; boundary=edge")
            .body(EMPTY_UPLOAD);
    }
    let query = if path == "/live" { "?history=1" } else { "" };
    visitor.request(Method::GET, &format!("{}{query}", filled(path)))
}

/// A path with the id of nothing in the place of each parameter.
pub(super) fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| {
        if part == "{step}" {
            "1"
        } else if part.starts_with('{') {
            NOBODY
        } else {
            part
        }
    });
    parts.collect::<Vec<_>>().join("/")
}
