//! The raw records of a run as one Parquet file, readable by pandas, polars and `DuckDB`.
//!
//! Columns are named and ordered like the fields of [`RequestRecord`]. Instants are signed 64-bit
//! nanoseconds, so that differences may be negative. `chunk_at` is a standard three-level list. The same
//! records give the same bytes. Columns are only ever added, at the end: files of before are read.

mod columns;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use domain::measure::METRICS_VERSION;
use domain::measure::line::RequestLine;
use domain::measure::record::RequestRecord;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;
use sha2::{Digest, Sha256};

/// Key of the file's metadata that names the edition of the metric definitions.
pub const METRICS_VERSION_KEY: &str = "assay.metrics_version";
/// Most chunks in one row group: bounds the memory of writers and readers.
const ROW_GROUP_CHUNKS_MAX: usize = 4_000_000;
/// Most requests in one row group.
const ROW_GROUP_ROWS_MAX: usize = 100_000;
/// What the format calls the writer; without a version of the library, so that bytes stay the same.
const CREATED_BY: &str = "assay";

/// Why records could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// The file system.
    #[error("the records file {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file could not be written to its end, for want of room most likely.
    #[error("the records file {path} could not be written: {source}")]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// What the writer said.
        source: ParquetError,
    },
    /// The format.
    #[error("the records are not readable as Parquet: {0}")]
    Parquet(#[from] ParquetError),
    /// Columns are missing, in another order, or hold values that no record has.
    #[error("the records do not fit this version of Assay: {0}")]
    Unexpected(String),
}

/// A file of records that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenRecords {
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// Size of the file.
    pub bytes: u64,
}

/// Writes records to a new file. It appears under its name only when it is whole.
pub fn write_records(
    path: &Path,
    records: &[RequestRecord],
) -> Result<WrittenRecords, RecordsError> {
    let partial = path.with_extension("partial");
    let written = write_partial(path, &partial, records);
    if written.is_err() {
        // What is left of it is of no use.
        let _ = std::fs::remove_file(&partial);
    }
    written
}

fn write_partial(
    path: &Path,
    partial: &Path,
    records: &[RequestRecord],
) -> Result<WrittenRecords, RecordsError> {
    let at = |path: &Path| {
        let path = path.to_path_buf();
        move |source| RecordsError::File { path, source }
    };
    let file = File::create(partial).map_err(at(partial))?;
    let mut hashing = Hashing {
        inner: BufWriter::new(file),
        hasher: Sha256::new(),
        bytes: 0,
    };
    encode(&mut hashing, records).map_err(|error| match error {
        RecordsError::Parquet(source) => RecordsError::NotWritten {
            path: path.to_path_buf(),
            source,
        },
        other => other,
    })?;
    let Hashing {
        inner,
        hasher,
        bytes,
    } = hashing;
    let file = inner
        .into_inner()
        .map_err(|error| at(partial)(error.into_error()))?;
    file.sync_all().map_err(at(partial))?;
    std::fs::rename(partial, path).map_err(at(path))?;
    Ok(WrittenRecords {
        sha256: format!("{:x}", hasher.finalize()),
        bytes,
    })
}

/// Reads all records of a file.
pub fn read_records(file: Bytes) -> Result<Vec<RequestRecord>, RecordsError> {
    let reader = SerializedFileReader::new(file)?;
    known_columns(&reader)?;
    let mut records = Vec::new();
    for index in 0..reader.num_row_groups() {
        let group = reader.get_row_group(index)?;
        records.extend(columns::read(group.as_ref())?);
    }
    Ok(records)
}

/// Reads the requests of a file without the arrivals of their chunks. Only the columns that this takes
/// are read, which are few bytes for each request however long its answer; files of before
/// these columns are read whole.
pub fn read_lines<F: ChunkReader + 'static>(file: F) -> Result<Vec<RequestLine>, RecordsError> {
    let reader = SerializedFileReader::new(file)?;
    let has_lines = columns::have_lines(&known_columns(&reader)?);
    let mut lines = Vec::new();
    for index in 0..reader.num_row_groups() {
        let group = reader.get_row_group(index)?;
        if has_lines {
            lines.extend(columns::read_lines(group.as_ref())?);
        } else {
            lines.extend(columns::read(group.as_ref())?.iter().map(RequestLine::from));
        }
    }
    Ok(lines)
}

