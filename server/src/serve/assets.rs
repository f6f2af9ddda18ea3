//! The files of the browser half: inside a release binary, read from the build folder in debug.

use std::collections::BTreeMap;

use app::shell::Assets;
use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

/// Names change with the content, so a file never changes.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// The map from logical to served names.
const MANIFEST: &str = "manifest.json";
/// Compressed copies, best first: the name of the encoding and the end of the file's name.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../target/site"]
struct Site;

/// Addresses of the files a page loads. `None` when the browser half was not built.
pub(super) fn page_assets() -> Option<Assets> {
    let manifest = read_manifest()?;
    let address = |logical: &str| Some(format!("/assets/{}", manifest.get(logical)?));
    Some(Assets {
        js: address("assay.js")?,
        wasm: address("assay_bg.wasm")?,
        css: address("assay.css")?,
        echarts: address("echarts.js")?,
        favicon: address("favicon.svg")?,
    })
}

/// A file by its served name.
pub(super) async fn get_asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let is_published =
        read_manifest().is_some_and(|manifest| manifest.values().any(|served| *served == name));
    if !is_published {
        return StatusCode::NOT_FOUND.into_response();
    }
    let accepted = headers
        .get(ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok());
    let accepted = accepted.unwrap_or_default();
    let compressed = ENCODINGS
        .iter()
        .filter(|(encoding, _)| accepts(accepted, encoding));
    let mut best = compressed.filter_map(|(encoding, suffix)| {
        Some((Some(*encoding), Site::get(&format!("{name}{suffix}"))?))
    });
    match best.next().or_else(|| Some((None, Site::get(&name)?))) {
        Some((encoding, file)) => answer(&name, encoding, file),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn answer(name: &str, encoding: Option<&'static str>, file: EmbeddedFile) -> Response {
    let mut response = Response::new(match file.data {
        std::borrow::Cow::Borrowed(bytes) => Body::from(bytes),
        std::borrow::Cow::Owned(bytes) => Body::from(bytes),
    });
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    headers.insert(CACHE_CONTROL, FOREVER);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{name}\"")) {
        headers.insert(ETAG, tag);
    }
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// Whether an `Accept-Encoding` names `encoding` and does not weigh it with zero.
fn accepts(header: &str, encoding: &str) -> bool {
    header.split(',').any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let is_named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        is_named && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|q| q > 0.0))
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// Read anew for each use: a debug server sees a new build of the browser half without a restart, and
/// the file is small.
fn read_manifest() -> Option<BTreeMap<String, String>> {
    let file = Site::get(MANIFEST)?;
    serde_json::from_slice(&file.data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_taken_when_they_are_accepted() {
        assert!(accepts("gzip, deflate, br", "br"));
        assert!(accepts("BR;q=0.5", "br"));
        assert!(!accepts("gzip, br;q=0", "br"));
        assert!(!accepts("", "br") && !accepts("brotli", "br"));
    }
}
