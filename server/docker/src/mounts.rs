//! Which host folders may be mounted into containers.

use std::path::{Component, Path, PathBuf};

use crate::Error;

/// Whether the files of the Docker Engine's host can be looked at from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostFiles {
    /// The Docker Engine runs on this machine: links are resolved before a path is compared.
    Here,
    /// It runs elsewhere: paths are compared as they are written. Whoever can reach that host resolves links
    /// there first.
    Elsewhere,
}

/// The allow-list of host folders. Without any folder, nothing may be mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountRules {
    folders: Vec<PathBuf>,
    files: HostFiles,
}

impl MountRules {
    /// Allows `folders` and everything below them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a folder that is not absolute, is the root or contains `..`; and with
    /// [`HostFiles::Here`] for one that does not exist.
    pub fn new(
        folders: impl IntoIterator<Item = PathBuf>,
        files: HostFiles,
    ) -> Result<Self, Error> {
        let invalid = |folder: &Path, reason: String| Error::Invalid {
            field: "folders that may be mounted".to_owned(),
            reason: format!("{}: {reason}", folder.display()),
        };
        let folders = folders
            .into_iter()
            .map(|folder| {
                let resolved =
                    resolve(&folder, files).map_err(|reason| invalid(&folder, reason))?;
                if resolved.parent().is_none() {
                    return Err(invalid(&folder, "it is the whole file system".to_owned()));
                }
                Ok(resolved)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { folders, files })
    }

    /// Allows nothing.
    pub fn none() -> Self {
        Self {
            folders: Vec::new(),
            files: HostFiles::Elsewhere,
        }
    }

    /// The path to mount for `source`: resolved, and inside an allowed folder.
    ///
    /// # Errors
    /// [`Error::MountRefused`].
    pub fn check(&self, source: &Path) -> Result<PathBuf, Error> {
        let refused = |reason: String| Error::MountRefused {
            path: source.display().to_string(),
            reason,
        };
        let resolved = resolve(source, self.files).map_err(refused)?;
        if self
            .folders
            .iter()
            .any(|folder| resolved.starts_with(folder))
        {
            return Ok(resolved);
        }
        let leads = if resolved == source {
            String::new()
        } else {
            format!("it leads to {}, and ", resolved.display())
        };
        let allowed = if self.folders.is_empty() {
            "no folder may be mounted".to_owned()
        } else {
            let folders: Vec<_> = self
                .folders
                .iter()
                .map(|folder| folder.display().to_string())
                .collect();
            format!("only what lies in {} may be", folders.join(" or "))
        };
        Err(refused(format!("{leads}{allowed}")))
    }
}

/// An absolute path without `..`, and where that can be seen without links.
fn resolve(path: &Path, files: HostFiles) -> Result<PathBuf, String> {
    if !path.is_absolute() {
        return Err("the path is not absolute".to_owned());
    }
    match files {
        HostFiles::Here => path.canonicalize().map_err(|error| error.to_string()),
        HostFiles::Elsewhere => {
            if path.components().any(|part| part == Component::ParentDir) {
                return Err("the path contains ..".to_owned());
            }
            // Takes out doubled slashes and single dots.
            Ok(path.components().collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_and_dots_do_not_lead_out() {
        let root = testkit::data_dir();
        let (models, secrets) = (
            root.path().join("models"),
            root.path().join("models-secret"),
        );
        fs::create_dir_all(models.join("tiny")).unwrap();
        fs::create_dir(&secrets).unwrap();
        symlink(&secrets, models.join("link")).unwrap();
        symlink("tiny", models.join("inner")).unwrap();
        let rules = MountRules::new([models.clone()], HostFiles::Here).unwrap();
        let real = models.canonicalize().unwrap();

        assert_eq!(rules.check(&models), Ok(real.clone()));
        assert_eq!(rules.check(&models.join("inner")), Ok(real.join("tiny")));
        assert_eq!(
            rules.check(&models.join("tiny/../tiny")),
            Ok(real.join("tiny"))
        );
        for outside in [
            models.join("link"),
            models.join("../models-secret"),
            secrets.clone(),
            root.path().to_path_buf(),
            PathBuf::from("/"),
            models.join("missing"),
            PathBuf::from("models"),
        ] {
            let error = rules.check(&outside).unwrap_err();
            assert!(matches!(error, Error::MountRefused { .. }), "{error}");
        }
        let through_link = rules.check(&models.join("link")).unwrap_err().to_string();
        assert!(through_link.contains("it leads to"), "{through_link}");
    }

    #[test]
    fn far_paths_are_compared_as_written() {
        let rules = MountRules::new(["/srv/models/".into()], HostFiles::Elsewhere).unwrap();
        let checked = rules.check(Path::new("/srv//models/./tiny"));
        assert_eq!(checked, Ok("/srv/models/tiny".into()));
        for outside in ["/srv/models/../x", "/srv/models2", "/srv", "srv/models", ""] {
            assert!(rules.check(Path::new(outside)).is_err(), "{outside}");
        }
    }

    #[test]
    fn the_root_cannot_be_allowed_and_nothing_allows_nothing() {
        for files in [HostFiles::Here, HostFiles::Elsewhere] {
            assert!(MountRules::new(["/".into()], files).is_err());
        }
        let error = MountRules::none().check(Path::new("/srv")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/srv may not be mounted into a container: no folder may be mounted"
        );
    }
}