/// The paths of a file's columns, if this version knows them.
fn known_columns<F: ChunkReader + 'static>(
    reader: &SerializedFileReader<F>,
) -> Result<Vec<String>, RecordsError> {
    let schema = reader.metadata().file_metadata().schema_descr();
    let found: Vec<String> = schema
        .columns()
        .iter()
        .map(|column| column.path().string())
        .collect();
    if columns::are_known(&found) {
        Ok(found)
    } else {
        let found = found.join(", ");
        Err(RecordsError::Unexpected(format!("its columns are {found}")))
    }
}

fn encode<W: Write + Send>(writer: W, records: &[RequestRecord]) -> Result<(), RecordsError> {
    let schema = Arc::new(parse_message_type(columns::SCHEMA)?);
    let mut file = SerializedFileWriter::new(writer, schema, Arc::new(properties()?))?;
    for rows in row_groups(records) {
        let mut group = file.next_row_group()?;
        columns::write(&mut group, rows)?;
        group.close()?;
    }
    file.close()?;
    Ok(())
}

fn properties() -> Result<WriterProperties, RecordsError> {
    let metrics_version =
        KeyValue::new(METRICS_VERSION_KEY.to_owned(), METRICS_VERSION.to_string());
    let mut properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_key_value_metadata(Some(vec![metrics_version]))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?));
    for path in columns::INTEGER_PATHS {
        let path = ColumnPath::from(path.split('.').map(str::to_owned).collect::<Vec<_>>());
        properties = properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
    }
    Ok(properties.build())
}

/// Splits records so that no row group is too large.
fn row_groups(mut records: &[RequestRecord]) -> Vec<&[RequestRecord]> {
    let mut groups = Vec::new();
    while !records.is_empty() {
        let mut chunks = 0;
        let fitting = records
            .iter()
            .take(ROW_GROUP_ROWS_MAX)
            .take_while(|record| {
                chunks += record.chunk_at.len();
                chunks <= ROW_GROUP_CHUNKS_MAX
            });
        // One record alone always fits, however long.
        let (group, rest) = records.split_at(fitting.count().max(1));
        groups.push(group);
        records = rest;
    }
    groups
}

struct Hashing<W> {
    inner: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use domain::id::DatasetId;
    use domain::measure::record::{Outcome, RequestPhase, TokenSource};
    use proptest::prelude::*;

    use super::*;

    fn any_record() -> impl Strategy<Value = RequestRecord> {
        let instant = 0u64..=i64::MAX as u64;
        let identity = (any::<u32>(), 0usize..3, 0usize..10, 0usize..3);
        let times = (
            instant.clone(),
            instant.clone(),
            proptest::option::of(instant.clone()),
            prop::collection::vec(instant.clone(), 0..20),
            instant,
        );
        let tokens = (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>());
        let rest = (
            proptest::option::of(any::<u16>()),
            ".{0,40}",
            any::<bool>(),
            "[0-9a-f]{0,64}",
            proptest::option::of(any::<u128>()),
        );
        (identity, times, tokens, rest).prop_map(|(identity, times, tokens, rest)| RequestRecord {
            index: identity.0,
            phase: [
                RequestPhase::WarmUp,
                RequestPhase::Measured,
                RequestPhase::Drained,
            ][identity.1],
            scheduled_at: times.0,
            sent_at: times.1,
            connect_ns: times.2,
            chunk_at: times.3.into(),
            finished_at: times.4,
            planned_input_tokens: tokens.0,
            planned_output_tokens: tokens.1,
            input_tokens: tokens.2,
            output_tokens: tokens.3,
            token_source: [
                TokenSource::Usage,
                TokenSource::Tokenizer,
                TokenSource::Chunks,
            ][identity.3],
            outcome: Outcome::ALL[identity.2],
            http_status: rest.0,
            error: rest.1,
            reconnected: rest.2,
            prompt_sha256: rest.3,
            dataset_id: rest.4.map(|bits| DatasetId(uuid::Uuid::from_u128(bits))),
        })
    }

