//! Compressed copies, made once per content.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::Flavor;
use crate::paths;

/// Formats that are compressed in themselves.
const COMPRESSED_EXTENSIONS: [&str; 2] = ["woff2", "png"];

const BROTLI_BUFFER_BYTES: usize = 64 * 1024;
const BROTLI_WINDOW_BITS: u32 = 22;

/// The compressed copies of one file.
#[derive(Debug, Default)]
pub(super) struct Copies {
    /// `.br` and `.gz` with their contents; empty where compressing gains nothing.
    pub(super) by_suffix: Vec<(&'static str, Vec<u8>)>,
}

/// Compresses `bytes`, whose name already carries their hash, or takes the copies of an earlier
/// build from the cache.
pub(super) fn compress(name: &str, bytes: &[u8], flavor: Flavor) -> anyhow::Result<Copies> {
    let extension = Path::new(name).extension().unwrap_or_default();
    if COMPRESSED_EXTENSIONS.iter().any(|it| extension == *it) {
        return Ok(Copies::default());
    }
    let quality = if flavor == Flavor::Fast { 4 } else { 11 };
    let brotli = cached(&format!("{name}.{quality}.br"), || brotli(bytes, quality))?;
    let gzip = cached(&format!("{name}.gz"), || gzip(bytes))?;
    let by_suffix = [(".br", brotli), (".gz", gzip)]
        .into_iter()
        .filter(|(_, compressed)| compressed.len() < bytes.len())
        .collect();
    Ok(Copies { by_suffix })
}

/// Forgets the copies of files that are not in `names` any more.
pub(super) fn prune_cache(names: &[String]) -> anyhow::Result<()> {
    for entry in fs::read_dir(cache_dir())? {
        let entry = entry?;
        let file_name = entry.file_name();
        if !names
            .iter()
            .any(|name| file_name.to_string_lossy().starts_with(name.as_str()))
        {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn cache_dir() -> PathBuf {
    paths::work().join("compressed")
}

fn cached(name: &str, make: impl FnOnce() -> std::io::Result<Vec<u8>>) -> anyhow::Result<Vec<u8>> {
    let path = cache_dir().join(name);
    if let Ok(bytes) = fs::read(&path) {
        return Ok(bytes);
    }
    let bytes = make().with_context(|| format!("could not compress {name}"))?;
    // Renamed into place: an interrupted build leaves no half file under the final name.
    let unfinished = path.with_extension("unfinished");
    fs::create_dir_all(cache_dir())?;
    fs::write(&unfinished, &bytes)?;
    fs::rename(&unfinished, &path)?;
    Ok(bytes)
}

fn brotli(bytes: &[u8], quality: u32) -> std::io::Result<Vec<u8>> {
    let mut compressed = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(
        &mut compressed,
        BROTLI_BUFFER_BYTES,
        quality,
        BROTLI_WINDOW_BITS,
    );
    encoder.write_all(bytes)?;
    // Dropping the encoder writes the end of the stream.
    drop(encoder);
    Ok(compressed)
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    const TEXT: &[u8] = b"the same words, the same words, the same words, the same words";

    #[test]
    fn brotli_copy_decompresses_to_the_original() {
        let compressed = brotli(TEXT, 11).unwrap();
        let mut plain = Vec::new();
        brotli::Decompressor::new(compressed.as_slice(), 4096)
            .read_to_end(&mut plain)
            .unwrap();
        assert_eq!(plain, TEXT);
        assert!(compressed.len() < TEXT.len());
    }

    #[test]
    fn gzip_copy_decompresses_to_the_original() {
        let compressed = gzip(TEXT).unwrap();
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(compressed.as_slice())
            .read_to_end(&mut plain)
            .unwrap();
        assert_eq!(plain, TEXT);
        assert!(compressed.len() < TEXT.len());
    }

    #[test]
    fn fonts_are_left_as_they_are() {
        let copies = compress("inter-0123456789ab.woff2", TEXT, Flavor::Standard).unwrap();
        assert!(copies.by_suffix.is_empty());
    }
}
