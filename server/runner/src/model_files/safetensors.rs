//! The header of safetensors files: eight bytes of length, then JSON with every tensor's shape.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;

/// Longest header in bytes; the format itself allows 100 MB.
const HEADER_BYTES_MAX: u64 = 100_000_000;

#[derive(Deserialize)]
struct Tensor {
    /// Missing in `__metadata__`, which stands among the tensors.
    shape: Option<Vec<u64>>,
}

/// How many parameters a file has.
pub(super) fn parameter_count(path: &Path) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > HEADER_BYTES_MAX {
        return Err(io::Error::other("the header is too long"));
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header)?;
    let tensors: BTreeMap<String, Tensor> = serde_json::from_slice(&header)?;
    tensors
        .into_values()
        .filter_map(|tensor| tensor.shape)
        .try_fold(0_u64, |sum, shape| {
            let count = shape.into_iter().try_fold(1_u64, u64::checked_mul)?;
            sum.checked_add(count)
        })
        .ok_or_else(|| io::Error::other("the shapes are too large"))
}

/// The index of weights in several files.
#[derive(Debug, Deserialize)]
pub(super) struct Index {
    #[serde(default)]
    metadata: Metadata,
    weight_map: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    total_parameters: Option<u64>,
}

impl Index {
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// What it says of the number of parameters.
    pub(super) fn total_parameters(&self) -> Option<u64> {
        self.metadata.total_parameters
    }

    /// The files it names, repeated.
    pub(super) fn file_names(&self) -> impl Iterator<Item = &str> {
        self.weight_map.values().map(String::as_str)
    }
}
