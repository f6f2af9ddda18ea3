//! The header of GGUF files, version 2 and later: metadata, then every tensor's shape.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use domain::catalogue::model_shapes::kv_bytes_per_token;

/// Longest header in bytes: the vocabulary stands in it.
const HEADER_BYTES_MAX: u64 = 256 << 20;
/// Longest text that is kept, in bytes.
const TEXT_BYTES_MAX: u64 = 4_096;
/// Most dimensions of a tensor.
const DIMENSIONS_MAX: u32 = 8;
/// How deep arrays of the metadata may be nested.
const NESTING_MAX: u32 = 4;

/// What is read of a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// `general.architecture`; empty when missing.
    pub(super) architecture: String,
    /// Elements of all tensors.
    pub(super) parameter_count: u64,
    /// What the keys and values of a token take in a cache of 16-bit numbers, in bytes.
    pub(super) kv_bytes_per_token: Option<u64>,
}

/// The sizes of the attention, by the endings of their keys.
#[derive(Debug, Default)]
struct Attention {
    layers: Option<u64>,
    heads: Option<u64>,
    kv_heads: Option<u64>,
    head_size: Option<u64>,
    width: Option<u64>,
}

impl Attention {
    fn size_mut(&mut self, key: &str) -> Option<&mut Option<u64>> {
        // Before it stands the architecture.
        match key.split_once('.')?.1 {
            "block_count" => Some(&mut self.layers),
            "attention.head_count" => Some(&mut self.heads),
            "attention.head_count_kv" => Some(&mut self.kv_heads),
            "attention.key_length" => Some(&mut self.head_size),
            "embedding_length" => Some(&mut self.width),
            _ => None,
        }
    }

    fn kv_bytes_per_token(&self) -> Option<u64> {
        let divided = || self.width?.checked_div(self.heads?);
        let head_size = self.head_size.or_else(divided)?;
        kv_bytes_per_token(self.layers?, self.kv_heads.or(self.heads)?, head_size)
    }
}

/// Reads the header of a file.
pub(super) fn read(path: &Path) -> io::Result<Header> {
    let file = BufReader::new(File::open(path)?);
    parse(&mut file.take(HEADER_BYTES_MAX))
}

fn parse(input: &mut impl Read) -> io::Result<Header> {
    if &bytes(input)? != b"GGUF" || u32_of(input)? < 2 {
        return Err(malformed());
    }
    let tensor_count = u64_of(input)?;
    let pair_count = u64_of(input)?;
    let mut architecture = String::new();
    let mut attention = Attention::default();
    for _ in 0..pair_count {
        let key = text(input)?;
        let kind = u32_of(input)?;
        if key == "general.architecture" && kind == kinds::TEXT {
            architecture = text(input)?;
        } else if kind == kinds::U32
            && let Some(size) = attention.size_mut(&key)
        {
            *size = Some(u64::from(u32_of(input)?));
        } else {
            skip_value(input, kind, 0)?;
        }
    }
    let mut parameter_count = 0_u64;
    for _ in 0..tensor_count {
        skip_text(input)?;
        let dimension_count = u32_of(input)?;
        if dimension_count > DIMENSIONS_MAX {
            return Err(malformed());
        }
        let mut elements = 1_u64;
        for _ in 0..dimension_count {
            let length = u64_of(input)?;
            elements = elements.checked_mul(length).ok_or_else(malformed)?;
        }
        parameter_count = parameter_count
            .checked_add(elements)
            .ok_or_else(malformed)?;
        // Type and place of its data.
        u32_of(input)?;
        u64_of(input)?;
    }
    Ok(Header {
        architecture,
        parameter_count,
        kv_bytes_per_token: attention.kv_bytes_per_token(),
    })
}

/// Numbers of the types a value can have.
mod kinds {
    pub(super) const U32: u32 = 4;
    pub(super) const TEXT: u32 = 8;
    pub(super) const ARRAY: u32 = 9;
}