    fn encoded(records: &[RequestRecord]) -> Bytes {
        let mut bytes = Vec::new();
        encode(&mut bytes, records).unwrap();
        bytes.into()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn records_round_trip(records in prop::collection::vec(any_record(), 0..40)) {
            let lines: Vec<RequestLine> = records.iter().map(RequestLine::from).collect();
            prop_assert_eq!(read_lines(encoded(&records)).unwrap(), lines);
            prop_assert_eq!(read_records(encoded(&records)).unwrap(), records);
        }
    }

    fn plain_record(index: u32) -> RequestRecord {
        RequestRecord {
            index,
            phase: RequestPhase::Measured,
            scheduled_at: 1,
            sent_at: 2,
            connect_ns: Some(3),
            chunk_at: [10, 20, 30].into(),
            finished_at: 40,
            planned_input_tokens: 5,
            planned_output_tokens: 3,
            input_tokens: 5,
            output_tokens: 3,
            token_source: TokenSource::Usage,
            outcome: Outcome::Ok,
            http_status: Some(200),
            error: String::new(),
            reconnected: false,
            prompt_sha256: "ab".to_owned(),
            dataset_id: None,
        }
    }

    #[test]
    fn a_file_is_named_by_its_digest_and_says_its_metrics_version() {
        let folder = tempfile::tempdir().unwrap();
        let records: Vec<RequestRecord> = (0..7).map(plain_record).collect();
        let paths = ["a.parquet", "b.parquet"].map(|name| folder.path().join(name));
        let [one, two] = paths
            .clone()
            .map(|path| write_records(&path, &records).unwrap());
        assert_eq!(one, two, "the same records give the same bytes");
        let bytes = std::fs::read(&paths[0]).unwrap();
        assert_eq!(
            (one.bytes, one.sha256),
            (bytes.len() as u64, format!("{:x}", Sha256::digest(&bytes)))
        );
        let reader = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
        let metadata = reader
            .metadata()
            .file_metadata()
            .key_value_metadata()
            .unwrap();
        assert_eq!(metadata[0].key, METRICS_VERSION_KEY);
        assert_eq!(metadata[0].value.as_deref(), Some("1"));
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            2,
            "nothing partial is left"
        );
    }

    #[test]
    fn many_rows_make_several_groups_and_come_back_in_order() {
        let records: Vec<RequestRecord> = (0..100_003).map(plain_record).collect();
        assert_eq!(
            row_groups(&records)
                .iter()
                .map(|group| group.len())
                .collect::<Vec<_>>(),
            [100_000, 3]
        );
        assert_eq!(read_records(encoded(&records)).unwrap(), records);
    }

    #[test]
    fn a_file_written_before_datasets_is_read() {
        let file = include_bytes!("../tests/fixtures/requests_without_dataset.parquet");
        let records = read_records(Bytes::from_static(file)).unwrap();
        assert_eq!(records.len(), 8);
        let last = records.last().unwrap();
        assert_eq!((last.index, last.outcome), (7, Outcome::Ok));
        assert_eq!((last.prompt_sha256.len(), last.dataset_id), (64, None));
        let lines: Vec<RequestLine> = records.iter().map(RequestLine::from).collect();
        assert_eq!(read_lines(Bytes::from_static(file)).unwrap(), lines);
    }

    #[test]
    fn other_bytes_are_refused() {
        assert!(matches!(
            read_records(Bytes::from_static(b"PAR1")),
            Err(RecordsError::Parquet(_))
        ));
        let mut bytes = Vec::new();
        let schema = Arc::new(parse_message_type("message a { REQUIRED INT64 b; }").unwrap());
        SerializedFileWriter::new(&mut bytes, schema, Arc::default())
            .unwrap()
            .close()
            .unwrap();
        assert!(matches!(
            read_records(bytes.into()),
            Err(RecordsError::Unexpected(_))
        ));
    }
}
