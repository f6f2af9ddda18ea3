//! An archive with an engine's program, which is brought to far machines and unpacked there.

use crate::field::optional_text;

/// Stands in a far command for the folder that the archive was unpacked into.
pub const ENGINE_BLANK: &str = "{engine}";

/// What `tar` reads without being told how it was packed.
const SUFFIXES: [&str; 6] = [".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst"];
const PATH_CHARS_MAX: u32 = 1_000;

/// The whole path of an archive on the server, or nothing.
pub(super) fn parse_archive(text: &str) -> Result<String, String> {
    let text = optional_text(text, "the path of the archive", PATH_CHARS_MAX)?;
    if text.is_empty() {
        return Ok(text);
    }
    if !text.starts_with('/') {
        return Err("Give a whole path of this server, beginning with “/”.".to_owned());
    }
    let name = text.to_ascii_lowercase();
    if SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
        return Ok(text);
    }
    Err(format!(
        "Name a tar archive: its name ends in {}.",
        SUFFIXES.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_a_whole_path_of_a_tar_file() {
        for good in ["", "/opt/llama-b9999-bin-ubuntu-x64.tar.gz", "/a b/X.TGZ"] {
            assert_eq!(parse_archive(good).unwrap(), good);
        }
        for bad in ["llama.tar.gz", "/opt/llama.zip", "/opt/llama"] {
            assert!(parse_archive(bad).is_err(), "{bad}");
        }
    }
}