/// Bytes of a value of a fixed size.
fn size_of(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

fn skip_value(input: &mut impl Read, kind: u32, depth: u32) -> io::Result<()> {
    if kind == kinds::TEXT {
        return skip_text(input);
    }
    if kind != kinds::ARRAY {
        return skip(input, size_of(kind).ok_or_else(malformed)?);
    }
    if depth == NESTING_MAX {
        return Err(malformed());
    }
    let (kind, length) = (u32_of(input)?, u64_of(input)?);
    match size_of(kind) {
        Some(size) => skip(input, length.checked_mul(size).ok_or_else(malformed)?),
        None => (0..length).try_for_each(|_| skip_value(input, kind, depth + 1)),
    }
}

fn text(input: &mut impl Read) -> io::Result<String> {
    let length = u64_of(input)?;
    if length > TEXT_BYTES_MAX {
        return Err(malformed());
    }
    let mut bytes = Vec::new();
    input.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(malformed());
    }
    String::from_utf8(bytes).map_err(|_| malformed())
}

fn skip_text(input: &mut impl Read) -> io::Result<()> {
    let length = u64_of(input)?;
    skip(input, length)
}

fn skip(input: &mut impl Read, count: u64) -> io::Result<()> {
    let skipped = io::copy(&mut input.take(count), &mut io::sink())?;
    if skipped == count {
        Ok(())
    } else {
        Err(malformed())
    }
}

fn u32_of(input: &mut impl Read) -> io::Result<u32> {
    bytes(input).map(u32::from_le_bytes)
}

fn u64_of(input: &mut impl Read) -> io::Result<u64> {
    bytes(input).map(u64::from_le_bytes)
}

fn bytes<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn malformed() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "not a GGUF file of version 2 or later",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_bytes(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
    }

    /// Two pairs, one of them an array of texts, and a tensor of 3 × 5.
    fn header() -> Vec<u8> {
        let tensor = [
            text_bytes("weight"),
            2_u32.to_le_bytes().to_vec(),
            3_u64.to_le_bytes().to_vec(),
            5_u64.to_le_bytes().to_vec(),
            0_u32.to_le_bytes().to_vec(),
            0_u64.to_le_bytes().to_vec(),
        ];
        [
            b"GGUF".to_vec(),
            3_u32.to_le_bytes().to_vec(),
            1_u64.to_le_bytes().to_vec(),
            2_u64.to_le_bytes().to_vec(),
            text_bytes("tokens"),
            kinds::ARRAY.to_le_bytes().to_vec(),
            kinds::TEXT.to_le_bytes().to_vec(),
            2_u64.to_le_bytes().to_vec(),
            text_bytes("a"),
            text_bytes("bc"),
            text_bytes("general.architecture"),
            kinds::TEXT.to_le_bytes().to_vec(),
            text_bytes("llama"),
            tensor.concat(),
        ]
        .concat()
    }

    #[test]
    fn a_header_says_architecture_and_parameters() {
        let read = parse(&mut header().as_slice()).unwrap();
        assert_eq!(
            (read.architecture.as_str(), read.parameter_count),
            ("llama", 15)
        );
    }

    #[test]
    fn the_cache_of_a_token_follows_from_the_sizes_of_the_attention() {
        let mut sizes = Attention::default();
        for (key, size) in [
            ("llama.block_count", 32),
            ("llama.attention.head_count", 32),
            ("llama.attention.head_count_kv", 8),
            ("llama.embedding_length", 4_096),
        ] {
            *sizes.size_mut(key).unwrap() = Some(size);
        }
        assert_eq!(sizes.kv_bytes_per_token(), Some(128 << 10));
        *sizes.size_mut("llama.attention.key_length").unwrap() = Some(64);
        assert_eq!(sizes.kv_bytes_per_token(), Some(64 << 10));
        assert!(sizes.size_mut("general.name").is_none());
        assert_eq!(Attention::default().kv_bytes_per_token(), None);
    }

    #[test]
    fn a_cut_or_foreign_file_is_refused() {
        let whole = header();
        for length in 0..whole.len() {
            assert!(parse(&mut &whole[..length]).is_err(), "{length}");
        }
        assert!(parse(&mut b"PK\x03\x04 something else".as_slice()).is_err());
    }
}
