//! Reading a model's files on this machine: architecture, parameters, size, digest.
//!
//! Everything here blocks; call it away from the threads that serve requests.

mod gguf;
mod safetensors;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use domain::catalogue::model_shapes::ModelConfig;
use domain::catalogue::{FilesDigest, ModelFacts, ParameterCount, ParameterSource, WeightsFormat};
use domain::time::Timestamp;
use sha2::{Digest, Sha256};

/// Most files of a model's folder.
const FILES_MAX: usize = 10_000;
/// How deep a folder is looked into: links may lead in circles.
const DEPTH_MAX: usize = 8;
/// Largest `config.json` or index of weights that is read, in bytes.
const JSON_BYTES_MAX: u64 = 64 << 20;
/// Bytes hashed at a time.
const BLOCK_BYTES: usize = 1 << 20;
const INDEX_FILE: &str = "model.safetensors.index.json";

/// A file of a model.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ModelFile {
    /// Inside the model's folder, with slashes; of a single file its name.
    name: String,
    path: PathBuf,
    bytes: u64,
}

/// Reads a model's file or folder. The digest is left out when there are more than
/// `digest_bytes_max` bytes. The error says in words why the files cannot be read.
pub fn read_model_files(
    path: &Path,
    digest_bytes_max: u64,
    read_at: Timestamp,
) -> Result<ModelFacts, String> {
    let failed = |error: &io::Error| why_unreadable(path, error);
    let is_folder = fs::metadata(path).map_err(|error| failed(&error))?.is_dir();
    let files = list_files(path, is_folder).map_err(|error| failed(&error))?;
    let bytes = files.iter().map(|file| file.bytes).sum();
    let format = format_of(&files);
    let (architecture, parameters, kv_bytes_per_token) = match format {
        WeightsFormat::Gguf => gguf_facts(&files),
        WeightsFormat::Safetensors | WeightsFormat::Other => transformers_facts(&files),
    };
    let digest = if bytes <= digest_bytes_max {
        Some(digest_of(&files, is_folder).map_err(|error| failed(&error))?)
    } else {
        None
    };
    Ok(ModelFacts {
        read_at,
        format,
        architecture,
        parameters,
        file_count: u32::try_from(files.len()).unwrap_or(u32::MAX),
        bytes,
        digest,
        kv_bytes_per_token,
    })
}

/// Why a model's files cannot be read, as a sentence fragment.
pub(crate) fn why_unreadable(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("there is nothing at {path} on this machine: correct the model's path")
        }
        io::ErrorKind::PermissionDenied => {
            format!("{path} may not be read by the server's user: change its permissions")
        }
        _ => format!("{path} cannot be read: {error}"),
    }
}

/// All files, by name in the order of bytes. Names that begin with a dot are left out: they are
/// notes of tools.
fn list_files(path: &Path, is_folder: bool) -> io::Result<Vec<ModelFile>> {
    let mut files = Vec::new();
    if is_folder {
        walk(path, "", 0, &mut files)?;
    } else {
        let data = fs::metadata(path)?;
        if !data.is_file() {
            // Opening a pipe or a device would wait for whoever is at its other end.
            return Err(io::Error::other("it is neither a file nor a folder"));
        }
        files.push(ModelFile {
            name: file_name(path),
            path: path.to_owned(),
            bytes: data.len(),
        });
    }
    files.sort();
    Ok(files)
}

