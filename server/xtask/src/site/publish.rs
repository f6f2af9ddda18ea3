//! Naming files by their content and putting them in place all at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;

use anyhow::{Context, anyhow};

use super::{Flavor, compress};
use crate::stamp::digest;

/// Hex digits of the content's SHA-256 in a file name.
const HASH_DIGITS: usize = 12;

/// The files of one build, before they are in place.
#[derive(Debug)]
pub(super) struct Publication {
    flavor: Flavor,
    manifest: BTreeMap<String, String>,
    files: BTreeMap<String, Vec<u8>>,
}

impl Publication {
    /// An empty publication; `flavor` decides how hard its files are compressed.
    pub(super) fn new(flavor: Flavor) -> Self {
        Self {
            flavor,
            manifest: BTreeMap::new(),
            files: BTreeMap::new(),
        }
    }

    /// Adds a file under its logical name and returns the name it is served by.
    pub(super) fn add(&mut self, logical: &str, bytes: Vec<u8>) -> String {
        let name = hashed_name(logical, &bytes);
        self.manifest.insert(logical.to_owned(), name.clone());
        self.files.insert(name.clone(), bytes);
        name
    }

    /// Puts the files, their compressed copies and `manifest.json` into `site`, replacing what was
    /// there in one step. A `site` that holds exactly these files is left alone, so that nothing
    /// which watches it is built again. Returns what happened, for people.
    pub(super) fn publish(mut self, site: &Path) -> anyhow::Result<&'static str> {
        let names: Vec<String> = self.files.keys().cloned().collect();
        self.compress_all()?;
        compress::prune_cache(&names)?;
        let manifest = serde_json::to_vec_pretty(&self.manifest)?;
        self.files.insert("manifest.json".to_owned(), manifest);

        if self.is_in_place(site) {
            return Ok("The browser half is up to date, checked");
        }
        self.replace(site)
            .with_context(|| format!("could not write {}", site.display()))?;
        Ok("The browser half is built")
    }

    fn compress_all(&mut self) -> anyhow::Result<()> {
        let flavor = self.flavor;
        let copies = thread::scope(|scope| {
            let workers: Vec<_> = self
                .files
                .iter()
                .map(|(name, bytes)| {
                    scope
                        .spawn(move || Ok((name.clone(), compress::compress(name, bytes, flavor)?)))
                })
                .collect();
            workers
                .into_iter()
                .map(|worker| worker.join().map_err(|_| anyhow!("compressing failed"))?)
                .collect::<anyhow::Result<Vec<_>>>()
        })?;
        for (name, copies) in copies {
            for (suffix, bytes) in copies.by_suffix {
                self.files.insert(format!("{name}{suffix}"), bytes);
            }
        }
        Ok(())
    }

    fn is_in_place(&self, site: &Path) -> bool {
        let Ok(entries) = fs::read_dir(site) else {
            return false;
        };
        entries.count() == self.files.len()
            && self
                .files
                .iter()
                .all(|(name, bytes)| fs::read(site.join(name)).is_ok_and(|found| found == *bytes))
    }

    fn replace(&self, site: &Path) -> std::io::Result<()> {
        let new = site.with_extension("new");
        let old = site.with_extension("old");
        for leftover in [&new, &old] {
            if leftover.exists() {
                fs::remove_dir_all(leftover)?;
            }
        }
        fs::create_dir_all(&new)?;
        for (name, bytes) in &self.files {
            fs::write(new.join(name), bytes)?;
        }
        if site.exists() {
            fs::rename(site, &old)?;
        }
        fs::rename(&new, site)?;
        if old.exists() {
            fs::remove_dir_all(&old)?;
        }
        Ok(())
    }
}

/// `logical` with the content's hash before its extension: `assay.css` becomes
/// `assay-0123456789ab.css`.
fn hashed_name(logical: &str, bytes: &[u8]) -> String {
    let mut hash = digest(bytes);
    hash.truncate(HASH_DIGITS);
    match logical.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}-{hash}.{extension}"),
        None => format!("{logical}-{hash}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_changes_with_the_content_alone() {
        let first = hashed_name("assay.css", b"a{}");
        assert_eq!(first, hashed_name("assay.css", b"a{}"));
        assert_ne!(first, hashed_name("assay.css", b"b{}"));
        assert!(first.starts_with("assay-"));
        assert_eq!(Path::new(&first).extension().unwrap(), "css");
        assert_eq!(first.len(), "assay-.css".len() + HASH_DIGITS);
    }

    #[test]
    fn replacing_leaves_exactly_the_new_files() {
        let folder = std::env::temp_dir().join(format!("assay-xtask-{}", std::process::id()));
        let site = folder.join("site");
        let mut first = Publication::new(Flavor::Fast);
        let old_name = first.add("font.woff2", b"old".to_vec());
        first.replace(&site).unwrap();
        let mut second = Publication::new(Flavor::Fast);
        let new_name = second.add("font.woff2", b"new".to_vec());
        assert!(!second.is_in_place(&site));
        second.replace(&site).unwrap();

        assert!(second.is_in_place(&site));
        assert!(!site.join(old_name).exists());
        assert_eq!(fs::read(site.join(new_name)).unwrap(), b"new");
        assert!(!site.with_extension("old").exists());
        assert!(!site.with_extension("new").exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
