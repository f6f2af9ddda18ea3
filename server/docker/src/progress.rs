//! How far a pull is.

use std::collections::BTreeMap;

use bollard::models::CreateImageInfo;

/// Most layers that are followed; images have at most 127.
const LAYERS_MAX: usize = 1_000;

/// How far a pull is. Layers that were present count as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PullProgress {
    /// Layers that are unpacked.
    pub layers_done: usize,
    /// Layers known so far; it grows at the beginning.
    pub layers: usize,
    /// Bytes downloaded of the layers whose size is known.
    pub bytes_done: u64,
    /// Bytes of the layers whose size is known: each becomes known when its download begins.
    pub bytes_total: u64,
}

/// What was told of each layer.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    layers: BTreeMap<String, Layer>,
}

#[derive(Debug, Default)]
struct Layer {
    bytes_done: u64,
    bytes_total: u64,
    is_done: bool,
}

impl Layers {
    /// Takes one message of the pull; the progress after it, unless it changes none.
    pub(crate) fn take(&mut self, message: &CreateImageInfo) -> Option<PullProgress> {
        let (id, status) = (message.id.as_deref()?, message.status.as_deref()?);
        // The first message carries the tag where the others carry a layer.
        let is_layer = matches!(
            status,
            "Pulling fs layer"
                | "Waiting"
                | "Downloading"
                | "Verifying Checksum"
                | "Download complete"
                | "Extracting"
                | "Pull complete"
                | "Already exists"
        );
        if !is_layer || (LAYERS_MAX <= self.layers.len() && !self.layers.contains_key(id)) {
            return None;
        }
        let layer = self.layers.entry(id.to_owned()).or_default();
        match status {
            "Downloading" => {
                let detail = message.progress_detail.as_ref();
                let bytes = |value: Option<i64>| value.and_then(|bytes| u64::try_from(bytes).ok());
                if let Some(total) = detail.and_then(|detail| bytes(detail.total)) {
                    layer.bytes_total = total;
                }
                if let Some(done) = detail.and_then(|detail| bytes(detail.current)) {
                    layer.bytes_done = done;
                    layer.bytes_total = layer.bytes_total.max(done);
                }
            }
            "Verifying Checksum" | "Download complete" | "Extracting" => {
                layer.bytes_done = layer.bytes_total;
            }
            "Pull complete" | "Already exists" => {
                layer.bytes_done = layer.bytes_total;
                layer.is_done = true;
            }
            _ => {}
        }
        Some(self.sum())
    }

    fn sum(&self) -> PullProgress {
        PullProgress {
            layers_done: self.layers.values().filter(|layer| layer.is_done).count(),
            layers: self.layers.len(),
            bytes_done: self.layers.values().map(|layer| layer.bytes_done).sum(),
            bytes_total: self.layers.values().map(|layer| layer.bytes_total).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::ProgressDetail;

    fn message(id: &str, status: &str, bytes: Option<(i64, i64)>) -> CreateImageInfo {
        CreateImageInfo {
            id: Some(id.to_owned()),
            status: Some(status.to_owned()),
            progress_detail: bytes.map(|(current, total)| ProgressDetail {
                current: Some(current),
                total: Some(total),
            }),
            ..CreateImageInfo::default()
        }
    }

    #[test]
    fn counts_layers_and_bytes() {
        let mut layers = Layers::default();
        assert_eq!(
            layers.take(&message("latest", "Pulling from a/b", None)),
            None
        );
        layers.take(&message("aa", "Already exists", None));
        layers.take(&message("bb", "Pulling fs layer", None));
        layers.take(&message("bb", "Downloading", Some((10, 40))));
        let progress = layers.take(&message("bb", "Downloading", Some((25, 40))));
        let middle = PullProgress {
            layers_done: 1,
            layers: 2,
            bytes_done: 25,
            bytes_total: 40,
        };
        assert_eq!(progress, Some(middle));
        let progress = layers.take(&message("bb", "Extracting", Some((1, 90))));
        let downloaded = PullProgress {
            bytes_done: 40,
            ..middle
        };
        assert_eq!(
            progress,
            Some(downloaded),
            "unpacked bytes are not downloaded ones"
        );
        let progress = layers.take(&message("bb", "Pull complete", None));
        assert_eq!(
            progress,
            Some(PullProgress {
                layers_done: 2,
                ..downloaded
            })
        );
    }
}