fn walk(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<ModelFile>) -> io::Result<()> {
    if depth > DEPTH_MAX {
        return Err(io::Error::other(format!(
            "its folders are nested more than {DEPTH_MAX} deep"
        )));
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = file_name(&path);
        if name.starts_with('.') {
            continue;
        }
        // A link's target counts: model caches are folders of links.
        let data = fs::metadata(&path)?;
        let name = format!("{prefix}{name}");
        if data.is_dir() {
            walk(&path, &format!("{name}/"), depth + 1, files)?;
        } else if data.is_file() {
            if files.len() == FILES_MAX {
                return Err(io::Error::other(format!(
                    "it has more than {FILES_MAX} files"
                )));
            }
            files.push(ModelFile {
                name,
                path,
                bytes: data.len(),
            });
        }
    }
    Ok(())
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn has_extension(file: &ModelFile, extension: &str) -> bool {
    file.path
        .extension()
        .is_some_and(|own| own.eq_ignore_ascii_case(extension))
}

fn format_of(files: &[ModelFile]) -> WeightsFormat {
    let has = |extension| files.iter().any(|file| has_extension(file, extension));
    if has("safetensors") {
        WeightsFormat::Safetensors
    } else if has("gguf") {
        WeightsFormat::Gguf
    } else {
        WeightsFormat::Other
    }
}

/// Architecture, parameters, and bytes of a token's keys and values.
type Shapes = (String, Option<ParameterCount>, Option<u64>);

/// Of one GGUF file, or of the parts of one.
fn gguf_facts(files: &[ModelFile]) -> Shapes {
    let parts: Vec<&ModelFile> = files
        .iter()
        .filter(|file| has_extension(file, "gguf"))
        .collect();
    let headers: Vec<_> = parts.iter().map(|file| gguf::read(&file.path)).collect();
    let architecture = headers
        .iter()
        .flatten()
        .map(|header| header.architecture.clone())
        .find(|name| !name.is_empty());
    // Several files that are not parts of one are several models.
    let is_one_model = parts.len() == 1 || parts.iter().all(|file| file.name.contains("-of-"));
    // It stands in the first part.
    let kv_bytes_per_token = headers
        .iter()
        .flatten()
        .find_map(|header| header.kv_bytes_per_token)
        .filter(|_| is_one_model);
    let count = headers
        .into_iter()
        .try_fold(0_u64, |sum, header| {
            sum.checked_add(header.ok()?.parameter_count)
        })
        .filter(|_| is_one_model);
    (
        architecture.unwrap_or_default(),
        count.map(from_tensors),
        kv_bytes_per_token,
    )
}

/// Of a folder as Hugging Face lays it out.
fn transformers_facts(files: &[ModelFile]) -> Shapes {
    let text = |name: &str| {
        let file = files.iter().find(|file| file.name == name)?;
        read_text(&file.path, JSON_BYTES_MAX)
    };
    let config = text("config.json")
        .and_then(|text| ModelConfig::parse(&text))
        .unwrap_or_default();
    let index = text(INDEX_FILE).and_then(|text| safetensors::Index::parse(&text));
    let weights = weight_files(files, index.as_ref());
    let counted = weights.as_ref().and_then(|weights| {
        weights.iter().try_fold(0_u64, |sum, file| {
            sum.checked_add(safetensors::parameter_count(&file.path).ok()?)
        })
    });
    let stated = || {
        let count = index.as_ref()?.total_parameters()?;
        Some(ParameterCount {
            count,
            source: ParameterSource::WeightsIndex,
        })
    };
    let computed = || {
        Some(ParameterCount {
            count: config.parameter_count()?,
            source: ParameterSource::Config,
        })
    };
    let parameters = counted.map(from_tensors).or_else(stated).or_else(computed);
    (
        config.architecture().to_owned(),
        parameters,
        config.kv_bytes_per_token(),
    )
}

/// The files that make up the weights: those the index names, else `model.safetensors`, else all.
/// A folder may have the same weights a second time in another layout. `None`: one is missing, or
/// there are none.
fn weight_files<'a>(
    files: &'a [ModelFile],
    index: Option<&safetensors::Index>,
) -> Option<Vec<&'a ModelFile>> {
    let find = |name: &str| files.iter().find(|file| file.name == name);
    if let Some(index) = index {
        let names: BTreeSet<&str> = index.file_names().collect();
        return names.into_iter().map(find).collect();
    }
    if let Some(whole) = find("model.safetensors") {
        return Some(vec![whole]);
    }
    let all: Vec<&ModelFile> = files
        .iter()
        .filter(|file| has_extension(file, "safetensors"))
        .collect();
    (!all.is_empty()).then_some(all)
}

fn from_tensors(count: u64) -> ParameterCount {
    ParameterCount {
        count,
        source: ParameterSource::TensorShapes,
    }
}

fn read_text(path: &Path, bytes_max: u64) -> Option<String> {
    let file = File::open(path).ok()?;
    let mut text = String::new();
    let count = file.take(bytes_max + 1).read_to_string(&mut text).ok()?;
    (count as u64 <= bytes_max).then_some(text)
}

/// See [`FilesDigest`] for what is hashed.
fn digest_of(files: &[ModelFile], is_folder: bool) -> io::Result<FilesDigest> {
    let mut list = Sha256::new();
    for file in files {
        let digest = digest_of_file(&file.path)?;
        if !is_folder {
            return Ok(FilesDigest(digest));
        }
        list.update(format!("{digest}  {}\n", file.name));
    }
    Ok(FilesDigest(format!("{:x}", list.finalize())))
}

fn digest_of_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let count = file.read(&mut block)?;
        let Some(read) = block.get(..count).filter(|read| !read.is_empty()) else {
            return Ok(format!("{:x}", hash.finalize()));
        };
        hash.update(read);
    }
}

#[cfg(test)]
mod tests;
